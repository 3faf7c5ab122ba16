# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clean-up in plain data: options -> Question, Cleanup -> answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import OPTION, digest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import refusal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.exemptions import Labels
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import all_labels, read_templates
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import (
    ENDS,
    HOUR_S,
    POLICIES,
    Cleanup,
    Finding,
    Question,
    Rules,
    Sample,
    Subject,
    is_one_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_operations import (
    CHANGES,
    named,
    notices,
    operations,
    parked_records,
    records,
    state,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_policy import Policy, read_policy
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.layout import text_table
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE, Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing, share
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.parking import plain_records, read_parked
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    TRUE_TEXTS,
    decimal,
    instant,
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
# Since when a cluster is marked, and its state then
Marks = dict[str, tuple[int, str]]
# The last second of the year 9999; no date is later
LATEST = 253402300799
DECIDED = (*CHANGES, "mark", "unmark")
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
    parked: object = None,
    placements: object = None,
    sources: tuple[str, ...] = (),
    **options: object,
) -> Question:
    """All options of a clean-up.

    :param fleet: may also hold ``placements`` and ``observations``, which count where the option is not given.
    :param observations: measurements, each ``{cluster, at, utilization}``; without a utilisation the measuring failed.
    :param marks: those of the answer before, each ``{cluster_id, marked_at}``, and ``expected_state`` where the fleet gave it.
    :param parked: records of parked clusters of the answer before, see ``parking.read_parked``.
    :param sources: names of the servers that the observations are from, where these are not given.
    :raises InvalidRequest: anything that cannot be read, by its path.
    """
    found, _prices = read_standing(fleet, placements=placements, **options)
    given = mapping(fleet, "fleet")
    raws = {_key(entry): entry for _path, entry in mappings(given.get("clusters"), "fleet.clusters")}
    templates = read_templates(given.get("templates"))
    labels = {key: tuple(sorted(all_labels(entry, "fleet.clusters", templates).items())) for key, entry in raws.items()}
    gaps = read_gaps(given).beside(placements)
    unmeasured = gaps.loads if observations is None else {}
    notes: list[str] = []
    if observations is None:
        samples = read_samples(given.get("observations"), "fleet.observations")
    else:
        samples = read_samples(observations, "observations")
    samples = _of_one(samples, found.clusters, notes)
    marked = read_marks(marks, "marks")
    records = read_parked(parked, "parked")
    unsaid = placements is None and given.get("placements") is None
    subjects = tuple(
        Subject(
            cluster=cluster,
            samples=tuple(sorted([*samples.get(cluster.name, ()), *samples.get(cluster.id, ())], key=_sample_order)),
            occupied=None
            if unsaid or cluster.id in gaps.occupants
            else tuple(tenant.workload for tenant in cluster.tenants),
            created_at=_time(raws[cluster.id].get("created_at"), f"cluster {cluster.name}: created_at"),
            persistent=_is_persistent(labels[cluster.id]),
            marked_at=_mark(marked, cluster, now, notes),
            labels=labels[cluster.id],
            record=records.get(cluster.id),
            unseen=gaps.occupants.get(cluster.id, ""),
            unmeasured=unmeasured.get(cluster.id, ""),
        )
        for cluster in found.clusters
    )
    notes += [
        f"{subject.cluster.name} is named in 'wake', but has no nodes and no record in 'parked': "
        "give its node groups a 'node_count' yourself"
        for subject in subjects
        if is_one_of(subject.cluster, rules.wake) and subject.is_empty and subject.record is None
    ]
    present = {cluster.id for cluster in found.clusters}
    absent = tuple(record for identity, record in sorted(records.items()) if identity not in present)
    return Question(subjects, rules, now, hour, (*found.notes, *notes), sources, absent)


def _of_one(
    samples: Mapping[str, list[Sample]], clusters: Iterable[Cluster], notes: list[str]
) -> dict[str, list[Sample]]:
    """The measurements of one cluster each. Those by a name that several clusters have say of none that it is idle."""
    called = Counter(key for cluster in clusters for key in dict.fromkeys((cluster.id, cluster.name)))
    notes += [
        f"{called[key]} clusters are named {key}, so its measurements count for none: give ids in 'observations'"
        for key in sorted(samples)
        if called[key] > 1
    ]
    return {key: measured for key, measured in samples.items() if called[key] < 2}


def _sample_order(sample: Sample) -> tuple[int, int]:
    return sample.at, -1 if sample.load is None else sample.load


def _key(entry: Mapping[str, Any]) -> str:
    return text(entry.get("id"), "id") or text(entry.get("name"), "name")


def _is_persistent(labels: Labels) -> bool:
    return any(key.lower() == "persistent" and value.strip().lower() in TRUE_TEXTS for key, value in labels)


def read_marks(raw: object, path: str) -> Marks:
    """Marks by id of their cluster: since when, and the state of the cluster then; empty where it is not given."""
    return {
        text(entry.get("cluster_id"), f"{entry_path}.cluster_id"): (
            whole(entry.get("marked_at"), f"{entry_path}.marked_at"),
            text(entry.get(OPTION), f"{entry_path}.{OPTION}"),
        )
        for entry_path, entry in mappings(raw, path)
    }


def _mark(marked: Marks, cluster: Cluster, now: int, notes: list[str]) -> int | None:
    """Since when a cluster is marked. A mark of the future says nothing, and one of another state is void: both only delay."""
    marked_at, state = marked.get(cluster.id, (now + 1, ""))
    if marked_at > now:
        return None
    if state and cluster.state is not None and state != cluster.state.digest:
        notes.append(f"the mark of {cluster.name} is void: the cluster has changed since")
        return None
    return marked_at


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


def check_clock(now: int | None, hour: int | None) -> None:
    """Refuse what cannot be the options ``now`` and ``local_hour``; None is not given.

    :raises InvalidRequest: milliseconds where seconds are asked for, or an hour that no day has.
    """
    if now is not None and not 0 <= now <= LATEST:
        raise refused("now", now, "a time in seconds since 1970, not in milliseconds")
    if hour is not None and not 0 <= hour <= 23:
        raise refused("local_hour", hour, "an hour of the day, 0 to 23")


def _time(value: object, path: str) -> int | None:
    """Seconds, or a time as APIs write it; without a zone it is UTC."""
    if value is None or isinstance(value, (int, float)):
        return None if value is None else whole(value, path)
    written = text(value, path)
    if written.isdecimal():
        return int(written)
    found = instant(written)
    if found is None:
        raise refused(path, value, "a time, such as 2026-01-31T08:00:00+00:00, or seconds")
    return found


def read_rules(given: Mapping[str, Any]) -> Rules:
    """A policy by its name, with what a document says in place of it, and what single options change of both."""
    document = given["policy_document"]
    rules = (
        POLICIES[given["policy"]] if document is None else documented(POLICIES[given["policy"]], read_policy(document))
    )
    changes: Plain = {}
    if given["idle_below"] is not None:
        changes["below"] = share(given["idle_below"], "idle_below")
    for option, name in (
        ("idle_hours", "idle_s"),
        ("grace_hours", "grace_s"),
        ("min_age_hours", "min_age_s"),
        ("max_gap_hours", "gap_s"),
        ("parked_hours", "parked_s"),
    ):
        if given[option] is not None:
            changes[name] = number(given[option], option, HOUR_S)
    for option in ("busy_hours", "wake_hours"):
        if given[option] is not None:
            changes[option] = _hours(given[option], option)
    if given["idle_action"] is not None:
        changes["action"] = given["idle_action"]
    return replace(
        rules,
        **changes,
        most=whole(given["max_deletions"], "max_deletions", 0),
        prefixes=texts(given["allow_prefixes"], "allow_prefixes"),
        projects=texts(given["allow_projects"], "allow_projects"),
        protected=texts(given["protected"], "protected"),
        wake=texts(given["wake"], "wake"),
        dry_run=given["dry_run"],
        care=Care(given["require_health"], True),
    )


def documented(rules: Rules, policy: Policy) -> Rules:
    """Rules as a document says them; what it does not say stays.

    Exceptions of hours alone take the place of the hours of the rules; one with a label speaks of its clusters only.
    """
    said = {
        "below": policy.below,
        "idle_s": policy.idle_s,
        "min_age_s": policy.min_age_s,
        "grace_s": policy.grace_s,
    }
    of_hours = any(exemption.of_all for exemption in policy.exemptions)
    return replace(
        rules,
        **{name: value for name, value in said.items() if value is not None},
        **({"busy_hours": None} if of_hours else {}),
        name=policy.name,
        action=policy.action,
        exemptions=policy.exemptions,
        labels=policy.labels,
        notices=policy.notices,
        needs_saving=policy.needs_saving,
        timezone=policy.timezone,
        notes=(
            *policy.notes,
            *(
                f"the policy asks for a run by {entry}; whoever starts the runs keeps to it"
                for entry in policy.schedule
            ),
        ),
    )


def _hours(given: object, option: str) -> tuple[int, int] | None:
    hours = [whole(entry, f"{option}[{index}]") for index, entry in enumerate(given or [])]  # type: ignore[arg-type]
    if not hours:
        return None
    if len(hours) != 2 or not hours[0] < hours[1] <= 24:
        raise refused(option, given, "two hours of a day, the first before the last, such as [8, 18]")
    return hours[0], hours[1]


# --- out


def answer(found: Cleanup) -> Plain:
    """Everything that a caller may want to know."""
    question = found.question
    planned = operations(found)
    return {
        "decision": decided(found),
        "operations": [] if question.rules.dry_run else planned,
        "clusters": [entry(finding) for finding in found.findings],
        "marks": [mark(finding, question.now) for finding in found.findings if keeps_mark(finding)],
        "parked": plain_records(parked_records(found)),
        "policy": policy(question.rules),
        "notices": notices(found),
        "records": records(found),
        "certificate": certificate(found),
        "assumptions": assumptions(found),
        "inputs_digest": digest(question),
        **state(found, planned),
        "table": text_table(COLUMNS, [_row(finding) for finding in found.findings], len(found.findings), "clusters"),
    }


def policy(rules: Rules) -> Plain:
    """The policy that was applied."""
    return {
        "name": rules.name,
        "action": rules.action,
        "idle_below": decimal(rules.below, WHOLE),
        "idle_hours": decimal(rules.idle_s, HOUR_S),
        "grace_hours": decimal(rules.grace_s, HOUR_S),
        "min_age_hours": decimal(rules.min_age_s, HOUR_S),
        "busy_hours": list(rules.busy_hours or ()),
        "exceptions": [str(exemption) for exemption in rules.exemptions],
        "notifies": bool(rules.notices),
    }


def keeps_mark(finding: Finding) -> bool:
    """Whether a cluster is marked after this run. One that is to go keeps its mark, as it may fail to."""
    marked = finding.subject.marked_at is not None
    return finding.action == "mark" or (marked and finding.action in ("wait", *ENDS))


def mark(finding: Finding, now: int) -> Plain:
    """A mark for the next run."""
    cluster = finding.subject.cluster
    return {
        **named(cluster),
        "marked_at": now if finding.action == "mark" else finding.subject.marked_at,
        **({} if cluster.state is None else {OPTION: cluster.state.digest}),
    }


def decided(found: Cleanup) -> Plain:
    """What to do; in a dry run nothing is to be changed, and what would be is said."""
    dry = found.question.rules.dry_run
    done = {action: [named(finding.subject.cluster) for finding in found.of(action)] for action in DECIDED}
    saving = sum(finding.saving for action in ENDS for finding in found.of(action))
    changing = [] if dry else [action for action in CHANGES if done[action]]
    return {
        "action": changing[0] if changing else "mark" if done["mark"] else "none",
        "mark": done["mark"],
        "unmark": done["unmark"],
        **{action: [] if dry else done[action] for action in CHANGES},
        **{f"would_{action}": done[action] for action in CHANGES},
        "dry_run": dry,
        "cost_delta_h": decimal(-saving, MICRO) if saving else 0,
        "sentence": sentence(found),
    }


def sentence(found: Cleanup) -> str:
    """The decision in one sentence."""

    def names(action: str) -> str:
        return ", ".join(finding.subject.cluster.name for finding in found.of(action))

    would = "Would " if found.question.rules.dry_run else ""
    verbs = {action: f"{would}{action}".capitalize() for action in CHANGES} | {"mark": "Mark", "unmark": "Unmark"}
    parts = [f"{verb} {names(action)}" for action, verb in verbs.items() if found.of(action)]
    waiting = len(found.of("wait"))
    return f"{'; '.join(parts) or 'Nothing to clean up'}; {len(found.findings)} clusters judged, {waiting} wait."


def entry(finding: Finding) -> Plain:
    """One cluster."""
    return {
        **named(finding.subject.cluster),
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
    kept = everything - sum(finding.saving for action in ENDS for finding in found.of(action))
    idle = sum(finding.saving for finding in found.findings if finding.action in (*ENDS, "mark", "wait"))
    return {
        "objective": decimal(kept, MICRO),
        "lower_bound": decimal(everything - idle, MICRO),
        "gap": round((kept - everything + idle) / (everything - idle), 6) if everything > idle else None,
        "method": "every cluster judged; the bound deletes or parks every cluster that is idle by the policy",
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
    excepted = f"; except where {'; or '.join(map(str, rules.exemptions))}" if rules.exemptions else ""
    end = "deleted" if rules.action == "delete" else "parked"
    said = [
        f"policy {rules.name}: below {rules.below / WHOLE:g} for {idle}, then {grace}, then {end}; {hours}{excepted}",
        "the workloads named in placements are all there are",
    ]
    unseen = [
        f"nothing says which workloads {finding.subject.cluster.name} holds; it is parked and has no nodes, "
        "so none is taken to run there"
        for finding in found.findings
        if finding.why[:1] == ("PARKED",) and finding.idle_s is not None and finding.subject.occupied is None
    ]
    return [*said, *rules.notes, *found.question.notes, *unseen]


def diff(found: Cleanup) -> Plain:
    """Before and after, to be read: marks, parked clusters, and clusters that go. In a dry run only marks change."""
    return {
        "before": "".join(_state(finding, finding.subject.marked_at is not None) for finding in found.findings),
        "after": "".join(_after(finding, dry=found.question.rules.dry_run) for finding in found.findings),
    }


def _after(finding: Finding, *, dry: bool) -> str:
    if finding.action == "delete" and not dry:
        return ""
    if finding.action in ("park", "wake") and not dry:
        return f"{finding.subject.cluster.name}{': parked' if finding.action == 'park' else ''}\n"
    return _state(finding, keeps_mark(finding))


def _state(finding: Finding, marked: bool) -> str:
    said = [word for word, holds in (("marked", marked), ("parked", finding.subject.condition == "parked")) if holds]
    return f"{finding.subject.cluster.name}{': ' if said else ''}{', '.join(said)}\n"
