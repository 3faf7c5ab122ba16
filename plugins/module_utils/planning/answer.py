# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer of a decision: plain data for Ansible, and a table for people.

The same decision gives the same bytes: nothing here depends on time, on the machine or on the order of the input.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import digest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.assumptions import assumptions
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.layout import text_table
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Decision,
    Fix,
    Ranked,
    Request,
    Step,
    Violation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.operations import (
    create,
    expecting,
    free_name,
    overrides_of,
    resize,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.placements import made_for_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import decimal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import against_stale

Plain = dict[str, Any]

# Units of the core -> units that people write in options, and their scale
SHOWN = {
    "milli-CPU": ("vCPU", 1000),
    "milli-device": ("devices", 1000),
    "MiB": ("GiB", 1024),
    "mW": ("W", 1000),
    "per hour": ("per hour", MICRO),
    "ram_mib": ("ram_mib", 1),
}
ACTIONS = {"use": "use", "scale": "scale_out", "create": "create"}
COLUMNS = (
    ("#", 3),
    ("action", 9),
    ("cluster", 32),
    ("node group", 16),
    ("flavor", 18),
    ("nodes", 8),
    ("cost/h", 10),
    ("power W", 9),
    ("why, or why not", 0),
)


def answer(
    decision: Decision, max_candidates: int | None = None, name: str | None = None, taken: Collection[str] = ()
) -> Plain:
    """Everything that a caller may want to know.

    :param max_candidates: how many entries of the ranking to give; None gives all.
    :param name: what a new cluster is called; None takes the workload's name, or else its type.
    :param taken: names that a new cluster cannot get.
    """
    shown = decision.ranking if max_candidates is None else decision.ranking[:max_candidates]
    found = chosen(decision)
    made = operations(decision, found, name, taken)
    return {
        "decision": found,
        "operations": made,
        "new_cluster": new_cluster(decision),
        "ranking": [entry(ranked) for ranked in shown],
        "candidates": len(decision.ranking),
        "certificate": certificate(decision),
        "counterfactual": counterfactual(decision),
        "coming": coming(decision),
        "assumptions": assumptions(decision),
        "inputs_digest": digest(decision.request),
        **state(decision, found, made),
        "plan_diff": diff(decision),
        "table": table(shown, len(decision.ranking)),
    }


# --- the decision


def chosen(decision: Decision) -> Plain:
    """What to do. Without a feasible candidate the action is ``none`` and the sentence says what comes closest."""
    if decision.chosen is None:
        nothing = dict.fromkeys(
            ("target", "cluster", "cluster_id", "node_group", "node_count_before", "node_count_after", "cluster_type")
            + ("template", "flavor", "cost_delta_h", "power_delta_w")
        )
        return {"action": "none", **nothing, "node_groups": [], "sentence": _nothing(decision)}
    found = described(decision.chosen)
    return {**found, "sentence": sentence(decision.chosen, decision)}


def described(ranked: Ranked) -> Plain:
    """A candidate as data: what it does to which groups, and what it adds."""
    verdict, candidate = ranked.verdict, ranked.verdict.candidate
    cluster, first = candidate.cluster, verdict.steps[0]
    groups = "+".join(slot.group.name for slot in candidate.slots)
    return {
        "action": ACTIONS[candidate.action],
        "target": f"{cluster.name}/{groups}" if cluster.id else f"new {cluster.type} cluster",
        "cluster": cluster.name or None,
        "cluster_id": cluster.id or None,
        "node_group": first.group.name,
        "node_count_before": first.before,
        "node_count_after": first.after,
        "cluster_type": cluster.type or None,
        "template": cluster.template or None,
        "flavor": first.group.flavor.name,
        "node_groups": [_group(step) for step in verdict.steps],
        "cost_delta_h": _shown(verdict.cost, MICRO),
        "power_delta_w": _shown(verdict.power_mw, 1000),
    }


def _group(step: Step) -> Plain:
    return {
        "name": step.group.name,
        "flavor": step.group.flavor.name,
        "node_count_before": step.before,
        "node_count_after": step.after,
    }


def _shown(value: int | None, scale: int) -> int | float | None:
    return None if value is None else decimal(value, scale)


def sentence(ranked: Ranked, decision: Decision) -> str:
    """The decision in one sentence."""
    candidate = ranked.verdict.candidate
    groups = " and ".join(_step_text(step, candidate.action) for step in ranked.verdict.steps)
    name = f"cluster {candidate.cluster.name}"
    if candidate.action == "use":
        done = f"{'Stay in' if decision.stays else 'Use'} {name}, {groups}: there is room on running nodes"
    elif candidate.action == "scale":
        done = f"Scale out {name}, {groups}"
    else:
        by = f" by template {candidate.cluster.template}" if candidate.cluster.template else ""
        done = f"Create a {candidate.cluster.type} cluster{by} with {groups}"
    return f"{done}; {_adds(ranked)}."


def _step_text(step: Step, action: str) -> str:
    where = f"node group {step.group.name} ({step.group.flavor.name})"
    if action == "use":
        return where
    if action == "create":
        return f"{step.after} x {step.group.flavor.name} in node group {step.group.name}"
    return f"{where} from {step.before} to {step.after} nodes"


def _adds(ranked: Ranked) -> str:
    spent = decimal(ranked.verdict.cost or 0, MICRO)
    watts = decimal(ranked.verdict.power_mw or 0, 1000)
    return f"it costs {spent} more per hour and draws {watts} W more"


def _nothing(decision: Decision) -> str:
    if not decision.ranking:
        return "Nothing can be done: there is no cluster, and nothing to create one from."
    nearest = decision.ranking[0].verdict
    changes = "; ".join(dict.fromkeys(violation.fix.sentence for violation in nearest.why_not))
    codes = ", ".join(dict.fromkeys(violation.code for violation in nearest.why_not))
    count = len(decision.ranking)
    return f"None of {count} candidates can carry it. Closest: {nearest.candidate.name} ({codes}). Fix: {changes}."


def diff(decision: Decision) -> Plain:
    """Before and after, a line for each node group that changes, and where the workload is."""
    now = then = _home(decision.request)
    before, after = [], []
    if decision.chosen is not None:
        found = described(decision.chosen)
        name = found["cluster"] or found["target"]
        then = name + "/" + "+".join(group["name"] for group in found["node_groups"])
        for group in found["node_groups"]:
            title = f"{name}/{group['name']} ({group['flavor']})"
            if group["node_count_after"] != group["node_count_before"]:
                before += [f"{title}: {group['node_count_before']} nodes"] if found["cluster"] else []
                after.append(f"{title}: {group['node_count_after']} nodes")
    before.append(f"{decision.request.workload.name}: {now}")
    after.append(f"{decision.request.workload.name}: {then}")
    return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def _home(request: Request) -> str:
    """Where the workload stands, in words."""
    home, group = request.workload.home or ("", "")
    name = next((cluster.name for cluster in request.fleet.clusters if cluster.id == home), "nowhere")
    return f"{name}/{group}" if group else name


# --- what carries it out


def operations(decision: Decision, found: Plain, name: str | None, taken: Collection[str]) -> list[Plain]:
    """The decision as at most one operation; none where running nodes are used, or nothing can be done."""
    new = new_cluster(decision)
    if found["action"] == "scale_out":
        groups = grown(found["node_groups"])
        made = resize("scale_out", found["cluster"], found["cluster_id"], groups)
        return expecting([made], decision.request.fleet.clusters)
    if found["action"] == "create" and new is not None:
        workload = decision.request.workload
        wish = name or (workload.name or f"{workload.type}-cluster").replace("_", "-")
        overrides = {**overrides_of(new["node_groups"]), "master_flavor": new["master_flavor"]}
        used = {*taken, *(cluster.name for cluster in decision.request.fleet.clusters)}
        return [create(free_name(wish, used), new["cluster_type"], new["labels"], overrides)]
    return []


def grown(node_groups: Iterable[Plain]) -> list[Plain]:
    """The node groups that get more nodes, as declarations."""
    return [
        {"name": group["name"], "node_count": group["node_count_after"]}
        for group in node_groups
        if group["node_count_after"] != group["node_count_before"]
    ]


def state(decision: Decision, found: Plain, made: list[Plain]) -> Plain:
    """The state of what is to be done, and of the cluster that it is done with."""
    plan = (made, found["target"], found["node_groups"])
    return against_stale(plan, decision.request.fleet.clusters, {found["cluster_id"]})


# --- beside the decision


def new_cluster(decision: Decision) -> Plain | None:
    """What a new cluster would look like, also when none is chosen; None when none would do."""
    if decision.new is None:
        return None
    verdict, cluster = decision.new.verdict, decision.new.verdict.candidate.cluster
    counts = {step.group.name: step.after for step in verdict.steps}
    declared = next((entry for entry in decision.request.fleet.types if entry.name == cluster.type), None)
    return {
        "cluster_type": cluster.type or None,
        "template": cluster.template or None,
        "master_flavor": cluster.masters[0].name if cluster.masters else None,
        "master_count": cluster.masters[1] if cluster.masters else None,
        "node_groups": [
            {
                "name": group.name,
                "flavor": group.flavor.name,
                "node_count": counts.get(group.name, group.min_count),
                "min_node_count": group.min_count,
                "max_node_count": group.max_count,
            }
            for group in cluster.groups
        ],
        "labels": {**(dict(declared.labels) if declared else {}), **made_for_label([decision.request.workload])},
        "cost_delta_h": _shown(verdict.cost, MICRO),
        "power_delta_w": _shown(verdict.power_mw, 1000),
    }


def certificate(decision: Decision) -> Plain:
    """How good the decision is known to be. All candidates were judged, so the best is its own lower bound; it holds for
    real nodes (``level: node``) only where no group's free room had to be guessed."""
    groups = [group for cluster in decision.request.fleet.clusters for group in cluster.groups if group.count]
    level = "node" if all(group.measured for group in groups) else "aggregate"
    spent = _shown(decision.chosen.verdict.cost, MICRO) if decision.chosen else None
    return {
        "objective": spent,
        "lower_bound": spent,
        "gap": 0 if decision.chosen else None,
        "method": "every candidate judged",
        "proven": level == "node",
        "level": level,
        "terms": list(decision.terms) if decision.chosen else [],
    }


def counterfactual(decision: Decision) -> Plain | None:
    """What the next best would be, and what it would cost more; None when there is none."""
    best, other = decision.chosen, decision.runner_up
    if best is None or other is None:
        return None
    more = decimal((other.verdict.cost or 0) - (best.verdict.cost or 0), MICRO)
    watts = decimal((other.verdict.power_mw or 0) - (best.verdict.power_mw or 0), 1000)
    name = other.verdict.candidate.name
    return {
        "candidate": name,
        "action": ACTIONS[other.verdict.candidate.action],
        "costs_more_h": more,
        "draws_more_w": watts,
        "sentence": f"The next best, {name}, would cost {more} more per hour and draw {watts} W more.",
    }


# --- what is on its way


def coming(decision: Decision) -> list[Plain]:
    """The clusters that would do as they are once what is going on with them has ended, in the ranking's order.

    Who is about to create one should wait for these first: a run that was ended half-way has left one on its way.
    """
    unready = [
        ranked.verdict.candidate
        for ranked in decision.ranking
        if ranked.verdict.candidate.action == "use"
        and ranked.verdict.why_not
        and all(found.code == "CLUSTER_NOT_READY" and found.fix.change == "wait" for found in ranked.verdict.why_not)
    ]
    clusters = dict.fromkeys((candidate.cluster.id, candidate.cluster.name) for candidate in unready)
    return [{"id": identity, "name": name} for identity, name in clusters]


# --- the ranking


def entry(ranked: Ranked) -> Plain:
    """One candidate of the ranking."""
    return {
        "rank": ranked.rank,
        "candidate": ranked.verdict.candidate.name,
        "feasible": ranked.verdict.feasible,
        **described(ranked),
        "why": list(ranked.why),
        "why_not": [refusal(violation) for violation in ranked.verdict.why_not],
    }


def refusal(violation: Violation) -> Plain:
    """One reason against a candidate, in the units of the options."""
    name, _space, rest = violation.unit.partition(" ") if violation.unit not in SHOWN else (violation.unit, "", "")
    unit, scale = SHOWN.get(name, (name, 1))

    def shown(value: int | str | None) -> Any:
        return decimal(value, scale) if isinstance(value, int) else value

    return {
        "code": violation.code,
        "need": shown(violation.need),
        "have": shown(violation.have),
        "short_by": shown(violation.short_by),
        "unit": f"{unit} {rest}".strip() or None,
        "fix": fix(violation.fix),
    }


def fix(found: Fix) -> Plain:
    """A fix as data; values that do not apply are left out."""
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in found.values if value != ""}
    return {"change": found.change, **values, "sentence": found.sentence}


def table(shown: Iterable[Ranked], total: int) -> str:
    """The ranking as text with columns of fixed width."""
    return text_table(COLUMNS, map(_row, shown), total)


def _row(ranked: Ranked) -> tuple[str, ...]:
    verdict, candidate = ranked.verdict, ranked.verdict.candidate
    cluster = candidate.cluster
    by = f" by {cluster.template}" if cluster.template else ""
    codes = ranked.why or dict.fromkeys(violation.code for violation in verdict.why_not)
    return (
        str(ranked.rank) if ranked.rank else "-",
        ACTIONS[candidate.action],
        cluster.name if cluster.id else f"new {cluster.type}{by}",
        "+".join(slot.group.name for slot in candidate.slots),
        "+".join(slot.group.flavor.name for slot in candidate.slots),
        "+".join(f"{step.before}>{step.after}" for step in verdict.steps),
        "-" if verdict.cost is None else f"{verdict.cost / MICRO:.3f}",
        "-" if verdict.power_mw is None else f"{verdict.power_mw / 1000:.1f}",
        ("" if verdict.feasible else "no: ") + ", ".join(codes),
    )
