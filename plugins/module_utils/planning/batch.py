# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Batch: many workloads at once -> one plan, with a proof of how good it is.

First as much priority-weighted work as possible, then the least extra cost. With HiGHS a programme over pools says how
many of each kind go where and proves what no plan can pass; the board then seats everybody by it. Without, the same
programme in parts says so less exactly. The best of that and of several orders is taken, and a search improves what the bound
does not forbid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import dual, integer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.aggregate import Aggregate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import (
    Batch,
    BatchPlan,
    Ground,
    Growth,
    Planned,
    Proof,
    Seat,
    ground_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.integer import Solution
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.local_search import (
    RULES,
    Guide,
    Rule,
    improve,
    seat_all,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Part
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.packing import Board
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import gathered

Clock = Callable[[], float]
# One after the other, each where it is cheapest for itself: what many single matches come to.
SINGLY = Rule("name", False)
GUIDED = (Rule("worth", True), Rule("size", True))
# Who found no seat among the nodes that the programme wants
LEFT = Rule("size", False)
# The share of the time that the solver may take at the worst, and how many nodes of its search tree
SOLVER_SHARE = 0.6
SOLVER_NODES = 500
# Of a relaxation's parts, those that are less than this of a whole count as nothing
PART = 0.25
BY_SOLVER = "integer programme over pools, packing, ruin and recreate"
BY_RELAXATION = "linear programme over pools, packing, ruin and recreate"
BY_ORDERS = "greedy orders, ruin and recreate"


def plan(batch: Batch, clock: Clock = time.monotonic) -> BatchPlan:
    """The plan for a batch.

    :param clock: looked at only to stop what takes too long; then ``proof.limit`` says so.
    """
    deadline = clock() + batch.seconds
    ground = ground_of(batch)
    view = viewed(ground)
    boards = []
    if view.guide is not None and grows(ground):
        boards += [guided(ground, view, batch.effort * 500, clock, deadline)]
    singly = seated(ground, SINGLY) if batch.compare else None
    if not boards or boards[0].state() > view.goal:
        boards += [seated(ground, rule) for rule in rules_for(ground, beside=bool(boards))]
    best = min(boards, key=_state)
    out_of_time = improve(best, batch.effort * 1000, view.goal, clock, deadline)
    apart = (singly.cost, singly.unplaced) if singly is not None else None
    return finished(ground, best, proved(ground, best, view, out_of_time), apart)


def viewed(ground: Ground) -> View:
    """What a programme over pools says: solved by HiGHS where that may be used, else relaxed where it has anything to say."""
    batch = ground.batch
    total = sum(kind.worth * len(kind.members) for kind, ways in zip(ground.kinds, ground.options) if ways)
    if batch.solver and integer.available() and ground.kinds:
        return programmed(ground, total, batch.seconds * SOLVER_SHARE)
    if grows(ground) and total:
        return relaxed(ground, total)
    return View(ground, total)


def grows(ground: Ground) -> bool:
    """Whether anything can be opened: where not, only who sits where is left to decide."""
    return any(site.most for site in ground.sites)


def rules_for(ground: Ground, *, beside: bool) -> Iterable[Rule]:
    """The greedy orders to try: where nothing can be opened its price does not matter. ``beside`` a guided plan, which is
    mostly better, two are enough."""
    if grows(ground):
        return [rule for rule in RULES if not beside or rule.order == "worth"]
    return [rule for rule in RULES if rule.share]


def total_worth(ground: Ground) -> int:
    """What placing everybody counts."""
    return sum(kind.worth * len(kind.members) for kind in ground.kinds)


def _state(board: Board) -> tuple[int, int]:
    return board.state()


def seated(ground: Ground, rule: Rule) -> Board:
    """A board on which everybody sits by a rule."""
    board = Board(ground)
    seat_all(board, rule)
    return board


def guided(ground: Ground, view: View, steps: int, clock: Clock, deadline: float) -> Board:
    """A board on which everybody sits as the programme says: with no more nodes than it wants, if that can be."""
    found = []
    guide = view.guide or Guide()
    for rule in GUIDED:
        board = Board(ground)
        board.most_nodes = {pool: guide.nodes.get(pool, 0) for pool in ground.pools}
        board.most_made = {host: guide.made.get(host, 0) for host in board.made}
        seat_all(board, rule, Guide(dict(guide.targets)))
        found.append(board)
        if board.state() <= view.goal:
            return board
    best = min(found, key=_state)
    improve(best, steps, view.goal, clock, deadline)
    best.most_nodes, best.most_made = {}, {}
    seat_all(best, LEFT)
    return best


class View:
    """What is known before anybody sits: ``goal`` is (work without a place, cost) that no plan can pass. ``limit`` is what
    ended the solver before it was done."""

    def __init__(
        self,
        ground: Ground,
        most_worth: int,
        cost: int = 0,
        guide: Guide | None = None,
        method: str = BY_ORDERS,
        limit: str = "",
    ) -> None:
        total = total_worth(ground)
        self.most_worth, self.cost, self.guide = most_worth, cost, guide
        self.method, self.limit = method, limit
        self.goal = (total - most_worth, cost)


def programmed(ground: Ground, total: int, seconds: float) -> View:
    """What HiGHS makes of the programme over pools."""
    aggregate = Aggregate(ground)
    aggregate.all_placed()
    found = aggregate.programme.solve(seconds, nodes=SOLVER_NODES)
    if found.values or found.status in integer.LIMITS:
        cost = aggregate.rounded_up(max(0.0, found.bound))
        guide = aggregate.guide(found) if found.values else None
        return View(ground, total, cost, guide, BY_SOLVER if guide else BY_ORDERS, _limit(found))
    aggregate = Aggregate(ground)
    aggregate.most_placed()
    most = aggregate.programme.solve(seconds / 2, nodes=SOLVER_NODES)
    most_worth = min(total, int(-most.bound * MICRO) + 1)
    if not most.values:
        return View(ground, most_worth, limit=_limit(most))
    aggregate.at_least(int(-most.objective * MICRO))
    found = aggregate.programme.solve(seconds / 2, nodes=SOLVER_NODES)
    guide = aggregate.guide(found if found.values else most)
    cost = aggregate.rounded_up(max(0.0, found.bound)) if found.values else 0
    return View(ground, most_worth, cost, guide, BY_SOLVER, min(filter(None, map(_limit, (most, found))), default=""))


def _limit(found: Solution) -> str:
    return "" if found.status == integer.OPTIMAL else "clock" if found.status == integer.OUT_OF_TIME else "solver"


def relaxed(ground: Ground, total: int) -> View:
    """What the programme over pools says in parts, without a solver."""
    aggregate = Aggregate(ground)
    aggregate.all_placed()
    found = dual.solve(aggregate)
    return View(ground, total, aggregate.rounded_up(found.bound), aggregate.guide(found, PART), BY_RELAXATION)


def proved(ground: Ground, board: Board, view: View, out_of_time: bool) -> Proof:
    """How good the plan on the board is known to be."""
    total = total_worth(ground)
    placed = total - board.unplaced
    # Worth is counted in millionths, which the solver's numbers are not finer than; but one workload more is more
    least = min((kind.worth for kind in ground.kinds), default=1)
    most = placed if view.most_worth - placed <= min(total // 10**9, least - 1) else view.most_worth
    bound = min(view.cost if placed == most else 0, board.cost)
    proof = Proof(board.cost, bound, placed, most, view.method)
    limit = "" if proof.proven else "clock" if out_of_time else view.limit or "steps"
    return replace(proof, limit=limit)


# --- the board as a plan


def finished(ground: Ground, board: Board, proof: Proof, apart: tuple[int, int] | None) -> BatchPlan:
    """The plan that lies on the board."""
    batch = ground.batch
    numbers: dict[int, int] = {}
    members: dict[int, list[int]] = {}
    stay = {cluster.id: number for number, cluster in enumerate(batch.fleet.clusters)}
    for index, workload in enumerate(batch.workloads):
        if workload.home is not None and workload.home[0] in stay and (not workload.missing or index in board.where):
            members.setdefault(stay[workload.home[0]], []).append(index)
        elif index in board.where:
            members.setdefault(board.host_of_site[board.site_of[board.where[index][0][0]]], []).append(index)
    hosts = sorted(
        members, key=lambda host: (board.hosts[host].recipe, members[host][0] if board.hosts[host].recipe else host)
    )
    clusters = []
    made = 0
    for host in hosts:
        numbers[host] = len(clusters)
        recipe = board.hosts[host].recipe
        made += recipe
        clusters.append(
            Planned(
                board.hosts[host].cluster, tuple(growths(board, host)), tuple(members[host]), made if recipe else None
            )
        )
    places: list[int | None] = [None] * len(batch.workloads)
    for host, found in members.items():
        for index in found:
            places[index] = numbers[host]
    seats = tuple(
        tuple(seats_of(board, index, numbers)) if index in board.where else () for index in range(len(batch.workloads))
    )
    return BatchPlan(batch, tuple(clusters), tuple(places), seats, proof, total_worth(ground), apart)


def growths(board: Board, host: int) -> Iterable[Growth]:
    """The groups of a cluster with their nodes before and after."""
    recipe = board.hosts[host].recipe
    for site in board.hosts[host].sites:
        group = board.groups[site]
        opened = sum(board.there[node] and board.opened[node] for node in board.spare[site])
        before = 0 if recipe else group.count
        there = [node for node in board.spare[site] if board.there[node]]
        rooms = gathered([*((board.rooms.rooms[board.room_of[node]], 1) for node in there), *board.counted[site]])
        yield Growth(group, before, (group.min_count if recipe else group.count) + opened, rooms)


def seats_of(board: Board, workload: int, numbers: dict[int, int]) -> Iterable[Seat]:
    """The parts of a workload, each with its group."""
    found: dict[tuple[Part, int], list[int]] = {}
    for node, part in board.where[workload]:
        found.setdefault((part, board.site_of[node]), []).append(node)
    for (part, site), nodes in found.items():
        on_new = sum(board.opened[node] for node in nodes)
        places = tuple(sorted(map(board.place_in_group, nodes)))
        yield Seat(part, numbers[board.host_of_site[site]], board.groups[site].name, on_new, places)


def without_solver(batch: Batch) -> Batch:
    """The same batch, planned as where HiGHS is not installed."""
    return replace(batch, solver=False)
