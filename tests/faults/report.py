# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a run of the suite, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from tests.faults.check import Verdict
from tests.faults.rows import FAULTS, VERBS

# Checks that are reported one by one, and those that are counted
CRASHES = "crash: "
COUNTED = {
    "kill ": "runs killed",
    "pair ": "pairs of runs at once",
    "input: ": "batches of 20 runs with bad input",
    "names": "names",
}


def summary(verdicts: Sequence[Verdict], seconds: float) -> str:
    """A few lines for the terminal: what failed, and how long it took."""
    failed = [verdict for verdict in verdicts if not verdict.ok]
    lines = [f"{len(verdicts)} checks in {seconds:.0f} s, {len(failed)} wrong"]
    lines += [f"  {verdict.name}: {'; '.join(verdict.wrong)[:400]}" for verdict in failed]
    return "\n".join(lines)


def markdown(verdicts: Sequence[Verdict], tier: int) -> str:
    """Faults by verbs, then the other checks. A cell is `ok`, the failure code that was right, or what was wrong."""
    failed = sum(not verdict.ok for verdict in verdicts)
    known = {verdict.name: verdict for verdict in verdicts}
    verbs = [name for name in VERBS if any(f"{name}: {fault}" in known for fault in FAULTS)]
    lines = [f"Tier {tier}, {date.today().isoformat()}: {len(verdicts)} checks, {failed} wrong.", ""]
    if verbs:
        lines += _table(
            ("fault", *verbs),
            ([fault, *(_cell(known.get(f"{name}: {fault}")) for name in verbs)] for fault in FAULTS),
        )
    crashes = [verdict for verdict in verdicts if verdict.name.startswith(CRASHES)]
    if crashes:
        reported = ([one.name.removeprefix(CRASHES), one.outcome, f"{one.seconds:.0f}", _cell(one)] for one in crashes)
        lines += _table(("a service crashed", "outcome", "seconds", ""), reported)
    for start, what in COUNTED.items():
        some = [verdict for verdict in verdicts if verdict.name.startswith(start)]
        if some:
            lines.append(f"- {what}: {sum(one.ok for one in some)} of {len(some)} right")
    lines += [f"- wrong: {one.name}: {'; '.join(one.wrong)[:200]}" for one in verdicts if not one.ok]
    return "\n".join([*lines, ""])


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    if not verdict.ok:
        return "WRONG"
    return "ok" if "changed=" in verdict.outcome or not verdict.outcome.isupper() else verdict.outcome


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
