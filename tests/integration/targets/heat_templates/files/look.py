# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what the APIs know of things whose names begin so, as JSON: by plain requests, with nothing of the collection.

Run as ``look.py CLOUD PREFIX``.
"""

from __future__ import annotations

import json
import sys

import openstack

MAGNUM = {"OpenStack-API-Version": "container-infra 1.11"}


def look(cloud, prefix):
    """Everything of that name."""
    templates = cloud.container_infrastructure_management.get("/clustertemplates/detail?limit=1000", headers=MAGNUM)
    neutron = cloud.network

    def raw(kind):
        # As Neutron answers, not as the SDK models it
        things = neutron.get(f"/{kind}?project_id={cloud.current_project_id}").json()[kind.replace("-", "_")]
        return {thing["name"]: thing for thing in things if (thing["name"] or "").startswith(prefix)}

    return {
        "stacks": sorted(s.name for s in cloud.orchestration.stacks() if s.name.startswith(prefix)),
        "networks": raw("networks"),
        "subnets": raw("subnets"),
        "routers": raw("routers"),
        "ports": raw("ports"),
        "security_groups": raw("security-groups"),
        "servers": {
            server.name: {
                "flavor": server.flavor.original_name,
                "networks": sorted(server.addresses),
                "security_groups": sorted({group["name"] for group in server.security_groups or []}),
                "id": server.id,
            }
            for server in cloud.compute.servers()
            if server.name.startswith(prefix)
        },
        "templates": {
            entry["name"]: entry for entry in templates.json()["clustertemplates"] if entry["name"].startswith(prefix)
        },
    }


def main():
    """Print it."""
    cloud, prefix = sys.argv[1:]
    print(json.dumps(look(openstack.connect(cloud=cloud), prefix)))


if __name__ == "__main__":
    main()
