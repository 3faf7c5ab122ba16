# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Consolidation, by small clusters that can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_answer import (
    answer,
    diff,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
    Consolidation,
    Option,
    Rules,
    netted,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_reading import read_rules
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Part, Pod
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import Move, Place
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import check_plan
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import TYPES
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.standing import (
    Plain,
    consolidated,
    farm,
    nodes,
    pool,
    stands,
)

CLOSE = Rules(actions=("close_node",), score=0)
MERGE = Rules(actions=("merge",))


def option(found: Consolidation, name: str) -> Option:
    return next(entry for entry in found.options if entry.name == name)


def codes(entry: Option) -> list[str]:
    return [violation.code for violation in entry.why_not]


def digest_of(found: Consolidation) -> str:
    return answer(found)["state_digest"]


def closed(found: Consolidation) -> list[str]:
    return [place.node for place in found.closed]


def test_empty_nodes_go_and_a_half_empty_one_when_somebody_takes_its_work() -> None:
    placements = [stands("w1", "d1", cpu=3), stands("w2", "d2", cpu=1)]
    found = consolidated([farm()], placements, CLOSE)
    assert closed(found) == ["d2", "d3"]
    assert [(move.pod.workload, move.target.node) for move in found.moves] == [("w2", "d1")]
    shown = answer(found)
    assert shown["decision"]["node_groups"] == [
        {
            "cluster": "a",
            "cluster_id": "uuid-a",
            "node_group": "default-worker",
            "node_count_before": 3,
            "node_count_after": 1,
            "nodes_to_remove": ["d2", "d3"],
            "nodes": ["d2", "d3"],
        }
    ]
    # Two nodes of 4 vCPU and 8 GiB: 2 x (4 + 8 x 0.13)
    assert shown["decision"]["cost_delta_h"] == -10.08
    assert shown["certificate"]["gap"] == 0 and shown["certificate"]["proven"]
    # To do nothing is worse than to let the empty node go
    assert [(point["steps"], point["moves"]) for point in shown["pareto"]] == [(1, 0), (2, 1)]


def test_what_has_no_seat_stays_and_says_so() -> None:
    found = consolidated([farm("a", pool(2))], [stands("w1", "d1", cpu=3), stands("w2", "d2", cpu=2)], CLOSE)
    assert not found.steps
    assert codes(option(found, "close node a/default-worker/d2")) == ["NO_ROOM"]
    assert "NO_ROOM" in answer(found)["table"]
    assert answer(found)["decision"]["action"] == "none"


def test_the_score_weighs_savings_against_disruption() -> None:
    """Two of three replicas for one of two nodes: half of the cost for two thirds of the work is 0.75; 3 of 4 is 0.67."""
    placements = [stands("w1", "d1", cpu=0.1), stands("w2", "d2", cpu=0.1, replicas=3)]
    found = consolidated([farm("a", pool(2), master_count=0)], placements, Rules(actions=("close_node",)))
    assert closed(found) == ["d1"]
    assert answer(found)["candidates"][0]["score"] == 2.0
    strict = consolidated([farm("a", pool(2), master_count=0)], placements, Rules(actions=("close_node",), score=2001))
    assert codes(option(strict, "close node a/default-worker/d1")) == ["SCORE_LOW"]


def test_a_saving_must_be_worth_it_and_be_back_in_time() -> None:
    placements = [stands("w1", "d1", cpu=2), stands("w2", "d2", cpu=2)]
    clusters = [farm("a", pool(2))]
    little = consolidated(clusters, placements, replace(CLOSE, saving=6_000_000))
    assert codes(option(little, "close node a/default-worker/d1")) == ["SAVING_LOW"]
    # Half a node for 10 days is paid twice: 120 hours of saving
    slow = consolidated(clusters, placements, replace(CLOSE, move_minutes=14_400, horizon_h=119))
    assert codes(option(slow, "close node a/default-worker/d1")) == ["PAYBACK_LONG"]
    assert consolidated(clusters, placements, replace(CLOSE, move_minutes=14_400, horizon_h=120)).steps


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "UPDATE_IN_PROGRESS"}, "CLUSTER_NOT_READY"),
        ({"health_status": "UNHEALTHY"}, "CLUSTER_UNHEALTHY"),
        ({"health_status": None}, "HEALTH_UNKNOWN"),
        ({"health_status": "UNKNOWN"}, "HEALTH_UNKNOWN"),
        ({"labels": {"protected": "True"}}, "CLUSTER_LOCKED"),
        ({"labels": {"auto_scaling_enabled": "true"}}, "AUTOSCALED"),
    ],
)
def test_protected_clusters_keep_everything(change: Plain, code: str) -> None:
    found = consolidated([farm("a", **change)], [])
    assert not found.steps
    assert {code} == {one for entry in found.options for one in codes(entry)}
    assert all(violation.fix.sentence for entry in found.options for violation in entry.why_not)


