# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clean-up in plain data: options -> Question, Cleanup -> answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import digest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import refusal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import (
    HOUR_S,
    POLICIES,
    Cleanup,
    Finding,
    Question,
    Rules,
    Sample,
    Subject,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.layout import text_table
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE, Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing, share
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    TRUE_TEXTS,
    decimal,
    mapping,
    mappings,
    number,
    only_known,
    refused,
    text,
    texts,
    whole,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.telemetry_gaps import read_gaps

Plain = dict[str, Any]
COLUMNS = (("cluster", 32), ("action", 8), ("idle h", 8), ("saves/h", 10), ("why, or why not", 0))


# --- in


def read_idle(
    fleet: object,
    *,
    now: int,
    hour: int,
    rules: Rules,
    observations: object = None,
    marks: object = None,
    placements: object = None,
    **options: object,
) -> Question:
    """All options of a clean-up.

    :param fleet: may also hold ``placements`` and ``observations``, which count where the option is not given.
    :param observations: measurements, each ``{cluster, at, utilization}``; without a utilisation the measuring failed.
    :param marks: those of the answer before, each ``{cluster_id, marked_at}``.
    :raises InvalidRequest: anything that cannot be read, by its path.
    """
    found, _prices = read_standing(fleet, placements=placements, **options)
    given = mapping(fleet, "fleet")
    raws = {_key(entry): entry for _path, entry in mappings(given.get("clusters"), "fleet.clusters")}
    gaps = read_gaps(given).beside(placements)
    unmeasured = gaps.loads if observations is None else {}
    if observations is None:
        samples = read_samples(given.get("observations"), "fleet.observations")
    else:
        samples = read_samples(observations, "observations")
    marked = {
        text(entry.get("cluster_id"), f"{path}.cluster_id"): whole(entry.get("marked_at"), f"{path}.marked_at")
        for path, entry in mappings(marks, "marks")
    }
    unsaid = placements is None and given.get("placements") is None
    subjects = tuple(
        Subject(
            cluster=cluster,
            samples=tuple(sorted([*samples.get(cluster.name, ()), *samples.get(cluster.id, ())], key=_sample_order)),
            occupied=None
            if unsaid or cluster.id in gaps.occupants
            else tuple(tenant.workload for tenant in cluster.tenants),
            created_at=_time(raws[cluster.id].get("created_at"), f"cluster {cluster.name}: created_at"),
            persistent=_is_persistent(raws[cluster.id]),
            # A mark of the future says nothing
            marked_at=marked[cluster.id] if marked.get(cluster.id, now + 1) <= now else None,
            unseen=gaps.occupants.get(cluster.id, ""),
            unmeasured=unmeasured.get(cluster.id, ""),
        )
        for cluster in found.clusters
    )
    return Question(subjects, rules, now, hour, found.notes)


def _sample_order(sample: Sample) -> tuple[int, int]:
    return sample.at, -1 if sample.load is None else sample.load


def _key(entry: Mapping[str, Any]) -> str:
    return text(entry.get("id"), "id") or text(entry.get("name"), "name")


def _is_persistent(raw: Mapping[str, Any]) -> bool:
    labels = mapping(raw.get("labels"), "labels")
    return any(
        str(key).lower() == "persistent" and str(value).strip().lower() in TRUE_TEXTS for key, value in labels.items()
    )


def read_samples(raw: object, path: str) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for entry_path, given in mappings(raw, path):
        only_known(given, ("cluster", "at", "utilization"), entry_path)
        load = given.get("utilization")
        sample = Sample(
            _time(given.get("at"), f"{entry_path}.at") or 0,
            None if load is None else share(load, f"{entry_path}.utilization"),
        )
        found.setdefault(text(given.get("cluster"), f"{entry_path}.cluster"), []).append(sample)
    return found


def _time(value: object, path: str) -> int | None:
    """Seconds, or a time as APIs write it; without a zone it is UTC."""
    if value is None or isinstance(value, (int, float)):
        return None if value is None else whole(value, path)
    written = text(value, path)
    if written.isdigit():
        return int(written)
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        raise refused(path, value, "a time, such as 2026-01-31T08:00:00+00:00, or seconds") from None
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())


def read_rules(given: Mapping[str, Any]) -> Rules:
    """A policy by its name, with what is changed of it."""
    rules = POLICIES[given["policy"]]
    changes: Plain = {}
    if given["idle_below"] is not None:
        changes["below"] = share(given["idle_below"], "idle_below")
    for option, name in (
        ("idle_hours", "idle_s"),
        ("grace_hours", "grace_s"),
        ("min_age_hours", "min_age_s"),
        ("max_gap_hours", "gap_s"),
    ):
        if given[option] is not None:
            changes[name] = number(given[option], option, HOUR_S)
    if given["busy_hours"] is not None:
        changes["busy_hours"] = _hours(given["busy_hours"])
    return replace(
        rules,
        **changes,
        most=whole(given["max_deletions"], "max_deletions", 0),
        prefixes=texts(given["allow_prefixes"], "allow_prefixes"),
        projects=texts(given["allow_projects"], "allow_projects"),
        dry_run=given["dry_run"],
        care=Care(given["require_health"], True),
    )


def _hours(given: object) -> tuple[int, int] | None:
    hours = [whole(entry, f"busy_hours[{index}]") for index, entry in enumerate(given or [])]  # type: ignore[arg-type]
    if not hours:
        return None
    if len(hours) != 2 or not hours[0] < hours[1] <= 24:
        raise refused("busy_hours", given, "two hours of a day, the first before the last, such as [8, 18]")
    return hours[0], hours[1]


