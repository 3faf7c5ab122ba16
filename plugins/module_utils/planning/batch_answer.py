# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer of a batch: plain data for Ansible, a table for people, a plan to read in a diff.

The same plan gives the same bytes. A workload without a place is judged beside all those that have one: why not, and which
change would help. One with a place is judged, where that is asked for, alone on the fleet as it is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import digest as digest_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import entry, grown
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.assumptions import assumptions
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import (
    Batch,
    BatchPlan,
    Growth,
    Planned,
    Seat,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.layout import text_table
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import match
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Cluster,
    Decision,
    Fleet,
    Ranked,
    Request,
    Tenant,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.operations import (
    create,
    expecting,
    numbered_names,
    overrides_of,
    resize,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.placements import made_for_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import decimal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import against_stale

Plain = dict[str, Any]
# How many candidates are shown for a workload that has no place
MOST_REFUSED = 3
WORKLOADS = (
    ("workload", 24),
    ("action", 9),
    ("cluster", 32),
    ("node group", 20),
    ("replicas", 8),
    ("why, or why not", 0),
)
CLUSTERS = (
    ("cluster", 32),
    ("action", 9),
    ("node group", 20),
    ("flavor", 18),
    ("nodes", 8),
    ("cost/h", 10),
    ("workloads", 0),
)
GROUPED = (
    "what is opened for several workloads is shared: max_cost_per_hour and power_budget of one are held against the nodes "
    "that were opened when it was seated"
)
STANDING = "running workloads stay where they are"
BOUND = "the bound counts alike nodes and clusters together, as one large node; a plan may cost more than it and be the best all the same"
# What ended the search for a better plan: all but the clock are the same on every machine
ENDED = {"": "bound", "steps": "steps", "solver": "solver_limit", "clock": "clock"}
EXHAUSTED = "the time limit ended the search: on another machine or another day the plan may differ"


def answer(
    plan: BatchPlan, max_candidates: int | None = None, prefix: str | None = None, taken: Collection[str] = ()
) -> Plain:
    """Everything that a caller may want to know.

    :param max_candidates: how many candidates to tell of each workload; None tells only of those without a place.
    :param prefix: what the names of new clusters begin with; None is ``new``.
    :param taken: names that a new cluster cannot get.
    """
    plan = named(plan, prefix or "new", taken)
    ranked = rankings(plan, max_candidates)
    decisions = [decision(plan, index, ranked[index]) for index in range(len(plan.places))]
    actions = [action(plan, number) for number, _planned in enumerate(plan.clusters)]
    clusters = plan.batch.fleet.clusters
    operations = expecting([operation(found) for found in actions if found["action"] != "use"], clusters)
    placements = [placement(found) for found in decisions if found["action"] != "none"]
    return {
        "decision": summary(plan),
        "decisions": decisions,
        "actions": [found for found in actions if found["action"] != "use"],
        "operations": operations,
        "clusters": actions,
        "placements": placements,
        "unplaced": [found["workload"] for found in decisions if found["action"] == "none"],
        "certificate": certificate(plan),
        "counterfactual": counterfactual(plan),
        "assumptions": taken_for_granted(plan),
        "inputs_digest": digest(plan.batch),
        **against_stale((operations, placements), clusters, {found["cluster_id"] for found in actions}),
        "plan_diff": diff(plan),
        "table": table(plan, decisions, actions),
    }


def digest(batch: Batch) -> str:
    """SHA-256 of all that the plan depends on, how long to search for it apart."""
    return digest_of((batch.workloads, batch.fleet, batch.policy))  # type: ignore[arg-type]


# --- all together


def added_power(plan: BatchPlan) -> int:
    """What the opened nodes and the placed workloads draw, in milliwatts."""
    drawn = 0
    flavors: dict[tuple[int, str], Any] = {}
    for number, planned in enumerate(plan.clusters):
        for growth in planned.groups:
            flavors[number, growth.group.name] = growth.group.flavor
            drawn += growth.group.flavor.idle_mw * (growth.after - growth.before)
        if planned.new and planned.cluster.masters:
            drawn += planned.cluster.masters[0].max_mw * planned.cluster.masters[1]
    for workload, seats in zip(plan.batch.workloads, plan.seats):
        for seat in seats:
            drawn += cost.added_power(seat.part, flavors[seat.host, seat.group], workload.missing)
    return drawn


def summary(plan: BatchPlan) -> Plain:
    """The plan in numbers and in one sentence."""
    placed = sum(place is not None for place in plan.places)
    created = sum(planned.new is not None for planned in plan.clusters)
    scaled = sum(action_of(planned) == "scale_out" for planned in plan.clusters)
    doing = "create" if created else "scale_out" if scaled else "use" if placed else "none"
    spent, watts = decimal(plan.proof.cost, MICRO), decimal(added_power(plan), 1000)
    left = len(plan.places) - placed
    sentence = f"{placed} of {len(plan.places)} workloads have a place"
    if created or scaled:
        sentence += f": {scaled} clusters are scaled out and {created} created"
    elif placed:
        sentence += " on running nodes"
    sentence += f"; it costs {spent} more per hour and draws {watts} W more."
    return {
        "action": doing,
        "placed": placed,
        "unplaced": left,
        "scaled_out": scaled,
        "created": created,
        "cost_delta_h": spent,
        "power_delta_w": watts,
        "sentence": sentence,
    }


def certificate(plan: BatchPlan) -> Plain:
    """How good the plan is known to be: its cost against what placing as much costs at least, its work against the most."""
    proof = plan.proof
    groups = [group for cluster in plan.batch.fleet.clusters for group in cluster.groups if group.count]
    gap = (proof.cost - proof.bound) / proof.bound if proof.bound else 0 if not proof.cost else None
    level = "node" if all(group.measured for group in groups) else "aggregate"
    return {
        "objective": decimal(proof.cost, MICRO),
        "lower_bound": decimal(proof.bound, MICRO),
        "gap": None if gap is None else round(gap, 6),
        "method": proof.method,
        "proven": proof.proven and level == "node",
        "optimal": proof.proven,
        "level": level,
        "ended_by": ENDED[proof.limit],
        "work_placed": decimal(proof.worth, MICRO),
        "work_bound": decimal(proof.most_worth, MICRO),
        "terms": ["work", "cost"],
    }


def counterfactual(plan: BatchPlan) -> Plain | None:
    """What placing one workload after the other would have come to, each where it is cheapest for itself."""
    if plan.singly is None:
        return None
    spent, left = plan.singly
    more = decimal(spent - plan.proof.cost, MICRO)
    total = plan.proof.worth
    lost = decimal(max(0, left - (plan.total_worth - total)), MICRO)
    sentence = f"One after the other, each where it is cheapest for itself, would cost {more} more per hour"
    sentence += f" and leave {lost} more work without a place." if lost else "."
    return {"method": "one after the other", "costs_more_h": more, "work_lost": lost, "sentence": sentence}


def taken_for_granted(plan: BatchPlan) -> list[str]:
    """Every assumption behind the plan, each once."""
    batch = plan.batch
    said: list[str] = [GROUPED]
    for workload in batch.workloads:
        said += assumptions(Decision(Request(workload, batch.fleet, batch.policy)))
    if any(workload.home for workload in batch.workloads):
        said.append(STANDING)
    if not plan.proof.proven:
        said.append(BOUND)
    if plan.proof.exhausted:
        said.append(EXHAUSTED)
    return list(dict.fromkeys(said))


# --- clusters


def named(plan: BatchPlan, prefix: str, taken: Collection[str]) -> BatchPlan:
    """The plan with names for its new clusters: the first of prefix-1, prefix-2 and so on that no cluster has."""
    used = {*taken, *(cluster.name for cluster in plan.batch.fleet.clusters)}
    free = numbered_names(prefix, used)
    clusters = tuple(
        planned if planned.new is None else replace(planned, cluster=replace(planned.cluster, name=next(free)))
        for planned in plan.clusters
    )
    return replace(plan, clusters=clusters)


def action_of(planned: Planned) -> str:
    if planned.new is not None:
        return "create"
    return "scale_out" if any(growth.after > growth.before for growth in planned.groups) else "use"


def action(plan: BatchPlan, number: int) -> Plain:
    """What is done to one cluster."""
    planned = plan.clusters[number]
    cluster = planned.cluster
    spent = cost.hourly((growth.group.flavor, growth.after - growth.before) for growth in planned.groups)
    if planned.new is not None and cluster.masters:
        spent += cost.hourly([cluster.masters])
    return {
        "action": action_of(planned),
        "cluster": cluster.name,
        "cluster_id": cluster.id or None,
        "cluster_type": cluster.type or None,
        "template": cluster.template or None,
        "master_flavor": cluster.masters[0].name if planned.new and cluster.masters else None,
        "master_count": cluster.masters[1] if planned.new and cluster.masters else None,
        "labels": labels(plan, planned),
        "node_groups": [_group(growth) for growth in planned.groups],
        "workloads": [plan.batch.workloads[index].name for index in planned.workloads],
        "cost_delta_h": decimal(spent, MICRO),
    }


def operation(found: Plain) -> Plain:
    """What is done to one cluster, as an operation."""
    if found["action"] == "scale_out":
        return resize("scale_out", found["cluster"], found["cluster_id"], grown(found["node_groups"]))
    groups = [{**group, "node_count": group["node_count_after"]} for group in found["node_groups"]]
    overrides = {**overrides_of(groups), "master_flavor": found["master_flavor"]}
    return create(found["cluster"], found["cluster_type"], found["labels"], overrides)


def labels(plan: BatchPlan, planned: Planned) -> dict[str, str]:
    """The labels that a new cluster is made with: those of its type, and which workloads it is made for."""
    if planned.new is None:
        return {}
    declared = next((found for found in plan.batch.fleet.types if found.name == planned.cluster.type), None)
    made_for = made_for_label(plan.batch.workloads[index] for index in planned.workloads)
    return {**(dict(declared.labels) if declared else {}), **made_for}


def _group(growth: Growth) -> Plain:
    return {
        "name": growth.group.name,
        "flavor": growth.group.flavor.name,
        "node_count_before": growth.before,
        "node_count_after": growth.after,
        "min_node_count": growth.group.min_count,
        "max_node_count": growth.group.max_count,
    }


# --- workloads


def decision(plan: BatchPlan, index: int, ranking: list[Plain]) -> Plain:
    """What becomes of one workload."""
    workload, place = plan.batch.workloads[index], plan.places[index]
    if place is None:
        codes = list(dict.fromkeys(found["code"] for nearest in ranking[:1] for found in nearest["why_not"]))
        nothing = dict.fromkeys(("target", "cluster", "cluster_id", "cluster_type", "node_group"))
        sentence = f"{workload.name} has no place beside the others ({', '.join(codes) or 'nothing could carry it'})."
        shown = {"action": "none", **nothing, "node_groups": [], "stays": False, "sentence": sentence}
        return {"workload": workload.name, **shown, "why_not": codes, "ranking": ranking}
    planned, seats = plan.clusters[place], plan.seats[index]
    name, groups = planned.cluster.name, groups_of(workload, seats)
    doing = doing_of(planned, seats)
    where = "+".join(groups)
    verb = {"use": "Use", "scale_out": "Scale out", "create": "Create"}[doing]
    if workload.home:
        verb = "Grow in" if workload.missing else "Stay in"
    return {
        "workload": workload.name,
        "action": doing,
        "target": f"{name}/{where}" if where else name,
        "cluster": name,
        "cluster_id": planned.cluster.id or None,
        "cluster_type": planned.cluster.type or None,
        "node_group": groups[0] if groups else None,
        "node_groups": groups,
        "stays": bool(workload.home),
        "sentence": f"{workload.name}: {verb} {name}{', node group ' if where else ''}{' and '.join(groups)}.",
        "why_not": [],
        "ranking": ranking,
    }


def placement(found: Plain) -> Plain:
    """Where a workload has its place, in the form of the option ``placements``."""
    kept = ("workload", "cluster", "node_group") if found["node_group"] else ("workload", "cluster")
    return {key: found[key] for key in kept}


def groups_of(workload: Workload, seats: tuple[Seat, ...]) -> list[str]:
    if seats:
        return [seat.group for seat in seats]
    return [workload.home[1]] if workload.home and workload.home[1] else []


def doing_of(planned: Planned, seats: tuple[Seat, ...]) -> str:
    """How a workload comes to its place: on nodes that run, on some that are opened, in a cluster that is made."""
    if planned.new is not None:
        return "create"
    return "scale_out" if any(seat.on_new for seat in seats) else "use"


def rankings(plan: BatchPlan, max_candidates: int | None) -> list[list[Plain]]:
    """The candidates of each workload, as the judge of a single match sees them."""
    batch = plan.batch
    beside = fleet_after(plan) if None in plan.places else batch.fleet
    known: dict[tuple[Workload, bool], list[Plain]] = {}

    def judged(index: int) -> list[Plain]:
        placed = plan.places[index] is not None
        most = max_candidates or (0 if placed else MOST_REFUSED)
        workload = batch.workloads[index]
        if workload.home and workload.missing:
            workload = replace(workload, replicas=workload.missing)
        key = (replace(workload, name=workload.name if workload.home else "", labels=(), notes=()), placed)
        if most and key not in known:
            request = Request(workload, batch.fleet if placed else beside, batch.policy)
            ranking = match(request).ranking
            if not placed:
                ranking = run_into_first(ranking, match(replace(request, fleet=batch.fleet)).ranking)
                # One that grows does so where it stands
                home = workload.home[0] if workload.home else None
                ranking = [ranked for ranked in ranking if home in (None, ranked.verdict.candidate.cluster.id)]
            known[key] = [entry(ranked) for ranked in ranking[:most]]
        return known.get(key, [])

    return [judged(index) for index in range(len(plan.places))]


def run_into_first(beside: tuple[Ranked, ...], alone: tuple[Ranked, ...]) -> list[Ranked]:
    """The candidates of a workload beside all others, those first that it could have had alone: it was the others that took
    them, and what is missing there is what the batch ran into."""
    had = {ranked.verdict.candidate.name for ranked in alone if ranked.verdict.feasible}
    return sorted(beside, key=lambda ranked: (not ranked.verdict.feasible, ranked.verdict.candidate.name not in had))


def fleet_after(plan: BatchPlan) -> Fleet:
    """The fleet once the plan is carried out."""
    batch = plan.batch
    grown = {planned.cluster.id: cluster_after(plan, planned) for planned in plan.clusters if planned.new is None}
    made = [cluster_after(plan, planned) for planned in plan.clusters if planned.new is not None]
    taken: dict[str, int] = {"clusters": len(made)}
    for planned in plan.clusters:
        opened = [(growth.group.flavor, growth.after - growth.before) for growth in planned.groups]
        opened += [planned.cluster.masters] if planned.new is not None and planned.cluster.masters else []
        for flavor, count in opened:
            needs = {
                "instances": 1,
                "cores": -(-flavor.cpu_m // 1000),
                "ram_mib": flavor.mem_mib,
                **dict(flavor.resources),
            }
            for resource, need in needs.items():
                taken[resource] = taken.get(resource, 0) + need * count
    there = [grown.get(cluster.id, cluster) for cluster in batch.fleet.clusters]
    return replace(
        batch.fleet,
        clusters=(*there, *made),
        quotas=tuple(replace(quota, used=quota.used + taken.get(quota.resource, 0)) for quota in batch.fleet.quotas),
        free=tuple((name, max(0, have - taken.get(name, 0))) for name, have in batch.fleet.free),
    )


def cluster_after(plan: BatchPlan, planned: Planned) -> Cluster:
    """A cluster with the nodes and the workloads that the plan gives it."""
    groups = tuple(replace(growth.group, count=growth.after, rooms=growth.rooms) for growth in planned.groups)
    workloads = [plan.batch.workloads[index] for index in planned.workloads]
    tenants = {*planned.cluster.tenants, *(Tenant(workload.name, workload.isolation) for workload in workloads)}
    found = replace(planned.cluster, groups=groups, tenants=tuple(sorted(tenants)))
    return found if planned.new is None else replace(found, id=found.name)


# --- for people


def table(plan: BatchPlan, decisions: list[Plain], actions: list[Plain]) -> str:
    """Two tables: where each workload goes, and what happens to each cluster."""
    rows = [
        (
            found["workload"],
            found["action"],
            found["cluster"] or "-",
            "+".join(found["node_groups"]) or "-",
            str(workload.replicas),
            ", ".join(found["why_not"]) if found["action"] == "none" else "stays" if found["stays"] else "",
        )
        for found, workload in zip(decisions, plan.batch.workloads)
    ]
    lines = [
        (
            found["cluster"] + (f" ({found['cluster_type']})" if found["action"] == "create" else ""),
            found["action"],
            group["name"],
            group["flavor"],
            f"{group['node_count_before']}>{group['node_count_after']}",
            f"{found['cost_delta_h']:.3f}" if first else "",
            ", ".join(found["workloads"]) if first else "",
        )
        for found in actions
        for first, group in _firsts(found["node_groups"])
    ]
    return text_table(WORKLOADS, rows, len(rows)) + "\n" + text_table(CLUSTERS, lines, len(lines))


def _home(plan: BatchPlan, workload: Workload) -> str:
    """Where a workload stands, in words, with how many of its replicas."""
    if workload.home is None:
        return "nowhere"
    name = next((c.name for c in plan.batch.fleet.clusters if c.id == workload.home[0]), "nowhere")
    return f"{name}/{workload.home[1]}, {workload.standing} of {workload.replicas} replicas"


def _firsts(groups: list[Plain]) -> list[tuple[bool, Plain]]:
    return [(number == 0, group) for number, group in enumerate(groups)]


def diff(plan: BatchPlan) -> Plain:
    """Before and after, a line for each node group that changes and each workload that is placed."""
    before, after = [], []
    for planned in plan.clusters:
        name = planned.cluster.name
        for growth in planned.groups:
            line = f"{name}/{growth.group.name} ({growth.group.flavor.name}):"
            if growth.before != growth.after:
                before += [f"{line} {growth.before} nodes"] if planned.new is None else []
                after.append(f"{line} {growth.after} nodes")
    for index, (workload, place) in enumerate(zip(plan.batch.workloads, plan.places)):
        if workload.missing:
            where = "+".join(groups_of(workload, plan.seats[index]))
            target = "nowhere" if place is None else f"{plan.clusters[place].cluster.name}/{where}"
            now = _home(plan, workload)
            target = now if place is None else target
            before.append(f"{workload.name}: {now}")
            after.append(f"{workload.name}: {target}")
    return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}
