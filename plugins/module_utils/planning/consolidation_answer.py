# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer of a consolidation: plain data for Ansible, a table for people, a plan to read in a diff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import digest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import bounds
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import refusal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.assumptions import mixed_prices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
    Consolidation,
    Opening,
    Option,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_parts import paid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import taking_guards
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.layout import text_table
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE, Cluster, Flavor, Part
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.operations import (
    create,
    delete,
    expecting,
    name_of_split,
    overrides_of,
    resizes,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import decimal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import Move
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import against_stale

Plain = dict[str, Any]
COLUMNS = (
    ("#", 3),
    ("candidate", 44),
    ("saves/h", 10),
    ("moves", 6),
    ("score", 8),
    ("pays in h", 9),
    ("why, or why not", 0),
)


def answer(found: Consolidation, max_candidates: int | None = None) -> Plain:
    """Everything that a caller may want to know."""
    decision = decided(found)
    made = operations(found, decision)
    shown = found.options if max_candidates is None else found.options[:max_candidates]
    return {
        "decision": decision,
        "operations": made,
        "candidates": [candidate(found, option) for option in shown],
        "candidates_judged": len(found.options),
        "pareto": pareto(found),
        "certificate": certificate(found),
        "assumptions": assumptions(found),
        "inputs_digest": digest(found.question),
        **state(found, decision, made),
        "table": text_table(COLUMNS, [_row(option) for option in shown], len(found.options)),
    }


# --- the decision


def decided(found: Consolidation) -> Plain:
    """What to do, in the order in which it is done: grow, create, move, resize, delete."""
    groups, cost = shrinking(found), sum(step.saving for step in found.steps)
    return {
        "action": "consolidate" if found.steps else "none",
        "steps": [step.name for step in found.steps],
        "grow": growing(found),
        "create_clusters": [created(found, step) for step in found.steps if step.kind is not None],
        "moves": moved(found),
        "node_groups": groups,
        "delete_clusters": [
            {"cluster": _cluster(found, step.cluster).name, "cluster_id": step.cluster}
            for step in found.steps
            if step.action == "merge"
        ],
        "cost_delta_h": decimal(-cost, MICRO) if cost else 0,
        "power_delta_w": decimal(-sum(step.power_mw for step in found.steps), 1000),
        "sentence": sentence(found),
    }


def operations(found: Consolidation, decision: Plain) -> list[Plain]:
    """The decision as operations, in the order in which they are done. Workloads move between the creations and the removals."""
    new = decision["create_clusters"]
    made = [
        *resizes("grow", decision["grow"]),
        *(create(entry["name"], entry["cluster_type"], {}, overrides_of(entry["node_groups"])) for entry in new),
        *resizes("remove_nodes", decision["node_groups"]),
        *(delete(gone["cluster"], gone["cluster_id"]) for gone in decision["delete_clusters"]),
    ]
    return expecting(made, found.question.fleet.clusters)


def _cluster(found: Consolidation, identity: str) -> Cluster:
    return next(cluster for cluster in found.question.fleet.clusters if cluster.id == identity)


def _gone(found: Consolidation) -> set[str]:
    return {step.cluster for step in found.steps if step.action == "merge"}


def _opened(found: Consolidation) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for step in found.steps:
        for opening in step.opened:
            if opening.cluster:
                counts[opening.cluster, opening.group] += opening.count
    return counts


def growing(found: Consolidation) -> list[Plain]:
    """Node groups that need more nodes before anybody can move."""
    return [
        {
            "cluster": cluster.name,
            "cluster_id": cluster.id,
            "node_group": group.name,
            "node_count_before": group.count,
            "node_count_after": group.count + _opened(found)[cluster.id, group.name],
        }
        for cluster in found.question.fleet.clusters
        for group in cluster.groups
        if _opened(found)[cluster.id, group.name]
    ]


def shrinking(found: Consolidation) -> list[Plain]:
    """One resize for each node group that loses nodes, all of its removals together, each by name."""
    opened, gone = _opened(found), _gone(found)
    entries = []
    for cluster in found.question.fleet.clusters:
        for group in cluster.groups:
            names = {place.node for place in found.closed if place[:2] == (cluster.id, group.name)}
            if names and cluster.id not in gone:
                before = group.count + opened[cluster.id, group.name]
                nodes = [node for node in group.nodes if node.name in names]
                entries.append(
                    {
                        "cluster": cluster.name,
                        "cluster_id": cluster.id,
                        "node_group": group.name,
                        "node_count_before": before,
                        "node_count_after": before - len(nodes),
                        "nodes_to_remove": [node.id for node in nodes],
                        "nodes": [node.name for node in nodes],
                    }
                )
    return entries


def created(found: Consolidation, step: Option) -> Plain:
    """The cluster that a split needs."""
    kind = step.kind
    origin, workloads = _cluster(found, step.cluster).name, sorted({move.pod.workload for move in step.moves})
    return {
        "name": name_of_split(origin, kind.name if kind else "", workloads),
        "from_cluster": origin,
        "from_cluster_id": step.cluster,
        "cluster_type": kind.name if kind else None,
        "template": (kind.template if kind else "") or None,
        "node_groups": [_opening(opening) for opening in step.opened],
        "workloads": workloads,
    }


def _opening(opening: Opening) -> Plain:
    return {"name": opening.group, "flavor": opening.flavor.name, "node_count": opening.count}


def moved(found: Consolidation) -> list[Plain]:
    """Who moves from where to where; replicas that do the same are counted. Node ids are what the hook will need.

    A cluster is split once at most, so whoever leaves it for a cluster without id goes to the one that this split creates.
    """
    names = {cluster.id: cluster.name for cluster in found.question.fleet.clusters}
    new = {step.cluster: created(found, step)["name"] for step in found.steps if step.kind is not None}
    counts = Counter((move.pod.workload, move.source, move.target) for move in found.moves)
    return [
        {
            "workload": workload,
            "replicas": count,
            "from": {"cluster": names.get(source.cluster), "node_group": source.group, "node": source.node},
            "to": {
                "cluster": names.get(target.cluster, new.get(source.cluster)),
                "node_group": target.group,
                "node": target.node,
            },
        }
        for (workload, source, target), count in sorted(counts.items())
    ]


def sentence(found: Consolidation) -> str:
    """The decision in one sentence."""
    if not found.steps:
        reasons = Counter(violation.code for option in found.options for violation in option.why_not)
        most = ", ".join(code for code, _count in sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))[:3])
        return f"Nothing is consolidated: {len(found.options)} candidates were judged" + (
            f" ({most})." if most else "."
        )
    saved = decimal(found.saving, MICRO)
    moves = len(found.moves)
    changes = f"{len(found.closed)} nodes are removed, {moves} replica{'s' * (moves != 1)} move{'s' * (moves == 1)}"
    costs = f"{saved} less per hour" if found.saving >= 0 else f"{decimal(-found.saving, MICRO)} more per hour"
    return f"{'; '.join(step.name for step in found.steps[:5])}{' ...' * (len(found.steps) > 5)}: {changes}, {costs}."