@pytest.mark.parametrize(
    ("node", "code"),
    [
        ({"id": "x", "utilization": 0, "protected": True}, "NODE_PROTECTED"),
        ({"name": "x", "utilization": 0}, "NODE_ID_MISSING"),
        ({"id": "x"}, "METRICS_MISSING"),
        ({"id": "x", "utilization": 0.5}, "OCCUPANTS_UNKNOWN"),
        ({"id": "x", "utilization": 0, "ready": False}, "NODE_NOT_READY"),
    ],
)
def test_protected_nodes_stay(node: Plain, code: str) -> None:
    found = consolidated([farm("a", pool(2, nodes=[node, *nodes(1)]))], [])
    assert closed(found) == ["n1"]
    assert codes(option(found, "close node a/default-worker/x")) == [code]


def test_without_placements_nothing_goes() -> None:
    found = consolidated([farm()], None)
    assert not found.steps and {one for entry in found.options for one in codes(entry)} == {"OCCUPANTS_UNKNOWN"}


def test_without_metrics_only_where_allowed() -> None:
    clusters = [farm("a", pool(2, nodes=[{"id": "x"}, {"id": "y"}]))]
    assert not consolidated(clusters, []).steps
    trusting = Rules(actions=("close_node",), care=Care(require_metrics=False))
    assert closed(consolidated(clusters, [], trusting)) == ["x", "y"]


def test_never_below_the_least_number() -> None:
    found = consolidated([farm("a", pool(3, min_node_count=2))], [])
    assert closed(found) == ["d1"]
    assert codes(option(found, "close node a/default-worker/d2")) == ["GROUP_MIN"]


def test_pinned_work_is_not_moved() -> None:
    placements = [stands("w", "d1", labels={"do-not-disrupt": True})]
    found = consolidated([farm("a", pool(2))], placements, CLOSE)
    assert closed(found) == ["d2"]
    assert codes(option(found, "close node a/default-worker/d1")) == ["WORKLOAD_PINNED"]


def test_a_run_has_its_limits() -> None:
    placements = [stands("w1", "d1", cpu=3), stands("w2", "d2", cpu=1)]
    assert closed(consolidated([farm()], placements, replace(CLOSE, max_moves=0))) == ["d3"]
    assert closed(consolidated([farm()], placements, replace(CLOSE, max_nodes=1))) == ["d3"]


def test_isolated_work_moves_to_an_empty_node_only() -> None:
    clusters = [farm("a", pool(1, "cpu.large", "big"), pool(2, min_node_count=1))]
    placements = [stands("w", "b1", isolation="node"), stands("v", "d1")]
    found = consolidated(clusters, placements, CLOSE)
    assert [(move.pod.workload, move.target.node) for move in found.moves] in ([], [("w", "d2")])
    assert "d2" not in closed(found) or "b1" not in closed(found)


def test_taints_are_kept() -> None:
    clusters = [farm("a", pool(1), pool(1, name="gpu-only", taints=["gpu=yes:NoSchedule"]))]
    refused = consolidated(clusters, [stands("w", "d1"), stands("v", "g1", tolerations=["gpu"])], CLOSE)
    assert closed(refused) == ["g1"]
    willing = consolidated(clusters, [stands("w", "d1", tolerations=["gpu"], cpu=0.5)], CLOSE)
    assert "g1" in closed(willing)


# --- groups


def test_a_group_may_be_worth_it_where_its_nodes_are_not() -> None:
    """Each node saves 5.04; all three together more than the 10 that are asked for."""
    alone = consolidated([farm()], [], Rules(actions=("close_node",), saving=10_000_000))
    assert codes(option(alone, "close node a/default-worker/d1")) == ["SAVING_LOW"]
    found = consolidated([farm()], [], Rules(actions=("close_node", "close_group"), saving=10_000_000))
    assert option(found, "close node group a/default-worker").step == 1
    assert closed(found) == ["d1", "d2", "d3"]
    bounded = consolidated([farm("a", pool(3, min_node_count=1))], [], Rules(actions=("close_group",)))
    assert codes(option(bounded, "close node group a/default-worker")) == ["GROUP_MIN"]


