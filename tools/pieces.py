# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integration targets and molecule scenarios: run in lanes, judged, and repeated once where they failed.

A piece that fails in the lanes and passes alone is *flaky*: it counts as passed, is named, and only a few may be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tools import magnums, results
from tools.commands import Finished
from tools.lanes import Done, in_lanes

OK, FLAKY, FAILED = "ok", "flaky", "FAILED"
# More flaky pieces than this fail the run, over all gates
MOST_FLAKY = 2
# With more failures than this chance is not the cause, and a repetition of each would only cost time
MOST_REPEATED = 5
SLOWEST = 10

# Name of the piece, number of the lane, end of the log's name
Work = Callable[[str, int, str], Finished]


@dataclass(frozen=True)
class Piece:
    """One target or scenario. `seconds` are those of all its tries, `output` is the last try's, `first` the first's."""

    name: str
    state: str
    seconds: float
    tasks: int
    output: str = ""
    first: str = ""

    @property
    def good(self) -> bool:
        """Whether it passed, at once or alone."""
        return self.state != FAILED

    @property
    def details(self) -> str:
        """The whole output of a piece that failed, for the log."""
        return f"--- {self.name} ---\n{self.output}" + ("" if self.tasks else "\nno task was run")

    @property
    def brief(self) -> list[str]:
        """The broken tasks of a piece that is not plainly ok, a line each."""
        text = self.output if self.state == FAILED else self.first
        if self.state == OK:
            return []
        last = results.broken_tasks(text) or [text.strip()[-500:]]
        return [f"{self.name}: {what}" for what in last]


def judge(done: Done) -> Piece:
    """What one run of a piece is worth: it must end well, and must have run tasks."""
    tasks = results.recap(done.finished.output).passed
    state = OK if done.finished.ok and tasks else FAILED
    return Piece(done.name, state, done.finished.seconds, tasks, done.finished.output)


def repeated(first: Piece, second: Piece) -> Piece:
    """What a failed piece and its repetition are worth together."""
    state = FLAKY if second.good else FAILED
    return Piece(first.name, state, first.seconds + second.seconds, second.tasks, second.output, first.output)


def run_pieces(names: Iterable[str], work: Work, say: Callable[[str], None]) -> list[Piece]:
    """Run every piece in the lanes, then each that failed once more, alone; returns them by name."""

    def report(piece: Piece) -> None:
        say(f"    {piece.name:<44} {piece.state:<6} {piece.seconds:6.0f} s {piece.tasks:5} tasks ok")

    pieces = {}
    names = list(names)
    twins = {magnums.split(name)[1]: threading.Lock() for name in names}

    def first(name: str, lane: int) -> Finished:
        # The same target against two Magnums makes things of the same names in the one Heat and Neutron
        with twins[magnums.split(name)[1]]:
            return work(name, lane, "")

    for done in in_lanes(names, first, lambda done: report(judge(done))):
        pieces[done.name] = judge(done)
    wrong = [piece for piece in pieces.values() if not piece.good]
    if len(wrong) > MOST_REPEATED:
        say(f"    {len(wrong)} failed: too many to be chance, none is repeated")
        wrong = []
    for piece in wrong:
        say(f"    {piece.name:<44} once more, alone ...")
        [again] = in_lanes([piece.name], lambda name, lane: work(name, lane, "-again"), lambda _done: None)
        pieces[piece.name] = repeated(piece, judge(again))
        report(pieces[piece.name])
    return [pieces[name] for name in sorted(pieces)]


def slowest(pieces: Iterable[Piece], most: int = SLOWEST) -> list[str]:
    """Lines of a table: the pieces that took longest, the longest first."""
    ordered = sorted(pieces, key=lambda piece: (-piece.seconds, piece.name))[:most]
    if not ordered:
        return []
    lines = [f"{piece.name:<44} {piece.state:<7} {piece.seconds:7.0f}" for piece in ordered]
    return [f"{'slowest targets and scenarios':<44} {'result':<7} {'seconds':>7}", *lines]


def flaky(pieces: Iterable[Piece]) -> list[str]:
    """The names of those that passed only alone."""
    return [piece.name for piece in pieces if piece.state == FLAKY]
