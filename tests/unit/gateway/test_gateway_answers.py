# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library's answers in the asker's form, and the optimiser's documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import optimizer
from pydantic import BaseModel

from gateway import answers, optimiser, schemas
from gateway.jobs import Job
from gateway.problems import Problem, of_failure, of_validation
from gateway.reads import workload_of

CLUSTER = {
    "id": "i1", "name": "ml", "status": "CREATE_COMPLETE", "node_count": 2, "master_count": 1, "created_at": "t", "labels": {},
    "health_status": None, "cluster_template_id": "t1",
}  # fmt: skip
CLEANED = {"kcloud_cluster_cleanup": {"decision": {"delete": [{"cluster": "a"}], "sentence": "S"}}}
FLAVORS = [
    {"name": "cpu", "id": "f1", "vcpus": 4, "ram_mib": 8192},
    {"name": "gpu", "id": "f2", "vcpus": 8, "ram_mib": 16384},
]


def cluster(**more: Any) -> dict[str, Any]:
    return {**CLUSTER, **more}


@pytest.mark.parametrize(
    ("status", "kind", "limit", "names"),
    [
        (None, None, 50, ["a", "b", "c"]),
        ("CREATE_COMPLETE", None, 50, ["a"]),
        ("complete", None, 50, ["a", "b"]),
        ("DELETE", None, 50, ["c"]),
        ("PLETE", None, 50, []),
        (None, "training", 50, ["a"]),
        (None, "gpu-intensive", 50, ["b"]),
        (None, None, 2, ["a", "b"]),
    ],
)
def test_a_list_holds_what_was_asked_for(status: str | None, kind: str | None, limit: int, names: list[str]) -> None:
    clusters = [
        cluster(name="c", status="DELETE_IN_PROGRESS"),
        cluster(name="b", status="UPDATE_COMPLETE", labels={"kcloud_type": "gpu-intensive"}),
        cluster(name="a", labels={"workload_type": "training", "kcloud_type": "x"}),
    ]
    found = answers.selected(clusters, status, kind, limit)
    assert [entry["name"] for entry in found] == names
    asked = {"id", "name", "status", "node_count", "master_count", "created_at", "labels"}
    assert all(asked <= set(entry) for entry in found)


@pytest.mark.parametrize(
    ("labels", "warned"),
    [
        (({"auto_scaling_enabled": "true"}, {}), True),
        (({"auto_scaling_enabled": "true"}, {"auto_scaling_enabled": False}), False),
        (({}, {"auto_scaling_enabled": True}), True),
        ((None, {"min_node_count": "1"}), False),
    ],
)
def test_autoscaling_labels_are_warned_of(labels: tuple[Any, ...], warned: bool) -> None:
    assert bool(answers.notices(*labels)) is warned


@pytest.mark.parametrize(("group", "refused"), [(None, True), ("default-worker", True), ("gpu", False)])
def test_a_resize_of_what_an_autoscaler_owns_is_known(group: str | None, refused: bool) -> None:
    assert answers.is_autoscaled({"auto_scaling_enabled": "True"}, group) is refused
    assert not answers.is_autoscaled({"auto_scaling_enabled": "false"}, group)


