# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hooks hold a stack, by its events."""

from __future__ import annotations

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.hooks import fix, in_words, paused_at


def event(resource: str, reason: str) -> dict[str, str]:
    """An event as Heat lists it."""
    return {"resource_name": resource, "resource_status_reason": reason}


PAUSED = event("a", "CREATE paused until Hook pre-create is cleared")


def test_hooks() -> None:
    """A hook holds from its event until the resource tells something else."""
    assert paused_at([event("s", "Stack CREATE started"), PAUSED]) == (("a", "pre-create"),)
    assert paused_at([PAUSED, event("b", "state changed")]) == (("a", "pre-create"),)
    assert paused_at([PAUSED, event("a", "Hook pre-create is cleared")]) == ()
    assert paused_at([event("a", "state changed")], (("a", "pre-create"), ("b", "pre-create"))) == (
        ("b", "pre-create"),
    )
    assert paused_at([]) == ()


def test_words() -> None:
    """The reason names resource and hook, the fix the command."""
    hooks = (("a", "pre-update"),)
    assert in_words(hooks) == "it waits at hook pre-update of resource 'a'"
    assert in_words(()) == ""
    assert "openstack stack hook clear --pre-update s a" in fix("s", hooks)
