# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that an engine once answered wrongly, each with what is right."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import batch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_answer import answer as batch_answer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation import consolidate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import Consolidation
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
    Question as ConsolidationQuestion,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
    Rules as ConsolidationRules,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling import scale
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_answer import (
    answer as scaling_answer,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import Rules, Scaling
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_reading import read_scaling
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    MISSION,
    TYPES,
    Plain,
    answered,
    candidate,
    cluster,
    codes,
    flavor,
    group,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.standing import (
    consolidated,
    farm,
    fleet,
    pool,
    scaled,
    stands,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.test_batch import SOLVERS, asked

GPU_NODE = group("gpu.a100.xlarge", 1, 9)


def many(wanted: list[Plain], *clusters: Plain, **more: Any) -> Plain:
    return batch_answer(batch.plan(asked(wanted, *clusters, **more)))


def of(found: Plain, name: str) -> Plain:
    return next(entry for entry in found["decisions"] if entry["workload"] == name)


# --- nobody says who stands where


def test_running_nodes_of_which_nothing_is_known_are_busy() -> None:
    found = answered(MISSION, cluster("ml", GPU_NODE), placements=None)
    assert (found["decision"]["action"], found["decision"]["node_count_after"]) == ("scale_out", 2)
    entry = candidate(found, "use ml/default-worker")
    assert codes(entry) == ["OCCUPANTS_UNKNOWN"]
    assert "assume_empty: true" in entry["why_not"][0]["fix"]["sentence"]
    assert any("placements are not given" in said for said in found["assumptions"])
    full = answered(MISSION, cluster("ml", group("gpu.a100.xlarge", 1, 1)), placements=None)
    assert full["decision"]["action"] == "create"


def test_running_nodes_are_used_where_that_is_asked_for_or_the_placements_are_known() -> None:
    for options in ({"placements": None, "assume_empty": True}, {"placements": []}):
        found = answered(MISSION, cluster("ml", GPU_NODE), **options)
        assert found["decision"]["action"] == "use"
        assert any("assume_empty" in said for said in found["assumptions"]) == ("assume_empty" in options)
    says = {"free": {"cpu_m": 48_000, "mem_mib": 262_144}, "devices": [1000] * 4}
    measured = cluster("ml", group("gpu.a100.xlarge", 1, 9, nodes=[says]))
    assert answered(MISSION, measured, placements=None)["decision"]["action"] == "use"


def test_the_cluster_that_was_made_for_a_workload_is_found_again() -> None:
    made = answered(MISSION, placements=None)["new_cluster"]
    there = cluster("ml", GPU_NODE, labels=made["labels"])
    again = answered(MISSION, there, placements=None)
    assert (again["decision"]["action"], again["decision"]["cluster"]) == ("use", "ml")
    assert "STANDING_PLACEMENT" in again["ranking"][0]["why"]
    on_its_way = answered(MISSION, {**there, "status": "CREATE_IN_PROGRESS"}, placements=None)
    assert [entry["name"] for entry in on_its_way["coming"]] == ["ml"]
    other = answered({**MISSION, "name": "training-2"}, there, placements=None)
    assert other["decision"]["action"] == "scale_out"
    more = answered({**MISSION, "replicas": 3, "power_budget": 9000}, there, placements=None)
    assert (more["decision"]["action"], more["decision"]["node_count_after"]) == ("scale_out", 3)


def test_the_clusters_that_were_made_for_many_workloads_are_found_again() -> None:
    wanted = [{"name": f"w{number}", "gpu_count": 4, "cpu_cores": 8} for number in range(3)]
    first = many(wanted, placements=None)
    made = [
        cluster(f"made-{number}", *_made_groups(action), type=action["cluster_type"], labels=action["labels"])
        for number, action in enumerate(first["actions"])
    ]
    again = many(wanted, *made, placements=None)
    assert {entry["action"] for entry in first["actions"]} == {"create"}
    assert again["actions"] == [] and all(entry["stays"] for entry in again["decisions"])


def _made_groups(action: Plain) -> list[Plain]:
    return [
        group(entry["flavor"], entry["node_count_after"], entry["max_node_count"], name=entry["name"])
        for entry in action["node_groups"]
    ]


@pytest.mark.parametrize("current", [{"cluster": "ml"}, {"cluster": "ml", "node_group": "default-worker"}])
def test_a_workload_that_says_where_it_stands_stays_there(current: Plain) -> None:
    found = answered({**MISSION, "current_placement": current}, cluster("ml", GPU_NODE), placements=None)
    assert found["decision"]["action"] == "use"


# --- scaling: how much may go in one run


def twice(clusters: list[Plain], placements: list[Plain] | None, **options: Any) -> Scaling:
    """The second of two looks, ten minutes apart."""
    first = scaling_answer(scaled(clusters, placements, 10_000, **options))
    return scaled(clusters, placements, 10_600, memory=first["memory"], **options)


def gone(found: Scaling) -> dict[str, int]:
    return {plan.cluster.name: len(plan.removed) for plan in found.groups if plan.removed}


def test_a_small_cluster_of_a_large_fleet_is_not_emptied_at_once() -> None:
    small = farm("a", pool(10, name="small", nodes=[{"id": f"s{n}", "utilization": 0} for n in range(10)]))
    large = farm(
        "b", pool(90, most=None, min_node_count=90, nodes=[{"id": f"l{n}", "utilization": 0} for n in range(90)])
    )
    assert gone(twice([small, large], [])) == {"a": 1}


@pytest.mark.parametrize(("rules", "left"), [({}, 1), ({"empty_clusters": True}, 0)])
def test_the_last_worker_of_a_cluster_stays_unless_allowed(rules: Plain, left: int) -> None:
    found = twice([farm("a", pool(3))], [], rules=Rules(run_percent=100, **rules))
    assert gone(found) == {"a": 3 - left}
    codes_ = {violation.code for plan in found.nodes for violation in plan.why_not}
    assert ("LAST_WORKER" in codes_) == bool(left)


# --- scaling: quotas and neighbours count among those who come together


def test_the_last_free_accelerators_are_given_once() -> None:
    """Four A100 are free in the cloud, and two pending jobs want four each."""
    jobs = [{"name": f"job-{n}", "gpu_count": 4, "cpu_cores": 8} for n in (1, 2)]
    there = farm("a", pool(1, "gpu.a100.xlarge"), type="gpu-intensive")
    busy = [stands("old", "d1", cpu=8, gpu_count=4)]
    cloud = fleet(there, accelerators_free={"CUSTOM_GPU_A100": 4})
    found = scaling_answer(scale(read_scaling(cloud, now=1, placements=busy, workloads=jobs, rules=Rules())))
    (entry,) = found["decision"]["node_groups"]
    assert entry["node_count_after"] == 2
    (left,) = found["unplaced"]
    assert "QUOTA_SHORT" in [violation["code"] for violation in left["why_not"]]
    # Growth for the sake of headroom keeps within the same limit
    assert "QUOTA_SHORT" in [violation["code"] for violation in found["groups"][0]["why_not"]]


def test_growth_by_use_keeps_the_quota() -> None:
    cloud = fleet(farm("a", pool(3)), quota={"instances": {"limit": 9, "used": 8}})
    usage = [{"cluster": "a", "utilization": 2}]
    options = {"placements": [], "forecast_utilization": usage, "rules": Rules()}
    found = scaling_answer(scale(read_scaling(cloud, now=1, **options)))
    assert found["groups"][0]["node_count_after"] == 4
    assert [violation["code"] for violation in found["groups"][0]["why_not"]] == ["QUOTA_SHORT"]


@pytest.mark.parametrize("isolation", ["cluster", "project"])
def test_pending_work_that_wants_to_be_alone_is_not_put_beside_other_pending_work(isolation: str) -> None:
    jobs = [{"name": "alone", "cpu_cores": 1, "isolation": isolation}, {"name": "other", "cpu_cores": 1}]
    found = scaling_answer(scaled([farm()], [], workloads=jobs))
    (left,) = found["unplaced"]
    assert [violation["code"] for violation in left["why_not"]] == ["ISOLATION"]


# --- scaling: nobody says who stands where


JOBS = [{"name": f"job-{n}", "gpu_count": 1, "cpu_cores": 4} for n in (1, 2)]


def gpu_farm(count: int) -> list[Plain]:
    nodes = [{"id": f"g{n}"} for n in range(count)]
    return [farm("a", pool(count, "gpu.a100.large", most=None, nodes=nodes), type="gpu-intensive")]


def test_nodes_are_opened_once_for_a_pending_workload_where_no_placements_are_given() -> None:
    first = scaling_answer(scaled(gpu_farm(1), None, workloads=JOBS, memory={}))
    grown = first["decision"]["node_groups"][0]["node_count_after"]
    assert grown > 1 and "OCCUPANTS_UNKNOWN" in first["table"]
    assert any(
        "'placements' does not say which workloads run on nodes of a/default-worker" in said
        for said in first["assumptions"]
    )
    second = scaling_answer(scaled(gpu_farm(grown), None, 10_060, workloads=JOBS, memory=first["memory"]))
    assert second["decision"]["action"] == "none"
    assert {entry["workload"]: entry["why_not"][0]["code"] for entry in second["waiting"]} == {
        "job-1": "SCALED_OUT_FOR_IT",
        "job-2": "SCALED_OUT_FOR_IT",
    }
    assert (
        "SCALED_OUT_FOR_IT" in second["table"]
        and "Nothing is opened for job-1, job-2" in second["decision"]["sentence"]
    )
    third = scaling_answer(scaled(gpu_farm(grown), None, 10_120, workloads=JOBS, memory=second["memory"]))
    assert third["decision"]["action"] == "none"
    # A run that was not carried out, or more work than before, does not delay it
    again = scaling_answer(scaled(gpu_farm(1), None, 10_060, workloads=JOBS, memory=first["memory"]))
    assert again["decision"]["node_groups"][0]["node_count_after"] == grown
    more = [{**JOBS[0], "replicas": 2}, JOBS[1]]
    further = scaling_answer(scaled(gpu_farm(grown), None, 10_060, workloads=more, memory=second["memory"]))
    assert further["decision"]["action"] == "scale_out" and len(further["memory"]["opened"]) == 2


def test_without_placements_and_without_a_memory_nothing_is_opened() -> None:
    found = scaling_answer(scaled(gpu_farm(1), None, workloads=JOBS))
    assert found["decision"]["action"] == "none"
    assert {entry["why_not"][0]["code"] for entry in found["waiting"]} == {"OCCUPANTS_UNKNOWN"}
    known = scaling_answer(scaled(gpu_farm(1), [stands("old", "g0", gpu_count=1)], workloads=JOBS))
    assert known["decision"]["action"] == "scale_out"


# --- many workloads


@pytest.mark.parametrize("solver", SOLVERS)
def test_nobody_is_put_beside_a_workload_that_wants_its_project_alone(solver: bool) -> None:
    wanted = [{"name": "x", "cpu_cores": 1, "isolation": "project"}, {"name": "y", "cpu_cores": 1}]
    found = many(wanted, cluster("ml", group("cpu.large", 2)), cluster("b", group("cpu.large", 2)), solver=solver)
    assert len(found["unplaced"]) == 1
    assert of(found, found["unplaced"][0])["why_not"] == ["ISOLATION"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_standing_workload_that_asks_for_more_grows(solver: bool) -> None:
    size = {"name": "w", "gpu_count": 4, "cpu_cores": 8, "replicas": 4}
    stand = [{"workload": "w", "cluster": "ml", "node_group": "default-worker", "replicas": 1}]
    options: Plain = {"placements": [{**stand[0], **{key: size[key] for key in ("gpu_count", "cpu_cores")}}]}
    alone = answered(size, cluster("ml", GPU_NODE), **options)["decision"]
    found = many([size], cluster("ml", GPU_NODE), solver=solver, **options)
    (action,) = found["actions"]
    assert (alone["node_count_before"], alone["node_count_after"]) == (1, 4)
    assert action["node_groups"][0]["node_count_after"] == 4
    assert found["decision"]["cost_delta_h"] == alone["cost_delta_h"]
    assert (of(found, "w")["action"], of(found, "w")["stays"]) == ("scale_out", True)
    assert "w: ml/default-worker, 1 of 4 replicas" in found["plan_diff"]["before"]
    full = many([size], cluster("ml", group("gpu.a100.xlarge", 1, 2)), solver=solver, **options)
    reported = [violation["code"] for entry in of(full, "w")["ranking"] for violation in entry["why_not"]]
    assert full["unplaced"] == ["w"] and "GROUP_MAX" in reported


@pytest.mark.parametrize("solver", SOLVERS)
def test_priority_is_strict(solver: bool) -> None:
    """One GPU of priority 2 goes before four of priority 0, and before any number of lower ones."""
    wanted = [{"name": "low", "gpu_count": 4, "cpu_cores": 1}]
    wanted += [{"name": f"mid-{n}", "gpu_count": 1, "cpu_cores": 1, "priority": 1} for n in range(4)]
    wanted += [{"name": "high", "gpu_count": 1, "cpu_cores": 1, "priority": 2}]
    quota = {"instances": {"limit": 0, "used": 0}}
    found = many(wanted, cluster("ml", group(count=1, most=1)), quota=quota, solver=solver)
    assert of(found, "high")["action"] == "use"
    assert len(found["unplaced"]) == 2 and "low" in found["unplaced"]


# --- health


def test_of_two_equal_clusters_the_healthy_one_is_used() -> None:
    there = [cluster("a", GPU_NODE, health_status="UNHEALTHY"), cluster("b", GPU_NODE, health_status="HEALTHY")]
    assert answered(MISSION, *there)["decision"]["cluster"] == "b"
    assert of(many([{**MISSION}], *there), "training-1")["cluster"] == "b"


# --- fleets that cannot be, or that are very large


NAMED = {"node_groups": [group("cpu.medium", 1, 3)], "status": "CREATE_COMPLETE"}
NODE = {"free": {"cpu_m": 1, "mem_mib": 1}, "devices": "1000"}


@pytest.mark.parametrize(
    ("clusters", "path"),
    [
        ([{**NAMED}], "fleet.clusters[0].name"),
        ([{"name": "a", **NAMED}, {"name": " a", **NAMED}], "fleet.clusters[1].name"),
        ([{"name": "a", **NAMED}, {"name": "", **NAMED}], "fleet.clusters[1].name"),
        ([{"name": "a", "id": "1", **NAMED}, {"name": "b", "id": "1", **NAMED}], "fleet.clusters[1].id"),
        ([{"name": "a", **NAMED}, {"name": "a", **NAMED}], "fleet.clusters[1].id"),
        ([{"name": "a", "node_groups": [group(), group()]}], "fleet.clusters[0].node_groups"),
        ([cluster("a", group(nodes=[NODE]))], "fleet.clusters[0].node_groups[0].nodes[0].devices"),
    ],
)
def test_a_fleet_that_cannot_be_is_an_error_that_names_the_entry(clusters: list[Plain], path: str) -> None:
    for question in (
        lambda: answered({"cpu_cores": 1}, *clusters),
        lambda: many([{"name": "w", "cpu_cores": 1}], *clusters),
        lambda: scaled(clusters, []),
        lambda: consolidated(clusters, []),
    ):
        with pytest.raises(InvalidRequest) as refused:
            question()
        assert refused.value.resource == path


@pytest.mark.parametrize("placements", [[], None])
def test_a_billion_nodes_are_a_number(placements: list[Plain] | None) -> None:
    there = farm("a", group("cpu.medium", 10**9, None))
    work = {"name": "w", "cpu_cores": 2, "replicas": 3}
    assert answered(work, there, placements=placements)["decision"]["action"] != "none"
    assert many([work], there, placements=placements)["unplaced"] == []
    assert many([{**work, "cpu_cores": 99}], there, placements=placements)["unplaced"] == ["w"]
    found = scaling_answer(scaled([there], placements, workloads=[work], memory={}))
    assert found["groups"][0]["node_count_before"] == 10**9
    consolidated([there], placements)


# --- nodes and clusters that go


EAGER = ConsolidationRules(actions=("close_node", "close_group", "merge"), score=0, saving=0, horizon_h=10**6)


def refused_with(found: Consolidation, code: str) -> bool:
    return not found.steps and code in {violation.code for option in found.options for violation in option.why_not}


def gang(nodes: list[str], **more: Any) -> list[Plain]:
    return [stands("train", node, cpu=0.5, priority=100, **more) for node in nodes]


def test_a_gang_that_runs_to_its_end_is_not_taken_apart() -> None:
    nodes = [f"d{number}" for number in range(1, 6)]
    running = gang(nodes, duration_h=1)
    assert refused_with(consolidated([farm("a", pool(5))], running, EAGER), "WORKLOAD_PINNED")
    assert gone(twice([farm("a", pool(5))], running)) == {}
    for placements in (gang(nodes), gang(nodes, duration_h=1, gang=False)):
        assert consolidated([farm("a", pool(5))], placements, EAGER).steps
    assert gone(twice([farm("a", pool(3))], gang(["d1"], duration_h=1))) == {"a": 1}


def test_measured_use_counts_in_consolidation() -> None:
    small = [stands("w1", "n1", cpu=0.5), stands("w2", "n2", cpu=0.5)]
    for use, closes in ((0.97, False), (0.4, True)):
        nodes = [{"id": f"n{number}", "utilization": use} for number in (1, 2)]
        found = consolidated([farm("a", pool(2, nodes=nodes))], small, EAGER)
        assert bool(found.steps) == closes
        assert refused_with(found, "UTILIZATION_AFTER") != closes


def near_and_far(far_ms: int | None) -> list[Plain]:
    ids = [[{"id": f"{name}1", "utilization": 0}] for name in "nf"]
    near = farm("near", pool(1, nodes=ids[0]), labels={"kcloud_latency_ms": "2"})
    return [near, farm("zfar", pool(1, nodes=ids[1]), labels={"kcloud_latency_ms": str(far_ms)} if far_ms else {})]


@pytest.mark.parametrize(("far_ms", "merges"), [(80, False), (None, False), (4, True)])
def test_work_that_needs_a_near_cluster_is_not_merged_into_a_far_one(far_ms: int | None, merges: bool) -> None:
    placements = [
        stands("fast", "n1", at="near", cpu=0.5, latency_ms=5),
        stands("slow", "f1", at="zfar", cpu=0.5, labels={"do-not-disrupt": "true"}),
    ]
    found = consolidated(near_and_far(far_ms), placements, ConsolidationRules(("merge",), 0, 0, 10**6))
    assert bool(found.steps) == merges
    assert refused_with(found, "LATENCY") != merges


def test_merges_keep_the_quota() -> None:
    clusters = [
        farm("one", pool(1, nodes=[{"id": "o1", "utilization": 0}])),
        farm("two", pool(1, nodes=[{"id": "t1", "utilization": 0}])),
    ]
    placements = [stands("w1", "o1", at="one", cpu=3), stands("w2", "t1", at="two", cpu=3)]
    merge = ConsolidationRules(("merge",), 0, 0, 10**6)
    for limit, merges in ((4, False), (5, True)):
        quota = {"instances": {"limit": limit, "used": 4}}
        found, _prices = read_standing(fleet(*clusters, quota=quota), placements=placements)
        done = consolidate(ConsolidationQuestion(found, merge))
        assert bool(done.steps) == merges
        assert refused_with(done, "QUOTA_SHORT") != merges


def test_replicas_of_a_service_do_not_all_end_on_one_node() -> None:
    service = [stands("web", f"d{number}", cpu=0.5) for number in (1, 2, 3)]
    done = consolidated([farm("a", pool(3))], service, EAGER)
    assert len(done.closed) == 1
    found = twice([farm("a", pool(3))], service, rules=Rules(run_percent=100))
    assert gone(found) == {"a": 1}
    assert "SPREAD" in {violation.code for plan in found.nodes for violation in plan.why_not}


# --- devices and prices


MIG = flavor("gpu.mig", 16, 64, {"resources:CUSTOM_A100_MIG_1G_5GB": "7"})
BIG = flavor("gpu.big", 8, 0, {"resources:CUSTOM_GPU_A100_80GB": "1"})


def test_slices_are_no_devices_and_cost_their_part() -> None:
    there = cluster("ml", group("gpu.mig", 1, 3))
    wanted = {"name": "w", "gpu_count": 2, "cpu_cores": 1}
    found = answered(wanted, there, flavors=[MIG, flavor("cpu.medium", 4, 8)], types={"cpu-only": TYPES["cpu-only"]})
    assert found["decision"]["action"] == "none"
    assert codes(candidate(found, "use ml/default-worker")) == ["WRONG_ACCEL_MODEL"]
    named = {**wanted, "gpu_model": "a100-mig-1g-5gb"}
    assert answered(named, there, flavors=[MIG], types={})["decision"]["action"] == "use"
    # Seven sevenths of an A100 cost one A100: 100 vCPU hours, beside 16 vCPU and 64 GiB
    grown = candidate(answered(named, there, flavors=[MIG], types={}), "scale ml/default-worker")
    assert grown["cost_delta_h"] == pytest.approx(100 + 16 + 64 * 0.13, abs=1e-4)
    given = answered(
        named, there, flavors=[MIG], types={}, prices={"rates": {"vcpu": 0, "gib": 0, "devices": {"a100": 7}}}
    )
    assert candidate(given, "scale ml/default-worker")["cost_delta_h"] == 7


@pytest.mark.parametrize(
    ("devices", "price"),
    [({"a100": 3.5}, 3.5), ({"a100": 3.5, "a100-80gb": 5}, 5), ({"gpu": 2, "a100": 3.5}, 3.5), ({"gpu": 2}, 2)],
)
def test_one_matcher_of_models_prices_devices(devices: Plain, price: float) -> None:
    rates = {"vcpu": 0, "gib": 0, "devices": devices}
    found = answered(
        {"gpu_count": 1, "cpu_cores": 1},
        cluster("ml", group("gpu.big", 1, 3)),
        flavors=[BIG],
        types={},
        prices={"rates": rates},
    )
    assert candidate(found, "scale ml/default-worker")["cost_delta_h"] == price
    assert not any("no currency" in said for said in found["assumptions"])


@pytest.mark.parametrize(
    "prices",
    [{"rates": {"devices": {"a100": 3.5}}}, {"rates": {"vcpu": 0.1, "gib": 0}}, {"flavors": {"cpu.medium": 1}}],
)
def test_prices_of_two_units_are_said_aloud(prices: Plain) -> None:
    flavors = [BIG, flavor("cpu.medium", 4, 8)]
    found = answered({"gpu_count": 1}, cluster("ml", group("gpu.big", 1, 3)), flavors=flavors, types={}, prices=prices)
    assert any(
        "relative units, which are not a currency" in said and "gpu.big" in said for said in found["assumptions"]
    )
