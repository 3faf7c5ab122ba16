# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a stack of one template as openstack stack create does, and wait for it: nothing of the collection."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import openstack

cloud, name, template = sys.argv[1:]
heat = openstack.connect(cloud=cloud).orchestration
body = {"stack_name": name, "template": Path(template).read_text(encoding="utf-8"), "disable_rollback": True}
heat.post("/stacks", json=body).raise_for_status()
for _attempt in range(120):
    status = heat.get(f"/stacks/{name}").json()["stack"]["stack_status"]
    if status != "CREATE_IN_PROGRESS":
        break
    time.sleep(0.5)
print(status)
