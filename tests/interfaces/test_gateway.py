# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway as a process, asked over HTTP, against the test cloud: every operation, its limits, and its death."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.interfaces.conftest import TestCloud, environment, run
from tests.interfaces.gateways import SMALL, Client, RunningGateway, running_gateway, token_of

# openstacksdk warns of itself when it lists clusters
pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning")

PREFIX = "test-gateway-"
TEMPLATE = f"{PREFIX}small"
CLUSTER = f"{PREFIX}one"
# Cases of the fuzzer for each operation. Given, it also goes through all edges of the document, and with 500 there are more than 10,000
EXAMPLES = os.environ.get("GATEWAY_FUZZ_EXAMPLES", "")


@pytest.fixture(scope="module")
def gateway(cloud: TestCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    cloud.delete(PREFIX)
    with running_gateway(tmp_path_factory.mktemp("gateway"), RATE_PER_MINUTE="100000") as running:
        yield running
    cloud.delete(PREFIX)


@pytest.fixture(scope="module")
def boss(gateway: RunningGateway) -> Client:
    return gateway.client()


@pytest.fixture(scope="module")
def template(boss: Client) -> dict[str, Any]:
    """POST /templates, with a label that would run a program if anything took it for a template."""
    mark = Path("/tmp") / f"{PREFIX}was-executed"
    mark.unlink(missing_ok=True)
    label = "{{ lookup('ansible.builtin.pipe', 'touch MARK') }}".replace("MARK", str(mark))
    accepted = boss.post("/templates", {"name": TEMPLATE, **SMALL, "labels": {"note": label}})
    assert accepted.json()["name"] == TEMPLATE
    result = boss.succeeded(accepted)["result"]["kcloud_requested_cluster_template"]
    assert result["changed"] and result["cluster_template"]["labels"]["note"] == label
    assert not mark.exists(), "a label of a request was executed"
    return result["cluster_template"]


@pytest.fixture(scope="module")
def cluster(boss: Client, template: dict[str, Any]) -> dict[str, Any]:
    """POST /clusters, sent twice with one key."""
    body = {
        "name": CLUSTER,
        "cluster_template_id": TEMPLATE,
        "node_count": 1,
        "master_count": 1,
        "keypair": "kcloud-keypair",
        "labels": {"workload_type": "general"},
    }
    accepted = boss.post("/clusters", body, key="create-one")
    answer = accepted.json()
    asked = {key: answer[key] for key in ("id", "name", "status", "node_count", "master_count", "created_at", "labels")}
    assert asked == {
        "id": None, "name": CLUSTER, "status": "REQUESTED", "node_count": 1, "master_count": 1, "created_at": None,
        "labels": body["labels"],
    }  # fmt: skip
    assert answer["notices"] == []
    again = boss.post("/clusters", body, key="create-one")
    assert again.status_code == 202 and again.json()["job"]["id"] == answer["job"]["id"]
    other = boss.post("/clusters", {**body, "node_count": 2}, key="create-one")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    job = boss.succeeded(accepted)
    assert [event["status"] for event in job["events"]].count("changed") == 1
    assert job["attempts"] == 1
    assert job["answer"]["id"] == job["result"]["kcloud_requested_cluster"]["cluster"]["id"]
    return job["result"]["kcloud_requested_cluster"]["cluster"]


# --- every operation


def test_templates_are_listed_and_shown(boss: Client, template: dict[str, Any]) -> None:
    listed = boss.get("/templates").json()
    assert listed["count"] == len(listed["templates"]) and listed["timestamp"].endswith("Z")
    assert template["id"] in [entry["id"] for entry in listed["templates"]]
    by_name, by_id = (boss.get(f"/templates/{reference}").json() for reference in (TEMPLATE, template["id"]))
    assert by_name["id"] == by_id["id"] == template["id"] and by_id["image_id"] == "ubuntu-capi"


def test_a_cluster_is_created_and_shown(boss: Client, cloud: TestCloud, cluster: dict[str, Any]) -> None:
    assert [found.id for found in cloud.clusters(CLUSTER)] == [cluster["id"]]
    listed = boss.get("/clusters", params={"workload_type": "general", "status": "CREATE_COMPLETE", "limit": 1000})
    assert int(listed.headers["age"]) <= 1
    own = [entry for entry in listed.json() if entry["id"] == cluster["id"]]
    assert len(own) == 1
    expected = {"name": CLUSTER, "status": "CREATE_COMPLETE", "node_count": 1, "master_count": 1}
    assert {key: own[0][key] for key in expected} == expected
    assert cluster["id"] not in [entry["id"] for entry in boss.get("/clusters", params={"status": "FAILED"}).json()]
    assert len(boss.get("/clusters", params={"limit": 1}).json()) == 1
    for reference in (cluster["id"], CLUSTER):
        shown = boss.get(f"/clusters/{reference}").json()
        assert (shown["id"], shown["api_address"], shown["status"]) == (
            cluster["id"], cluster["api_address"], "CREATE_COMPLETE",
        )  # fmt: skip
        assert {"updated_at", "coe_version", "created_at"} <= set(shown) and shown["age_seconds"] <= 2


def test_a_cluster_that_exists_is_not_created_again(
    boss: Client, cloud: TestCloud, template: dict[str, Any], cluster: dict[str, Any]
) -> None:
    before = boss.get("/jobs").json()["jobs"]
    refused = boss.post("/clusters", {"name": CLUSTER, "cluster_template_id": TEMPLATE, "node_count": 3})
    assert (refused.status_code, refused.json()["code"]) == (409, "CLUSTER_EXISTS"), refused.text
    assert f"PUT /clusters/{cluster['id']}/scale" in refused.json()["hint"]
    as_id = boss.post("/clusters", {"name": cluster["id"], "cluster_template_id": TEMPLATE, "node_count": 3})
    assert (as_id.status_code, as_id.json()["resource"]) == (422, "name")
    assert boss.get("/jobs").json()["jobs"] == before and cloud.clusters(CLUSTER)[0].node_count == 1


def test_status_metrics_and_costs(boss: Client, cluster: dict[str, Any]) -> None:
    status = boss.get(f"/clusters/{CLUSTER}/status").json()
    assert (status["cluster_id"], status["status"], status["failure"]) == (cluster["id"], "CREATE_COMPLETE", None)
    metrics = boss.get(f"/clusters/{CLUSTER}/metrics").json()
    # No Prometheus is named to this gateway: nothing is measured, and the reason says so
    assert metrics["cluster_id"] == cluster["id"] and metrics["metrics"] is None
    assert "PROMETHEUS_CLUSTERS" in metrics["reason"]
    costs = boss.get(f"/clusters/{CLUSTER}/costs").json()
    assert costs["cluster_id"] == cluster["id"]
    groups = {group["name"]: group["node_count"] for group in costs["costs"]["node_groups"]}
    assert groups == {"default-master": 1, "default-worker": 1}


def test_available_clusters_and_a_match(boss: Client, cluster: dict[str, Any]) -> None:
    available = boss.get("/clusters/available").json()
    assert available["total_count"] == len(available["clusters"])
    own = next(entry for entry in available["clusters"] if entry["id"] == cluster["id"])
    flavor = {"available_cpu": 4.0, "available_memory": 8.0, "available_gpu": 0.0, "workload_type": "general"}
    assert {key: own[key] for key in flavor} == flavor
    new = boss.post("/match/workload", {
        "type": "ml_training", "gpu_required": True, "gpu_count": 4, "cpu_cores": 32, "memory_gb": 128, "power_budget": 2000,
    }).json()  # fmt: skip
    assert new["action"] in ("create_new", "use_existing") and new["reasons"][0]["feasible"]
    if new["action"] == "create_new":
        assert new["recommended_template"] and new["estimated_cost"] > 0
    small = boss.post("/match/workload", {"type": "general", "cpu_cores": 1, "memory_gb": 1}).json()
    assert small["action"] == "use_existing"
    assert {small["cluster"]["id"], *(other["id"] for other in small["alternatives"])} >= {cluster["id"]}
    assert all(0 < other["suitability_score"] < 1 for other in small["alternatives"])
    huge = boss.post("/match/workload", {"type": "general", "cpu_cores": 10_000}).json()
    assert huge["action"] == "none" and huge["reasons"][0]["why_not"]


def test_the_optimisers_workload_gets_its_decision(boss: Client, cluster: dict[str, Any]) -> None:
    workload = {
        "id": "w-1",
        "name": "web",
        "type": "web",
        "status": "pending",
        "requirements": {"cpu": "500m", "memory": "1Gi", "storage": "10Gi"},
        "constraints": {"maxCostPerHour": 50},
    }
    decision = boss.post("/api/v1/decisions", workload).json()
    assert (decision["workloadId"], decision["type"], decision["status"]) == ("w-1", "schedule", "recommended")
    assert decision["clusterId"] and decision["details"]["action"] == "use"
    assert decision["details"]["notes"] == ["requirements.storage does not count: volumes are left to the cluster"]
    forbidden = {**workload, "constraints": {"forbiddenClusters": [decision["clusterId"]]}}
    assert boss.post("/api/v1/decisions", forbidden).json()["clusterId"] != decision["clusterId"]


def test_a_resize_is_done_and_one_job_of_a_cluster_runs_at_a_time(
    boss: Client, cloud: TestCloud, cluster: dict[str, Any]
) -> None:
    first = boss.put(f"/clusters/{cluster['id']}/scale", {"node_count": 3})
    second = boss.put(f"/clusters/{CLUSTER}/scale", {"node_count": 2})
    answer = first.json()
    assert (answer["cluster_id"], answer["target_node_count"]) == (cluster["id"], 3) and answer["timestamp"]
    states = set()
    while (jobs := [boss.job(first), boss.job(second)])[1]["state"] not in ("succeeded", "failed"):
        states.add(tuple(job["state"] for job in jobs))
        time.sleep(0.1)
    assert ("running", "running") not in states and ("running", "queued") in states
    assert [job["state"] for job in jobs] == ["succeeded", "succeeded"], jobs
    assert jobs[0]["finished_at"] <= jobs[1]["started_at"]
    assert cloud.clusters(CLUSTER)[0].node_count == 2
    stale = boss.put(f"/clusters/{CLUSTER}/scale", {"node_count": 4, "expected_state": f"sha256:{'0' * 64}"})
    failure = boss.ended(stale)["failure"]
    assert failure["code"] == "STATE_CHANGED" and failure["hint"]
    assert cloud.clusters(CLUSTER)[0].node_count == 2


def test_an_optimal_cluster_and_the_fleets_jobs(boss: Client, cluster: dict[str, Any]) -> None:
    accepted = boss.post("/clusters/optimal", {"requirements": {"type": "general", "cpu_cores": 1, "memory_gb": 1}})
    recommendation = accepted.json()["recommendation"]
    assert recommendation["action"] == "use_existing"
    optimised = boss.post("/optimize/clusters", {"cluster_names": [CLUSTER]})
    cleaned = boss.post("/cleanup/idle-clusters")
    assert cleaned.json()["cleaned_clusters"] == [] and cleaned.json()["message"] and optimised.json()["timestamp"]
    placed = boss.succeeded(accepted)["result"]["kcloud_workload_placement"]
    assert placed["decision"]["action"] == "use"
    assert "decision" in boss.succeeded(optimised)["result"]["kcloud_cluster_consolidation"]
    assert "kcloud_cluster_cleanup" in boss.succeeded(cleaned)["result"]
    none = boss.post("/clusters/optimal", {"requirements": {"cpu_cores": 10_000}})
    assert (none.status_code, none.json()["code"]) == (409, "NO_PLACE")


# --- who may, and how much


def test_tokens_roles_and_tenants(gateway: RunningGateway, boss: Client, cluster: dict[str, Any]) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token_of('boss')}"}):
        refused = httpx.get(f"{gateway.url}/clusters", headers=headers, trust_env=False)
        assert refused.status_code == 401 and refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["www-authenticate"] == "Bearer"
    reader, operator, stranger = (gateway.client(name) for name in ("reader", "operator", "stranger"))
    assert reader.get("/clusters").status_code == 200
    body = {"name": f"{PREFIX}never", "cluster_template_id": TEMPLATE}
    assert reader.post("/clusters", body).json()["code"] == "FORBIDDEN"
    assert operator.delete(f"/clusters/{CLUSTER}").status_code == 403
    assert operator.post("/optimize/clusters", {}).status_code == 403
    # Another tenant sees neither the cluster nor the jobs
    assert stranger.get(f"/clusters/{cluster['id']}").status_code == 404
    assert stranger.delete(f"/clusters/{cluster['id']}").status_code == 404
    job = boss.get("/jobs", params={"limit": 1}).json()["jobs"][0]
    assert stranger.get(job["url"]).status_code == 404 and boss.get(job["url"]).status_code == 200
    assert stranger.get("/jobs").json()["jobs"] == []
    for name in ("boss", "reader"):
        assert token_of(name) not in gateway.program.output


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"name": "{{ lookup('pipe', 'id') }}", "cluster_template_id": TEMPLATE}, "name"),
        ({"name": "a;id", "cluster_template_id": TEMPLATE}, "name"),
        ({"name": "a", "cluster_template_id": "{{ 1 }}"}, "cluster_template_id"),
        ({"name": "a", "cluster_template_id": TEMPLATE, "keypair": "{% for %}"}, "keypair"),
        ({"name": "a", "cluster_template_id": TEMPLATE, "labels": {"{{ 1 }}": "x"}}, "labels.{{ 1 }}.[key]"),
        ({"name": "a", "cluster_template_id": TEMPLATE, "kcloud_hosts": "all"}, "kcloud_hosts"),
        ({"name": "a", "cluster_template_id": TEMPLATE, "node_count": "3"}, "node_count"),
        ({"name": "a", "cluster_template_id": TEMPLATE, "node_count": -1}, "node_count"),
        ({"name": "a"}, "cluster_template_id"),
        ([], "body"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_bodies_are_refused_by_the_name_of_their_key(boss: Client, body: Any, key: str) -> None:
    before = boss.get("/jobs").json()["jobs"]
    refused = boss.post("/clusters", body)
    assert refused.status_code == 422, refused.text
    assert (refused.json()["code"], refused.json()["resource"]) == ("INVALID_REQUEST", key)
    assert boss.get("/jobs").json()["jobs"] == before


def test_missing_things_are_refused_before_a_job_is_made(boss: Client, template: dict[str, Any]) -> None:
    before = boss.get("/jobs").json()["jobs"]
    answers = [
        boss.post("/clusters", {"name": f"{PREFIX}never", "cluster_template_id": f"{PREFIX}nothing"}),
        boss.put(f"/clusters/{PREFIX}nothing/scale", {"node_count": 1}),
        boss.delete(f"/clusters/{PREFIX}nothing"),
        boss.get(f"/clusters/{PREFIX}nothing/costs"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "NOT_FOUND")] * 4
    assert boss.get("/jobs").json()["jobs"] == before


def test_size_and_rate_are_limited(tmp_path: Path, cloud: TestCloud) -> None:
    limits = {"RATE_PER_MINUTE": "5", "FAILED_LOGINS_PER_MINUTE": "3", "MAX_BODY": "2048", "WORKERS": "0"}
    with running_gateway(tmp_path, **limits) as small:
        reader, boss = small.client("reader"), small.client()
        large = boss.post("/templates", {"name": "a", "labels": {"a": "x" * 3000}})
        assert (large.status_code, large.json()["code"]) == (413, "BODY_TOO_LARGE")
        chunks = boss.send("POST", "/templates", content=iter([b"x" * 1500] * 3))
        assert chunks.status_code == 413
        statuses = [reader.get("/jobs").status_code for _number in range(7)]
        assert statuses[:5] == [200] * 5 and 429 in statuses[5:]
        limited = reader.get("/jobs")
        assert limited.json()["code"] == "TOO_MANY_REQUESTS" and int(limited.headers["retry-after"]) >= 1
        # One client's limit is not another's
        assert boss.get("/jobs").status_code == 200
        wrong = [httpx.get(f"{small.url}/jobs", trust_env=False).status_code for _number in range(5)]
        assert wrong == [401, 401, 401, 429, 429]
        assert boss.get("/jobs").status_code == 200


def test_clients_that_send_nothing_do_not_lock_others_out(tmp_path: Path) -> None:
    with running_gateway(tmp_path, WORKERS="0", CONNECTIONS="5") as small, contextlib.ExitStack() as stack:
        address = httpx.URL(small.url)
        for _number in range(8):
            stack.enter_context(socket.create_connection((address.host, address.port)))
        statuses = [httpx.get(f"{small.url}/health", trust_env=False).status_code]
        deadline = time.monotonic() + 60
        while statuses[-1] == 503 and time.monotonic() < deadline:
            time.sleep(0.5)
            statuses.append(httpx.get(f"{small.url}/health", trust_env=False).status_code)
        # The clients are still there
        assert (statuses[0], statuses[-1]) == (503, 200)


def test_a_hundred_clients_at_once_cost_few_reads_of_the_cloud(gateway: RunningGateway, boss: Client) -> None:
    def reads() -> float:
        text = httpx.get(f"{gateway.url}/metrics", trust_env=False).text
        return float(re.search(r"^kcloud_gateway_cloud_reads_total (\S+)$", text, re.MULTILINE)[1])

    time.sleep(1.1)
    before = reads()
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _number: gateway.client("reader").get("/clusters"), range(100)))
    assert [answer.status_code for answer in answers] == [200] * 100
    # The reading is good for a second, and a hundred answers may take some
    assert reads() - before <= 10
    assert len({answer.text for answer in answers}) <= 10


