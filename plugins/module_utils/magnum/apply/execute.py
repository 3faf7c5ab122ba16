# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a plan out: the only place that makes Magnum change a cluster. Every verb that a plan may hold is in one table."""

from __future__ import annotations

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    KcloudError,
    OperationFailed,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import Operation, follow
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.lifecycle import CREATE, DELETE, delete
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.operations import (
    GROUPS,
    UPGRADE,
    Target,
    Writer,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan

OPERATIONS: dict[str, Operation[Target, Cluster]] = {
    "create_cluster": CREATE,
    "delete_cluster": DELETE,
    "upgrade": UPGRADE,
    **GROUPS,
}


def carry_out(plan: Plan, cluster: Cluster | None, writer: Writer) -> Cluster | None:
    """Make every change of the plan, in its order, one at a time: Magnum takes one change of a cluster at once.

    :returns: the cluster afterwards with its node groups, or None when it was deleted.
    :raises KcloudError: with ``result`` in its details: which changes were made before it failed.
    """
    made: list[Change] = []
    try:
        for change in plan.changes:
            cluster = _make(change, cluster, writer)
            made.append(change)
            writer.made(change)
        return None if cluster is None else writer.watch.with_groups(writer.watch.cluster(cluster.id) or cluster)
    except KcloudError as error:
        done = [change.as_result() for change in made]
        left = [change.as_result() for change in plan.changes[len(made) :]]
        begun = (error.details.pop("result", None) or {}).get("changed", False)
        begun = begun or isinstance(error, (OperationFailed, WaitTimeout))
        error.details["result"] = {"changed": bool(made) or begun, "changes": done, "changes_left": left}
        raise


def _make(change: Change, cluster: Cluster | None, writer: Writer) -> Cluster | None:
    """Make one change; the cluster after it."""
    if change.verb == "delete_replaced_cluster":
        # Another cluster, which this one replaces.
        other = writer.watch.cluster(change.arguments["id"])
        if other is not None:
            delete(writer, other)
        return cluster
    target = Target(writer, change, cluster)
    found = follow(OPERATIONS[change.verb], target, writer.progress.say)
    return None if change.verb == "delete_cluster" else found or target.cluster
