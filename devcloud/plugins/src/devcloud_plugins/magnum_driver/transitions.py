# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes next: the driver's state machine, without Magnum, clock or files.

A change is kept where Magnum keeps it: in a node group's status and, so that a restarted conductor knows it too, in its
status_reason (`resize in progress; leaving: 10.1.2.3`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from . import nodes
from .habits import VERBS, Habits

IN_PROGRESS = "_IN_PROGRESS"
COMPLETE = "_COMPLETE"
FAILED = "_FAILED"
_RUNNING = re.compile(rf"(?P<verb>{'|'.join(VERBS)}) in progress(?:; leaving: (?P<leaving>.+))?")


@dataclass(frozen=True)
class Group:
    """A node group: id, Magnum's number of it, name, role ("master" or other), statuses as Magnum spells them, UTC time of
    the last change."""

    id: str
    number: int
    name: str
    role: str
    is_default: bool
    status: str
    reason: str | None
    node_count: int
    addresses: tuple[str, ...]
    since: datetime


@dataclass(frozen=True)
class State:
    """A cluster's status and its reason."""

    status: str
    reason: str | None


def describe(verb: str, leaving: Iterable[str] = ()) -> str:
    """Return the status_reason that stands for a running change."""
    gone = ", ".join(leaving)
    return f"{verb} in progress" + (f"; leaving: {gone}" if gone else "")


def running(status: str, reason: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the verb that runs and who leaves; a change that the driver does not know of yet goes by its status."""
    match = _RUNNING.fullmatch(reason or "")
    if match:
        return match["verb"], tuple((match["leaving"] or "").split(", ")) if match["leaving"] else ()
    return {"CREATE": "create", "DELETE": "delete"}.get(status.split("_")[0], "resize"), ()


def begin_resize(group: Group, count: int, wanted: Iterable[str], habits: Habits) -> str:
    """Return the status_reason of a resize; who was leaving already, by a resize that still runs, leaves all the same."""
    _verb, pending = running(group.status, group.reason)
    named = nodes.find(group.id, group.name, group.addresses, set(wanted))
    staying = tuple(one for one in group.addresses if one not in pending)
    named = tuple(one for one in named if one in staying)
    chosen = nodes.choose_leaving(staying, count, named, ignore=habits.ignore_nodes_to_remove)
    return describe("resize", (*pending, *chosen))


def advance(now: datetime, group: Group, habits: Habits) -> Group | None:
    """Return the group as it is now, or None when it is gone."""
    if not group.status.endswith(IN_PROGRESS) or now - group.since < timedelta(seconds=habits.transition_seconds):
        return group
    verb, leaving = running(group.status, group.reason)
    fails = verb in habits.fail_on
    if verb in habits.stall or (fails and habits.fail_at == "never"):
        return group
    action = group.status.removesuffix(IN_PROGRESS)
    if fails and habits.fail_at == "end":
        return replace(group, status=action + FAILED, reason=habits.fail_reason)
    if action == "DELETE":
        return None if verb == "nodegroup_delete" else replace(group, status="DELETE_COMPLETE", reason=None)
    return _complete(replace(group, status=action + COMPLETE, reason=None), verb, leaving, habits)


def _complete(group: Group, verb: str, leaving: tuple[str, ...], habits: Habits) -> Group:
    """Give the group the nodes that the change leaves it with."""
    if habits.autoscaler and verb == "resize" and group.role != "master":
        count = len(group.addresses) if habits.sync_count else group.node_count
        return replace(group, node_count=count)
    addresses = nodes.replace(group.number, group.addresses, leaving, group.node_count)
    return replace(group, addresses=() if habits.hide_addresses else addresses)


def settle(status: str, groups: Iterable[Group]) -> State:
    """Return the cluster's state that follows from its groups: running before failed before complete.

    The groups decide whether the cluster is being deleted: its own status may have been overwritten by a request that
    Magnum let through at the same time.
    """
    groups = tuple(groups)
    deleting = any(group.is_default and group.status.startswith("DELETE") for group in groups)
    action = "DELETE" if deleting else status.split("_")[0]
    if any(group.status.endswith(IN_PROGRESS) for group in groups):
        return State(action + IN_PROGRESS, None)
    failed = [group.name for group in groups if group.status.endswith(FAILED)]
    if failed:
        return State(action + FAILED, ", ".join(f"{name} failed" for name in failed))
    return State(action + COMPLETE, None)
