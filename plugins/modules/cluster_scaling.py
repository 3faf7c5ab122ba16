#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_scaling
short_description: Decide whether node groups need more nodes, fewer, or none
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Takes the workloads that run, those that are pending and those that are expected, and answers for every node group whether to
    scale it out, in, or not at all, with the nodes to remove by name, and with the reasons for and against.
  - Decides only; nothing is changed. The role P(kcloud.infrastructure.cluster_autoscale#role) carries it out.
  - Out at once, where something has no room or use would pass O(scale_out_above). In slowly, only where all workloads of a node fit
    elsewhere and use stays below O(scale_in_below), after the node was not needed for O(unneeded_seconds) in two runs, and not
    soon after a scale-out or a failure.
  - Pass RV(memory) of one run to the next as O(memory). Without it, no node is ever removed.
  - With O(telemetry), the utilisation of a node is that of its CPU or of its accelerators, whichever is larger, as a mean over the window.
  - Where the label C(auto_scaling_enabled) says that an autoscaler owns the number of nodes, its bounds are moved in place of it.
options:
  workloads:
    description: Workloads that are pending, in the form of the option C(workload) of M(kcloud.infrastructure.cluster_match).
    type: list
    elements: dict
  forecast:
    description: Workloads that are expected, in the same form.
    type: list
    elements: dict
  forecast_utilization:
    description:
      - Use that is expected, each as C(cluster), C(node_group) (default C(default-worker)) and C(utilization), a share of what the
        nodes of that group offer now. It may be above 1.
    type: list
    elements: dict
  memory:
    description:
      - RV(memory) of the run before, an empty one in the first run.
      - Not given, the caller keeps no memory. Then no node is removed. Nothing is opened for pending workloads on node groups whose
        workloads O(placements) does not list (V(OCCUPANTS_UNKNOWN)), since the next run would open it again.
    type: dict
  now:
    description: The time, in seconds since 1970. Not given, the clock of the host that runs this task.
    type: int
  scale_out_above:
    description: A group is scaled out when more than this share of it would be used.
    type: float
    default: 0.85
  scale_in_below:
    description: A node is removed only when less than this share of its group is used without it. Below O(scale_out_above).
    type: float
    default: 0.7
  run_percent:
    description: At most so many of all nodes, and of the nodes of one cluster, are removed in one run, in per cent, but always one.
    type: int
    default: 10
  empty_clusters:
    description: Whether a cluster may lose its last worker.
    type: bool
    default: false
  unneeded_seconds:
    description: For how long a node must not have been needed.
    type: int
    default: 600
  after_scale_out_seconds:
    description: For how long no node of a cluster is removed after the cluster was scaled out.
    type: int
    default: 600
  after_failure_seconds:
    description: For how long no node of a cluster is removed after the cluster was in a FAILED state.
    type: int
    default: 180
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.existing_clusters
  - kcloud.infrastructure.magnum.expected_plan
  - kcloud.infrastructure.existing_clusters.nodes
  - kcloud.infrastructure.telemetry.decision
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.plan
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
seealso:
  - module: kcloud.infrastructure.cluster_match
  - module: kcloud.infrastructure.cluster_consolidation
"""

EXAMPLES = r"""
- name: Does anything need to grow or shrink
  kcloud.infrastructure.cluster_scaling:
    cloud: devcloud
    placements:
      - workload: training-1
        cluster: ml
        node: 10.0.0.14
        gpu_count: 1
        cpu_cores: 4
    workloads:
      - name: training-2
        gpu_count: 1
        cpu_cores: 4
    utilization:
      - cluster: ml
        node: 10.0.0.14
        utilization: 0.6
    memory: "{{ memory_of_the_run_before | default({}) }}"
  register: scaling

- name: The same by what Prometheus shows of the running workloads
  kcloud.infrastructure.cluster_scaling:
    cloud: devcloud
    telemetry:
      servers:
        - name: site-a
          url: https://prometheus.example.org
    workloads:
      - name: training-2
        gpu_count: 1
        cpu_cores: 4
    memory: "{{ memory_of_the_run_before | default({}) }}"
  register: scaling

- name: Show it
  ansible.builtin.debug:
    msg: "{{ [scaling.decision.sentence] + scaling.table.splitlines() }}"

- name: Carry it out
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: "{{ item.args.name }}"
    node_groups: "{{ item.args.node_groups }}"
    expected_state: "{{ item.args.expected_state }}"
  loop: "{{ scaling.operations }}"
"""

RETURN = r"""
decision:
  description:
    - What to do, as C(action) (V(scale_out), V(scale_in) or V(none)), C(node_groups), C(moves), C(target_nodes) (of all groups),
      C(cost_delta_h), C(power_delta_w) and C(sentence).
    - C(node_groups) has one entry for each group that changes, with C(cluster), C(cluster_id), C(node_group), C(action),
      C(node_count_before), C(node_count_after) and C(nodes_to_remove), which are all removals of that group. Where an autoscaler owns
      the number, the number stays and C(min_node_count) and C(max_node_count) are to be set.
    - C(moves) says which workloads run on the nodes to remove, and where each is to move.
  returned: success
  type: dict
  sample:
    action: scale_in
    node_groups:
      - cluster: ml
        cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
        node_group: default-worker
        action: scale_in
        node_count_before: 3
        node_count_after: 2
        nodes_to_remove: [10.0.0.14]
        min_node_count:
        max_node_count:
    moves: []
    target_nodes: 2
    cost_delta_h: -5.04
    power_delta_w: -5.08
    sentence: Scale in ml/default-worker from 3 to 2 nodes without 10.0.0.14.
operations:
  description:
    - What carries the decision out, an entry for each cluster that changes. Each has C(action), V(scale); C(cluster), a name; and C(module)
      with its C(args). An entry that removes nodes names them in C(nodes).
    - C(args.expected_state) says for which state of the cluster this was decided. It is missing where O(fleet) does not give the ids of
      template and node groups.
  returned: success
  type: list
  elements: dict
  sample:
    - action: scale
      cluster: ml
      nodes: [10.0.0.14]
      module: kcloud.infrastructure.magnum_cluster
      args:
        name: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
        node_groups:
          - name: default-worker
            node_count: 2
            nodes_to_remove: [10.0.0.14]
groups:
  description:
    - Every node group, with the keys of an entry of C(decision.node_groups) and C(utilization), C(expected_utilization),
      C(utilization_after), C(why) and C(why_not), the last as in M(kcloud.infrastructure.cluster_match).
  returned: success
  type: list
  elements: dict
  sample: []
nodes:
  description:
    - Every node, with C(cluster), C(cluster_id), C(node_group), C(node), C(id), C(removed), C(unneeded), C(moves), C(why) and
      C(why_not). Codes are V(CLUSTER_NOT_READY), V(CLUSTER_UNHEALTHY), V(HEALTH_UNKNOWN), V(CLUSTER_LOCKED), V(OWNER_UNKNOWN),
      V(NODE_NOT_READY), V(NODE_PROTECTED), V(NODE_ID_MISSING), V(OCCUPANTS_UNKNOWN), V(METRICS_MISSING), V(WORKLOAD_PINNED), V(GROUP_MIN),
      V(LAST_WORKER), V(NO_ROOM), V(SPREAD), V(UTILIZATION_AFTER), V(NOT_UNNEEDED_YET), V(SCALED_OUT_RECENTLY), V(FAILED_RECENTLY) and
      V(RUN_LIMIT).
  returned: success
  type: list
  elements: dict
  sample: []
unplaced:
  description: Workloads that no cluster can take, each as C(workload) and C(why_not) of the closest candidate.
  returned: success
  type: list
  elements: dict
  sample: []
waiting:
  description:
    - Workloads for which nothing is opened, since O(placements) does not list those on the existing nodes. Each has C(workload),
      C(cluster_id), C(node_group) and C(why_not).
    - The code V(SCALED_OUT_FOR_IT) says that an earlier run opened nodes for the workload, V(OCCUPANTS_UNKNOWN) that no O(memory) is kept.
  returned: success
  type: list
  elements: dict
  sample: []
memory:
  description: What the next run needs to know, for O(memory).
  returned: success
  type: dict
  sample:
    at: 1760000000
    unneeded: []
    scaled_out: []
    failed: []
    counts: []
    opened: []
certificate:
  description: What the nodes cost afterwards (C(objective)), and the least that nodes for all running workloads can cost (C(lower_bound)).
  returned: success
  type: dict
  sample:
    objective: 10.08
    lower_bound: 10.08
    gap: 0.0
    method: rules with hysteresis
    proven: true
    level: node
    seconds: 0.004
assumptions:
  description: What had to be taken for granted, in words.
  returned: success
  type: list
  elements: str
  sample:
    - no memory of an earlier run is given; this run removes no node
inputs_digest:
  description: Digest of all inputs as they were understood, the time and the memory among them.
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
plan_diff:
  description: The groups that change, C(before) and C(after), to be read.
  returned: success
  type: dict
  sample:
    before: "ml/default-worker (cpu.medium): 3 nodes\n  10.0.0.14\n"
    after: "ml/default-worker (cpu.medium): 2 nodes\n"
table:
  description: All groups as text with columns of fixed width.
  returned: success
  type: str
  sample: |
    node group          action    nodes    used   expected after  why, or why not
    ml/default-worker   scale_in  3>2      10 %   10 %     15 %   UNNEEDED
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: INVALID_REQUEST
    resource: scale_in_below
    reason:
    hint: Give 'scale_in_below' as below scale_out_above (0.85), or leave it out
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet_reader import (
    NODES_ARGUMENT_SPEC,
    standing_fleet,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import check_form
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling import scale
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_answer import (
    answer,
    diff,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_reading import (
    read_rules,
    read_scaling,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import check_plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.fleet import (
    OPTION,
    look,
    read_telemetry,
    recent_window,
)

# What a decision depends on beside the fleet and the clock
QUESTION = (
    "workloads",
    "forecast",
    "forecast_utilization",
    "memory",
    "placements",
    "flavor_map",
    "prices",
    "utilization",
)
SPEC: dict[str, dict[str, Any]] = {
    **NODES_ARGUMENT_SPEC,
    **OPTION,
    "workloads": {"type": "list", "elements": "dict"},
    "forecast": {"type": "list", "elements": "dict"},
    "forecast_utilization": {"type": "list", "elements": "dict"},
    "memory": {"type": "dict"},
    "now": {"type": "int"},
    "scale_out_above": {"type": "float", "default": 0.85},
    "scale_in_below": {"type": "float", "default": 0.7},
    "run_percent": {"type": "int", "default": 10},
    "empty_clusters": {"type": "bool", "default": False},
    "unneeded_seconds": {"type": "int", "default": 600},
    "after_scale_out_seconds": {"type": "int", "default": 600},
    "after_failure_seconds": {"type": "int", "default": 180},
    "expected_state": {"type": "str"},
}


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], None]) -> dict[str, Any]:
    question = {name: params[name] for name in QUESTION}
    now = int(time.time()) if params["now"] is None else params["now"]
    rules = read_rules(params)
    check_form(params["expected_state"])
    telemetry = read_telemetry(params, os.environ, hide, lambda given: recent_window(given, now))
    if params["fleet"] is None:
        # What is wrong with the options is said before any cloud is asked.
        read_scaling({}, now=now, rules=rules, **question)
    asked = read_scaling(
        standing_fleet(params, look=look(params, telemetry, queued=False)), now=now, rules=rules, **question
    )
    started = time.monotonic()
    decision = scale(asked)
    found = answer(decision)
    check_plan(params["expected_state"], found["state_digest"])
    found["certificate"]["seconds"] = round(time.monotonic() - started, 3)
    return {"changed": False, **found, "plan_diff": diff(decision)}


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=(), hides=True)


if __name__ == "__main__":
    main()
