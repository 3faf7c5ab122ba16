# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What completes clusters that an interrupted run has left."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.filter.unfinished_clusters import unfinished_clusters

FLAVORS = [{"name": "cpu.medium", "vcpus": 4, "ram_mib": 8192, "extra_specs": {}}]
CATALOG = {
    "gpu-intensive": {"min_node_count": 1, "max_node_count": 16, "accelerator": {"kind": "gpu"}, "node_groups": {}},
    "hybrid": {
        "min_node_count": 1,
        "max_node_count": 8,
        "node_groups": {"cpu": {"accelerator": {"kind": "none"}, "node_count": 1, "max_node_count": 3}},
    },
    "free": {"node_groups": {}},
}


def cluster(kind: str = "gpu-intensive", maker: str = "accelerator_cluster", **changes: Any) -> dict[str, Any]:
    """A cluster whose creation has ended, and nothing more."""
    groups = [{"name": "default-worker", "node_count": 2, "min_node_count": 0, "max_node_count": None}]
    labels = {"kcloud_type": kind, "kcloud_managed_by": maker}
    whole = {"name": "ml", "id": "c1", "status": "CREATE_COMPLETE", "labels": labels, "node_groups": groups}
    return {**whole, **changes}


def bounded(low: int, high: int | None) -> list[dict[str, Any]]:
    return [{"name": "default-worker", "node_count": 2, "min_node_count": low, "max_node_count": high}]


def test_bounds_that_were_not_set_are_set() -> None:
    """As the type has them; the number of nodes stays."""
    groups = [{"name": "default-worker", "max_node_count": 16, "min_node_count": 1}]
    assert unfinished_clusters([cluster()], CATALOG) == [{"cluster": "ml", "cluster_id": "c1", "node_groups": groups}]


@pytest.mark.parametrize(
    "found",
    [
        cluster(node_groups=bounded(1, 16)),
        cluster(node_groups=bounded(2, None)),
        cluster(node_groups=bounded(0, 4)),
        cluster(maker="somebody"),
        cluster(kind="strange"),
        cluster(kind="free"),
        cluster(status="CREATE_FAILED"),
        cluster(labels={}),
    ],
)
def test_what_is_left_alone(found: dict[str, Any]) -> None:
    """Bounds that anybody has set, clusters that the role did not make, types without bounds, failed clusters."""
    assert unfinished_clusters([found], CATALOG) == []


def test_a_node_group_that_is_missing_is_created() -> None:
    """With the type's number and bounds, and a flavor of the cloud."""
    found = cluster(kind="hybrid", node_groups=bounded(1, 8))
    missing = {"name": "cpu", "node_count": 1, "flavor": "cpu.medium", "max_node_count": 3}
    assert unfinished_clusters([found], CATALOG, FLAVORS)[0]["node_groups"] == [missing]


def test_whether_anything_is_missing_is_known_without_flavors() -> None:
    """So that the flavors are read only when one is needed."""
    found = cluster(kind="hybrid", node_groups=bounded(1, 8))
    assert [entry["cluster_id"] for entry in unfinished_clusters([found], CATALOG)] == ["c1"]


def test_a_completed_cluster_is_complete() -> None:
    """The second run finds nothing to do."""
    done = cluster(node_groups=bounded(1, 16))
    assert unfinished_clusters([done], CATALOG, FLAVORS) == []
