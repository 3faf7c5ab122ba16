# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of the modules that decide -> one line for each cluster, node group or node that they judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mapping,
    mappings,
    sequence,
    text,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import Finding, Line, Reason
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.read import amount

Plain = Mapping[str, Any]
SOURCES = ("idle", "scaling", "consolidation", "match")
# What cluster_idle would delete, now or when the grace is over
IDLE_ACTIONS = {"delete": "delete", "mark": "mark for deletion", "wait": "wait until the grace is over"}


def read_lines(decisions: Plain) -> tuple[Line, ...]:
    """All lines, in the order of the sources."""
    return (
        *_idle(mapping(decisions.get("idle"), "decisions.idle")),
        *_scaling(mapping(decisions.get("scaling"), "decisions.scaling")),
        *_consolidation(mapping(decisions.get("consolidation"), "decisions.consolidation")),
    )


def _text(given: Plain, key: str, path: str) -> str:
    return text(given.get(key), f"{path}.{key}")


def _why(given: Plain, path: str) -> tuple[str, ...]:
    return tuple(text(code, f"{path}.why") for code in sequence(given.get("why"), f"{path}.why"))


def reasons(given: Plain, path: str) -> tuple[Reason, ...]:
    """Why not: the code in words, what is needed and what is there, and the smallest fix."""
    found = []
    for entry_path, entry in mappings(given.get("why_not"), f"{path}.why_not"):
        code = _text(entry, "code", entry_path)
        unit = _text(entry, "unit", entry_path)
        amounts = [
            f"{word} {entry[key]} {unit}".strip()
            for key, word in (("need", "needs"), ("have", "has"))
            if isinstance(entry.get(key), (int, float, str))
        ]
        fix = _text(mapping(entry.get("fix"), f"{entry_path}.fix"), "sentence", f"{entry_path}.fix")
        found.append(Reason(code, "; ".join(filter(None, [", ".join(amounts), f"fix: {fix}" if fix else ""]))))
    return tuple(found)


def _saving(given: Plain, path: str) -> float | None:
    found = amount(given.get("saving_h"), f"{path}.saving_h")
    return found if found is None or found > 0 else None


def _idle(answer: Plain) -> Iterable[Line]:
    for path, entry in mappings(answer.get("clusters"), "decisions.idle.clusters"):
        name, action = _text(entry, "cluster", path), _text(entry, "action", path)
        yield Line(
            "idle",
            _text(entry, "cluster_id", path),
            name,
            name,
            IDLE_ACTIONS.get(action, action),
            removes_all=action in IDLE_ACTIONS,
            saving_h=_saving(entry, path),
            why=_why(entry, path),
            why_not=reasons(entry, path),
            is_advice=action in IDLE_ACTIONS,
        )


def _scaling(answer: Plain) -> Iterable[Line]:
    for path, entry in mappings(answer.get("groups"), "decisions.scaling.groups"):
        name, group, action = (_text(entry, key, path) for key in ("cluster", "node_group", "action"))
        before, after = (
            amount(entry.get(f"node_count_{when}"), f"{path}.node_count_{when}") for when in ("before", "after")
        )
        changes = action not in ("", "none") and before is not None and after is not None
        yield Line(
            "scaling",
            _text(entry, "cluster_id", path),
            name,
            f"{name}/{group}",
            f"{action} {before:g} to {after:g} nodes" if changes else action,
            group,
            nodes=max(0, int(before - after)) if changes and before is not None and after is not None else None,
            why=_why(entry, path),
            why_not=reasons(entry, path),
            is_advice=changes,
        )


def _consolidation(answer: Plain) -> Iterable[Line]:
    decision = mapping(answer.get("decision"), "decisions.consolidation.decision")
    path = "decisions.consolidation.decision.delete_clusters"
    deleted = {_text(entry, "cluster_id", at) for at, entry in mappings(decision.get("delete_clusters"), path)}
    for path, entry in mappings(answer.get("candidates"), "decisions.consolidation.candidates"):
        group, node, identity = (_text(entry, key, path) for key in ("node_group", "node", "cluster_id"))
        step = entry.get("step")
        yield Line(
            "consolidation",
            identity,
            _text(entry, "cluster", path),
            _text(entry, "candidate", path),
            _text(entry, "action", path),
            group,
            nodes=1 if node else None,
            removes_all=bool(step) and identity in deleted,
            saving_h=_saving(entry, path),
            why=_why(entry, path),
            why_not=reasons(entry, path),
            is_advice=bool(step),
        )


def removed_nodes(decisions: Plain) -> dict[tuple[str, str], int]:
    """How many nodes of each (cluster id, node group) decisions would remove; the larger number where two remove some."""
    found: dict[tuple[str, str], int] = {}
    for source in ("scaling", "consolidation"):
        decision = mapping(
            mapping(decisions.get(source), f"decisions.{source}").get("decision"), f"decisions.{source}.decision"
        )
        path = f"decisions.{source}.decision.node_groups"
        for at, entry in mappings(decision.get("node_groups"), path):
            key = _text(entry, "cluster_id", at), _text(entry, "node_group", at)
            count = len(sequence(entry.get("nodes_to_remove"), f"{at}.nodes_to_remove"))
            found[key] = max(found.get(key, 0), count)
    return found


def saving_per_hour(decisions: Plain, lines: Iterable[Line]) -> float | None:
    """What the decisions could save an hour at least: the most that one source alone saves, as two may name the same node.

    None where no decision was given.
    """
    found = []
    if decisions.get("idle") is not None:
        found.append(sum(line.saving_h or 0 for line in lines if line.source == "idle" and line.is_advice))
    for source in ("scaling", "consolidation"):
        if decisions.get(source) is not None:
            decision = mapping(
                mapping(decisions[source], f"decisions.{source}").get("decision"), f"decisions.{source}.decision"
            )
            delta = amount(decision.get("cost_delta_h"), f"decisions.{source}.decision.cost_delta_h")
            found.append(max(0.0, -(delta or 0)))
    return max(found) if found else None


def sentences(decisions: Plain) -> tuple[Finding, ...]:
    """Each decision in its own words."""
    found = []
    for source in SOURCES:
        answer = mapping(decisions.get(source), f"decisions.{source}")
        decision = mapping(answer.get("decision"), f"decisions.{source}.decision")
        if said := _text(decision, "sentence", f"decisions.{source}.decision"):
            found.append(Finding(source, said))
    return tuple(found)


def without_place(decisions: Plain) -> tuple[Finding, ...]:
    """Workloads that have no place, with the reasons."""
    match = mapping(decisions.get("match"), "decisions.match")
    scaling = mapping(decisions.get("scaling"), "decisions.scaling")
    found = [
        Finding(f"workload {text(name, 'decisions.match.unplaced')}", "has no place: see the decision of cluster_match")
        for name in sequence(match.get("unplaced"), "decisions.match.unplaced")
    ]
    for path, entry in mappings(scaling.get("unplaced"), "decisions.scaling.unplaced"):
        why = "; ".join(
            f"{reason.code} ({reason.text})" if reason.text else reason.code for reason in reasons(entry, path)
        )
        found.append(
            Finding(f"workload {_text(entry, 'workload', path)}", f"no cluster can take it: {why or 'no reason given'}")
        )
    decision = mapping(match.get("decision"), "decisions.match.decision")
    if decision.get("action") == "none" and "unplaced" not in match:
        found.append(Finding("workload", _text(decision, "sentence", "decisions.match.decision") or "has no place"))
    return tuple(found)
