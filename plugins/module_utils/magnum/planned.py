# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A declaration meets what there is: what the plan for one cluster needs is read, then the plan is made, then it is checked.

Everything that is asked of the cloud goes through a ``Project``, which asks for each object once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import trust_refusal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, NotFound
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.diagnose import failure_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import (
    HEAT,
    has,
    identify_driver,
    network_refusal,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    DEFAULT_MASTER,
    DEFAULT_WORKER,
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import check_cluster, check_form
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import ONLY_DELETE
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.names import compared_in_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import (
    check_groups,
    needs_driver,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.predicted import PREDICTED
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import (
    OR_BESIDE,
    Follow,
    family_of,
    standing_on,
    successor_name,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import (
    ClusterSituation,
    ClusterTask,
    PlannedCluster,
    plan_task,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.project import Project
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock

# The microversion of Magnum 22, the last one that makes a Keystone trust for each cluster.
NEWEST_WITH_TRUSTS = (1, 12)


# The shared options of which `How` consists.
OPTIONS = (
    *("wait", "timeout", "progress", "api_version", "driver", "wait_for", "fail_fast", "predicted_template"),
    "expected_state",
)


@dataclass(frozen=True)
class How:
    """How a module is to work: from its shared options.

    :param expected_state: digest of the one state of the cluster in which it may be changed; None for any.
    """

    check_mode: bool = False
    wait: bool = True
    timeout: float = 3600.0
    progress: bool = True
    api_version: str | None = None
    driver: str | None = None
    wait_for: str = "complete"
    fail_fast: bool = False
    predicted_template: Mapping[str, Any] | None = None
    expected_state: str | None = None
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def from_params(cls, params: Mapping[str, Any], check_mode: bool) -> How:
        """The shared options of a module; those that it lacks keep their defaults.

        :raises InvalidRequest: ``expected_state`` is not a digest.
        """
        given = {key: params[key] for key in OPTIONS if params.get(key) is not None}
        check_form(given.get("expected_state"))
        return cls(check_mode=check_mode, **given)


Settle = Callable[[Cluster], "Cluster | None"]


def planned_cluster(project: Project, task: ClusterTask, how: How, settle: Settle | None = None) -> PlannedCluster:
    """Read what the plan for one cluster needs, plan, and refuse what the cloud would refuse.

    :param settle: waits until a cluster IN_PROGRESS has settled; None compares it as it is.
    """
    situation = read_cluster(project, task, how, settle)
    planned = plan_task(task, situation)
    _refuse(project, planned.plan)
    return planned


def planned_group(project: Project, desired: DesiredCluster, how: How, settle: Settle | None = None) -> PlannedCluster:
    """The same for one node group: as for a cluster of which nothing else is declared.

    :param desired: a cluster with this one group.
    :raises NotFound: the group is to be there and its cluster is not.
    :raises Conflict: the cluster is not in the expected state. A group that is to be absent and is absent is in any.
    """
    (group,) = desired.groups
    check_groups(desired.groups)
    task, actual = ClusterTask(desired), _read(project, desired.name, how, settle, present=True)
    if not (group.absent and (actual is None or actual.group(group.name) is None)):
        check_cluster(how.expected_state, actual, desired.name)
    if actual is None and group.absent:
        return PlannedCluster(desired, None, Plan("none"))
    if actual is None:
        raise NotFound(
            f"Failed to find cluster '{desired.name}'",
            resource=f"cluster/{desired.name}",
            hint="Make it with kcloud.infrastructure.magnum_cluster, or check the project",
        )
    planned = plan_task(task, _situation(project, task, how, desired, actual))
    _refuse(project, planned.plan)
    return planned


# --- reading --------------------------------------------------------------------------------------------------------


def read_cluster(project: Project, task: ClusterTask, how: How, settle: Settle | None = None) -> ClusterSituation:
    """What the plan for one cluster needs.

    :param settle: waits until a cluster IN_PROGRESS has settled; None takes it as it is.
    :raises InvalidRequest: the declaration names a template that does not exist, or lacks what a new cluster needs.
    :raises OperationFailed: the cluster failed before, and may not be created again.
    :raises Conflict: the cluster is not in the expected state. One that is to go and goes already is in any.
    """
    desired, others = task.desired, ()
    if task.follow.mode == OR_BESIDE and not is_uuid(desired.name):
        desired, others = _newest(project, task, how)
    actual = _read(project, desired.name, how, settle, present=task.present)
    if task.present or not (actual is None or Status.going(actual.status)):
        check_cluster(how.expected_state, actual, desired.name)
    if not task.present:
        return ClusterSituation(desired, actual, others)
    if desired.given or actual is None:
        desired = _with_template_id(project, desired, actual, how)
    if actual is None:
        return ClusterSituation(desired, None, others)
    return _situation(project, task, how, desired, actual, others)


def _situation(
    project: Project,
    task: ClusterTask,
    how: How,
    desired: DesiredCluster,
    actual: Cluster,
    others: tuple[Cluster, ...] = (),
) -> ClusterSituation:
    """What the plan for a cluster that exists needs beside the cluster."""
    only_delete = actual.status in ONLY_DELETE
    if only_delete and not task.recreate:
        raise failure_of(project.connection, actual, f"use cluster '{desired.name}'")
    template, left = (None, None) if only_delete else _move(project, desired, actual, task.follow, how)
    naming = not only_delete and any(group.nodes_to_remove for group in desired.groups)
    asked = template is not None or (not only_delete and needs_driver(desired, actual))
    driver = project.driver(actual, how.driver) if asked else None
    pairs = compared_in_cluster(desired, actual, (template, left), driver)
    return ClusterSituation(
        desired,
        actual,
        others,
        template,
        left,
        driver,
        project.nodes(actual) if naming else {},
        project.references.names(pairs),
    )


def _newest(project: Project, task: ClusterTask, how: How) -> tuple[DesiredCluster, tuple[Cluster, ...]]:
    """Which of a cluster and its successors the declaration is about, and the others.

    The one on the declared template; else the newest, where it can be upgraded; else one that is to be made.
    """
    desired, scheme, name = task.desired, task.follow.scheme, task.desired.name
    names = {entry.id: entry.name for entry in project.templates()} if "{template}" in scheme else {}
    family = family_of(name, scheme, project.clusters(), names)
    if not task.present or not family:
        return desired, tuple(cluster for cluster in family if cluster.name != name)
    newest = family[0]
    if "cluster_template_id" in desired.given:
        template_id = _with_template_id(project, desired, newest, how).given["cluster_template_id"]
        newest = standing_on(family, name, template_id) or newest
        elsewhere = newest.cluster_template_id != template_id
        if elsewhere and has(project.driver(newest, how.driver), "upgrade") is False:
            successor = successor_name(scheme, name, template_id, names.get(template_id))
            return replace(desired, name=successor), family
    return replace(desired, name=newest.name), tuple(cluster for cluster in family if cluster.id != newest.id)


def _read(project: Project, name: str, how: How, settle: Settle | None, *, present: bool) -> Cluster | None:
    """The cluster as it is; one IN_PROGRESS is waited for before it is compared, a deletion can begin at any time."""
    actual = project.cluster(name)
    if actual is None and not present:
        # What is to be created is looked for once more before it is; what is to be absent would be left.
        actual = project.absent(name)
    if actual is not None and present and how.check_mode and how.wait and Status.going(actual.status):
        # The real run waits until it is gone.
        return None
    if actual is not None and present and how.wait and settle is not None:
        actual = settle(actual)
    return None if actual is None else project.with_groups(actual)


def _move(
    project: Project, desired: DesiredCluster, actual: Cluster, follow: Follow, how: How
) -> tuple[ClusterTemplate | None, ClusterTemplate | None]:
    """The template that the cluster moves to, and the one that it leaves; None where it may not follow, or stays."""
    wanted = desired.given.get("cluster_template_id")
    moves = wanted is not None and wanted != actual.cluster_template_id
    if not follow.allowed or wanted is None or not (moves or any(not group.is_default for group in actual.node_groups)):
        return None, None
    template = _template(project, wanted, how)
    leaves = template is not None and moves and actual.cluster_template_id
    return template, project.template(leaves) if leaves else None


def _template(project: Project, name_or_id: str, how: How) -> ClusterTemplate | None:
    """The template; in check mode the predicted one that stands in for one that does not exist yet."""
    predicted = how.predicted_template if how.check_mode else None
    if predicted and name_or_id in (predicted.get("name"), predicted.get("id"), PREDICTED):
        known = {entry.name for entry in fields(ClusterTemplate)} - {"id"}
        return ClusterTemplate(
            predicted.get("id") or PREDICTED, **{key: value for key, value in predicted.items() if key in known}
        )
    return project.template(name_or_id)


def _with_template_id(project: Project, desired: DesiredCluster, actual: Cluster | None, how: How) -> DesiredCluster:
    """The template by its id: Magnum stores that, whatever name was given.

    A new cluster of a driver that makes no such network, or has no flavor for its nodes, is refused.
    """
    given = desired.given.get("cluster_template_id")
    if given is None:
        if actual is None:
            raise InvalidRequest(
                f"Failed to create cluster '{desired.name}': option 'cluster_template' is missing",
                resource=f"cluster/{desired.name}",
                hint="Name the cluster template to create it from",
            )
        return desired
    if actual is not None and actual.cluster_template_id == given:
        return desired
    if actual is None and is_uuid(desired.name):
        raise InvalidRequest(
            f"Failed to read option 'name': no cluster has the id '{desired.name}'",
            resource=f"cluster/{desired.name}",
            hint="Give a name to create a cluster",
        )
    template = _template(project, given, how)
    if template is None:
        names = ", ".join(sorted({found.name for found in project.templates()})[:10]) or "none at all"
        raise InvalidRequest(
            f"Failed to read option 'cluster_template': there is no cluster template '{given}'",
            code="REFERENCE_NOT_FOUND",
            resource=f"cluster_template/{given}",
            hint=f"This project sees: {names}. Make it with kcloud.infrastructure.magnum_cluster_template",
        )
    if actual is None:
        found = identify_driver(said=how.driver, distro=template.cluster_distro, labels=template.labels)
        refused = network_refusal(found, template.network_driver, desired.name, template.name)
        if refused is not None:
            raise refused
        if found.driver is HEAT:
            _check_flavors(desired, template)
    return replace(desired, given={**desired.given, "cluster_template_id": template.id})


def _check_flavors(desired: DesiredCluster, template: ClusterTemplate) -> None:
    """The cluster or its template names the flavors; Magnum would answer "Unable to find flavor None".

    :raises InvalidRequest: one is named by neither.
    """
    groups = {group.name: group.flavor_id for group in desired.groups}
    for key, option, group in (
        ("flavor_id", "flavor", DEFAULT_WORKER),
        ("master_flavor_id", "master_flavor", DEFAULT_MASTER),
    ):
        if not (desired.given.get(key) or groups.get(group) or getattr(template, key)):
            raise InvalidRequest(
                f"Failed to create cluster '{desired.name}': option '{option}' is missing",
                resource=f"cluster/{desired.name}",
                reason=f"cluster template '{template.name}' names no {option} either",
                hint=f"Set '{option}', or give the template one",
            )


# --- what the cloud would refuse ------------------------------------------------------------------------------------


def _refuse(project: Project, plan: Plan) -> None:
    """What is about to be created names only things that exist, and may make the trust that Magnum needs for it.

    Only versions of Magnum up to NEWEST_WITH_TRUSTS need one.
    """
    for change in plan.changes:
        if change.verb.startswith("create_"):
            project.references.check(change.arguments, change.resource)
    for change in plan.changes:
        if change.verb == "create_cluster" and project.api.server_version <= NEWEST_WITH_TRUSTS:
            doing = f"create cluster '{change.arguments['name']}'"
            refused = trust_refusal(project.connection, doing, change.resource)
            if refused is not None:
                raise refused
