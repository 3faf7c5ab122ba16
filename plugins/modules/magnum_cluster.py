#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_cluster
short_description: Create, scale and delete Kubernetes clusters of OpenStack Magnum
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Creates or changes one cluster, with its node groups, so that it is exactly as declared, or deletes it.
  - Only what is given is compared. A second run changes nothing.
  - A change counts as made when its effect was seen, because Magnum may take a request and drop it without a word.
  - A difference that Magnum cannot apply is an error that names the fields, see RV(failure).
  - A cluster that is in progress is waited for first. A run that was ended at any moment is finished by the next run.
options:
  name:
    description:
      - Name of the cluster, or the id of an existing one.
      - Names are not unique in Magnum. When more than one cluster has this name, the module fails and lists their ids.
    type: str
    required: true
  state:
    description: Whether the cluster is to exist.
    type: str
    choices: [present, absent]
    default: present
  cluster_template:
    description: Name or id of the cluster template. Needed to create a cluster.
    type: str
    aliases: [cluster_template_id]
  node_count:
    description:
      - Number of nodes in the group C(default-worker). Other groups are declared in O(node_groups).
      - Not given, a new cluster gets one node, and an existing one keeps what it has.
      - Where the cluster's label C(auto_scaling_enabled) is true, an autoscaler owns the counts. They are used for
        creation only then, and another count does not count as a change. Bounds are compared and set.
    type: int
  nodes_to_remove:
    description: The nodes of C(default-worker) to remove, as O(node_groups[].nodes_to_remove).
    type: list
    elements: str
  master_count:
    description:
      - Number of control plane nodes.
      - The Cluster-API drivers can change it, to an odd number. With others it is fixed after creation, and another number is
        refused before anything is sent.
    type: int
  node_groups:
    description:
      - The node groups of the cluster. Groups that are there and not declared are left alone, see O(purge_node_groups).
      - Declare the group C(default-worker) to set its bounds.
  purge_node_groups:
    description: Whether to delete node groups that O(node_groups) does not declare, with their nodes.
    type: bool
    default: false
  keypair:
    description: Name of the keypair on the nodes. Fixed after creation.
    type: str
  flavor:
    description: Name or id of the flavor of C(default-worker). Not given, the template's. Fixed after creation.
    type: str
    aliases: [flavor_id]
  master_flavor:
    description: Name or id of the flavor of the control plane. Not given, the template's. Fixed after creation.
    type: str
    aliases: [master_flavor_id]
  labels:
    description:
      - Labels of the cluster. They configure the driver, and unknown ones are kept. Fixed after creation.
      - Booleans become V(true) and V(false), numbers become text.
      - With O(merge_labels=true) only the given labels are compared.
    type: dict
  merge_labels:
    description: Whether O(labels) are added to the template's labels, rather than replace them.
    type: bool
    default: true
  docker_volume_size:
    description: Size of the volume for containers on each node, in GB. Fixed after creation.
    type: int
  fixed_network:
    description: Name or id of the network of the nodes. Not given, the driver makes one. Fixed after creation.
    type: str
  fixed_subnet:
    description: Name or id of the subnet of the nodes. Fixed after creation.
    type: str
  floating_ip_enabled:
    description: Whether the nodes get floating IPs. Fixed after creation.
    type: bool
  master_lb_enabled:
    description: Whether a load balancer is placed in front of the control plane. Fixed after creation.
    type: bool
  discovery_url:
    description: Address of an etcd discovery service. Used for creation only.
    type: str
  create_timeout:
    description: Minutes that Magnum gives itself to create the cluster. Used for creation only.
    type: int
  recreate:
    description:
      - Whether a cluster in C(CREATE_FAILED) or C(DELETE_FAILED) may be deleted and created again.
      - Magnum can do nothing else with it.
    type: bool
    default: false
  upgrade:
    description:
      - What to do where the cluster uses another template than O(cluster_template), such as a former version of it, see the
        option O(kcloud.infrastructure.magnum_cluster_template#module:versioning).
      - V(never) is an error that names both.
      - V(in_place) moves the cluster to the template by an upgrade, which replaces its nodes. Where its driver has none, as the Heat
        driver since Magnum 18, this is refused and explained before anything is sent.
      - V(in_place_or_beside) does the same where the driver has an upgrade. Where it has none, it makes a new cluster beside the
        old one, named by O(beside_name). The old one is left alone, and RV(replaced_clusters) names it, see O(delete_replaced).
        From then on O(name) means the new one. With O(state=absent) all of them go.
      - An upgrade to the template in use is never sent.
      - Extra node groups follow after the cluster, but those with an image of their own - declared with an image, or not declared
        and on another image than that of the template which the cluster leaves.
    type: str
    choices: [never, in_place, in_place_or_beside]
    default: never
  max_batch_size:
    description: How many nodes an upgrade replaces at a time. Not given, one. Cluster-API drivers go by their own.
    type: int
  beside_name:
    description:
      - Name of a new cluster beside the old one. V({name}) is O(name), V({template_id}) is the first 8 digits of the id of
        the template, V({template}) for its name.
    type: str
    default: "{name}-{template_id}"
  delete_replaced:
    description:
      - With O(upgrade=in_place_or_beside), whether to delete the clusters that a new one beside them replaced, after it is complete.
      - Their workloads go with them. Move those first, then run again with this option.
    type: bool
    default: false
  wait_for:
    description:
      - What to wait for with O(state=present).
      - V(complete) is what Magnum says of the building. V(healthy) is that also its Kubernetes API answers and its nodes are
        ready, as Magnum's health check sees it once a minute; within O(timeout), of which the building is part.
      - With V(healthy) also a run that changes nothing waits, and fails with C(NOT_HEALTHY) and what is wrong when it is in vain.
      - Magnum cannot look into a cluster without a public API address; its health stays C(UNKNOWN).
    type: str
    choices: [complete, healthy]
    default: complete
  predicted_template:
    description:
      - In check mode, the cluster template that an earlier task of this run would create, as C(cluster_template) of its result has it.
      - It is used in place of O(cluster_template) where that does not exist yet, so that the cluster's diff can be shown. Ignored otherwise.
    type: dict
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
  - kcloud.infrastructure.node_group.listed
  - kcloud.infrastructure.wait
  - kcloud.infrastructure.attributes
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
  - python-heatclient >= 4.0
seealso:
  - module: kcloud.infrastructure.magnum_nodegroup
  - module: kcloud.infrastructure.magnum_cluster_template
  - module: kcloud.infrastructure.magnum_cluster_info
"""

EXAMPLES = r"""
- name: A cluster for training, with one node of four GPUs
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    cluster_template: gpu-intensive-template
    keypair: kcloud-keypair
    master_count: 1
    node_count: 1
    labels:
      workload_type: training
      gpu_type: nvidia-a100
      power_optimization: true

- name: The same cluster with room for four nodes, two of them running
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    node_groups:
      - name: default-worker
        node_count: 2
        max_node_count: 4

- name: Two nodes less, and exactly these two
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    node_groups:
      - name: npu
        node_count: 3
        nodes_to_remove: [ml-training-npu-node-1, 10.0.0.14]

- name: Another flavor for the group, beside the old one, whose nodes are then drained
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    replace_node_groups: beside
    node_groups:
      - name: npu
        flavor: npu.rngd.xlarge
        node_count: 3
  register: result

- name: The same cluster on the current version of its template, two nodes at a time
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    cluster_template: gpu-intensive-template-5f0c1b9e
    upgrade: in_place
    max_batch_size: 2

- name: The same where the driver has no upgrade, by a new cluster beside the old one
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    cluster_template: gpu-intensive-template-5f0c1b9e
    keypair: kcloud-keypair
    node_count: 1
    upgrade: in_place_or_beside

- name: Read the cluster before deciding
  kcloud.infrastructure.magnum_cluster_info:
    cloud: devcloud
    name: ml-training-cluster
  register: found

- name: One node more, unless another run has changed the cluster meanwhile
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: "{{ found.clusters[0].id }}"
    node_count: "{{ found.clusters[0].node_count + 1 }}"
    expected_state: "{{ found.clusters[0].state_digest }}"

- name: The same cluster, ready for workloads within 20 minutes
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    wait_for: healthy
    timeout: 1200

- name: No such cluster
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    state: absent
"""

RETURN = r"""
cluster:
  description:
    - The cluster as it is now, in check mode as far as it can be predicted. None when it is absent.
    - All fields of RV(kcloud.infrastructure.magnum_cluster_info#module:clusters) but C(state_digest).
  returned: success
  type: dict
  sample:
    id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
    name: ml-training-cluster
    status: CREATE_COMPLETE
    node_count: 1
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
    - The groups whose place another took, see O(replace_node_groups), and that are still there.
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
replaced_clusters:
  description: The clusters that this one replaces, see O(upgrade), and that are still there. Move their workloads.
  returned: when there are any
  type: list
  elements: dict
  contains:
    id:
      description: Id of the cluster.
      type: str
      returned: always
    name:
      description: Name of the cluster.
      type: str
      returned: always
    status:
      description: Its status.
      type: str
      returned: always
  sample:
    - id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      name: ml-training-cluster
      status: CREATE_COMPLETE
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
      description:
        - Stable name of the failure, such as V(QUOTA_EXCEEDED), V(NO_CAPACITY), V(CANNOT_APPLY), V(AMBIGUOUS_NAME), V(TIMEOUT),
          V(NOT_HEALTHY).
        - See RV(kcloud.infrastructure.magnum_cluster_info#module:clusters[].failure) for more of them, and for what else a
          failure may hold.
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
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.desired import (
    absent_cluster,
    desired_cluster,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.options import CLUSTER_SPEC
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import Follow
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import ClusterTask
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import reconcile_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

SPEC: dict[str, dict[str, Any]] = {
    **CLUSTER_SPEC,
    "wait_for": {"type": "str", "choices": ["complete", "healthy"], "default": "complete"},
    "predicted_template": {"type": "dict"},
    "fail_fast": {"type": "bool", "default": False},
    "expected_state": {"type": "str"},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    # What is wrong is said before any cloud is asked.
    how = How.from_params(params, check_mode)
    present = params["state"] == "present"
    task = ClusterTask(
        desired_cluster(params) if present else absent_cluster(params),
        present,
        recreate=params["recreate"],
        follow=Follow.from_params(params),
    )
    return reconcile_cluster(connect(params), task, how)


def main() -> None:
    run_module(argument_spec(SPEC, wait=True), run, libraries=("openstack", "magnumclient", "heatclient"))


if __name__ == "__main__":
    main()
