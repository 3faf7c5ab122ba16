# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A batch as one programme over pools: how many of each kind in which pool, and how many nodes more.

Identical things are counted, never listed: groups of one flavor that the same kinds may enter are one pool, its empty
nodes one large node, its partly taken nodes another per number of free devices. That is a relaxation: whatever can be
done can be done here too, so its optimum bounds every plan. Rounding of sizes is seen by dual feasible functions
(Fekete and Schepers 2001): of parts larger than a half a node holds one, of those larger than a third two, and so on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import ceil, gcd
from typing import Any, NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import (
    MANY,
    Ground,
    Kind,
    Option,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import nodes_for
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.integer import Name, Programme, Solution
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.local_search import Guide, alone_in
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Flavor,
    Part,
    Room,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import capacity, piece, serves

# How finely rounding of sizes is seen
FINEST = 3
FINEST_SHARES = 9
Amounts = dict[str, int]


class Bucket(NamedTuple):
    """Running nodes of a pool that count as one large node."""

    pool: int
    key: tuple[Any, ...]


class Aggregate:
    """The programme, and what its solution means."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.programme = Programme()
        self.flavors: dict[int, Flavor] = {}
        self.rooms: dict[Bucket, dict[Room, int]] = defaultdict(dict)
        self.left: dict[int, int] = defaultdict(int)
        self.recipes = [number for number, host in enumerate(ground.hosts) if host.recipe]
        self.useful = self._useful()
        # Where nothing can be opened, counts need not be whole: it is a bound of the work, and there is much of it
        self.whole = bool(self.recipes) or any(ground.sites[site].most for site in self.useful)
        self._limits()
        self._pools()
        self._kinds()
        self._drop_idle_rows()
        self.programme.costs = {name: value / MICRO for name, value in self.prices.items()}

    def _useful(self) -> set[int]:
        return {site for options in self.ground.options for _form, option in options for site in option}

    # --- what there is

    def _limits(self) -> None:
        fleet = self.ground.batch.fleet
        self.prices: dict[Name, int] = {}
        self.limits = {quota.resource: max(0, quota.limit - quota.used) for quota in fleet.quotas}
        self.limits |= dict(fleet.free)
        for resource, have in self.limits.items():
            self.programme.row(("limit", resource), most=have)

    def _opens(self, column: Name, flavor: Flavor, count: int = 1) -> None:
        """What a column opens counts against quotas and the cloud's free accelerators."""
        needs = {"instances": 1, "cores": -(-flavor.cpu_m // 1000), "ram_mib": flavor.mem_mib, **dict(flavor.resources)}
        for resource, need in needs.items():
            if resource in self.limits:
                self.programme.entry(("limit", resource), column, need * count)

    def _pools(self) -> None:
        ground, programme = self.ground, self.programme
        for number in self.recipes:
            host = ground.hosts[number]
            programme.column(("made", number), MANY)
            self.prices["made", number] = host.price
            for group in host.cluster.groups:
                self._opens(("made", number), group.flavor, group.min_count)
            if host.cluster.masters:
                self._opens(("made", number), *host.cluster.masters)
            if "clusters" in self.limits:
                programme.entry(("limit", "clusters"), ("made", number), 1)
        for site in sorted(self.useful):
            self._site(site)
        for pool, flavor in sorted(self.flavors.items()):
            self._growth(pool, flavor)
        for bucket, rooms in sorted(self.rooms.items(), key=lambda entry: (entry[0].pool, str(entry[0].key))):
            for name, amount in self._room(self.flavors[bucket.pool], rooms).items():
                programme.row((bucket, name), most=amount)

    def _site(self, number: int) -> None:
        site, pool = self.ground.sites[number], self.ground.pools[number]
        flavor, recipe = site.group.flavor, self.ground.hosts[site.host].recipe
        self.flavors[pool] = flavor
        self.rooms[Bucket(pool, ())].setdefault(flavor.empty, 0)
        if recipe:
            return
        self.left[pool] += site.most
        for room, count in site.group.rooms:
            bucket = Bucket(pool, () if room == flavor.empty else room)
            self.rooms[bucket][room] = self.rooms[bucket].get(room, 0) + count

    def _growth(self, pool: int, flavor: Flavor) -> None:
        """Nodes more: of running groups within their bounds; of clusters that are made, in proportion to these."""
        programme, column = self.programme, ("nodes", pool)
        programme.column(column, MANY, whole=self.whole)
        self.prices[column] = flavor.price
        self._opens(column, flavor)
        programme.row(("growth", pool), most=self.left[pool])
        programme.entry(("growth", pool), column, 1)
        bucket = Bucket(pool, ())
        one = self._room(flavor, {flavor.empty: 1})
        for name, amount in one.items():
            programme.entry((bucket, name), column, -amount)
        for number in self.recipes:
            host = self.ground.hosts[number]
            for site in host.sites:
                if site in self.useful and self.ground.pools[site] == pool:
                    programme.entry(("growth", pool), ("made", number), -self.ground.sites[site].most)
                    for name, amount in one.items():
                        least = self.ground.sites[site].group.min_count
                        programme.entry((bucket, name), ("made", number), -amount * least)

    def _room(self, flavor: Flavor, rooms: dict[Room, int]) -> Amounts:
        """What alike nodes hold together; of empty ones also in the measures that see rounding."""
        empty = set(rooms) <= {flavor.empty}
        found = {"cpu": sum(room.cpu_m * count for room, count in rooms.items())}
        found["mem"] = sum(room.mem_mib * count for room, count in rooms.items())
        for kind in sorted(flavor.kinds):
            milli = 0
            for at, entry in enumerate(flavor.accelerators):
                if entry.kind == kind:
                    milli += sum(sum(room.devices[at]) * count for room, count in rooms.items())
            found[f"device {kind}"] = milli
            if _shared(flavor, kind):
                for step in range(1, FINEST_SHARES + 1):
                    found[f"share {kind} {step}"] = milli if _all_whole(rooms, flavor, kind) else MANY * milli
        if empty:
            nodes = sum(rooms.values())
            for name in ("cpu", "mem", *(f"device {kind}" for kind in sorted(flavor.kinds))):
                for step in range(1, FINEST + 1):
                    found[f"{name} {step}"] = nodes * WHOLE * WHOLE
        return found

    # --- what is wanted

    def _kinds(self) -> None:
        hosts = self.ground.hosts
        for number, kind in enumerate(self.ground.kinds):
            name = ("placed", number)
            self.programme.column(name, len(kind.members), whole=self.whole)
            if kind.workload.isolation == "cluster":
                self._lonely(number, kind)
                continue
            forms = dict.fromkeys(form for form, _option in self.ground.options[number])
            self.programme.row(("forms", number), 0, 0)
            self.programme.entry(("forms", number), name, -1)
            for place, form in enumerate(forms):
                chosen = ("form", number, place)
                self.programme.column(chosen, len(kind.members), whole=self.whole)
                self.programme.entry(("forms", number), chosen, 1)
                options = [option for other, option in self.ground.options[number] if other == form]
                for position, part in enumerate(form):
                    pools = dict.fromkeys(self.ground.pools[option[position]] for option in options)
                    self._part(number, kind, chosen, position, part, pools)
        self.hosts = hosts

    def _part(self, number: int, kind: Kind, chosen: Name, position: int, part: Part, pools: Iterable[int]) -> None:
        programme, workload = self.programme, kind.workload
        alone = workload.isolation == "node"
        unit = 1 if alone else workload.replicas
        row = (*chosen, position)
        programme.row(row, 0, 0)
        programme.entry(row, chosen, -unit)
        for pool in pools:
            flavor = self.flavors[pool]
            for bucket in self._buckets(pool, alone):
                most = unit * len(kind.members)
                if bucket.key:
                    held = sum(capacity(part, flavor, room, most) * count for room, count in self.rooms[bucket].items())
                    most = min(most, held)
                if not most:
                    continue
                column = ("seats", number, *row[2:], bucket)
                programme.column(column, most, whole=self.whole)
                programme.entry(row, column, 1)
                if alone:
                    nodes = nodes_for(part, flavor, workload.replicas)
                    for name, amount in self._room(flavor, {flavor.empty: nodes}).items():
                        programme.entry((bucket, name), column, amount)
                else:
                    for name, amount in taken(part, flavor, rounded=not bucket.key):
                        programme.entry((bucket, name), column, amount)

    def _buckets(self, pool: int, alone: bool) -> Iterator[Bucket]:
        for bucket in sorted(self.rooms, key=lambda entry: (entry.pool, str(entry.key))):
            if bucket.pool == pool and not (alone and bucket.key):
                yield bucket

    def _lonely(self, number: int, kind: Kind) -> None:
        """A workload that wants a cluster of its own takes all that is in one, or makes one."""
        programme, replicas = self.programme, kind.workload.replicas
        programme.row(("forms", number), 0, 0)
        programme.entry(("forms", number), ("placed", number), -1)
        cheapest: dict[int, tuple[int, Option]] = {}
        for form, option in self.ground.options[number]:
            total = 0
            for part, site in zip(form, option):
                group = self.ground.sites[site].group
                rooms = group.rooms if group.rooms else ((group.flavor.empty, group.min_count),)
                held = sum(capacity(part, group.flavor, room, replicas) * count for room, count in rooms)
                missing = nodes_for(part, group.flavor, max(0, replicas - held))
                total += MANY * MICRO if missing > self.ground.sites[site].most else missing * group.flavor.price
            host = self.ground.sites[option[0]].host
            if total < MANY * MICRO and (host not in cheapest or total < cheapest[host][0]):
                cheapest[host] = (total, option)
        for host, (extra, _option) in cheapest.items():
            column = ("lonely", number, host)
            recipe = self.ground.hosts[host].recipe
            programme.column(column, len(kind.members) if recipe else 1)
            programme.entry(("forms", number), column, 1)
            self.prices[column] = extra + (self.ground.hosts[host].price if recipe else 0)
            if recipe:
                if "clusters" in self.limits:
                    programme.entry(("limit", "clusters"), column, 1)
                continue
            if ("alone", host) not in programme.rows:
                programme.row(("alone", host), most=1)
            programme.entry(("alone", host), column, 1)
            self._empties(column, host)

    def _empties(self, column: Name, host: int) -> None:
        """A column that takes a whole cluster away from everybody else."""
        for site in self.ground.hosts[host].sites:
            if site not in self.useful:
                continue
            pool, group = self.ground.pools[site], self.ground.sites[site].group
            self.programme.entry(("growth", pool), column, self.ground.sites[site].most)
            for room, count in group.rooms:
                bucket = Bucket(pool, () if room == group.flavor.empty else room)
                for name, amount in self._room(group.flavor, {room: count}).items():
                    if (bucket, name) in self.programme.rows:
                        self.programme.entry((bucket, name), column, amount)

    # --- rows that say nothing

    def _drop_idle_rows(self) -> None:
        """Of the rows of a bucket only those are kept that can bind: not where another asks everybody for as large a part
        of as much."""
        programme = self.programme
        asked: dict[Name, dict[Name, float]] = {row: {} for row in programme.rows if isinstance(row[0], Bucket)}
        for column, entries in programme.entries.items():
            if column[0] in ("seats", "lonely"):
                for row, amount in entries.items():
                    if row in asked:
                        asked[row][column] = amount
        by_bucket: dict[Bucket, list[Name]] = defaultdict(list)
        for row in asked:
            by_bucket[row[0]].append(row)
        idle = set()
        for bucket, rows in by_bucket.items():
            grown = programme.entries[("nodes", bucket.pool)]
            wholes = {}
            for row in rows:
                whole = programme.rows[row][1] if bucket.key else -grown.get(row, 0)
                if not asked[row]:
                    idle.add(row)
                elif whole > 0:
                    wholes[row] = whole
            for row, whole in wholes.items():
                if any(
                    other != row and other not in idle and _implies(asked[other], most, asked[row], whole)
                    for other, most in wholes.items()
                ):
                    idle.add(row)
        programme.drop(idle)

    # --- solving

    def all_placed(self) -> None:
        """Everybody is to be placed who could be by themselves."""
        for number, kind in enumerate(self.ground.kinds):
            if not self.ground.options[number]:
                continue
            self.programme.row(("all", number), len(kind.members), len(kind.members))
            self.programme.entry(("all", number), ("placed", number), 1)

    def most_placed(self) -> None:
        """As much work as possible is to be placed, whatever it costs."""
        self.programme.costs = {
            ("placed", number): -kind.worth / MICRO for number, kind in enumerate(self.ground.kinds)
        }

    def at_least(self, worth: int) -> None:
        """So much work is to be placed, as cheaply as possible."""
        self.programme.costs = {name: value / MICRO for name, value in self.prices.items()}
        self.programme.row(("worth",), worth / MICRO * (1 - 1e-9))
        for number, kind in enumerate(self.ground.kinds):
            self.programme.entry(("worth",), ("placed", number), kind.worth / MICRO)

    def rounded_up(self, cost: float) -> int:
        """A lower bound of costs as the least sum of prices that is not below it."""
        step = gcd(*self.prices.values()) or 1
        return max(0, -(-int(cost * MICRO - MICRO // 1000) // step) * step)

    def guide(self, solution: Solution, least: float = 1e-6) -> Guide:
        """What the solution wants, in whole workloads.

        :param least: parts of a whole that are no more than this count as nothing.
        """
        guide, seats = Guide(), defaultdict(float)
        for name, amount in solution.values.items():
            if name[0] == "seats" and name[3] == 0:
                seats[name[1], name[4].pool] += amount
            elif name[0] == "nodes":
                guide.nodes[name[1]] = _whole(amount, least)
            elif name[0] == "made":
                guide.made[name[1]] = _whole(amount, least)
        for name, amount in solution.values.items():
            if name[0] == "lonely":
                guide.targets[name[1], alone_in(name[2])] = _whole(amount, least)
                if name[2] in self.recipes:
                    guide.made[name[2]] = guide.made.get(name[2], 0) + _whole(amount, least)
        for (kind, pool), amount in seats.items():
            workload = self.ground.kinds[kind].workload
            unit = 1 if workload.isolation == "node" else workload.replicas
            guide.targets[kind, pool] = _whole(amount / unit, least)
        return guide


def _whole(amount: float, least: float) -> int:
    """An amount in wholes, rounded up."""
    return max(0, ceil(amount - least))


def _implies(stricter: dict[Name, float], most: float, amounts: dict[Name, float], whole: float) -> bool:
    """Whether a row asks each column for at least what another does, as parts of what there is: whole numbers all."""
    return all(stricter.get(column, 0) * whole >= amount * most for column, amount in amounts.items())


def _shared(flavor: Flavor, kind: str) -> bool:
    """Whether devices of a kind are given in shares: those given whole need no rows that see the rounding of shares."""
    return any(entry.shareable for entry in flavor.accelerators if entry.kind == kind)


def _all_whole(rooms: dict[Room, int], flavor: Flavor, kind: str) -> bool:
    """Whether every device of a kind is free as a whole or not at all."""
    return all(
        device in (0, WHOLE)
        for room in rooms
        for at, entry in enumerate(flavor.accelerators)
        if entry.kind == kind
        for device in room.devices[at]
    )


def taken(part: Part, flavor: Flavor, *, rounded: bool) -> Iterator[tuple[str, int]]:
    """What one replica takes of a pool's rows."""
    sizes = {"cpu": (part.cpu_m, flavor.cpu_m), "mem": (part.mem_mib, flavor.mem_mib)}
    yield "cpu", part.cpu_m
    yield "mem", part.mem_mib
    for demand in part.demands:
        share = min(piece(entry, demand) for entry in flavor.accelerators if serves(entry, demand))
        of_kind = sum(entry.count for entry in flavor.accelerators if entry.kind == demand.kind)
        name = f"device {demand.kind}"
        yield name, share * demand.count
        sizes[name] = (share * demand.count, of_kind * WHOLE)
        if _shared(flavor, demand.kind):
            for step in range(1, FINEST_SHARES + 1):
                yield f"share {demand.kind} {step}", demand.count * stepped(share, WHOLE, step) // WHOLE
    if rounded:
        for name, (amount, whole) in sizes.items():
            for step in range(1, FINEST + 1):
                yield f"{name} {step}", stepped(amount, whole, step)


def stepped(size: int, whole: int, step: int) -> int:
    """What a size counts under u(step), in millionths of the whole, rounded down."""
    if not whole:
        return 0
    times = (step + 1) * size
    if times % whole == 0:
        return size * WHOLE * WHOLE // whole
    return times // whole * WHOLE * WHOLE // step
