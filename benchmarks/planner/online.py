# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Online allocation: tasks come one by one, each is placed at once and for good, or lost.

Nodes that are alike are one state with a number, and a task class judges a state once: a decision costs what has changed
since this class came last. A policy is a function ``(flavor, room, room afterwards, part) -> score``, the smallest is taken,
among equals the fullest node; so the order in which nodes are listed means nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from math import exp
from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import (
    Supply,
    gauge,
    growth,
    mix,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Demand,
    Flavor,
    Part,
    Room,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import (
    capacity,
    occupied,
    piece,
    pieces,
    serves,
)

Score = Callable[[Flavor, Room, Room, Part], int]
Mix = tuple[tuple[Part, int], ...]


class State(NamedTuple):
    """Nodes of one flavor with the same room."""

    flavor: Flavor
    room: Room


class SimulatedFleet:
    """Nodes that are filled one task at a time."""

    def __init__(self, nodes: Iterable[Flavor], score: Score) -> None:
        self.score = score
        self.numbers: dict[tuple[str, Room], int] = {}
        self.states: list[State] = []
        self.counts: list[int] = []
        self.ties: list[tuple[object, ...]] = []
        self.born: list[int] = []
        self.judged: dict[Part, dict[int, tuple[int, int] | None]] = {}
        self.heaps: dict[Part, tuple[list[tuple[object, ...]], list[int]]] = {}
        for flavor, count in sorted(Counter(nodes).items(), key=lambda entry: entry[0].name):
            self._joined(self._number(State(flavor, flavor.empty)), count)

    def _number(self, state: State) -> int:
        key = (state.flavor.name, state.room)
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.states)
            self.states.append(state)
            self.counts.append(0)
            self.ties.append((sum(map(sum, state.room.devices)), state.room, state.flavor.name))
        return number

    def _joined(self, number: int, count: int) -> None:
        if not self.counts[number]:
            self.born.append(number)
        self.counts[number] += count

    def relearn(self, score: Score) -> None:
        """Another policy from here on."""
        self.score = score
        self.judged.clear()
        self.heaps.clear()
        self.born = [number for number, count in enumerate(self.counts) if count]

    def options(self, part: Part) -> list[tuple[int, int, int]]:
        """(state, the state afterwards, nodes) of all nodes that can take the part."""
        found = []
        for number, count in enumerate(self.counts):
            if count and (judged := self._judge(part, number)):
                found.append((number, judged[1], count))
        return found

    def best(self, part: Part) -> tuple[int, int] | None:
        """(state, the state afterwards) with the smallest score, or none where nothing fits."""
        heap, read = self.heaps.setdefault(part, ([], [0]))
        for number in self.born[read[0] :]:
            # A state that has no node any more is reported again when it gets one.
            judged = self._judge(part, number) if self.counts[number] else None
            if judged:
                heappush(heap, (judged[0], self.ties[number], number, judged[1]))
        read[0] = len(self.born)
        while heap:
            _score, _tie, number, then = heap[0]
            if self.counts[number]:
                return number, then
            heappop(heap)
        return None

    def take(self, number: int, then: int) -> None:
        """One node passes from one state to another."""
        self.counts[number] -= 1
        self._joined(then, 1)

    def _judge(self, part: Part, number: int) -> tuple[int, int] | None:
        known = self.judged.setdefault(part, {})
        if number not in known:
            flavor, room = self.states[number]
            if part.cpu_m > room.cpu_m or part.mem_mib > room.mem_mib or not capacity(part, flavor, room, 1):
                known[number] = None
            else:
                then = occupied(part, flavor, room, 1)
                known[number] = (self.score(flavor, room, then, part), self._number(State(flavor, then)))
        return known[number]


# --- policies


def ours(known: Mix, nodes: Supply) -> Score:
    """The utilisation term of cluster_match itself; knows the mix of tasks and the nodes."""
    fragments = gauge(known, nodes)

    def score(flavor: Flavor, room: Room, then: Room, _part: Part) -> int:
        return growth(flavor, ((room, then, 1),), 0, fragments)

    return score


