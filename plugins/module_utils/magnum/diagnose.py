# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a cluster failed: the deepest reason that can be found, and what to do about it.

Sources, deepest first: the failed resources of its Heat stack (when it has one), ``faults``, the reasons of its node
groups, ``status_reason``. Works for drivers without a stack too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError, OperationFailed
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply import reason_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.diagnose import failed_leaves
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model import Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.activity import stacks_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.api import UUID, MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import Cluster, NodeGroup, Status

if TYPE_CHECKING:
    from openstack.connection import Connection

# (what the reason says, the stable code, the way out). The first that fits counts.
KNOWN_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"no valid host|not enough hosts|NoValidHost",
        "NO_CAPACITY",
        (
            "No host has room for this flavor, accelerators included: free devices, ask for fewer nodes, or take another "
            "flavor; then run again"
        ),
    ),
    (
        r"create trustee or trust|manage trusts",
        "TRUST_NOT_PERMITTED",
        "Application credentials cannot create clusters: use a user's password, then run again with 'recreate: true'",
    ),
    (
        r"quota|limit exceeded|exceeds",
        "QUOTA_EXCEEDED",
        "Delete what is not used or ask the cloud's operator for a larger quota, then run again",
    ),
    (
        r"timed out|timeout|time-out",
        "DRIVER_TIMEOUT",
        "The nodes did not report in time: look at a node's console and network, or raise 'create_timeout'",
    ),
    (
        r"deploy_status_code|non-zero status code|SoftwareDeployment\w*\): exit status",
        "GUEST_FAILED",
        "A script inside a node failed: look at the node's console log for what it printed",
    ),
    (
        r"image .*(not be found|could not be found|not found)",
        "IMAGE_NOT_FOUND",
        "Give the template an image that exists",
    ),
    (
        r"key.?pair .*not.* found|invalid key_name",
        "KEYPAIR_NOT_FOUND",
        "Make the keypair again, or give another",
    ),
    (
        r"in use|still has|one or more ports",
        "IN_USE",
        "Something still uses a part of this cluster: remove it, then run again",
    ),
)


def code_and_hint(reason: str, status: str | None) -> tuple[str, str]:
    """The stable code and the way out for a reason in a service's words."""
    for pattern, code, hint in KNOWN_CAUSES:
        if re.search(pattern, reason, re.IGNORECASE):
            return code, hint
    return f"CLUSTER_{status or 'FAILED'}", "Read the reason, remove the cause, then run again"


def own_reason(cluster: Cluster) -> str:
    """The best reason that Magnum itself tells."""
    groups = {group.name: group.status_reason for group in cluster.node_groups if Status.failed(group.status)}
    for found in (dict(cluster.faults), groups):
        said = [f"{name}: {text}" for name, text in sorted(found.items()) if text]
        if said:
            return "; ".join(said)
    return cluster.status_reason or "Magnum gives no reason"


def stack_reason(connection: Connection, cluster: Cluster) -> str | None:
    """The reason of the deepest failed resource of the cluster's Heat stacks; None when there is no such stack."""
    try:
        for stack in stacks_of(cluster, Status.failed):
            leaf = _leaf(HeatApi(connection), stack)
            if leaf:
                return leaf
    except KcloudError:
        # An explanation must never hide the failure that it explains.
        return None
    return None


def _leaf(heat: HeatApi, stack: Stack) -> str | None:
    leaves = failed_leaves(heat.resources(stack, nested=True))
    return f"{leaves[0].name} ({leaves[0].type}): {reason_of(heat, leaves[0])}" if leaves else None


def stall_of(connection: Connection, api: MagnumApi, cluster: Cluster, doing: str) -> OperationFailed | None:
    """The error for a cluster that Magnum shows IN_PROGRESS although Heat has ended with its stack, badly; else None.

    Magnum 22 does that for ever with a new node group of which one node got no address: it stumbles over the missing one.
    Asks about the stacks of the node groups in progress only; one that failed earlier is nobody's stall. To be believed
    when it is found twice, some time apart: Magnum itself looks every 10 s.
    """
    try:
        groups = [group for group in api.node_groups(cluster, detailed=False) if Status.in_progress(group.status)]
        for group in groups:
            if not UUID.match(group.stack_id or ""):
                continue
            heat = HeatApi(connection)
            stack = heat.get(Stack(id=group.stack_id or "", name="", status=""))
            if stack is not None and stack.failed:
                return _stalled(cluster, group, stack, _leaf(heat, stack) or stack.status_reason, doing)
    except KcloudError:
        # Only a look aside from the wait: when nobody answers, the wait goes on without it.
        return None
    return None


def _stalled(cluster: Cluster, group: NodeGroup, stack: Stack, reason: str | None, doing: str) -> OperationFailed:
    code, hint = code_and_hint(reason or "", stack.status)
    return OperationFailed(
        f"Failed to {doing}: Heat ended with {stack.status}, and Magnum still shows {cluster.status}",
        code=code,
        resource=f"node_group/{cluster.name}/{group.name}",
        reason=reason,
        hint=f"{hint}. Magnum does not notice by itself: delete {'the cluster' if group.is_default else 'the node group'} first",
        status=cluster.status,
        stack=stack.name,
        stack_status=stack.status,
    )


def failure_of(connection: Connection, cluster: Cluster, doing: str) -> OperationFailed:
    """The error for a cluster in a FAILED state.

    :param cluster: read singly and with its node groups in detail: only that shows ``faults`` and reasons.
    :param doing: an infinitive that completes "Failed to ...".
    """
    reason = stack_reason(connection, cluster) or own_reason(cluster)
    code, hint = code_and_hint(reason, cluster.status)
    if cluster.status == "CREATE_FAILED" and "recreate" not in hint:
        hint += "; a cluster in CREATE_FAILED can only be deleted: 'recreate: true' does that and creates it again"
    return OperationFailed(
        f"Failed to {doing}: the cluster is {cluster.status}",
        code=code,
        resource=f"cluster/{cluster.name}",
        reason=reason,
        hint=hint,
        status=cluster.status,
        status_reason=cluster.status_reason,
        faults=dict(cluster.faults),
    )
