# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge: every code is reached, with what is needed, what is there, and the fix that helps."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import judge
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fixes import APPLIED, apply_fix
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import candidates, match
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import CODES, Candidate, Request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.shortage import found_for
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    MISSION,
    TYPES,
    Plain,
    answered,
    candidate,
    cluster,
    codes,
    flavor,
    group,
    request,
    type_group,
)

SMALL = {"name": "small", "cpu_cores": 2, "memory_gb": 4}
CPU = group("cpu.large")
SHARED = {"gpu.a100.large": {"shareable": True}}
HALF_BUSY = {"free": {"cpu_m": 8000, "mem_mib": 65536}, "devices": [400]}


def other(**size: Any) -> Plain:
    return {"workload": "other", "cluster": "ml", "node_group": "default-worker", **size}


# code, workload, cluster, further options, candidate, need, have, short by, unit, change
REFUSALS: list[tuple[str, Plain, Plain, Plain, str, Any, Any, Any, str | None, str]] = [
    ("CLUSTER_NOT_READY", SMALL, cluster("ml", CPU, status="UPDATE_IN_PROGRESS"), {}, "use", "*_COMPLETE",
     "UPDATE_IN_PROGRESS", None, None, "wait"),
    ("CLUSTER_NOT_READY", SMALL, cluster("ml", CPU, status="UPDATE_FAILED"), {}, "scale", "*_COMPLETE",
     "UPDATE_FAILED", None, None, "repair"),
    ("CLUSTER_NOT_READY", SMALL, cluster("ml", group("cpu.large", status="UPDATE_FAILED")), {}, "use", "*_COMPLETE",
     "node group default-worker: UPDATE_FAILED", None, None, "repair"),
    ("CLUSTER_NOT_READY", SMALL, cluster("ml", CPU, status="DELETE_COMPLETE"), {}, "use", "*_COMPLETE",
     "DELETE_COMPLETE", None, None, "repair"),
    ("CLUSTER_UNHEALTHY", SMALL, cluster("ml", CPU, health_status="UNHEALTHY"), {"require_health": True}, "use",
     "HEALTHY", "UNHEALTHY", None, None, "heal"),
    ("CLUSTER_LOCKED", SMALL, cluster("ml", CPU, labels={"protected": "True"}), {}, "use", "unlocked", "protected",
     None, None, "unlock"),
    ("CLUSTER_LOCKED", SMALL, cluster("ml", CPU, labels={"do-not-disrupt": "true"}), {}, "scale", "unlocked",
     "do-not-disrupt", None, None, "unlock"),
    ("METRICS_MISSING", SMALL, cluster("ml", CPU), {"placements": None, "telemetry": {"blind": "server a is down"}}, "scale",
     "a server that can be read", "server a is down", None, None, "see_again"),
    ("METRICS_MISSING", SMALL, cluster("ml", CPU), {"placements": None, "telemetry": {"blind": "server a is down"}},
     "create cpu-only/cpu (cpu.medium)", "a server that can be read", "server a is down", None, None, "see_again"),
    ("OCCUPANTS_UNKNOWN", SMALL, cluster("ml", CPU), {"placements": None}, "use", "all workloads on it", "not known",
     None, None, "assume_empty"),
    ("OCCUPANTS_UNKNOWN", {"gpu_count": 2, "replicas": 3}, cluster("ml"), {"placements": None}, "use",
     "all workloads on it", "not known", None, None, "assume_empty"),
    ("WRONG_ACCEL_KIND", {"gpu_count": 1}, cluster("ml", group("npu.rngd.large")), {}, "use", "gpu", "npu", None, None,
     "add_node_group"),
    ("WRONG_ACCEL_KIND", {"npu_count": 1}, cluster("ml", CPU), {}, "scale", "npu", "none", None, None,
     "add_node_group"),
    ("WRONG_ACCEL_MODEL", {"gpu_count": 1, "gpu_model": "h100"}, cluster("ml"), {}, "use", "h100", "a100", None, None,
     "add_node_group"),
    ("DEVICE_COUNT_PER_NODE", {"gpu_count": 4}, cluster("ml", group("gpu.a100.large", 8)), {}, "use", 4, 1, 3,
     "devices per node", "add_node_group"),
    ("DEVICE_COUNT_PER_NODE", {"gpu_count": 4}, cluster("ml"), {"placements": [other(gpu_count=1)]}, "use", 4, 3, 1,
     "devices", "scale_group"),
    ("DEVICE_SHARE_FRAGMENTED", {"accelerator": {"kind": "gpu", "share": 0.5}},
     cluster("ml", group("gpu.a100.large", 2, nodes=[HALF_BUSY, HALF_BUSY])), {"flavor_map": SHARED}, "use",
     0.5, 0.4, 0.1, "devices", "scale_group"),
    ("CPU_SHORT", {"cpu_cores": 32}, cluster("ml", CPU), {}, "use", 32, 16, 16, "vCPU per node", "add_node_group"),
    ("CPU_SHORT", {"cpu_cores": 8}, cluster("ml", CPU), {"placements": [other(cpu_cores=10)]}, "use", 8, 6, 2, "vCPU",
     "scale_group"),
    ("CPU_SHORT", {"cpu_cores": 8, "replicas": 4}, cluster("ml", CPU), {}, "use", 32, 16, 16, "vCPU", "scale_group"),
    ("MEM_SHORT", {"memory_gb": 100}, cluster("ml", CPU), {}, "scale", 100, 64, 36, "GiB per node", "add_node_group"),
    ("MEM_SHORT", {"memory_gb": 60}, cluster("ml", CPU), {"placements": [other(memory_gb=14.5)]}, "use", 60, 49.5, 10.5,
     "GiB", "scale_group"),
    ("MEM_SHORT", {"gpu_count": 1, "gpu_memory_gb": 80}, cluster("ml"), {}, "use", 80, 40, 40, "GiB of device memory",
     "add_node_group"),
    ("POWER_BUDGET", {**MISSION, "power_budget": 1000}, cluster("ml"), {}, "use", 1448.32, 1000, 448.32, "W",
     "raise_power_budget"),
    ("ISOLATION", {**SMALL, "isolation": "cluster"}, cluster("ml", CPU), {"placements": [other(cpu_cores=1)]}, "use",
     0, 1, 1, "workloads beside it", "move_workloads"),
    ("ISOLATION", SMALL, cluster("ml", CPU), {"placements": [other(cpu_cores=1, isolation="cluster")]}, "scale",
     0, 1, 1, "workloads beside it", "move_workloads"),
    ("ISOLATION", {**SMALL, "isolation": "project"}, cluster("ml", CPU), {"placements": [other(cpu_cores=1)]},
     "create cpu-only/cpu (cpu.medium)", 0, 1, 1, "workloads beside it", "move_workloads"),
    ("ISOLATION", {**SMALL, "isolation": "node"}, cluster("ml", CPU), {"placements": [other(cpu_cores=1)]}, "use",
     1, 0, 1, "replicas on nodes of their own", "scale_group"),
    ("LATENCY", {**SMALL, "latency_ms": 10}, cluster("ml", CPU, labels={"kcloud_latency_ms": "25"}), {}, "use", 10, 25,
     15, "ms", "relax_latency"),
    ("GANG_SPLIT", {"gpu_count": 2, "replicas": 3}, cluster("ml"), {}, "use", 3, 2, 1, "replicas", "scale_group"),
    ("GROUP_MAX", {"gpu_count": 4, "replicas": 7}, cluster("ml"), {}, "scale", 7, 4, 3, "nodes", "raise_max"),
    ("GROUP_MAX", {"gpu_count": 4, "replicas": 9}, cluster("ml"), {}, "create gpu-intensive/gpu (gpu.a100.xlarge)",
     9, 8, 1, "nodes", "raise_max"),
    ("QUOTA_SHORT", MISSION, cluster("ml"), {"quota": {"cores": {"limit": 100, "used": 60}}}, "scale", 48, 40, 8,
     "cores", "add_quota"),
    ("QUOTA_SHORT", MISSION, cluster("ml"), {"quota": {"clusters": {"limit": 1, "used": 1}}},
     "create gpu-intensive/gpu (gpu.a100.xlarge)", 1, 0, 1, "clusters", "add_quota"),
    ("QUOTA_SHORT", MISSION, cluster("ml"), {"accelerators_free": {"CUSTOM_GPU_A100": 3}}, "scale", 4, 3, 1,
     "CUSTOM_GPU_A100 free in the cloud", "add_capacity"),
    ("TAINT", SMALL, cluster("ml", group("cpu.large", taints=["dedicated=ml:NoSchedule"])), {}, "use", 1, 0, 1,
     "tolerated taints", "tolerate"),
    ("PRICE_CAP", {**MISSION, "max_cost_per_hour": 400}, cluster("ml"), {}, "scale", 481.28, 400, 81.28, "per hour",
     "raise_price_cap"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "workload", "there", "options", "name", "need", "have", "short_by", "unit", "change"),
    REFUSALS,
    ids=[f"{row[0]}-{index}" for index, row in enumerate(REFUSALS)],
)
def test_refusals(
    code: str,
    workload: Plain,
    there: Plain,
    options: Plain,
    name: str,
    need: Any,
    have: Any,
    short_by: Any,
    unit: str | None,
    change: str,
) -> None:
    wanted = f"{name} ml/default-worker" if name in ("use", "scale") else name
    entry = candidate(answered(workload, there, **options), wanted)
    assert not entry["feasible"]
    (found,) = [violation for violation in entry["why_not"] if violation["code"] == code]
    assert [found[key] for key in ("need", "have", "short_by", "unit")] == [need, have, short_by, unit]
    assert found["fix"]["change"] == change
    assert found["fix"]["sentence"]


