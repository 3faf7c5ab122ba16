# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete every cluster and template of the project whose name begins with a prefix: clean.py CLOUD PREFIX."""

from __future__ import annotations

import sys
import time
from typing import Any

from plain import Service


def named(magnum: Any, kind: str, prefix: str) -> list[dict[str, Any]] | None:
    """Those of the prefix; None when Magnum cannot tell at the moment."""
    answer = magnum.get(f"/{kind}", headers={"OpenStack-API-Version": "container-infra latest"})
    if answer.status_code >= 400:
        return None
    return [entry for entry in answer.json()[kind] if entry["name"].startswith(prefix)]


def main() -> None:
    """Delete until nothing is left: a delete that another change swallows is sent again."""
    cloud, prefix = sys.argv[1:]
    magnum = Service(cloud, "container-infra")
    found, asked = 0, {}
    for _attempt in range(150):
        clusters = named(magnum, "clusters", prefix)
        if clusters is None:
            time.sleep(1)
            continue
        if not clusters:
            break
        found = max(found, len(clusters))
        for cluster in clusters:
            # Heat now and then forgets a deletion half-way, with nothing in progress any more: asked again it goes on
            patience = 60 if cluster["status"] == "DELETE_IN_PROGRESS" else 20
            if time.monotonic() - asked.get(cluster["uuid"], -99) > patience:
                magnum.delete(f"/clusters/{cluster['uuid']}")
                asked[cluster["uuid"]] = time.monotonic()
        time.sleep(2)
    else:
        raise SystemExit(f"still there: {[(cluster['name'], cluster['status']) for cluster in clusters or []]}")
    templates = named(magnum, "clustertemplates", prefix) or []
    for template in templates:
        magnum.delete(f"/clustertemplates/{template['uuid']}")
    print(f"{found + len(templates)} removed")


if __name__ == "__main__":
    main()
