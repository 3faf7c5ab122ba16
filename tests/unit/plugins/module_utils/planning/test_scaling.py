# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaling: out at once, in slowly, and never what is not known to be safe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_answer import (
    answer,
    diff,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import Rules, Scaling
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_reading import (
    memory_as_result,
    read_memory,
    read_rules,
)
from ansible_collections.kcloud.infrastructure.plugins.modules import cluster_scaling
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.standing import (
    Plain,
    farm,
    fleet,
    pool,
    scaled,
    stands,
)

NOW = 10_000
BUSY = [stands("w1", "d1", cpu=1)]


def run(clusters: list[Plain], placements: list[Plain] | None, now: int = NOW, **options: Any) -> Plain:
    return answer(scaled(clusters, placements, now, **options))


def digest_of(found: Scaling) -> str:
    return answer(found)["state_digest"]


def after_waiting(clusters: list[Plain], placements: list[Plain] | None, seconds: int = 600, **options: Any) -> Plain:
    """The second of two looks, some seconds apart."""
    first = run(clusters, placements, **options)
    return run(clusters, placements, NOW + seconds, memory=first["memory"], **options)


def codes(found: Plain, node: str) -> list[str]:
    return [violation["code"] for violation in next(e for e in found["nodes"] if e["node"] == node)["why_not"]]


# --- out


def test_what_is_pending_gets_nodes() -> None:
    found = run([farm()], BUSY, workloads=[{"name": "new", "cpu_cores": 4, "replicas": 4}])
    decision = found["decision"]
    assert decision["action"] == "scale_out"
    entry = decision["node_groups"][0]
    # 17 vCPU: at most 85 % of 4 a node
    assert (entry["node_count_before"], entry["node_count_after"], entry["nodes_to_remove"]) == (3, 5, [])
    assert found["groups"][0]["utilization_after"] <= 0.85
    assert found["groups"][0]["why"] == ["PENDING_NEEDS_NODES"]


def test_room_on_running_nodes_needs_none() -> None:
    assert run([farm()], BUSY, workloads=[{"name": "new", "cpu_cores": 2}])["decision"]["action"] == "none"


@pytest.mark.parametrize(("usage", "target"), [(0.85, 3), (0.86, 4), (1.7, 6)])
def test_expected_use_above_the_limit_scales_out(usage: float, target: int) -> None:
    predicted = [{"cluster": "a", "utilization": usage}]
    found = run([farm()], BUSY, forecast_utilization=predicted)
    assert found["groups"][0]["node_count_after"] == target
    assert found["decision"]["action"] == ("none" if target == 3 else "scale_out")


def test_expected_work_counts_too() -> None:
    found = run([farm()], BUSY, forecast=[{"name": "soon", "cpu_cores": 3, "replicas": 4}])
    assert found["decision"]["node_groups"][0]["node_count_after"] == 4


def test_a_full_group_says_so() -> None:
    found = run([farm("a", pool(3, most=4))], BUSY, forecast_utilization=[{"cluster": "a", "utilization": 2}])
    assert found["groups"][0]["node_count_after"] == 4
    assert [violation["code"] for violation in found["groups"][0]["why_not"]] == ["GROUP_MAX"]
    assert found["groups"][0]["why_not"][0]["fix"]["sentence"] == "raise max_node_count of default-worker to 8"


def test_what_finds_no_place_says_why() -> None:
    found = run([farm()], BUSY, workloads=[{"name": "huge", "cpu_cores": 40}])
    assert found["unplaced"][0]["workload"] == "huge"
    assert found["unplaced"][0]["why_not"][0]["code"] == "CPU_SHORT"


def test_nodes_in_doubt_are_no_reason_to_scale_out() -> None:
    assert run([farm()], None)["decision"]["action"] == "none"


def test_an_autoscalers_bounds_are_moved_and_not_its_count() -> None:
    clusters = [farm("a", pool(3, most=4), labels={"auto_scaling_enabled": "True"})]
    entry = run(clusters, BUSY, workloads=[{"name": "new", "cpu_cores": 4, "replicas": 4}])["decision"]["node_groups"][
        0
    ]
    assert (entry["node_count_before"], entry["node_count_after"]) == (3, 3)
    assert (entry["min_node_count"], entry["max_node_count"]) == (5, 5)
    idle = [farm("a", pool(3, min_node_count=3), labels={"auto_scaling_enabled": "True"})]
    entry = after_waiting(idle, BUSY)["decision"]["node_groups"][0]
    assert (entry["node_count_after"], entry["min_node_count"], entry["nodes_to_remove"]) == (3, 2, [])


# --- in


