# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the free part of a shared device is worth to the work that is known, and what of it is dust.

Cut as many whole devices as needed so that all known shares are served, with as few devices as possible: the cutting stock
programme. Its dual prices say what of a device a share costs when all are cut well; a free part is worth the dearest
shares that it can hold. If half of the shares are 810 and few are small, 810 costs a whole device, and the 190 left beside
it are dust, though a share of 160 would fit there. Solved by column generation (Gilmore and Gomory 1961).
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE

# (size in milli-devices, how many)
Shares = tuple[tuple[int, int], ...]
# The commonest shares speak for the rest; after so many rounds the prices are good enough. Both only limit the time.
MOST_SHARES = 24
ROUNDS = 200
# What differs by less is the same.
SLACK = 1e-9


@lru_cache(maxsize=64)
def dust(shares: Shares) -> tuple[int, ...]:
    """For each free part of a device, from 0 to a whole one, how many milli-devices of it are worth nothing."""
    known = [entry for entry in shares if 0 < entry[0] < WHOLE]
    known = sorted(sorted(known, key=lambda entry: (-entry[1], entry[0]))[:MOST_SHARES])
    paid = prices(known)
    worth = [0.0] * (WHOLE + 1)
    for room in range(1, WHOLE):
        fitting = [worth[room - size] + price for (size, _number), price in zip(known, paid) if size <= room]
        worth[room] = max([worth[room - 1], *fitting])
    worth[WHOLE] = 1.0
    return tuple([max(0, int(room - WHOLE * most + 0.5)) for room, most in enumerate(worth)])


def prices(shares: list[tuple[int, int]]) -> list[float]:
    """What each share costs, in devices: no device can be filled with shares that cost more than one together.

    The simplex method with the inverse of the basis; a column is one way to fill a device.
    """
    whole = range(len(shares))
    inverse = [
        [1 / (WHOLE // size) if at == row else 0.0 for at in whole] for row, (size, _number) in enumerate(shares)
    ]
    used = [number / (WHOLE // size) for size, number in shares]
    costs = [1.0] * len(shares)
    for _round in range(ROUNDS):
        found = [sum([cost * line[at] for cost, line in zip(costs, inverse)]) for at in whole]
        surplus = min(whole, key=found.__getitem__, default=0)
        if found and found[surplus] < -SLACK:
            # More of a share than asked for does no harm.
            column, cost = [-1.0 if at == surplus else 0.0 for at in whole], 0.0
        else:
            filling, value = best_filling([(size, price) for (size, _number), price in zip(shares, found)])
            if value <= 1 + SLACK:
                return found
            column, cost = [float(number) for number in filling], 1.0
        direction = [sum([a * b for a, b in zip(line, column)]) for line in inverse]
        _most, leaving = min([(used[at] / step, at) for at, step in enumerate(direction) if step > SLACK])
        _pivot(inverse, used, direction, leaving)
        costs[leaving] = cost
    found = [max(0.0, price) for price in found]
    most = best_filling([(size, price) for (size, _number), price in zip(shares, found)])[1]
    return [price / most for price in found]


def _pivot(inverse: list[list[float]], used: list[float], direction: list[float], leaving: int) -> None:
    """One column takes the place of another in the basis."""
    by = direction[leaving]
    line = inverse[leaving] = [entry / by for entry in inverse[leaving]]
    amount = used[leaving] = used[leaving] / by
    for at, step in enumerate(direction):
        if at != leaving and step:
            inverse[at] = [entry - step * more for entry, more in zip(inverse[at], line)]
            used[at] -= step * amount


def best_filling(worths: list[tuple[int, float]]) -> tuple[list[int], float]:
    """How many of each (size, worth) fill one device so that they are worth most, and what: a knapsack."""
    step = gcd(WHOLE, *[size for size, _worth in worths])
    best, last = [0.0], [-1]
    for room in range(step, WHOLE + 1, step):
        value, chosen = best[-1], -1
        for at, (size, worth) in enumerate(worths):
            if size <= room and best[(room - size) // step] + worth > value + SLACK:
                value, chosen = best[(room - size) // step] + worth, at
        best.append(value)
        last.append(chosen)
    filling, room = [0] * len(worths), len(best) - 1
    while room > 0:
        chosen = last[room]
        if chosen < 0:
            room -= 1
        else:
            filling[chosen] += 1
            room -= worths[chosen][0] // step
    return filling, best[-1]
