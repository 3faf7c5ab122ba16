# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a stack's plan out: the only place that makes Heat change a stack. Every action of a plan is in one table."""

from __future__ import annotations

import contextlib

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import changing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import Operation
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.follow import Watch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.operations import (
    CREATE,
    DELETE,
    UPDATE,
    Target,
    carry_out,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    Stack,
    StackPlan,
    StackSituation,
)

# What each action of a plan consists of, in this order.
OPERATIONS: dict[str, tuple[Operation[Target, Stack], ...]] = {
    "create": (CREATE,),
    "update": (UPDATE,),
    "recreate": (DELETE, CREATE),
    "delete": (DELETE,),
}


def execute(watch: Watch, plan: StackPlan, situation: StackSituation) -> Stack | None:
    """Carry the plan out.

    :returns: the stack at its end, or without waiting as it is then; None when it is gone.
    :raises KcloudError: with what had been done as ``result`` in its details.
    """
    stack, operations = situation.stack, OPERATIONS[plan.action]
    for operation in operations:
        target = Target(watch, situation.name, plan.request, stack, watch.wait or operation is not operations[-1])
        # Whatever the later ones fail for, the first one has changed something.
        with contextlib.nullcontext() if operation is operations[0] else changing():
            stack = carry_out(operation, target)
    return stack
