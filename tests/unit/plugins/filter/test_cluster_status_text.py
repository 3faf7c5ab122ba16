# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on clusters: a table, Markdown and JSON of the same clusters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.cluster_status_text import cluster_status_text


def group(name: str, count: int, **changes: Any) -> dict[str, Any]:
    """A node group as a list shows it."""
    role = "master" if name == "default-master" else "worker"
    return {
        "id": f"id-{name}",
        "name": name,
        "role": role,
        "flavor_id": "cpu.large",
        "node_count": count,
        "min_node_count": None,
        "max_node_count": None,
        "status": "CREATE_COMPLETE",
        **changes,
    }


def cluster(name: str, **changes: Any) -> dict[str, Any]:
    """A cluster that is well."""
    return {
        "id": f"id-{name}",
        "name": name,
        "status": "CREATE_COMPLETE",
        "status_reason": None,
        "health_status": "HEALTHY",
        "api_address": "https://10.0.0.1:6443",
        "labels": {"kcloud_type": "cpu-only"},
        "node_groups": [group("default-master", 1), group("default-worker", 12)],
        "failure": None,
        "activity": None,
        **changes,
    }


FAILURE = {
    "code": "NO_CAPACITY",
    "reason": "server: No valid host",
    "hint": "Take another flavor",
    "resource": "cluster/b",
}
FLEET = [
    cluster("a"),
    cluster("b", status="CREATE_FAILED", health_status=None, api_address=None, labels={}, node_groups=[], failure=FAILURE),
    cluster("c", status="UPDATE_IN_PROGRESS", activity="node group gpu 1/4 nodes ready"),
]  # fmt: skip


def test_a_table() -> None:
    """What belongs to a whole cluster is in its first line; numbers are aligned right where every line has one."""
    assert cluster_status_text(FLEET).splitlines() == [
        "Clusters",
        "  cluster  type      status              health   node group      flavor     nodes  API",
        "  a        cpu-only  CREATE_COMPLETE     HEALTHY  default-master  cpu.large  1      https://10.0.0.1:6443",
        "                                                  default-worker  cpu.large  12",
        "  b        -         CREATE_FAILED       -        -               -          -      -",
        "  c        cpu-only  UPDATE_IN_PROGRESS  HEALTHY  default-master  cpu.large  1      https://10.0.0.1:6443",
        "                                                  default-worker  cpu.large  12",
        "",
        "Not well",
        "  b: NO_CAPACITY (CREATE_FAILED)",
        "    reason: server: No valid host",
        "    fix: Take another flavor",
        "",
        "In progress",
        "  c: UPDATE_IN_PROGRESS; node group gpu 1/4 nodes ready",
    ]


def test_markdown() -> None:
    """The same in Markdown; a bar or a new line in a value breaks no cell."""
    odd = cluster("d", status="CREATE_FAILED", status_reason="one\ntwo | three", api_address="a|b", node_groups=None)
    assert cluster_status_text([FLEET[0], FLEET[2], odd], "markdown").splitlines() == [
        "## Clusters",
        "",
        "| cluster | type | status | health | node group | flavor | nodes | API |",
        "|---|---|---|---|---|---|---|---|",
        "| a | cpu-only | CREATE_COMPLETE | HEALTHY | default-master | cpu.large | 1 | https://10.0.0.1:6443 |",
        "|  |  |  |  | default-worker | cpu.large | 12 |  |",
        "| c | cpu-only | UPDATE_IN_PROGRESS | HEALTHY | default-master | cpu.large | 1 | https://10.0.0.1:6443 |",
        "|  |  |  |  | default-worker | cpu.large | 12 |  |",
        r"| d | cpu-only | CREATE_FAILED | HEALTHY | - | - | - | a\|b |",
        "",
        "### Not well",
        "",
        "- d: CREATE_FAILED",
        r"  - reason: one two \| three",
        "",
        "### In progress",
        "",
        "- c: UPDATE_IN_PROGRESS; node group gpu 1/4 nodes ready",
    ]


