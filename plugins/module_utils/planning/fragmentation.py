# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node loses for the work that is known: devices that stand free where little could use them, or that were taken
though others need just these.

A placement is the better the less ``fragmentation`` grows by it. It is a sum of four terms, in milli-devices of a node:

1. *lost*, after FGD (Weng et al., "Beware of Fragmentation", USENIX ATC'23): ``sum over parts p of w(p) x useless(p)``, where
   useless is everything free if p does not fit on the node, else the free parts of devices that are too small for it. FGD
   weighs a part by its number; here ``w ~ number x (1 + devices)``, so that rare work which needs whole nodes is heard.
2. *stranded*: ``max(0, free devices - free CPU / rho)``, and the same for memory, whichever is more: devices that will find no
   CPU. rho is what the known work takes beside a device: of the work that can use this flavor, plus that which asks for no
   device at all. Where nothing known can use the flavor, it is what the flavor itself has per device.
3. *dear*: ``price x taken devices``. The price of a flavor is how much harder its devices are sought than the least sought
   ones of its kinds: ``pressure(flavor) = sum over demands d that it serves of asked(d) / devices that serve d``, both as shares
   of the whole, so it is 1 everywhere if all work runs anywhere. Work that can go anywhere thus leaves scarce models
   to the work that is bound to them.
4. *dust*: what the free parts of shared devices are short of their worth to all the known work that can use the flavor
   (``dust.py``). Lost asks what the next task can use; dust what is wasted even if all that come are cut well.

Known is what stands and what comes: nothing is assumed of the future but that it is like that. What it gives
on a public trace: benchmarks/README.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from operator import mul
from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.dust import Shares, dust
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Accelerator,
    Demand,
    Flavor,
    Fleet,
    Part,
    Room,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import (
    Seating,
    piece,
    pieces,
    serves,
)

Mix = tuple[tuple[Part, int], ...]
Asking = Mapping[tuple[Demand, ...], tuple[tuple[int, int, int], ...]]
Supply = tuple[tuple[Flavor, int], ...]
Gauge = Callable[[Flavor, Room], int]
# The commonest parts speak for the rest.
MOST_PARTS = 512
# A pressure above the least is priced twofold; what is above twice the mean is priced like twice (per mille).
DEARNESS = 2
MOST_PRESSURE = 2000
# Lost and stranded are expected, dust is certain: it counts twofold.
CERTAIN = 2
# Growth is given in steps of a hundredth of a device: within one, the fuller node or the next term decides.
GRAIN = 10


def mix(standing: Mix, coming: Mix) -> Mix:
    """The known parts with their numbers, commonest first."""
    counts: dict[Part, int] = {}
    for part, number in (*standing, *coming):
        counts[part] = counts.get(part, 0) + number
    return tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_PARTS])


def supply(fleet: Fleet) -> Supply:
    """The nodes with accelerators that a fleet has, by flavor."""
    counts: dict[str, tuple[Flavor, int]] = {}
    for cluster in fleet.clusters:
        for group in cluster.groups:
            if group.flavor.accelerators and group.count:
                flavor, number = counts.get(group.flavor.name, (group.flavor, 0))
                counts[flavor.name] = (flavor, number + group.count)
    return tuple(counts[name] for name in sorted(counts))


def gauge(known: Mix, nodes: Supply = ()) -> Gauge:
    """The measure of fragmentation for one mix on some nodes, remembered: in a fleet most nodes are alike.

    :param nodes: what there is, for the prices of scarce models; without it nothing is dear.
    """
    wanted = Wanted.of(known)
    priced = prices(wanted, nodes)
    views: dict[str, View] = {}
    measured: dict[tuple[str, Room], int] = {}

    def fragments(flavor: Flavor, room: Room) -> int:
        if not flavor.accelerators:
            return 0
        key = (flavor.name, room)
        found = measured.get(key)
        if found is None:
            view = views.get(flavor.name)
            if view is None:
                view = views[flavor.name] = View(flavor, wanted, priced(flavor))
            found = measured[key] = view.fragmentation(room)
        return found

    return fragments


def fragmentation(flavor: Flavor, room: Room, known: Mix, nodes: Supply = ()) -> int:
    """Milli-devices that one node loses for the known work."""
    return gauge(known, nodes)(flavor, room)