@pytest.mark.parametrize(
    ("assumes_empty", "nodes", "expected"),
    [
        (True, [], (16.0, 32.0, 4.0, 0.0)),
        (False, [], (None, None, None, None)),
        (False, [{"free": {"cpu_m": 2000, "mem_mib": 1024}, "devices": [1000, 500]}, {"ready": False}], (2.0, 1.0, 1.5, 0.9688)),
        (True, [{"free": {"cpu_m": 8000, "mem_mib": 16384}, "devices": [0, 0]}], (16.0, 32.0, 2.0, 0.5)),
    ],
)  # fmt: skip
def test_available_is_what_nodes_say_or_what_is_assumed(
    assumes_empty: bool, nodes: list[Any], expected: tuple[Any, ...]
) -> None:
    group = {"flavor": "f2", "node_count": 2, "nodes": nodes}
    busy = cluster(name="deleting", status="DELETE_IN_PROGRESS", node_groups=[])
    sick = cluster(name="sick", health_status="UNHEALTHY", node_groups=[])
    fleet = {"flavors": FLAVORS, "clusters": [cluster(node_groups=[group]), busy, sick]}
    found = answers.available(fleet, {"gpu": {"gpu": 2}}, 1.0, "now", assumes_empty=assumes_empty)
    assert found["total_count"] == 1
    entry = found["clusters"][0]
    kinds = ("available_cpu", "available_memory", "available_gpu", "utilization")
    assert tuple(entry[kind] for kind in kinds) == expected
    assert (entry["reason"] is None) == (expected[0] is not None)
    assert bool(found["assumptions"]) is assumes_empty


def ranked(rank: int | None, identity: str | None, action: str = "use") -> dict[str, Any]:
    return {
        "rank": rank, "candidate": f"{action} {identity}", "feasible": rank is not None, "cluster_id": identity, "cluster": identity,
        "action": action, "cost_delta_h": 0,
    }  # fmt: skip


def decided(action: str, **decision: Any) -> dict[str, Any]:
    about = dict.fromkeys(
        ("cluster", "cluster_id", "template", "cluster_type", "cost_delta_h", "power_delta_w", "node_group", "flavor")
    )
    return {
        "decision": {**about, "action": action, "node_groups": [], "sentence": "Said.", **decision},
        "ranking": [ranked(1, "i1"), ranked(2, "i1"), ranked(3, "i2"), ranked(4, None, "create"), ranked(None, "i3")],
        "assumptions": ["a"],
        "state_digest": "sha256:0",
        "coming": [],
        "new_cluster": None,
        "certificate": {"proven": False},
    }


def test_a_match_of_an_existing_cluster() -> None:
    known = {"i1": {"status": "CREATE_COMPLETE", "available_resources": {"cpu": 1}}}
    groups = [{"name": "g", "node_count_before": 1, "node_count_after": 2}]
    found = answers.match(decided("use", cluster="ml", cluster_id="i1"), known, None, 0.0, "now")
    assert found["action"] == "use_existing" and found["scale_to"] is None
    assert found["cluster"] == {
        "id": "i1",
        "name": "ml",
        "status": "CREATE_COMPLETE",
        "available_resources": {"cpu": 1},
    }
    assert [(entry["id"], entry["suitability_score"]) for entry in found["alternatives"]] == [("i2", 0.3333)]
    grown = answers.match(decided("scale_out", cluster_id="i1", node_groups=groups), known, None, 0.0, "now")
    assert grown["action"] == "use_existing" and grown["scale_to"] == groups


def test_a_match_of_a_new_cluster_and_of_none() -> None:
    new = answers.match(decided("create", template="t", cost_delta_h=2.5), {}, 16.0, 0.0, "now")
    assert [new[key] for key in ("action", "recommended_template", "estimated_cost", "estimated_creation_time")] == [
        "create_new", "t", 2.5, 16.0,
    ]  # fmt: skip
    none = answers.match(decided("none"), {}, None, 0.0, "now")
    assert (none["action"], none["message"]) == ("none", "Said.") and none["reasons"]


