# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Following a file of lines while it grows."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils import live_progress


@pytest.fixture(name="quick")
def fixture_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than a person needs."""
    monkeypatch.setattr(live_progress, "LOOK_EVERY_S", 0.01)


@pytest.mark.usefixtures("quick")
def test_lines_are_shown_while_the_file_grows(tmp_path: Path) -> None:
    """Each as soon as it is whole, and the last ones although the end comes at once after them."""
    path, shown, stopped = tmp_path / "lines", [], threading.Event()
    path.touch()
    follower = threading.Thread(target=live_progress.follow, args=(str(path), shown.append, stopped))
    follower.start()
    with path.open("a", encoding="utf-8") as stream:
        stream.write("one\ntw")
        stream.flush()
        until = time.monotonic() + 5
        while shown != ["one"] and time.monotonic() < until:
            time.sleep(0.01)
        assert shown == ["one"]
        stream.write("o\nthree\n")
    stopped.set()
    follower.join(5)
    assert shown == ["one", "two", "three"] and not follower.is_alive()


class Queue:
    """What a process that Ansible has forked sends to the one that displays."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def send_display(self, method: str, text: str, color: str) -> None:
        self.sent.append((method, text, color))


def test_a_forked_process_displays_by_the_queue_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """ansible-runner wraps `display` and writes to the process' output: with Ansible 2.18 its lock is never free for a thread."""
    queue, displayed = Queue(), []
    monkeypatch.setattr(
        type(live_progress.display), "display", lambda _self, text, color: displayed.append((text, color))
    )
    monkeypatch.setattr(live_progress.display, "_final_q", queue)
    live_progress.show("a line")
    assert (queue.sent, displayed) == ([("display", "a line", "bright gray")], [])
    monkeypatch.setattr(live_progress.display, "_final_q", None)
    live_progress.show("another")
    assert displayed == [("another", "bright gray")] and len(queue.sent) == 1


@pytest.mark.usefixtures("quick")
def test_a_file_without_lines_shows_nothing(tmp_path: Path) -> None:
    """A module that had nothing to wait for."""
    path, shown, stopped = tmp_path / "lines", [], threading.Event()
    path.touch()
    stopped.set()
    live_progress.follow(str(path), shown.append, stopped)
    assert shown == []
