# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four steps together: the real clients against a scripted cloud, check mode beside the real run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    CannotApply,
    Conflict,
    InvalidRequest,
    NotFound,
    OperationFailed,
    Unsupported,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    DesiredCluster,
    DesiredGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import ClusterTask
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_tasks import TemplateTask
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import (
    reconcile_cluster,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.templates import reconcile_template
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    ALL_CLUSTERS,
    BY_NAME,
    CLUSTER_ID,
    EMPTY_LISTS,
    GROUPS,
    ONE,
    OTHER_ID,
    RESIZE,
    Hands,
    cluster,
    error,
    group,
    listed,
    read_whole,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    Entry,
    Script,
    scripted_cloud,
)

pytest.importorskip("magnumclient")
TEMPLATE_ID = "70000000-0000-4000-8000-000000000001"
TEMPLATE = {"uuid": TEMPLATE_ID, "name": "t", "coe": "kubernetes", "flavor_id": "f", "labels": {"a": "True"}}
NO_CLUSTER = ("GET", BY_NAME, *error(404, "Cluster c could not be found."))
BY_TEMPLATE = ("GET", "/clustertemplates/t", 200, TEMPLATE)
WANTED = DesiredCluster("c", {"cluster_template_id": "t"}, (DesiredGroup("default-worker", node_count=2),))


@contextmanager
def cloud_of(entries: Sequence[Entry]) -> Iterator[tuple[Any, Script]]:
    with scripted_cloud(entries, ambient=EMPTY_LISTS) as cloud:
        yield connect({"auth": cloud.auth()}), cloud.script


def how(**options: Any) -> How:
    return How(**{"progress": False, "clock": Hands().clock, **options})


def made_of(template_id: str = TEMPLATE_ID, **fields: Any) -> dict[str, Any]:
    return cluster(cluster_template_id=template_id, **fields)


# --- clusters


def test_a_template_given_by_its_name_makes_no_second_cluster() -> None:
    """Magnum stores the id; a tool that compares the texts creates another cluster of the same name."""
    with cloud_of([*read_whole(made_of(), path=BY_NAME), BY_TEMPLATE]) as (connection, script):
        result = reconcile_cluster(connection, ClusterTask(WANTED), how())
        assert script.writes() == []
    assert result["changed"] is False and result["changes"] == [] and result["cluster"]["id"] == CLUSTER_ID
    assert result["diff"]["before"] == result["diff"]["after"]


def test_check_mode_predicts_the_creation_and_sends_nothing() -> None:
    """The diff is the one of the real run."""
    with cloud_of([NO_CLUSTER, BY_TEMPLATE]) as (connection, script):
        foreseen = reconcile_cluster(connection, ClusterTask(WANTED), how(check_mode=True))
        assert script.writes() == []
    entries = [
        NO_CLUSTER, BY_TEMPLATE, NO_CLUSTER, ("POST", "/clusters", 202, {"uuid": CLUSTER_ID}),
        ("GET", ONE, 200, made_of(status="CREATE_IN_PROGRESS")), ("GET", ONE, 200, made_of()), *read_whole(made_of()),
    ]  # fmt: skip
    with cloud_of(entries) as (connection, script):
        result = reconcile_cluster(connection, ClusterTask(WANTED), how())
        sent = next(request.body for request in script.sent if request.method == "POST")
    assert sent == {"name": "c", "cluster_template_id": TEMPLATE_ID, "node_count": 2}
    assert foreseen["changed"] and (foreseen["diff"], foreseen["changes"]) == (result["diff"], result["changes"])
    assert foreseen["cluster"]["node_groups"] == [{"name": "default-worker", "node_count": 2}]
    assert result["cluster"]["node_groups"][0]["node_count"] == 2


