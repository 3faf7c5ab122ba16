#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_match
short_description: Find the best cluster for one workload or for many, or the best ones to create
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Judges everything that could be done for one workload. Each cluster and worker node group as it is, each of them scaled out, and
    each cluster that could be created. Answers the best, and a ranking that says for every candidate why, or why not and which
    change would make it possible.
  - Decides only; nothing is changed. RV(operations) says what carries the decision out; the role
    P(kcloud.infrastructure.workload_placement#role) does it.
  - Given many workloads, all are planned at once. First as much work as possible is placed (a workload counts its resources at
    component rates, and one of higher priority counts more than all of lower), then as cheaply as possible. The certificate says
    how much cheaper any plan could be at most.
  - Of one workload, extra cost per hour comes first, where room on running nodes costs nothing; then leaving the place where the
    workload runs; then the cluster's health; then fragmentation of accelerators (devices left free that the known work could not use, parts of shared devices
    that no known work fills well, and scarce models taken from work that is bound to them), power, cluster type, latency, headroom and
    spread, in the order that the weights of the workload's cluster type set; then names. The same input gives the same answer, to the
    byte.
options:
  workload:
    description:
      - The workload. Numbers are those of one replica, which must fit on one node; C(power_budget) and C(max_cost_per_hour) are those
        of all replicas together. Unknown keys, wrong types and negative numbers are errors.
      - C(name), and C(type), such as V(ml_training), V(dl_training), V(inference), V(real_time), V(mixed), V(data_processing) or
        V(general). The type says which cluster types are preferred; an unknown one is judged by its resources only.
      - C(cpu_cores) and C(memory_gb) (GiB).
      - C(gpu_required), C(gpu_count), C(gpu_model) (one or a list) and C(gpu_memory_gb) (GiB per device); the same with C(npu_). One of
        them alone asks for at least one device. C(accelerator_models) names the models where one kind is asked for.
      - C(accelerator) says the same for any kind, as C(kind), C(count), C(models), C(share) (part of a device, up to 1) and
        C(memory_gb).
      - C(replicas) (default 1), C(gang) (all or nothing, default true), C(isolation) (V(none), V(node), V(cluster) or V(project)),
        C(tolerations) (taints or their keys).
      - C(power_budget) (watts), C(max_cost_per_hour), C(latency_ms), C(preferred_cluster_type).
      - C(current_placement), as C(cluster) and C(node_group), is where it runs. Another cluster must be 5 % cheaper to replace that.
      - C(priority) counts among several workloads. C(duration_h) and C(labels) are kept for later.
      - Either this or O(workloads) is needed.
    type: dict
  workloads:
    description:
      - Many workloads, each in the form of O(workload) and with a C(name) of its own. They share what is opened for them.
      - One that runs already, by O(placements) or by its C(current_placement), stays where it is.
      - Where the Python library C(highspy) is installed, HiGHS solves an integer programme for them. Without it the best of several orders
        and of the same programme in parts is taken. Either way a search improves the plan.
    type: list
    elements: dict
  cluster_names:
    description:
      - Names or ids of the clusters that may be used and scaled, or patterns such as V(team-a-*); all others are ignored. Not
        given, every cluster of the project.
    type: list
    elements: str
  new_cluster_name:
    description:
      - What a new cluster is called. A number is added where a cluster of that name exists, such as V(ml-2).
      - Of O(workloads), what the names of new clusters begin with; V(ml) gives V(ml-1), V(ml-2) and so on, without names that exist.
      - Not given, the name of O(workload), or its type with C(-cluster), each with V(-) for V(_); of O(workloads), V(new).
    type: str
    version_added: 0.2.0
  time_limit:
    description:
      - Seconds that planning O(workloads) may take at most. How long the search goes on is counted in steps, in proportion to this, so that
        the same input gives the same answer. Where the clock ends it before that, the answer says so.
    type: int
    default: 30
  cluster_types:
    description:
      - Cluster types that could be created, by name. Each has C(node_groups), a list of C(name), C(accelerator) with C(kind) and
        C(models), C(flavors) (names; not given, every flavor with such an accelerator), C(min_node_count) and C(max_node_count); and
        may have C(template), C(master_flavor), C(master_count), C(labels), C(latency_ms) and C(objective), which weighs the terms
        V(utilisation), V(power), V(type), V(latency), V(headroom), V(spread) and V(cost).
      - Not given, every cluster template that is not hidden is a type.
    type: dict
  flavor_map:
    description:
      - What flavors have, by name, where their extra specs do not say it or say it wrongly; C(kind), C(model), C(count), C(mem_mib) (of
        one device), C(shareable), C(price_h), C(power_idle_w) and C(power_max_w) of a node.
    type: dict
  prices:
    description:
      - C(flavors) holds prices of nodes per hour by flavor, C(rates) component prices per hour, C(vcpu), C(gib) and C(devices) by model
        or kind, and C(currency) their name. C(volume_gib) and C(floating_ip) of C(rates) are for
        M(kcloud.infrastructure.cluster_cost_info), and do not matter here.
      - Not given, relative units are used, in which one vCPU hour is 1; the answer then says so.
    type: dict
  placements:
    description:
      - Workloads that run on clusters already. Each has C(workload) (a name), C(cluster) (name or id), may have C(node_group), and
        its size in the form of O(workload). The workload's own placement needs no size.
      - What they take is taken from the room on nodes. An empty list says that no workload runs yet.
      - Not given, the module does not know which workload runs where. Then a running node counts as busy, unless it says itself what is free, and the
        answer is to scale out or to create (the code V(OCCUPANTS_UNKNOWN) says so). A cluster whose label C(kcloud_workload) names
        the workload is used all the same, since it was made for it.
      - O(telemetry) says the same of the clusters that it knows. The name of a workload that runs is then its namespace with the name of
        its Deployment, Job or other owner, such as C(default/training-1); O(workload) may leave out the namespace where only one has it.
    type: list
    elements: dict
  assume_empty:
    description: Where O(placements) is not given, whether running nodes count as empty all the same.
    type: bool
    default: false
  fleet:
    description:
      - What is there, as plain data. Given, no cloud is read and no credentials are needed.
      - C(flavors) with C(name), C(id), C(vcpus), C(ram_mib) and C(extra_specs); C(clusters) with C(id), C(name), C(status),
        C(health_status), C(labels), C(project_id), C(cluster_template_id) and C(node_groups), these with C(id), C(name), C(role), C(flavor),
        C(node_count), C(min_node_count), C(max_node_count), C(status) and C(taints); C(templates) with C(id), C(name), C(flavor),
        C(master_flavor), C(labels) and C(hidden); C(quota) with C(limit) and C(used) of C(clusters), C(instances), C(cores) and
        C(ram_mib); C(accelerators_free) by Placement resource class; C(project_id).
      - C(clusters) can be those that M(kcloud.infrastructure.magnum_cluster_info) returns with
        O(kcloud.infrastructure.magnum_cluster_info#module:node_groups=details). Where the bounds of a node group are none, any number of
        nodes counts as allowed, and RV(assumptions) says so.
      - A node group may list its C(nodes), each with C(free) as C(cpu_m) (thousandths of a vCPU) and C(mem_mib), C(devices) as a list
        of free thousandths, C(ready) and C(busy). What a node does not say is not free. Only then is a decision proven for real nodes.
    type: dict
  require_health:
    description: Whether clusters that Magnum calls C(UNHEALTHY) are refused.
    type: bool
    default: false
  max_candidates:
    description:
      - How many entries of the ranking to answer, the best first. Not given, all. All are judged in any case.
      - Of O(workloads), how many to answer of each. Not given, three of those that have no place, none of the others.
    type: int
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - kcloud.infrastructure.magnum.expected_plan
  - kcloud.infrastructure.telemetry.decision
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.plan
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
  - highspy (optional, for O(workloads))
notes:
  - A cluster whose label C(protected) or C(do-not-disrupt) is true is left alone. The label C(kcloud_type) says the type of a cluster or
    template, otherwise its accelerators do; the label C(kcloud_latency_ms) says its latency.
  - Placement says how many accelerators the cloud has free. In most clouds only operators may ask it. For other users, the
    answer takes new nodes to find their devices, and says so in RV(assumptions). What is free is counted over all hosts that are switched on.
  - With O(telemetry), a node has free what its pods leave of it by kube-state-metrics; one that is cordoned or not ready has nothing free.
    Pods that are about to start are not seen yet.
  - Where several kinds of accelerators are asked for, the parts of a replica may run on different node groups of one cluster.
seealso:
  - module: kcloud.infrastructure.magnum_cluster
  - module: kcloud.infrastructure.openstack_info
"""

EXAMPLES = r"""
- name: Where should this training run
  kcloud.infrastructure.cluster_match:
    cloud: devcloud
    workload:
      name: training-1
      type: ml_training
      gpu_required: true
      gpu_count: 4
      cpu_cores: 32
      memory_gb: 128
      power_budget: 2000
  register: match

- name: The decision and all candidates, for people
  ansible.builtin.debug:
    msg: "{{ [match.decision.sentence] + match.table.splitlines() }}"

- name: Scale out, if that is the decision
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: "{{ item.args.name }}"
    node_groups: "{{ item.args.node_groups }}"
    expected_state: "{{ item.args.expected_state }}"
  loop: "{{ match.operations | selectattr('action', 'eq', 'scale_out') }}"

- name: The same by what runs on the clusters now, as Prometheus shows it
  kcloud.infrastructure.cluster_match:
    cloud: devcloud
    workload:
      name: training-1
      gpu_count: 4
      cpu_cores: 32
      memory_gb: 128
    telemetry:
      servers:
        - name: site-a
          url: https://prometheus.example.org
          token: "{{ prometheus_token }}"
  register: match

- name: Where should all of these run
  kcloud.infrastructure.cluster_match:
    cloud: devcloud
    workloads:
      - name: training-1
        gpu_count: 4
        cpu_cores: 32
        memory_gb: 128
        priority: 2
      - name: chat
        npu_count: 1
        cpu_cores: 8
        memory_gb: 32
        replicas: 6
  register: match

- name: The plan, for people
  kcloud.infrastructure.table:
    title: "{{ match.decision.sentence }}"
    text: "{{ match.table }}"

- name: Ask without any cloud
  kcloud.infrastructure.cluster_match:
    workload:
      gpu_count: 1
      cpu_cores: 8
    fleet:
      flavors:
        - name: gpu.a100.large
          vcpus: 8
          ram_mib: 65536
          extra_specs:
            "resources:CUSTOM_GPU_A100": "1"
    cluster_types:
      gpu-intensive:
        node_groups:
          - name: default-worker
            accelerator:
              kind: gpu
            max_node_count: 8
"""

RETURN = r"""
decision:
  description:
    - What to do.
    - Of O(workloads) the sum of all, as C(action) (the furthest of V(use), V(scale_out) and V(create), or V(none)), C(placed), C(unplaced),
      C(scaled_out) and C(created) (numbers of clusters), C(cost_delta_h), C(power_delta_w) and C(sentence).
  returned: success
  type: dict
  contains:
    action:
      description: V(use) a cluster as it is, V(scale_out) one, V(create) one, or V(none) when nothing can be done.
      type: str
      returned: always
    target:
      description: Cluster and node group, or the kind of cluster to create.
      type: str
      returned: when O(workload) is given
    cluster:
      description: Name of the cluster; none for a new one.
      type: str
      returned: when O(workload) is given
    cluster_id:
      description: Id of the cluster; none for a new one.
      type: str
      returned: when O(workload) is given
    node_group:
      description: Node group for the workload.
      type: str
      returned: when O(workload) is given
    node_count_before:
      description: Nodes in that group now.
      type: int
      returned: when O(workload) is given
    node_count_after:
      description: Nodes in that group when the decision is carried out.
      type: int
      returned: when O(workload) is given
    node_groups:
      description: The same for every node group that the workload runs in; more than one where it needs several kinds of nodes.
      type: list
      elements: dict
      returned: when O(workload) is given
    cluster_type:
      description: Type of the cluster.
      type: str
      returned: when O(workload) is given
    template:
      description: Cluster template, where one is known.
      type: str
      returned: when O(workload) is given
    flavor:
      description: Flavor of that node group.
      type: str
      returned: when O(workload) is given
    cost_delta_h:
      description: What it costs more per hour.
      type: float
      returned: always
    power_delta_w:
      description: What it draws more, in watts.
      type: float
      returned: always
    sentence:
      description: All of that in one sentence.
      type: str
      returned: always
  sample:
    action: create
    cluster_type: gpu-intensive
    flavor: gpu.a100.xlarge
    node_count_after: 1
    power_delta_w: 1841.328
decisions:
  description: What becomes of each workload, in order of their names.
  returned: when O(workloads) is given
  type: list
  elements: dict
  contains:
    workload:
      description: Name of the workload.
      type: str
      returned: always
    action:
      description: V(use) running nodes, V(scale_out) a cluster, V(create) one, or V(none) when it has no place beside the others.
      type: str
      returned: always
    target:
      description: Cluster and node group.
      type: str
      returned: always
    cluster:
      description: Name of the cluster. Those to be created are named by O(new_cluster_name).
      type: str
      returned: always
    cluster_id:
      description: Id of the cluster; none for a new one.
      type: str
      returned: always
    cluster_type:
      description: Type of the cluster.
      type: str
      returned: always
    node_group:
      description: Node group for the workload.
      type: str
      returned: always
    node_groups:
      description: All node groups for it; more than one where it needs several kinds of nodes.
      type: list
      elements: str
      returned: always
    stays:
      description: Whether it stood there already.
      type: bool
      returned: always
    why_not:
      description: Codes of what prevents the closest candidate, where it has no place.
      type: list
      elements: str
      returned: always
    ranking:
      description:
        - Candidates as in RV(ranking). Of a workload without a place, judged beside all others in their places; otherwise alone, in the
          fleet as it is.
      type: list
      elements: dict
      returned: always
    sentence:
      description: All of that in one sentence.
      type: str
      returned: always
actions:
  description: What is done to which cluster, all workloads together; RV(clusters) without those that are used as they are.
  returned: when O(workloads) is given
  type: list
  elements: dict
  sample:
    - action: scale_out
      cluster: ml
      cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      cluster_type: gpu-intensive
      template: gpu-intensive-template
      master_flavor:
      master_count:
      labels: {}
      node_groups:
        - name: default-worker
          flavor: gpu.a100.xlarge
          node_count_before: 1
          node_count_after: 3
          min_node_count: 1
          max_node_count: 8
      workloads: [training-1, training-2]
      cost_delta_h: 962.56
operations:
  description:
    - What carries the decision out, an entry for each cluster that is scaled out or created. Names of new clusters are final.
    - Each has C(action), V(scale_out) or V(create); C(cluster), a name; and C(args). An entry with C(module) is a task of that module.
      An entry with C(role) includes that role, whose variables are C(args) with the prefix C(accelerator_cluster_).
    - C(args.expected_state) of an entry that changes an existing cluster says for which state of that cluster this was decided. It is
      missing where O(fleet) does not give the ids of template and node groups.
  returned: success
  type: list
  elements: dict
  sample:
    - action: scale_out
      cluster: ml
      module: kcloud.infrastructure.magnum_cluster
      args:
        name: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
        node_groups:
          - name: default-worker
            node_count: 3
        expected_state: sha256:7d1f0e6b2c3a4958b6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4
    - action: create
      cluster: new-1
      role: kcloud.infrastructure.accelerator_cluster
      args:
        name: new-1
        type: gpu-intensive
        labels:
          kcloud_workload: training-1-af38aa0a-x1
        overrides:
          flavor: gpu.a100.xlarge
          node_count: 1
          node_groups: {}
          master_flavor: cpu.medium
placements:
  description: Where each workload has its place, in the form of the option O(placements).
  returned: when O(workloads) is given
  type: list
  elements: dict
  sample:
    - workload: training-1
      cluster: ml
      node_group: default-worker
clusters:
  description: Every cluster in which one of the workloads has its place, in the same form; C(action) may be V(use) there.
  returned: when O(workloads) is given
  type: list
  elements: dict
unplaced:
  description: Names of the workloads that have no place.
  returned: when O(workloads) is given
  type: list
  elements: str
  sample: []
plan_diff:
  description: The plan as texts C(before) and C(after), a line for each node group that changes and each workload.
  returned: success
  type: dict
  sample:
    before: |
      ml/default-worker (gpu.a100.xlarge): 1 nodes
      training-1: nowhere
    after: |
      ml/default-worker (gpu.a100.xlarge): 3 nodes
      training-1: ml/default-worker
new_cluster:
  description:
    - The best new cluster, also when another decision was better; none when none would do.
    - Make it with these C(labels). The label C(kcloud_workload) says for which workload, so that a later match finds it.
  returned: when O(workload) is given
  type: dict
  sample:
    cluster_type: gpu-intensive
    template: gpu-intensive-template
    master_flavor: cpu.medium
    master_count: 1
    node_groups:
      - name: default-worker
        flavor: gpu.a100.xlarge
        node_count: 1
        min_node_count: 1
        max_node_count: 8
    labels:
      kcloud_workload: training-1-af38aa0a-x1
    cost_delta_h: 486.32
    power_delta_w: 1841.328
ranking:
  description: >-
    The candidates. First those that are possible, the best first; then the others, those with the right devices first, of
    these those with the fewest reasons against them.
  returned: when O(workload) is given
  type: list
  elements: dict
  contains:
    candidate:
      description: Name of the candidate.
      type: str
      returned: always
    rank:
      description: Place among those that are possible; none for the others.
      type: int
      returned: always
    feasible:
      description: Whether it is possible.
      type: bool
      returned: always
    why:
      description: Codes of what speaks for it, such as V(ROOM_ON_RUNNING_NODES), V(PREFERRED_TYPE) or V(CHEAPEST).
      type: list
      elements: str
      returned: always
    why_not:
      description:
        - All reasons against it, each with C(code), C(need), C(have), C(short_by), C(unit), and C(fix), the smallest change that
          removes it, as C(change) with its values and as C(sentence). All fixes together make the candidate possible.
        - Codes are V(CLUSTER_NOT_READY), V(CLUSTER_UNHEALTHY), V(CLUSTER_LOCKED), V(METRICS_MISSING), V(OCCUPANTS_UNKNOWN),
          V(WRONG_ACCEL_KIND), V(WRONG_ACCEL_MODEL), V(DEVICE_COUNT_PER_NODE), V(DEVICE_SHARE_FRAGMENTED), V(CPU_SHORT),
          V(MEM_SHORT), V(POWER_BUDGET), V(ISOLATION), V(LATENCY), V(GANG_SPLIT), V(GROUP_MAX), V(QUOTA_SHORT), V(TAINT) and V(PRICE_CAP).
      type: list
      elements: dict
      returned: always
  sample:
    - candidate: use ml/default-worker
      rank:
      feasible: false
      why: []
      why_not:
        - code: DEVICE_COUNT_PER_NODE
          need: 4
          have: 1
          short_by: 3
          unit: devices
          fix:
            change: scale_group
            node_group: default-worker
            node_count: 2
            sentence: scale node group default-worker from 1 to 2 nodes
candidates:
  description: How many candidates were judged.
  returned: when O(workload) is given
  type: int
  sample: 12
certificate:
  description:
    - Of O(workloads), C(objective) and C(lower_bound) are the extra cost of the plan and what placing as much costs at least; C(work_placed)
      and C(work_bound) the work that it places and what can be placed at most, in the unit of prices; C(optimal) says that no plan is better
      where nodes are as was assumed, C(proven) that they are so. C(ended_by) is what ended the search, V(bound) (nothing is cheaper),
      V(steps), V(solver_limit) or V(clock); only the last depends on the machine.
    - How good the decision is known to be, as C(objective), C(lower_bound), C(gap), C(method), C(proven), C(level), C(seconds) and
      C(terms), the order of comparison. C(level) is V(node) where every node said what is free on it, else V(aggregate), which is not proven.
  returned: success
  type: dict
  sample:
    objective: 486.32
    lower_bound: 486.32
    gap: 0
    method: every candidate judged
    proven: true
    level: node
    seconds: 0.004
counterfactual:
  description:
    - The next best candidate and what it would cost more; none when there is none.
    - Of O(workloads), what placing one after the other, each where it is cheapest for itself, would have come to.
  returned: success
  type: dict
  sample:
    candidate: scale ml/default-worker
    action: scale_out
    costs_more_h: 481.28
    draws_more_w: 375.872
coming:
  description:
    - Clusters that would do as they are, were they not IN_PROGRESS. Wait for these before a cluster is created or scaled.
  returned: when O(workload) is given
  type: list
  elements: dict
  sample:
    - id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      name: ml-training-cluster
assumptions:
  description: What had to be taken for granted, in words.
  returned: success
  type: list
  elements: str
  sample:
    - a node offers all that its flavor has; nothing is kept back for its system
inputs_digest:
  description: Digest of all inputs as they were understood. Equal digests, equal answers.
  returned: success
  type: str
  sample: sha256:b2c9aebc0d3c711be77bd84f38ec2c2e06b16b23bcb8a064e51e030fc9ea1ce3
expected_states:
  description:
    - The clusters that change, or on whose nodes the plan counts, each with C(cluster), C(cluster_id) and the C(expected_state) for
      which this was decided. Compare them all before the first operation, by M(kcloud.infrastructure.magnum_cluster) in check mode
      with C(name) and C(expected_state).
    - A cluster is missing where O(fleet) does not give the ids of its template and its node groups.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: ml
      cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      expected_state: sha256:7d1f0e6b2c3a4958b6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4
state_digest:
  description: Digest of the plan, of the clusters that it touches and of the workloads on them, for O(expected_state).
  returned: success
  type: str
  sample: sha256:0d3c711be77bd84f38ec2c2e06b16b23bcb8a064e51e030fc9ea1ce3b2c9aebc
table:
  description: The ranking as text with columns of fixed width.
  returned: success
  type: str
  sample: |
    #   candidate                                  nodes    cost/h       power W    why, or why not
    1   create gpu-intensive/gpu (gpu.a100.xlarge) 0>1      486.320      1841.3     NEW_CLUSTER, PREFERRED_TYPE
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: INVALID_REQUEST
    resource: workload.gpu_count
    reason:
    hint: Give 'workload.gpu_count' as a whole number of at least 0, or leave it out
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet_reader import of_flavors, read_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import check_form
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.questions import (
    at_least_one,
    many,
    names_of,
    one,
    only,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.fleet import (
    OPTION,
    look,
    read_telemetry,
    recent_window,
)

# What a match depends on beside the fleet
QUESTION: dict[str, dict[str, Any]] = {
    "cluster_types": {"type": "dict"},
    "flavor_map": {"type": "dict"},
    "prices": {"type": "dict"},
    "placements": {"type": "list", "elements": "dict"},
    "require_health": {"type": "bool", "default": False},
    "assume_empty": {"type": "bool", "default": False},
}
SPEC: dict[str, dict[str, Any]] = {
    "workload": {"type": "dict"},
    "workloads": {"type": "list", "elements": "dict"},
    **QUESTION,
    **OPTION,
    "fleet": {"type": "dict"},
    "cluster_names": {"type": "list", "elements": "str"},
    "new_cluster_name": {"type": "str"},
    "time_limit": {"type": "int", "default": 30},
    "expected_state": {"type": "str"},
    "max_candidates": {"type": "int"},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}
EITHER = [("workload", "workloads")]


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], None]) -> dict[str, Any]:
    question = {name: params[name] for name in QUESTION}
    for name in ("max_candidates", "time_limit"):
        at_least_one(params, name)
    check_form(params["expected_state"])
    telemetry = read_telemetry(params, os.environ, hide, lambda given: recent_window(given, int(time.time())))
    decide = one if params["workloads"] is None else many
    fleet = params["fleet"]
    if fleet is None:
        # What is wrong with the options is said before any cloud is asked.
        decide.read(params, question, {})
        fleet = read_fleet(
            params,
            lambda flavors: of_flavors(flavors, decide.carriers(params, question, {"flavors": flavors})),
            look(params, telemetry, single_nodes=False, queued=False),
        )
    started = time.monotonic()
    found = decide.answer(params, question, only(fleet, params["cluster_names"]), names_of(fleet))
    found["certificate"]["seconds"] = round(time.monotonic() - started, 3)
    return {"changed": False, **found}


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=(), hides=True, mutually_exclusive=EITHER, required_one_of=EITHER)


if __name__ == "__main__":
    main()
