# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the gates one after the other, and close with a table and one plain line: `make test`.

    python -m tools.gates                 all of them
    python -m tools.gates sanity lint     some
    TARGETS=magnum_cluster python -m tools.gates integration
    MAGNUM=20 python -m tools.gates       what there is against Magnum 20 beside the cloud's own

The test cloud starts in the background while the static gates run, and is taken down at the end if this run started it.
A full run that passed on a clean work tree leaves `.build/green` (see tools/green.py).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

from tools import green, magnums
from tools.bootstrap import apt_install
from tools.checks import GATES, SCENARIOS, TARGETS, Context, Gate, Result, releases
from tools.cloud import Cloud
from tools.commands import Stopped, stop_all
from tools.pieces import MOST_FLAKY, Piece, flaky, slowest

LONGEST_DETAILS = 20_000


@dataclass(frozen=True)
class Row:
    """One line of the closing table."""

    gate: str
    result: Result
    seconds: float

    @property
    def good(self) -> bool:
        """Whether nothing failed."""
        return self.result.failed == 0


def say(line: str) -> None:
    """Print at once: a log that is read while it grows must not lag."""
    print(line, flush=True)


def choose(names: list[str], release: str = magnums.OWN) -> list[Gate]:
    """The gates of these names in their own order; without a name all, for another Magnum those that need the cloud."""
    unknown = set(names) - {gate.name for gate in GATES}
    if unknown:
        raise SystemExit(f"no such gate: {', '.join(sorted(unknown))}; there are {', '.join(g.name for g in GATES)}")
    return [gate for gate in GATES if (gate.name in names if names else _runs(gate, release))]


def _runs(gate: Gate, release: str) -> bool:
    """Whether a run that names no gates has this one."""
    return release == magnums.OWN or (gate.needs_cloud and not gate.own_only)


def choose_targets(names: list[str]) -> tuple[str, ...]:
    """The integration targets and molecule scenarios of these names or labels, as in `magnum20/magnum_cluster`."""
    folders = {path.name for folders in (TARGETS, SCENARIOS) for path in folders.folders()}
    known = {magnums.label(release, name) for release in magnums.RELEASES for name in folders}
    if unknown := set(names) - known:
        raise SystemExit(f"no such target or scenario: {', '.join(sorted(unknown))}")
    return tuple(names)


def run_gate(gate: Gate, context: Context) -> Row:
    """Run one gate; an error in the gate itself is its failure."""
    say(f"[{time.strftime('%H:%M:%S')}] {gate.name} ...")
    started = time.monotonic()
    try:
        missing = gate.lacks()
        problem = f"{', '.join(missing)} is missing: install {', '.join(missing.values())} as root" if missing else ""
        if gate.needs_cloud and not problem:
            problem = context.cloud.ready()
        result = Result(0, 1, "gate", "", problem) if problem else gate.check(context)
    except Stopped:
        raise
    except Exception as error:  # noqa: BLE001 - the other gates still have something to say
        result = Result(0, 1, "gate", "", f"the gate broke: {error!r}")
    row = Row(gate.name, result, time.monotonic() - started)
    say(f"    {gate.name} {outcome(row)}, {row.seconds:.0f} s")
    return row


def run_all(gates: Sequence[Gate], context: Context) -> list[Row]:
    """Run the gates; the rows have their order. Those that keep one core busy run first, two at a time, the longest first."""
    small = sorted((gate for gate in gates if gate.one_core), key=lambda gate: not gate.long)
    rows: dict[str, Row] = {}
    with ThreadPoolExecutor(2) as pool:
        rows.update({row.gate: row for row in pool.map(lambda gate: run_gate(gate, context), small)})
    rows.update({gate.name: run_gate(gate, context) for gate in gates if not gate.one_core})
    return [rows[gate.name] for gate in gates]


def outcome(row: Row) -> str:
    """A gate's result in a few words."""
    counts = f"{row.result.passed} {row.result.unit} passed"
    return f"ok: {counts}" if row.good else f"FAILED: {row.result.failed} failed, {counts}"


