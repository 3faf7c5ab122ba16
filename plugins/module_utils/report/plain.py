# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.markup import clean
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import (
    COUNTS,
    KINDS,
    Cluster,
    Finding,
    Report,
    Row,
    Summary,
    total,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.words import (
    UNKNOWN,
    cell_of,
    code,
    last,
    moment,
    money,
    number,
    percent,
    sum_of,
    sum_of_watts,
    watts,
)

# What means something to a reader of Markdown
MARKS = re.compile(r"([\\`*_{}\[\]<>|#~!])")
# A spreadsheet takes a text that begins so for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def first_screen(summary: Summary, currency: str) -> list[tuple[str, str]]:
    """The first screen as pairs of a name and a text, for all formats of text."""
    week = summary.saving_per_week
    pairs = [
        (f"accelerators {name}" if name != "total" else "accelerators in total", sum_of(summary.counts[name]))
        for name in COUNTS
    ]
    return [
        *pairs,
        ("cost an hour", _with_unit(sum_of(summary.cost_per_hour, 2), currency)),
        ("leakage a day", _with_unit(sum_of(summary.idle_cost_per_day, 2), currency)),
        ("possible savings a week", f"at least {money(week, currency)}" if week else money(week, currency)),
        ("saved in the last 7 days", money(summary.saved_in_a_week, currency)),
        ("power", sum_of_watts(summary.power)),
        ("energy", _with_unit(sum_of(summary.energy, 1), "kWh")),
    ]


def _with_unit(said: str, unit: str) -> str:
    return said if said == UNKNOWN else f"{said} {unit}".strip()


def text(report: Report) -> str:
    """The first screen as text, for a terminal and a job's output."""
    pairs = first_screen(report.summary, report.currency)
    width = max(len(name) for name, _said in pairs)
    lines = [f"{name:<{width}}  {said}" for name, said in pairs]
    lines += [f"idle: {clean(one.subject)}, {clean(one.text)}" for one in report.banners]
    lines += [f"attention: {clean(one.subject)}, {clean(one.text)}" for one in report.findings]
    lines += [f"not known: {one.subject}, {one.text}" for one in report.missing]
    return "\n".join(lines)


# --- Markdown


def markdown(report: Report) -> str:
    """The report as Markdown."""
    when = [moment(report.at)] if report.at is not None else []
    if report.begin is not None and report.end is not None:
        when.append(f"figures of the {last(report.end - report.begin)}")
    parts = [
        f"# {_escaped(report.title)}",
        ", ".join(when),
        _table(("what", "figure"), first_screen(report.summary, report.currency)),
        _findings("Idle accelerators", report.banners),
        _findings("Needs attention", report.findings),
        _rows("By device class", report.summary.by_class),
        _rows("By team", report.summary.by_team),
        _findings("Decisions", report.sentences),
        _advice(report),
        _clusters(report),
        _findings("Not known", (*report.missing, *report.gaps)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _escaped(said: str) -> str:
    return MARKS.sub(r"\\\1", " ".join(clean(said).split()))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(heads), " | ".join("---" for _head in heads)]
    lines += [" | ".join(map(_escaped, row)) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _findings(title: str, found: Sequence[Finding]) -> str:
    lines = [f"- **{_escaped(one.subject)}**: {_escaped(one.text)}" for one in found]
    return "\n".join([f"## {title}", "", *lines]) if lines else ""


def _rows(title: str, rows: Sequence[Row]) -> str:
    heads = ("name", "clusters", *("total", "held", "computing", "idle"), "cost/h", "idle/h")
    shown = [
        (
            row.name,
            str(row.clusters),
            *(cell_of(row.counts[name]) for name in ("total", "held", "computing", "idle")),
            cell_of(row.cost_per_hour, 2),
            cell_of(row.idle_cost_per_hour, 2),
        )
        for row in rows
    ]
    return f"## {title}\n\n{_table(heads, shown)}" if rows else ""


def _advice(report: Report) -> str:
    rows = [
        (
            f"{code(line.action)} {line.target}",
            line.source,
            number(line.saving_h, 2) if line.saving_h else "-",
            ", ".join(map(code, line.why)) or "-",
            ", ".join(code(reason.code) for reason in line.why_not) or "-",
        )
        for line in report.advice
    ]
    heads = ("what", "decided by", "saves/h", "why", "why not yet")
    return f"## Recommendations\n\n{_table(heads, rows)}" if rows else ""


def _clusters(report: Report) -> str:
    rows = [
        (
            cluster.name,
            cluster.team or "-",
            code(cluster.status) or "unknown",
            _use(cluster),
            watts(cluster.power.value),
            number(cluster.cost_per_hour.value, 2),
            number(cluster.idle_cost_per_hour.value, 2),
        )
        for cluster in report.clusters
    ]
    heads = ("cluster", "team", "status", "used", "power", "cost/h", "idle/h")
    return f"## Clusters\n\n{_table(heads, rows)}" if rows else ""


def _use(cluster: Cluster) -> str:
    use = cluster.utilization.get(cluster.main_resource)
    return f"{cluster.main_resource.upper()} {percent(use.value)}" if use else "unknown"


# --- data


def plain(report: Report) -> dict[str, Any]:
    """The report as data."""
    return asdict(report)


def summary(report: Report) -> dict[str, Any]:
    """The first screen as data, for the result of a task and for what follows in a workflow."""
    found = report.summary
    sums = {
        "cost_per_hour": found.cost_per_hour,
        "idle_cost_per_day": found.idle_cost_per_day,
        "power": found.power,
        "energy": found.energy,
    }
    return {
        "clusters": found.clusters,
        "accelerators": {name: found.counts[name].value for name in COUNTS},
        **{name: one.value for name, one in sums.items()},
        "saving_per_week": found.saving_per_week,
        "saved_in_a_week": found.saved_in_a_week,
        "currency": report.currency or None,
        "partial": sorted(
            [name for name, one in sums.items() if one.is_bound]
            + [f"accelerators.{name}" for name in COUNTS if found.counts[name].is_bound]
        ),
        "idle_clusters": [one.subject for one in report.banners],
        "findings": len(report.findings),
        "recommendations": len(report.advice),
    }


def as_json(report: Report) -> str:
    """The report as JSON; equal reports are equal texts."""
    return json.dumps(plain(report), indent=1, sort_keys=True, allow_nan=False) + "\n"


CSV_COLUMNS = (
    "id", "name", "status", "type", "team", "nodes", "gpus", "npus", "held", "computing", "idle", "reclaimable",
    "cpu_utilization", "memory_utilization", "gpu_utilization", "npu_utilization", "power_w", "energy_kwh",
    "cost_per_hour", "cost", "idle_cost_per_hour", "idle_cost", "electricity_cost", "carbon_kg", "currency", "advice",
)  # fmt: skip


def as_csv(report: Report) -> str:
    """A line for each cluster. What is unknown is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for cluster in report.clusters:
        writer.writerow([_cell(value) for value in _csv_row(cluster, report.currency)])
    return stream.getvalue()


def _csv_row(cluster: Cluster, currency: str) -> list[object]:
    def counted(key: str, kind: str = "") -> float | None:
        return total(getattr(entry, key) for entry in cluster.devices if kind in ("", entry.kind)).value

    shares = [cluster.utilization.get(name) for name in ("cpu", "memory", "gpu", "npu")]
    figures = [
        cluster.power, cluster.energy, cluster.cost_per_hour, cluster.cost, cluster.idle_cost_per_hour, cluster.idle_cost,
        cluster.electricity_cost, cluster.carbon,
    ]  # fmt: skip
    return [
        *(cluster.id, cluster.name, cluster.status, cluster.type, cluster.team),
        total(group.node_count for group in cluster.groups).value,
        *(counted("total", kind) for kind in KINDS),
        *(counted(key) for key in ("held", "computing", "idle", "reclaimable")),
        *(share.value if share else None for share in shares),
        *(figure.value for figure in figures),
        currency,
        "; ".join(f"{line.source}: {line.action}" for line in cluster.lines if line.is_advice),
    ]


def _cell(value: object) -> object:
    """A cell that a spreadsheet shows and does not run."""
    if not isinstance(value, str):
        return value
    shown = clean(value)
    return f"'{shown}" if shown.startswith(FORMULA) else shown
