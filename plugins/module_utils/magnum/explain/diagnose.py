# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a cluster is not well: the deepest reason that can be found, and what to do about it.

Sources, deepest first: the failed resources and events of its Heat stacks (when it has one), Nova's faults of its
servers, ``faults``, the reasons of its node groups, ``status_reason``, its health. Works for drivers without a stack too.
Quotas and flavors are read where the reason speaks of them. Everything here is a look aside: when a source does not
answer, what the others say has to do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    KcloudError,
    OperationFailed,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.diagnose import (
    failed_leaves,
    reason_of,
    was_stopped,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.cluster_progress import (
    Standing,
    leaves_in_progress,
    stacks_of,
    standing_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.deletion_blockers import (
    Blocker,
    as_results,
    blockers_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.causes import (
    code_and_hint,
    health_hint,
    health_problems,
    is_known,
    joined,
    own_reason,
    used_up,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import UNKNOWN, identify_driver
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    NodeGroup,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.quotas import quotas

if TYPE_CHECKING:
    from openstack.connection import Connection


# After this long a conductor that makes keys for many clusters at once has long asked the driver, too.
ABANDONED_AFTER_S = 240
SERVER = "OS::Nova::Server"
# Heat waits in these for a signal from inside a node.
WAIT_FOR_GUESTS = ("SoftwareDeployment", "WaitCondition")
# What a driver without a stack says of a change that cannot succeed, by its ``ends_failed``.
SILENT = {
    "at_submit": "reports a failure only when it takes a change on (a later one leaves the cluster IN_PROGRESS)",
    "hardly": "hardly ever reports a failure (the cluster then stays IN_PROGRESS)",
}
# Magnum's own default of `create_timeout`.
DEFAULT_TIMEOUT_MIN = 60


# --- the deepest reason


def deepest_reason(connection: Connection, cluster: Cluster) -> str:
    """The best reason of all sources."""
    leaf = stack_reason(connection, cluster)
    if leaf is None and not is_known(own := own_reason(cluster)):
        return server_fault(connection, cluster) or own
    return leaf or own_reason(cluster)


def stack_reason(connection: Connection, cluster: Cluster) -> str | None:
    """The reason of the deepest failed resource of the cluster's Heat stacks; None when there is no such stack."""
    try:
        for stack in stacks_of(cluster, Status.failed):
            leaf = _leaf(connection, HeatReader(connection), stack)
            if leaf:
                return leaf
    except KcloudError:
        # An explanation must never hide the failure that it explains.
        return None
    return None


def _leaf(connection: Connection, heat: HeatReader, stack: Stack) -> str | None:
    """The deepest failed resource of a stack; where none is failed any more (Heat rolled back), what its events tell."""
    resources = heat.resources(stack, nested=True)
    leaves = failed_leaves(resources)
    silent = [resource for resource in leaves_in_progress(resources) if _waits_for_guest(resource)]
    if leaves and silent and all(was_stopped(resource) for resource in leaves):
        # Heat has run out of time and is about to say so of what it waited for.
        first = silent[0]
        return f"{first.name} ({first.type}): timed out, no signal from the node since {first.since}"
    if not leaves:
        reported = [Resource.from_api(event) for event in heat.events(stack, nested=True)]
        # Stacks write events about themselves too, which only repeat what their resources say.
        stacks = {resource.stack_id for resource in reported}
        leaves = failed_leaves([resource for resource in reported if resource.physical_id not in stacks])
    if not leaves:
        return None
    leaf = leaves[0]
    # Of a deployment that Heat stopped it says only that it was cancelled; the resource says that time was over.
    reason = leaf.reason if _waits_for_guest(leaf) and was_stopped(leaf) else reason_of(heat, leaf)
    if leaf.type == SERVER and leaf.physical_id and not is_known(reason):
        reason = _fault_of(connection, leaf.physical_id) or reason
    kind = f" ({leaf.type})" if leaf.type else ""
    return f"{leaf.name}{kind}: {reason}"


def _waits_for_guest(resource: Resource) -> bool:
    return any(part in resource.type for part in WAIT_FOR_GUESTS)


def _fault_of(connection: Connection, server_id: str) -> str | None:
    """What Nova says of a server in ERROR."""
    with contextlib.suppress(KcloudError):
        server = read(lambda: connection.compute.get_server(server_id), "read a server", f"server/{server_id}")
        return (getattr(server, "fault", None) or {}).get("message")
    return None


def server_fault(connection: Connection, cluster: Cluster) -> str | None:
    """Without a stack: Cluster-API drivers put their own name of the cluster into the names of its servers."""
    mark = cluster.stack_id or ""
    if len(mark) < 8 or is_uuid(mark):
        return None
    with contextlib.suppress(KcloudError):
        servers = read(lambda: list(connection.compute.servers(status="ERROR")), "list servers", "servers")
        for server in sorted(servers or (), key=lambda found: found.name or ""):
            message = (getattr(server, "fault", None) or {}).get("message") if mark in (server.name or "") else None
            if message:
                return f"server {server.name}: {message}"
    return None


# --- what to do about it


@dataclass(frozen=True)
class Advice:
    """A code, its fix, and what else belongs to the answer."""

    code: str
    hint: str
    details: Mapping[str, Any]


def advice_on(connection: Connection, cluster: Cluster, reason: str) -> Advice:
    """The fix, in figures where the reason speaks of quotas or of room."""
    code, hint = code_and_hint(reason, cluster.status)
    details: dict[str, Any] = {}
    with contextlib.suppress(KcloudError):
        if code == "QUOTA_EXCEEDED":
            known = quotas(connection)
            full = used_up(known, reason)
            details["quotas"] = known
            hint = (f"Used of this project's quotas: {joined(full)}. " if full else "") + hint
        elif code == "NO_CAPACITY":
            wanted = _wanted(connection, cluster)
            details["wanted"] = wanted
            asked = [f"{row['node_count']} of {row['flavor']}{_per_node(row['resources'])}" for row in wanted]
            hint = f"Nodes asked for: {joined(asked)}. {hint}" if asked else hint
    if (cluster.status or "").startswith("DELETE_"):
        blockers = blockers_of(connection, cluster)
        details["held_by"] = as_results(blockers)
        hint = f"{_remove(blockers)}; then run again: a deletion may be tried again ('state: absent')"
    return Advice(code, hint, details)


def _wanted(connection: Connection, cluster: Cluster) -> list[dict[str, Any]]:
    """The node groups that did not get their nodes, with the accelerators that their flavors ask for."""
    groups = [group for group in cluster.node_groups if not Status.complete(group.status)] or cluster.node_groups
    found = []
    for group in groups:
        flavor = group.flavor_id or ""
        known = read(
            lambda name=flavor: connection.compute.find_flavor(name, get_extra_specs=True), "read a flavor", flavor
        )
        specs = dict(getattr(known, "extra_specs", None) or {})
        resources = {k.removeprefix("resources:"): v for k, v in sorted(specs.items()) if k.startswith("resources:")}
        name = getattr(known, "name", None) or flavor
        found.append({"node_group": group.name, "node_count": group.node_count, "flavor": name, "resources": resources})
    return found


def _per_node(resources: Mapping[str, str]) -> str:
    return f" ({', '.join(f'{count} {name}' for name, count in resources.items())} each)" if resources else ""


def _remove(blockers: list[Blocker]) -> str:
    outside = [str(blocker) for blocker in blockers if blocker.kind != "stack resource"]
    if outside:
        return f"Remove what still holds it: {joined(outside)}"
    inside = [blocker.name for blocker in blockers]
    if inside:
        return f"Look at what cannot be deleted: {joined(inside)}"
    return "Look at what its driver says of it"


# --- errors


def failure_of(connection: Connection, cluster: Cluster, doing: str) -> OperationFailed:
    """The error for a cluster in a FAILED state.

    :param cluster: read singly and with its node groups in detail: only that shows ``faults`` and reasons.
    :param doing: an infinitive that completes "Failed to ...".
    """
    reason = deepest_reason(connection, cluster)
    advice = advice_on(connection, cluster, reason)
    hint = advice.hint
    if cluster.status == "CREATE_FAILED" and "recreate" not in hint:
        hint += "; a cluster in CREATE_FAILED can only be deleted: 'recreate: true' does that and creates it again"
    return OperationFailed(
        f"Failed to {doing}: the cluster is {cluster.status}",
        code=advice.code,
        resource=f"cluster/{cluster.name}",
        reason=reason,
        hint=hint,
        status=cluster.status,
        status_reason=cluster.status_reason,
        faults=dict(cluster.faults),
        **advice.details,
    )


def stall_of(connection: Connection, api: MagnumReader, cluster: Cluster, doing: str) -> OperationFailed | None:
    """The error for a cluster that Magnum shows IN_PROGRESS although Heat has ended with its stack, badly; else None.

    Magnum 22 does that for ever with a new node group of which one node got no address: it stumbles over the missing one.
    Asks about the stacks of the node groups in progress only, as one that failed earlier is nobody's stall; where none is in
    progress, as after a rotation of the CA, about the cluster's own. To be believed when it is found twice, some time apart:
    Magnum itself looks every 10 s.
    """
    if abandoned(cluster, datetime.now(UTC)):
        return _abandoned(cluster, doing)
    try:
        groups = [group for group in api.node_groups(cluster) if Status.in_progress(group.status)]
        for group in groups or [None]:
            stack_id = cluster.stack_id if group is None else group.stack_id
            if not is_uuid(stack_id):
                continue
            heat = HeatReader(connection)
            stack = heat.get(Stack(id=stack_id or "", name="", status=""))
            if stack is not None and stack.failed:
                reason = _leaf(connection, heat, stack) or stack.status_reason
                return _stalled(connection, cluster, group, stack, reason, doing)
    except KcloudError:
        # Only a look aside from the wait: when nobody answers, the wait goes on without it.
        return None
    return None


def abandoned(cluster: Cluster, now: datetime) -> bool:
    """Whether a conductor took the request for a cluster and ended before it asked the driver for anything.

    Its driver notes what it made of a cluster (``stack_id``) within seconds, and no other conductor takes a creation up.
    """
    since = _time(cluster.created_at)
    waiting = cluster.status == "CREATE_IN_PROGRESS" and not cluster.stack_id
    return waiting and since is not None and now - since > timedelta(seconds=ABANDONED_AFTER_S)


def _abandoned(cluster: Cluster, doing: str) -> OperationFailed:
    return OperationFailed(
        f"Failed to {doing}: Magnum began to create the cluster at {cluster.created_at} and has asked its driver for nothing",
        code="ABANDONED",
        resource=f"cluster/{cluster.name}",
        reason="Magnum's conductor was probably ended after it had taken the request; no conductor takes it up again",
        hint="Delete the cluster with 'state: absent', which works, then run again",
        status=cluster.status,
    )


def _stalled(
    connection: Connection, cluster: Cluster, group: NodeGroup | None, stack: Stack, reason: str | None, doing: str
) -> OperationFailed:
    concerned = () if group is None else (group,)
    advice = advice_on(connection, replace(cluster, status=stack.status, node_groups=concerned), reason or "")
    return OperationFailed(
        f"Failed to {doing}: Heat ended with {stack.status}, and Magnum still shows {cluster.status}",
        code=advice.code,
        resource=f"cluster/{cluster.name}" if group is None else f"node_group/{cluster.name}/{group.name}",
        reason=reason,
        hint=f"{advice.hint}. Magnum does not notice by itself: delete "
        f"{'the cluster' if group is None or group.is_default else 'the node group'} first",
        status=cluster.status,
        stack=stack.name,
        stack_status=stack.status,
        **advice.details,
    )


# Causes that time alone does not remove.
LASTING = frozenset({"NO_CAPACITY", "QUOTA_EXCEEDED", "IMAGE_NOT_FOUND", "IMAGE_TOO_LARGE", "KEYPAIR_NOT_FOUND"})


def trouble_of(connection: Connection, api: MagnumReader, cluster: Cluster, doing: str) -> OperationFailed | None:
    """The error for a cluster IN_PROGRESS whose nodes cannot be had as things are; None when there is no sign of that.

    Some drivers try for ever, and Heat goes on with the rest of a stack: Magnum itself says nothing until the end.
    """
    try:
        whole = api.with_groups(cluster)
        groups = [group.status_reason for group in whole.node_groups if Status.in_progress(group.status)]
        known = next((reason for reason in groups if is_known(reason)), None)
        reason = known or _failed_leaf(connection, whole) or server_fault(connection, whole)
        if reason is None:
            return None
        advice = advice_on(connection, whole, reason)
    except KcloudError:
        # Only a look aside from the wait: when nobody answers, the wait goes on without it.
        return None
    if advice.code not in LASTING:
        return None
    return OperationFailed(
        f"Failed to {doing}: its nodes cannot be had, and Magnum still shows {cluster.status}",
        code=advice.code,
        resource=f"cluster/{cluster.name}",
        reason=reason,
        hint=f"{advice.hint}. Magnum continues by itself: run again without 'fail_fast' to wait for it",
        status=cluster.status,
        **advice.details,
    )


def _failed_leaf(connection: Connection, cluster: Cluster) -> str | None:
    """Why a resource failed in a stack that is still IN_PROGRESS; None when none did."""
    heat = HeatReader(connection)
    for stack in stacks_of(cluster, Status.in_progress):
        if failed_leaves(heat.resources(stack, nested=True)):
            return _leaf(connection, heat, stack)
    return None


def overdue_of(connection: Connection, api: MagnumReader, cluster: Cluster, what: str, limit_s: float) -> WaitTimeout:
    """The error for a wait whose time is over: where the cluster stands, and what that means.

    :param what: completes "Timed out waiting for ...".
    """
    standing = standing_of(connection, api, cluster)
    details: dict[str, Any] = {"waiting_for": [_waiting(resource) for resource in standing.under_way]}
    if (cluster.status or "").startswith("DELETE_"):
        blockers = blockers_of(connection, cluster)
        details["held_by"] = as_results(blockers)
        hint = f"{_remove(blockers)}; Magnum continues by itself: run again to wait further"
    else:
        hint = _what_to_look_at(standing, cluster)
    return WaitTimeout(
        f"Timed out waiting for {what} after {limit_s:.0f} s; it is {cluster.status}",
        resource=f"cluster/{cluster.name}",
        reason=str(standing) or cluster.status_reason,
        hint=hint,
        last_state=cluster.as_result(),
        **details,
    )


def _waiting(resource: Resource) -> dict[str, Any]:
    return {"name": resource.name, "type": resource.type, "status": resource.status, "since": resource.since}


def _what_to_look_at(standing: Standing, cluster: Cluster) -> str:
    """The fix for a cluster that is IN_PROGRESS longer than was given."""
    wait_on = "Magnum continues by itself: run again to wait further, or give a larger 'timeout'"
    under_way = standing.under_way
    if any(_waits_for_guest(resource) for resource in under_way):
        return (
            "Heat waits for a node to report that its script has ended: look at the node's console log, and whether it "
            f"reaches Heat's address; Heat gives up after {cluster.create_timeout or DEFAULT_TIMEOUT_MIN} min. {wait_on}"
        )
    if any(resource.type == SERVER for resource in under_way):
        return f"Nova is building servers: look at them (openstack server list). {wait_on}"
    if not standing.resources and cluster.stack_id and not is_uuid(cluster.stack_id):
        driver = identify_driver(stack_id=cluster.stack_id).driver
        silence = SILENT.get(driver.ends_failed or "", "reports nothing further")
        who = "The driver of this cluster" if driver is UNKNOWN else driver.title
        return (
            f"{who} calls it '{cluster.stack_id}', {silence}, and may have no time-out of its own: look at its management "
            f"cluster. {wait_on}"
        )
    return wait_on


# --- any cluster


def diagnosis(connection: Connection, api: MagnumReader, cluster: Cluster, now: datetime) -> KcloudError | None:
    """What is wrong with any cluster; None when it is well, or on its way and in time.

    :param cluster: read singly and with its node groups in detail.
    """
    doing = f"find cluster '{cluster.name}' well"
    groups = [group for group in cluster.node_groups if Status.failed(group.status)]
    if Status.failed(cluster.status) or (groups and not Status.in_progress(cluster.status)):
        return failure_of(connection, cluster, doing)
    if Status.in_progress(cluster.status):
        stalled = stall_of(connection, api, cluster, doing)
        return stalled or _too_long(connection, api, cluster, now)
    return unhealthy_of(cluster, doing) if cluster.health_status == "UNHEALTHY" else None


def _too_long(connection: Connection, api: MagnumReader, cluster: Cluster, now: datetime) -> KcloudError | None:
    limit = timedelta(minutes=cluster.create_timeout or DEFAULT_TIMEOUT_MIN)
    since = _time(cluster.updated_at) or _time(cluster.created_at)
    if since is None or now - since <= limit:
        return None
    error = overdue_of(connection, api, cluster, f"cluster '{cluster.name}'", limit.total_seconds())
    error.code = "STALLED"
    return error


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def unhealthy_of(cluster: Cluster, doing: str) -> OperationFailed:
    """The error for a cluster that is COMPLETE and whose Kubernetes API is not well."""
    return OperationFailed(
        f"Failed to {doing}: the cluster is {cluster.status} and {cluster.health_status}",
        code="UNHEALTHY",
        resource=f"cluster/{cluster.name}",
        reason="; ".join(health_problems(cluster)),
        hint=health_hint(cluster),
        status=cluster.status,
        health_status=cluster.health_status,
        health_status_reason=dict(cluster.health_status_reason),
    )
