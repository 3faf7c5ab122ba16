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


@pytest.mark.usefixtures("quick")
def test_a_file_without_lines_shows_nothing(tmp_path: Path) -> None:
    """A module that had nothing to wait for."""
    path, shown, stopped = tmp_path / "lines", [], threading.Event()
    path.touch()
    stopped.set()
    live_progress.follow(str(path), shown.append, stopped)
    assert shown == []
