# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Idle clusters: two steps, and everything that stops them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import (
    POLICIES,
    Rules,
    Sample,
    clean_up,
    idle_since,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_answer import (
    answer,
    diff,
    read_idle,
    read_rules,
)
from ansible_collections.kcloud.infrastructure.plugins.modules import cluster_idle
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.standing import (
    Plain,
    farm,
    fleet,
    stands,
)

NOW = 10_000_000
RULES = replace(POLICIES["default"], prefixes=("a", "b"))
OLD = {"created_at": "1970-01-02T03:04:05+00:00"}
MARK = [{"cluster_id": "uuid-a", "marked_at": NOW - 3600}]


def quiet(name: str = "a", hours: float = 3, load: float | None = 0.05, until: int = NOW) -> list[Plain]:
    """A measurement every ten minutes."""
    return [
        {"cluster": name, "at": until - second, "utilization": load} for second in range(0, int(hours * 3600) + 1, 600)
    ]


def look(
    clusters: list[Plain] | None = None,
    observations: list[Plain] | None = None,
    rules: Rules = RULES,
    hour: int = 20,
    **options: Any,
) -> Plain:
    placements = options.pop("placements", [])
    question = read_idle(
        fleet(*(clusters or [farm("a", **OLD)])),
        now=NOW,
        hour=hour,
        rules=rules,
        observations=quiet() if observations is None else observations,
        placements=placements,
        **options,
    )
    return answer(clean_up(question))


def codes(found: Plain) -> list[str]:
    return [violation["code"] for violation in found["clusters"][0]["why_not"]]


def test_idle_is_marked_then_deleted_after_its_grace() -> None:
    first = look()
    assert first["decision"]["mark"] == [{"cluster": "a", "cluster_id": "uuid-a"}]
    assert first["marks"] == [{"cluster": "a", "cluster_id": "uuid-a", "marked_at": NOW}]
    early = look(marks=[{"cluster_id": "uuid-a", "marked_at": NOW - 3599}])
    assert codes(early) == ["GRACE"] and early["decision"]["action"] == "none"
    late = look(marks=MARK)
    assert late["decision"]["would_delete"] == [{"cluster": "a", "cluster_id": "uuid-a"}]


@pytest.mark.parametrize(("hour", "action"), [(20, "mark"), (9, "unmark")])
def test_use_after_the_mark_makes_it_void(hour: int, action: str) -> None:
    """Marked a day ago, used after that, and quiet for three hours since."""
    marks = [{"cluster_id": "uuid-a", "marked_at": NOW - 24 * 3600}]
    used = [*quiet(), *quiet(load=0.9, hours=2, until=NOW - 4 * 3600)]
    found = look(observations=used, marks=marks, hour=hour)
    assert found["clusters"][0]["action"] == action and found["clusters"][0]["why"] == ["IDLE", "MARK_VOID"]
    assert found["decision"]["would_delete"] == []
    assert [mark["marked_at"] for mark in found["marks"]] == ([NOW] if action == "mark" else [])
    assert [notice["step"] for notice in found["notices"]] == (["mark"] if action == "mark" else [])
    # Quiet all the time, it is the same mark
    assert look(observations=quiet(hours=24), marks=marks)["decision"]["would_delete"]


