# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several clusters need together, and the quotas -> what is missing."""

from __future__ import annotations

DOCUMENTATION = r"""
name: quota_shortages
short_description: Add up what clusters need and compare it with the quotas
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Adds up the demand of all clusters that are to be created or scaled out, and names each quota of the project that is too small.
  - Quotas that the cloud does not tell, and quotas without a limit, are never too small.
positional: quotas
options:
  _input:
    description: The clusters, each with C(name) and C(demand), such as P(kcloud.infrastructure.declared_fleet#filter) returns them in C(plans).
    type: list
    elements: dict
    required: true
  quotas:
    description: The quotas, RV(kcloud.infrastructure.openstack_info#module:openstack.quotas).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Stop before the first cluster is created
  ansible.builtin.assert:
    that: plans | kcloud.infrastructure.quota_shortages(found.openstack.quotas) == []
"""

RETURN = r"""
_value:
  description: One text for each quota that is too small, with what is needed, what is left, and which clusters need how much.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

# Of a demand, with the unit that a reader knows
UNITS = {"clusters": "", "instances": "", "cores": "", "ram_mib": " MiB"}


def quota_shortages(plans: Sequence[Mapping[str, Any]], quotas: Mapping[str, Any]) -> list[str]:
    """See RETURN."""
    found = []
    for resource, unit in UNITS.items():
        left = (quotas.get(resource) or {}).get("left")
        parts = [(plan["name"], plan["demand"][resource]) for plan in plans if plan["demand"][resource]]
        needed = sum(amount for _name, amount in parts)
        if left is not None and needed > max(0, left):
            limit = quotas[resource].get("limit")
            shares = ", ".join(f"{name} {amount}" for name, amount in parts)
            found.append(f"{resource}: {needed}{unit} needed ({shares}), {left} of {limit}{unit} left")
    return found


class FilterModule:
    def filters(self):
        return {"quota_shortages": quota_shortages}
