# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small clouds for the planner's tests: plain data, as a user or the reader would give it."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import answer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import match
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Decision, Request

Plain = dict[str, Any]

# The workload of the asker's own example
MISSION: Plain = {
    "name": "training-1",
    "type": "ml_training",
    "gpu_required": True,
    "gpu_count": 4,
    "cpu_cores": 32,
    "memory_gb": 128,
    "power_budget": 2000,
}


def flavor(name: str, vcpus: int, gib: int, specs: dict[str, str] | None = None) -> Plain:
    """A Nova flavor."""
    return {
        "name": name,
        "id": f"id-{name}",
        "vcpus": vcpus,
        "ram_mib": gib * 1024,
        "disk_gib": 20,
        "extra_specs": specs or {},
    }


# What the devcloud offers
FLAVORS = [
    flavor("gpu.a100.large", 8, 64, {"resources:CUSTOM_GPU_A100": "1"}),
    flavor("gpu.a100.xlarge", 48, 256, {"resources:CUSTOM_GPU_A100": "4"}),
    flavor("npu.rngd.large", 16, 64, {"resources:CUSTOM_NPU_RNGD": "1"}),
    flavor("npu.atom.large", 8, 32, {"resources:CUSTOM_NPU_ATOM": "1"}),
    flavor("cpu.medium", 4, 8),
    flavor("cpu.large", 16, 64),
]


def type_group(name: str, kind: str | None = None, least: int = 1, most: int | None = 8) -> Plain:
    accelerator = {"kind": kind} if kind else None
    return {"name": name, "accelerator": accelerator, "min_node_count": least, "max_node_count": most}


TYPES: Plain = {
    "gpu-intensive": {"master_flavor": "cpu.medium", "node_groups": [type_group("gpu", "gpu")]},
    "npu-optimized": {"master_flavor": "cpu.medium", "node_groups": [type_group("npu", "npu")]},
    "hybrid-balanced": {
        "master_flavor": "cpu.medium",
        "node_groups": [type_group("gpu", "gpu"), type_group("npu", "npu"), type_group("cpu")],
    },
    "cpu-only": {"master_flavor": "cpu.medium", "node_groups": [type_group("cpu")]},
}


def group(flavor_name: str = "gpu.a100.xlarge", count: int = 1, most: int | None = 4, **more: Any) -> Plain:
    name = more.pop("name", "default-worker")
    return {"name": name, "role": "worker", "flavor": flavor_name, "node_count": count, "max_node_count": most, **more}


def cluster(name: str = "ml", *groups: Plain, **more: Any) -> Plain:
    defaults = {"id": f"uuid-{name}", "status": "CREATE_COMPLETE", "project_id": "p1"}
    return {**defaults, "name": name, "node_groups": list(groups) or [group()], **more}


def request(workload: Plain | None = None, *clusters: Plain, **more: Any) -> Request:
    """A request with the four types, unless ``types`` says others; what read_request does not take goes into the fleet."""
    types = more.pop("types", TYPES)
    options = {
        key: more.pop(key)
        for key in ("flavor_map", "prices", "placements", "require_health", "assume_empty")
        if key in more
    }
    # Nobody stands anywhere, unless a test says who; None says that nobody knows
    options.setdefault("placements", [])
    fleet = {"flavors": FLAVORS, "clusters": list(clusters), **more}
    return read_request(MISSION if workload is None else workload, fleet, cluster_types=types, **options)


def decide(workload: Plain | None = None, *clusters: Plain, **more: Any) -> Decision:
    return match(request(workload, *clusters, **more))


def answered(workload: Plain | None = None, *clusters: Plain, **more: Any) -> Plain:
    return answer(decide(workload, *clusters, **more))


def candidate(answer_: Plain, name: str) -> Plain:
    """One entry of a ranking, by the candidate's name."""
    return next(entry for entry in answer_["ranking"] if entry["candidate"] == name)


def codes(entry: Plain) -> list[str]:
    return [violation["code"] for violation in entry["why_not"]]
