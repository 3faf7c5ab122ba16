# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What scaling thinks in: the question, the rules, what one run tells the next, the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import CAREFUL, Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Cluster,
    Fleet,
    Group,
    Node,
    Part,
    Policy,
    Violation,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import Move, Place

Key = tuple[str, str]


@dataclass(frozen=True)
class Rules:
    """When to scale. Times in seconds, shares per mille. ``run_percent`` of all nodes, and of the nodes of each cluster, may
    go in one run (at least one). ``empty_clusters`` allows that a cluster loses its last worker."""

    unneeded_s: int = 600
    after_scale_out_s: int = 600
    after_failure_s: int = 180
    run_percent: int = 10
    out_above: int = 850
    in_below: int = 700
    care: Care = CAREFUL
    empty_clusters: bool = False


@dataclass(frozen=True)
class Unneeded:
    """A node that was not needed, since when, and how often that was seen."""

    place: Place
    since: int
    seen: int


@dataclass(frozen=True)
class Opened:
    """Nodes that were opened for a pending workload where the workloads on the others are not known.

    ``count`` is how many nodes the group has with them: while it has as many, they are there.
    """

    workload: str
    replicas: int
    cluster: str
    group: str
    count: int


@dataclass(frozen=True)
class Memory:
    """What one run tells the next. Times in seconds of one clock; ``at`` is None for a first run. ``kept`` tells that the
    caller passes a memory on, be it empty."""

    at: int | None = None
    unneeded: tuple[Unneeded, ...] = ()
    scaled_out: tuple[tuple[str, int], ...] = ()
    failed: tuple[tuple[str, int], ...] = ()
    counts: tuple[tuple[Key, int], ...] = ()
    opened: tuple[Opened, ...] = ()
    kept: bool = True


@dataclass(frozen=True)
class Question:
    """All that the decision depends on. ``expected`` are workloads to come, ``usage`` predicted shares, per mille, of what
    a group's nodes offer now, by (cluster's id, group)."""

    fleet: Fleet
    policy: Policy
    pending: tuple[Workload, ...] = ()
    expected: tuple[Workload, ...] = ()
    usage: tuple[tuple[Key, int], ...] = ()
    rules: Rules = Rules()
    memory: Memory = Memory()
    now: int = 0


@dataclass(frozen=True)
class GroupPlan:
    """What becomes of one node group. ``used`` is per mille now, ``expected`` per mille with what is to come, ``after`` when
    the plan is carried out. ``bounds`` (least, most) are moved in place of the number where an autoscaler owns that."""

    cluster: Cluster
    group: Group
    action: str
    target: int
    used: int
    expected: int
    after: int
    removed: tuple[Node, ...] = ()
    bounds: tuple[int, int | None] | None = None
    why: tuple[str, ...] = ()
    why_not: tuple[Violation, ...] = ()


@dataclass(frozen=True)
class NodePlan:
    """Whether one node could go. ``unneeded`` tells that it could but for time and order."""

    place: Place
    node: Node
    goes: bool
    unneeded: bool
    moves: tuple[Move, ...] = ()
    why: tuple[str, ...] = ()
    why_not: tuple[Violation, ...] = ()
    turn: int = 0


@dataclass(frozen=True)
class Placed:
    """A pending or expected workload with its place: replicas of each part by group.

    ``opens`` are the groups that grow for it. ``earlier`` counts replicas for which a run before opened nodes.
    """

    workload: Workload
    cluster: str
    seats: tuple[tuple[Part, str, int], ...]
    opens: tuple[str, ...] = ()
    earlier: int = 0


@dataclass(frozen=True)
class Waiting:
    """A workload for which nothing is opened in this run, although nobody knows of a place for it."""

    workload: Workload
    cluster: str
    group: str
    why_not: Violation


class Arrangement(NamedTuple):
    """The fleet with all that is pending and expected in it, grown where needed; who is placed, who finds no place, and who
    waits."""

    fleet: Fleet
    placed: tuple[Placed, ...]
    unplaced: tuple[tuple[Workload, tuple[Violation, ...]], ...]
    waiting: tuple[Waiting, ...]
    opened: tuple[Opened, ...]


@dataclass(frozen=True)
class Scaling:
    """The answer. ``arrivals`` say on which nodes the replicas of ``placed`` (by number) sit where no node is opened."""

    question: Question
    action: str
    groups: tuple[GroupPlan, ...]
    nodes: tuple[NodePlan, ...]
    unplaced: tuple[tuple[Workload, tuple[Violation, ...]], ...]
    memory: Memory
    placed: tuple[Placed, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    arrivals: tuple[tuple[int, Part, Place], ...] = ()
