# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what Magnum's API knows of the clusters of a prefix, as JSON by name: by plain requests, with nothing of the collection.

look.py SCRIPTS CLOUD PREFIX, where SCRIPTS is the folder with plain.py
"""

from __future__ import annotations

import json
import sys
from typing import Any

LATEST = {"OpenStack-API-Version": "container-infra latest"}
KEPT = ("node_count", "min_node_count", "max_node_count", "node_addresses")


def get(magnum: Any, path: str) -> Any:
    answer = magnum.get(path, headers=LATEST)
    answer.raise_for_status()
    return answer.json()


def cluster(magnum: Any, uuid: str) -> dict[str, Any]:
    """A cluster with its worker groups; their bounds are true in a read of the single group only."""
    found, groups = get(magnum, f"/clusters/{uuid}"), get(magnum, f"/clusters/{uuid}/nodegroups")["nodegroups"]
    workers = [
        get(magnum, f"/clusters/{uuid}/nodegroups/{group['uuid']}") for group in groups if group["role"] != "master"
    ]
    return {
        "id": uuid,
        "status": found["status"],
        "created_at": found["created_at"],
        "groups": {group["name"]: {key: group[key] for key in KEPT} for group in workers},
    }


def main() -> None:
    scripts, cloud, prefix = sys.argv[1:]
    sys.path.insert(0, scripts)
    from plain import Service

    magnum = Service(cloud, "container-infra")
    listed = [entry for entry in get(magnum, "/clusters")["clusters"] if entry["name"].startswith(prefix)]
    print(json.dumps({entry["name"]: cluster(magnum, entry["uuid"]) for entry in listed}))


if __name__ == "__main__":
    main()
