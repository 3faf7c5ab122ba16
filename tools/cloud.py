# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test cloud as the gates need it: brought up in the background, and taken down again by whoever brought it up."""

from __future__ import annotations

import sys
import threading

from tools.commands import Finished, Stopped, run
from tools.places import CLOUDS_YAML, DEVCLOUD_YAML, tools_environment

SECONDS_TO_START = 1800
SECONDS_TO_STOP = 300
SECONDS_TO_LOG_IN = 60
LOG_IN = "import openstack; openstack.connect(cloud='devcloud').authorize()"


class Cloud:
    """The devcloud. `start` returns at once, `ready` waits, `finish` leaves things as they were found."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._problem = ""
        self._seconds = 0.0

    def start(self) -> str:
        """Bring the cloud up in the background, unless it is up or another one is meant; returns what is done."""
        if CLOUDS_YAML != DEVCLOUD_YAML:
            return f"the cloud of {CLOUDS_YAML} is used"
        if self._devcloud("status", "devcloud-status", 60).ok:
            return "the test cloud is up, and stays up"
        self._thread = threading.Thread(target=self._up, name="devcloud", daemon=True)
        self._thread.start()
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
        """Take the cloud down if this object brought it up, also when that failed half-way; returns what went wrong."""
        if not self._thread:
            return ""
        self._thread.join()
        down = self._devcloud("down", "devcloud-down", SECONDS_TO_STOP, even_when_stopping=True)
        self._thread = None
        return "" if down.ok else f"the test cloud could not be taken down:\n{down.output}"

    def _up(self) -> None:
        try:
            up = self._devcloud("up", "devcloud-up", SECONDS_TO_START)
        except Stopped:
            return
        self._seconds = up.seconds
        if not up.ok:
            self._problem = f"the test cloud did not come up:\n{up.output}"

    @staticmethod
    def _devcloud(verb: str, log: str, seconds: float, even_when_stopping: bool = False) -> Finished:
        return run(
            [sys.executable, "-m", "devcloud", verb],
            log=log,
            environment=tools_environment(),
            seconds=seconds,
            even_when_stopping=even_when_stopping,
        )
