# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What batch planning thinks in: many workloads, the places they may take, and the plan for all of them.

Identical things are counted together. Workloads that differ in nothing but their names are one ``Kind``; node groups that
no kind can tell apart are one pool. A ``Site`` is one node group of a cluster that is there, or of one that could be made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import device_rate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import (
    Memo,
    cluster_violations,
    state_violations,
    taint_violations,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import new_cluster, type_seats
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Cluster,
    Flavor,
    Fleet,
    Group,
    Part,
    Policy,
    Prices,
    Request,
    Rooms,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.shortage import can_carry


@dataclass(frozen=True)
class Batch:
    """All that a decision about many workloads depends on, in order of their names.

    ``effort`` is how long the search may go on, in thousands of steps; ``solver`` tells whether HiGHS may be used. ``seconds``
    is how long everything together may take at the worst: meant to be more than the steps need. ``compare`` asks what placing one after the other comes to.
    """

    workloads: tuple[Workload, ...]
    fleet: Fleet
    policy: Policy
    effort: int = 20
    solver: bool = True
    seconds: int = 60
    compare: bool = True


class Kind(NamedTuple):
    """Workloads that only their names tell apart. ``worth`` is what placing one counts, its priority included."""

    workload: Workload
    members: tuple[int, ...]
    worth: int
    size: int


class Site(NamedTuple):
    """A node group as a place: ``host`` is its cluster's place in ``Ground.hosts``, ``most`` how many nodes it can get more."""

    host: int
    group: Group
    most: int


class Host(NamedTuple):
    """A cluster that is there, or (``recipe``) one that can be made, as often as wanted."""

    cluster: Cluster
    sites: tuple[int, ...]
    recipe: bool

    @property
    def price(self) -> int:
        """What making it costs per hour: its control plane, and every group at its least."""
        masters = self.cluster.masters
        least = sum(group.flavor.price * group.min_count for group in self.cluster.groups)
        return least + (masters[0].price * masters[1] if masters else 0)


Option = tuple[int, ...]


@dataclass(frozen=True)
class Ground:
    """A batch with its kinds, hosts and sites, and for each kind its options: which sites its parts may take together."""

    batch: Batch
    kinds: tuple[Kind, ...]
    hosts: tuple[Host, ...]
    sites: tuple[Site, ...]
    options: tuple[tuple[tuple[tuple[Part, ...], Option], ...], ...]

    @cached_property
    def pools(self) -> tuple[int, ...]:
        """The number of each site's pool: sites of one flavor that the same kinds may enter, recipes apart."""
        entering: list[list[tuple[int, int, int]]] = [[] for _site in self.sites]
        for kind, options in enumerate(self.options):
            for form, option in options:
                for position, site in enumerate(option):
                    entering[site].append((kind, len(form), position))
        keys = [
            (site.group.flavor.name, site.host if self.hosts[site.host].recipe else -1, tuple(sorted(set(who))))
            for site, who in zip(self.sites, entering)
        ]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return tuple(numbers[key] for key in keys)


# --- kinds


def kinds_of(batch: Batch) -> tuple[Kind, ...]:
    """The workloads of which replicas have no place yet, alike ones together, in order of their first name.

    One that stands and asks for more is a kind of its own, of the replicas that are missing: it grows where it stands.
    """
    found: dict[Workload, list[int]] = {}
    for index, workload in enumerate(batch.workloads):
        if workload.home is None:
            found.setdefault(replace(workload, name="", labels=(), notes=()), []).append(index)
        elif workload.missing:
            found[replace(workload, replicas=workload.missing, labels=(), notes=())] = [index]
    plain = {workload: worth(workload, batch.policy.prices) for workload in found}
    factors = priorities((workload.priority, plain[workload], len(members)) for workload, members in found.items())
    return tuple(
        Kind(workload, tuple(members), plain[workload] * factors[workload.priority], size(workload))
        for workload, members in found.items()
    )


def priorities(entries: Iterable[tuple[int, int, int]]) -> dict[int, int]:
    """A factor for each priority, so that one workload of it counts more than all of lower priorities together.

    :param entries: (priority, worth, how many) of each kind; a lowest priority of 0 has the factor 1.
    """
    levels: dict[int, list[tuple[int, int]]] = {}
    for priority, value, count in entries:
        levels.setdefault(priority, []).append((value, count))
    factors: dict[int, int] = {}
    below = 0
    for priority in sorted(levels):
        factors[priority] = below // min(value for value, _count in levels[priority]) + 1
        below += factors[priority] * sum(value * count for value, count in levels[priority])
    return factors


def worth(workload: Workload, prices: Prices) -> int:
    """What placing a workload counts beside others of its priority: its resources at component rates.

    Where a demand names models the cheapest counts.
    """
    total = 0
    for part in workload.forms[-1]:
        total += prices.vcpu * part.cpu_m // 1000 + prices.gib * part.mem_mib // 1024
        for demand in part.demands:
            names = demand.models or (demand.kind,)
            each = min(device_rate(prices, demand.kind, name, prices.vcpu)[0] for name in names)
            total += each * demand.count * demand.share // WHOLE
    return max(1, total * workload.replicas)


def size(workload: Workload) -> int:
    """How hard a workload is to seat: milli-devices first, then CPU and memory."""
    return sum(
        sum(demand.count * demand.share for demand in part.demands) * 1_000_000 + part.cpu_m * 4 + part.mem_mib
        for part in workload.forms[-1]
    )


# --- places


def ground_of(batch: Batch) -> Ground:
    """The kinds of a batch and all places that they may take."""
    kinds = kinds_of(batch)
    hosts: list[Host] = []
    sites: list[Site] = []

    def host(cluster: Cluster, recipe: bool) -> None:
        first = len(sites)
        for group in cluster.groups:
            most = MANY if group.max_count is None else max(0, group.max_count - max(group.count, group.min_count))
            sites.append(Site(len(hosts), group, most if recipe or at_rest(group) else 0))
        hosts.append(Host(cluster, tuple(range(first, len(sites))), recipe))

    for cluster in batch.fleet.clusters:
        host(cluster, False)
    for cluster in recipes(batch.fleet, kinds):
        host(cluster, True)
    entry = Entry(batch)
    options = tuple(tuple(entry.options(kind.workload, hosts, sites)) for kind in kinds)
    return Ground(batch, kinds, tuple(hosts), tuple(sites), options)


# Where nobody says how many nodes a group may have
MANY = 10_000


def at_rest(group: Group) -> bool:
    return next(state_violations(group.status, group.name), None) is None


def recipes(fleet: Fleet, kinds: tuple[Kind, ...]) -> tuple[Cluster, ...]:
    """Every cluster that could be made for one of the kinds, each once."""
    forms = dict.fromkeys(form for kind in kinds for form in kind.workload.forms)
    found: dict[tuple[object, ...], Cluster] = {}
    for cluster_type in fleet.types:
        for form in forms:
            for seated in type_seats(form, cluster_type.groups):
                if all(can_carry(part, flavor) for part, (_group, flavor) in zip(form, seated)):
                    cluster = new_cluster(fleet, cluster_type, form, seated).cluster
                    key = (cluster.type, cluster.template, tuple(group.flavor.name for group in cluster.groups))
                    found.setdefault(key, cluster)
    return tuple(found.values())


class Entry:
    """Who may enter what: the judge's own rules, asked once for everything that they depend on."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.memos: dict[tuple[object, ...], Memo] = {}
        self.joinable: dict[tuple[object, ...], dict[int, bool]] = {}
        self.opened: dict[tuple[object, ...], bool] = {}
        self.carried: dict[tuple[Part, str], bool] = {}

    def options(
        self, workload: Workload, hosts: list[Host], sites: list[Site]
    ) -> list[tuple[tuple[Part, ...], Option]]:
        """The ways to give each part of a workload a site; the parts of one lie in one cluster, in different groups."""
        found = []
        key = (workload.isolation, workload.latency_ms, workload.name)
        request = Request(workload, self.batch.fleet, self.batch.policy)
        joinable = self.joinable.setdefault(key, {})
        for number, host in enumerate(hosts):
            if workload.home and host.cluster.id != workload.home[0]:
                continue
            if number not in joinable:
                joinable[number] = not cluster_violations(request, host.cluster, self.memos.setdefault(key, {}))
            if not joinable[number]:
                continue
            able = [site for site in host.sites if self.may_enter(workload, sites[site].group)]
            for form in workload.forms:
                found += [(form, option) for option in self.seats(form, able, sites)]
        return found

    def seats(self, form: tuple[Part, ...], able: list[int], sites: list[Site]) -> list[Option]:
        chosen: list[Option] = [()]
        for part in form:
            places = [site for site in able if self.carries(part, sites[site].group.flavor)]
            chosen = [(*before, site) for before in chosen for site in places if site not in before]
        return chosen

    def may_enter(self, workload: Workload, group: Group) -> bool:
        key = (workload.tolerations, group.taints, group.status)
        if key not in self.opened:
            untainted = next(taint_violations(group, workload.tolerations), None) is None
            self.opened[key] = untainted and at_rest(group)
        return self.opened[key]

    def carries(self, part: Part, flavor: Flavor) -> bool:
        key = (part, flavor.name)
        if key not in self.carried:
            self.carried[key] = can_carry(part, flavor)
        return self.carried[key]


# --- the plan


class Seat(NamedTuple):
    """One part of a workload on one node group, with how many of its replicas sit on nodes that are opened for the plan.

    ``nodes`` has an entry for each replica: the number of its node in the group, running ones first, in the order of the
    group's rooms.
    """

    part: Part
    host: int
    group: str
    on_new: int
    nodes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Growth:
    """A node group, how many nodes it has before and after, and what is free on them then."""

    group: Group
    before: int
    after: int
    rooms: Rooms


@dataclass(frozen=True)
class Planned:
    """A cluster with a part in the plan. ``new`` numbers those that are to be made, from 1."""

    cluster: Cluster
    groups: tuple[Growth, ...]
    workloads: tuple[int, ...]
    new: int | None = None


@dataclass(frozen=True)
class Proof:
    """How good a plan is known to be. Costs are those of nodes that it opens, worth as in ``Kind``.

    ``bound`` is a cost below which no plan can place as much, ``most_worth`` what no plan can pass. ``limit`` is what ended
    the search for a better one: nothing (it met the bound), ``steps``, ``solver`` (and then the steps) or ``clock``.
    """

    cost: int
    bound: int
    worth: int
    most_worth: int
    method: str
    limit: str = ""

    @property
    def exhausted(self) -> bool:
        """Whether the clock had a say: nothing else depends on the machine."""
        return self.limit == "clock"

    @property
    def proven(self) -> bool:
        return self.worth == self.most_worth and self.cost == self.bound


@dataclass(frozen=True)
class BatchPlan:
    """Where everybody goes: ``places`` holds for each workload the number of its cluster in ``clusters``, or None.

    ``singly`` is what placing one after the other would have come to: (cost, worth without a place).
    """

    batch: Batch
    clusters: tuple[Planned, ...]
    places: tuple[int | None, ...]
    seats: tuple[tuple[Seat, ...], ...]
    proof: Proof
    total_worth: int
    singly: tuple[int, int] | None
