# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Keystone says of application credentials, and what one may do, by plain requests.

``ask.py list CLOUD NAME`` prints those of that name, ``ask.py delete CLOUD NAME`` removes them, ``ask.py try CLOUD`` prints
the status of some requests to Magnum and Nova made as that cloud.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import openstack

REQUESTS = {
    "list": ("GET", "/clusters"),
    "templates": ("GET", "/clustertemplates"),
    "sign": ("POST", "/certificates"),
}


def named(connection: Any, name: str) -> list[dict[str, Any]]:
    """The user's credentials of a name, and those that replaced one of it."""
    answer = connection.identity.get(f"/users/{connection.current_user_id}/application_credentials").json()
    return [entry for entry in answer["application_credentials"] if entry["name"].startswith(name)]


def status(service: Any, method: str, path: str) -> int:
    """The answer's status; Magnum stumbles over lists while a cluster goes."""
    for _attempt in range(120):
        answer = service.request(path, method, json={} if method == "POST" else None, raise_exc=False)
        if answer.status_code != 400 or "master_count" not in answer.text:
            break
        time.sleep(1)
    return answer.status_code


def main() -> None:
    """One verb."""
    verb, cloud, *rest = sys.argv[1:]
    connection: Any = openstack.connect(cloud=cloud)
    if verb == "try":
        magnum = connection.container_infrastructure_management
        reported = {key: status(magnum, *request) for key, request in REQUESTS.items()}
        print(json.dumps({**reported, "servers": status(connection.compute, "GET", "/servers")}))
        return
    found = named(connection, rest[0])
    if verb == "delete":
        for entry in found:
            connection.identity.delete(f"/users/{connection.current_user_id}/application_credentials/{entry['id']}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