def growth(flavor: Flavor, seating: Seating, opened: int, fragments: Gauge) -> int:
    """By how many milli-devices the fragmentation of nodes grows, ``opened`` of which are new."""
    grown = sum((fragments(flavor, taken) - fragments(flavor, room)) * nodes for room, taken, nodes in seating)
    return (grown + opened * fragments(flavor, flavor.empty)) // GRAIN * GRAIN


# --- what is known


class Wanted(NamedTuple):
    """The known work. ``asking`` are the parts by their demands, as (CPU, memory, number) each, ``weight`` their sum of
    number x (1 + devices); ``plain`` is the CPU and memory of parts without demands, ``milli`` all devices asked for."""

    asking: Asking
    weight: int
    milli: int
    plain: tuple[int, int]

    @classmethod
    def of(cls, known: Mix) -> Wanted:
        asking: dict[tuple[Demand, ...], list[tuple[int, int, int]]] = {}
        cpu_m = mem_mib = 0
        for part, number in known:
            if part.demands:
                asking.setdefault(part.demands, []).append((part.cpu_m, part.mem_mib, number))
            else:
                cpu_m, mem_mib = cpu_m + part.cpu_m * number, mem_mib + part.mem_mib * number
        numbers = {demands: sum([entry[2] for entry in entries]) for demands, entries in asking.items()}
        weight = sum([number * heft(demands) for demands, number in numbers.items()])
        milli = sum([number * asked(demands) for demands, number in numbers.items()])
        return cls({demands: tuple(entries) for demands, entries in asking.items()}, weight, milli, (cpu_m, mem_mib))


def asked(demands: Iterable[Demand]) -> int:
    """Milli-devices that demands ask for together."""
    return sum([demand.count * demand.share for demand in demands])


def heft(demands: Iterable[Demand]) -> int:
    """How much one part counts among the known work."""
    return WHOLE + asked(demands)


def shares_of(accelerator: Accelerator, asking: Asking) -> Shares:
    """What pieces of such devices the known work asks for: (size, how many), in order."""
    counts: dict[int, int] = {}
    for demands, entries in asking.items():
        for demand in demands:
            if serves(accelerator, demand):
                size = piece(accelerator, demand)
                counts[size] = counts.get(size, 0) + demand.count * sum([entry[2] for entry in entries])
    return tuple(sorted(counts.items()))


# --- how scarce a flavor is


def prices(wanted: Wanted, nodes: Supply) -> Callable[[Flavor], int]:
    """What a device of a flavor costs those who would need it more, per mille of a device."""
    demands: dict[Demand, int] = {}
    for together, entries in wanted.asking.items():
        for demand in together:
            number = sum([entry[2] for entry in entries])
            demands[demand] = demands.get(demand, 0) + number * demand.count * demand.share
    serving = {
        demand: sum([count * devices for flavor, count in nodes if (devices := serving_devices(flavor, demand))])
        for demand in demands
    }
    everything = sum([count * entry.count for flavor, count in nodes for entry in flavor.accelerators])

    def pressure(flavor: Flavor) -> int:
        return sum(
            [
                1000 * milli * everything // (serving[demand] * wanted.milli)
                for demand, milli in demands.items()
                if serving[demand] and serving_devices(flavor, demand)
            ]
        )

    # Kinds of devices never stand in for each other, so each has its own least.
    least: dict[frozenset[str], int] = {}
    for flavor, _count in nodes:
        found = pressure(flavor)
        least[flavor.kinds] = min(least.get(flavor.kinds, found), found)

    def price(flavor: Flavor) -> int:
        if flavor.kinds not in least:
            return 0
        return DEARNESS * min(MOST_PRESSURE, max(0, pressure(flavor) - least[flavor.kinds]))

    return price


def serving_devices(flavor: Flavor, demand: Demand) -> int:
    """How many devices of a node of this flavor can serve a demand."""
    return sum([entry.count for entry in flavor.accelerators if serves(entry, demand)])


# --- one flavor


class Devices(NamedTuple):
    """What is true of the devices of a room alone: how much is free, how much of it dust, how much each group can use."""

    free: int
    wasted: int
    usable: tuple[int, ...]


