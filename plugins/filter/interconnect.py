# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks, and who may use what of whom -> the Heat template that connects them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: interconnect
short_description: Plan what connects networks of clusters
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Makes the Heat template of a transit network with the routes and security-group rules for just what is asked for.
positional: wanted
options:
  _input:
    description: The networks, RV(kcloud.infrastructure.cluster_network_info#module:networks).
    type: list
    elements: dict
    required: true
  wanted:
    description:
      - C(name) of the connection, C(networks) to connect by name or id, C(transit_cidr), and C(allow), the variable
        O(kcloud.infrastructure.cluster_interconnect#role:main:cluster_interconnect_allow).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What a connection opens
  ansible.builtin.debug:
    msg: "{{ (found.networks | kcloud.infrastructure.interconnect(wanted)).connections }}"
  vars:
    wanted:
      name: train-serve
      networks: [train-network, serve-network]
      transit_cidr: 100.64.0.0/28
      allow:
        - {from: train-network, to: serve-network, ports: [443]}
"""

RETURN = r"""
_value:
  description:
    - C(template), the Heat template; C(connections), what is open, each with C(from), C(to), C(protocol), C(port_min) and
      C(port_max); C(wider), what the networks' own security groups let in beyond that.
  type: dict
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.networks import (
    members_of,
    openings_of,
    template_of,
    wider_than_asked,
)


def interconnect(found: Iterable[Mapping[str, Any]], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """See RETURN.

    :raises AnsibleFilterError: the networks cannot be connected, or what is wanted cannot be read.
    """
    name = str(wanted["name"])
    try:
        openings = openings_of(name, wanted["allow"], list(wanted["networks"]))
        members = members_of(name, list(wanted["networks"]), found)
        return {
            "template": template_of(name, members, openings, str(wanted["transit_cidr"])),
            "connections": [opening.as_result() for opening in openings],
            "wider": wider_than_asked(members, openings),
        }
    except KcloudError as error:
        raise AnsibleFilterError(error.sentence()) from error


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        return {"interconnect": interconnect}
