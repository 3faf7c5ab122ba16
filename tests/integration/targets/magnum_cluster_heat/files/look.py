# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what the APIs know of the clusters of a name and of all that was made for them, as JSON: plain requests only.

look.py CLOUD NAME                    clusters, stacks, servers, networks, routers and ports
look.py CLOUD NAME clean              delete the clusters and templates, and wait until they are gone
look.py CLOUD NAME flavor FLAVOR      make a flavor with more accelerators than there are (as an administrator)
look.py CLOUD NAME no-flavor FLAVOR   delete it
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import openstack

NEWEST = {"OpenStack-API-Version": "container-infra latest"}


def named(cloud: Any, kind: str, name: str) -> list[dict[str, Any]]:
    """Magnum's objects of this name, in full."""
    magnum = cloud.container_infrastructure_management
    answer = magnum.get(f"/{kind}", headers=NEWEST)
    answer.raise_for_status()
    found = [entry for entry in answer.json()[kind] if entry["name"].startswith(name)]
    full = [magnum.get(f"/{kind}/{entry['uuid']}", headers=NEWEST).json() for entry in found]
    # One that goes in this moment answers with an error
    return [entry for entry in full if "uuid" in entry]


def groups(cloud: Any, cluster: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The node groups of a cluster by name."""
    magnum = cloud.container_infrastructure_management
    listed = magnum.get(f"/clusters/{cluster['uuid']}/nodegroups", headers=NEWEST).json()["nodegroups"]
    return {group["name"]: group for group in listed}


def seen(cloud: Any, name: str) -> dict[str, Any]:
    """All there is of this name. Magnum names what it makes after the cluster."""
    clusters = [{**cluster, "groups": groups(cloud, cluster)} for cluster in named(cloud, "clusters", name)]
    stacks = cloud.orchestration.get("/stacks").json()["stacks"]
    return {
        "clusters": clusters,
        "stacks": {stack["id"]: stack["stack_status"] for stack in stacks if stack["stack_name"].startswith(name)},
        "servers": sorted(server.name for server in cloud.compute.servers() if server.name.startswith(name)),
        "networks": sorted(net.name for net in cloud.network.networks() if net.name.startswith(name)),
        "routers": sorted(router.name for router in cloud.network.routers() if router.name.startswith(name)),
        "ports": sorted(port.name for port in cloud.network.ports() if port.name.startswith(name)),
    }


def clean(cloud: Any, name: str) -> None:
    """Delete until nothing is left."""
    magnum = cloud.container_infrastructure_management
    for _attempt in range(90):
        clusters = named(cloud, "clusters", name)
        if not clusters:
            break
        for cluster in clusters:
            if cluster["status"] != "DELETE_IN_PROGRESS":
                magnum.delete(f"/clusters/{cluster['uuid']}")
        time.sleep(2)
    for template in named(cloud, "clustertemplates", name):
        magnum.delete(f"/clustertemplates/{template['uuid']}")


def make_flavor(cloud: Any, flavor: str) -> None:
    """A flavor that no host can hold."""
    if cloud.compute.find_flavor(flavor) is None:
        made = cloud.compute.create_flavor(name=flavor, vcpus=4, ram=8192, disk=20)
        cloud.compute.create_flavor_extra_specs(made, {"resources:CUSTOM_GPU_A100": "64"})


def main() -> None:
    cloud_name, name, *what = sys.argv[1:]
    cloud = openstack.connect(cloud=cloud_name)
    if what == ["clean"]:
        clean(cloud, name)
    elif what[:1] == ["flavor"]:
        make_flavor(cloud, what[1])
    elif what[:1] == ["no-flavor"]:
        cloud.compute.delete_flavor(cloud.compute.find_flavor(what[1]) or what[1], ignore_missing=True)
    print(json.dumps(seen(cloud, name)))


if __name__ == "__main__":
    main()