@pytest.mark.parametrize(
    ("verb", "answer", "result", "expected"),
    [
        ("create_cluster", {"id": None, "notices": []}, {"kcloud_requested_cluster": {"cluster": CLUSTER}}, {"id": "i1", "notices": []}),
        ("resize_cluster", {"cluster_id": "i1"}, {"kcloud_requested_cluster": {"cluster": CLUSTER}}, {"cluster_id": "i1"}),
        ("create_cluster_template", {"id": None}, {"kcloud_requested_cluster_template": {"cluster_template": {"id": "t1"}}}, {"id": "t1"}),
        ("cleanup", {"apply": True}, CLEANED, {"cleaned_clusters": ["a"], "message": "S"}),
        ("cleanup", {"apply": False, "cleaned_clusters": []}, CLEANED, {"cleaned_clusters": []}),
        ("create_cluster", {"id": None}, None, {"id": None}),
    ],
)  # fmt: skip
def test_a_jobs_answer_is_completed_at_its_end(verb: str, answer: Any, result: Any, expected: dict[str, Any]) -> None:
    job = Job("t", "x", "c", verb, "target", {}, answer, "d", state="succeeded", result=result)
    found = answers.final_answer(job)
    assert {key: found[key] for key in expected} == expected
    assert answers.final_answer(replace(job, state="failed")) == answer


# --- the optimiser


def document(**given: Any) -> dict[str, Any]:
    """A Workload of the optimiser as the operation hands it on: what the schema takes, without what is null."""
    return schemas.OptimiserWorkload.model_validate({"id": "w", "requirements": {}, **given}).model_dump(
        exclude_none=True
    )


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        ({"cpu": 4, "memory": "64Gi"}, {"cpu_cores": 4, "memory_gb": 64.0}),
        ({"cpu": "500m", "memory": "512Mi"}, {"cpu_cores": 0.5, "memory_gb": 0.5}),
        ({"cpu": "2", "memory": "1073741824"}, {"cpu_cores": 2.0, "memory_gb": 1.0}),
        ({"memory": 1073741824}, {"memory_gb": 1.0}),
        ({"gpu": {"count": 2, "type": "a100", "memory": "80Gi"}}, {"gpu_count": 2, "gpu_model": ["a100"], "gpu_memory_gb": 80.0}),
        ({"gpu": {"count": 0, "type": "a100"}}, {}),
        ({"npu": {"count": 1}}, {"npu_count": 1}),
        ({}, {}),
    ],
)  # fmt: skip
def test_requirements_of_the_optimiser(requirements: dict[str, Any], expected: dict[str, Any]) -> None:
    wanted = workload_of(document(requirements=requirements))
    assert wanted.workload == {"name": "w", **expected}
    assert not wanted.forbidden and not wanted.notes


