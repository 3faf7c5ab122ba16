# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let Heat validate templates by its own call; print the parameters of each, and fail with Heat's words."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import openstack
import yaml

cloud_name, *paths = sys.argv[1:]
heat = openstack.connect(cloud=cloud_name).orchestration
found = {}
for path in map(Path, paths):
    answer = heat.post("/validate", json={"template": yaml.safe_load(path.read_text(encoding="utf-8"))})
    if answer.status_code != 200:
        raise SystemExit(f"{path.name}: {answer.text}")
    found[path.name] = answer.json()["Parameters"]
print(json.dumps(found))
