# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few words on what a cluster is busy with: for the live lines of a long wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.api import UUID, MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import Cluster, Status

if TYPE_CHECKING:
    from openstack.connection import Connection

SHOWN = 2


def stacks_of(cluster: Cluster, concerned: Callable[[str | None], bool]) -> list[Stack]:
    """The Heat stacks behind a cluster: those of its concerned node groups first, then its own.

    Extra node groups have a stack each. Empty for a driver without Heat, whose clusters bear another kind of id.

    :param concerned: takes a node group's status.
    """
    groups = [group.stack_id for group in cluster.node_groups if concerned(group.status)]
    unique = dict.fromkeys(stack_id for stack_id in (*groups, cluster.stack_id) if UUID.match(stack_id or ""))
    return [Stack(id=stack_id, name="", status=cluster.status or "") for stack_id in unique]


def stack_activity(resources: list[Resource]) -> str:
    """How far a stack is: its resources that are done, of all depths, and some that are not."""
    under_way = [resource for resource in resources if resource.status.endswith("IN_PROGRESS")]
    holders = {resource.stack_id for resource in under_way}
    # The names of nested stacks ("0", "kube_minions") say nothing; what they wait for does.
    leaves = {resource.name for resource in under_way if resource.nested_id not in holders}
    busy = sorted(name for name in leaves if not name.isdigit())
    done = sum(1 for resource in resources if resource.status.endswith("COMPLETE"))
    shown = ", ".join(busy[:SHOWN]) + (f" and {len(busy) - SHOWN} more" if len(busy) > SHOWN else "")
    return f"Heat {done}/{len(resources)} resources" + (f", now {shown}" if shown else "")


def activity_of(connection: Connection, api: MagnumApi) -> Callable[[Cluster], str]:
    """A function that says what a cluster is busy with; empty when it is not, or when nothing can be told."""

    def activity(cluster: Cluster) -> str:
        if not Status.in_progress(cluster.status):
            return ""
        try:
            groups = api.node_groups(cluster, detailed=False)
            busy = [group.name for group in groups if Status.in_progress(group.status)]
            stacks = stacks_of(replace(cluster, node_groups=groups), Status.in_progress)
            told = [stack_activity(HeatApi(connection).resources(stacks[0], nested=True))] if stacks else []
        except KcloudError:
            # Only a comment on the wait: when nobody answers, the wait goes on without it.
            return ""
        return "; ".join([*([f"node group {', '.join(busy)}"] if busy else []), *told])

    return activity
