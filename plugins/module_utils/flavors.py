# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flavors that a project may use, as plain data: what they have, and by their extra specs which accelerators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read

if TYPE_CHECKING:
    from openstack.connection import Connection

# The first microversion whose list has the extra specs (Rocky). Asked for by name, since the SDK falls back to one without
# them where it cannot read the version document, and then every accelerator would silently be missing.
MICROVERSION = "2.61"


def flavors(connection: Connection) -> list[dict[str, Any]]:
    """The flavors that the project may use, in order of name, with their extra specs.

    :raises KcloudError: Nova cannot be read, or is older than Rocky.
    """
    listed = read(lambda: list(connection.compute.flavors(microversion=MICROVERSION)), "list flavors", "flavors") or []
    found = [
        {
            "id": flavor.id,
            "name": flavor.name,
            "vcpus": flavor.vcpus,
            "ram_mib": flavor.ram,
            "disk_gib": flavor.disk,
            "extra_specs": dict(flavor.extra_specs or {}),
        }
        for flavor in listed
    ]
    return sorted(found, key=lambda flavor: (flavor["name"], flavor["id"]))
