# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which workload runs on which node, and what is in doubt."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Fleet, Node
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.standing import (
    Plain,
    farm,
    fleet,
    nodes,
    pool,
    stands,
)


def read(*clusters: Plain, placements: list[Plain] | None = None, **options: Any) -> Fleet:
    return read_standing(fleet(*clusters), placements=placements, **options)[0]


def nodes_of(found: Fleet) -> dict[str, Node]:
    return {node.name: node for entry in found.clusters for group in entry.groups for node in group.nodes}


def test_a_placement_takes_its_nodes_room() -> None:
    found = nodes_of(read(farm(), placements=[stands("w", "d2", cpu=3, memory_gb=2)]))
    assert found["d2"].room.cpu_m == 1000 and found["d2"].room.mem_mib == 6144
    assert [pod.workload for pod in found["d2"].pods] == ["w"]
    assert found["d1"].room.cpu_m == 4000
    assert all(node.known for node in found.values())


def test_without_placements_every_node_is_in_doubt_and_takes_nobody() -> None:
    found = nodes_of(read(farm(), placements=None))
    assert not any(node.known for node in found.values())
    assert {node.room.cpu_m for node in found.values()} == {0}


def test_a_workload_without_a_node_leaves_its_group_in_doubt_only() -> None:
    groups = [pool(2), pool(2, "cpu.large", "other")]
    found = read(farm("a", *groups), placements=[stands("w", cpu=10)])
    known = {node.name: node.known for node in nodes_of(found).values()}
    assert known == {"d1": True, "d2": True, "o1": False, "o2": False}
    assert found.notes == ("'placements' does not say on which node of a workload w runs",)


def test_where_a_group_has_one_node_that_is_it() -> None:
    found = nodes_of(read(farm("a", pool(1)), placements=[stands("w")]))
    assert found["d1"].known and found["d1"].pods


def test_a_node_that_is_not_there_leaves_the_cluster_in_doubt() -> None:
    found = read(farm(), placements=[stands("w", "elsewhere")])
    assert not any(node.known for node in nodes_of(found).values())


def test_what_does_not_fit_is_in_doubt() -> None:
    assert not nodes_of(read(farm(), placements=[stands("w", "d1", cpu=3), stands("v", "d1", cpu=3)]))["d1"].known


def test_a_measured_node_is_believed_but_not_beyond_what_explains_it() -> None:
    taken = {"free": {"cpu_m": 40_000, "mem_mib": 200_000}, "devices": [1000, 1000, 0, 0]}
    entry = pool(1, "gpu.a100.xlarge", nodes=[{"id": "x", **taken}])
    empty = nodes_of(read(farm("a", entry), placements=[]))["x"]
    assert not empty.known and empty.room.devices == ((1000, 1000, 0, 0),)
    explained = nodes_of(read(farm("a", entry), placements=[stands("w", "x", gpu_count=2)]))["x"]
    assert explained.known
    # Daemons take CPU on an empty node; that it is not busy, it says itself
    idle = pool(1, nodes=[{"id": "x", "free": {"cpu_m": 3500, "mem_mib": 7000}, "busy": False}])
    assert nodes_of(read(farm("a", idle), placements=[]))["x"].known


def test_addresses_are_names_where_the_cloud_says_no_more() -> None:
    entry = pool(2, nodes=None, node_addresses=["10.0.0.5", "10.0.0.4"])
    found = nodes_of(read(farm("a", entry), placements=[]))
    assert {name: node.id for name, node in found.items()} == {"10.0.0.4": "10.0.0.4", "10.0.0.5": "10.0.0.5"}


def test_nodes_without_any_name_have_no_id() -> None:
    found = nodes_of(read(farm("a", pool(2, nodes=None)), placements=[]))
    assert {name: node.id for name, node in found.items()} == {"node 1": "", "node 2": ""}


def test_isolated_nodes_take_nobody() -> None:
    found = nodes_of(read(farm(), placements=[stands("w", "d1", isolation="node")]))
    assert found["d1"].room.cpu_m == 0


def test_measurements_may_stand_beside_the_nodes() -> None:
    entry = pool(2, nodes=[{"id": "x", "name": "one"}, {"id": "y"}])
    measured = [
        {"cluster": "a", "node": "one", "utilization": 0.25},
        {"cluster": "a", "node": "y", "utilization": None},
    ]
    found = nodes_of(read(farm("a", entry), placements=[], utilization=measured))
    assert found["one"].load == 250 and found["y"].load is None


def test_protected_and_pinned() -> None:
    entry = pool(2, nodes=[{"id": "x", "protected": True}, {"id": "y", "labels": {"do-not-disrupt": "true"}}])
    placements = [stands("w", "x", labels={"do_not_disrupt": "true"})]
    found = nodes_of(read(farm("a", entry), placements=placements))
    assert found["x"].locks == ("protected",) and found["y"].locks == ("do-not-disrupt",)
    assert found["x"].pods[0].pinned


@pytest.mark.parametrize(
    ("entry", "options", "path"),
    [
        ({"id": "x", "utilization": 12}, {}, "node group default-worker: nodes[0].utilization"),
        ({"id": "x"}, {"utilization": [{"cluster": "a", "load": 1}]}, "utilization[0].load"),
    ],
)
def test_wrong_values_are_named(entry: Plain, options: Plain, path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read(farm("a", pool(1, nodes=[entry])), placements=[], **options)
    assert error.value.resource == path


def test_the_control_plane_is_counted() -> None:
    found = read(farm("a", master_count=3), placements=[])
    assert found.clusters[0].masters is not None and found.clusters[0].masters[1] == 3
    assert nodes(1) == [{"id": "n1", "utilization": 0}]