def test_check_mode_predicts_the_cluster_after_a_resize() -> None:
    """With the counts as they will be, the sum too, and all else as it is."""
    gpu = group("gpu", node_count=1)
    wanted = DesiredCluster("c", {}, (DesiredGroup("default-worker", node_count=5), DesiredGroup("new", node_count=3)))
    with cloud_of(read_whole(made_of(), group(), gpu, group("default-master", node_count=1), path=BY_NAME)) as (
        connection,
        script,
    ):
        foreseen = reconcile_cluster(connection, ClusterTask(wanted), how(check_mode=True))
        assert script.writes() == []
    counts = {entry["name"]: entry["node_count"] for entry in foreseen["cluster"]["node_groups"]}
    assert counts == {"default-master": 1, "default-worker": 5, "gpu": 1, "new": 3}
    assert foreseen["cluster"]["node_count"] == 9 and foreseen["cluster"]["id"] == CLUSTER_ID


def test_check_mode_predicts_a_purge() -> None:
    """The group is gone from the cluster and from the diff's end."""
    wanted = DesiredCluster("c", {}, (DesiredGroup("default-worker", node_count=2),), True)
    with cloud_of(read_whole(made_of(), group(), group("gpu"), path=BY_NAME)) as (connection, _script):
        foreseen = reconcile_cluster(connection, ClusterTask(wanted), how(check_mode=True))
    assert [entry["name"] for entry in foreseen["cluster"]["node_groups"]] == ["default-worker"]


@pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"])
def test_check_mode_sees_that_a_deletion_is_under_way(status: str) -> None:
    """The real run waits for its end and creates."""
    with cloud_of([("GET", BY_NAME, 200, made_of(status=status)), BY_TEMPLATE]) as (connection, _script):
        foreseen = reconcile_cluster(connection, ClusterTask(WANTED), how(check_mode=True))
    assert foreseen["changes"][0]["verb"] == "create_cluster"


def test_what_is_in_progress_is_waited_for_first() -> None:
    """And compared as it is then; here nothing is left to do."""
    busy = made_of(status="UPDATE_IN_PROGRESS")
    entries = [("GET", BY_NAME, 200, busy), ("GET", ONE, 200, busy, 3), ("GET", ONE, 200, made_of()), BY_TEMPLATE]
    with cloud_of([*entries, *read_whole(made_of())[1:]]) as (connection, _script):
        assert reconcile_cluster(connection, ClusterTask(WANTED), how())["changed"] is False


def test_a_deletion_that_is_under_way_is_waited_for_and_then_it_is_created() -> None:
    """A run that was ended half-way converges. For a moment Magnum shows a cluster that has no node groups any more."""
    entries = [
        ("GET", BY_NAME, 200, made_of(status="DELETE_IN_PROGRESS")), ("GET", ONE, 200, made_of(status="DELETE_COMPLETE")),
        ("GET", ONE, *error(404, "no")), BY_TEMPLATE, NO_CLUSTER, ("POST", "/clusters", 202, {"uuid": OTHER_ID}),
        ("GET", f"/clusters/{OTHER_ID}", 200, made_of(uuid=OTHER_ID), ANY),
        ("GET", GROUPS.replace(CLUSTER_ID, OTHER_ID), 200, {"nodegroups": []}),
    ]  # fmt: skip
    with cloud_of(entries) as (connection, _script):
        result = reconcile_cluster(connection, ClusterTask(WANTED), how())
    assert result["cluster"]["id"] == OTHER_ID


def test_waiting_for_it_to_settle_has_a_deadline() -> None:
    """With the last state, and what it is busy with."""
    busy = group(status="UPDATE_IN_PROGRESS", node_count=3, node_addresses=["10.0.0.1", "10.0.0.2"])
    entries = [
        ("GET", BY_NAME, 200, made_of(status="UPDATE_IN_PROGRESS")),
        ("GET", ONE, 200, made_of(status="UPDATE_IN_PROGRESS"), ANY),
        ("GET", GROUPS, 200, listed(busy)),
        ("GET", f"{ONE}/nodegroups/id-default-worker", 200, busy),
    ]
    with cloud_of(entries) as (connection, _script), pytest.raises(WaitTimeout) as caught:
        reconcile_cluster(connection, ClusterTask(WANTED), how(timeout=20))
    assert caught.value.reason == "node group default-worker 2/3 nodes ready"
    assert "kube-abcde" in str(caught.value.hint) and "no time-out of its own" in str(caught.value.hint)
    assert caught.value.failure()["last_state"]["status"] == "UPDATE_IN_PROGRESS"  # type: ignore[index]


