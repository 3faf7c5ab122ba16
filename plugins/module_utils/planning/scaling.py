# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scaling: workloads now and expected -> more nodes, fewer nodes, or calm.

Out at once, in slowly. What is pending or expected is matched with the clusters that stand, and a group is also scaled out
when it would be used beyond ``out_above``. In only where everything finds a seat and use stays below ``in_below``, only
after a node was unneeded for a while in two observations, and not soon after a scale-out or a failure. The gap between
the two limits and the waiting keep small changes of load from moving anything. The clock is an argument; what has to be
remembered from run to run comes in and goes out as ``Memory``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import guards
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation import (
    disruption,
    no_room,
    used,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import gauge, mix
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import (
    CAREFUL,
    Care,
    against,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import match
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Cluster,
    Fleet,
    Group,
    Node,
    Pod,
    Policy,
    Ranked,
    Request,
    Violation,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import after, gathered, seated
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.yard import Move, Place, Yard

Key = tuple[str, str]
# What was seen longer ago than this says nothing of the time since.
FORGETS_S = 3600


@dataclass(frozen=True)
class Rules:
    """When to scale. Times in seconds, shares per mille, ``run_percent`` of all nodes may go in one run (at least one)."""

    unneeded_s: int = 600
    after_scale_out_s: int = 600
    after_failure_s: int = 180
    run_percent: int = 10
    out_above: int = 850
    in_below: int = 700
    care: Care = CAREFUL


@dataclass(frozen=True)
class Unneeded:
    """A node that was not needed, since when, and how often that was seen."""

    place: Place
    since: int
    seen: int


@dataclass(frozen=True)
class Memory:
    """What one run tells the next. Times in seconds of one clock; ``at`` is None for a first run."""

    at: int | None = None
    unneeded: tuple[Unneeded, ...] = ()
    scaled_out: tuple[tuple[str, int], ...] = ()
    failed: tuple[tuple[str, int], ...] = ()
    counts: tuple[tuple[Key, int], ...] = ()


@dataclass(frozen=True)
class Question:
    """All that the decision depends on. ``expected`` are workloads to come, ``usage`` predicted shares, per mille, of what
    a group's nodes offer now, by (cluster's id, group)."""

    fleet: Fleet
    policy: Policy
    pending: tuple[Workload, ...] = ()
    expected: tuple[Workload, ...] = ()
    usage: tuple[tuple[Key, int], ...] = ()
    rules: Rules = Rules()
    memory: Memory = Memory()
    now: int = 0


@dataclass(frozen=True)
class GroupPlan:
    """What becomes of one node group. ``used`` is per mille now, ``expected`` per mille with what is to come, ``after`` when
    the plan is carried out. ``bounds`` (least, most) are moved in place of the number where an autoscaler owns that."""

    cluster: Cluster
    group: Group
    action: str
    target: int
    used: int
    expected: int
    after: int
    removed: tuple[Node, ...] = ()
    bounds: tuple[int, int | None] | None = None
    why: tuple[str, ...] = ()
    why_not: tuple[Violation, ...] = ()


@dataclass(frozen=True)
class NodePlan:
    """Whether one node could go. ``unneeded`` tells that it could but for time and order."""

    place: Place
    node: Node
    goes: bool
    unneeded: bool
    moves: tuple[Move, ...] = ()
    why: tuple[str, ...] = ()
    why_not: tuple[Violation, ...] = ()


@dataclass(frozen=True)
class Scaling:
    """The answer."""

    question: Question
    action: str
    groups: tuple[GroupPlan, ...]
    nodes: tuple[NodePlan, ...]
    unplaced: tuple[tuple[Workload, tuple[Violation, ...]], ...]
    memory: Memory


def scale(question: Question) -> Scaling:
    """Decide for every group."""
    fleet, hosts, unplaced = arranged(question)
    grown = {
        (cluster.id, group.name): group_plan(question, before, group, cluster)
        for cluster, there in zip(question.fleet.clusters, fleet.clusters)
        for before, group in zip(cluster.groups, there.groups)
    }
    out = any(plan.action == "scale_out" for plan in grown.values())
    memory = remembered(question, grown)
    nodes = Removal(question, memory, hosts, out).run()
    plans = tuple(shrunk(question, plan, nodes) for plan in grown.values())
    action = "scale_out" if out else "scale_in" if any(plan.action == "scale_in" for plan in plans) else "none"
    return Scaling(question, action, plans, nodes, unplaced, replace(memory, unneeded=observed(question, nodes)))


# --- out


Hosts = tuple[tuple[Workload, str], ...]
Unplaced = tuple[tuple[Workload, tuple[Violation, ...]], ...]


def arranged(question: Question) -> tuple[Fleet, Hosts, Unplaced]:
    """The fleet with all that is pending and expected in it, grown where needed; who sits in which cluster; who nowhere."""
    fleet = replace(question.fleet, types=(), clusters=tuple(map(_unbound, question.fleet.clusters)))
    hosts: list[tuple[Workload, str]] = []
    unplaced = []
    for workload in (*_in_order(question.pending), *_in_order(question.expected)):
        decision = match(Request(workload, fleet, question.policy))
        if decision.chosen is None:
            closest = decision.ranking[0].verdict.why_not if decision.ranking else ()
            unplaced.append((workload, closest))
            continue
        fleet = placed(fleet, workload, decision.chosen)
        hosts.append((workload, decision.chosen.verdict.candidate.cluster.id))
    return fleet, tuple(hosts), tuple(unplaced)


def _unbound(cluster: Cluster) -> Cluster:
    """Where an autoscaler owns the numbers the bounds are what is moved, so they limit nothing."""
    if not cluster.autoscaled:
        return cluster
    return replace(cluster, groups=tuple(replace(group, max_count=None) for group in cluster.groups))


def _in_order(workloads: Iterable[Workload]) -> list[Workload]:
    """Who matters most first, then who is hardest to place."""

    def size(workload: Workload) -> tuple[object, ...]:
        part = workload.forms[0][0]
        devices = sum(demand.count * demand.share for demand in part.demands)
        return (-workload.priority, -devices, -part.cpu_m, -part.mem_mib, workload.name, -workload.replicas)

    return sorted(workloads, key=size)


def placed(fleet: Fleet, workload: Workload, chosen: Ranked) -> Fleet:
    """The fleet after a decision to use or scale was carried out on paper."""
    verdict = chosen.verdict
    changed = {}
    for step in verdict.steps:
        rooms = gathered((*step.group.rooms, (step.flavor.empty, step.after - step.before)))
        seating, _left = seated(step.part, step.flavor, rooms, step.seats, alone=workload.isolation == "node")
        changed[step.group.name] = replace(step.group, count=step.after, rooms=after(rooms, seating))
    there = verdict.candidate.cluster
    groups = tuple(changed.get(group.name, group) for group in there.groups)
    clusters = tuple(
        replace(cluster, groups=groups) if cluster.id == there.id else cluster for cluster in fleet.clusters
    )
    return replace(fleet, clusters=clusters)


def group_plan(question: Question, before: Group, group: Group, cluster: Cluster) -> GroupPlan:
    """How many nodes a group needs: for who comes, and to be used no more than is healthy."""
    rules, key = question.rules, (cluster.id, before.name)
    now = max(share(before), _measured(before))
    said = dict(question.usage).get(key)
    coming = max(share(group) * group.count // before.count if before.count else 0, said or 0, now)
    target, why = group.count, ["PENDING_NEEDS_NODES"] if group.count > before.count else []
    healthy = -(-coming * before.count // rules.out_above) if coming > rules.out_above else target
    if healthy > target:
        target, why = healthy, [*why, "EXPECTED_USE_TOO_HIGH"]
    why_not: list[Violation] = []
    if target > group.count:
        why_not += [*guards.cluster_guards(cluster, Care(False, False)), *guards.group_guards(before)]
        if before.max_count is not None and target > before.max_count and not cluster.autoscaled:
            sentence = f"raise max_node_count of {before.name} to {target}"
            most = max(before.max_count, group.count)
            why_not.append(against("GROUP_MAX", target, most, "raise_max", sentence, "nodes", node_group=before.name))
            target = most
        if any(violation.code != "GROUP_MAX" for violation in why_not):
            target = group.count
    action = "scale_out" if target > before.count else "none"
    return GroupPlan(
        cluster,
        before,
        action,
        target,
        used=now,
        expected=coming,
        after=coming * before.count // target if target else 0,
        bounds=(target, _most(before, target)) if cluster.autoscaled and action == "scale_out" else None,
        why=tuple(why) if action == "scale_out" else (),
        why_not=guards.ordered(why_not),
    )


def _most(group: Group, target: int) -> int | None:
    return None if group.max_count is None else max(group.max_count, target)


def share(group: Group) -> int:
    """How much of a group is taken by what was asked for, per mille; what nobody knows counts as taken."""
    return used(group.flavor, [room for room, count in group.rooms for _node in range(count)])


def _measured(group: Group) -> int:
    """The mean of what was measured, per mille; nodes that nobody measured say nothing here."""
    loads = [node.load for node in group.nodes if node.load is not None]
    return sum(loads) // len(loads) if loads else 0


# --- memory


def remembered(question: Question, plans: Mapping[Key, GroupPlan]) -> Memory:
    """What happened until now: scale-outs, ours and others', and failures, by cluster."""
    memory, now = question.memory, question.now
    scaled = {name: min(at, now) for name, at in memory.scaled_out}
    failed = {name: min(at, now) for name, at in memory.failed}
    counts = dict(memory.counts)
    for (cluster_id, name), plan in plans.items():
        grew = (cluster_id, name) in counts and plan.group.count > counts[cluster_id, name]
        if grew or plan.action == "scale_out":
            scaled[cluster_id] = now
        if plan.group.status.endswith("_FAILED") or plan.cluster.status.endswith("_FAILED"):
            failed[cluster_id] = now
    there = {cluster.id for cluster in question.fleet.clusters}
    return Memory(
        at=now,
        scaled_out=tuple(sorted((name, at) for name, at in scaled.items() if name in there)),
        failed=tuple(sorted((name, at) for name, at in failed.items() if name in there)),
        counts=tuple(sorted(((key, plan.group.count) for key, plan in plans.items()))),
    )


def former(question: Question) -> dict[Place, Unneeded]:
    """What was seen before, where that still says something: not after a long silence, nor when the clock went back."""
    memory, now = question.memory, question.now
    if memory.at is None or not 0 <= now - memory.at <= FORGETS_S:
        return {}
    return {entry.place: entry for entry in memory.unneeded if entry.since <= now}


def observed(question: Question, nodes: Iterable[NodePlan]) -> tuple[Unneeded, ...]:
    """The nodes that are not needed now, and since when. Two looks at one moment are one observation."""
    before = former(question)
    again = question.memory.at is not None and question.now > question.memory.at
    found = []
    for plan in nodes:
        if plan.unneeded:
            known = before.get(plan.place)
            seen = known.seen + (1 if again else 0) if known else 1
            found.append(Unneeded(plan.place, known.since if known else question.now, seen))
    return tuple(sorted(found, key=lambda entry: entry.place))


# --- in


class Removal:
    """One look at every node: could it go, and does it go now."""

    def __init__(self, question: Question, memory: Memory, hosts: Hosts, out: bool) -> None:
        self.question, self.rules, self.memory, self.out = question, question.rules, memory, out
        self.clusters = {cluster.id: cluster for cluster in question.fleet.clusters}
        self.groups = {
            (cluster.id, group.name): group for cluster in question.fleet.clusters for group in cluster.groups
        }
        self.nodes = {
            Place(cluster.id, group.name, node.name): node
            for cluster in question.fleet.clusters
            for group in cluster.groups
            for node in group.nodes
        }
        self.guarded = {
            cluster.id: guards.taking_guards(cluster, self.rules.care) for cluster in self.clusters.values()
        }
        self.before = former(question)
        self.usage = dict(question.usage)
        self.limit = max(1, len(self.nodes) * self.rules.run_percent // 100)
        coming = tuple((part, workload.replicas) for workload, _cluster in hosts for part in workload.forms[-1])
        self.yard = Yard(question.fleet.clusters, gauge(mix(question.fleet.standing, coming)))
        self.left = {key: len(group.nodes) for key, group in self.groups.items()}
        self.gone = 0
        # Who is on the way in has its seat before anybody is asked to leave
        for workload, cluster_id in hosts if not out else ():
            for part in workload.forms[-1]:
                pod = Pod(workload.name, part, 1, workload.isolation, workload.tolerations)
                for _replica in range(workload.replicas):
                    self.yard.seat(pod, (cluster_id,))

    def run(self) -> tuple[NodePlan, ...]:
        # Who may go is asked first, then who was seen unneeded before: the same nodes are seen again and again
        plans = [self.judge(place) for place in sorted(self.nodes, key=self._order)]
        return tuple(sorted(plans, key=lambda plan: plan.place))

    def _order(self, place: Place) -> tuple[object, ...]:
        known = self.before.get(place)
        waiting = list(self.waits(place))
        since = known.since if known else self.question.now + 1
        price = max(self.groups[place.cluster, place.group].flavor.price, 1)
        return (bool(waiting), since, disruption(self.nodes[place].pods) * 10**6 // price, place)

    def judge(self, place: Place) -> NodePlan:
        """One node, on top of those that may go before it."""
        node, group, cluster = self.nodes[place], self.groups[place.cluster, place.group], self.clusters[place.cluster]
        found = [*self.guarded[cluster.id], *guards.group_guards(group), *self._node_guards(cluster, node)]
        found += self.least(group, place)
        mark = self.yard.mark()
        if found:
            return NodePlan(place, node, False, False, why_not=guards.ordered(found))
        moves = self.yard.close(place, (cluster.id,))
        if isinstance(moves, Pod):
            return NodePlan(place, node, False, False, why_not=(no_room(moves, cluster, group),))
        full = tuple(self.too_full(place, moves))
        if full:
            self.yard.back(mark)
            return NodePlan(place, node, False, False, why_not=guards.ordered(full))
        self.left[place.cluster, place.group] -= 1
        why = ("EMPTY",) if not moves else ("EVERYBODY_FINDS_A_SEAT",)
        waits = guards.ordered([*self.waits(place), *self.limits(place)])
        if waits:
            return NodePlan(place, node, False, True, moves, why, waits)
        self.gone += 1
        return NodePlan(place, node, True, True, moves, (*why, "UNNEEDED"))

    def _node_guards(self, cluster: Cluster, node: Node) -> Iterator[Violation]:
        """Where an autoscaler removes the nodes, nobody needs their ids."""
        for violation in guards.node_guards(node, self.rules.care):
            if violation.code != "NODE_ID_MISSING" or not cluster.autoscaled:
                yield violation

    def least(self, group: Group, place: Place) -> Iterator[Violation]:
        """Never below the least number; that of an autoscaler's group is what is moved."""
        left = group.count - (len(group.nodes) - self.left[place.cluster, place.group]) - 1
        floor = 1 if self.clusters[place.cluster].autoscaled else group.min_count
        if left < floor:
            yield against(
                "GROUP_MIN",
                floor,
                left,
                "lower_min",
                f"lower min_node_count of {group.name} to {max(left, 0)}",
                "nodes",
                node_group=group.name,
                min_node_count=max(left, 0),
            )

    def too_full(self, place: Place, moves: tuple[Move, ...]) -> Iterator[Violation]:
        """The groups that would be used too much: its own, and those that take somebody in."""
        touched = {place.group} | {move.target.group for move in moves}
        for name in sorted(touched):
            group, key = self.groups[place.cluster, name], (place.cluster, name)
            places = [Place(place.cluster, name, node.name) for node in group.nodes]
            rooms = [self.yard.spot(other).room for other in places if self._stays(other, place)]
            if not rooms:
                continue
            share_after = used(group.flavor, rooms)
            loads = [node.load for node in group.nodes if node.load is not None]
            known = [sum(loads) // len(rooms) if loads else 0, self.usage.get(key, 0) * len(group.nodes) // len(rooms)]
            after_it = max(share_after, *known)
            if after_it >= self.rules.in_below:
                yield against(
                    "UTILIZATION_AFTER",
                    self.rules.in_below,
                    after_it,
                    "raise_scale_in_below",
                    f"set scale_in_below above {after_it / WHOLE:g}: node group {name} would be used that much",
                    "per mille",
                    node_group=name,
                )

    def _stays(self, place: Place, leaving: Place) -> bool:
        return place != leaving and self.yard.spot(place).takes or self._keeps(place, leaving)

    def _keeps(self, place: Place, leaving: Place) -> bool:
        """A node that takes nobody but does not go either: it is protected, or not ready."""
        node = self.nodes[place]
        return place != leaving and not (node.ready and not node.locks)

    def waits(self, place: Place) -> Iterator[Violation]:
        """What only time will change."""
        rules, now = self.rules, self.question.now
        known = self.before.get(place)
        since = now - known.since if known else 0
        again = bool(known) and self.question.memory.at is not None and now > self.question.memory.at
        if known is None or not again or since < rules.unneeded_s:
            yield against(
                "NOT_UNNEEDED_YET",
                rules.unneeded_s,
                since,
                "wait",
                f"look again in {max(rules.unneeded_s - since, 1)} s, with the memory of this answer",
                "s",
            )
        scaled, failed = dict(self.memory.scaled_out), dict(self.memory.failed)
        for code, times, least in (
            ("SCALED_OUT_RECENTLY", scaled, rules.after_scale_out_s),
            ("FAILED_RECENTLY", failed, rules.after_failure_s),
        ):
            at = times.get(place.cluster)
            if at is not None and now - at < least:
                yield against(code, least, now - at, "wait", f"look again in {least - (now - at)} s", "s")
        if self.out and place.cluster not in scaled:
            sentence = "look again when what is scaled out now is there"
            yield against("SCALED_OUT_RECENTLY", rules.after_scale_out_s, 0, "wait", sentence, "s")

    def limits(self, place: Place) -> Iterator[Violation]:
        """So many nodes a run and no more."""
        if self.gone >= self.limit:
            yield against(
                "RUN_LIMIT",
                self.gone + 1,
                self.limit,
                "run_again",
                f"the next run may take it; or set run_percent above {self.rules.run_percent}",
                "nodes",
                node=place.node,
            )


def shrunk(question: Question, plan: GroupPlan, nodes: Iterable[NodePlan]) -> GroupPlan:
    """A group's plan with the nodes that go; where an autoscaler owns the number, with a lower least number instead."""
    own = [entry for entry in nodes if entry.place[:2] == (plan.cluster.id, plan.group.name) and entry.goes]
    if not own or plan.action == "scale_out":
        return plan
    target = plan.group.count - len(own)
    after_it = plan.expected * plan.group.count // target if target else 0
    if plan.cluster.autoscaled:
        if plan.group.min_count <= target:
            return plan
        bounds = (target, plan.group.max_count)
        return replace(plan, action="scale_in", bounds=bounds, why=("UNNEEDED", "AUTOSCALER_OWNS_COUNT"))
    removed = tuple(entry.node for entry in own)
    return replace(plan, action="scale_in", target=target, after=after_it, removed=removed, why=("UNNEEDED",))
