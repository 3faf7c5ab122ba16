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
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.activity import stacks_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import Cluster, Status

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
            heat = HeatApi(connection)
            leaves = failed_leaves(heat.resources(stack, nested=True))
            if leaves:
                return f"{leaves[0].name} ({leaves[0].type}): {reason_of(heat, leaves[0])}"
    except KcloudError:
        # An explanation must never hide the failure that it explains.
        return None
    return None


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
