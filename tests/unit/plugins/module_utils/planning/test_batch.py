# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many workloads at once: what is placed where, what it costs, how good that is known to be."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import batch, dual, integer, questions
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.aggregate import Aggregate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_answer import answer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import (
    Batch,
    BatchPlan,
    ground_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_batch
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    TYPES,
    Plain,
    cluster,
    group,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.test_properties import (
    clouds,
    shuffled,
    without_devices,
    workloads,
)
from hypothesis import given, settings
from hypothesis import strategies as st

SOLVERS = [pytest.param(False, id="without a solver")]
SOLVERS += [pytest.param(True, id="with HiGHS")] if integer.available() else []
SMALL = {"cpu_cores": 2, "memory_gb": 8}
# A node more in a running cluster is cheaper than a new cluster
NODES = {"flavors": {"gpu.a100.large": 100, "gpu.a100.xlarge": 100, "cpu.medium": 50}}


def gpu(name: str, count: int = 1, **more: Any) -> Plain:
    return {"name": name, "gpu_count": count, **SMALL, **more}


def asked(wanted: list[Plain], *clusters: Plain, solver: bool = False, **more: Any) -> Batch:
    options = {
        key: more.pop(key)
        for key in ("placements", "prices", "flavor_map", "require_health", "assume_empty")
        if key in more
    }
    # Nobody stands anywhere, unless a test says who; None says that nobody knows
    options.setdefault("placements", [])
    fleet = {"flavors": FLAVORS, "clusters": list(clusters), **more}
    return Batch(*read_batch(wanted, fleet, cluster_types=TYPES, **options), effort=1, solver=solver)


def answered(wanted: list[Plain], *clusters: Plain, **more: Any) -> Plain:
    return answer(batch.plan(asked(wanted, *clusters, **more)))


def of(found: Plain, name: str) -> Plain:
    return next(entry for entry in found["decisions"] if entry["workload"] == name)


@pytest.mark.parametrize("solver", SOLVERS)
def test_four_small_ones_share_a_node_that_one_after_the_other_would_not_open(solver: bool) -> None:
    """Four GPUs on one node of four cost less than four nodes of one, by what the table of prices says."""
    prices = {"flavors": {"gpu.a100.large": 100, "gpu.a100.xlarge": 300, "cpu.medium": 1}}
    found = answered([gpu(f"w{number}") for number in range(4)], prices=prices, solver=solver)
    (made,) = found["actions"]
    assert made["action"] == "create"
    assert made["node_groups"][0]["flavor"] == "gpu.a100.xlarge"
    assert made["node_groups"][0]["node_count_after"] == 1
    assert made["workloads"] == ["w0", "w1", "w2", "w3"]
    assert found["certificate"]["objective"] == 301
    assert found["certificate"]["lower_bound"] <= 301
    assert found["counterfactual"]["costs_more_h"] > 0
    if solver:
        assert found["certificate"]["optimal"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_room_on_running_nodes_comes_first_and_is_shared_out_once(solver: bool) -> None:
    found = answered(
        [gpu(f"w{number}") for number in range(6)], cluster("ml", group(count=1, most=2)), prices=NODES, solver=solver
    )
    assert [entry["cluster"] for entry in found["decisions"]] == ["ml"] * 6
    assert sorted(entry["action"] for entry in found["decisions"]) == ["scale_out"] * 2 + ["use"] * 4
    (scaled,) = found["actions"]
    assert scaled["node_groups"][0]["node_count_after"] == 2
    assert found["decision"]["scaled_out"] == 1
    assert "ml/default-worker (gpu.a100.xlarge): 2 nodes" in found["plan_diff"]["after"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_where_not_all_fit_the_more_important_are_placed_and_the_others_say_why_not(solver: bool) -> None:
    wanted = [gpu(f"w{number}", 4, priority=number) for number in range(4)]
    full = {"instances": {"limit": 2, "used": 2}}
    found = answered(wanted, cluster("ml", group(count=2, most=2)), quota=full, solver=solver)
    assert found["unplaced"] == ["w0", "w1"]
    refused = of(found, "w0")
    assert refused["action"] == "none"
    assert "DEVICE_COUNT_PER_NODE" in {code["code"] for entry in refused["ranking"] for code in entry["why_not"]}
    assert all(entry["why_not"] for entry in refused["ranking"])
    assert found["certificate"]["work_placed"] < sum_of_work(wanted)


def sum_of_work(wanted: list[Plain]) -> float:
    return answered(wanted)["certificate"]["work_placed"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_who_wants_a_cluster_alone_gets_one_and_nobody_joins(solver: bool) -> None:
    wanted = [gpu("alone", isolation="cluster"), gpu("w1"), gpu("w2")]
    found = answered(wanted, cluster("a"), cluster("b"), solver=solver)
    alone = of(found, "alone")["cluster"]
    assert {of(found, name)["cluster"] for name in ("w1", "w2")} == {"a", "b"} - {alone}
    assert found["actions"] == []


@pytest.mark.parametrize("solver", SOLVERS)
def test_who_wants_nodes_alone_gets_them(solver: bool) -> None:
    wanted = [gpu("alone", isolation="node"), gpu("w1"), gpu("w2")]
    found = answered(wanted, cluster("a", group(count=1, most=2)), prices=NODES, solver=solver)
    assert found["actions"][0]["node_groups"][0]["node_count_after"] == 2


@pytest.mark.parametrize("solver", SOLVERS)
def test_who_stands_stays_and_takes_its_room(solver: bool) -> None:
    placements = [{"workload": "w0", "cluster": "ml"}]
    found = answered([gpu("w0", 4), gpu("w1", 4)], cluster("ml"), placements=placements, solver=solver)
    assert (of(found, "w0")["action"], of(found, "w0")["stays"]) == ("use", True)
    assert of(found, "w1")["action"] == "scale_out"


def test_parts_of_different_kinds_lie_in_one_cluster() -> None:
    """GPU and NPU asked together, on a cloud without nodes that have both."""
    wanted = [{"name": "mixed", "gpu_count": 1, "npu_count": 1, **SMALL}]
    groups = [group("gpu.a100.large", name="gpu"), group("npu.rngd.large", name="npu")]
    found = answered(wanted, cluster("one", groups[0]), cluster("both", *groups))
    assert of(found, "mixed")["cluster"] == "both"
    assert sorted(of(found, "mixed")["node_groups"]) == ["gpu", "npu"]


@pytest.mark.parametrize("names", [["a", "a"], ["a", None]])
def test_names_are_needed_and_differ(names: list[str | None]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked([{"name": name, **SMALL} for name in names])
    assert refused.value.failure()["resource"] == "workloads[1].name"


def test_a_changed_state_is_refused() -> None:
    fleet = {"flavors": FLAVORS, "clusters": [cluster("ml")]}
    params = {
        "workloads": [gpu("w")],
        "workload": None,
        "max_candidates": None,
        "time_limit": 1,
        "expected_state": None,
    }
    digest = questions.many.answer(params, {}, fleet)["state_digest"]
    assert questions.many.answer({**params, "expected_state": digest}, {}, fleet)["state_digest"] == digest
    changed = {"flavors": FLAVORS, "clusters": [cluster("ml", group(count=2))]}
    for question, wanted in ((questions.many, params), (questions.one, {**params, "workload": gpu("w")})):
        with pytest.raises(KcloudError) as refused:
            question.answer({**wanted, "expected_state": digest}, {}, changed)
        assert refused.value.failure()["code"] == "STATE_CHANGED"


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [(None, ["team-a-1", "team-b-1"]), (["team-a-*"], ["team-a-1"]), (["team-b-1"], ["team-b-1"]), (["team"], [])],
)
def test_only_clusters_of_these_names_are_candidates(patterns: list[str] | None, kept: list[str]) -> None:
    fleet = {"clusters": [cluster("team-a-1"), cluster("team-b-1")]}
    assert [entry["name"] for entry in questions.only(fleet, patterns)["clusters"]] == kept


def test_the_table_and_the_digest_do_not_depend_on_the_effort() -> None:
    wanted = asked([gpu(f"w{number}") for number in range(3)])
    one, other = (answer(batch.plan(replace(wanted, effort=effort))) for effort in (1, 2))
    assert one["inputs_digest"] == other["inputs_digest"]
    assert one["table"] == other["table"]


# --- whatever Hypothesis thinks of

# A plan for many takes longer than one for one: a third of the examples that others get
EXAMPLES = max(1, settings().max_examples // 3)


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Plain], Plain]:
    wanted = [{**draw(workloads()), "name": f"it{number}"} for number in range(draw(st.integers(1, 5)))]
    for entry in wanted:
        if draw(st.integers(0, 3)) == 0:
            entry["priority"] = draw(st.integers(1, 3))
    cloud = draw(clouds())
    # "it" is the single workload of other tests, whose placement needs no size
    cloud["placements"] = cloud["placements"] and [e for e in cloud["placements"] if e["workload"] != "it"]
    return wanted, cloud


def read(wanted: list[Plain], cloud: Plain, *, solver: bool) -> Batch:
    options = {key: value for key, value in cloud.items() if key != "fleet"}
    return Batch(*read_batch(wanted, cloud["fleet"], **options), effort=0, solver=solver)


def check_rooms(plan: BatchPlan) -> None:
    """What is free afterwards and what was placed add up to what there was, and no node has less than nothing."""
    for number, planned in enumerate(plan.clusters):
        for growth in planned.groups:
            flavor = growth.group.flavor
            before = [] if planned.new else list(growth.group.rooms)
            opened = growth.after - (growth.before if planned.new is None else 0)
            cpu = sum(room.cpu_m * count for room, count in before) + flavor.cpu_m * opened
            devices = sum(sum(map(sum, room.devices)) * count for room, count in before)
            devices += sum(map(sum, flavor.empty.devices)) * opened
            for room, _count in growth.rooms:
                assert room.cpu_m >= 0 and room.mem_mib >= 0
                assert all(device >= 0 for entry in room.devices for device in entry)
            alone = False
            for index in planned.workloads:
                workload = plan.batch.workloads[index]
                for seat in plan.seats[index]:
                    if seat.host == number and seat.group == growth.group.name:
                        alone = alone or workload.isolation == "node"
                        cpu -= seat.part.cpu_m * workload.replicas
                        devices -= sum(demand.count * demand.share for demand in seat.part.demands) * workload.replicas
            left = sum(room.cpu_m * count for room, count in growth.rooms)
            free = sum(sum(map(sum, room.devices)) * count for room, count in growth.rooms)
            # Nodes that belong to one workload are closed for others: nothing counts as free there
            assert left <= cpu if alone else left == cpu
            assert free <= devices


def check_limits(plan: BatchPlan, cloud: Plain) -> None:
    opened = instances = cores = 0
    for planned in plan.clusters:
        assert planned.cluster.locks == () or all(plan.batch.workloads[index].home for index in planned.workloads)
        for growth in planned.groups:
            grown = growth.after > growth.before
            assert not grown or growth.group.max_count is None or growth.after <= growth.group.max_count
            assert not grown or growth.group.status.endswith("_COMPLETE")
            instances += growth.after - growth.before
            cores += growth.group.flavor.cpu_m // 1000 * (growth.after - growth.before)
        if planned.new and planned.cluster.masters:
            instances += planned.cluster.masters[1]
        opened += planned.new is not None
        moved = [plan.batch.workloads[index] for index in planned.workloads if not plan.batch.workloads[index].home]
        if any(workload.isolation == "cluster" for workload in moved):
            assert len(planned.workloads) == 1 and not planned.cluster.tenants
    quota = cloud["fleet"].get("quota")
    if quota:
        assert opened <= max(0, quota["clusters"]["limit"] - quota["clusters"]["used"])
        assert instances <= max(0, quota["instances"]["limit"] - quota["instances"]["used"])
        assert cores <= max(0, quota["cores"]["limit"] - quota["cores"]["used"])


@settings(max_examples=EXAMPLES)
@given(batches(), st.sampled_from([entry.values[0] for entry in SOLVERS]))
def test_never_more_is_placed_than_fits(case: tuple[list[Plain], Plain], solver: bool) -> None:
    plan = batch.plan(read(*case, solver=solver))
    check_rooms(plan)
    check_limits(plan, case[1])
    assert plan.proof.bound <= plan.proof.cost
    assert plan.proof.worth <= plan.proof.most_worth
    found = answer(plan, 2)
    assert [entry["workload"] for entry in found["decisions"]] == sorted(entry["name"] for entry in case[0])


@settings(max_examples=EXAMPLES)
@given(batches(), st.integers(0, 2**32), st.sampled_from([entry.values[0] for entry in SOLVERS]))
def test_permuted_input_gives_the_same_bytes(case: tuple[list[Plain], Plain], seed: int, solver: bool) -> None:
    chance = random.Random(seed)
    wanted, cloud = case[0], without_devices(case[1])
    one = answer(batch.plan(read(wanted, cloud, solver=solver)), 1)
    other = answer(batch.plan(read(shuffled(wanted, chance), shuffled(cloud, chance), solver=solver)), 1)
    assert json.dumps(one) == json.dumps(other)


def bound_of(wanted: Batch, rounds: int) -> tuple[float, Aggregate]:
    aggregate = Aggregate(ground_of(wanted))
    aggregate.all_placed()
    return dual.solve(aggregate, rounds).bound, aggregate


@pytest.mark.skipif(not integer.available(), reason="highspy is not installed: nothing to compare the bound with")
@settings(max_examples=EXAMPLES)
@given(batches(), st.sampled_from((1, 30, 300)))
def test_no_bound_passes_what_the_solver_finds(case: tuple[list[Plain], Plain], rounds: int) -> None:
    """The bound without a solver, after however many rounds, lies below the optimum, and below a plan."""
    wanted = read(*case, solver=True)
    plan = batch.plan(wanted)
    ground = ground_of(wanted)
    if ground.kinds and all(ground.options) and None not in plan.places:
        bound, aggregate = bound_of(wanted, rounds)
        assert bound <= aggregate.programme.solve(10).objective + 1e-6
        assert aggregate.rounded_up(bound) <= plan.proof.cost


@pytest.mark.skipif(not integer.available(), reason="highspy is not installed: nothing to compare the bound with")
@pytest.mark.parametrize("small", [60, 100, 140])
def test_the_bound_without_a_solver_is_near_the_optimum(small: int) -> None:
    prices = {"flavors": {"gpu.a100.large": small, "gpu.a100.xlarge": 300, "cpu.medium": 50}}
    groups = (group(count=1, most=9), group("gpu.a100.large", name="small", count=1, most=60))
    wanted = [gpu(f"w{number}", 1 + number % 3 * (number % 2), replicas=1 + number % 2) for number in range(40)]
    bound, aggregate = bound_of(asked(wanted, cluster("ml", *groups), prices=prices), 1500)
    assert 0.97 <= bound / aggregate.programme.solve(10).objective <= 1


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_clock_that_stands_still_or_runs_changes_nothing_but_where_it_ends_the_search(solver: bool) -> None:
    wanted = asked([gpu(f"w{number}", 1 + number % 3) for number in range(20)], cluster("ml"), solver=solver)
    ticks = iter(range(10**9))
    slow, fast = batch.plan(wanted, lambda: 0.0), batch.plan(wanted, lambda: next(ticks) / 10**6)
    assert answer(slow) == answer(fast)
    assert answer(slow)["certificate"]["ended_by"] in ("bound", "steps")
    if slow.proof.limit:
        assert answer(batch.plan(wanted, lambda: float(next(ticks) * 1000)))["certificate"]["ended_by"] == "clock"


def test_who_has_no_place_reads_what_the_others_took() -> None:
    """Alone the workload could have had a node more; the other took the last that the quota allows."""
    quota = {"instances": {"limit": 1, "used": 0}}
    groups = [group(count=1, most=1), group("gpu.a100.large", name="small", count=0, most=5)]
    found = answered([gpu("a", priority=2), gpu("b")], cluster("ml", *groups[1:]), quota=quota)
    (left,) = found["unplaced"]
    first = of(found, left)["ranking"][0]
    assert "QUOTA_SHORT" in {entry["code"] for entry in first["why_not"]}, first
