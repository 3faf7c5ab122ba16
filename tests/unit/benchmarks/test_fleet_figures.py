# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of a fleet: medians, ratios, goals, and where the seconds of a call go."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from benchmarks.fleet import breakdown, figures, imports, measures
from benchmarks.fleet.counting import Request
from benchmarks.fleet.figures import FASTER, MEMORY, TO_FLOOR, Goal, Sample


def test_a_sample_is_its_runs_and_how_often_they_count() -> None:
    sample = Sample((3.0, 1.0, 1.5), (50.0, 70.0), {"identity": 2})
    assert (sample.least, sample.median, sample.peak_mb) == (1.0, 1.5, 70.0)
    twice = sample.scaled(4).scaled(0.5)
    # Memory does not grow with a loop, whose tasks follow each other
    assert (twice.least, twice.median, twice.peak_mb, twice.times) == (2.0, 3.0, 70.0, 2.0)


def test_a_sample_without_a_run_says_nothing() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        Sample(())


def test_a_row_compares_medians_and_scales_requests() -> None:
    floor = Sample((2.0,))
    peer = Sample((3.0,), times=20)
    sample = Sample((2.0, 4.0, 3.0), (99.96,), {"container-infra": 22, "identity": 1})
    goals = (Goal(TO_FLOOR, "<=", 1.5), Goal(FASTER, ">=", 21))
    assert figures.row("it", sample, floor=floor, peer=peer, goals=goals, note="as said", declared=20) == {
        "what": "it",
        "declared": 20,
        "runs": 3,
        "min s": 2.0,
        "median s": 3.0,
        TO_FLOOR: 1.5,
        FASTER: 20.0,
        MEMORY: 100.0,
        "requests": "23: container-infra 22, identity 1",
        "goal": "/ floor <= 1.5: reached; coe loop / it >= 21: not reached",
        "note": "as said",
    }
    scaled = figures.row("loop", sample.scaled(10), note="as said")
    assert scaled["requests"] == "230: container-infra 220, identity 10"
    assert scaled["note"] == "extrapolated, 10 times what was measured; as said"
    assert (scaled[TO_FLOOR], scaled[FASTER], scaled["goal"]) == (None, None, None)


def test_a_mean_is_not_called_an_extrapolation() -> None:
    assert figures.row("loop", Sample((6.0,)).scaled(1 / 3))["note"] == "mean of 3"


def test_a_column_without_any_figure_is_left_out() -> None:
    rows = [{"what": "a", "MB": None, "s": 0.0}, {"what": "b", "MB": None, "s": None}]
    assert figures.without_empty_columns(rows) == [{"what": "a", "s": 0.0}, {"what": "b", "s": None}]
    assert figures.without_empty_columns([]) == []


def test_what_was_not_measured_has_neither_ratio_nor_verdict() -> None:
    found = figures.row("it", Sample((1.0,)), goals=(Goal(TO_FLOOR, "<=", 1.5),))
    assert (found["goal"], found["requests"], found[MEMORY]) == ("/ floor <= 1.5: not measured", None, None)
    assert figures.ratio(1.0, 0.0) is None


@pytest.mark.parametrize(
    ("sign", "value", "reached"),
    [("<=", 1.5, True), ("<=", 1.51, False), (">=", 1.5, True), (">=", 1.49, False)],
)
def test_a_goal_includes_its_limit(sign: str, value: float, reached: bool) -> None:
    assert Goal("x", sign, 1.5).is_reached(value) is reached


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([], 0.0),
        ([(0.0, 1.0), (2.0, 4.0)], 3.0),
        # Side by side, one within another, out of order
        ([(3.0, 5.0), (0.0, 4.0), (1.0, 2.0)], 5.0),
    ],
)
def test_time_in_which_requests_overlap_counts_once(spans: list[tuple[float, float]], wanted: float) -> None:
    assert figures.busy_seconds(spans) == wanted


@pytest.mark.parametrize(
    ("count", "samples", "wanted"), [(1, 3, [0]), (3, 3, [0, 1, 2]), (300, 3, [0, 150, 299]), (20, 1, [0])]
)
def test_samples_of_a_loop_are_spread_over_the_fleet(count: int, samples: int, wanted: list[int]) -> None:
    assert figures.spread(count, samples) == wanted


