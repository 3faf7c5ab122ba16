# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes a group had in the period, and for how long: by Nova's usage, otherwise as it is today.

Nova's usage lists every server that ran since a time, deleted ones too, with the times when it started and ended. A deleted
server was a node of the group whose nodes have names that differ from its own in the last part only: these names hold a random
part of each group's own. A group that has no nodes now had those of the cluster's deleted servers that no other group had. Where
the group has a Heat stack of its own, the names of its servers begin with those of the cluster and of the group. So do those of
workers with a Cluster-API driver, whose other parts change when the nodes are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import instant
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import Period
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode

MASTER = "master"
USAGE = "Nova's usage"
ALIKE = "another cluster with a similar name"


@dataclass(frozen=True)
class Ran:
    """A server that ran in the period or later.

    :param start: seconds since 1970.
    :param seconds: for how long of the period.
    :param ended: it is deleted.
    """

    id: str
    name: str
    start: int
    seconds: int
    ended: bool = False


@dataclass(frozen=True)
class Presence:
    """The nodes of a group with how many seconds of the period each was there.

    :param rest: seconds of nodes that are counted and not known, all together.
    :param known: Nova says so; otherwise today's nodes are taken for the whole period.
    :param unclear: why neither is true, where that is so.
    :param lost: deleted servers of the cluster that are not counted, as no group is known to have had them.
    """

    nodes: tuple[tuple[ClusterNode, int], ...]
    rest: int = 0
    known: bool = False
    unclear: str | None = None
    lost: tuple[Ran, ...] = ()

    @property
    def seconds(self) -> int:
        return sum(seconds for _node, seconds in self.nodes) + self.rest

    @property
    def coverage(self) -> float:
        """The share of the seconds that is counted."""
        lost = sum(ran.seconds for ran in self.lost)
        return self.seconds / (self.seconds + lost) if lost else 1.0

    @property
    def ids(self) -> list[str]:
        """Of the nodes that were there in the period."""
        return [node.id for node, seconds in self.nodes if seconds]


def read_usage(raw: Iterable[Mapping[str, object]], period: Period) -> dict[str, Ran]:
    """Nova's ``server_usages`` by the server's id; those without a start never ran."""
    found = {}
    for entry in raw:
        start = instant(str(entry.get("started_at") or ""))
        end = instant(str(entry.get("ended_at") or ""))
        if start is not None:
            last = period.end if end is None else min(end, period.end)
            seconds = max(0, last - max(start, period.begin))
            identity = str(entry.get("instance_id") or "")
            found[identity] = Ran(identity, str(entry.get("name") or ""), start, seconds, ended=end is not None)
    return found


def _stem(name: str) -> str:
    """What the names of a group's nodes have in common: all but the last part."""
    return name.rpartition("-")[0]


def presences(
    cluster: Cluster,
    groups: Mapping[str, Sequence[ClusterNode]],
    usage: Mapping[str, Ran] | None,
    seconds: int,
    others: Iterable[str] = (),
) -> dict[str, Presence]:
    """The nodes of each group of a cluster in the period, by the group's name.

    :param groups: the nodes of today that are known.
    :param usage: by server; None where Nova does not say.
    :param seconds: for how long a node is taken to have been there where Nova does not say.
    :param others: names of the project's other clusters.
    """
    found = {
        group.name: presence(groups[group.name], group.node_count, usage, seconds) for group in cluster.node_groups
    }
    if usage is None:
        return found
    held = {identity for there in found.values() for identity in there.ids}
    prefix = _prefix(cluster, groups)
    alike = any(_shortened(name, 20) == _shortened(cluster.name, 20) for name in others)
    gone: dict[tuple[str, ...], list[Ran]] = {}
    for ran in _ended(usage):
        owners = None if ran.id in held else _owners(ran, cluster, prefix, usage, alike)
        if owners is not None:
            gone.setdefault(owners, []).append(ran)
    for group in cluster.node_groups:
        found[group.name] = _with_gone(cluster, group, found[group.name], gone.get((group.name,), ()), prefix)
    for names, servers in gone.items():
        if len(names) > 1:
            unclear = f"{len(servers)} deleted servers were nodes of {', '.join(names)}; of which is not known"
            found.update({name: Presence((), unclear=unclear) for name in names if name in found})
    return _with_lost(cluster, found, gone.get((), ()))


def _with_gone(
    cluster: Cluster, group: NodeGroup, there: Presence, servers: Sequence[Ran], prefix: str | None
) -> Presence:
    """A group with nodes that are deleted; where today's nodes are taken for the whole period, they are lost."""
    if group.node_count and not there.known:
        return replace(there, lost=tuple(servers))
    nodes = tuple((_node(cluster, group, ran), ran.seconds) for ran in servers)
    known = there.known or prefix is not None or _has_own_stack(cluster, group)
    return replace(there, nodes=there.nodes + nodes, known=known)


def _with_lost(cluster: Cluster, found: Mapping[str, Presence], servers: Sequence[Ran]) -> dict[str, Presence]:
    """The groups, of which the control plane shows the servers of no group: with the Cluster API its names hold no group."""
    first = min(cluster.node_groups, key=lambda group: group.role != MASTER, default=None)
    if first is None or not servers:
        return dict(found)
    there = found[first.name]
    return {**found, first.name: replace(there, lost=(*there.lost, *servers))}