def fgd(known: Mix) -> Score:
    """Fragmentation gradient descent as published: the mix by numbers, scores in whole points of a sigmoid."""
    groups: dict[tuple[Demand, ...], list[tuple[int, int, int]]] = {}
    for part, number in known:
        if part.demands:
            groups.setdefault(part.demands, []).append((part.cpu_m, part.mem_mib, number))
    total = sum(number for entries in groups.values() for _cpu, _mem, number in entries)
    running: dict[tuple[int, int], list[int]] = {}
    usable: dict[tuple[str, object], list[int]] = {}
    measured: dict[tuple[str, Room], float] = {}

    def lost(flavor: Flavor, room: Room) -> float:
        size, devices = (room.cpu_m, room.mem_mib), (flavor.name, room.devices)
        if size not in running:
            running[size] = [
                sum([number for cpu, mem, number in entries if cpu <= size[0] and mem <= size[1]])
                for entries in groups.values()
            ]
        if devices not in usable:
            usable[devices] = [_usable(flavor, room, demand) for (demand,) in groups]
        used = sum([runs * some for runs, some in zip(running[size], usable[devices]) if runs])
        return sum(room.devices[0]) - used / total

    def score(flavor: Flavor, room: Room, then: Room, _part: Part) -> int:
        for found in (room, then):
            if (flavor.name, found) not in measured:
                measured[flavor.name, found] = lost(flavor, found)
        grown = measured[flavor.name, then] - measured[flavor.name, room]
        return -int(100 / (1 + exp(grown / WHOLE)))

    return score


def _usable(flavor: Flavor, room: Room, demand: Demand) -> int:
    accelerator = flavor.accelerators[0]
    if not serves(accelerator, demand) or pieces(flavor, room, demand) < demand.count:
        return 0
    return sum([free for free in room.devices[0] if free >= piece(accelerator, demand)])


def best_fit(most: Room) -> Score:
    """The node with the least left of CPU and devices, each as a share of the largest node's."""

    def score(_flavor: Flavor, _room: Room, then: Room, _part: Part) -> int:
        return 10**6 * then.cpu_m // most.cpu_m + 10**6 * sum(then.devices[0]) // sum(most.devices[0])

    return score


def dot_product(most: Room) -> Score:
    """The node whose free room is the least like the task: CPU times CPU plus devices times devices."""
    cpu_m, milli = most.cpu_m, sum(most.devices[0])

    def score(_flavor: Flavor, room: Room, _then: Room, part: Part) -> int:
        wanted = sum(demand.count * demand.share for demand in part.demands)
        return 10**9 * room.cpu_m * part.cpu_m // cpu_m**2 + 10**9 * sum(room.devices[0]) * wanted // milli**2

    return score


# --- a run


class Run(NamedTuple):
    """What a run gave: allocated devices in per cent of all by per cent arrived, and how many decisions it took."""

    at: dict[int, float]
    decisions: int


def run(
    simulated: SimulatedFleet, parts: Sequence[Part], gpus: int, chance: random.Random | None = None, nodes: Supply = ()
) -> Run:
    """Let the parts come one by one.

    :param chance: takes any node that fits in place of the policy's.
    :param nodes: with them the mix is not known beforehand but learned: anew whenever twice as many have come.
    """
    arrived = used = 0
    sums: dict[int, list[int]] = {}
    seen: Counter[Part] = Counter()
    for number, part in enumerate(parts, 1):
        wanted = sum([demand.count * demand.share for demand in part.demands])
        arrived += wanted
        if nodes:
            seen[part] += 1
            if number & (number - 1) == 0:
                simulated.relearn(ours(mix(tuple(seen.items()), ()), nodes))
        taken = _drawn(simulated, part, chance) if chance else simulated.best(part)
        if taken:
            simulated.take(*taken)
            used += wanted
        event = sums.setdefault(int(arrived * 100 / (gpus * WHOLE) + 0.5), [0, 0])
        event[0] += used
        event[1] += 1
    return Run({at: total / count / gpus / WHOLE * 100 for at, (total, count) in sums.items()}, len(parts))


def _drawn(simulated: SimulatedFleet, part: Part, chance: random.Random) -> tuple[int, int] | None:
    options = simulated.options(part)
    if not options:
        return None
    return chance.choices([option[:2] for option in options], [option[2] for option in options])[0]
