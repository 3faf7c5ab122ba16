# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make two cluster templates of one name, which Magnum allows: double.py CLOUD NAME."""

from __future__ import annotations

import sys

import openstack


def main() -> None:
    cloud, name = sys.argv[1:]
    magnum = openstack.connect(cloud=cloud).container_infrastructure_management
    body = {"name": name, "coe": "kubernetes", "image_id": "ubuntu-capi", "external_network_id": "public"}
    # Magnum 20 answers 500 to a template without flavors
    body |= {"flavor_id": "cpu.medium", "master_flavor_id": "cpu.medium"}
    for _time in range(2):
        magnum.post("/clustertemplates", json=body).raise_for_status()


if __name__ == "__main__":
    main()
