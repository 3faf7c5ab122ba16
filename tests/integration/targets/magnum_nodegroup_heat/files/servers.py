# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what servers Nova has of a cluster of the Heat driver, as JSON: servers.py CLOUD CLUSTER."""

from __future__ import annotations

import json
import sys

import openstack


def main() -> None:
    """The Heat driver begins the names of all stacks, and so of all servers, with the cluster's first 20 characters."""
    cloud, cluster = sys.argv[1:]
    servers = openstack.connect(cloud=cloud).compute.servers()
    found = [server for server in servers if server.name.startswith(f"{cluster[:20]}")]
    print(json.dumps([{"id": s.id, "name": s.name, "flavor": s.flavor.original_name or s.flavor.name} for s in found]))


if __name__ == "__main__":
    main()
