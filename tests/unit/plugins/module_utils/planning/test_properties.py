# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for every cloud and every workload that Hypothesis can think of."""

from __future__ import annotations

import json
import random
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import answer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import judge
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fixes import apply_fix
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import candidates, match
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Demand,
    Part,
    Request,
    Step,
    Verdict,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    TYPES,
    Plain,
    cluster,
    flavor,
    group,
)
from hypothesis import given
from hypothesis import strategies as st

MORE_FLAVORS = [
    *FLAVORS,
    flavor("gpu.l4.shared", 16, 64, {"pci_passthrough:alias": "l4:2"}),
    flavor("gpu.and.npu", 32, 128, {"pci_passthrough:alias": "a100:2,rngd:2"}),
    flavor("gpu.odd", 8, 32, {"resources:VGPU": "1"}),
]
FLAVOR_MAP = {"gpu.l4.shared": {"shareable": True}}
NAMES = [entry["name"] for entry in MORE_FLAVORS]
ISOLATION = st.sampled_from(["none", "none", "none", "node", "cluster", "project"])


@st.composite
def sizes(draw: st.DrawFn) -> Plain:
    """The size of a workload, in the short form."""
    size: Plain = {"cpu_cores": draw(st.sampled_from([0.5, 1, 3, 8, 20, 60]))}
    if draw(st.booleans()):
        size["memory_gb"] = draw(st.sampled_from([1, 7.5, 40, 200]))
    kind = draw(st.sampled_from(["none", "gpu", "gpu", "npu", "both", "share"]))
    if kind in ("gpu", "both"):
        size["gpu_count"] = draw(st.integers(1, 5))
    if kind in ("npu", "both"):
        size["npu_count"] = draw(st.integers(1, 2))
    if kind == "share":
        size["accelerator"] = {
            "kind": "gpu",
            "share": draw(st.sampled_from([0.3, 0.5])),
            "count": draw(st.integers(1, 2)),
        }
    if kind == "gpu" and draw(st.booleans()):
        size["gpu_model"] = draw(st.sampled_from(["a100", "l4", "h100"]))
        size["gpu_memory_gb"] = draw(st.sampled_from([0, 24, 80]))
    size["replicas"] = draw(st.integers(1, 4))
    size["isolation"] = draw(ISOLATION)
    return size


@st.composite
def workloads(draw: st.DrawFn) -> Plain:
    workload = {"name": "it", "type": draw(st.sampled_from(["ml_training", "inference", "mixed", "general", "odd"]))}
    workload.update(draw(sizes()))
    for key, values in (
        ("power_budget", [100, 900, 3000]),
        ("max_cost_per_hour", [0, 50, 600]),
        ("latency_ms", [5, 50]),
        ("tolerations", [["a"], ["a=b:NoSchedule"]]),
        ("gang", [False]),
    ):
        if draw(st.integers(0, 3)) == 0:
            workload[key] = draw(st.sampled_from(values))
    return workload


@st.composite
def node_groups(draw: st.DrawFn, name: str) -> Plain:
    name_of_flavor = draw(st.sampled_from([*NAMES, "gone"]))
    found = group(name_of_flavor, draw(st.integers(0, 3)), draw(st.sampled_from([None, 3, 5])), name=name)
    if draw(st.integers(0, 3)) == 0:
        found["nodes"] = [
            {
                "free": {"cpu_m": draw(st.integers(0, 48_000)), "mem_mib": draw(st.integers(0, 262_144))},
                "devices": draw(st.lists(st.sampled_from([0, 300, 600, 1000]), max_size=4)),
                "ready": draw(st.booleans()),
            }
            for _node in range(found["node_count"])
        ]
    if draw(st.integers(0, 4)) == 0:
        found["taints"] = draw(st.sampled_from([["a=b:NoSchedule"], ["c:NoExecute", "a:NoSchedule"]]))
    if draw(st.integers(0, 5)) == 0:
        found["status"] = "UPDATE_IN_PROGRESS"
    return found


