# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Following a request to its effect: one loop that sends and one that looks, for everything that writes.

**A request counts when its effect was seen.** A service may take a request and drop it without a word, or carry it out and lose
the answer on the way. So each request is followed until its effect is seen, and sent again when nothing of it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CreatedMeanwhile,
    KcloudError,
    Unclear,
    changing,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline, intervals

Found = TypeVar("Found")
State = TypeVar("State")
Target = TypeVar("Target")
# So often a request is sent at most, unless its operation says otherwise.
SENDS = 2


@dataclass(frozen=True)
class Sent:
    """A request that was sent.

    :param number: how many have been sent by now.
    :param last: no further one will follow.
    :param clear: the service said that it took this one.
    """

    number: int
    last: bool
    clear: bool


@dataclass(frozen=True)
class Missed:
    """Too little was seen of a request, so it is sent again.

    :param why: what was seen in place of its effect.
    :param what: completes "the request was ...".
    """

    why: str | None = None
    what: str = "dropped"


@dataclass(frozen=True)
class Operation(Generic[Target, Found]):
    """A verb: how it is said, how it is sent, and how its effect is seen. The target holds what the three work on.

    :param words: completes "Failed to ...", such as "delete cluster 'ml'".
    :param send: sends the request; False when there is nothing to ask for any more.
    :param seen: looks for the effect, for as long as it may take, and returns what it found.
    :param lost: makes the error for a request that the service took each time and never carried out.
    :param sends: how often the request is sent at most.
    """

    words: Callable[[Target], str]
    send: Callable[[Target], bool | None]
    seen: Callable[[Target, Sent], Found | Missed]
    lost: Callable[[Target, Missed], KcloudError]
    sends: int = SENDS


def follow(
    operation: Operation[Target, Found], target: Target, say: Callable[[str, str], None] = lambda _words, _state: None
) -> Found | None:
    """Send a request until its effect is seen.

    :param say: takes a line of progress: what is done, and how it stands.
    :returns: what was seen; None when there was nothing to ask for.
    :raises KcloudError: the service refused; or it took every request and carried out none. Where it gave no clear answer to
        the last one, that is the error. A failure after a request was sent says that something may have changed.
    """
    words = operation.words(target)
    unclear: Unclear | None = None
    missed = Missed()
    for number in range(1, operation.sends + 1):
        unclear = None
        try:
            if operation.send(target) is False:
                return None
        except Unclear as error:
            # The service may have taken it all the same, so it is followed like one that was.
            unclear = error
            say(words, f"no clear answer ({error.error.reason}); looking for its effect")
        sent = Sent(number, number == operation.sends, unclear is None)
        # Who gave way to another run's object has left none of its own.
        with changing(but=CreatedMeanwhile):
            found = operation.seen(target, sent)
        if not isinstance(found, Missed):
            return found
        missed = found
        say(words, f"the request was {missed.what}; {'given up' if sent.last else 'sent once more'}")
    if unclear is not None:
        raise unclear.error from unclear
    raise operation.lost(target, missed)


def at_once(send: Callable[[], object], is_done: Callable[[], bool]) -> None:
    """Send a request that the service carries out before it answers: only after an unclear answer is its effect looked for.

    :raises KcloudError: neither of two requests had an effect; the error is that of the second.
    """

    def sending(_target: None) -> None:
        send()

    def seen(_target: None, sent: Sent) -> bool | Missed:
        return (sent.clear or is_done()) or Missed()

    def lost(_target: None, _missed: Missed) -> KcloudError:
        raise AssertionError("a clear answer counts as the effect")

    follow(Operation[None, bool](lambda _target: "", sending, seen, lost), None)


def looks(
    first: State,
    look: Callable[[], State],
    deadline: Deadline,
    overdue: Callable[[State], KcloudError] | None = None,
    *,
    within: float | None = None,
    pauses: Iterable[float] | None = None,
) -> Iterator[State]:
    """The states of something that changes, one after the other, for as long as there is time.

    :param first: the state to begin with.
    :param look: asks for the next one.
    :param overdue: makes the error for a deadline that has passed, from the last state; None ends the looks instead.
    :param within: seconds after which the looks end without an error.
    :param pauses: seconds between two looks.
    :raises KcloudError: the deadline has passed.
    """
    state, began = first, deadline.clock.now()
    for pause in intervals() if pauses is None else pauses:
        yield state
        if within is not None and deadline.clock.now() - began >= within:
            return
        if deadline.passed:
            if overdue is None:
                return
            raise overdue(state)
        deadline.pause(pause)
        state = look()