def test_nothing_is_deleted_in_a_dry_run_which_is_the_default() -> None:
    assert look(marks=MARK)["decision"]["delete"] == []
    real = look(marks=MARK, rules=replace(RULES, dry_run=False))
    assert real["decision"]["delete"] == [{"cluster": "a", "cluster_id": "uuid-a"}]
    assert real["decision"]["action"] == "delete"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"observations": []}, "METRICS_MISSING"),
        ({"observations": quiet(load=None)}, "METRICS_MISSING"),
        ({"observations": quiet(until=NOW - 1801)}, "METRICS_MISSING"),
        ({"observations": quiet(load=0.1)}, "BUSY"),
        ({"observations": quiet(hours=1.9)}, "IDLE_TOO_SHORT"),
        ({"placements": None}, "PLACEMENTS_UNKNOWN"),
        ({"placements": [stands("w")]}, "HAS_WORKLOADS"),
        ({"clusters": [farm("a", **OLD, labels={"persistent": "True"})]}, "PERSISTENT"),
        ({"clusters": [farm("a", **OLD, labels={"protected": "true"})]}, "CLUSTER_LOCKED"),
        ({"clusters": [farm("a", **OLD, status="UPDATE_IN_PROGRESS")]}, "CLUSTER_NOT_READY"),
        ({"clusters": [farm("a", **OLD, health_status=None)]}, "HEALTH_UNKNOWN"),
        ({"clusters": [farm("a", **OLD, project_id=None)]}, "OWNER_UNKNOWN"),
        ({"clusters": [farm("a")]}, "TOO_YOUNG"),
        ({"clusters": [farm("a", created_at=NOW - 7199)]}, "TOO_YOUNG"),
        ({"rules": replace(RULES, prefixes=())}, "NOT_ALLOWED"),
        ({"hour": 8}, "WORKING_HOURS"),
        ({"hour": 17}, "WORKING_HOURS"),
    ],
)
def test_what_stops_it(change: Plain, code: str) -> None:
    found = look(**change)
    assert codes(found) == [code]
    assert found["decision"]["mark"] == [] and found["decision"]["would_delete"] == []
    marked = look(**change, marks=MARK)
    assert marked["decision"]["would_delete"] == []
    assert marked["clusters"][0]["action"] == ("wait" if code == "WORKING_HOURS" else "unmark")


def test_working_hours_end() -> None:
    assert look(hour=18)["decision"]["action"] == "mark" and look(hour=7)["decision"]["action"] == "mark"


def test_measurements_by_a_name_that_two_clusters_have_count_for_neither() -> None:
    """Magnum allows it. One of the two may be the busy one."""
    clusters = [farm("a", **OLD, id=f"uuid-{number}") for number in (1, 2)]
    found = look(clusters)
    assert [entry["why_not"][0]["code"] for entry in found["clusters"]] == ["METRICS_MISSING"] * 2
    assert (
        "2 clusters are named a, so its measurements count for none: give ids in 'observations'" in found["assumptions"]
    )
    by_id = look(clusters, [*quiet("uuid-1"), *quiet("a")])
    assert by_id["decision"]["mark"] == [{"cluster": "a", "cluster_id": "uuid-1"}]
    # What protects, protects both
    spared = look(clusters, [*quiet("uuid-1"), *quiet("uuid-2")], rules=replace(RULES, protected=("a",)))
    assert [entry["why_not"][0]["code"] for entry in spared["clusters"]] == ["PROTECTED"] * 2


def test_a_project_may_be_allowed() -> None:
    assert look(rules=replace(RULES, prefixes=(), projects=("p1",)))["decision"]["action"] == "mark"


def test_so_many_a_run_the_dearest_first() -> None:
    clusters = [farm("a", **OLD), farm("b", **OLD, master_count=3)]
    both = [*MARK, {"cluster_id": "uuid-b", "marked_at": NOW - 3600}]
    found = look(clusters, [*quiet(), *quiet("b")], marks=both)
    assert found["decision"]["would_delete"] == [{"cluster": "b", "cluster_id": "uuid-b"}]
    assert {mark["cluster_id"] for mark in found["marks"]} == {"uuid-a", "uuid-b"}


def test_the_conservative_policy() -> None:
    rules = replace(POLICIES["conservative"], prefixes=("a",))
    assert codes(look(rules=rules, observations=quiet(hours=30))) == ["BUSY"]
    assert codes(look(rules=rules, observations=quiet(load=0.005))) == ["IDLE_TOO_SHORT"]
    assert look(rules=rules, observations=quiet(hours=24, load=0.005))["decision"]["action"] == "mark"


@pytest.mark.parametrize(
    ("samples", "since"),
    [
        ([], None),
        ([(NOW, 0)], NOW),
        ([(NOW, 0), (NOW - 1800, 0)], NOW - 1800),
        ([(NOW, 0), (NOW - 1801, 0)], NOW),  # a gap says nothing
        ([(NOW, 0), (NOW - 600, None), (NOW - 1200, 0)], NOW),
        ([(NOW, 0), (NOW - 600, 100), (NOW - 1200, 0)], NOW),
        ([(NOW - 600, 0), (NOW + 600, 0)], NOW - 600),
        ([(NOW, 0), (NOW, 900)], None),
    ],
)
def test_since_when_it_is_idle(samples: list[tuple[int, int | None]], since: int | None) -> None:
    assert idle_since([Sample(*sample) for sample in samples], RULES, NOW) == since


