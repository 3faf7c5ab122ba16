#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_cluster_info
short_description: Read clusters of OpenStack Magnum with their node groups
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Reads one cluster, or the clusters of the project that fit all filters, with node groups, health and the reasons of failures.
  - All clusters take one request. O(node_groups) says how much of the node groups is read beside it, for the clusters that fit.
options:
  name:
    description:
      - Name or id of one cluster. Not given, all clusters of the project.
      - When more than one cluster has this name, the module fails and lists their ids.
    type: str
  names:
    description: Only clusters with one of these names or ids, or with a name like one of these patterns, such as V(team-a-*).
    type: list
    elements: str
    version_added: 0.2.0
  status:
    description:
      - Only clusters in one of these statuses, whole as V(CREATE_FAILED), by the end as V(FAILED), V(COMPLETE) or V(IN_PROGRESS), or by
        the action as V(DELETE).
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  labels:
    description:
      - Only clusters that have all of these labels with these values. A value can be a pattern; V(*) is any value.
      - The roles of this collection put the type of a cluster in the label C(kcloud_type).
    type: dict
    default: {}
    version_added: 0.2.0
  node_groups:
    description:
      - How much to read of the node groups of each cluster.
      - V(none) reads nothing, and RV(clusters[].node_groups) is none.
      - V(summary) takes one request a cluster, and reads names, roles, flavors, images, counts and statuses.
      - V(details) takes one request more a node group, and also reads its bounds, labels, addresses, volume size and the reason of its
        status. Without it these are none, as Magnum's list leaves them out or shows wrong values.
      - Not given, it is V(details) with O(name), and V(summary) without.
      - With O(diagnose=true), V(none) works as V(summary).
    type: str
    choices: [none, summary, details]
    version_added: 0.2.0
  diagnose:
    description:
      - Whether to say also why clusters are not well, see RV(clusters[].failure), and how far those in progress are, see
        RV(clusters[].activity).
      - A cluster that is well costs no request more. For the others Magnum, Heat, Nova and Neutron are asked.
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
  - module: kcloud.infrastructure.magnum_cluster
"""

EXAMPLES = r"""
- name: All clusters of the project
  kcloud.infrastructure.magnum_cluster_info:
    cloud: devcloud
  register: found

- name: Which of them are not well
  ansible.builtin.debug:
    msg: "{{ found.clusters | rejectattr('status', 'search', '_COMPLETE$') | map(attribute='name') }}"

- name: The clusters of one team, with the bounds of their node groups
  kcloud.infrastructure.magnum_cluster_info:
    cloud: devcloud
    names: ["team-a-*"]
    node_groups: details
  register: team

- name: Only the names of the GPU clusters that failed, in one request
  kcloud.infrastructure.magnum_cluster_info:
    cloud: devcloud
    status: [FAILED]
    labels:
      kcloud_type: gpu-intensive
    node_groups: none
  register: failed

- name: Why a cluster is not well
  kcloud.infrastructure.magnum_cluster_info:
    cloud: devcloud
    name: ml-training-cluster
    diagnose: true
  register: found

- name: Show the deepest reason and the fix
  ansible.builtin.debug:
    msg: "{{ found.clusters[0].failure.reason }} - {{ found.clusters[0].failure.hint }}"
  when: found.clusters[0].failure is not none
