# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Live progress of long waits: lines for a person, written by the module, shown by the action plugin.

A module cannot print. The action plugin names a file in the environment, tails it while the module runs, and shows
each line as it comes. Without that file (the module runs on another host, or the user asked for quiet) lines go nowhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

ENVIRONMENT_VARIABLE = "KCLOUD_PROGRESS_FILE"
HEARTBEAT_S = 30.0


class Progress:
    """Says a line when something changed, and the same thing again only every 30 s.

    :param write: takes one line without its newline; None when nobody listens.
    :param clock: seconds, monotonic.
    """

    def __init__(self, write: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._last_said: dict[str, tuple[str, float]] = {}

    @property
    def heard(self) -> bool:
        """Whether anybody listens: what only makes a line nicer need not be asked of the cloud when nobody does."""
        return self._write is not None

    def say(self, subject: str, state: str, elapsed_s: float | None = None, limit_s: float | None = None) -> None:
        """Report that ``subject`` is in ``state``; the times are shown but do not count as a change."""
        if self._write is None:
            return
        now = self._clock()
        last_state, last_at = self._last_said.get(subject, ("", float("-inf")))
        if state == last_state and now - last_at < HEARTBEAT_S:
            return
        self._last_said[subject] = (state, now)
        times = "" if elapsed_s is None else f" ({elapsed_s:.0f} s" + (f" / {limit_s:.0f} s)" if limit_s else ")")
        self._write(f"{subject}: {state}{times}")


def from_environment(environ: dict[str, str] | None = None) -> Progress:
    """The progress that the action plugin listens to; a silent one when nobody does."""
    path = (os.environ if environ is None else environ).get(ENVIRONMENT_VARIABLE)
    if not path:
        return Progress()

    def write(line: str) -> None:
        # A progress line must never be the reason that a change of the cloud fails half-way.
        try:
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(line.replace("\n", " ") + "\n")
        except OSError:
            pass

    return Progress(write)