def test_the_answer_shows_marks_and_the_bound() -> None:
    found = look(marks=MARK)
    assert found["certificate"]["lower_bound"] == 0 and found["certificate"]["proven"]
    assert "GRACE_OVER" in found["table"]
    question = read_idle(fleet(farm("a", **OLD)), now=NOW, hour=20, rules=RULES, observations=quiet(), placements=[])
    assert diff(clean_up(question)) == {"before": "a\n", "after": "a: marked\n"}


OPTIONS: Plain = {
    "policy": "default",
    "idle_below": None,
    "idle_hours": None,
    "grace_hours": None,
    "min_age_hours": None,
    "max_gap_hours": None,
    "busy_hours": None,
    "policy_document": None,
    "idle_action": None,
    "protected": [],
    "parked_hours": None,
    "wake": [],
    "wake_hours": None,
    "max_deletions": 1,
    "allow_prefixes": [],
    "allow_projects": [],
    "dry_run": True,
    "require_health": True,
}


def test_a_policy_and_what_is_changed_of_it() -> None:
    assert read_rules(OPTIONS) == POLICIES["default"]
    changed = read_rules({**OPTIONS, "idle_hours": 0.5, "idle_below": 0.02, "busy_hours": []})
    assert (changed.idle_s, changed.below, changed.busy_hours) == (1800, 20, None)


@pytest.mark.parametrize(
    ("exceptions", "busy"),
    [
        (["time.hour >= 20"], None),
        # It speaks of the clusters with the label only: the others keep their working hours
        (["hours=office AND time.hour >= 20"], (8, 18)),
        (["keep=true"], (8, 18)),
        (["hours=office AND time.hour >= 20", "time.hour >= 22"], None),
    ],
)
def test_only_an_exception_of_hours_alone_takes_the_place_of_working_hours(
    exceptions: list[str], busy: tuple[int, int] | None
) -> None:
    spec = {"actions": [{"type": "delete_cluster"}], "exceptions": exceptions}
    document = {"kind": "AutomationRule", "spec": spec}
    assert read_rules({**OPTIONS, "policy_document": document}).busy_hours == busy


@pytest.mark.parametrize(
    ("change", "path"),
    [({"busy_hours": [18, 8]}, "busy_hours"), ({"busy_hours": [8]}, "busy_hours"), ({"idle_below": 5}, "idle_below")],
)
def test_wrong_policies_are_named(change: Plain, path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_rules({**OPTIONS, **change})
    assert error.value.resource == path


@pytest.mark.parametrize("written", ["yesterday", "\u00b2"])
def test_wrong_times_are_named(written: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        look(observations=[{"cluster": "a", "at": written, "utilization": 0}])
    assert error.value.resource == "observations[0].at"


@pytest.mark.parametrize(
    ("options", "resource"),
    [
        ({"local_hour": 24}, "local_hour"),
        ({"local_hour": -1}, "local_hour"),
        # Milliseconds, of which a date of the far future would become
        ({"now": 1_800_000_000_000}, "now"),
        ({"now": -1}, "now"),
    ],
)
def test_a_clock_that_cannot_be_is_refused_by_its_option(options: Plain, resource: str) -> None:
    asked = {**dict.fromkeys(cluster_idle.SPEC), "fleet": {}, **OPTIONS, "now": NOW, "local_hour": 0, **options}
    with pytest.raises(InvalidRequest) as error:
        cluster_idle.run(asked, False, lambda _secrets: None)
    assert error.value.resource == resource
    assert not cluster_idle.run({**asked, "now": 253402300799, "local_hour": 23}, False, lambda _secrets: None)[
        "changed"
    ]


class Asked(Exception):
    """Telemetry was asked for a window."""


def test_telemetry_is_asked_for_a_window_that_follows_the_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    def window(*given: Any) -> None:
        raise Asked(*given[1:])

    monkeypatch.setattr(cluster_idle, "idle_window", window)
    telemetry = {"source": "aetos", "servers": None, "window": None, "step": None, "system_namespaces": []}
    asked = {**dict.fromkeys(cluster_idle.SPEC), **OPTIONS, "now": NOW, "telemetry": telemetry, "marks": MARK}
    with pytest.raises(Asked) as error:
        cluster_idle.run(asked, False, lambda _secrets: None)
    assert error.value.args == (NOW, 7200, 3600, 1800, [NOW - 3600])
