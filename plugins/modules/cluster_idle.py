#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_idle
short_description: Find clusters that are not used, and decide which may be cleaned up
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Judges every cluster in two steps. A cluster that was idle long enough is marked, so that its owner can be informed. When its grace
    is over and it is still idle, it may be deleted.
  - Decides only; nothing is changed, marked or deleted. Marks go in and out as data; pass RV(marks) of one run to the next as O(marks).
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
    type: str
    choices: [default, conservative]
    default: default
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
    description: Most clusters to delete in one run, those that cost most first.
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
    description: Whether C(decision.delete) stays empty. What would be deleted is in C(decision.would_delete) in any case.
    type: bool
    default: true
  observations:
    description:
      - Measured utilisation of clusters over time, each as C(cluster) (name or id), C(at) (seconds since 1970, or such as
        C(2026-01-31T08:00:00+00:00)) and C(utilization) from 0 to 1; none where the measurement failed.
    type: list
    elements: dict
  marks:
    description: RV(marks) of the run before.
    type: list
    elements: dict
  now:
    description: The time, in seconds since 1970. Not given, the clock of the host that runs this task.
    type: int
  local_hour:
    description: The hour of the local day, 0 to 23. Not given, that of O(now) in the time zone of the host that runs this task.
    type: int
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

- name: Show it
  ansible.builtin.debug:
    msg: "{{ [idle.decision.sentence] + idle.table.splitlines() }}"
"""

RETURN = r"""
decision:
  description:
    - What to do, as C(action) (V(delete), V(mark) or V(none)), C(mark), C(unmark), C(delete) and C(would_delete), each a list of
      C(cluster) and C(cluster_id), C(dry_run), C(cost_delta_h) when C(would_delete) is carried out, and C(sentence).
  returned: success
  type: dict
  sample:
    action: mark
    mark:
      - cluster: test-ml
        cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
    unmark: []
    delete: []
    would_delete: []
    dry_run: true
    cost_delta_h: 0
    sentence: Mark test-ml; 1 clusters judged, 0 wait.
clusters:
  description:
    - Every cluster, with C(cluster), C(cluster_id), C(action) (V(none), V(mark), V(wait), V(unmark) or V(delete)), C(idle_hours),
      C(marked_at), C(saving_h), C(why) and C(why_not), the last as in M(kcloud.infrastructure.cluster_match).
    - Codes are V(CLUSTER_NOT_READY), V(CLUSTER_UNHEALTHY), V(HEALTH_UNKNOWN), V(CLUSTER_LOCKED), V(OWNER_UNKNOWN), V(NODE_PROTECTED),
      V(METRICS_MISSING), V(RUN_LIMIT), V(PLACEMENTS_UNKNOWN), V(HAS_WORKLOADS), V(BUSY), V(IDLE_TOO_SHORT), V(PERSISTENT), V(TOO_YOUNG),
      V(NOT_ALLOWED), V(WORKING_HOURS) and V(GRACE).
  returned: success
  type: list
  elements: dict
  sample: []
marks:
  description: The marks for the next run's O(marks).
  returned: success
  type: list
  elements: dict
  sample:
    - cluster_id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      marked_at: 1760000000
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

from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet_reader import (
    STANDING_ARGUMENT_SPEC,
    named_nodes,
    standing_fleet,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import POLICIES, clean_up
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_answer import (
    answer,
    diff,
    read_idle,
    read_rules,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.fleet import (
    OPTION,
    idle_window,
    look,
    read_telemetry,
)

# What a decision depends on beside the fleet and the clock
QUESTION = ("observations", "marks", "placements", "flavor_map", "prices")
SPEC: dict[str, dict[str, Any]] = {
    **STANDING_ARGUMENT_SPEC,
    **OPTION,
    "policy": {"type": "str", "choices": list(POLICIES), "default": "default"},
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
}


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], None]) -> dict[str, Any]:
    question = {name: params[name] for name in QUESTION}
    now = int(time.time()) if params["now"] is None else params["now"]
    hour = time.localtime(now).tm_hour if params["local_hour"] is None else params["local_hour"]
    rules = read_rules(params)
    clock = {"now": now, "hour": hour, "rules": rules}
    telemetry = read_telemetry(
        params, os.environ, hide, lambda given: idle_window(given, now, rules.idle_s, rules.grace_s, rules.gap_s)
    )
    if params["fleet"] is None:
        # What is wrong with the options is said before any cloud is asked.
        read_idle({}, **clock, **question)
    fleet = standing_fleet(params, named_nodes(params["placements"] or ()), look(params, telemetry))
    asked = read_idle(fleet, **clock, **question)
    started = time.monotonic()
    decision = clean_up(asked)
    found = answer(decision)
    found["certificate"]["seconds"] = round(time.monotonic() - started, 3)
    return {"changed": False, **found, "plan_diff": diff(decision)}


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=(), hides=True)


if __name__ == "__main__":
    main()
