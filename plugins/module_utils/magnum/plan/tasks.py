# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cluster as declared, what was read for it, and the plan that follows from both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import IdentifiedDriver
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    Node,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import (
    ONLY_DELETE,
    plan_cluster,
    plan_cluster_absent,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.names import Names
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import (
    needs_driver,
    settled_groups,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import (
    Follow,
    Move,
    plan_upgrade,
    with_replaced,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan

NOT_FOLLOWING = Follow()


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
class ClusterSituation:
    """What the plan for one cluster is made from, as it was read.

    :param desired: the declaration of the one that is meant, of a cluster and its successors; with its template by id.
    :param actual: this cluster, with its node groups; None when there is none.
    :param others: the clusters that it replaces.
    :param template: the declared template, where the cluster may follow it.
    :param left: the template that the cluster leaves for it.
    :param driver: of the cluster, where the plan hangs on what it can do.
    :param nodes: group -> its nodes, where nodes are named.
    :param names: what the names of flavors, images, keypairs and networks stand for.
    """

    desired: DesiredCluster
    actual: Cluster | None
    others: tuple[Cluster, ...] = ()
    template: ClusterTemplate | None = None
    left: ClusterTemplate | None = None
    driver: IdentifiedDriver | None = None
    nodes: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)


@dataclass(frozen=True)
class PlannedCluster:
    """The plan for one cluster.

    :param desired: the declaration in the names of what there is.
    :param actual: the cluster that the plan changes, with its node groups; None when there is none.
    """

    desired: DesiredCluster
    actual: Cluster | None
    plan: Plan


def plan_task(task: ClusterTask, situation: ClusterSituation) -> PlannedCluster:
    """The plan for one cluster and for those that it replaces."""
    name, actual, others = situation.desired.name, situation.actual, situation.others
    if not task.present:
        plan = with_replaced(plan_cluster_absent(name, actual), name, others, delete=True)
        return PlannedCluster(situation.desired, actual, replace(plan, action="delete") if plan.changed else plan)
    desired, plan = _plan_present(task, situation)
    return PlannedCluster(desired, actual, with_replaced(plan, name, others, delete=task.follow.delete_replaced))


def _plan_present(task: ClusterTask, situation: ClusterSituation) -> tuple[DesiredCluster, Plan]:
    """The declaration in the names of what there is, and the plan for it."""
    desired, actual = _labelled(task, situation), situation.actual
    if actual is None:
        return desired, plan_cluster(desired, None)
    if actual.status not in ONLY_DELETE:
        driver = situation.driver if needs_driver(desired, actual) else None
        desired = settled_groups(desired, actual, situation.nodes, situation.names.same, driver)
    desired = situation.names.aligned_cluster(desired, actual)
    if situation.template is None or situation.driver is None:
        return desired, plan_cluster(desired, actual, recreate=task.recreate)
    move = Move(situation.template, situation.driver, task.follow.max_batch_size, situation.left, situation.names.same)
    return desired, plan_upgrade(desired, actual, move)


def _labelled(task: ClusterTask, situation: ClusterSituation) -> DesiredCluster:
    """The declaration with the labels that mark whose the cluster is."""
    desired, actual = situation.desired, situation.actual
    if actual is None or (task.recreate and actual.status in ONLY_DELETE):
        return _with_labels(desired, task.created_with)
    if desired.given.get("merge_labels") is False:
        # Compared are all labels, and these are not in the declaration.
        return _with_labels(desired, {key: actual.labels[key] for key in task.created_with if key in actual.labels})
    return desired


def _with_labels(desired: DesiredCluster, labels: Mapping[str, str]) -> DesiredCluster:
    if not labels:
        return desired
    given = {**desired.given, "labels": {**desired.given.get("labels", {}), **labels}}
    return replace(desired, given={"merge_labels": True, **given})
