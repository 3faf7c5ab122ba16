# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read once, plan purely, apply, explain: the four steps for one cluster, and for one of its node groups."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    CreatedMeanwhile,
    InvalidRequest,
    KcloudError,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.execute import carry_out
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.health import until_healthy
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.operations import Writer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    DesiredCluster,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.predicted import predicted_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import ClusterTask, PlannedCluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import (
    How,
    planned_cluster,
    planned_group,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.nodes import read_nodes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.project import Project
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan, result_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress, from_environment
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline

if TYPE_CHECKING:
    from openstack.connection import Connection


def reconcile_cluster(connection: Connection, task: ClusterTask, how: How) -> dict[str, Any]:
    """Make one cluster as declared, or remove it.

    :returns: ``cluster`` (None when absent), ``changed``, ``changes``, ``diff``.
    """
    check_wait_for(task, how)
    return reconcile_with(connection, writer_of(connection, MagnumApi(connection, how.api_version), how), task, how)


def reconcile_with(connection: Connection, writer: Writer, task: ClusterTask, how: How) -> dict[str, Any]:
    """The same with a writer that is there, whose deadline and lines of progress count."""
    for attempt in (1, 2):
        project = Project(connection, writer.api)
        planned = planned_cluster(project, task, how, None if how.check_mode else writer.settled)
        try:
            return carried_out(writer, planned, how, present=task.present)
        except CreatedMeanwhile:
            # Another run made it: what it made is compared with the declaration like any cluster that was there before.
            if attempt == 2 or planned.actual is not None:
                raise
    raise AssertionError("the second attempt returns or raises")


def reconcile_node_group(connection: Connection, desired: DesiredCluster, how: How) -> dict[str, Any]:
    """Make one node group as declared, or remove it.

    :param desired: a cluster with this one group.
    :returns: ``node_group`` (None when absent), ``changed``, ``changes``, ``diff``.
    :raises NotFound: the group is to be there and its cluster is not.
    """
    writer = writer_of(connection, MagnumApi(connection, how.api_version), how)
    project = Project(connection, writer.api)
    planned = planned_group(project, desired, how, None if how.check_mode else writer.settled)
    if planned.actual is None:
        return result_of(planned.plan, node_group=None)
    result = carried_out(writer, planned, how, present=True)
    groups = {entry["name"]: entry for entry in (result.pop("cluster") or {}).get("node_groups", ())}
    (group,) = desired.groups
    return {**result, "node_group": None if group.absent else groups.get(planned.desired.groups[0].name)}


def writer_of(connection: Connection, api: MagnumApi, how: How) -> Writer:
    """What carries plans out and follows them, from now on for as long as the options allow."""
    return Writer.explained(
        connection,
        api,
        Deadline.after(how.timeout, how.clock),
        from_environment() if how.progress else Progress(),
        nodes=partial(read_nodes, connection),
        wait=how.wait,
        fail_fast=how.fail_fast,
    )


def carried_out(writer: Writer, planned: PlannedCluster, how: How, *, present: bool) -> dict[str, Any]:
    """The result of a plan: predicted in check mode, else of what was done."""
    plan, actual = planned.plan, planned.actual
    if present:
        check_wait(planned, how)
    if how.check_mode:
        return result_of(plan, cluster=predicted_cluster(plan, actual))
    after = carry_out(plan, actual, writer) if plan.changed else actual
    if after is not None and present and how.wait_for == "healthy":
        after = _healthy(writer, after, plan)
    return result_of(plan, cluster=None if after is None else after.as_result())


def _healthy(writer: Writer, cluster: Cluster, plan: Plan) -> Cluster:
    """The cluster when it is well; what was changed before belongs to the answer when it is not."""
    try:
        found = until_healthy(writer.watch, cluster, writer.deadline, writer.progress)
    except KcloudError as error:
        made = [change.as_result() for change in plan.changes]
        error.details["result"] = {"changed": plan.changed, "changes": made, "changes_left": []}
        raise
    return replace(found, node_groups=cluster.node_groups)


def check_wait(planned: PlannedCluster, how: How) -> None:
    """Without waiting there is room for one change, and none while another one runs.

    :raises KcloudError: the plan has more, or another change runs.
    """
    plan, actual, name = planned.plan, planned.actual, planned.desired.name
    going = actual is not None and Status.going(actual.status)
    if how.wait or not (plan.changed or going):
        return
    if actual is not None and Status.in_progress(actual.status):
        raise Conflict(
            f"Failed to change cluster '{name}': it is {actual.status}",
            resource=f"cluster/{name}",
            reason="Magnum makes one change of a cluster at a time",
            hint="Run again later, or with 'wait: true'",
        )
    if len(plan.changes) > 1:
        raise InvalidRequest(
            f"Failed to change cluster '{name}' with 'wait: false': {len(plan.changes)} changes follow one another",
            resource=f"cluster/{name}",
            reason="Magnum makes one change of a cluster at a time: " + ", ".join(c.verb for c in plan.changes),
            hint="Set 'wait: true'; nothing was changed",
        )


def check_wait_for(task: ClusterTask, how: How) -> None:
    """Health is waited for.

    :raises InvalidRequest: waiting is switched off.
    """
    if task.present and how.wait_for == "healthy" and not how.wait:
        raise InvalidRequest(
            f"Failed to read option 'wait_for': 'healthy' with 'wait: false' for cluster '{task.desired.name}'",
            resource="wait_for",
            hint="Set 'wait: true', or leave 'wait_for' out; nothing was changed",
        )
