# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for a cluster is made from its situation alone: what was not read is never asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import identify_driver
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    DesiredGroup,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.names import (
    KINDS,
    Names,
    compared_in_cluster,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import PLACE_LABEL
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import IN_PLACE, Follow
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import (
    ClusterSituation,
    ClusterTask,
    plan_task,
)

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

# Three things, the first with a name and an id, and one that does not exist.
IDS = {"big": "1", "1": "1", "small": "2", "other": "3"}
TEXTS = st.sampled_from([*IDS, "gone", None])
NAMES = ["default-worker", "gpu", "gpu-0a1b2c", "own"]


@st.composite
def node_group(draw: Any, name: str) -> NodeGroup:
    labels = {PLACE_LABEL: "gpu"} if name == "gpu-0a1b2c" else {}
    return NodeGroup(
        f"id-{name}", name, flavor_id=draw(TEXTS), image_id=draw(TEXTS), labels=labels, node_count=draw(st.integers(0, 3)),
        is_default=name.startswith("default"), status="CREATE_COMPLETE", detailed=True,
    )  # fmt: skip


@st.composite
def situation(draw: Any) -> tuple[ClusterTask, ClusterSituation]:
    there = draw(st.lists(st.sampled_from(NAMES), unique=True))
    declared = draw(st.lists(st.sampled_from(NAMES), unique=True))
    groups = tuple(
        DesiredGroup(name, flavor_id=draw(TEXTS), image_id=draw(TEXTS), absent=draw(st.booleans())) for name in declared
    )
    desired = DesiredCluster(
        "c",
        {"cluster_template_id": "t-new", "flavor_id": draw(TEXTS), "keypair": draw(TEXTS)},
        groups,
        purge_groups=draw(st.booleans()),
        replace_groups=draw(st.sampled_from(["refuse", "create", "finish"])),
    )
    actual = Cluster(
        "id", "c", cluster_template_id=draw(st.sampled_from(["t-old", "t-new"])), flavor_id=draw(TEXTS), keypair=draw(TEXTS),
        status=draw(st.sampled_from(["CREATE_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED"])),
        node_groups=tuple(draw(node_group(name)) for name in there),
    )  # fmt: skip
    moves = actual.status != "CREATE_FAILED"
    template = ClusterTemplate("t-new", "new", image_id=draw(TEXTS), labels={"kube_tag": "v2"}) if moves else None
    left = ClusterTemplate("t-old", "old", image_id=draw(TEXTS)) if moves else None
    driver = identify_driver(said=draw(st.sampled_from(["heat", "cluster-api", "capi-helm"])))
    read = ClusterSituation(desired, actual, template=template, left=left, driver=driver)
    return ClusterTask(desired, recreate=draw(st.booleans()), follow=Follow(IN_PLACE)), read


def as_read(found: ClusterSituation) -> Names:
    """What the reading looks up: the left value of each pair that differs, and the right one where there is such a thing."""
    pairs = compared_in_cluster(found.desired, found.actual, (found.template, found.left), found.driver)
    ids: dict[tuple[str, str], str | None] = {}
    for key, left, right in pairs:
        if left != right and left is not None and right is not None:
            kind = KINDS[key][0]
            ids[kind, left] = IDS.get(left)
            if ids[kind, left] is not None:
                ids[kind, right] = IDS.get(right)
    return Names(ids)


@hypothesis.given(situation())
def test_the_reading_covers_every_pair_that_the_plan_compares(given: tuple[ClusterTask, ClusterSituation]) -> None:
    """A pair that is missing raises KeyError; a refusal is an answer."""
    task, read = given
    read = replace(read, names=as_read(read))
    try:
        first = plan_task(task, read)
    except KcloudError:
        return
    assert plan_task(task, read) == first


def test_a_name_and_an_id_of_one_flavor_are_no_difference() -> None:
    """Neither on the cluster nor on a group."""
    actual = Cluster(
        "id", "c", status="CREATE_COMPLETE", flavor_id="1",
        node_groups=(NodeGroup("g", "gpu", flavor_id="1", node_count=1, status="CREATE_COMPLETE", detailed=True),),
    )  # fmt: skip
    desired = DesiredCluster("c", {"flavor_id": "big"}, (DesiredGroup("gpu", flavor_id="big", node_count=1),))
    read = ClusterSituation(desired, actual)
    plan = plan_task(ClusterTask(desired), replace(read, names=as_read(read))).plan
    assert (plan.action, plan.changes) == ("none", ())


@pytest.mark.parametrize(
    ("status", "recreate", "labels"),
    [(None, False, {"kcloud_environment": "dev"}), ("CREATE_FAILED", True, {"kcloud_environment": "dev"}),
     ("CREATE_COMPLETE", False, None)],
)  # fmt: skip
def test_labels_of_the_creation_are_compared_with_nothing_later(
    status: str | None, recreate: bool, labels: Any
) -> None:
    desired = DesiredCluster("c", {"cluster_template_id": "t"})
    actual = None if status is None else Cluster("id", "c", status=status, cluster_template_id="t")
    task = ClusterTask(desired, recreate=recreate, created_with={"kcloud_environment": "dev"})
    plan = plan_task(task, ClusterSituation(desired, actual)).plan
    made = [change.arguments.get("labels") for change in plan.changes if change.verb == "create_cluster"]
    assert made == ([] if labels is None else [labels])
