# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The auditor replays what the four engines plan for random fleets, and finds no rule that they break."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import batch, integer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.auditing import (
    audit_batch,
    audit_consolidation,
    audit_match,
    audit_scaling,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import Batch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation import consolidate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import Question, Rules
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_batch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import match
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling import scale
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import Rules as ScalingRules
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_reading import (
    memory_as_result,
    read_scaling,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    TYPES,
    Plain,
    cluster,
    group,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.test_properties import (
    asked,
    clouds,
    sizes,
    workloads,
)
from hypothesis import given, settings
from hypothesis import strategies as st

GPUS = {"gpu.a100.large": 1, "gpu.a100.xlarge": 4}
SOLVERS = [False, True] if integer.available() else [False]
EAGER = Rules(score=0, saving=0, horizon_h=10**6)
TRUSTING = Care(require_health=False, require_metrics=False)


@given(workloads(), clouds())
def test_no_match_breaks_a_rule(workload: Plain, cloud: Plain) -> None:
    assert audit_match(match(asked(workload, cloud))) == []


# --- many workloads


@st.composite
def wishes(draw: st.DrawFn, prefix: str) -> list[Plain]:
    """A few small workloads, often of those that want to be alone, some of which stand already with fewer replicas."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        wish = {"name": f"{prefix}{number}", **draw(sizes())}
        if draw(st.booleans()):
            wish |= {"cpu_cores": 1, "memory_gb": 1}
        wish["priority"] = draw(st.integers(0, 2))
        if draw(st.integers(0, 3)) == 0:
            wish["latency_ms"] = draw(st.sampled_from([5, 50]))
        found.append(wish)
    return found


@given(wishes("b"), clouds(), st.booleans(), st.sampled_from(SOLVERS))
def test_no_batch_breaks_a_rule(wanted: list[Plain], cloud: Plain, stands: bool, solver: bool) -> None:
    options: dict[str, Any] = {key: value for key, value in cloud.items() if key != "fleet"}
    others = options["placements"]
    options["placements"] = others and [entry for entry in others if entry["workload"] != "it"]
    if stands and cloud["fleet"]["clusters"]:
        size = {key: value for key, value in wanted[0].items() if key not in ("name", "replicas", "priority")}
        there = {"workload": wanted[0]["name"], "cluster": "c0", **size, "replicas": 1}
        options["placements"] = [there, *(options["placements"] or [])]
    plan = batch.plan(Batch(*read_batch(wanted, cloud["fleet"], **options), effort=0, solver=solver))
    assert audit_batch(plan) == []


@settings(max_examples=8)
@given(wishes("b"), clouds())
def test_no_search_breaks_a_rule(wanted: list[Plain], cloud: Plain) -> None:
    """Ruin and recreate moves workloads to and fro: isolation, quotas and rooms still add up."""
    fleet = {**cloud["fleet"], "quota": {"instances": {"limit": 6, "used": 0}}}
    options: dict[str, Any] = {key: value for key, value in cloud.items() if key not in ("fleet", "placements")}
    plan = batch.plan(Batch(*read_batch(wanted, fleet, placements=[], **options), effort=1, solver=False))
    assert audit_batch(plan) == []


# --- what stands and may go


@st.composite
def farms(draw: st.DrawFn) -> Plain:
    """Clusters whose nodes have names and measurements, with services, gangs and promises on them, and little quota."""
    clusters, spots = [], []
    for index in range(draw(st.integers(1, 3))):
        groups = []
        for number in range(draw(st.integers(1, 2))):
            kind = draw(st.sampled_from(["cpu.medium", "cpu.large", "gpu.a100.xlarge"]))
            names = [f"c{index}g{number}n{each}" for each in range(draw(st.sampled_from([1, 2, 3, 5, 12])))]
            spots += [(f"c{index}", name, kind) for name in names]
            entry = group(kind, len(names), draw(st.sampled_from([None, 4, 20])), name=f"g{number}")
            entry["max_node_count"] = entry["max_node_count"] and max(entry["max_node_count"], len(names))
            entry["min_node_count"] = draw(st.sampled_from([0, 0, 1]))
            entry["nodes"] = [
                {"id": name, "utilization": draw(st.sampled_from([0, 0, 0.1, 0.5, 0.97]))} for name in names
            ]
            if draw(st.integers(0, 5)) == 0:
                entry["nodes"][0]["protected"] = True
            if draw(st.integers(0, 5)) == 0:
                entry["taints"] = ["a=b:NoSchedule"]
            groups.append(entry)
        clusters.append(
            cluster(
                f"c{index}",
                *groups,
                type="gpu-intensive",
                health_status="HEALTHY",
                labels=draw(st.sampled_from([{}, {"kcloud_latency_ms": "2"}, {"kcloud_latency_ms": "80"}])),
                project_id=draw(st.sampled_from(["p1", "p1", "p2"])),
                master_flavor="cpu.medium",
                master_count=1,
            )
        )
    placements = []
    for number in range(draw(st.integers(0, 5))):
        size: Plain = {"cpu_cores": draw(st.sampled_from([0.5, 1, 2])), "memory_gb": draw(st.sampled_from([0, 1]))}
        size["isolation"] = draw(st.sampled_from(["none"] * 6 + ["node", "cluster", "project"]))
        if draw(st.integers(0, 3)) == 0:
            size |= {"latency_ms": 5, "tolerations": ["a"]}
        if draw(st.integers(0, 3)) == 0:
            size["duration_h"] = 1
        where, _name, kind = draw(st.sampled_from(spots))
        if kind in GPUS and draw(st.booleans()):
            size["gpu_count"] = draw(st.integers(1, 2))
        near = [name for there, name, other in spots if there == where and other == kind]
        for name in draw(st.lists(st.sampled_from(near), min_size=1, max_size=3, unique=True)):
            placements.append({"workload": f"w{number}", "cluster": where, "node": name, "replicas": 1, **size})
    fleet: Plain = {"flavors": FLAVORS, "clusters": clusters, "project_id": "p1"}
    if draw(st.booleans()):
        fleet["quota"] = {"instances": {"limit": 40, "used": draw(st.sampled_from([20, 38, 39, 40]))}}
        fleet["accelerators_free"] = {"CUSTOM_GPU_A100": draw(st.sampled_from([0, 4, 40]))}
    return {"fleet": fleet, "placements": draw(st.sampled_from([placements] * 9 + [None]))}


@st.composite
def jobs(draw: st.DrawFn) -> list[Plain]:
    """Several jobs that each want a whole node, or a cluster: together they meet quotas and one another."""
    shapes = [{"gpu_count": 4}, {"cpu_cores": 16}, {"cpu_cores": 4}, {"cpu_cores": 1, "isolation": "cluster"}]
    found = draw(st.lists(st.sampled_from(shapes), min_size=2, max_size=6))
    return [{"name": f"j{number}", "replicas": draw(st.integers(1, 4)), **shape} for number, shape in enumerate(found)]


@given(
    farms(),
    st.one_of(st.just([]), wishes("p"), jobs()),
    st.sampled_from([10, 50, 100]),
    st.sampled_from([[], [{"cluster": "c0", "node_group": "g0", "utilization": 2}]]),
    st.booleans(),
)
def test_no_scaling_breaks_a_rule(
    farm: Plain, pending: list[Plain], percent: int, usage: list[Plain], bounded: bool
) -> None:
    rules = ScalingRules(run_percent=percent, care=TRUSTING if bounded else Care())
    options: dict[str, Any] = {"rules": rules, "placements": farm["placements"], "workloads": pending}
    first = scale(read_scaling(farm["fleet"], now=10_000, memory={}, forecast_utilization=usage, **options))
    assert audit_scaling(first) == []
    memory = memory_as_result(scale(read_scaling(farm["fleet"], now=10_000, memory={}, **options)).memory)
    second = scale(read_scaling(farm["fleet"], now=10_600, memory=memory, **options))
    assert audit_scaling(second) == []


@given(farms(), st.sampled_from([("merge",), ("close_node",), ("close_group",), EAGER.actions]))
def test_no_consolidation_breaks_a_rule(farm: Plain, actions: tuple[str, ...]) -> None:
    found, _prices = read_standing(farm["fleet"], placements=farm["placements"], cluster_types=TYPES)
    rules = Rules(actions, EAGER.score, EAGER.saving, EAGER.horizon_h)
    plan = consolidate(Question(found, rules))
    assert audit_consolidation(plan) == []
    pinned = {entry["workload"] for entry in farm["placements"] or [] if entry.get("duration_h")}
    several = {name for name in pinned if sum(e["workload"] == name for e in farm["placements"]) > 1}
    assert not several & {move.pod.workload for move in plan.moves}


# --- small fleets on which the rules that random ones seldom meet are met often


@given(st.integers(1, 3), st.sampled_from([None, None, []]), st.sampled_from([1, 3]))
def test_no_match_uses_nodes_of_which_nothing_is_known(count: int, placements: list[Plain] | None, most: int) -> None:
    cloud = {"flavors": FLAVORS, "clusters": [cluster("a", group("cpu.medium", count, most))]}
    options: Any = {"cluster_types": TYPES, "placements": placements}
    decision = match(asked({"cpu_cores": 1, "name": "it"}, {"fleet": cloud, **options}))
    assert decision.chosen is not None and audit_match(decision) == []
    plan = batch.plan(Batch(*read_batch([{"name": "b", "cpu_cores": 1}], cloud, **options), effort=0, solver=False))
    assert audit_batch(plan) == []


@given(st.integers(0, 9), st.integers(0, 3), st.lists(st.integers(1, 2), min_size=2, max_size=4))
def test_no_scaling_passes_what_is_free(devices: int, instances: int, replicas: list[int]) -> None:
    nodes = [{"id": "n1", "utilization": 0}]
    there = cluster("a", group("gpu.a100.xlarge", 1, None, nodes=nodes), health_status="HEALTHY")
    fleet = {"flavors": FLAVORS, "clusters": [there], "accelerators_free": {"CUSTOM_GPU_A100": devices}}
    fleet["quota"] = {"instances": {"limit": instances + 2, "used": 2}}
    wanted = [{"name": f"j{number}", "gpu_count": 4, "replicas": each} for number, each in enumerate(replicas)]
    question = read_scaling(fleet, now=1, placements=[], workloads=wanted, memory={}, rules=ScalingRules())
    assert audit_scaling(scale(question)) == []


@given(st.sampled_from(["2", "80"]), st.sampled_from(["2", "80"]), st.sampled_from([None, 5]))
def test_no_merge_takes_work_too_far(one: str, other: str, latency: int | None) -> None:
    clusters = [
        cluster(
            name,
            group("cpu.medium", 1, 9, nodes=[{"id": f"{name}1", "utilization": 0}]),
            type="cpu-only",
            health_status="HEALTHY",
            labels={"kcloud_latency_ms": far},
        )
        for name, far in (("a", one), ("b", other))
    ]
    size: Plain = {"cpu_cores": 0.5, **({"latency_ms": latency} if latency else {})}
    placements = [{"workload": f"w{name}", "cluster": name, "node": f"{name}1", **size} for name in "ab"]
    found, _prices = read_standing({"flavors": FLAVORS, "clusters": clusters}, placements=placements)
    assert audit_consolidation(consolidate(Question(found, EAGER))) == []
