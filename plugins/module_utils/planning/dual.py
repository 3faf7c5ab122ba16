# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programme over pools without a solver, in parts instead of whole numbers: a bound of what a batch costs, and a guide.

Every row gets a price. Whoever is to be placed takes the ways that are cheapest at these prices, whatever could be opened is
opened where that pays, and the prices of rows that are asked for too much rise: the primal-dual hybrid gradient method
(Chambolle and Pock 2011, with their diagonal steps), which needs nothing but sums. At any prices what is paid less what is
owned is a bound (weak duality), so a round too few makes it weaker, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import fsum
from operator import itemgetter, mul
from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.aggregate import Aggregate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.integer import Name, Solution

ROUNDS = 1000
# Products to be added up, all rounds together: what keeps a large programme from taking minutes
MOST_WORK = 6_000_000
# So often it is looked whether the bound is good enough, and how good that is, relatively
CHECK = 100
GOOD = 5e-4
# How long the steps of seats are against those of prices, where a node costs about one
BALANCE = 2.0

Entries = tuple[tuple[int, float], ...]
# Which numbers to take of many, and what each counts
Sum = tuple[Callable[[Sequence[float]], tuple[float, ...]], tuple[float, ...]]


class Block(NamedTuple):
    """So many units, which take the columns from ``first`` until before ``last`` in any parts."""

    first: int
    last: int
    count: int


class Relaxation(NamedTuple):
    """The programme: ``blocks`` of columns of who is to be placed, then, from ``free`` on, what could be opened.

    Each column has a cost and what it takes of which row; of each row there is ``room``.
    """

    names: tuple[Name, ...]
    costs: tuple[float, ...]
    entries: tuple[Entries, ...]
    most: tuple[float, ...]
    blocks: tuple[Block, ...]
    free: int
    room: tuple[float, ...]
    scale: float
    sums: tuple[Sum, ...]


def relaxation(aggregate: Aggregate) -> Relaxation:
    """The programme with rows by number, each as large as its largest entry, and costs as parts of a middling price."""
    programme, ground = aggregate.programme, aggregate.ground
    wants: dict[Name, list[Name]] = {}
    opened = []
    for column in programme.columns:
        if column[0] in ("seats", "lonely"):
            wants.setdefault(column[:4] if column[0] == "seats" else column[:2], []).append(column)
        elif column[0] in ("nodes", "made"):
            opened.append(column)
    names: list[Name] = []
    blocks = []
    for key, ways in wants.items():
        kind = ground.kinds[key[1]]
        forms = dict.fromkeys(form for form, _option in ground.options[key[1]])
        # Several forms or parts: nothing says how many take which form, and to ask for none of them is a bound too
        if key[0] == "lonely" or len(forms) == 1:
            unit = 1 if kind.workload.isolation in ("node", "cluster") else kind.workload.replicas
            blocks.append(Block(len(names), len(names) + len(ways), len(kind.members) * unit))
            names += ways
    free = len(names)
    names += opened
    rows: dict[Name, float] = {}
    for name in names:
        for row, value in programme.entries[name].items():
            if row[0] not in ("forms", "form", "all"):
                rows[row] = max(rows.get(row, 0.0), abs(value))
    numbers = {row: number for number, row in enumerate(rows)}
    prices = [aggregate.prices[name] for name in opened if aggregate.prices.get(name)]
    scale = fsum(prices) / len(prices) if prices else float(MICRO)
    entries = tuple(
        tuple((numbers[row], value / rows[row]) for row, value in programme.entries[name].items() if row in numbers)
        for name in names
    )
    return Relaxation(
        tuple(names),
        tuple(aggregate.prices.get(name, 0) / scale for name in names),
        entries,
        tuple(programme.columns[name][1] for name in names),
        tuple(blocks),
        free,
        tuple(max(0.0, programme.rows[row][1]) / most for row, most in rows.items()),
        scale / MICRO,
        tuple(map(summed, entries)),
    )


def summed(entries: Iterable[tuple[int, float]]) -> Sum:
    """A sum that is added up often, which itemgetter does fastest; it wants two numbers at least."""
    found = list(entries)
    found += [(0, 0.0)] * (2 - len(found))
    return itemgetter(*[place for place, _amount in found]), tuple([amount for _place, amount in found])


