# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the planner thinks in: frozen data, integers only.

Units are in the names: ``cpu_m`` milli-CPU, ``mem_mib`` MiB, ``_mw`` milliwatts; devices count in milli-devices
(1000 is a whole one), money in millionths of the currency per hour. Nodes that are alike are counted, never listed:
a group's nodes are ``((room, how many), ...)``. Cached properties are derived: they are not part of a value. What is hashed
and compared most (a room, a part, its demands), and what a decision makes by the hundred (a candidate, its steps, its
verdict), is a named tuple, which is made in a quarter of the time; all else is a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import ClusterState

WHOLE = 1000
# A latency that asks nothing
UNBOUND = -1
KINDS = ("gpu", "npu")
ISOLATION = ("none", "node", "cluster", "project")
ACTIONS = ("use", "scale", "create")

# Why a candidate is refused. Closed, stable, and the order in which an answer lists them.
CODES = (
    "CLUSTER_NOT_READY",
    "CLUSTER_UNHEALTHY",
    "CLUSTER_LOCKED",
    "METRICS_MISSING",
    "OCCUPANTS_UNKNOWN",
    "WRONG_ACCEL_KIND",
    "WRONG_ACCEL_MODEL",
    "DEVICE_COUNT_PER_NODE",
    "DEVICE_SHARE_FRAGMENTED",
    "CPU_SHORT",
    "MEM_SHORT",
    "POWER_BUDGET",
    "ISOLATION",
    "LATENCY",
    "GANG_SPLIT",
    "GROUP_MAX",
    "QUOTA_SHORT",
    "TAINT",
    "PRICE_CAP",
)


class Accelerator(NamedTuple):
    """The accelerators of one model that each node of a flavor carries.

    ``mem_mib`` is one device's memory, 0 when not known; ``span_mw`` is what one device draws between idle and busy.
    """

    kind: str
    model: str
    count: int
    mem_mib: int = 0
    shareable: bool = False
    span_mw: int = 0


class Room(NamedTuple):
    """What is free on a node. ``devices`` has one entry per accelerator of the flavor: the free part of each device,
    largest first. ``busy`` tells that somebody stands there already."""

    cpu_m: int
    mem_mib: int
    devices: tuple[tuple[int, ...], ...] = ()
    busy: bool = False


Rooms = tuple[tuple[Room, int], ...]


@dataclass(frozen=True)
class Flavor:
    """A kind of node. ``span_mw`` is what the node draws between idle and busy, its accelerators apart.

    ``resources`` are the Placement classes that one node takes, for comparing with what the cloud has free.
    ``price_source`` is ``table``, ``rates``, ``default rates`` or ``rates and default rates``.
    """

    name: str
    cpu_m: int
    mem_mib: int
    accelerators: tuple[Accelerator, ...] = ()
    price: int = 0
    idle_mw: int = 0
    span_mw: int = 0
    resources: tuple[tuple[str, int], ...] = ()
    price_source: str = "table"

    @cached_property
    def max_mw(self) -> int:
        return self.idle_mw + self.span_mw + sum(entry.span_mw * entry.count for entry in self.accelerators)

    @cached_property
    def kinds(self) -> frozenset[str]:
        return frozenset(entry.kind for entry in self.accelerators)

    @cached_property
    def empty(self) -> Room:
        """A node of this flavor on which nobody stands."""
        return Room(self.cpu_m, self.mem_mib, tuple((WHOLE,) * entry.count for entry in self.accelerators))


class Demand(NamedTuple):
    """Accelerators that one replica asks for: ``count`` pieces of ``share`` each; any of ``models``, or any at all.

    ``mem_mib`` is asked of each piece.
    """

    kind: str
    count: int
    share: int = WHOLE
    models: tuple[str, ...] = ()
    mem_mib: int = 0


class Part(NamedTuple):
    """What must lie on one node together."""

    cpu_m: int
    mem_mib: int
    demands: tuple[Demand, ...] = ()