HEALTHY = DesiredCluster("c", {"cluster_template_id": TEMPLATE_ID})


def test_waiting_for_health_is_part_of_a_run_that_changes_nothing() -> None:
    """Looked at until it is well; not in check mode."""
    well = made_of(health_status="HEALTHY", health_status_reason={"api": "ok"})
    entries = [
        *read_whole(made_of(), path=BY_NAME), ("GET", ONE, 200, made_of(health_status="UNHEALTHY"), 3), ("GET", ONE, 200, well),
    ]  # fmt: skip
    with cloud_of(entries) as (connection, script):
        result = reconcile_cluster(connection, ClusterTask(HEALTHY), how(wait_for="healthy"))
        assert script.writes() == []
    assert result["changed"] is False and result["cluster"]["health_status"] == "HEALTHY"
    assert result["cluster"]["node_groups"][0]["node_count"] == 2
    with cloud_of(read_whole(made_of(), path=BY_NAME)) as (connection, _script):
        assert not reconcile_cluster(connection, ClusterTask(HEALTHY), how(wait_for="healthy", check_mode=True))[
            "changed"
        ]


@pytest.mark.parametrize(
    ("health", "reasons", "told", "hint"),
    [
        (
            "UNHEALTHY",
            {"api": "ok", "node-1.Ready": "False", "node-0.Ready": "True"},
            "node-1.Ready: False",
            "nodes node-1",
        ),
        ("UNHEALTHY", {"api": "The read operation timed out"}, "api: The read operation timed out", "API answers at"),
        ("UNHEALTHY", {}, "Magnum says UNHEALTHY and gives no reason", "API answers at"),
        (
            "UNKNOWN",
            {"api": "The cluster is not accessible."},
            "api: The cluster is not accessible.",
            "without a public",
        ),
        (None, {}, "Magnum has not looked yet", "API answers at"),
    ],
)
def test_health_that_does_not_come(health: str | None, reasons: dict[str, str], told: str, hint: str) -> None:
    """The time-out names what is wrong, and what is well no more."""
    ill = made_of(health_status=health, health_status_reason=reasons)
    entries = [*read_whole(ill, path=BY_NAME), ("GET", ONE, 200, ill, ANY)]
    with cloud_of(entries) as (connection, _script), pytest.raises(WaitTimeout) as caught:
        reconcile_cluster(connection, ClusterTask(HEALTHY), how(wait_for="healthy", timeout=60))
    assert caught.value.code == "NOT_HEALTHY" and "60 s" in caught.value.message
    assert (
        told in str(caught.value.reason)
        and "api: ok" not in str(caught.value.reason)
        and hint in str(caught.value.hint)
    )
    assert caught.value.details["result"] == {"changed": False, "changes": [], "changes_left": []}


def test_health_without_waiting_is_refused() -> None:
    """Before anything is asked."""
    with cloud_of([]) as (connection, _script), pytest.raises(InvalidRequest):
        reconcile_cluster(connection, ClusterTask(HEALTHY), how(wait_for="healthy", wait=False))


def test_a_cluster_that_goes_while_its_health_is_waited_for() -> None:
    """Said as such."""
    entries = [*read_whole(made_of(), path=BY_NAME), ("GET", ONE, *error(404, "no"))]
    with cloud_of(entries) as (connection, _script), pytest.raises(NotFound):
        reconcile_cluster(connection, ClusterTask(HEALTHY), how(wait_for="healthy"))


@pytest.mark.parametrize("check_mode", [False, True])
def test_without_waiting_what_is_in_progress_is_not_changed(check_mode: bool) -> None:
    """But may well be what was declared: a second run of a creation changes nothing."""
    busy = made_of(status="CREATE_IN_PROGRESS")
    options = how(wait=False, check_mode=check_mode)
    with cloud_of([*read_whole(busy, path=BY_NAME), BY_TEMPLATE]) as (connection, _script):
        assert reconcile_cluster(connection, ClusterTask(WANTED), options)["changed"] is False
    more = replace(WANTED, groups=(DesiredGroup("default-worker", node_count=3),))
    with cloud_of([*read_whole(busy, path=BY_NAME), BY_TEMPLATE]) as (connection, script):
        with pytest.raises(Conflict) as caught:
            reconcile_cluster(connection, ClusterTask(more), options)
        assert script.writes() == []
    assert "CREATE_IN_PROGRESS" in caught.value.message


