# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole environment as frozen data: what is declared, what is planned for each object, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Desired
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.reconcile import Outcome, PlannedStack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import ClusterTask, PlannedCluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_tasks import (
    PlannedTemplate,
    TemplateTask,
)

# The label of clusters, and the tag of stacks and cluster templates, that say which environment an object belongs to.
OWNER = "kcloud_environment"
# The code of what failed only because something that it needs failed.
DEPENDENCY_FAILED = "DEPENDENCY_FAILED"


def owner_tag(environment: str | None) -> str:
    """The tag of what belongs to an environment."""
    return f"{OWNER}={environment}"


@dataclass(frozen=True)
class FleetTemplate:
    """A cluster template of the environment.

    :param purge: delete versions that no cluster uses, after the clusters were changed.
    :param keep_used: leave a template that is to be absent and that other clusters use, instead of failing.
    """

    task: TemplateTask
    purge: bool = False
    keep_used: bool = False

    @property
    def name(self) -> str:
        return self.task.name


@dataclass(frozen=True)
class FleetNetwork:
    """A network of the environment: a Heat stack of the same name.

    :param options: the other options of the entry.
    """

    name: str
    present: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FleetCluster:
    """A cluster of the environment.

    :param driver: name of its driver by the user.
    :param network: the network of the environment that its nodes are in.
    """

    task: ClusterTask
    driver: str | None = None
    network: str | None = None

    @property
    def name(self) -> str:
        return self.task.desired.name


@dataclass(frozen=True)
class Fleet:
    """Everything that is declared of one environment.

    :param environment: the name that marks what belongs to it; None marks nothing.
    :param prune: delete what is marked and not declared.
    :param max_deletions: how many objects pruning deletes at most.
    """

    templates: tuple[FleetTemplate, ...] = ()
    networks: tuple[FleetNetwork, ...] = ()
    clusters: tuple[FleetCluster, ...] = ()
    environment: str | None = None
    prune: bool = False
    max_deletions: int = 5


@dataclass(frozen=True)
class NetworkStep:
    """What is planned for one network.

    :param desired: the stack as declared, with the range of addresses that was chosen for it.
    """

    entry: FleetNetwork
    desired: Desired
    planned: PlannedStack | None = None
    error: KcloudError | None = None

    @property
    def outcome(self) -> Outcome | None:
        """What the plan would come to."""
        return None if self.planned is None else self.planned.predicted()

    @property
    def resource(self) -> str:
        return f"network/{self.entry.name}"

    @property
    def changed(self) -> bool:
        return self.outcome is not None and self.outcome.plan.changed


@dataclass(frozen=True)
class TemplateStep:
    """What is planned for one cluster template.

    :param later: the plan that deletes versions, carried out after the clusters were changed.
    :param used_by: the clusters for whose sake a template stays that is to be absent.
    """

    entry: FleetTemplate
    planned: PlannedTemplate | None = None
    later: PlannedTemplate | None = None
    used_by: tuple[str, ...] = ()
    error: KcloudError | None = None

    @property
    def resource(self) -> str:
        return f"cluster_template/{self.entry.name}"

    @property
    def changed(self) -> bool:
        return self.planned is not None and self.planned.plan.changed


@dataclass(frozen=True)
class ClusterStep:
    """What is planned for one cluster.

    :param predicted: the template that its plan was made with does not exist yet.
    :param after: resources of the fleet that must be there before.
    :param busy: the cluster is in the middle of a change, so the plan is made again when that has ended.
    """

    entry: FleetCluster
    planned: PlannedCluster | None = None
    busy: bool = False
    predicted: Mapping[str, Any] | None = None
    after: tuple[str, ...] = ()
    error: KcloudError | None = None

    @property
    def resource(self) -> str:
        return f"cluster/{self.entry.name}"

    @property
    def changed(self) -> bool:
        return self.planned is not None and self.planned.plan.changed


@dataclass(frozen=True)
class FleetPlan:
    """What is planned for every object; nothing was changed so far."""

    networks: tuple[NetworkStep, ...]
    templates: tuple[TemplateStep, ...]
    clusters: tuple[ClusterStep, ...]

    @property
    def steps(self) -> tuple[NetworkStep | TemplateStep | ClusterStep, ...]:
        return (*self.templates, *self.networks, *self.clusters)


@dataclass(frozen=True)
class Report:
    """What came of one object, or in check mode what would.

    :param action: none, create, update, recreate or delete.
    :param thing: the object as it is now; None when there is none, or when nothing is known of it.
    :param notes: what a user must know beside the changes.
    :param failure: code, resource, reason and hint; None where all went well.
    :param message: the sentence of the failure.
    """

    kind: str
    name: str
    action: str = "none"
    changed: bool = False
    changes: tuple[Mapping[str, Any], ...] = ()
    changes_left: tuple[Mapping[str, Any], ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    thing: Mapping[str, Any] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    failure: Mapping[str, Any] | None = None
    message: str = ""

    @property
    def resource(self) -> str:
        return f"{self.kind}/{self.name}"