"""

RETURN = r"""
clusters:
  description: The clusters by name; an empty list when there is none.
  returned: success
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
      description: Status, such as V(CREATE_COMPLETE), V(UPDATE_IN_PROGRESS) or V(DELETE_FAILED).
      type: str
      returned: always
    status_reason:
      description: Magnum's own reason for the status.
      type: str
      returned: always
    health_status:
      description: V(HEALTHY), V(UNHEALTHY) or V(UNKNOWN); none before Magnum has looked.
      type: str
      returned: always
    health_status_reason:
      description: What the health check found, by node.
      type: dict
      returned: always
    faults:
      description: Reasons by resource, when the cluster has failed and one cluster was asked for.
      type: dict
      returned: always
    failure:
      description:
        - Why the cluster is not well; none when it is, and while it is in progress and in time.
        - Not well are the C(FAILED) statuses, node groups that failed, an C(UNHEALTHY) cluster, and one that is in progress
          for longer than its C(create_timeout) (C(STALLED)) or although its Heat stack has failed.
      type: dict
      returned: with O(diagnose=true)
      contains:
        code:
          description:
            - Stable name of the failure, such as V(NO_CAPACITY), V(QUOTA_EXCEEDED), V(GUEST_FAILED), V(GUEST_SILENT),
              V(IMAGE_NOT_FOUND), V(IMAGE_TOO_LARGE), V(KEYPAIR_NOT_FOUND), V(IN_USE), V(UNHEALTHY), V(STALLED).
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
        held_by:
          description: What is in the way of a deletion, things from outside the cluster first.
          type: list
          elements: dict
          returned: when a deletion failed or does not end
          contains:
            kind:
              description: What it is, such as V(port), V(load balancer), V(floating ip), V(server), V(stack resource).
              type: str
              returned: always
            id:
              description: Its id.
              type: str
              returned: always
            name:
              description: Its name.
              type: str
              returned: always
            holds:
              description: What it is in the way of.
              type: str
              returned: always
            reason:
              description: What Heat says of it.
              type: str
              returned: always
        quotas:
          description: The project's quotas, as RV(kcloud.infrastructure.magnum_quota_info#module:quotas).
          type: dict
          returned: when a quota is the reason
        wanted:
          description: The node groups that did not get their nodes, with flavor, C(node_count) and C(resources) of each node.
          type: list
          elements: dict
          returned: when there was no room
    activity:
      description: How far a cluster in progress is, with nodes ready and Heat's current resources; none for the others.
      type: str
      returned: with O(diagnose=true)
      sample: node group gpu 1/4 nodes ready; Heat 31/38 resources, now kube-minion, node_config_deployment
    cluster_template_id:
      description: Id of its cluster template.
      type: str
      returned: always
    node_count:
      description: Number of nodes of all groups but the control plane.
      type: int
      returned: always
    master_count:
      description: Number of nodes of the control plane.
      type: int
      returned: always
    labels:
      description: Labels, as text.
      type: dict
      returned: always
    stack_id:
      description: Id of the Heat stack, or the driver's own name of the cluster where there is no stack.
      type: str
      returned: always
    api_address:
      description: Address of the Kubernetes API.
      type: str
      returned: always
    state_digest:
      description:
        - Digest of what a decision about the cluster depends on, for the option
          O(kcloud.infrastructure.magnum_cluster#module:expected_state). None with O(node_groups=none) and without O(diagnose).
        - It changes with the id, the name or the template of the cluster, with the ids, names, flavors or numbers of nodes of its worker
          groups, and when the cluster fails or its deletion begins. Health, bounds, labels and times do not change it.
      type: str
      returned: always
      sample: sha256:7d1f0e6b2c3a4958b6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4
    node_groups:
      description: The node groups by name, the control plane included; none with O(node_groups=none).
      type: list
      elements: dict
      returned: always
      contains:
        id:
          description: Id of the node group.
          type: str
          returned: always
        name:
          description: Name of the node group.
          type: str
          returned: always
        role:
          description: Role of its nodes, V(master), V(worker) or another.
          type: str
          returned: always
        flavor_id:
          description: Flavor of its nodes, as it was given.
          type: str
          returned: always
        node_count:
          description: Number of nodes wanted.
          type: int
          returned: always
        min_node_count:
          description: Fewest nodes allowed; none without O(node_groups=details).
          type: int
          returned: always
        max_node_count:
          description: Most nodes allowed; none when unlimited, and without O(node_groups=details).
          type: int
          returned: always
        status:
          description: Status of the node group.
          type: str
          returned: always
        status_reason:
          description: Magnum's own reason for the status; none without O(node_groups=details).
          type: str
          returned: always
        docker_volume_size:
          description: Size of a volume for containers on each node, in GB; none without O(node_groups=details).
          type: int
          returned: always
        labels:
          description: Labels of the node group, as text; none without O(node_groups=details).
          type: dict
          returned: always
        node_addresses:
          description: Addresses of its nodes; none without O(node_groups=details).
          type: list
          elements: str
          returned: always
  sample:
    - id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      name: ml-training-cluster
      status: CREATE_COMPLETE
      node_count: 1
      node_groups:
        - name: default-worker
          role: worker
          flavor_id: gpu.a100.xlarge
          node_count: 1
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
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.information import (
    DEPTHS,
    Selection,
    read_clusters,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "names": {"type": "list", "elements": "str"},
    "status": {"type": "list", "elements": "str", "default": []},
    "labels": {"type": "dict", "default": {}},
    "node_groups": {"type": "str", "choices": list(DEPTHS)},
    "diagnose": {"type": "bool", "default": False},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}
NAMED = [("name", "names")]


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    if params["name"] is not None:
        check_label("name", params["name"], "cluster")
    selection = Selection(params["name"], params["names"], params["status"], params["labels"])
    clusters = read_clusters(
        connect(params), params["api_version"], selection, params["node_groups"], diagnose=params["diagnose"]
    )
    return {"clusters": clusters, "changed": False}


def main() -> None:
    run_module(
        argument_spec(SPEC), run, libraries=("openstack", "magnumclient", "heatclient"), mutually_exclusive=NAMED
    )


if __name__ == "__main__":
    main()
