# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A name and the ranges in use -> a range of its own."""

from __future__ import annotations

DOCUMENTATION = r"""
name: free_cidr
short_description: Choose a range of addresses for the network of this name
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Chooses a range out of a pool by the digest of a name, and takes the next one that is free where it is in use. So a name
    has the same range on every run and every machine, and no two networks overlap.
positional: in_use
options:
  _input:
    description: The name.
    type: str
    required: true
  in_use:
    description: The ranges that are in use, RV(kcloud.infrastructure.cluster_network_info#module:cidrs).
    type: list
    elements: str
    required: true
  pool:
    description: The range to choose from.
    type: str
    default: 10.128.0.0/10
  prefix:
    description: Length of the prefix of the range to choose.
    type: int
    default: 24
"""

EXAMPLES = r"""
- name: The range of a new network
  ansible.builtin.debug:
    msg: "{{ 'train-network' | kcloud.infrastructure.free_cidr(['10.0.0.0/24']) }}"
"""

RETURN = r"""
_value:
  description: The range.
  type: str
"""

from collections.abc import Iterable

from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan import networks


def free_cidr(name: str, in_use: Iterable[str], pool: str = "10.128.0.0/10", prefix: int = 24) -> str:
    """See RETURN.

    :raises AnsibleFilterError: nothing is free, or a range cannot be read.
    """
    try:
        return networks.free_cidr(str(name), in_use, pool, int(prefix))
    except KcloudError as error:
        raise AnsibleFilterError(error.sentence()) from None


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        return {"free_cidr": free_cidr}
