# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The four steps for a stack: read once, plan, apply, and look at what came of it. Check mode leaves out the third."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, CreatedMeanwhile, changing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.execute import execute
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.follow import Watch, settled
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.diagnose import already_failed
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.template_faults import every_fault
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    Desired,
    Stack,
    StackPlan,
    StackSituation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.requests import next_step, request_for
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.stacks import (
    plan_absent,
    plan_stack,
    seen_after,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.situation import (
    read_definition,
    read_effects,
    read_resources,
    read_stored,
)

Found = TypeVar("Found")


@dataclass(frozen=True)
class Outcome:
    """What a run came to; ``stack`` is None when there is none (any more)."""

    plan: StackPlan
    stack: Stack | None
    after: dict[str, Any]


@dataclass(frozen=True)
class PlannedStack:
    """The plan for a stack, with what it was made from."""

    plan: StackPlan
    situation: StackSituation

    def predicted(self) -> Outcome:
        """What a run would come to that is not carried out."""
        return Outcome(self.plan, self.situation.stack, dict(self.plan.after))


def ensure(watch: Watch, desired: Desired, state: str, *, check_mode: bool) -> Outcome:
    """Bring the stack to what was asked for; in check mode say what that would be.

    :param state: ``present`` or ``absent``.
    :raises KcloudError: with what had been done as ``result`` in its details.
    """

    def once() -> Outcome:
        planned = planned_stack(watch, desired, state)
        return planned.predicted() if check_mode else carried_out(watch, planned)

    return and_again(once, once)


def and_again(first: Callable[[], Found], second: Callable[[], Found]) -> Found:
    """Do the first; the second where another run created the stack between this run's reading and its writing.

    Then it is compared like any that was there before.
    """
    try:
        return first()
    except Conflict as error:
        # A failure that had changed something, such as a deletion before it, is reported as one.
        if error.code not in ("STACK_EXISTS", CreatedMeanwhile.default_code) or error.details.get("result"):
            raise
        return second()


def planned_stack(watch: Watch, desired: Desired, state: str) -> PlannedStack:
    """Read what the plan for a stack needs, and plan."""
    if state == "absent":
        situation = read_resources(watch.api, read_stored(watch.api, desired.name))
        return PlannedStack(plan_absent(situation), situation)
    situation = _read(watch, desired)
    return PlannedStack(plan_stack(desired, situation), situation)


def carried_out(watch: Watch, planned: PlannedStack) -> Outcome:
    """Carry the plan out, and look at what came of it.

    :raises KcloudError: with what had been done as ``result`` in its details.
    """
    plan = planned.plan
    if not plan.changed:
        return planned.predicted()
    stack = execute(watch, plan, planned.situation)
    if stack is None or plan.action == "delete" or not watch.wait:
        return Outcome(plan, stack, dict(plan.after))
    with changing():
        seen = read_resources(watch.api, read_definition(watch.api, stack))
    return Outcome(plan, stack, seen_after(plan, seen))


def _read(watch: Watch, desired: Desired) -> StackSituation:
    """All that the plan for a stack that is to be present needs.

    :raises OperationFailed: no update helps the stack, and it may not be recreated.
    """
    stored = read_stored(watch.api, desired.name, partial(settled, watch))
    if stored.stack and desired.template is None:
        watch.learned(stored.definition.template)
    if stored.stack and next_step(stored.stack.status) == "recreate" and not desired.recreate:
        raise already_failed(watch.api, stored.stack, watch.failures)
    with every_fault(watch.api, desired.template):
        return read_effects(watch.api, stored, request_for(desired, stored))
