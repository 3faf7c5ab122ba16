#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_consolidation
short_description: Find nodes, node groups and clusters that are not needed, and clusters to split
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Judges to merge each cluster into another of its type, to close each node and node group, and to split clusters that are under
    pressure. Answers a plan, with the workloads to move, the names of the nodes to remove, what it saves, and for every candidate why or why not.
  - Decides only; nothing is changed. The role P(kcloud.infrastructure.cluster_consolidation#role) carries it out.
  - A candidate is taken when every workload fits elsewhere, when its share of all cost is at least O(min_score) times its share of all
    work that would move, when it saves at least O(min_saving_h), and when its moves are paid for within O(horizon_h).
  - A cluster is split when a workload that was promised to be alone in its cluster or project is not, or when the node group of one
    kind of accelerator is full and cannot grow. That costs; it is done for the promise.
options:
  actions:
    description: What to judge.
    type: list
    elements: str
    choices: [merge, close_group, close_node, split]
    default: [merge, close_group, close_node, split]
  cluster_types:
    description: Cluster types that a split may create, as in M(kcloud.infrastructure.cluster_match).
    type: dict
  min_score:
    description: Least share of all cost that is saved, divided by the share of all work that is disturbed.
    type: float
    default: 0.5
  min_saving_h:
    description: Least saving of a candidate per hour.
    type: float
    default: 0.1
  horizon_h:
    description: Within how many hours a candidate must have paid for its moves.
    type: int
    default: 24
  move_minutes:
    description: For how many minutes a workload that moves is paid for twice.
    type: int
    default: 15
  max_moves:
    description: Most replicas to move. Not given, any number.
    type: int
  max_nodes:
    description: Most nodes to take away. Not given, any number.
    type: int
  max_candidates:
    description: How many candidates to answer, those of the plan first. Not given, all. All are judged in any case.
    type: int
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
  - module: kcloud.infrastructure.cluster_scaling
  - module: kcloud.infrastructure.cluster_idle
"""

EXAMPLES = r"""
- name: What could go
  kcloud.infrastructure.cluster_consolidation:
    cloud: devcloud
    placements:
      - workload: training-1
        cluster: ml
        node: 10.0.0.14
        gpu_count: 1
        cpu_cores: 4
    require_metrics: false
  register: consolidation

- name: The same by what Prometheus shows of workloads and utilisation
  kcloud.infrastructure.cluster_consolidation:
    cloud: devcloud
    telemetry:
      servers:
        - name: site-a
          url: https://prometheus.example.org
  register: consolidation

- name: Show it
  ansible.builtin.debug:
    msg: "{{ [consolidation.decision.sentence] + consolidation.table.splitlines() }}"

- name: Ask without any cloud, about nodes only
  kcloud.infrastructure.cluster_consolidation:
    actions: [close_node]
    fleet:
      flavors:
        - name: cpu.medium
          vcpus: 4
          ram_mib: 8192
      clusters:
        - name: web
          health_status: HEALTHY
          node_groups:
            - name: default-worker
              flavor: cpu.medium
              node_count: 2
              nodes:
                - id: 8c7d3a52-0d6f-4c1a-8b0e-1f2d3c4b5a69
                  name: web-node-0
                  utilization: 0.4
                - id: 1a2b3c4d-5e6f-4708-9a0b-c1d2e3f40516
                  name: web-node-1
                  utilization: 0
    placements:
      - workload: shop
        cluster: web
        node: web-node-0
        cpu_cores: 2
"""

RETURN = r"""
decision:
  description:
    - What to do, in the order in which it is done. C(action) is V(consolidate) or V(none). C(steps) names the candidates that are taken.
    - C(grow) are node groups that need more nodes first. C(create_clusters) are clusters that a split needs, each with its final
      C(name), which depends on whom it is for. C(moves) says which workload moves from where to where. C(node_groups) has one entry for each group
      that loses nodes, with C(node_count_before), C(node_count_after) and C(nodes_to_remove), which are all removals of that group.
      C(delete_clusters) are those that were merged into others.
    - C(cost_delta_h), C(power_delta_w) and C(sentence) tell what that comes to.
  returned: success
  type: dict
  sample:
    action: consolidate
    steps: [close node web/default-worker/web-node-1]
    grow: []
    create_clusters: []
    moves: []
    node_groups:
      - cluster: web
        cluster_id: web
        node_group: default-worker
        node_count_before: 2
        node_count_after: 1
        nodes_to_remove: [1a2b3c4d-5e6f-4708-9a0b-c1d2e3f40516]
        nodes: [web-node-1]
    delete_clusters: []
    cost_delta_h: -5.04
    power_delta_w: -5.08
    sentence: "close node web/default-worker/web-node-1: 1 nodes are removed, 0 replicas move, 5.04 less per hour."
operations:
  description:
    - What carries the decision out, in order. Each has C(action), one of V(grow), V(create), V(remove_nodes) and V(delete); C(cluster), a
      name; and C(args). Workloads move after the last V(create) and before the first V(remove_nodes).
    - An entry with C(module) is a task of that module. An entry with C(role) includes that role, whose variables are C(args) with the
      prefix C(accelerator_cluster_). An entry that removes nodes names them in C(nodes), as people know them.
    - C(args.expected_state) of the first entry that changes an existing cluster says for which state of that cluster this was decided.
      It is missing where O(fleet) does not give the ids of template and node groups.
  returned: success
  type: list
  elements: dict
  sample:
    - action: remove_nodes
      cluster: web
      nodes: [web-node-1]
      module: kcloud.infrastructure.magnum_cluster
      args:
        name: web
        node_groups:
          - name: default-worker
            node_count: 1
            nodes_to_remove: [1a2b3c4d-5e6f-4708-9a0b-c1d2e3f40516]
candidates:
  description:
    - The candidates, those of the plan first, with C(candidate), C(action), C(feasible), C(step) (its place in the plan), C(cluster),
      C(cluster_id), C(node_group), C(node), C(into_cluster_id), C(saving_h), C(power_saving_w), C(moves), C(disruption), C(score),
      C(payback_h), C(why) and C(why_not), the last as in M(kcloud.infrastructure.cluster_match). Each is judged on top of the steps
      before it.
    - Codes are V(CLUSTER_NOT_READY), V(CLUSTER_UNHEALTHY), V(HEALTH_UNKNOWN), V(CLUSTER_LOCKED), V(OWNER_UNKNOWN), V(NODE_NOT_READY),
      V(NODE_PROTECTED), V(NODE_ID_MISSING), V(OCCUPANTS_UNKNOWN), V(METRICS_MISSING), V(WORKLOAD_PINNED), V(GROUP_MIN), V(AUTOSCALED),
      V(QUOTA_SHORT), V(NO_ROOM), V(ISOLATION), V(LATENCY), V(SPREAD), V(UTILIZATION_AFTER), V(RUN_LIMIT), V(NO_PARTNER), V(NO_PRESSURE),
      V(NO_TYPE), V(SCORE_LOW), V(SAVING_LOW) and V(PAYBACK_LONG).
  returned: success
  type: list
  elements: dict
  sample: []
candidates_judged:
  description: How many candidates were judged.
  returned: success
  type: int
  sample: 12
pareto:
  description: How far one may go, as C(steps), C(saving_h), C(moves) and C(disruption) of each beginning of the plan that no other beats.
  returned: success
  type: list
  elements: dict
  sample:
    - steps: 1
      saving_h: 5.04
      moves: 0
      disruption: 0
certificate:
  description:
    - What is kept per hour (C(objective)), and what every plan must keep (C(lower_bound)), with C(gap); the same for accelerators in
      C(devices_kept) and C(devices_lower_bound). No bound is given where a cluster is split.
  returned: success
  type: dict
  sample:
    objective: 5.04
    lower_bound: 5.04
    gap: 0.0
    devices_kept: 0
    devices_lower_bound: 0
    method: greedy by saving per disruption
    proven: true
    level: node
    seconds: 0.004
assumptions:
  description: What had to be taken for granted, in words.
  returned: success
  type: list
  elements: str
  sample:
    - a workload that moves is paid for twice 15 minutes; nothing else is lost by moving
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
plan_diff:
  description: Nodes and placements, C(before) and C(after), to be read.
  returned: success
  type: dict
  sample:
    before: "web/default-worker (cpu.medium): 2 nodes\n  web-node-1\n"
    after: "web/default-worker (cpu.medium): 1 nodes\n"
table:
  description: The candidates as text with columns of fixed width.
  returned: success
  type: str
  sample: |
    #   candidate                                saves/h    moves  score    pays in h why, or why not
    1   close node web/default-worker/web-node-1 5.040      0      -        0.00      SAVES, EMPTY
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: STATE_CHANGED
    resource: expected_state
    reason: the plan, the clusters that it touches or their workloads are not what they were
    hint: Decide anew without 'expected_state', and look at the new plan; nothing was changed
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
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation import consolidate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_answer import (
    answer,
    diff,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import ACTIONS
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_reading import (
    read_consolidation,
    read_rules,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import check_plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.fleet import (
    OPTION,
    look,
    read_telemetry,
    recent_window,
)

# What a decision depends on beside the fleet
QUESTION = ("placements", "flavor_map", "prices", "utilization", "cluster_types")
SPEC: dict[str, dict[str, Any]] = {
    **NODES_ARGUMENT_SPEC,
    **OPTION,
    "actions": {"type": "list", "elements": "str", "choices": list(ACTIONS), "default": list(ACTIONS)},
    "cluster_types": {"type": "dict"},
    "min_score": {"type": "float", "default": 0.5},
    "min_saving_h": {"type": "float", "default": 0.1},
    "horizon_h": {"type": "int", "default": 24},
    "move_minutes": {"type": "int", "default": 15},
    "max_moves": {"type": "int"},
    "max_nodes": {"type": "int"},
    "max_candidates": {"type": "int"},
    "expected_state": {"type": "str"},
}


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], None]) -> dict[str, Any]:
    question = {name: params[name] for name in QUESTION}
    rules = read_rules(params)
    check_form(params["expected_state"])
    telemetry = read_telemetry(params, os.environ, hide, lambda given: recent_window(given, int(time.time())))
    if params["fleet"] is None:
        # What is wrong with the options is said before any cloud is asked.
        read_consolidation({}, rules, **question)
    asked = read_consolidation(standing_fleet(params, look=look(params, telemetry)), rules, **question)
    started = time.monotonic()
    decision = consolidate(asked)
    found = answer(decision, params["max_candidates"])
    check_plan(params["expected_state"], found["state_digest"])
    found["certificate"]["seconds"] = round(time.monotonic() - started, 3)
    return {"changed": False, **found, "plan_diff": diff(decision)}


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=(), hides=True)


if __name__ == "__main__":
    main()