@pytest.mark.parametrize("check_mode", [False, True])
def test_without_waiting_there_is_room_for_one_change(check_mode: bool) -> None:
    """Two follow one another; refused in check mode, too."""
    wanted = DesiredCluster("c", {}, (DesiredGroup("default-worker", node_count=3), DesiredGroup("gpu", node_count=1)))
    with cloud_of(read_whole(made_of(), path=BY_NAME)) as (connection, script):
        with pytest.raises(InvalidRequest) as caught:
            reconcile_cluster(connection, ClusterTask(wanted), how(wait=False, check_mode=check_mode))
        assert script.writes() == []
    assert "resize, create_node_group" in str(caught.value.reason)


def test_a_doubled_name_creates_and_deletes_nothing() -> None:
    """Whatever is wanted."""
    both = {"clusters": [made_of(), made_of(uuid=OTHER_ID)]}
    entries = [
        ("GET", BY_NAME, *error(409, "Multiple clusters exist with same name.")),
        ("GET", ALL_CLUSTERS, 200, both),
    ]
    for present in (True, False):
        with cloud_of(entries) as (connection, script):
            with pytest.raises(Ambiguous) as caught:
                reconcile_cluster(connection, ClusterTask(WANTED, present), how())
            assert script.writes() == [] and caught.value.failure()["ids"] == [CLUSTER_ID, OTHER_ID]


@pytest.mark.parametrize("check_mode", [False, True])
def test_wrong_template(check_mode: bool) -> None:
    """Refused with those that there are, before anything is sent."""
    entries = [
        NO_CLUSTER, ("GET", "/clustertemplates/t", *error(404, "no")),
        ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": [{**TEMPLATE, "name": "gpu-template"}]}, 2),
    ]  # fmt: skip
    with cloud_of(entries) as (connection, script):
        with pytest.raises(InvalidRequest) as caught:
            reconcile_cluster(connection, ClusterTask(WANTED), how(check_mode=check_mode))
        assert script.writes() == []
    assert caught.value.code == "REFERENCE_NOT_FOUND" and "gpu-template" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (DesiredCluster("c"), "cluster_template"),
        (DesiredCluster(OTHER_ID, {"cluster_template_id": "t"}), "name"),
    ],
)
def test_what_a_creation_needs(wanted: DesiredCluster, word: str) -> None:
    """A template, and a name that is no id."""
    missing = ("GET", f"/clusters/{wanted.name}", *error(404, "no"))
    with cloud_of([missing]) as (connection, _script), pytest.raises(InvalidRequest) as caught:
        reconcile_cluster(connection, ClusterTask(wanted), how())
    assert f"'{word}'" in caught.value.message


@pytest.mark.parametrize("status", ["CREATE_FAILED", "DELETE_FAILED"])
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_cluster_beyond_repair_is_an_error_with_its_reason(status: str, check_mode: bool) -> None:
    """Unless recreating is allowed; check mode says the same."""
    failed = made_of(status=status, status_reason="default-worker failed", faults={"default-worker": "Timed out"})
    entries = [*read_whole(failed, path=BY_NAME), BY_TEMPLATE]
    options = how(check_mode=check_mode)
    with cloud_of(entries) as (connection, script):
        with pytest.raises(OperationFailed) as caught:
            reconcile_cluster(connection, ClusterTask(WANTED), options)
        assert script.writes() == []
    assert caught.value.code == "DRIVER_TIMEOUT" and "Timed out" in str(caught.value.reason)
    assert caught.value.failure()["status"] == status
    with cloud_of(entries) as (connection, _script):
        foreseen = reconcile_cluster(connection, ClusterTask(WANTED, True, recreate=True), how(check_mode=True))
    assert [change["verb"] for change in foreseen["changes"]] == ["delete_cluster", "create_cluster"]


