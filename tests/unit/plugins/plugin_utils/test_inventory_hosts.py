# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters as Magnum lists them -> hosts with variables, groups and names."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_hosts import (
    CLUSTERS,
    SERVERS,
    VARIABLES,
    Entry,
    cluster_groups,
    decorated,
    doubled,
    entries,
    is_chosen,
    read_filters,
    safe,
    unique_names,
)
from hypothesis import given
from hypothesis import strategies as st

FLAVORS = [
    {"id": "1", "name": "cpu.medium", "vcpus": 4, "ram_mib": 8192, "extra_specs": {}},
    {"id": "2", "name": "gpu.a100", "vcpus": 8, "ram_mib": 65536, "extra_specs": {"resources:CUSTOM_GPU_A100": "1"}},
    {"id": "3", "name": "npu.rngd", "vcpus": 8, "ram_mib": 65536, "extra_specs": {"resources:CUSTOM_NPU_RNGD": "2"}},
]


def cluster(name: str = "train", identity: str = "id-1", **more: Any) -> dict[str, Any]:
    """A cluster as an inventory keeps it; by default as it comes from the list alone."""
    answer = {
        "uuid": identity,
        "name": name,
        "status": "CREATE_COMPLETE",
        "node_count": 2,
        "master_count": 1,
        "flavor_id": "gpu.a100",
        "labels": {"kcloud_type": "gpu-intensive"},
        "project_id": "project",
    }
    details = {"node_groups": more.pop("node_groups", None), "servers": more.pop("servers", None)}
    return {**Cluster.from_api({**answer, **more}).as_result(), **details}


def group(name: str, flavor: str, role: str = "worker") -> dict[str, Any]:
    """A node group in detail."""
    answer = {"uuid": f"id-of-{name}", "name": name, "flavor_id": flavor, "role": role}
    return NodeGroup.from_api(answer, detailed=True).as_result()


def server(name: str | None, identity: str, of: str, *addresses: str) -> dict[str, Any]:
    """A server of a cluster."""
    return {"id": identity, "name": name, "addresses": list(addresses), "group": of}


WITH_SERVERS = cluster(
    node_groups=[group("default-master", "cpu.medium", "master"), group("default-worker", "gpu.a100")],
    servers=[
        server("train-master-0", "s0", "default-master", "10.0.0.2"),
        server("train-node-0", "s1", "default-worker", "10.0.0.3", "172.24.4.9"),
        server(None, "10.0.0.4", "default-worker", "10.0.0.4"),
    ],
)


def only(found: list[Entry]) -> Entry:
    """The one host."""
    (entry,) = found
    return entry


def test_a_cluster_is_a_host_with_its_values() -> None:
    host = only(entries({"clusters": [cluster()]}, [CLUSTERS]))
    shown = {name: value for name, value in host.variables.items() if value not in (None, [], {})}
    assert shown == {
        "kind": "cluster",
        "id": "id-1",
        "name": "train",
        "cluster_id": "id-1",
        "cluster_name": "train",
        "type": "gpu-intensive",
        "status": "CREATE_COMPLETE",
        "node_count": 2,
        "master_count": 1,
        "labels": {"kcloud_type": "gpu-intensive"},
        "flavor_id": "gpu.a100",
        "project_id": "project",
    }
    assert host.groups == ("magnum_clusters", "status_create_complete", "health_unknown", "type_gpu_intensive")


@pytest.mark.parametrize(
    ("changes", "flavors", "accelerators"),
    [
        ({"labels": {}}, None, []),
        ({"labels": {"gpu_enabled": "True", "gpu_type": "NVIDIA_A100"}}, None, ["a100", "gpu"]),
        ({"labels": {"npu_enabled": "true", "gpu_enabled": "false"}}, None, ["npu"]),
        ({"labels": {}}, FLAVORS, ["a100", "gpu"]),
        ({"labels": {}, "flavor_id": "3"}, FLAVORS, ["npu", "rngd"]),
        ({"labels": {}, "flavor_id": "gone"}, FLAVORS, []),
        (
            {"labels": {}, "flavor_id": "cpu.medium", "node_groups": [group("more", "npu.rngd")]},
            FLAVORS,
            ["npu", "rngd"],
        ),
        # The control plane's flavor says nothing of what workloads get
        (
            {"labels": {}, "flavor_id": "cpu.medium", "node_groups": [group("m", "gpu.a100", "master")]},
            FLAVORS,
            [],
        ),
    ],
)
def test_accelerators(changes: dict[str, Any], flavors: list[Any] | None, accelerators: list[str]) -> None:
    host = only(entries({"clusters": [cluster(**changes)], "flavors": flavors}, [CLUSTERS]))
    assert host.variables["accelerators"] == accelerators
    named = [name for name in host.groups if name.startswith("accelerator_")]
    assert named == [f"accelerator_{name}" for name in accelerators]


