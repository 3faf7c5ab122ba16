# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real python-magnumclient against scripted HTTP: what is sent, and what answers become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    CloudUnreachable,
    InvalidRequest,
    KcloudError,
    NotFound,
    ServiceError,
    Unclear,
    Unreadable,
    Unsupported,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.endpoint import (
    choose_version,
    parse_version,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    ALL_CLUSTERS,
    BY_NAME,
    CLUSTER_ID,
    GROUPS,
    ONE,
    OTHER_ID,
    RESIZE,
    Hands,
    cluster,
    error,
    group,
    listed,
    magnum,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import ANY, PROJECT

pytest.importorskip("magnumclient")
CLUSTER = Cluster.from_api(cluster())
GROUP = NodeGroup.from_api(group(), detailed=True)
TEMPLATE = ClusterTemplate("t-1", "t")
OTHERS = "22222222222222222222222222222222"
TWICE = error(409, "Multiple clusters exist with same name. Please use the cluster uuid instead.")


# --- versions


@pytest.mark.parametrize(
    ("newest", "cap", "version"),
    [
        ("1.12", None, "1.12"),
        ("1.14", None, "1.14"),
        ("1.20", None, "1.14"),
        ("1.12", "1.11", "1.11"),
        ("1.12", "1.15", "1.12"),
        ("1.10", None, "1.10"),
    ],
)
def test_the_version_is_agreed_on_and_sent(newest: str, cap: str | None, version: str) -> None:
    """The newest that the server, the user and this code know; in the header of every request."""
    with magnum([("GET", BY_NAME, 200, cluster())], cap, newest=newest) as (api, script):
        api.cluster("c")
        assert [request.headers["OpenStack-API-Version"] for request in script.sent] == [f"container-infra {version}"]


@pytest.mark.parametrize(("newest", "cap"), [("1.9", None), ("1.12", "1.9"), ("1.12", "1.1")])
def test_versions_without_node_groups(newest: str, cap: str | None) -> None:
    """Are refused at once, with both sides' limits, and not by a 406 half-way."""
    with pytest.raises(Unsupported) as caught, magnum([], cap, newest=newest):
        pass
    assert newest in str(caught.value.reason) and "1.10" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["", "latest", "1", "1.x", "1.11.2", "v1.11"])
def test_what_is_no_version(text: str) -> None:
    """Is an error of the option."""
    with pytest.raises(InvalidRequest) as caught:
        parse_version(text)
    assert caught.value.resource == "api_version"


def test_versions_are_numbers_and_not_text() -> None:
    """1.9 is older than 1.10."""
    assert choose_version((1, 12), (1, 11)) == parse_version(" 1.11 ")
    assert parse_version("1.9") < parse_version("1.10")


def test_a_cloud_without_magnum() -> None:
    """Is told by name, before anything is asked."""
    with pytest.raises(NotFound) as caught, magnum([], has_magnum=False):
        pass
    assert caught.value.code == "SERVICE_NOT_IN_CATALOG" and caught.value.resource == "container-infra"


# --- reading clusters


def test_a_cluster_by_name_costs_one_request() -> None:
    """Never a list: Magnum asks Keystone once per cluster in it."""
    with magnum([("GET", BY_NAME, 200, cluster())]) as (api, _script):
        found = api.cluster("c")
    assert found is not None and (found.id, found.name, found.stack_id) == (CLUSTER_ID, "c", "kube-abcde")


def test_no_such_cluster_is_none() -> None:
    """Not an error, when a look at it and the list say the same."""
    missing = ("GET", BY_NAME, *error(404, "Cluster c could not be found."))
    with magnum([missing, ("GET", ALL_CLUSTERS, 200, {"clusters": [cluster(name="d", uuid=OTHER_ID)]})]) as (
        api,
        _script,
    ):
        assert api.cluster("c") is None


def test_a_404_of_a_moment_is_no_absence() -> None:
    """The list has the cluster: it is there."""
    missing = ("GET", BY_NAME, *error(404, "Cluster c could not be found."))
    with magnum([missing, ("GET", ALL_CLUSTERS, 200, {"clusters": [cluster()]})]) as (api, _script):
        found = api.cluster("c")
    assert found is not None and found.id == CLUSTER_ID


