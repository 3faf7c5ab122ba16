# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one run of scaling tells the next: since when a node is unneeded, what grew or failed, and for whom nodes were opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Group
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.placements import identity_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import closed
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import (
    Arrangement,
    GroupPlan,
    Key,
    Memory,
    NodePlan,
    Opened,
    Question,
    Unneeded,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import Place

# What was seen longer ago than this says nothing of the time since.
FORGETS_S = 3600


def in_doubt(group: Group) -> bool:
    """Whether nodes of a group offer nothing only because nobody says who stands there."""
    return any(not node.known and node.room == closed(node.room) for node in group.nodes)


def still_there(question: Question) -> list[Opened]:
    """What runs before opened for pending workloads, where that may be what they run on by now."""
    groups = {(cluster.id, group.name): group for cluster in question.fleet.clusters for group in cluster.groups}
    found = ((entry, groups.get((entry.cluster, entry.group))) for entry in question.memory.opened)
    return [entry for entry, group in found if group and group.count >= entry.count and in_doubt(group)]


def remembered(question: Question, plans: Mapping[Key, GroupPlan], arrangement: Arrangement) -> Memory:
    """What happened until now: scale-outs, ours and others', and failures, by cluster; and for whom nodes were opened."""
    memory, now = question.memory, question.now
    scaled = {name: min(at, now) for name, at in memory.scaled_out}
    failed = {name: min(at, now) for name, at in memory.failed}
    counts = dict(memory.counts)
    for (cluster_id, name), plan in plans.items():
        grew = (cluster_id, name) in counts and plan.group.count > counts[cluster_id, name]
        if grew or plan.action == "scale_out":
            scaled[cluster_id] = now
        if plan.group.status.endswith("_FAILED") or plan.cluster.status.endswith("_FAILED"):
            failed[cluster_id] = now
    there = {cluster.id for cluster in question.fleet.clusters}
    return Memory(
        at=now,
        scaled_out=tuple(sorted((name, at) for name, at in scaled.items() if name in there)),
        failed=tuple(sorted((name, at) for name, at in failed.items() if name in there)),
        counts=tuple(sorted(((key, plan.group.count) for key, plan in plans.items()))),
        opened=_opened(question, plans, arrangement),
    )


def _opened(question: Question, plans: Mapping[Key, GroupPlan], arrangement: Arrangement) -> tuple[Opened, ...]:
    """What is open by now for pending workloads where nobody says who stands there: of before, and of this run."""
    found = list(arrangement.opened)
    for there in arrangement.placed:
        identity = identity_of(there.workload)
        doubted = [name for name in there.opens if in_doubt(plans[there.cluster, name].group)]
        before = next((e for e in found if (e.workload, e.replicas) == (identity, there.earlier)), None)
        if doubted and before is not None:
            found.remove(before)
        for name in doubted:
            replicas = there.workload.replicas + there.earlier
            found.append(Opened(identity, replicas, there.cluster, name, plans[there.cluster, name].target))
    return tuple(
        sorted(found, key=lambda entry: (entry.workload, entry.cluster, entry.group, entry.count, entry.replicas))
    )


def former(question: Question) -> dict[Place, Unneeded]:
    """What was seen before, where that still says something: not after a long silence, nor when the clock went back."""
    memory, now = question.memory, question.now
    if memory.at is None or not 0 <= now - memory.at <= FORGETS_S:
        return {}
    return {entry.place: entry for entry in memory.unneeded if entry.since <= now}


def observed(question: Question, nodes: Iterable[NodePlan]) -> tuple[Unneeded, ...]:
    """The nodes that are not needed now, and since when. Two looks at one moment are one observation."""
    before = former(question)
    again = question.memory.at is not None and question.now > question.memory.at
    found = []
    for plan in nodes:
        if plan.unneeded:
            known = before.get(plan.place)
            seen = known.seen + (1 if again else 0) if known else 1
            found.append(Unneeded(plan.place, known.since if known else question.now, seen))
    return tuple(sorted(found, key=lambda entry: entry.place))
