# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that an engine once answered wrongly, each with what is right."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import batch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_answer import answer as batch_answer
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    MISSION,
    Plain,
    answered,
    candidate,
    cluster,
    codes,
    group,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.test_batch import asked

GPU_NODE = group("gpu.a100.xlarge", 1, 9)


def many(wanted: list[Plain], *clusters: Plain, **more: Any) -> Plain:
    return batch_answer(batch.plan(asked(wanted, *clusters, **more)))


def of(found: Plain, name: str) -> Plain:
    return next(entry for entry in found["decisions"] if entry["workload"] == name)


# --- nobody says who stands where


def test_running_nodes_of_which_nothing_is_known_are_busy() -> None:
    found = answered(MISSION, cluster("ml", GPU_NODE), placements=None)
    assert (found["decision"]["action"], found["decision"]["node_count_after"]) == ("scale_out", 2)
    entry = candidate(found, "use ml/default-worker")
    assert codes(entry) == ["OCCUPANTS_UNKNOWN"]
    assert "assume_empty: true" in entry["why_not"][0]["fix"]["sentence"]
    assert any("placements are not given" in said for said in found["assumptions"])
    full = answered(MISSION, cluster("ml", group("gpu.a100.xlarge", 1, 1)), placements=None)
    assert full["decision"]["action"] == "create"


def test_running_nodes_are_used_where_that_is_asked_for_or_the_placements_are_known() -> None:
    for options in ({"placements": None, "assume_empty": True}, {"placements": []}):
        found = answered(MISSION, cluster("ml", GPU_NODE), **options)
        assert found["decision"]["action"] == "use"
        assert any("assume_empty" in said for said in found["assumptions"]) == ("assume_empty" in options)
    says = {"free": {"cpu_m": 48_000, "mem_mib": 262_144}, "devices": [1000] * 4}
    measured = cluster("ml", group("gpu.a100.xlarge", 1, 9, nodes=[says]))
    assert answered(MISSION, measured, placements=None)["decision"]["action"] == "use"


def test_the_cluster_that_was_made_for_a_workload_is_found_again() -> None:
    made = answered(MISSION, placements=None)["new_cluster"]
    there = cluster("ml", GPU_NODE, labels=made["labels"])
    again = answered(MISSION, there, placements=None)
    assert (again["decision"]["action"], again["decision"]["cluster"]) == ("use", "ml")
    assert "STANDING_PLACEMENT" in again["ranking"][0]["why"]
    on_its_way = answered(MISSION, {**there, "status": "CREATE_IN_PROGRESS"}, placements=None)
    assert [entry["name"] for entry in on_its_way["coming"]] == ["ml"]
    other = answered({**MISSION, "name": "training-2"}, there, placements=None)
    assert other["decision"]["action"] == "scale_out"
    more = answered({**MISSION, "replicas": 3, "power_budget": 9000}, there, placements=None)
    assert (more["decision"]["action"], more["decision"]["node_count_after"]) == ("scale_out", 3)


def test_the_clusters_that_were_made_for_many_workloads_are_found_again() -> None:
    wanted = [{"name": f"w{number}", "gpu_count": 4, "cpu_cores": 8} for number in range(3)]
    first = many(wanted, placements=None)
    made = [
        cluster(f"made-{number}", *_made_groups(action), type=action["cluster_type"], labels=action["labels"])
        for number, action in enumerate(first["actions"])
    ]
    again = many(wanted, *made, placements=None)
    assert {entry["action"] for entry in first["actions"]} == {"create"}
    assert again["actions"] == [] and all(entry["stays"] for entry in again["decisions"])


def _made_groups(action: Plain) -> list[Plain]:
    return [
        group(entry["flavor"], entry["node_count_after"], entry["max_node_count"], name=entry["name"])
        for entry in action["node_groups"]
    ]


@pytest.mark.parametrize("current", [{"cluster": "ml"}, {"cluster": "ml", "node_group": "default-worker"}])
def test_a_workload_that_says_where_it_stands_stays_there(current: Plain) -> None:
    found = answered({**MISSION, "current_placement": current}, cluster("ml", GPU_NODE), placements=None)
    assert found["decision"]["action"] == "use"
