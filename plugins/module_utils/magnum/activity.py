# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few words on what a cluster is busy with: for the live lines of a long wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.api import UUID
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import Cluster, Status

if TYPE_CHECKING:
    from openstack.connection import Connection

SHOWN = 2


def stack_of(cluster: Cluster) -> Stack | None:
    """The cluster's Heat stack; None for a driver without one, whose clusters bear another kind of id."""
    if not UUID.match(cluster.stack_id or ""):
        return None
    return Stack(id=cluster.stack_id, name="", status=cluster.status or "")


def stack_activity(resources: list[Resource]) -> str:
    """How far a stack is: its resources that are done, of all depths, and some that are not."""
    busy = sorted(resource.name for resource in resources if resource.status.endswith("IN_PROGRESS"))
    done = sum(1 for resource in resources if resource.status.endswith("COMPLETE"))
    shown = ", ".join(busy[:SHOWN]) + (f" and {len(busy) - SHOWN} more" if len(busy) > SHOWN else "")
    return f"Heat {done}/{len(resources)} resources" + (f", now {shown}" if shown else "")


def activity_of(connection: Connection) -> Callable[[Cluster], str]:
    """A function that says what a cluster is busy with; empty when it is not, or when nothing can be told."""

    def activity(cluster: Cluster) -> str:
        stack = stack_of(cluster) if Status.in_progress(cluster.status) else None
        if stack is None:
            return ""
        try:
            return stack_activity(HeatApi(connection).resources(stack, nested=True))
        except KcloudError:
            # Only a comment on the wait: when Heat does not answer, the wait goes on without it.
            return ""

    return activity
