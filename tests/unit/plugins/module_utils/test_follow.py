# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request is sent until its effect is seen, and what changes is looked at for as long as there is time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CreatedMeanwhile,
    KcloudError,
    RequestLost,
    ServiceError,
    Unclear,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import (
    Missed,
    Operation,
    Sent,
    at_once,
    follow,
    looks,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import Hands

TAKEN, NO_ANSWER, NOTHING_LEFT, REFUSED = "taken", "no answer", "nothing left", "refused"


@dataclass
class Service:
    """A service that answers and shows effects as its script says; what it was asked, in order."""

    answers: list[str]
    effects: list[str | Missed | KcloudError]
    asked: list[Sent | str] = field(default_factory=list)

    def send(self) -> bool:
        self.asked.append("send")
        answer = self.answers.pop(0)
        if answer == NO_ANSWER:
            raise Unclear(ServiceError("Failed to write", reason="the answer was lost"))
        if answer == REFUSED:
            raise ServiceError("Failed to write")
        return answer != NOTHING_LEFT

    def seen(self, sent: Sent) -> str | Missed:
        self.asked.append(sent)
        effect = self.effects.pop(0)
        if isinstance(effect, KcloudError):
            raise effect
        return effect


OPERATION: Operation[Service, str] = Operation(
    words=lambda _service: "write",
    send=lambda service: service.send(),
    seen=lambda service, sent: service.seen(sent),
    lost=lambda _service, missed: RequestLost("Failed to write", reason=missed.why),
)


@pytest.mark.parametrize(
    ("answers", "effects", "found", "requests"),
    [
        ([TAKEN], ["effect"], "effect", 1),
        ([TAKEN, TAKEN], [Missed(), "effect"], "effect", 2),
        ([NO_ANSWER], ["effect"], "effect", 1),
        ([NO_ANSWER, TAKEN], [Missed(), "effect"], "effect", 2),
        ([TAKEN, NO_ANSWER], [Missed(), "effect"], "effect", 2),
        ([NOTHING_LEFT], [], None, 1),
        ([TAKEN, NOTHING_LEFT], [Missed()], None, 2),
    ],
)
def test_a_request_is_sent_until_its_effect_is_seen(
    answers: list[str], effects: list[str | Missed | KcloudError], found: str | None, requests: int
) -> None:
    service = Service(answers, effects)
    assert follow(OPERATION, service) == found
    assert service.asked.count("send") == requests
    assert not service.answers and not service.effects


def test_each_look_learns_which_request_it_follows() -> None:
    service = Service([NO_ANSWER, TAKEN], [Missed(), "effect"])
    follow(OPERATION, service)
    assert service.asked == ["send", Sent(1, last=False, clear=False), "send", Sent(2, last=True, clear=True)]


@pytest.mark.parametrize(
    ("answers", "error", "reason"),
    [
        ([TAKEN, TAKEN], RequestLost, "second"),
        # What the service says itself is better than that a request was lost.
        ([TAKEN, NO_ANSWER], ServiceError, "the answer was lost"),
        ([NO_ANSWER, TAKEN], RequestLost, "second"),
    ],
)
def test_a_request_without_any_effect_is_an_error(answers: list[str], error: type[KcloudError], reason: str) -> None:
    service = Service(answers, [Missed("first"), Missed("second")])
    with pytest.raises(error) as caught:
        follow(OPERATION, service)
    assert caught.value.reason == reason
    assert "result" not in caught.value.details


def test_lines_of_progress_say_what_became_of_each_request() -> None:
    lines: list[str] = []
    with pytest.raises(RequestLost):
        follow(
            OPERATION, Service([NO_ANSWER, TAKEN], [Missed(), Missed(what="lost")]), lambda *line: lines.append(line[1])
        )
    assert lines == [
        "no clear answer (the answer was lost); looking for its effect",
        "the request was dropped; sent once more",
        "the request was lost; given up",
    ]


@pytest.mark.parametrize(
    ("answers", "effects", "changed"),
    [
        # A refused request changes nothing; after one that was taken, something may have changed.
        ([REFUSED], [], False),
        ([TAKEN], [ServiceError("Failed to look")], True),
        ([NO_ANSWER], [ServiceError("Failed to look")], True),
        # Whoever gives way to another run has removed what was its own.
        ([TAKEN], [CreatedMeanwhile("Failed to create")], False),
    ],
)
def test_a_failure_says_whether_something_may_have_changed(
    answers: list[str], effects: list[str | Missed | KcloudError], changed: bool
) -> None:
    with pytest.raises(KcloudError) as caught:
        follow(OPERATION, Service(answers, effects))
    assert ("result" in caught.value.details) is changed


@pytest.mark.parametrize(
    ("answers", "effects", "requests", "fails"),
    [
        ([TAKEN], [], 1, False),
        ([NO_ANSWER], [True], 1, False),
        ([NO_ANSWER, TAKEN], [False], 2, False),
        ([NO_ANSWER, NO_ANSWER], [False, True], 2, False),
        ([NO_ANSWER, NO_ANSWER], [False, False], 2, True),
    ],
)
def test_what_is_carried_out_at_once_is_looked_for_only_after_an_unclear_answer(
    answers: list[str], effects: list[bool], requests: int, fails: bool
) -> None:
    service = Service(answers, [])
    try:
        at_once(service.send, lambda: effects.pop(0))
    except ServiceError as error:
        assert fails and error.reason == "the answer was lost"
    else:
        assert not fails
    assert service.asked.count("send") == requests
    assert not effects


# --- looking


def numbers() -> Callable[[], int]:
    counter: Iterator[int] = iter(range(1, 1000))
    return lambda: next(counter)


def overdue(last: int) -> WaitTimeout:
    return WaitTimeout("Timed out", last=last)


def test_the_first_state_is_given_and_the_others_are_asked_for() -> None:
    hands = Hands()
    seen = looks(0, numbers(), Deadline.after(100, hands.clock), overdue, pauses=[1, 1, 1, 1])
    assert [next(seen) for _each in range(3)] == [0, 1, 2]
    assert hands.at == 1002.0


def test_a_deadline_explains_the_last_state() -> None:
    hands = Hands()
    with pytest.raises(WaitTimeout) as caught:
        list(looks(0, numbers(), Deadline.after(10, hands.clock), overdue, pauses=[4] * 9))
    # The last pause ends at the deadline.
    assert (caught.value.details["last"], hands.at) == (3, 1010.0)


@pytest.mark.parametrize(("timeout", "within"), [(10, None), (100, 10)])
def test_looks_end_without_an_error_where_nobody_waits_further(timeout: float, within: float | None) -> None:
    seen = looks(0, numbers(), Deadline.after(timeout, Hands().clock), within=within, pauses=[5] * 9)
    assert list(seen) == [0, 1, 2]
