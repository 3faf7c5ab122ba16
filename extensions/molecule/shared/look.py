# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the APIs show of the things whose names begin so: read without any code of the collection, for verify.yml.

Run as ``look.py PREFIX``; the answer is JSON. A service that answers an error ends it.
"""

import json
import sys
import time

import openstack

MAGNUM = {"OpenStack-API-Version": "container-infra 1.11"}


def magnum(connection, path):
    """A GET of Magnum, again when it trips over a cluster that is just being removed."""
    adapter = connection.container_infrastructure_management
    for _attempt in range(60):
        answer = adapter.get(path, headers=MAGNUM, raise_exc=False)
        if answer.status_code != 400:
            break
        time.sleep(1)
    answer.raise_for_status()
    return answer.json()


def main(prefix):
    connection = openstack.connect()

    def named(things):
        return sorted(thing.name for thing in things if (thing.name or "").startswith(prefix))

    clusters = {}
    for cluster in magnum(connection, "/clusters/detail?limit=1000")["clusters"]:
        if cluster["name"].startswith(prefix):
            groups = magnum(connection, f"/clusters/{cluster['uuid']}/nodegroups")["nodegroups"]
            detailed = [
                magnum(connection, f"/clusters/{cluster['uuid']}/nodegroups/{group['uuid']}") for group in groups
            ]
            cluster["groups"] = {group["name"]: group for group in detailed}
            clusters[cluster["name"]] = cluster
    templates = magnum(connection, "/clustertemplates/detail?limit=1000")["clustertemplates"]
    found = {
        "clusters": clusters,
        "templates": {entry["name"]: entry for entry in templates if entry["name"].startswith(prefix)},
        "stacks": named(connection.orchestration.stacks()),
        "networks": {net.name: net.id for net in connection.network.networks() if net.name.startswith(prefix)},
        "routers": named(connection.network.routers()),
        "servers": {
            server.id: [entry["addr"] for entries in (server.addresses or {}).values() for entry in entries]
            for server in connection.compute.servers()
            if server.name.startswith(prefix)
        },
    }
    print(json.dumps(found))


main(sys.argv[1])
