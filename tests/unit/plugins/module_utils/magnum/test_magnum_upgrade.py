# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster follows its template: by an upgrade, or by a successor beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CannotApply,
    InvalidRequest,
    Unsupported,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import identify_driver
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    DesiredGroup,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import plan_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import (
    Follow,
    Move,
    as_upgraded,
    family_of,
    lagging,
    plan_upgrade,
    standing_on,
    successor_name,
    with_replaced,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan

OLD = ClusterTemplate(id="t-old", name="gpu", image_id="one", labels={"kube_tag": "v1"})
NEW = ClusterTemplate(id="t-new", name="gpu-2", image_id="two", labels={"kube_tag": "v2"})


def group(name: str, image: str = "one", **fields: Any) -> NodeGroup:
    fields = {"node_count": 1, "status": "CREATE_COMPLETE", "detailed": True, **fields}
    return NodeGroup(id=f"g-{name}", name=name, image_id=image, is_default=name.startswith("default"), **fields)


CLUSTER = Cluster(
    id="c-1",
    name="ml",
    status="CREATE_COMPLETE",
    cluster_template_id="t-old",
    labels={"kube_tag": "v1", "mine": "1"},
    node_groups=(group("default-master", role="master"), group("default-worker"), group("gpu"), group("own", "other")),
)


def move(driver: str = "cluster-api", **fields: Any) -> Move:
    return Move(NEW, identify_driver(said=driver), **{"left": OLD, **fields})


def desired(*groups: DesiredGroup, **given: Any) -> DesiredCluster:
    return DesiredCluster("ml", {"cluster_template_id": "t-new", **given}, groups)


def verbs(plan: Plan) -> list[str]:
    return [change.verb for change in plan.changes]


def test_the_cluster_first_then_its_groups_then_the_rest() -> None:
    plan = plan_upgrade(desired(DesiredGroup("gpu", node_count=3)), CLUSTER, move(max_batch_size=2))
    assert verbs(plan) == ["upgrade", "upgrade_node_group", "resize"]
    assert plan.changes[0].arguments == {
        "cluster_template": "gpu-2",
        "cluster_template_id": "t-new",
        "cluster_template_id_before": "t-old",
        "max_batch_size": 2,
    }
    assert plan.changes[1].resource == "node_group/ml/gpu"
    assert (plan.before["cluster_template_id"], plan.after["cluster_template_id"]) == ("t-old", "t-new")
    assert (plan.before["node_groups"], plan.after["node_groups"]) == (
        {"gpu": {"node_count": 1}},
        {"gpu": {"node_count": 3}},
    )


@pytest.mark.parametrize("driver", ["capi-helm", "cluster-api", "unknown"])
def test_after_an_upgrade_there_is_nothing_left(driver: str) -> None:
    upgrading = move(driver)
    plan = plan_upgrade(desired(), CLUSTER, upgrading)
    behind = {entry.name for entry in lagging(desired(), CLUSTER, upgrading)}
    after = as_upgraded(CLUSTER, upgrading, behind)
    again = plan_upgrade(desired(), after, replace(upgrading, left=None))
    assert plan.changed and not again.changed
    assert again.before == again.after == plan.after


def test_the_template_in_use_is_no_upgrade() -> None:
    there = replace(CLUSTER, cluster_template_id="t-new", node_groups=CLUSTER.node_groups[:2])
    assert plan_upgrade(desired(), there, move("heat", left=None)) == plan_cluster(desired(), there)


@pytest.mark.parametrize(
    ("groups", "driver", "left", "behind"),
    [
        ((), "cluster-api", OLD, ["gpu"]),
        # all go along, and show nothing of it
        ((), "capi-helm", OLD, []),
        # an interrupted run: what is not declared may have an image of its own
        ((), "cluster-api", None, []),
        ((DesiredGroup("gpu"), DesiredGroup("own")), "cluster-api", None, ["gpu", "own"]),
        ((DesiredGroup("gpu", image_id="one"), DesiredGroup("own", image_id="other")), "unknown", OLD, []),
        ((DesiredGroup("gpu", absent=True),), "cluster-api", OLD, []),
    ],
)
def test_which_groups_follow(
    groups: tuple[DesiredGroup, ...], driver: str, left: ClusterTemplate | None, behind: list[str]
) -> None:
    assert [entry.name for entry in lagging(desired(*groups), CLUSTER, move(driver, left=left))] == behind


def test_purged_groups_do_not_follow_first() -> None:
    purging = replace(desired(), purge_groups=True)
    assert verbs(plan_upgrade(purging, CLUSTER, move())) == ["upgrade", "delete_node_group", "delete_node_group"]


def test_an_image_by_name_and_by_id_is_the_same() -> None:
    def same(_field: str, one: str, other: str) -> bool:
        return {one, other} <= {"one", "two", "other"}

    assert lagging(desired(DesiredGroup("own")), CLUSTER, move(same=same)) == []


def test_a_driver_without_upgrade_is_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        plan_upgrade(desired(), CLUSTER, move("heat"))
    assert "in_place_or_beside" in (caught.value.hint or "")


def test_a_template_that_the_driver_cannot_read() -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_upgrade(desired(), CLUSTER, replace(move(), template=replace(NEW, labels={})))
    assert "kube_tag" in caught.value.message
    assert verbs(plan_upgrade(desired(), CLUSTER, replace(move("unknown"), template=replace(NEW, labels={}))))


def test_a_failed_cluster_is_put_right_first() -> None:
    failed = replace(CLUSTER, status="UPDATE_FAILED", node_groups=CLUSTER.node_groups[:2])
    plan = plan_upgrade(desired(), failed, move())
    assert verbs(plan) == ["resize", "upgrade"]
    assert (plan.before["status"], plan.after["status"]) == ("UPDATE_FAILED", "UPDATE_COMPLETE")
    assert (plan.before["cluster_template_id"], plan.after["cluster_template_id"]) == ("t-old", "t-new")


def test_the_version_label_follows_and_other_labels_stay_fixed() -> None:
    plan = plan_upgrade(desired(labels={"kube_tag": "v2", "mine": 1}, merge_labels=True), CLUSTER, move())
    assert plan.before["labels"]["kube_tag"] == "v1" and plan.after["labels"]["kube_tag"] == "v2"
    with pytest.raises(CannotApply) as caught:
        plan_upgrade(desired(labels={"mine": 2}, merge_labels=True), CLUSTER, move())
    assert caught.value.failure()["fields"] == ["labels"]


def test_who_may_not_follow_reads_how() -> None:
    with pytest.raises(CannotApply) as caught:
        plan_cluster(desired(), CLUSTER)
    assert caught.value.failure()["fields"] == ["cluster_template_id"]
    assert "'upgrade: in_place'" in (caught.value.hint or "")


# --- beside


def member(name: str, template: str, at: str) -> Cluster:
    return Cluster(id=f"c-{name}", name=name, cluster_template_id=template, created_at=at, status="CREATE_COMPLETE")


@pytest.mark.parametrize("scheme", ["{name}-{template_id}", "{template}.{name}"])
def test_a_family_is_who_its_own_template_names(scheme: str) -> None:
    names = {"aaaaaaaa-1": "gpu-1", "bbbbbbbb-2": "gpu-2"}
    first = member("ml", "aaaaaaaa-1", "2026-01-01")
    second = member(successor_name(scheme, "ml", "bbbbbbbb-2", "gpu-2"), "bbbbbbbb-2", "2026-01-02")
    strangers = [
        member(second.name, "aaaaaaaa-1", "2026-01-03"),
        member("ml-large", "bbbbbbbb-2", "2026-01-04"),
        member(successor_name(scheme, "ml-large", "bbbbbbbb-2", "gpu-2"), "bbbbbbbb-2", "2026-01-05"),
    ]
    for order in ([first, second, *strangers], [*strangers, second, first]):
        assert family_of("ml", scheme, order, names) == (second, first)
    assert standing_on((second, first), "ml", "aaaaaaaa-1") is first
    assert standing_on((second, first), "ml", "none") is None
    plain = replace(first, cluster_template_id="bbbbbbbb-2")
    assert standing_on((second, plain), "ml", "bbbbbbbb-2") is plain


def test_what_becomes_of_the_replaced() -> None:
    plan, others = Plan("none", {"name": "ml-2"}, {"name": "ml-2"}), [member("ml", "t", "1"), member("ml-1", "t", "2")]
    reported = with_replaced(plan, "ml-2", others, delete=False)
    assert not reported.changed and reported.before == reported.after
    assert [entry["name"] for entry in reported.extra["replaced_clusters"]] == ["ml", "ml-1"]
    deleted = with_replaced(plan, "ml-2", others, delete=True)
    assert deleted.action == "update" and verbs(deleted) == ["delete_replaced_cluster"] * 2
    assert deleted.after["replaced_clusters"] == []
    assert with_replaced(plan, "ml-2", [], delete=True) == plan


PARAMS = {
    "upgrade": "never",
    "max_batch_size": None,
    "beside_name": "{name}-{template_id}",
    "delete_replaced": False,
}


def test_options() -> None:
    assert Follow.from_params(PARAMS) == Follow()
    assert not Follow().allowed


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_batch_size", 0),
        ("beside_name", "{name}"),
        ("beside_name", "{template}"),
        ("beside_name", "{name}-{date}-{template}"),
        ("beside_name", "{name"),
    ],
)
def test_options_that_cannot_be(option: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Follow.from_params({**PARAMS, option: value})
    assert caught.value.resource == option
