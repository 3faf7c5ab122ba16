# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster's creation and its deletion, each until it was seen.

A creation is not harmless when it is carried out late and asked for again meanwhile: what it makes twice is deleted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    CreatedMeanwhile,
    RequestLost,
    Unclear,
    Unreadable,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import Missed, Operation, Sent, follow, looks
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.follow import SETTLE_S, STALL_LOOK_S
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.operations import Target, Writer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Status
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import (
    DOUBLE_GOES_WITHIN_S,
    SAME_NAME_AFTER_S,
    Deadline,
    TwiceInARow,
    intervals,
)

# After this long without the cluster its creation was dropped.
CREATION_DROPPED_AFTER_S = 60.0
# After this long without a sign of it a deletion was dropped.
DELETION_DROPPED_AFTER_S = 30.0
# How often a deletion is sent at most, which one change under way can undo.
DELETES = 3


# --- creation


def _create_words(target: Target) -> str:
    return f"create cluster '{target.change.arguments['name']}'"


def _send_creation(target: Target) -> bool:
    writer, name = target.writer, target.change.arguments["name"]
    if not target.promised and writer.watch.cluster(name) is not None:
        raise _created_meanwhile(name)
    try:
        target.promised.append(writer.api.create_cluster(target.change.arguments))
    except Unclear:
        # The cluster may exist all the same: it is looked for by its name.
        target.promised.append(name)
        raise
    return True


def _creation_seen(target: Target, _sent: Sent) -> Cluster | Missed:
    """The cluster after its creation; of what was made twice, or by another run as well, one stays.

    :raises CreatedMeanwhile: another run made a cluster of this name before; none of this run's is left.
    """
    found = _appeared(target.writer, target.promised, target.change.arguments["name"])
    if found is not None:
        _give_way(target, found)
        found = _created(target, found)
    return found or Missed()


def _creation_lost(target: Target, _missed: Missed) -> RequestLost:
    return RequestLost(
        f"Failed to {_create_words(target)}: Magnum took the request twice and no cluster appeared",
        resource=target.change.resource,
        hint="Look at the log of Magnum's conductor, then run again",
    )


CREATE: Operation[Target, Cluster] = Operation(_create_words, _send_creation, _creation_seen, _creation_lost)


def _give_way(target: Target, cluster: Cluster) -> None:
    """Of the clusters that two runs made at once the older stays: delete this one if it is not that.

    :raises CreatedMeanwhile: it was not.
    """
    writer = target.writer
    writer.deadline.pause(SAME_NAME_AFTER_S)
    try:
        first = next(iter(writer.watch.same_name(cluster)), cluster)
    except Unreadable:
        # Clusters that cannot be shown hide the others: nobody can tell, and this one was asked for.
        return
    if first.id == cluster.id or first.id in target.promised:
        return
    writer.progress.say(_create_words(target), f"another run made {first.id} before; {cluster.id} is deleted again")
    _delete_double(writer, cluster)
    raise _created_meanwhile(cluster.name)


def _created(target: Target, cluster: Cluster) -> Cluster | None:
    """The cluster after its creation, the only one of what was promised; None when it vanished on the way."""
    writer, doing = target.writer, _create_words(target)
    try:
        return writer.ended_or_lost(cluster, doing) if writer.wait else cluster
    finally:
        # However it ended: the double would make the name ambiguous, also while it is being deleted.
        for identity in {*target.promised} - {cluster.id, cluster.name}:
            double = writer.watch.cluster(identity)
            if double is not None:
                writer.progress.say(doing, f"both requests were carried out; {double.id} is deleted again")
                _delete_double(writer, double)


def _delete_double(writer: Writer, double: Cluster) -> None:
    delete(replace(writer, deadline=Deadline.after(DOUBLE_GOES_WITHIN_S, writer.deadline.clock)), double)


