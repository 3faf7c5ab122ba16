# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy documents: three dialects, one set of rules; and nothing is dropped in silence."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.exemptions import Comparison, Exemption
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_policy import (
    Notice,
    Policy,
    percent,
    read_policy,
    rendered,
    seconds,
)

SNAKE = yaml.safe_load("""
apiVersion: policy.kcloud.io/v1
kind: AutomationRule
metadata: {name: idle, priority: 50}
spec:
  conditions:
    - cluster.utilization < 10
    - cluster.idle_duration > 2h
    - cluster.workload_count == 0
  actions:
    - {type: notify, target: operations-team, message: "Idle cluster detected: {{cluster.name}}"}
    - {type: mark_for_deletion, grace_period: 1h}
    - {type: delete_cluster, confirm_with: cost_analysis}
  exceptions:
    - cluster.labels.persistent == "true"
    - time.hour >= 8 AND time.hour <= 18
    - rescheduling=forbidden
""")
NAMED = yaml.safe_load("""
apiVersion: policy.kcloud-opt.io/v1
kind: AutomationRule
metadata: {name: idle, namespace: default, labels: {policy-type: automation}, annotations: {created-by: x}}
spec:
  type: automation
  status: active
  priority: 200
  triggers: [{type: time-based, schedule: "*/5 * * * *"}]
  conditions:
    - {name: low, expression: "cluster.utilization < 10%", description: hardly used}
    - {name: long, expression: "cluster.idle_duration >= 2h AND cluster.workload_count == 0"}
  actions:
    - {name: tell, type: notification, conditions: [low], parameters: {channels: [slack, email], message: "Idle: {{.cluster.name}}"}}
    - {name: mark, type: mark-for-deletion, conditions: [low, long], parameters: {grace_period: 1h}}
    - {name: end, type: park-cluster, conditions: [low, long]}
  exceptions:
    - {condition: "cluster.labels['persistent'] == 'true'", reason: kept}
    - {condition: 08-18 h}
  execution: {mode: automatic}
""")
CAMEL = yaml.safe_load("""
apiVersion: policy.kcloud-opt.io/v1
kind: AutomationRule
status: active
metadata: {name: idle, creationTimestamp: 2026-01-01, lastModified: 2026-01-02, version: "1"}
spec:
  priority: 100
  conditions:
    - {field: cluster.utilization, operator: "<", value: 10, duration: 2h}
    - {field: cluster.workloadCount, operator: eq, value: 0}
    - {field: cluster.age, operator: gte, value: 1d}
  actions:
    - {type: notify, target: team, message: "Idle: {{cluster.name}}"}
    - {type: markForDeletion, gracePeriod: 90m}
    - {type: delete_cluster, confirmWith: cost_analysis}
  exceptions:
    - {condition: "cluster.labels.persistent == true", reason: kept}
    - {condition: "workload.annotations['sched.ai/rescheduling'] == 'forbidden'"}
  schedule: {interval: 5m, timezone: Asia/Seoul}
""")
PERSISTENT = Comparison("persistent", "==", "true")
OFFICE = Exemption((Comparison("", ">=", 8), Comparison("", "<=", 18)))


def test_snake_case() -> None:
    assert read_policy(SNAKE) == Policy(
        name="idle",
        below=100,
        idle_s=7200,
        grace_s=3600,
        exemptions=(Exemption((PERSISTENT,)), OFFICE, Exemption((Comparison("rescheduling", "==", "forbidden"),))),
        notices=(Notice("operations-team", "Idle cluster detected: {{cluster.name}}"),),
        needs_saving=True,
    )


def test_named_conditions() -> None:
    found = read_policy(NAMED)
    assert (found.below, found.idle_s, found.grace_s, found.action) == (100, 7200, 3600, "park")
    assert found.notices == (Notice("", "Idle: {{.cluster.name}}", ("slack", "email")),)
    assert found.exemptions == (
        Exemption((PERSISTENT,), "kept"),
        Exemption((Comparison("", ">=", 8), Comparison("", "<", 18))),
    )
    assert found.schedule == ("cron */5 * * * *",)
    assert found.notes == ("spec.actions[0]: people are informed when all conditions of the mark hold",)


