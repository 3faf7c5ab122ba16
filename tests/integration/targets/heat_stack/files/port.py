# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a port of this name on a network, or without a network take it away."""

from __future__ import annotations

import sys

import openstack

cloud_name, name, *network = sys.argv[1:]
cloud = openstack.connect(cloud=cloud_name)
if network:
    cloud.network.create_port(network_id=network[0], name=name)
else:
    for port in cloud.network.ports(name=name):
        cloud.network.delete_port(port)
