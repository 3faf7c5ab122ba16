# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a fleet, and with how many calls: the real python-magnumclient against scripted HTTP."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet_reader import (
    cluster,
    every_group,
    list_groups,
    named_nodes,
    node_group,
    of_clusters,
    of_flavors,
    read_fleet,
    side_by_side,
    standing_fleet,
    template,
    with_bounds,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import ClusterTemplate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.questions import names_of, only
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum import cases

pytest.importorskip("magnumclient")
GPU = cases.group("gpu", flavor_id="id-gpu", max_node_count=5)
CPU = cases.group("cpu", flavor_id="cpu.large", max_node_count=9)
MASTER = cases.group("default-master", flavor_id="cpu.large")
FLAVORS = [
    {
        "id": "id-gpu",
        "name": "gpu.large",
        "vcpus": 8,
        "ram_mib": 1024,
        "extra_specs": {"pci_passthrough:alias": "a100:1"},
    },
    {"id": "id-cpu", "name": "cpu.large", "vcpus": 8, "ram_mib": 1024, "extra_specs": {}},
]


def test_only_bounds_that_can_matter_are_read() -> None:
    """One list a cluster, one GET for the group whose flavor can carry the workload: none for masters, none for the rest."""
    script = [
        ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster()]}),
        ("GET", cases.GROUPS, 200, cases.listed(GPU, CPU, MASTER)),
        ("GET", f"{cases.ONE}/nodegroups/id-gpu", 200, GPU),
    ]
    with cases.magnum(script) as (api, _sent):
        found = with_bounds(api, list_groups(api), of_flavors(FLAVORS, {"gpu.large"}))
    ((_cluster, groups),) = found
    assert [(group.name, group.max_node_count) for group in groups] == [("gpu", 5), ("cpu", None)]


def test_what_goes_has_no_groups_and_what_went_is_left_out() -> None:
    going = cases.cluster("DELETE_IN_PROGRESS", uuid=cases.OTHER_ID, name="d")
    script = [
        ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster(), going]}),
        ("GET", cases.GROUPS, 200, cases.listed(GPU, CPU)),
        ("GET", f"{cases.ONE}/nodegroups/id-gpu", *cases.error(404, "Nodegroup id-gpu could not be found.")),
    ]
    with cases.magnum(script) as (api, _sent):
        found = with_bounds(api, list_groups(api), of_flavors(FLAVORS, {"gpu.large"}))
    assert [(entry.name, [group.name for group in groups]) for entry, groups in found] == [("c", ["cpu"]), ("d", [])]


def test_what_is_read_is_what_the_planner_takes() -> None:
    script = [
        ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster(labels={"kcloud_type": "gpu_intensive"})]}),
        ("GET", cases.GROUPS, 200, cases.listed(GPU, MASTER)),
        ("GET", f"{cases.ONE}/nodegroups/id-gpu", 200, GPU),
    ]
    with cases.magnum(script) as (api, _sent):
        ((found, groups),) = with_bounds(api, list_groups(api), of_flavors(FLAVORS, {"gpu.large"}))
    offered = template(ClusterTemplate("t-1", "one", flavor_id="gpu.large", labels={"a": "b"}))
    there = cluster(found, [node_group(group) for group in groups])
    fleet = {"flavors": FLAVORS, "clusters": [there], "templates": [offered]}
    (read,) = read_request({"gpu_count": 1}, fleet).fleet.clusters
    assert (read.id, read.name, read.type, read.template) == (cases.CLUSTER_ID, "c", "gpu-intensive", "one")
    assert [(group.name, group.flavor.name, group.count, group.max_count) for group in read.groups] == [
        ("gpu", "gpu.large", 2, 5)
    ]


def test_results_keep_the_order_of_what_was_asked() -> None:
    assert side_by_side(str, range(50)) == [str(number) for number in range(50)]
    assert side_by_side(str, []) == []


@pytest.mark.parametrize(
    ("library", "package"), [("openstack", "openstacksdk"), ("magnumclient", "python-magnumclient")]
)
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, library: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(KcloudError) as caught:
        read_fleet({"cloud": "any"}, lambda flavors: set())
    assert (caught.value.code, caught.value.resource) == ("MISSING_LIBRARY", package)
    assert package in str(caught.value.hint)