def test_every_code_and_every_change_is_reached() -> None:
    assert {row[0] for row in REFUSALS} == set(CODES)
    assert {row[-1] for row in REFUSALS} | {"use_flavor"} == set(APPLIED)


@pytest.mark.parametrize(
    ("workload", "there", "options"),
    [row[1:4] for row in REFUSALS],
    ids=[f"{row[0]}-{i}" for i, row in enumerate(REFUSALS)],
)
def test_fixes_make_every_candidate_of_these_feasible(workload: Plain, there: Plain, options: Plain) -> None:
    asked = request(workload, there, **options)
    for entry in candidates(asked):
        assert repaired(asked, entry) == ()


def repaired(asked: Request, entry: Candidate) -> tuple[Any, ...]:
    """What is left against a candidate when all of its fixes are carried out."""
    case = (asked, entry)
    for violation in judge(asked, entry).why_not:
        case = apply_fix(*case, violation.fix)
    return judge(*case).why_not


def test_all_reasons_are_given_at_once_in_fixed_order() -> None:
    there = cluster("ml", CPU, status="UPDATE_FAILED", labels={"protected": "true", "kcloud_latency_ms": "50"})
    asked = {**MISSION, "latency_ms": 10, "power_budget": 100, "max_cost_per_hour": 1}
    quota = {"cores": {"limit": 10, "used": 5}}
    entry = candidate(answered(asked, there, quota=quota), "scale ml/default-worker")
    assert codes(entry) == [
        "CLUSTER_NOT_READY",
        "CLUSTER_LOCKED",
        "WRONG_ACCEL_KIND",
        "CPU_SHORT",
        "MEM_SHORT",
        "POWER_BUDGET",
        "LATENCY",
        "QUOTA_SHORT",
        "PRICE_CAP",
    ]
    assert codes(entry) == sorted(codes(entry), key=CODES.index)


