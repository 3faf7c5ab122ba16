# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node groups that change, as a planner lists them -> one declaration for each cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_declarations
short_description: Gather the node groups that change by their clusters
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Takes C(decision.node_groups) of M(kcloud.infrastructure.cluster_scaling), or C(decision.node_groups) or C(decision.grow) of
    M(kcloud.infrastructure.cluster_consolidation).
  - Returns one entry for each cluster, in order of the clusters' ids, so that M(kcloud.infrastructure.magnum_cluster) resizes each
    node group once.
  - A group with bounds keeps its number of nodes, because an autoscaler of its own sets it.
options:
  _input:
    description: The node groups that change.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Resize
  kcloud.infrastructure.magnum_cluster:
    name: "{{ item.cluster_id }}"
    node_groups: "{{ item.node_groups }}"
  loop: "{{ scaling.decision.node_groups | kcloud.infrastructure.cluster_declarations }}"
"""

RETURN = r"""
_value:
  description:
    - The clusters, each with C(cluster), C(cluster_id), C(node_groups) for M(kcloud.infrastructure.magnum_cluster), and C(nodes), the
      nodes that go.
  type: list
  elements: dict
"""

from collections.abc import Iterable, Mapping
from typing import Any

BOUNDS = ("min_node_count", "max_node_count")


def declaration(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One node group for ``magnum_cluster``: its bounds where it has any, else its number of nodes."""
    bounds = {key: entry[key] for key in BOUNDS if entry.get(key) is not None}
    removed = entry.get("nodes_to_remove")
    return {
        "name": entry["node_group"],
        **(bounds or {"node_count": entry["node_count_after"]}),
        **({"nodes_to_remove": list(removed)} if removed else {}),
    }


def cluster_declarations(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """See RETURN."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        cluster = found.setdefault(
            entry["cluster_id"],
            {"cluster": entry["cluster"], "cluster_id": entry["cluster_id"], "node_groups": [], "nodes": []},
        )
        cluster["node_groups"].append(declaration(entry))
        cluster["nodes"] += entry.get("nodes") or entry.get("nodes_to_remove") or []
    return [found[cluster_id] for cluster_id in sorted(found)]


class FilterModule:
    def filters(self):
        return {"cluster_declarations": cluster_declarations}
