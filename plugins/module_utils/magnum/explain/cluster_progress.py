# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster is busy with: for the live lines of a long wait, and for its end when the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    NodeGroup,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader

if TYPE_CHECKING:
    from openstack.connection import Connection

SHOWN = 2
# To say what a cluster is busy with, Heat lists every resource of it: too much for each look of a wait.
ASKED_EVERY_S = 10.0
# The resource groups that hold the nodes in the stacks of Magnum's Heat driver.
HOLDS_MASTERS, HOLDS_WORKERS = "kube_masters", "kube_minions"


@dataclass(frozen=True)
class Standing:
    """Where a cluster stands: its node groups in progress, and the resources of the Heat stack behind them."""

    groups: tuple[NodeGroup, ...] = ()
    resources: tuple[Resource, ...] = ()

    @property
    def under_way(self) -> list[Resource]:
        """The resources that work is done on, without those that only hold others."""
        return leaves_in_progress(self.resources)

    def __str__(self) -> str:
        """In a few words; empty when nothing is under way or nothing is known."""
        parts = (
            [f"node group {', '.join(group_progress(g, self.resources) for g in self.groups)}"] if self.groups else []
        )
        return "; ".join([*parts, *([stack_activity(self.resources)] if self.resources else [])])


def stacks_of(cluster: Cluster, concerned: Callable[[str | None], bool]) -> list[Stack]:
    """The Heat stacks behind a cluster: those of its concerned node groups first, then its own.

    Extra node groups have a stack each. Empty for a driver without Heat, whose clusters bear another kind of id.

    :param concerned: takes a node group's status.
    """
    groups = [group.stack_id for group in cluster.node_groups if concerned(group.status)]
    unique = dict.fromkeys(stack_id for stack_id in (*groups, cluster.stack_id) if is_uuid(stack_id))
    return [Stack(id=stack_id, name="", status=cluster.status or "") for stack_id in unique]


def leaves_in_progress(resources: Iterable[Resource]) -> list[Resource]:
    """What is IN_PROGRESS, less the nested stacks that are so only because of what they hold."""
    under_way = [resource for resource in resources if resource.status.endswith("IN_PROGRESS")]
    busy_stacks = {resource.stack_id for resource in under_way}
    return [resource for resource in under_way if resource.nested_id not in busy_stacks]


def stack_activity(resources: Iterable[Resource]) -> str:
    """How far a stack is: its resources that are done, of all depths, and some that are not."""
    every = list(resources)
    # The names of nested stacks ("0", "kube_minions") say nothing; what they wait for does.
    busy = sorted({resource.name for resource in leaves_in_progress(every) if not resource.name.isdigit()})
    done = sum(1 for resource in every if resource.status.endswith("COMPLETE"))
    shown = ", ".join(busy[:SHOWN]) + (f" and {len(busy) - SHOWN} more" if len(busy) > SHOWN else "")
    return f"Heat {done}/{len(every)} resources" + (f", now {shown}" if shown else "")


def group_progress(group: NodeGroup, resources: Iterable[Resource]) -> str:
    """A node group and how many of its nodes are ready.

    By the Heat stack where there is one; else by the addresses, which a list does not show and some drivers never do.
    """
    if (group.status or "").startswith("DELETE_"):
        return group.name
    every = list(resources)
    parent = HOLDS_MASTERS if group.role == "master" else HOLDS_WORKERS
    parents = [resource for resource in every if resource.name == parent]
    inside = {resource.nested_id for resource in parents if resource.nested_id}
    nodes = [resource for resource in every if resource.stack_id in inside]
    if parents:
        ready = sum(1 for node in nodes if node.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"))
    elif group.detailed and group.node_addresses:
        ready = len(group.node_addresses)
    else:
        return group.name
    return f"{group.name} {min(ready, group.node_count)}/{group.node_count} nodes ready"


def standing_of(connection: Connection, api: MagnumReader, cluster: Cluster) -> Standing:
    """Where a cluster IN_PROGRESS stands; nothing when nobody answers: it is only a comment on a wait."""
    if not Status.in_progress(cluster.status):
        return Standing()
    try:
        groups = api.node_groups(cluster)
        busy = tuple(group for group in groups if Status.in_progress(group.status))
        stacks = stacks_of(replace(cluster, node_groups=groups), Status.in_progress)
        if stacks:
            return Standing(busy, tuple(HeatReader(connection).resources(stacks[0], nested=True)))
        known = api.in_detail((cluster, group) for group in busy)
        return Standing(tuple(known.get(group.id, group) for group in busy))
    except KcloudError:
        return Standing()


def idle_of(connection: Connection, api: MagnumReader, cluster: Cluster) -> bool:
    """Whether a stack of this cluster IN_PROGRESS has resources left and none of them is in progress.

    Between two resources that is so for a moment: to be believed when it is found twice, some time apart.
    """
    standing = standing_of(connection, api, cluster)
    return bool(standing.resources) and not standing.under_way


def activity_of(connection: Connection, api: MagnumReader) -> Callable[[Cluster], str]:
    """A function that says what a cluster is busy with; empty when it is not, or when nothing is known."""
    return seldom(lambda cluster: str(standing_of(connection, api, cluster)))


def seldom(ask: Callable[[Cluster], str], now: Callable[[], float] = time.monotonic) -> Callable[[Cluster], str]:
    """The same function, which asks again only after a while, or when the cluster's status is another."""
    said: dict[tuple[str, str | None], tuple[float, str]] = {}

    def answer(cluster: Cluster) -> str:
        key = (cluster.id, cluster.status)
        if key not in said or now() - said[key][0] >= ASKED_EVERY_S:
            said[key] = (now(), ask(cluster))
        return said[key][1]

    return answer
