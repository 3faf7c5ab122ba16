# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a batch takes its seats: one workload after the other by a rule, and better by taking some up again.

A greedy plan is made for several orders and rules, and the best is kept. The search then ruins a part of it and seats
that anew (Schrimpf et al. 2000), keeping what is not worse. Chance comes from a fixed seed, and effort is counted in
steps, so the same input gives the same plan; only a clock that runs out first can change that, and the answer says so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import Ground, Option
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Flavor, Part
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.objective import illness
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.packing import NOWHERE, Board, Form

SEED = 20
Clock = Callable[[], float]


@dataclass
class Guide:
    """What a programme over pools wants: how many of a kind in which pool, or alone in which cluster, how many nodes more,
    how many of a recipe."""

    targets: dict[tuple[int, int], int] = field(default_factory=dict)
    nodes: dict[int, int] = field(default_factory=dict)
    made: dict[int, int] = field(default_factory=dict)


def alone_in(host: int) -> int:
    """What stands for a cluster among the pools of a guide."""
    return ~host


def aim(board: Board, workload: int, option: Option) -> int:
    """What a guide counts a way as: the pool of its first part, or the cluster where it is to have that for itself."""
    site = board.origin[option[0]]
    if board.kind(workload).isolation == "cluster":
        return alone_in(board.ground.sites[site].host)
    return board.ground.pools[site]


class Rule(NamedTuple):
    """How to compare seats: by whole nodes that are opened, or by the ``share`` of them that is used."""

    order: str
    share: bool


RULES = tuple(Rule(order, share) for share in (True, False) for order in ("size", "worth", "name"))


class Chance(NamedTuple):
    """One way to seat a workload."""

    form: Form
    host: int
    option: Option


def in_order(ground: Ground, order: str) -> list[int]:
    """The workloads in the order in which they are seated: the largest first, those worth most, or as they are named."""
    keys = {
        "size": lambda kind: (-kind.workload.priority, -kind.size * kind.workload.replicas, -kind.size),
        "worth": lambda kind: (-kind.workload.priority, -kind.worth),
        "name": lambda kind: (-kind.workload.priority,),
    }
    kinds = [(kind, member) for kind in ground.kinds for member in kind.members]
    isolated = {"project": 0, "cluster": 0, "node": 1}
    return [
        member
        for _kind, member in sorted(
            kinds,
            key=lambda entry: (
                -entry[0].workload.priority,
                isolated.get(entry[0].workload.isolation, 2),
                *keys[order](entry[0]),
                entry[1],
            ),
        )
    ]


def seat_all(board: Board, rule: Rule, guide: Guide | None = None) -> None:
    """Seat everybody who can be."""
    for workload in in_order(board.ground, rule.order):
        if workload not in board.where:
            seat(board, workload, rule.share, guide)


def seat(board: Board, workload: int, share: bool, guide: Guide | None = None, only: set[int] | None = None) -> bool:
    """Seat one workload where that costs least, or leave everything as it is."""
    kind = board.kind_of[workload]
    chances = sorted(scored(board, workload, share, guide, only)) if guide is not None else []
    chances = chances or sorted(scored(board, workload, share, None, only))
    for _score, _number, chance in chances[:TRIES]:
        before = board.checkpoint()
        if board.place(workload, *chance) and within_budget(board, workload, chance, before):
            if guide is not None:
                target = (kind, aim(board, workload, chance.option))
                guide.targets[target] = guide.targets.get(target, 0) - 1
            return True
        board.back_to(before)
    return False


# A way that looked open and is not is rare: then the next best are tried.
TRIES = 3


def within_budget(board: Board, workload: int, chance: Chance, before: tuple[int, ...]) -> bool:
    """Whether the nodes opened for a workload keep its price cap, and with its own draw its power budget."""
    wanted = board.kind(workload)
    if wanted.max_cost is not None and board.cost - before[0] > wanted.max_cost:
        return False
    if wanted.power_budget_mw is None:
        return True
    return board.power - before[1] + board.added_power(workload, chance.form, chance.option) <= wanted.power_budget_mw


Score = tuple[int, int, int, int, int, int]


