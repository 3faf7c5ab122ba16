# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters that an interrupted run has left -> what completes them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unfinished_clusters
short_description: Find clusters without the bounds or node groups of their type
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - A run that ends between the creation of a cluster and its bounds leaves node groups without bounds, or a cluster without some of
    the node groups of its type.
  - Only clusters that the role P(kcloud.infrastructure.accelerator_cluster#role) made are looked at, known by their labels. Bounds that
    a group has are left as they are.
positional: catalog, flavors, flavor_map
options:
  _input:
    description:
      - The clusters, as M(kcloud.infrastructure.magnum_cluster_info) returns them with
        O(kcloud.infrastructure.magnum_cluster_info#module:node_groups=details).
    type: list
    elements: dict
    required: true
  catalog:
    description: The cluster types by name, C(accelerator_cluster_catalog) of the role.
    type: dict
    required: true
  flavors:
    description: The flavors of the cloud. Without them a missing group gets the flavor that its type names, or none.
    type: list
    elements: dict
  flavor_map:
    description: What a flavor has where its extra specs do not say it, as in M(kcloud.infrastructure.cluster_match).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Complete the clusters
  kcloud.infrastructure.magnum_cluster:
    name: "{{ item.cluster_id }}"
    node_groups: "{{ item.node_groups }}"
  loop: "{{ found.clusters | kcloud.infrastructure.unfinished_clusters(accelerator_cluster_catalog, cloud.openstack.flavors) }}"
"""

RETURN = r"""
_value:
  description: The clusters that lack something, each with C(cluster), C(cluster_id) and C(node_groups) for M(kcloud.infrastructure.magnum_cluster).
  type: list
  elements: dict
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.filter.fitting_flavor import fitting_flavor
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.cluster_plan import BOUNDS, group_of, worker_groups

MAKER = "accelerator_cluster"


def bounds_of(group: Mapping[str, Any]) -> dict[str, int]:
    """The bounds that a type gives a group."""
    return {key: int(group[key]) for key in BOUNDS if group.get(key) is not None}


def unbounded(group: Mapping[str, Any]) -> bool:
    """Whether a group has the bounds that Magnum gives a new one: from 0 to any number."""
    return not group.get("min_node_count") and group.get("max_node_count") is None


def lacking(
    cluster: Mapping[str, Any],
    kind: Mapping[str, Any],
    flavors: Sequence[Mapping[str, Any]] | None,
    flavor_map: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """The node groups of a type that a cluster lacks, or that have no bounds in it, as declarations."""
    found: list[dict[str, Any]] = []
    for name, group in worker_groups(kind).items():
        there, bounds = group_of(cluster, name), bounds_of(group)
        if there is None:
            named = group.get("flavor")
            flavor = fitting_flavor(group, flavors, flavor_map) if flavors and not named else named
            count = int(group.get("node_count") or 0)
            declared = {"name": name, "node_count": count, "flavor": flavor, **bounds}
            found.append({key: value for key, value in declared.items() if value is not None})
        elif bounds and unbounded(there) and bounds != {"min_node_count": 0}:
            # A count that was set for this cluster stays within them
            count, nearest = int(there.get("node_count") or 0), {"min_node_count": min, "max_node_count": max}
            found.append({"name": name, **{key: nearest[key](value, count) for key, value in bounds.items()}})
    return found


def unfinished_clusters(
    clusters: Iterable[Mapping[str, Any]],
    catalog: Mapping[str, Any],
    flavors: Sequence[Mapping[str, Any]] | None = None,
    flavor_map: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """See RETURN.

    :raises AnsibleFilterError: no flavor of the cloud fits a group that is missing.
    """
    found = []
    for cluster in clusters:
        labels = cluster.get("labels") or {}
        kind = catalog.get(labels.get("kcloud_type"))
        if kind is None or labels.get("kcloud_managed_by") != MAKER or str(cluster.get("status")).endswith("_FAILED"):
            continue
        groups = lacking(cluster, kind, flavors, flavor_map)
        if groups:
            found.append({"cluster": cluster["name"], "cluster_id": cluster["id"], "node_groups": groups})
    return found


class FilterModule:
    def filters(self):
        return {"unfinished_clusters": unfinished_clusters}
