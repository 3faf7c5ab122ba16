#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_nodegroup
short_description: Create, scale, replace and delete one node group of a Magnum cluster
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Creates or changes one node group of an existing cluster so that it is exactly as declared, or deletes it.
  - It is the same as a group of O(kcloud.infrastructure.magnum_cluster#module:node_groups), for users who do not own
    the cluster, or who scale one group at a time. Groups and cluster that are not named are left alone.
  - Only what is given is compared. A second run changes nothing.
  - A cluster that is in progress is waited for first, because Magnum makes one change of a cluster at a time.
options:
  cluster:
    description: Name or id of the cluster.
    type: str
    required: true
  state:
    description:
      - Whether the group is to exist. V(absent) succeeds also where the cluster does not exist.
      - Not V(absent) for C(default-worker), which can be scaled to 0.
  fail_fast:
    description:
      - Whether to end the wait as soon as the nodes cannot be had as things are, for lack of room or quota, seen twice, 30 s apart.
      - Magnum and its driver continue to try all the same. Unset, the live lines say so, and the wait continues.
    type: bool
    default: false
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - kcloud.infrastructure.magnum.driver
  - kcloud.infrastructure.magnum.expected_state
  - kcloud.infrastructure.node_group
  - kcloud.infrastructure.wait
  - kcloud.infrastructure.attributes
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
  - python-heatclient >= 4.0
seealso:
  - module: kcloud.infrastructure.magnum_cluster
  - module: kcloud.infrastructure.magnum_cluster_info
"""

EXAMPLES = r"""
- name: A group of NPU nodes, three of at most four
  kcloud.infrastructure.magnum_nodegroup:
    cloud: devcloud
    cluster: hybrid
    name: npu
    flavor: npu.rngd.large
    node_count: 3
    max_node_count: 4
    labels: {accelerator: rngd}

- name: None of them over the night
  kcloud.infrastructure.magnum_nodegroup:
    cloud: devcloud
    cluster: hybrid
    name: npu
    node_count: 0

- name: Two nodes less, and exactly these two
  kcloud.infrastructure.magnum_nodegroup:
    cloud: devcloud
    cluster: hybrid
    name: npu
    node_count: 1
    nodes_to_remove: [hybrid-npu-node-0, 10.0.0.14]

- name: Larger nodes beside the old ones, which are then drained
  kcloud.infrastructure.magnum_nodegroup:
    cloud: devcloud
    cluster: hybrid
    name: npu
    flavor: npu.rngd.xlarge
    replace: beside
  register: npu

- name: The old ones go
  kcloud.infrastructure.magnum_nodegroup:
    cloud: devcloud
    cluster: hybrid
    name: npu
    flavor: npu.rngd.xlarge
    replace: finish

- name: No such group
  kcloud.infrastructure.magnum_nodegroup:
    cloud: devcloud
    cluster: hybrid
    name: npu
    state: absent
"""

RETURN = r"""
node_group:
  description:
    - The node group as it is now, in check mode as far as it can be predicted. None when it is absent.
    - All fields of RV(kcloud.infrastructure.magnum_cluster_info#module:clusters[].node_groups). Its name is another than
      O(name) when it took the place of another group.
  returned: success
  type: dict
  sample:
    id: 0b1f8a52-9c3e-4f0e-8f0a-3c6f2b7d9e11
    name: npu
    role: worker
    status: UPDATE_COMPLETE
    node_count: 3
    max_node_count: 4
changes:
  description: The changes in their order; in check mode those that would be made.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: What is done.
      type: str
      returned: always
      sample: resize
    resource:
      description: What it is done to.
      type: str
      returned: always
      sample: node_group/ml-training-cluster/default-worker
  sample:
    - verb: resize
      resource: node_group/ml-training-cluster/default-worker
      node_count: 2
      node_count_before: 1
superseded_node_groups:
  description:
    - The groups whose place another took, see O(replace), and that are still there.
    - Drain their nodes, then run with V(finish).
  returned: when there are any
  type: list
  elements: dict
  contains:
    declared:
      description: The name in the declaration.
      type: str
      returned: always
    name:
      description: The group whose nodes are to be drained.
      type: str
      returned: always
    replaced_by:
      description: The group that replaces it.
      type: str
      returned: always
    node_count:
      description: Number of its nodes.
      type: int
      returned: always
    node_addresses:
      description: Their addresses, where the driver shows them.
      type: list
      elements: str
      returned: always
  sample:
    - declared: npu
      name: npu
      replaced_by: npu-3f9a2c
      node_count: 3
      node_addresses: [10.0.0.12, 10.0.0.14, 10.0.0.15]
autoscaled_node_groups:
  description: The declared groups whose number of nodes an autoscaler owns, so that it was not compared.
  returned: when there are any
  type: list
  elements: str
  sample: [default-worker]
changes_left:
  description: The changes of the plan that were not made.
  returned: when the task failed between changes
  type: list
  elements: dict
failure:
  description: Why the task failed.
  returned: failure
  type: dict
  contains:
    code:
      description: Stable name of the failure, such as V(QUOTA_EXCEEDED), V(NO_CAPACITY), V(CANNOT_APPLY), V(AMBIGUOUS_NAME), V(TIMEOUT).
      type: str
      returned: always
    resource:
      description: What it happened to.
      type: str
      returned: always
    reason:
      description: The deepest cause that could be found, in the service's own words.
      type: str
      returned: always
    hint:
      description: What to do about it.
      type: str
      returned: always
  sample:
    code: NO_CAPACITY
    resource: cluster/ml-training-cluster
    reason: "0: kube-minion (OS::Nova::Server): No valid host was found."
    hint: Free devices, ask for fewer nodes, or take another flavor; then run again
"""

from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import DRIVER_ARGUMENT
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.desired import desired_node_group
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.options import GROUP_SPEC, REPLACE_SPEC
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import reconcile_node_group
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

SPEC: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str", "required": True},
    **GROUP_SPEC,
    "replace": REPLACE_SPEC,
    "driver": DRIVER_ARGUMENT,
    "fail_fast": {"type": "bool", "default": False},
    "expected_state": {"type": "str"},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    # What is wrong is said before any cloud is asked.
    desired, how = desired_node_group(params), How.from_params(params, check_mode)
    return reconcile_node_group(connect(params), desired, how)


def main() -> None:
    run_module(argument_spec(SPEC, wait=True), run, libraries=("openstack", "magnumclient", "heatclient"))


if __name__ == "__main__":
    main()
