# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parked clusters: their worker groups have no nodes, and a record says what the groups had, so that a wake restores exactly that.

Magnum keeps no such record. It comes in and goes out as data, and is kept before the first group shrinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mappings,
    only_known,
    optional,
    refused,
    text,
    whole,
)

Plain = dict[str, Any]
RECORD_KEYS = ("cluster", "cluster_id", "parked_at", "node_groups")
GROUP_KEYS = ("name", "node_count", "min_node_count", "max_node_count")


class ParkedGroup(NamedTuple):
    """What a worker group had before it was parked; without a ``high`` it had no upper bound."""

    name: str
    count: int
    low: int = 0
    high: int | None = None


@dataclass(frozen=True)
class Parked:
    """The record of one cluster: its id and name, when it was parked (seconds), and its worker groups in order of name."""

    id: str
    name: str
    at: int
    groups: tuple[ParkedGroup, ...]


# --- in


def read_parked(raw: object, path: str) -> dict[str, Parked]:
    """Records by id of their cluster, as an answer of before returned them.

    :raises InvalidRequest: anything that cannot be read, by its path. A record that says less would wake less.
    """
    found: dict[str, Parked] = {}
    for entry_path, given in mappings(raw, path):
        only_known(given, RECORD_KEYS, entry_path)
        identity = text(given.get("cluster_id"), f"{entry_path}.cluster_id")
        if not identity or identity in found:
            raise refused(f"{entry_path}.cluster_id", given.get("cluster_id"), "the id of a cluster, each once")
        groups = tuple(
            sorted(_group(entry, at) for at, entry in mappings(given.get("node_groups"), f"{entry_path}.node_groups"))
        )
        name = text(given.get("cluster"), f"{entry_path}.cluster")
        found[identity] = Parked(identity, name, whole(given.get("parked_at"), f"{entry_path}.parked_at"), groups)
    return found


def _group(given: Mapping[str, Any], path: str) -> ParkedGroup:
    only_known(given, GROUP_KEYS, path)
    name = text(given.get("name"), f"{path}.name")
    if not name:
        raise refused(f"{path}.name", given.get("name"), "the name of a node group")
    return ParkedGroup(
        name,
        whole(given.get("node_count"), f"{path}.node_count"),
        whole(given.get("min_node_count") or 0, f"{path}.min_node_count"),
        optional(whole, given.get("max_node_count"), f"{path}.max_node_count"),
    )


# --- what is parked


def condition(cluster: Cluster, record: Parked | None) -> str:
    """``parked``: a record exists and no group has a node. ``partly``: some groups lack their nodes. Otherwise ``awake``."""
    if record is None:
        return "awake"
    counts = {group.name: group.count for group in cluster.groups}
    if not any(counts.values()):
        return "parked"
    missing = any(group.count and not counts.get(group.name, group.count) for group in record.groups)
    return "partly" if missing else "awake"


def lacks_bounds(cluster: Cluster, record: Parked) -> bool:
    """Whether a group has a lower bound below that of the record: parking lowers it first, and waking raises it last."""
    lows = {group.name: group.min_count for group in cluster.groups}
    return any(lows.get(group.name, group.low) < group.low for group in record.groups)


def record_of(cluster: Cluster, now: int, before: Parked | None = None) -> Parked:
    """The record of a cluster that is to be parked.

    :param before: that of an earlier attempt, which may have lowered the bounds already: where the counts are still the same, it
        knows the bounds that the groups had.
    """
    counts = {group.name: group.count for group in cluster.groups}
    if before is not None and {group.name: group.count for group in before.groups} == counts:
        return Parked(cluster.id, cluster.name, now, before.groups)
    groups = (ParkedGroup(group.name, group.count, group.min_count, group.max_count) for group in cluster.groups)
    return Parked(cluster.id, cluster.name, now, tuple(sorted(groups)))


# --- out


def without_nodes(cluster: Cluster) -> list[Plain]:
    """The node groups of a cluster that is parked, as they are declared: those that have nodes, or must have some."""
    return [
        {"name": group.name, "node_count": 0, "min_node_count": 0}
        for group in cluster.groups
        if group.count or group.min_count
    ]


def with_nodes(cluster: Cluster, record: Parked) -> list[Plain]:
    """The node groups of a cluster that wakes, as they are declared: exactly what they had. One that is gone stays so.

    A wake only adds nodes: of a group that has more than it had, at most the lower bound is restored.
    """
    present = {group.name: group for group in cluster.groups}
    declared = []
    for group in record.groups:
        now = present.get(group.name)
        if now is None:
            continue
        if now.count <= group.count:
            declared.append(plain_group(group))
        elif now.min_count < group.low:
            declared.append({"name": group.name, "min_node_count": group.low})
    return declared


def plain_group(group: ParkedGroup) -> Plain:
    """One group for ``magnum_cluster``. Parking leaves the upper bound as it is, so none has to be restored where there was none."""
    bounds = {"min_node_count": group.low, **({} if group.high is None else {"max_node_count": group.high})}
    return {"name": group.name, "node_count": group.count, **bounds}


def plain_records(records: Iterable[Parked]) -> list[Plain]:
    """Records for the next run."""
    return [
        {
            "cluster": record.name,
            "cluster_id": record.id,
            "parked_at": record.at,
            "node_groups": [plain_group(group) for group in record.groups],
        }
        for record in records
    ]
