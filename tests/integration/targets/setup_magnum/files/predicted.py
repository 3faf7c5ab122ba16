# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what a plan predicted with what came: reads {after, seen, again} as JSON, prints the differences as a list.

`after`: the diff's after in check mode. `seen`: what look.py says afterwards. `again`: the diff's before of one more run.
"""

from __future__ import annotations

import json
import sys
from typing import Any

# What a plan says of a request and Magnum does not show, or shows with more in it.
UNSEEN = ("nodes_to_remove", "name", "node_groups")


def normal(value: Any) -> Any:
    """Labels that other clients wrote are in upper case where they are booleans."""
    return value.lower() if isinstance(value, str) and value.lower() in ("true", "false") else value


def differences(where: str, predicted: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    """What was predicted of one object and is not so."""
    found = []
    for key, value in predicted.items():
        there = actual.get(key)
        if key in UNSEEN:
            continue
        if key == "labels":
            wrong = {name: there.get(name) for name in value if normal(there.get(name)) != normal(value[name])}
            found += [f"{where}.labels.{name} is {is_there!r}" for name, is_there in wrong.items()]
        elif there != value:
            found.append(f"{where}.{key} is {there!r}, predicted {value!r}")
    return found


def main() -> None:
    """An absent cluster is predicted by an empty `after`."""
    given = json.load(sys.stdin)
    after, seen, again = given["after"], given["seen"], given["again"]
    if not after:
        print(json.dumps([] if seen == [] else [f"{cluster['uuid']} is there" for cluster in seen]))
        return
    (cluster,) = seen
    found = differences("cluster", after, cluster)
    groups = after.get("node_groups", {})
    for name, group in groups.items():
        if name not in cluster["node_groups"]:
            found.append(f"{name} is not there")
        else:
            found += differences(name, group, cluster["node_groups"][name])
    # What the next run calls "before" is the after that came; it may have more names for the same, but nothing else in it
    came = again.get("node_groups", {})
    found += [f"{name} was not predicted" for name in came if name not in groups]
    for name in set(came) & set(groups):
        found += differences(f"again {name}", came[name], groups[name])
        if came[name].get("nodes_to_remove"):
            found.append(f"{name} has still {came[name]['nodes_to_remove']}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
