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

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import guards
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.allowance import allowed, spent
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_parts import (
    disruption,
    no_room,
    no_seat,
    used,
    used_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import blind_violations
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import gauge, mix
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care, against, last_worker
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import match
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Cluster,
    Decision,
    Fleet,
    Group,
    Node,
    Part,
    Pod,
    Ranked,
    Request,
    Tenant,
    Violation,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.placements import identity_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import (
    after,
    gathered,
    seated,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_memory import (
    former,
    in_doubt,
    observed,
    remembered,
    still_there,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import (
    Arrangement,
    GroupPlan,
    Key,
    Memory,
    NodePlan,
    Opened,
    Placed,
    Question,
    Scaling,
    Waiting,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import (
    Move,
    Place,
    Refused,
    SimulatedFleet,
)


def scale(question: Question) -> Scaling:
    """Decide for every group."""
    arrangement = arranged(question)
    fleet, grown = arrangement.fleet, {}
    for cluster, there in zip(question.fleet.clusters, fleet.clusters):
        for before, group in zip(cluster.groups, there.groups):
            plan = group_plan(question, before, group, cluster, fleet)
            grown[cluster.id, group.name] = plan
            fleet = spent(fleet, [(before.flavor, max(0, plan.target - group.count))])
    out = any(plan.action == "scale_out" for plan in grown.values())
    memory = remembered(question, grown, arrangement)
    removal = Removal(question, memory, arrangement.placed, out)
    nodes = removal.run()
    plans = tuple(shrunk(question, plan, nodes) for plan in grown.values())
    action = "scale_out" if out else "scale_in" if any(plan.action == "scale_in" for plan in plans) else "none"
    return Scaling(
        question,
        action,
        plans,
        nodes,
        arrangement.unplaced,
        replace(memory, unneeded=observed(question, nodes)),
        arrangement.placed,
        arrangement.waiting,
        tuple(removal.arrivals),
    )


# --- out


def arranged(question: Question) -> Arrangement:
    """Place one workload after the other, each beside those before it."""
    fleet = alone = replace(question.fleet, types=(), clusters=tuple(map(_unbound, question.fleet.clusters)))
    placed_ones: list[Placed] = []
    unplaced, waiting, kept = [], [], []
    opened = still_there(question)
    for number, workload in enumerate((*_in_order(question.pending), *_in_order(question.expected))):
        entry = next((found for found in opened if found.workload == identity_of(workload)), None)
        if entry is not None:
            opened.remove(entry)
            waiting.append(_opened_before(workload, entry))
            kept.append(entry)
            if workload.replicas <= entry.replicas:
                continue
            workload = replace(workload, replicas=workload.replicas - entry.replicas)
        decision = match(Request(workload, fleet, question.policy))
        if decision.chosen is None:
            unplaced.append((workload, _closest(decision, match(Request(workload, alone, question.policy)))))
            continue
        doubt = _doubt(question, decision.chosen)
        if doubt is not None:
            waiting.append(Waiting(workload, *doubt, _nobody_knows(doubt[1])))
            continue
        fleet = placed(fleet, workload, decision.chosen, number)
        placed_ones.append(_placed(workload, decision.chosen, entry.replicas if entry else 0))
    return Arrangement(fleet, tuple(placed_ones), tuple(unplaced), tuple(waiting), tuple(kept))


def _closest(beside: Decision, alone: Decision) -> tuple[Violation, ...]:
    """What stands against the closest candidate: first those that a workload could have had alone, since the others took them."""
    had = {ranked.verdict.candidate.name for ranked in alone.ranking if ranked.verdict.feasible}
    closest = sorted(beside.ranking, key=lambda ranked: ranked.verdict.candidate.name not in had)
    return closest[0].verdict.why_not if closest else ()


def _placed(workload: Workload, chosen: Ranked, earlier: int) -> Placed:
    steps = chosen.verdict.steps
    return Placed(
        workload,
        chosen.verdict.candidate.cluster.id,
        tuple((step.part, step.group.name, step.seats) for step in steps),
        tuple(step.group.name for step in steps if step.after > step.before),
        earlier,
    )


# --- out, where the workloads on the running nodes are not known


def _opened_before(workload: Workload, entry: Opened) -> Waiting:
    sentence = (
        f"list in 'placements' the workloads on node group {entry.group}: nodes were opened there for this workload"
    )
    violation = against(
        "SCALED_OUT_FOR_IT", "placements", "not given", "give_placements", sentence, node_group=entry.group
    )
    return Waiting(workload, entry.cluster, entry.group, violation)


def _doubt(question: Question, chosen: Ranked) -> Key | None:
    """The group that would grow although its workloads are not known, and no memory tells the next run of it."""
    if question.memory.kept:
        return None
    identity = chosen.verdict.candidate.cluster.id
    groups = {(cluster.id, group.name): group for cluster in question.fleet.clusters for group in cluster.groups}
    keys = [(identity, step.group.name) for step in chosen.verdict.steps if step.after > step.before]
    return next((key for key in keys if in_doubt(groups[key])), None)


def _nobody_knows(group: str) -> Violation:
    sentence = "give 'placements', or pass 'memory' on from run to run (an empty one in the first)"
    return against("OCCUPANTS_UNKNOWN", "placements", "not given", "give_placements", sentence, node_group=group)


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


def placed(fleet: Fleet, workload: Workload, chosen: Ranked, number: int) -> Fleet:
    """The fleet after a decision to use or scale was carried out on paper: with less room, less quota, one tenant more.

    :param number: tells workloads of one name apart.
    """
    verdict = chosen.verdict
    changed = {}
    for step in verdict.steps:
        rooms = gathered((*step.group.rooms, (step.flavor.empty, step.after - step.before)))
        seating, _left = seated(step.part, step.flavor, rooms, step.seats, alone=workload.isolation == "node")
        changed[step.group.name] = replace(step.group, count=step.after, rooms=after(rooms, seating))
    there = verdict.candidate.cluster
    groups = tuple(changed.get(group.name, group) for group in there.groups)
    tenant = Tenant(f"{workload.name or 'a workload'} (pending, {number + 1})", workload.isolation)
    grown = replace(there, groups=groups, tenants=tuple(sorted({*there.tenants, tenant})))
    clusters = tuple(grown if cluster.id == there.id else cluster for cluster in fleet.clusters)
    return spent(replace(fleet, clusters=clusters), verdict.opened)


def group_plan(question: Question, before: Group, group: Group, cluster: Cluster, fleet: Fleet) -> GroupPlan:
    """How many nodes a group needs: for who comes, and to be used no more than is healthy.

    :param fleet: with what is left of the quotas.
    """
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
        why_not += blind_violations(fleet)
        if before.max_count is not None and target > before.max_count and not cluster.autoscaled:
            sentence = f"raise max_node_count of {before.name} to {target}"
            most = max(before.max_count, group.count)
            why_not.append(against("GROUP_MAX", target, most, "raise_max", sentence, "nodes", node_group=before.name))
            target = most
        if any(violation.code != "GROUP_MAX" for violation in why_not):
            target = group.count
        most, short_of = allowed(fleet, before.flavor, target - group.count)
        target, why_not = group.count + most, [*why_not, *short_of]
    action = "scale_out" if target > before.count else "none"
    if in_doubt(before):
        why.append("OCCUPANTS_UNKNOWN")
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
    return used_of(group.flavor, group.rooms)


def _measured(group: Group) -> int:
    """The mean of what was measured, per mille; nodes that nobody measured say nothing here."""
    loads = [node.load for node in group.nodes if node.load is not None]
    return sum(loads) // len(loads) if loads else 0


# --- in


class Removal:
    """One look at every node: could it go, and does it go now."""

    def __init__(self, question: Question, memory: Memory, hosts: tuple[Placed, ...], out: bool) -> None:
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
        self.limit = self._share_of_run(len(self.nodes))
        self.workers = {name: sum(group.count for group in there.groups) for name, there in self.clusters.items()}
        coming = tuple((part, host.workload.replicas) for host in hosts for part in host.workload.forms[-1])
        self.simulated = SimulatedFleet(question.fleet.clusters, gauge(mix(question.fleet.standing, coming)))
        self.left = {key: len(group.nodes) for key, group in self.groups.items()}
        self.gone: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.hosts = hosts
        self.arrivals: list[tuple[int, Part, Place]] = []
        self.crowded: dict[str, Violation] = {}
        # Who is on the way in has its seat before anybody is asked to leave
        for number, host in enumerate(hosts if not out else ()):
            self._arrive(number, host)

    def _arrive(self, number: int, host: Placed) -> None:
        workload = host.workload
        for part, group, count in host.seats:
            pod = Pod(f"{workload.name} ({number})", part, 1, workload.isolation, workload.tolerations)
            for _replica in range(count):
                target = self.simulated.seat(pod, (host.cluster,))
                if target is None:
                    self.crowded[host.cluster] = no_room(
                        pod._replace(workload=workload.name),
                        self.clusters[host.cluster],
                        self.groups[host.cluster, group],
                    )
                else:
                    self.arrivals.append((number, part, target))

    def _share_of_run(self, nodes: int) -> int:
        return max(1, nodes * self.rules.run_percent // 100)

    def run(self) -> tuple[NodePlan, ...]:
        # Who may go is asked first, then who was seen unneeded before: the same nodes are seen again and again
        plans = [
            replace(self.judge(place), turn=turn) for turn, place in enumerate(sorted(self.nodes, key=self._order), 1)
        ]
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
        found += [self.crowded[cluster.id]] if cluster.id in self.crowded else []
        found += self.awaits(place)
        mark = self.simulated.mark()
        if found:
            return NodePlan(place, node, False, False, why_not=guards.ordered(found))
        moves = self.simulated.close(place, (cluster.id,))
        if isinstance(moves, Refused):
            return NodePlan(place, node, False, False, why_not=(no_seat(moves, cluster, group),))
        full = tuple(self.too_full(place, moves))
        if full:
            self.simulated.back(mark)
            return NodePlan(place, node, False, False, why_not=guards.ordered(full))
        self.left[place.cluster, place.group] -= 1
        self.closed[place.cluster] += 1
        why = ("EMPTY",) if not moves else ("REPLICAS_FIT_ELSEWHERE",)
        waits = guards.ordered([*self.waits(place), *self.limits(place)])
        if waits:
            return NodePlan(place, node, False, True, moves, why, waits)
        self.gone[place.cluster] += 1
        return NodePlan(place, node, True, True, moves, (*why, "UNNEEDED"))

    def awaits(self, place: Place) -> Iterator[Violation]:
        """A node on which somebody pending has a place is needed."""
        names = sorted({self.hosts[number].workload.name for number, _part, at in self.arrivals if at == place})
        if names:
            sentence = f"place {', '.join(names)} elsewhere"
            yield against("HAS_WORKLOADS", "nobody", f"pending: {', '.join(names)}", "wait", sentence, node=place.node)

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
        workers = self.workers[place.cluster] - self.closed[place.cluster] - 1
        if workers < 1 and not self.rules.empty_clusters:
            yield last_worker(self.clusters[place.cluster], "set 'empty_clusters: true'")

    def too_full(self, place: Place, moves: tuple[Move, ...]) -> Iterator[Violation]:
        """The groups that would be used too much: its own, and those that take somebody in."""
        touched = {place.group} | {move.target.group for move in moves}
        for name in sorted(touched):
            group, key = self.groups[place.cluster, name], (place.cluster, name)
            places = [Place(place.cluster, name, node.name) for node in group.nodes]
            rooms = [self.simulated.spot(other).room for other in places if self._stays(other, place)]
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
        return place != leaving and self.simulated.spot(place).takes or self._keeps(place, leaving)

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
        own, most = self.gone[place.cluster], self._share_of_run(self.workers[place.cluster])
        everywhere = self.gone.total()
        if everywhere >= self.limit or own >= most:
            need, have = (everywhere + 1, self.limit) if everywhere >= self.limit else (own + 1, most)
            yield against(
                "RUN_LIMIT",
                need,
                have,
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
