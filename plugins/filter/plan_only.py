# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tags of a run -> whether it only plans."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_only
short_description: Tell whether a run only shows plans
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - A run only plans when the variable C(kcloud_plan_only) is true, or when C(--tags) names the plan tag of a role of this collection,
    such as C(accelerator_cluster_plan), and no apply tag, such as C(accelerator_cluster_apply).
  - The roles ask this before each task that changes something. So a plan tag changes nothing, also where a playbook gives a role the tag
    C(always).
positional: asked
options:
  _input:
    description: The tags of the run, the variable C(ansible_run_tags).
    type: list
    elements: str
    required: true
  asked:
    description: The variable C(kcloud_plan_only).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Resize, unless this run only plans
  kcloud.infrastructure.magnum_cluster:
    name: ml-training-cluster
    node_count: 2
  when: not (ansible_run_tags | kcloud.infrastructure.plan_only(kcloud_plan_only | default(false)))
"""

RETURN = r"""
_value:
  description: Whether the run only plans.
  type: bool
"""

from collections.abc import Iterable

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean

# The roles that change something; each has the tags <role>_plan and <role>_apply
ACTING = (
    "accelerator_cluster",
    "cluster_access",
    "cluster_autoscale",
    "cluster_cleanup",
    "cluster_consolidation",
    "cluster_interconnect",
    "cluster_network",
    "fleet",
    "requested_cluster",
    "requested_cluster_template",
    "workload_placement",
)


def plan_only(run_tags: Iterable[str], asked: object = False) -> bool:
    """See RETURN.

    :raises AnsibleFilterError: ``asked`` is neither true nor false.
    """
    try:
        if boolean(asked):
            return True
    except TypeError:
        raise AnsibleFilterError(
            f"Failed to read variable 'kcloud_plan_only': {asked!r} is neither true nor false. Fix: give true or false."
        ) from None
    tags = set(run_tags)
    planned, applied = ({f"{role}_{end}" for role in ACTING} & tags for end in ("plan", "apply"))
    return bool(planned) and not applied


class FilterModule:
    def filters(self):
        return {"plan_only": plan_only}
