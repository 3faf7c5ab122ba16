# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clusters of the cloud and their nodes, as telemetry is generated for them. Runs under the services' Python.

`python -m devcloud.telemetry.inventory` prints them as JSON: `clusters` of fleet.py, without profiles.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from devcloud import catalog
from devcloud.magnums import chosen
from devcloud.paths import find_paths
from devcloud.seed import URLS, Api, login

Json = dict[str, Any]
FLAVORS = {flavor.name: flavor for flavor in catalog.FLAVORS}
# The clouds in clouds.yaml that are one project each
OPERATORS = ("devcloud", "devcloud-tenant-b")
NODE_GROUPS = {"OpenStack-API-Version": "container-infra 1.10"}


def nodes_of(group: Json, servers: Iterable[Json], stacks: Mapping[str, str]) -> list[Json]:
    """The nodes of a group: the servers that its stack made, whose names begin with the stack's; without a stack its addresses.

    :param group: as Magnum shows it.
    :param servers: of the project, each with `id` and `name`.
    :param stacks: name of each stack by its id.
    """
    hardware = hardware_of(group["flavor_id"])
    stack = stacks.get(group["stack_id"] or "")
    prefix = f"{stack}-"
    # The default groups share a stack; only the control plane's servers are called so
    is_master = group["role"] == "master"
    mine = [
        server
        for server in servers
        if server["name"].startswith(prefix) and server["name"].startswith(f"{prefix}master-") == is_master
    ]
    known = [{"name": server["name"], "id": server["id"]} for server in mine]
    if stack is None:
        known = [{"name": address} for address in group["node_addresses"] or ()]
    return [{**node, "role": group["role"], **hardware} for node in sorted(known, key=lambda node: node["name"])]


def hardware_of(name: str) -> Json:
    """What a node of a flavor has, in the words of a fleet."""
    flavor = FLAVORS.get(name)
    if flavor is None:
        return {}
    found: Json = {"cores": flavor.cores, "memory_gb": flavor.memory}
    if "accelerator:kind" in flavor.specs:
        found["kind"] = flavor.specs["accelerator:kind"]
        found["model"] = flavor.specs["accelerator:model"]
        found["devices"] = int(flavor.specs["accelerator:count"])
    return found


def read_project(auth: Mapping[str, str], magnums: Iterable[str]) -> list[Json]:
    """The clusters of one project, by all Magnums, without those that are being deleted.

    :param auth: of a cloud in clouds.yaml.
    """
    session = login(auth["username"], auth["password"], auth["project_name"])
    servers = Api(session, URLS["compute"]).get("/servers/detail")["servers"]
    heat = Api(session, URLS["orchestration"].replace("$(project_id)s", str(session.get_project_id())))
    stacks = {stack["id"]: stack["stack_name"] for stack in heat.get("/stacks")["stacks"]}
    names = {flavor["id"]: flavor["name"] for flavor in Api(session, URLS["compute"]).get("/flavors")["flavors"]}
    found = []
    for url in magnums:
        magnum = Api(session, url, NODE_GROUPS)
        for cluster in magnum.get("/clusters")["clusters"]:
            if str(cluster["status"]).startswith("DELETE_"):
                continue
            base = f"/clusters/{cluster['uuid']}/nodegroups"
            groups = [magnum.get(f"{base}/{group['uuid']}") for group in magnum.get(base)["nodegroups"]]
            for group in groups:
                group["flavor_id"] = names.get(group["flavor_id"], group["flavor_id"])
            nodes = [node for group in groups for node in nodes_of(group, servers, stacks)]
            found.append({"name": cluster["name"], "id": cluster["uuid"], "nodes": nodes})
    return found


def main() -> None:
    """Print the clusters of both projects, by name."""
    paths = find_paths()
    clouds = yaml.safe_load(paths.clouds.read_text())["clouds"]
    magnums = [URLS["container-infra"], *(magnum.url for magnum in chosen(paths))]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: read_project(clouds[name]["auth"], magnums), OPERATORS))
    print(json.dumps(sorted((cluster for each in found for cluster in each), key=lambda one: one["name"])))


if __name__ == "__main__":
    main()