# --- merging


def two(**more: Any) -> list[Plain]:
    return [farm("a", pool(2)), farm("b", pool(3), **more)]


def test_clusters_of_one_type_are_merged_and_the_control_plane_saved() -> None:
    found = consolidated(two(), [stands("w1", "d1"), stands("w2", "d1", "b")], MERGE)
    assert [step.name for step in found.steps] == ["merge b into a"]
    decision = answer(found)["decision"]
    assert decision["delete_clusters"] == [{"cluster": "b", "cluster_id": "uuid-b"}]
    assert decision["node_groups"] == [] and decision["grow"] == []
    assert decision["cost_delta_h"] == pytest.approx(-20.16)
    assert decision["moves"][0]["from"]["cluster"] == "b" and decision["moves"][0]["to"]["cluster"] == "a"


def test_the_other_cluster_grows_where_that_pays() -> None:
    clusters = [farm("a", pool(1)), farm("b", pool(2))]
    placements = [stands("w1", "d1", cpu=4), stands("w2", "d1", "b", cpu=2)]
    decision = answer(consolidated(clusters, placements, MERGE))["decision"]
    assert decision["grow"][0]["node_count_after"] in (2, 3)
    assert decision["moves"][0]["to"]["node"].startswith("new node")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"project_id": "p2"}, "NO_PARTNER"),
        ({"labels": {"protected": "true"}}, "CLUSTER_LOCKED"),
        ({"status": "CREATE_FAILED"}, "CLUSTER_NOT_READY"),
    ],
)
def test_some_clusters_are_not_merged(change: Plain, code: str) -> None:
    found = consolidated(two(**change), [stands("w2", "d1", "b")], MERGE)
    assert not found.steps
    assert code in codes(option(found, "merge b into a"))


def test_owners_must_be_known() -> None:
    clusters = [farm(name, pool(1), project_id=None) for name in ("a", "b")]
    assert "OWNER_UNKNOWN" in codes(option(consolidated(clusters, [], MERGE), "merge a into b"))


def test_isolation_keeps_clusters_apart() -> None:
    placements = [stands("w1", "d1", isolation="cluster"), stands("w2", "d1", "b")]
    found = consolidated(two(), placements, MERGE)
    assert codes(option(found, "merge b into a")) == ["ISOLATION"]


def test_a_cluster_takes_part_in_one_merge() -> None:
    clusters = [farm(name, pool(2)) for name in ("a", "b", "c")]
    found = consolidated(clusters, [], MERGE)
    assert len({step.cluster for step in found.steps} & {step.other for step in found.steps}) == 0
    assert found.steps


# --- splitting


SPLIT = Rules(actions=("split",))


def test_a_broken_promise_of_isolation_is_mended() -> None:
    placements = [stands("quiet", "d1", isolation="cluster"), stands("loud", "d1")]
    found = consolidated([farm()], placements, SPLIT, cluster_types=TYPES)
    assert [step.name for step in found.steps] == ["split workload quiet from a"]
    decision = answer(found)["decision"]
    made = decision["create_clusters"][0]
    assert made["cluster_type"] == "cpu-only" and made["workloads"] == ["quiet"]
    assert made["node_groups"] == [{"name": "cpu", "flavor": "cpu.medium", "node_count": 1}]
    assert decision["cost_delta_h"] > 0
    assert answer(found)["certificate"]["lower_bound"] is None
    assert "new cpu (cpu.medium): 1 nodes" in diff(found)["after"]


def test_the_node_that_a_split_leaves_empty_is_the_one_that_goes() -> None:
    placements = [stands("loud", "d1", cpu=3), stands("quiet", "d2", cpu=3, isolation="cluster")]
    rules = Rules(actions=("split", "close_node"))
    found = consolidated([farm("a", pool(2))], placements, rules, cluster_types=TYPES)
    assert [step.name for step in found.steps] == ["split workload quiet from a", "close node a/default-worker/d2"]
    assert [move.pod.workload for move in found.moves] == ["quiet"]