def test_an_unneeded_node_goes_after_two_looks() -> None:
    first = run([farm()], BUSY)
    assert first["decision"]["action"] == "none"
    assert {node["since"] for node in first["memory"]["unneeded"]} == {NOW}
    assert after_waiting([farm()], BUSY, 599)["decision"]["action"] == "none"
    found = after_waiting([farm()], BUSY, 600)
    assert found["decision"]["action"] == "scale_in"
    entry = found["decision"]["node_groups"][0]
    # At most a tenth of the nodes, but at least one
    assert (entry["node_count_after"], entry["nodes_to_remove"]) == (2, ["d2"])
    assert codes(found, "d3") == ["RUN_LIMIT"]


def test_more_in_one_run_where_allowed_are_one_resize() -> None:
    found = after_waiting([farm("a", pool(4))], BUSY, rules=Rules(run_percent=100))
    assert [entry["nodes_to_remove"] for entry in found["decision"]["node_groups"]] == [["d2", "d3", "d4"]]


def test_two_looks_at_one_moment_are_one() -> None:
    first = run([farm()], BUSY)
    again = run([farm()], BUSY, memory=first["memory"], rules=Rules(unneeded_s=0))
    assert again["decision"]["action"] == "none"


def test_a_long_silence_or_a_clock_that_went_back_starts_anew() -> None:
    assert after_waiting([farm()], BUSY, 3601)["decision"]["action"] == "none"
    assert after_waiting([farm()], BUSY, -700)["decision"]["action"] == "none"


def test_whose_work_finds_a_seat_moves() -> None:
    placements = [stands("w1", "d1"), stands("w2", "d2"), stands("w3", "d3")]
    found = after_waiting([farm()], placements)
    assert found["decision"]["node_groups"][0]["nodes_to_remove"]
    assert len(found["decision"]["moves"]) == 1


def test_use_afterwards_must_stay_below_the_limit() -> None:
    placements = [stands("w1", "d1", cpu=2.8), stands("w2", "d2", cpu=2.8)]
    found = after_waiting([farm()], placements)
    assert codes(found, "d3") == ["UTILIZATION_AFTER"]
    assert (
        after_waiting([farm()], [stands("w1", "d1", cpu=2.7), stands("w2", "d2", cpu=2.7)])["decision"]["action"]
        == "scale_in"
    )


def test_expected_use_keeps_nodes() -> None:
    found = after_waiting([farm()], BUSY, forecast_utilization=[{"cluster": "a", "utilization": 0.5}])
    assert found["decision"]["action"] == "none" and "UTILIZATION_AFTER" in codes(found, "d3")


def test_not_soon_after_a_scale_out_or_a_failure() -> None:
    memory = run([farm()], BUSY)["memory"]
    later = {**memory, "scaled_out": [{"cluster_id": "uuid-a", "at": NOW + 100}]}
    assert "SCALED_OUT_RECENTLY" in codes(run([farm()], BUSY, NOW + 699, memory=later), "d2")
    assert run([farm()], BUSY, NOW + 700, memory=later)["decision"]["action"] == "scale_in"
    failed = {**memory, "failed": [{"cluster_id": "uuid-a", "at": NOW + 500}]}
    assert "FAILED_RECENTLY" in codes(run([farm()], BUSY, NOW + 679, memory=failed), "d2")
    assert run([farm()], BUSY, NOW + 680, memory=failed)["decision"]["action"] == "scale_in"


def test_others_scale_outs_and_failures_are_noticed() -> None:
    memory = run([farm()], BUSY)["memory"]
    grown = run([farm("a", pool(4))], BUSY, NOW + 300, memory=memory)["memory"]
    assert grown["scaled_out"] == [{"cluster_id": "uuid-a", "at": NOW + 300}]
    broken = run([farm("a", pool(3, status="UPDATE_FAILED"))], BUSY, NOW + 300, memory=memory)
    assert broken["memory"]["failed"] == [{"cluster_id": "uuid-a", "at": NOW + 300}]
    assert codes(broken, "d2") == ["CLUSTER_NOT_READY"]


def test_nothing_goes_in_a_run_that_scales_out() -> None:
    clusters = [farm(), farm("b", pool(2, most=None))]
    memory = run(clusters, BUSY)["memory"]
    found = run(clusters, BUSY, NOW + 600, memory=memory, forecast_utilization=[{"cluster": "b", "utilization": 1}])
    assert found["decision"]["action"] == "scale_out"
    assert {entry["action"] for entry in found["decision"]["node_groups"]} == {"scale_out"}
    assert "SCALED_OUT_RECENTLY" in codes(found, "d2")


def test_never_below_the_least_number() -> None:
    found = after_waiting([farm("a", pool(3, min_node_count=3))], BUSY)
    assert found["decision"]["action"] == "none" and codes(found, "d2") == ["GROUP_MIN"]


@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        ([{"utilization": 0}] * 3, "NODE_ID_MISSING"),
        ([{"id": f"d{number}"} for number in (1, 2, 3)], "METRICS_MISSING"),
        ([{"id": f"d{number}", "utilization": 0, "protected": True} for number in (1, 2, 3)], "NODE_PROTECTED"),
    ],
)
def test_what_is_not_known_stays(nodes: list[Plain], code: str) -> None:
    found = after_waiting([farm("a", pool(3, nodes=nodes))], [])
    assert found["decision"]["action"] == "none"
    assert {code} == {violation["code"] for entry in found["nodes"] for violation in entry["why_not"]}


