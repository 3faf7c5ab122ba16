# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters to look at: which of them, how much of each, and why those that are not well are so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.cluster_progress import standing_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.diagnose import diagnosis
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    Status,
    normal_label,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import cluster_state
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import has_status, is_chosen, is_like

if TYPE_CHECKING:
    from openstack.connection import Connection

# How much of the node groups is read: nothing, one list a cluster, or one request a group beside it.
NONE, SUMMARY, DETAILS = DEPTHS = ("none", "summary", "details")


@dataclass(frozen=True)
class Selection:
    """Which clusters: those that fit all that is given.

    :param name: name or id of one cluster.
    :param names: names, patterns of names, or ids; None for all.
    :param statuses: whole, or by action or end, as ``has_status`` takes them.
    :param labels: a cluster has all of these, with these values or values like these patterns.
    """

    name: str | None = None
    names: Sequence[str] | None = None
    statuses: Sequence[str] = ()
    labels: Mapping[str, object] = field(default_factory=dict)

    def holds(self, cluster: Cluster) -> bool:
        """Whether a cluster is one of those, ``name`` aside: the API looks that up."""
        return (
            (self.names is None or is_chosen(cluster.name, cluster.id, self.names))
            and has_status(cluster.status or "", self.statuses)
            and all(
                key in cluster.labels and is_like(normal_label(cluster.labels[key]), [normal_label(value)])
                for key, value in self.labels.items()
            )
        )


def read_clusters(
    connection: Connection,
    api_version: str | None,
    selection: Selection,
    depth: str | None = None,
    *,
    diagnose: bool = False,
) -> list[dict[str, Any]]:
    """Clusters with their node groups, for information, by name.

    :param depth: one of ``DEPTHS``; None is ``details`` for one cluster and ``summary`` for a list.
    :param diagnose: also say why those that are not well are so (``failure``), and where those in progress stand
        (``activity``); both None for the others. It needs a summary of the groups at least.
    :raises KcloudError: Magnum cannot be read, or several clusters have the name.
    """
    api = MagnumReader(connection, api_version)
    if selection.name is None:
        found = api.clusters()
    else:
        one = api.cluster(selection.name)
        found = [] if one is None else [one]
    chosen = [cluster for cluster in found if selection.holds(cluster)]
    depth = depth or (SUMMARY if selection.name is None else DETAILS)
    if depth == NONE and not diagnose:
        return [{**cluster.as_result(), "node_groups": None, "state_digest": None} for cluster in chosen]
    whole = api.all_with_groups(chosen) if depth == DETAILS else api.all_with_listed_groups(chosen)
    if not diagnose:
        return [with_state(cluster) for cluster in whole]
    single = selection.name is not None
    return [{**with_state(cluster), **_diagnosed(connection, api, cluster, single=single)} for cluster in whole]


def with_state(cluster: Cluster) -> dict[str, Any]:
    """A cluster with its node groups, as an information module returns it."""
    return {**cluster.as_result(), "state_digest": cluster_state(cluster)}


def _diagnosed(connection: Connection, api: MagnumReader, cluster: Cluster, *, single: bool) -> dict[str, Any]:
    """What else is known of a cluster that is not well, or is in progress.

    :param single: it was read by itself, and not in a list.
    """
    if Status.failed(cluster.status) and not single:
        # A list does not tell faults.
        read = api.cluster(cluster.id)
        cluster = cluster if read is None else replace(read, node_groups=cluster.node_groups)
    activity = str(standing_of(connection, api, cluster)) or None
    found = diagnosis(connection, api, _with_reasons(api, cluster), datetime.now(UTC))
    return {"faults": dict(cluster.faults), "activity": activity, "failure": None if found is None else found.failure()}


def _with_reasons(api: MagnumReader, cluster: Cluster) -> Cluster:
    """The cluster with the failed ones of its node groups in detail: a list does not tell their reasons."""
    failed = [group for group in cluster.node_groups if Status.failed(group.status) and not group.detailed]
    known = api.in_detail((cluster, group) for group in failed)
    return replace(cluster, node_groups=tuple(known.get(group.id, group) for group in cluster.node_groups))
