# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hooks that a stack waits at, as events tell of them. Pure: whoever set a hook clears it, never this collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Heat's words; python-heatclient's hook_utils go by the same.
_PAUSED = re.compile(r"paused until Hook (\S+) is cleared", re.IGNORECASE)

Hook = tuple[str, str]


def paused_at(events: Iterable[Mapping[str, Any]], before: Iterable[Hook] = ()) -> tuple[Hook, ...]:
    """The hooks that hold the stack after these events, oldest first: resource and hook, such as ``pre-update``.

    :param before: those that held it before the first of these events.
    """
    hooks = list(before)
    for event in events:
        resource = str(event.get("resource_name"))
        found = _PAUSED.search(str(event.get("resource_status_reason") or ""))
        # Whatever a resource tells after it has paused, it goes on.
        hooks = [hook for hook in hooks if hook[0] != resource]
        if found:
            hooks.append((resource, found.group(1)))
    return tuple(hooks)


def in_words(hooks: Iterable[Hook]) -> str:
    """As part of a reason; empty when there is none."""
    return ", ".join(f"it waits at hook {hook} of resource '{resource}'" for resource, hook in hooks)


def fix(stack: str, hooks: Iterable[Hook]) -> str:
    """How the hooks' owner lets the stack go on."""
    commands = [f"openstack stack hook clear --{hook} {stack} {resource}" for resource, hook in hooks]
    return f"Whoever set the hook clears it ({'; '.join(commands)}), then run again"
