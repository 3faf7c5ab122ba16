# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Post one object to Magnum as it is: post.py CLOUD PATH JSON [TIMES]. Names are not unique, so it may be done twice."""

from __future__ import annotations

import json
import sys

from plain import Service


def main() -> None:
    """Print the id of each."""
    cloud, path, body, *times = sys.argv[1:]
    magnum = Service(cloud, "container-infra")
    for _attempt in range(int(times[0]) if times else 1):
        answer = magnum.post(path, json.loads(body), headers={"OpenStack-API-Version": "container-infra latest"})
        if answer.status_code >= 400:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text}")
        print(answer.json()["uuid"])


if __name__ == "__main__":
    main()