def test_names_sort_as_they_count() -> None:
    assert figures.names("bench-", 2) == ["bench-000", "bench-001"]


def test_imports_are_summed_by_part() -> None:
    text = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       500 |        500 | json\n"
        "a line of the module itself\n"
        "import time:      1000 |       1500 |   openstack.config\n"
        "import time:      2000 |       3500 | openstack\n"
        "import time:       250 |        250 | yaml\n"
        "import time:       100 |        100 | urllib3\n"
        "import time:       100 |        200 | requests\n"
    )
    assert imports.import_seconds(text) == pytest.approx(
        {"openstacksdk": 0.003, "standard library": 0.0005, "other libraries": 0.00025, "requests, urllib3": 0.0002}
    )
    assert "json" in sys.stdlib_module_names


def request(service: str, start: float, end: float) -> Request:
    return Request(service, "GET", "/", 200, start, end)


def test_a_breakdown_adds_up_to_the_process() -> None:
    requests = [request("identity", 0, 1), request("container-infra", 2, 4), request("container-infra", 3, 5)]
    lines = breakdown.rows(10.0, 0.5, {"openstacksdk": 1.5}, requests, plain=8.0, cpu=3.0, with_ansible=12.5)
    found: dict[str, Any] = {line["part"]: (line["s"], line["share"], line["requests"]) for line in lines}
    assert found == {
        "Python's own start": (0.5, "5%", None),
        "import: openstacksdk": (1.5, "15%", None),
        "waiting for container-infra": (3.0, "30%", 2),
        "waiting for identity": (1.0, "10%", 1),
        "waiting for any service": (4.0, "40%", 3),
        "the rest: our code, the clients' own work": (4.0, "40%", None),
        "the process, traced": (10.0, "100%", 3),
        "the process, not traced": (8.0, "80%", None),
        "of it CPU": (3.0, "30%", None),
        "ansible-playbook with this one task, beyond the process": (4.5, "45%", None),
    }


def test_imports_of_an_empty_python_belong_to_its_start() -> None:
    left = breakdown.without({"standard library": 0.5, "openstacksdk": 0.1, "tiny": 0.0004}, {"standard library": 0.2})
    assert left == pytest.approx({"standard library": 0.3, "openstacksdk": 0.1})


def test_creation_is_compared_with_the_longest_one_and_the_floor() -> None:
    one, lists, longest = Sample((8.0, 9.0)), Sample((1.0,)), Sample((11.0, 13.0, 12.0))
    fleet, coe = Sample((15.6,)), Sample((2.0,), times=10)
    rows = {
        line["what"]: line for line in measures.create_rows(20, one, Sample((25.0,)), lists, longest, fleet, None, coe)
    }
    assert rows["longest + floor"]["median s"] == 13.0
    assert (rows["magnum_fleet"][TO_FLOOR], rows["magnum_fleet"]["goal"]) == (1.2, "/ floor <= 1.2: reached")
    # Its loop does not wait: whoever uses it does
    assert rows["the same, then waiting"]["median s"] == 32.0
    assert rows["magnum_fleet"][FASTER] == figures.ratio(32.0, 15.6)
    # What Magnum itself takes for so many is compared with the same
    assert rows["all at once, plain client"][TO_FLOOR] == figures.ratio(25.0, 13.0)
    assert "loop of magnum_cluster" not in rows


def test_without_a_fleet_call_one_alone_stands_for_the_longest() -> None:
    rows = measures.create_rows(20, Sample((8.0, 9.0, 10.0)), Sample((25.0,)), Sample((1.0,)), None, None, None, None)
    assert [line["what"] for line in rows] == [
        "one alone, plain client",
        "all at once, plain client",
        measures.FLOOR,
        "longest + floor",
    ]
    assert rows[-1]["median s"] == 10.0


def test_calls_of_one_contender_are_joined() -> None:
    joined = measures.joined([Sample((1.0,), (5.0,), {"identity": 1}), Sample((2.0,), (6.0,), {"identity": 2})])
    assert joined == Sample((1.0, 2.0), (5.0, 6.0), {"identity": 2})
