# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner's decision -> the optimiser's Decision. Pure; `planning/optimizer.py` of the collection reads its Workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Plain = dict[str, Any]
Some = Mapping[str, Any]

# The action of a decision -> the type of a Decision
KINDS = {"use": "schedule", "scale_out": "scale", "create": "schedule", "none": "schedule"}


def decision(given: Some, answer: Some, notes: Sequence[str], identity: str, now: str, version: str) -> Plain:
    """The optimiser's Decision. What is not known, such as a latency, is null.

    :param notes: what of the Workload does not count, and why.
    """
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
            "notes": list(notes),
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