@pytest.mark.parametrize("name", ["c#prod", "nothing/../c", "../clusters/c", "c?x=1", "c%2e", "", ".", ".."])
def test_a_name_that_an_address_would_change_is_looked_for_in_the_list(name: str) -> None:
    """It is a part of no address, so it reaches no other object."""
    with magnum([("GET", ALL_CLUSTERS, 200, {"clusters": [cluster()]})]) as (api, script):
        assert api.cluster(name) is None
        assert [request.method for request in script.sent] == ["GET"]


@pytest.mark.parametrize(("name", "uuid"), [("d", OTHER_ID), ("c2", CLUSTER_ID)])
def test_an_answer_about_another_cluster_is_an_error(name: str, uuid: str) -> None:
    """A proxy may rewrite addresses."""
    script = [("GET", BY_NAME, 200, cluster(name=name, uuid=uuid))]
    with magnum(script) as (api, _script), pytest.raises(ServiceError) as caught:
        api.cluster("c")
    assert caught.value.code == "BROKEN_ANSWER" and f"'{name}'" in str(caught.value.reason)


def test_a_doubled_name_lists_the_ids() -> None:
    """Names are not unique in Magnum."""
    both = {"clusters": [cluster(uuid=OTHER_ID), cluster(), cluster(uuid="x", name="other")]}
    script = [("GET", BY_NAME, *TWICE), ("GET", ALL_CLUSTERS, 200, both)]
    with magnum(script) as (api, _script), pytest.raises(Ambiguous) as caught:
        api.cluster("c")
    failure = caught.value.failure()
    assert failure["code"] == "AMBIGUOUS_NAME" and failure["ids"] == [CLUSTER_ID, OTHER_ID]
    assert CLUSTER_ID in str(failure["reason"]) and "id" in str(failure["hint"])


def test_a_name_that_is_doubled_in_another_project_is_not() -> None:
    """An admin's GET sees both; only ours counts."""
    both = {"clusters": [cluster(), cluster(uuid=OTHER_ID, project_id=OTHERS)]}
    with magnum([("GET", BY_NAME, *TWICE), ("GET", ALL_CLUSTERS, 200, both)]) as (api, _script):
        found = api.cluster("c")
    assert found is not None and found.id == CLUSTER_ID


@pytest.mark.parametrize("ours", [[], [cluster(uuid=OTHER_ID)]])
def test_an_admin_does_not_touch_another_projects_cluster(ours: list[dict[str, Any]]) -> None:
    """It is found by its name, could be deleted, and is not ours."""
    foreign = cluster(project_id=OTHERS)
    with magnum([("GET", BY_NAME, 200, foreign), ("GET", ALL_CLUSTERS, 200, {"clusters": [foreign, *ours]})]) as (
        api,
        _sent,
    ):
        found = api.cluster("c")
    assert (found.id if found else None) == (OTHER_ID if ours else None)


def test_lists_follow_every_page_and_hold_our_project_only() -> None:
    """The client by itself reads one page and drops the rest."""
    page = "/v1/clusters/detail?limit=2&marker=x"
    second = r"/clusters/detail\?limit=2&marker=x"
    foreign = cluster(uuid="y", name="a", project_id=OTHERS)
    with magnum(
        [
            ("GET", second, 200, {"clusters": [cluster(name="a")]}),
            ("GET", ALL_CLUSTERS, 200, {"clusters": [cluster(uuid=OTHER_ID), foreign], "next": f"http://h{page}"}),
        ]
    ) as (api, script):
        assert [(found.name, found.id) for found in api.clusters()] == [("a", CLUSTER_ID), ("c", OTHER_ID)]
        assert len(script.sent) == 2


BAD = error(400, "Invalid input for field/attribute master_count. Value: '0'. Value should be greater or equal to 1")
PAGE = r"/clusters/detail\?limit={}{}&sort_key={}&sort_dir={}"
STATS = f"/stats\\?project_id={PROJECT}"


