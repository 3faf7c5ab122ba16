#!/usr/bin/python

# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What separates and connects the networks of a project."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_network_info
short_description: Read the networks of clusters, with what separates and connects them
version_added: 0.1.0
description:
  - Reads a project's networks out of Neutron, each with its subnets, its routers and their routes, and the security groups of
    the servers on it with all their rules.
  - Also reads which ranges of addresses are in use, so that a new network can have one of its own.
author:
  - kcloud.infrastructure contributors (@kcloud)
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.info
  - kcloud.infrastructure.attributes.actiongroup
options:
  names:
    description:
      - Names or ids of the networks; not given, all networks of the project.
      - A name that no network has is ignored; several networks may have one name.
    type: list
    elements: str
seealso:
  - module: kcloud.infrastructure.openstack_info
"""

EXAMPLES = r"""
- name: Read two networks
  kcloud.infrastructure.cluster_network_info:
    cloud: devcloud
    names: [train-network, serve-network]
  register: found

- name: Make sure that they have no router in common
  ansible.builtin.assert:
    that: routers | length == routers | unique | length
  vars:
    routers: "{{ found.networks | map(attribute='routers') | flatten | map(attribute='id') }}"
"""

RETURN = r"""
networks:
  description: The networks, by name and id.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the network.
      type: str
      returned: success
      sample: 0fd4b3a5-95f6-4aa5-8a3c-d6a5c5c5a7fe
    name:
      description: Name of the network.
      type: str
      returned: success
      sample: train-network
    nodes:
      description: Number of servers' ports on it.
      type: int
      returned: success
      sample: 3
    subnets:
      description: Its subnets, each with C(id), C(name), C(ip_version), C(cidr) and C(gateway_ip).
      type: list
      elements: dict
      returned: success
      sample: [{id: a0, name: train-network-subnet, ip_version: 4, cidr: 10.140.3.0/24, gateway_ip: 10.140.3.1}]
    routers:
      description:
        - The routers that have an interface on it, each with C(id), C(name), C(addresses) of these interfaces,
          C(external_network_id), and C(routes) with C(destination) and C(nexthop).
      type: list
      elements: dict
      returned: success
      sample: [{id: b0, name: train-network, addresses: [10.140.3.1], external_network_id: c0, routes: []}]
    security_groups:
      description:
        - The security group of the network's own name, as the role P(kcloud.infrastructure.cluster_network#role) makes it, and
          those of the servers on it, each with C(id), C(name), C(nodes) (ports on this network), C(elsewhere) (whether servers
          on other networks are in it) and C(rules).
        - A rule has C(id), C(direction), C(ethertype), C(protocol), C(port_min), C(port_max), C(remote_cidr) and C(remote_group).
      type: list
      elements: dict
      returned: success
      sample: [{id: d0, name: train-network, nodes: 3, elsewhere: false, rules: []}]
cidrs:
  description:
    - The ranges of addresses of all subnets that the project sees, shared ones included, and those its routers have routes to.
  returned: success
  type: list
  elements: str
  sample: [10.140.3.0/24, 172.24.0.0/16]
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect, read
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

if TYPE_CHECKING:
    from openstack.connection import Connection

SPEC = argument_spec({"names": {"type": "list", "elements": "str"}})
KINDS = ("networks", "subnets", "ports", "routers", "security_groups")
ROUTER = "network:router_interface"


def listed(connection: Connection, kind: str) -> list[dict[str, Any]]:
    """All things of a kind that the project sees, as Neutron tells them, sorted. The SDK follows the pages."""
    found = read(lambda: list(getattr(connection.network, kind)()), f"list {kind}", "network") or []
    things = [thing.to_dict(original_names=True) for thing in found]
    return sorted(things, key=lambda thing: (thing["name"] or "", thing["id"]))


def is_own(thing: dict[str, Any], project: str) -> bool:
    # An administrator sees those of all projects
    return (thing.get("project_id") or thing.get("tenant_id")) == project


def subnet_result(subnet: dict[str, Any]) -> dict[str, Any]:
    return {key: subnet[key] for key in ("id", "name", "ip_version", "cidr", "gateway_ip")}


def router_result(router: dict[str, Any], addresses: list[str]) -> dict[str, Any]:
    return {
        "id": router["id"],
        "name": router["name"],
        "addresses": sorted(addresses),
        "external_network_id": (router.get("external_gateway_info") or {}).get("network_id"),
        "routes": sorted(router.get("routes") or [], key=lambda route: (route["destination"], route["nexthop"])),
    }


def rule_result(rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": rule["id"],
        "direction": rule["direction"],
        "ethertype": rule["ethertype"],
        "protocol": rule["protocol"],
        "port_min": rule["port_range_min"],
        "port_max": rule["port_range_max"],
        "remote_cidr": rule["remote_ip_prefix"],
        "remote_group": rule["remote_group_id"],
    }


def network_result(network: dict[str, Any], seen: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """One network, with all that is about it."""
    here = [port for port in seen["ports"] if port["network_id"] == network["id"]]
    # The owner of a port on a server is compute:<availability zone>
    servers = [port for port in seen["ports"] if port["device_owner"].startswith("compute:")]
    nodes = [port for port in servers if port["network_id"] == network["id"]]
    interfaces: dict[str, list[str]] = {}
    for port in here:
        # Also network:router_interface_distributed, and _ha
        if port["device_owner"].startswith(ROUTER) or port["device_owner"] == "network:ha_router_replicated_interface":
            interfaces.setdefault(port["device_id"], []).extend(fixed["ip_address"] for fixed in port["fixed_ips"])

    def inside(group: dict[str, Any], ports: list[dict[str, Any]]) -> int:
        return sum(group["id"] in port["security_groups"] for port in ports)

    groups = [
        {
            "id": group["id"],
            "name": group["name"],
            "nodes": inside(group, nodes),
            "elsewhere": inside(group, servers) > inside(group, nodes),
            "rules": sorted(map(rule_result, group["security_group_rules"]), key=lambda rule: rule["id"]),
        }
        for group in seen["security_groups"]
        if inside(group, nodes) or group["name"] == network["name"]
    ]
    return {
        "id": network["id"],
        "name": network["name"],
        "nodes": len(nodes),
        "subnets": [subnet_result(one) for one in seen["subnets"] if one["network_id"] == network["id"]],
        "routers": [router_result(one, interfaces[one["id"]]) for one in seen["routers"] if one["id"] in interfaces],
        "security_groups": groups,
    }


def run(params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Five lists, however many networks there are."""
    connection = connect(params)
    project = connection.current_project_id
    everything = {kind: listed(connection, kind) for kind in KINDS}
    seen = {kind: [thing for thing in things if is_own(thing, project)] for kind, things in everything.items()}
    wanted = params["names"]
    networks = [
        network_result(network, seen)
        for network in seen["networks"]
        if wanted is None or network["id"] in wanted or network["name"] in wanted
    ]
    cidrs = {subnet["cidr"] for subnet in everything["subnets"]}
    cidrs |= {route["destination"] for router in seen["routers"] for route in router.get("routes") or []}
    return {"changed": False, "networks": networks, "cidrs": sorted(cidrs - {"0.0.0.0/0", "::/0"})}


def main() -> None:
    """Ansible's way in."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
