# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that are parked and woken; what a clean-up does, whom it informs, and what it writes down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.exemptions import Comparison, Exemption
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import POLICIES, Rules, clean_up
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_answer import (
    answer,
    diff,
    documented,
    read_idle,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_policy import Notice, Policy
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import check_plan
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.standing import (
    Plain,
    farm,
    fleet,
    pool,
    stands,
)

NOW = 10_000_000
RULES = replace(POLICIES["default"], prefixes=("a", "b"), action="park", dry_run=False)
OLD: Plain = {"created_at": "1970-01-02T03:04:05+00:00", "cluster_template_id": "t1"}
MARK = [{"cluster_id": "uuid-a", "marked_at": NOW - 3600}]
RECORD = {
    "cluster": "a",
    "cluster_id": "uuid-a",
    "parked_at": NOW - 7200,
    "node_groups": [
        {"name": "default-worker", "node_count": 3, "min_node_count": 2, "max_node_count": 10},
        {"name": "gpu", "node_count": 1, "min_node_count": 0},
    ],
}


def groups(workers: int = 3, gpus: int = 1, least: int = 2) -> list[Plain]:
    return [
        pool(workers, id="g1", min_node_count=least),
        pool(gpus, name="gpu", id="g2", most=None, min_node_count=0),
    ]


def ask(
    clusters: list[Plain] | None = None,
    rules: Rules = RULES,
    hour: int = 20,
    now: int = NOW,
    given: Plain | None = None,
    **options: Any,
) -> Any:
    quiet = [{"cluster": "a", "at": now - second, "utilization": 0.05} for second in range(0, 3 * 3600 + 1, 600)]
    return clean_up(
        read_idle(
            given or fleet(*(clusters or [farm("a", *groups(), **OLD)])),
            now=now,
            hour=hour,
            rules=rules,
            observations=quiet,
            **{"placements": [], **options},
        )
    )


def look(*args: Any, **options: Any) -> Plain:
    return answer(ask(*args, **options))


def codes(found: Plain) -> list[str]:
    return [violation["code"] for violation in found["clusters"][0]["why_not"]]


def test_it_is_parked_after_its_grace_with_a_record_of_what_it_had() -> None:
    found = look(marks=MARK)
    (operation,) = found["operations"]
    assert operation["action"] == "park"
    assert operation["args"]["name"] == "uuid-a"
    assert operation["args"]["node_groups"] == [
        {"name": "default-worker", "node_count": 0, "min_node_count": 0},
        {"name": "gpu", "node_count": 0, "min_node_count": 0},
    ]
    assert operation["args"]["expected_state"] == found["expected_states"][0]["expected_state"]
    assert found["parked"] == [{**RECORD, "parked_at": NOW}]
    assert found["decision"]["park"] == found["decision"]["would_park"] == [{"cluster": "a", "cluster_id": "uuid-a"}]
    assert found["decision"]["action"] == "park" and found["decision"]["delete"] == []
    # Parking may fail: then the next run finds it marked
    assert [mark["cluster_id"] for mark in found["marks"]] == ["uuid-a"]


def test_parking_keeps_the_control_plane_and_saves_less() -> None:
    prices = {"flavors": {"cpu.medium": 2}}
    kept = look(marks=MARK, prices=prices)["decision"]["cost_delta_h"]
    gone = look(marks=MARK, prices=prices, rules=replace(RULES, action="delete"))["decision"]["cost_delta_h"]
    assert (kept, gone) == (-8, -10)


def test_a_dry_run_parks_nothing_and_keeps_no_record() -> None:
    found = look(marks=MARK, rules=replace(RULES, dry_run=True))
    assert found["operations"] == [] and found["parked"] == []
    assert found["decision"]["park"] == [] and found["decision"]["would_park"]
    assert found["state_digest"] == look(marks=MARK)["state_digest"]
    assert found["decision"]["sentence"].startswith("Would park a;")


def test_a_parked_cluster_stays_so_and_is_never_idle() -> None:
    found = look(
        [farm("a", *groups(0, 0, 0), **OLD)], rules=replace(RULES, action="delete"), parked=[RECORD], marks=MARK
    )
    assert found["clusters"][0]["action"] == "parked" and found["clusters"][0]["why"] == ["PARKED"]
    assert found["operations"] == [] and found["marks"] == [] and found["parked"] == [RECORD]


def test_without_its_record_an_empty_cluster_is_not_taken_for_a_parked_one() -> None:
    found = look([farm("a", *groups(0, 0, 0), **OLD)], marks=MARK)
    assert codes(found) == ["NO_WORKERS"] and found["operations"] == []


def test_an_empty_cluster_without_its_record_cannot_wake_and_says_so() -> None:
    rules = replace(RULES, wake=("a",))
    said = (
        "a is named in 'wake', but has no nodes and no record in 'parked': give its node groups a 'node_count' yourself"
    )
    found = look([farm("a", *groups(0, 0, 0), **OLD)], rules=rules)
    assert said in found["assumptions"] and found["operations"] == []
    assert said not in look(rules=rules)["assumptions"]
    assert said not in look([farm("a", *groups(0, 0, 0), **OLD)], rules=rules, parked=[RECORD])["assumptions"]


@pytest.mark.parametrize(
    ("rules", "hour", "why"),
    [
        (replace(RULES, wake=("uuid-a",)), 20, ["WAKE_DEMANDED"]),
        (replace(RULES, wake=("a*",)), 20, ["WAKE_DEMANDED"]),
        (replace(RULES, wake_hours=(7, 19)), 7, ["WAKE_HOURS"]),
        (replace(RULES, wake=("b",), wake_hours=(7, 19)), 19, []),
    ],
)
def test_it_wakes_to_exactly_what_it_was(rules: Rules, hour: int, why: list[str]) -> None:
    found = look([farm("a", *groups(0, 0, 0), **OLD)], rules=rules, hour=hour, parked=[RECORD])
    assert found["clusters"][0]["why"] == ["PARKED", *why]
    declared = [operation["args"]["node_groups"] for operation in found["operations"] if operation["action"] == "wake"]
    assert declared == ([RECORD["node_groups"]] if why else [])
    # It is kept until the nodes are seen to be there
    assert found["parked"] == [RECORD]


def test_one_that_has_its_nodes_again_is_a_cluster_like_any_other() -> None:
    found = look(parked=[RECORD])
    assert found["clusters"][0]["action"] == "mark" and found["parked"] == []


def test_the_record_of_a_cluster_that_a_list_lacks_is_kept() -> None:
    other = {**RECORD, "cluster": "b", "cluster_id": "uuid-b"}
    assert look(marks=MARK, parked=[other])["parked"] == [other, {**RECORD, "parked_at": NOW}]


def test_an_interrupted_parking_is_tried_again_with_the_bounds_of_before() -> None:
    """Its bounds were lowered already, and its nodes are still there."""
    found = look([farm("a", *groups(least=0), **OLD)], parked=[RECORD], marks=MARK)
    assert found["parked"] == [{**RECORD, "parked_at": NOW}]


def test_its_record_is_kept_while_it_waits() -> None:
    found = look([farm("a", *groups(least=0), **OLD)], parked=[RECORD], marks=MARK, hour=9)
    assert codes(found) == ["WORKING_HOURS"] and found["parked"] == [RECORD]


@pytest.mark.parametrize(
    ("status", "least"),
    [
        # Parking failed after it had lowered the bounds
        ("UPDATE_FAILED", 0),
        ("UPDATE_FAILED", 2),
        # It has begun, and the counts are still those of before
        ("UPDATE_IN_PROGRESS", 2),
        # A wake ended between the nodes and the bounds
        ("UPDATE_COMPLETE", 0),
    ],
)
def test_its_record_is_kept_until_the_cluster_is_whole(status: str, least: int) -> None:
    found = look([farm("a", *groups(least=least), **{**OLD, "status": status})], parked=[RECORD])
    assert found["parked"] == [RECORD]
    whole = look([farm("a", *groups(), **{**OLD, "status": "UPDATE_COMPLETE"})], parked=[RECORD])
    assert whole["parked"] == []


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (replace(RULES, wake=("a",)), ["WAKE_DEMANDED"]),
        (replace(RULES, wake_hours=(19, 21)), ["WAKE_HOURS"]),
    ],
)
def test_a_wake_is_completed_where_the_bounds_are_missing(rules: Rules, why: list[str]) -> None:
    found = look([farm("a", *groups(least=0), **OLD)], rules=rules, parked=[RECORD])
    assert found["clusters"][0]["why"] == why and found["parked"] == [RECORD]
    assert [operation["args"]["node_groups"] for operation in found["operations"]] == [RECORD["node_groups"]]
    changing = look([farm("a", *groups(least=0), **{**OLD, "status": "UPDATE_FAILED"})], rules=rules, parked=[RECORD])
    assert changing["operations"] == [] and "CLUSTER_NOT_READY" in codes(changing)
    # Once it is whole, there is nothing to complete
    assert look(rules=rules, parked=[RECORD])["operations"] == []