# --- out


def answer(found: Cleanup) -> Plain:
    """Everything that a caller may want to know."""
    question = found.question
    return {
        "decision": decided(found),
        "clusters": [entry(finding) for finding in found.findings],
        "marks": [
            {
                "cluster_id": finding.subject.cluster.id,
                "marked_at": question.now if finding.action == "mark" else finding.subject.marked_at,
            }
            for finding in found.findings
            if finding.action in ("mark", "wait")
            and (finding.action == "mark" or finding.subject.marked_at is not None)
            # What would be deleted in a dry run stays marked
            or finding.action == "delete"
        ],
        "certificate": certificate(found),
        "assumptions": assumptions(found),
        "inputs_digest": digest(question),
        "table": text_table(COLUMNS, [_row(finding) for finding in found.findings], len(found.findings), "clusters"),
    }


def _named(cluster: Cluster) -> Plain:
    return {"cluster": cluster.name, "cluster_id": cluster.id}


def decided(found: Cleanup) -> Plain:
    """What to do; in a dry run nothing is to be deleted, and what would be is said."""
    deleted = [_named(finding.subject.cluster) for finding in found.of("delete")]
    marked = [_named(finding.subject.cluster) for finding in found.of("mark")]
    dry = found.question.rules.dry_run
    saving = sum(finding.saving for finding in found.of("delete"))
    return {
        "action": "delete" if deleted and not dry else "mark" if marked else "none",
        "mark": marked,
        "unmark": [_named(finding.subject.cluster) for finding in found.of("unmark")],
        "delete": [] if dry else deleted,
        "would_delete": deleted,
        "dry_run": dry,
        "cost_delta_h": decimal(-saving, MICRO) if saving else 0,
        "sentence": sentence(found),
    }


def sentence(found: Cleanup) -> str:
    """The decision in one sentence."""

    def names(action: str) -> str:
        return ", ".join(finding.subject.cluster.name for finding in found.of(action))

    verb = "Would delete" if found.question.rules.dry_run else "Delete"
    parts = [
        f"{said} {names(action)}"
        for action, said in (("delete", verb), ("mark", "Mark"), ("unmark", "Unmark"))
        if found.of(action)
    ]
    waiting = len(found.of("wait"))
    return f"{'; '.join(parts) or 'Nothing to clean up'}; {len(found.findings)} clusters judged, {waiting} wait."


def entry(finding: Finding) -> Plain:
    """One cluster."""
    return {
        **_named(finding.subject.cluster),
        "action": finding.action,
        "idle_hours": None if finding.idle_s is None else decimal(finding.idle_s, HOUR_S),
        "marked_at": finding.subject.marked_at,
        "saving_h": decimal(finding.saving, MICRO),
        "why": list(finding.why),
        "why_not": [refusal(violation) for violation in finding.why_not],
    }


def _row(finding: Finding) -> tuple[str, ...]:
    codes = dict.fromkeys(violation.code for violation in finding.why_not)
    return (
        finding.subject.cluster.name,
        finding.action,
        "-" if finding.idle_s is None else f"{finding.idle_s / HOUR_S:.1f}",
        f"{finding.saving / MICRO:.3f}",
        ", ".join([*finding.why, *(["no: " + ", ".join(codes)] if codes else [])]),
    )


def certificate(found: Cleanup) -> Plain:
    """What is kept, against what would be kept if everything idle went at once."""
    everything = sum(finding.saving for finding in found.findings)
    kept = everything - sum(finding.saving for finding in found.of("delete"))
    idle = sum(finding.saving for finding in found.findings if finding.action in ("delete", "mark", "wait"))
    return {
        "objective": decimal(kept, MICRO),
        "lower_bound": decimal(everything - idle, MICRO),
        "gap": round((kept - everything + idle) / (everything - idle), 6) if everything > idle else None,
        "method": "every cluster judged; the bound deletes every cluster that is idle by the policy",
        "proven": kept == everything - idle,
        "level": "cluster",
    }


def assumptions(found: Cleanup) -> list[str]:
    """Every assumption behind the decision, each once, in a fixed order."""
    rules = found.question.rules
    hours = (
        f"from {rules.busy_hours[0]} to {rules.busy_hours[1]} h nothing is done" if rules.busy_hours else "at any hour"
    )
    idle, grace = f"{rules.idle_s / HOUR_S:g} h", f"{rules.grace_s / HOUR_S:g} h of grace"
    said = [
        f"policy {rules.name}: below {rules.below / WHOLE:g} for {idle}, then {grace}; {hours}",
        "the workloads named in placements are all there are",
    ]
    return [*said, *found.question.notes]


def diff(found: Cleanup) -> Plain:
    """Before and after, to be read: marks, and clusters that go unless it is a dry run."""

    def state(finding: Finding, *, after: bool) -> str:
        name = finding.subject.cluster.name
        if after and finding.action == "delete" and not found.question.rules.dry_run:
            return ""
        marked = finding.subject.marked_at is not None
        marked = (marked or finding.action == "mark") and finding.action != "unmark" if after else marked
        return f"{name}{': marked' if marked else ''}\n"

    return {
        "before": "".join(state(finding, after=False) for finding in found.findings),
        "after": "".join(state(finding, after=True) for finding in found.findings),
    }