@dataclass(frozen=True)
class Workload:
    """What is to be placed.

    ``forms`` are the ways to cut one replica into parts: whole on one node, or (GPU and NPU asked together) one part
    per kind in the same cluster. ``prefers`` are cluster types, best first. ``home`` is (id of the cluster, group) where it stands,
    among several workloads with ``standing`` of its replicas.
    """

    name: str
    type: str
    forms: tuple[tuple[Part, ...], ...]
    replicas: int = 1
    gang: bool = True
    isolation: str = "none"
    priority: int = 0
    duration_h: int | None = None
    power_budget_mw: int | None = None
    max_cost: int | None = None
    latency_ms: int | None = None
    tolerations: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    home: tuple[str, str] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    standing: int = 0

    @property
    def missing(self) -> int:
        """How many replicas have no place yet."""
        return max(0, self.replicas - self.standing) if self.home else self.replicas


class Tenant(NamedTuple):
    """A workload that stands in a cluster already."""

    workload: str
    isolation: str = "none"


class Pod(NamedTuple):
    """Replicas of one part of a workload that run on one node. ``pinned`` ones must not be moved.

    ``latency_ms`` is what the workload asks of its cluster, UNBOUND where it asks nothing.
    """

    workload: str
    part: Part
    replicas: int = 1
    isolation: str = "none"
    tolerations: tuple[str, ...] = ()
    pinned: bool = False
    latency_ms: int = UNBOUND


@dataclass(frozen=True)
class Node:
    """One node, where decisions are about the very node.

    ``id`` is what Magnum removes it by, empty where nobody says. ``known`` tells that ``pods`` are all that stands there;
    ``load`` is its measured utilisation per mille, None where nobody measured.
    """

    id: str
    name: str
    room: Room
    pods: tuple[Pod, ...] = ()
    known: bool = True
    load: int | None = None
    ready: bool = True
    locks: tuple[str, ...] = ()

    @cached_property
    def moves(self) -> int:
        """How many replicas would have to leave."""
        return sum(pod.replicas for pod in self.pods)


@dataclass(frozen=True)
class Group:
    """A node group. ``rooms`` is what is free on its nodes; ``measured`` tells that the nodes themselves said so.

    ``nodes`` are the same nodes one by one, only where a decision is about the very nodes.

    ``own`` counts the replicas of the very workload to be placed that stand there: their room on measured nodes is taken
    by themselves, on others it was never counted as taken. ``known`` is false where no placements are given and the nodes do
    not say what is free: then its running nodes offer nothing, and nothing of ``own`` needs room there.
    """

    name: str
    flavor: Flavor
    count: int = 0
    min_count: int = 0
    max_count: int | None = None
    rooms: Rooms = ()
    measured: bool = False
    own: int = 0
    taints: tuple[str, ...] = ()
    status: str = "CREATE_COMPLETE"
    nodes: tuple[Node, ...] = ()
    known: bool = True


@dataclass(frozen=True)
class Cluster:
    """A cluster, or (without id) one that could be created: then its groups are empty and ``masters`` must be paid.

    ``made_for`` are the workloads that it was made for, each as (identity, replicas): its label says so. ``state`` is what
    whoever acts on it compares; None where the given data do not tell it all.
    """

    id: str
    name: str
    type: str
    groups: tuple[Group, ...] = ()
    template: str = ""
    status: str = "CREATE_COMPLETE"
    health: str = ""
    locks: tuple[str, ...] = ()
    project: str = ""
    latency_ms: int | None = None
    autoscaled: bool = False
    tenants: tuple[Tenant, ...] = ()
    masters: tuple[Flavor, int] | None = None
    made_for: tuple[tuple[str, int], ...] = ()
    # Says again what the other fields say
    state: ClusterState | None = field(default=None, compare=False)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of nodes it has: accelerators' kinds, and cpu for nodes without."""
        return frozenset(kind for group in self.groups for kind in group.flavor.kinds or ("cpu",))


@dataclass(frozen=True)
class TypeGroup:
    """A node group that every cluster of a type has, with the flavors it may take."""

    name: str
    flavors: tuple[Flavor, ...]
    min_count: int = 0
    max_count: int | None = None


@dataclass(frozen=True)
class ClusterType:
    """A recipe for new clusters: a declared type, or a template where no types are declared."""

    name: str
    groups: tuple[TypeGroup, ...]
    template: str = ""
    masters: tuple[Flavor, int] | None = None
    masters_guessed: bool = False
    objective: tuple[tuple[str, int], ...] = ()
    latency_ms: int | None = None
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Quota:
    """A limit of the project and how much of it is used."""

    resource: str
    limit: int
    used: int


