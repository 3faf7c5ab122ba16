# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clear the hook that holds a resource, as its owner would; fail when it does not hold it any more."""

from __future__ import annotations

import sys

import openstack

cloud, stack, resource, hook = sys.argv[1:]
heat = openstack.connect(cloud=cloud).orchestration
answer = heat.get(f"/stacks/{stack}").json()["stack"]
path = f"/stacks/{stack}/{answer['id']}/resources/{resource}"
reasons = [event["resource_status_reason"] for event in heat.get(f"{path}/events").json()["events"]]
if "paused until Hook" not in reasons[-1]:
    raise SystemExit(f"it does not wait: {reasons}")
# Heat refuses to clear a hook that is not set
cleared = heat.post(f"{path}/signal", json={"unset_hook": hook})
print("cleared" if cleared.status_code == 200 else cleared.text)
