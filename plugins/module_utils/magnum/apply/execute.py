# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a plan out: the only place that makes Magnum change anything.

**A write counts when its effect was seen.** Magnum answers 202 and may then drop the request without a word, and shows
the old state for a while after a request that it does carry out. So every write here is followed until its transition
has begun (IN_PROGRESS or another status seen, or the effect itself), sent once more when nothing moved, and then waited
for until it ends. A newer ``updated_at`` alone is not a sign: Magnum's health poll writes the cluster, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import Unclear
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    CreatedMeanwhile,
    KcloudError,
    NotFound,
    OperationFailed,
    RequestLost,
    Unreadable,
    Unsupported,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.follow import (
    SENT,
    SETTLE_S,
    STALL_LOOK_S,
    Follower,
    request_sent,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import VERBS
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    Node,
    NodeGroup,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import (
    DOUBLE_GOES_WITHIN_S,
    SAME_NAME_AFTER_S,
    Deadline,
    TwiceInARow,
    intervals,
)

# After this long without a sign of a transition a request was dropped: Magnum's conductor begins within a second, and
# within some ten where it is busy making the keys of other clusters. Sent once more it has twice as long: what was only
# late is done by then, and asking for it twice did no harm.
DROPPED_AFTER_S = 30.0
# The same for a creation, which is not harmless when it is carried out late and asked for again meanwhile.
CREATION_DROPPED_AFTER_S = 60.0
# How often a request is sent at most, and how often a delete, which one change under way can undo.
SENDS = 2
DELETES = 3
# How each verb on a node group is said.
WORDS = {
    "resize": "resize",
    "set_bounds": "set the bounds of",
    "create_node_group": "create",
    "delete_node_group": "delete",
    "upgrade_node_group": "upgrade",
}


@dataclass(frozen=True)
class Writer(Follower):
    """What every write needs, besides following it.

    :param nodes: group -> its nodes, of a cluster with its groups in detail; asked where named nodes are to go.
    :param made: called with every change that was carried out.
    """

    nodes: Callable[[Cluster], Mapping[str, tuple[Node, ...]]] = field(default=lambda _cluster: {})
    made: Callable[[Change], None] = field(default=lambda _change: None)

    # --- one write, seen to its end

    def _carried_out(
        self, cluster: Cluster, doing: str, send: Callable[[], bool], is_done: Callable[[], bool | None]
    ) -> Cluster:
        """Send a request about a cluster that exists and follow it until it has ended.

        :param send: false when there is nothing to ask for any more.
        :param is_done: whether the effect is there, which it was not before; None where that cannot be seen.
        :raises RequestLost: Magnum took it twice and carried out neither.
        """
        missed = ""
        unclear: Unclear | None = None
        for attempt in range(1, SENDS + 1):
            before = self.present(cluster)
            unclear = None
            try:
                if not send():
                    return before
            except Unclear as error:
                # It may have been taken all the same, so it is followed like one that was.
                unclear = error
                self.progress.say(doing, f"no clear answer ({error.error.reason}); looking for its effect")
            within = DROPPED_AFTER_S * attempt
            with request_sent():
                begun = self.begun(before, is_done, within)
                if begun is not None and not self.wait:
                    return begun
                if begun is not None:
                    ended = self.ended(begun, doing)
                    if is_done() is not False:
                        return ended
                    missed = f"the cluster is {ended.status}, and what was asked for is not there"
                else:
                    missed = f"no sign of a transition within {within:.0f} s; the cluster is {before.status}"
            again = "sent once more" if attempt < SENDS else "given up"
            self.progress.say(doing, f"the request was dropped by Magnum; {again}")
        if unclear is not None:
            raise unclear.error from unclear
        raise RequestLost(
            f"Failed to {doing}: Magnum took the request {SENDS} times and did not carry it out",
            resource=f"cluster/{cluster.name}",
            reason=missed,
            hint="Something else may be changing this cluster, an autoscaler among others, or Magnum's conductor is down: "
            "look at its log, run again",
        )

    # --- the verbs

    def create(self, change: Change) -> Cluster:
        """Create the cluster, once: after an unclear answer it looks before it ever asks again.

        A first request that was only late, and not dropped, makes a double of the second, which is deleted. So is what was
        made here while another run made one of the same name before.

        :raises CreatedMeanwhile: another run made a cluster of this name; none of this run's is left.
        """
        name = change.arguments["name"]
        if self.watch.cluster(name) is not None:
            raise _created_meanwhile(name)
        doing = f"create cluster '{name}'"
        promised: list[str] = []
        unclear: Unclear | None = None
        for _attempt in range(SENDS):
            try:
                promised.append(self.api.create_cluster(change.arguments))
                unclear = None
            except Unclear as error:
                # The cluster may exist all the same: it is looked for by its name.
                unclear = error
                promised.append(name)
                self.progress.say(doing, f"no clear answer ({error.error.reason}); looking for what was made")
            with request_sent():
                found = self._appeared(promised, name)
                if found is not None:
                    self._give_way(found, promised, doing)
                    found = self._created(found, promised, doing)
                if found is not None:
                    return found
            self.progress.say(doing, "the request was dropped by Magnum; sent once more")
        if unclear is not None:
            raise unclear.error from unclear
        raise RequestLost(
            f"Failed to {doing}: Magnum took the request {SENDS} times and no cluster appeared",
            resource=change.resource,
            hint="Look at the log of Magnum's conductor, then run again",
        )

    def _give_way(self, cluster: Cluster, promised: Sequence[str], doing: str) -> None:
        """Of the clusters that two runs made at once the older stays: delete this one if it is not that.

        :raises CreatedMeanwhile: it was not.
        """
        self.deadline.pause(SAME_NAME_AFTER_S)
        try:
            first = next(iter(self.watch.same_name(cluster)), cluster)
        except Unreadable:
            # Clusters that cannot be shown hide the others: nobody can tell, and this one was asked for.
            return
        if first.id == cluster.id or first.id in promised:
            return
        self.progress.say(doing, f"another run made {first.id} before; {cluster.id} is deleted again")
        in_time = Deadline.after(DOUBLE_GOES_WITHIN_S, self.deadline.clock)
        replace(self, deadline=in_time).delete(cluster)
        raise _created_meanwhile(cluster.name)

    def _created(self, cluster: Cluster, promised: Sequence[str], doing: str) -> Cluster | None:
        """The cluster after its creation, the only one of what was promised; None when it vanished on the way."""
        try:
            return self.ended_or_lost(cluster, doing) if self.wait else cluster
        finally:
            # However it ended: the double would make the name ambiguous, also while it is being deleted.
            for identity in {*promised} - {cluster.id, cluster.name}:
                double = self.watch.cluster(identity)
                if double is not None:
                    self.progress.say(doing, f"both requests were carried out; {double.id} is deleted again")
                    in_time = Deadline.after(DOUBLE_GOES_WITHIN_S, self.deadline.clock)
                    replace(self, deadline=in_time).delete(double)

    def _appeared(self, promised: Sequence[str], name: str) -> Cluster | None:
        """The first to be there of what Magnum promised, by id, or by name where its answer was lost.

        :raises WaitTimeout: the deadline has passed; Magnum may still be about to create it.
        """
        start = self.deadline.clock.now()
        for pause in intervals(first=0.5, longest=2.0):
            found = next(filter(None, map(self._looked, promised)), None)
            if found is not None or self.deadline.clock.now() - start >= CREATION_DROPPED_AFTER_S:
                return found
            if self.deadline.passed:
                raise WaitTimeout(
                    f"Timed out waiting for cluster '{name}' to appear after {self.deadline.limit:.0f} s",
                    resource=f"cluster/{name}",
                    reason="Magnum took the request and shows no cluster yet",
                    hint="Magnum may be busy and create it later: run again, and it is found by its name",
                )
            self.deadline.pause(pause)
        return None

    def _looked(self, name_or_id: str) -> Cluster | None:
        """One look; where another run made a cluster of this name too, the younger: the older is certainly not ours alone."""
        try:
            return self.watch.look(name_or_id)
        except Ambiguous:
            found = [entry for entry in self.watch.clusters() if entry.name == name_or_id]
            return max(found, key=lambda entry: (entry.created_at or "", entry.id), default=None)

    def delete(self, cluster: Cluster) -> None:
        """Delete the cluster and see it go; a delete that another change swallowed is sent again.

        So is one that Heat forgot half-way, with nothing in progress in the stack any more: asked again it goes on.
        """
        doing, found = f"delete cluster '{cluster.name}'", cluster
        unclear: Unclear | None = None
        for sent in range(1, DELETES + 1):
            try:
                self.api.delete_cluster(cluster)
                unclear = None
            except Unclear as error:
                unclear = error
                self.progress.say(
                    doing, f"no clear answer ({error.error.reason}); checking whether it is being deleted"
                )
            with request_sent():
                found, why_again = self._seen_off(found, doing, patient=sent == DELETES)
            if not why_again:
                return
            if sent < DELETES:
                self.progress.say(doing, f"the request was {why_again}; sent once more")
        if unclear is not None:
            raise unclear.error from unclear
        raise RequestLost(
            f"Failed to {doing}: Magnum took the request {DELETES} times and the cluster is {found.status}",
            resource=f"cluster/{cluster.name}",
            hint="Something else may be changing this cluster: look at Magnum's log, then run again",
        )

    def _seen_off(self, cluster: Cluster, doing: str, patient: bool) -> tuple[Cluster, str]:
        """Follow one request to delete: the last that was seen, and why to send it again; nothing when it was obeyed.

        :param patient: wait on where Heat forgot it: it has been asked often enough.
        """
        sent_at, forgotten = self.deadline.clock.now(), TwiceInARow(self.deadline.clock, STALL_LOOK_S)
        for pause in intervals():
            self.look_again_after(pause, f"cluster '{cluster.name}' to go", cluster)
            found = self.watch.cluster(cluster.id)
            if found is None:
                self.progress.say(doing, "gone", self.deadline.elapsed, self.deadline.limit)
                break
            cluster = found
            if (found.status or "").startswith("DELETE_"):
                # Until then Magnum shows what was before the request.
                self.say(found, doing)
            for_s = self.deadline.clock.now() - sent_at
            if found.status == "DELETE_FAILED" and for_s >= SETTLE_S:
                raise self.explain(self.watch.with_groups(found), doing)
            if not self.wait and Status.going(found.status):
                break
            if not (found.status or "").startswith("DELETE_"):
                if for_s >= DROPPED_AFTER_S:
                    return found, "lost"
            elif not patient and forgotten.due and forgotten.again(self.idle(found)):
                return found, "forgotten"
        return cluster, ""

    def delete_replaced(self, change: Change) -> None:
        """Delete another cluster, which this one replaces."""
        found = self.watch.cluster(change.arguments["id"])
        if found is not None:
            self.delete(found)

    def upgrade(self, cluster: Cluster, change: Change) -> Cluster:
        """Move the cluster to another template; one that uses it by now is not rolled again."""
        wanted, name = change.arguments["cluster_template_id"], change.arguments["cluster_template"]

        def send() -> bool:
            if self.present(cluster).cluster_template_id == wanted:
                return False
            try:
                self.api.upgrade(cluster, wanted, change.arguments.get("max_batch_size"))
            except KcloudError as error:
                if "not supported" not in (error.reason or "").lower():
                    raise
                raise Unsupported(
                    f"Failed to upgrade cluster '{cluster.name}': its driver cannot",
                    resource=change.resource,
                    reason=error.reason,
                    hint=f"{VERBS['upgrade'].way_out}. Say what the driver is with 'driver'",
                ) from error
            return True

        return self._carried_out(
            cluster,
            f"upgrade cluster '{cluster.name}' to cluster template '{name}'",
            send,
            lambda: self.present(cluster).cluster_template_id == wanted,
        )

    def change_group(self, cluster: Cluster, change: Change) -> Cluster:
        """Any write to one node group."""
        name = change.resource.rsplit("/", 1)[-1]
        doing = f"{WORDS[change.verb]} node group '{name}' of cluster '{cluster.name}'"
        named = change.arguments.get("nodes_to_remove", ()) if self.wait else ()
        before = self._node_labels(cluster, name) if named else {}
        after = self._carried_out(
            cluster,
            doing,
            lambda: self._send_group(cluster, name, change),
            lambda: self._is_done(cluster, name, change),
        )
        if named:
            self._check_gone(change, named, before, self._node_labels(cluster, name))
        return after

    def _node_labels(self, cluster: Cluster, name: str) -> dict[str, str]:
        found = self.nodes(self.watch.with_groups(cluster)).get(name, ())
        return {node.id: node.label for node in found}

    @staticmethod
    def _check_gone(change: Change, named: Sequence[str], before: dict[str, str], after: dict[str, str]) -> None:
        """The named nodes went, and no other.

        :raises OperationFailed: the driver took others, or others as well.
        """
        stayed = sorted(before.get(identity, identity) for identity in named if identity in after)
        taken = sorted(label for identity, label in before.items() if identity not in after and identity not in named)
        if stayed or taken:
            raise OperationFailed(
                f"Failed to remove exactly the named nodes: {', '.join(stayed) or 'none'} stayed, "
                f"{', '.join(taken) or 'none'} went unasked",
                code="WRONG_NODES_REMOVED",
                resource=change.resource,
                reason="this cluster's driver does not heed 'nodes_to_remove'",
                hint="The number of nodes is right now. To choose the nodes, create a new node group, drain the old "
                "one's nodes, then delete the old one",
                stayed=stayed,
                taken=taken,
            )

    def _is_done(self, cluster: Cluster, name: str, change: Change) -> bool | None:
        """Whether a change of a node group can be seen in the group itself; None where it would look the same."""
        group = self._group(cluster, name)
        if group is None or change.verb in ("create_node_group", "delete_node_group"):
            return (group is None) == (change.verb == "delete_node_group")
        if change.verb == "resize":
            wanted, before = change.arguments["node_count"], change.arguments["node_count_before"]
            # The same number again, after a failure, leaves no trace but the status.
            return group.node_count == wanted if wanted != before else None
        if change.verb == "upgrade_node_group":
            return group.image_id == change.arguments["image_id"]
        detailed = self.watch.node_group(cluster, group.id)
        return detailed is not None and all(getattr(detailed, key) == value for key, value in change.arguments.items())

    def _send_group(self, cluster: Cluster, name: str, change: Change) -> bool:
        """Send it; false when what it is to do has been done already."""
        group = self._group(cluster, name)
        if change.verb == "create_node_group":
            if group is None:
                self.api.create_node_group(cluster, name, change.arguments)
            return group is None
        if group is None:
            if change.verb == "delete_node_group":
                return False
            raise NotFound(
                f"Failed to find node group '{name}' of cluster '{cluster.name}'",
                resource=change.resource,
                hint="Run again to see what there is now",
            )
        if change.verb == "resize":
            named = change.arguments.get("nodes_to_remove", ())
            self.api.resize(cluster, group, change.arguments["node_count"], named)
        elif change.verb == "set_bounds":
            self.api.update_node_group(cluster, group, change.arguments)
        elif change.verb == "delete_node_group":
            self.api.delete_node_group(cluster, group)
        elif change.verb == "upgrade_node_group":
            return self._send_group_upgrade(cluster, group, change)
        return True

    def _send_group_upgrade(self, cluster: Cluster, group: NodeGroup, change: Change) -> bool:
        """Some drivers take extra groups along with the cluster: then there is nothing left to send."""
        behind = group.image_id != change.arguments["image_id"]
        if behind:
            template_id = self.present(cluster).cluster_template_id or ""
            self.api.upgrade(cluster, template_id, change.arguments.get("max_batch_size"), group)
        return behind

    def _group(self, cluster: Cluster, name: str) -> NodeGroup | None:
        return next((group for group in self.watch.node_groups(cluster) if group.name == name), None)


def _created_meanwhile(name: str) -> CreatedMeanwhile:
    return CreatedMeanwhile(
        f"Failed to create cluster '{name}': another run created one of this name meanwhile",
        resource=f"cluster/{name}",
        hint="Run again: it will be compared with what you declared",
    )


def carry_out(plan: Plan, cluster: Cluster | None, writer: Writer) -> Cluster | None:
    """Make every change of the plan, in its order, one at a time: Magnum takes one change of a cluster at once.

    :returns: the cluster afterwards with its node groups, or None when it was deleted.
    :raises KcloudError: with ``result`` in its details: which changes were made before it failed.
    """
    made: list[Change] = []
    try:
        for change in plan.changes:
            if change.verb == "delete_cluster":
                writer.delete(cluster)
                cluster = None
            elif change.verb == "create_cluster":
                cluster = writer.create(change)
            elif change.verb == "delete_replaced_cluster":
                writer.delete_replaced(change)
            elif change.verb == "upgrade":
                cluster = writer.upgrade(cluster, change)
            else:
                cluster = writer.change_group(cluster, change)
            made.append(change)
            writer.made(change)
        return None if cluster is None else writer.watch.with_groups(writer.watch.cluster(cluster.id) or cluster)
    except KcloudError as error:
        done = [change.as_result() for change in made]
        left = [change.as_result() for change in plan.changes[len(made) :]]
        begun = bool(error.details.pop(SENT, False)) or isinstance(error, (OperationFailed, WaitTimeout))
        error.details["result"] = {"changed": bool(made) or begun, "changes": done, "changes_left": left}
        raise
