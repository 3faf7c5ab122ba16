# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role accelerator_cluster declares beside what the cloud has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.cluster_plan import Offer, cluster_plan, is_bounded

FLAVORS = [
    {"id": "1", "name": "cpu.medium", "vcpus": 4, "ram_mib": 8192, "disk_gib": 20, "extra_specs": {}},
    {
        "id": "2",
        "name": "gpu.large",
        "vcpus": 8,
        "ram_mib": 65536,
        "disk_gib": 20,
        "extra_specs": {"resources:CUSTOM_GPU_A100": "1"},
    },
]
TYPE: dict[str, Any] = {
    "name": "gpu-template",
    "accelerator": {"kind": "gpu"},
    "master_count": 1,
    "node_count": 2,
    "min_node_count": 1,
    "max_node_count": 16,
    "node_groups": {"cpu": {"accelerator": {"kind": "none"}, "node_count": 1, "min_node_count": 0}},
}


def plan(said: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    """The plan of cluster ml of the type above, with what the user said of it."""
    said = said or {}
    wanted = {**TYPE, **{key: value for key, value in said.items() if key != "node_groups"}}
    wanted["node_groups"] = {"cpu": {**TYPE["node_groups"]["cpu"], **said.get("node_groups", {}).get("cpu", {})}}
    return planned_as(wanted, said, **given)


def planned_as(wanted: dict[str, Any], said: dict[str, Any], **given: Any) -> dict[str, Any]:
    """The plan of a cluster, where nothing else is given on an empty cloud with the flavors above."""
    kind, offer = given.pop("type", TYPE), Offer(given.pop("flavors", FLAVORS), {})
    nothing = {"clusters": (), "templates": (), "recreate": False, "beside": False}
    return cluster_plan(wanted, said, kind, "ml", **{**nothing, "offer": offer, **given})


def existing(**changes: Any) -> dict[str, Any]:
    """A cluster that an autoscaler has scaled since it was created."""
    groups = [
        {"name": "default-master", "flavor_id": "cpu.medium", "node_count": 1},
        {"name": "default-worker", "flavor_id": "gpu.old", "node_count": 3},
        {"name": "cpu", "flavor_id": "cpu.medium", "node_count": 5},
    ]
    whole = {"name": "ml", "id": "c1", "status": "UPDATE_COMPLETE", "created_at": "2026-01-01", "master_count": 1}
    return {**whole, "master_flavor_id": "cpu.medium", "node_groups": groups, **changes}


def counts(planned: dict[str, Any]) -> dict[str, int | None]:
    """The numbers of nodes that are declared, by group; None where none is."""
    return {group["name"]: group.get("node_count") for group in planned["node_groups"]}


def test_a_new_cluster_gets_the_type_s_numbers_and_flavors_that_the_cloud_has() -> None:
    """And the plan says what that takes: two GPU nodes, a CPU node and a control plane node."""
    planned = plan()
    assert planned["exists"] is False
    assert (planned["flavor"], planned["master_flavor"]) == ("gpu.large", "cpu.medium")
    assert planned["node_groups"] == [
        {"name": "default-worker", "node_count": 2, "flavor": "gpu.large", "max_node_count": 16, "min_node_count": 1},
        {"name": "cpu", "node_count": 1, "flavor": "cpu.medium", "min_node_count": 0},
    ]
    assert planned["demand"] == {"clusters": 1, "instances": 4, "cores": 24, "ram_mib": 2 * 65536 + 2 * 8192}


def test_a_second_run_keeps_what_an_autoscaler_made() -> None:
    """No number is declared that the user did not set, of no group; nor a flavor, which may not fit best any more."""
    planned = plan(clusters=[existing()])
    assert counts(planned) == {"default-worker": None, "cpu": None}
    assert [group.get("flavor") for group in planned["node_groups"]] == [None, None]
    assert (planned["flavor"], planned["master_flavor"]) == (None, None)
    assert planned["node_groups"][0]["max_node_count"] == 16
    assert planned["demand"] == {"clusters": 0, "instances": 0, "cores": 0, "ram_mib": 0}
    assert [(row["name"], row["now"], row["node_count"]) for row in planned["rows"]] == [
        ("default-master", 1, 1),
        ("default-worker", 3, 3),
        ("cpu", 5, 5),
    ]


@pytest.mark.parametrize(
    ("said", "declared"),
    [
        ({"node_count": 4}, {"default-worker": 4, "cpu": None}),
        ({"node_count": 0}, {"default-worker": 0, "cpu": None}),
        ({"node_count": "4"}, {"default-worker": 4, "cpu": None}),
        ({"node_groups": {"cpu": {"node_count": 2}}}, {"default-worker": None, "cpu": 2}),
        ({"node_count": 1, "node_groups": {"cpu": {"node_count": 2}}}, {"default-worker": 1, "cpu": 2}),
    ],
)
def test_a_number_that_the_user_sets_scales(said: dict[str, Any], declared: dict[str, int | None]) -> None:
    """Of the group for which it is set, and of no other."""
    assert counts(plan(said, clusters=[existing()])) == declared


def test_a_group_that_is_missing_is_created_with_the_type_s_number() -> None:
    """An interrupted run may have left the cluster without it."""
    cluster = existing(node_groups=existing()["node_groups"][:2])
    planned = plan(clusters=[cluster])
    assert counts(planned) == {"default-worker": None, "cpu": 1}
    assert planned["node_groups"][1]["flavor"] == "cpu.medium"
    assert planned["demand"]["instances"] == 1


def test_a_group_that_took_the_place_of_another_stands_for_it() -> None:
    """Known by its label; its number is its own."""
    groups = existing()["node_groups"]
    beside = {"name": "cpu-3f9a2c", "flavor_id": "x", "node_count": 7, "labels": {"kcloud_node_group": "cpu"}}
    planned = plan(clusters=[existing(node_groups=[*groups, beside])])
    assert [row["now"] for row in planned["rows"]] == [1, 3, 7]


def test_a_failed_creation_that_is_made_again_counts_as_new() -> None:
    """The user has allowed that by recreate; otherwise it is there."""
    failed = existing(status="CREATE_FAILED")
    assert counts(plan(clusters=[failed], recreate=True)) == {"default-worker": 2, "cpu": 1}
    assert counts(plan(clusters=[failed])) == {"default-worker": None, "cpu": None}


def test_a_successor_gets_as_many_nodes_as_the_cluster_that_it_replaces() -> None:
    """Where an upgrade may create a cluster beside it, everything that a creation needs is declared, as it is now."""
    planned = plan(clusters=[existing()], beside=True)
    assert counts(planned) == {"default-worker": 3, "cpu": 5}
    assert (planned["flavor"], planned["master_flavor"]) == ("gpu.old", "cpu.medium")


def test_the_newest_successor_is_the_cluster() -> None:
    """Its name is that of the first with eight digits; other clusters with longer names are none."""
    groups = [{"name": "default-worker", "flavor_id": "gpu.large", "node_count": 9}]
    successor = existing(name="ml-0123abcd", created_at="2026-02-01", node_groups=groups)
    other = existing(name="ml-other", created_at="2026-03-01")
    assert counts(plan(clusters=[other, existing(), successor], beside=True))["default-worker"] == 9
    assert counts(plan(clusters=[other]))["default-worker"] == 2


@pytest.mark.parametrize(
    ("templates", "flavors"),
    [
        ([], ("gpu.large", "cpu.medium")),
        ([{"current": True, "clusters": []}], ("gpu.large", "cpu.medium")),
        ([{"current": True, "clusters": ["ml"]}], (None, None)),
        ([{"current": True, "clusters": [], "flavor_id": "x"}], (None, "cpu.medium")),
        ([{"current": False, "clusters": []}, {"current": True, "clusters": ["ml"]}], (None, None)),
    ],
)
def test_a_new_template_carries_flavors(
    templates: list[dict[str, Any]], flavors: tuple[str | None, str | None]
) -> None:
    """One that clusters use is frozen and keeps what it has; one that has flavors keeps them, so that prices may change."""
    planned = plan(templates=templates)
    assert (planned["template_flavor"], planned["template_master_flavor"]) == flavors


def test_the_template_s_flavors_are_those_of_the_type() -> None:
    """What one cluster is given is not for all; where the cloud has nothing for the type, it is better than nothing."""
    assert plan({"flavor": "own", "master_flavor": "big"})["template_flavor"] == "gpu.large"
    without = plan({"flavor": "own"}, flavors=FLAVORS[:1])
    assert (without["flavor"], without["template_flavor"]) == ("own", "own")
    named = plan(type={**TYPE, "flavor": "named"}, templates=[{"current": True, "clusters": ["ml"], "flavor_id": "x"}])
    assert named["template_flavor"] == "named"


def test_no_flavor_fits() -> None:
    """The message says what the cloud offers."""
    with pytest.raises(AnsibleFilterError, match="kind gpu.*cpu.medium"):
        plan(flavors=FLAVORS[:1])


def test_nothing_is_declared_as_null() -> None:
    """A type may set a bound to null, which declares none."""
    planned = planned_as({**TYPE, "max_node_count": None, "node_groups": {}}, {})
    assert "max_node_count" not in planned["node_groups"][0]


def test_an_accelerator_that_is_asked_for_is_no_default() -> None:
    """What the user says of this cluster is declared, also where the cluster exists; what the cloud lacks is an error."""
    with pytest.raises(AnsibleFilterError, match="gaudi3"):
        plan({"accelerator": {"kind": "gpu", "models": ["gaudi3"]}}, clusters=[existing()])
    asked = plan({"accelerator": {"kind": "gpu", "models": ["a100"]}}, clusters=[existing()])
    assert asked["flavor"] == "gpu.large"
    groups = existing()["node_groups"]
    fits = [{**group, "flavor_id": "2"} if group["name"] == "default-worker" else group for group in groups]
    same = plan({"accelerator": {"kind": "gpu", "models": ["a100"]}}, clusters=[existing(node_groups=fits)])
    assert same["flavor"] is None


def test_a_cluster_that_goes_counts_as_none() -> None:
    """The module waits until it is gone and creates it anew, with all that a new one gets."""
    going = plan(clusters=[existing(status="DELETE_IN_PROGRESS")])
    assert going == plan() and going["flavor"] == "gpu.large"


def test_an_autoscaler_s_bounds_are_left_alone() -> None:
    """The role cluster_autoscale moves them; what the user sets for this cluster counts all the same."""
    labels = {"auto_scaling_enabled": "true"}
    groups = [{**group, "min_node_count": 2, "max_node_count": 20} for group in existing()["node_groups"]]
    scaled = existing(labels=labels, node_groups=groups)
    (worker, _cpu) = plan(clusters=[scaled])["node_groups"]
    assert "max_node_count" not in worker and "min_node_count" not in worker
    (worker, _cpu) = plan({"max_node_count": 8}, clusters=[scaled])["node_groups"]
    assert worker["max_node_count"] == 8 and "min_node_count" not in worker
    unbounded = [{**group, "min_node_count": 0, "max_node_count": None} for group in existing()["node_groups"]]
    (worker, _cpu) = plan(clusters=[existing(labels=labels, node_groups=unbounded)])["node_groups"]
    assert worker["max_node_count"] == 16
    (worker, _cpu) = plan(clusters=[existing(labels=labels)])["node_groups"]
    assert "max_node_count" not in worker, "bounds that were not read may be an autoscaler's"


@pytest.mark.parametrize(
    ("said", "words"), [({"node_count": 40}, "bounds are 1 to 16"), ({"node_count": "many"}, "'many'")]
)
def test_a_number_that_cannot_be_is_reported_before_anything_is_made(said: dict[str, Any], words: str) -> None:
    """Magnum would refuse it after other clusters are made."""
    with pytest.raises(AnsibleFilterError, match=words):
        plan(said)


def test_a_failed_creation_frees_what_it_holds() -> None:
    """It is deleted first, so a full quota does not refuse it."""
    failed = existing(status="CREATE_FAILED")
    again = plan(clusters=[failed], recreate=True)
    assert again["demand"]["clusters"] == 0 and again["demand"]["instances"] == 0


@pytest.mark.parametrize(
    ("group", "bounded"),
    [
        ({"min_node_count": 0, "max_node_count": None}, False),
        ({"min_node_count": 1, "max_node_count": None}, True),
        ({"min_node_count": 0, "max_node_count": 3}, True),
        # Not read: none from magnum_cluster_info and magnum_fleet_info, left out in plain data
        ({}, True),
        ({"min_node_count": None, "max_node_count": None}, True),
    ],
)
def test_bounds_that_were_not_read_count_as_set(group: dict[str, Any], bounded: bool) -> None:
    assert is_bounded(group) is bounded
