# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the same reading costs with plain clients: ``python -m benchmarks.fleet.floor CLOUDS.YAML CLOUD PARTS NAMES``.

A login, and of `PARTS` (a comma-separated list): `clusters`, one list with all details; `templates`, the same of templates;
`groups`, the node-group lists of the clusters in NAMES (a JSON list; all clusters for `null`), in four threads. It keeps
nothing, compares nothing, retries nothing.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session
from magnumclient.v1.client import Client

MICROVERSION = "1.11"
ALL = 1_000_000
THREADS = 4


def main(path: str, cloud: str, parts: str, names: str) -> None:
    """Read, and say how much was read."""
    with open(path, encoding="utf-8") as handle:
        settings = yaml.safe_load(handle)["clouds"][cloud]
    session = Session(auth=Password(**settings["auth"]))
    session.get_token()
    magnum = Client(session=session, region_name=settings["region_name"], api_version=MICROVERSION)
    wanted, read = json.loads(names), parts.split(",")
    clusters = magnum.clusters.list(detail=True, limit=ALL) if "clusters" in read else []
    templates = magnum.cluster_templates.list(detail=True, limit=ALL) if "templates" in read else []
    groups: list[Any] = []
    if "groups" in read:
        chosen = [entry.uuid for entry in clusters if wanted is None or entry.name in wanted]
        with ThreadPoolExecutor(THREADS) as pool:
            groups = list(pool.map(lambda uuid: magnum.nodegroups.list(uuid, limit=ALL), chosen))
    print(json.dumps({"clusters": len(clusters), "templates": len(templates), "groups": len(groups)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
