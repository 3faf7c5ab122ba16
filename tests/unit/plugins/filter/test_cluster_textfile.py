# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters as metrics for the node exporter."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.cluster_textfile import HELP, cluster_textfile


def figure(value: float | None) -> dict[str, Any]:
    return {"value": value, "unit": "", "source": None, "coverage": 1.0, "window": 3600, "reason": None}


def cluster(name: str, **changes: Any) -> dict[str, Any]:
    groups = [
        {"name": "default-master", "role": "master", "flavor_id": "cpu.medium", "node_count": 1},
        {"name": "default-worker", "role": "worker", "flavor_id": "gpu.a100.large", "node_count": 2},
    ]
    return {
        "id": f"id-{name}",
        "name": name,
        "status": "CREATE_COMPLETE",
        "health_status": "HEALTHY",
        "labels": {"kcloud_type": "gpu-intensive", "kcloud_team": "vision"},
        "node_groups": groups,
        **changes,
    }


def measured(name: str, watts: float | None) -> dict[str, Any]:
    node = {
        "name": f"{name}-0",
        "power": {"total": figure(watts)},
        "utilization": {"cpu": figure(0.25), "gpu": figure(None)},
    }
    return {"id": f"id-{name}", "node_groups": [{"name": "default-worker", "nodes": [node]}]}


def costs(name: str, currency: str = "USD") -> dict[str, Any]:
    group = {"name": "default-worker", "flavor": "gpu.a100.large", "node_count": 2, "cost_per_hour": figure(5.0)}
    entry = {
        "id": f"id-{name}",
        "cost_per_hour": figure(5.1),
        "idle_cost_per_hour": figure(None),
        "node_groups": [group],
    }
    return {"currency": currency, "clusters": [entry]}


def samples(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_what_magnum_says() -> None:
    assert samples(cluster_textfile([cluster("a")])) == [
        'kcloud_cluster_info{cluster="a",cluster_id="id-a",type="gpu-intensive",team="vision"} 1',
        'kcloud_cluster_status{cluster="a",status="CREATE_COMPLETE"} 1',
        'kcloud_cluster_health{cluster="a",health_status="HEALTHY"} 1',
        'kcloud_cluster_nodes{cluster="a",node_group="default-master",role="master",flavor="cpu.medium"} 1',
        'kcloud_cluster_nodes{cluster="a",node_group="default-worker",role="worker",flavor="gpu.a100.large"} 2',
    ]


def test_figures_costs_and_budgets() -> None:
    text = cluster_textfile([cluster("a")], {"clusters": [measured("a", 431.5)]}, costs("a"), {"a": 4000, "b": 1})
    assert samples(text)[5:] == [
        'kcloud_cluster_power_budget_watts{cluster="a"} 4000',
        'kcloud_cluster_cost_per_hour{cluster="a",currency="USD"} 5.1',
        'kcloud_node_cost_per_hour_usd{cluster="a",node="a-0",instance_type="gpu.a100.large"} 2.5',
        'kcloud_node_power_usage_watts{cluster="a",node="a-0",instance_type="gpu.a100.large"} 431.5',
        'kcloud_node_utilization_ratio{cluster="a",node="a-0",instance_type="gpu.a100.large",resource_type="cpu"} 0.25',
    ]


def test_what_is_unknown_is_left_out() -> None:
    odd = cluster("a", status=None, health_status=None, labels=None, node_groups=None)
    text = cluster_textfile([odd], {"clusters": [measured("a", None)]}, {"currency": None, "clusters": []})
    assert samples(text) == [
        'kcloud_cluster_info{cluster="a",cluster_id="id-a"} 1',
        'kcloud_node_utilization_ratio{cluster="a",node="a-0",resource_type="cpu"} 0.25',
    ]


def test_a_cost_of_which_a_part_is_unknown_is_left_out() -> None:
    priced = costs("a")
    for entry in (priced["clusters"][0], *priced["clusters"][0]["node_groups"]):
        entry["cost_per_hour"] = {**figure(0.12), "coverage": 0.2, "reason": "flavor 'gpu.a100.large' has no price"}
    text = cluster_textfile([cluster("a")], {"clusters": [measured("a", 431.5)]}, priced)
    assert "cost" not in text and "kcloud_node_power_usage_watts" in text


def test_a_price_in_another_currency_is_not_one_in_usd() -> None:
    text = cluster_textfile([cluster("a")], {"clusters": [measured("a", 1.0)]}, costs("a", "KRW"))
    assert 'kcloud_cluster_cost_per_hour{cluster="a",currency="KRW"} 5.1' in text
    assert "kcloud_node_cost_per_hour_usd" not in text


def test_clusters_of_one_name_are_called_by_their_ids() -> None:
    text = cluster_textfile([cluster("a"), cluster("a", id="other"), cluster("b")])
    assert re.findall(r'kcloud_cluster_status{cluster="([^"]*)"', text) == ["b", "id-a", "other"]


def test_promtool_accepts_even_odd_names() -> None:
    if shutil.which("promtool") is None:
        pytest.fail("promtool is missing: install Debian's package prometheus, as `make test` does")
    odd = cluster('a"b\\c\nd')
    text = cluster_textfile([odd], {"clusters": [measured(odd["name"], 1.0)]}, costs(odd["name"]), {odd["name"]: 1.5})
    assert {name for name in HELP if f"\n{name}{{" in text} == set(HELP) - {"kcloud_cluster_idle_cost_per_hour"}
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_no_cluster_is_an_empty_file() -> None:
    assert cluster_textfile([]) == ""


@pytest.mark.parametrize("watts", ["4000", 0, -1, True, None])
def test_a_wrong_budget_is_refused(watts: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"power_budgets\['a'\] is .*watts above 0"):
        cluster_textfile([cluster("a")], power_budgets={"a": watts})
