# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.cluster_page import (
    DECIDED_BY,
    cluster_part,
    table,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.markup import (
    Child,
    Markup,
    element,
    name_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import (
    COUNTS,
    Finding,
    Line,
    Report,
    Row,
    Sum,
    Summary,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.style import STYLE
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.words import (
    cell_of,
    code,
    count,
    last,
    moment,
    money,
    number,
    percent,
    plural,
    sum_of,
    sum_of_watts,
)

# Clusters are unfolded when there are no more
MOST_OPEN = 8
MOST_BANNERS = 6
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
EXPLAINED = {
    "total": "that nodes offer",
    "held": "requested by workloads",
    "computing": "used at least {idle_below}",
    "idle": "used less than {idle_below}",
    "reclaimable": "on nodes that decisions would remove",
}


def page(report: Report, idle_below: float) -> str:
    """The page.

    :param idle_below: what counts as idle, for its explanation.
    """
    body = [
        element("header", _header(report)),
        element(
            "main",
            _glance(report, idle_below),
            _tables(report),
            _notes("Idle accelerators", "banner", report.banners, MOST_BANNERS),
            _notes("Needs attention", "bad", report.findings),
            _advice(report),
            _clusters(report),
            _unknown(report),
        ),
        element("footer", _footer(report)),
        _patterns(),
    ]
    head = [
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", report.title),
        element("style", Markup(STYLE)),
    ]
    whole = element("html", element("head", head), element("body", body), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def _header(report: Report) -> Iterable[Child]:
    yield element("h1", report.title)
    said = [
        moment(report.at) if report.at is not None else None,
        f"figures of the {last(report.end - report.begin)}"
        if report.begin is not None and report.end is not None
        else None,
        plural(report.summary.clusters, "cluster"),
        f"money in {report.currency}" if report.currency else None,
    ]
    yield element("p", " · ".join(filter(None, said)), class_="soft")


# --- first screen


def _glance(report: Report, idle_below: float) -> Markup:
    summary = report.summary
    return element(
        "section",
        element("h2", "Accelerators", id="accelerators"),
        element("dl", [_counted(name, summary.counts[name], idle_below) for name in COUNTS], class_="tiles"),
        _bar(summary),
        element("h2", "Money and power", id="money"),
        element("dl", _spent(summary, report.currency), class_="tiles"),
    )


def _tile(name: str, value: str, unit: str, explained: str, kind: str = "") -> Markup:
    """One number of the first screen. A word in place of it, or before it, is smaller."""
    before, _space, known = value.rpartition(" ") if value.startswith("at least ") else ("", "", value)
    return element(
        "div",
        element("dt", f"{name}, {unit}" if unit and known != "unknown" else name),
        element(
            "dd",
            [element("span", before, class_="word"), " "] if before else None,
            element("span", known, class_="word") if known == "unknown" else known,
        ),
        element("dd", explained, class_="of"),
        class_=f"tile {kind}".strip(),
    )


def _counted(name: str, found: Sum, idle_below: float) -> Markup:
    title = {"total": "in total"}.get(name, name)
    return _tile(title, sum_of(found), "", EXPLAINED[name].format(idle_below=percent(idle_below)), name)


def _bar(summary: Summary) -> Markup | None:
    """What the accelerators do, as parts of all of them."""
    everything = summary.counts["total"].value
    if not everything:
        return None
    computing, idle = (summary.counts[name].value or 0.0 for name in ("computing", "idle"))
    parts = {"computing": computing, "idle": idle, "rest": max(0.0, everything - computing - idle)}
    said = {"computing": "computing", "idle": "idle", "rest": "without a measurement"}
    words = [f"{count(value)} {said[name]}" for name, value in parts.items()]
    cells = [element("span", class_=name, style=f"flex:{value:.2f}") for name, value in parts.items() if value]
    keys = [element("li", element("span", class_=f"key {name}"), word) for name, word in zip(parts, words)]
    return element(
        "div",
        element(
            "div", cells, class_="bar", role="img", aria_label=f"Of {count(everything)} accelerators {', '.join(words)}"
        ),
        element("ul", keys, class_="legend"),
    )


def _spent(summary: Summary, currency: str) -> list[Markup]:
    week = summary.saving_per_week
    return [
        _tile("cost", sum_of(summary.cost_per_hour, 2), f"{currency}/h", "all clusters, as they are now"),
        _tile("leakage", sum_of(summary.idle_cost_per_day, 2), f"{currency}/day", "for what nothing requests", "idle"),
        _tile(
            "savings",
            number(week, 2),
            f"{currency}/week",
            _savings(summary.saved_in_a_week, currency),
            "computing",
        ),
        _tile("power", *_split(sum_of_watts(summary.power)), _share(summary.power, "clusters with metrics")),
        _tile("energy", sum_of(summary.energy, 1), "kWh", "in the window"),
        _tile("carbon", sum_of(summary.carbon, 1), "kg", "of that energy"),
    ]


def _savings(saved: float | None, currency: str) -> str:
    possible = "possible at least, by the decisions"
    return possible if saved is None else f"{possible}; {money(saved, currency)} saved in the last 7 days"


def _split(said: str) -> tuple[str, str]:
    value, _space, unit = said.rpartition(" ")
    return (value, unit) if value else (said, "")


def _share(found: Sum, what: str) -> str:
    return f"of {found.of - found.missing} of {found.of} {what}" if found.of else "no metrics"


def _notes(title: str, kind: str, found: Sequence[Finding], most: int | None = None) -> Markup | None:
    if not found:
        return None
    shown = [element("li", element("strong", name_of(one.subject)), " – ", one.text) for one in found[:most]]
    if most is not None and len(found) > most:
        shown.append(element("li", f"and {plural(len(found) - most, 'more cluster')}"))
    return element("section", element("h2", title), element("ul", shown, class_=f"notes {kind}"))


# --- tables


def _tables(report: Report) -> Markup | None:
    summary = report.summary
    parts = [("By device class", "class", summary.by_class), ("By team", "team", summary.by_team)]
    shown = [_rows(title, first, rows, report.currency) for title, first, rows in parts if rows]
    return element("section", element("h2", "Who holds what"), element("div", shown, class_="pair")) if shown else None


def _rows(title: str, first: str, rows: Sequence[Row], currency: str) -> Markup:
    heads = [first, "clusters", "total", "held", "computing", "idle", "cost/h", "idle/h"]
    body = [
        element(
            "tr",
            element("th", name_of(row.name), scope="row"),
            [element("td", cell, class_="n") for cell in _row_cells(row)],
        )
        for row in rows
    ]
    caption = f"{title}, money in {currency}" if currency else title
    return table(caption, heads, body, numbers=range(1, 8))


def _row_cells(row: Row) -> list[str]:
    return [
        count(row.clusters),
        *(cell_of(row.counts[name]) for name in ("total", "held", "computing", "idle")),
        cell_of(row.cost_per_hour, 2),
        cell_of(row.idle_cost_per_hour, 2),
    ]


def _advice(report: Report) -> Markup | None:
    if not report.advice and not report.sentences:
        return None
    said = [
        element("li", element("strong", DECIDED_BY.get(one.subject, one.subject)), " – ", one.text)
        for one in report.sentences
    ]
    heads = ["what", "decided by", "saves", "why", "why not yet"]
    rows = [_advised(line, report.currency) for line in report.advice]
    return element(
        "section",
        element("h2", "Decisions and recommendations"),
        element("ul", said, class_="notes") if said else None,
        [element("p"), table("What would change, the largest saving first", heads, rows, numbers=(2,), is_tall=True)]
        if rows
        else None,
    )


def _advised(line: Line, currency: str) -> Markup:
    return element(
        "tr",
        element("th", code(line.action), " ", name_of(line.target), scope="row"),
        element("td", DECIDED_BY.get(line.source, line.source)),
        element("td", money(line.saving_h, currency, "h") if line.saving_h else "–", class_="n"),
        element("td", ", ".join(map(code, line.why)) or "–"),
        element("td", ", ".join(code(reason.code) for reason in line.why_not) or "–"),
    )


def _clusters(report: Report) -> Markup | None:
    if not report.clusters:
        return None
    is_open = len(report.clusters) <= MOST_OPEN
    return element(
        "section",
        element("h2", "Clusters"),
        element(
            "ul",
            element("li", "those with the largest idle cost first"),
            element("li", element("span", class_="key gapped"), "no data: a gap is never 0"),
            class_="legend",
        ),
        [cluster_part(cluster, report.currency, is_open=is_open) for cluster in report.clusters],
    )


def _unknown(report: Report) -> Markup | None:
    found = [*report.missing, *(gap for gap in report.gaps if not gap.cluster)]
    if not found and not report.gaps:
        return None
    of_clusters = len({gap.cluster for gap in report.gaps if gap.cluster})
    more = f"Gaps of {plural(of_clusters, 'cluster')} are listed with each cluster." if of_clusters else None
    return element(
        "section",
        element("h2", "Not known"),
        element("p", more) if more else None,
        element("ul", [element("li", element("strong", one.subject), " – ", one.text) for one in found], class_="notes")
        if found
        else None,
    )


def _footer(report: Report) -> Iterable[Child]:
    yield element(
        "p",
        "Made by kcloud.infrastructure.cluster_report. What is unknown is never counted as 0; 'at least' means that a part is unknown.",
    )
    if report.advice:
        yield element(
            "p",
            "Decisions count in the prices that they were given. Savings are those of the source that saves most, as two may name the same node.",
        )


def _patterns() -> Markup:
    hatch = element("path", d="M0 6L6 0", stroke_width="1.5")
    pattern = element("pattern", hatch, id="gap", width=6, height=6, patternUnits="userSpaceOnUse")
    return element("svg", element("defs", pattern), class_="defs", aria_hidden="true", focusable="false")
