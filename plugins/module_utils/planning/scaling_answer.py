# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer of a scaling decision: plain data for Ansible, a table for people, a plan to read in a diff."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import digest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import bounds
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import refusal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.layout import text_table
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE, Part, Violation
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.operations import expecting, resizes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import decimal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_memory import in_doubt
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import (
    GroupPlan,
    NodePlan,
    Scaling,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_reading import memory_as_result
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import against_stale

Plain = dict[str, Any]
COLUMNS = (
    ("node group", 36),
    ("action", 9),
    ("nodes", 8),
    ("used", 6),
    ("expected", 8),
    ("after", 6),
    ("why, or why not", 0),
)


def answer(found: Scaling) -> Plain:
    """Everything that a caller may want to know."""
    decision = decided(found)
    made = operations(found, decision)
    return {
        "decision": decision,
        "operations": made,
        "groups": [group(found, plan) for plan in found.groups],
        "nodes": [node(found, plan) for plan in found.nodes],
        "unplaced": [
            {"workload": workload.name, "why_not": [refusal(violation) for violation in why_not]}
            for workload, why_not in found.unplaced
        ],
        "waiting": [
            {
                "workload": entry.workload.name,
                "cluster_id": entry.cluster,
                "node_group": entry.group,
                "why_not": [refusal(entry.why_not)],
            }
            for entry in found.waiting
        ],
        "memory": memory_as_result(found.memory),
        "certificate": certificate(found),
        "assumptions": assumptions(found),
        "inputs_digest": digest(found.question),
        **state(found, decision, made),
        "table": text_table(COLUMNS, [_row(found, plan) for plan in found.groups], len(found.groups), "node groups"),
    }


def operations(found: Scaling, decision: Plain) -> list[Plain]:
    """The decision as operations, one for each cluster."""
    return expecting(resizes("scale", decision["node_groups"]), found.question.fleet.clusters)


def decided(found: Scaling) -> Plain:
    """What to do, one entry for each node group that changes."""
    changed = [plan for plan in found.groups if plan.action != "none"]
    cost = sum((plan.target - plan.group.count) * plan.group.flavor.price for plan in changed)
    drawn = sum((plan.target - plan.group.count) * plan.group.flavor.idle_mw for plan in changed)
    return {
        "action": found.action,
        "node_groups": [_change(plan) for plan in changed],
        "moves": moved(found),
        "target_nodes": sum(_after(plan) for plan in found.groups),
        "cost_delta_h": decimal(cost, MICRO),
        "power_delta_w": decimal(drawn, 1000),
        "sentence": sentence(found, changed),
    }


def _after(plan: GroupPlan) -> int:
    """The number of nodes as we set it: an autoscaler's is left alone."""
    return plan.group.count if plan.bounds else plan.target


def _change(plan: GroupPlan) -> Plain:
    entry: Plain = {
        "cluster": plan.cluster.name,
        "cluster_id": plan.cluster.id,
        "node_group": plan.group.name,
        "action": plan.action,
        "node_count_before": plan.group.count,
        "node_count_after": _after(plan),
        "nodes_to_remove": [node.id for node in plan.removed],
        "min_node_count": plan.bounds[0] if plan.bounds else None,
        "max_node_count": plan.bounds[1] if plan.bounds else None,
    }
    return entry


def moved(found: Scaling) -> list[Plain]:
    """Who has to move off the nodes that go."""
    names = {cluster.id: cluster.name for cluster in found.question.fleet.clusters}
    counts = Counter(
        (move.pod.workload, move.source, move.target) for plan in found.nodes if plan.goes for move in plan.moves
    )
    return [
        {
            "workload": workload,
            "replicas": count,
            "from": {"cluster": names[source.cluster], "node_group": source.group, "node": source.node},
            "to": {"cluster": names[target.cluster], "node_group": target.group, "node": target.node},
        }
        for (workload, source, target), count in sorted(counts.items())
    ]


def sentence(found: Scaling, changed: list[GroupPlan]) -> str:
    """The decision in one sentence."""
    if not changed:
        reasons = Counter(violation.code for plan in found.nodes for violation in plan.why_not)
        most = ", ".join(code for code, _count in sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))[:3])
        stuck = f" No place for {', '.join(workload.name or 'a workload' for workload, _why in found.unplaced)}."
        calm = f"Nothing is scaled: {len(found.groups)} node groups, {len(found.nodes)} nodes" + (
            f" ({most})." * bool(most) or "."
        )
        names = ", ".join(entry.workload.name or "a workload" for entry in found.waiting)
        waits = f" Nothing is opened for {names}: 'placements' does not say which workloads run on the existing nodes."
        return calm + stuck * bool(found.unplaced) + waits * bool(found.waiting)
    parts = []
    for plan in changed:
        name = f"{plan.cluster.name}/{plan.group.name}"
        if plan.bounds:
            least, most_nodes = plan.bounds
            parts.append(f"{name}: bounds {least} to {most_nodes if most_nodes is not None else 'any number'}")
        else:
            named = f" without {', '.join(node.name for node in plan.removed)}" if plan.removed else ""
            parts.append(f"{name} from {plan.group.count} to {plan.target} nodes{named}")
    verb = "Scale out" if found.action == "scale_out" else "Scale in"
    return f"{verb} {'; '.join(parts)}."


# --- groups and nodes