# --- candidates


def candidate(found: Consolidation, option: Option) -> Plain:
    """One candidate. ``step`` is its place in the plan, none where something speaks against it."""
    payback = option.payback_h
    return {
        "candidate": option.name,
        "action": option.action,
        "feasible": option.feasible,
        "step": option.step,
        "cluster": _cluster(found, option.cluster).name,
        "cluster_id": option.cluster,
        "node_group": option.group or None,
        "node": option.node or None,
        "into_cluster_id": option.other or None,
        "saving_h": decimal(option.saving, MICRO),
        "power_saving_w": decimal(option.power_mw, 1000),
        "moves": len(option.moves),
        "disruption": decimal(option.disruption, WHOLE),
        "score": None if option.score is None else decimal(option.score, WHOLE),
        "payback_h": None if payback is None else round(float(payback), 3),
        "why": list(option.why),
        "why_not": [refusal(violation) for violation in option.why_not],
    }


def pareto(found: Consolidation) -> list[Plain]:
    """How far one may go: each beginning of the plan, with what it saves and whom it disturbs; none is better in both."""
    saving = moves = disturbed = 0
    points = [{"steps": 0, "saving_h": 0, "moves": 0, "disruption": 0}]
    for number, step in enumerate(found.steps, 1):
        saving, moves, disturbed = saving + step.saving, moves + len(step.moves), disturbed + step.disruption
        point = {
            "steps": number,
            "saving_h": decimal(saving, MICRO),
            "moves": moves,
            "disruption": decimal(disturbed, WHOLE),
        }
        points = [
            other
            for other in points
            if not (other["saving_h"] <= point["saving_h"] and other["disruption"] >= point["disruption"])
        ]
        if not any(o["saving_h"] >= point["saving_h"] and o["disruption"] <= point["disruption"] for o in points):
            points.append(point)
    return points


