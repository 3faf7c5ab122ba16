# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what Magnum's API knows of the clusters of a name, as JSON: by plain requests, with nothing of the collection.

look.py CLOUD NAME
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from plain import Service

DOUBLE: dict[str, Any] = {}
LATEST = {"OpenStack-API-Version": "container-infra latest"}


def get(magnum: Any, path: str) -> Any:
    """The answer's body, None for 404, DOUBLE for 409. While a cluster is removed Magnum has errors that pass."""
    for _attempt in range(120):
        answer = magnum.get(path, headers=LATEST)
        if answer.status_code < 400:
            return answer.json()
        if answer.status_code in (404, 409):
            return None if answer.status_code == 404 else DOUBLE
        time.sleep(0.5)
    raise SystemExit(f"{path}: {answer.status_code} {answer.text}")


def named(magnum: Any, name: str) -> list[dict[str, Any]]:
    """The clusters of a name: asked for by it, as lists are dear, and by the list where there is more than one."""
    cluster = get(magnum, f"/clusters/{name}")
    if cluster is not DOUBLE:
        return [] if cluster is None else [cluster]
    listed = [entry for entry in get(magnum, "/clusters")["clusters"] if entry["name"] == name]
    found = [get(magnum, f"/clusters/{entry['uuid']}") for entry in listed]
    return [cluster for cluster in found if cluster is not None]


def main() -> None:
    """Print a list, because names are not unique."""
    cloud, name = sys.argv[1:]
    magnum = Service(cloud, "container-infra")
    found = []
    for cluster in named(magnum, name):
        base = f"/clusters/{cluster['uuid']}/nodegroups"
        groups = [get(magnum, f"{base}/{group['uuid']}") for group in get(magnum, base)["nodegroups"]]
        cluster["node_groups"] = {group["name"]: group for group in groups if group is not None}
        found.append(cluster)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