def group(found: Scaling, plan: GroupPlan) -> Plain:
    """One node group, whatever is done to it."""
    return {
        **_change(plan),
        "utilization": decimal(plan.used, WHOLE),
        "expected_utilization": decimal(plan.expected, WHOLE),
        "utilization_after": decimal(plan.after, WHOLE),
        "why": list(plan.why),
        "why_not": [refusal(violation) for violation in reasons(found, plan)],
    }


def reasons(found: Scaling, plan: GroupPlan) -> list[Violation]:
    """What keeps a group from growing further; of one that stays as it is, what keeps its nodes, each reason once."""
    waits = [
        entry.why_not for entry in found.waiting if (entry.cluster, entry.group) == (plan.cluster.id, plan.group.name)
    ]
    if plan.action != "none" or plan.why_not or waits:
        return [*plan.why_not, *dict.fromkeys(waits)]
    own = [entry for entry in found.nodes if entry.place[:2] == (plan.cluster.id, plan.group.name)]
    first: dict[str, Violation] = {}
    for entry in own:
        for violation in entry.why_not:
            first.setdefault(violation.code, violation)
    return list(first.values())


def node(found: Scaling, plan: NodePlan) -> Plain:
    """One node, and whether it could go."""
    names = {cluster.id: cluster.name for cluster in found.question.fleet.clusters}
    return {
        "cluster": names[plan.place.cluster],
        "cluster_id": plan.place.cluster,
        "node_group": plan.place.group,
        "node": plan.place.node,
        "id": plan.node.id or None,
        "removed": plan.goes,
        "unneeded": plan.unneeded,
        "moves": len(plan.moves),
        "why": list(plan.why),
        "why_not": [refusal(violation) for violation in plan.why_not],
    }


def _row(found: Scaling, plan: GroupPlan) -> tuple[str, ...]:
    codes = plan.why or dict.fromkeys(violation.code for violation in reasons(found, plan))
    return (
        f"{plan.cluster.name}/{plan.group.name}",
        plan.action,
        f"{plan.group.count}>{_after(plan)}",
        f"{plan.used / 10:.0f} %",
        f"{plan.expected / 10:.0f} %",
        f"{plan.after / 10:.0f} %",
        ("" if plan.why or not codes else "no: ") + ", ".join(codes),
    )


# --- how good it is known to be


def certificate(found: Scaling) -> Plain:
    """What the nodes cost afterwards, against the least that nodes for all that stands and comes can cost."""
    objective = sum(plan.target * plan.group.flavor.price for plan in found.groups)
    bound = 0
    for cluster in found.question.fleet.clusters:
        parts: Counter[Part] = Counter()
        for entry in cluster.groups:
            for there in entry.nodes:
                for pod in there.pods if there.known else ():
                    parts[pod.part] += pod.replicas
        nodes = [(entry.flavor, max(entry.count, entry.max_count or 10**6)) for entry in cluster.groups]
        least = bounds.least(nodes, parts.items(), lambda flavor: flavor.price)
        bound += max(least, sum(entry.flavor.price * min(entry.min_count, entry.count) for entry in cluster.groups))
    return {
        "objective": decimal(objective, MICRO),
        "lower_bound": decimal(bound, MICRO),
        "gap": round((objective - bound) / bound, 6) if bound else None,
        "method": "rules with hysteresis; bound: fractional cover of the running workloads, without any headroom",
        "proven": objective == bound,
        "level": "node",
    }


def assumptions(found: Scaling) -> list[str]:
    """Every assumption behind the decision, each once, in a fixed order."""
    question = found.question
    said = [
        "a node offers all that its flavor has, unless it says itself what is free; nothing is kept back for its system"
    ]
    if not question.expected and not question.usage:
        said.append("nothing is said of what is to come: it counts as what is there now")
    if question.memory.at is None:
        said.append("no memory of an earlier run is given: this run removes no node")
    if not question.rules.care.require_metrics:
        said.append("require_metrics is false: the placements count as all that runs")
    if not question.rules.care.require_health:
        said.append("require_health is false: the health of clusters is not looked at")
    unknown = [
        f"{cluster.name}/{group.name}"
        for cluster in question.fleet.clusters
        for group in cluster.groups
        if group.count and in_doubt(group)
    ]
    if unknown:
        said.append(
            f"'placements' does not say which workloads run on nodes of {', '.join(unknown)}: they count as busy. A pending workload gets new nodes "
            "once, and again only when 'placements' are given"
        )
    return [*said, *question.fleet.notes]


def diff(found: Scaling) -> Plain:
    """Before and after, to be read: the groups that change, their bounds, and the nodes that go."""
    before: list[str] = []
    after: list[str] = []
    for plan in found.groups:
        if plan.action != "none":
            title = f"{plan.cluster.name}/{plan.group.name} ({plan.group.flavor.name})"
            before.append(
                f"{title}: {plan.group.count} nodes{_bounds(plan, (plan.group.min_count, plan.group.max_count))}"
            )
            after.append(f"{title}: {_after(plan)} nodes{_bounds(plan, plan.bounds)}")
            before += [f"  {node.name}" for node in plan.removed]
    return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def _bounds(plan: GroupPlan, bounds_: tuple[int, int | None] | None) -> str:
    if not plan.bounds or bounds_ is None:
        return ""
    return f", bounds {bounds_[0]} to {'any number' if bounds_[1] is None else bounds_[1]}"


def state(found: Scaling, decision: Plain, made: list[Plain]) -> Plain:
    """The state of what is to be done, and of the clusters that change: what happens to others does not matter."""
    touched = {entry["cluster_id"] for entry in decision["node_groups"]}
    return against_stale((made, decision["moves"]), found.question.fleet.clusters, touched)
