# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`.build/green`: "<commit> <ISO time>" of the last full run, if every gate passed on exactly what that commit says.

A full run removes the file when it begins, so that a run that ends half-way leaves none.
"""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

from tools.places import BUILD, ROOT

MARK = BUILD / "green"


def committed(folder: Path = ROOT) -> str:
    """The commit whose files lie in the work tree; nothing where a file differs, is new, or there is no commit."""
    state = _git(folder, "status", "--porcelain", "--untracked-files=all")
    if state is None or state.strip():
        return ""
    return (_git(folder, "rev-parse", "--verify", "HEAD") or "").strip()


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError:
        return None
    return None if done.returncode else done.stdout


def begin(mark: Path = MARK) -> None:
    """Forget the last full run."""
    mark.unlink(missing_ok=True)


def keep(before: str, after: str, now: datetime, mark: Path = MARK) -> str:
    """Write the mark of a full run that passed; `before` and `after` are the commits at its begin and end.

    Returns what is to be said about it: without one and the same commit before and after, nothing is written.
    """
    if not before or not after:
        return "no .build/green: the work tree holds changes that are not committed"
    if before != after:
        return f"no .build/green: the commit changed during the run, from {before[:12]} to {after[:12]}"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(f"{after} {now.isoformat(timespec='seconds')}\n", encoding="utf-8")
    return f".build/green: {after[:12]}"
