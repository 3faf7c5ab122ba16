# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A declaration meets what there is: which cluster is meant, what it is compared with, and the plan.

Everything that is asked of the cloud goes through a ``Situation``, which asks for each object once.
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
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import (
    ONLY_DELETE,
    plan_cluster,
    plan_cluster_absent,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import (
    check_groups,
    needs_driver,
    settled_groups,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.predicted import PREDICTED
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import (
    OR_BESIDE,
    Follow,
    Move,
    family_of,
    plan_upgrade,
    standing_on,
    successor_name,
    with_replaced,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.references import References
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.situation import Situation
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock

NOT_FOLLOWING = Follow()
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


@dataclass(frozen=True)
class ClusterTask:
    """What is declared of one cluster, and how it may be changed.

    :param recreate: whether a cluster whose creation failed may be deleted and created again.
    :param follow: whether and how it may follow a changed template.
    :param created_with: labels that a cluster gets when it is created, and that are compared with nothing later.
    """

    desired: DesiredCluster
    present: bool = True
    recreate: bool = False
    follow: Follow = NOT_FOLLOWING
    created_with: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedCluster:
    """The plan for one cluster.

    :param desired: the declaration in the names of what there is.
    :param actual: the cluster that the plan changes, with its node groups; None when there is none.
    """

    desired: DesiredCluster
    actual: Cluster | None
    plan: Plan


Settle = Callable[[Cluster], "Cluster | None"]


def plan_task(situation: Situation, task: ClusterTask, how: How, settle: Settle | None = None) -> PlannedCluster:
    """The plan for one cluster and for those that it replaces.

    :param settle: waits until a cluster IN_PROGRESS has settled; None compares it as it is.
    :raises Conflict: the cluster is not in the expected state. One that is to go and goes already is in any.
    """
    desired, others = task.desired, ()
    if task.follow.mode == OR_BESIDE and not is_uuid(desired.name):
        desired, others = _newest(situation, task, how)
    actual = _read(situation, desired.name, how, settle, present=task.present)
    if task.present or not (actual is None or Status.going(actual.status)):
        check_cluster(how.expected_state, actual, desired.name)
    if not task.present:
        plan = with_replaced(plan_cluster_absent(desired.name, actual), desired.name, others, delete=True)
        return PlannedCluster(desired, actual, replace(plan, action="delete") if plan.changed else plan)
    settled, plan = _plan_present(situation, replace(task, desired=desired), actual, how)
    return PlannedCluster(
        settled, actual, with_replaced(plan, desired.name, others, delete=task.follow.delete_replaced)
    )


def plan_group_task(
    situation: Situation, desired: DesiredCluster, how: How, settle: Settle | None = None
) -> PlannedCluster:
    """The plan for one node group: the same as for a cluster of which nothing else is declared.

    :param desired: a cluster with this one group.
    :raises NotFound: the group is to be there and its cluster is not.
    :raises Conflict: the cluster is not in the expected state. A group that is to be absent and is absent is in any.
    """
    (group,) = desired.groups
    check_groups(desired.groups)
    actual = _read(situation, desired.name, how, settle, present=True)
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
    settled, plan = _plan_present(situation, ClusterTask(desired), actual, how)
    return PlannedCluster(settled, actual, plan)


def _newest(situation: Situation, task: ClusterTask, how: How) -> tuple[DesiredCluster, tuple[Cluster, ...]]:
    """Which of a cluster and its successors the declaration is about, and the others.

    The one on the declared template; else the newest, where it can be upgraded; else one that is to be made.
    """
    desired, scheme, name = task.desired, task.follow.scheme, task.desired.name
    names = {entry.id: entry.name for entry in situation.templates()} if "{template}" in scheme else {}
    family = family_of(name, scheme, situation.clusters(), names)
    if not task.present or not family:
        return desired, tuple(cluster for cluster in family if cluster.name != name)
    newest = family[0]
    if "cluster_template_id" in desired.given:
        template_id = _with_template_id(situation, desired, newest, how).given["cluster_template_id"]
        newest = standing_on(family, name, template_id) or newest
        elsewhere = newest.cluster_template_id != template_id
        if elsewhere and has(situation.driver(newest, how.driver), "upgrade") is False:
            successor = successor_name(scheme, name, template_id, names.get(template_id))
            return replace(desired, name=successor), family
    return replace(desired, name=newest.name), tuple(cluster for cluster in family if cluster.id != newest.id)


def _read(situation: Situation, name: str, how: How, settle: Settle | None, *, present: bool) -> Cluster | None:
    """The cluster as it is; one IN_PROGRESS is waited for before it is compared, a deletion can begin at any time."""
    actual = situation.cluster(name)
    if actual is None and not present:
        # What is to be created is looked for once more before it is; what is to be absent would be left.
        actual = situation.absent(name)
    if actual is not None and present and how.check_mode and how.wait and Status.going(actual.status):
        # The real run waits until it is gone.
        return None
    if actual is not None and present and how.wait and settle is not None:
        actual = settle(actual)
    return None if actual is None else situation.with_groups(actual)


def _plan_present(
    situation: Situation, task: ClusterTask, actual: Cluster | None, how: How
) -> tuple[DesiredCluster, Plan]:
    """The declaration in the names of what is there, and the plan for it."""
    references, desired = situation.references, task.desired
    named = _with_template_id(situation, desired, actual, how) if desired.given or actual is None else desired
    if actual is None or (task.recreate and actual.status in ONLY_DELETE):
        named = _created_with(named, task.created_with)
    elif named.given.get("merge_labels") is False:
        # Compared are all labels, and this one is not in the declaration.
        named = _created_with(named, {key: actual.labels[key] for key in task.created_with if key in actual.labels})
    if actual is not None:
        if actual.status in ONLY_DELETE and not task.recreate:
            raise failure_of(situation.connection, actual, f"use cluster '{desired.name}'")
        if actual.status not in ONLY_DELETE:
            naming = any(group.nodes_to_remove for group in desired.groups)
            nodes = situation.nodes(actual) if naming else {}
            driver = situation.driver(actual, how.driver) if needs_driver(named, actual) else None
            named = settled_groups(named, actual, nodes, references.same, driver)
        named = references.aligned_cluster(named, actual)
        move = _move(situation, named, actual, task.follow, how)
        plan = plan_upgrade(named, actual, move) if move else plan_cluster(named, actual, recreate=task.recreate)
    else:
        plan = plan_cluster(named, None)
    _check_references(references, plan)
    _check_trust(situation, plan)
    return named, plan


def _created_with(desired: DesiredCluster, labels: Mapping[str, str]) -> DesiredCluster:
    """The declaration of a cluster that is to be created, with the labels that mark whose it is."""
    if not labels:
        return desired
    given = {**desired.given, "labels": {**desired.given.get("labels", {}), **labels}}
    return replace(desired, given={"merge_labels": True, **given})


def _move(situation: Situation, desired: DesiredCluster, actual: Cluster, follow: Follow, how: How) -> Move | None:
    """The cluster's way to the declared template; None when it may not follow, or has nowhere to go."""
    wanted = desired.given.get("cluster_template_id")
    if not follow.allowed or wanted is None or actual.status in ONLY_DELETE:
        return None
    moves = wanted != actual.cluster_template_id
    if not moves and all(group.is_default for group in actual.node_groups):
        return None
    template = _template(situation, wanted, how)
    if template is None:
        return None
    left = situation.template(actual.cluster_template_id) if moves and actual.cluster_template_id else None
    found = situation.driver(actual, how.driver)
    return Move(template, found, follow.max_batch_size, left, situation.references.same)


def _template(situation: Situation, name_or_id: str, how: How) -> ClusterTemplate | None:
    """The template; in check mode the predicted one that stands in for one that does not exist yet."""
    predicted = how.predicted_template if how.check_mode else None
    if predicted and name_or_id in (predicted.get("name"), predicted.get("id"), PREDICTED):
        known = {entry.name for entry in fields(ClusterTemplate)} - {"id"}
        return ClusterTemplate(
            predicted.get("id") or PREDICTED, **{key: value for key, value in predicted.items() if key in known}
        )
    return situation.template(name_or_id)


def _with_template_id(
    situation: Situation, desired: DesiredCluster, actual: Cluster | None, how: How
) -> DesiredCluster:
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
    template = _template(situation, given, how)
    if template is None:
        names = ", ".join(sorted({found.name for found in situation.templates()})[:10]) or "none at all"
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


def _check_references(references: References, plan: Plan) -> None:
    """What is about to be created names only things that exist."""
    for change in plan.changes:
        if change.verb.startswith("create_"):
            references.check(change.arguments, change.resource)


def _check_trust(situation: Situation, plan: Plan) -> None:
    """What creates a cluster may make the trust that Magnum needs for it, up to the version that needs one."""
    for change in plan.changes:
        if change.verb == "create_cluster" and situation.api.server_version <= NEWEST_WITH_TRUSTS:
            doing = f"create cluster '{change.arguments['name']}'"
            refused = trust_refusal(situation.connection, doing, change.resource)
            if refused is not None:
                raise refused
