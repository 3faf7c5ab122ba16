#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_quota_info
short_description: Read how many clusters a project may have, and what they are made of
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Reads what the project may have, what it has and what is left, of clusters and of the things that clusters use up.
options:
  services:
    description:
      - Whose limits to read, in one to two requests each. V(container-infra) is Magnum, V(compute) is Nova, V(network) is Neutron.
    type: list
    elements: str
    choices: [container-infra, compute, network]
    default: [container-infra, compute, network]
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.info
  - kcloud.infrastructure.attributes.actiongroup
seealso:
  - module: kcloud.infrastructure.openstack_info
  - module: kcloud.infrastructure.magnum_cluster
"""

EXAMPLES = r"""
- name: What is left
  kcloud.infrastructure.magnum_quota_info:
    cloud: devcloud
  register: found

- name: Room for two clusters with 96 cores
  ansible.builtin.assert:
    that:
      - found.quotas.clusters.left >= 2
      - found.quotas.cores.limit == -1 or found.quotas.cores.left >= 96
"""

RETURN = r"""
quotas:
  description:
    - By resource, its C(limit), how much is C(used), and how much is C(left), never less than 0.
    - C(limit) is V(-1) where the project has no limit, and none where the service reports none. C(left) is none in both cases.
    - The resources are C(clusters); C(instances), C(cores), C(ram_mib); C(networks), C(routers), C(ports),
      C(security_groups), C(floating_ips).
  returned: success
  type: dict
  sample:
    clusters:
      limit: 20
      used: 3
      left: 17
    cores:
      limit: -1
      used: 12
      left:
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: AUTHENTICATION_FAILED
    resource: keystone
"""

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.quotas import quotas

WHOSE = ["container-infra", "compute", "network"]
SPEC: dict[str, dict[str, Any]] = {
    "services": {"type": "list", "elements": "str", "choices": WHOSE, "default": WHOSE},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    return {"changed": False, "quotas": quotas(connect(params), params["services"])}


def main() -> None:
    run_module(argument_spec(SPEC), run)


if __name__ == "__main__":
    main()