@pytest.mark.parametrize(
    ("limit", "enough", "code"),
    [
        ("max_cost_per_hour", 481.28, "PRICE_CAP"),
        ("power_budget", 1824.192, "POWER_BUDGET"),
    ],
)
def test_a_budget_is_kept_to_the_last_unit(limit: str, enough: float, code: str) -> None:
    for amount, reasons in ((enough, []), (enough - 0.001, [code])):
        entry = candidate(answered({**MISSION, limit: amount}, cluster("ml")), "scale ml/default-worker")
        assert codes(entry) == reasons


def test_a_flavor_that_cannot_carry_has_no_cost() -> None:
    entry = candidate(answered(MISSION, cluster("ml", CPU)), "use ml/default-worker")
    assert (entry["cost_delta_h"], entry["power_delta_w"]) == (None, None)
    assert entry["why_not"][0]["fix"] == {
        "change": "add_node_group",
        "flavor": "gpu.a100.xlarge",
        "node_count": 1,
        "needs": {
            "cpu_cores": 32,
            "memory_gb": 128,
            "accelerators": [{"kind": "gpu", "count": 4, "models": [], "share": 1, "memory_gb": 0}],
        },
        "sentence": "add a node group of 1 x gpu.a100.xlarge",
    }


def test_the_fix_takes_the_flavor_that_costs_least_for_all_replicas() -> None:
    one = candidate(answered({"gpu_count": 1}, cluster("ml", CPU)), "use ml/default-worker")
    assert one["why_not"][0]["fix"]["flavor"] == "gpu.a100.large"
    prices = {"flavors": {"gpu.a100.large": 10, "gpu.a100.xlarge": 39}}
    four = candidate(
        answered({"gpu_count": 1, "replicas": 4}, cluster("ml", CPU), prices=prices), "use ml/default-worker"
    )
    assert (four["why_not"][0]["fix"]["flavor"], four["why_not"][0]["fix"]["node_count"]) == ("gpu.a100.xlarge", 1)