@st.composite
def clouds(draw: st.DrawFn) -> Plain:
    """All options of a match but the workload."""
    clusters = []
    for index in range(draw(st.integers(0, 3))):
        groups = [draw(node_groups(f"g{number}")) for number in range(draw(st.integers(1, 3)))]
        labels = draw(st.sampled_from([{}, {}, {"protected": "true"}, {"kcloud_latency_ms": "20"}]))
        clusters.append(
            cluster(
                f"c{index}",
                *groups,
                labels=labels,
                project_id=draw(st.sampled_from(["p1", "p2"])),
                status=draw(st.sampled_from(["CREATE_COMPLETE", "CREATE_COMPLETE", "UPDATE_FAILED"])),
                health_status=draw(st.sampled_from(["HEALTHY", "UNHEALTHY"])),
            )
        )
    placements = [
        {"workload": f"w{index}", "cluster": f"c{draw(st.integers(0, 2))}", **draw(sizes())}
        for index in range(draw(st.integers(0, 4)))
    ]
    if clusters and draw(st.integers(0, 3)) == 0:
        placements.append({"workload": "it", "cluster": "c0", "node_group": "g0"})
    fleet: Plain = {"flavors": MORE_FLAVORS, "clusters": clusters}
    if draw(st.booleans()):
        fleet["quota"] = {
            "clusters": {"limit": 3, "used": draw(st.integers(0, 3))},
            "cores": {"limit": draw(st.integers(0, 200)), "used": 10},
            "instances": {"limit": 6, "used": draw(st.integers(0, 6))},
            "ram_mib": {"limit": -1},
        }
        fleet["accelerators_free"] = {"CUSTOM_GPU_A100": draw(st.integers(0, 12))}
    return {
        "fleet": fleet,
        "placements": draw(st.sampled_from([placements] * 5 + [None])),
        "cluster_types": draw(st.sampled_from([TYPES, {"cpu-only": TYPES["cpu-only"]}])),
        "flavor_map": FLAVOR_MAP,
        "require_health": draw(st.booleans()),
    }


def asked(workload: Plain, cloud: Plain) -> Request:
    options = {key: value for key, value in cloud.items() if key != "fleet"}
    return read_request(workload, cloud["fleet"], **options)


@given(workloads(), clouds())
def test_carrying_out_all_fixes_makes_a_candidate_feasible(workload: Plain, cloud: Plain) -> None:
    request = asked(workload, cloud)
    for candidate in candidates(request):
        verdict = judge(request, candidate)
        case = (request, candidate)
        for violation in verdict.why_not:
            case = apply_fix(*case, violation.fix)
        assert judge(*case).why_not == ()


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same data with every list and every dictionary in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(entry, chance)) for key, entry in value.items()]
        chance.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return chance.sample([shuffled(entry, chance) for entry in value], len(value))
    return value


def without_devices(cloud: Plain) -> Plain:
    """A node's devices are a list whose order means something; all other lists are sets."""
    for entry in cloud["fleet"]["clusters"]:
        for found in entry["node_groups"]:
            for node in found.get("nodes", []):
                node.pop("devices", None)
    return cloud


@given(workloads(), clouds(), st.integers(0, 2**32))
def test_permuted_input_gives_the_same_bytes(workload: Plain, cloud: Plain, seed: int) -> None:
    chance = random.Random(seed)
    cloud = without_devices(cloud)
    one = answer(match(asked(workload, cloud)))
    other = answer(match(asked(shuffled(workload, chance), shuffled(cloud, chance))))
    assert json.dumps(one) == json.dumps(other)


class Node:
    """One node, filled one replica at a time: slow, obvious, and independent of the planner's arithmetic."""

    def __init__(self, cpu_m: int, mem_mib: int, devices: list[list[int]], busy: bool) -> None:
        self.cpu_m, self.mem_mib, self.devices, self.busy = cpu_m, mem_mib, [list(entry) for entry in devices], busy

    def takes(self, part: Part, step: Step) -> bool:
        if part.cpu_m > self.cpu_m or part.mem_mib > self.mem_mib:
            return False
        before = [list(entry) for entry in self.devices]
        for demand in part.demands:
            for _piece in range(demand.count):
                if not self.gives(demand, step):
                    self.devices = before
                    return False
        self.cpu_m -= part.cpu_m
        self.mem_mib -= part.mem_mib
        return True

    def gives(self, demand: Demand, step: Step) -> bool:
        for index, accelerator in enumerate(step.flavor.accelerators):
            size = demand.share if accelerator.shareable else WHOLE
            memory = accelerator.mem_mib * size // WHOLE
            named = not demand.models or any(accelerator.model.startswith(model) for model in demand.models)
            if accelerator.kind == demand.kind and named and memory >= demand.mem_mib:
                for number, free in enumerate(self.devices[index]):
                    if free >= size:
                        self.devices[index][number] -= size
                        return True
        return False


def nodes_of(step: Step) -> list[Node]:
    rooms = list(step.group.rooms)
    rooms.append((step.flavor.empty, step.after - step.before))
    return [
        Node(room.cpu_m, room.mem_mib, [list(entry) for entry in room.devices], room.busy)
        for room, count in rooms
        for _node in range(count)
    ]


