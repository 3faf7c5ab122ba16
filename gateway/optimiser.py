# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The optimiser's documents: its Workload -> ours, and our decision -> its Decision. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.problems import Problem

Plain = dict[str, Any]
Some = Mapping[str, Any]

# Kubernetes' suffixes of amounts of memory, in bytes
_SUFFIXES = {
    "": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
}  # fmt: skip
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]{0,2})")
# What no one can use as a name of a cluster, which the planner may derive from the workload's
_NO_NAME = re.compile(r"[^a-zA-Z0-9_.-]+")
# Keys that decide nothing here, by where they are. What is not listed and not used is reported as ignored, too
_USED = {
    "": {"id", "name", "type", "priority", "requirements", "constraints"},
    "requirements.": {"cpu", "memory", "gpu", "npu"},
    "requirements.gpu.": {"count", "type", "memory"},
    "requirements.npu.": {"count", "type", "memory"},
    "constraints.": {"maxCostPerHour", "forbiddenClusters", "tolerations"},
}
# These only describe
_SILENT = {"status", "labels", "annotations", "metadata"}
# Type of the optimiser -> type of ours, where the names differ
_TYPES = {"realtime": "real_time", "deployment": "general", "web": "general", "cache": "general", "storage": "general",
          "batch": "data_processing", "database": "general"}  # fmt: skip
KINDS = {"use": "schedule", "scale_out": "scale", "create": "schedule", "none": "schedule"}


def workload(given: Some) -> tuple[Plain, frozenset[str], list[str]]:
    """Our workload, the clusters that it must not use, and the keys that decide nothing.

    :raises Problem: an amount cannot be read.
    """
    wants = given.get("requirements") or {}
    limits = given.get("constraints") or {}
    found: Plain = {"name": _name(given), "type": _type(given.get("type"))}
    found["cpu_cores"] = _cores(wants.get("cpu"), "requirements.cpu")
    found["memory_gb"] = _gib(wants.get("memory"), "requirements.memory")
    for kind in ("gpu", "npu"):
        device = wants.get(kind) or {}
        found[f"{kind}_count"] = device.get("count") or None
        if found[f"{kind}_count"]:
            found[f"{kind}_model"] = device.get("type") or None
            found[f"{kind}_memory_gb"] = _gib(device.get("memory"), f"requirements.{kind}.memory")
    found["priority"] = given.get("priority")
    found["max_cost_per_hour"] = limits.get("maxCostPerHour") or None
    found["tolerations"] = [_toleration(entry) for entry in limits.get("tolerations") or ()] or None
    forbidden = frozenset(str(name) for name in limits.get("forbiddenClusters") or ())
    return {key: value for key, value in found.items() if value is not None}, forbidden, ignored(given)


def ignored(given: Some) -> list[str]:
    """The keys that hold something and decide nothing, such as `requirements.storage`."""
    found = []
    for where, used in _USED.items():
        part: Any = given
        for step in filter(None, where.split(".")):
            part = (part or {}).get(step)
        if isinstance(part, Mapping):
            found += [
                f"{where}{key}"
                for key, value in part.items()
                if key not in used and value not in (None, "", [], {}) and not (where == "" and key in _SILENT)
            ]
    return sorted(found)


def _name(given: Some) -> str:
    text = _NO_NAME.sub("-", str(given.get("name") or given["id"])).strip("-.")[:63]
    return text if text[:1].isalpha() else f"workload-{text}".strip("-")


def _type(said: str | None) -> str | None:
    text = _NO_NAME.sub("-", said or "")
    return _TYPES.get(text, text) or None


def _cores(said: Any, where: str) -> float | None:
    """CPUs: a number, or a text such as "4" or "500m"."""
    if said is None or isinstance(said, (int, float)):
        return said
    milli = said.endswith("m")
    found = _AMOUNT.fullmatch(said[:-1] if milli else said)
    if not found or found[2]:
        raise _unreadable(where, said, "a number of CPUs, such as 4 or 500m")
    return float(found[1]) / (1000 if milli else 1)


def _gib(said: Any, where: str) -> float | None:
    """GiB: a number, or a text with a suffix of Kubernetes; a text without one is bytes."""
    if said is None or isinstance(said, (int, float)):
        return said
    found = _AMOUNT.fullmatch(re.sub(r"B$", "", said) if re.search(r"[A-Za-z]B$", said) else said)
    if not found or found[2] not in _SUFFIXES:
        raise _unreadable(where, said, "an amount of memory, such as 64Gi")
    return round(float(found[1]) * _SUFFIXES[found[2]] / 2**30, 6)


def _unreadable(where: str, said: Any, wanted: str) -> Problem:
    return Problem(
        422,
        "INVALID_REQUEST",
        f"Failed to read '{where}': {str(said)[:80]!r} is not {wanted}",
        hint=f"Give '{where}' as {wanted}",
        resource=where,
    )


def _toleration(entry: Some) -> str:
    """A toleration as the planner takes it: a key, or a whole taint."""
    key, value, effect = entry.get("key") or "", entry.get("value") or "", entry.get("effect") or ""
    return f"{key}={value}:{effect}" if value and effect else key


def decision(given: Some, answer: Some, not_used: list[str], identity: str, now: str, version: str) -> Plain:
    """The optimiser's Decision. What is not known, such as a latency, is null."""
    ours = answer["decision"]
    certificate = answer["certificate"]
    done = ours["action"] != "none"
    first = answer["ranking"][0] if answer["ranking"] else {}
    reason = ", ".join(first.get("why", ())) if done else ", ".join(
        dict.fromkeys(entry["code"] for entry in first.get("why_not", ()))
    )  # fmt: skip
    return {
        "id": identity,
        "type": KINDS[ours["action"]],
        "status": "recommended" if done else "rejected",
        "reason": reason,
        "workloadId": given["id"],
        "policyId": None,
        "clusterId": ours["cluster_id"],
        "nodeId": None,
        "recommendedCluster": ours["cluster"],
        "recommendedNode": ours["node_group"],
        "estimatedCost": ours["cost_delta_h"],
        "estimatedPower": ours["power_delta_w"],
        "estimatedLatency": None,
        # A decision is proven where every node said what is free on it; how sure the others are is not known
        "confidence": 1.0 if done and certificate["proven"] else None,
        "score": None,
        "message": ours["sentence"],
        "details": {
            "action": ours["action"],
            "nodeGroups": ours["node_groups"],
            "clusterType": ours["cluster_type"],
            "template": ours["template"],
            "flavor": ours["flavor"],
            "newCluster": answer["new_cluster"],
            "ranking": list(answer["ranking"]),
            "assumptions": list(answer["assumptions"]),
            "ignored": not_used,
        },
        "metadata": {
            "source": "kcloud.infrastructure",
            "version": version,
            "requestId": identity,
            "timestamp": now,
            "labels": dict(given.get("labels") or {}),
        },
        "createdAt": now,
        "updatedAt": now,
        "executedAt": None,
    }
