# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Grafana dashboard, from a table of panels: `python -m tools.dashboard` writes it.

Grafana's JSON repeats some forty lines for each panel; a table says where each stands, what it asks and in which unit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tools.places import ROOT

DASHBOARD = ROOT / "extensions/grafana/kcloud.json"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
Json = dict[str, Any]

# Every query is about the clusters that are chosen
HERE = '{cluster=~"$cluster"}'
TEAM = " * on (cluster) group_left (team) max by (cluster, team) (kcloud_cluster_info)"


@dataclass(frozen=True)
class Panel:
    """One panel; `queries` are pairs of PromQL and legend, `steps` are colours from a value on."""

    title: str
    kind: str
    width: int
    height: int
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    text: str = ""
    steps: tuple[tuple[float | None, str], ...] = ((None, "text"),)
    options: Json = field(default_factory=dict)
    custom: Json = field(default_factory=dict)
    most: float | None = None
    # Columns of a table that say nothing
    hidden: tuple[str, ...] = ()


def stat(title: str, query: str, unit: str = "short", text: str = "", **more: Any) -> Panel:
    return Panel(title, "stat", 3, 4, ((query, ""),), unit, text, options=STAT, **more)


def over_time(title: str, *queries: tuple[str, str], width: int = 12, **more: Any) -> Panel:
    """Lines over time. A gap in the data is a gap in the line: it is not bridged."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "spanNulls": False, "showPoints": "auto"}
    options = {
        "legend": {"displayMode": "table", "placement": "right", "calcs": ["mean", "lastNotNull"], "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(title, "timeseries", width, 8, queries, options=options, custom=custom, **more)


def bars(title: str, *queries: tuple[str, str], width: int = 8, **more: Any) -> Panel:
    options = {"orientation": "horizontal", "displayMode": "basic", "reduceOptions": LAST, "showUnfilled": True}
    return Panel(title, "bargauge", width, 8, queries, options=options, **more)


def rows(title: str, *queries: tuple[str, str], width: int = 12, **more: Any) -> Panel:
    return Panel(title, "table", width, 8, queries, options={"showHeader": True, "cellHeight": "sm"}, **more)


LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
STAT = {"reduceOptions": LAST, "colorMode": "value", "graphMode": "area", "textMode": "auto", "justifyMode": "auto"}
WARN = ((None, "green"), (1, "orange"))
BAD = ((None, "green"), (1, "red"))

# Rows from top to bottom: a title, and its panels from left to right
LAYOUT: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Accelerators and money",
        (
            stat(
                "Accelerators",
                f"sum(kcloud_cluster:total:devices{HERE})",
                text="All that the nodes of the clusters have.",
            ),
            stat("Held", f"sum(kcloud_cluster:held:devices{HERE})", text="Requested by pods that run or are starting."),
            stat("Computing", f"sum(kcloud_cluster:computing:devices{HERE})", text="At work now, at 1 % or more."),
            stat("Idle", f"sum(kcloud_cluster:idle:devices{HERE})", text="At 0 % now, held or not.", steps=WARN),
            stat(
                "Reclaimable",
                f"sum(kcloud_cluster:reclaimable:devices{HERE})",
                text="At 0 % for three hours, without a gap in the data.",
                steps=WARN,
            ),
            stat(
                "Cost per hour",
                f"sum by (currency) (kcloud_cluster_cost_per_hour{HERE})",
                text="Price of all nodes, control planes, volumes and addresses. Electricity is not in it.",
            ),
            stat(
                "Leakage a day",
                f"24 * sum by (currency) (kcloud_cluster_idle_cost_per_hour{HERE})",
                text="What nobody uses costs so much a day.",
                steps=WARN,
            ),
            stat(
                "Power", f"sum(kcloud_cluster:power:watts{HERE})", "watt", text="Nodes whose power is known in whole."
            ),
        ),
    ),
    (
        "Accelerators by class and team",
        (
            bars(
                "By class",
                (f"sum by (resource) (kcloud_cluster:held:devices{HERE})", "{{resource}} held"),
                (f"sum by (resource) (kcloud_cluster:free:devices{HERE})", "{{resource}} free"),
                text="By the resource of Kubernetes.",
            ),
            bars(
                "By team",
                (f"sum by (team) (kcloud_cluster:held:devices{HERE}{TEAM})", "{{team}} held"),
                (f"sum by (team) (kcloud_cluster:reclaimable:devices{HERE}{TEAM})", "{{team}} reclaimable"),
                text="By the label kcloud_team of the cluster, otherwise team. Clusters without one come last.",
            ),
            over_time(
                "Held, computing and reclaimable",
                (f"sum(kcloud_cluster:held:devices{HERE})", "held"),
                (f"sum(kcloud_cluster:computing:devices{HERE})", "computing"),
                (f"sum(kcloud_cluster:reclaimable:devices{HERE})", "reclaimable"),
                width=8,
            ),
        ),
    ),
    (
        "Clusters over time",
        (
            over_time(
                "Utilisation of accelerators",
                (f"avg by (cluster, kind) (kcloud_device:utilization:ratio{HERE})", "{{cluster}} {{kind}}"),
                unit="percentunit",
                most=1,
            ),
            over_time("Power", (f"kcloud_cluster:power:watts{HERE}", "{{cluster}}"), unit="watt"),
            over_time(
                "Utilisation of CPUs",
                (
                    'avg by (cluster) (kcloud_node:utilization:ratio{cluster=~"$cluster", resource="cpu"})',
                    "{{cluster}}",
                ),
                unit="percentunit",
                most=1,
            ),
            over_time(
                "Utilisation of memory",
                (
                    'avg by (cluster) (kcloud_node:utilization:ratio{cluster=~"$cluster", resource="memory"})',
                    "{{cluster}}",
                ),
                unit="percentunit",
                most=1,
            ),
            over_time(
                "Cost per hour",
                (f"kcloud_cluster_cost_per_hour{HERE}", "{{cluster}} {{currency}}"),
                (f"kcloud_cluster_idle_cost_per_hour{HERE}", "{{cluster}} {{currency}} idle"),
            ),
            over_time(
                "Power of accelerators",
                (f"sum by (cluster, kind) (kcloud_device:power:watts{HERE})", "{{cluster}} {{kind}}"),
                unit="watt",
            ),
        ),
    ),
    (
        "Nodes",
        (
            bars(
                "Cost of nodes per hour",
                (f"topk(20, kcloud_node_cost_per_hour_usd{HERE})", "{{cluster}} {{node}}"),
                unit="currencyUSD",
                text="The twenty that cost most.",
            ),
            bars(
                "Power of nodes",
                (f"topk(20, kcloud_node_power_usage_watts{HERE})", "{{cluster}} {{node}}"),
                unit="watt",
                text="The mean that the role cluster_status read last.",
            ),
            bars(
                "Utilisation of nodes",
                (f"topk(20, kcloud_node_utilization_ratio{HERE})", "{{node}} {{resource_type}}"),
                unit="percentunit",
                most=1,
            ),
        ),
    ),
    (
        "Violations and gaps",
        (
            rows(
                "Alerts",
                ('ALERTS{alertname=~"Kcloud.+", alertstate="firing", cluster=~"$cluster|"}', ""),
                text="Alerts that fire now. extensions/prometheus/README.md says what to do.",
                steps=BAD,
                hidden=("alertstate", "Value"),
            ),
            rows(
                "Status of clusters",
                (f"kcloud_cluster_status{HERE}", ""),
                (f"kcloud_cluster_health{HERE}", ""),
                hidden=("Value #A", "Value #B"),
            ),
            over_time(
                "Workers with telemetry",
                (f"kcloud_cluster:telemetry:coverage{HERE}", "{{cluster}}"),
                unit="percentunit",
                most=1,
                text="Below 100 % the figures of a cluster are those of a part of its nodes.",
            ),
            rows(
                "Values that cannot be true",
                (f"kcloud_node:implausible:watts{HERE}", ""),
                text="Left out of all figures, as the factor by which they are wrong is unknown.",
            ),
            over_time(
                "Power and budget",
                (f"kcloud_cluster:power:watts{HERE} and on (cluster) kcloud_cluster_power_budget_watts", "{{cluster}}"),
                (f"kcloud_cluster_power_budget_watts{HERE}", "{{cluster}} budget"),
                unit="watt",
            ),
            rows(
                "Pods that wait for accelerators",
                (f"kcloud_pod:pending:devices{HERE}", ""),
                text="With enough free in total, but not on one node, the alert KcloudAcceleratorsFragmented fires.",
            ),
        ),
    ),
)


def panel_json(panel: Panel, number: int, x: int, y: int) -> Json:
    """A panel at its place."""
    is_table = panel.kind == "table"
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "expr": query,
            "legendFormat": legend,
            **({"instant": True, "range": False, "format": "table"} if is_table else {}),
            **({"instant": True, "range": False} if panel.kind == "bargauge" else {}),
        }
        for index, (query, legend) in enumerate(panel.queries)
    ]
    defaults: Json = {
        "unit": panel.unit,
        "custom": panel.custom,
        "color": {"mode": "palette-classic" if panel.kind in ("timeseries", "bargauge") else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in panel.steps]},
        # Utilisation and power have no values below it; what is unknown has no value
        "min": 0,
        "noValue": "unknown",
    }
    if panel.most is not None:
        defaults["max"] = panel.most
    shown: Json = {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": panel.options,
    }
    if panel.text:
        shown["description"] = panel.text
    if is_table:
        hidden = dict.fromkeys(("Time", "__name__", *panel.hidden), True)
        shown["transformations"] = [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": hidden}},
        ]
    return shown


def panels() -> list[Json]:
    """Rows and panels, laid out on Grafana's grid of 24 columns."""
    found: list[Json] = []
    y = 0
    for title, members in LAYOUT:
        place = {"x": 0, "y": y, "w": 24, "h": 1}
        found.append(
            {"id": len(found) + 1, "title": title, "type": "row", "collapsed": False, "gridPos": place, "panels": []}
        )
        x, y, height = 0, y + 1, 0
        for panel in members:
            if x + panel.width > 24:
                x, y, height = 0, y + height, 0
            found.append(panel_json(panel, len(found) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return found


def variables() -> list[Json]:
    """The data source, and the clusters to show."""
    query = "label_values(kcloud_cluster_info, cluster)"
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0},
        {
            "name": "cluster", "label": "Cluster", "type": "query", "datasource": DATASOURCE, "definition": query,
            "query": {"query": query, "refId": "clusters"}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "hide": 0,
        },
    ]  # fmt: skip


def dashboard() -> Json:
    """The whole dashboard, in the form that Grafana imports."""
    return {
        "uid": "kcloud-infrastructure",
        "title": "kcloud: accelerators, power and cost of clusters",
        "description": "On the recording rules of the Ansible collection kcloud.infrastructure, extensions/prometheus.",
        "tags": ["kcloud", "kubernetes", "openstack"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": variables()},
        "panels": panels(),
    }


def text() -> str:
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    DASHBOARD.write_text(text(), encoding="utf-8")
