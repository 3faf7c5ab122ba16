# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running gates: what counts as passed, and that nothing at all never does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tools import checks, gates
from tools.checks import Context, Gate, Result, verdict
from tools.cloud import Cloud
from tools.commands import Finished
from tools.lanes import LANES, Done, in_lanes
from tools.results import Counts

GOOD = Finished(0, "all is well", 1.0)
BAD = Finished(2, "it broke", 1.0)


class NoCloud(Cloud):
    """A cloud that answers what it is ordered to, without starting anything."""

    def __init__(self, problem: str = "") -> None:
        super().__init__()
        self.problem = problem

    def ready(self) -> str:
        """Whether it came up, as ordered."""
        return self.problem


def context(*targets: str, problem: str = "") -> Context:
    """A context for gates that must not print or start anything."""
    return Context(NoCloud(problem), targets, say=lambda line: None)


@pytest.mark.parametrize(
    ("tests", "finished", "problems", "failed"),
    [
        (Counts(3), GOOD, [], 0),
        (Counts(0), GOOD, [], 1),
        (Counts(3), BAD, [], 1),
        (Counts(2, 1), BAD, [], 1),
        (Counts(3), GOOD, ["a warning"], 1),
    ],
)
def test_verdict(tests: Counts, finished: Finished, problems: list[str], failed: int) -> None:
    """No tests, a bad exit and a complaint each fail; a failed test is not counted again for its exit code."""
    result = verdict("tests", tests, finished, problems)
    assert result.failed == failed
    assert bool(result.details) is (failed > 0)


def test_nothing_to_run_fails_where_something_should_be() -> None:
    """Modules without integration targets fail; no modules and no targets do not."""
    assert checks.nothing("targets", context(), True, "modules, but no targets").failed == 1
    assert checks.nothing("targets", context(), False, "modules, but no targets").failed == 0


def test_a_broken_gate_is_a_failed_gate() -> None:
    """The other gates go on, and the table says so."""

    def broken(_context: Context) -> Result:
        raise ValueError("no such thing")

    row = gates.run_gate(Gate("broken", broken), context())
    assert not row.good
    assert "no such thing" in row.result.details


def test_a_gate_without_its_cloud_fails() -> None:
    """A cloud that did not come up is reported by each gate that needs it."""
    row = gates.run_gate(Gate("needy", lambda _: Result(1, 0, "tests"), needs_cloud=True), context(problem="down"))
    assert row.result.failed == 1
    assert row.result.details == "down"


def test_a_gate_without_its_program_fails() -> None:
    """A tool that cannot be installed is reported, and its gate is not passed by."""
    gate = Gate("picky", lambda _: Result(1, 0, "tests"), programs={"no-such-program": "no-such-package"})
    row = gates.run_gate(gate, context())
    assert row.result.failed == 1
    assert "no-such-package" in row.result.details


def test_gates_keep_their_order_and_unknown_ones_are_refused() -> None:
    """A misspelt gate must not pass by running nothing."""
    assert [gate.name for gate in gates.choose(["sanity", "style"])] == ["style", "sanity"]
    assert len(gates.choose([])) == len(checks.GATES)
    with pytest.raises(SystemExit, match="no such gate: linting"):
        gates.choose(["linting"])
    with pytest.raises(SystemExit, match="no such target or scenario: magnum"):
        gates.choose_targets(["magnum"])


def test_targets_are_chosen_and_long_ones_come_first(tmp_path: Path) -> None:
    """TARGETS picks by name; a long target that started last would keep everybody waiting."""
    for name, length in (("short", 10), ("long", 900), ("other", 90)):
        (tmp_path / name / "tasks").mkdir(parents=True)
        (tmp_path / name / "tasks/main.yml").write_text("#" * length)
    assert checks.chosen(context(), tmp_path.iterdir()) == ["long", "other", "short"]
    assert checks.chosen(context("short", "absent"), tmp_path.iterdir()) == ["short"]


def test_small_gates_run_two_at_a_time_and_the_long_one_first() -> None:
    """A gate that uses one core leaves the other to the next; those that need the machine run alone, after them."""
    running: set[str] = set()
    together: list[set[str]] = []
    begun: list[str] = []
    guard, both = threading.Lock(), threading.Barrier(2)

    def gate(name: str, **more: bool) -> Gate:
        def check(_context: Context) -> Result:
            with guard:
                running.add(name)
                begun.append(name)
            if more:
                both.wait(10)
            with guard:
                together.append(set(running))
            if more:
                both.wait(10)
            running.discard(name)
            return Result(1, 0, "tests")

        return Gate(name, check, **more)

    chosen = [gate("style", one_core=True), gate("unit"), gate("sanity", one_core=True, long=True), gate("faults")]
    rows = gates.run_all(chosen, context())
    assert [row.gate for row in rows] == ["style", "unit", "sanity", "faults"] and all(row.good for row in rows)
    assert together == [{"style", "sanity"}, {"style", "sanity"}, {"unit"}, {"faults"}]
    assert set(begun[:2]) == {"sanity", "style"} and begun[2:] == ["unit", "faults"]


def test_table_shows_every_row() -> None:
    """One line a gate, its numbers in it."""
    rows = [gates.Row("unit", Result(7, 0, "tests", "1 skipped"), 2.4), gates.Row("lint", Result(0, 3, "files"), 1)]
    lines = gates.table(rows).splitlines()
    assert lines[1].split() == ["unit", "ok", "2", "7", "0", "tests", "(1", "skipped)"]
    assert lines[2].split() == ["lint", "FAILED", "1", "0", "3", "files"]


def test_lanes_are_never_shared_and_survive_an_error() -> None:
    """Each lane holds one piece of work at a time, and every piece is reported once."""
    busy: set[int] = set()
    guard = threading.Lock()
    reported: list[Done] = []

    def work(name: str, lane: int) -> Finished:
        with guard:
            assert lane not in busy
            busy.add(lane)
        try:
            if name == "bad":
                raise OSError("disk full")
            return GOOD
        finally:
            with guard:
                busy.remove(lane)

    names = ["bad", *(str(number) for number in range(LANES * 4))]
    done = in_lanes(names, work, reported.append)
    assert sorted(piece.name for piece in done) == sorted(names)
    assert len(reported) == len(names)
    assert [piece.name for piece in done if not piece.finished.ok] == ["bad"]
    assert "disk full" in next(piece.finished.output for piece in done if piece.name == "bad")