# --- its document


def test_the_openapi_document_holds_under_a_fuzzer(tmp_path: Path, cloud: TestCloud) -> None:
    """Without workers: what the fuzzer asks for is validated and queued, and nothing of it is done."""
    free = {"WORKERS": "0", "RATE_PER_MINUTE": "1000000000", "MAX_QUEUED": "1000000", "MAX_AGE": "60"}
    # A list that is too long must be refused for its length (422), not for its bytes (413), which the document does not tell
    free["MAX_BODY"] = "100000000"
    with running_gateway(tmp_path, **free) as fuzzed:
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "run", f"{fuzzed.url}/openapi.json",
            "--header", f"Authorization: Bearer {token_of('boss')}", "--max-examples", EXAMPLES or "15",
            "--phases", "coverage,fuzzing" if EXAMPLES else "fuzzing", "--seed", "1", "--continue-on-failure", "--no-color", "--checks", "all",
            # The planner refuses workloads for what they mean, which no schema can say
            "--exclude-checks", "positive_data_acceptance",
        ]  # fmt: skip
        done = subprocess.run(
            command, check=False, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=3600
        )
        cases = int(re.search(r"^\s+([\d,]+) generated", done.stdout, re.MULTILINE)[1].replace(",", ""))
        print(f"{cases} cases\n{done.stdout[-3000:]}")
        assert done.returncode == 0, done.stdout[-6000:]
        assert cases > 100
        # The fuzzer did reach the queue, and every job waits
        jobs = fuzzed.client().get("/jobs", params={"limit": 1000}).json()["jobs"]
        assert jobs and {job["state"] for job in jobs} == {"queued"}