def test_json() -> None:
    found = json.loads(cluster_status_text(FLEET, "json"))
    assert [entry["failure"] for entry in found] == [
        None,
        {"code": "NO_CAPACITY", "reason": "server: No valid host", "hint": "Take another flavor"},
        None,
    ]
    assert [entry["activity"] for entry in found] == [None, None, "node group gpu 1/4 nodes ready"]
    assert found[0] == {
        "id": "id-a",
        "name": "a",
        "status": "CREATE_COMPLETE",
        "health_status": "HEALTHY",
        "api_address": "https://10.0.0.1:6443",
        "type": "cpu-only",
        "node_groups": [
            {key: value for key, value in entry.items() if key != "id"} for entry in FLEET[0]["node_groups"]
        ],
        "failure": None,
        "activity": None,
        "figures": {},
    }


def figure(value: float | None, coverage: float = 1.0) -> dict[str, Any]:
    """A figure as a module returns it."""
    return {"value": value, "unit": "", "source": None, "coverage": coverage, "window": 3600, "reason": None}


METRICS = {
    "clusters": [
        {
            "id": "id-a",
            "utilization": {"cpu": figure(0.256), "memory": figure(0.5), "gpu": figure(None, 0.0)},
            "power": {"total": figure(431.266)},
            "energy": {"total": figure(0.4313, 0.755)},
        },
        {
            "id": "id-c",
            "utilization": {"cpu": figure(0.0)},
            "power": {"total": figure(0.5)},
            "energy": {"total": figure(None)},
        },
    ]
}
COSTS = {
    "currency": "USD",
    "clusters": [{"id": "id-a", "cost_per_hour": figure(5.1204), "idle_cost_per_hour": figure(None)}],
}


def test_figures_follow_the_clusters() -> None:
    """Zero is a value, what is unknown is a dash, and a column that no cluster has a value for is left out."""
    lines = cluster_status_text(FLEET, "table", METRICS, COSTS).splitlines()
    start = lines.index("Figures, of the last 60 minutes")
    assert lines[start - 1 : start + 5] == [
        "",
        "Figures, of the last 60 minutes",
        "  cluster  CPU %  memory %  power W  energy kWh  coverage %  cost/h USD",
        "  a           26  50         431.27  0.43                76  5.12",
        "  c            0  -             0.5  -                  100  -",
        "",
    ]


def test_why_there_are_no_figures() -> None:
    failed = {"failure": {"code": "METRICS_UNREACHABLE", "reason": "Connection refused", "hint": "Check 'url'"}}
    assert cluster_status_text([], "table", failed).splitlines()[2:] == [
        "",
        "Figures",
        "  unknown: Connection refused. Check 'url'",
    ]
    assert cluster_status_text([], "markdown", failed).splitlines()[-1] == "- unknown: Connection refused. Check 'url'"


def test_figures_in_markdown_and_json() -> None:
    lines = cluster_status_text(FLEET, "markdown", METRICS, COSTS).splitlines()
    assert "| a | 26 | 50 | 431.27 | 0.43 | 76 | 5.12 |" in lines
    found = json.loads(cluster_status_text(FLEET, "json", METRICS, COSTS))
    assert found[0]["figures"]["power"] == figure(431.266)
    assert found[0]["figures"]["cost_per_hour"]["value"] == 5.1204
    assert found[1]["figures"] == {}


def test_bounds_are_shown_where_they_were_read() -> None:
    groups = [
        group("default-master", 1, min_node_count=1),
        group("default-worker", 2, min_node_count=0, max_node_count=5),
    ]
    lines = cluster_status_text([cluster("a", node_groups=groups)]).splitlines()
    assert lines[1].split()[-3:] == ["nodes", "min-max", "API"]
    assert [line.split()[-2] for line in lines[2:3]] == ["1-any"]
    assert lines[3].split()[-1] == "0-5"


def test_without_a_diagnosis_magnums_own_words_are_shown() -> None:
    failed = cluster("a", status="DELETE_FAILED", status_reason="a port is in use")
    del failed["failure"], failed["activity"]
    assert cluster_status_text([failed]).splitlines()[-3:] == [
        "Not well",
        "  a: DELETE_FAILED",
        "    reason: a port is in use",
    ]


@pytest.mark.parametrize(
    ("format", "text"), [("table", "Clusters\n  no cluster"), ("markdown", "## Clusters\n\nno cluster"), ("json", "[]")]
)
def test_no_cluster(format: str, text: str) -> None:
    assert cluster_status_text([], format) == text


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"format is 'yaml'. Set it to one of table, markdown, json"):
        cluster_status_text([], "yaml")
