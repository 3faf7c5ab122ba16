# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one run knows of a stack, each thing asked for once: what Heat has stored, its resources, and its preview."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import (
    by_path,
    is_nested,
    top,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    Request,
    Stack,
    StackSituation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.previews import preview_of


def read_stored(api: HeatReader, name: str, settle: Callable[[Stack], object] | None = None) -> StackSituation:
    """The stack of this name, if there is one, and what it is made of.

    :param settle: waits until the action that runs on the stack has ended; without it the stack is read as it is.
    """
    stack = api.find(name)
    if stack is not None and stack.in_progress and settle is not None:
        settle(stack)
        stack = api.find(name)
    return StackSituation(name) if stack is None else read_definition(api, stack)


def read_definition(api: HeatReader, stack: Stack) -> StackSituation:
    """A stack and what it is made of."""
    return StackSituation(stack.name, stack, api.definition(stack))


def read_effects(api: HeatReader, stored: StackSituation, request: Request) -> StackSituation:
    """The same with the request and, where it may change something, with what Heat predicts of it.

    :raises InvalidRequest: Heat refuses the request; nothing was changed.
    """
    situation = replace(stored, request=request)
    if not request.needs_preview:
        return situation
    situation = read_resources(api, situation)
    return replace(situation, preview=preview_of(api, situation))


def read_resources(api: HeatReader, situation: StackSituation) -> StackSituation:
    """The same with the stack's resources, those of nested stacks included."""
    if situation.stack is None:
        return situation
    # What an update took away is listed until it is purged.
    found = by_path(r for r in api.resources(situation.stack, nested=True) if r.status != "DELETE_COMPLETE")
    types = {path: r.type for path, r in found.items()}
    return replace(
        situation,
        resources=top(types),
        nested={path: kind for path, kind in types.items() if is_nested(path)},
        ids={path: r.physical_id for path, r in found.items() if r.physical_id},
        stacks={path: r.nested_id for path, r in found.items() if r.nested_id},
        unfinished=frozenset(path for path, r in found.items() if r.status in ("CREATE_FAILED", "INIT_COMPLETE")),
    )
