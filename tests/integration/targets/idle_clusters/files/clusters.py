# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what Magnum's API knows of the clusters of a prefix, as JSON by what follows the prefix in their names.

It makes plain requests, with nothing of the collection.

clusters.py SCRIPTS CLOUD PREFIX, where SCRIPTS is the folder with plain.py and look.py
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

KEPT = ("node_count", "min_node_count", "max_node_count", "node_addresses")


def cluster(get: Any, uuid: str) -> dict[str, Any]:
    """A cluster with its worker groups; their bounds are true in a read of the single group only."""
    found, groups = get(f"/clusters/{uuid}"), get(f"/clusters/{uuid}/nodegroups")["nodegroups"]
    workers = [get(f"/clusters/{uuid}/nodegroups/{group['uuid']}") for group in groups if group["role"] != "master"]
    return {
        "id": uuid,
        "name": found["name"],
        "status": found["status"],
        "created_at": found["created_at"],
        "groups": {group["name"]: {key: group[key] for key in KEPT} for group in workers},
    }


def main() -> None:
    scripts, cloud, prefix = sys.argv[1:]
    sys.path.insert(0, scripts)
    import look
    from plain import Service

    get = partial(look.get, Service(cloud, "container-infra"))
    names = {entry["uuid"]: entry["name"] for entry in get("/clusters")["clusters"]}
    own = {uuid: name.removeprefix(f"{prefix}-") for uuid, name in names.items() if name.startswith(f"{prefix}-")}
    print(json.dumps({name: cluster(get, uuid) for uuid, name in own.items()}))


if __name__ == "__main__":
    main()