def test_a_full_kind_that_cannot_grow_gets_a_cluster_of_its_own() -> None:
    gpu = pool(1, "gpu.a100.large", "gpu", most=1)
    placements = [stands("train", "g1", gpu_count=1), stands("web", "d1")]
    found = consolidated([farm("a", pool(2), gpu, type="hybrid-balanced")], placements, SPLIT, cluster_types=TYPES)
    assert [step.why[0] for step in found.steps] == ["KIND_PRESSURE"]
    assert answer(found)["decision"]["create_clusters"][0]["cluster_type"] == "gpu-intensive"
    room = pool(1, "gpu.a100.large", "gpu", most=2)
    calm = consolidated([farm("a", pool(2), room, type="hybrid-balanced")], placements, SPLIT, cluster_types=TYPES)
    assert [codes(entry) for entry in calm.options] == [["NO_PRESSURE"]]


def test_a_split_needs_a_type() -> None:
    placements = [stands("quiet", "d1", isolation="cluster"), stands("loud", "d1")]
    found = consolidated([farm()], placements, SPLIT, cluster_types={"gpu-intensive": TYPES["gpu-intensive"]})
    assert codes(found.options[0]) == ["NO_TYPE"]


# --- the answer


def test_who_moves_twice_moves_once() -> None:
    pod = Pod("w", Part(1, 1))
    one, other, third = (Place("c", "g", name) for name in "abc")
    assert netted([Move(pod, one, other), Move(pod, other, third)]) == (Move(pod, one, third),)
    assert netted([Move(pod, one, other), Move(pod, third, other)]) == (Move(pod, one, other), Move(pod, third, other))


def test_the_diff_is_readable() -> None:
    found = consolidated([farm()], [stands("w1", "d1", cpu=3), stands("w2", "d2", cpu=1)], CLOSE)
    assert diff(found) == {
        "before": "a/default-worker (cpu.medium): 3 nodes\n  d2\n  d3\nw2 on default-worker/d2\n",
        "after": "a/default-worker (cpu.medium): 1 nodes\nw2 on default-worker/d1\n",
    }


# --- options and state

OPTIONS: Plain = {
    "actions": ["split", "close_node", "close_group", "merge"],
    "min_score": 0.5,
    "min_saving_h": 0.1,
    "horizon_h": 24,
    "move_minutes": 15,
    "max_moves": None,
    "max_nodes": None,
    "max_candidates": None,
    "require_health": True,
    "require_metrics": True,
}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"min_score": -0.1}, "min_score"),
        ({"max_nodes": -1}, "max_nodes"),
        ({"horizon_h": -1}, "horizon_h"),
        ({"max_candidates": 0}, "max_candidates"),
    ],
)
def test_wrong_rules_are_named(change: Plain, path: str) -> None:
    assert read_rules(OPTIONS) == Rules()
    with pytest.raises(InvalidRequest) as error:
        read_rules({**OPTIONS, **change})
    assert error.value.resource == path


def test_a_plan_for_another_state_is_refused() -> None:
    placements = [stands("w1", "d1", cpu=3)]
    plan = consolidated([farm()], placements)
    expected = digest_of(plan)
    check_plan(expected, digest_of(plan))
    check_plan(None, digest_of(plan))
    # What is only measured anew changes nothing
    hot = [farm("a", pool(3, nodes=nodes(3, "d", utilization=0.05)))]
    check_plan(expected, digest_of(consolidated(hot, placements)))
    for clusters, others in (([farm()], [*placements, stands("w2", "d2")]), ([farm("a", pool(4))], placements)):
        with pytest.raises(Conflict) as error:
            check_plan(expected, digest_of(consolidated(clusters, others)))
        assert error.value.code == "STATE_CHANGED"


def test_what_happens_to_clusters_that_the_plan_leaves_alone_does_not_matter() -> None:
    expected = digest_of(consolidated([farm()], [stands("w1", "d1")]))
    beside = farm("b", pool(2, min_node_count=2))
    check_plan(expected, digest_of(consolidated([farm(), beside], [stands("w1", "d1")])))


def test_another_plan_for_the_same_clusters_is_refused() -> None:
    """The prices of the day may make one of it that nobody has looked at."""
    placements = [stands("w1", "d1")]
    expected = digest_of(consolidated([farm()], placements))
    one_node = Rules(actions=("close_node",), max_nodes=1)
    with pytest.raises(Conflict):
        check_plan(expected, digest_of(consolidated([farm()], placements, one_node)))
