# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain dictionaries -> fleet: types of clusters, flavors by id, limits, standing workloads, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster as Magnum
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    ClusterTemplate,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Cluster, Group, Room
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    TYPES,
    Plain,
    answered,
    cluster,
    group,
    request,
)

SMALL = {"name": "small", "cpu_cores": 2, "memory_gb": 4}


def only(*clusters: Plain, **more: Any) -> Cluster:
    (found,) = request(SMALL, *clusters, **more).fleet.clusters
    return found


def first(*clusters: Plain, **more: Any) -> Group:
    return only(*clusters, **more).groups[0]


@pytest.mark.parametrize(
    ("flavors", "labels", "template_labels", "type_name"),
    [
        (["gpu.a100.large"], {}, {}, "gpu-intensive"),
        (["npu.atom.large"], {}, {}, "npu-optimized"),
        (["gpu.a100.large", "npu.atom.large"], {}, {}, "hybrid-balanced"),
        (["cpu.large"], {}, {}, "cpu-only"),
        (["cpu.large"], {}, {"kcloud_type": "npu_optimized"}, "npu-optimized"),
        (["cpu.large"], {"kcloud_type": "gpu-intensive"}, {"kcloud_type": "npu-optimized"}, "gpu-intensive"),
    ],
)
def test_type_of_a_cluster(flavors: list[str], labels: Plain, template_labels: Plain, type_name: str) -> None:
    groups = [group(name, name=f"g{index}") for index, name in enumerate(flavors)]
    templates = [{"id": "t1", "name": "one", "labels": template_labels}]
    there = cluster("a", *groups, labels=labels, cluster_template_id="t1")
    found = only(there, templates=templates)
    assert (found.type, found.template) == (type_name, "one")


def test_flavors_are_known_by_name_and_by_id() -> None:
    assert first(cluster("a", group("id-cpu.large"))).flavor.name == "cpu.large"
    assert first(cluster("a", {"name": "g", "flavor_id": "cpu.large", "node_count": 1})).flavor.name == "cpu.large"


def test_an_unknown_flavor_holds_nothing_and_is_reported() -> None:
    found = answered(SMALL, cluster("a", group("gone")))
    assert "a/default-worker: flavor gone is unknown; its nodes count as holding nothing" in found["assumptions"]
    assert [entry["feasible"] for entry in found["ranking"] if entry["cluster"] == "a"] == [False, False]


def test_a_cluster_without_groups_in_the_data_has_its_default_worker() -> None:
    there = {"id": "1", "name": "a", "flavor_id": "cpu.large", "node_count": 2, "status": "CREATE_COMPLETE"}
    found = first(there)
    assert (found.name, found.flavor.name, found.count) == ("default-worker", "cpu.large", 2)


def test_facts_may_hold_keys_that_nobody_reads() -> None:
    assert only({**cluster("a"), "uuid": "x", "created_at": None, "faults": {}}).name == "a"


def test_what_the_info_modules_return_is_a_fleet() -> None:
    """The lists of magnum_cluster_info and magnum_cluster_template_info may be passed on as they are."""
    worker = {"uuid": "g1", "name": "default-worker", "flavor_id": "cpu.large", "node_count": 2, "max_node_count": 3}
    master = {"uuid": "g2", "name": "default-master", "role": "master", "flavor_id": "cpu.medium", "node_count": 1}
    groups = [NodeGroup.from_api(entry, detailed=True) for entry in (worker, master)]
    answer = {"uuid": "c1", "name": "a", "status": "CREATE_COMPLETE", "cluster_template_id": "t1", "labels": {"x": "1"}}
    template = ClusterTemplate.from_api({"uuid": "t1", "name": "one", "flavor_id": "cpu.large", "hidden": False})
    found = only(Magnum.from_api(answer, groups).as_result(), templates=[template.as_result()])
    assert (found.id, found.name, found.type, found.template) == ("c1", "a", "cpu-only", "one")
    assert [(entry.name, entry.count, entry.max_count) for entry in found.groups] == [("default-worker", 2, 3)]
    summary = [NodeGroup.from_api(worker, detailed=False), NodeGroup.from_api(master, detailed=False)]
    read = read_request({"cpu_cores": 1}, {"clusters": [Magnum.from_api(answer, summary).as_result()]}).fleet
    assert [(entry.count, entry.min_count, entry.max_count) for entry in read.clusters[0].groups] == [(2, 0, None)]
    assert "a/default-worker: its bounds were not read; any number of nodes counts as allowed" in read.notes


