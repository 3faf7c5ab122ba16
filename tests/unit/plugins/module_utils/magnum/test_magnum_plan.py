# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of clusters and templates: tables, and properties over everything that can be declared.

The properties carry plans out by ``magnum``, which knows Magnum's own rules for counts and bounds (409 and 400 there).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CannotApply, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    DesiredGroup,
    NodeGroup,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import (
    declared_view,
    plan_cluster,
    plan_cluster_absent,
    plan_template,
    plan_template_absent,
    template_view,
    view,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan
from hypothesis import assume, given
from hypothesis import strategies as st

MASTER = NodeGroup("m", "default-master", role="master", node_count=1, is_default=True, status="CREATE_COMPLETE")
WORKER = NodeGroup("w", "default-worker", node_count=2, is_default=True, status="CREATE_COMPLETE")


def cluster(*groups: NodeGroup, status: str = "CREATE_COMPLETE", **fields: Any) -> Cluster:
    return Cluster("id-1", "c", status=status, node_groups=(MASTER, *(groups or (WORKER,))), **fields)


def desired(*groups: DesiredGroup, purge: bool = False, **given_fields: Any) -> DesiredCluster:
    return DesiredCluster("c", given_fields, groups, purge)


def verbs(plan: Plan) -> list[str]:
    """``verb group count-or-bounds`` of each change, for tables."""
    return [
        " ".join(
            [change.verb, change.resource.split("/", 1)[1].removeprefix("c/")]
            + [f"{key}={value}" for key, value in sorted(change.arguments.items()) if "node_count" in key]
        )
        for change in plan.changes
    ]


# --- Magnum's side, as far as plans care


def magnum(actual: Cluster | None, change: Change) -> Cluster | None:
    """The cluster after a change; fails where Magnum would answer 400 or 409."""
    if change.verb == "delete_cluster":
        assert actual is not None
        return None
    if change.verb == "create_cluster":
        assert actual is None
        arguments = dict(change.arguments)
        worker = replace(WORKER, node_count=arguments.pop("node_count", 1))
        arguments.pop("merge_labels", None)
        known = {key: value for key, value in arguments.items() if key not in ("name", "create_timeout")}
        return replace(cluster(worker, **known), name=change.arguments["name"])
    assert actual is not None
    name = change.resource.rsplit("/", 1)[1]
    groups = {group.name: group for group in actual.node_groups}
    if change.verb == "create_node_group":
        assert name not in groups
        arguments = {key: value for key, value in change.arguments.items() if key != "merge_labels"}
        groups[name] = NodeGroup(f"id-{name}", name, status="CREATE_COMPLETE", **{"node_count": 1, **arguments})
    elif change.verb == "delete_node_group":
        assert not groups.pop(name).is_default
    else:
        new = {key: value for key, value in change.arguments.items() if key != "node_count_before"}
        assert new and None not in new.values()
        groups[name] = replace(groups[name], status="UPDATE_COMPLETE", **new)
    for group in groups.values():
        assert group.min_node_count <= group.node_count
        assert group.max_node_count is None or group.node_count <= group.max_node_count
    return replace(actual, status="UPDATE_COMPLETE", node_groups=tuple(sorted(groups.values(), key=lambda g: g.name)))


def carried_out(plan: Plan, actual: Cluster | None) -> Cluster | None:
    for change in plan.changes:
        actual = magnum(actual, change)
    return actual


# --- tables


@pytest.mark.parametrize(
    ("groups", "changes"),
    [
        ((), []),
        ((DesiredGroup("default-worker", node_count=2),), []),
        ((DesiredGroup("default-worker", node_count=3),), ["resize default-worker node_count=3 node_count_before=2"]),
        ((DesiredGroup("default-worker", node_count=0),), ["resize default-worker node_count=0 node_count_before=2"]),
        ((DesiredGroup("gpu", node_count=1),), ["create_node_group gpu node_count=1"]),
        (
            (DesiredGroup("default-worker", min_node_count=1, max_node_count=4),),
            ["set_bounds default-worker max_node_count=4 min_node_count=1"],
        ),
        (
            (DesiredGroup("default-worker", node_count=6, min_node_count=5),),
            [
                "resize default-worker node_count=6 node_count_before=2",
                "set_bounds default-worker min_node_count=5",
            ],
        ),
    ],
)
def test_groups(groups: tuple[DesiredGroup, ...], changes: list[str]) -> None:
    """What is asked for, in the order in which Magnum takes it."""
    plan = plan_cluster(desired(*groups), cluster())
    assert verbs(plan) == changes
    assert plan.action == ("update" if changes else "none")


def test_bounds_that_move_past_the_count_are_widened_first() -> None:
    """1..3 with 2 nodes becomes 5..8 with 6: neither the count nor the bounds can go first alone."""
    present = cluster(replace(WORKER, min_node_count=1, max_node_count=3))
    wanted = desired(DesiredGroup("default-worker", node_count=6, min_node_count=5, max_node_count=8))
    assert verbs(plan_cluster(wanted, present)) == [
        "set_bounds default-worker max_node_count=8",
        "resize default-worker node_count=6 node_count_before=2",
        "set_bounds default-worker max_node_count=8 min_node_count=5",
    ] or verbs(plan_cluster(wanted, present)) == [
        "set_bounds default-worker max_node_count=8",
        "resize default-worker node_count=6 node_count_before=2",
        "set_bounds default-worker min_node_count=5",
    ]


@pytest.mark.parametrize(
    ("group", "present"),
    [
        (DesiredGroup("default-worker", node_count=9), replace(WORKER, max_node_count=8)),
        (DesiredGroup("default-worker", node_count=0), replace(WORKER, min_node_count=1)),
        (DesiredGroup("default-worker", max_node_count=1), WORKER),
        (DesiredGroup("default-worker", min_node_count=3), WORKER),
        (DesiredGroup("default-worker", min_node_count=3, max_node_count=2), WORKER),
        (DesiredGroup("default-worker", node_count=3, max_node_count=2), WORKER),
    ],
)
def test_a_count_outside_of_bounds_is_refused_beforehand(group: DesiredGroup, present: NodeGroup) -> None:
    """Magnum would say 400 or 409 half-way."""
    with pytest.raises(InvalidRequest) as caught:
        plan_cluster(desired(group), cluster(present))
    assert "default-worker" in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    "groups",
    [
        (DesiredGroup("gpu"), DesiredGroup("gpu", node_count=2)),
        (DesiredGroup("boss", role="master"),),
    ],
)
def test_groups_that_cannot_be(groups: tuple[DesiredGroup, ...]) -> None:
    """Declared twice, or a second control plane: for a new cluster as for an old one."""
    for actual in (None, cluster()):
        with pytest.raises(InvalidRequest):
            plan_cluster(desired(*groups, cluster_template_id="t"), actual)


