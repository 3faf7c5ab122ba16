# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which candidates there are, which of them is best, and why."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import carriers
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Fleet, Workload
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.objective import TERMS, order_of_terms
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    MISSION,
    TYPES,
    Plain,
    answered,
    candidate,
    cluster,
    codes,
    decide,
    flavor,
    group,
    request,
)

SMALL = {"name": "small", "cpu_cores": 2, "memory_gb": 4}
MIXED = {"name": "mix", "type": "mixed", "gpu_count": 1, "npu_count": 1, "cpu_cores": 8, "memory_gb": 16}
GPUS, NPUS = group("gpu.a100.large", name="gpu"), group("npu.rngd.large", name="npu")
CPUS = group("cpu.large", name="cpu")


def names(answer: Plain) -> list[str]:
    return [entry["candidate"] for entry in answer["ranking"]]


def test_every_group_is_used_and_scaled_and_every_type_created() -> None:
    found = answered(SMALL, cluster("a", CPUS, GPUS), cluster("b", CPUS))
    assert {name for name in names(found) if not name.startswith("create")} == {
        f"{action} {where}" for action in ("use", "scale") for where in ("a/cpu", "a/gpu", "b/cpu")
    }
    assert {name for name in names(found) if name.startswith("create hybrid")} == {
        "create hybrid-balanced/cpu (cpu.large)",
        "create hybrid-balanced/cpu (cpu.medium)",
        "create hybrid-balanced/gpu (gpu.a100.large)",
        "create hybrid-balanced/gpu (gpu.a100.xlarge)",
        "create hybrid-balanced/npu (npu.atom.large)",
        "create hybrid-balanced/npu (npu.rngd.large)",
    }


def test_the_control_plane_is_no_candidate() -> None:
    masters = {"name": "default-master", "role": "master", "flavor": "cpu.large", "node_count": 3}
    assert "default-master" not in str(names(answered(SMALL, cluster("a", CPUS, masters))))


def test_room_on_running_nodes_comes_before_a_new_node() -> None:
    found = answered(SMALL, cluster("a", CPUS))
    assert found["ranking"][0]["why"] == [
        "ROOM_ON_RUNNING_NODES",
        "PREFERRED_TYPE",
        "CHEAPEST",
        "LEAST_FRAGMENTATION",
        "LEAST_POWER",
    ]
    assert found["ranking"][1]["candidate"] == "create cpu-only/cpu (cpu.medium)"


def test_cpu_work_keeps_off_accelerated_nodes() -> None:
    found = answered(SMALL, cluster("a", GPUS), cluster("b", CPUS))
    assert found["decision"]["target"] == "b/cpu"


def test_work_goes_where_it_fragments_least() -> None:
    """Two nodes have room for one GPU more; on one of them it would break up four that training needs."""
    there = cluster("a", group("gpu.a100.xlarge")), cluster("b", group("gpu.a100.xlarge"))
    placements = [
        {"workload": "w1", "cluster": "b", "gpu_count": 3, "cpu_cores": 24},
        {"workload": "w2", "cluster": "c", "gpu_count": 4, "cpu_cores": 32},
    ]
    there += (cluster("c", group("gpu.a100.xlarge")),)
    found = answered({"gpu_count": 1, "cpu_cores": 8}, *there, placements=placements)
    assert found["decision"]["cluster"] == "b"
    assert "LEAST_FRAGMENTATION" in found["ranking"][0]["why"]


def test_model_match_is_said_only_where_a_model_was_asked_for() -> None:
    assert "MODEL_MATCH" in answered({"gpu_count": 1, "gpu_model": "a100"}, cluster("a"))["ranking"][0]["why"]
    assert "MODEL_MATCH" not in answered({"gpu_count": 1}, cluster("a"))["ranking"][0]["why"]


def test_equals_are_ordered_by_name() -> None:
    found = answered(SMALL, *(cluster(name, CPUS) for name in ("c", "a", "b")))
    assert names(found)[:3] == ["use a/cpu", "use b/cpu", "use c/cpu"]


def test_clusters_of_one_name_are_distinguished_by_id() -> None:
    found = answered(SMALL, cluster("a", CPUS, id="2"), cluster("a", CPUS, id="1"))
    assert [entry["cluster_id"] for entry in found["ranking"][:2]] == ["1", "2"]


def test_accelerators_of_two_kinds_may_stand_on_two_groups_of_one_cluster() -> None:
    found = answered(MIXED, cluster("a", GPUS, NPUS, CPUS), cluster("b", GPUS))
    decision = found["decision"]
    assert (decision["action"], decision["target"]) == ("use", "a/gpu+npu")
    assert [entry["name"] for entry in decision["node_groups"]] == ["gpu", "npu"]
    assert codes(candidate(found, "use b/gpu+gpu")) == ["WRONG_ACCEL_KIND"]


