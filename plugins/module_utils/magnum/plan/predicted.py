# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pure: a plan -> the cluster as it will be, for check mode."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan

# The id of what does not exist yet.
PREDICTED = "predicted"


def predicted_cluster(plan: Plan, actual: Cluster | None) -> dict[str, Any] | None:
    """The cluster after the plan, as far as it is known before: node groups in a list, as they are returned."""
    if plan.action == "delete":
        return None
    if not plan.changed:
        return None if actual is None else actual.as_result()
    wanted = dict(plan.after.get("node_groups", {}))
    kept = actual.node_groups if actual is not None and plan.action == "update" else ()
    purged = set(plan.before.get("node_groups", {})) - set(wanted)
    groups = {group.name: group.as_result() for group in kept if group.name not in purged}
    for name, values in wanted.items():
        shown = {key: value for key, value in values.items() if key != "nodes_to_remove"}
        groups[name] = {**groups.get(name, {"name": name}), **shown}
    foreseen = {**(actual.as_result() if kept else {}), **plan.after}
    foreseen.pop("replaced_clusters", None)
    for change in plan.changes:
        if change.verb == "upgrade_node_group":
            groups[change.resource.rsplit("/", 1)[-1]]["image_id"] = change.arguments["image_id"]
    if not kept:
        # What has no id yet: a value that tasks after this one can use, and a mark by which it is recognised.
        foreseen = {"id": PREDICTED, "status": "CREATE_COMPLETE", **foreseen, "predicted": True}
    if "node_groups" in plan.after or kept:
        foreseen["node_groups"] = [groups[name] for name in sorted(groups)]
    if kept:
        foreseen["labels"] = dict(actual.labels)
        foreseen["node_count"] = sum(
            group.get("node_count", 1) for group in groups.values() if group.get("role") != "master"
        )
    return foreseen
