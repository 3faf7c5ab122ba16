# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete every stack of a project whose name begins with a prefix: clean.py CLOUD PREFIX [--ports].

With ``--ports`` ports named so go first: such as a test has put in the way of a deletion.
"""

from __future__ import annotations

import sys
import time

import openstack


def main() -> None:
    """Delete, wait until all are gone, and say how many there were."""
    cloud_name, prefix, *options = sys.argv[1:]
    cloud = openstack.connect(cloud=cloud_name)
    for port in cloud.network.ports() if "--ports" in options else ():
        if port.name.startswith(prefix):
            cloud.network.delete_port(port)
    found = 0
    for _attempt in range(600):
        stacks = [s for s in cloud.orchestration.get("/stacks").json()["stacks"] if s["stack_name"].startswith(prefix)]
        found = max(found, len(stacks))
        if not stacks:
            break
        for stack in stacks:
            if stack["stack_status"] != "DELETE_IN_PROGRESS":
                cloud.orchestration.delete(f"/stacks/{stack['stack_name']}/{stack['id']}")
        time.sleep(1)
    else:
        raise SystemExit(f"still there: {[stack['stack_name'] for stack in stacks]}")
    print(f"{found} removed")


if __name__ == "__main__":
    main()