def test_a_node_with_both_kinds_carries_the_whole_replica() -> None:
    flavors = [*FLAVORS, flavor("both", 16, 64, {"pci_passthrough:alias": "a100:1,rngd:1"})]
    found = answered(MIXED, cluster("a", group("both", name="both")), flavors=flavors)
    assert found["decision"]["target"] == "a/both"
    assert [entry["name"] for entry in found["decision"]["node_groups"]] == ["both"]
    assert not [name for name in names(found) if "a/both+both" in name]


def test_only_the_group_that_is_full_grows() -> None:
    placements = [{"workload": "w", "cluster": "a", "node_group": "npu", "npu_count": 1, "cpu_cores": 1}]
    decision = answered(MIXED, cluster("a", GPUS, NPUS), placements=placements)["decision"]
    assert decision["action"] == "scale_out"
    assert [
        (entry["name"], entry["node_count_before"], entry["node_count_after"]) for entry in decision["node_groups"]
    ] == [
        ("gpu", 1, 1),
        ("npu", 1, 2),
    ]


def test_a_new_cluster_for_two_kinds_is_hybrid() -> None:
    found = answered(MIXED)
    assert found["decision"]["cluster_type"] == "hybrid-balanced"
    assert [(entry["name"], entry["node_count"]) for entry in found["new_cluster"]["node_groups"]] == [
        ("cpu", 1),
        ("gpu", 1),
        ("npu", 1),
    ]


def test_for_two_kinds_only_flavors_with_these_kinds_are_offered() -> None:
    created = {name for name in names(answered(MIXED)) if name.startswith("create")}
    assert created == {
        f"create hybrid-balanced/gpu+npu ({gpu}+{npu})"
        for gpu in ("gpu.a100.large", "gpu.a100.xlarge")
        for npu in ("npu.atom.large", "npu.rngd.large")
    }


@pytest.mark.parametrize("count", [2, 3, 9])
def test_fragments_are_counted_on_every_node_that_is_touched(count: int) -> None:
    """Two replicas take three of four devices on a node each, however many more nodes there are: one is left on each."""
    asked = {"gpu_count": 3, "cpu_cores": 3, "replicas": 2}
    decision = decide(asked, cluster("a", group(count=count, most=None)))
    best = decision.ranking[0]
    assert best.verdict.candidate.action == "use"
    assert dict(zip(decision.terms, best.terms))["utilisation"] == 2 * 1000


# --- the standing placement


def home(name: str, **more: Any) -> Plain:
    return {**SMALL, "current_placement": {"cluster": name, **more}}


def test_a_standing_workload_stays() -> None:
    there = cluster("a", CPUS), cluster("z", CPUS)
    found = answered(home("z"), *there)
    assert found["decision"]["target"] == "z/cpu"
    assert found["decision"]["sentence"].startswith("Stay in cluster z")
    assert found["ranking"][0]["why"][0] == "STANDING_PLACEMENT"
    assert answered(SMALL, *there, placements=[{"workload": "small", "cluster": "z"}])["decision"]["target"] == "z/cpu"


def test_who_stays_draws_nothing_more() -> None:
    stays = answered({**MISSION, "current_placement": {"cluster": "ml"}}, cluster("ml"))["decision"]
    assert (stays["action"], stays["cost_delta_h"], stays["power_delta_w"]) == ("use", 0, 0)


def test_who_grows_at_home_draws_for_what_is_new() -> None:
    placements = [{"workload": "small", "cluster": "a", "cpu_cores": 2, "memory_gb": 4, "replicas": 2}]
    three = {**SMALL, "replicas": 3}
    at_home = candidate(answered(three, cluster("a", CPUS), cluster("b", CPUS), placements=placements), "use a/cpu")
    elsewhere = candidate(answered(three, cluster("a", CPUS), cluster("b", CPUS), placements=placements), "use b/cpu")
    assert at_home["power_delta_w"] * 3 == elsewhere["power_delta_w"]


def test_carriers_are_the_flavors_that_can_hold_a_part() -> None:
    def asked(workload: Plain) -> tuple[Fleet, list[Workload]]:
        found = request(workload)
        return found.fleet, [found.workload]

    assert carriers(*asked(MISSION)) == {"gpu.a100.xlarge"}
    assert carriers(*asked(MIXED)) == {"gpu.a100.large", "gpu.a100.xlarge", "npu.rngd.large", "npu.atom.large"}
    assert carriers(*asked({"cpu_cores": 99})) == set()


def test_its_own_room_is_free_to_it() -> None:
    there = cluster("ml")
    own = {
        "workload": MISSION["name"],
        "cluster": "ml",
        "node_group": "default-worker",
        "gpu_count": 4,
        "cpu_cores": 32,
    }
    assert answered(MISSION, there, placements=[own])["decision"]["action"] == "use"
    other = {**own, "workload": "somebody else"}
    assert answered(MISSION, there, placements=[other])["decision"]["action"] == "scale_out"


