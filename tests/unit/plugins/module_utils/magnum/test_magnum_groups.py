# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which group a declared one means, which nodes are to go, and who owns a count: tables, and what must hold always."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    CannotApply,
    Conflict,
    InvalidRequest,
    Unsupported,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import (
    CAPI_HELM,
    CLUSTER_API,
    DRIVERS,
    HEAT,
    UNKNOWN,
    Driver,
    IdentifiedDriver,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    DesiredCluster,
    DesiredGroup,
    Node,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import plan_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import (
    PLACE_LABEL,
    digest,
    needs_driver,
    settled_groups,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan
from hypothesis import given, settings
from hypothesis import strategies as st

MASTER = NodeGroup("m", "default-master", role="master", node_count=1, is_default=True, status="CREATE_COMPLETE")
WORKER = NodeGroup("w", "default-worker", node_count=2, is_default=True, status="CREATE_COMPLETE", flavor_id="small")
NPU = NodeGroup("n", "npu", node_count=3, status="CREATE_COMPLETE", flavor_id="small", node_addresses=("10.0.0.1",))
NODES = {
    "default-master": (Node("id-m", "c-master-0", ("10.0.0.9",)),),
    "npu": tuple(Node(f"id-{n}", f"npu-{n}", (f"10.0.0.{n}",)) for n in range(1, 4)),
    "default-worker": (Node("id-w", "worker-0", ("10.0.0.8",)), Node("id-x", "worker-0", ("10.0.0.7",))),
}


def cluster(*groups: NodeGroup, **fields: Any) -> Cluster:
    named = {group.name: group for group in (MASTER, WORKER, *(groups or (NPU,)))}
    return Cluster("id-1", "c", status="CREATE_COMPLETE", node_groups=tuple(named.values()), **fields)


def declared(*groups: DesiredGroup, replacing: str = "refuse", **fields: Any) -> DesiredCluster:
    return DesiredCluster("c", {}, groups, replace_groups=replacing, **fields)


def planned(desired: DesiredCluster, actual: Cluster, nodes: Any = None, driver: Driver | None = None) -> Plan:
    found = None if driver is None else IdentifiedDriver(driver, "the test says so")
    return plan_cluster(settled_groups(desired, actual, nodes, driver=found), actual)


def reported(plan: Plan) -> list[str]:
    return [f"{change.verb} {change.resource.rsplit('/', 1)[1]}" for change in plan.changes]


LARGE = DesiredGroup("npu", flavor_id="large")
NEW_NAME = f"npu-{digest(LARGE)}"
SUCCESSOR = replace(NPU, id="s", name=NEW_NAME, flavor_id="large", labels={PLACE_LABEL: "npu"})


# --- another flavor


def test_another_flavor_is_refused_by_default() -> None:
    with pytest.raises(CannotApply) as caught:
        planned(declared(LARGE), cluster())
    assert caught.value.details["fields"] == ["node_groups.npu.flavor_id"]
    assert "beside" in caught.value.hint and "new cluster" not in caught.value.hint


@pytest.mark.parametrize(
    ("replacing", "groups", "changes", "left"),
    [
        ("beside", (NPU,), [f"create_node_group {NEW_NAME}"], ["npu"]),
        ("beside", (NPU, SUCCESSOR), [], ["npu"]),
        ("refuse", (NPU, SUCCESSOR), [], ["npu"]),
        ("finish", (NPU,), [f"create_node_group {NEW_NAME}", "delete_node_group npu"], []),
        ("finish", (NPU, SUCCESSOR), ["delete_node_group npu"], []),
        ("finish", (SUCCESSOR,), [], []),
        ("refuse", (SUCCESSOR,), [], []),
        ("beside", (SUCCESSOR,), [], []),
    ],
)
def test_another_flavor_where_allowed(replacing: str, groups: Any, changes: list[str], left: list[str]) -> None:
    """New group, then move, then delete: each step once, and each state reported."""
    plan = planned(declared(LARGE, replacing=replacing), cluster(*groups))
    assert reported(plan) == changes
    assert [entry["name"] for entry in plan.extra.get("superseded_node_groups", [])] == left


def test_the_successor_is_as_the_old_one_but_for_what_was_declared() -> None:
    """Count, bounds, image and labels come along; the declared flavor is new."""
    old = replace(NPU, image_id="i", labels={"a": "1"}, min_node_count=1, max_node_count=4, docker_volume_size=9)
    plan = planned(declared(LARGE, replacing="beside"), cluster(old))
    assert plan.changes[0].arguments == {
        "flavor_id": "large",
        "image_id": "i",
        "docker_volume_size": 9,
        "labels": {"a": "1", PLACE_LABEL: "npu"},
        "merge_labels": False,
        "node_count": 3,
        "min_node_count": 1,
        "max_node_count": 4,
    }
    assert plan.after["node_groups"][NEW_NAME]["flavor_id"] == "large"


def test_declared_labels_are_sent_with_the_place() -> None:
    """Merged into the cluster's labels if the user wants that."""
    wanted = DesiredGroup("npu", labels={"a": True}, node_count=1)
    (change,) = planned(declared(wanted, replacing="beside"), cluster()).changes
    assert change.arguments["labels"] == {"a": "true", PLACE_LABEL: "npu"}
    assert change.arguments["merge_labels"] is True and change.arguments["node_count"] == 1


def test_what_follows_is_about_the_successor() -> None:
    """The declared name means the group that took the place: for a count, and for a change of mind."""
    plan = planned(declared(DesiredGroup("npu", node_count=1)), cluster(NPU, SUCCESSOR))
    assert reported(plan) == [f"resize {NEW_NAME}"]
    back = planned(declared(DesiredGroup("npu", flavor_id="small"), replacing="finish"), cluster(NPU, SUCCESSOR))
    assert reported(back) == [f"delete_node_group {NEW_NAME}"]


def test_a_default_group_is_emptied_in_place_of_deleted() -> None:
    """Magnum keeps it with the cluster."""
    wanted = declared(DesiredGroup("default-worker", flavor_id="large", node_count=2), replacing="finish")
    name = f"default-worker-{digest(wanted.groups[0])}"
    assert reported(planned(wanted, cluster())) == [f"create_node_group {name}", "resize default-worker"]
    taken = replace(
        WORKER, id="t", name=name, is_default=False, flavor_id="large", labels={PLACE_LABEL: "default-worker"}
    )
    done = planned(wanted, cluster(replace(WORKER, node_count=0), taken))
    assert not done.changed and not done.extra


def test_two_that_fit_are_not_guessed() -> None:
    other = replace(SUCCESSOR, id="o", name="npu-000000", flavor_id="huge")
    with pytest.raises(Ambiguous):
        planned(declared(DesiredGroup("npu", node_count=1)), cluster(SUCCESSOR, other))
    assert reported(planned(declared(replace(LARGE, node_count=1)), cluster(SUCCESSOR, other))) == [
        f"resize {NEW_NAME}"
    ]


def test_a_name_that_is_taken_is_not_taken_over() -> None:
    with pytest.raises(Conflict):
        planned(declared(LARGE, replacing="finish"), cluster(NPU, replace(SUCCESSOR, flavor_id="huge")))


def test_a_group_of_the_users_own_is_no_successor() -> None:
    """Only the label tells, not a name that looks alike."""
    own = replace(SUCCESSOR, labels={})
    assert reported(planned(declared(DesiredGroup("npu", node_count=1)), cluster(NPU, own))) == ["resize npu"]


def test_purge_leaves_both_in_place_and_absent_ends_both() -> None:
    kept = planned(declared(LARGE, purge_groups=True), cluster(NPU, SUCCESSOR))
    assert not kept.changed
    gone = planned(declared(DesiredGroup("npu", absent=True)), cluster(NPU, SUCCESSOR))
    assert reported(gone) == [f"delete_node_group {NEW_NAME}", "delete_node_group npu"]
    assert gone.before["node_groups"].keys() == {"npu", NEW_NAME} and gone.after["node_groups"] == {}


def test_name_and_id_of_a_flavor_are_the_same() -> None:
    """The caller knows; nothing is replaced for a spelling."""

    def same(_field: str, left: str, right: str) -> bool:
        return {left, right} <= {"small", "id-of-small"}

    desired = declared(DesiredGroup("npu", flavor_id="id-of-small"), replacing="finish")
    assert settled_groups(desired, cluster(), same=same).groups[0].name == "npu"


@pytest.mark.parametrize("name", ["default-worker", "default-master"])
def test_a_default_group_cannot_be_absent(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        planned(declared(DesiredGroup(name, absent=True)), cluster())
    assert caught.value.hint


# --- an autoscaler's count

AUTOSCALED = {"labels": {"auto_scaling_enabled": "True"}}


@pytest.mark.parametrize(
    ("group", "changes"),
    [
        (DesiredGroup("npu", node_count=1), []),
        (DesiredGroup("npu", node_count=9), []),
        (DesiredGroup("npu", node_count=1, min_node_count=1, max_node_count=5), ["set_bounds npu"]),
        (DesiredGroup("npu", max_node_count=2), ["resize npu", "set_bounds npu"]),
        (DesiredGroup("npu", node_count=5, min_node_count=4), ["resize npu", "set_bounds npu"]),
    ],
)
def test_an_autoscalers_count_is_no_difference(group: DesiredGroup, changes: list[str]) -> None:
    """Bounds are moved; the count only where they would exclude it."""
    plan = planned(declared(group), cluster(**AUTOSCALED))
    assert reported(plan) == changes
    assert plan.extra == {"autoscaled_node_groups": ["npu"]}
    assert plan.after["node_groups"]["npu"].get("node_count", 3) in (3, 2, 4)


def test_the_label_decides_who_owns_a_count() -> None:
    """Written as any client writes it; false is nobody's ownership."""
    for value, changes in (("false", ["resize npu"]), ("true", []), ("True", [])):
        plan = planned(declared(DesiredGroup("npu", node_count=1)), cluster(labels={"auto_scaling_enabled": value}))
        assert reported(plan) == changes


# --- named nodes


def leaving(*names: str, count: int = 2, group: str = "npu") -> DesiredGroup:
    return DesiredGroup(group, node_count=count, nodes_to_remove=names)


@pytest.mark.parametrize(
    ("group", "ids"),
    [
        (leaving("id-2"), ["id-2"]),
        (leaving("npu-2"), ["id-2"]),
        (leaving("10.0.0.2"), ["id-2"]),
        (leaving("10.0.0.3", "npu-1", count=1), ["id-1", "id-3"]),
        (leaving("npu-2", "id-2", "10.0.0.2"), ["id-2"]),
        (leaving("npu-2", "gone"), ["id-2"]),
        (leaving("npu-1", "npu-2", "npu-3", count=0), ["id-1", "id-2", "id-3"]),
    ],
)
def test_named_nodes_by_whatever_name(group: DesiredGroup, ids: list[str]) -> None:
    """The driver gets server ids; what is gone already does not count."""
    plan = planned(declared(group), cluster(), NODES)
    (change,) = plan.changes
    assert change.arguments["nodes_to_remove"] == ids
    assert change.arguments["node_count"] == 3 - len(ids)
    assert len(plan.before["node_groups"]["npu"]["nodes_to_remove"]) == len(ids)
    assert plan.after["node_groups"]["npu"]["nodes_to_remove"] == []


def test_named_nodes_that_are_gone_are_no_change() -> None:
    plan = planned(declared(leaving("npu-7", count=3)), cluster(), NODES)
    assert not plan.changed and plan.before == plan.after


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (leaving("npu-7"), ["npu-7", "gone already, or never there", "npu-1, npu-2, npu-3"]),
        (leaving("npu-1", "npu-2"), ["node_count: 1"]),
        (leaving("npu-1", count=1), ["node_count: 2"]),
        (leaving("npu-1", count=3), ["node_count: 2"]),
        (leaving("npu-1", count=5), ["node_count: 2"]),
        (leaving("10.0.0.9"), ["belongs to 'default-master'"]),
        (leaving("npu-1", count=1, group="default-worker"), ["belongs to 'npu'", "'nodes_to_remove' of 'npu'"]),
    ],
)
def test_named_nodes_that_cannot_go(group: DesiredGroup, words: list[str]) -> None:
    """Before anything is sent, with what would do."""
    with pytest.raises(InvalidRequest) as caught:
        planned(declared(group), cluster(), NODES)
    assert [word for word in words if word not in caught.value.sentence()] == []


def test_a_name_of_two_nodes_is_not_guessed() -> None:
    with pytest.raises(Ambiguous) as caught:
        planned(declared(leaving("worker-0", count=1, group="default-worker")), cluster(), NODES)
    assert caught.value.details["ids"] == ["id-w", "id-x"]


def test_after_a_failed_resize_the_nodes_count_and_not_the_number() -> None:
    """Magnum shows the number that was wanted, and the named ones are still there."""
    failed = replace(NPU, node_count=2, status="UPDATE_FAILED")
    (change,) = planned(declared(leaving("npu-2")), cluster(failed), NODES).changes
    assert change.arguments == {"node_count": 2, "node_count_before": 2, "nodes_to_remove": ["id-2"]}


def test_an_autoscaled_group_gives_no_named_nodes() -> None:
    with pytest.raises(Unsupported):
        planned(declared(leaving("npu-2")), cluster(**AUTOSCALED), NODES)


def test_a_new_group_has_nothing_to_remove() -> None:
    """The same play makes the cluster again."""
    (change,) = planned(declared(leaving("npu-2", group="new")), cluster(), NODES).changes
    assert change.verb == "create_node_group" and "nodes_to_remove" not in change.arguments


# --- what the drivers can do


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_named_nodes_only_where_the_driver_heeds_them(driver: Driver) -> None:
    """Sent in vain it costs a workload its node: so not to a driver that is not known, either."""
    if driver in (HEAT, CLUSTER_API):
        assert planned(declared(leaving("npu-2")), cluster(), NODES, driver).changed
        return
    with pytest.raises(Unsupported) as caught:
        planned(declared(leaving("npu-2")), cluster(), NODES, driver)
    assert "node group of another name" in caught.value.hint
    # What is gone already needs no driver that heeds names.
    assert not planned(declared(leaving("npu-7", count=3)), cluster(), NODES, driver).changed


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_control_planes_are_resized_where_the_driver_can(driver: Driver) -> None:
    """In place of the refusal of a field that is fixed for life."""
    wanted = DesiredCluster("c", {"master_count": 3}, (DesiredGroup("default-worker", node_count=3),))
    actual = cluster(master_count=1)
    assert needs_driver(wanted, actual)
    if driver is HEAT:
        with pytest.raises(Unsupported):
            planned(wanted, actual, driver=driver)
        return
    plan = planned(wanted, actual, driver=driver)
    assert reported(plan) == ["resize default-master", "resize default-worker"]
    assert plan.before["master_count"] == 1 and plan.after["master_count"] == 3
    three = cluster(replace(MASTER, node_count=3), replace(WORKER, node_count=3), master_count=3)
    assert not planned(wanted, three, driver=driver).changed and not needs_driver(wanted, three)


@pytest.mark.parametrize("count", [2, 4])
def test_an_even_number_of_control_plane_nodes_is_refused(count: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        planned(DesiredCluster("c", {"master_count": count}), cluster(master_count=1), driver=CLUSTER_API)
    assert "odd" in caught.value.hint


def test_the_control_plane_by_its_group_is_the_same() -> None:
    """And the two must not differ."""
    by_group = declared(DesiredGroup("default-master", node_count=3))
    assert reported(planned(by_group, cluster(master_count=1), driver=CAPI_HELM)) == ["resize default-master"]
    with pytest.raises(Unsupported):
        planned(by_group, cluster(master_count=1), driver=HEAT)
    both = replace(by_group, given={"master_count": 5})
    with pytest.raises(InvalidRequest):
        planned(both, cluster(master_count=1), driver=CAPI_HELM)


def test_on_heat_the_autoscaler_owns_one_group_only() -> None:
    """The others are scaled as ever."""
    wanted = declared(DesiredGroup("npu", node_count=1), DesiredGroup("default-worker", node_count=5))
    plan = planned(wanted, cluster(**AUTOSCALED), driver=HEAT)
    assert reported(plan) == ["resize npu"] and plan.extra == {"autoscaled_node_groups": ["default-worker"]}
    assert not planned(wanted, cluster(**AUTOSCALED), driver=CAPI_HELM).changed


def test_bounds_that_exclude_an_autoscalers_true_count_are_refused() -> None:
    """Nobody else can move it; where Magnum's number is not the true one, the number is moved."""
    wanted = declared(DesiredGroup("npu", max_node_count=2))
    with pytest.raises(Unsupported) as caught:
        planned(wanted, cluster(**AUTOSCALED), driver=CLUSTER_API)
    assert "include 3" in caught.value.hint
    for driver in (CAPI_HELM, UNKNOWN):
        assert reported(planned(wanted, cluster(**AUTOSCALED), driver=driver)) == ["resize npu", "set_bounds npu"]


# --- always


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from([None, "small", "large", "huge"]),
    st.sampled_from(["beside", "finish"]),
    st.sampled_from([(NPU,), (NPU, SUCCESSOR), (SUCCESSOR,)]),
    st.sampled_from([None, 0, 2, 3]),
)
def test_one_run_is_enough(
    flavor: str | None, replacing: str, groups: tuple[NodeGroup, ...], count: int | None
) -> None:
    """Whatever stands and whatever is declared: after the plan the same declaration changes nothing."""
    desired = declared(DesiredGroup("npu", flavor_id=flavor, node_count=count), replacing=replacing)
    actual = cluster(*groups)
    for _round in range(2):
        plan = planned(desired, actual)
        names = {group.name: group for group in actual.node_groups}
        for change in plan.changes:
            name = change.resource.rsplit("/", 1)[1]
            if change.verb == "delete_node_group":
                del names[name]
            elif change.verb == "create_node_group":
                fields = {key: value for key, value in change.arguments.items() if key != "merge_labels"}
                names[name] = NodeGroup(f"id-{name}", name, status="CREATE_COMPLETE", **fields)
            else:
                names[name] = replace(names[name], node_count=change.arguments["node_count"])
        actual = replace(actual, node_groups=tuple(names.values()))
    assert not plan.changed
    if replacing == "finish":
        assert len([name for name in names if name.startswith("npu")]) == 1
