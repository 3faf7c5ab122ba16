# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small clouds with nodes by name, for decisions that take nodes away."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation import consolidate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
    Consolidation,
    Question,
    Rules,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling import scale
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import Rules as ScalingRules
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import Scaling
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_reading import read_scaling
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    Plain,
    cluster,
    group,
)


def nodes(count: int, name: str = "n", **more: Any) -> list[Plain]:
    """Nodes n1, n2, ... that were measured idle."""
    return [{"id": f"{name}{number}", "utilization": 0, **more} for number in range(1, count + 1)]


def pool(count: int = 3, flavor: str = "cpu.medium", name: str = "default-worker", **more: Any) -> Plain:
    """A node group with its nodes; cpu.medium has 4 vCPU and 8 GiB."""
    listed = more.pop("nodes", nodes(count, f"{name[0]}"))
    return group(flavor, count, more.pop("most", 10), name=name, nodes=listed, **more)


def farm(name: str = "a", *groups: Plain, **more: Any) -> Plain:
    """A healthy cpu-only cluster with one master of cpu.medium."""
    defaults = {
        "health_status": "HEALTHY",
        "type": "cpu-only",
        "master_flavor": "cpu.medium",
        "master_count": 1,
    }
    return cluster(name, *(groups or [pool()]), **{**defaults, **more})


def stands(workload: str, node: str = "", at: str = "a", cpu: float = 1, **more: Any) -> Plain:
    """A workload of so many vCPU on a node."""
    return {"workload": workload, "cluster": at, "cpu_cores": cpu, **({"node": node} if node else {}), **more}


def fleet(*clusters: Plain, **more: Any) -> Plain:
    return {"flavors": FLAVORS, "clusters": list(clusters), "project_id": "p1", **more}


def consolidated(
    clusters: list[Plain], placements: list[Plain] | None, rules: Rules | None = None, **options: Any
) -> Consolidation:
    found, _prices = read_standing(fleet(*clusters), placements=placements, **options)
    return consolidate(Question(found, rules or Rules(actions=("close_node",))))


def scaled(clusters: list[Plain], placements: list[Plain] | None, now: int = 10_000, **options: Any) -> Scaling:
    rules = options.pop("rules", ScalingRules())
    return scale(read_scaling(fleet(*clusters), now=now, placements=placements, rules=rules, **options))
