# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet of devcloud.telemetry for clusters as clusters.py shows them: telemetry.py END CLUSTERS PROFILES, the last two as JSON."""

from __future__ import annotations

import json
import sys

HOURS = 6


def main() -> None:
    end, clusters, profiles = sys.argv[1:]
    by_name = json.loads(profiles)
    fleet = [
        {
            "name": cluster["name"],
            "id": cluster["id"],
            "profile": by_name.get(name, "idle"),
            "nodes": [{"name": address} for group in cluster["groups"].values() for address in group["node_addresses"]],
        }
        for name, cluster in json.loads(clusters).items()
    ]
    print(json.dumps({"end": int(end), "hours": HOURS, "clusters": fleet}))


if __name__ == "__main__":
    main()
