# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the library says -> what the asker's programs read: their keys, and ours beside. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.jobs import SUCCEEDED, Job

Plain = dict[str, Any]
Some = Mapping[str, Any]

AUTOSCALED = (
    "The label auto_scaling_enabled is true: the cluster's own autoscaler owns the number of nodes. On magnum-capi-helm a resize is then "
    "without effect, so PUT /clusters/{id}/scale refuses it. Leave the label out, or set it to false, to scale by this interface"
)
MIB_PER_GIB = 1024


def written(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC.

    >>> written(0)
    '1970-01-01T00:00:00Z'
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def workload_type(labels: Some) -> str | None:
    """What a cluster is for: the asker's label, or else the type that this collection gave it."""
    return labels.get("workload_type") or labels.get("kcloud_type")


def cluster(found: Some) -> Plain:
    """A cluster of a list."""
    labels = dict(found["labels"])
    return {
        "id": found["id"],
        "name": found["name"],
        "status": found["status"],
        "node_count": found["node_count"],
        "master_count": found["master_count"],
        "created_at": found["created_at"],
        "labels": labels,
        "workload_type": workload_type(labels),
        "health_status": found["health_status"],
        "cluster_template_id": found["cluster_template_id"],
    }


def cluster_details(found: Some, age: float) -> Plain:
    """A cluster by itself."""
    groups = found.get("node_groups") or ()
    return {
        **cluster(found),
        "updated_at": found["updated_at"],
        "api_address": found["api_address"],
        "coe_version": found["coe_version"],
        "status_reason": found["status_reason"],
        "keypair": found["keypair"],
        "state_digest": found["state_digest"],
        "node_groups": [
            {key: group[key] for key in ("id", "name", "role", "flavor_id", "node_count", "status")} for group in groups
        ],
        "notices": notices(found["labels"]),
        "age_seconds": round(age, 3),
    }


def selected(clusters: Iterable[Some], status: str | None, kind: str | None, limit: int) -> list[Plain]:
    """The clusters that a list was asked for, by name.

    :param status: whole, such as CREATE_COMPLETE, or by its action or end, such as FAILED.
    :param kind: a workload type, or a type of cluster.
    """
    wanted = (status or "").upper()
    found = []
    for entry in clusters:
        own = entry["status"] or ""
        fits = not wanted or own == wanted or own.endswith(f"_{wanted}") or own.startswith(f"{wanted}_")
        labels = entry["labels"]
        if fits and kind in (None, labels.get("workload_type"), labels.get("kcloud_type")):
            found.append(cluster(entry))
    return sorted(found, key=lambda entry: (entry["name"], entry["id"]))[:limit]


def notices(*labels: Some | None) -> list[str]:
    """What a client must know of labels: the last one that says it counts."""
    said = [str(given["auto_scaling_enabled"]).lower() for given in labels if given and "auto_scaling_enabled" in given]
    return [AUTOSCALED] if said and said[-1] == "true" else []


def is_autoscaled(labels: Some, node_group: str | None) -> bool:
    """Whether a resize of this node group would change nothing, since the cluster's autoscaler owns it.

    >>> is_autoscaled({"auto_scaling_enabled": "True"}, None), is_autoscaled({}, None)
    (True, False)
    """
    return bool(notices(labels)) and node_group in (None, "default-worker")


def cluster_status(found: Some, age: float, now: str) -> Plain:
    """How a cluster is, and why it is not well."""
    return {
        "cluster_id": found["id"],
        "name": found["name"],
        "status": found["status"],
        "status_reason": found["status_reason"],
        "health_status": found["health_status"],
        "health_status_reason": found["health_status_reason"],
        "node_count": found["node_count"],
        "master_count": found["master_count"],
        "activity": found["activity"],
        "failure": found["failure"],
        "node_groups": [
            {key: group[key] for key in ("name", "role", "node_count", "status")} for group in found["node_groups"]
        ],
        "timestamp": now,
        "age_seconds": round(age, 3),
    }


def template(found: Some) -> Plain:
    """A cluster template: all that Magnum says of it."""
    return dict(found)


# --- which clusters are free


def available(fleet: Some, devices: Mapping[str, Some], age: float, now: str, *, assumes_empty: bool) -> Plain:
    """The clusters that can take workloads, with what is free on their workers.

    A node that says what is free counts with that. Of the others nothing is known, unless they are taken as empty.

    :param devices: how many accelerators of each kind a node has, by the name of its flavor.
    """
    rooms = {
        key: room_of(flavor, devices.get(flavor["name"], {}))
        for flavor in fleet["flavors"]
        for key in (flavor["name"], flavor["id"])
    }
    found = [_available(entry, rooms, assumes_empty) for entry in fleet["clusters"] if _is_ready(entry)]
    return {
        "clusters": sorted(found, key=lambda entry: (entry["name"], entry["id"])),
        "total_count": len(found),
        "timestamp": now,
        "age_seconds": round(age, 3),
        "units": {"cpu": "vCPU", "memory": "GiB", "gpu": "devices", "npu": "devices", "utilization": "0 to 1"},
        "assumptions": ["nothing says what runs on the nodes, so they count as empty"] if assumes_empty else [],
    }


def _is_ready(entry: Some) -> bool:
    status = entry["status"] or ""
    return status.endswith("_COMPLETE") and not status.startswith("DELETE_") and entry["health_status"] != "UNHEALTHY"


def _available(entry: Some, rooms: Mapping[str, dict[str, float]], assumes_empty: bool) -> Plain:
    whole, free, unknown = _no_room(), _no_room(), 0
    for group in entry["node_groups"]:
        room = rooms.get(group["flavor"])
        nodes = group.get("nodes") or []
        if room is None or (not assumes_empty and len(nodes) < group["node_count"]):
            unknown += group["node_count"]
            continue
        _add(whole, room, group["node_count"])
        for node in nodes:
            _add(free, _free_of(node, room))
        _add(free, room, max(group["node_count"] - len(nodes), 0))
    known = not unknown
    used = [1 - free[kind] / whole[kind] for kind in whole if whole[kind]] if known else []
    return {
        "id": entry["id"],
        "name": entry["name"],
        "workload_type": workload_type(entry["labels"]),
        "available_cpu": free["cpu"] if known else None,
        "available_memory": free["memory"] if known else None,
        "available_gpu": free["gpu"] if known else None,
        "available_npu": free["npu"] if known else None,
        "utilization": round(max(used, default=0.0), 4) if known else None,
        "reason": None if known else f"it is not known what runs on {unknown} of its nodes",
        "capacity": whole,
        "node_count": sum(group["node_count"] for group in entry["node_groups"]),
    }


def _no_room() -> dict[str, float]:
    return {"cpu": 0.0, "memory": 0.0, "gpu": 0.0, "npu": 0.0}


def _add(total: dict[str, float], part: Some, times: int = 1) -> None:
    for kind in total:
        total[kind] += part[kind] * times


def room_of(flavor: Some, devices: Some) -> dict[str, float]:
    """What an empty node of a flavor has.

    >>> room_of({"vcpus": 8, "ram_mib": 16384}, {"gpu": 2})
    {'cpu': 8.0, 'memory': 16.0, 'gpu': 2.0, 'npu': 0.0}
    """
    return {
        "cpu": float(flavor["vcpus"]),
        "memory": flavor["ram_mib"] / MIB_PER_GIB,
        "gpu": float(devices.get("gpu", 0)),
        "npu": float(devices.get("npu", 0)),
    }


def _free_of(node: Some, room: Some) -> dict[str, float]:
    if node.get("ready") is False:
        return _no_room()
    said = node.get("free") or {}
    devices = sum(node.get("devices") or ()) / 1000
    gpu = min(devices, room["gpu"])
    return {
        "cpu": min(said.get("cpu_m", 0) / 1000, room["cpu"]),
        "memory": min(said.get("mem_mib", 0) / MIB_PER_GIB, room["memory"]),
        "gpu": gpu,
        "npu": min(devices - gpu, room["npu"]),
    }


# --- decisions


def match(answer: Some, clusters: Mapping[str, Some], creation_seconds: float | None, age: float, now: str) -> Plain:
    """The decision of `cluster_match` in the asker's form, with its reasons beside.

    :param clusters: the fleet's, by id.
    :param creation_seconds: how long the creation of a cluster took before; None where none was made.
    """
    decision = answer["decision"]
    ours = {
        "decision": dict(decision),
        "reasons": [dict(entry) for entry in answer["ranking"]],
        "assumptions": list(answer["assumptions"]),
        "state_digest": answer["state_digest"],
        "coming": list(answer["coming"]),
        "timestamp": now,
        "age_seconds": round(age, 3),
    }
    if decision["action"] in ("use", "scale_out"):
        known = clusters.get(decision["cluster_id"], {})
        return {
            "action": "use_existing",
            "cluster": {
                "id": decision["cluster_id"],
                "name": decision["cluster"],
                "status": known.get("status"),
                "available_resources": known.get("available_resources"),
            },
            "scale_to": decision["node_groups"] if decision["action"] == "scale_out" else None,
            "alternatives": alternatives(answer["ranking"]),
            **ours,
        }
    if decision["action"] == "create":
        return {
            "action": "create_new",
            "recommended_template": decision["template"],
            "cluster_type": decision["cluster_type"],
            "new_cluster": answer["new_cluster"],
            "estimated_cost": decision["cost_delta_h"],
            "estimated_creation_time": creation_seconds,
            "units": {"estimated_cost": "per hour", "estimated_creation_time": "seconds"},
            "alternatives": alternatives(answer["ranking"]),
            **ours,
        }
    return {"action": "none", "alternatives": [], "message": decision["sentence"], **ours}


def alternatives(ranking: Iterable[Some]) -> list[Plain]:
    """The other existing clusters that would do, the best first; each with its place as a score: 1 for the first, 1/2, 1/3, ..."""
    found: dict[str, Plain] = {}
    chosen = None
    for entry in ranking:
        if not entry["feasible"]:
            continue
        chosen = entry["cluster_id"] or entry["candidate"] if chosen is None else chosen
        identity = entry["cluster_id"]
        if identity and identity != chosen and identity not in found:
            found[identity] = {
                "id": identity,
                "name": entry["cluster"],
                "suitability_score": round(1 / entry["rank"], 4),
                "action": entry["action"],
                "cost_delta_h": entry["cost_delta_h"],
            }
    return list(found.values())


# --- jobs


def reference(job: Job) -> Plain:
    """How an answer names its job."""
    return {"id": job.id, "state": job.state, "url": f"/jobs/{job.id}"}


def job_summary(job: Job) -> Plain:
    """A job of a list."""
    return {
        **reference(job),
        "verb": job.verb,
        "target": job.target,
        "actor": job.actor,
        "attempts": job.attempts,
        "created_at": written(job.created_at),
        "started_at": written(job.started_at),
        "finished_at": written(job.finished_at),
    }


def final_answer(job: Job) -> Plain:
    """What the request was answered, with what only its end says: ids, and what was deleted."""
    found = dict(job.answer)
    done = (job.result or {}) if job.state == SUCCEEDED else {}
    made = (done.get("kcloud_requested_cluster") or {}).get("cluster")
    if job.verb == "create_cluster" and made:
        found |= cluster(made)
    template = (done.get("kcloud_requested_cluster_template") or {}).get("cluster_template")
    if template:
        found["id"] = template["id"]
    cleaned = done.get("kcloud_cluster_cleanup")
    if cleaned and found.get("apply"):
        found["cleaned_clusters"] = [entry["cluster"] for entry in cleaned["decision"]["delete"]]
        found["message"] = cleaned["decision"]["sentence"]
    return found


def job_details(job: Job, events: list[Plain]) -> Plain:
    """A job by itself."""
    return {
        **job_summary(job),
        "answer": final_answer(job),
        "result": None if job.result is None else dict(job.result),
        "failure": None if job.failure is None else dict(job.failure),
        "events": [{**event, "at": written(event["at"])} for event in events],
    }