def test_of_a_fleet_only_the_named_clusters_are_looked_at() -> None:
    fleet = {"flavors": FLAVORS, "clusters": [{"name": "team-a-1"}, {"name": "team-b-1"}, {"name": "shop"}]}
    for names, kept in ((None, 3), (["team-a-*", "shop"], 2), (["team"], 0), ([], 0)):
        found = standing_fleet({"fleet": fleet, "cluster_names": names})
        assert len(found["clusters"]) == kept
    twins = {"flavors": FLAVORS, "clusters": [{"name": "shop", "id": "one"}, {"name": "shop", "id": "two"}]}
    assert standing_fleet({"fleet": twins, "cluster_names": ["two"]})["clusters"] == twins["clusters"][1:]
    # A module without the option
    assert standing_fleet({"fleet": fleet}) == fleet


@pytest.mark.parametrize("chosen", ["c", "c*", cases.CLUSTER_ID])
def test_groups_are_listed_only_of_clusters_that_are_looked_at(chosen: str) -> None:
    """Another one stays known by the list of all, which takes its name and counts it."""
    other = cases.cluster(uuid=cases.OTHER_ID, name="shop")
    script = [
        ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster(), other]}),
        ("GET", cases.GROUPS, 200, cases.listed(GPU, CPU)),
        ("GET", f"{cases.ONE}/nodegroups/id-gpu", 200, GPU),
        ("GET", f"{cases.ONE}/nodegroups/id-cpu", 200, CPU),
    ]
    with cases.magnum(script) as (api, sent):
        found = with_bounds(api, list_groups(api, [chosen]), every_group)
        assert len(sent.sent) == 4
    assert [(entry.name, [group.max_node_count for group in groups]) for entry, groups in found] == [
        ("c", [5, 9]),
        ("shop", []),
    ]
    fleet = {"clusters": [cluster(entry, [node_group(group) for group in groups]) for entry, groups in found]}
    assert sorted(names_of(fleet)) == ["c", "shop"]
    assert [entry["name"] for entry in only(fleet, [chosen])["clusters"]] == ["c"]


@pytest.mark.parametrize(
    ("placements", "details"),
    [
        ([], 0),
        ([{"workload": "w", "cluster": "c"}], 0),
        ([{"workload": "w", "cluster": "shop", "node": "10.0.0.1"}], 0),
        ([{"workload": "w", "cluster": "c", "node": "10.0.0.1"}], 1),
        ([{"workload": "w", "cluster": cases.CLUSTER_ID, "node": "10.0.0.1"}], 1),
    ],
)
def test_who_stands_where_needs_addresses_only_where_nodes_are_named(placements: list[dict], details: int) -> None:
    script = [
        ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster()]}),
        ("GET", cases.GROUPS, 200, cases.listed(GPU)),
        *([("GET", f"{cases.ONE}/nodegroups/id-gpu", 200, GPU)] * details),
    ]
    with cases.magnum(script) as (api, sent):
        found = with_bounds(api, list_groups(api), named_nodes(placements))
        assert len(sent.sent) == 2 + details
    assert [group.name for group in found[0][1]] == ["gpu"]


@pytest.mark.parametrize(("ids", "high"), [((), None), (("other",), None), ((cases.CLUSTER_ID,), 5)])
def test_bounds_of_clusters_that_change_are_read(ids: tuple[str, ...], high: int | None) -> None:
    """Lists do not show them; what is parked must be woken to them."""
    listed = cases.group("gpu", flavor_id="id-gpu")
    script = [
        ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster()]}),
        ("GET", cases.GROUPS, 200, cases.listed(listed)),
        *([("GET", f"{cases.ONE}/nodegroups/id-gpu", 200, GPU)] if high else []),
    ]
    with cases.magnum(script) as (api, _sent):
        ((_found, groups),) = with_bounds(api, list_groups(api), of_clusters(ids, named_nodes([])))
    assert [group.max_node_count for group in groups] == [high]