@pytest.mark.parametrize(
    ("given_fields", "actual", "fields"),
    [
        ({"keypair": "k"}, {"keypair": "other"}, ["keypair"]),
        ({"master_count": 3}, {"master_count": 1}, ["master_count"]),
        (
            {"cluster_template_id": "t", "flavor_id": "f"},
            {"cluster_template_id": "u"},
            ["cluster_template_id", "flavor_id"],
        ),
        ({"labels": {"a": "1"}}, {"labels": {"a": "2"}}, ["labels"]),
        ({"labels": {"a": "1"}}, {"labels": {}}, ["labels"]),
        ({"labels": {"a": "1"}, "merge_labels": False}, {"labels": {"a": "1", "b": "2"}}, ["labels"]),
    ],
)
def test_what_is_fixed_for_life(given_fields: dict[str, Any], actual: dict[str, Any], fields: list[str]) -> None:
    """An error that names every field with both values, and the fixes."""
    with pytest.raises(CannotApply) as caught:
        plan_cluster(desired(**given_fields), cluster(**actual))
    assert caught.value.failure()["fields"] == fields
    assert all(field in caught.value.message for field in fields) and "new cluster" in str(caught.value.hint)


def test_what_is_fixed_for_the_life_of_a_group() -> None:
    """Named with its group; a change of the count does not get through beside it."""
    present = NodeGroup("g", "gpu", flavor_id="f1", node_count=1, labels={"a": "1"}, status="CREATE_COMPLETE")
    wanted = desired(DesiredGroup("gpu", flavor_id="f2", labels={"a": "2"}, node_count=5))
    with pytest.raises(CannotApply) as caught:
        plan_cluster(wanted, cluster(WORKER, present))
    assert caught.value.failure()["fields"] == ["node_groups.gpu.flavor_id", "node_groups.gpu.labels"]