def _row(option: Option) -> tuple[str, ...]:
    payback, points = option.payback_h, option.score
    codes = option.why if option.feasible else tuple(dict.fromkeys(violation.code for violation in option.why_not))
    return (
        str(option.step) if option.step else "-",
        option.name,
        f"{option.saving / MICRO:.3f}",
        str(len(option.moves)),
        "-" if points is None else f"{points / WHOLE:.2f}",
        "-" if payback is None else f"{float(payback):.2f}",
        ("" if option.feasible else "no: ") + ", ".join(codes),
    )


# --- how good it is known to be


def certificate(found: Consolidation) -> Plain:
    """What is kept, against what any plan must keep: in cost and in devices.

    Work stays in its cluster, or, where clusters may be merged, in clusters of its type and project. Clusters that
    nothing may be taken from are kept as they are.
    """
    kept = found.cost - found.saving
    splits = any(step.action == "split" for step in found.steps)
    bound, devices = least(found)
    held = _devices_kept(found)
    gap = None if splits or not bound else round((kept - bound) / bound, 6)
    return {
        "objective": decimal(kept, MICRO),
        "lower_bound": None if splits else decimal(bound, MICRO),
        "gap": gap if bound or splits else (0 if kept == 0 else None),
        "devices_kept": held,
        "devices_lower_bound": None if splits else decimal(devices, WHOLE),
        "method": "greedy by saving per disruption; bound: fractional cover of each resource, shares by dual feasible functions",
        "proven": not splits and kept == bound,
        "level": "node",
    }


def _devices(flavor: Flavor) -> int:
    return sum(entry.count for entry in flavor.accelerators)


def _devices_kept(found: Consolidation) -> int:
    gone, closed = _gone(found), set(found.closed)
    standing = sum(
        _devices(group.flavor)
        for cluster in found.question.fleet.clusters
        for group in cluster.groups
        for node in group.nodes
        if cluster.id not in gone and (cluster.id, group.name, node.name) not in closed
    )
    return standing + sum(_devices(opening.flavor) * opening.count for step in found.steps for opening in step.opened)


def least(found: Consolidation) -> tuple[int, int]:
    """The least cost per hour, and the least thousandths of devices, that any consolidation keeps."""
    rules = found.question.rules
    cells: dict[tuple[str, ...], list[Cluster]] = {}
    cost = devices = 0
    for cluster in found.question.fleet.clusters:
        if taking_guards(cluster, rules.care):
            cost += paid(cluster)
            devices += sum(_devices(group.flavor) * group.count for group in cluster.groups) * WHOLE
        else:
            key = (cluster.type, cluster.project) if "merge" in rules.actions and cluster.type else (cluster.id,)
            cells.setdefault(key, []).append(cluster)
    for clusters in cells.values():
        own_cost, own_devices = _least_of(clusters)
        cost, devices = cost + own_cost, devices + own_devices
    return cost, devices


