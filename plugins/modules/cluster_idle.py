#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_idle
short_description: Find clusters that are not used, and decide which may be deleted or parked
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Judges every cluster in two steps. A cluster that was idle long enough is marked, so that its owner can be informed. When its grace
    is over and it is still idle, it may be deleted, or parked. A parked cluster has no worker nodes until it wakes.
  - Decides only; nothing is changed, marked or deleted. The role P(kcloud.infrastructure.cluster_cleanup#role) carries the decision out.
  - Marks and records of parked clusters go in and out as data; pass RV(marks) and RV(parked) of one run to the next as O(marks) and
    O(parked). Without marks nothing is deleted, only marked anew.
  - Idle means that all of O(observations) until now were below O(idle_below), without a gap, for O(idle_hours), and that O(placements)
    name no workload there. A cluster without measurements is busy.
  - With O(telemetry) the module reads both from Prometheus. An observation is then the share of the CPU or accelerator that does most
    in the whole cluster, so that one device that computes keeps it busy. A step in which a worker or a device is silent counts as a
    failed observation.
options:
  policy:
    description:
      - V(default) asks for less than 10 % used for 2 hours, 1 hour of grace, and a cluster at least 2 hours old; nothing is done from 8 to
        18 h local time.
      - V(conservative) asks for less than 1 % for 24 hours, 24 hours of grace, and a cluster at least 24 hours old, at the same times.
      - A cluster with the label C(persistent=true) is left alone by both. The options below change parts of a policy.
      - Wherever labels count, those of the cluster's template count, too, unless the cluster has one of that name.
    type: str
    choices: [default, conservative]
    default: default
  policy_document:
    description:
      - A policy of kind C(AutomationRule), as data. What it says takes the place of O(policy); what it does not say stays. The options
        below change parts of both.
      - C(apiVersion) is C(policy.kcloud.io/v1) or C(policy.kcloud-opt.io/v1). Keys are in snake_case or camelCase. A key, condition or
        action that a clean-up cannot honour is an error that names it.
      - C(spec.conditions) know C(cluster.utilization) (below so many per cent), C(cluster.idle_duration) and C(cluster.age) (at least,
        such as V(2h)), and C(cluster.workload_count) (0). Each is a text, or has an C(expression), or C(field), C(operator), C(value) and,
        for a utilization, C(duration).
      - C(spec.actions) know C(notify) with C(target), C(message) and C(parameters.channels); C(mark_for_deletion) with C(grace_period);
        and C(delete_cluster) or C(park_cluster), for which C(confirm_with) may be C(cost_analysis). Then a cluster that saves nothing
        is left alone.
      - C(message) may hold C({{cluster.name}}), C(cluster.id), C(cluster.project), C(cluster.idle_hours) and C(cluster.saving_h). Read the
        document from a file, or mark it as C(!unsafe), so that Ansible does not template these.
      - C(spec.exceptions) compare labels, such as C(cluster.labels.persistent == "true") or C(rescheduling=forbidden), and C(time.hour).
        C(AND) joins comparisons that must all hold. One that holds without any workload, such as C(workload.count == 0), is an error.
        Exceptions with hours make a cluster wait. Those of hours alone take the place of O(busy_hours).
      - C(spec.target.labelSelectors.matchLabels) are labels that a cluster must have. C(spec.schedule.timezone) is that of all hours.
      - C(spec.schedule) and triggers of type C(time-based) are repeated in RV(assumptions). What starts the runs must keep to them.
    type: dict
  idle_action:
    description:
      - What to do with a cluster that stays idle when its grace is over. Not given, as O(policy_document) says, else V(delete).
      - V(park) removes all nodes of its worker groups. The control plane stays. A cluster with an autoscaler of its own is left alone.
    type: str
    choices: [delete, park]
  protected:
    description: Names or ids of clusters that are left alone, or patterns of names such as V(prod-*).
    type: list
    elements: str
    default: []
  parked:
    description: RV(parked) of the run before.
    type: list
    elements: dict
  parked_hours:
    description:
      - After how many hours a parked cluster may be marked, and deleted when its grace is over.
      - A cluster for which O(placements) name a workload is left alone.
      - Not given, a parked cluster is never deleted.
    type: float
  wake:
    description:
      - Names or ids of clusters that are needed again, or patterns of names. A parked one wakes; one that is awake is left alone.
      - Waking only adds nodes. A node group that has more nodes than RV(parked) says keeps them.
    type: list
    elements: str
    default: []
  wake_hours:
    description:
      - The hours of the local day in which parked clusters are awake, as first hour and end. In these no cluster is parked or deleted.
      - Not given, a parked cluster wakes only where O(wake) names it.
    type: list
    elements: int
  idle_below:
    description: Share of a cluster below which it is idle, from 0 to 1. Not given, as O(policy) says.
    type: float
  idle_hours:
    description: For how many hours it must have been idle. Not given, as O(policy) says.
    type: float
  grace_hours:
    description: How many hours lie between the mark and the deletion, at least. Not given, as O(policy) says.
    type: float
  min_age_hours:
    description: How old a cluster must be, in hours. Not given, as O(policy) says.
    type: float
  max_gap_hours:
    description: Hours without a measurement after which nothing is known. Not given, half an hour.
    type: float
  busy_hours:
    description:
      - The hours of the local day in which nothing is done, as first hour and end, such as V([8, 18]). An empty list is none.
      - Not given, as O(policy) says.
    type: list
    elements: int
  max_deletions:
    description: Most clusters to delete or park in one run, those that cost most first.
    type: int
    default: 1
  allow_projects:
    description: Ids of projects whose clusters may go. Without these and O(allow_prefixes), none may.
    type: list
    elements: str
    default: []
  allow_prefixes:
    description: Beginnings of names of clusters that may go.
    type: list
    elements: str
    default: []
  dry_run:
    description:
      - Whether RV(operations), C(decision.delete), C(decision.park) and C(decision.wake) stay empty.
      - What would be done is in C(decision.would_delete), C(decision.would_park) and C(decision.would_wake) in any case.
    type: bool
    default: true
  observations:
    description:
      - Measured utilisation of clusters over time, each as C(cluster) (name or id), C(at) (seconds since 1970, or such as
        C(2026-01-31T08:00:00+00:00)) and C(utilization) from 0 to 1; none where the measurement failed.
      - A name that several clusters have measures none of them; give their ids.
      - They must reach back to the oldest of O(marks). A mark counts only where every measurement since then was low.
    type: list
    elements: dict
  marks:
    description:
      - RV(marks) of the run before.
      - A mark from before the cluster was last used, or from before its measurements begin, is void. The cluster is marked anew, its owner
        is informed anew, and the grace begins anew.
    type: list
    elements: dict
  now:
    description: The time, in seconds since 1970. Not given, the clock of the host that runs this task.
    type: int
  local_hour:
    description: The hour of the local day, 0 to 23. Not given, that of O(now) in O(timezone).
    type: int
  timezone:
    description:
      - The time zone of all hours, such as V(Asia/Seoul).
      - Not given, that of O(policy_document), or else that of the host that runs this task.
    type: str
  expected_state:
    description:
      - RV(state_digest) of a decision that was looked at. Where what is to be done or its clusters have changed since, the task fails with
        V(STATE_CHANGED).
    type: str
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.existing_clusters
  - kcloud.infrastructure.telemetry.decision
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.plan
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
seealso:
  - module: kcloud.infrastructure.cluster_consolidation
  - module: kcloud.infrastructure.magnum_cluster
"""

EXAMPLES = r"""
- name: What is not used
  kcloud.infrastructure.cluster_idle:
    cloud: devcloud
    allow_prefixes: [test-]
    placements: []
    observations:
      - cluster: test-ml
        at: 2026-01-31T20:00:00+00:00
        utilization: 0.02
      - cluster: test-ml
        at: 2026-01-31T20:10:00+00:00
        utilization: 0.01
    marks: "{{ marks_of_the_run_before | default([]) }}"
  register: idle

- name: The same by what Prometheus has measured; nothing has to be handed over but the marks
  kcloud.infrastructure.cluster_idle:
    cloud: devcloud
    allow_prefixes: [test-]
    telemetry:
      servers:
        - name: site-a
          url: https://prometheus.example.org
          token: "{{ prometheus_token }}"
    marks: "{{ marks_of_the_run_before | default([]) }}"
  register: idle

- name: What is parked in the evening, and woken at seven in the morning, by a policy of the optimiser
  kcloud.infrastructure.cluster_idle:
    cloud: devcloud
    allow_prefixes: [test-]
    policy_document: "{{ lookup('ansible.builtin.file', 'idle-cluster-cleanup.yaml') | from_yaml }}"
    idle_action: park
    wake_hours: [7, 19]
    timezone: Asia/Seoul
    telemetry: {}
    marks: "{{ idle.marks }}"
    parked: "{{ idle.parked }}"
  register: idle

- name: Show it
  ansible.builtin.debug:
    msg: "{{ [idle.decision.sentence] + idle.table.splitlines() }}"
"""

RETURN = r"""
decision:
  description:
    - What to do, as C(action) (V(wake), V(park), V(delete), V(mark) or V(none), the first that happens), C(mark), C(unmark), C(wake),
      C(park), C(delete), C(would_wake), C(would_park) and C(would_delete), each a list of C(cluster) and C(cluster_id), C(dry_run),
      C(cost_delta_h) when what would be deleted and parked is, and C(sentence).
  returned: success
  type: dict
  sample:
    action: mark
    mark:
      - cluster: test-ml
        cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
    unmark: []
    wake: []
    park: []
    delete: []
    would_wake: []
    would_park: []
    would_delete: []
    dry_run: true
    cost_delta_h: 0
    sentence: Mark test-ml; 1 clusters judged, 0 wait.
operations:
  description:
    - What carries the decision out, in order, each a task of M(kcloud.infrastructure.magnum_cluster), with C(action) (V(wake), V(park) or
      V(delete)), C(cluster), C(cluster_id), C(module) and C(args). Empty in a dry run.
    - C(args.expected_state) says for which state of the cluster this was decided. It is missing where O(fleet) does not give the ids of
      template and node groups.
  returned: success
  type: list
  elements: dict
  sample:
    - action: delete
      cluster: test-ml
      cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      module: kcloud.infrastructure.magnum_cluster
      args:
        name: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
        state: absent
        expected_state: sha256:7d1f0e6b2c3a4958b6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4
expected_states:
  description:
    - The clusters that change or would change, each with C(cluster), C(cluster_id) and the C(expected_state) for which this was decided.
  returned: success
  type: list
  elements: dict
  sample: []
state_digest:
  description: Digest of what is to be done and of the clusters that change, for O(expected_state). A dry run has the same.
  returned: success
  type: str
  sample: sha256:0d3c711be77bd84f38ec2c2e06b16b23bcb8a064e51e030fc9ea1ce3b2c9aebc
clusters:
  description:
    - Every cluster, with C(cluster), C(cluster_id), C(action) (V(none), V(mark), V(wait), V(unmark), V(delete), V(park), V(parked) or
      V(wake)), C(idle_hours), C(marked_at), C(saving_h), C(why) and C(why_not), the last as in M(kcloud.infrastructure.cluster_match).
    - Codes are V(CLUSTER_NOT_READY), V(CLUSTER_UNHEALTHY), V(HEALTH_UNKNOWN), V(CLUSTER_LOCKED), V(OWNER_UNKNOWN), V(NODE_PROTECTED),
      V(METRICS_MISSING), V(AUTOSCALED), V(RUN_LIMIT), V(SAVING_LOW), V(PLACEMENTS_UNKNOWN), V(HAS_WORKLOADS), V(BUSY), V(IDLE_TOO_SHORT),
      V(NO_WORKERS), V(PARKED_IN_PART), V(PERSISTENT), V(PROTECTED), V(EXEMPT), V(TOO_YOUNG), V(NOT_ALLOWED), V(WORKING_HOURS) and V(GRACE).
  returned: success
  type: list
  elements: dict
  sample: []
marks:
  description:
    - The marks for the next run's O(marks). A mark with C(expected_state) is void when the cluster has changed since. Any mark is void
      when the cluster was used since; C(clusters[].why) then holds V(MARK_VOID).
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: test-ml
      cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      marked_at: 1760000000
      expected_state: sha256:7d1f0e6b2c3a4958b6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4
parked:
  description:
    - The records of parked clusters for the next run's O(parked), with what their node groups had. Keep them before RV(operations) are
      carried out; without its record a parked cluster cannot be woken.
    - A record stays until its cluster is at rest, with all its nodes and lower bounds. Where only bounds are missing, O(wake) and
      O(wake_hours) restore them.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: test-web
      cluster_id: 0c4c1d4e-7f0b-4c58-8a31-63b1fbb0c2aa
      parked_at: 1760000000
      node_groups:
        - name: default-worker
          node_count: 3
          min_node_count: 1
          max_node_count: 5
policy:
  description:
    - The policy that was applied, as C(name), C(action), C(idle_below), C(idle_hours), C(grace_hours), C(min_age_hours), C(busy_hours),
      C(exceptions), and C(notifies), which says whether O(policy_document) asks for notifications.
  returned: success
  type: dict
  sample:
    name: default
    action: delete
    idle_below: 0.1
    idle_hours: 2
    grace_hours: 1
    min_age_hours: 2
    busy_hours: [8, 18]
    exceptions: []
    notifies: false
notices:
  description:
    - Whom to inform of what, each with C(step) (V(mark), V(wake), V(park) or V(delete)), C(cluster), C(cluster_id), C(message), and
      C(target) and C(channels) as O(policy_document) has them.
  returned: success
  type: list
  elements: dict
  sample:
    - step: mark
      cluster: test-ml
      cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      target: operations-team
      channels: []
      message: "Idle cluster detected: test-ml"
records:
  description: What is done to clusters and why, with the measurements behind it. It is written to a log that outlives the clusters.
  returned: success
  type: list
  elements: dict
  sample:
    - time: "2026-01-31T20:10:00+00:00"
      action: mark
      cluster: test-ml
      cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      project_id: 3f0d5c1ab6c94f0c8a5b7d1e2f3a4b5c
      policy: default
      why: [IDLE]
      why_not: []
      idle_hours: 2.5
      marked_at:
      saving_h: 481.28
      utilization:
        measurements: 16
        highest: 0.02
        sources: [site-a]
      node_groups:
        - name: default-worker
          node_count: 3
          min_node_count: 0
certificate:
  description: What is kept per hour (C(objective)), and what would be kept if all that is idle went at once (C(lower_bound)).
  returned: success
  type: dict
  sample:
    objective: 30.24
    lower_bound: 25.2
    gap: 0.2
    method: every cluster judged
    proven: false
    level: cluster
    seconds: 0.001
assumptions:
  description: What had to be taken for granted, in words.
  returned: success
  type: list
  elements: str
  sample:
    - the workloads named in placements are all there are
inputs_digest:
  description: Digest of all inputs as they were understood. Equal digests, equal answers.
  returned: success
  type: str
  sample: sha256:b2c9aebc0d3c711be77bd84f38ec2c2e06b16b23bcb8a064e51e030fc9ea1ce3
plan_diff:
  description: The clusters and their marks, C(before) and C(after), to be read.
  returned: success
  type: dict
  sample:
    before: "test-ml\n"
    after: "test-ml: marked\n"
table:
  description: All clusters as text with columns of fixed width.
  returned: success
  type: str
  sample: |
    cluster                          action   idle h   saves/h    why, or why not
    test-ml                          mark     4.8      481.280    IDLE
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: INVALID_REQUEST
    resource: busy_hours
    reason:
    hint: Give 'busy_hours' as two hours of a day, the first before the last, such as [8, 18], or leave it out
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.clock import hour_of_day
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet_reader import (
    STANDING_ARGUMENT_SPEC,
    named_nodes,
    of_clusters,
    standing_fleet,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import check_form
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import ENDS, POLICIES, clean_up
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_answer import (
    answer,
    check_clock,
    diff,
    read_idle,
    read_marks,
    read_rules,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import check_plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.fleet import (
    OPTION,
    idle_window,
    look,
    read_telemetry,
)

# What a decision depends on beside the fleet and the clock
QUESTION = ("observations", "marks", "parked", "placements", "flavor_map", "prices")
SPEC: dict[str, dict[str, Any]] = {
    **STANDING_ARGUMENT_SPEC,
    **OPTION,
    "policy": {"type": "str", "choices": list(POLICIES), "default": "default"},
    "policy_document": {"type": "dict"},
    "idle_action": {"type": "str", "choices": list(ENDS)},
    "protected": {"type": "list", "elements": "str", "default": []},
    "parked": {"type": "list", "elements": "dict"},
    "parked_hours": {"type": "float"},
    "wake": {"type": "list", "elements": "str", "default": []},
    "wake_hours": {"type": "list", "elements": "int"},
    "idle_below": {"type": "float"},
    "idle_hours": {"type": "float"},
    "grace_hours": {"type": "float"},
    "min_age_hours": {"type": "float"},
    "max_gap_hours": {"type": "float"},
    "busy_hours": {"type": "list", "elements": "int"},
    "max_deletions": {"type": "int", "default": 1},
    "allow_projects": {"type": "list", "elements": "str", "default": []},
    "allow_prefixes": {"type": "list", "elements": "str", "default": []},
    "dry_run": {"type": "bool", "default": True},
    "observations": {"type": "list", "elements": "dict"},
    "marks": {"type": "list", "elements": "dict"},
    "now": {"type": "int"},
    "local_hour": {"type": "int"},
    "timezone": {"type": "str"},
    "expected_state": {"type": "str"},
}


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], None]) -> dict[str, Any]:
    question = {name: params[name] for name in QUESTION}
    check_form(params["expected_state"])
    check_clock(params["now"], params["local_hour"])
    rules = read_rules(params)
    now = int(time.time()) if params["now"] is None else params["now"]
    hour = params["local_hour"]
    hour = hour_of_day(now, params["timezone"] or rules.timezone) if hour is None else hour
    marked = [at for at, _state in read_marks(params["marks"], "marks").values()]
    telemetry = read_telemetry(
        params,
        os.environ,
        hide,
        lambda given: idle_window(given, now, rules.idle_s, rules.grace_s, rules.gap_s, marked),
    )
    sources = telemetry.source.names if telemetry and params["observations"] is None else ()
    clock = {"now": now, "hour": hour, "rules": rules, "sources": sources}
    if params["fleet"] is None:
        # What is wrong with the options is said before any cloud is asked.
        read_idle({}, **clock, **question)
    # The bounds of what is parked now, or may be, and the addresses of what placements name
    ends = [*(params["parked"] or ()), *((params["marks"] or ()) if rules.action == "park" else ())]
    matters = of_clusters({str(entry.get("cluster_id")) for entry in ends}, named_nodes(params["placements"] or ()))
    fleet = standing_fleet(params, matters, look(params, telemetry))
    asked = read_idle(fleet, **clock, **question)
    started = time.monotonic()
    decision = clean_up(asked)
    found = answer(decision)
    check_plan(params["expected_state"], found["state_digest"])
    found["certificate"]["seconds"] = round(time.monotonic() - started, 3)
    return {"changed": False, **found, "plan_diff": diff(decision)}


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=(), hides=True)


if __name__ == "__main__":
    main()
