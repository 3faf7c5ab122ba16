# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declaration of a whole environment meets what there is: one reading, one plan, nothing changed.

What is wrong in the declaration ends the run before anything is changed. What is wrong with one object in the cloud is the
error of that object only; the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import side_by_side
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CannotApply,
    Conflict,
    InvalidRequest,
    KcloudError,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.model import (
    OWNER,
    ClusterStep,
    Fleet,
    FleetCluster,
    FleetNetwork,
    FleetPlan,
    FleetTemplate,
    NetworkStep,
    TemplateStep,
    owner_tag,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.networks import Networks
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import is_autoscaled
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    NodeGroup,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import needs_detail
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.predicted import PREDICTED
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import (
    OR_BESIDE,
    family_of,
    successor_pattern,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import ClusterTask, PlannedCluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_tasks import (
    PlannedTemplate,
    TemplateTask,
    plan_template_task,
    templates_after,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import is_of, tags_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How, planned_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.project import Project
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import check_wait
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.templates import (
    planned_template,
    read_template,
    users_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan

# How many names an error lists.
SHOWN = 10


def plan_fleet(project: Project, networks: Networks, fleet: Fleet, how: How) -> FleetPlan:
    """The plan for every object of the fleet.

    :param project: nothing was read through it so far.
    :raises InvalidRequest: something in the declaration is wrong, or pruning would delete too much; nothing was changed.
    """
    if fleet.clusters or fleet.templates or fleet.prune:
        project.read_lists()
    fleet = _with_pruned(project, networks, fleet)
    _read_groups(project, fleet.clusters)
    network_steps = networks.plan(project.connection, fleet.networks, how.timeout)
    present = tuple(_template_step(project, entry) for entry in fleet.templates if entry.task.present)
    known = {step.entry.name: step for step in present}
    networks_by_name = {step.entry.name: step for step in network_steps}
    clusters = tuple(
        side_by_side(lambda entry: _cluster_step(project, entry, known, networks_by_name, how), fleet.clusters)
    )
    _refuse_one_cluster_twice(clusters)
    gone = gone_after(clusters)
    if any(step.entry.purge for step in present):
        users = users_after(project.clusters(), clusters, wait=how.wait)
        present = tuple(_with_purge(project, step, users) for step in present)
    absent = tuple(
        absent_template(project, entry, gone if how.wait else (), wait=how.wait)
        for entry in fleet.templates
        if not entry.task.present
    )
    if any(step.changed and not step.entry.present for step in network_steps):
        staying = [cluster for cluster in project.clusters() if cluster.id not in (gone if how.wait else ())]
        network_steps = tuple(with_users(step, staying) for step in network_steps)
    plan = FleetPlan(network_steps, (*present, *absent), clusters)
    _refuse_what_is_wrong(plan)
    return plan


def gone_after(clusters: Iterable[ClusterStep]) -> frozenset[str]:
    """Ids of the clusters that these plans delete."""
    found = set()
    for step in clusters:
        if step.planned is not None:
            deleted = [change for change in step.planned.plan.changes if change.verb == "delete_replaced_cluster"]
            found.update(change.arguments["id"] for change in deleted)
            if step.planned.actual is not None and step.planned.plan.action == "delete":
                found.add(step.planned.actual.id)
    return frozenset(found)


# --- what is marked and not declared ------------------------------------------------------------------------------


def _with_pruned(project: Project, networks: Networks, fleet: Fleet) -> Fleet:
    """The fleet with what is marked as its environment's and not declared, to be deleted.

    :raises InvalidRequest: that is more than the user allows.
    """
    if not fleet.prune:
        return fleet
    clusters = _undeclared(project, fleet)
    templates = _undeclared_templates(project, fleet, clusters)
    declared = {network.name for network in fleet.networks}
    stacks = [name for name in networks.owned() if name not in declared]
    names = [
        *(f"cluster/{cluster.name}" for cluster in clusters),
        *(f"network/{name}" for name in stacks),
        *(f"cluster_template/{template.name}" for template in templates),
    ]
    if len(names) > fleet.max_deletions:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise InvalidRequest(
            f"Failed to prune environment '{fleet.environment}': {len(names)} objects would be deleted, and "
            f"'max_deletions' is {fleet.max_deletions}",
            code="TOO_MANY_DELETIONS",
            resource=f"environment/{fleet.environment}",
            reason=f"they are not declared: {', '.join(names[:SHOWN])}{more}",
            hint="Declare what is to stay, or raise 'max_deletions'; nothing was changed",
            objects=names,
        )
    pruned = tuple(
        FleetCluster(
            ClusterTask(DesiredCluster(_called(cluster, project.clusters())), present=False),
            network=cluster.labels.get("kcloud_network"),
        )
        for cluster in clusters
    )
    unused = tuple(
        FleetTemplate(TemplateTask(_called(template, project.templates()), {}, present=False), keep_used=True)
        for template in templates
    )
    gone = tuple(FleetNetwork(name, present=False) for name in stacks)
    return replace(
        fleet,
        clusters=(*fleet.clusters, *pruned),
        templates=(*fleet.templates, *unused),
        networks=(*fleet.networks, *gone),
    )


def _called(thing: Cluster | ClusterTemplate, every: Iterable[Cluster | ClusterTemplate]) -> str:
    """Its name, or its id where another one has the same name."""
    return thing.name if [other.name for other in every].count(thing.name) == 1 else thing.id


def _undeclared(project: Project, fleet: Fleet) -> list[Cluster]:
    """The environment's clusters that are neither declared nor stand beside a declared one as its former or next."""
    templates = {template.id: template.name for template in project.templates()}
    kept: set[str] = set()
    names: list[re.Pattern[str]] = []
    for entry in fleet.clusters:
        scheme = entry.task.follow.scheme
        kept.update(cluster.id for cluster in family_of(entry.name, scheme, project.clusters(), templates))
        kept.add(entry.name.lower())
        names.append(successor_pattern(scheme, entry.name))
    inherited = {template.id for template in project.templates() if OWNER in template.labels}
    return [
        cluster
        for cluster in project.clusters()
        if cluster.labels.get(OWNER) == fleet.environment
        # A label that comes with the template says nothing of who made the cluster.
        and cluster.cluster_template_id not in inherited
        and cluster.id not in kept
        and not any(name.fullmatch(cluster.name) for name in names)
        and not Status.going(cluster.status)
    ]


def _undeclared_templates(project: Project, fleet: Fleet, pruned: Iterable[Cluster]) -> list[ClusterTemplate]:
    """The environment's templates that are not declared and that no cluster uses that stays.

    :param pruned: the clusters that are pruned as well.
    """
    named = {entry.name for entry in fleet.templates}
    named.update(entry.task.desired.given.get("cluster_template_id", "") for entry in fleet.clusters)
    families = {entry.name for entry in fleet.templates if entry.task.family is not None}
    leaving = {cluster.id for cluster in pruned}
    leaving.update(entry.name for entry in fleet.clusters if not entry.task.present)
    used = {
        cluster.cluster_template_id
        for cluster in project.clusters()
        if cluster.id not in leaving and cluster.name not in leaving
    }
    return [
        template
        for template in project.templates()
        if owner_tag(fleet.environment) in tags_of(template)
        and template.project_id in (None, project.api.project_id)
        and not {template.name, template.id} & named
        and not any(is_of(template, name) for name in families)
        and template.id not in used
    ]


# --- reading what the plans need ----------------------------------------------------------------------------------


def _read_groups(project: Project, entries: Iterable[FleetCluster]) -> None:
    """Read the node groups that the declaration calls for, side by side; of the other clusters none."""
    concerned = [(entry.task, cluster) for entry in entries for cluster in _concerned(project, entry)]
    project.read_groups(
        (cluster, _matters(task.desired, cluster)) for task, cluster in concerned if needs_groups(task, cluster)
    )
    for _task, cluster in concerned:
        project.without_groups(cluster)


def _concerned(project: Project, entry: FleetCluster) -> list[Cluster]:
    """The cluster of an entry; none where the name is that of several, which its plan then says."""
    name, follow = entry.name, entry.task.follow
    beside = successor_pattern(follow.scheme, name) if follow.mode == OR_BESIDE else None
    return [
        cluster
        for cluster in project.clusters()
        if name in (cluster.name, cluster.id) or (beside is not None and beside.fullmatch(cluster.name))
    ]


def needs_groups(task: ClusterTask, cluster: Cluster) -> bool:
    """Whether the plan for a cluster looks at its node groups."""
    desired = task.desired
    masters = desired.given.get("master_count")
    return (
        not task.present
        or bool(desired.groups)
        or desired.purge_groups
        or task.follow.allowed
        or not Status.complete(cluster.status)
        or masters not in (None, cluster.master_count)
        or is_autoscaled(cluster.labels)
    )


def _matters(desired: DesiredCluster, cluster: Cluster) -> Callable[[NodeGroup], bool]:
    return lambda group: needs_detail(desired, cluster, group)


# --- one object each ----------------------------------------------------------------------------------------------


def _template_step(project: Project, entry: FleetTemplate) -> TemplateStep:
    try:
        planned = planned_template(project, entry.task)
    except KcloudError as error:
        return TemplateStep(entry, error=error)
    return TemplateStep(entry, planned)


def purging(entry: FleetTemplate) -> TemplateTask | None:
    """The template's declaration with the deletion of the versions that no cluster uses; None where that is not asked for."""
    family = entry.task.family
    return replace(entry.task, family=replace(family, purge=True)) if entry.purge and family is not None else None


def _with_purge(project: Project, step: TemplateStep, users: Mapping[str, tuple[str, ...]]) -> TemplateStep:
    """The step with the versions that will be deleted when the clusters are as planned.

    :param users: as ``users_after`` returns them.
    """
    task = purging(step.entry)
    if task is None or step.planned is None:
        return step
    found = read_template(project, task)
    after = replace(found, templates=templates_after(step.planned, found.templates), users=users)
    return replace(step, later=plan_template_task(task, after))


def users_after(clusters: Iterable[Cluster], steps: Iterable[ClusterStep], *, wait: bool) -> dict[str, tuple[str, ...]]:
    """Id of a template, or the name of one that is still to be created -> the clusters that will use it.

    :param wait: without waiting, a cluster keeps its template for the time being.
    """
    steps = [step for step in steps if step.planned is not None]
    gone = gone_after(steps) if wait else frozenset()
    after = {cluster.id: cluster for cluster in clusters if cluster.id not in gone}
    for step in steps:
        predicted = (step.predicted or {}).get("name")
        for change in step.planned.plan.changes:
            template = predicted or change.arguments.get("cluster_template_id")
            if change.verb == "create_cluster":
                after[step.resource] = Cluster("", change.arguments["name"], cluster_template_id=template)
            elif change.verb == "upgrade" and wait and step.planned.actual is not None:
                after[step.planned.actual.id] = replace(step.planned.actual, cluster_template_id=template)
    return users_of(sorted(after.values(), key=lambda cluster: cluster.name))


def absent_template(project: Project, entry: FleetTemplate, gone: Iterable[str], *, wait: bool) -> TemplateStep:
    """The plan that deletes a template, once these clusters are gone.

    :param wait: without waiting, clusters that are being deleted use it still, and it is left for the next run.
    """
    try:
        return TemplateStep(entry, planned_template(project, entry.task, frozenset(gone)))
    except CannotApply as error:
        if error.code != "IN_USE" or (wait and not entry.keep_used):
            return TemplateStep(entry, error=error)
        users = tuple(str(name) for name in error.details.get("used_by") or ())
        return TemplateStep(entry, PlannedTemplate(Plan("none"), {}, None), used_by=users)
    except KcloudError as error:
        return TemplateStep(entry, error=error)


def _cluster_step(
    project: Project,
    entry: FleetCluster,
    templates: Mapping[str, TemplateStep],
    networks: Mapping[str, NetworkStep],
    how: How,
) -> ClusterStep:
    task, after = entry.task, []
    template = templates.get(task.desired.given.get("cluster_template_id", ""))
    predicted = None
    if task.present and template is not None:
        if template.error is not None:
            return ClusterStep(entry, after=(template.resource,))
        current = (template.planned.predicted if template.planned else None) or {}
        known = current.get("id") and not template.changed
        predicted = None if known else {**current, "id": current.get("id") or PREDICTED}
        task = with_given(task, cluster_template_id=current.get("id") or current["name"])
        after += [template.resource] if template.changed else []
    network = networks.get(entry.network or "") if task.present else None
    if network is not None:
        if network.error is not None:
            return ClusterStep(entry, after=(network.resource,))
        task = in_network(task, network.outcome.stack.outputs if network.outcome and network.outcome.stack else {})
        after += [network.resource] if network.changed else []
    planning = replace(how, check_mode=True, driver=entry.driver, predicted_template=predicted)
    try:
        planned = planned_cluster(project, task, planning)
        if task.present:
            check_wait(planned, how)
            _check_network(entry, network, planned)
    except KcloudError as error:
        return ClusterStep(entry, error=error, after=tuple(after))
    busy = task.present and _is_busy(project.cluster(planned.desired.name))
    return ClusterStep(replace(entry, task=task), planned, busy, predicted, tuple(after))


def _check_network(entry: FleetCluster, network: NetworkStep | None, planned: PlannedCluster) -> None:
    """A cluster that exists has its network.

    :raises InvalidRequest: the declared one does not exist yet.
    """
    missing = network is not None and (network.outcome is None or network.outcome.stack is None)
    if missing and planned.actual is not None and planned.plan.action in ("none", "update"):
        raise InvalidRequest(
            f"Failed to read option 'network' of cluster '{entry.name}': the cluster exists, and network '{entry.network}' does not",
            code="CANNOT_APPLY",
            resource=f"cluster/{entry.name}",
            reason=f"Magnum fixes the network of a cluster for its life; it is {planned.actual.fixed_network or 'its own'}",
            hint="Leave 'network' out for this cluster, or create another cluster in the network",
        )


def with_users(step: NetworkStep, clusters: Iterable[Cluster]) -> NetworkStep:
    """The step; with an error where clusters are in a network that is to be deleted."""
    if step.entry.present or step.outcome is None or step.outcome.stack is None:
        return step
    named = {step.entry.name, step.outcome.stack.outputs.get("network_id")}
    users = sorted(cluster.name for cluster in clusters if cluster.fixed_network in named)
    if not users:
        return step
    error = Conflict(
        f"Failed to delete network '{step.entry.name}': used by {', '.join(users)}",
        code="IN_USE",
        resource=step.resource,
        hint="Delete these clusters first, or run again when they are gone; the network was not changed",
        used_by=users,
    )
    return replace(step, error=error)


def _is_busy(cluster: Cluster | None) -> bool:
    return cluster is not None and Status.in_progress(cluster.status)


def with_given(task: ClusterTask, **values: Any) -> ClusterTask:
    """The task with these fields of its cluster."""
    return replace(task, desired=replace(task.desired, given={**task.desired.given, **values}))


def in_network(task: ClusterTask, outputs: Mapping[str, Any]) -> ClusterTask:
    """The task with its nodes in the network of a stack; a stack that does not exist yet has no ids to name."""
    if not outputs.get("network_id"):
        return task
    return with_given(task, fixed_network=outputs["network_id"], fixed_subnet=outputs["subnet_id"])


def _refuse_one_cluster_twice(steps: Iterable[ClusterStep]) -> None:
    """Two entries that are one cluster, by its name and its id, or as the successor of another.

    :raises InvalidRequest: there are such entries.
    """
    meant: dict[str, list[str]] = {}
    for step in steps:
        for identity in _touched(step):
            meant.setdefault(identity, []).append(step.entry.name)
    for identity, names in meant.items():
        if len(names) > 1:
            raise InvalidRequest(
                f"Failed to read option 'clusters': {' and '.join(names)} mean the same cluster ({identity})",
                resource="clusters",
                hint="Declare each cluster once, by its name; nothing was changed",
            )


def _touched(step: ClusterStep) -> set[str]:
    """Ids of the clusters that a plan is about."""
    if step.planned is None:
        return set()
    own = set() if step.planned.actual is None else {step.planned.actual.id}
    return own | set(gone_after([step]))


def _refuse_what_is_wrong(plan: FleetPlan) -> None:
    """:raises InvalidRequest: the first of the errors that are the declaration's, with the others in its details."""
    wrong = [(step.resource, step.error) for step in plan.steps if isinstance(step.error, InvalidRequest)]
    if wrong:
        resource, first = wrong[0]
        more = f", and {len(wrong) - 1} more like it" if len(wrong) > 1 else ""
        raise InvalidRequest(
            f"{first.message} ({resource}{more})",
            code=first.code,
            resource=first.resource,
            reason=first.reason,
            hint=f"{first.hint}; nothing was changed" if first.hint else "Nothing was changed",
            wrong=[{"object": name, "message": error.sentence()} for name, error in wrong],
        )
