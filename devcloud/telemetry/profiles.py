# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How clusters behave over time, so that every mean and every sum can be worked out by hand.

A wave is a square wave: `high` for the first `high_s` seconds of each `period_s`, else `low`. Its integral has a closed form,
so a counter needs no memory: history and the live exporter compute the same value for the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HOUR = 3600


@dataclass(frozen=True)
class Wave:
    """A value over time, in the unit of its user."""

    low: float
    high: float = 0.0
    high_s: int = 0
    period_s: int = HOUR

    def at(self, time: float) -> float:
        """The value at a time in seconds."""
        return self.high if time % self.period_s < self.high_s else self.low

    def integral(self, begin: float, end: float) -> float:
        """The area below the wave between two times: value times seconds.

        >>> Wave(0.0, 1.0, high_s=600).integral(0, 7200)
        1200.0
        """
        return self._area(end) - self._area(begin)

    def _area(self, time: float) -> float:
        periods, rest = divmod(time, self.period_s)
        up = periods * self.high_s + min(rest, self.high_s)
        return self.low * (time - up) + self.high * up


@dataclass(frozen=True)
class Profile:
    """The behaviour of a cluster's workers.

    :param held: share of each node's accelerators that pods request, rounded up to whole ones.
    :param device: utilisation of an accelerator that is requested; the others are at 0.
    :param cpu: utilisation of the CPUs.
    :param memory: share of the memory that is in use.
    :param silent_s: seconds of each hour, at its end, without samples; all of them for a cluster without telemetry.
    :param reset_s: how often the exporters start anew, so that counters begin at 0; 0 for never.
    """

    held: float
    device: Wave
    cpu: Wave
    memory: float = 0.5
    silent_s: int = 0
    reset_s: int = 0

    def has_samples(self, time: float) -> bool:
        """Whether the exporters answer at that time."""
        return time % HOUR < HOUR - self.silent_s

    def counter_began(self, time: float, begin: float, step: float) -> float:
        """The time at which the counters that are read at `time` were 0.

        That is just after a sample, so that the rises between samples, `step` seconds apart, add up to all that was counted.
        """
        return max(begin, math.floor(time / self.reset_s) * self.reset_s - step) if self.reset_s else begin


PROFILES = {
    "busy": Profile(1.0, Wave(0.85), Wave(0.6)),
    # Half of the accelerators are requested, and the others are free
    "half": Profile(0.5, Wave(0.8), Wave(0.3)),
    # Nothing runs there but what runs on every node
    "idle": Profile(0.0, Wave(0.0), Wave(0.02), memory=0.1),
    # Held without a pause, and at work for ten minutes of each hour
    "spiky": Profile(1.0, Wave(0.0, 0.9, high_s=600), Wave(0.05, 0.8, high_s=600)),
    "gap": Profile(1.0, Wave(0.85), Wave(0.6), silent_s=1200),
    "reset": Profile(1.0, Wave(0.85), Wave(0.6), reset_s=2700),
    "silent": Profile(1.0, Wave(0.85), Wave(0.6), silent_s=HOUR),
}
