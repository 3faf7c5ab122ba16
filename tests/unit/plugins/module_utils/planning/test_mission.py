# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The asker's own example, step by step, against the devcloud's flavors."""

from __future__ import annotations

import json

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import answer
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    MISSION,
    answered,
    candidate,
    cluster,
    codes,
    decide,
    group,
)

OTHER = {"workload": "training-0", "cluster": "ml", "node_group": "default-worker"}
OTHER_SIZE = {"gpu_count": 3, "cpu_cores": 12, "memory_gb": 48}

BUDGET = "WITHIN_POWER_BUDGET"
BEST = f"CHEAPEST, LEAST_FRAGMENTATION, LEAST_POWER, {BUDGET}"
TABLE_OF_AN_EMPTY_FLEET = f"""\
#   action    cluster                          node group       flavor             nodes    cost/h     power W   why, or why not
1   create    new gpu-intensive                gpu              gpu.a100.xlarge    0>1      486.320    1841.3    NEW_CLUSTER, PREFERRED_TYPE, {BEST}
2   create    new hybrid-balanced              gpu              gpu.a100.xlarge    0>1      518.520    1878.6    NEW_CLUSTER, LEAST_FRAGMENTATION, {BUDGET}
-   create    new gpu-intensive                gpu              gpu.a100.large     0>1      -          -         no: DEVICE_COUNT_PER_NODE, CPU_SHORT, MEM_SHORT
... and 9 more candidates
"""


def test_an_empty_fleet_gets_a_new_cluster_of_the_right_type() -> None:
    found = answered()
    decision = found["decision"]
    assert decision["action"] == "create"
    assert decision["target"] == "new gpu-intensive cluster"
    assert (decision["cluster_type"], decision["flavor"]) == ("gpu-intensive", "gpu.a100.xlarge")
    assert (decision["node_count_before"], decision["node_count_after"]) == (0, 1)
    assert (decision["cluster"], decision["cluster_id"], decision["template"]) == (None, None, None)
    assert decision["sentence"] == (
        "Create a gpu-intensive cluster with 1 x gpu.a100.xlarge in node group gpu; "
        "it costs 486.32 more per hour and draws 1841.328 W more."
    )
    assert found["new_cluster"] == {
        "cluster_type": "gpu-intensive",
        "template": None,
        "master_flavor": "cpu.medium",
        "master_count": 1,
        "node_groups": [
            {
                "name": "gpu",
                "flavor": "gpu.a100.xlarge",
                "node_count": 1,
                "min_node_count": 1,
                "max_node_count": 8,
            }
        ],
        "labels": {"kcloud_workload": "training-1-af38aa0a-x1"},
        "cost_delta_h": 486.32,
        "power_delta_w": 1841.328,
    }
    assert found["certificate"] == {
        "objective": 486.32,
        "lower_bound": 486.32,
        "gap": 0,
        "method": "every candidate judged",
        "proven": True,
        "level": "node",
        "terms": ["cost", "disruption", "health", "power", "utilisation", "type", "latency", "headroom", "spread"],
    }


def test_the_table_is_readable_and_fixed() -> None:
    found = answer(decide(), max_candidates=3)
    assert found["table"] == TABLE_OF_AN_EMPTY_FLEET
    assert (len(found["ranking"]), found["candidates"]) == (3, 12)


def test_a_cluster_with_room_is_used() -> None:
    found = answered(MISSION, cluster("ml"))
    decision = found["decision"]
    assert decision["action"] == "use"
    assert (decision["target"], decision["cluster_id"]) == ("ml/default-worker", "uuid-ml")
    assert (decision["node_count_before"], decision["node_count_after"]) == (1, 1)
    assert decision["cost_delta_h"] == 0
    assert found["new_cluster"]["cluster_type"] == "gpu-intensive"
    assert found["counterfactual"]["candidate"] == "scale ml/default-worker"
    assert found["counterfactual"]["costs_more_h"] == 481.28
    assert (found["certificate"]["proven"], found["certificate"]["level"]) == (False, "aggregate")


def test_a_full_cluster_is_scaled_out() -> None:
    found = answered(MISSION, cluster("ml"), placements=[{**OTHER, **OTHER_SIZE}])
    decision = found["decision"]
    assert (decision["action"], decision["target"]) == ("scale_out", "ml/default-worker")
    assert (decision["node_count_before"], decision["node_count_after"]) == (1, 2)
    refused = candidate(found, "use ml/default-worker")
    assert refused["why_not"] == [
        {
            "code": "DEVICE_COUNT_PER_NODE",
            "need": 4,
            "have": 1,
            "short_by": 3,
            "unit": "devices",
            "fix": {
                "change": "scale_group",
                "node_group": "default-worker",
                "node_count": 2,
                "sentence": "scale node group default-worker from 1 to 2 nodes",
            },
        }
    ]


def test_a_group_at_its_maximum_leads_to_a_new_cluster() -> None:
    found = answered(MISSION, cluster("ml", group(most=1)), placements=[{**OTHER, **OTHER_SIZE}])
    assert found["decision"]["action"] == "create"
    assert codes(candidate(found, "scale ml/default-worker")) == ["GROUP_MAX"]


def test_without_a_way_the_answer_says_what_comes_closest() -> None:
    found = answered({**MISSION, "power_budget": 1000}, cluster("ml"))
    assert found["decision"]["action"] == "none"
    assert found["new_cluster"] is None
    assert found["counterfactual"] is None
    assert found["decision"]["sentence"].endswith(
        "Closest: use ml/default-worker (POWER_BUDGET). Fix: raise power_budget to 1449 W."
    )


def test_the_answer_is_plain_data() -> None:
    found = answered(MISSION, cluster("ml"))
    assert json.loads(json.dumps(found)) == found


def test_a_cluster_on_its_way_is_named_as_what_to_wait_for() -> None:
    begun = cluster("ml", group(status="CREATE_IN_PROGRESS"), status="CREATE_IN_PROGRESS")
    found = answered(MISSION, begun)
    assert found["decision"]["action"] == "create"
    assert [entry["name"] for entry in found["coming"]] == ["ml"]


def test_only_what_would_do_is_waited_for() -> None:
    too_small = cluster("small", group("gpu.a100.large", status="CREATE_IN_PROGRESS"), status="CREATE_IN_PROGRESS")
    failed = cluster("failed", group(), status="CREATE_FAILED")
    ready = cluster("ready", group())
    assert answered(MISSION, too_small, failed, ready)["coming"] == []