def pages(*answers: tuple[int, str, str, str, Any]) -> list[Any]:
    """Script entries of pages: limit, marker, key, direction and what is answered; the first is the whole list, blocked."""
    parts = [
        ("GET", PAGE.format(limit, f"&marker={marker}" if marker else "", key, direction), *answer)
        for limit, marker, key, direction, answer in answers
    ]
    return [("GET", ALL_CLUSTERS, *BAD), *parts]


def test_a_cluster_that_magnum_cannot_show_hides_no_other() -> None:
    """It has lost its node groups, and every list that holds it is a 400: it is read around."""
    one, other = cluster(), cluster(uuid=OTHER_ID, name="a")
    script = pages(
        *[(size, "", "id", "asc", BAD) for size in (64, 16, 4)],
        (1, "", "id", "asc", (200, {"clusters": [one]})),
        (1, CLUSTER_ID, "id", "asc", BAD),
        *[(size, "", "id", "desc", BAD) for size in (64, 16, 4)],
        (1, "", "id", "desc", (200, {"clusters": [other]})),
        (1, OTHER_ID, "id", "desc", BAD),
    )
    with magnum([*script, ("GET", STATS, 200, {"clusters": 3, "nodes": 1})]) as (api, _script):
        assert [found.name for found in api.clusters()] == ["a", "c"]


def test_a_wait_does_not_wait_for_a_cluster_that_cannot_be_shown() -> None:
    """It may stay so for good; what is asked for is looked for once more by itself."""
    hands = Hands()
    missing = ("GET", BY_NAME, *error(404, "Cluster c could not be found."))
    with magnum([missing, ("GET", ALL_CLUSTERS, *BAD), missing]) as (api, script):
        assert api.patient(Deadline.after(3600, hands.clock)).cluster("c") is None
        assert hands.at == 1000 and len(script.sent) == 3


def test_a_list_with_more_that_cannot_be_shown_waits_until_they_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands between them would be missed; a removal is over in a moment."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    blocked = [
        (size, "", key, way, BAD)
        for key in ("id", "uuid", "name")
        for way in ("asc", "desc")
        for size in (64, 16, 4, 1)
    ]
    script = [*pages(*blocked), ("GET", STATS, 200, {"clusters": 3, "nodes": 1})]
    with magnum([*script, ("GET", ALL_CLUSTERS, 200, {"clusters": [cluster()]})]) as (api, _script):
        assert [found.name for found in api.clusters()] == ["c"]
    assert slept == [1.0]


