# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a stack's plan out: the only writes, each watched until its effect was seen, each failure explained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    CreatedMeanwhile,
    RequestLost,
    Unclear,
    WaitTimeout,
    changing,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.diagnose import failure_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.hooks import (
    Hook,
    in_words,
    paused_at,
    way_out,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    Resource,
    Stack,
    StackPlan,
    StackSituation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import (
    DOUBLE_GOES_WITHIN_S,
    SAME_NAME_AFTER_S,
    Clock,
    Deadline,
    intervals,
)

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


def execute(watch: Watch, plan: StackPlan, situation: StackSituation) -> Stack | None:
    """Carry the plan out.

    :returns: the stack at its end, or without waiting as it is then; None when it is gone.
    :raises KcloudError: with what had been done as ``result`` in its details.
    """
    stack = situation.stack
    if plan.action == "delete" and stack:
        return delete(watch, stack, wait=watch.wait)
    if plan.action == "update" and stack:
        begun = update(watch, stack, plan)
    elif plan.action == "recreate" and stack:
        delete(watch, stack, wait=True)
        with changing():
            begun = create(watch, situation.name, plan)
    else:
        begun = create(watch, situation.name, plan)
    if not watch.wait:
        return begun
    with changing():
        return finished(watch, begun, plan)


def create(watch: Watch, name: str, plan: StackPlan) -> Stack:
    """Post the stack; after an unclear answer look by name before posting again.

    :raises CreatedMeanwhile: another run made a stack of this name; none of this run's is left.
    """
    ours: set[str] = set()
    for attempt in (1, 2):
        unclear = None
        try:
            ours.update(filter(None, [_post(watch, name, plan)]))
        except Unclear as error:
            unclear = error
        found = _look(watch, lambda: watch.reads.find(name), BEGIN_WITHIN_S)
        if found:
            return _give_way(watch, found, ours)
        if unclear and attempt == 2:
            raise unclear.error from unclear
    raise _lost("creation", name)


def _give_way(watch: Watch, found: Stack, ours: Collection[str]) -> Stack:
    """Of the stacks that two creations made at once the oldest stays: delete this run's if it is not that.

    Heat looks for the name before it stores a stack, so both may be taken.

    :param ours: the ids of this run's; none where no clear answer came. The youngest is then this run's, or its own run
        deletes it as well.
    :raises CreatedMeanwhile: the oldest is another run's.
    """
    watch.deadline.pause(SAME_NAME_AFTER_S)
    with changing():
        standing = [stack for stack in watch.reads.of_name(found.name) if stack.action != "DELETE"]
        for double in standing[1:]:
            if double.id in ours or (not ours and double is standing[-1]):
                watch.progress.say(
                    f"stack/{found.name}", f"another run made {standing[0].id} before; {double.id} is deleted again"
                )
                in_time = Deadline.after(DOUBLE_GOES_WITHIN_S, watch.clock)
                delete(replace(watch, deadline=in_time), double, wait=True)
    if len(standing) < 2 or standing[0].id in ours:
        return found if found.id in ours or not standing else standing[0]
    raise CreatedMeanwhile(
        f"Failed to create stack '{found.name}': another run created one of this name at the same moment",
        resource=f"stack/{found.name}",
        hint="Run again: the one that is there is compared with what is declared",
    )


def _post(watch: Watch, name: str, plan: StackPlan) -> str:
    """Send the creation, for the id of the stack to come; a stack that is gone still holds its name for a moment (seen: DELETE_COMPLETE, then 409)."""
    limit = Deadline.after(BEGIN_WITHIN_S, watch.clock)
    for step in intervals(0.5, 2.0):
        try:
            return watch.api.create(name, plan.request.body)
        except Conflict:
            if limit.passed or watch.reads.find(name):
                raise
        limit.pause(step)
    raise AssertionError("intervals never end")


def update(watch: Watch, stack: Stack, plan: StackPlan) -> Stack:
    watch.marker = watch.reads.last_event(stack)
    return _begin(
        watch, stack, "update", lambda: watch.api.update(stack, plan.request.body, partial=plan.request.partial)
    )


def _begin(watch: Watch, stack: Stack, what: str, send: Callable[[], object]) -> Stack:
    """Send a write until something of it is to be seen: once, and once more when nothing moves.

    Heat answered before: the old COMPLETE is not news, only another status or another time of update is.
    """

    def moved() -> Stack | None:
        now = watch.reads.get(stack)
        if now is None:
            return replace(stack, status="DELETE_COMPLETE")
        return now if now.in_progress or now.status != stack.status or now.updated_at != stack.updated_at else None

    for attempt in (1, 2):
        try:
            send()
        except Unclear as unclear:
            found = _look(watch, moved, BEGIN_WITHIN_S)
            if found is None and attempt == 2:
                raise unclear.error from unclear
        else:
            found = _look(watch, moved, BEGIN_WITHIN_S)
        if found:
            return found
    raise _lost(what, stack.name)


def _look(watch: Watch, look: Callable[[], Stack | None], seconds: float) -> Stack | None:
    """Look until there is something to see, for some seconds at most. It follows a write, so a failure says that."""
    limit = Deadline.after(seconds, watch.clock)
    with changing():
        for step in intervals(0.2, 2.0):
            found = look()
            if found or limit.passed:
                return found
            limit.pause(step)
    return None


def _lost(what: str, name: str) -> RequestLost:
    return RequestLost(
        f"Failed to see the {what} of stack '{name}' begin: Heat took the request and nothing followed",
        resource=f"stack/{name}",
        hint="Look whether heat-engine runs (openstack orchestration service list), then run again",
    )


def until_still(watch: Watch, stack: Stack) -> Stack:
    """Wait until no action runs on the stack; one that is gone is DELETE_COMPLETE."""
    for step in intervals(0.5, 5.0):
        _tell(watch, stack)
        if not stack.in_progress:
            return stack
        if watch.deadline.passed:
            raise WaitTimeout(
                f"Timed out waiting for stack '{stack.name}' after {watch.deadline.limit:.0f} s: it is {stack.status}",
                resource=f"stack/{stack.name}",
                reason=in_words(watch.hooks) or _silence(watch) or stack.status_reason,
                hint=_after_timeout(watch, stack),
                last_status=stack.status,
                result={"stack": stack.as_result()},
            )
        watch.deadline.pause(step)
        stack = watch.reads.get(stack) or replace(stack, status="DELETE_COMPLETE")
    raise AssertionError("intervals never end")


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


def finished(watch: Watch, begun: Stack, plan: StackPlan) -> Stack:
    """Wait for the end of a creation or update; anything but its COMPLETE is a failure, with the deepest reason."""
    stack = until_still(watch, begun)
    done = {"create": "CREATE_COMPLETE", "recreate": "CREATE_COMPLETE", "update": "UPDATE_COMPLETE"}[plan.action]
    if stack.status == done:
        return watch.reads.get(stack, outputs=True) or stack
    verb = "update" if plan.action == "update" else "create"
    hint = {
        "CREATE_FAILED": "Correct what the reason names, then run again with 'recreate: true', or delete the stack first",
        "UPDATE_FAILED": "Correct what the reason names and run again: Heat takes another update",
        "ROLLBACK_COMPLETE": "Heat rolled the stack back: correct what the reason names and run again",
    }.get(stack.status, f"Look at it: openstack stack failures list {stack.name}")
    message = f"Failed to {verb} stack '{stack.name}': it ended {stack.status}"
    raise failure_of(watch.api, stack, message, hint, changed=True, reported=watch.failures)


def delete(watch: Watch, stack: Stack, *, wait: bool) -> Stack | None:
    """Delete the stack, whatever runs on it: Heat stops that by itself.

    :returns: the stack while its deletion runs, None when it is gone.
    """
    watch.marker = watch.reads.last_event(stack)
    begun = stack
    if stack.status != "DELETE_IN_PROGRESS":
        begun = _begin_delete(watch, stack)
    if not wait:
        return None if begun.gone else begun
    with changing():
        left = until_still(watch, begun)
    if left.gone:
        return None
    hint = "Remove what holds the resource that the reason names, then run again: a deletion may be tried again"
    message = f"Failed to delete stack '{stack.name}': it ended {left.status}"
    raise failure_of(watch.api, left, message, hint, changed=True, reported=watch.failures)


def _begin_delete(watch: Watch, stack: Stack) -> Stack:
    """Send the deletion and see it begin. A stack in another's action is not a sign of it, only DELETE is."""
    before = watch.marker

    def moved() -> Stack | None:
        now = watch.reads.get(stack)
        if now is None or now.gone:
            return replace(stack, status="DELETE_COMPLETE")
        if now.action != "DELETE":
            return None
        # A deletion that failed before shows DELETE_FAILED until the new one begins.
        fresh = now.in_progress or now.status != stack.status or watch.reads.last_event(stack) != before
        return now if fresh else None

    for attempt in (1, 2):
        try:
            watch.api.delete(stack)
        except Unclear as unclear:
            if attempt == 2 and not moved():
                raise unclear.error from unclear
        found = _look(watch, moved, BEGIN_WITHIN_S)
        if found:
            return found
    raise _lost("deletion", stack.name)
