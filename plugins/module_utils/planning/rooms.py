# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arithmetic of room on nodes: how many replicas fit, and what is left when they stand there.

Nodes that are alike are handled as one entry with a number, so a group of thousands costs no more than one of three.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import is_model, is_slice
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Accelerator,
    Demand,
    Flavor,
    Part,
    Room,
    Rooms,
)

Seating = tuple[tuple[Room, Room, int], ...]


def right_model(accelerator: Accelerator, demand: Demand) -> bool:
    """Whether a demand names this model, or names none and this is not a slice."""
    if not demand.models:
        return not is_slice(accelerator.model)
    return any(is_model(accelerator.model, wanted) for wanted in demand.models)


def piece(accelerator: Accelerator, demand: Demand) -> int:
    """How much of a device one piece takes: a device that cannot be shared is given whole."""
    return demand.share if accelerator.shareable else WHOLE


def enough_memory(accelerator: Accelerator, demand: Demand) -> bool:
    """Whether a piece has the device memory asked for; unknown memory is not enough of it."""
    return not demand.mem_mib or accelerator.mem_mib * piece(accelerator, demand) >= demand.mem_mib * WHOLE


def serves(accelerator: Accelerator, demand: Demand) -> bool:
    """Whether these devices can serve a demand at all."""
    return accelerator.kind == demand.kind and right_model(accelerator, demand) and enough_memory(accelerator, demand)


def pieces(flavor: Flavor, room: Room, demand: Demand) -> int:
    """How many pieces of a demand the free devices of a node give."""
    total = 0
    for index, accelerator in enumerate(flavor.accelerators):
        if serves(accelerator, demand):
            size = piece(accelerator, demand)
            total += sum([free // size for free in room.devices[index]])
    return total


def capacity(part: Part, flavor: Flavor, room: Room, limit: int) -> int:
    """How many replicas of a part fit into a room, at most ``limit``."""
    most = limit
    if part.cpu_m:
        most = min(most, room.cpu_m // part.cpu_m)
    if part.mem_mib:
        most = min(most, room.mem_mib // part.mem_mib)
    for demand in part.demands:
        if most:
            most = min(most, pieces(flavor, room, demand) // demand.count)
    return most


def total_capacity(part: Part, flavor: Flavor, rooms: Rooms, limit: int) -> int:
    """How many replicas fit into several rooms, at most ``limit``. Exact: every node takes as many as it can."""
    total = 0
    for room, count in rooms:
        total += capacity(part, flavor, room, limit) * count
        if total >= limit:
            return limit
    return total


def occupied(part: Part, flavor: Flavor, room: Room, replicas: int) -> Room:
    """A room after replicas took their place; they must fit. Shares go where the least is left over."""
    devices = list(room.devices)
    for demand in part.demands:
        wanted = demand.count * replicas
        for index, accelerator in enumerate(flavor.accelerators):
            if wanted and serves(accelerator, demand):
                devices[index], wanted = _given(devices[index], piece(accelerator, demand), wanted)
    return Room(room.cpu_m - part.cpu_m * replicas, room.mem_mib - part.mem_mib * replicas, tuple(devices), True)


def _given(devices: tuple[int, ...], size: int, wanted: int) -> tuple[tuple[int, ...], int]:
    left = []
    for free in sorted(devices):
        given = min(wanted, free // size)
        wanted -= given
        left.append(free - given * size)
    return tuple(sorted(left, reverse=True)), wanted


def closed(room: Room) -> Room:
    """A room that nobody else may enter."""
    return Room(0, 0, tuple((0,) * len(devices) for devices in room.devices), True)


def gathered(rooms: Iterable[tuple[Room, int]]) -> Rooms:
    """The same rooms, alike ones counted together, in a fixed order: the fullest first."""
    counts: Counter[Room] = Counter()
    for room, count in rooms:
        if count:
            counts[room] += count
    return tuple(sorted(counts.items()))


def seated(
    part: Part,
    flavor: Flavor,
    rooms: Rooms,
    replicas: int,
    order: Callable[[Room], int] | None = None,
    *,
    alone: bool = False,
) -> tuple[Seating, int]:
    """Place replicas, each node filled before the next is touched.

    :param order: which room first, smallest value first; without it, and among equals, the fullest.
    :param alone: on nodes of their own: only empty ones are taken, and nobody may follow.
    :returns: ((room, the same afterwards, on how many nodes), ...), and how many replicas found no place.
    """
    able = [
        (room, count, most)
        for room, count in rooms
        if count and not (alone and room.busy)
        for most in [capacity(part, flavor, room, replicas)]
        if most
    ]
    if len(able) > 1:
        able.sort(key=(lambda entry: (order(entry[0]), entry)) if order else None)
    found = []
    for room, count, most in able:
        full = min(replicas // most, count)
        rest = replicas - full * most if full < count else 0
        for nodes, size in ((full, most), (1, min(rest, most))):
            if nodes and size:
                taken = occupied(part, flavor, room, size)
                found.append((room, closed(taken) if alone else taken, nodes))
                replicas -= nodes * size
    return tuple(found), replicas


def after(rooms: Rooms, seating: Seating) -> Rooms:
    """The rooms once everybody has sat down."""
    counts = Counter(dict(rooms))
    for before, taken, nodes in seating:
        counts[before] -= nodes
        counts[taken] += nodes
    return gathered(counts.items())
