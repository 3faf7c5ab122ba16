#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_fleet_info
short_description: Read all clusters of a project with their templates and networks
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Reads a whole project with one list of each kind, and one list of node groups for each cluster.
options:
  names:
    description: Names or ids of the clusters to read. Not given, all. One that does not exist is left out.
    type: list
    elements: str
  details:
    description:
      - Whether to read bounds, labels and addresses of every node group, which takes one request for each.
      - Without it, they are read only of groups whose name says that they may have taken the place of another group, and of clusters
        that an autoscaler scales. In the other groups they are none.
    type: bool
    default: false
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.info
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
  - python-heatclient >= 4.0
seealso:
  - module: kcloud.infrastructure.magnum_fleet
  - module: kcloud.infrastructure.magnum_cluster_info
"""

EXAMPLES = r"""
- name: What is there
  kcloud.infrastructure.magnum_fleet_info:
    cloud: devcloud
  register: found

- name: The clusters of one environment
  ansible.builtin.debug:
    msg: "{{ found.clusters | selectattr('labels.kcloud_environment', 'defined') | map(attribute='name') }}"
"""

RETURN = r"""
clusters:
  description: The clusters, with the fields of RV(kcloud.infrastructure.magnum_cluster_info#module:clusters), sorted by name.
  returned: success
  type: list
  elements: dict
cluster_templates:
  description:
    - All cluster templates that the project may use, with the fields of
      RV(kcloud.infrastructure.magnum_cluster_template_info#module:cluster_templates).
    - Each says in C(clusters) which clusters of the project use it, in C(version_of) whose version it is, and in C(current) whether
      it is the current one.
  returned: success
  type: list
  elements: dict
networks:
  description: The stacks of the project that have the tag C(kcloud), with C(id), C(name), C(status) and C(tags), sorted by name.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 0c5b5f0e-7d52-4a8f-a5a1-3d1a6c9a2b11
      name: training-network
      status: CREATE_COMPLETE
      tags: [kcloud]
"""

from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.information import read_fleet_information
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

SPEC: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": "str"},
    "details": {"type": "bool", "default": False},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    found = read_fleet_information(
        connect(params),
        params["names"],
        details=params["details"],
        interface=params["interface"],
        api_version=params["api_version"],
    )
    return {"changed": False, **found}


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=("openstack", "magnumclient", "heatclient"))


if __name__ == "__main__":
    main()
