# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster types of the roles -> the cluster types that the planner reads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: planner_types
short_description: Give cluster types in the form of the planner's modules
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Turns the cluster types of the role P(kcloud.infrastructure.accelerator_cluster#role) into the option C(cluster_types) of
    M(kcloud.infrastructure.cluster_match) and M(kcloud.infrastructure.cluster_consolidation).
  - There the C(default-worker) of a type is the first of its node groups, and a group without accelerators has an empty C(accelerator).
options:
  _input:
    description: The cluster types by name, C(accelerator_cluster_catalog) of the role.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Where should this run
  kcloud.infrastructure.cluster_match:
    workload:
      gpu_count: 1
    cluster_types: "{{ accelerator_cluster_catalog | kcloud.infrastructure.planner_types }}"
"""

RETURN = r"""
_value:
  description: The cluster types by name, for the option C(cluster_types).
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.cluster_plan import worker_groups

Some = Mapping[str, Any]


def node_group(name: str, group: Some) -> dict[str, Any]:
    """A node group of a type, as the planner reads it."""
    accelerator = group.get("accelerator") or {}
    kind = accelerator.get("kind", "none")
    return {
        "name": name,
        "accelerator": {} if kind == "none" else {"kind": kind, "models": accelerator.get("models", [])},
        "flavor": group.get("flavor"),
        "min_node_count": group.get("min_node_count", 0),
        "max_node_count": group.get("max_node_count"),
    }


def planner_type(name: str, kind: Some) -> dict[str, Any]:
    """A cluster type, as the planner reads it.

    :raises AnsibleFilterError: the type does not name its cluster template.
    """
    if "name" not in kind:
        raise AnsibleFilterError(
            f"Failed to read cluster type '{name}': it has no 'name', which its cluster template gets. "
            f"Fix: set 'name' of '{name}' in accelerator_cluster_types or cluster_templates."
        )
    return {
        "template": kind["name"],
        "node_groups": [node_group(group_name, group) for group_name, group in worker_groups(kind).items()],
        "labels": kind.get("labels", {}),
        "master_flavor": kind.get("master_flavor"),
        "master_count": kind.get("master_count", 1),
        "objective": kind.get("objective"),
        "latency_ms": kind.get("latency_ms"),
    }


def planner_types(catalog: Mapping[str, Some]) -> dict[str, Any]:
    """See RETURN.

    :raises AnsibleFilterError: a type does not name its cluster template.
    """
    return {name: planner_type(name, kind) for name, kind in catalog.items()}


class FilterModule:
    def filters(self):
        return {"planner_types": planner_types}
