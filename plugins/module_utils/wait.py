# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting, once for everything: a deadline, a growing interval with jitter, and a clock that tests can turn."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Between the look at a new object and the one for others of its name: Magnum and Heat tell the time of a creation in seconds,
# so two runs that see each other's object after this long agree on which is the older one.
SAME_NAME_AFTER_S = 2.0
# So long the object that gives way may take to go; the run's own timeout is for the one that stays.
DOUBLE_GOES_WITHIN_S = 600.0


@dataclass(frozen=True)
class Clock:
    """Time by argument: ``now`` in monotonic seconds, ``sleep`` in seconds, ``jitter`` a factor around 1."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    # Jitter keeps many clients from asking in step; it is not secret, so the plain generator does.
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.9, 1.1))


@dataclass(frozen=True)
class Deadline:
    """The time that the user gave: ``limit`` seconds from ``start``."""

    start: float
    limit: float
    clock: Clock

    @classmethod
    def after(cls, limit: float, clock: Clock) -> Deadline:
        return cls(clock.now(), limit, clock)

    @property
    def elapsed(self) -> float:
        return self.clock.now() - self.start

    @property
    def passed(self) -> bool:
        return self.elapsed >= self.limit

    def pause(self, seconds: float) -> None:
        """Sleep about ``seconds``, never beyond the deadline."""
        left = self.limit - self.elapsed
        self.clock.sleep(max(0.0, min(seconds * self.clock.jitter(), left)))


@dataclass
class TwiceInARow:
    """Looks every ``every_s`` seconds, of which two in a row must find the same: the service may just be catching up."""

    clock: Clock
    every_s: float
    _before: bool = False
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.clock.now() + self.every_s

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return self.clock.now() >= self._next

    def again(self, found: bool) -> bool:
        """Whether what a look found was found by the one before, too."""
        before, self._before, self._next = self._before, found, self.clock.now() + self.every_s
        return found and before


def intervals(first: float = 1.0, longest: float = 5.0, factor: float = 1.5):
    """Seconds between two looks: quick at first, where requests get lost, then as slow as the service itself looks."""
    step = first
    while True:
        yield step
        step = min(step * factor, longest)