@pytest.mark.parametrize(("price", "target"), [(96, "z/cpu"), (95, "a/cpu"), (50, "a/cpu"), (100, "z/cpu")])
def test_another_cluster_must_be_five_percent_better(price: int, target: str) -> None:
    """At home a node more must be paid, elsewhere too: the difference decides."""
    flavors = [*FLAVORS, flavor("cpu.a", 4, 8), flavor("cpu.z", 4, 8)]
    there = cluster("a", group("cpu.a", 0, name="cpu")), cluster("z", group("cpu.z", 0, name="cpu"))
    prices = {"flavors": {"cpu.a": price, "cpu.z": 100, "cpu.medium": 999, "cpu.large": 999}}
    found = answered(home("z"), *there, flavors=flavors, prices=prices)
    assert found["decision"]["target"] == target
    assert [entry["rank"] for entry in found["ranking"][:2]] == [1, 2]


def test_room_elsewhere_beats_growing_at_home() -> None:
    there = cluster("a", CPUS), cluster("z", group("cpu.large", 0, name="cpu"))
    assert answered(home("z"), *there)["decision"]["target"] == "a/cpu"


def test_within_its_cluster_it_keeps_its_group() -> None:
    there = cluster("a", group("cpu.large", name="g1"), group("cpu.large", name="g2"))
    assert answered(home("a", node_group="g2"), there)["decision"]["target"] == "a/g2"


def test_leaving_its_group_is_a_disruption() -> None:
    there = cluster("a", group("cpu.large", name="g1"), group("cpu.large", name="g2"))
    decision = decide(home("a", node_group="g2"), there)
    at = decision.terms.index("disruption")
    moved = {entry.verdict.candidate.name: entry.terms[at] for entry in decision.ranking if entry.terms}
    assert moved.pop("use a/g2") == moved.pop("scale a/g2") == 0
    assert set(moved.values()) == {1}


def test_equal_cost_is_no_reason_to_leave_the_cluster() -> None:
    """Its own group has no room any more, but another of its cluster has, as has a cluster that comes first by name."""
    there = cluster("a", CPUS), cluster("z", group("cpu.large", 0, name="g1"), group("cpu.large", name="g2"))
    assert answered(home("z", node_group="g1"), *there)["decision"]["target"] == "z/g2"


def test_a_home_that_is_gone_does_not_hold() -> None:
    assert answered(home("gone"), cluster("a", CPUS))["decision"]["target"] == "a/cpu"


def test_measured_nodes_hold_the_workload_already() -> None:
    full = {"free": {"cpu_m": 0, "mem_mib": 0}}
    there = cluster("a", group("cpu.large", name="cpu", nodes=[full]))
    placements = [{"workload": "small", "cluster": "a", "node_group": "cpu"}]
    assert answered(SMALL, there, placements=placements)["decision"]["action"] == "use"
    assert answered(SMALL, there)["decision"]["action"] == "create"


# --- what cluster types look at


@pytest.mark.parametrize(
    ("type_name", "first"),
    [
        ("ml_training", ("power", "utilisation")),
        ("inference", ("latency", "headroom")),
        ("mixed", ("utilisation", "spread")),
        ("general", ("utilisation", "power")),
    ],
)
def test_the_preferred_type_orders_the_terms(type_name: str, first: tuple[str, ...]) -> None:
    order = order_of_terms(request({**SMALL, "type": type_name}))
    assert order[:2] == first
    assert sorted(order) == sorted(TERMS)


def test_declared_weights_replace_the_defaults() -> None:
    types = {**TYPES, "cpu-only": {**TYPES["cpu-only"], "objective": {"headroom": 0.4, "type": 0.3, "cost": 1}}}
    assert order_of_terms(request(SMALL, types=types))[:3] == ("headroom", "type", "utilisation")


def test_inference_looks_at_latency_and_headroom() -> None:
    asked = {"type": "inference", "npu_count": 1, "cpu_cores": 4, "memory_gb": 8}
    slow = cluster("a", NPUS, labels={"kcloud_latency_ms": "30"})
    fast = cluster("b", NPUS, labels={"kcloud_latency_ms": 5})
    unknown = cluster("0", NPUS)
    assert answered(asked, slow, fast, unknown)["decision"]["cluster"] == "b"
    crowded = [{"workload": "w", "cluster": "c", "npu_count": 1, "cpu_cores": 2}]
    many = cluster("c", group("npu.four", name="npu")), cluster("d", group("npu.four", name="npu"))
    flavors = [*FLAVORS, flavor("npu.four", 64, 256, {"pci_passthrough:alias": "rngd:4"})]
    assert answered(asked, *many, placements=crowded, flavors=flavors)["decision"]["cluster"] == "d"


