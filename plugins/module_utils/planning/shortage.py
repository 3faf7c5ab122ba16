# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes lack for a workload: those of a flavor, however empty they are, and those that run, as full as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Demand,
    Fix,
    Flavor,
    Part,
    Room,
    Rooms,
    Violation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import (
    enough_memory,
    piece,
    pieces,
    right_model,
    serves,
)

NO_FIX = Fix("", (), "")


def short(code: str, need: int, have: int, unit: str, fix: Fix) -> Violation:
    """A violation by numbers."""
    return Violation(code, need, have, need - have, unit, fix)


# --- of a flavor


def can_carry(part: Part, flavor: Flavor) -> bool:
    """Whether an empty node of the flavor holds one replica of the part."""
    return next(misfits(part, flavor), None) is None


def misfits(part: Part, flavor: Flavor, fix: Fix = NO_FIX) -> Iterator[Violation]:
    """What an empty node of the flavor lacks for one replica."""
    for demand in part.demands:
        yield from device_misfits(flavor, demand, fix)
    if part.cpu_m > flavor.cpu_m:
        yield short("CPU_SHORT", part.cpu_m, flavor.cpu_m, "milli-CPU per node", fix)
    if part.mem_mib > flavor.mem_mib:
        yield short("MEM_SHORT", part.mem_mib, flavor.mem_mib, "MiB per node", fix)


def device_misfits(flavor: Flavor, demand: Demand, fix: Fix) -> Iterator[Violation]:
    """Kind, model, memory, number: the first that is wrong makes the rest meaningless."""
    of_kind = [entry for entry in flavor.accelerators if entry.kind == demand.kind]
    of_model = [entry for entry in of_kind if right_model(entry, demand)]
    if not of_kind:
        have = ", ".join(sorted(flavor.kinds)) or "none"
        yield Violation("WRONG_ACCEL_KIND", demand.kind, have, None, "", fix)
    elif not of_model:
        have = ", ".join(entry.model for entry in of_kind)
        yield Violation("WRONG_ACCEL_MODEL", ", ".join(demand.models), have, None, "", fix)
    elif not any(enough_memory(entry, demand) for entry in of_model):
        largest = max(entry.mem_mib * piece(entry, demand) // WHOLE for entry in of_model)
        known = "" if all(entry.mem_mib for entry in of_model) else " (not known)"
        yield short("MEM_SHORT", demand.mem_mib, largest, f"MiB of device memory{known}", fix)
    elif pieces(flavor, flavor.empty, demand) < demand.count:
        count = pieces(flavor, flavor.empty, demand)
        yield short("DEVICE_COUNT_PER_NODE", demand.count, count, "devices per node", fix)


# --- of running nodes


class Resource(NamedTuple):
    """What one replica takes of a resource, and what is free of it on each node."""

    code: str
    amount: int
    free: tuple[int, ...]
    unit: str


def shortages(part: Part, flavor: Flavor, rooms: Rooms, wanted: int, fix: Fix) -> Iterator[Violation]:
    """Which resources the nodes lack for all replicas: devices, then CPU, then memory.

    One is reported when it is short by itself, or when beside those before it less replicas have a place.
    """
    nodes = [room for room, count in rooms for _node in range(min(count, wanted))]
    limits = [wanted] * len(nodes)
    for resource in resources(part, flavor, nodes):
        narrowed = [min(limit, resource.free[node] // resource.amount) for node, limit in enumerate(limits)]
        need = resource.amount * wanted
        have = found_for(resource.free, resource.amount, wanted)
        if have < need:
            yield short(resource.code, need, have, resource.unit, fix)
        elif sum(narrowed) < min(wanted, sum(limits)):
            beside = tuple(min(resource.free[node], limit * resource.amount) for node, limit in enumerate(limits))
            have = found_for(beside, resource.amount, wanted)
            yield short(resource.code, need, have, f"{resource.unit} beside the rest", fix)
        limits = narrowed


def resources(part: Part, flavor: Flavor, nodes: list[Room]) -> Iterator[Resource]:
    """The resources that a part takes, with what is free of each."""
    for demand in part.demands:
        yield devices(flavor, demand, nodes)
    if part.cpu_m:
        yield Resource("CPU_SHORT", part.cpu_m, tuple([room.cpu_m for room in nodes]), "milli-CPU")
    if part.mem_mib:
        yield Resource("MEM_SHORT", part.mem_mib, tuple([room.mem_mib for room in nodes]), "MiB")


def devices(flavor: Flavor, demand: Demand, nodes: list[Room]) -> Resource:
    """Whole devices are short by number; parts of devices are short because what is free lies scattered."""
    if any(serves(entry, demand) and piece(entry, demand) < WHOLE for entry in flavor.accelerators):
        free = tuple([usable_share(flavor, demand, room) for room in nodes])
        return Resource("DEVICE_SHARE_FRAGMENTED", demand.share * demand.count, free, "milli-device")
    free = tuple([pieces(flavor, room, demand) for room in nodes])
    return Resource("DEVICE_COUNT_PER_NODE", demand.count, free, "devices")


def usable_share(flavor: Flavor, demand: Demand, room: Room) -> int:
    """What whole pieces find on a node's devices; where not one does, the largest part that is free."""
    able = [room.devices[index] for index, entry in enumerate(flavor.accelerators) if serves(entry, demand)]
    return pieces(flavor, room, demand) * demand.share or max((max(free, default=0) for free in able), default=0)


def found_for(free: tuple[int, ...], amount: int, replicas: int) -> int:
    """What the replicas would find, each on the best node left: never more than they need."""
    complete = sum([value // amount for value in free])
    if complete >= replicas:
        return amount * replicas
    return complete * amount + sum(sorted([value % amount for value in free], reverse=True)[: replicas - complete])
