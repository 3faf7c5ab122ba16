# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Utilisation, power and cost of clusters as rows of a table, from the answers of two modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Some = Mapping[str, Any]

SHARES = ("cpu", "memory", "gpu", "npu")
COSTS = ("cost_per_hour", "idle_cost_per_hour")
HEADINGS = {
    "name": "cluster",
    "cpu": "CPU %",
    "memory": "memory %",
    "gpu": "GPU %",
    "npu": "NPU %",
    "power": "power W",
    "energy": "energy kWh",
    "coverage": "coverage %",
    "cost_per_hour": "cost/h",
    "idle_cost_per_hour": "idle cost/h",
}


def figures_of(cluster: Some, metrics: Some, costs: Some) -> dict[str, Some]:
    """All figures of a cluster by name; those that nothing was asked about are absent."""
    measured = _entry(cluster, metrics)
    priced = _entry(cluster, costs)
    found = {name: figure for name, figure in measured.get("utilization", {}).items() if name in SHARES}
    for name in ("power", "energy"):
        if name in measured:
            found[name] = measured[name]["total"]
    return {**found, **{name: priced[name] for name in COSTS if priced.get(name)}}


def _entry(cluster: Some, answer: Some) -> Some:
    """What an answer says of a cluster; nothing where it does not hold it."""
    return next((entry for entry in answer.get("clusters") or () if entry["id"] == cluster.get("id")), {})


def coverage_of(figures: Mapping[str, Some]) -> float | None:
    """The lowest coverage of the values that telemetry knows; None where it knows none."""
    measured = [
        figure["coverage"] for name, figure in figures.items() if name not in COSTS and figure["value"] is not None
    ]
    return min(measured) if measured else None


def row_of(cluster: Some, figures: Mapping[str, Some]) -> dict[str, Any]:
    """One line: shares in percent, all other values as they are; what is unknown is None."""
    row: dict[str, Any] = {"name": cluster.get("name")}
    for name, figure in figures.items():
        value = figure.get("value")
        row[name] = _shown(value, 100 if name in SHARES else 1, 0 if name in SHARES else 3 if name in COSTS else 2)
    row["coverage"] = _shown(coverage_of(figures), 100, 0)
    return row


def _shown(value: float | None, factor: int, digits: int) -> float | None:
    return None if value is None else round(value * factor, digits)


def figure_rows(clusters: Sequence[Some], metrics: Some, costs: Some) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of the clusters that have figures, and the columns that at least one of them has."""
    rows = []
    for cluster in clusters:
        figures = figures_of(cluster, metrics, costs)
        if figures:
            rows.append(row_of(cluster, figures))
    columns = {key: heading for key, heading in HEADINGS.items() if any(row.get(key) is not None for row in rows)}
    currency = costs.get("currency")
    return rows, {
        key: f"{heading} {currency}" if currency and key in COSTS else heading for key, heading in columns.items()
    }


def trouble_of(*answers: Some) -> list[str]:
    """Why an answer has no figures, with the fix; nothing where the modules could read."""
    failures = [answer["failure"] for answer in answers if answer.get("failure")]
    return [". ".join(filter(None, (f"unknown: {failure['reason']}", failure.get("hint")))) for failure in failures]


def title_of(metrics: Some) -> str:
    """The heading of the table, with the time that it covers."""
    windows = [figure["window"] for entry in metrics.get("clusters") or () for figure in entry["utilization"].values()]
    if not windows:
        return "Figures"
    return f"Figures, of the last {max(windows) / 60:g} minutes"