def test_cost_stays_first_whatever_the_weights() -> None:
    types = {**TYPES, "cpu-only": {**TYPES["cpu-only"], "objective": {"latency": 9}}}
    there = cluster("a", CPUS), cluster("b", group("cpu.large", 0, name="cpu"), labels={"kcloud_latency_ms": "1"})
    assert answered(SMALL, *there, types=types)["decision"]["cluster"] == "a"


# --- what could be created


def test_templates_stand_in_for_types() -> None:
    templates = [
        {"id": "t2", "name": "gpu", "flavor": "gpu.a100.xlarge", "master_flavor": "cpu.medium", "labels": {}},
        {"id": "t1", "name": "any", "flavor": None, "labels": {"kcloud_type": "my_type"}},
        {"id": "t3", "name": "secret", "flavor": "gpu.a100.xlarge", "hidden": True},
    ]
    found = answered(MISSION, types=None, templates=templates)
    assert (found["decision"]["template"], found["decision"]["cluster_type"]) == ("gpu", "gpu-intensive")
    created = [name for name in names(found) if name.startswith("create")]
    assert "create my-type by any/default-worker (gpu.a100.xlarge)" in created
    assert len(created) == 1 + len(FLAVORS)


def test_a_type_takes_the_template_that_is_labelled_for_it() -> None:
    templates = [{"id": "t", "name": "mine", "labels": {"kcloud_type": "gpu_intensive"}, "master_flavor": "cpu.large"}]
    types = {"gpu_intensive": {"node_groups": TYPES["gpu-intensive"]["node_groups"]}}
    found = answered(MISSION, types=types, templates=templates)
    assert (found["new_cluster"]["template"], found["new_cluster"]["master_flavor"]) == ("mine", "cpu.large")


def test_a_template_that_is_named_and_not_there_yet_takes_nothing_from_others_of_its_type() -> None:
    others = [{"id": "t", "name": "theirs", "labels": {"kcloud_type": "gpu-intensive"}, "master_flavor": "cpu.large"}]
    types = {"gpu-intensive": {"node_groups": TYPES["gpu-intensive"]["node_groups"], "template": "ours"}}
    alone = answered(MISSION, types=types)["new_cluster"]
    beside = answered(MISSION, types=types, templates=others)["new_cluster"]
    assert beside == alone and beside["template"] == "ours" and beside["master_flavor"] != "cpu.large"


def test_who_fits_nowhere_reads_what_has_the_right_devices() -> None:
    """A CPU group lacks one thing, the NPU group several; yet only to the second can they be added."""
    many = {"name": "many", "type": "inference", "npu_count": 100, "cpu_cores": 400, "memory_gb": 16}
    found = answered(many, cluster("a", CPUS, NPUS, GPUS))
    refused = [entry["why_not"] for entry in found["ranking"]]
    assert "WRONG_ACCEL_KIND" not in {entry["code"] for entry in refused[0]}
    strange = ["WRONG_ACCEL_KIND" in {entry["code"] for entry in reported} for reported in refused]
    assert strange == sorted(strange) and any(strange) and not all(strange)
    assert "npu" in found["decision"]["sentence"].split("Closest: ")[1]


def test_nothing_to_create_from() -> None:
    found = answered(MISSION, types=None)
    assert found["decision"]["sentence"] == "Nothing can be done: there is no cluster, and nothing to create one from."
    assert found["ranking"] == []
    assert any("creating a cluster was not considered" in line for line in found["assumptions"])


def test_a_type_that_the_cloud_cannot_serve_is_reported() -> None:
    flavors = [entry for entry in FLAVORS if not entry["name"].startswith("npu")]
    found = answered(SMALL, flavors=flavors)
    assert not [name for name in names(found) if "hybrid" in name or "npu" in name]
    assert (
        "cluster type hybrid-balanced cannot be built: the cloud has no flavor for one of its node groups"
        in (found["assumptions"])
    )


def test_the_digest_follows_the_inputs() -> None:
    one = answered(MISSION, cluster("a"))["inputs_digest"]
    assert one == answered(dict(reversed(MISSION.items())), cluster("a"))["inputs_digest"]
    assert one != answered({**MISSION, "gpu_count": 3}, cluster("a"))["inputs_digest"]
    assert one != answered(MISSION, cluster("a", group(count=2)))["inputs_digest"]
    assert one.startswith("sha256:")


def test_the_digest_does_not_depend_on_what_was_looked_at() -> None:
    """Derived values that the model remembers do not belong to it."""
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import digest

    asked = request(MISSION, cluster("a"))
    fresh = digest(asked)
    decide(MISSION, cluster("a"))
    assert asked.fleet.flavors[0].empty and asked.fleet.clusters[0].kinds
    assert digest(asked) == fresh