@pytest.mark.parametrize(
    ("given_labels", "actual_labels"),
    [
        ({"a": True}, {"a": "true"}),
        ({"a": True}, {"a": "True"}),
        ({"a": False, "b": 4}, {"a": "False", "b": "4"}),
        ({"a": "1"}, {"a": "1", "of_the_template": "x"}),
    ],
)
def test_labels_that_are_the_same(given_labels: dict[str, Any], actual_labels: dict[str, str]) -> None:
    """Magnum keeps text; booleans of other clients are capitalised; the template's own are merged in."""
    assert plan_cluster(desired(labels=given_labels, merge_labels=True), cluster(labels=actual_labels)).action == "none"


def test_labels_are_sent_as_text() -> None:
    """``True`` would be stored as ``True``, which no driver reads."""
    plan = plan_cluster(desired(cluster_template_id="t", labels={"a": True, "b": 4}, merge_labels=True), None)
    assert plan.changes[0].arguments["labels"] == {"a": "true", "b": "4"}
    group = plan_cluster(desired(DesiredGroup("gpu", labels={"a": False, 1: 2})), cluster()).changes[0].arguments
    assert group["labels"] == {"a": "false", "1": "2"} and group["merge_labels"] is True


def test_what_is_for_creation_only_is_no_difference() -> None:
    """It is not kept by Magnum, or cannot be read back."""
    wanted = desired(create_timeout=5, discovery_url="http://d", merge_labels=True)
    assert plan_cluster(wanted, cluster(create_timeout=60)).action == "none"


def test_a_cluster_called_by_its_id() -> None:
    """Is the cluster of that id; its name does not count as a difference."""
    wanted = DesiredCluster("5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40", {}, (DesiredGroup("default-worker", node_count=3),))
    actual = replace(cluster(), id=wanted.name)
    plan = plan_cluster(wanted, actual)
    assert verbs(plan) == ["resize default-worker node_count=3 node_count_before=2"] or [
        change.verb for change in plan.changes
    ] == ["resize"]
    after = carried_out(plan, actual)
    assert after is not None and plan_cluster(wanted, after).action == "none"
    assert plan.before["name"] == plan.after["name"] == "c"


def test_an_update_that_failed_is_asked_for_again() -> None:
    """The numbers agree, and yet it is not what was declared."""
    failed = cluster(replace(WORKER, status="UPDATE_FAILED"), status="UPDATE_FAILED")
    plan = plan_cluster(desired(DesiredGroup("default-worker", node_count=2)), failed)
    assert verbs(plan) == ["resize default-worker node_count=2 node_count_before=2"]
    assert (plan.before["status"], plan.after["status"]) == ("UPDATE_FAILED", "UPDATE_COMPLETE")
    assert verbs(plan_cluster(desired(), failed)) == verbs(plan)


def test_a_group_that_failed_is_asked_for_again_beside_other_changes() -> None:
    """Its number is right already, and the cluster's status hides behind the other change."""
    failed = cluster(replace(WORKER, status="UPDATE_FAILED"), status="UPDATE_FAILED")
    wanted = desired(DesiredGroup("default-worker", node_count=2), DesiredGroup("gpu", node_count=1))
    assert verbs(plan_cluster(wanted, failed)) == [
        "resize default-worker node_count=2 node_count_before=2",
        "create_node_group gpu node_count=1",
    ]


@pytest.mark.parametrize("status", ["CREATE_FAILED", "DELETE_FAILED"])
def test_recreate(status: str) -> None:
    """Deleted and created when that is allowed; the creation is the same as the first would be."""
    wanted = desired(DesiredGroup("default-worker", node_count=2), cluster_template_id="t")
    failed = cluster(status=status, cluster_template_id="t")
    plan = plan_cluster(wanted, failed, recreate=True)
    assert plan.action == "recreate" and plan.changes[0].verb == "delete_cluster"
    assert plan.changes[1:] == plan_cluster(wanted, None).changes
    assert plan.before["status"] == status and plan.before != plan.after
    assert plan_cluster(wanted, cluster(cluster_template_id="t"), recreate=True).action == "none"


def test_purge() -> None:
    """Only when asked for, never a default group, and shown in the diff."""
    present = cluster(WORKER, NodeGroup("g", "gpu", node_count=3, status="CREATE_COMPLETE"))
    assert plan_cluster(desired(), present).action == "none"
    plan = plan_cluster(desired(purge=True), present)
    assert verbs(plan) == ["delete_node_group gpu node_count_before=3"]
    assert "gpu" in plan.before["node_groups"] and "gpu" not in plan.after.get("node_groups", {})


