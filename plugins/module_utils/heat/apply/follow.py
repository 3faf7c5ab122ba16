# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watching a stack: whether an action has begun, what it does, and how it stands when it has ended.

What was begun is watched through any hiccup of the API, as long as there is time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, WaitTimeout
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import looks
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.hooks import (
    Hook,
    in_words,
    paused_at,
    way_out,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline, intervals

# So long a write may take until something of it is to be seen; Heat marks the stack before it answers.
BEGIN_WITHIN_S = 15.0
# A stack at work tells an event at least this often, unless a server or a script inside takes its time.
FORGOTTEN_AFTER_S = 300.0


class Says(Protocol):
    """What progress.Progress offers."""

    def say(self, subject: str, state: str, elapsed_s: float | None = None, limit_s: float | None = None) -> None: ...


@dataclass
class Watch:
    """What a run works with: the API, the time that is left and where progress goes.

    ``failures`` collects the failed resources that events reported: after a rollback they are gone from the stack.
    ``hooks`` are those that the stack waits at.
    ``heard_s`` is when the last event came, in seconds since the wait began.
    ``learned`` gets the stack's template once it is known: it says which parameters are hidden.
    """

    api: HeatApi
    progress: Says
    deadline: Deadline
    clock: Clock = field(default_factory=Clock)
    wait: bool = True
    learned: Callable[[Mapping[str, Any]], None] = lambda template: None
    failures: list[Resource] = field(default_factory=list)
    hooks: tuple[Hook, ...] = ()
    marker: str | None = None
    heard_s: float = 0.0

    @property
    def reads(self) -> HeatApi:
        """The API for reads after a write: what was begun is watched through any hiccup, as long as there is time."""
        return self.api.patient(self.deadline)

    def begin(self, stack: Stack | None) -> None:
        """Only what happens to the stack from now on counts; None is a stack that does not exist yet."""
        self.marker = None if stack is None else self.reads.last_event(stack)
        self.failures, self.hooks = [], ()


def first_sign(watch: Watch, look: Callable[[], Stack | None]) -> Stack | None:
    """What is to be seen of a write that was sent; None where nothing is within some seconds."""
    soon = Deadline.after(BEGIN_WITHIN_S, watch.clock)
    return next(filter(None, looks(look(), look, soon, pauses=intervals(0.2, 2.0))), None)


def look_again(watch: Watch, stack: Stack) -> Stack:
    """The stack as it is now; one that is gone is DELETE_COMPLETE."""
    return watch.reads.get(stack) or replace(stack, status="DELETE_COMPLETE")


def settled(watch: Watch, stack: Stack) -> Stack:
    """The stack after the action that runs on it has ended.

    :raises Conflict: it is busy, and this run does not wait.
    """
    if watch.wait:
        return until_still(watch, stack)
    hooks = paused_at(watch.api.events(stack))
    raise Conflict(
        f"Failed to change stack '{stack.name}': it is {stack.status}",
        code="STACK_BUSY",
        resource=f"stack/{stack.name}",
        reason=in_words(hooks) or stack.status_reason,
        hint=way_out(stack.name, hooks) if hooks else "Run again when the action has ended, or set 'wait: true'",
    )


def until_still(watch: Watch, stack: Stack) -> Stack:
    """Wait until no action runs on the stack; one that is gone is DELETE_COMPLETE."""
    for now in looks(
        stack,
        lambda: look_again(watch, stack),
        watch.deadline,
        lambda last: _overdue(watch, last),
        pauses=intervals(0.5, 5.0),
    ):
        _tell(watch, now)
        if not now.in_progress:
            return now
    raise AssertionError("the looks end with an error")


def _overdue(watch: Watch, stack: Stack) -> WaitTimeout:
    return WaitTimeout(
        f"Timed out waiting for stack '{stack.name}' after {watch.deadline.limit:.0f} s: it is {stack.status}",
        resource=f"stack/{stack.name}",
        reason=in_words(watch.hooks) or _silence(watch) or stack.status_reason,
        hint=_after_timeout(watch, stack),
        last_status=stack.status,
        result={"stack": stack.as_result()},
    )


def _silence(watch: Watch) -> str | None:
    """That Heat has said nothing for so long that it may have forgotten the stack; None while it says something."""
    silent = watch.deadline.elapsed - watch.heard_s
    return f"Heat has reported no event for {silent:.0f} s" if silent >= FORGOTTEN_AFTER_S else None


def _after_timeout(watch: Watch, stack: Stack) -> str:
    """What to do about a stack that is still busy when the time is over."""
    if watch.hooks:
        return way_out(stack.name, watch.hooks)
    if _silence(watch):
        # Seen: an engine that was killed takes its work with it, and the stack stays IN_PROGRESS until its own timeout.
        return (
            "heat-engine may have been restarted in between, which leaves the stack as it is until Heat's own timeout "
            "(stack_timeout): run again to wait further, or delete it with 'state: absent', which stops what runs"
        )
    return "Heat continues: run again to wait further, or raise 'timeout'"


def _tell(watch: Watch, stack: Stack) -> None:
    """Say what is new: the stack's status, and its resources by their events."""
    events = watch.reads.events(stack, watch.marker)
    watch.hooks = paused_at(events, watch.hooks)
    for event in events:
        watch.marker, watch.heard_s = event["id"], watch.deadline.elapsed
        name, status = str(event.get("resource_name")), str(event.get("resource_status"))
        if name == stack.name:
            continue
        watch.progress.say(f"stack/{stack.name}/{name}", status)
        if status.endswith("FAILED"):
            resource = Resource.from_api({**event, "links": []})
            watch.failures.append(replace(resource, stack_id=stack.id))
    status = f"{stack.status}, {in_words(watch.hooks)}" if watch.hooks else stack.status
    watch.progress.say(f"stack/{stack.name}", status, watch.deadline.elapsed, watch.deadline.limit)
