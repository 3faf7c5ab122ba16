# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes of a cluster's groups: server id, name and addresses, by which a user may say which are to go.

Magnum itself shows only addresses, and these repeat: each cluster has a network of its own. So the servers are found by
what made them: the resources of the cluster's Heat stacks, or, with the Cluster-API drivers, the names that begin with
the cluster's and the group's. Where there are no such servers the addresses that Magnum shows stand for the nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Node, NodeGroup

if TYPE_CHECKING:
    from openstack.connection import Connection

SERVER = "OS::Nova::Server"
# The resource of Magnum's Heat templates that holds the control plane; the other such group holds the workers.
MASTERS = "kube_masters"


def read_nodes(
    connection: Connection, cluster: Cluster, servers: Sequence[Node] | None = None
) -> dict[str, tuple[Node, ...]]:
    """Each group's nodes, by name or id.

    :param cluster: with its node groups; only in detail do they have the addresses that stand for servers that are not seen.
    :param servers: those of the project, for whoever asks about many clusters; None reads what this one needs.
    :raises KcloudError: Heat or Nova cannot be read.
    """
    if is_uuid(cluster.stack_id):
        found = _of_stacks(connection, cluster, servers)
    elif servers is None:
        found = _of_names(cluster, project_servers(connection, _prefix(cluster)))
    else:
        own = f"{_prefix(cluster)}-"
        found = _of_names(cluster, [server for server in servers if (server.name or "").startswith(own)])
    return {
        group.name: tuple(sorted(found.get(group.name) or of_addresses(group), key=lambda node: (node.label, node.id)))
        for group in cluster.node_groups
    }


def of_addresses(group: NodeGroup) -> list[Node]:
    """Nodes of which nothing but the address is known; the driver takes that for their name."""
    return [Node(address, None, (address,)) for address in group.node_addresses]


# --- with a Heat stack


def _of_stacks(connection: Connection, cluster: Cluster, servers: Sequence[Node] | None) -> dict[str, list[Node]]:
    heat = HeatReader(connection)
    held: dict[str, list[str]] = {}
    # The two default groups share the cluster's stack, an extra group has one of its own.
    for stack_id in dict.fromkeys(group.stack_id or cluster.stack_id for group in cluster.node_groups):
        resources = heat.resources(Stack(id=stack_id, name="", status=""), nested=True)
        sharing = [group for group in cluster.node_groups if (group.stack_id or cluster.stack_id) == stack_id]
        for server_id, is_master in stack_servers(resources):
            for group in sharing:
                if (group.role == "master") == is_master:
                    held.setdefault(group.name, []).append(server_id)
    if servers is None:
        servers = project_servers(connection) if held else ()
    known = {node.id: node for node in servers}
    return {name: [known.get(identity, Node(identity)) for identity in identities] for name, identities in held.items()}


def stack_servers(resources: Iterable[Resource]) -> list[tuple[str, bool]]:
    """The servers of a cluster's stack, and whether each is of the control plane."""
    resources = list(resources)
    parents = {resource.nested_id: resource for resource in resources if resource.nested_id}
    found = []
    for resource in resources:
        if resource.type == SERVER and resource.physical_id:
            outermost = resource
            while outermost.stack_id in parents:
                outermost = parents[outermost.stack_id]
            found.append((resource.physical_id, outermost.name == MASTERS))
    return found


# --- without one


def _of_names(cluster: Cluster, servers: Iterable[Node]) -> dict[str, list[Node]]:
    """Servers by the group whose name follows the cluster's in theirs; the control plane's bear none."""
    workers = sorted((group.name for group in cluster.node_groups if group.role != "master"), key=len, reverse=True)
    masters = [group.name for group in cluster.node_groups if group.role == "master"]
    found: dict[str, list[Node]] = {}
    for server in servers:
        rest = (server.name or "").removeprefix(f"{_prefix(cluster)}-")
        owner = next((name for name in workers if rest.startswith(f"{name}-")), masters[0] if masters else None)
        if owner is not None:
            found.setdefault(owner, []).append(server)
    return found


def _prefix(cluster: Cluster) -> str:
    return cluster.stack_id or cluster.name


def project_servers(connection: Connection, prefix: str | None = None) -> list[Node]:
    """The project's servers, with their floating addresses, which Nova learns late and these are what Magnum shows.

    :param prefix: of their names.
    """
    query = {} if prefix is None else {"name": f"^{re.escape(prefix)}-"}
    found = read(lambda: list(connection.compute.servers(**query)), "list servers", "servers") or []
    if not found:
        return []
    floating: dict[str, list[str]] = {}
    for address in read(lambda: list(connection.network.ips()), "list floating IPs", "floating_ips") or []:
        device = (address.port_details or {}).get("device_id")
        if device:
            floating.setdefault(device, []).append(address.floating_ip_address)
    return [Node(server.id, server.name, _addresses(server, floating.get(server.id, ()))) for server in found]


def _addresses(server: Any, floating: Iterable[str]) -> tuple[str, ...]:
    entries = [entry for network in (server.addresses or {}).values() for entry in network]
    return tuple(dict.fromkeys([*(entry["addr"] for entry in entries if entry.get("addr")), *floating]))
