#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_fleet
short_description: Create, change and delete all clusters of an environment at once
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Ensures that the cluster templates, networks, clusters and node groups of a whole environment are as declared, in one task.
  - Everything is read once, with one list of each kind and the node groups that the declaration needs. Everything is planned before
    anything is changed. Check mode ends there.
  - Networks and cluster templates are changed first, then the clusters, O(max_parallel) at a time and each one change after the
    other, then what can only be deleted after them.
  - What is wrong in the declaration, such as a name that does not exist, ends the task before anything is changed. What fails in the
    cloud fails for one object only; the others continue, RV(objects) has the result of each, and the next run does what is left.
  - Only what is given is compared. A second run changes nothing.
options:
  cluster_templates:
    description: Cluster templates, each with the options of M(kcloud.infrastructure.magnum_cluster_template).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the cluster template, or the id of an existing one.
        type: str
        required: true
      state:
        description: Whether the cluster template is to exist. An absent one is deleted after the clusters.
        type: str
        choices: [present, absent]
        default: present
      coe:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:coe).
        type: str
      image:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:image).
        type: str
        aliases: [image_id]
      keypair:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:keypair).
        type: str
        aliases: [keypair_id]
      external_network:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:external_network).
        type: str
        aliases: [external_network_id]
      fixed_network:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:fixed_network).
        type: str
      fixed_subnet:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:fixed_subnet).
        type: str
      network_driver:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:network_driver).
        type: str
      volume_driver:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:volume_driver).
        type: str
      docker_storage_driver:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:docker_storage_driver).
        type: str
      docker_volume_size:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:docker_volume_size).
        type: int
      dns_nameserver:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:dns_nameserver).
        type: str
      server_type:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:server_type).
        type: str
      flavor:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:flavor).
        type: str
        aliases: [flavor_id]
      master_flavor:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:master_flavor).
        type: str
        aliases: [master_flavor_id]
      labels:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:labels).
        type: dict
      floating_ip_enabled:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:floating_ip_enabled).
        type: bool
      master_lb_enabled:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:master_lb_enabled).
        type: bool
      tls_disabled:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:tls_disabled).
        type: bool
      registry_enabled:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:registry_enabled).
        type: bool
      insecure_registry:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:insecure_registry).
        type: str
      http_proxy:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:http_proxy).
        type: str
      https_proxy:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:https_proxy).
        type: str
      no_proxy:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:no_proxy).
        type: str
      public:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:public).
        type: bool
      hidden:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:hidden).
        type: bool
      versioning:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:versioning).
        type: bool
        default: false
      version_name:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:version_name).
        type: str
        default: "{name}-{digest}"
      hide_versions:
        description: See O(kcloud.infrastructure.magnum_cluster_template#module:hide_versions).
        type: bool
        default: false
      purge_versions:
        description: Whether to delete versions that no cluster uses, after the clusters were changed.
        type: bool
        default: false
      if_used:
        description:
          - What to do with a template that is to be absent while clusters outside of this run use it.
          - V(keep) leaves it and names the clusters, V(fail) is an error.
        type: str
        choices: [fail, keep]
        default: fail
  networks:
    description:
      - Networks for clusters, each a Heat stack with a network, a subnet, a router and a security group.
      - The role P(kcloud.infrastructure.cluster_network#role) makes the same stack.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the network and of its Heat stack.
        type: str
        required: true
      state:
        description: Whether the network is to exist. An absent one is deleted after the clusters.
        type: str
        choices: [present, absent]
        default: present
      cidr:
        description:
          - Range of addresses.
          - Not given, an existing network keeps its own, and a new one gets a range of O(networks[].pool) that nothing else in the
            project has.
        type: str
      pool:
        description: Range to choose from for a new network.
        type: str
        default: 10.128.0.0/10
      prefix:
        description: Length of the prefix of the range to choose.
        type: int
        default: 24
      external_network:
        description: Name or id of the external network that its router leads to.
        type: str
        default: public
      dns_nameservers:
        description: Addresses of the name servers of the nodes.
        type: list
        elements: str
      tags:
        description: Tags of the stack beside C(kcloud) and that of the O(environment).
        type: list
        elements: str
      allow_replace:
        description: Whether a change may replace resources of the stack, which cuts off the nodes in the network.
        type: bool
        default: false
  clusters:
    description: Clusters with their node groups, each with the options of M(kcloud.infrastructure.magnum_cluster).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the cluster, or the id of an existing one.
        type: str
        required: true
      state:
        description: Whether the cluster is to exist.
        type: str
        choices: [present, absent]
        default: present
      cluster_template:
        description: Name or id of the cluster template, of O(cluster_templates) or another one. Needed to create a cluster.
        type: str
        aliases: [cluster_template_id]
      node_count:
        description: See O(kcloud.infrastructure.magnum_cluster#module:node_count).
        type: int
      master_count:
        description: See O(kcloud.infrastructure.magnum_cluster#module:master_count).
        type: int
      node_groups:
        description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups).
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the node group.
            type: str
            required: true
          state:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].state).
            type: str
            choices: [present, absent]
            default: present
          role:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].role).
            type: str
          flavor:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].flavor).
            type: str
            aliases: [flavor_id]
          image:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].image).
            type: str
            aliases: [image_id]
          node_count:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].node_count).
            type: int
          min_node_count:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].min_node_count).
            type: int
          max_node_count:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].max_node_count).
            type: int
          nodes_to_remove:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].nodes_to_remove).
            type: list
            elements: str
          docker_volume_size:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].docker_volume_size).
            type: int
          labels:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].labels).
            type: dict
          merge_labels:
            description: See O(kcloud.infrastructure.magnum_cluster#module:node_groups[].merge_labels).
            type: bool
      nodes_to_remove:
        description: See O(kcloud.infrastructure.magnum_cluster#module:nodes_to_remove).
        type: list
        elements: str
      purge_node_groups:
        description: See O(kcloud.infrastructure.magnum_cluster#module:purge_node_groups).
        type: bool
        default: false
      replace_node_groups:
        description: See O(kcloud.infrastructure.magnum_cluster#module:replace_node_groups).
        type: str
        choices: [refuse, beside, finish]
        default: refuse
      keypair:
        description: See O(kcloud.infrastructure.magnum_cluster#module:keypair).
        type: str
      flavor:
        description: See O(kcloud.infrastructure.magnum_cluster#module:flavor).
        type: str
        aliases: [flavor_id]
      master_flavor:
        description: See O(kcloud.infrastructure.magnum_cluster#module:master_flavor).
        type: str
        aliases: [master_flavor_id]
      labels:
        description: See O(kcloud.infrastructure.magnum_cluster#module:labels).
        type: dict
      merge_labels:
        description: See O(kcloud.infrastructure.magnum_cluster#module:merge_labels).
        type: bool
        default: true
      docker_volume_size:
        description: See O(kcloud.infrastructure.magnum_cluster#module:docker_volume_size).
        type: int
      fixed_network:
        description: See O(kcloud.infrastructure.magnum_cluster#module:fixed_network).
        type: str
      fixed_subnet:
        description: See O(kcloud.infrastructure.magnum_cluster#module:fixed_subnet).
        type: str
      floating_ip_enabled:
        description: See O(kcloud.infrastructure.magnum_cluster#module:floating_ip_enabled).
        type: bool
      master_lb_enabled:
        description: See O(kcloud.infrastructure.magnum_cluster#module:master_lb_enabled).
        type: bool
      discovery_url:
        description: See O(kcloud.infrastructure.magnum_cluster#module:discovery_url).
        type: str
      create_timeout:
        description: See O(kcloud.infrastructure.magnum_cluster#module:create_timeout).
        type: int
      recreate:
        description: See O(kcloud.infrastructure.magnum_cluster#module:recreate).
        type: bool
        default: false
      upgrade:
        description: See O(kcloud.infrastructure.magnum_cluster#module:upgrade).
        type: str
        choices: [never, in_place, in_place_or_beside]
        default: never
      max_batch_size:
        description: See O(kcloud.infrastructure.magnum_cluster#module:max_batch_size).
        type: int
      beside_name:
        description: See O(kcloud.infrastructure.magnum_cluster#module:beside_name).
        type: str
        default: "{name}-{template_id}"
      delete_replaced:
        description: See O(kcloud.infrastructure.magnum_cluster#module:delete_replaced).
        type: bool
        default: false
      driver:
        description: See O(kcloud.infrastructure.magnum_cluster#module:driver).
        type: str
        choices: [heat, capi-helm, cluster-api, unknown]
      network:
        description: Name of an entry of O(networks) that the nodes are in. It sets O(clusters[].fixed_network) and O(clusters[].fixed_subnet).
        type: str
  environment:
    description:
      - Name of the environment. Clusters get the label C(kcloud_environment) with it when they are created, networks and cluster
        templates a tag.
      - Clusters that exist already do not get the label, which Magnum fixes at creation. Cluster templates that exist already do not get
        the tag.
    type: str
  prune:
    description:
      - Whether to delete clusters, networks and cluster templates that are marked as those of this O(environment) and are not declared.
      - Never a cluster that a declared one replaced or that was made beside it, see O(clusters[].upgrade). Never a cluster template that
        a declared cluster names or that a cluster uses which stays.
    type: bool
    default: false
  max_deletions:
    description: How many objects O(prune) deletes at most. When there are more, the task fails, names them, and changes nothing.
    type: int
    default: 5
  max_parallel:
    description: How many objects are changed at once.
    type: int
    default: 10
  network_template:
    description: Text of the Heat template of the networks. Not given, that of this collection, which the action plugin fills in.
    type: str
  fail_fast:
    description: See O(kcloud.infrastructure.magnum_cluster#module:fail_fast).
    type: bool
    default: false
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - kcloud.infrastructure.wait
  - kcloud.infrastructure.attributes
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
  - python-heatclient >= 4.0
notes:
  - O(timeout) is for the whole task. Live lines name each change when it is made.
  - The range of addresses that a new network gets and the ids of what does not exist yet are not known in check mode, so the
    RV(diff) of a cluster in a new network does not show its O(clusters[].fixed_network).
  - A network is not deleted while a cluster is in it, and a Heat stack without the tag C(kcloud) is neither changed nor deleted.
seealso:
  - module: kcloud.infrastructure.magnum_fleet_info
  - module: kcloud.infrastructure.magnum_cluster
  - module: kcloud.infrastructure.magnum_cluster_template
  - module: kcloud.infrastructure.heat_stack
"""

EXAMPLES = r"""
- name: All clusters of the environment, with their templates and one network
  kcloud.infrastructure.magnum_fleet:
    cloud: devcloud
    environment: production
    cluster_templates:
      - name: gpu-template
        coe: kubernetes
        image: fedora-coreos
        external_network: public
        flavor: gpu.a100.large
        master_flavor: cpu.medium
    networks:
      - name: training-network
    clusters:
      - name: training
        cluster_template: gpu-template
        network: training-network
        keypair: kcloud-keypair
        node_groups:
          - name: default-worker
            node_count: 2
            max_node_count: 8
      - name: inference
        cluster_template: gpu-template
        keypair: kcloud-keypair
        node_count: 1
  register: fleet

- name: The same, and without the clusters that are not declared any more
  kcloud.infrastructure.magnum_fleet:
    cloud: devcloud
    environment: production
    prune: true
    max_deletions: 2
    clusters:
      - name: training
        cluster_template: gpu-template
        keypair: kcloud-keypair
"""

RETURN = r"""
objects:
  description: What came of each object, in check mode what would.
  returned: always, unless nothing was planned
  type: list
  elements: dict
  contains:
    kind:
      description: V(cluster_template), V(network) or V(cluster).
      type: str
      returned: always
    name:
      description: Its name.
      type: str
      returned: always
    id:
      description: Its id, V(predicted) for what check mode would create. None when it does not exist.
      type: str
      returned: always
    status:
      description: Its status. None for cluster templates and for what does not exist.
      type: str
      returned: always
    action:
      description: V(none), V(create), V(update), V(recreate) or V(delete).
      type: str
      returned: always
    changed:
      description: Whether it was changed.
      type: bool
      returned: always
    changes:
      description: Its changes in their order, each with C(verb) and C(resource).
      type: list
      elements: dict
      returned: always
    changes_left:
      description: The changes that were not made.
      type: list
      elements: dict
      returned: when it failed between changes
    failure:
      description: Why it failed, with C(code), C(resource), C(reason) and C(hint). None when it did not.
      type: dict
      returned: always
    used_by:
      description: Names of the clusters for whose sake a template was left, see O(cluster_templates[].if_used).
      type: list
      elements: str
      returned: when there are any
    superseded_node_groups:
      description: See RV(kcloud.infrastructure.magnum_cluster#module:superseded_node_groups).
      type: list
      elements: dict
      returned: when there are any
    autoscaled_node_groups:
      description: See RV(kcloud.infrastructure.magnum_cluster#module:autoscaled_node_groups).
      type: list
      elements: str
      returned: when there are any
    replaced_clusters:
      description: See RV(kcloud.infrastructure.magnum_cluster#module:replaced_clusters).
      type: list
      elements: dict
      returned: when there are any
    versions:
      description: See RV(kcloud.infrastructure.magnum_cluster_template#module:versions).
      type: list
      elements: dict
      returned: of templates with versions
    left_visible:
      description: See RV(kcloud.infrastructure.magnum_cluster_template#module:left_visible).
      type: list
      elements: str
      returned: when there are any
  sample:
    - kind: cluster
      name: training
      id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      status: UPDATE_COMPLETE
      action: update
      changed: true
      changes:
        - verb: resize
          resource: node_group/training/default-worker
          node_count: 2
          node_count_before: 1
      failure: null
summary:
  description: How many objects are V(unchanged), V(created), V(updated), V(recreated), V(deleted) and V(failed).
  returned: always, unless nothing was planned
  type: dict
  sample: {unchanged: 97, created: 0, updated: 2, recreated: 0, deleted: 0, failed: 1}
changes:
  description: The changes of all objects, each with C(verb) and C(resource).
  returned: always, unless nothing was planned
  type: list
  elements: dict
  sample:
    - verb: resize
      resource: node_group/training/default-worker
      node_count: 2
      node_count_before: 1
clusters:
  description:
    - The clusters that are declared and exist, as RV(kcloud.infrastructure.magnum_cluster#module:cluster).
    - C(node_groups) is none where the declaration says nothing of them. Bounds, labels and addresses of a group are none where they
      were not needed.
  returned: always, unless nothing was planned
  type: list
  elements: dict
cluster_templates:
  description: The cluster templates that are declared and exist, of those with versions the current one.
  returned: always, unless nothing was planned
  type: list
  elements: dict
networks:
  description: The stacks of the networks that are declared and exist, as RV(kcloud.infrastructure.heat_stack#module:stack).
  returned: always, unless nothing was planned
  type: list
  elements: dict
diff:
  description: C(before) and C(after), by object, of those objects that change.
  returned: always, unless nothing was planned
  type: dict
failure:
  description: Why the task failed. Of several objects that failed, that of the first in C(reason), and of each in C(failed).
  returned: failure
  type: dict
  contains:
    code:
      description:
        - That of the object when one failed by itself, V(OBJECTS_FAILED) when several did, V(TOO_MANY_DELETIONS) when pruning was
          refused.
        - Of an object also V(DEPENDENCY_FAILED) when what it needs failed, V(IN_USE) for a network that clusters are in,
          V(NOT_A_NETWORK) for a stack that is not one, V(INTERNAL_ERROR) for a defect of the module.
      type: str
      returned: always
    resource:
      description: The first that failed.
      type: str
      returned: always
    reason:
      description: Why it failed.
      type: str
      returned: always
    hint:
      description: What to do.
      type: str
      returned: always
    failed:
      description: The failure of each object.
      type: list
      elements: dict
      returned: when objects failed
"""

from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.declared import FLEET_SPEC, declared_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.reconcile import reconcile_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

SPEC: dict[str, dict[str, Any]] = {
    **FLEET_SPEC,
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    # What is wrong in the declaration is said before any cloud is asked.
    fleet = declared_fleet(params)
    return reconcile_fleet(
        connect(params),
        fleet,
        How.from_params(params, check_mode),
        parallel=params["max_parallel"],
        interface=params["interface"],
        network_template=params["network_template"],
    )


def main() -> None:
    run_module(argument_spec(SPEC, wait=True), run, libraries=("openstack", "magnumclient", "heatclient"))


if __name__ == "__main__":
    main()
