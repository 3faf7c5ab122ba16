# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers are the nodes of which group, with a Heat stack and without; the real ones are in the integration targets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.nodes import (
    SERVER,
    project_servers,
    read_nodes,
    stack_servers,
)

pytest.importorskip("keystoneauth1")


def server(identity: str, name: str, address: str = "10.0.0.1") -> SimpleNamespace:
    return SimpleNamespace(id=identity, name=name, addresses={"net": [{"addr": address}]})


def a_cloud(*servers: SimpleNamespace, floating: dict[str, str] | None = None) -> Any:
    """As much of a connection as is asked for: Nova by a regular expression of names, Neutron's floating addresses."""
    asked: list[str | None] = []
    ips = [SimpleNamespace(floating_ip_address=ip, port_details={"device_id": d}) for ip, d in (floating or {}).items()]
    ips.append(SimpleNamespace(floating_ip_address="172.24.9.9", port_details=None))

    def list_servers(name: str | None = None) -> list[SimpleNamespace]:
        asked.append(name)
        return list(servers)

    return SimpleNamespace(
        compute=SimpleNamespace(servers=list_servers), network=SimpleNamespace(ips=lambda: ips), asked=asked
    )


def a_cluster(*groups: NodeGroup, stack_id: str | None = "kube-abcde") -> Cluster:
    return Cluster("id", "c", stack_id=stack_id, node_groups=(NodeGroup("m", "default-master", role="master"), *groups))


def test_servers_of_a_cluster_api_driver_are_grouped_by_their_names() -> None:
    """The longest group's name counts; who bears none is of the control plane."""
    cloud = a_cloud(
        server("1", "kube-abcde-gpu-x7-aaaaa"),
        server("2", "kube-abcde-gpu-large-x7-aaaaa", "10.0.0.2"),
        server("3", "kube-abcde-x7aaa", "10.0.0.3"),
        floating={"172.24.0.1": "1"},
    )
    found = read_nodes(cloud, a_cluster(NodeGroup("g", "gpu"), NodeGroup("l", "gpu-large")))
    assert cloud.asked == ["^kube\\-abcde-"]
    assert {name: [node.id for node in nodes] for name, nodes in found.items()} == {
        "default-master": ["3"],
        "gpu": ["1"],
        "gpu-large": ["2"],
    }
    assert found["gpu"][0].names == {"1", "kube-abcde-gpu-x7-aaaaa", "10.0.0.1", "172.24.0.1"}


def test_servers_that_are_known_are_not_asked_for_again() -> None:
    """Those of other clusters are among them, also of one whose name goes on."""
    cloud = a_cloud(
        server("1", "kube-abcde-gpu-x7"), server("2", "kube-abcde-2-gpu-x7"), server("3", "kube-abcdef-gpu-x7")
    )
    servers = project_servers(cloud)
    for _cluster in range(2):
        found = read_nodes(cloud, a_cluster(NodeGroup("g", "gpu")), servers)
    assert [node.id for node in found["gpu"]] == ["1"]
    assert "3" not in {node.id for nodes in found.values() for node in nodes}
    assert cloud.asked == [None]


def test_where_no_server_is_seen_addresses_stand_for_the_nodes() -> None:
    """By them the driver is asked, too."""
    found = read_nodes(a_cloud(), a_cluster(NodeGroup("g", "gpu", node_addresses=("10.1.0.2", "10.1.0.1"))))
    assert [node.id for node in found["gpu"]] == ["10.1.0.1", "10.1.0.2"]
    assert found["default-master"] == ()


def test_servers_of_a_stack_are_grouped_by_what_holds_them() -> None:
    """The two default groups share a stack: workers and masters lie in nested stacks of their own."""
    resources = [
        Resource("kube_masters", "OS::Heat::ResourceGroup", stack_id="root", nested_id="masters"),
        Resource("0", "file:///kubemaster.yaml", stack_id="masters", nested_id="master-0"),
        Resource("kube-master", SERVER, physical_id="s-m", stack_id="master-0"),
        Resource("kube_minions", "OS::Heat::ResourceGroup", stack_id="root", nested_id="minions"),
        Resource("1", "file:///kubeminion.yaml", stack_id="minions", nested_id="minion-1"),
        Resource("kube-minion", SERVER, physical_id="s-w", stack_id="minion-1"),
        Resource("kube-minion", SERVER, physical_id=None, stack_id="minion-1"),
        Resource("kube_minion_eth0", "OS::Neutron::Port", physical_id="p", stack_id="minion-1"),
    ]
    assert stack_servers(resources) == [("s-m", True), ("s-w", False)]
