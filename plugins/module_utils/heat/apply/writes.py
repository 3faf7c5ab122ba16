# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stack's creation, update and deletion: for each how it is said, how it is sent, and when its effect is there.

Heat may take a request and drop it without a word, so each is followed until the stack shows something of it, and then until the
action has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    CreatedMeanwhile,
    RequestLost,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import Missed, Sent, Write, follow, looks
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.follow import (
    BEGIN_WITHIN_S,
    Watch,
    first_sign,
    look_again,
    until_still,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.diagnose import failure_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Request, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import (
    DOUBLE_GOES_WITHIN_S,
    SAME_NAME_AFTER_S,
    Deadline,
    intervals,
)


@dataclass
class Target:
    """One action on its way.

    :param stack: as it was before; None before its creation.
    :param wait: whether the action is followed to its end.
    :param ours: ids of the stacks that Heat said it would create.
    """

    watch: Watch
    name: str
    request: Request = field(default_factory=Request)
    stack: Stack | None = None
    wait: bool = True
    ours: set[str] = field(default_factory=set)

    @property
    def existing(self) -> Stack:
        """The stack, where the action is one of a stack that exists."""
        if self.stack is None:
            raise AssertionError("only a creation begins without a stack")
        return self.stack

    @property
    def rolls_back(self) -> bool:
        """Whether Heat was asked to roll back what fails."""
        return not self.request.body.get("disable_rollback", True)


def carry_out(write: Write[Target, Stack], target: Target) -> Stack | None:
    """Send the request until its effect is seen, and follow the action to its end if it is to be waited for.

    :returns: the stack, None when it is gone.
    """
    target.watch.begin(target.stack)
    found = follow(write, target, target.watch.progress.say)
    return None if found is None or found.gone else found


def _lost(what: str, name: str) -> RequestLost:
    return RequestLost(
        f"Failed to see the {what} of stack '{name}' begin: Heat took the request and nothing followed",
        resource=f"stack/{name}",
        hint="Look whether heat-engine runs (openstack orchestration service list), then run again",
    )


def _ended(target: Target, begun: Stack, verb: str) -> Stack:
    """The stack at the end of its creation or update; anything but its COMPLETE is a failure, with the deepest reason."""
    watch = target.watch
    if not target.wait:
        return begun
    stack = until_still(watch, begun)
    if stack.failed and target.rolls_back:
        stack = _rolled_back(watch, stack)
    if stack.status == f"{verb.upper()}_COMPLETE":
        return watch.reads.get(stack, outputs=True) or stack
    hint = {
        "CREATE_FAILED": "Correct what the reason names, then run again with 'recreate: true', or delete the stack first",
        "UPDATE_FAILED": "Correct what the reason names and run again: Heat takes another update",
        "ROLLBACK_COMPLETE": "Heat rolled the stack back: correct what the reason names and run again",
    }.get(stack.status, f"Look at it: openstack stack failures list {stack.name}")
    message = f"Failed to {verb} stack '{stack.name}': it ended {stack.status}"
    raise failure_of(watch.api, stack, message, hint, changed=True, reported=watch.failures)


def _rolled_back(watch: Watch, stack: Stack) -> Stack:
    """The stack after its rollback: Heat shows the failure first, and begins the rollback a moment later."""

    def moved() -> Stack | None:
        now = look_again(watch, stack)
        return now if now.status != stack.status else None

    begun = first_sign(watch, moved)
    return stack if begun is None else until_still(watch, begun)


# --- creation


def _send_creation(target: Target) -> None:
    """Send the creation; a stack that is gone still holds its name for a moment (seen: DELETE_COMPLETE, then 409)."""
    watch = target.watch

    def sent() -> Conflict | None:
        try:
            target.ours.update(filter(None, [watch.api.create(target.name, target.request.body)]))
        except Conflict as refusal:
            if watch.reads.find(target.name):
                raise
            return refusal
        return None

    soon = Deadline.after(BEGIN_WITHIN_S, watch.clock)
    for refusal in looks(sent(), sent, soon, _refused, pauses=intervals(0.5, 2.0)):
        if refusal is None:
            return


def _refused(refusal: Conflict | None) -> Conflict:
    if refusal is None:
        raise AssertionError("the looks end with the first request that is taken")
    return refusal


def _creation_seen(target: Target, _sent: Sent) -> Stack | Missed:
    found = first_sign(target.watch, lambda: target.watch.reads.find(target.name))
    return Missed() if found is None else _ended(target, _give_way(target, found), "create")


def _give_way(target: Target, found: Stack) -> Stack:
    """Of the stacks that two creations made at once the oldest stays: delete this run's if it is not that.

    Heat looks for the name before it stores a stack, so both may be taken. Where no clear answer said which is this run's, the
    youngest is, or its own run deletes it as well.

    :raises CreatedMeanwhile: the oldest is another run's.
    """
    watch, ours = target.watch, target.ours
    watch.deadline.pause(SAME_NAME_AFTER_S)
    existing = [stack for stack in watch.reads.of_name(found.name) if stack.action != "DELETE"]
    for double in existing[1:]:
        if double.id in ours or (not ours and double is existing[-1]):
            watch.progress.say(
                f"stack/{found.name}", f"another run made {existing[0].id} before; {double.id} is deleted again"
            )
            in_time = replace(watch, deadline=Deadline.after(DOUBLE_GOES_WITHIN_S, watch.clock))
            carry_out(DELETE, Target(in_time, double.name, stack=double))
    if len(existing) < 2 or existing[0].id in ours:
        return found if found.id in ours or not existing else existing[0]
    raise CreatedMeanwhile(
        f"Failed to create stack '{found.name}': another run created one of this name at the same moment",
        resource=f"stack/{found.name}",
        hint="Run again: the one that is there is compared with what is declared",
    )


CREATE: Write[Target, Stack] = Write(
    lambda target: f"create stack '{target.name}'",
    _send_creation,
    _creation_seen,
    lambda target, _missed: _lost("creation", target.name),
)


# --- update


def _send_update(target: Target) -> None:
    target.watch.api.update(target.existing, target.request.body, partial=target.request.partial)


def _update_seen(target: Target, _sent: Sent) -> Stack | Missed:
    """Heat answered before: the old COMPLETE is not news, only another status or another time of update is."""
    before = target.existing

    def moved() -> Stack | None:
        now = look_again(target.watch, before)
        return now if now.in_progress or now.status != before.status or now.updated_at != before.updated_at else None

    begun = first_sign(target.watch, moved)
    return Missed() if begun is None else _ended(target, begun, "update")


UPDATE: Write[Target, Stack] = Write(
    lambda target: f"update stack '{target.name}'",
    _send_update,
    _update_seen,
    lambda target, _missed: _lost("update", target.name),
)


# --- deletion


def _send_deletion(target: Target) -> None:
    """Delete the stack, whatever else runs on it: Heat stops that by itself."""
    if target.existing.status != "DELETE_IN_PROGRESS":
        target.watch.api.delete(target.existing)


def _deletion_seen(target: Target, _sent: Sent) -> Stack | Missed:
    """The stack in another's action is not a sign of its deletion, only DELETE is."""
    watch, before, marker = target.watch, target.existing, target.watch.marker

    def moved() -> Stack | None:
        now = look_again(watch, before)
        if now.gone:
            return now
        if now.action != "DELETE":
            return None
        # A deletion that failed before shows DELETE_FAILED until the new one begins.
        fresh = now.in_progress or now.status != before.status or watch.reads.last_event(before) != marker
        return now if fresh else None

    begun = first_sign(watch, moved)
    if begun is None:
        return Missed()
    left = until_still(watch, begun) if target.wait else begun
    if left.gone or not target.wait:
        return left
    hint = "Remove what holds the resource that the reason names, then run again: a deletion may be tried again"
    message = f"Failed to delete stack '{left.name}': it ended {left.status}"
    raise failure_of(watch.api, left, message, hint, changed=True, reported=watch.failures)


DELETE: Write[Target, Stack] = Write(
    lambda target: f"delete stack '{target.name}'",
    _send_deletion,
    _deletion_seen,
    lambda target, _missed: _lost("deletion", target.name),
)
