# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The figures of a project's clusters: nodes from the cloud, series from the servers, and what both say together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import side_by_side
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.nodes import (
    of_addresses,
    project_servers,
    read_nodes,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import is_chosen
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.attribution import Directory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.figures import (
    OF_WORKERS,
    Kubernetes,
    NodeFigures,
    kubernetes_of,
    measured,
    node_figures,
    shown_figures,
    together,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode, Reading, Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.placements import placements_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.series import series_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import Source, read_all

if TYPE_CHECKING:
    from openstack.connection import Connection

Plain = dict[str, Any]
# From here on a cluster's nodes go one by one
GOING = "DELETE_"
MASTER = "master"


@dataclass(frozen=True)
class Inventory:
    """The clusters that were asked for with their nodes by group, and the names and ids of all clusters of the project."""

    clusters: tuple[tuple[Cluster, Mapping[str, tuple[ClusterNode, ...]]], ...]
    every_cluster: tuple[str, ...]

    @property
    def nodes(self) -> list[ClusterNode]:
        return [node for _cluster, groups in self.clusters for nodes in groups.values() for node in nodes]


def read_inventory(connection: Connection, api_version: str | None, names: Collection[str] | None) -> Inventory:
    """The clusters with these names or ids, or like these patterns, and their nodes; without those that are being deleted.

    :raises KcloudError: Magnum, Heat or Nova cannot be read.
    """
    api = MagnumReader(connection, api_version)
    listed = api.clusters()
    chosen = [
        cluster
        for cluster in listed
        if (names is None or is_chosen(cluster.name, cluster.id, names))
        and not (cluster.status or "").startswith(GOING)
    ]
    whole = api.all_with_listed_groups(chosen)
    servers = project_servers(connection) if whole else ()
    found = side_by_side(lambda cluster: read_nodes(connection, cluster, servers), whole)
    pairs = list(zip(whole, found, strict=True))
    # What no server shows has only addresses, and these only a group that is read by itself
    serverless = [
        (cluster, group)
        for cluster, nodes in pairs
        for group in cluster.node_groups
        if group.node_count and not nodes[group.name]
    ]
    detailed = api.in_detail(serverless)
    clusters = []
    for cluster, nodes in pairs:
        groups = {}
        for group in cluster.node_groups:
            own = nodes[group.name] or of_addresses(detailed.get(group.id, group))
            groups[group.name] = tuple(
                ClusterNode(cluster.id, cluster.name, group.name, node.id, node.label, node.addresses, group.role)
                for node in own
            )
        clusters.append((cluster, groups))
    return Inventory(tuple(clusters), tuple(key for cluster in listed for key in (cluster.name, cluster.id)))


def metrics(inventory: Inventory, sources: Iterable[Source], window: Window, *, with_series: bool = False) -> Plain:
    """What the module answers.

    :param with_series: each cluster has its utilisation and power over time, too.
    :raises KcloudError: no source could be read; the first one's failure.
    """
    readings, read = read_all(sources, window)
    errors = [error for _source, _count, error in read if error is not None]
    if len(errors) == len(read):
        raise errors[0]
    found = answer(inventory, readings, window, with_series=with_series)
    return {**found, "servers": [_server(*entry) for entry in read]}


def _server(source: Source, count: int, error: KcloudError | None) -> Plain:
    failure = None if error is None else error.failure()
    return {"name": source.name, "url": source.url, "metrics": count, "failure": failure}


def answer(inventory: Inventory, readings: Sequence[Reading], window: Window, *, with_series: bool = False) -> Plain:
    """All figures, placements and gaps, from what was read."""
    directory = Directory(inventory.nodes, readings, inventory.every_cluster)
    known, strangers, gaps = measured(readings, directory)
    kube = kubernetes_of(readings, directory)
    workers = {node: entry.server for node, entry in kube.items() if node.role != MASTER}
    placements, unsaid = placements_of(readings, directory, workers)
    clusters = []
    for cluster, groups in inventory.clusters:
        figures = {
            name: [node_figures(node, known.get(node, {}), kube.get(node), window) for node in nodes]
            for name, nodes in groups.items()
        }
        placed = placed_on(cluster, groups, placements)
        parts = [part for nodes in figures.values() for part in nodes]
        workers = [part for part in parts if part.node.role != MASTER]
        series = {"series": series_of(workers, parts, known, window)} if with_series else {}
        clusters.append({**_cluster(cluster, figures, window), **series, "placements": placed})
        gaps += _gaps(cluster, figures, kube, placed)
    every = [entry["placements"] for entry in clusters]
    return {
        "clusters": clusters,
        # A cluster that is missing from the list would look empty to whoever decides by it
        "placements": None if None in every else [entry for entries in every for entry in entries],
        "unattributed": strangers,
        "gaps": gaps + unsaid,
        "window": {"begin": window.end - window.seconds, "end": window.end, "step": window.step},
    }


def _cluster(cluster: Cluster, figures: Mapping[str, list[NodeFigures]], window: Window) -> Plain:
    groups = cluster.node_groups
    everything = together([part for parts in figures.values() for part in parts], _count(groups), window)
    working = [group for group in groups if group.role != MASTER]
    rooms = together([part for group in working for part in figures[group.name]], _count(working), window)
    kinds = {kind: rooms[kind] if kind in OF_WORKERS else everything[kind] for kind in everything}
    return {
        "id": cluster.id,
        "name": cluster.name,
        "status": cluster.status,
        **shown_figures(kinds),
        "node_groups": [
            {
                "name": group.name,
                "role": group.role,
                "node_count": group.node_count,
                **shown_figures(together(figures[group.name], group.node_count, window)),
                "nodes": [part.as_result() for part in figures[group.name]],
            }
            for group in groups
        ],
    }


def _count(groups: Iterable[NodeGroup]) -> int:
    return sum(group.node_count for group in groups)


def placed_on(
    cluster: Cluster, groups: Mapping[str, tuple[ClusterNode, ...]], placements: Mapping[ClusterNode, list[Plain]]
) -> list[Plain] | None:
    """What runs on the cluster's workers; none unless every one of them is known."""
    found: list[Plain] = []
    for group in cluster.node_groups:
        nodes = groups[group.name]
        if group.role == MASTER:
            continue
        if len(nodes) < group.node_count or any(node not in placements for node in nodes):
            return None
        found += [entry for node in nodes for entry in placements[node]]
    return found


def _gaps(
    cluster: Cluster,
    figures: Mapping[str, list[NodeFigures]],
    kube: Mapping[ClusterNode, Kubernetes],
    placed: list[Plain] | None,
) -> list[Plain]:
    """What is not known of a cluster, in words."""
    found: list[tuple[str | None, str]] = []
    for group in cluster.node_groups:
        nodes = figures[group.name]
        if len(nodes) < group.node_count:
            found.append(
                (None, f"{group.node_count - len(nodes)} of {group.node_count} nodes of {group.name} are unknown")
            )
        for part in nodes:
            unknown = [
                f"{kind} of {name}"
                for kind in ("utilization", "power")
                for name, figure in getattr(part, kind).items()
                if figure.value is None and name != "total"
            ]
            if part.node not in kube:
                unknown.append("what runs on it")
            if unknown:
                found.append((part.node.name, f"unknown: {', '.join(unknown)}"))
    if placed is None:
        found.append((None, "placements are unknown, as kube-state-metrics does not show every worker"))
    return [{"cluster": cluster.name, "node": node, "server": None, "reason": reason} for node, reason in found]
