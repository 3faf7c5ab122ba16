# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a run of the suite, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tests.faults.check import Verdict


def summary(verdicts: Sequence[Verdict], seconds: float) -> str:
    """A few lines for the terminal: what failed, and how long it took."""
    failed = [verdict for verdict in verdicts if not verdict.ok]
    lines = [f"{len(verdicts)} checks in {seconds:.0f} s, {len(failed)} wrong"]
    lines += [f"  {verdict.name}: {'; '.join(verdict.wrong)[:400]}" for verdict in failed]
    return "\n".join(lines)


def markdown(verdicts: Sequence[Verdict], tier: int) -> str:
    """The whole table."""
    failed = sum(not verdict.ok for verdict in verdicts)
    head = [
        f"Tier {tier}, {date.today().isoformat()}: {len(verdicts)} checks, {failed} wrong.",
        "",
        "| check | outcome | seconds | writes sent | |",
        "|---|---|---|---|---|",
    ]
    rows = [
        f"| {one.name} | {one.outcome} | {one.seconds:.0f} | {one.writes} | {'ok' if one.ok else '; '.join(one.wrong)[:200]} |"
        for one in verdicts
    ]
    return "\n".join([*head, *rows, ""])