def _least_of(clusters: Iterable[Cluster]) -> tuple[int, int]:
    """Of clusters among which work may move. What is listed on nodes in doubt is left out: it may not be true."""
    cell = list(clusters)
    parts: Counter[Part] = Counter()
    for cluster in cell:
        for group in cluster.groups:
            for node in group.nodes:
                for pod in node.pods if node.known else ():
                    parts[pod.part] += pod.replicas
    nodes: Counter[Flavor] = Counter()
    for cluster in cell:
        for group in cluster.groups:
            nodes[group.flavor] += group.count if len(cell) == 1 else max(group.count, group.max_count or 10**6)
    masters = [cluster.masters[0].price * cluster.masters[1] if cluster.masters else 0 for cluster in cell]
    cost = bounds.least(nodes.items(), parts.items(), lambda flavor: flavor.price)
    devices = bounds.least(nodes.items(), parts.items(), lambda flavor: _devices(flavor) * WHOLE)
    if len(cell) == 1:
        cost = max(cost, sum(group.flavor.price * min(group.min_count, group.count) for group in cell[0].groups))
    return cost + min(masters, default=0), devices


# --- what was taken for granted


def assumptions(found: Consolidation) -> list[str]:
    """Every assumption behind the decision, each once, in a fixed order."""
    rules = found.question.rules
    said = [
        f"a workload that moves is paid for twice {rules.move_minutes} minutes; nothing else is lost by moving",
        "a node offers all that its flavor has, unless it says itself what is free; nothing is kept back for its system",
    ]
    if not rules.care.require_metrics:
        said.append("require_metrics is false: the placements count as all that runs")
    if not rules.care.require_health:
        said.append("require_health is false: the health of clusters is not looked at")
    said += mixed_prices(found.question.fleet)
    guessed = [flavor.name for flavor in found.question.fleet.flavors if flavor.price_source == "default rates"]
    if guessed:
        said.append("prices come from default component rates in relative units per hour, no currency")
    return [*said, *found.question.fleet.notes]


# --- the diff


def diff(found: Consolidation) -> Plain:
    """Before and after, to be read: nodes of each group, clusters, and who stands where."""
    before: list[str] = []
    after: list[str] = []
    gone, closed, opened = _gone(found), set(found.closed), _opened(found)
    for cluster in found.question.fleet.clusters:
        for group in cluster.groups:
            title = f"{cluster.name}/{group.name} ({group.flavor.name})"
            before.append(f"{title}: {group.count} nodes")
            if cluster.id in gone:
                continue
            left = [node for node in group.nodes if (cluster.id, group.name, node.name) not in closed]
            count = group.count - (len(group.nodes) - len(left)) + opened[cluster.id, group.name]
            after.append(f"{title}: {count} nodes")
            before += [f"  {node.name}" for node in group.nodes if node not in left]
    before += [_line(move) for move in found.moves]
    after += [_line(move, arrived=True) for move in found.moves]
    for step in found.steps:
        after += [f"new {entry['name']} ({entry['flavor']}): {entry['node_count']} nodes" for entry in _news(step)]
    return {"before": "\n".join(before) + "\n", "after": "\n".join(after) + "\n"}


def _news(step: Option) -> list[Plain]:
    return [_opening(opening) for opening in step.opened if not opening.cluster]


def _line(move: Move, *, arrived: bool = False) -> str:
    place = move.target if arrived else move.source
    return f"{move.pod.workload} on {place.group}/{place.node}"


# --- the state


def state(found: Consolidation, decision: Plain, made: list[Plain]) -> Plain:
    """The state of what is to be done, and of the clusters that the plan touches."""
    touched = {step.cluster for step in found.steps} | {step.other for step in found.steps}
    return against_stale((made, decision["moves"]), found.question.fleet.clusters, touched)
