# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan for many workloads, and the clusters now -> the node groups that the plan no longer knows."""

from __future__ import annotations

DOCUMENTATION = r"""
name: changed_node_groups
short_description: Find node groups that changed since a plan was made
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Compares the numbers of nodes that M(kcloud.infrastructure.cluster_match) planned with to those that the clusters have now.
  - Only the clusters of the plan count. A cluster that is being deleted counts as deleted.
positional: now
options:
  _input:
    description: The clusters of the plan, RV(kcloud.infrastructure.cluster_match#module:clusters).
    type: list
    elements: dict
    required: true
  now:
    description: The clusters as they are, RV(kcloud.infrastructure.magnum_cluster_info#module:clusters).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the clusters again
  kcloud.infrastructure.magnum_cluster_info:
  register: now

- name: Check that the state is still the one that was planned with
  ansible.builtin.assert:
    that: match.clusters | kcloud.infrastructure.changed_node_groups(now.clusters) == []
"""

RETURN = r"""
_value:
  description: The node groups that are gone or have another number of nodes, each as C(cluster/node group (id of the cluster)).
  type: list
  elements: str
"""

from collections.abc import Iterable, Mapping
from typing import Any


def changed_node_groups(planned: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> list[str]:
    """See RETURN. New clusters of the plan, which have no id, are left out."""
    counts = {
        (cluster["id"], cluster["name"], group["name"]): group["node_count"]
        for cluster in now
        if not str(cluster["status"]).startswith("DELETE_")
        for group in cluster["node_groups"]
    }
    return [
        f"{cluster['cluster']}/{group['name']} ({cluster['cluster_id']})"
        for cluster in planned
        if cluster["cluster_id"]
        for group in cluster["node_groups"]
        if counts.get((cluster["cluster_id"], cluster["cluster"], group["name"])) != group["node_count_before"]
    ]


class FilterModule:
    def filters(self):
        return {"changed_node_groups": changed_node_groups}