def _appeared(writer: Writer, promised: Sequence[str], name: str) -> Cluster | None:
    """The first to be there of what Magnum promised, by id, or by name where its answer was lost.

    :raises WaitTimeout: the deadline has passed; Magnum may still be about to create it.
    """

    def look() -> Cluster | None:
        return next(filter(None, (_looked(writer, one) for one in promised)), None)

    pauses = intervals(first=0.5, longest=2.0)
    seen = looks(
        look(),
        look,
        writer.deadline,
        lambda _last: _not_yet(writer, name),
        within=CREATION_DROPPED_AFTER_S,
        pauses=pauses,
    )
    return next(filter(None, seen), None)


def _not_yet(writer: Writer, name: str) -> WaitTimeout:
    return WaitTimeout(
        f"Timed out waiting for cluster '{name}' to appear after {writer.deadline.limit:.0f} s",
        resource=f"cluster/{name}",
        reason="Magnum took the request and shows no cluster yet",
        hint="Magnum may be busy and create it later: run again, and it is found by its name",
    )


def _looked(writer: Writer, name_or_id: str) -> Cluster | None:
    """One look; where another run made a cluster of this name too, the younger: the older is certainly not ours alone."""
    try:
        return writer.watch.look(name_or_id)
    except Ambiguous:
        found = [entry for entry in writer.watch.clusters() if entry.name == name_or_id]
        return max(found, key=lambda entry: (entry.created_at or "", entry.id), default=None)


def _created_meanwhile(name: str) -> CreatedMeanwhile:
    return CreatedMeanwhile(
        f"Failed to create cluster '{name}': another run created one of this name meanwhile",
        resource=f"cluster/{name}",
        hint="Run again: it will be compared with what you declared",
    )


# --- deletion


def delete(writer: Writer, cluster: Cluster) -> None:
    """Delete a cluster and see it go."""
    change = Change("delete_cluster", f"cluster/{cluster.name}")
    follow(DELETE, Target(writer, change, cluster), writer.progress.say)


def _delete_words(target: Target) -> str:
    return f"delete cluster '{target.existing.name}'"


def _send_deletion(target: Target) -> None:
    target.writer.api.delete_cluster(target.existing)


def _deletion_seen(target: Target, sent: Sent) -> Cluster | Missed:
    """The last that was seen of the cluster.

    A deletion that another change swallowed is missed. So is one that Heat forgot half-way, with nothing in progress in the
    stack any more: asked again it goes on. The last one is waited for all the same.
    """
    writer, doing = target.writer, _delete_words(target)
    clock, cluster = writer.deadline.clock, target.existing
    sent_at, forgotten = clock.now(), TwiceInARow(clock, STALL_LOOK_S)
    states = writer.looks(cluster, lambda: writer.watch.cluster(cluster.id), f"cluster '{cluster.name}' to go")
    # The first is from before the request.
    for found in islice(states, 1, None):
        if found is None:
            writer.progress.say(doing, "gone", writer.deadline.elapsed, writer.deadline.limit)
            break
        target.cluster = found
        going, for_s = (found.status or "").startswith("DELETE_"), clock.now() - sent_at
        if going:
            # Until then Magnum shows what was before the request.
            writer.say(found, doing)
        if found.status == "DELETE_FAILED" and for_s >= SETTLE_S:
            raise writer.explain(writer.watch.with_groups(found), doing)
        if not writer.wait and Status.going(found.status):
            break
        if not going and for_s >= DELETION_DROPPED_AFTER_S:
            return Missed(what="lost")
        if going and not sent.last and forgotten.due and forgotten.again(writer.idle(found)):
            return Missed(what="forgotten")
    return target.existing


def _deletion_lost(target: Target, _missed: Missed) -> RequestLost:
    return RequestLost(
        f"Failed to {_delete_words(target)}: Magnum took the request {DELETES} times and the cluster is "
        f"{target.existing.status}",
        resource=f"cluster/{target.existing.name}",
        hint="Something else may be changing this cluster: look at Magnum's log, then run again",
    )


DELETE: Operation[Target, Cluster] = Operation(_delete_words, _send_deletion, _deletion_seen, _deletion_lost, DELETES)