def test_camel_case() -> None:
    found = read_policy(CAMEL)
    assert (found.below, found.idle_s, found.min_age_s, found.grace_s) == (100, 7200, 86400, 5400)
    assert (found.timezone, found.schedule, found.needs_saving) == ("Asia/Seoul", ("interval 5m",), True)
    assert found.exemptions == (Exemption((PERSISTENT,), "kept"),)
    assert "a cluster with any workload is left alone" in found.notes[0]


@pytest.mark.parametrize(
    "written", ["workload.count > 0", "workload.count >= 1 AND keep=true", "workload.type == 'batch'"]
)
def test_an_exception_that_needs_a_workload_is_covered_by_the_rule_about_workloads(written: str) -> None:
    document = copy.deepcopy(SNAKE)
    document["spec"]["exceptions"] = [written]
    found = read_policy(document)
    assert found.exemptions == () and "a cluster with any workload is left alone" in found.notes[0]


def test_of_two_conditions_the_one_that_spares_more_counts() -> None:
    document = copy.deepcopy(SNAKE)
    document["spec"]["conditions"] += ["cluster.utilization <= 5", "cluster.idle_duration >= 30m"]
    found = read_policy(document)
    assert (found.below, found.idle_s) == (51, 7200)


@pytest.mark.parametrize(
    ("part", "value", "named"),
    [
        ("conditions", ["cluster.power > 100W"], "cluster.power > 100W"),
        ("conditions", ["cluster.utilization > 10"], "cluster.utilization > 10"),
        ("conditions", ["cluster.utilization < 110"], "cluster.utilization < 110"),
        ("conditions", ["cluster.idle_duration > 2"], "cluster.idle_duration > 2"),
        ("conditions", ["cluster.utilization < 10 OR cluster.age > 2h"], "alternative"),
        ("conditions", [{"field": "cluster.age", "operator": ">", "value": "2h", "duration": "1h"}], "duration"),
        ("conditions", [{"type": "threshold", "value": 3}], "neither a text"),
        ("conditions", [7], "neither a text"),
        ("exceptions", ["cluster.price > 5"], "cluster.price > 5"),
        ("exceptions", ["cluster.name == 'a'"], "cluster.name == 'a'"),
        ("exceptions", ["(time.hour >= 8)"], "(time.hour >= 8)"),
        ("exceptions", ["time.hour >= \u00b2"], "time.hour >= \u00b2"),
        # These spare a kept cluster that holds no workload, which no rule about workloads does
        ("exceptions", ['workload.count == 0 AND cluster.labels.keep == "true"'], "workload.count == 0"),
        ("exceptions", ["workload.count < 3 AND keep=true"], "workload.count < 3"),
        ("exceptions", ["workload.count >= 0"], "workload.count >= 0"),
        ("exceptions", ["workload.type != 'batch' AND keep=true"], "workload.type != 'batch'"),
        ("exceptions", ["workload.active == false"], "workload.active == false"),
        ("exceptions", [{"reason": "x"}], "not a condition"),
        ("exceptions", [{"condition": "persistent=true", "until": "2027"}], "exceptions[0].until"),
        ("actions", [{"type": "delete_cluster"}, {"type": "scale-workload"}], "scale-workload"),
        ("actions", [{"type": "delete_cluster", "confirm_with": "manager"}], "manager"),
        ("actions", [{"type": "delete_cluster", "force": True}], "actions[0].force"),
        ("actions", [{"type": "delete_cluster", "parameters": {"force": True}}], "parameters.force"),
        ("actions", [{"type": "mark", "grace_period": "soon"}, {"type": "delete_cluster"}], "'soon'"),
        ("actions", [{"type": "notify"}], "one of delete_cluster and park_cluster"),
        ("actions", [{"type": "delete_cluster"}, {"type": "park"}], "one of delete_cluster and park_cluster"),
        ("actions", [{"type": "notify", "message": "{{cluster.owner}}"}, {"type": "delete"}], "cluster.owner"),
        ("actions", [{"type": "delete", "conditions": ["unheard"]}], "unheard"),
        ("triggers", [{"type": "event-based", "events": ["x"]}], "event-based"),
        ("execution", {"mode": "manual"}, "manual"),
        ("execution", {"retry_count": 3}, "spec.execution.retry_count"),
        ("monitoring", {"enabled": True}, "spec.monitoring"),
        ("target", {"namespaces": ["a"]}, "spec.target.namespaces"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(part: str, value: Any, named: str) -> None:
    document = copy.deepcopy(SNAKE)
    document["spec"][part] = value
    with pytest.raises(InvalidRequest) as error:
        read_policy(document)
    assert named in error.value.message and error.value.resource == "policy_document"


def test_all_of_it_is_refused_at_once() -> None:
    document = copy.deepcopy(SNAKE)
    document["spec"].update({"monitoring": {}, "evaluation": {}})
    with pytest.raises(InvalidRequest, match=r"spec.monitoring .*; spec.evaluation "):
        read_policy(document)


def test_a_condition_that_no_action_waits_for_is_refused() -> None:
    document = copy.deepcopy(NAMED)
    document["spec"]["conditions"].append({"name": "other", "expression": "cluster.age > 2d"})
    with pytest.raises(InvalidRequest, match="'other'"):
        read_policy(document)


@pytest.mark.parametrize(
    ("change", "resource"),
    [
        ({"kind": "CostOptimizationPolicy"}, "policy_document.kind"),
        ({"apiVersion": "v1"}, "policy_document.apiVersion"),
        ({"status": "draft"}, "policy_document.status"),
        ({"spec": []}, "policy_document.spec"),
        ({"spec": {"enabled": False}}, "policy_document.spec.enabled"),
        ({"metadata": {"status": "archived"}}, "policy_document.metadata.status"),
    ],
)
def test_other_documents_are_refused(change: dict[str, Any], resource: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_policy({**SNAKE, **change})
    assert error.value.resource == resource


def test_labels_that_the_policy_aims_at() -> None:
    document = copy.deepcopy(CAMEL)
    document["spec"]["target"] = {"labelSelectors": {"matchLabels": {"autoScale": "True"}}}
    assert read_policy(document).labels == (("autoScale", "true"),)


@pytest.mark.parametrize(
    ("labels", "hour", "holds"),
    [
        ({"tier": "Gold"}, 12, True),
        ({"tier": "gold"}, 20, False),
        ({"tier": "silver"}, 12, False),
        ({}, 12, False),
        ({"team/tier": "gold"}, 8, True),
    ],
)
def test_an_exception_holds_where_all_of_it_does(labels: dict[str, str], hour: int, holds: bool) -> None:
    document = copy.deepcopy(SNAKE)
    document["spec"]["exceptions"] = ["cluster.labels.tier == 'gold' AND time.hour >= 8 AND time.hour < 18"]
    (exemption,) = read_policy(document).exemptions
    assert exemption.of_hours
    assert exemption.holds(tuple(labels.items()), hour) is holds


def test_a_label_that_differs() -> None:
    document = copy.deepcopy(SNAKE)
    document["spec"]["exceptions"] = ['cluster.labels["stage"] != "test" OR keep=yes']
    stage, keep = read_policy(document).exemptions
    assert [stage.holds(labels, 0) for labels in ((), (("stage", "test"),), (("stage", "live"),))] == [
        True,
        False,
        True,
    ]
    assert keep.holds((("keep", "yes"),), 0)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("2h", 7200),
        ("1h30m", 5400),
        ("90s", 90),
        ("1.5d", 129600),
        (7200, None),
        ("", None),
        ("2 h", None),
        (None, None),
    ],
)
def test_durations(written: Any, found: int | None) -> None:
    assert seconds(written) == found


@pytest.mark.parametrize(
    ("written", "found"),
    [(10, 100), ("10%", 100), (0.5, 5), ("12.34", 123), (101, None), (-1, None), (True, None), ([], None)],
)
def test_shares(written: Any, found: int | None) -> None:
    assert percent(written) == found


def test_messages_are_filled_in() -> None:
    values = {"name": "ml", "id": "u", "project": "p", "idle_hours": "2.0", "saving_h": "3"}
    assert rendered("{{cluster.name}} {{ .cluster.idleHours }} {{.Cluster.Name}}", values) == "ml 2.0 ml"
