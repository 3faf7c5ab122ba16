# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory of clusters asks a cloud: one list of clusters, and beside it only what its options ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect, require, side_by_side
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.flavors import flavors
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Status
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.nodes import (
    of_addresses,
    project_servers,
    read_nodes,
)
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_hosts import Filter, is_chosen

if TYPE_CHECKING:
    from openstack.connection import Connection

Plain = dict[str, Any]
Answer = TypeVar("Answer")

FLAVORS, NODE_GROUPS, NODE_GROUP_DETAILS = GATHERED = ("flavors", "node_groups", "node_group_details")
LIBRARIES = {"openstack": "openstacksdk", "magnumclient": "python-magnumclient"}


@dataclass(frozen=True)
class Question:
    """What to read.

    :param include: filters; a cluster that is not chosen is not looked at more closely.
    :param gather: of ``GATHERED``.
    :param servers: read the clusters' servers too.
    :param fail_on_errors: a detail that cannot be read fails; else it is None, and a problem says why.
    """

    include: tuple[Filter, ...] = ()
    exclude: tuple[Filter, ...] = ()
    gather: frozenset[str] = frozenset()
    servers: bool = False
    fail_on_errors: bool = True


def read_source(params: Mapping[str, Any], question: Question) -> tuple[Plain, list[str]]:
    """What the hosts are built from, and the problems met.

    :param params: auth options and ``api_version``.
    :returns: plain data, see ``inventory_hosts``, and a sentence for each detail that could not be read.
    :raises KcloudError: the cloud cannot be reached or its clusters cannot be listed; with ``fail_on_errors`` also for a detail.
    """
    require_libraries(question)
    connection = connect(dict(params))
    api = MagnumReader(connection, params.get("api_version"))
    chosen = [
        cluster for cluster in api.clusters() if is_chosen(cluster.as_result(), question.include, question.exclude)
    ]
    problems: list[str] = []

    def tried(call: Callable[[], Answer]) -> Answer | None:
        """The answer; None for a part that cannot be read and need not be."""
        try:
            return call()
        except KcloudError as error:
            if question.fail_on_errors:
                raise
            problems.append(error.sentence())
            return None

    offered = tried(lambda: flavors(connection)) if FLAVORS in question.gather else None
    project = tried(lambda: project_servers(connection)) if question.servers and chosen else None

    def whole(cluster: Cluster) -> Plain:
        return tried(lambda: _with_details(connection, api, cluster, project, question)) or _plain(cluster, None, None)

    return {"clusters": side_by_side(whole, chosen), "flavors": offered}, sorted(problems)


def require_libraries(question: Question) -> None:
    """The Python libraries that this needs.

    :raises KcloudError: one is missing.
    """
    needed = {**LIBRARIES, **({"heatclient": "python-heatclient"} if question.servers else {})}
    for name, package in needed.items():
        require("read the inventory", name, package)


def _with_details(
    connection: Connection, api: MagnumReader, cluster: Cluster, project: list[Any] | None, question: Question
) -> Plain:
    """A cluster with what was asked for beside its line in the list."""
    detailed = NODE_GROUP_DETAILS in question.gather
    if not (detailed or NODE_GROUPS in question.gather or question.servers):
        return _plain(cluster, None, None)
    # A cluster that is being deleted has no groups any more, or soon none
    listed = () if Status.going(cluster.status) else api.node_groups(cluster)
    if detailed:
        known = api.in_detail((cluster, group) for group in listed)
        listed = tuple(known[group.id] for group in listed if group.id in known)
    whole = with_changes(cluster, node_groups=tuple(sorted(listed, key=lambda group: group.name)))
    groups = [group.as_result() for group in whole.node_groups]
    return _plain(cluster, groups, _servers(connection, api, whole, project) if question.servers else None)


def _servers(connection: Connection, api: MagnumReader, cluster: Cluster, project: list[Any] | None) -> list[Plain]:
    """The servers of a cluster by node group; where Nova does not show them, the addresses that Magnum shows."""
    nodes = dict(read_nodes(connection, cluster, project))
    hidden = [group for group in cluster.node_groups if group.node_count and not nodes[group.name]]
    # Only a group that is read by itself has addresses
    known = api.in_detail((cluster, group) for group in hidden if not group.detailed)
    nodes |= {group.name: tuple(of_addresses(known.get(group.id, group))) for group in hidden}
    return [
        {"id": node.id, "name": node.name, "addresses": list(node.addresses), "group": name}
        for name, found in sorted(nodes.items())
        for node in found
    ]


def _plain(cluster: Cluster, groups: list[Plain] | None, servers: list[Plain] | None) -> Plain:
    return {**cluster.as_result(), "node_groups": groups, "servers": servers}