@pytest.mark.parametrize(
    ("stats", "unread"),
    [((200, {"clusters": 2}), "2"), (error(403, "not allowed"), "some"), (error(404, "no"), "some")],
)
def test_a_list_that_stays_incomplete_is_an_error(
    monkeypatch: pytest.MonkeyPatch, stats: tuple[int, Any], unread: str
) -> None:
    """Nothing is missed without a word, and a list that nobody counts is not taken for a whole one."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    script = [("GET", ALL_CLUSTERS, *BAD, ANY), ("GET", STATS, *stats, ANY)]
    with magnum(script) as (api, _script), pytest.raises(Unreadable) as caught:
        api.clusters()
    assert caught.value.message == f"Failed to list clusters: {unread} of them cannot be read"
    assert "coe cluster delete" in (caught.value.hint or "")


def test_a_cluster_that_magnum_cannot_show_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, with the way to be rid of it; it is not taken for one of several of that name."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with magnum([("GET", BY_NAME, *BAD, ANY)]) as (api, _script), pytest.raises(Unreadable) as caught:
        api.cluster("c")
    assert caught.value.resource == "cluster/c"


def test_other_drivers_call_the_stack_otherwise() -> None:
    """Microversion 1.13 renames ``stack_id``."""
    answer = {**cluster(), "cluster_id": "kube-zzzzz"}
    del answer["stack_id"]
    with magnum([("GET", BY_NAME, 200, answer)]) as (api, _script):
        found = api.cluster("c")
    assert found is not None and found.stack_id == "kube-zzzzz"


def test_bounds_come_from_each_group_and_not_from_the_list() -> None:
    """The list says 0 and None whatever they are."""
    both = [group("gpu", min_node_count=1, max_node_count=4, node_addresses=["10.0.0.5"]), group(max_node_count=9)]
    each = [("GET", f"{ONE}/nodegroups/{one['uuid']}", 200, one) for one in both]
    with magnum([("GET", GROUPS, 200, listed(*both)), *each]) as (api, _script):
        found = api.with_groups(CLUSTER)
    assert [(one.name, one.min_node_count, one.max_node_count) for one in found.node_groups] == [
        ("default-worker", 0, 9), ("gpu", 1, 4),
    ]  # fmt: skip
    assert found.node_groups[1].node_addresses == ("10.0.0.5",)


def test_a_group_that_goes_between_list_and_look() -> None:
    """Is not there."""
    gone = ("GET", f"{ONE}/nodegroups/id-gpu", *error(404, "no"))
    there = ("GET", f"{ONE}/nodegroups/id-default-worker", 200, group())
    with magnum([("GET", GROUPS, 200, listed(group(), group("gpu"))), gone, there]) as (api, _script):
        assert [one.name for one in api.with_groups(CLUSTER).node_groups] == ["default-worker"]


# --- writing


def test_what_writes_send() -> None:
    """Methods, paths and bodies: resize is an action with the group's id, bounds are a PATCH of the group."""
    group_path = f"{ONE}/nodegroups/id-default-worker"
    with magnum(
        [
            ("POST", "/clusters", 202, {"uuid": CLUSTER_ID}),
            ("POST", RESIZE, 202, {"uuid": CLUSTER_ID}),
            ("PATCH", group_path, 202, group()),
            ("POST", f"{ONE}/nodegroups/", 202, group("gpu")),
            ("DELETE", group_path, 204, None),
            ("DELETE", ONE, 204, None),
            ("PATCH", "/clustertemplates/t-1", 200, {"uuid": "t-1", "name": "t"}),
        ]
    ) as (api, script):
        assert api.create_cluster({"name": "c", "cluster_template_id": "t-1", "labels": {"a": "true"}}) == CLUSTER_ID
        api.resize(CLUSTER, GROUP, 0)
        api.update_node_group(CLUSTER, GROUP, {"min_node_count": 1, "max_node_count": 4})
        api.create_node_group(CLUSTER, "gpu", {"flavor_id": "f", "node_count": 0})
        assert api.delete_node_group(CLUSTER, GROUP) is True
        assert api.delete_cluster(CLUSTER) is True
        api.update_cluster_template(TEMPLATE, {"labels": {"a": "1"}, "hidden": True})
        bodies = [request.body for request in script.sent]
    assert bodies[0] == {"name": "c", "cluster_template_id": "t-1", "labels": {"a": "true"}}
    assert bodies[1] == {"node_count": 0, "nodegroup": "id-default-worker"}
    assert bodies[2] == [
        {"op": "replace", "path": "/max_node_count", "value": 4},
        {"op": "replace", "path": "/min_node_count", "value": 1},
    ]
    assert bodies[3] == {"name": "gpu", "flavor_id": "f", "node_count": 0}
    assert bodies[6][1] == {"op": "replace", "path": "/labels", "value": "{'a': '1'}"}


def test_deleting_what_is_gone_is_false() -> None:
    """Somebody was faster."""
    gone = error(404, "Cluster could not be found.")
    with magnum([("DELETE", ONE, *gone), ("DELETE", f"{ONE}/nodegroups/id-default-worker", *gone)]) as (api, _script):
        assert api.delete_cluster(CLUSTER) is False
        assert api.delete_node_group(CLUSTER, GROUP) is False