def test_one_that_was_parked_in_part_waits_for_a_person_who_wakes_it() -> None:
    clusters = [farm("a", *groups(0, 1, 0), **OLD)]
    found = look(clusters, parked=[RECORD], marks=MARK)
    assert codes(found) == ["PARKED_IN_PART"] and found["operations"] == [] and found["parked"] == [RECORD]
    woken = look(clusters, parked=[RECORD], rules=replace(RULES, wake=("a",)))
    assert woken["operations"][0]["args"]["node_groups"] == RECORD["node_groups"]


@pytest.mark.parametrize(
    ("least", "declared"),
    [(2, [RECORD["node_groups"][1]]), (0, [{"name": "default-worker", "min_node_count": 2}, RECORD["node_groups"][1]])],
)
def test_a_wake_takes_no_node_from_a_group_in_use(least: int, declared: list[Plain]) -> None:
    """A person has given the workers nine nodes meanwhile, and the accelerators none."""
    clusters = [farm("a", *groups(9, 0, least), **OLD)]
    woken = look(clusters, parked=[RECORD], rules=replace(RULES, wake=("a",)))
    assert woken["operations"][0]["args"]["node_groups"] == declared


def test_a_parked_cluster_is_deleted_only_where_the_policy_says_so_and_in_two_steps() -> None:
    clusters, rules = [farm("a", *groups(0, 0, 0), **OLD)], replace(RULES, parked_s=7200)
    assert look(clusters, parked=[RECORD], rules=replace(rules, parked_s=7201))["clusters"][0]["action"] == "parked"
    first = look(clusters, parked=[RECORD], rules=rules)
    assert first["clusters"][0]["action"] == "mark" and first["marks"] and first["parked"] == [RECORD]
    last = look(clusters, parked=[RECORD], rules=rules, marks=MARK)
    assert [operation["action"] for operation in last["operations"]] == ["delete"]
    spared = look(clusters, parked=[RECORD], rules=replace(rules, protected=("a",)), marks=MARK)
    assert codes(spared) == ["PROTECTED"] and spared["operations"] == []


