# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Idle clusters, and the clean-up in two steps: mark and tell, wait, look again, only then delete or park.

Idle is what was measured low for long enough without a gap, and holds no workload. What nobody measured is busy; who holds
workloads, or may hold some, is not idle. A parked cluster has no nodes that could be measured, so it is never idle: it waits to wake.
Marks and records of parked clusters come in and go out as data; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import guards
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_parts import paid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.exemptions import (
    Exemption,
    Labels,
    holding,
    is_label,
    within,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import state_violations
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import (
    CAREFUL,
    Care,
    against,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_policy import Notice
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE, Cluster, Violation
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.parking import (
    Parked,
    condition,
    lacks_bounds,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import is_like

HOUR_S = 3600
# What a clean-up does in the end with a cluster that stays idle
ENDS = ("delete", "park")


@dataclass(frozen=True)
class Rules:
    """The policy. Shares per mille, times in seconds; ``busy_hours`` are (from, to) hours of the local day, the last not
    included, in which nothing is done. ``prefixes`` and ``projects`` are whose clusters may go at all, if they have ``labels``;
    ``protected`` are names, ids or patterns of clusters that never go.

    ``action`` is the end of what stays idle. Parked clusters wake in ``wake_hours``, or where ``wake`` names them; after ``parked_s``
    they are deleted, never without it.
    """

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
    action: str = "delete"
    protected: tuple[str, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    labels: Labels = ()
    needs_saving: bool = False
    notices: tuple[Notice, ...] = ()
    timezone: str = ""
    wake_hours: tuple[int, int] | None = None
    wake: tuple[str, ...] = ()
    parked_s: int | None = None
    notes: tuple[str, ...] = ()


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

    ``record`` says what its groups had before it was parked, or before that was tried. ``unseen`` and ``unmeasured`` say why telemetry
    does not know its workloads, or its utilisation.
    """

    cluster: Cluster
    samples: tuple[Sample, ...] = ()
    occupied: tuple[str, ...] | None = None
    created_at: int | None = None
    persistent: bool = False
    marked_at: int | None = None
    labels: Labels = ()
    record: Parked | None = None
    unseen: str = ""
    unmeasured: str = ""

    @property
    def condition(self) -> str:
        """``awake``, ``parked`` or ``partly``, see ``parking.condition``."""
        return condition(self.cluster, self.record)

    @property
    def lacks_bounds(self) -> bool:
        """Whether waking has not restored all bounds of the record yet, see ``parking.lacks_bounds``."""
        return self.record is not None and lacks_bounds(self.cluster, self.record)

    @property
    def needs_record(self) -> bool:
        """Whether something of parking is left: nodes or bounds are missing, or the cluster is not at rest."""
        at_rest = not any(state_violations(self.cluster.status, ""))
        return self.record is not None and (self.condition != "awake" or self.lacks_bounds or not at_rest)

    @property
    def is_empty(self) -> bool:
        """Whether no worker group has a node."""
        return not any(group.count for group in self.cluster.groups)


@dataclass(frozen=True)
class Question:
    """All that the decision depends on. ``hour`` is the hour of the local day; ``sources`` are the servers that have measured;
    ``absent`` are records of parked clusters that the fleet does not hold.
    """

    subjects: tuple[Subject, ...]
    rules: Rules
    now: int
    hour: int
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    absent: tuple[Parked, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What becomes of one cluster: ``none``, ``mark``, ``wait`` for its grace to end, ``unmark``, ``delete`` or ``park``; of a parked
    one ``parked`` (it stays so), ``wake``, or what ends in its deletion.

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
    ended = 0
    findings = []
    for subject in sorted(
        question.subjects, key=lambda entry: (-paid(entry.cluster), entry.cluster.name, entry.cluster.id)
    ):
        finding = judge(question, subject, ended)
        ended += finding.action in ENDS
        findings.append(finding)
    return Cleanup(question, tuple(findings))


def judge(question: Question, subject: Subject, ended: int) -> Finding:
    """One cluster, after so many that are deleted or parked already."""
    rules, now = question.rules, question.now
    if subject.condition != "awake":
        return judge_parked(question, subject, ended)
    wanted = wake_reasons(question, subject.cluster)
    if wanted and subject.lacks_bounds and not any(state_violations(subject.cluster.status, "")):
        return Finding(subject, "wake", None, 0, wanted)
    since = idle_since(subject.samples, rules, now)
    idle_s = None if since is None else now - since
    found = Finding(subject, "none", idle_s, saved(subject.cluster, rules.action))
    unfit = [
        *protections(subject, rules, now),
        *of_the_end(found, rules),
        *busyness(subject, rules, now, idle_s),
    ]
    return steps(question, found, guards.ordered(unfit), ("IDLE",), rules.action, ended)


def judge_parked(question: Question, subject: Subject, ended: int) -> Finding:
    """One cluster without nodes, or with a part of them where parking or waking was interrupted."""
    rules, cluster = question.rules, subject.cluster
    kept = Finding(subject, "parked", None, 0, ("PARKED",))
    reasons = wake_reasons(question, cluster)
    if reasons:
        unfit = guards.ordered(list(state_violations(cluster.status, "")))
        return replace(kept, action="parked" if unfit else "wake", why=("PARKED", *reasons), why_not=unfit)
    if subject.condition == "partly":
        sentence = f"name {cluster.name} in 'wake', so that it has all its nodes again"
        part = against("PARKED_IN_PART", "no nodes, or all of them", "a part of them", "wake", sentence)
        return replace(kept, why=(), why_not=(part,))
    parked_s = question.now - subject.record.at if subject.record else 0
    if rules.parked_s is None or parked_s < rules.parked_s:
        return kept
    # Nothing runs where no node is: how long it was parked takes the place of measurements
    found = replace(kept, action="none", idle_s=parked_s, saving=saved(cluster, "delete"))
    unfit = [*protections(subject, rules, question.now), *savings(found, rules), *occupancy(subject)]
    made = steps(question, found, guards.ordered(unfit), ("PARKED",), "delete", ended)
    return replace(made, action="parked") if made.action == "none" else made


def wake_reasons(question: Question, cluster: Cluster) -> tuple[str, ...]:
    """Why a cluster is to be awake; empty where nobody asks for it."""
    demanded, hours = is_one_of(cluster, question.rules.wake), within(question.rules.wake_hours, question.hour)
    return (*(("WAKE_DEMANDED",) if demanded else ()), *(("WAKE_HOURS",) if hours else ()))


def steps(
    question: Question, found: Finding, unfit: tuple[Violation, ...], why: tuple[str, ...], end: str, ended: int
) -> Finding:
    """What becomes of a cluster that may go: mark, wait for the grace, look again, then its end.

    A mark from before the cluster was last used is void: its owner is informed anew, and the grace begins anew.

    :param unfit: what speaks against it altogether.
    """
    rules, marked_at = question.rules, found.subject.marked_at
    unmarked = "none" if marked_at is None else "unmark"
    if unfit:
        return replace(found, action=unmarked, why=(), why_not=unfit)
    if marked_at is not None and found.idle_s is not None and question.now - found.idle_s > marked_at:
        marked_at, why = None, (*why, "MARK_VOID")
    hours = tuple(times(found.subject, rules, question.hour))
    if hours:
        return replace(found, action=unmarked if marked_at is None else "wait", why=why, why_not=hours)
    if marked_at is None:
        return replace(found, action="mark", why=why)
    waiting = replace(found, action="wait", why=(*why, "MARKED"))
    marked_s = question.now - marked_at
    if not marked_s >= rules.grace_s:
        left = rules.grace_s - marked_s
        grace = against("GRACE", rules.grace_s, max(marked_s, 0), "wait", f"look again in {left} s", "s")
        return replace(waiting, why_not=(grace,))
    if ended >= rules.most:
        sentence = "the next run may take it, or raise max_deletions"
        limit = against("RUN_LIMIT", ended + 1, rules.most, "run_again", sentence, "clusters")
        return replace(waiting, why_not=(limit,))
    return replace(waiting, action=end, why=(*waiting.why, "GRACE_OVER"))


def is_one_of(cluster: Cluster, patterns: Iterable[str]) -> bool:
    """Whether a cluster is named, by name, id or pattern."""
    wanted = tuple(patterns)
    return is_like(cluster.name, wanted) or cluster.id in wanted


def saved(cluster: Cluster, action: str) -> int:
    """What an end saves per hour, in millionths: parking keeps the control plane."""
    return paid(cluster) if action == "delete" else sum(group.flavor.price * group.count for group in cluster.groups)


def times(subject: Subject, rules: Rules, hour: int) -> Iterator[Violation]:
    """Hours of the local day in which nothing is done, of all clusters or of this one."""
    for hours in (rules.busy_hours, rules.wake_hours):
        if within(hours, hour):
            first, last = hours or (0, 0)
            yield against(
                "WORKING_HOURS", f"outside {first} to {last} h", f"{hour} h", "wait", f"look again at {last} h"
            )
    for exemption in holding(rules.exemptions, subject.labels, hour, of_hours=True):
        sentence = "look again when the exception does not hold any more"
        yield against("WORKING_HOURS", f"outside of: {exemption}", f"{hour} h", "wait", sentence)


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
    yield from occupancy(subject)
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


def occupancy(subject: Subject) -> Iterator[Violation]:
    """The workloads that placements name there."""
    if subject.occupied:
        names = ", ".join(subject.occupied[:5])
        yield against(
            "HAS_WORKLOADS", "none", names, "move_workloads", f"move away first: {names}", workloads=subject.occupied
        )


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
    yield from exceptions(subject, rules)
    age = None if subject.created_at is None else now - subject.created_at
    if age is None or age < rules.min_age_s:
        have: int | str = "unknown" if age is None else age
        sentence = "give created_at" if age is None else f"look again in {rules.min_age_s - age} s"
        yield against("TOO_YOUNG", rules.min_age_s, have, "wait", sentence, "s")
    allowed = cluster.project in rules.projects if cluster.project else False
    if not (allowed or any(cluster.name.startswith(prefix) for prefix in rules.prefixes)):
        sentence = f"name its project or a beginning of '{cluster.name}' in allow_projects or allow_prefixes"
        yield against("NOT_ALLOWED", "on the list of clusters that may be deleted", cluster.name, "allow", sentence)


def exceptions(subject: Subject, rules: Rules) -> Iterator[Violation]:
    """What the policy spares: clusters by name, by their labels, and all that it does not aim at."""
    cluster = subject.cluster
    if is_one_of(cluster, rules.protected):
        sentence = f"take what stands for '{cluster.name}' out of 'protected'"
        yield against("PROTECTED", "not protected", cluster.name, "unprotect", sentence)
    # Needed again: parked now, it would wake in the next run
    if is_one_of(cluster, rules.wake):
        sentence = f"take what stands for '{cluster.name}' out of 'wake'"
        yield against("PROTECTED", "not named in wake", f"{cluster.name} is named in wake", "unprotect", sentence)
    # At any hour: what passes with the time of day only makes it wait
    for exemption in holding(rules.exemptions, subject.labels, 0, of_hours=False):
        if not subject.persistent:
            sentence = f"make it without what the policy excepts: {exemption}"
            yield against("EXEMPT", f"none of: {exemption}", str(exemption), "unlabel", sentence)
    for name, value in rules.labels:
        if not any(is_label(key, name) and text.strip().lower() == value for key, text in subject.labels):
            sentence = f"the policy aims at clusters with the label {name}={value} only"
            yield against("NOT_ALLOWED", f"label {name}={value}", "no such label", "allow", sentence)


def savings(found: Finding, rules: Rules) -> Iterator[Violation]:
    """Where the policy asks for the cost: an end that saves nothing."""
    if rules.needs_saving and not found.saving:
        sentence = "give 'prices', by which its end saves something"
        yield against("SAVING_LOW", "more than 0 per hour", "0", "price", sentence)


def of_the_end(found: Finding, rules: Rules) -> Iterator[Violation]:
    """What speaks against this end of a cluster: it saves nothing, or cannot be parked."""
    cluster = found.subject.cluster
    yield from savings(found, rules)
    if rules.action != "park":
        return
    if cluster.autoscaled:
        sentence = "its own autoscaler sets the number of nodes: lower max_node_count, or have it deleted"
        yield against("AUTOSCALED", "no autoscaler", "auto_scaling_enabled=true", "bounds", sentence)
    if found.subject.is_empty:
        yield against(
            "NO_WORKERS", "nodes to take away", "none", "delete", "nothing is left to park; delete it, or wake it"
        )