def test_what_a_flavor_has_can_be_said() -> None:
    raw = {"clusters": [cluster(labels={}, flavor_id="cpu.medium")], "flavors": FLAVORS}
    assert only(entries(raw, [CLUSTERS], {"cpu.medium": {"kind": "npu", "model": "atom"}})).variables[
        "accelerators"
    ] == ["atom", "npu"]
    with pytest.raises(InvalidRequest, match=r"flavor_map\.cpu\.medium"):
        entries(raw, [CLUSTERS], {"cpu.medium": {"sort": "npu"}})


def test_servers_are_hosts_of_their_cluster() -> None:
    found = entries({"clusters": [WITH_SERVERS], "flavors": FLAVORS}, [SERVERS])
    assert [entry.variables["name"] for entry in found] == ["train-master-0", "train-node-0", "train-10.0.0.4"]
    assert {entry.groups for entry in found} == {("magnum_servers", "cluster_train")}
    node = found[1].variables
    assert (node["node_group"], node["node_group_role"], node["flavor_id"]) == ("default-worker", "worker", "gpu.a100")
    assert (node["addresses"], node["accelerators"], node["status"]) == (
        ["10.0.0.3", "172.24.4.9"],
        ["a100", "gpu"],
        None,
    )
    assert (node["cluster_id"], node["cluster_name"], node["type"]) == ("id-1", "train", "gpu-intensive")
    assert found[0].variables["accelerators"] == []
    both = entries({"clusters": [WITH_SERVERS], "flavors": FLAVORS}, [CLUSTERS, SERVERS])
    assert [entry.kind for entry in both] == ["clusters", "servers", "servers", "servers"]


def test_servers_of_clusters_whose_groups_would_be_one_are_apart() -> None:
    groups = cluster_groups([cluster("a-b", "id-1"), cluster("a.b", "id-2"), cluster("c", "id-3")])
    assert groups == {"id-1": "cluster_a_b_id_1", "id-2": "cluster_a_b_id_2", "id-3": "cluster_c"}


# Anything that Magnum may answer
TEXTS = st.text(alphabet="ab-._{ %é", max_size=6)
CLUSTERS_OF_ANY_FORM = st.builds(
    cluster,
    name=TEXTS,
    identity=st.uuids().map(str),
    status=st.sampled_from([None, "CREATE_COMPLETE", "DELETE_IN_PROGRESS", "UPDATE_FAILED"]),
    health_status=st.sampled_from([None, "HEALTHY", "UNHEALTHY"]),
    labels=st.dictionaries(st.sampled_from(["kcloud_type", "gpu_type", "team"]), TEXTS),
    api_address=st.none() | TEXTS,
    servers=st.none() | st.lists(st.builds(server, st.none() | TEXTS, st.uuids().map(str), TEXTS), max_size=3),
)
FLEETS = st.lists(CLUSTERS_OF_ANY_FORM, max_size=6, unique_by=lambda one: one["id"])


@given(FLEETS)
def test_every_host_has_every_variable_and_a_name_of_its_own(fleet: list[dict[str, Any]]) -> None:
    """Also after a cache, which keeps JSON; and no group has a name that Ansible would change."""
    raw = {"clusters": fleet, "flavors": FLAVORS}
    found = entries(raw, [CLUSTERS, SERVERS])
    assert found == entries(json.loads(json.dumps(raw)), [CLUSTERS, SERVERS])
    assert [set(entry.variables) for entry in found] == [set(VARIABLES)] * len(found)
    assert all(name == safe(name) for entry in found for name in entry.groups)
    names = unique_names([(entry.variables["name"], entry) for entry in found])
    assert len(found) == len(set(names)) == len(fleet) + sum(len(one["servers"] or ()) for one in fleet)


@given(FLEETS)
def test_hosts_share_no_data(fleet: list[dict[str, Any]]) -> None:
    """What a template does to the variables of one host does not reach another."""
    found = entries({"clusters": fleet}, [CLUSTERS])
    before = copy.deepcopy(VARIABLES)
    for entry in found:
        entry.variables["addresses"].append("changed")
    assert before == VARIABLES and all(entry.variables["addresses"] == ["changed"] for entry in found)


# --- names