def _node(cluster: Cluster, group: NodeGroup, ran: Ran) -> ClusterNode:
    return ClusterNode(cluster.id, cluster.name, group.name, ran.id, ran.name, role=group.role)


def _owners(
    ran: Ran, cluster: Cluster, prefix: str | None, usage: Mapping[str, Ran], alike: bool
) -> tuple[str, ...] | None:
    """The groups that a deleted server may have been a node of; None where it is of another cluster.

    :param alike: Magnum gives servers of another cluster of the project such names, too.
    """
    if _is_of_capi(cluster):
        return _named_owner(ran, cluster)
    empty = [group for group in cluster.node_groups if group.node_count == 0]
    own = [group for group in empty if _has_own_stack(cluster, group)]
    owners = tuple(group.name for group in own if re.fullmatch(_own_names(cluster, group), ran.name))
    if owners:
        return None if _is_of_another(ran, cluster, usage) else (*owners, *[ALIKE] * alike)
    if prefix and ran.name.startswith(f"{prefix}-"):
        return tuple(group.name for group in empty if group not in own)
    return None


def _is_of_another(ran: Ran, cluster: Cluster, usage: Mapping[str, Ran]) -> bool:
    """Whether a server with a name such as those of a group's own stack is of another cluster.

    It is where it started before this cluster was there, where its stack has nodes now, which the group does not have, or where
    its stack has masters: that is a cluster's, whose name ends as the group's does.
    """
    stack = _stem(_stem(ran.name))
    same = [other for other in usage.values() if other.name.startswith(f"{stack}-")]
    earlier = ran.start < (instant(cluster.created_at or "") or 0)
    return earlier or any(not other.ended or other.name.startswith(f"{stack}-master-") for other in same)


def _named_owner(ran: Ran, cluster: Cluster) -> tuple[str, ...] | None:
    """The worker group whose name follows the cluster's in the server's, the longest such."""
    if not ran.name.startswith(f"{cluster.stack_id}-"):
        return None
    workers = sorted((group.name for group in cluster.node_groups if group.role != MASTER), key=len, reverse=True)
    return tuple(name for name in workers if ran.name.startswith(f"{cluster.stack_id}-{name}-"))[:1]


def _is_of_capi(cluster: Cluster) -> bool:
    """Whether a Cluster-API driver made the cluster: it gives it an id that is not a Heat stack's."""
    return bool(cluster.stack_id) and not is_uuid(cluster.stack_id)


def _has_own_stack(cluster: Cluster, group: NodeGroup) -> bool:
    """Whether Heat made the group apart from its cluster, as it does with all but the default groups."""
    return is_uuid(cluster.stack_id) and group.stack_id not in (None, cluster.stack_id)


def _own_names(cluster: Cluster, group: NodeGroup) -> str:
    """A pattern of the names of servers in a group's own stack, such as ``ml-npu-x7k2m4n6p8q3-node-0``.

    Magnum shortens the names of the cluster and the group, keeps of them what a host name may hold, and adds a random part.
    """
    return rf"{_shortened(cluster.name, 20)}-{_shortened(group.name, 9)}-[a-z0-9]{{12}}-node-\d+"


def _shortened(name: str, length: int) -> str:
    return re.sub("[^a-zA-Z0-9-]", "", re.sub("[_.]", "-", name[:length])).lower()


def _prefix(cluster: Cluster, groups: Mapping[str, Sequence[ClusterNode]]) -> str | None:
    """What the names of all servers of a cluster begin with; None where no server shows it.

    Cluster-API drivers take the id that they give the cluster. Heat templates take the name with a random part, which the names of
    the control plane hold: ``ml-x7k2-master-0``.
    """
    if _is_of_capi(cluster):
        return cluster.stack_id
    names = [node.name for group in cluster.node_groups if group.role == MASTER for node in groups[group.name]]
    return next((_stem(_stem(name)) for name in names if _stem(_stem(name))), None)


def _ended(usage: Mapping[str, Ran]) -> list[Ran]:
    """The deleted servers that ran in the period, in order of name."""
    gone = [ran for ran in usage.values() if ran.ended and ran.seconds]
    return sorted(gone, key=lambda ran: (ran.name, ran.id))


def presence(nodes: Sequence[ClusterNode], count: int, usage: Mapping[str, Ran] | None, seconds: int) -> Presence:
    """The nodes of one group in the period; see ``presences``.

    :param count: how many there are now.
    """
    if usage is None or not nodes or len(nodes) != count or not all(node.id in usage for node in nodes):
        return Presence(tuple((node, seconds) for node in nodes[:count]), max(0, count - len(nodes)) * seconds)
    held = [(node, usage[node.id].seconds) for node in nodes]
    siblings = {_stem(node.name): node for node in nodes if _stem(node.name)}
    for ran in _ended(usage):
        sibling = siblings.get(_stem(ran.name))
        if sibling is not None:
            gone = ClusterNode(sibling.cluster_id, sibling.cluster, sibling.group, ran.id, ran.name, role=sibling.role)
            held.append((gone, ran.seconds))
    return Presence(tuple(held), known=True)
