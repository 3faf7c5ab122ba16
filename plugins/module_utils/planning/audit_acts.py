# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the auditor reads and says: the acts of a plan, the limits beside the fleet's own, the rules, and their breaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Union

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Cluster, Part, Pod

# Every rule that the auditor knows, and what it demands.
RULES = {
    "CLUSTER_NOT_READY": "a cluster or node group that takes part is *_COMPLETE",
    "CLUSTER_UNHEALTHY": "where health is required, a cluster that takes part is healthy",
    "CLUSTER_LOCKED": "a protected cluster takes no part",
    "OCCUPANTS_UNKNOWN": "a node is used or closed only if the workloads on it are known",
    "CPU_SHORT": "a node has the CPU for all workloads on it",
    "MEM_SHORT": "a node has the memory for all workloads on it",
    "DEVICES_SHORT": "a node has the devices, whole or in parts, for all workloads on it",
    "ISOLATION": "a workload has the node, the cluster or the project for itself that it asks for",
    "LATENCY": "a cluster is as near as the workload asks",
    "TAINT": "a workload tolerates the taints of its node group",
    "GANG_SPLIT": "all replicas have a place, or none",
    "GROUP_MAX": "a node group does not grow beyond its bounds",
    "GROUP_MIN": "a node group does not shrink below its bounds",
    "QUOTA_SHORT": "all that is opened together fits the quotas and the free accelerators",
    "NODE_PROTECTED": "a protected node is neither closed nor filled by moves",
    "NODE_NOT_READY": "a node that is not ready is neither closed nor filled",
    "WORKLOAD_PINNED": "a workload that must not move stays",
    "NOT_THERE": "a workload moves only from a node that it runs on",
    "HAS_WORKLOADS": "a node is closed when no workload runs on it",
    "SPREAD": "replicas on several nodes do not all end on one node",
    "UTILIZATION_AFTER": "the measured use fits the nodes that stay",
    "RUN_LIMIT": "a run closes no more nodes, of all and of one cluster, than it may",
    "LAST_WORKER": "a cluster keeps its last worker, unless the whole cluster is deleted",
    "NO_PARTNER": "work does not move from one project to another",
}


class Breach(NamedTuple):
    """One rule that a plan breaks: ``code`` from RULES, of which object, and the numbers or texts that disagree."""

    code: str
    object: str
    need: int | str
    have: int | str


@dataclass(frozen=True)
class Limits:
    """What a plan must keep beside the fleet's own limits. None and empty values mean no limit.

    ``full`` is the highest measured use afterwards, per mille. ``run_percent`` counts closed nodes.
    """

    require_health: bool = False
    run_percent: int | None = None
    full: int | None = None
    keep_last: bool = False


# --- what a plan does


class Grow(NamedTuple):
    """A node group that stands gets more nodes. ``bounded`` is false where the plan moves the bounds as well."""

    cluster: str
    group: str
    count: int
    bounded: bool = True


class Make(NamedTuple):
    """A cluster is made; ``counts`` are (group, nodes). Later acts call it by ``identity``."""

    identity: str
    cluster: Cluster
    counts: tuple[tuple[str, int], ...]


class Seat(NamedTuple):
    """Replicas of a part in a group, on the nodes of these names; without names the auditor looks for nodes itself."""

    part: Part
    group: str
    replicas: int
    nodes: tuple[str, ...] | None = None


class Admit(NamedTuple):
    """A workload enters a cluster. ``asked`` is how many replicas of each part need a place."""

    workload: str
    isolation: str
    tolerations: tuple[str, ...]
    latency_ms: int | None
    cluster: str
    asked: int
    seats: tuple[Seat, ...]


class Shift(NamedTuple):
    """One replica moves from a node to a node; nodes are (cluster, group, name)."""

    pod: Pod
    source: tuple[str, str, str]
    target: tuple[str, str, str]


class Close(NamedTuple):
    """A node goes."""

    place: tuple[str, str, str]


class Drop(NamedTuple):
    """A cluster goes with all that is left of it."""

    cluster: str


Act = Union[Grow, Make, Admit, Shift, Close, Drop]  # noqa: UP007 - pylint does not know `|` between these classes