def test_absent() -> None:
    """In check mode, for real, and again."""
    gone = ("GET", ONE, *error(404, "no"))
    with cloud_of(read_whole(made_of(), path=BY_NAME)) as (connection, script):
        foreseen = reconcile_cluster(connection, ClusterTask(DesiredCluster("c"), False), how(check_mode=True))
        assert script.writes() == []
    with cloud_of([*read_whole(made_of(), path=BY_NAME), ("DELETE", ONE, 204, None), gone]) as (connection, _script):
        result = reconcile_cluster(connection, ClusterTask(DesiredCluster("c"), False), how())
    assert result == foreseen and result["changed"] and result["cluster"] is None
    with cloud_of([NO_CLUSTER]) as (connection, _script):
        again = reconcile_cluster(connection, ClusterTask(DesiredCluster("c"), False), how())
    assert again["changed"] is False and again["cluster"] is None


def test_a_dropped_resize_from_end_to_end() -> None:
    """Read, planned, sent, missed, sent again, seen."""
    wanted = DesiredCluster("c", {}, (DesiredGroup("default-worker", node_count=3),))
    entries = [
        *read_whole(made_of(), path=BY_NAME), ("GET", ONE, 200, made_of()), ("GET", GROUPS, 200, listed(group())),
        ("POST", RESIZE, 202, None),
        ("GET", ONE, 200, made_of(), ANY), ("GET", GROUPS, 200, listed(group()), ANY),
        ("POST", RESIZE, 202, None),
        ("GET", ONE, 200, made_of(status="UPDATE_IN_PROGRESS")),
        ("GET", ONE, 200, made_of(status="UPDATE_COMPLETE")), ("GET", GROUPS, 200, listed(group(node_count=3))),
        *read_whole(made_of(), group(node_count=3)),
    ]  # fmt: skip
    with cloud_of(entries) as (connection, script):
        result = reconcile_cluster(connection, ClusterTask(wanted), how())
        assert script.writes() == [f"POST {RESIZE}"] * 2
    assert result["changed"] and result["diff"]["after"]["node_groups"] == {"default-worker": {"node_count": 3}}


# --- templates

YOUNGER_ID = "99999999-2222-4333-8444-555555555555"
ALL_TEMPLATES = r"/clustertemplates/detail\?limit=1000000"
NO_TEMPLATE = ("GET", "/clustertemplates/t", *error(404, "ClusterTemplate t could not be found."))
BY_ID = ("GET", f"/clustertemplates/{TEMPLATE_ID}", 200, {**TEMPLATE, "flavor_id": None, "labels": {"b": "4"}})
USED = ("GET", ALL_CLUSTERS, 200, {"clusters": [made_of()]})
UNUSED = ("GET", ALL_CLUSTERS, 200, {"clusters": [made_of("other")]})


def test_template_steps() -> None:
    """Create and again, each in check mode as well; one request where nothing changes."""
    given = {"coe": "kubernetes", "labels": {"b": 4}}
    created = {**TEMPLATE, "labels": {"b": "4"}}
    with cloud_of([NO_TEMPLATE]) as (connection, _script):
        foreseen = reconcile_template(connection, TemplateTask("t", given), how(check_mode=True))
    with cloud_of([NO_TEMPLATE, ("POST", "/clustertemplates", 201, created), BY_ID]) as (connection, script):
        result = reconcile_template(connection, TemplateTask("t", given), how())
        (post,) = [request for request in script.sent if request.method == "POST"]
        assert post.body == {"name": "t", "coe": "kubernetes", "labels": {"b": "4"}}
    assert result["diff"] == foreseen["diff"] and result["changes"] == foreseen["changes"]
    assert result["cluster_template"]["id"] == TEMPLATE_ID
    with cloud_of([("GET", "/clustertemplates/t", 200, created)]) as (connection, script):
        again = reconcile_template(connection, TemplateTask("t", given), how())
        assert again["changed"] is False and len(script.sent) == 1