class View:
    """The known work as the nodes of one flavor see it.

    What of devices is usable depends on the devices alone, how much of the work runs on CPU and memory alone: each is
    remembered by itself, which makes a new room cheap.
    """

    def __init__(self, flavor: Flavor, wanted: Wanted, price: int) -> None:
        self.flavor, self.weight, self.price = flavor, wanted.weight, price
        able = {
            demands: entries
            for demands, entries in wanted.asking.items()
            if all(pieces(flavor, flavor.empty, demand) >= demand.count for demand in demands)
        }
        self.groups = tuple([(demands, Weights(heft(demands), entries)) for demands, entries in able.items()])
        self.whole = sum([entry.count for entry in flavor.accelerators]) * WHOLE
        self.beside = self._beside(wanted, able)
        self.dust = [dust(shares_of(entry, able)) for entry in flavor.accelerators]
        sizes = [entry for entries in able.values() for entry in entries]
        self.cpus = sorted({cpu_m for cpu_m, _mem, _number in sizes})
        self.mems = sorted({mem_mib for _cpu, mem_mib, _number in sizes})
        self.running: dict[tuple[int, int], tuple[int, ...]] = {}
        self.devices: dict[tuple[tuple[int, ...], ...], Devices] = {}

    def fragmentation(self, room: Room) -> int:
        devices = self.devices.get(room.devices)
        if devices is None:
            devices = self.devices[room.devices] = self._seen(room)
        dear = self.price * (self.whole - devices.free) // 1000
        if not devices.free:
            return dear
        return dear + self._lost(room, devices) + self._stranded(room, devices.free) + CERTAIN * devices.wasted

    def _seen(self, room: Room) -> Devices:
        return Devices(
            sum([sum(devices) for devices in room.devices]),
            sum([dust[part] for dust, devices in zip(self.dust, room.devices) for part in devices]),
            tuple([_usable(self.flavor, room, demands) for demands, _weights in self.groups]),
        )

    def _lost(self, room: Room, devices: Devices) -> int:
        if not self.weight:
            return 0
        # Rooms between the same two sizes of the known work run the same of it.
        rank = (bisect_right(self.cpus, room.cpu_m), bisect_right(self.mems, room.mem_mib))
        running = self.running.get(rank)
        if running is None:
            found = [weights.running(room.cpu_m, room.mem_mib) for _demands, weights in self.groups]
            running = self.running[rank] = tuple(found)
        return (devices.free * self.weight - sum(map(mul, running, devices.usable))) // self.weight

    def _stranded(self, room: Room, free: int) -> int:
        reach = min(
            [
                devices * amount // needed
                for (devices, needed), amount in zip(self.beside, (room.cpu_m, room.mem_mib))
                if needed
            ],
            default=free,
        )
        return max(0, free - reach)

    def _beside(self, wanted: Wanted, able: Asking) -> tuple[tuple[int, int], tuple[int, int]]:
        """For CPU and memory: (milli-devices, what the known work takes beside them)."""
        milli = sum([asked(demands) * number for demands, entries in able.items() for _cpu, _mem, number in entries])
        if not milli:
            return (self.whole, self.flavor.cpu_m), (self.whole, self.flavor.mem_mib)
        found = []
        for index in range(2):
            own = sum([entry[index] * entry[2] for entries in able.values() for entry in entries])
            found.append((milli * wanted.milli, own * wanted.milli + wanted.plain[index] * milli))
        return found[0], found[1]


class Weights:
    """How much of the work with the same demands runs on some CPU and memory."""

    def __init__(self, each: int, entries: Iterable[tuple[int, int, int]]) -> None:
        self.entries = sorted([(cpu_m, mem_mib, number * each) for cpu_m, mem_mib, number in entries])
        self.sizes = [cpu_m for cpu_m, _mem, _weight in self.entries]
        self.sums = list(accumulate([weight for _cpu, _mem, weight in self.entries], initial=0))
        self.most_mem = max([mem_mib for _cpu, mem_mib, _weight in self.entries])

    def running(self, cpu_m: int, mem_mib: int) -> int:
        most = bisect_right(self.sizes, cpu_m)
        if mem_mib >= self.most_mem:
            return self.sums[most]
        return sum([weight for _cpu, mem, weight in self.entries[:most] if mem <= mem_mib])


def _usable(flavor: Flavor, room: Room, demands: tuple[Demand, ...]) -> int:
    """Free parts of devices that can serve the demands; none where one of the demands is not served in full."""
    total = 0
    for demand in demands:
        if pieces(flavor, room, demand) < demand.count:
            return 0
        for index, accelerator in enumerate(flavor.accelerators):
            if serves(accelerator, demand):
                size = piece(accelerator, demand)
                total += sum([device for device in room.devices[index] if device >= size])
    return total
