# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets and scenarios: which are repeated, what is flaky, and how many of those a run may have."""

from __future__ import annotations

import pytest

from tools import checks, gates, pieces
from tools.checks import Context, Result
from tools.cloud import Cloud
from tools.commands import Finished
from tools.pieces import FAILED, FLAKY, MOST_FLAKY, MOST_REPEATED, OK, Piece

PASSES = Finished(0, "testhost : ok=3 changed=1 unreachable=0 failed=0\n", 10.0)
BREAKS = Finished(
    2, "TASK [t : Look] ***\nfatal: [testhost]: FAILED! => {}\ntesthost : ok=2 changed=0 unreachable=0 failed=1\n", 5.0
)
NOTHING = Finished(0, "no play at all", 1.0)


def answers(*failing: str, always: bool = False) -> tuple[pieces.Work, list[str]]:
    """Work that fails for these names, at the first try or at each; and the list of calls that it keeps."""
    calls: list[str] = []

    def work(name: str, _lane: int, log_end: str) -> Finished:
        calls.append(name + log_end)
        return BREAKS if name in failing and (always or not log_end) else PASSES

    return work, calls


def quiet(_line: str) -> None:
    """Print nothing."""


def test_only_a_failed_piece_is_repeated_once_and_after_the_others() -> None:
    """The repetition begins when no lane is busy, and has a log of its own."""
    work, calls = answers("b")
    ran = pieces.run_pieces(["b", "a", "c"], work, quiet)
    assert [(piece.name, piece.state) for piece in ran] == [("a", OK), ("b", FLAKY), ("c", OK)]
    assert sorted(calls[:-1]) == ["a", "b", "c"]
    assert calls[-1] == "b-again"
    assert ran[1].seconds == BREAKS.seconds + PASSES.seconds
    assert ran[1].brief == ["b: t : Look: fatal: [testhost]: FAILED! => {}"]


def test_a_piece_that_fails_twice_has_failed() -> None:
    """It is reported with the output of its last try."""
    work, calls = answers("a", always=True)
    [piece] = pieces.run_pieces(["a"], work, quiet)
    assert calls == ["a", "a-again"]
    assert piece.state == FAILED
    assert "FAILED!" in piece.details


def test_a_run_without_tasks_is_no_pass() -> None:
    """Neither at first nor as the repetition of a failure."""
    ran = pieces.run_pieces(["a"], lambda _name, _lane, log_end: NOTHING if log_end else BREAKS, quiet)
    assert ran[0].state == FAILED
    assert "no task was run" in ran[0].details


def test_many_failures_are_not_repeated() -> None:
    """A cloud that is down fails everything: that is not chance."""
    names = [f"n{number}" for number in range(MOST_REPEATED + 1)]
    work, calls = answers(*names)
    assert {piece.state for piece in pieces.run_pieces(names, work, quiet)} == {FAILED}
    assert len(calls) == len(names)


def piece(name: str, state: str, seconds: float = 1.0) -> Piece:
    """A piece that ran."""
    return Piece(name, state, seconds, 3, "", BREAKS.output)


def row(*ran: Piece) -> gates.Row:
    """A gate with these pieces."""
    wrong = sum(not one.good for one in ran)
    brief = tuple(line for one in ran if not one.good for line in one.brief)
    return gates.Row("integration", Result(len(ran) - wrong, wrong, "targets", "", "", brief, tuple(ran)), 9.0)


@pytest.mark.parametrize(("count", "bad"), [(0, False), (MOST_FLAKY, False), (MOST_FLAKY + 1, True)])
def test_a_few_flaky_ones_pass_more_fail(count: int, bad: bool) -> None:
    """They are added up over the gates."""
    rows = [row(piece("steady", OK)), *(row(piece(f"f{number}", FLAKY)) for number in range(count))]
    found = gates.too_flaky(rows)
    assert bool(found) is bad
    assert all(not one.good and "f0" in one.result.details for one in found)


def test_the_end_names_the_flaky_and_ranks_the_slowest() -> None:
    """Ten pieces at most, the longest first, over all gates; the counts are the last line."""
    many = [piece(f"p{number:02}", OK, number) for number in range(12)]
    lines = gates.closing([row(*many), row(piece("shaky", FLAKY, 50.0))])
    ranking = lines[lines.index(next(line for line in lines if line.startswith("slowest"))) + 1 :][: pieces.SLOWEST]
    assert [line.split() for line in ranking[:2]] == [["shaky", "flaky", "50"], ["p11", "ok", "11"]]
    assert len([line for line in lines if line.startswith("p")]) == pieces.SLOWEST - 1
    assert "flaky (failed in the lanes, passed alone): shaky" in lines
    assert any(line.startswith("FLAKY shaky: t : Look") for line in lines)
    assert lines[-1] == "13 passed, 0 failed"


def test_a_gate_counts_a_flaky_piece_as_passed_and_a_failed_one_not() -> None:
    """What failed is printed whole; what was flaky is not."""

    def work(name: str, _lane: int, log_end: str) -> Finished:
        return PASSES if name == "good" or (name == "shaky" and log_end) else BREAKS

    said: list[str] = []
    result = checks.in_parallel(Context(Cloud(), say=said.append), "targets", ["good", "shaky", "bad"], work)
    assert (result.passed, result.failed) == (2, 1)
    assert "--- bad ---" in result.details
    assert "--- shaky ---" not in result.details
    assert [line.split(":")[0] for line in result.brief] == ["bad"]
    assert any("shaky" in line and "flaky" in line for line in said)
