# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting with a clock that is turned by hand."""

from __future__ import annotations

from itertools import islice

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline, intervals
from hypothesis import given
from hypothesis import strategies as st


class Hands:
    """A clock's hands: sleeping turns them."""

    def __init__(self, now: float = 100.0) -> None:
        self.at = now
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def deadline(limit: float, jitter: float = 1.0) -> tuple[Deadline, Hands]:
    hands = Hands()
    return Deadline.after(limit, Clock(now=lambda: hands.at, sleep=hands.sleep, jitter=lambda: jitter)), hands


def test_a_deadline_passes_when_its_time_is_over() -> None:
    """Not before, and counted from when it was made."""
    over, hands = deadline(10)
    assert over.elapsed == 0 and not over.passed
    hands.at += 9.9
    assert not over.passed
    hands.at += 0.1
    assert over.passed and over.elapsed == pytest.approx(10)


@given(st.floats(0, 100), st.floats(0.5, 1.5), st.lists(st.floats(0, 50), max_size=20))
def test_pauses_never_reach_beyond_the_deadline(limit: float, jitter: float, pauses: list[float]) -> None:
    """However long they are asked to be, and never backwards."""
    over, hands = deadline(limit, jitter)
    for seconds in pauses:
        over.pause(seconds)
    assert over.elapsed <= limit + 1e-9
    assert all(0 <= slept <= seconds * jitter + 1e-9 for slept, seconds in zip(hands.slept, pauses))


@pytest.mark.parametrize(("jitter", "slept"), [(0.9, 3.6), (1.0, 4.0), (1.1, 4.4)])
def test_pauses_bear_the_jitter(jitter: float, slept: float) -> None:
    """So that many clients do not ask in step."""
    over, hands = deadline(100, jitter)
    over.pause(4)
    assert hands.slept == [pytest.approx(slept)]


def test_real_jitter_stays_around_one() -> None:
    """The default clock's."""
    drawn = [Clock().jitter() for _time in range(50)]
    assert all(0.9 <= factor <= 1.1 for factor in drawn) and len(set(drawn)) > 1


@given(st.floats(0.1, 5), st.floats(5, 60), st.floats(1.01, 3))
def test_intervals_grow_to_the_longest(first: float, longest: float, factor: float) -> None:
    """And stay there."""
    steps = list(islice(intervals(first, longest, factor), 700))
    assert steps[0] == first and steps == sorted(steps) and steps[-1] == longest