@pytest.mark.parametrize(
    ("status", "detail", "code"),
    [
        (
            403,
            "You have reached the maximum clusters per project, 2. You may delete a cluster... quota",
            "QUOTA_EXCEEDED",
        ),
        (403, "Resource limit for project p exceeded (quota)", "QUOTA_EXCEEDED"),
        (403, "Policy doesn't allow cluster:create to be performed.", "NOT_PERMITTED"),
        (400, "Cluster type (vm, None, kubernetes) not supported", "IMAGE_NOT_SUPPORTED"),
        (400, "Image 5a3d could not be found", "IMAGE_NOT_FOUND"),
        (404, "Unable to find keypair k", "KEYPAIR_NOT_FOUND"),
        (400, "something else", "REJECTED"),
        (404, "ClusterTemplate x could not be found.", "NOT_FOUND"),
        (409, "busy", "CONFLICT"),
        (500, "oops", "SERVICE_ERROR"),
        (503, "down", "SERVICE_ERROR"),
    ],
)
def test_errors_of_writes(status: int, detail: str, code: str) -> None:
    """Sent once, whatever comes back; Magnum's own words are the reason, and there is always a fix."""
    with magnum([("POST", "/clusters", *error(status, detail))]) as (api, script):
        with pytest.raises((KcloudError, Unclear)) as caught:
            api.create_cluster({"name": "c"})
        assert len(script.sent) == 1
    # After a 5xx it may have been carried out all the same: the caller looks before it tells the error
    assert isinstance(caught.value, Unclear) is (status >= 500)
    error_told = caught.value.error if isinstance(caught.value, Unclear) else caught.value
    failure = error_told.failure()
    assert failure["code"] == code and failure["resource"] == "cluster/c" and failure["hint"]
    assert detail.rstrip(".") in str(failure["reason"]) and error_told.message == "Failed to create cluster 'c'"


def test_a_token_that_expires_on_the_way() -> None:
    """The write is sent again with a new one: a 401 means that nobody looked at it."""
    with magnum([("POST", RESIZE, *error(401, "no")), ("POST", RESIZE, 202, None)]) as (api, script):
        api.resize(CLUSTER, GROUP, 3)
        assert [request.headers["X-Auth-Token"] for request in script.sent] == ["token-1", "token-2"]


def test_a_service_that_is_away() -> None:
    """Told as such, for a write at once."""
    with magnum([]) as (api, _script):
        pass
    with pytest.raises(CloudUnreachable) as caught:
        api.resize(CLUSTER, GROUP, 3)
    assert caught.value.code == "CLOUD_UNREACHABLE" and caught.value.hint


# --- templates, certificates, quota


def test_templates() -> None:
    """By name, none, doubled, all."""
    one, two = {"uuid": "t-1", "name": "t", "labels": {"a": "1"}}, {"uuid": "t-2", "name": "t"}
    every = ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": [two, one]})
    with magnum(
        [
            ("GET", "/clustertemplates/t", 200, one),
            ("GET", "/clustertemplates/u", *error(404, "no")),
            ("GET", "/clustertemplates/t", *error(409, "Multiple ClusterTemplates exist with same name")),
            (*every, 3),
        ]
    ) as (api, _script):
        found = api.cluster_template("t")
        assert found is not None and (found.id, found.labels) == ("t-1", {"a": "1"})
        assert api.cluster_template("u") is None
        with pytest.raises(Ambiguous) as caught:
            api.cluster_template("t")
        assert caught.value.failure()["ids"] == ["t-1", "t-2"] and caught.value.resource == "cluster_template/t"
        assert [template.id for template in api.cluster_templates()] == ["t-1", "t-2"]


@pytest.mark.parametrize(
    "read",
    [
        lambda api: api.clusters(),
        lambda api: api.cluster("c"),
        lambda api: api.node_groups(CLUSTER),
        lambda api: api.cluster_template("c"),
        lambda api: api.cluster_templates(),
    ],
)
def test_reads_that_are_refused(read: Callable[[MagnumApi], Any]) -> None:
    """Are errors of ours, never an empty answer that would look like "there is none"."""
    with magnum([("GET", ".*", *error(405, "not here"))]) as (api, _script), pytest.raises(KcloudError) as caught:
        read(api)
    assert caught.value.code == "SERVICE_ERROR" and "not here" in str(caught.value.reason)