def wanted(*hosts: tuple[str, str, bool]) -> list[tuple[str, Entry]]:
    """Hosts as (name, id, whether it is being deleted)."""
    return [
        (name, Entry(CLUSTERS, key, {"id": key, "cluster_id": key, "name": name}, (), leaving))
        for name, key, leaving in hosts
    ]


@pytest.mark.parametrize(
    ("hosts", "names", "warned"),
    [
        ([("a", "1", False), ("b", "2", False)], ["a", "b"], []),
        ([("a", "1", False), ("a", "2", False)], ["a-1", "a-2"], ["a"]),
        ([("a", "1", True), ("a", "2", False)], ["a-1", "a"], []),
        ([("a", "1", True), ("a", "2", True)], ["a-1", "a-2"], []),
        ([("a", "1", True)], ["a"], []),
        ([("a", "1", False), ("a", "2", False), ("a-1", "3", False)], ["a-1-1", "a-2", "a-1"], ["a"]),
    ],
)
def test_two_clusters_of_one_name_stay_two_hosts(
    hosts: list[tuple[str, str, bool]], names: list[str], warned: list[str]
) -> None:
    assert unique_names(wanted(*hosts)) == names
    assert doubled(wanted(*hosts)) == warned


def test_the_order_does_not_matter_for_names() -> None:
    hosts = wanted(("a", "1", False), ("a", "2", False), ("b", "3", False))
    there = dict(zip([entry.key for _name, entry in hosts], unique_names(hosts), strict=True))
    back = dict(zip([entry.key for _name, entry in hosts[::-1]], unique_names(hosts[::-1]), strict=True))
    assert there == back


def test_variables_get_a_prefix_and_a_suffix() -> None:
    assert decorated({"id": 1, "name": 2}, "m_", "_x") == {"m_id_x": 1, "m_name_x": 2}


# --- filters

A_GPU = cluster("team-a-train", "id-1", labels={"team": "a", "kcloud_type": "gpu-intensive", "spot": "True"})
B_NPU = cluster("team-b-serve", "id-2", status="UPDATE_FAILED", health_status="UNHEALTHY", labels={"team": "b"})


@pytest.mark.parametrize(
    ("include", "exclude", "chosen"),
    [
        ([], [], ["id-1", "id-2"]),
        ([{"names": "team-a-*"}], [], ["id-1"]),
        ([{"names": ["team-b-serve", "other"]}], [], ["id-2"]),
        ([{"ids": "id-2"}], [], ["id-2"]),
        ([{"types": "gpu-*"}], [], ["id-1"]),
        ([{"status": "failed"}], [], ["id-2"]),
        ([{"health": "unknown"}], [], ["id-1"]),
        ([{"health": "un*"}], [], ["id-1", "id-2"]),
        ([{"health": "UNH*"}], [], ["id-2"]),
        ([{"status": "update_*"}], [], ["id-2"]),
        ([], [{"status": "*FAILED"}], ["id-1"]),
        ([{"health": ["UNHEALTHY", "UNKNOWN"]}], [], ["id-1", "id-2"]),
        ([{"labels": {"team": "*"}}], [], ["id-1", "id-2"]),
        ([{"labels": {"spot": True}}], [], ["id-1"]),
        ([{"names": "team-*", "labels": {"team": "b"}}], [], ["id-2"]),
        ([{"names": "team-a-*"}, {"status": "FAILED"}], [], ["id-1", "id-2"]),
        ([], [{"status": "FAILED"}], ["id-1"]),
        ([{"names": "*"}], [{"labels": {"team": "a"}}, {"ids": "id-2"}], []),
    ],
)
def test_filters(include: list[Any], exclude: list[Any], chosen: list[str]) -> None:
    filters = read_filters(include, "include_filters"), read_filters(exclude, "exclude_filters")
    assert [one["id"] for one in (A_GPU, B_NPU) if is_chosen(one, *filters)] == chosen


@pytest.mark.parametrize(
    ("given_filters", "named"),
    [
        (["team-a"], r"'include_filters\[0\]': 'team-a'"),
        ([{}], r"'include_filters\[0\]'"),
        ([{"names": "a"}, {"name": "b"}], r"'include_filters\[1\]\.name': 'b'"),
        ([{"names": []}], r"'include_filters\[0\]\.names'"),
        ([{"status": {"a": 1}}], r"'include_filters\[0\]\.status'"),
        ([{"labels": ["a"]}], r"'include_filters\[0\]\.labels'"),
    ],
)
def test_filters_that_cannot_be_read_are_named(given_filters: list[Any], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named) as caught:
        read_filters(given_filters, "include_filters")
    assert caught.value.hint