def test_metrics_may_be_waived() -> None:
    bare = [farm("a", pool(3, nodes=[{"id": f"d{number}"} for number in (1, 2, 3)]))]
    rules = replace(Rules(), care=Care(require_metrics=False))
    assert after_waiting(bare, BUSY, rules=rules)["decision"]["action"] == "scale_in"


def test_measured_use_counts_where_it_is_higher() -> None:
    hot = pool(3, nodes=[{"id": f"d{number}", "utilization": 0.9} for number in (1, 2, 3)])
    placements = [stands(f"w{number}", f"d{number}", cpu=0.5) for number in (1, 2, 3)]
    found = run([farm("a", hot)], placements)
    assert found["groups"][0]["utilization"] == 0.9
    assert found["decision"]["action"] == "scale_out"


# --- the answer


def test_memory_survives_being_written_and_read() -> None:
    memory = scaled([farm()], BUSY).memory
    assert read_memory(memory_as_result(memory), "memory") == memory


def test_the_diff_names_groups_and_nodes() -> None:
    first = run([farm()], BUSY)
    found = scaled([farm()], BUSY, NOW + 600, memory=first["memory"])
    assert diff(found) == {
        "before": "a/default-worker (cpu.medium): 3 nodes\n  d2\n",
        "after": "a/default-worker (cpu.medium): 2 nodes\n",
    }
    assert "scale_in" in answer(found)["table"]


OPTIONS: Plain = {
    "scale_out_above": 0.85,
    "scale_in_below": 0.7,
    "run_percent": 10,
    "unneeded_seconds": 600,
    "after_scale_out_seconds": 600,
    "after_failure_seconds": 180,
    "require_health": True,
    "require_metrics": True,
}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"scale_out_above": 85}, "scale_out_above"),
        ({"scale_in_below": 0.9}, "scale_in_below"),
        ({"run_percent": 0}, "run_percent"),
        ({"run_percent": 101}, "run_percent"),
        ({"unneeded_seconds": -1}, "unneeded_seconds"),
    ],
)
def test_wrong_rules_are_named(change: Plain, path: str) -> None:
    assert read_rules(OPTIONS) == Rules()
    with pytest.raises(InvalidRequest) as error:
        read_rules({**OPTIONS, **change})
    assert error.value.resource == path


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"forecast_utilization": [{"cluster": "b", "utilization": 1}]}, "forecast_utilization[0]"),
        ({"forecast_utilization": [{"cluster": "a", "utilization": 90}]}, "forecast_utilization[0].utilization"),
        ({"memory": {"when": 1}}, "memory.when"),
        ({"workloads": [{"cpus": 1}]}, "workloads[0].cpus"),
    ],
)
def test_wrong_options_are_named(options: Plain, path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        run([farm()], [], **options)
    assert error.value.resource == path


def test_only_the_clusters_that_change_are_the_state() -> None:
    more = {"forecast_utilization": [{"cluster": "a", "utilization": 2}]}
    beside = farm("b", pool(2, "gpu.a100.large", min_node_count=2), type="gpu-intensive")
    expected = digest_of(scaled([farm(), beside], BUSY, **more))
    other = farm("b", pool(3, "gpu.a100.large", min_node_count=2), type="gpu-intensive")
    assert digest_of(scaled([farm(), other], BUSY, **more)) == expected
    assert digest_of(scaled([farm("a", pool(4)), beside], BUSY, **more)) != expected


def _hide(_secrets: Iterable[str]) -> None:
    """Nothing is shown here."""


def test_a_decision_for_another_state_is_refused() -> None:
    """By the module, with the same option as every other that decides."""
    more = {"fleet": fleet(farm()), "placements": BUSY, "workloads": [{"name": "w", "cpu_cores": 4, "replicas": 4}]}
    params = ArgumentSpecValidator(cluster_scaling.SPEC).validate({**more, "now": NOW}).validated_parameters
    seen = cluster_scaling.run(params, False, _hide)
    assert seen["decision"]["action"] == "scale_out"
    again = cluster_scaling.run({**params, "now": NOW + 9, "expected_state": seen["state_digest"]}, False, _hide)
    assert again["operations"] == seen["operations"]
    with pytest.raises(Conflict) as refused:
        cluster_scaling.run(
            {**params, "fleet": fleet(farm("a", pool(4))), "expected_state": seen["state_digest"]}, False, _hide
        )
    assert refused.value.code == "STATE_CHANGED"
    with pytest.raises(InvalidRequest) as wrong:
        cluster_scaling.run({**params, "expected_state": "the newest"}, False, _hide)
    assert wrong.value.resource == "expected_state"