@pytest.mark.parametrize(
    ("where", "value"),
    [
        *(("cpu", "four"), ("cpu", "1Gi"), ("memory", "64Q"), ("memory", "much"), ("memory", "-1Gi")),
        *(("memory", "80GB"), ("memory", "64"), ("memory", 64)),
    ],
)
def test_amounts_that_cannot_be_read_are_named(where: str, value: object) -> None:
    with pytest.raises(Problem) as refused:
        workload_of(document(requirements={where: value}))
    assert refused.value.status == 422 and refused.value.body["code"] == "INVALID_REQUEST"
    assert refused.value.body["resource"] == f"workload.requirements.{where}" and refused.value.body["hint"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"id": "1-2", "name": "A b/c"}, {"name": "A b/c"}),
        ({"id": "12"}, {"name": "12"}),
        ({"type": "realtime"}, {"name": "w", "type": "real_time"}),
        ({"type": "ml_training", "priority": 10}, {"name": "w", "type": "ml_training", "priority": 10}),
        ({"constraints": {"maxCostPerHour": 3.5}}, {"name": "w", "max_cost_per_hour": 3.5}),
        (
            {"constraints": {"tolerations": [
                {"key": "a", "operator": "Exists"}, {"key": "b", "value": "c", "effect": "NoSchedule"},
            ]}},
            {"name": "w", "tolerations": ["a", "b=c:NoSchedule"]},
        ),
        ({"labels": {"a": "b"}}, {"name": "w", "labels": {"a": "b"}}),
        ({"constraints": {"maxExecutionTime": "90m"}}, {"name": "w", "duration_h": 2}),
    ],
)  # fmt: skip
def test_names_types_and_constraints_of_the_optimiser(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert workload_of(document(**given)).workload == expected


def test_what_decides_nothing_is_reported() -> None:
    wanted = workload_of(
        document(
            status="pending",
            metadata={"owner": "x"},
            requirements={"storage": "1Ti", "gpu": {"count": 1, "compute": "8.0"}, "network": {"latency": 5}},
            constraints={"preferredClusters": ["a"], "forbiddenClusters": ["b"], "affinity": {}},
        )
    )
    assert wanted.forbidden == ("b",)
    assert [note.split(" does not count: ")[0] for note in wanted.notes] == [
        "requirements.storage", "requirements.network", "requirements.gpu.compute", "constraints.preferredClusters",
    ]  # fmt: skip


def test_the_schema_takes_each_key_that_the_library_reads_and_no_other() -> None:
    def keys(model: type[BaseModel]) -> list[str]:
        return sorted(model.model_fields)

    assert keys(schemas.OptimiserWorkload) == sorted(optimizer.KEYS)
    assert keys(schemas.Requirements) == sorted(optimizer.REQUIREMENTS)
    assert keys(schemas.Constraints) == sorted(optimizer.CONSTRAINTS)
    assert keys(schemas.Toleration) == sorted(optimizer.TOLERATION)
    assert {"gpu": keys(schemas.Gpu), "npu": keys(schemas.Npu)} == {
        kind: sorted(names) for kind, names in optimizer.DEVICES.items()
    }


@pytest.mark.parametrize(
    ("action", "kind", "status"),
    [
        ("use", "schedule", "recommended"),
        ("scale_out", "scale", "recommended"),
        ("create", "schedule", "recommended"),
        ("none", "schedule", "rejected"),
    ],
)
def test_a_decision_for_the_optimiser(action: str, kind: str, status: str) -> None:
    answer = decided(action, cluster_id="i1")
    answer["ranking"][0] |= {"why": ["CHEAPEST"], "why_not": [{"code": "CPU_SHORT"}, {"code": "CPU_SHORT"}]}
    found = optimiser.decision({"id": "w", "labels": {"a": "b"}}, answer, ("x",), "id", "now", "1.0")
    assert (found["type"], found["status"], found["workloadId"]) == (kind, status, "w")
    assert found["reason"] == ("CPU_SHORT" if action == "none" else "CHEAPEST")
    assert found["details"]["action"] == action and found["details"]["notes"] == ["x"]
    asked = (
        "id type status reason workloadId policyId clusterId nodeId recommendedCluster recommendedNode estimatedCost"
    )
    asked += " estimatedPower estimatedLatency confidence score message details metadata createdAt updatedAt executedAt"
    assert list(found) == asked.split()


# --- problems


@pytest.mark.parametrize(
    ("code", "status"),
    [("NOT_FOUND", 404), ("INVALID_REQUEST", 422), ("CLOUD_UNREACHABLE", 503), ("AUTHENTICATION_FAILED", 502), ("ODD", 500)],
)  # fmt: skip
def test_failures_of_the_library_have_a_status(code: str, status: int) -> None:
    problem = of_failure("Failed", {"code": code, "reason": "r", "hint": "h", "resource": "x"})
    assert problem.status == status == problem.body["status"]
    assert (problem.body["code"], problem.body["reason"], problem.body["hint"]) == (code, "r", "h")


def test_a_wrong_request_is_answered_with_its_keys_and_without_its_values() -> None:
    errors = [
        {"type": "extra_forbidden", "loc": ("body", "labels", "x"), "msg": "m", "input": "secret"},
        {"type": "missing", "loc": ("body",), "msg": "Field required", "input": None},
    ]
    body = of_validation(errors).body
    assert body["resource"] == "labels.x" and "no such key" in body["detail"]
    assert [entry["key"] for entry in body["errors"]] == ["labels.x", "body"] and "secret" not in str(body)