@pytest.mark.parametrize(("labels", "changed"), [({"b": "4"}, False), ({"b": "5"}, True)])
def test_a_template_that_another_run_made_at_once_is_compared(labels: dict[str, str], changed: bool) -> None:
    """The younger one is deleted, and the older one becomes what is declared."""
    given = {"coe": "kubernetes", "labels": {"b": 4}}
    ours = {**TEMPLATE, "uuid": YOUNGER_ID, "created_at": "2026-01-01T00:00:09+00:00"}
    theirs = {**TEMPLATE, "labels": labels, "created_at": "2026-01-01T00:00:08+00:00"}
    entries = [
        NO_TEMPLATE,
        ("POST", "/clustertemplates", 201, ours),
        ("GET", ALL_TEMPLATES, 200, {"clustertemplates": [ours, theirs]}),
        ("DELETE", f"/clustertemplates/{YOUNGER_ID}", 204, None),
        ("GET", "/clustertemplates/t", 200, theirs),
        *([UNUSED, ("PATCH", f"/clustertemplates/{TEMPLATE_ID}", 200, TEMPLATE), BY_ID] if changed else []),
    ]
    with cloud_of(entries) as (connection, script):
        result = reconcile_template(connection, TemplateTask("t", given), how())
        assert [write.split()[0] for write in script.writes()] == ["POST", "DELETE", *(["PATCH"] if changed else [])]
    assert result["changed"] is changed and result["cluster_template"]["id"] == TEMPLATE_ID


def test_template_update_and_delete() -> None:
    """Only what differs is sent."""
    patch = ("PATCH", f"/clustertemplates/{TEMPLATE_ID}", 200, TEMPLATE)
    with cloud_of([BY_TEMPLATE, UNUSED, patch, BY_ID]) as (connection, script):
        result = reconcile_template(connection, TemplateTask("t", {"coe": "kubernetes", "labels": {"b": 4}}), how())
        assert script.sent[2].body == [{"op": "replace", "path": "/labels", "value": "{'b': '4'}"}]
    assert result["diff"]["before"]["labels"] == {"a": "true"} and result["diff"]["after"]["labels"] == {"b": "4"}
    delete = ("DELETE", f"/clustertemplates/{TEMPLATE_ID}", 204, None)
    with cloud_of([BY_TEMPLATE, UNUSED, delete]) as (connection, _script):
        assert reconcile_template(connection, TemplateTask("t", {}, False), how())["cluster_template"] is None
    with cloud_of([NO_TEMPLATE]) as (connection, _script):
        assert reconcile_template(connection, TemplateTask("t", {}, False), how())["changed"] is False


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("present", [False, True])
def test_a_template_in_use_is_left_alone(check_mode: bool, present: bool) -> None:
    """With the names of the clusters; check mode says the same."""
    with cloud_of([BY_TEMPLATE, USED]) as (connection, script):
        with pytest.raises(CannotApply) as caught:
            reconcile_template(connection, TemplateTask("t", {"labels": {}}, present), how(check_mode=check_mode))
        assert script.writes() == []
    assert caught.value.failure()["used_by"] == ["c"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_old_magnum_gets_no_template_without_flavors(check_mode: bool) -> None:
    """It would answer 500; with both flavors, and on a newer one, nothing is refused."""
    for newest, given, refused in (
        ("1.11", {"coe": "kubernetes"}, "'flavor' and 'master_flavor'"),
        ("1.12", {"coe": "kubernetes"}, ""),
    ):
        script = [
            NO_TEMPLATE,
            *([] if refused or check_mode else [("POST", "/clustertemplates", 201, TEMPLATE), BY_ID]),
        ]
        with scripted_cloud(script, ambient=EMPTY_LISTS, newest=newest) as cloud:
            connection = connect({"auth": cloud.auth()})
            if refused:
                with pytest.raises(Unsupported) as caught:
                    reconcile_template(connection, TemplateTask("t", given), how(check_mode=check_mode))
                assert refused in caught.value.message and cloud.script.writes() == []
            else:
                assert reconcile_template(connection, TemplateTask("t", given), how(check_mode=check_mode))["changed"]