def test_where_no_flavor_fits_the_fix_describes_one() -> None:
    entry = candidate(answered({"npu_count": 16, "cpu_cores": 3}, cluster("ml")), "use ml/default-worker")
    fix = entry["why_not"][0]["fix"]
    assert fix["flavor"] is None
    assert fix["needs"]["accelerators"][0]["count"] == 16
    assert fix["sentence"] == (
        "add a node group of 1 x a new flavor with at least 3 vCPU, 0 GiB, 16 x npu (the cloud has none)"
    )


def test_unknown_device_memory_is_not_enough_and_can_be_given() -> None:
    flavors = [*FLAVORS, flavor("gpu.odd", 8, 32, {"pci_passthrough:alias": "gpu-x7:1"})]
    asked, there = {"gpu_count": 1, "gpu_memory_gb": 16}, cluster("ml", group("gpu.odd"))
    entry = candidate(answered(asked, there, flavors=flavors), "use ml/default-worker")
    assert [(v["code"], v["have"], v["unit"]) for v in entry["why_not"]] == [
        ("MEM_SHORT", 0, "GiB of device memory (not known)")
    ]
    reported = answered(asked, there, flavors=flavors, flavor_map={"gpu.odd": {"mem_mib": 24576}})
    assert candidate(reported, "use ml/default-worker")["feasible"]


def test_resources_that_are_free_on_different_nodes_do_not_add_up() -> None:
    """One node has the devices, another the CPU: each alone suffices, together they do not."""
    nodes = [
        {"free": {"cpu_m": 1000, "mem_mib": 262144}, "devices": [1000] * 4},
        {"free": {"cpu_m": 48000, "mem_mib": 262144}, "devices": []},
    ]
    there = cluster("ml", group(count=2, nodes=nodes))
    entry = candidate(answered({"gpu_count": 1, "cpu_cores": 8}, there), "use ml/default-worker")
    (found,) = entry["why_not"]
    assert (found["code"], found["need"], found["have"], found["unit"]) == ("CPU_SHORT", 8, 1, "vCPU beside the rest")


def test_replicas_of_their_own_nodes_may_share_a_node() -> None:
    asked = {"cpu_cores": 8, "replicas": 2, "isolation": "node"}
    assert candidate(answered(asked, cluster("ml", CPU)), "use ml/default-worker")["feasible"]


def test_a_neighbour_that_wants_its_node_alone_keeps_it() -> None:
    placements = [other(cpu_cores=1, isolation="node")]
    entry = candidate(answered(SMALL, cluster("ml", CPU), placements=placements), "use ml/default-worker")
    assert codes(entry) == ["CPU_SHORT", "MEM_SHORT"]


