# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nothing may be taken away from: clusters, groups and nodes that are protected, or of which too little is known.

Yes/no and why-not are one function. Whatever is not known speaks against taking it away, never for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import fixes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import state_violations
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Cluster,
    Fix,
    Group,
    Node,
    Violation,
)

# Why something is not taken away. Closed, stable, and the order in which an answer lists them.
CODES = (
    "CLUSTER_NOT_READY",
    "CLUSTER_UNHEALTHY",
    "HEALTH_UNKNOWN",
    "CLUSTER_LOCKED",
    "OWNER_UNKNOWN",
    "NODE_NOT_READY",
    "NODE_PROTECTED",
    "NODE_ID_MISSING",
    "OCCUPANTS_UNKNOWN",
    "METRICS_MISSING",
    "WORKLOAD_PINNED",
    "GROUP_MIN",
    "LAST_WORKER",
    "GROUP_MAX",
    "QUOTA_SHORT",
    "AUTOSCALED",
    "NO_ROOM",
    "ISOLATION",
    "LATENCY",
    "SPREAD",
    "UTILIZATION_AFTER",
    "NOT_UNNEEDED_YET",
    "SCALED_OUT_FOR_IT",
    "SCALED_OUT_RECENTLY",
    "FAILED_RECENTLY",
    "RUN_LIMIT",
    "NO_PARTNER",
    "NO_PRESSURE",
    "NO_TYPE",
    "SCORE_LOW",
    "SAVING_LOW",
    "PAYBACK_LONG",
    "PLACEMENTS_UNKNOWN",
    "HAS_WORKLOADS",
    "BUSY",
    "IDLE_TOO_SHORT",
    "NO_WORKERS",
    "PARKED_IN_PART",
    "PERSISTENT",
    "PROTECTED",
    "EXEMPT",
    "TOO_YOUNG",
    "NOT_ALLOWED",
    "WORKING_HOURS",
    "GRACE",
)
# A node on which nothing is said to stand, and that does this much per mille all the same, is not understood.
BUSY = 100
ORDER = {code: index for index, code in enumerate(CODES)}


@dataclass(frozen=True)
class Care:
    """How much must be known before anything is taken away.

    ``require_health`` refuses clusters whose health is bad or unknown, ``require_metrics`` nodes that nobody measured.
    """

    require_health: bool = True
    require_metrics: bool = True


# As careful as can be: what is not known speaks against taking anything away.
CAREFUL = Care()


def remedy(change: str, sentence: str, **values: Any) -> Fix:
    """A fix, as data and as a sentence."""
    return Fix(change, tuple(sorted(values.items())), sentence)


def against(
    code: str, need: int | str, have: int | str, change: str, sentence: str, unit: str = "", **values: Any
) -> Violation:
    """One reason against taking something away; numbers also say how much is missing."""
    short = abs(need - have) if isinstance(need, int) and isinstance(have, int) else None
    return Violation(code, need, have, short, unit, remedy(change, sentence, **values))


def ordered(found: Iterator[Violation] | list[Violation] | tuple[Violation, ...]) -> tuple[Violation, ...]:
    """In the order of CODES."""
    return tuple(sorted(found, key=lambda violation: (ORDER[violation.code], violation.fix.sentence)))


def cluster_guards(cluster: Cluster, care: Care) -> Iterator[Violation]:
    """What protects a whole cluster: its state, its health, its labels."""
    yield from state_violations(cluster.status, "")
    if care.require_health and cluster.health != "HEALTHY":
        if cluster.health == "UNHEALTHY":
            yield Violation("CLUSTER_UNHEALTHY", "HEALTHY", cluster.health, None, "", fixes.heal())
        else:
            yield against(
                "HEALTH_UNKNOWN",
                "HEALTHY",
                cluster.health or "unknown",
                "heal",
                "have the cluster's health measured, or set 'require_health: false'",
            )
    if cluster.locks:
        yield Violation("CLUSTER_LOCKED", "unlocked", ", ".join(cluster.locks), None, "", fixes.unlock(cluster.locks))


def owner_guards(cluster: Cluster) -> Iterator[Violation]:
    """What goes must belong to somebody who is known."""
    if not cluster.project:
        yield against("OWNER_UNKNOWN", "a project", "unknown", "name_owner", "find out whose cluster it is: project_id")


def taking_guards(cluster: Cluster, care: Care) -> tuple[Violation, ...]:
    """What protects a cluster and all its nodes from being taken away."""
    return (*cluster_guards(cluster, care), *owner_guards(cluster))


def last_worker(cluster: Cluster, sentence: str) -> Violation:
    """A cluster without any worker is of no use, and its addons have nowhere to run."""
    return against("LAST_WORKER", 1, 0, "allow_empty", f"{sentence}, or delete cluster {cluster.name}", "nodes")


def group_guards(group: Group) -> Iterator[Violation]:
    """What protects a group: its state."""
    yield from state_violations(group.status, group.name)


def node_guards(node: Node, care: Care) -> Iterator[Violation]:
    """What protects one node: its labels, who stands there, and everything that nobody knows of it."""
    about = {"node": node.name}
    if node.locks:
        locks = ", ".join(node.locks)
        yield against("NODE_PROTECTED", "unlocked", locks, "unlock", f"take the protection away: {locks}", **about)
    if not node.ready:
        yield against("NODE_NOT_READY", "ready", "not ready", "repair", f"repair node {node.name} first", **about)
    if not node.id:
        yield against(
            "NODE_ID_MISSING",
            "the node's id",
            "none",
            "name_nodes",
            "name the node: without ids a cloud removes nodes of its own choice",
            **about,
        )
    unexplained = not node.pods and (node.load or 0) >= BUSY
    if not node.known or unexplained:
        yield against(
            "OCCUPANTS_UNKNOWN",
            "all workloads on it",
            f"nothing, yet it is busy at {(node.load or 0) / 10:g} %" if unexplained else "not known",
            "give_placements",
            f"list in 'placements' all workloads on node {node.name}, with 'node'",
            **about,
        )
    if care.require_metrics and node.load is None:
        yield against(
            "METRICS_MISSING",
            "a measured utilisation",
            "none: it counts as busy",
            "measure",
            f"give the utilization of node {node.name}, or set 'require_metrics: false'",
            **about,
        )
    pinned = tuple(sorted({pod.workload for pod in node.pods if pod.pinned}))
    if pinned:
        names = ", ".join(pinned)
        yield against("WORKLOAD_PINNED", "may move", names, "unpin", f"let these be moved: {names}", workloads=pinned)
