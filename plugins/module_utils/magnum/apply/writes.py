# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes of a cluster that exists: for each verb how it is said, how it is sent, and when its effect is there.

Magnum answers 202 and may then drop the request without a word, and shows the old state for a while after a request that it does
carry out. So each change is followed until its transition has begun (IN_PROGRESS or another status seen, or the effect itself),
then until the transition has ended, and then its effect must be there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    KcloudError,
    NotFound,
    OperationFailed,
    RequestLost,
    Unsupported,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import Missed, Sent, Write
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.follow import Follower
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import VERBS
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    Node,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change

# After this long without a sign of a transition a request was dropped: Magnum's conductor begins within a second, and
# within some ten where it is busy making the keys of other clusters. Sent once more it has twice as long: what was only
# late is done by then, and asking for it twice did no harm.
DROPPED_AFTER_S = 30.0


@dataclass(frozen=True)
class Writer(Follower):
    """What every write needs, besides following it.

    :param nodes: group -> its nodes, of a cluster with its groups in detail; asked where named nodes are to go.
    :param made: called with every change that was carried out.
    """

    nodes: Callable[[Cluster], Mapping[str, tuple[Node, ...]]] = field(default=lambda _cluster: {})
    made: Callable[[Change], None] = field(default=lambda _change: None)


@dataclass
class Target:
    """One change on its way.

    :param cluster: as it was last seen; None before its creation.
    :param promised: what Magnum said it would create: ids, or the name where its answer was lost.
    :param labels: id -> name of the nodes of the group, before named ones are removed.
    """

    writer: Writer
    change: Change
    cluster: Cluster | None = None
    promised: list[str] = field(default_factory=list)
    labels: dict[str, str] | None = None

    @property
    def existing(self) -> Cluster:
        """The cluster, where the verb changes one that exists."""
        if self.cluster is None:
            raise AssertionError("only a creation begins without a cluster")
        return self.cluster

    @property
    def group_name(self) -> str:
        return self.change.resource.rsplit("/", 1)[-1]

    def group(self) -> NodeGroup | None:
        """The node group that the change is about, asked for now."""
        groups = self.writer.watch.node_groups(self.existing)
        return next((group for group in groups if group.name == self.group_name), None)


Words = Callable[[Target], str]
Send = Callable[[Target], bool]
IsDone = Callable[[Target], "bool | None"]


def in_place(words: Words, send: Send, is_done: IsDone) -> Write[Target, Cluster]:
    """A change of an existing cluster.

    :param send: false when there is nothing to ask for any more.
    :param is_done: whether the effect is there, which it was not before; None where that cannot be seen.
    """

    def sending(target: Target) -> bool:
        target.cluster = target.writer.present(target.existing)
        return send(target)

    def seen(target: Target, sent: Sent) -> Cluster | Missed:
        writer, before, within = target.writer, target.existing, DROPPED_AFTER_S * sent.number
        begun = writer.begun(before, lambda: is_done(target), within)
        if begun is None:
            return Missed(f"no sign of a transition within {within:.0f} s; the cluster is {before.status}")
        if not writer.wait:
            return begun
        ended = writer.ended(begun, words(target))
        if is_done(target) is False:
            return Missed(f"the cluster is {ended.status}, and what was asked for is not there")
        return ended

    return Write(words, sending, seen, lambda target, missed: _lost(target, words(target), missed))


def _lost(target: Target, doing: str, missed: Missed) -> RequestLost:
    return RequestLost(
        f"Failed to {doing}: Magnum took the request twice and did not carry it out",
        resource=f"cluster/{target.existing.name}",
        reason=missed.why,
        hint="Something else may be changing this cluster, an autoscaler among others, or Magnum's conductor is down: "
        "look at its log, run again",
    )


# --- the template of a cluster


def _send_upgrade(target: Target) -> bool:
    """One that uses the template by now is not rolled again."""
    writer, wanted = target.writer, target.change.arguments["cluster_template_id"]
    if writer.present(target.existing).cluster_template_id == wanted:
        return False
    try:
        writer.api.upgrade(target.existing, wanted, target.change.arguments.get("max_batch_size"))
    except KcloudError as error:
        if "not supported" not in (error.reason or "").lower():
            raise
        raise Unsupported(
            f"Failed to upgrade cluster '{target.existing.name}': its driver cannot",
            resource=target.change.resource,
            reason=error.reason,
            hint=f"{VERBS['upgrade'].other_way}. Say what the driver is with 'driver'",
        ) from error
    return True


