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
      C(port_max); C(wider), what the networks' own security groups let in beyond that; C(rows), both for
      M(kcloud.infrastructure.table), each with C(ports), a text, and C(remark).
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

Plain = dict[str, Any]


def table_rows(connections: Iterable[Plain], wider: Iterable[Plain]) -> list[Plain]:
    """What is open, for people: what was asked for, then what security groups let in beyond that, with a remark."""
    asked = [
        {**entry, "ports": shown_ports(entry["port_min"], entry["port_max"]), "remark": ""} for entry in connections
    ]
    more = [
        {**entry, "remark": f"not asked for, open by {entry['security_group']} to {entry['remote_cidr']}"}
        for entry in wider
    ]
    return asked + more


def shown_ports(low: int | None, high: int | None) -> str:
    """One port, a range, or nothing where a protocol has no ports."""
    return "-".join(dict.fromkeys(str(port) for port in (low, high) if port))


def interconnect(found: Iterable[Mapping[str, Any]], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """See RETURN.

    :raises AnsibleFilterError: the networks cannot be connected, or what is wanted cannot be read.
    """
    name = str(wanted["name"])
    try:
        openings = openings_of(name, wanted["allow"], list(wanted["networks"]))
        members = members_of(name, list(wanted["networks"]), found)
        connections = [opening.as_result() for opening in openings]
        wider = wider_than_asked(members, openings)
        return {
            "template": template_of(name, members, openings, str(wanted["transit_cidr"])),
            "connections": connections,
            "wider": wider,
            "rows": table_rows(connections, wider),
        }
    except KcloudError as error:
        raise AnsibleFilterError(error.sentence()) from None


class FilterModule:
    """Ansible's way in."""

    def filters(self):
        return {"interconnect": interconnect}