@dataclass(frozen=True)
class Prices:
    """Component rates, in millionths per hour: of a vCPU, a GiB, a device by model or kind; and prices of flavors.

    ``volume_gib`` and ``floating_ip`` are those of what clusters have beside their nodes; decisions do not depend on them.
    """

    vcpu: int
    gib: int
    devices: tuple[tuple[str, int], ...] = ()
    flavors: tuple[tuple[str, int], ...] = ()
    currency: str = ""
    source: str = "default rates"
    vcpu_given: bool = False
    gib_given: bool = False
    volume_gib: int | None = None
    floating_ip: int | None = None


@dataclass(frozen=True)
class Fleet:
    """Everything that is there or could be made. ``free`` are Placement's free accelerators by resource class.

    ``standing`` are the parts of workloads that stand somewhere, with their replicas: what the fleet is used for.
    ``blind`` is why telemetry says nothing of it, where nothing else does; empty otherwise.
    """

    flavors: tuple[Flavor, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    types: tuple[ClusterType, ...] = ()
    quotas: tuple[Quota, ...] = ()
    free: tuple[tuple[str, int], ...] = ()
    project: str = ""
    standing: tuple[tuple[Part, int], ...] = ()
    notes: tuple[str, ...] = ()
    blind: str = ""


@dataclass(frozen=True)
class Policy:
    """How to judge. A different cluster must be ``keep_percent`` better to replace a standing placement."""

    prices: Prices
    require_health: bool = False
    keep_percent: int = 5


@dataclass(frozen=True)
class Request:
    """All that a decision depends on."""

    workload: Workload
    fleet: Fleet
    policy: Policy


class Slot(NamedTuple):
    """One part of the workload in one group."""

    part: Part
    group: Group


class Candidate(NamedTuple):
    """One thing that could be done: ``use`` a cluster as it is, ``scale`` groups of it, ``create`` one."""

    action: str
    cluster: Cluster
    slots: tuple[Slot, ...]

    @property
    def name(self) -> str:
        """What people read."""
        groups = "+".join(slot.group.name for slot in self.slots)
        if self.action == "create":
            flavors = "+".join(slot.group.flavor.name for slot in self.slots)
            by = f" by {self.cluster.template}" if self.cluster.template else ""
            return f"create {self.cluster.type}{by}/{groups} ({flavors})"
        return f"{self.action} {self.cluster.name}/{groups}"


class Fix(NamedTuple):
    """The smallest change that removes a violation: ``change`` with its ``values``, and a sentence that says it."""

    change: str
    values: tuple[tuple[str, Any], ...]
    sentence: str

    def value(self, name: str) -> Any:
        return dict(self.values)[name]


class Violation(NamedTuple):
    """One reason against a candidate. ``need``, ``have`` and ``short_by`` are in ``unit``, or texts without one."""

    code: str
    need: int | str
    have: int | str
    short_by: int | None
    unit: str
    fix: Fix


class Step(NamedTuple):
    """What a candidate does to one group: nodes from ``before`` to ``after``, for a part of the workload.

    ``seats`` are the replicas that need room, ``new`` those of them that do not run there yet. ``flavor`` is another
    than the group's where the group's cannot carry the part.
    """

    part: Part
    group: Group
    flavor: Flavor
    seats: int
    new: int
    before: int
    after: int

    @property
    def replaced(self) -> bool:
        return self.flavor is not self.group.flavor


class Verdict(NamedTuple):
    """A candidate judged. Cost and power are what it adds; None where its flavor cannot carry the workload at all."""

    candidate: Candidate
    steps: tuple[Step, ...]
    opened: tuple[tuple[Flavor, int], ...]
    cost: int | None
    power_mw: int | None
    why_not: tuple[Violation, ...] = ()

    @property
    def feasible(self) -> bool:
        return not self.why_not


class Ranked(NamedTuple):
    """A verdict with its place: ``rank`` 1 is the best, None is infeasible; ``terms`` are the values of Decision.terms."""

    verdict: Verdict
    rank: int | None = None
    why: tuple[str, ...] = ()
    terms: tuple[int, ...] = ()


@dataclass(frozen=True)
class Decision:
    """The answer: ``ranking`` over every candidate, and which of them is chosen, new, next best.

    ``terms`` are the names of what feasible candidates are compared by: the first that differs decides.
    """

    request: Request
    ranking: tuple[Ranked, ...] = ()
    chosen: Ranked | None = None
    new: Ranked | None = None
    runner_up: Ranked | None = None
    stays: bool = False
    terms: tuple[str, ...] = ()
