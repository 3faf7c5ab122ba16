# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Idle clusters, and the clean-up in two steps: mark and tell, wait, look again, only then delete.

Idle is what was measured low for long enough without a gap, and holds no workload. What nobody measured is busy; who holds
workloads, or may hold some, is not idle. Marks come in and go out as data; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import guards
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_parts import paid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import (
    CAREFUL,
    Care,
    against,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE, Cluster, Violation

HOUR_S = 3600


@dataclass(frozen=True)
class Rules:
    """The policy. Shares per mille, times in seconds; ``busy_hours`` are (from, to) hours of the local day, the last not
    included, in which nothing is done. ``prefixes`` and ``projects`` are whose clusters may go at all."""

    name: str = "default"
    below: int = 100
    idle_s: int = 2 * HOUR_S
    grace_s: int = HOUR_S
    min_age_s: int = 2 * HOUR_S
    gap_s: int = HOUR_S // 2
    busy_hours: tuple[int, int] | None = (8, 18)
    most: int = 1
    prefixes: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    dry_run: bool = True
    care: Care = CAREFUL


# The asker's own rule, and one for who would rather pay too much than delete too much.
POLICIES = {
    "default": Rules(),
    "conservative": Rules("conservative", below=10, idle_s=24 * HOUR_S, grace_s=24 * HOUR_S, min_age_s=24 * HOUR_S),
}


@dataclass(frozen=True)
class Sample:
    """A cluster's utilisation per mille at a time; None where the measurement failed."""

    at: int
    load: int | None


@dataclass(frozen=True)
class Subject:
    """A cluster with what its clean-up depends on. ``occupied`` is None where nobody says who stands there.

    ``unseen`` and ``unmeasured`` say why telemetry does not know its workloads, or its utilisation.
    """

    cluster: Cluster
    samples: tuple[Sample, ...] = ()
    occupied: tuple[str, ...] | None = None
    created_at: int | None = None
    persistent: bool = False
    marked_at: int | None = None
    unseen: str = ""
    unmeasured: str = ""


@dataclass(frozen=True)
class Question:
    """All that the decision depends on. ``hour`` is the hour of the local day."""

    subjects: tuple[Subject, ...]
    rules: Rules
    now: int
    hour: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What becomes of one cluster: ``none``, ``mark``, ``wait`` for its grace to end, ``unmark`` or ``delete``.

    ``idle_s`` is for how long it is known to be idle; None where it is not.
    """

    subject: Subject
    action: str
    idle_s: int | None
    saving: int
    why: tuple[str, ...] = ()
    why_not: tuple[Violation, ...] = ()


@dataclass(frozen=True)
class Cleanup:
    """The answer."""

    question: Question
    findings: tuple[Finding, ...]

    def of(self, action: str) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.action == action)


def clean_up(question: Question) -> Cleanup:
    """Judge every cluster; those that would save most go first."""
    deleted = 0
    findings = []
    for subject in sorted(
        question.subjects, key=lambda entry: (-paid(entry.cluster), entry.cluster.name, entry.cluster.id)
    ):
        finding = judge(question, subject, deleted)
        deleted += finding.action == "delete"
        findings.append(finding)
    return Cleanup(question, tuple(findings))


def judge(question: Question, subject: Subject, deleted: int) -> Finding:
    """One cluster, after so many that are deleted already."""
    rules, now, saving = question.rules, question.now, paid(subject.cluster)
    since = idle_since(subject.samples, rules, now)
    idle_s = None if since is None else now - since
    unfit = guards.ordered([*protections(subject, rules, now), *busyness(subject, rules, now, idle_s)])
    if unfit:
        action = "unmark" if subject.marked_at is not None else "none"
        return Finding(subject, action, idle_s, saving, why_not=unfit)
    if rules.busy_hours and rules.busy_hours[0] <= question.hour < rules.busy_hours[1]:
        first, last = rules.busy_hours
        hours = against(
            "WORKING_HOURS", f"outside {first} to {last} h", f"{question.hour} h", "wait", f"look again at {last} h"
        )
        return Finding(
            subject, "wait" if subject.marked_at is not None else "none", idle_s, saving, ("IDLE",), (hours,)
        )
    if subject.marked_at is None:
        return Finding(subject, "mark", idle_s, saving, ("IDLE",))
    marked_s = now - subject.marked_at
    if not marked_s >= rules.grace_s:
        left = rules.grace_s - marked_s
        grace = against("GRACE", rules.grace_s, max(marked_s, 0), "wait", f"look again in {left} s", "s")
        return Finding(subject, "wait", idle_s, saving, ("IDLE", "MARKED"), (grace,))
    if deleted >= rules.most:
        sentence = "the next run may take it, or raise max_deletions"
        limit = against("RUN_LIMIT", deleted + 1, rules.most, "run_again", sentence, "clusters")
        return Finding(subject, "wait", idle_s, saving, ("IDLE", "MARKED"), (limit,))
    return Finding(subject, "delete", idle_s, saving, ("IDLE", "MARKED", "GRACE_OVER"))


def idle_since(samples: Iterable[Sample], rules: Rules, now: int) -> int | None:
    """Since when every measurement until now was low, without a gap; None where the last one was not, or is too old."""
    since: int | None = None
    last = now
    for sample in sorted(samples, key=lambda entry: (-entry.at, -(entry.load if entry.load is not None else WHOLE))):
        if sample.at > now:
            continue
        if sample.load is None or sample.load >= rules.below or last - sample.at > rules.gap_s:
            break
        since = last = sample.at
    return since


def busyness(subject: Subject, rules: Rules, now: int, idle_s: int | None) -> Iterator[Violation]:
    """Why a cluster is not idle, or is not known to be."""
    if subject.occupied is None:
        sentence = "list in 'placements' which workload runs on which node; an empty list says that none runs"
        have = f"not known: {subject.unseen}" if subject.unseen else "not known"
        yield against("PLACEMENTS_UNKNOWN", "its workloads", have, "give_placements", sentence)
    elif subject.occupied:
        names = ", ".join(subject.occupied[:5])
        yield against(
            "HAS_WORKLOADS", "none", names, "move_workloads", f"move away first: {names}", workloads=subject.occupied
        )
    latest = [sample for sample in subject.samples if sample.at <= now]
    fresh = [sample for sample in latest if now - sample.at <= rules.gap_s and sample.load is not None]
    newest = max((sample.at for sample in latest), default=now)
    failed = any(sample.load is None for sample in latest if sample.at == newest)
    if not fresh or failed:
        sentence = f"give measurements of the last {rules.gap_s} s: a cluster without them counts as busy"
        have = "none: it counts as busy"
        have = f"{have}; {subject.unmeasured}" if subject.unmeasured else have
        yield against("METRICS_MISSING", "a measured utilisation", have, "measure", sentence)
    elif idle_s is None:
        load = max(sample.load or 0 for sample in fresh)
        yield against("BUSY", rules.below, load, "none", "nothing: it is in use", "per mille")
    elif idle_s < rules.idle_s:
        sentence = f"look again in {rules.idle_s - idle_s} s"
        yield against("IDLE_TOO_SHORT", rules.idle_s, idle_s, "wait", sentence, "s")


def protections(subject: Subject, rules: Rules, now: int) -> Iterator[Violation]:
    """What speaks against deleting a cluster, however idle it is."""
    cluster = subject.cluster
    yield from guards.taking_guards(cluster, rules.care)
    locked = sorted({lock for group in cluster.groups for node in group.nodes for lock in node.locks})
    if locked:
        names = ", ".join(locked)
        yield against("NODE_PROTECTED", "unlocked", names, "unlock", f"take the protection away: {names}")
    if subject.persistent:
        yield against(
            "PERSISTENT", "not persistent", "persistent=true", "unlabel", "make it without the label persistent"
        )
    age = None if subject.created_at is None else now - subject.created_at
    if age is None or age < rules.min_age_s:
        have: int | str = "unknown" if age is None else age
        sentence = "give created_at" if age is None else f"look again in {rules.min_age_s - age} s"
        yield against("TOO_YOUNG", rules.min_age_s, have, "wait", sentence, "s")
    allowed = cluster.project in rules.projects if cluster.project else False
    if not (allowed or any(cluster.name.startswith(prefix) for prefix in rules.prefixes)):
        sentence = f"name its project or a beginning of '{cluster.name}' in allow_projects or allow_prefixes"
        yield against("NOT_ALLOWED", "on the list of clusters that may be deleted", cluster.name, "allow", sentence)
