# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no plan can go below: the least that must be paid for nodes that carry what stands, by relaxation.

Each resource alone is a fractional knapsack: nodes are bought where a unit of it is cheapest, in parts. Shares of devices
count through dual feasible functions (Fekete and Schepers, Math. Program. 2001): values that never add up to more than
one device on any device, and see that two shares of 0.6 need two. The largest of all these is the bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Demand,
    Flavor,
    Part,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import serves

# A share of a device in thousandths -> what it counts, in the same unit times SCALE.
Measure = Callable[[int], int]
# Divisible by all that the functions divide by, so that integers stay exact.
SCALE = 840
STEPS = range(1, 8)
Nodes = Iterable[tuple[Flavor, int]]
Parts = Iterable[tuple[Part, int]]


def plain(share: int) -> int:
    return share * SCALE


def _stepped(step: int, share: int) -> int:
    """u(k): x where (k + 1) x is a whole number, else the floor of (k + 1) x, divided by k."""
    product = (step + 1) * share
    return share * SCALE if product % WHOLE == 0 else product // WHOLE * WHOLE * SCALE // step


def _cut(least: int, share: int) -> int:
    """U(e): what leaves less than e of a device counts as a whole one, what is less than e as nothing."""
    if share > WHOLE - least:
        return WHOLE * SCALE
    return share * SCALE if share >= least else 0


def measures(shares: Iterable[int]) -> list[Measure]:
    """Functions under which no device holds more than a whole one; the identity first."""
    distinct = set(shares)
    cuts = {share for share in distinct if share <= WHOLE // 2}
    cuts |= {WHOLE - share + 1 for share in distinct if WHOLE // 2 < share < WHOLE}
    cuts = {cut for cut in cuts if 0 < cut <= WHOLE // 2}
    return [plain, *[partial(_stepped, step) for step in STEPS], *[partial(_cut, cut) for cut in sorted(cuts)]]


def least(nodes: Nodes, parts: Parts, value: Callable[[Flavor], int]) -> int:
    """The least total value of nodes that can carry the parts.

    :param nodes: what there is to choose from.
    :param value: what a node counts: its price, or its number of devices.
    """
    offered, wanted = list(nodes), list(parts)
    best = _cover(offered, sum(part.cpu_m * count for part, count in wanted), lambda flavor: flavor.cpu_m, value)
    memory = sum(part.mem_mib * count for part, count in wanted)
    best = max(best, _cover(offered, memory, lambda flavor: flavor.mem_mib, value))
    asked: Counter[Demand] = Counter()
    for part, count in wanted:
        for demand in part.demands:
            asked[demand] += count
    for kind in sorted({demand.kind for demand in asked}):
        of_kind = {demand: count for demand, count in asked.items() if demand.kind == kind}
        for models in sorted({demand.models for demand in of_kind} | {()}):
            # What names these models runs on them; with () everything of the kind does on all that serves any of it
            chosen = {demand: count for demand, count in of_kind.items() if not models or demand.models == models}
            best = max(best, _devices(offered, chosen, value))
    return best


def _devices(offered: list[tuple[Flavor, int]], asked: dict[Demand, int], value: Callable[[Flavor], int]) -> int:
    able: dict[Flavor, int] = {}
    shared = False
    for flavor, _count in offered:
        entries = [entry for entry in flavor.accelerators if any(serves(entry, demand) for demand in asked)]
        able[flavor] = sum(entry.count for entry in entries)
        shared = shared or any(entry.shareable for entry in entries)
    if not shared:
        need = sum(demand.count * count for demand, count in asked.items())
        return _cover(offered, need, lambda flavor: able[flavor], value)
    best = 0
    for measure in measures(demand.share for demand in asked):
        need = sum(measure(demand.share) * demand.count * count for demand, count in asked.items())
        best = max(best, _cover(offered, need, lambda flavor: able[flavor] * WHOLE * SCALE, value))
    return best


def _cover(
    offered: list[tuple[Flavor, int]], need: int, gives: Callable[[Flavor], int], value: Callable[[Flavor], int]
) -> int:
    """The least value of nodes, in parts, that together give what is needed; all of them where even they do not."""
    able = [(flavor, count) for flavor, count in offered if gives(flavor)]
    able.sort(key=lambda entry: (Fraction(value(entry[0]), gives(entry[0])), entry[0].name))
    total = 0
    for flavor, count in able:
        if need <= 0:
            break
        most = gives(flavor) * count
        taken = min(need, most)
        total += value(flavor) * taken // gives(flavor)
        need -= taken
    return total