def test_absent() -> None:
    """Nothing to do, or one deletion with what is lost by it."""
    assert plan_cluster_absent("c", None).changed is False
    plan = plan_cluster_absent("c", cluster())
    assert [change.verb for change in plan.changes] == ["delete_cluster"]
    assert plan.after == {} and plan.before["node_groups"]["default-worker"] == {"node_count": 2}


# --- properties

NAMES = ("default-worker", "gpu", "npu", "cpu")
COUNTS = st.integers(0, 8)


@st.composite
def actual_groups(draw: st.DrawFn, name: str) -> NodeGroup:
    """A group that Magnum could hold: its count within its bounds."""
    low, count, high = sorted(draw(st.tuples(COUNTS, COUNTS, COUNTS)))
    return NodeGroup(
        f"id-{name}",
        name,
        node_count=count,
        min_node_count=low,
        max_node_count=draw(st.sampled_from([None, high])),
        is_default=name == "default-worker",
        status=draw(st.sampled_from(["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED"])),
    )


@st.composite
def actual_clusters(draw: st.DrawFn) -> Cluster:
    names = ["default-worker", *draw(st.sets(st.sampled_from(NAMES[1:])))]
    groups = tuple(draw(actual_groups(name)) for name in sorted(names))
    failed = any(Status.failed(group.status) for group in groups)
    return cluster(
        *groups, status="UPDATE_FAILED" if failed else "UPDATE_COMPLETE", cluster_template_id="t", keypair="k"
    )


@st.composite
def desired_clusters(draw: st.DrawFn) -> DesiredCluster:
    maybe = st.one_of(st.none(), COUNTS)
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    groups = tuple(
        DesiredGroup(name, node_count=draw(maybe), min_node_count=draw(maybe), max_node_count=draw(maybe))
        for name in names
    )
    fields = {"cluster_template_id": "t", **draw(st.sampled_from([{}, {"keypair": "k"}]))}
    return DesiredCluster("c", fields, groups, draw(st.booleans()))


def planned(wanted: DesiredCluster, actual: Cluster | None) -> Plan:
    """The plan, if one can be made."""
    try:
        return plan_cluster(wanted, actual)
    except InvalidRequest:
        assume(False)
        raise


@given(desired_clusters(), st.one_of(st.none(), actual_clusters()))
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(wanted: DesiredCluster, actual: Cluster | None) -> None:
    """Every step is one that Magnum takes, the second plan is empty, and the diff says the truth on both sides."""
    plan = planned(wanted, actual)
    after = carried_out(plan, actual)
    assert after is not None
    again = plan_cluster(wanted, after)
    assert (again.action, again.changes) == ("none", ())
    seen, foreseen = view(after, wanted), {key: value for key, value in plan.after.items() if key != "status"}
    assert seen.get("node_groups", {}) == foreseen.get("node_groups", {})
    assert {**seen, "node_groups": 0} == {**foreseen, "node_groups": 0}
    if actual is not None:
        assert {key: value for key, value in plan.before.items() if key != "status"} == view(actual, wanted)
    assert plan.changed == (plan.action != "none")


@given(desired_clusters(), st.one_of(st.none(), actual_clusters()), st.randoms(use_true_random=False))
def test_the_order_of_node_groups_means_nothing(wanted: DesiredCluster, actual: Cluster | None, random: Any) -> None:
    """Neither in the task nor in the API's answer."""
    groups = list(wanted.groups)
    random.shuffle(groups)
    plan, shuffled = planned(wanted, actual), replace(wanted, groups=tuple(groups))
    if actual is not None:
        present = list(actual.node_groups)
        random.shuffle(present)
        actual = replace(actual, node_groups=tuple(present))
    other = planned(shuffled, actual)
    assert sorted(map(repr, other.changes)) == sorted(map(repr, plan.changes))
    assert (other.action, other.before, other.after) == (plan.action, plan.before, plan.after)


@given(desired_clusters(), actual_clusters())
def test_groups_that_are_not_declared_are_left_alone(wanted: DesiredCluster, actual: Cluster) -> None:
    """Unless they are to be purged, or a failed update is retried."""
    plan = planned(replace(wanted, purge_groups=False), actual)
    declared = {group.name for group in wanted.groups}
    touched = {change.resource.rsplit("/", 1)[1] for change in plan.changes}
    assert touched <= declared or actual.status == "UPDATE_FAILED"
    assert all(change.verb != "delete_node_group" for change in plan.changes)


