# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a clean-up does, in plain data: operations with the state that they expect, whom to inform, and what to write down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import (
    HOUR_S,
    Cleanup,
    Finding,
    Subject,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_policy import Notice, rendered
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE, Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.operations import (
    delete,
    expecting,
    resize,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.parking import (
    Parked,
    plain_group,
    record_of,
    with_nodes,
    without_nodes,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import decimal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import against_stale

Plain = dict[str, Any]
# What changes a cluster, in the order in which it is done: who is wanted first
CHANGES = ("wake", "park", "delete")
TEXTS = {
    "mark": "Cluster {name} was idle for {idle_hours} h. It will be {end} after {grace_hours} h, unless it is used before.",
    "park": "Cluster {name} stayed idle. Its nodes are removed now; waking it restores them.",
    "delete": "Cluster {name} stayed idle, and is deleted now.",
    "wake": "Cluster {name} wakes: its node groups are restored now.",
}
ENDED = {"delete": "deleted", "park": "parked"}


def named(cluster: Cluster) -> Plain:
    """A cluster as people and modules know it."""
    return {"cluster": cluster.name, "cluster_id": cluster.id}


# --- operations


def operations(found: Cleanup) -> list[Plain]:
    """What carries the decision out, whether it is a dry run or not."""
    made = [_operation(finding, found.question.now) for action in CHANGES for finding in found.of(action)]
    return expecting(made, [finding.subject.cluster for finding in found.findings])


def _operation(finding: Finding, now: int) -> Plain:
    cluster = finding.subject.cluster
    if finding.action == "delete":
        made = delete(cluster.name, cluster.id)
    elif finding.action == "park":
        made = resize("park", cluster.name, cluster.id, without_nodes(cluster))
    else:
        made = resize("wake", cluster.name, cluster.id, with_nodes(cluster, _record(finding, now)))
    return {**made, "cluster_id": cluster.id}


def _record(finding: Finding, now: int) -> Parked:
    """What the groups had: by the record, or else what they have now, where the cluster is parked in this run."""
    subject = finding.subject
    if finding.action == "park" or subject.record is None:
        return record_of(subject.cluster, now, subject.record)
    return subject.record


def parked_records(found: Cleanup) -> Iterator[Parked]:
    """The records of the next run. That of a cluster that has its nodes and bounds again, and is at rest, is dropped once nothing is
    done with it any more.

    One of a cluster that this fleet does not hold is kept: a list may lack a cluster, and its record could not be made anew.
    """
    yield from found.question.absent
    for finding in found.findings:
        subject = finding.subject
        waits = subject.record is not None and finding.action == "wait"
        if subject.needs_record or waits or (finding.action == "park" and not found.question.rules.dry_run):
            yield _record(finding, found.question.now)


def state(found: Cleanup, planned: list[Plain]) -> Plain:
    """For the check of stale plans: what is to be done, and the clusters that change."""
    clusters = [finding.subject.cluster for finding in found.findings]
    return against_stale(planned, clusters, {entry["cluster_id"] for entry in planned})


# --- whom to inform


def notices(found: Cleanup) -> list[Plain]:
    """One notice for each cluster that is marked or changed, and for each target of the policy."""
    rules = found.question.rules
    return [
        {
            "step": finding.action,
            **named(finding.subject.cluster),
            "target": notice.target,
            "channels": list(notice.channels),
            "message": _message(found, finding, notice),
        }
        for action in ("mark", *CHANGES)
        for finding in found.of(action)
        for notice in rules.notices or (Notice(),)
    ]


def _message(found: Cleanup, finding: Finding, notice: Notice) -> str:
    """The policy's own words tell of the mark; what follows needs other words."""
    values = _values(found, finding)
    if notice.message and finding.action == "mark":
        return rendered(notice.message, values)
    return TEXTS[finding.action].format(**values)


def _values(found: Cleanup, finding: Finding) -> dict[str, str]:
    rules, cluster = found.question.rules, finding.subject.cluster
    return {
        "name": cluster.name,
        "id": cluster.id,
        "project": cluster.project,
        "idle_hours": f"{(finding.idle_s or 0) / HOUR_S:.1f}",
        "saving_h": f"{finding.saving / MICRO:g}",
        "grace_hours": f"{rules.grace_s / HOUR_S:g}",
        "end": ENDED[rules.action],
    }


# --- what to write down


def records(found: Cleanup) -> list[Plain]:
    """What is done to clusters and why, an entry for each that is marked, unmarked or changed; for a log that outlives the clusters."""
    question = found.question
    return [
        {
            "time": datetime.fromtimestamp(question.now, UTC).isoformat(),
            "action": finding.action,
            **named(finding.subject.cluster),
            "project_id": finding.subject.cluster.project,
            "policy": question.rules.name,
            "why": list(finding.why),
            "why_not": [violation.code for violation in finding.why_not],
            "idle_hours": None if finding.idle_s is None else decimal(finding.idle_s, HOUR_S),
            "marked_at": finding.subject.marked_at,
            "saving_h": decimal(finding.saving, MICRO),
            "utilization": {
                **measured(finding.subject, question.now - (finding.idle_s or 0), question.now),
                "sources": list(question.sources),
            },
            "node_groups": [plain_group(group) for group in record_of(finding.subject.cluster, 0).groups],
        }
        for action in ("mark", "unmark", *CHANGES)
        for finding in found.of(action)
    ]


def measured(subject: Subject, since: int, until: int) -> Plain:
    """The measurements behind "idle": how many there are, and the highest of them as a share; none where nothing was measured."""
    loads = [sample.load for sample in subject.samples if since <= sample.at <= until and sample.load is not None]
    return {"measurements": len(loads), "highest": decimal(max(loads), WHOLE) if loads else None}
