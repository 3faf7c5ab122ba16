# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what Neutron knows of a network, a subnet and a router, as JSON."""

from __future__ import annotations

import json
import sys

import openstack

cloud_name, network_id, subnet_id, router_id = sys.argv[1:]
neutron = openstack.connect(cloud=cloud_name).network
subnet, router = neutron.get_subnet(subnet_id), neutron.get_router(router_id)
interfaces = neutron.ports(network_id=network_id, device_id=router_id)
print(
    json.dumps(
        {
            "network": neutron.get_network(network_id).name,
            "subnet": [subnet.name, subnet.cidr],
            "router": router.name,
            "external": neutron.get_network(router.external_gateway_info["network_id"]).name,
            "connected": any(address["subnet_id"] == subnet_id for port in interfaces for address in port.fixed_ips),
        }
    )
)