def scored(
    board: Board, workload: int, share: bool, guide: Guide | None, only: set[int] | None
) -> Iterator[tuple[Score, int, Chance]]:
    """Every way to seat a workload that looks open, with how it compares: smaller is better. With a guide, only its ways."""
    kind = board.kind_of[workload]
    wanted = board.kind(workload)
    for number, (form, option) in enumerate(board.ground.options[kind]):
        if guide is not None and guide.targets.get((kind, aim(board, workload, option)), 0) < 1:
            continue
        for host, there in board.instances(option):
            if not board.may_join(workload, host) or (only is not None and there[0] not in only and host != NOWHERE):
                continue
            if host == NOWHERE and not board.can_make(board.host_of_site[option[0]]):
                continue
            view = outlook(board, workload, form, there, host == NOWHERE)
            if view is None:
                continue
            cluster = board.hosts[board.host_of_site[there[0]]].cluster
            liking = wanted.prefers.index(cluster.type) if cluster.type in wanted.prefers else len(wanted.prefers)
            price = view.shared if share else view.whole
            yield (price, illness(cluster), view.growth, liking, view.slack, number), host, Chance(form, host, there)


class View(NamedTuple):
    """What a way looks like: what it costs by whole nodes and by shares, and what it does to the first node it takes."""

    whole: int
    shared: int
    growth: int
    slack: int
    opened: tuple[tuple[int, int], ...]


