# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of the clusters that metrics are asked for: what is read of the cloud, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.information import read_inventory
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum import cases
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import Entry, scripted_cloud

pytest.importorskip("magnumclient")
# The SDK warns of itself
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")
MASTER, WORKER = cases.group("default-master", node_count=1), cases.group()
SERVERS = r"/nova/v2.1/servers/detail.*"


def server(number: int, name: str, address: str) -> dict[str, Any]:
    return {"id": f"5000000{number}", "name": name, "addresses": {"net": [{"addr": address, "version": 4}]}}


def inventory(*script: Entry, names: list[str] | None = None) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """The ids of the nodes by group, of all clusters together; and the names that are known."""
    with scripted_cloud(script, services={"network": "/neutron"}) as cloud:
        found = read_inventory(connect({"auth": cloud.auth()}), None, names)
    nodes: dict[str, list[str]] = {}
    for node in found.nodes:
        nodes.setdefault(f"{node.cluster}/{node.group}", []).append(node.id)
    return nodes, found.every_cluster


def test_nodes_that_are_servers_need_no_group_by_itself() -> None:
    other = cases.cluster(uuid=cases.OTHER_ID, name="d", stack_id="kube-other")
    going = cases.cluster("DELETE_IN_PROGRESS", uuid=cases.STACK_ID, name="e")
    servers = [
        server(1, "kube-abcde-default-worker-a", "10.0.0.5"),
        server(2, "kube-abcde-default-worker-b", "10.0.0.6"),
        server(3, "kube-abcde-x7", "10.0.0.2"),
        server(4, "kube-other-default-worker-a", "10.0.0.5"),
        server(5, "bastion", "10.0.0.9"),
    ]
    nodes, known = inventory(
        ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster(), other, going]}),
        ("GET", cases.GROUPS, 200, cases.listed(MASTER, WORKER)),
        ("GET", rf"/clusters/{cases.OTHER_ID}/nodegroups/\?.*", 200, cases.listed({**WORKER, "node_count": 1})),
        # Once for all clusters
        ("GET", SERVERS, 200, {"servers": servers}),
        ("GET", r"/neutron/v2.0/floatingips.*", 200, {"floatingips": []}),
    )
    assert nodes == {
        "c/default-master": ["50000003"],
        "c/default-worker": ["50000001", "50000002"],
        "d/default-worker": ["50000004"],
    }
    assert set(known) == {"c", "d", "e", cases.CLUSTER_ID, cases.OTHER_ID, cases.STACK_ID}


@pytest.mark.parametrize("chosen", ["c", cases.CLUSTER_ID])
def test_where_no_server_is_seen_addresses_stand_for_the_nodes(chosen: str) -> None:
    nodes, _known = inventory(
        ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster(), cases.cluster(uuid=cases.OTHER_ID, name="d")]}),
        ("GET", cases.GROUPS, 200, cases.listed(MASTER, WORKER, cases.group("empty", node_count=0))),
        ("GET", SERVERS, 200, {"servers": []}),
        (
            "GET",
            f"{cases.ONE}/nodegroups/id-default-worker",
            200,
            {**WORKER, "node_addresses": ["10.0.0.6", "10.0.0.5"]},
        ),
        # One that went meanwhile has no nodes that anybody knows
        ("GET", f"{cases.ONE}/nodegroups/id-default-master", *cases.error(404, "Nodegroup could not be found.")),
        names=[chosen],
    )
    assert nodes == {"c/default-worker": ["10.0.0.6", "10.0.0.5"]}
