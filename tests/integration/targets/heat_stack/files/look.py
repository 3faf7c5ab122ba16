# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what Heat's API knows of a stack, as JSON: by plain requests, with nothing of the collection or of heatclient."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "setup_magnum" / "files"))

from plain import Service


def main() -> None:
    """Print null when there is no stack of this name."""
    cloud, name = sys.argv[1:]
    heat = Service(cloud, "orchestration")
    answer = heat.get(f"/stacks/{name}")
    if answer.status_code == 404:
        print("null")
        return
    answer.raise_for_status()
    stack = answer.json()["stack"]
    base = f"/stacks/{stack['stack_name']}/{stack['id']}"
    stack["outputs"] = {output["output_key"]: output.get("output_value") for output in stack.get("outputs", [])}
    stack["resources"] = {
        resource["resource_name"]: resource for resource in heat.get(f"{base}/resources").json()["resources"]
    }
    stack["template"] = heat.get(f"{base}/template").json()
    stack["events"] = len(heat.get(f"{base}/events").json()["events"])
    print(json.dumps(stack))


if __name__ == "__main__":
    main()