def test_measured_nodes() -> None:
    nodes = [
        {"name": "n1", "free": {"cpu_m": 1000, "mem_mib": 2048}, "devices": [0, 1000, 500]},
        {"name": "n2", "ready": False},
        {"name": "n3", "free": {"cpu_m": 10**9, "mem_mib": 10**9}, "devices": [1000] * 4},
        {"name": "n4"},
    ]
    found = first(cluster("a", group("gpu.a100.xlarge", 4, nodes=nodes)))
    assert found.measured
    assert found.rooms == (
        (Room(0, 0, ((0, 0, 0, 0),), True), 1),
        (Room(1000, 2048, ((1000, 500, 0, 0),), True), 1),
        (Room(48_000, 256 * 1024, ((1000,) * 4,), False), 1),
    )


def test_a_busy_node_may_be_said_to_be_empty() -> None:
    """System pods take a little of every node; nobody stands there all the same."""
    nodes = [{"free": {"cpu_m": 15_500, "mem_mib": 60_000}, "busy": False}]
    assert not first(cluster("a", group("cpu.large", nodes=nodes))).rooms[0][0].busy


def test_standing_workloads_are_packed() -> None:
    placements = [
        {"workload": "w1", "cluster": "a", "cpu_cores": 6, "memory_gb": 1, "replicas": 3},
        {"name": "w2", "cluster": "uuid-a", "node_group": "default-worker", "cpu_cores": 10, "memory_gb": 1},
    ]
    found = first(cluster("a", group("cpu.large", 3)), placements=placements)
    assert found.rooms == (
        (Room(0, 62 * 1024, (), True), 1),
        (Room(4000, 62 * 1024, (), True), 1),
        (Room(16_000, 64 * 1024, (), False), 1),
    )


def test_the_largest_are_packed_first_whatever_the_order() -> None:
    """In the order given, the two small ones would share a node and four would need three."""
    cores = [6, 6, 10, 10]
    placements = [{"workload": f"w{i}", "cluster": "a", "cpu_cores": size} for i, size in enumerate(cores)]
    for order in (placements, placements[::-1]):
        found = first(cluster("a", group("cpu.large", 2)), placements=order)
        assert found.rooms == ((Room(0, 64 * 1024, (), True), 2),)


def test_a_standing_workload_finds_its_group() -> None:
    there = cluster("a", group("cpu.large", name="a-cpu"), group("gpu.a100.large", name="b-gpu"))
    found = only(there, placements=[{"workload": "w", "cluster": "a", "gpu_count": 1, "cpu_cores": 1}])
    assert [entry.rooms[0][0].busy for entry in found.groups] == [False, True]
    assert [tenant.workload for tenant in found.tenants] == ["w"]


def test_a_standing_workload_with_two_kinds_takes_room_in_both_groups() -> None:
    there = cluster("a", group("gpu.a100.large", name="gpu"), group("npu.rngd.large", name="npu"))
    found = only(there, placements=[{"workload": "w", "cluster": "a", "gpu_count": 1, "npu_count": 1}])
    assert [entry.rooms[0][0].devices for entry in found.groups] == [((0,),), ((0,),)]


