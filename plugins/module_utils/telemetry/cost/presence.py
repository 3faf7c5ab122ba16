# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes a group had in the period, and for how long: by Nova's usage, otherwise as it is today.

Nova's usage lists every server that ran in a period, deleted ones too, with the times when it started and ended. A deleted
server was a node of the group whose nodes have names that differ from its own in the last part only: these names hold a random
part of each group's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import Period, moment
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode

USAGE = "Nova's usage"


@dataclass(frozen=True)
class Ran:
    """A server that ran in the period.

    :param seconds: for how long of it.
    :param ended: it is deleted.
    """

    id: str
    name: str
    seconds: int
    ended: bool = False


@dataclass(frozen=True)
class Presence:
    """The nodes of a group with how many seconds of the period each was there.

    :param rest: seconds of nodes that are counted and not known, all together.
    :param known: Nova says so; otherwise today's nodes are taken for the whole period.
    """

    nodes: tuple[tuple[ClusterNode, int], ...]
    rest: int = 0
    known: bool = False

    @property
    def seconds(self) -> int:
        return sum(seconds for _node, seconds in self.nodes) + self.rest

    @property
    def ids(self) -> list[str]:
        return [node.id for node, _seconds in self.nodes]


def read_usage(raw: Iterable[Mapping[str, object]], period: Period) -> dict[str, Ran]:
    """Nova's ``server_usages`` by the server's id; those without a start never ran."""
    found = {}
    for entry in raw:
        start = moment(str(entry.get("started_at") or ""))
        end = moment(str(entry.get("ended_at") or ""))
        if start is not None:
            last = period.end if end is None else min(end, period.end)
            seconds = max(0, last - max(start, period.begin))
            identity = str(entry.get("instance_id") or "")
            found[identity] = Ran(identity, str(entry.get("name") or ""), seconds, ended=end is not None)
    return found


def _stem(name: str) -> str:
    """What the names of a group's nodes have in common: all but the last part."""
    return name.rpartition("-")[0]


def presence(nodes: Sequence[ClusterNode], count: int, usage: Mapping[str, Ran] | None, seconds: int) -> Presence:
    """The nodes of a group in the period.

    :param nodes: those of today that are known.
    :param count: how many there are.
    :param usage: by server; None where Nova does not say.
    :param seconds: for how long a node is taken to have been there where Nova does not say.
    """
    if usage is None or len(nodes) != count or not all(node.id in usage for node in nodes):
        return Presence(tuple((node, seconds) for node in nodes[:count]), max(0, count - len(nodes)) * seconds)
    held = [(node, usage[node.id].seconds) for node in nodes]
    siblings = {_stem(node.name): node for node in nodes if _stem(node.name)}
    for server in sorted(usage.values(), key=lambda ran: (ran.name, ran.id)):
        sibling = siblings.get(_stem(server.name))
        if server.ended and server.seconds and sibling is not None:
            gone = ClusterNode(
                sibling.cluster_id, sibling.cluster, sibling.group, server.id, server.name, role=sibling.role
            )
            held.append((gone, server.seconds))
    return Presence(tuple(held), known=True)