def table(rows: Sequence[Row]) -> str:
    """The closing table."""
    lines = [f"{'gate':<12} {'result':<7} {'seconds':>7} {'passed':>7} {'failed':>7}  of what"]
    for row in rows:
        state = "ok" if row.good else "FAILED"
        what = f"{row.result.unit} ({row.result.note})" if row.result.note else row.result.unit
        numbers = f"{row.seconds:7.0f} {row.result.passed:7} {row.result.failed:7}"
        lines.append(f"{row.gate:<12} {state:<7} {numbers}  {what}")
    return "\n".join(lines)


def pieces_of(rows: Sequence[Row]) -> list[Piece]:
    """The targets and scenarios of all gates."""
    return [piece for row in rows for piece in row.result.pieces]


def too_flaky(rows: Sequence[Row], most: int = MOST_FLAKY) -> list[Row]:
    """A failed row where more pieces passed only alone than may; else none."""
    names = flaky(pieces_of(rows))
    if len(names) <= most:
        return []
    what = f"{len(names)} targets or scenarios passed only alone, {most} may: {', '.join(names)}"
    return [Row("flaky", Result(0, 1, "check", "", what, (what,)), 0)]


def closing(rows: Sequence[Row]) -> list[str]:
    """The end of the run's output: tables of gates and of the slowest pieces, the flaky ones, and the counts."""
    pieces = pieces_of(rows)
    lines = ["", table(rows)]
    if ranking := slowest(pieces):
        lines += ["", *ranking]
    lines.append("")
    # Once more beside the table: of a long log often only the end is kept
    lines += [f"FAILED {line}" for row in rows for line in row.result.brief]
    lines += [f"FLAKY {line}" for piece in pieces if piece.good for line in piece.brief]
    if names := flaky(pieces):
        lines.append(f"flaky (failed in the lanes, passed alone): {', '.join(names)}")
    passed, wrong = sum(row.result.passed for row in rows), sum(row.result.failed for row in rows)
    return [*lines, f"{passed} passed, {wrong} failed"]


def shortened(text: str) -> str:
    """The end of a long text, where tools say what was wrong."""
    return text if len(text) <= LONGEST_DETAILS else f"(... the whole is in .build/logs)\n{text[-LONGEST_DETAILS:]}"


def stop_on_signal(number: int, _frame: FrameType | None) -> None:
    """End what runs; the cloud is taken down at the end."""
    stop_all()
    raise SystemExit(128 + number)


def main(names: list[str]) -> int:
    """Run the gates; returns the exit code."""
    release = magnums.checked(os.environ.get("MAGNUM", ""))
    gates, targets = choose(names, release), choose_targets(os.environ.get("TARGETS", "").split())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on_signal)
    cloud = Cloud(releases(Context(Cloud(), targets, release), gates))
    context = Context(cloud, targets, release, say)
    whole = not names and not targets and release == magnums.OWN
    began_at = green.committed() if whole else ""
    if whole:
        green.begin()
    rows: list[Row] = []
    # Before the cloud starts: it installs packages too, and Debian lets one do so at a time
    if missing := sorted({package for gate in gates for package in gate.lacks().values()}):
        apt_install(*missing)
    try:
        if any(gate.needs_cloud for gate in gates):
            say(cloud.start())
        rows += run_all(gates, context)
    finally:
        if problem := cloud.finish():
            rows.append(Row("cloud", Result(0, 1, "gate", "", problem), 0))
    rows += too_flaky(rows)
    for row in rows:
        if not row.good:
            say(f"\n===== {row.gate} failed =====\n{shortened(row.result.details)}")
    wrong = any(not row.good for row in rows)
    for line in (cloud.took, green.keep(began_at, green.committed(), datetime.now(UTC)) if whole and not wrong else ""):
        if line:
            say(line)
    for line in closing(rows):
        say(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
