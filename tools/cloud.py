# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test cloud as the gates need it: brought up in the background, and taken down again by whoever brought it up."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable

from tools.commands import Finished, Stopped, run
from tools.places import CLOUDS_YAML, DEVCLOUD_YAML, tools_environment

SECONDS_TO_START = 1800
SECONDS_TO_STOP = 300
SECONDS_TO_LOG_IN = 60
# A line of `devcloud status` for a process that runs: name and pid
RUNNING = re.compile(r"^\S+ +\d+ ", re.MULTILINE)
LOG_IN = "import openstack; openstack.connect(cloud='devcloud').authorize()"


class Cloud:
    """The devcloud. `start` returns at once, `ready` waits, `finish` leaves things as they were found.

    :param releases: the Magnums that are needed beside the cloud's own.
    """

    def __init__(self, releases: Iterable[str] = ()) -> None:
        self._releases = list(releases)
        self._added: list[str] = []
        self._was_up = False
        self._thread: threading.Thread | None = None
        self._problem = ""
        self._seconds = 0.0

    def start(self) -> str:
        """Bring the cloud up in the background, unless it is up or another one is meant; returns what is done."""
        if CLOUDS_YAML != DEVCLOUD_YAML:
            return f"the cloud of {CLOUDS_YAML} is used"
        status = self._devcloud(["status"], "devcloud-status", 60)
        self._added = [release for release in self._releases if f"magnum{release} " not in status.output]
        # One that is slow to answer is repaired by `up`, but whoever started it goes on using it
        self._was_up = bool(RUNNING.search(status.output))
        if status.ok and not self._added:
            return "the test cloud is up, and stays up"
        self._thread = threading.Thread(target=self._up, name="devcloud", daemon=True)
        self._thread.start()
        if self._added and self._was_up:
            return f"the test cloud is up, and gets Magnum {', '.join(self._added)} beside its own in the background"
        if self._was_up:
            return "the test cloud is up in part: the rest is started in the background, and all stays up"
        return "the test cloud is started in the background"

    @property
    def took(self) -> str:
        """How long it took to come up, where this object brought it up."""
        return f"the test cloud came up in {self._seconds:.0f} s" if self._seconds else ""

    def ready(self) -> str:
        """Wait until the cloud answers; returns what went wrong, or nothing."""
        if self._thread:
            self._thread.join()
        if not self._problem and not CLOUDS_YAML.is_file():
            self._problem = f"the test cloud left no {CLOUDS_YAML}"
        return self._problem or self._login()

    @staticmethod
    def _login() -> str:
        """What keeps the tests from logging in: one clear answer now in place of one failure per target."""
        asked = run(
            [sys.executable, "-c", LOG_IN], log="log-in", environment=tools_environment(), seconds=SECONDS_TO_LOG_IN
        )
        why = asked.output.strip().rpartition("\n")[2]
        return "" if asked.ok else f"nobody can log in to 'devcloud' of {CLOUDS_YAML}: {why}"

    def finish(self) -> str:
        """Take down what this object brought up, also when that failed half-way; returns what went wrong."""
        if not self._thread:
            return ""
        self._thread.join()
        self._thread = None
        commands = [["down", *self._magnum_options()]] if self._added else []
        commands += [] if self._was_up else [["down"]]
        for command in commands:
            down = self._devcloud(command, "devcloud-down", SECONDS_TO_STOP, even_when_stopping=True)
            if not down.ok:
                return f"the test cloud could not be taken down:\n{down.output}"
        return ""

    def _magnum_options(self) -> list[str]:
        return [word for release in self._added for word in ("--magnum", release)]

    def _up(self) -> None:
        try:
            up = self._devcloud(["up", *self._magnum_options()], "devcloud-up", SECONDS_TO_START)
        except Stopped:
            return
        self._seconds = up.seconds
        if not up.ok:
            self._problem = f"the test cloud did not come up:\n{up.output}"

    @staticmethod
    def _devcloud(words: list[str], log: str, seconds: float, even_when_stopping: bool = False) -> Finished:
        return run(
            [sys.executable, "-m", "devcloud", *words],
            log=log,
            environment=tools_environment(),
            seconds=seconds,
            even_when_stopping=even_when_stopping,
        )