# --- its death


def test_a_gateway_that_is_killed_leaves_jobs_that_the_next_one_ends(
    tmp_path: Path, cloud: TestCloud, template: dict[str, Any]
) -> None:
    name = f"{PREFIX}killed"
    with running_gateway(tmp_path, "first", LEASE="3") as first:
        # With the labels that the asker's programs give by default
        labels = {"auto_scaling_enabled": "true", "min_node_count": "1", "max_node_count": "10"}
        body = {"name": name, "cluster_template_id": TEMPLATE, "node_count": 1, "labels": labels}
        accepted = first.client().post("/clusters", body)
        assert "auto_scaling_enabled" in accepted.json()["notices"][0]
        deadline = time.monotonic() + 60
        while not cloud.clusters(name):
            assert time.monotonic() < deadline, first.client().job(accepted)
            time.sleep(0.2)
        assert first.client().job(accepted)["state"] == "running"
        first.program.process.kill()
        first.program.process.wait()
        # Its playbook ends with it
        deadline = time.monotonic() + 20
        while _processes_of(tmp_path):
            assert time.monotonic() < deadline, _processes_of(tmp_path)
            time.sleep(0.2)
    with running_gateway(tmp_path, "second", LEASE="3") as second:
        job = second.client().succeeded(accepted)
        # A resize of such a cluster would change nothing, and is refused
        resize = second.client().put(f"/clusters/{name}/scale", {"node_count": 2})
        assert (resize.status_code, resize.json()["code"]) == (409, "AUTOSCALED")
    for count, expected in ((2, "its autoscaler owns the number of nodes (1)"), (1, "changed=0")):
        played = run([
            "ansible-playbook", "kcloud.infrastructure.resize_cluster",
            "-e", json.dumps({"requested_cluster_name": name, "requested_cluster_node_count": count}),
        ])  # fmt: skip
        assert played.returncode == (0 if count == 1 else 2), played.stdout
        assert expected in " ".join(played.stdout.split()), played.stdout
    assert job["attempts"] == 2 and job["result"]["kcloud_requested_cluster"]["cluster"]["name"] == name
    assert len(cloud.clusters(name)) == 1


