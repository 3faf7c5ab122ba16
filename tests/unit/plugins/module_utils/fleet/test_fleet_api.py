# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks of many writers at the same moment share one list; what was sent before a look is in what it sees."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import ServiceError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.api import FRESH_S, SharedList
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster

WAIT_S = 30


class Lists:
    """Lists that are answered when the test lets them; the answer of each is its number."""

    def __init__(self) -> None:
        self.begun = 0
        self.began = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def read(self) -> list[Cluster]:
        self.begun += 1
        number = self.begun
        self.began.release()
        assert self.go_on.acquire(timeout=WAIT_S)
        return [Cluster(id=str(number), name="c")]


def waiting(shared: SharedList, count: int) -> None:
    """Until so many threads wait for the next list."""
    while True:
        with shared._turn:
            if len(shared._turn._waiters) >= count:
                return
        threading.Event().wait(0.001)


def test_who_asks_during_a_list_shares_the_next_one() -> None:
    """The list under way began before the question: what was sent meanwhile may not be in it."""
    shared, lists = SharedList(), Lists()
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(shared.read, lists.read)
        assert lists.began.acquire(timeout=WAIT_S)
        others = [pool.submit(shared.read, lists.read) for _each in range(8)]
        waiting(shared, 8)
        lists.go_on.release()
        assert lists.began.acquire(timeout=WAIT_S)
        lists.go_on.release()
        assert [cluster.id for cluster in first.result(WAIT_S)] == ["1"]
        assert {other.result(WAIT_S)[0].id for other in others} == {"2"}
    assert lists.begun == 2


def test_an_error_reaches_all_who_share_it_and_the_next_list_is_read_again() -> None:
    shared = SharedList()

    def broken() -> list[Cluster]:
        raise ServiceError("Failed to list clusters")

    with pytest.raises(ServiceError):
        shared.read(broken)
    assert shared.read(list) == []


def test_a_list_pays_for_many_and_not_for_one() -> None:
    shared = SharedList()
    shared.read(lambda: [Cluster(id=str(number), name="c") for number in range(40)])
    assert not shared.pays
    with shared.at_work(), shared.at_work():
        assert not shared.pays
        shared.read(lambda: [Cluster(id="1", name="c")])
        assert shared.pays
    assert not shared.pays


@pytest.mark.parametrize(
    ("looked_at", "asked_at", "answers"),
    [
        # The list began after the thread's last look, and a moment ago.
        (9.0, 11.5, "1"),
        (9.0, 10.0 + FRESH_S + 0.1, "2"),
        # What the thread saw by itself may be newer than the list.
        (10.5, 11.5, "2"),
        (None, 11.5, "2"),
    ],
)
def test_a_look_takes_a_list_of_a_moment_ago_unless_the_thread_knows_better(
    looked_at: float | None, asked_at: float, answers: str
) -> None:
    clock = [0.0]
    shared, numbers = SharedList(lambda: clock[0]), iter("123")

    def read() -> list[Cluster]:
        return [Cluster(id=next(numbers), name="c")]

    for at, step in sorted([(10.0, lambda: shared.read(read)), *([(looked_at, shared.looked)] if looked_at else [])]):
        clock[0] = at
        step()
    clock[0] = asked_at
    assert [cluster.id for cluster in shared.recent(read)] == [answers]


def test_one_list_answers_a_thread_once() -> None:
    """Its next look is about what came since."""
    clock = [0.0]
    shared, numbers = SharedList(lambda: clock[0]), iter("123")

    def read() -> list[Cluster]:
        return [Cluster(id=next(numbers), name="c")]

    shared.looked()
    clock[0] = 1.0
    shared.read(read)
    clock[0] = 1.5
    assert [shared.recent(read)[0].id for _each in range(2)] == ["1", "2"]


def test_a_list_that_failed_answers_nobody_later() -> None:
    clock = [0.0]
    shared = SharedList(lambda: clock[0])
    shared.looked()
    clock[0] = 1.0

    def broken() -> list[Cluster]:
        raise ServiceError("Failed to list clusters")

    with pytest.raises(ServiceError):
        shared.read(broken)
    assert shared.recent(lambda: [Cluster(id="1", name="c")])[0].id == "1"
