# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lower bound of what a batch costs, without a solver: Lagrangian relaxation of the programme over pools.

Every room gets a price. Whoever is to be placed pays the least that these prices allow, whoever owns a room is paid; at
any prices the difference is a bound (weak duality), and subgradient steps of Polyak's length look for good ones.
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.aggregate import Aggregate, Bucket
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO

ROUNDS = 400
# After so many rounds without a better bound the steps are halved.
PATIENCE = 8
Entries = tuple[tuple[int, float], ...]


class Way(NamedTuple):
    """One way to seat one unit: what it costs by itself, and what it takes of which room."""

    cost: float
    entries: Entries


class Want(NamedTuple):
    """So many units, each of which takes the cheapest of its ways."""

    count: int
    ways: tuple[Way, ...]


class Offer(NamedTuple):
    """What could be opened: at what price, how many, what room each brings, and whose bounds limit it."""

    price: float
    most: int
    entries: Entries
    inner: tuple[tuple[int, int], ...] = ()


class Relaxation(NamedTuple):
    """The programme, as far as the bound looks at it. ``nodes`` are limited each, or by ``clusters`` that are made."""

    room: tuple[float, ...]
    wants: tuple[Want, ...]
    nodes: tuple[Offer, ...]
    clusters: tuple[Offer, ...]


def relaxation(aggregate: Aggregate) -> Relaxation:
    """The programme with rooms by number, in which a unit of room is what one node of its pool has."""
    programme, ground = aggregate.programme, aggregate.ground
    rows = [name for name in programme.rows if isinstance(name[0], Bucket)]
    scale = {name: max(1.0, max(abs(value) for value in _values(aggregate, name))) for name in rows}
    numbers = {name: number for number, name in enumerate(rows)}

    def entries(column: tuple[object, ...]) -> Entries:
        found = programme.entries[column].items()
        return tuple((numbers[row], value / scale[row]) for row, value in found if row in numbers)

    ways: dict[tuple[object, ...], list[Way]] = {}
    for column in programme.columns:
        if column[0] in ("seats", "lonely"):
            key = column[:4] if column[0] == "seats" else column[:2]
            ways.setdefault(key, []).append(Way(aggregate.prices.get(column, 0) / MICRO, entries(column)))
    wants = []
    for key, found in ways.items():
        kind = ground.kinds[key[1]]  # type: ignore[index]
        alone = kind.workload.isolation in ("node", "cluster")
        # Several forms: the cheapest form would have to be found, and their first parts' prices alone are a bound of none.
        if key[0] == "lonely" or len(dict.fromkeys(form for form, _option in ground.options[key[1]])) == 1:  # type: ignore[index]
            wants.append(Want(len(kind.members) * (1 if alone else kind.workload.replicas), tuple(found)))
    pools = sorted(aggregate.flavors)
    places = {pool: number for number, pool in enumerate(pools)}
    nodes = tuple(
        Offer(aggregate.prices["nodes", pool] / MICRO, aggregate.left[pool], entries(("nodes", pool))) for pool in pools
    )
    most = sum(len(kind.members) for kind in ground.kinds)
    clusters = tuple(
        Offer(
            aggregate.prices["made", number] / MICRO,
            min(most, aggregate.limits.get("clusters", most)),
            entries(("made", number)),
            tuple(
                (places[ground.pools[site]], ground.sites[site].most)
                for site in ground.hosts[number].sites
                if site in aggregate.useful
            ),
        )
        for number in aggregate.recipes
    )
    room = tuple(max(0.0, programme.rows[name][1]) / scale[name] for name in rows)
    return Relaxation(room, tuple(wants), nodes, clusters)


def _values(aggregate: Aggregate, row: tuple[object, ...]) -> list[float]:
    bucket = row[0]
    node = aggregate.programme.entries.get(("nodes", bucket.pool), {})  # type: ignore[attr-defined]
    return [node.get((Bucket(bucket.pool, ()), row[1]), 1.0)]  # type: ignore[attr-defined]


def lower_bound(aggregate: Aggregate, upper: int, rounds: int = ROUNDS) -> int:
    """What placing everybody costs at least; ``upper`` is what it is known to cost at most."""
    problem = relaxation(aggregate)
    prices = [0.0] * len(problem.room)
    best, length, waited = 0.0, 1.0, 0
    for _round in range(rounds):
        value, slope = relaxed(problem, prices)
        if value > best:
            best, waited = value, 0
        else:
            waited += 1
            if waited >= PATIENCE:
                length, waited = length / 2, 0
        norm = sum(entry * entry for entry in slope)
        if not norm or length < 1e-4:
            break
        step = length * max(upper / MICRO - value, upper / MICRO / 1000) / norm
        prices = [max(0.0, price + step * entry) for price, entry in zip(prices, slope)]
    return min(upper, aggregate.rounded_up(best * (1 - 1e-9)))


def relaxed(problem: Relaxation, prices: list[float]) -> tuple[float, list[float]]:
    """The bound at these prices, and in which direction it grows."""
    value = -sum(price * have for price, have in zip(prices, problem.room))
    slope = [-have for have in problem.room]
    for want in problem.wants:
        cheapest, chosen = float("inf"), want.ways[0]
        for way in want.ways:
            paid = way.cost
            for at, amount in way.entries:
                paid += prices[at] * amount
            if paid < cheapest:
                cheapest, chosen = paid, way
        value += cheapest * want.count
        for at, amount in chosen.entries:
            slope[at] += amount * want.count
    gains = []
    for offer in problem.nodes:
        reduced = offer.price + sum([prices[at] * amount for at, amount in offer.entries])
        gains.append(min(0.0, reduced))
        if reduced < 0:
            value += reduced * offer.most
            for at, amount in offer.entries:
                slope[at] += amount * offer.most
    for offer in problem.clusters:
        reduced = offer.price + sum([prices[at] * amount for at, amount in offer.entries])
        reduced += sum(gains[place] * most for place, most in offer.inner)
        if reduced < 0:
            value += reduced * offer.most
            for at, amount in offer.entries:
                slope[at] += amount * offer.most
            for place, most in offer.inner:
                if gains[place] < 0:
                    for at, amount in problem.nodes[place].entries:
                        slope[at] += amount * most * offer.most
    return value, slope