def solve(aggregate: Aggregate, rounds: int = ROUNDS) -> Solution:
    """Placing everybody: what it costs at least, and who goes where in parts.

    The values come near to what is allowed, not quite; ``bound`` is one at whatever round it ends.
    """
    problem = relaxation(aggregate)
    if len(problem.names) < 2 or len(problem.room) < 1:
        return Solution("Relaxed", 0.0, 0.0, {})
    size = sum(map(len, problem.entries))
    rounds = min(rounds, MOST_WORK // max(1, size))
    walk = Walk(problem)
    best = 0.0
    for number in range(1, rounds + 1):
        walk.step()
        if number % CHECK == 0 or number == rounds:
            best = max(best, value(problem, affordable(problem, walk.prices)))
            spent = fsum(cost * amount for cost, amount in zip(problem.costs, walk.amounts))
            if spent <= best * (1 + GOOD) and walk.excess() <= GOOD:
                break
    spent = fsum(cost * amount for cost, amount in zip(problem.costs, walk.amounts))
    values = dict(zip(problem.names, walk.amounts))
    return Solution("Relaxed", spent * problem.scale, best * problem.scale * (1 - 1e-9), values)


class Walk:
    """Amounts and prices on their way to the best ones."""

    def __init__(self, problem: Relaxation) -> None:
        self.problem = problem
        width = [fsum(abs(value) for _row, value in entries) or 1.0 for entries in problem.entries]
        height = [0.0] * len(problem.room)
        columns: list[list[tuple[int, float]]] = [[] for _row in problem.room]
        for column, entries in enumerate(problem.entries):
            for row, value in entries:
                height[row] += abs(value)
                columns[row].append((column, value))
        self.sums = [summed(found) for found in columns]
        self.amounts = [0.0] * len(problem.names)
        for first, last, count in problem.blocks:
            width[first:last] = [max(width[first:last])] * (last - first)
            self.amounts[first:last] = [count / (last - first)] * (last - first)
        self.prices = [0.0] * len(problem.room)
        self.strides = [BALANCE / each for each in width]
        self.rises = [1 / (BALANCE * (each or 1.0)) for each in height]

    def step(self) -> None:
        """Everybody a step to what is cheaper, then every price a step to where it should be."""
        problem, before = self.problem, self.amounts
        reduced = at(problem, self.prices)
        moved = [have - stride * cost for have, stride, cost in zip(before, self.strides, reduced)]
        for first, last, count in problem.blocks:
            moved[first:last] = shared_out(moved[first:last], count)
        moved[problem.free :] = [
            min(max(0.0, amount), most) for amount, most in zip(moved[problem.free :], problem.most[problem.free :])
        ]
        ahead = [2 * now - then for now, then in zip(moved, before)]
        self.amounts = moved
        self.prices = [
            max(0.0, price + rise * (fsum(map(mul, taken(ahead), amounts)) - room))
            for price, rise, (taken, amounts), room in zip(self.prices, self.rises, self.sums, problem.room)
        ]

    def excess(self) -> float:
        """By how much, of what is asked for, the worst row is asked for too much."""
        worst = 0.0
        for (taken, amounts), room in zip(self.sums, self.problem.room):
            asked = fsum(map(mul, taken(self.amounts), amounts))
            worst = max(worst, (asked - room) / (1.0 + room))
        return worst


def at(problem: Relaxation, prices: Sequence[float]) -> list[float]:
    """What each column costs at these prices."""
    return [
        cost + fsum(map(mul, taken(prices), amounts)) for cost, (taken, amounts) in zip(problem.costs, problem.sums)
    ]


def shared_out(amounts: Sequence[float], count: int) -> list[float]:
    """The nearest amounts of at least nothing that add up to ``count``."""
    total, cut = 0.0, 0.0
    for number, amount in enumerate(sorted(amounts, reverse=True), 1):
        total += amount
        level = (total - count) / number
        if amount <= level:
            break
        cut = level
    return [max(0.0, amount - cut) for amount in amounts]


def affordable(problem: Relaxation, prices: Iterable[float]) -> list[float]:
    """Prices at which nothing is worth opening: otherwise a little too much in a price counts for every node there could be.

    Clusters come first: what makes one dearer (that it allows nodes) makes these cheaper.
    """
    found = list(prices)
    columns = range(problem.free, len(problem.names))
    for column in sorted(columns, key=lambda column: problem.names[column][0] != "made"):
        gains = [(row, -amount) for row, amount in problem.entries[column] if amount < 0]
        earned = fsum(found[row] * amount for row, amount in gains)
        paid = problem.costs[column] + fsum(
            found[row] * amount for row, amount in problem.entries[column] if amount > 0
        )
        if earned > paid:
            for row, _amount in gains:
                found[row] *= paid / earned
    return found


def value(problem: Relaxation, prices: Sequence[float]) -> float:
    """The bound at these prices."""
    reduced = at(problem, prices)
    total = [-price * room for price, room in zip(prices, problem.room)]
    total += [count * min(reduced[first:last]) for first, last, count in problem.blocks]
    total += [min(0.0, cost) * most for cost, most in zip(reduced[problem.free :], problem.most[problem.free :])]
    return fsum(total)
