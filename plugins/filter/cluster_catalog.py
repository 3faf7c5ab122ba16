# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster types of the collection and an environment's changes of them -> every type as the environment wants it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_catalog
short_description: Merge the cluster types with an environment's changes
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Merges each type recursively. O(types) wins over O(cluster_templates), which wins over the input.
  - Fails when a type does not say its name, its accelerator or its node groups.
positional: cluster_templates, types
options:
  _input:
    description: The types by name, as data.
    type: dict
    required: true
  cluster_templates:
    description: Changes of types by name of the type with underscores, such as C(gpu_intensive).
    type: dict
    default: {}
  types:
    description: Changes of types, and types of your own, by name of the type.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the node groups of a type as this environment wants it
  ansible.builtin.debug:
    msg: "{{ catalog['hybrid-balanced'].node_groups }}"
  vars:
    catalog: "{{ types | kcloud.infrastructure.cluster_catalog(cluster_templates | default({}), accelerator_cluster_types) }}"
"""

RETURN = r"""
_value:
  description: The types by name.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.vars import merge_hash


def says_what_it_is(kind: Mapping[str, Any]) -> bool:
    """Whether a type has what every cluster of it needs."""
    accelerator = kind.get("accelerator")
    named = isinstance(accelerator, Mapping) and bool(accelerator.get("kind"))
    return bool(kind.get("name")) and named and isinstance(kind.get("node_groups"), Mapping)


def cluster_catalog(
    base: Mapping[str, Any],
    cluster_templates: Mapping[str, Any] | None = None,
    types: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """See RETURN.

    :raises AnsibleFilterError: a type lacks its name, its accelerator or its node groups.
    """
    spelt = {name.replace("_", "-"): changes for name, changes in (cluster_templates or {}).items()}
    catalog = merge_hash(merge_hash(dict(base), spelt), dict(types or {}))
    for name, kind in catalog.items():
        if not (isinstance(kind, Mapping) and says_what_it_is(kind)):
            raise AnsibleFilterError(
                f"Failed to read cluster type '{name}': a type of your own needs name, accelerator.kind and node_groups. "
                f"Types are {', '.join(catalog)}; for a part of one of these, spell its name like that."
            )
    return catalog


class FilterModule:
    def filters(self):
        return {"cluster_catalog": cluster_catalog}
