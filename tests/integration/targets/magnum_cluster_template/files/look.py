# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what Magnum's API knows of the templates of a name, as JSON: plain requests, nothing of the collection.

look.py CLOUD NAME          print them
look.py CLOUD NAME clean    delete them, and the clusters on them, and wait until they are gone
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "setup_magnum" / "files"))

from plain import Service


def named(magnum, kind: str, name: str) -> list[dict]:
    """The objects of this name, in full."""
    for _time in range(60):
        answer = magnum.get(f"/{kind}", headers={"OpenStack-API-Version": "container-infra latest"})
        # While any cluster of the project is removed, Magnum may answer its list with 400
        if answer.status_code != 400:
            break
        time.sleep(1)
    answer.raise_for_status()
    found = [entry for entry in answer.json()[kind] if entry["name"].startswith(name)]
    full = [magnum.get(f"/{kind}/{entry['uuid']}").json() for entry in found]
    # One that goes in this moment answers with an error
    return [entry for entry in full if "uuid" in entry]


def main() -> None:
    cloud, name, *clean = sys.argv[1:]
    magnum = Service(cloud, "container-infra")
    if clean:
        for _time in range(60):
            clusters = named(magnum, "clusters", name)
            if not clusters:
                break
            for cluster in clusters:
                magnum.delete(f"/clusters/{cluster['uuid']}")
            time.sleep(2)
        for template in named(magnum, "clustertemplates", name):
            magnum.delete(f"/clustertemplates/{template['uuid']}")
    print(json.dumps(named(magnum, "clustertemplates", name)))


if __name__ == "__main__":
    main()