@given(desired_clusters())
def test_what_is_declared_is_seen_in_what_it_makes(wanted: DesiredCluster) -> None:
    """One normaliser for both sides."""
    after = carried_out(planned(wanted, None), None)
    assert after is not None
    assert {"node_groups": {}, **view(after, wanted)} == {"node_groups": {}, **declared_view(wanted)}


# --- templates


TEMPLATE = ClusterTemplate("t-1", "t", coe="kubernetes", image_id="i", flavor_id="f", labels={"a": "True", "b": "4"})


@pytest.mark.parametrize(
    ("fields", "differs"),
    [
        ({}, []),
        ({"coe": "kubernetes", "image_id": "i", "labels": {"a": True, "b": 4}}, []),
        ({"flavor_id": "g"}, ["flavor_id"]),
        ({"labels": {"a": True}}, ["labels"]),
        ({"hidden": True, "image_id": "j"}, ["hidden", "image_id"]),
    ],
)
def test_template_differences(fields: dict[str, Any], differs: list[str]) -> None:
    """Only what is given is compared, labels as a whole."""
    plan = plan_template("t", fields, TEMPLATE)
    assert plan.action == ("update" if differs else "none")
    assert [sorted(change.arguments) for change in plan.changes] == ([differs] if differs else [])


def test_template_by_its_id() -> None:
    """Its name does not count as a difference then."""
    plan = plan_template("t-1", {"coe": "kubernetes"}, TEMPLATE)
    assert plan.action == "none" and plan.before == plan.after


@pytest.mark.parametrize(
    ("fields", "frozen"),
    [
        ({"flavor_id": "g", "hidden": True}, ["flavor_id"]),
        ({"public": False}, ["public"]),
        ({"labels": {}}, ["labels"]),
        ({"public": True}, []),
        ({"hidden": True}, []),
        ({"coe": "kubernetes"}, []),
    ],
)
def test_a_template_in_use_is_frozen(fields: dict[str, Any], frozen: list[str]) -> None:
    """Except for what Magnum still takes; the error names fields and clusters."""
    actual = replace(TEMPLATE, public=True if fields.get("public") is False else None)
    if not frozen:
        assert plan_template("t", fields, actual, used_by=("c1",)).action in ("update", "none")
        return
    with pytest.raises(CannotApply) as caught:
        plan_template("t", fields, actual, used_by=("c1", "c2"))
    assert caught.value.failure()["fields"] == frozen and caught.value.failure()["used_by"] == ["c1", "c2"]


def test_template_absent() -> None:
    """Refused while clusters use it."""
    assert plan_template_absent("t", None).action == "none"
    assert [change.verb for change in plan_template_absent("t", TEMPLATE).changes] == ["delete_cluster_template"]
    with pytest.raises(CannotApply) as caught:
        plan_template_absent("t", TEMPLATE, used_by=("c1",))
    assert caught.value.code == "IN_USE" and "c1" in caught.value.message


LABELS = st.dictionaries(st.text(min_size=1, max_size=5), st.one_of(st.booleans(), st.integers(), st.text(max_size=5)))
TEMPLATE_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "coe": st.just("kubernetes"),
        "flavor_id": st.sampled_from("fg"),
        "public": st.booleans(),
        "labels": LABELS,
    },
)


@given(TEMPLATE_FIELDS, st.one_of(st.none(), TEMPLATE_FIELDS))
def test_a_template_plan_that_was_carried_out_leaves_nothing_to_do(fields: dict[str, Any], there: Any) -> None:
    """What Magnum keeps is the text of each label."""
    actual = None if there is None else replace(TEMPLATE, **_kept(there))
    plan = plan_template("t", fields, actual)
    sent = {key: value for change in plan.changes for key, value in change.arguments.items() if key != "name"}
    after = replace(actual or ClusterTemplate("t-1", "t"), **_kept(sent))
    assert plan_template("t", fields, after).action == "none"
    assert template_view(after, fields) == plan.after


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    """As Magnum keeps them: another client's ``true`` was stored as ``True``."""
    return {key: {k: str(v) for k, v in value.items()} if key == "labels" else value for key, value in fields.items()}