@pytest.mark.parametrize(
    ("placement", "words"),
    [
        ({"workload": "w", "cluster": "gone", "cpu_cores": 1}, "stands in gone, which is not in the fleet"),
        ({"workload": "w", "cluster": "a", "gpu_count": 1}, "fits no node group of a"),
        ({"workload": "w", "cluster": "a", "cpu_cores": 9, "replicas": 2}, "counts as full"),
    ],
)
def test_placements_that_contradict_the_fleet_are_reported(placement: Plain, words: str) -> None:
    found = answered(SMALL, cluster("a", group("cpu.large")), placements=[placement])
    assert any(words in line for line in found["assumptions"])


def test_an_overfull_group_has_no_room() -> None:
    placements = [{"workload": "w", "cluster": "a", "cpu_cores": 9, "replicas": 2}]
    found = answered(SMALL, cluster("a", group("cpu.large")), placements=placements)
    assert found["decision"]["action"] != "use"


def test_limits() -> None:
    quota = {
        "clusters": {"limit": 20, "used": 3, "left": 17},
        "cores": {"limit": -1, "used": 5},
        "instances": {"limit": None},
        "ports": {"limit": 1, "used": 1},
    }
    fleet = request(SMALL, quota=quota, accelerators_free={"CUSTOM_GPU_A100": 4}).fleet
    assert [(entry.resource, entry.limit, entry.used) for entry in fleet.quotas] == [("clusters", 20, 3)]
    assert fleet.free == (("CUSTOM_GPU_A100", 4),)


def test_options_may_lie_in_the_fleet_and_the_options_win() -> None:
    fleet = {"flavors": FLAVORS, "cluster_types": TYPES, "prices": {"flavors": {"cpu.large": 1}}, "placements": []}
    found = read_request(SMALL, fleet, prices={"flavors": {"cpu.large": 2}})
    assert [entry.name for entry in found.fleet.types] == sorted(TYPES)
    assert {entry.price for entry in found.fleet.flavors if entry.name == "cpu.large"} == {2_000_000}


def test_free_accelerators_that_nobody_counted_are_reported() -> None:
    reported = "how many accelerators the cloud has free is not known: a new node may find none"
    assert any(line.startswith(reported) for line in answered(SMALL)["assumptions"])
    free = {"CUSTOM_GPU_A100": 4, "CUSTOM_NPU_RNGD": 0, "CUSTOM_NPU_ATOM": 1}
    assert not any(line.startswith(reported) for line in answered(SMALL, accelerators_free=free)["assumptions"])


def test_the_kind_none_is_no_accelerator() -> None:
    types = {"plain": {"node_groups": [{"name": "g", "accelerator": {"kind": "none", "models": []}, "flavor": None}]}}
    (found,) = request(SMALL, types=types).fleet.types
    assert [entry.name for entry in found.groups[0].flavors] == ["cpu.large", "cpu.medium"]


def test_kinds_of_types_and_flavors_may_be_asked_for() -> None:
    flavor_map = {"cpu.large": {"kind": "pim", "count": 2}}
    asked = {"accelerator": {"kind": "pim"}}
    assert answered(asked, cluster("a", group("cpu.large")), flavor_map=flavor_map)["decision"]["action"] == "use"


def test_the_control_plane_is_as_declared_or_the_cheapest_that_can_be_one() -> None:
    types = {"t": {"node_groups": TYPES["cpu-only"]["node_groups"], "master_flavor": "cpu.large", "master_count": 3}}
    masters = request(SMALL, types=types).fleet.types[0].masters
    assert masters is not None and (masters[0].name, masters[1]) == ("cpu.large", 3)
    del types["t"]["master_flavor"]
    found = request(SMALL, types=types).fleet
    masters = found.types[0].masters
    assert masters is not None and masters[0].name == "cpu.medium"
    assert found.types[0].masters_guessed
    line = "the flavor of a new cluster's control plane is not given or unknown: it counts as cpu.medium (t)"
    assert line in answered(SMALL, types=types)["assumptions"]


def test_what_is_reported_does_not_depend_on_the_order() -> None:
    there = [cluster(name, group("gone")) for name in "ab"]
    assert request(SMALL, *there).fleet.notes == request(SMALL, *there[::-1]).fleet.notes