def outlook(board: Board, workload: int, form: Form, option: Option, new: bool) -> View | None:
    """What it would cost to seat all replicas there, as far as that can be known without doing it."""
    wanted = board.kind(workload)
    alone, replicas = wanted.isolation == "node", wanted.replicas
    whole = shared = growth = slack = 0
    opened = []
    for part, site in zip(form, option):
        flavor = board.groups[site].flavor
        seated, best = running(board, part, site, replicas, alone)
        each = board.rooms.hold(part, alone, board.rooms.number(flavor, flavor.empty))
        unpaid = replicas - seated
        if new:
            seated = min(replicas, each * board.groups[site].min_count)
        missing = -(-(replicas - seated) // each) if each else 0
        if missing > board.can_open(site) or (not each and seated < replicas):
            return None
        whole += missing * flavor.price
        shared += missing * flavor.price if alone else unpaid * taken_share(part, flavor)
        growth += best[0]
        slack += best[1]
        opened.append((site, missing))
    if new:
        price = board.hosts[board.host_of_site[option[0]]].price
        least = sum(board.groups[site].min_count * board.groups[site].flavor.price for site in option)
        whole, shared = whole + price, shared + price - (0 if alone else least)
    return View(whole, shared, growth, slack, tuple(opened))


def running(board: Board, part: Part, site: int, replicas: int, alone: bool) -> tuple[int, tuple[int, int]]:
    """How many replicas running nodes hold, and what the best of them is like: (growth of fragmentation, slack left)."""
    known, key = board.views[site], (part, replicas, alone)
    if key in known:
        return known[key]
    rooms, seated = board.rooms, 0
    best = None
    memo, holds = rooms.memo(part, alone), rooms.holding(part, alone)
    for number, nodes in board.buckets[site].items():
        if number not in memo:
            rooms.fit(memo, part, alone, number)
        found = memo[number]
        if found is not None:
            if best is None or found[:2] < best:
                best = found[:2]
            if seated < replicas:
                seated += (holds[number] if number in holds else rooms.hold(part, alone, number)) * len(nodes)
    known[key] = (min(seated, replicas), best or (0, 0))
    return known[key]


def taken_share(part: Part, flavor: Flavor) -> int:
    """What one replica pays of a node: by the resource of which it takes the largest part."""
    shares = [part.cpu_m * flavor.price // flavor.cpu_m if flavor.cpu_m else 0]
    shares.append(part.mem_mib * flavor.price // flavor.mem_mib if flavor.mem_mib else 0)
    for demand in part.demands:
        devices = sum(entry.count for entry in flavor.accelerators if entry.kind == demand.kind) * 1000
        shares.append(demand.count * demand.share * flavor.price // devices if devices else 0)
    return max(shares)


# --- better


def improve(board: Board, steps: int, bound: tuple[int, int], clock: Clock, deadline: float) -> bool:
    """Ruin and recreate, until the bound is met or the steps are used up; True where the clock ran out before that."""
    chance = random.Random(SEED)
    last = board.steps + steps
    while board.steps < last and board.state() > bound:
        if clock() > deadline:
            return True
        before = board.state()
        board.keep()
        moment = board.checkpoint()
        if not recreated(board, chance) or board.state() > before:
            board.back_to(moment)
    return False


def recreated(board: Board, chance: random.Random) -> bool:
    """Let some get up and sit down anew, with some of those who have no place."""
    waiting = board.waiting() if board.unplaced else []
    if waiting:
        guests = [waiting[chance.randrange(len(waiting))]]
        nodes = beside(board, guests[0], chance)
    else:
        guests, nodes = [], expensive(board, chance)
    ruined = list(dict.fromkeys(workload for node in nodes for workload, _part in board.items[node]))[:MOST_RUINED]
    board.steps += 1
    if not ruined:
        return bool(guests) and seat(board, guests[0], True)
    sites = {board.site_of[node] for workload in ruined for node, _part in board.where[workload]}
    for workload in ruined:
        if not board.take(workload):
            return False
    if len(waiting) > 1:
        guests += [waiting[chance.randrange(len(waiting))] for _guest in range(MOST_GUESTS)]
    only = sites | {chance.randrange(len(board.groups)) for _site in range(MOST_SITES)}
    share = chance.random() < 0.7
    first = guests[:1] if chance.random() < 0.5 else []
    still = [node for node in nodes if board.there[node]]
    homeless = set(ruined)
    for workload in dict.fromkeys((*first, *shaken(board, (*ruined, *guests), chance))):
        part = lonely_part(board, workload, still)
        if part is not None and board.place_on(workload, part, still):
            continue
        # A guest who found no seat before finds one only where somebody has got up
        if workload in homeless or not still:
            seat(board, workload, share, None, only)
    return True


def lonely_part(board: Board, workload: int, nodes: Sequence[int]) -> Part | None:
    """The one part of a workload that may sit on any of the nodes; None where it is not as simple as that."""
    wanted = board.kind(workload)
    if wanted.replicas > 1 or wanted.isolation != "none" or len(wanted.forms) > 1 or not nodes:
        return None
    if board.apart and not all(board.may_join(workload, board.host_of_site[board.site_of[node]]) for node in nodes):
        return None
    if wanted.max_cost is not None or wanted.power_budget_mw is not None:
        return None
    allowed = board.allowed_sites(board.kind_of[workload])
    for node in nodes:
        site = board.site_of[node]
        if board.origin[site] not in allowed or board.locked[board.host_of_site[site]]:
            return None
    return wanted.forms[0][0]


# How many get up at once, how many without a place try to sit down with them, and how many groups more are looked at
MOST_RUINED = 40
MOST_GUESTS = 4
MOST_SITES = 12


def expensive(board: Board, chance: random.Random) -> list[int]:
    """A few of the nodes that the plan pays for, or all of a cluster that it makes."""
    made = [host for hosts in board.made.values() for host in hosts if board.alive[host]]
    if made and chance.random() < 0.2:
        sites = board.hosts[made[chance.randrange(len(made))]].sites
        return [node for site in sites for node in board.spare[site] if board.items[node]]
    nodes = board.opened_nodes()
    nodes += [
        node for host in made for site in board.hosts[host].sites for node in board.spare[site] if board.items[node]
    ]
    return [nodes[chance.randrange(len(nodes))] for _node in range(chance.choice((1, 1, 2, 3)))] if nodes else []


def beside(board: Board, workload: int, chance: random.Random) -> list[int]:
    """A few nodes of one pool in which a workload could stand."""
    options = board.ground.options[board.kind_of[workload]]
    if not options:
        return []
    _form, option = options[chance.randrange(len(options))]
    pool = board.ground.pools[option[0]]
    sites = [site for site, origin in enumerate(board.origin) if board.ground.pools[origin] == pool]
    number = chance.choice((1, 2, 2, 3))
    found: list[int] = []
    for _try in range(3 * number):
        nodes = board.spare[sites[chance.randrange(len(sites))]]
        node = nodes[chance.randrange(len(nodes))] if nodes else NOWHERE
        if node != NOWHERE and board.items[node]:
            found.append(node)
    return found[:number]


def shaken(board: Board, workloads: Iterable[int], chance: random.Random) -> list[int]:
    """The largest first, but not quite: each counts up to a fifth more or less than it is."""
    kinds, kind_of = board.ground.kinds, board.kind_of
    weights = {
        workload: kinds[kind_of[workload]].size * kinds[kind_of[workload]].workload.replicas * chance.randrange(80, 121)
        for workload in workloads
    }
    return sorted(weights, key=lambda workload: (-weights[workload], workload))
