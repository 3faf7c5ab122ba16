# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the attribute `value` of a resource of a stack."""

from __future__ import annotations

import sys

import openstack

cloud, stack, resource = sys.argv[1:]
heat = openstack.connect(cloud=cloud).orchestration
answer = heat.get(f"/stacks/{stack}").json()["stack"]
path = f"/stacks/{stack}/{answer['id']}/resources/{resource}"
print(heat.get(path, params={"with_attr": "value"}).json()["resource"]["attributes"]["value"])
