# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clusters depend on, made and taken away: around.py CLOUD ADMIN PREFIX VERB [ARGUMENT], with plain requests.

``make CLOUDS_YAML`` makes images, a keypair, and a project with room for one server, whose cloud is written to that
file; ``drop keypair``; ``port NETWORK_OF`` makes a port on the network of a cluster, ``network NAME`` a network;
``free`` removes such ports and networks, ``clean`` everything.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import openstack
import yaml

IMAGES = {
    "image": {"os_distro": "fedora-coreos"},
    "large": {"os_distro": "fedora-coreos", "min_ram": 900000},
    "strange": {"os_distro": "an-os-of-its-own"},
}
ROLES = ("member", "heat_stack_owner")


class Around:
    """The verbs."""

    def __init__(self, cloud: str, admin: str, prefix: str) -> None:
        self.cloud, self.admin, self.prefix = cloud, admin, prefix
        self.own: Any = openstack.connect(cloud=cloud)

    def make(self, path: str) -> None:
        """Images, keypair, project."""
        for name, properties in IMAGES.items():
            body = {"name": f"{self.prefix}-{name}", "disk_format": "raw", "container_format": "bare", **properties}
            made = self.own.image.post("/images", json={**body, "visibility": "private"}).json()
            headers = {"Content-Type": "application/octet-stream"}
            self.own.image.put(f"/images/{made['id']}/file", data=b"\0" * 4096, headers=headers)
        self.own.compute.create_keypair(name=self.prefix)
        admin: Any = openstack.connect(cloud=self.admin)
        project = admin.identity.create_project(name=self.prefix, domain_id="default")
        for name in ROLES:
            role = admin.identity.find_role(name)
            admin.identity.assign_project_role_to_user(project, self.own.current_user_id, role)
        admin.compute.put(f"/os-quota-sets/{project.id}", json={"quota_set": {"instances": 1}})
        self._write(path)

    def _write(self, path: str) -> None:
        """The cloud of that project, private: it holds the password."""
        known = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text(encoding="utf-8"))
        entry = known["clouds"][self.cloud]
        auth = {key: value for key, value in entry["auth"].items() if key != "project_id"}
        known["clouds"]["small"] = {**entry, "auth": {**auth, "project_name": self.prefix}}
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            yaml.safe_dump(known, stream)

    def drop(self, _what: str) -> None:
        """Take the keypair away."""
        self.own.compute.delete_keypair(self.prefix)

    def port(self, cluster: str) -> None:
        """Somebody's port on the network that Magnum made for a cluster."""
        (network,) = [found for found in self.own.network.networks() if found.name.startswith(cluster)]
        print(self.own.network.create_port(network_id=network.id, name=f"{self.prefix}-foreign").id)

    def network(self, name: str) -> None:
        """A network whose name holds what a driver calls a cluster."""
        print(self.own.network.create_network(name=name, description=self.prefix).id)

    def server(self, name: str) -> None:
        """A server that no host has room for: it ends in ERROR. It bears what a driver calls a cluster in its name."""
        flavors = {flavor.name: flavor.id for flavor in self.own.compute.flavors()}
        image = self.own.image.find_image("ubuntu-capi").id
        request = {
            "name": f"{name}-{self.prefix}",
            "imageRef": image,
            "flavorRef": flavors["gpu.l40s.pci"],
            "networks": "none",
        }
        headers = {"OpenStack-API-Version": "compute 2.37"}
        print(self.own.compute.post("/servers", json={"server": request}, headers=headers).json()["server"]["id"])

    def free(self, _argument: str = "") -> None:
        """Remove what is in the way."""
        for port in self.own.network.ports(name=f"{self.prefix}-foreign"):
            self.own.network.delete_port(port.id)
        for server in self.own.compute.servers(name=self.prefix):
            self.own.compute.delete_server(server.id)
        for network in self.own.network.networks(description=self.prefix):
            self.own.network.delete_network(network.id)

    def clean(self, _argument: str = "") -> None:
        """Remove everything."""
        self.free()
        self.own.compute.delete_keypair(self.prefix, ignore_missing=True)
        for image in self.own.image.images():
            if (image.name or "").startswith(self.prefix):
                self.own.image.delete_image(image.id)
        admin: Any = openstack.connect(cloud=self.admin)
        project = admin.identity.find_project(self.prefix)
        if project is not None:
            admin.identity.delete_project(project.id)


def main() -> None:
    """One verb."""
    cloud, admin, prefix, verb, *arguments = sys.argv[1:]
    getattr(Around(cloud, admin, prefix), verb)(*arguments)


if __name__ == "__main__":
    main()
