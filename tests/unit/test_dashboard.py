# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Grafana dashboard: every query answers with data from a real Prometheus that runs the collection's rules."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ansible_collections.kcloud.infrastructure.plugins.filter.cluster_textfile import cluster_textfile

from devcloud.telemetry import prometheus
from devcloud.telemetry.fleet import read_fleet
from devcloud.telemetry.openmetrics import history
from tools import dashboard

RULES = ROOT / "extensions/prometheus"
GPUS = {"cores": 8, "memory_gb": 64, "kind": "gpu"}
ATOM = {"cores": 8, "memory_gb": 32, "kind": "npu", "model": "rebellions-atom", "devices": 1}
FLEET: list[dict[str, Any]] = [
    {"name": "busy", "pending": 1, "nodes": [{"name": "busy-0", "id": "i0", "devices": 4, **GPUS}]},
    {"name": "idle", "profile": "idle", "exporters": "old", "nodes": [{"name": "idle-0", "devices": 2, **GPUS}]},
    {"name": "odd", "profile": "half", "microwatts": True, "nodes": [{"name": "odd-0", **ATOM}]},
]
BY_HAND = {
    "sum(kcloud_cluster:total:devices)": 7,
    "sum(kcloud_cluster:held:devices)": 5,
    "sum(kcloud_cluster:computing:devices)": 5,
    "sum(kcloud_cluster:idle:devices)": 2,
    # Package 10 + 90 x 0.6 W, DRAM 12 W, four GPUs of 50 + 300 x 0.85 W; and 11.8 + 12 W with two GPUs of 50 W
    "round(sum(kcloud_cluster:power:watts), 0.1)": 76 + 4 * 305 + 23.8 + 100,
}
READY_S = 30


def figure(value: float) -> dict[str, Any]:
    return {"value": value, "coverage": 1.0}


def textfile() -> str:
    """What the role cluster_status writes of these clusters."""
    clusters, metrics, costs = [], [], []
    for one in FLEET:
        group = {"name": "default-worker", "role": "worker", "flavor_id": "large", "node_count": 1}
        price = {"name": "default-worker", "flavor": "large", "node_count": 1, "cost_per_hour": figure(4)}
        nodes = [
            {"name": node["name"], "power": {"total": figure(100)}, "utilization": {"cpu": figure(0.5)}}
            for node in one["nodes"]
        ]
        name = {"id": one["name"], "name": one["name"]}
        about = {"status": "CREATE_FAILED", "health_status": "HEALTHY", "labels": {"team": "vision"}}
        clusters.append({**name, **about, "node_groups": [group]})
        metrics.append({**name, "node_groups": [{"name": "default-worker", "nodes": nodes}]})
        costs.append({**name, "cost_per_hour": figure(4), "idle_cost_per_hour": figure(1), "node_groups": [price]})
    budgets = {one["name"]: 1000 for one in FLEET}
    return cluster_textfile(clusters, {"clusters": metrics}, {"currency": "USD", "clusters": costs}, budgets)


def samples(now: int) -> str:
    """Half an hour of the fleet, and the textfile at every minute of it."""
    fleet = read_fleet(json.dumps({"end": now, "hours": 0.5, "clusters": FLEET}), now)
    times = range(fleet.begin, now + 1, fleet.step)
    lines = [f"{line} {at}" for line in textfile().splitlines() if not line.startswith("#") for at in times]
    return "\n".join([*lines, history(fleet)])


def quick_rules(folder: Path) -> str:
    """A configuration with the rules, but evaluated each second, and alerts that do not wait."""
    for path in RULES.glob("*.yml"):
        text = path.read_text().replace("interval: 1m", "interval: 1s")
        (folder / path.name).write_text(re.sub(r"\n +for: .*", "", text))
    return f"rule_files: ['{folder}/*.yml']\n"


def ask(port: int, query: str) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': query})}"
    with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def queries() -> Iterator[tuple[str, str]]:
    """Each panel's queries for all clusters, and what fills the list of clusters."""
    shown = json.loads(dashboard.DASHBOARD.read_text())
    for panel in shown["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$cluster", ".*")
    definitions = {one["name"]: one["definition"] for one in shown["templating"]["list"] if "definition" in one}
    yield "variable", re.sub(r"label_values\((.+), .+\)", r"\1", definitions["cluster"])


def test_the_dashboard_follows_from_the_table() -> None:
    assert dashboard.DASHBOARD.read_text() == dashboard.text(), "run `python -m tools.dashboard`"


def test_panels_neither_overlap_nor_leave_the_page() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(dashboard.text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _y in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


# One test, as a server for each query would take a minute
def test_every_query_has_data(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    port = prometheus.start(tmp_path / "server", samples(int(time.time())), quick_rules(rules))
    try:
        end = time.monotonic() + READY_S
        # The last of the rules is evaluated when all others are
        while not (ask(port, "kcloud_cluster:telemetry:coverage") and ask(port, "ALERTS")):
            assert time.monotonic() < end, "Prometheus evaluates no rules"
            time.sleep(0.1)
        empty = [f"{title}: {query}" for title, query in queries() if not ask(port, query)]
        figures = {query: float(ask(port, query)[0]["value"][1]) for query in BY_HAND}
        alerts = {found["metric"]["alertname"] for found in ask(port, 'ALERTS{alertstate="firing"}')}
    finally:
        prometheus.stop(tmp_path / "server")
    assert not empty
    assert figures == pytest.approx(BY_HAND)
    assert {"KcloudClusterFailed", "KcloudPowerBudgetExceeded", "KcloudPowerImplausible"} <= alerts
