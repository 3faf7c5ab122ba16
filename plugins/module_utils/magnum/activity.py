# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few words on what a cluster is busy with: for the live lines of a long wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.api import UUID
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import Cluster, Status

if TYPE_CHECKING:
    from openstack.connection import Connection

# Deep enough for the nodes of a cluster's stack and what they wait for.
NESTED_DEPTH = 2
SHOWN = 2


def stack_activity(resources: list) -> str:
    """How far a stack is: resources that are done, and the deepest that are not.

    :param resources: heat.model.StackResource, of all depths.
    """
    busy = sorted(resource.name for resource in resources if resource.status.endswith("IN_PROGRESS"))
    done = sum(1 for resource in resources if resource.status.endswith("COMPLETE"))
    shown = ", ".join(busy[:SHOWN]) + (f" and {len(busy) - SHOWN} more" if len(busy) > SHOWN else "")
    return f"Heat {done}/{len(resources)} resources" + (f", now {shown}" if shown else "")


def activity_of(connection: Connection) -> Callable[[Cluster], str]:
    """A function that says what a cluster is busy with; empty when it is not, or when nothing can be told."""

    def activity(cluster: Cluster) -> str:
        if not Status.in_progress(cluster.status) or not UUID.match(cluster.stack_id or ""):
            return ""
        try:
            return stack_activity(HeatApi(connection).resources(cluster.stack_id, nested_depth=NESTED_DEPTH))
        except KcloudError:
            # Only a comment on the wait: when Heat does not answer, the wait goes on without it.
            return ""

    return activity