@pytest.mark.parametrize(
    ("label", "flavors"),
    [
        ("cpu-only", ["cpu.large", "cpu.medium"]),
        ("gpu_intensive", ["gpu.a100.large", "gpu.a100.xlarge"]),
        ("hybrid-balanced", sorted(entry["name"] for entry in FLAVORS)),
        ("our-own", sorted(entry["name"] for entry in FLAVORS)),
    ],
)
def test_a_template_without_flavor_takes_those_that_suit_its_label(label: str, flavors: list[str]) -> None:
    found = request(SMALL, types=None, templates=[{"id": "t", "name": "t", "labels": {"kcloud_type": label}}]).fleet
    assert [entry.groups[0].flavors[0].name for entry in found.types] == flavors


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"flavors": {}}, "fleet.flavors"),
        ({"flavors": [{"vcpus": 1}]}, "fleet.flavors[0].name"),
        ({"flavors": [{"name": "f", "vcpus": "many", "ram_mib": 1}]}, "fleet.flavors[0].vcpus"),
        ({"flavors": [{"name": "f", "vcpus": 1, "ram_mib": None}]}, "fleet.flavors[0].ram_mib"),
        ({"clusters": ["a"]}, "fleet.clusters[0]"),
        ({"clusters": [cluster("a", group(count=-1))]}, "fleet.clusters[0].node_groups[0].node_count"),
        ({"clusters": [cluster("a", labels=["x"])]}, "fleet.clusters[0].labels"),
        ({"clusters": [cluster("a", labels={"kcloud_latency_ms": "fast"})]}, "fleet.clusters[0].latency_ms"),
        ({"templates": [{"name": 5}]}, "fleet.templates[0].name"),
        ({"quota": {"cores": {"limit": "all"}}}, "fleet.quota.cores.limit"),
        ({"accelerators_free": {"CUSTOM_X": -3}}, "fleet.accelerators_free.CUSTOM_X"),
        ({"cluster_types": []}, "fleet.cluster_types"),
        ({"cluster_types": {"t": {"node_groups": [{"flavors": 3}]}}}, "fleet.cluster_types.t.node_groups[0].flavors"),
        (
            {"cluster_types": {"t": {"node_groups": [{"min_node_count": 3, "max_node_count": 2}]}}},
            "fleet.cluster_types.t.node_groups[0].max_node_count",
        ),
        (
            {"cluster_types": {"t": {"node_groups": [{}], "objective": {"speed": 1}}}},
            "fleet.cluster_types.t.objective.speed",
        ),
        ({"placements": [{"cluster": "a", "cpu_cores": 1}]}, "fleet.placements[0]"),
        ({"placements": [{"workload": "w", "cluster": "a"}]}, "fleet.placements[0]"),
        ({"placements": [{"workload": "w", "cluster": "a", "cpus": 1}]}, "fleet.placements[0].cpus"),
        ({"placements": [{"workload": "w", "cluster": "a", "cpu_cores": -1}]}, "fleet.placements[0].cpu_cores"),
    ],
)
def test_refused(options: Plain, option: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(SMALL, {"flavors": FLAVORS, **options})
    assert caught.value.resource == option
    assert caught.value.hint


def test_wrong_options_are_reported_before_anything_is_known_of_the_cloud() -> None:
    types = {"t": {"node_groups": [{}], "objective": {"speed": 1}}}
    with pytest.raises(InvalidRequest, match="speed"):
        read_request(SMALL, {}, cluster_types=types)
    assert read_request({"accelerator": {"kind": "fpga"}}, {}).workload.forms


def test_the_autoscaler_that_owns_a_count_is_named() -> None:
    there = cluster("a", group("cpu.large", 0), labels={"auto_scaling_enabled": "True", "kcloud_type": "cpu-only"})
    found = answered(SMALL, there, quota={"clusters": {"limit": 0}})
    assert found["decision"]["action"] == "scale_out"
    assert any("auto_scaling_enabled" in line for line in found["assumptions"])
