#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_cluster_template_info
short_description: Read the cluster templates of OpenStack Magnum
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Reads one cluster template or all that the project may use, its own and public ones.
options:
  name:
    description:
      - Name or id of one cluster template. Not given, all of them.
      - When more than one template has this name, the module fails and lists their ids.
    type: str
  versions:
    description:
      - Whether to read all versions of the template O(name), which the option
        O(kcloud.infrastructure.magnum_cluster_template#module:versioning) makes.
    type: bool
    default: false
  clusters:
    description: Whether to tell which clusters of the project use each template.
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
seealso:
  - module: kcloud.infrastructure.magnum_cluster_template
"""

EXAMPLES = r"""
- name: All cluster templates
  kcloud.infrastructure.magnum_cluster_template_info:
    cloud: devcloud
  register: found

- name: The version of a template that new clusters are to use, and the clusters that still use another
  kcloud.infrastructure.magnum_cluster_template_info:
    cloud: devcloud
    name: gpu-intensive-template
    versions: true
    clusters: true
  register: found

- name: Show them
  ansible.builtin.debug:
    msg:
      current: "{{ found.cluster_templates | selectattr('current') | map(attribute='name') | first }}"
      behind: "{{ found.cluster_templates | rejectattr('current') | map(attribute='clusters') | flatten }}"

- name: Those for GPU clusters
  ansible.builtin.debug:
    msg: "{{ found.cluster_templates | selectattr('labels.kcloud_type', 'defined') | map(attribute='name') }}"
"""

RETURN = r"""
cluster_templates:
  description: The cluster templates by name, with the API's fields; an empty list when there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the template.
      type: str
      returned: always
    name:
      description: Name of the template.
      type: str
      returned: always
    version_of:
      description: The name that it is a version of, its own name where it is the first one or has no other versions.
      type: str
      returned: always
    current:
      description: Whether it is the current one of its versions.
      type: bool
      returned: with O(versions), and when O(name) is not given
    clusters:
      description: Names of the project's clusters that use it.
      type: list
      elements: str
      returned: with O(clusters)
  sample:
    - id: 0d9a6f6c-9f5e-4bb1-86fb-5e0f4e7fbd39
      name: gpu-intensive-template
      version_of: gpu-intensive-template
      current: true
      coe: kubernetes
      image_id: fedora-coreos
      flavor_id: gpu.a100.xlarge
      labels:
        kcloud_type: gpu-intensive
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: AUTHENTICATION_FAILED
    resource: keystone
"""

from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_reference
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.templates import read_templates
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "versions": {"type": "bool", "default": False},
    "clusters": {"type": "bool", "default": False},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    if params["name"] is not None:
        check_reference("name", params["name"], "cluster template")
    found = read_templates(
        connect(params),
        params["name"],
        versions=params["versions"],
        clusters=params["clusters"],
        api_version=params["api_version"],
    )
    return {"cluster_templates": found, "changed": False}


def main() -> None:
    run_module(
        argument_spec(SPEC), run, libraries=("openstack", "magnumclient"), required_if=[("versions", True, ["name"])]
    )


if __name__ == "__main__":
    main()
