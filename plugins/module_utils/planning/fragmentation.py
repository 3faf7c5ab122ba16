# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expected fragmentation: accelerators that stand free where nothing that is known could use them.

After FGD (Weng et al., USENIX ATC'23): for each part of known work, the free devices of a node on which it cannot run,
or else those whose free share is too small for it, weighted by how much of that work there is. On top, devices that
CPU or memory given away have left without their own share of the node: that needs no history, and counts within
one flavor, so it holds for work bound to models too.
"""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Demand,
    Flavor,
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
Gauge = Callable[[Flavor, Room], int]
# The commonest parts speak for the rest.
MOST_PARTS = 16


def mix(standing: Mix, coming: Mix) -> Mix:
    """The parts that ask for accelerators, with their numbers, commonest first."""
    counts: dict[Part, int] = {}
    for part, number in (*standing, *coming):
        if part.demands:
            counts[part] = counts.get(part, 0) + number
    return tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_PARTS])


def fragmentation(flavor: Flavor, room: Room, known: Mix) -> int:
    """Milli-devices of one node that nothing known can use."""
    free = sum([sum(devices) for devices in room.devices])
    if not free:
        return 0
    usable: dict[tuple[Demand, ...], int] = {}
    lost = total = 0
    for (cpu_m, mem_mib, demands), number in known:
        if demands not in usable:
            usable[demands] = _usable(flavor, room, demands)
        runs = cpu_m <= room.cpu_m and mem_mib <= room.mem_mib
        lost += (free - usable[demands] if runs else free) * number
        total += number
    return (lost // total if total else 0) + _stranded(flavor, room, free)


def gauge(known: Mix) -> Gauge:
    """``fragmentation`` for one mix, remembered: in a fleet most nodes are alike."""
    measured: dict[tuple[str, Room], int] = {}

    def fragments(flavor: Flavor, room: Room) -> int:
        if not flavor.accelerators:
            return 0
        key = (flavor.name, room)
        if key not in measured:
            measured[key] = fragmentation(flavor, room, known)
        return measured[key]

    return fragments


def growth(flavor: Flavor, seating: Seating, opened: int, fragments: Gauge) -> int:
    """By how many milli-devices the fragmentation of nodes grows, ``opened`` of which are new."""
    grown = sum((fragments(flavor, taken) - fragments(flavor, room)) * nodes for room, taken, nodes in seating)
    return grown + opened * fragments(flavor, flavor.empty)


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


def _stranded(flavor: Flavor, room: Room, free: int) -> int:
    """Free devices beside which the node has no longer the CPU and memory that its flavor has per device."""
    whole = sum(entry.count for entry in flavor.accelerators) * WHOLE
    reach = min(
        whole * room.cpu_m // flavor.cpu_m if flavor.cpu_m else whole,
        whole * room.mem_mib // flavor.mem_mib if flavor.mem_mib else whole,
    )
    return max(0, free - reach)