def test_a_parked_cluster_is_deleted_by_its_workloads_and_its_cost_as_others_are() -> None:
    clusters = [farm("a", *groups(0, 0, 0), **OLD)]
    rules = replace(RULES, parked_s=7200, needs_saving=True)
    asked: Plain = {"parked": [RECORD], "marks": MARK, "rules": rules}
    held = look(clusters, placements=[stands("w")], **asked)
    assert codes(held) == ["HAS_WORKLOADS"] and held["operations"] == [] and held["marks"] == []
    free = look(clusters, prices={"flavors": {"cpu.medium": 0}}, **asked)
    assert codes(free) == ["SAVING_LOW"] and free["operations"] == []
    said = "nothing says which workloads a holds; it is parked and has no nodes, so none is taken to run there"
    unknown = look(clusters, placements=None, **asked)
    assert [operation["action"] for operation in unknown["operations"]] == ["delete"] and said in unknown["assumptions"]
    assert said not in look(clusters, **asked)["assumptions"]


def test_one_that_changes_is_not_woken() -> None:
    clusters = [farm("a", *groups(0, 0, 0), **{**OLD, "status": "UPDATE_IN_PROGRESS"})]
    found = look(clusters, parked=[RECORD], rules=replace(RULES, wake=("a",)))
    assert codes(found) == ["CLUSTER_NOT_READY"] and found["operations"] == []


@pytest.mark.parametrize(
    ("rules", "labels", "code"),
    [
        (RULES, {"auto_scaling_enabled": "true"}, "AUTOSCALED"),
        (replace(RULES, protected=("a",)), {}, "PROTECTED"),
        (replace(RULES, protected=("uuid-a",)), {}, "PROTECTED"),
        # It is needed again: parked now, it would wake in the next run
        (replace(RULES, wake=("a",)), {}, "PROTECTED"),
        (replace(RULES, wake=("a",), action="delete"), {}, "PROTECTED"),
        (replace(RULES, exemptions=(Exemption((Comparison("keep", "==", "yes"),)),)), {"keep": "Yes"}, "EXEMPT"),
        (replace(RULES, labels=(("stage", "test"),)), {"stage": "live"}, "NOT_ALLOWED"),
        (replace(RULES, wake_hours=(19, 21)), {}, "WORKING_HOURS"),
        (
            replace(RULES, exemptions=(Exemption((Comparison("keep", "==", "yes"), Comparison("", ">", 8))),)),
            {"keep": "yes"},
            "WORKING_HOURS",
        ),
    ],
)
def test_what_spares_it(rules: Rules, labels: Plain, code: str) -> None:
    assert codes(look([farm("a", *groups(), labels=labels, **OLD)], rules=rules, marks=MARK)) == [code]


def test_the_persistent_are_named_once() -> None:
    rules = replace(RULES, exemptions=(Exemption((Comparison("persistent", "==", "true"),)),))
    assert codes(look([farm("a", *groups(), labels={"persistent": "true"}, **OLD)], rules=rules)) == ["PERSISTENT"]


