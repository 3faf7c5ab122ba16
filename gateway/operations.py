# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations. Each one reads, or validates and queues a job; what answers look like is in answers.py."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gateway import answers, optimiser, schemas
from gateway.access import Admin, ClusterId, JobId, Operator, Reader, TemplateId, TheGateway
from gateway.gateway import Gateway, Run, now_text
from gateway.problems import Problem
from gateway.reads import workload_of
from gateway.schemas import ProblemAnswer
from gateway.tokens import Caller
from gateway.writes import TheWrite

Plain = dict[str, Any]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemAnswer, "content": {"application/problem+json": {}}, "description": text}
    for status, text in {
        400: "The body is not JSON",
        401: "No token, or a wrong one",
        403: "The token's role does not allow this",
        404: "There is no such object",
        408: "The body came too slowly",
        409: "A name stands for several objects or is taken, or the state forbids it",
        413: "The body is too large",
        422: "The request cannot be read; the problem names the key",
        429: "Too many requests, or too many at once, or too many jobs wait",
        502: "The cloud answered with an error",
        503: "The cloud does not answer",
        504: "The cloud answered too late",
    }.items()
}
router = APIRouter(responses=PROBLEMS)
LOCATION = {202: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Where the job is"}}}}
# All jobs that decide about many clusters have one target: of a tenant, one of them runs at a time. What they change is protected by
# `expected_state`, which each operation on a cluster compares
FLEET = "fleet"
# Seconds that a list of clusters may be old where a name must be free; requests that come together share one
FRESH_S = 1.0


def _aged(response: Response, age: float) -> None:
    """HTTP's own header for how old an answer is."""
    response.headers["Age"] = str(int(age))


# --- clusters


@router.get("/clusters", tags=["clusters"], response_model=list[schemas.ClusterAnswer])
def list_clusters(
    caller: Reader,
    gateway: TheGateway,
    response: Response,
    status: Annotated[
        str | None, Query(pattern=r"^[A-Za-z_]{1,64}$", description="Such as CREATE_COMPLETE, FAILED, DELETE")
    ] = None,
    workload_type: Annotated[str | None, Query(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 50,
) -> Any:
    """The clusters of the tenant, by name."""
    found, age = gateway.cloud(caller).clusters()
    _aged(response, age)
    return answers.selected(found, status, workload_type, limit)


@router.post(
    "/clusters", status_code=202, tags=["clusters"], response_model=schemas.ClusterAccepted, responses=LOCATION
)
def create_cluster(body: schemas.ClusterRequest, caller: Operator, write: TheWrite) -> Any:
    """Create a cluster of a cluster template: the playbook `create_cluster`. The job's result has its id."""

    def run() -> Run:
        cloud, labels = write.gateway.cloud(caller), body.labels or {}
        template, _age = cloud.template(body.cluster_template_id)
        # Read anew: the playbook would find a cluster that has the name and change nothing, and the job would end well
        for found in cloud.clusters(FRESH_S)[0]:
            if found["name"] == body.name:
                raise Problem(
                    409,
                    "CLUSTER_EXISTS",
                    f"Failed to create cluster '{body.name}': a cluster with this name exists, with the id {found['id']}",
                    reason=found["status"],
                    hint=f"PUT /clusters/{found['id']}/scale resizes it; to create another one, give another name, or delete this one first",
                    resource=f"cluster/{body.name}",
                )
        variables = {
            "requested_cluster_name": body.name,
            "requested_cluster_template": template["id"],
            "requested_cluster_node_count": body.node_count,
            "requested_cluster_master_count": body.master_count,
            "requested_cluster_keypair": body.keypair,
            "requested_cluster_labels": labels or None,
        }
        answer = {
            "id": None,
            "name": body.name,
            "status": "REQUESTED",
            "node_count": body.node_count,
            "master_count": body.master_count,
            "created_at": None,
            "labels": labels,
            "notices": answers.notices(template["labels"], labels),
        }
        return Run("create_cluster", f"cluster/{body.name}", variables, answer)

    return write.accept(caller, body.model_dump(), run)


@router.get("/clusters/available", tags=["matching"], response_model=schemas.Available)
def available_clusters(caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """The clusters that can take workloads, and what is free on them."""
    cloud = gateway.cloud(caller)
    fleet, age = cloud.fleet()
    _aged(response, age)
    return answers.available(fleet, cloud.devices(fleet), age, now_text(), assumes_empty=cloud.assumes_empty)


@router.post(
    "/clusters/optimal", status_code=202, tags=["matching"], response_model=schemas.OptimalAccepted, responses=LOCATION
)
def create_optimal_cluster(body: schemas.OptimalRequest, caller: Operator, write: TheWrite) -> Any:
    """Recommend a cluster for a workload, and use, scale or create it: the playbook `place_workload`.

    The playbook decides anew, by the cloud as it is when it runs; the job's result has its decision.
    """

    def run() -> Run:
        workload = body.requirements.plain()
        recommendation = _matched(write.gateway, caller, workload, body.cluster_name)
        if recommendation["action"] == "none":
            raise Problem(
                409,
                "NO_PLACE",
                recommendation["message"],
                reason=", ".join(
                    dict.fromkeys(why["code"] for entry in recommendation["reasons"][:1] for why in entry["why_not"])
                ),
                hint="POST /match/workload shows every candidate with its reasons",
            )
        variables = {
            "workload_placement_workload": workload,
            "workload_placement_cluster_name": body.cluster_name,
            "workload_placement_assume_empty": write.gateway.settings.assume_empty,
            **write.gateway.telemetry("workload_placement_telemetry"),
        }
        answer = {"recommendation": recommendation, "timestamp": now_text()}
        return Run("place_workload", FLEET, variables, answer)

    return write.accept(caller, body.model_dump(), run)


@router.get("/clusters/{cluster_id}", tags=["clusters"], response_model=schemas.ClusterDetails)
def get_cluster(cluster_id: ClusterId, caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """One cluster."""
    found, age = gateway.cloud(caller).cluster(cluster_id)
    _aged(response, age)
    return answers.cluster_details(found, age)


@router.put(
    "/clusters/{cluster_id}/scale",
    status_code=202,
    tags=["clusters"],
    response_model=schemas.Scaled,
    responses=LOCATION,
)
def scale_cluster(cluster_id: ClusterId, body: schemas.ScaleRequest, caller: Operator, write: TheWrite) -> Any:
    """Resize a node group of a cluster: the playbook `resize_cluster`."""

    def run() -> Run:
        found, _age = write.gateway.cloud(caller).cluster(cluster_id)
        if answers.is_autoscaled(found["labels"], body.node_group):
            raise Problem(
                409,
                "AUTOSCALED",
                f"Failed to resize cluster '{found['name']}': its own autoscaler owns the number of nodes",
                reason=answers.AUTOSCALED,
                hint="Create the cluster with auto_scaling_enabled false, or change the autoscaler's bounds",
                resource=f"cluster/{found['name']}",
            )
        variables = {
            "requested_cluster_name": found["id"],
            "requested_cluster_node_count": body.node_count,
            "requested_cluster_node_group": body.node_group,
            "requested_cluster_expected_state": body.expected_state,
        }
        answer = {
            "cluster_id": found["id"],
            "target_node_count": body.node_count,
            "timestamp": now_text(),
            "node_count": found["node_count"],
            "notices": answers.notices(found["labels"]),
        }
        return Run("resize_cluster", f"cluster/{found['name']}", variables, answer)

    return write.accept(caller, body.model_dump(), run)


@router.delete(
    "/clusters/{cluster_id}", status_code=202, tags=["clusters"], response_model=schemas.Deleted, responses=LOCATION
)
def delete_cluster(cluster_id: ClusterId, caller: Admin, write: TheWrite) -> Any:
    """Delete a cluster: the playbook `delete_cluster`."""

    def run() -> Run:
        found, _age = write.gateway.cloud(caller).cluster(cluster_id)
        variables = {"requested_cluster_name": found["id"]}
        answer = {"cluster_id": found["id"], "timestamp": now_text()}
        return Run("delete_cluster", f"cluster/{found['name']}", variables, answer)

    return write.accept(caller, None, run)


@router.get("/clusters/{cluster_id}/status", tags=["clusters"], response_model=schemas.ClusterStatus)
def get_cluster_status(cluster_id: ClusterId, caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """How a cluster is, why it is not well, and how far it is."""
    found, age = gateway.cloud(caller).diagnosed(cluster_id)
    _aged(response, age)
    return answers.cluster_status(found, age, now_text())


@router.get("/clusters/{cluster_id}/metrics", tags=["clusters"], response_model=schemas.ClusterMetrics)
def get_cluster_metrics(cluster_id: ClusterId, caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """Utilisation, power and energy of a cluster in the last hour."""
    known, figures, age = gateway.cloud(caller).metrics(cluster_id)
    _aged(response, age)
    reason = None if figures else "the gateway knows no Prometheus: set PROMETHEUS_CLUSTERS where it runs"
    return {
        "cluster_id": known["id"],
        "metrics": figures,
        "reason": reason,
        "timestamp": now_text(),
        "age_seconds": round(age, 3),
    }


@router.get("/clusters/{cluster_id}/costs", tags=["clusters"], response_model=schemas.ClusterCosts)
def get_cluster_costs(cluster_id: ClusterId, caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """What a cluster costs per hour, and what it cost in the last hour."""
    known, costs, age = gateway.cloud(caller).costs(cluster_id)
    _aged(response, age)
    return {"cluster_id": known["id"], "costs": costs, "timestamp": now_text(), "age_seconds": round(age, 3)}


# --- cluster templates


@router.get("/templates", tags=["templates"], response_model=schemas.Templates)
def list_templates(caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """The cluster templates that the tenant can use, by name."""
    found, age = gateway.cloud(caller).templates()
    _aged(response, age)
    shown = sorted(map(answers.template, found), key=lambda entry: (entry["name"], entry["id"]))
    return {"templates": shown, "count": len(shown), "timestamp": now_text(), "age_seconds": round(age, 3)}


@router.post(
    "/templates", status_code=202, tags=["templates"], response_model=schemas.TemplateAccepted, responses=LOCATION
)
def create_template(body: schemas.TemplateRequest, caller: Operator, write: TheWrite) -> Any:
    """Create a cluster template: the playbook `create_cluster_template`. The job's result has its id."""
    options = body.model_dump(exclude_none=True)

    def run() -> Run:
        name, others = body.name, {key: value for key, value in options.items() if key != "name"}
        variables = {"requested_cluster_template_name": name, "requested_cluster_template_options": others}
        answer = {"id": None, "name": name, "timestamp": now_text(), "notices": answers.notices(body.labels)}
        return Run("create_cluster_template", f"template/{name}", variables, answer)

    return write.accept(caller, options, run)


@router.get("/templates/{template_id}", tags=["templates"], response_model=schemas.TemplateAnswer)
def get_template(template_id: TemplateId, caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """One cluster template."""
    found, age = gateway.cloud(caller).template(template_id)
    _aged(response, age)
    return {**answers.template(found), "age_seconds": round(age, 3)}


# --- decisions


@router.post("/match/workload", tags=["matching"], response_model=schemas.Match)
def match_workload(body: schemas.WorkloadRequest, caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """Which cluster a workload should run on. Nothing is changed."""
    found = _matched(gateway, caller, body.plain(), None)
    _aged(response, found["age_seconds"])
    return found


def _matched(gateway: Gateway, caller: Caller, workload: Plain, name: str | None) -> Plain:
    cloud = gateway.cloud(caller)
    answer, age = cloud.match(workload, name=name)
    fleet, _age = cloud.fleet()
    now = now_text()
    free = answers.available(fleet, cloud.devices(fleet), age, now, assumes_empty=cloud.assumes_empty)
    rooms = {entry["id"]: entry for entry in free["clusters"]}
    clusters = {
        entry["id"]: {**entry, "available_resources": _resources(rooms.get(entry["id"]))} for entry in fleet["clusters"]
    }
    return answers.match(answer, clusters, gateway.usual_seconds(caller, "create_cluster"), age, now)


def _resources(room: Plain | None) -> Plain | None:
    if room is None:
        return None
    return {kind: room[f"available_{kind}"] for kind in ("cpu", "memory", "gpu", "npu")}


@router.post("/api/v1/decisions", tags=["matching"], response_model=schemas.Decision)
def decide(body: schemas.OptimiserWorkload, caller: Reader, gateway: TheGateway, response: Response) -> Any:
    """The optimiser's Workload -> its Decision. Nothing is changed."""
    given = body.model_dump(exclude_none=True)
    wanted = workload_of(given)
    answer, age = gateway.cloud(caller).match(wanted.workload, without=frozenset(wanted.forbidden))
    _aged(response, age)
    return optimiser.decision(given, answer, wanted.notes, str(uuid.uuid4()), now_text(), gateway.version)


# --- what is about many clusters


@router.post("/optimize/clusters", status_code=202, tags=["fleet"], response_model=schemas.Accepted, responses=LOCATION)
def optimize_clusters(caller: Admin, write: TheWrite, body: schemas.OptimizeRequest | None = None) -> Any:
    """Find nodes and clusters that are not needed, and delete them where `apply` is true: the playbook `consolidate`."""
    options = body or schemas.OptimizeRequest()

    def run() -> Run:
        variables = {
            "cluster_consolidation_apply": options.apply,
            "cluster_consolidation_cluster_names": options.cluster_names,
            **write.gateway.telemetry("cluster_consolidation_telemetry"),
        }
        answer = {"timestamp": now_text(), "apply": options.apply}
        return Run("consolidate", FLEET, variables, answer)

    return write.accept(caller, options.model_dump(), run)


@router.post(
    "/cleanup/idle-clusters",
    status_code=202,
    tags=["fleet"],
    response_model=schemas.CleanupAccepted,
    responses=LOCATION,
)
def clean_up(caller: Admin, write: TheWrite, body: schemas.CleanupRequest | None = None) -> Any:
    """Find clusters that nobody uses, and delete them where `apply` is true: the playbook `cleanup`.

    What one run remembers of idle clusters is where the next run begins.
    """
    options = body or schemas.CleanupRequest()

    def run() -> Run:
        variables = {
            "cluster_cleanup_apply": options.apply,
            **write.gateway.telemetry("cluster_cleanup_telemetry"),
        }
        answer = {
            "message": "Clean-up is queued; the job's result says which clusters it deleted",
            "cleaned_clusters": [],
            "timestamp": now_text(),
            "apply": options.apply,
        }
        return Run("cleanup", FLEET, variables, answer)

    return write.accept(caller, options.model_dump(), run)


# --- jobs


@router.get("/jobs", tags=["jobs"], response_model=schemas.Jobs)
def list_jobs(
    caller: Reader,
    gateway: TheGateway,
    state: Annotated[str | None, Query(pattern="^(queued|running|succeeded|failed)$")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Any:
    """The newest jobs of the tenant."""
    found = [answers.job_summary(job) for job in gateway.store.recent(caller.tenant.name, state, limit)]
    return {"jobs": found, "count": len(found), "timestamp": now_text()}


@router.get("/jobs/{job_id}", tags=["jobs"], response_model=schemas.JobAnswer)
def get_job(job_id: JobId, caller: Reader, gateway: TheGateway) -> Any:
    """A job: its state, what its playbook did, and its result, or why it failed."""
    job = gateway.store.get(job_id, caller.tenant.name)
    if job is None:
        raise Problem(404, "NOT_FOUND", f"No job of this tenant has the id '{job_id}'", resource=f"job/{job_id}")
    return answers.job_details(job, gateway.store.events(job_id))
