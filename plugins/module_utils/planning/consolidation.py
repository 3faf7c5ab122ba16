# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Consolidation: which nodes, groups and clusters are not needed, who has to move for that, and whether it is worth it.

Candidates are to merge a cluster into another of its type, to close a whole group, to close a node, and to split a
cluster under pressure. They are judged one after the other, best saving per disruption first, each on top of those
accepted before: so the steps of a plan fit together, and any beginning of them is a plan, too. A node that stays only ever
takes somebody, except where a cluster is split; so all moves can be made directly, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import guards
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.allowance import allowed, spent
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
    NEW,
    Consolidation,
    Opening,
    Option,
    Question,
    netted,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_parts import (
    APART,
    TYPE_OF,
    Apart,
    Key,
    disruption,
    loaded,
    no_seat,
    paid,
    place_of,
    pods_at,
    pods_of,
    portion,
    sum_of,
    used,
    weight,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import gauge, mix
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import (
    against,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    UNBOUND,
    WHOLE,
    Cluster,
    ClusterType,
    Flavor,
    Group,
    Node,
    Pod,
    Violation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.objective import fullness
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.shortage import can_carry
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import (
    Move,
    Place,
    Refused,
    SimulatedFleet,
    Spot,
    tolerates,
)

# A plan is looked at again as if it had been carried out, this many times at most: so that the next run finds nothing to do.
ROUNDS = 5


def consolidate(question: Question) -> Consolidation:
    """Judge every candidate and choose the steps, until what they leave behind allows no more."""
    steps: list[Option] = []
    current = question
    while True:
        work = _Work(current)
        options = work.run()
        found = [replace(step, step=len(steps) + number) for number, step in enumerate(work.steps, 1)]
        steps += found
        if not found or len(steps) > len(found) * ROUNDS:
            break
        current = work.after()
    refused = sorted((option for option in options if not option.feasible), key=place_of)
    return Consolidation(question, (*steps, *refused), tuple(steps), sum(map(paid, question.fleet.clusters)))


class _Work:
    """One run: the simulated fleet, what has been accepted, and what the whole fleet costs and holds."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.fleet, self.rules = question.fleet, question.rules
        self.clusters = {cluster.id: cluster for cluster in self.fleet.clusters}
        self.groups = {(cluster.id, group.name): group for cluster in self.fleet.clusters for group in cluster.groups}
        self.nodes = {
            Place(cluster.id, group.name, node.name): node
            for cluster in self.fleet.clusters
            for group in cluster.groups
            for node in group.nodes
        }
        self.cost = sum(paid(cluster) for cluster in self.fleet.clusters)
        self.disruption = sum(disruption(node.pods) for node in self.nodes.values())
        self.fragments = gauge(mix(self.fleet.standing, ()))
        self.simulated = SimulatedFleet(self.fleet.clusters, self.fragments)
        self.guarded = {cluster.id: guards.taking_guards(cluster, self.rules.care) for cluster in self.fleet.clusters}
        # What quotas leave, after the steps and after the candidate that is looked at
        self.paid = self.purse = self.fleet
        self.short: tuple[Violation, ...] = ()
        self.loads = {
            key: sum(node.load or 0 for node in group.nodes) * group.flavor.cpu_m for key, group in self.groups.items()
        }
        self.gone: set[Place] = set()
        self.merged: set[str] = set()
        self.received: set[str] = set()
        self.moved = 0
        self.options: list[Option] = []
        self.steps: list[Option] = []

    def run(self) -> list[Option]:
        """All candidates, judged; those that are taken are in ``steps``."""
        judges = {
            "split": self.splits,
            "merge": self.merges,
            "close_node": self.close_nodes,
            "close_group": self.close_groups,
        }
        for action, judge in judges.items():
            if action in self.rules.actions:
                judge()
        return self.options

    def after(self) -> Question:
        """The same question about what the steps leave behind."""
        clusters = tuple(self._left(cluster) for cluster in self.fleet.clusters if cluster.id not in self.merged)
        rules = self.rules
        moves = None if rules.max_moves is None else rules.max_moves - self.moved
        nodes = None if rules.max_nodes is None else rules.max_nodes - len(self.gone)
        # What was split is split: whoever left is in a cluster that is not there yet
        actions = tuple(action for action in rules.actions if action != "split")
        return replace(
            self.question,
            fleet=replace(self.paid, clusters=clusters),
            rules=replace(rules, max_moves=moves, max_nodes=nodes, actions=actions),
        )

    def _left(self, cluster: Cluster) -> Cluster:
        groups = []
        for group in cluster.groups:
            key = (cluster.id, group.name)
            known = {node.name: node for node in group.nodes}
            places = [place for place in self.simulated.places(*key) if place not in self.gone]
            nodes = tuple(
                replace(
                    known.get(place.node) or Node("", place.node, group.flavor.empty), room=spot.room, pods=spot.pods
                )
                for place in places
                for spot in [self.simulated.spot(place)]
            )
            nodes = loaded(nodes, self.loads[key], group.flavor)
            groups.append(replace(group, nodes=nodes, count=group.count + len(nodes) - len(group.nodes)))
        tenants = set(cluster.tenants)
        for step in self.steps:
            if step.other == cluster.id:
                tenants |= {*self.clusters[step.cluster].tenants}
        return replace(cluster, groups=tuple(groups), tenants=tuple(sorted(tenants)))

    # --- accepting

    def accept(self, option: Option, mark: int) -> None:
        """Take a candidate as the next step if nothing speaks against it; else everything is as before."""
        option = replace(option, score=self.score(option))
        against_it = guards.ordered([*option.why_not, *(() if option.why_not else self.gates(option))])
        if against_it:
            self.simulated.back(mark)
            self.options.append(replace(option, why_not=against_it, why=()))
            return
        step = replace(option, step=len(self.steps) + 1, why=(*option.why, *self.merits(option)))
        self.options.append(step)
        self.steps.append(step)
        self.gone.update(option.closed)
        self.loads |= self.loads_after(option)
        self.moved += len(option.moves)

    def gates(self, option: Option) -> Iterator[Violation]:
        """What must hold beside being possible: it pays, soon enough, and disturbs no more than it is worth."""
        rules = self.rules
        if option.action == "split":
            return
        score = option.score
        if score is not None and score < rules.score:
            yield against(
                "SCORE_LOW",
                rules.score,
                score,
                "lower_min_score",
                f"set min_score to {score / WHOLE:g} or less",
                "score",
                min_score=score / WHOLE,
            )
        if option.saving < max(rules.saving, 1):
            yield against(
                "SAVING_LOW",
                max(rules.saving, 1),
                option.saving,
                "lower_min_saving",
                "set min_saving_h lower" if option.saving > 0 else "nothing: it saves nothing",
                "per hour",
            )
        payback = option.payback_h
        if payback is not None and payback > rules.horizon_h:
            hours = -(-option.once // option.saving)
            sentence = f"set horizon_h to {hours} or more"
            yield against("PAYBACK_LONG", rules.horizon_h, hours, "raise_horizon", sentence, "hours", horizon_h=hours)
        if rules.max_moves is not None and self.moved + len(option.moves) > rules.max_moves:
            need, have = len(option.moves), rules.max_moves - self.moved
            yield against("RUN_LIMIT", need, have, "run_again", "run again, or raise max_moves", "moves")
        if rules.max_nodes is not None and len(self.gone) + len(option.closed) > rules.max_nodes:
            need, have = len(option.closed), rules.max_nodes - len(self.gone)
            yield against("RUN_LIMIT", need, have, "run_again", "run again, or raise max_nodes", "nodes")

    def score(self, option: Option) -> int | None:
        """Share of cost saved by share of work disrupted, per mille; None where nobody is disrupted."""
        if not option.disruption or not self.cost:
            return None
        return option.saving * self.disruption * WHOLE // (self.cost * option.disruption)

    def merits(self, option: Option) -> Iterator[str]:
        if option.saving > 0:
            yield "SAVES"
        if option.closed and not option.moves:
            yield "EMPTY"
        elif option.moves:
            yield "REPLICAS_FIT_ELSEWHERE"

    def once(self, moves: Iterable[Move]) -> int:
        """What moves cost: each replica's share of its node, paid twice while it moves."""
        total = 0
        for move in moves:
            flavor = self.groups[move.source.cluster, move.source.group].flavor
            total += flavor.price * portion(move.pod.part, flavor) * self.rules.move_minutes // (60 * WHOLE)
        return total

    def closing(self, option: Option, places: Iterable[Place], moves: tuple[Move, ...]) -> Option:
        """A candidate with what closing these nodes saves and disturbs; nodes closed by earlier steps count no more."""
        new = tuple(place for place in places if place not in self.gone)
        flavors = [self.groups[place.cluster, place.group].flavor for place in new]
        opened = sum(opening.flavor.price * opening.count for opening in option.opened)
        drawn = sum(opening.flavor.idle_mw * opening.count for opening in option.opened)
        return replace(
            option,
            closed=new,
            moves=moves,
            saving=sum(flavor.price for flavor in flavors) + option.masters - opened,
            power_mw=sum(flavor.idle_mw for flavor in flavors) - drawn,
            disruption=sum(weight(move.pod.part) for move in moves),
            once=self.once(moves),
        )

    def loads_after(self, option: Option) -> dict[Key, int]:
        """What was measured in the groups that a candidate touches, with what it brings there from closed nodes elsewhere, in
        thousandths of a milli-CPU. Nobody knows which replica caused how much, so each group that takes some counts all."""
        closed = set(option.closed)
        live = [place for place in option.closed if place[0] != option.cluster or not option.other]
        found = {place[:2]: self.loads[place[:2]] for place in live}
        for place in sorted(set(live) - {move.source for move in option.moves}):
            # What an empty node did was its own
            found[place[:2]] -= (self.nodes[place].load or 0) * self.groups[place[:2]].flavor.cpu_m
        brought = {(move.source, move.target[:2]) for move in option.moves if move.source[:2] != move.target[:2]}
        for source, key in sorted(brought):
            if key in self.loads:
                load = (self.nodes[source].load or 0) * self.groups[source[:2]].flavor.cpu_m if source in closed else 0
                found[key] = found.get(key, self.loads[key]) + load
        return found

    def too_busy(self, option: Option) -> Iterator[Violation]:
        """The groups that would be used too much by what was measured, whatever was asked for."""
        opened = {(opening.cluster, opening.group): opening.count for opening in option.opened}
        for key, load in sorted(self.loads_after(option).items()):
            stay = [
                place
                for place in self.simulated.places(*key)
                if self.simulated.spot(place).takes or place in self.nodes
            ]
            number = sum(place not in self.gone and place not in option.closed for place in stay)
            offered = self.groups[key].flavor.cpu_m * number
            full = self.rules.full
            if offered and load > full * offered and (option.closed or opened):
                use = load // offered
                sentence = f"keep the nodes: group {key[1]} would be used at {use / 10:g} %, by what was measured"
                yield against("UTILIZATION_AFTER", full, use, "keep", sentence, "per mille", node_group=key[1])

    # --- closing a node

    def close_nodes(self) -> None:
        """Every node, those first that save most for what they disturb."""
        for place in sorted(self.nodes, key=self._worth):
            if place.cluster in self.merged or place in self.gone:
                continue
            node, group = self.nodes[place], self.groups[place.cluster, place.group]
            cluster = self.clusters[place.cluster]
            option = Option(
                "close_node",
                f"close node {cluster.name}/{place.group}/{place.node}",
                cluster.id,
                group=place.group,
                node=place.node,
            )
            found = [*self.guarded[cluster.id], *guards.group_guards(group), *guards.node_guards(node, self.rules.care)]
            found += self.least(group, place, 1)
            mark = self.simulated.mark()
            if not found:
                seated = self.simulated.close(place, (cluster.id,))
                if isinstance(seated, Refused):
                    found.append(no_seat(seated, cluster, group))
                else:
                    option = self.closing(option, (place,), seated)
                    found += self.too_busy(option)
            self.accept(replace(option, why_not=tuple(found)), mark)

    def _worth(self, place: Place) -> tuple[Fraction, int, Place]:
        """What a node disturbs, less the devices on it that nothing known can use, for what it costs; of equal ones the
        emptier first. Who sits badly is better moved."""
        node, flavor = self.nodes[place], self.groups[place.cluster, place.group].flavor
        harm = disruption(node.pods) - self.fragments(flavor, node.room)
        return Fraction(harm, max(flavor.price, 1)), fullness(flavor, node.room), place

    def least(self, group: Group, place: Place, closing: int) -> Iterator[Violation]:
        """A group does not go below its least number; where an autoscaler owns the number, only its bounds are moved."""
        if self.clusters[place.cluster].autoscaled:
            yield against(
                "AUTOSCALED",
                "a number that is ours",
                "the autoscaler's",
                "lower_min",
                f"lower the bounds of node group {group.name}: its autoscaler removes nodes by itself",
            )
        left = group.count - closing - sum(1 for gone in self.gone if gone[:2] == place[:2])
        if left < group.min_count:
            yield against(
                "GROUP_MIN",
                group.min_count,
                left,
                "lower_min",
                f"lower min_node_count of {group.name} to {max(left, 0)}",
                "nodes",
                node_group=group.name,
                min_node_count=max(left, 0),
            )

    # --- closing a group

    def close_groups(self) -> None:
        """What is left of every group, all of it at once: together it may pay what its nodes did not pay one by one."""
        places_of = {
            key: [Place(*key, node.name) for node in group.nodes if Place(*key, node.name) not in self.gone]
            for key, group in self.groups.items()
        }
        worth = {key: min(map(self._worth, places)) for key, places in places_of.items() if len(places) > 1}
        for (identity, name), _worth in sorted(worth.items(), key=lambda entry: (entry[1], entry[0])):
            group, places = self.groups[identity, name], places_of[identity, name]
            if identity in self.merged:
                continue
            cluster = self.clusters[identity]
            option = Option("close_group", f"close node group {cluster.name}/{name}", identity, group=name)
            found = [*self.guarded[identity], *guards.group_guards(group)]
            for place in places:
                found += guards.node_guards(self.nodes[place], self.rules.care)
            found += self.least(group, places[0], len(places))
            mark = self.simulated.mark()
            if not found:
                moves, left = self.emptied(places, (identity,))
                if left is not None:
                    found.append(no_seat(left, cluster, group))
                else:
                    option = self.closing(option, places, moves)
                    found += self.too_busy(option)
            self.accept(replace(option, why_not=tuple(dict.fromkeys(found))), mark)

    def emptied(self, places: Iterable[Place], clusters: tuple[str, ...]) -> tuple[tuple[Move, ...], Refused | None]:
        """Close nodes one after the other: the moves, and who found no seat. Who moved twice moved once."""
        moves: list[Move] = []
        for place in sorted(places, key=self._worth):
            seated = self.simulated.close(place, clusters)
            if isinstance(seated, Refused):
                return (), seated
            moves += seated
        return netted(moves), None

    # --- merging clusters

    def merges(self) -> None:
        """Every cluster into every other of its type; of the two ways the one that saves more for what it disturbs."""
        pairs = [
            (one, other)
            for one in self.fleet.clusters
            for other in self.fleet.clusters
            if one.id != other.id and one.type and one.type == other.type
        ]
        worth = {one.id: Fraction(disruption(pods_of(one)), max(paid(one), 1)) for one in self.fleet.clusters}
        for one, other in sorted(pairs, key=lambda pair: (worth[pair[0].id], pair[0].name, pair[1].name, pair[1].id)):
            self.merge(one, other)

    def merge(self, one: Cluster, other: Cluster) -> None:
        """Everybody of one cluster goes to another, which may grow for that, and the first one goes."""
        masters = one.masters[0].price * one.masters[1] if one.masters else 0
        option = Option("merge", f"merge {one.name} into {other.name}", one.id, other.id, masters=masters)
        found = [*self.guarded[one.id], *self.guarded[other.id]]
        found += self.apart(one, other)
        if one.id in self.merged or other.id in self.merged or one.id in self.received:
            done = one.name if one.id in self.merged | self.received else other.name
            sentence = "run again when the steps before it are carried out"
            found.append(against("NO_PARTNER", "a cluster that stays as it is", f"{done} takes part", "wait", sentence))
        for group in one.groups:
            found += guards.group_guards(group)
            for node in group.nodes:
                found += guards.node_guards(node, self.rules.care)
        mark = self.simulated.mark()
        if not found:
            moves, opened, left = self._moved_over(one, other)
            if left is not None:
                found.append(left)
            else:
                places = [Place(one.id, group.name, node.name) for group in one.groups for node in group.nodes]
                option = self.closing(replace(option, opened=opened), places, moves)
                found += self.too_busy(option)
        before = len(self.steps)
        self.accept(replace(option, why_not=tuple(dict.fromkeys(found))), mark)
        if len(self.steps) > before:
            self.merged.add(one.id)
            self.received.add(other.id)
            self.paid = self.purse

    def apart(self, one: Cluster, other: Cluster) -> Iterator[Violation]:
        """What keeps two clusters apart: projects, and promises of isolation."""
        if one.project != other.project:
            yield against(
                "NO_PARTNER", "one project", "two projects", "none", "nothing: clusters of two projects stay apart"
            )
        alone = sorted(
            {tenant.workload for cluster in (one, other) for tenant in cluster.tenants if tenant.isolation in APART}
        )
        for pod in dict.fromkeys(pods_of(one)):
            unknown = other.latency_ms is None and one.latency_ms is not None
            if pod.latency_ms != UNBOUND and (unknown or (other.latency_ms or 0) > pod.latency_ms):
                have = "not known" if other.latency_ms is None else other.latency_ms
                sentence = (
                    f"let {pod.workload} accept a latency of {have} ms"
                    if not unknown
                    else "say latency_ms of the cluster"
                )
                yield against("LATENCY", pod.latency_ms, have, "relax_latency", sentence, "ms", workload=pod.workload)
        if alone and one.tenants and other.tenants:
            names = ", ".join(alone)
            sentence = f"give up the isolation of {names}"
            yield against("ISOLATION", "no promise of isolation", names, "share", sentence, workloads=tuple(alone))

    def _moved_over(
        self, one: Cluster, other: Cluster
    ) -> tuple[tuple[Move, ...], tuple[Opening, ...], Violation | None]:
        moves: list[Move] = []
        added: dict[str, int] = {}
        self.purse, self.short = self.paid, ()
        way = Apart(pods_at(one))
        for group in one.groups:
            for node in group.nodes:
                source = Place(one.id, group.name, node.name)
                for pod in sorted(self.simulated.spot(source).pods):
                    for _replica in range(pod.replicas):
                        avoid = way.avoids(pod)
                        target = self.simulated.seat(pod, (other.id,), avoid) or self._grown(pod, other, added, avoid)
                        if target is None:
                            if self.short:
                                return (), (), self.short[0]
                            gathered = avoid is not None and self.simulated.seat(pod, (other.id,)) is not None
                            return (), (), no_seat(Refused(pod, gathered), other, None)
                        way.takes(pod, target)
                        moves.append(Move(pod._replace(replicas=1), source, target))
        opened = tuple(
            Opening(other.id, name, self.groups[other.id, name].flavor, count) for name, count in sorted(added.items())
        )
        return tuple(moves), opened, None

    def _grown(self, pod: Pod, cluster: Cluster, added: dict[str, int], avoid: Place | None) -> Place | None:
        """A seat on a node more in the cheapest group that may grow and can carry it."""
        if cluster.autoscaled:
            return None
        able = [
            group
            for group in cluster.groups
            if can_carry(pod.part, group.flavor)
            and tolerates(pod, group.taints)
            and not list(guards.group_guards(group))
            and (group.max_count is None or group.count + added.get(group.name, 0) < group.max_count)
        ]
        if not able:
            return None
        group = min(able, key=lambda entry: (entry.flavor.price, entry.name))
        _most, self.short = allowed(self.purse, group.flavor, 1)
        if self.short:
            return None
        self.purse = spent(self.purse, [(group.flavor, 1)])
        added[group.name] = added.get(group.name, 0) + 1
        # In a later round those of the rounds before are there already
        number = added[group.name] + sum(node.name.startswith(NEW) for node in group.nodes)
        place = Place(cluster.id, group.name, f"{NEW}{number}")
        self.simulated.add(place, group.flavor, group.taints, Spot(group.flavor.empty, (), True))
        return self.simulated.seat(pod, (cluster.id,), avoid)

    # --- splitting a cluster

    def splits(self) -> None:
        """Every cluster that holds more than one workload or kind: under pressure it is split, otherwise it says why not."""
        for cluster in self.fleet.clusters:
            alone = [tenant.workload for tenant in cluster.tenants if tenant.isolation in APART]
            if alone and len(cluster.tenants) > 1:
                # Who was promised to be alone goes; of several, all but one by name may stay
                self.split(cluster, min(alone), "ISOLATION_PRESSURE", cluster.type)
            elif len(cluster.kinds) > 1:
                pressed = [group for group in cluster.groups if self.pressed(group)]
                kind = min((min(group.flavor.kinds or {"cpu"}) for group in pressed), default="")
                self.split(cluster, "", "KIND_PRESSURE" if kind else "", TYPE_OF.get(kind, ""), kind)

    def pressed(self, group: Group) -> bool:
        """Whether a group can grow no more and is used beyond what is healthy."""
        if group.max_count is None or group.count < group.max_count or not all(node.known for node in group.nodes):
            return False
        return used(group.flavor, [node.room for node in group.nodes]) > self.rules.full

    def split(self, cluster: Cluster, workload: str, pressure: str, type_name: str, kind: str = "") -> None:
        """Give one workload, or all of one kind, a cluster of its own."""
        what = f"workload {workload}" if workload else f"its {kind or 'kinds'} work"
        option = Option("split", f"split {what} from {cluster.name}", cluster.id, why=(pressure,) if pressure else ())
        found = [*self.guarded[cluster.id]]
        if not pressure:
            found.append(
                against(
                    "NO_PRESSURE",
                    "a promise of isolation that is broken, or a full group that cannot grow",
                    "neither",
                    "none",
                    "nothing: the cluster is well as it is",
                )
            )
        sources = [
            (Place(cluster.id, group.name, node.name), group, node)
            for group in cluster.groups
            for node in group.nodes
            if not kind or kind in (group.flavor.kinds or {"cpu"})
        ]
        leaving = [
            (place, group, pod)
            for place, group, node in sources
            for pod in node.pods
            if not workload or pod.workload == workload
        ]
        for _place, _group, node in sources:
            if any(not workload or pod.workload == workload for pod in node.pods):
                found += guards.node_guards(node, self.rules.care)
        recipe = next((entry for entry in self.fleet.types if entry.name == type_name), None)
        if pressure and recipe is None:
            sentence = f"declare the cluster type {type_name or 'of this cluster'} in 'cluster_types'"
            found.append(against("NO_TYPE", type_name or "a type", "none", "declare_type", sentence))
        if not found and recipe is not None:
            built = self._built(recipe, leaving)
            found += self._promised(recipe, leaving, built[0] if built else ())
            if built is None:
                sentence = f"give the type {recipe.name} a flavor that can carry all of it, and a larger max_node_count"
                found.append(against("NO_ROOM", "a seat for all", "not in a new cluster", "use_flavor", sentence))
            else:
                masters = -recipe.masters[0].price * recipe.masters[1] if recipe.masters else 0
                option = replace(option, kind=recipe, masters=masters, opened=built[0])
                # Nodes that are left empty are closed by later steps
                option = self.closing(option, (), built[1])
        mark = self.simulated.mark()
        if not found:
            self.received.add(cluster.id)
            self.paid = self.purse
            for place in {place for place, _group, _pod in leaving}:
                self._vacated(place, workload)
        self.accept(replace(option, why_not=tuple(dict.fromkeys(found))), mark)

    def _promised(
        self, recipe: ClusterType, leaving: list[tuple[Place, Group, Pod]], opened: tuple[Opening, ...]
    ) -> Iterator[Violation]:
        """What a new cluster must keep: the latency that somebody asks for, and the quotas."""
        for _place, _group, pod in leaving:
            if pod.latency_ms != UNBOUND and (recipe.latency_ms or 0) > pod.latency_ms:
                sentence = f"let {pod.workload} accept a latency of {recipe.latency_ms} ms"
                yield against("LATENCY", pod.latency_ms, recipe.latency_ms or 0, "relax_latency", sentence, "ms")
        purse = spent(self.paid, [recipe.masters] if recipe.masters else [], 1)
        if recipe.masters:
            yield from allowed(self.paid, *recipe.masters, clusters=1)[1]
        for opening in opened:
            yield from allowed(purse, opening.flavor, opening.count)[1]
            purse = spent(purse, [(opening.flavor, opening.count)])
        self.purse = purse

    def _vacated(self, place: Place, workload: str) -> None:
        """A node that a workload (without a name: everybody) has left. What it left is free only when nobody stays."""
        spot = self.simulated.spot(place)
        pods = tuple(pod for pod in spot.pods if workload and pod.workload != workload)
        room = spot.room if pods else self.groups[place.cluster, place.group].flavor.empty
        self.simulated.put(place, replace(spot, pods=pods, room=room))
        # Later steps judge the node by what is left on it
        self.nodes[place] = replace(self.nodes[place], pods=pods, room=room)

    def _built(
        self, recipe: ClusterType, leaving: list[tuple[Place, Group, Pod]]
    ) -> tuple[tuple[Opening, ...], tuple[Move, ...]] | None:
        """The nodes that a new cluster needs for these, filled one after the other, and the moves."""
        simulated = SimulatedFleet((), gauge(mix(self.fleet.standing, ())))
        added: dict[tuple[str, Flavor], int] = {}
        moves: list[Move] = []
        way = Apart((place, pod) for place, _group, pod in leaving)
        for place, _group, pod in sorted(leaving, key=lambda entry: (entry[2], entry[0])):
            for _replica in range(pod.replicas):
                avoid = way.avoids(pod)
                target = simulated.seat(pod, ("",), avoid)
                if target is None:
                    offers = [
                        (flavor.price, flavor.name, entry.name, flavor)
                        for entry in recipe.groups
                        for flavor in entry.flavors
                        if can_carry(pod.part, flavor)
                        and (entry.max_count is None or sum_of(added, entry.name) < entry.max_count)
                        and all(name != entry.name or known is flavor for name, known in added)
                    ]
                    if not offers:
                        return None
                    _price, _name, name, flavor = min(offers, key=lambda offer: offer[:3])
                    added[name, flavor] = added.get((name, flavor), 0) + 1
                    fresh = Place("", name, f"{NEW}{added[name, flavor]}")
                    simulated.add(fresh, flavor, (), Spot(flavor.empty, (), True))
                    target = simulated.seat(pod, ("",), avoid)
                    if target is None:
                        return None
                way.takes(pod, target)
                moves.append(Move(pod._replace(replicas=1), place, target))
        opened = tuple(
            Opening("", name, flavor, count) for (name, flavor), count in sorted(added.items(), key=lambda e: e[0][0])
        )
        return opened, tuple(moves)
