# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark of a green run: written for a commit, never for what lies beside it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools import gates, green
from tools.checks import Gate, Result

NOW = datetime(2026, 11, 30, 9, 0, 5, tzinfo=UTC)


def git(folder: Path, *arguments: str) -> None:
    """Run git as a user of its own."""
    who = ["-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def repository(folder: Path) -> Path:
    """A repository with one commit."""
    git(folder, "init", "--quiet")
    (folder / "file").write_text("one")
    git(folder, "add", "file")
    git(folder, "commit", "--quiet", "-m", "one")
    return folder


def test_a_commit_counts_only_where_the_work_tree_is_what_it_says(tmp_path: Path) -> None:
    """A changed file and a new one each spoil it."""
    folder = repository(tmp_path)
    commit = green.committed(folder)
    assert len(commit) == 40
    (folder / "file").write_text("two")
    assert green.committed(folder) == ""
    (folder / "file").write_text("one")
    assert green.committed(folder) == commit
    (folder / "new").write_text("")
    assert green.committed(folder) == ""


def test_no_repository_is_no_commit(tmp_path: Path) -> None:
    """A folder without commits has none."""
    git(tmp_path, "init", "--quiet")
    assert green.committed(tmp_path) == ""


def test_the_mark_says_commit_and_time(tmp_path: Path) -> None:
    """One line, readable by `read commit time`."""
    mark = tmp_path / "build" / "green"
    green.keep("abc", "abc", NOW, mark)
    assert mark.read_text() == "abc 2026-11-30T09:00:05+00:00\n"
    green.begin(mark)
    green.begin(mark)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [("", "abc", "not committed"), ("abc", "", "not committed"), ("abc", "def", "changed during the run")],
)
def test_without_one_commit_there_is_no_mark(tmp_path: Path, before: str, after: str, why: str) -> None:
    """And the run says why."""
    mark = tmp_path / "green"
    assert why in green.keep(before, after, NOW, mark)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("names", "targets", "failures", "left"),
    [
        ([], "", 0, "new"),
        ([], "", 1, None),
        (["style"], "", 0, "old"),
        (["style"], "", 1, "old"),
        ([], "magnum_cluster", 0, "old"),
    ],
    ids=["whole and green", "whole and red", "one gate", "one red gate", "one target"],
)
def test_only_a_whole_run_touches_the_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], targets: str, failures: int, left: str | None
) -> None:
    """A red whole run leaves none; a part of the gates leaves the mark as it was."""
    mark = tmp_path / "green"
    mark.write_text("old")
    monkeypatch.setenv("TARGETS", targets)
    monkeypatch.setattr(gates, "GATES", (Gate("style", lambda _context: Result(1, failures, "files")),))
    monkeypatch.setattr(gates, "say", lambda line: None)
    monkeypatch.setattr(gates.signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(green, "committed", lambda: "new")
    keep, begin = green.keep, green.begin
    monkeypatch.setattr(green, "keep", lambda before, after, now: keep(before, after, now, mark))
    monkeypatch.setattr(green, "begin", lambda: begin(mark))
    assert gates.main(names) == min(failures, 1)
    assert (mark.read_text().split()[0] if mark.exists() else None) == left