def check_room(request: Request, verdict: Verdict) -> None:
    for step in verdict.steps:
        left = request.workload.replicas - (step.group.own if step.group.measured else 0)
        for node in nodes_of(step):
            if request.workload.isolation == "node" and node.busy:
                continue
            while left > 0 and node.takes(step.part, step):
                left -= 1
        assert left <= 0


def check_limits(workload: Plain, cloud: Plain, verdict: Verdict) -> None:
    """Budgets, bounds, quotas and states, from the plain input."""
    there = verdict.candidate.cluster
    raw = next((entry for entry in cloud["fleet"]["clusters"] if entry["id"] == there.id), None)
    if raw is not None:
        assert raw["status"] == "CREATE_COMPLETE"
        assert "protected" not in raw["labels"]
        assert not (cloud["require_health"] and raw["health_status"] == "UNHEALTHY")
        for step in verdict.steps:
            own = next(entry for entry in raw["node_groups"] if entry["name"] == step.group.name)
            assert own.get("status", "CREATE_COMPLETE").endswith("_COMPLETE")
            assert (
                step.after == own["node_count"] or own["max_node_count"] is None or step.after <= own["max_node_count"]
            )
            assert (step.after == own["node_count"]) or verdict.candidate.action == "scale"
        if "kcloud_latency_ms" in raw["labels"]:
            assert workload.get("latency_ms", 50) >= 20
    assert verdict.power_mw is not None and verdict.power_mw <= workload.get("power_budget", 10**9) * 1000
    assert verdict.cost is not None and verdict.cost <= workload.get("max_cost_per_hour", 10**9) * 10**6
    quota = cloud["fleet"].get("quota")
    if quota:
        sizes_ = {entry["name"]: entry for entry in MORE_FLAVORS}
        free = {name: quota[name]["limit"] - quota[name]["used"] for name in ("clusters", "cores", "instances")}
        assert verdict.candidate.action != "create" or free["clusters"] >= 1
        opened = [(sizes_[kind.name], count) for kind, count in verdict.opened]
        assert sum(count for _kind, count in opened) <= max(0, free["instances"])
        assert sum(kind["vcpus"] * count for kind, count in opened) <= max(0, free["cores"])
        devices = sum(int(kind["extra_specs"].get("resources:CUSTOM_GPU_A100", 0)) * count for kind, count in opened)
        assert devices <= cloud["fleet"]["accelerators_free"]["CUSTOM_GPU_A100"]


@given(workloads(), clouds())
def test_feasible_is_never_said_where_something_is_short(workload: Plain, cloud: Plain) -> None:
    request = asked(workload, cloud)
    for entry in match(request).ranking:
        if entry.verdict.feasible:
            check_room(request, entry.verdict)
            check_limits(workload, cloud, entry.verdict)


@given(workloads(), clouds())
def test_the_ranking_is_whole_and_ordered(workload: Plain, cloud: Plain) -> None:
    request = asked(workload, cloud)
    decision = match(request)
    assert len(decision.ranking) == len(list(candidates(request)))
    feasible = [entry for entry in decision.ranking if entry.verdict.feasible]
    assert [entry.rank for entry in feasible] == list(range(1, len(feasible) + 1))
    assert decision.chosen is (feasible[0] if feasible else None)
    rest = [entry.terms for entry in feasible[1:]]
    assert rest == sorted(rest)
    costs = [entry.verdict.cost or 0 for entry in feasible]
    if not decision.stays and costs:
        assert costs[0] == min(costs)
    for entry in decision.ranking:
        for violation in entry.verdict.why_not:
            assert violation.fix.sentence
            assert violation.short_by is None or violation.short_by > 0


@given(workloads(), clouds())
def test_a_decision_that_was_carried_out_is_kept(workload: Plain, cloud: Plain) -> None:
    """Asked again after scaling out as decided, and standing there, the workload stays: nothing flaps."""
    request = asked(workload, cloud)
    first = match(request).chosen
    contradictory = any("is too small for all" in note for note in request.fleet.notes)
    if contradictory or first is None or not first.verdict.candidate.cluster.id or len(first.verdict.steps) > 1:
        return
    step = first.verdict.steps[0]
    for entry in cloud["fleet"]["clusters"]:
        for found in entry["node_groups"]:
            if entry["name"] == first.verdict.candidate.cluster.name and found["name"] == step.group.name:
                if "nodes" in found:
                    return
                found["node_count"] = step.after
    home = {"cluster": first.verdict.candidate.cluster.name, "node_group": step.group.name}
    again = match(asked({**workload, "current_placement": home}, cloud)).chosen
    assert again is not None
    assert again.verdict.candidate.action == "use"
    assert (again.verdict.candidate.cluster.name, again.verdict.steps[0].group.name) == tuple(home.values())
