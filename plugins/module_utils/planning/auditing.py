# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of each engine as acts for the auditor: match, batch, scaling, consolidation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.audit_acts import (
    Act,
    Admit,
    Breach,
    Close,
    Drop,
    Grow,
    Limits,
    Make,
    Seat,
    Shift,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.auditor import audit
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Cluster,
    Decision,
    Group,
    Workload,
)

if TYPE_CHECKING:
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import BatchPlan
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
        Consolidation,
        Option,
    )
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import Scaling

NEW = "new cluster"


def admitted(workload: Workload, name: str, cluster: str, asked: int, seats: tuple[Seat, ...]) -> Admit:
    """A workload that enters a cluster, under a name that tells it from the others."""
    return Admit(name, workload.isolation, workload.tolerations, workload.latency_ms, cluster, asked, seats)


# --- match


def audit_match(decision: Decision) -> list[Breach]:
    """The rules that the chosen candidate of a match breaks."""
    request = decision.request
    limits = Limits(require_health=request.policy.require_health)
    return audit(request.fleet, match_acts(decision), limits) if decision.chosen else []


def match_acts(decision: Decision) -> Iterator[Act]:
    """The chosen candidate: nodes or a cluster first, then the workload."""
    if decision.chosen is None:
        return
    verdict, workload = decision.chosen.verdict, decision.request.workload
    candidate = verdict.candidate
    identity = candidate.cluster.id or NEW
    if candidate.action == "create":
        counts = {group.name: group.min_count for group in candidate.cluster.groups}
        counts |= {step.group.name: step.after for step in verdict.steps}
        yield Make(identity, candidate.cluster, tuple(sorted(counts.items())))
    else:
        for step in verdict.steps:
            if step.after > step.before:
                yield Grow(identity, step.group.name, step.after - step.before)
    needs = [needed(workload, slot.group) for slot in candidate.slots]
    seats = tuple(Seat(slot.part, slot.group.name, need) for slot, need in zip(candidate.slots, needs) if need)
    if seats or candidate.action != "use":
        yield admitted(workload, workload.name, identity, max(needs), seats)


def needed(workload: Workload, group: Group) -> int:
    """How many replicas need room: those that run on measured nodes have theirs, on others it was not counted as taken."""
    there = group.own if group.measured or not group.known else 0
    return max(0, workload.replicas - there)


# --- batch


def audit_batch(plan: BatchPlan) -> list[Breach]:
    """The rules that the plan for many workloads breaks."""
    limits = Limits(require_health=plan.batch.policy.require_health)
    return audit(plan.batch.fleet, batch_acts(plan), limits)


def batch_acts(plan: BatchPlan) -> Iterator[Act]:
    """All nodes and clusters first, then one workload after the other, each replica on its node."""
    names = []
    running: dict[tuple[int, str], int] = {}
    for number, planned in enumerate(plan.clusters):
        names.append(planned.cluster.id if planned.new is None else f"{NEW} {planned.new}")
        if planned.new is not None:
            counts = tuple((growth.group.name, growth.after) for growth in planned.groups)
            yield Make(names[-1], planned.cluster, counts)
        for growth in planned.groups if planned.new is None else ():
            running[number, growth.group.name] = sum(count for _room, count in growth.group.rooms)
            if growth.after > growth.before:
                yield Grow(names[-1], growth.group.name, growth.after - growth.before)
    for workload, seats in zip(plan.batch.workloads, plan.seats):
        if seats:
            found = tuple(
                Seat(
                    seat.part, seat.group, len(seat.nodes), _names(seat.nodes, running.get((seat.host, seat.group), 0))
                )
                for seat in seats
            )
            asked = workload.missing
            yield admitted(workload, workload.name, names[seats[0].host], asked, found)


def _names(nodes: tuple[int, ...], running: int) -> tuple[str, ...]:
    return tuple(f"running {node}" if node < running else f"new node {node - running + 1}" for node in nodes)


# --- scaling


def audit_scaling(found: Scaling) -> list[Breach]:
    """The rules that a scaling decision breaks."""
    rules = found.question.rules
    limits = Limits(run_percent=rules.run_percent, full=rules.in_below, keep_last=not rules.empty_clusters)
    fleet = found.question.fleet
    out = any(plan.action == "scale_out" for plan in found.groups)
    # What is measured matters where nodes go; where they come it is the reason
    return audit(fleet, scaling_acts(found), Limits() if out else limits)


def scaling_acts(found: Scaling) -> Iterator[Act]:
    """Nodes that come, then who is pending, then node after node that goes with all that moves."""
    for plan in found.groups:
        if plan.target > plan.group.count:
            yield Grow(plan.cluster.id, plan.group.name, plan.target - plan.group.count, not plan.cluster.autoscaled)
    # Where not all of them found a node by name, none goes there, and how the match packed them is what counts
    wanted = Counter({placed.cluster: 0 for placed in found.placed})
    for placed in found.placed:
        wanted[placed.cluster] += sum(count for _part, _group, count in placed.seats)
    named = Counter(place.cluster for _number, _part, place in found.arrivals)
    for number, placed in enumerate(found.placed):
        workload = placed.workload
        seats = tuple(Seat(part, group, count, None) for part, group, count in placed.seats)
        arrived = Counter((part, place) for index, part, place in found.arrivals if index == number)
        if named[placed.cluster] == wanted[placed.cluster]:
            seats = tuple(
                Seat(part, place.group, count, (place.node,) * count)
                for (part, place), count in sorted(arrived.items())
            )
        name = f"{workload.name} (pending {number})"
        yield admitted(workload, name, placed.cluster, workload.replicas, seats)
    for plan in sorted((plan for plan in found.nodes if plan.goes), key=lambda entry: entry.turn):
        yield from (Shift(move.pod, tuple(move.source), tuple(move.target)) for move in plan.moves)
        yield Close(tuple(plan.place))


# --- consolidation


def audit_consolidation(found: Consolidation) -> list[Breach]:
    """The rules that a consolidation breaks."""
    rules = found.question.rules
    return audit(found.question.fleet, consolidation_acts(found), Limits(rules.care.require_health, full=rules.full))


def consolidation_acts(found: Consolidation) -> Iterator[Act]:
    """All that grows first, as it is carried out; then step after step."""
    opened: Counter[tuple[str, str]] = Counter()
    for step in found.steps:
        for opening in step.opened:
            if opening.cluster:
                opened[opening.cluster, opening.group] += opening.count
    for (cluster, group), count in sorted(opened.items()):
        yield Grow(cluster, group, count)
    for number, step in enumerate(found.steps, 1):
        identity = f"{NEW} {number}"
        if step.kind is not None:
            (source,) = (cluster for cluster in found.question.fleet.clusters if cluster.id == step.cluster)
            yield _made(identity, step, source)
        for move in step.moves:
            target = (move.target.cluster or identity, move.target.group, move.target.node)
            yield Shift(move.pod, tuple(move.source), target)
        if step.action == "merge":
            yield Drop(step.cluster)
        else:
            yield from (Close(tuple(place)) for place in step.closed)


def _made(identity: str, step: Option, source: Cluster) -> Make:
    groups = tuple(Group(opening.group, opening.flavor) for opening in step.opened)
    kind = step.kind
    cluster = Cluster(
        "", "", source.type, groups, project=source.project, latency_ms=kind.latency_ms if kind else None,
        masters=kind.masters if kind else None,
    )  # fmt: skip
    return Make(identity, cluster, tuple((opening.group, opening.count) for opening in step.opened))