def _processes_of(folder: Path) -> list[str]:
    """Command lines of processes that work in a folder of the gateway."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_a_gateway_that_is_ended_gives_its_jobs_back(tmp_path: Path, cloud: TestCloud, cluster: dict[str, Any]) -> None:
    with running_gateway(tmp_path, "first") as first:
        accepted = first.client().put(f"/clusters/{CLUSTER}/scale", {"node_count": 1})
        while not first.client().job(accepted)["events"]:
            time.sleep(0.1)
        first.program.process.terminate()
        first.program.process.wait(30)
    # Its lease of half a minute has not ended; the job waits all the same
    with running_gateway(tmp_path, "second", WORKERS="0") as idle:
        assert (idle.client().job(accepted)["state"], idle.client().job(accepted)["attempts"]) == ("queued", 0)
    with running_gateway(tmp_path, "third") as third:
        assert third.client().succeeded(accepted)["attempts"] == 1
    assert cloud.clusters(CLUSTER)[0].node_count == 1


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    variables = environment(KCLOUD_GATEWAY_PROT="1", KCLOUD_GATEWAY_TOKENS_FILE=str(tmp_path / "none"))
    done = subprocess.run(
        [sys.executable, "-m", "gateway"], check=False, env=variables, cwd=Path(__file__).parents[2], capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 2 and "KCLOUD_GATEWAY_PROT" in done.stderr and "Traceback" not in done.stderr


# --- the end: after every test that needs the cluster


def test_a_cluster_is_deleted(boss: Client, cloud: TestCloud, cluster: dict[str, Any]) -> None:
    accepted = boss.delete(f"/clusters/{CLUSTER}", key="delete-one")
    assert accepted.json()["cluster_id"] == cluster["id"] and accepted.json()["timestamp"]
    boss.succeeded(accepted)
    assert cloud.clusters(CLUSTER) == []
    # The cluster is not there any more, and the repeated request still gets its job
    again = boss.delete(f"/clusters/{CLUSTER}", key="delete-one")
    assert again.json()["job"]["id"] == accepted.json()["job"]["id"]
    assert boss.delete(f"/clusters/{cluster['id']}").status_code == 404
