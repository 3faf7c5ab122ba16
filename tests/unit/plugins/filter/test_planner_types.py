# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster types of the roles, in the form of the planner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.planner_types import planner_types

ROOT = Path(__file__).resolve().parents[4]
TYPES = yaml.safe_load((ROOT / "roles/accelerator_cluster/vars/main/types.yml").read_text(encoding="utf-8"))[
    "__accelerator_cluster_types"
]


def group(name: str, kind: str = "", models: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A node group as the planner reads it."""
    accelerator = {"kind": kind, "models": list(models)} if kind else {}
    return {
        "name": name,
        "accelerator": accelerator,
        "flavor": None,
        "min_node_count": 1,
        "max_node_count": 16,
        **more,
    }


def offer(name: str, labels: dict[str, Any], *groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A type as the planner reads it."""
    return {
        "template": f"{name}-template",
        "node_groups": list(groups),
        "labels": {"kcloud_type": name, **labels},
        "master_flavor": None,
        "master_count": 1,
        "latency_ms": None,
        **more,
    }


GPU = {"gpu_enabled": True}
NPU = {"npu_enabled": True}
FEW = {"min_node_count": 0, "max_node_count": 8}
# What the role itself made of its types before there was a filter
OFFERS = {
    "gpu-intensive": offer(
        "gpu-intensive",
        {"workload_type": "training", "power_optimization": "enabled", **GPU},
        group("default-worker", "gpu"),
        objective={"power": 2, "utilisation": 1},
    ),
    "npu-optimized": offer(
        "npu-optimized",
        {"workload_type": "inference", "power_optimization": "enabled", **NPU},
        group("default-worker", "npu"),
        objective={"latency": 2, "headroom": 1},
    ),
    "hybrid-balanced": offer(
        "hybrid-balanced",
        {"workload_type": "mixed", "power_optimization": "balanced", **GPU, **NPU},
        group("default-worker", "gpu", max_node_count=8),
        group("npu-worker", "npu", **FEW),
        group("cpu-worker", **FEW),
        objective={"utilisation": 2, "spread": 1},
    ),
    "cpu-only": offer(
        "cpu-only",
        {"workload_type": "general", "power_optimization": "enabled"},
        group("default-worker", max_node_count=32),
        objective={"cost": 1},
    ),
}


def test_the_types_of_the_role() -> None:
    """All four, with their groups in order."""
    assert planner_types(TYPES) == OFFERS


def test_what_an_environment_changes() -> None:
    """Flavors, models, bounds and latency; a group of which only little is said."""
    web = {"flavor": "cpu.large", "min_node_count": 2}
    cpu = {**TYPES["cpu-only"], "flavor": "cpu.medium", "master_flavor": "cpu.large", "latency_ms": 5}
    hybrid = {**TYPES["hybrid-balanced"], "max_node_count": None, "accelerator": {"kind": "gpu", "models": ["a100"]}}
    found = planner_types({"cpu-only": {**cpu, "node_groups": {"web": web}}, "hybrid-balanced": hybrid})
    assert found["cpu-only"] == {
        **OFFERS["cpu-only"],
        "node_groups": [
            group("default-worker", flavor="cpu.medium", max_node_count=32),
            group("web", flavor="cpu.large", min_node_count=2, max_node_count=None),
        ],
        "master_flavor": "cpu.large",
        "latency_ms": 5,
    }
    assert found["hybrid-balanced"]["node_groups"][0] == group("default-worker", "gpu", ("a100",), max_node_count=None)


def test_a_type_without_a_name_is_refused() -> None:
    """Its cluster template would have none."""
    with pytest.raises(AnsibleFilterError, match="cluster type 'mine': it has no 'name'.* Fix: "):
        planner_types({"mine": {"accelerator": {"kind": "gpu"}}})