def _upgraded(target: Target) -> bool:
    found = target.writer.present(target.existing)
    return found.cluster_template_id == target.change.arguments["cluster_template_id"]


UPGRADE = in_place(
    lambda target: (
        f"upgrade cluster '{target.existing.name}' to cluster template '{target.change.arguments['cluster_template']}'"
    ),
    _send_upgrade,
    _upgraded,
)


# --- one node group


def _of_group(
    verb: str, send: Callable[[Target, NodeGroup], bool | None], is_done: Callable[[Target, NodeGroup], bool | None]
) -> Write[Target, Cluster]:
    """A change of a node group that exists."""

    def sending(target: Target) -> bool:
        group = target.group()
        if group is None:
            raise NotFound(
                f"Failed to find node group '{target.group_name}' of cluster '{target.existing.name}'",
                resource=target.change.resource,
                hint="Run again to see what there is now",
            )
        return send(target, group) is not False

    def done(target: Target) -> bool | None:
        group = target.group()
        return False if group is None else is_done(target, group)

    return in_place(_group_words(verb), sending, done)


def _group_words(verb: str) -> Words:
    return lambda target: f"{verb} node group '{target.group_name}' of cluster '{target.existing.name}'"


def _send_new_group(target: Target) -> bool:
    missing = target.group() is None
    if missing:
        target.writer.api.create_node_group(target.existing, target.group_name, target.change.arguments)
    return missing


def _send_no_group(target: Target) -> bool:
    group = target.group()
    if group is not None:
        target.writer.api.delete_node_group(target.existing, group)
    return group is not None


def _send_resize(target: Target, group: NodeGroup) -> None:
    arguments = target.change.arguments
    target.writer.api.resize(target.existing, group, arguments["node_count"], arguments.get("nodes_to_remove", ()))


def _resized(target: Target, group: NodeGroup) -> bool | None:
    wanted, before = (target.change.arguments[key] for key in ("node_count", "node_count_before"))
    # The same number again, after a failure, leaves no trace but the status.
    return group.node_count == wanted if wanted != before else None


def _bounds_are_set(target: Target, group: NodeGroup) -> bool:
    detailed = target.writer.watch.node_group(target.existing, group.id)
    wanted = target.change.arguments.items()
    return detailed is not None and all(getattr(detailed, key) == value for key, value in wanted)


def _send_group_upgrade(target: Target, group: NodeGroup) -> bool:
    """Some drivers take extra groups along with the cluster: then there is nothing left to send."""
    arguments, cluster = target.change.arguments, target.existing
    behind = group.image_id != arguments["image_id"]
    if behind:
        template_id = target.writer.present(cluster).cluster_template_id or ""
        target.writer.api.upgrade(cluster, template_id, arguments.get("max_batch_size"), group)
    return behind


def _exactly(resize: Write[Target, Cluster]) -> Write[Target, Cluster]:
    """A resize after which the nodes that were named are gone, and no others."""

    def named(target: Target) -> tuple[str, ...]:
        return tuple(target.change.arguments.get("nodes_to_remove", ())) if target.writer.wait else ()

    def send(target: Target) -> bool | None:
        if named(target) and target.labels is None:
            target.labels = _node_labels(target)
        return resize.send(target)

    def seen(target: Target, sent: Sent) -> Cluster | Missed:
        found = resize.seen(target, sent)
        if named(target) and not isinstance(found, Missed):
            _check_gone(target.change, named(target), target.labels or {}, _node_labels(target))
        return found

    return Write(resize.words, send, seen, resize.lost)


def _node_labels(target: Target) -> dict[str, str]:
    whole = target.writer.watch.with_groups(target.existing)
    return {node.id: node.label for node in target.writer.nodes(whole).get(target.group_name, ())}


def _check_gone(change: Change, named: tuple[str, ...], before: dict[str, str], after: dict[str, str]) -> None:
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


GROUPS: dict[str, Write[Target, Cluster]] = {
    "create_node_group": in_place(_group_words("create"), _send_new_group, lambda target: target.group() is not None),
    "delete_node_group": in_place(_group_words("delete"), _send_no_group, lambda target: target.group() is None),
    "resize": _exactly(_of_group("resize", _send_resize, _resized)),
    "set_bounds": _of_group(
        "set the bounds of",
        lambda target, group: target.writer.api.update_node_group(target.existing, group, target.change.arguments),
        _bounds_are_set,
    ),
    "upgrade_node_group": _of_group(
        "upgrade", _send_group_upgrade, lambda target, group: group.image_id == target.change.arguments["image_id"]
    ),
}