@pytest.mark.parametrize(
    ("of_template", "own", "found"),
    [
        ({"persistent": True}, {}, ["PERSISTENT"]),
        ({"persistent": "true"}, {"persistent": "false"}, []),
        ({"keep": "yes"}, {"other": "x"}, ["EXEMPT"]),
        ({"keep": "yes"}, {"keep": "no"}, []),
    ],
)
def test_the_labels_of_its_template_spare_it_unless_its_own_say_otherwise(
    of_template: Plain, own: Plain, found: list[str]
) -> None:
    rules = replace(RULES, exemptions=(Exemption((Comparison("keep", "==", "yes"),)),))
    given = fleet(
        farm("a", *groups(), labels=own, **OLD), templates=[{"id": "t1", "name": "small", "labels": of_template}]
    )
    assert codes(look(rules=rules, given=given)) == found


def test_what_saves_nothing_is_left_alone_where_the_policy_asks_for_its_cost() -> None:
    free = {"flavors": {"cpu.medium": 0}}
    assert codes(look(rules=replace(RULES, needs_saving=True), prices=free)) == ["SAVING_LOW"]
    assert codes(look(rules=replace(RULES, needs_saving=True))) == []


def test_a_mark_of_another_state_is_void() -> None:
    """The cluster has grown since: its owner is informed anew, and the grace begins anew."""
    (mark,) = look()["marks"]
    later = NOW + 3600
    assert look(marks=[mark], now=later)["decision"]["action"] == "park"
    grown = look([farm("a", *groups(4), **OLD)], marks=[mark], now=later)
    assert grown["clusters"][0]["action"] == "mark" and grown["marks"][0]["marked_at"] == later
    assert "the mark of a is void: the cluster has changed since" in grown["assumptions"]


def test_another_plan_than_the_one_that_was_looked_at_is_refused() -> None:
    seen = look(marks=MARK, rules=replace(RULES, dry_run=True))["state_digest"]
    check_plan(seen, look(marks=MARK)["state_digest"])
    with pytest.raises(Conflict):
        check_plan(seen, look([farm("a", *groups(4), **OLD)], marks=MARK)["state_digest"])
    with pytest.raises(Conflict):
        check_plan(seen, look(marks=MARK, rules=replace(RULES, action="delete"))["state_digest"])


def test_people_are_informed_at_each_step() -> None:
    policy = Policy(
        name="own", notices=(Notice("ops", "Idle: {{cluster.name}} ({{cluster.idle_hours}} h)", ("mail",)),)
    )
    rules = replace(documented(RULES, policy), action="park")
    (first,) = look(rules=rules)["notices"]
    assert first == {
        "step": "mark", "cluster": "a", "cluster_id": "uuid-a", "target": "ops", "channels": ["mail"],
        "message": "Idle: a (3.0 h)",
    }  # fmt: skip
    (last,) = look(rules=rules, marks=MARK)["notices"]
    assert (last["step"], last["target"]) == ("park", "ops") and "waking it restores them" in last["message"]
    (own,) = look()["notices"]
    assert own["message"].startswith("Cluster a was idle for 3.0 h. It will be parked after 1 h")
    assert look([farm("a", *groups(), labels={"persistent": "true"}, **OLD)])["notices"] == []


def test_what_was_done_is_written_down_with_its_figures() -> None:
    (record,) = look(marks=MARK, sources=("site-a",))["records"]
    assert record["action"] == "park" and record["cluster_id"] == "uuid-a" and record["project_id"] == "p1"
    assert record["time"] == "1970-04-26T17:46:40+00:00" and record["marked_at"] == NOW - 3600
    assert record["why"] == ["IDLE", "MARKED", "GRACE_OVER"] and record["idle_hours"] == 3
    assert record["utilization"] == {"measurements": 19, "highest": 0.05, "sources": ["site-a"]}
    assert record["node_groups"] == RECORD["node_groups"]


def test_the_diff_shows_who_is_parked_and_who_wakes() -> None:
    assert diff(ask(marks=MARK)) == {"before": "a: marked\n", "after": "a: parked\n"}
    waking = ask([farm("a", *groups(0, 0, 0), **OLD)], rules=replace(RULES, wake=("a",)), parked=[RECORD])
    assert diff(waking) == {"before": "a: parked\n", "after": "a\n"}


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({**RECORD, "cluster_id": ""}, "parked[0].cluster_id"),
        ({**RECORD, "parked_at": "once"}, "parked[0].parked_at"),
        ({**RECORD, "node_groups": [{"name": "x"}]}, "parked[0].node_groups[0].node_count"),
        ({**RECORD, "node_groups": [{"node_count": 1}]}, "parked[0].node_groups[0].name"),
        ({**RECORD, "groups": []}, "parked[0].groups"),
    ],
)
def test_a_record_that_says_too_little_is_refused(record: Plain, path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        look(parked=[record])
    assert error.value.resource == path