def test_isolation_of_a_project_ends_at_the_project() -> None:
    there = cluster("ml", CPU), cluster("far", CPU, project_id="p2")
    placements = [{"workload": "other", "cluster": "far", "cpu_cores": 1}]
    found = answered({**SMALL, "isolation": "project"}, *there, placements=placements)
    assert found["decision"]["target"] == "ml/default-worker"
    assert codes(candidate(found, "use far/default-worker")) == ["ISOLATION"]


@pytest.mark.parametrize(
    ("taints", "tolerations", "feasible"),
    [
        (["a=b:NoSchedule"], ["a=b:NoSchedule"], True),
        (["a=b:NoSchedule"], ["a"], True),
        (["a:NoExecute"], ["a"], True),
        (["a=b:PreferNoSchedule"], [], True),
        (["a=b:NoSchedule", "c=d:NoSchedule"], ["a"], False),
    ],
)
def test_taints(taints: list[str], tolerations: list[str], feasible: bool) -> None:
    there = cluster("ml", group("cpu.large", taints=taints))
    entry = candidate(answered({**SMALL, "tolerations": tolerations}, there), "use ml/default-worker")
    assert entry["feasible"] is feasible


def test_health_is_judged_only_when_asked() -> None:
    there = cluster("ml", CPU, health_status="UNHEALTHY")
    found = answered(SMALL, there)
    assert found["decision"]["action"] == "use"
    assert any("require_health is false; Magnum says UNHEALTHY of ml" in line for line in found["assumptions"])
    assert answered(SMALL, there, require_health=True)["decision"]["action"] == "create"


def test_a_new_cluster_pays_for_all_its_groups_and_its_masters() -> None:
    types = {**TYPES, "trio": {"master_flavor": "cpu.large", "master_count": 3, "node_groups": [
        type_group("a", "gpu"), type_group("b", least=2)]}}  # fmt: skip
    prices = {"flavors": {"gpu.a100.large": 10, "gpu.a100.xlarge": 40, "cpu.large": 3, "cpu.medium": 1}}
    entry = candidate(answered({"gpu_count": 1}, types=types, prices=prices), "create trio/a (gpu.a100.large)")
    assert entry["cost_delta_h"] == 10 + 2 * 1 + 3 * 3


def test_a_new_cluster_has_its_least_number_of_nodes() -> None:
    types = {"three": {"master_flavor": "cpu.medium", "node_groups": [type_group("gpu", "gpu", least=3)]}}
    prices = {"flavors": {"gpu.a100.large": 10, "cpu.medium": 1}}
    found = answered({"gpu_count": 1}, types=types, prices=prices)
    assert (found["decision"]["node_count_after"], found["decision"]["cost_delta_h"]) == (3, 3 * 10 + 1)
    assert found["new_cluster"]["node_groups"][0]["node_count"] == 3


@pytest.mark.parametrize(("action", "after"), [("use", 3), ("scale", 4)])
def test_a_group_that_cannot_carry_shows_its_own_nodes(action: str, after: int) -> None:
    entry = candidate(answered(MISSION, cluster("ml", group("cpu.large", 3))), f"{action} ml/default-worker")
    assert (entry["node_count_before"], entry["node_count_after"]) == (3, after)


def test_the_memo_changes_nothing() -> None:
    asked = request(MISSION, cluster("ml"), cluster("b", CPU, status="UPDATE_FAILED"))
    shared: dict[Any, Any] = {}
    entries = list(candidates(asked))
    assert [judge(asked, entry, shared) for entry in entries] == [judge(asked, entry) for entry in entries]
    assert len(match(asked).ranking) == len(entries)


@pytest.mark.parametrize(
    ("free", "amount", "replicas", "have"),
    [
        ([16], 8, 1, 8),
        ([6], 8, 1, 6),
        ([6, 5], 8, 1, 6),
        ([6, 5], 8, 2, 11),
        ([30, 30], 32, 1, 30),
        ([20, 3], 8, 3, 20),
        ([], 8, 1, 0),
    ],
)
def test_what_replicas_would_find(free: list[int], amount: int, replicas: int, have: int) -> None:
    assert found_for(tuple(free), amount, replicas) == have
