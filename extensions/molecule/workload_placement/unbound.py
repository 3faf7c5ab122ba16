# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes the bounds of a cluster's default-worker away, as if the run that created it had ended before it set them.

Run as ``unbound.py CLUSTER``.
"""

import sys
import time

import openstack

HEADERS = {"OpenStack-API-Version": "container-infra 1.11"}
PATCH = [
    {"op": "replace", "path": "/min_node_count", "value": 0},
    {"op": "remove", "path": "/max_node_count"},
]


def main(name):
    magnum = openstack.connect().container_infrastructure_management
    path = f"/clusters/{name}/nodegroups/default-worker"
    magnum.patch(path, json=PATCH, headers=HEADERS).raise_for_status()
    for _attempt in range(60):
        group = magnum.get(path, headers=HEADERS).json()
        cluster = magnum.get(f"/clusters/{name}", headers=HEADERS).json()
        if group["max_node_count"] is None and cluster["status"].endswith("_COMPLETE"):
            return
        time.sleep(1)
    sys.exit(f"the bounds are still {group['min_node_count']} to {group['max_node_count']}")


main(sys.argv[1])
