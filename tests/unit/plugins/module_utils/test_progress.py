# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live lines: when one is said, how it reads, and that nobody listening costs nothing."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import (
    ENVIRONMENT_VARIABLE,
    HEARTBEAT_S,
    Progress,
    from_environment,
)


class Listener:
    """Keeps the lines; its clock is turned by hand."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 0.0
        self.progress = Progress(self.lines.append, lambda: self.now)


def test_the_same_state_is_said_once() -> None:
    """The times in a line do not make it new."""
    heard = Listener()
    heard.progress.say("cluster 'a'", "CREATE_IN_PROGRESS", 1, 60)
    heard.now = HEARTBEAT_S - 0.1
    heard.progress.say("cluster 'a'", "CREATE_IN_PROGRESS", 30, 60)
    assert heard.lines == ["cluster 'a': CREATE_IN_PROGRESS (1 s / 60 s)"]


def test_a_change_is_said_at_once_and_a_heartbeat_after_a_while() -> None:
    """Each subject has its own memory."""
    heard = Listener()
    heard.progress.say("a", "one")
    heard.progress.say("b", "one", 2.6)
    heard.progress.say("a", "two")
    heard.progress.say("b", "one", 3)
    heard.now = HEARTBEAT_S
    heard.progress.say("b", "one", 30.4)
    assert heard.lines == ["a: one", "b: one (3 s)", "a: two", "b: one (30 s)"]


def test_nobody_listens() -> None:
    """Then it is not heard, and saying is allowed all the same."""
    silent = from_environment({})
    silent.say("a", "one")
    assert not silent.heard and Listener().progress.heard
    assert not from_environment({ENVIRONMENT_VARIABLE: ""}).heard


def test_lines_go_to_the_file_that_the_environment_names(tmp_path: Path) -> None:
    """One line a state, whatever a service's words hold."""
    path = tmp_path / "lines"
    progress = from_environment({ENVIRONMENT_VARIABLE: str(path)})
    progress.say("a", "one\ntwo")
    progress.say("a", "three")
    assert path.read_text(encoding="utf-8") == "a: one two\na: three\n"


def test_a_file_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    """A change of the cloud must not fail half-way for a line."""
    progress = from_environment({ENVIRONMENT_VARIABLE: str(tmp_path / "no" / "such" / "folder")})
    progress.say("a", "one")
    assert progress.heard and list(tmp_path.iterdir()) == []
