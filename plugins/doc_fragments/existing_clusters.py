# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that decide about existing clusters and their nodes, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  placements:
    description:
      - All workloads that run on clusters. Each has C(workload) (a name), C(cluster) (name or id), C(node) (id, name or address),
        may have C(node_group) and C(replicas) (all of them on that node), and its size in the form of the option C(workload) of
        M(kcloud.infrastructure.cluster_match). The label C(do-not-disrupt) pins it, and so does
        C(duration_h) where it has several replicas and is a gang (the default).
      - Where C(node) is missing, no node of that node group is removed, unless the group has one node only.
      - Not given, the module does not know which workload runs where, and removes nothing. An empty list says that none runs.
    type: list
    elements: dict
  fleet:
    description:
      - What is there, as plain data in the form of the option C(fleet) of M(kcloud.infrastructure.cluster_match). Given, no cloud is
        read and no credentials are needed.
      - A node group may list its C(nodes), each with C(id), by which Magnum removes it, C(name), C(address), C(utilization) (0 to 1),
        C(ready), C(protected), C(labels), and what is C(free) on it; or only C(node_addresses). A cluster may have C(master_flavor),
        C(master_count) and C(created_at).
    type: dict
  flavor_map:
    description: What flavors have, by name, as in M(kcloud.infrastructure.cluster_match).
    type: dict
  prices:
    description: Prices, as in M(kcloud.infrastructure.cluster_match).
    type: dict
  require_health:
    description:
      - Whether clusters are left alone that Magnum does not call C(HEALTHY).
      - With V(false) the health of clusters is not looked at.
    type: bool
    default: true
  api_version:
    description:
      - The newest microversion of Magnum's API to use, in quotes, such as V("1.11").
      - Not given, the newest that both sides know. The environment variable E(MAGNUM_API_VERSION) is its default.
    type: str
notes:
  - What is not known speaks against taking anything away, never for it. Clusters, nodes and workloads with the label C(protected) or
    C(do-not-disrupt) are left alone, and so is what is not C(*_COMPLETE).
"""

    # Of decisions about single nodes
    NODES = r"""
options:
  cluster_names:
    description:
      - Names or ids of the clusters to look at, or patterns such as V(team-a-*); all others are ignored. Not given, every
        cluster of the project.
    type: list
    elements: str
  utilization:
    description: Measured utilisation of nodes, each as C(cluster), C(node) and C(utilization) from 0 to 1.
    type: list
    elements: dict
  require_metrics:
    description:
      - Whether nodes without a measured utilisation are left alone, since they count as busy.
      - With V(false) the placements count as all that runs.
    type: bool
    default: true
"""
