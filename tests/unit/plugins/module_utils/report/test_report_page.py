# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts and pages: gaps are drawn as gaps, names are text whatever they hold, and the page needs nothing else."""

from __future__ import annotations

import csv
import html.parser
import io
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report import words
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import Settings, make_report
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.charts import (
    Curve,
    chart,
    gaps,
    line,
    nice_top,
    stretches,
    thinned,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.markup import Markup, content, element
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import Report, Sum
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.page import page
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.plain import as_csv, markdown
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

HOSTILE = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onload='x", "</style><b>", "</svg>", "&lt;", "a\x00b", "\ud800",
    "\u202eevil", "| a | b |\n# head", "[x](http://evil.example)", "=cmd|'/C calc'!A0", "{{ lookup('pipe', 'id') }}",
)  # fmt: skip


class Elements(html.parser.HTMLParser):
    """The elements and attributes of a page, and whether they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def named(name: str, values: list[float | None] | None = None) -> Report:
    """A report in which everything that somebody can name has this name."""
    metrics: dict[str, Any] = {
        "clusters": [
            {
                "id": "c1",
                "name": name,
                "status": name,
                "utilization": {
                    "gpu": {
                        "value": 0.01,
                        "unit": "ratio",
                        "coverage": 1,
                        "window": 3600,
                        "source": name,
                        "reason": name,
                    }
                },
                "power": {"total": {"value": 5, "unit": "W"}},
                "node_groups": [
                    {
                        "name": name,
                        "role": name,
                        "nodes": [{"devices": [{"kind": "gpu", "utilization": {"value": 0.0}}]}],
                    }
                ],
                "series": {
                    "begin": 0,
                    "step": 60,
                    "utilization": {"gpu": values or [0.1, None]},
                    "power": {"total": values or [3]},
                },
            }
        ],
        "gaps": [{"cluster": name, "node": name, "reason": name}],
    }
    costs = {
        "currency": name,
        "clusters": [{"id": "c1", "name": name, "team": name, "type": name, "cost_per_hour": {"value": 2}}],
    }
    reason = {"code": name, "need": name, "unit": name, "fix": {"sentence": name}}
    idle = {"cluster": name, "cluster_id": "c1", "action": "mark", "saving_h": 1, "why": [name], "why_not": [reason]}
    decisions = {
        "idle": {"clusters": [idle], "decision": {"sentence": name}},
        "scaling": {"unplaced": [{"workload": name, "why_not": [reason]}]},
    }
    return make_report(metrics, costs, decisions, Settings(name, "operator"))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_whatever_they_hold(name: str) -> None:
    harmless, found = Elements(page(named("name"), 0.05)), Elements(page(named(name), 0.05))
    assert found.names == harmless.names
    assert [key for key, _value in found.attributes] == [key for key, _value in harmless.attributes]
    assert found.open == []
    page(named(name), 0.05).encode()
    markdown(named(name)).encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_in_their_cells(name: str) -> None:
    lines = [entry for entry in markdown(named(name)).splitlines() if entry.startswith("| ")]
    bars = [entry.replace("\\|", "").count("|") for entry in lines]
    assert bars == [entry.count("|") for entry in markdown(named("name")).splitlines() if entry.startswith("| ")]
    _heads, row = csv.reader(io.StringIO(as_csv(named(name))))
    assert not [cell for cell in row if cell[:1] in ("=", "+", "-", "@")]


def test_the_page_asks_for_nothing() -> None:
    found = Elements(page(named("name"), 0.05))
    assert "script" not in found.names and "img" not in found.names
    assert {value for key, value in found.attributes if key in ("href", "src")} == {"data:,"}
    assert "//" not in page(named("name"), 0.05) and "@import" not in page(named("name"), 0.05)


def test_a_gap_breaks_the_line_and_is_hatched() -> None:
    drawn = chart([Curve("gpu", [0.5, 0.5, None, 1.0])], "label", 1.0)
    assert 'd="M0 24h4M12 0h0"' in drawn
    assert '<rect class="gap" x="6" y="0" width="4" height="48"></rect>' in drawn
    assert 'aria-label="label"' in drawn


@pytest.mark.parametrize(
    ("values", "parts", "holes"),
    [
        ([], [], []),
        ([None, None], [], [(0, 2)]),
        ([1, 2], [(0, [1, 2])], []),
        ([None, 1, None, 2, 3, None], [(1, [1]), (3, [2, 3])], [(0, 1), (2, 3), (5, 6)]),
    ],
)
def test_stretches_and_gaps_are_the_whole(values: list[float | None], parts: list[Any], holes: list[Any]) -> None:
    assert stretches(values) == parts
    assert gaps(values) == holes


def test_thinned_means_and_gaps() -> None:
    assert thinned([1, 2, 3], 3) == [1, 2, 3]
    assert thinned([1, 3, None, None, None, 5, 7, None], 4) == [2, None, 5, 7]
    assert len(thinned([0.5] * 11000)) <= 96
    assert thinned([None] * 1000) == [None] * 91


@pytest.mark.parametrize(
    ("values", "top", "path"),
    [
        ([0, 1, 1, 0], 1, "M0 48l4-48h4l4 48"),
        ([5, 5], 0, "M0 48h4"),
        ([2], 1, "M0 0h0"),
        ([-1], 1, "M0 48h0"),
    ],
)
def test_line(values: list[float | None], top: float, path: str) -> None:
    assert line(values, top) == path


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (0.34, 0.4), (9.99, 10), (12.3, 15), (101, 150), (3300, 4000), (99999, 100000)]
)
def test_the_upper_edge_is_round_and_not_below(most: float, top: float) -> None:
    assert nice_top([None, most]) == pytest.approx(top)


def test_elements_escape_what_is_not_markup() -> None:
    assert content("<", Markup("<b>"), None, ["&", ["x"]]) == "&lt;<b>&amp;x"
    assert (
        element("p", "a", class_='"x"', aria_label="é", hidden=True, id=None)
        == '<p class="&quot;x&quot;" aria-label="é" hidden>a</p>'
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.percent(0.004), "0.4 %"),
        (words.percent(0.0), "0 %"),
        (words.percent(0.42), "42 %"),
        (words.percent(None), "unknown"),
        (words.watts(363300), "363.30 kW"),
        (words.number(-0.001, 2), "0"),
        (words.money(1234.5, "USD", "h"), "1,234.50 USD/h"),
        (words.money(2, "", "h"), "2.00 per h"),
        (words.sum_of(Sum(3, 1, 2)), "at least 3"),
        (words.sum_of(Sum(None, 2, 2)), "unknown"),
        (words.sum_of(Sum(0, 1, 2)), "unknown"),
        (words.sum_of(Sum(0, 0, 2)), "0"),
        (words.cell_of(Sum(None, 0, 0)), "–"),
        (words.sum_of_watts(Sum(1500, 1, 2)), "at least 1.50 kW"),
        (words.count(2.5), "2.5"),
        (words.last(86400), "last day"),
        (words.last(7200), "last 2 hours"),
        (words.moment(0), "1970-01-01 00:00 UTC"),
        (words.about(Figure(1, "W", 60, "Kepler (a)", 0.5, "1 of 2 nodes have no data")), "Kepler (a); coverage 50 %; 1 of 2 nodes have no data"),
    ],
)  # fmt: skip
def test_words(said: str, expected: str) -> None:
    assert said == expected
