# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A write counts when its effect was seen: the real client against a Magnum that drops, loses, is late and fails.

Time is turned by hand. Each script is followed to the letter, so a wait that ends too early leaves entries, and one that
asks once too often meets an answer that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    CreatedMeanwhile,
    KcloudError,
    NotFound,
    OperationFailed,
    QuotaExceeded,
    RequestLost,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.execute import carry_out
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.follow import SETTLE_S, STALL_LOOK_S
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.lifecycle import (
    CREATION_DROPPED_AFTER_S,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.operations import (
    DROPPED_AFTER_S,
    Writer,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.diagnose import (
    failure_of,
    overdue_of,
    stall_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Node
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    ALL_CLUSTERS,
    BY_NAME,
    CLUSTER_ID,
    EMPTY_LISTS,
    GROUPS,
    ONE,
    OTHER_ID,
    RESIZE,
    STACK_ID,
    Hands,
    cluster,
    error,
    group,
    listed,
    read_whole,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    LOST,
    Entry,
    Script,
    scripted_cloud,
)

pytest.importorskip("magnumclient")
START = Cluster.from_api(cluster())
RESIZE_TO_3 = Change("resize", "node_group/c/default-worker", {"node_count": 3, "node_count_before": 2})
CREATE = Change("create_cluster", "cluster/c", {"name": "c", "cluster_template_id": "t-1", "node_count": 2})
NEW_GROUP = Change("create_node_group", "node_group/c/gpu", {"node_count": 1})
DELETE = Change("delete_cluster", "cluster/c")
THREE = group(node_count=3)
LIST = ("GET", GROUPS, 200, listed(group()))
GONE = ("GET", ONE, *error(404, "Cluster could not be found."))
ACCEPTED = ("POST", RESIZE, 202, {"uuid": CLUSTER_ID})


@dataclass
class Session:
    """One run of the writer: what it says and the time that it takes."""

    script: Script
    writer: Writer
    hands: Hands
    lines: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.hands.at - 1000.0

    def run(self, *changes: Change, start: Cluster | None = START) -> Cluster | None:
        return carry_out(Plan("update", {}, {}, changes), start, self.writer)


@contextmanager
def writing(entries: Sequence[Entry], *, timeout: float = 600, wait: bool = True) -> Iterator[Session]:
    """A writer against a script."""
    hands, lines = Hands(), list[str]()
    with scripted_cloud(entries, ambient=EMPTY_LISTS) as cloud:
        connection = connect({"auth": cloud.auth()})
        api = MagnumApi(connection)
        deadline = Deadline.after(timeout, hands.clock)
        progress = Progress(lines.append, lambda: hands.at)
        writer = Writer(
            api,
            deadline,
            progress,
            partial(failure_of, connection),
            lambda _cluster: "",
            partial(stall_of, connection, api),
            partial(overdue_of, connection, api),
            wait,
        )
        yield Session(cloud.script, writer, hands, lines)


def seen(status: str, at: str = "t0", **fields: Any) -> Entry:
    return ("GET", ONE, 200, cluster(status, at, **fields))


def ended(at: str, *groups: dict[str, Any]) -> list[Entry]:
    """The reads after an update: whether its effect is there, then the whole."""
    answer = cluster("UPDATE_COMPLETE", at)
    return [("GET", GROUPS, 200, listed(*groups)), *read_whole(answer, *groups)]


def often(entry: Entry, times: int = ANY) -> Entry:
    return (*entry, times)


# --- changes of a node group


@pytest.mark.parametrize(
    ("left", "stayed", "taken"),
    [("a", [], []), ("b", ["b"], ["a"]), ("ab", ["b"], []), ("", [], ["a"])],
)
def test_named_nodes_went_and_no_others(left: str, stayed: list[str], taken: list[str]) -> None:
    """The number alone does not tell: a driver that ignores names ends just as well."""
    change = Change(
        "resize", RESIZE_TO_3.resource, {"node_count": 1, "node_count_before": 2, "nodes_to_remove": ["id-b"]}
    )
    one = group(node_count=1)
    entries = [
        LIST, ("GET", f"{ONE}/nodegroups/id-default-worker", 200, group()), seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        often(seen("UPDATE_IN_PROGRESS", node_count=1), 3), seen("UPDATE_COMPLETE", "t1", node_count=1),
        ("GET", GROUPS, 200, listed(one), ANY), ("GET", f"{ONE}/nodegroups/id-default-worker", 200, one, ANY),
        *([("GET", ONE, 200, cluster("UPDATE_COMPLETE", "t1"))] if not stayed + taken else []),
    ]  # fmt: skip
    looks = iter(["ab", left])

    def nodes(_cluster: Cluster) -> dict[str, tuple[Node, ...]]:
        return {"default-worker": tuple(Node(f"id-{name}", name) for name in next(looks))}

    with writing(entries) as run:
        writer = replace(run.writer, nodes=nodes)
        if not stayed + taken:
            assert carry_out(Plan("update", {}, {}, (change,)), START, writer) is not None
        else:
            with pytest.raises(OperationFailed) as caught:
                carry_out(Plan("update", {}, {}, (change,)), START, writer)
            told = caught.value.failure()
            assert (told["code"], told["stayed"], told["taken"]) == ("WRONG_NODES_REMOVED", stayed, taken)
            assert caught.value.details["result"]["changed"]  # type: ignore[index]
        (sent,) = [request for request in run.script.sent if request.method == "POST"]
        assert sent.body["nodes_to_remove"] == ["id-b"]


def test_the_old_state_after_a_202_is_not_the_end() -> None:
    """As measured: COMPLETE with the right count is seen before anything ran."""
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        seen("CREATE_COMPLETE", node_count=2),
        seen("CREATE_COMPLETE", node_count=3),
        often(seen("UPDATE_IN_PROGRESS", node_count=3), 3),
        seen("UPDATE_COMPLETE", "t1", node_count=3),
        *ended("t1", THREE),
    ]  # fmt: skip
    with writing(entries) as run:
        after = run.run(RESIZE_TO_3)
        assert after is not None and after.group("default-worker").node_count == 3  # type: ignore[union-attr]
        assert run.script.writes() == [f"POST {RESIZE}"]
        assert any("UPDATE_IN_PROGRESS" in line for line in run.lines) and "UPDATE_COMPLETE" in run.lines[-1]


def test_a_newer_time_stamp_alone_is_not_the_end() -> None:
    """The conductor saves more than once: COMPLETE, newer, and only then IN_PROGRESS."""
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        often(seen("CREATE_COMPLETE", "t1", node_count=3), 2),
        seen("UPDATE_IN_PROGRESS", "t2", node_count=3),
        seen("UPDATE_COMPLETE", "t3", node_count=3),
        *ended("t3", THREE),
    ]  # fmt: skip
    with writing(entries) as run:
        run.run(RESIZE_TO_3)


def test_a_change_that_was_too_quick_to_be_seen_in_progress() -> None:
    """Counts by the group itself, once the newer time stamp has stayed."""
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        often(seen("CREATE_COMPLETE", "t1", node_count=3)), often(("GET", GROUPS, 200, listed(THREE))),
        ("GET", f"{ONE}/nodegroups/id-default-worker", 200, THREE),
    ]  # fmt: skip
    with writing(entries) as run:
        run.run(RESIZE_TO_3)
        assert SETTLE_S <= run.seconds < DROPPED_AFTER_S


def test_a_dropped_resize_is_sent_once_more() -> None:
    """202, and nothing moves."""
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        often(seen("CREATE_COMPLETE")), often(LIST), ACCEPTED,
        seen("UPDATE_IN_PROGRESS"),
        seen("UPDATE_COMPLETE", "t1"),
        *ended("t1", THREE),
    ]  # fmt: skip
    with writing(entries) as run:
        run.run(RESIZE_TO_3)
        assert run.script.writes() == [f"POST {RESIZE}"] * 2
        assert DROPPED_AFTER_S <= run.seconds < 2 * DROPPED_AFTER_S
        assert any("dropped" in line and "once more" in line for line in run.lines)


def test_a_resize_that_is_dropped_again_is_lost() -> None:
    """An error of its own; nothing is claimed to have changed."""
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        often(seen("CREATE_COMPLETE")), often(LIST), ACCEPTED, often(seen("CREATE_COMPLETE")), often(LIST),
    ]  # fmt: skip
    with writing(entries) as run:
        with pytest.raises(RequestLost) as caught:
            run.run(RESIZE_TO_3)
        assert run.script.writes() == [f"POST {RESIZE}"] * 2
    failure = caught.value.failure()
    assert failure["code"] == "REQUEST_LOST" and "CREATE_COMPLETE" in str(failure["reason"]) and failure["hint"]
    assert failure["result"] == {"changed": False, "changes": [], "changes_left": [RESIZE_TO_3.as_result()]}


def test_a_health_poll_is_no_sign_of_a_transition() -> None:
    """It writes the cluster, too, while the resize was dropped: what counts is the group."""
    quiet = often(seen("CREATE_COMPLETE", "t1", health_status="UNHEALTHY"))
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        quiet, often(LIST), ACCEPTED,
        seen("UPDATE_IN_PROGRESS", "t2"),
        seen("UPDATE_COMPLETE", "t3"),
        *ended("t3", THREE),
    ]  # fmt: skip
    with writing(entries) as run:
        run.run(RESIZE_TO_3)
        assert run.script.writes() == [f"POST {RESIZE}"] * 2


def test_a_refused_write_is_not_repeated() -> None:
    """A clear no is the end, with what had been done before it."""
    bounds = Change("set_bounds", "node_group/c/default-worker", {"max_node_count": 4})
    four = group(node_count=3, max_node_count=4)
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        seen("UPDATE_IN_PROGRESS"), often(seen("UPDATE_COMPLETE", "t1")),
        often(("GET", GROUPS, 200, listed(four))),
        ("PATCH", f"{ONE}/nodegroups/id-default-worker", *error(409, "max_node_count 4 is not allowed")),
    ]  # fmt: skip
    with writing(entries) as run, pytest.raises(Conflict) as caught:
        run.run(RESIZE_TO_3, bounds)
    result = caught.value.failure()["result"]
    assert result == {
        "changed": True, "changes": [RESIZE_TO_3.as_result()], "changes_left": [bounds.as_result()],
    }  # fmt: skip


def test_a_cluster_that_goes_while_it_is_changed() -> None:
    """Said as such."""
    with writing([seen("CREATE_COMPLETE"), LIST, ACCEPTED, GONE]) as run, pytest.raises(NotFound) as caught:
        run.run(RESIZE_TO_3)
    assert "another client" in str(caught.value.reason)


HEAT = rf"/heat/stacks/{STACK_ID}.*"
INNER = {
    "resource_name": "kube-minion", "resource_type": "OS::Nova::Server", "resource_status": "CREATE_FAILED",
    "resource_status_reason": "No valid host was found.", "physical_resource_id": "p", "required_by": [], "links": [],
    "logical_resource_id": "kube-minion", "updated_time": "2026-01-01T00:00:00Z",
}  # fmt: skip


def stack_is(status: str) -> Entry:
    return ("GET", HEAT, 200, {"stack": {"id": STACK_ID, "stack_name": "s", "stack_status": status}})


def heat_backed(status: str) -> Entry:
    gpu = group("gpu", status=status, stack_id=STACK_ID)
    return ("GET", GROUPS, 200, listed(group(stack_id=OTHER_ID), gpu))


def test_magnum_that_does_not_notice_the_end_of_its_stack() -> None:
    """As seen with Magnum 22: the stack is CREATE_FAILED, and the cluster stays IN_PROGRESS for ever."""
    leaf = ("GET", r"/heat/stacks/s/.*/resources.*", 200, {"resources": [INNER]}, 2)
    entries = [
        seen("CREATE_COMPLETE"), LIST, ("POST", f"{ONE}/nodegroups/", 202, group("gpu")),
        often(seen("UPDATE_IN_PROGRESS")), often(heat_backed("CREATE_IN_PROGRESS")), leaf, (*stack_is("CREATE_FAILED"), 2),
    ]  # fmt: skip
    with writing(entries, timeout=3600) as run:
        with pytest.raises(OperationFailed) as caught:
            run.run(NEW_GROUP)
        assert 2 * STALL_LOOK_S <= run.seconds < 4 * STALL_LOOK_S
    failure = caught.value.failure()
    assert failure["code"] == "NO_CAPACITY" and failure["resource"] == "node_group/c/gpu"
    assert failure["reason"] == "kube-minion (OS::Nova::Server): No valid host was found."
    assert "delete the node group" in str(failure["hint"]) and failure["stack_status"] == "CREATE_FAILED"


def test_a_stack_that_has_just_failed_is_no_stall() -> None:
    """Magnum looks every 10 s: what it shows a moment later counts. Nor is one that works on, nor a driver without Heat."""
    leaf = ("GET", r"/heat/stacks/s/.*/resources.*", 200, {"resources": [INNER]})
    for groups, stacks in (
        (heat_backed("CREATE_IN_PROGRESS"), [leaf, stack_is("CREATE_FAILED"), (*stack_is("CREATE_IN_PROGRESS"), ANY)]),
        (heat_backed("CREATE_COMPLETE"), []),
        (("GET", GROUPS, 200, listed(group("gpu", status="CREATE_IN_PROGRESS", stack_id="kube-abcde"))), []),
    ):
        entries = [
            seen("CREATE_COMPLETE"), LIST, ACCEPTED,
            often(seen("UPDATE_IN_PROGRESS", node_count=3), 40), seen("UPDATE_COMPLETE", "t1"), often(groups, 6), *stacks,
            *ended("t1", THREE),
        ]  # fmt: skip
        with writing(entries, timeout=3600) as run:
            run.run(RESIZE_TO_3)


def test_a_timeout_carries_the_last_state_and_what_is_left() -> None:
    """The request was begun, so something changed; Magnum goes on."""
    entries = [seen("CREATE_COMPLETE"), LIST, ACCEPTED, often(seen("UPDATE_IN_PROGRESS", node_count=3)), often(LIST)]
    with writing(entries, timeout=60) as run:
        with pytest.raises(WaitTimeout) as caught:
            run.run(RESIZE_TO_3)
        assert 60 <= run.seconds < 70
    failure = caught.value.failure()
    assert failure["code"] == "TIMEOUT" and "60 s" in caught.value.message
    assert failure["last_state"]["status"] == "UPDATE_IN_PROGRESS" and failure["last_state"]["node_count"] == 3  # type: ignore[index]
    assert failure["result"]["changed"] is True and failure["result"]["changes_left"] == [RESIZE_TO_3.as_result()]  # type: ignore[index]


def test_waiting_survives_hiccups_and_an_expired_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503, an answer that is lost on the way, a 401."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        seen("UPDATE_IN_PROGRESS"), ("GET", ONE, *error(503, "busy")), ("GET", ONE, LOST, None),
        ("GET", ONE, *error(401, "expired")),
        seen("UPDATE_COMPLETE", "t1"), *ended("t1", THREE),
    ]  # fmt: skip
    with writing(entries) as run:
        assert run.run(RESIZE_TO_3) is not None


def test_without_waiting_it_returns_when_it_has_begun() -> None:
    """Not before: the request may have been dropped."""
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED,
        seen("CREATE_COMPLETE"), seen("UPDATE_IN_PROGRESS"),
        *read_whole(cluster("UPDATE_IN_PROGRESS"), THREE),
    ]  # fmt: skip
    with writing(entries, wait=False) as run:
        after = run.run(RESIZE_TO_3)
    assert after is not None and after.status == "UPDATE_IN_PROGRESS"


def test_a_failed_update_is_explained_without_a_heat_stack() -> None:
    """By the group's reason, as the drivers without Heat tell it; and the cluster changed."""
    why = "No valid host was found. There are not enough hosts available."
    failed = cluster("UPDATE_FAILED", "t1", status_reason="default-worker failed", faults={"default-worker": why})
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED, seen("UPDATE_IN_PROGRESS"), ("GET", ONE, 200, failed),
        *read_whole(failed, group(status="UPDATE_FAILED", status_reason=why))[1:],
    ]  # fmt: skip
    with writing(entries) as run, pytest.raises(OperationFailed) as caught:
        run.run(RESIZE_TO_3)
    failure = caught.value.failure()
    assert failure["code"] == "NO_CAPACITY" and why in str(failure["reason"])
    assert failure["status"] == "UPDATE_FAILED" and failure["result"]["changed"] is True  # type: ignore[index]


BOTH = ("GET", GROUPS, 200, listed(group(), group("gpu")))


def test_a_node_group_that_appeared_without_a_sign_is_made() -> None:
    """A driver that sets no status; a second request would be a 409."""
    entries = [
        seen("CREATE_COMPLETE"), LIST, ("POST", f"{ONE}/nodegroups/", 202, group("gpu")),
        often(seen("CREATE_COMPLETE")), often(BOTH), ("GET", f"{ONE}/nodegroups/id-default-worker", 200, group()),
        ("GET", f"{ONE}/nodegroups/id-gpu", 200, group("gpu")),
    ]  # fmt: skip
    with writing(entries) as run:
        after = run.run(NEW_GROUP)
        assert after is not None and after.group("gpu") is not None and run.seconds >= DROPPED_AFTER_S


def test_bounds_are_seen_in_the_group_itself() -> None:
    """The list does not show them."""
    bounds = Change("set_bounds", "node_group/c/default-worker", {"max_node_count": 4})
    path = f"{ONE}/nodegroups/id-default-worker"
    four = group(max_node_count=4)
    entries = [
        seen("CREATE_COMPLETE"), LIST, ("PATCH", path, 202, group()),
        often(seen("CREATE_COMPLETE", "t1")), often(LIST), often(("GET", path, 200, group())), ("PATCH", path, 202, four),
        often(seen("CREATE_COMPLETE", "t2")), often(LIST), often(("GET", path, 200, four)),
    ]  # fmt: skip
    with writing(entries) as run:
        after = run.run(bounds)
    assert after is not None and after.group("default-worker").max_node_count == 4  # type: ignore[union-attr]


def test_an_update_that_ends_well_without_its_effect_is_sent_once_more() -> None:
    """As seen: the cluster goes IN_PROGRESS and COMPLETE, and the new group was lost on the way."""
    post = ("POST", f"{ONE}/nodegroups/", 202, group("gpu"))
    moved = [seen("UPDATE_IN_PROGRESS"), seen("UPDATE_COMPLETE", "t1")]
    entries = [
        seen("CREATE_COMPLETE"), LIST, post, *moved,
        often(LIST), seen("UPDATE_COMPLETE", "t1"), post, *moved,
        *ended("t1", group(), group("gpu")),
    ]  # fmt: skip
    with writing(entries) as run:
        after = run.run(NEW_GROUP)
        assert after is not None and after.group("gpu") is not None and len(run.script.writes()) == 2


def test_an_update_that_ends_well_without_its_effect_each_time() -> None:
    """An autoscaler that takes the number back is one cause."""
    moved = [seen("UPDATE_IN_PROGRESS"), seen("UPDATE_COMPLETE", "t1")]
    entries = [
        seen("CREATE_COMPLETE"), LIST, ACCEPTED, *moved,
        often(LIST), seen("UPDATE_COMPLETE", "t1"), ACCEPTED, *moved, LIST,
    ]  # fmt: skip
    with writing(entries) as run, pytest.raises(RequestLost) as caught:
        run.run(RESIZE_TO_3)
    assert "UPDATE_COMPLETE" in str(caught.value.reason) and "autoscaler" in str(caught.value.hint)


def test_the_same_number_again_needs_another_status() -> None:
    """After a failure the number is right before anything ran: only the status tells."""
    again = Change("resize", "node_group/c/default-worker", {"node_count": 2, "node_count_before": 2})
    entries = [
        seen("UPDATE_FAILED"), LIST, ACCEPTED,
        often(seen("UPDATE_FAILED", "t1")), often(LIST), ACCEPTED,
        seen("UPDATE_IN_PROGRESS"), seen("UPDATE_COMPLETE", "t2"), *ended("t2", group()),
    ]  # fmt: skip
    with writing(entries) as run:
        run.run(again)
        assert run.script.writes() == [f"POST {RESIZE}"] * 2


def test_a_node_group_that_is_gone_already() -> None:
    """Deleting it sends nothing, and that is no failure."""
    gone = Change("delete_node_group", "node_group/c/gpu", {})
    entries = [
        often(seen("CREATE_COMPLETE")), often(LIST), ("GET", f"{ONE}/nodegroups/id-default-worker", 200, group()),
    ]  # fmt: skip
    with writing(entries) as run:
        after = run.run(gone)
        assert run.script.writes() == [] and after is not None and after.group("gpu") is None
        assert run.seconds == 0


# --- creation

NOT_YET = ("GET", BY_NAME, *error(404, "Cluster c could not be found."))
POST = ("POST", "/clusters", 202, {"uuid": CLUSTER_ID})
CREATED = [
    ("GET", ONE, 200, cluster("CREATE_IN_PROGRESS"), 2),
    ("GET", ONE, 200, cluster()),
    *read_whole(cluster()),
]  # fmt: skip


def test_create() -> None:
    """Looked for, posted once, waited for until it is complete; not there at once after the 202."""
    with writing([NOT_YET, POST, GONE, *CREATED]) as run:
        after = run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters"]
        (post,) = [request for request in run.script.sent if request.method == "POST"]
        assert post.body == {"name": "c", "cluster_template_id": "t-1", "node_count": 2}
    assert after is not None and after.status == "CREATE_COMPLETE" and after.group("default-worker") is not None


@pytest.mark.parametrize("answer", [(500, {}), (504, {}), (LOST, None)])
def test_a_creation_whose_answer_is_lost_is_not_made_twice(answer: tuple[int, Any]) -> None:
    """It is looked for by its name, and there it is."""
    status, body = answer
    lost = ("POST", "/clusters", *(error(status, "gateway") if status else (LOST, None)))
    found = ("GET", BY_NAME, 200, cluster("CREATE_IN_PROGRESS"))
    with writing([NOT_YET, lost, NOT_YET, found, *CREATED]) as run:
        after = run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters"]
    assert after is not None and after.id == CLUSTER_ID and body in ({}, None)


def test_a_creation_whose_answer_is_lost_and_that_never_arrived() -> None:
    """Is posted once more, after a good look."""
    lost = ("POST", "/clusters", *error(500, "gateway"))
    with writing([NOT_YET, lost, often(NOT_YET), POST, NOT_YET, *CREATED]) as run:
        run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters"] * 2
        assert run.seconds >= CREATION_DROPPED_AFTER_S


def test_a_creation_that_is_not_seen_in_the_time_given() -> None:
    """The time that the user gave holds here, too, and nothing is asked for twice."""
    with writing([NOT_YET, POST, often(GONE)], timeout=20) as run:
        with pytest.raises(WaitTimeout) as caught:
            run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters"] and 20 <= run.seconds < 25
    assert "20 s" in caught.value.message and "run again" in str(caught.value.hint)
    assert caught.value.failure()["result"]["changed"] is True  # type: ignore[index]


def test_a_change_that_does_not_begin_in_the_time_given() -> None:
    """With the last state."""
    entries = [seen("CREATE_COMPLETE"), LIST, ACCEPTED, often(seen("CREATE_COMPLETE"))]
    with writing(entries, timeout=20) as run:
        with pytest.raises(WaitTimeout) as caught:
            run.run(RESIZE_TO_3)
        assert run.script.writes() == [f"POST {RESIZE}"] and 20 <= run.seconds < 25
    assert caught.value.failure()["last_state"]["status"] == "CREATE_COMPLETE"  # type: ignore[index]


SECOND = "/clusters/" + OTHER_ID


def test_a_creation_that_was_only_late_leaves_no_double() -> None:
    """Magnum was busy, carried out both requests, and it is the second that goes again."""
    going = cluster("DELETE_IN_PROGRESS", uuid=OTHER_ID)
    entries = [
        NOT_YET, POST, often(GONE), ("POST", "/clusters", 202, {"uuid": OTHER_ID}),
        *CREATED[:2], ("GET", SECOND, 200, cluster("CREATE_IN_PROGRESS", uuid=OTHER_ID)), ("DELETE", SECOND, 204, None),
        ("GET", SECOND, 200, going), ("GET", SECOND, *error(404, "gone")), *read_whole(cluster()),
    ]  # fmt: skip
    with writing(entries) as run:
        after = run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters", "POST /clusters", f"DELETE {SECOND}"]
        assert run.seconds >= CREATION_DROPPED_AFTER_S and any(OTHER_ID in line for line in run.lines)
    assert after is not None and after.id == CLUSTER_ID


def test_a_double_goes_although_the_creation_failed() -> None:
    """The name would be ambiguous for ever; the first request was the one that was dropped, for a while."""
    failed = cluster("CREATE_FAILED", status_reason="no", uuid=OTHER_ID)
    entries = [
        NOT_YET, POST, often(GONE), ("POST", "/clusters", 202, {"uuid": OTHER_ID}), GONE,
        ("GET", SECOND, 200, failed), ("GET", rf"{SECOND}/nodegroups/\?.*", 200, listed(group())),
        ("GET", f"{SECOND}/nodegroups/id-default-worker", 200, group()),
        seen("CREATE_IN_PROGRESS"), SEND_DELETE, seen("DELETE_IN_PROGRESS"), GONE,
    ]  # fmt: skip
    with writing(entries) as run, pytest.raises(OperationFailed):
        run.run(CREATE, start=None)


def test_a_creation_that_vanishes_is_made_once_more() -> None:
    """It was begun, and is gone without a deletion."""
    vanishing = [("GET", ONE, 200, cluster("CREATE_IN_PROGRESS"), 2), GONE]
    with writing([NOT_YET, POST, *vanishing, POST, *CREATED]) as run:
        assert run.run(CREATE, start=None) is not None
        assert run.script.writes() == ["POST /clusters"] * 2


def test_a_cluster_that_somebody_deletes_while_it_is_created() -> None:
    """Is not made again against their will."""
    deleted = [("GET", ONE, 200, cluster("CREATE_IN_PROGRESS")), ("GET", ONE, 200, cluster("DELETE_IN_PROGRESS"))]
    with writing([NOT_YET, POST, *deleted, often(GONE, 2)]) as run:
        with pytest.raises(NotFound) as caught:
            run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters"]
    assert "another client" in str(caught.value.reason)


def test_a_creation_that_is_taken_twice_and_never_made() -> None:
    """Is an error of its own."""
    with writing([NOT_YET, POST, often(GONE), POST, often(GONE)]) as run:
        with pytest.raises(RequestLost) as caught:
            run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters"] * 2
    assert caught.value.failure()["result"]["changed"] is False  # type: ignore[index]


def test_somebody_else_was_faster() -> None:
    """A cluster of this name is there now: nothing is posted beside it."""
    with writing([("GET", BY_NAME, 200, cluster("CREATE_IN_PROGRESS"))]) as run:
        with pytest.raises(Conflict):
            run.run(CREATE, start=None)
        assert run.script.writes() == []


def test_quota() -> None:
    """A clear no: posted once."""
    full = error(403, "Resource quota exceeded. You have reached the maximum clusters per project, 2.")
    with writing([NOT_YET, ("POST", "/clusters", *full)]) as run, pytest.raises(QuotaExceeded) as caught:
        run.run(CREATE, start=None)
    assert "maximum clusters per project, 2" in str(caught.value.reason) and caught.value.hint


def test_a_creation_that_fails_is_explained() -> None:
    """With what may be done about it."""
    why = {"default-worker": "Quota exceeded for cores", "default-master": ""}
    failed = cluster("CREATE_FAILED", status_reason="default-worker failed", faults=why)
    entries = [NOT_YET, POST, ("GET", ONE, 200, cluster("CREATE_IN_PROGRESS")), ("GET", ONE, 200, failed)]
    with writing([*entries, *read_whole(failed)[1:]]) as run, pytest.raises(OperationFailed) as caught:
        run.run(CREATE, start=None)
    failure = caught.value.failure()
    assert failure["code"] == "QUOTA_EXCEEDED" and failure["reason"] == "default-worker: Quota exceeded for cores"
    assert "recreate" in str(failure["hint"]) and failure["faults"] == why


def test_a_creation_without_waiting() -> None:
    """Returns when the cluster is there."""
    entries = [
        NOT_YET,
        POST,
        ("GET", ONE, 200, cluster("CREATE_IN_PROGRESS")),
        *read_whole(cluster("CREATE_IN_PROGRESS")),
    ]
    with writing(entries, wait=False) as run:
        after = run.run(CREATE, start=None)
    assert after is not None and after.status == "CREATE_IN_PROGRESS"


# --- deletion

SEND_DELETE = ("DELETE", ONE, 204, None)


def test_delete() -> None:
    """Sent once and seen to its end."""
    entries = [SEND_DELETE, seen("CREATE_COMPLETE"), often(seen("DELETE_IN_PROGRESS"), 3), GONE]
    with writing(entries) as run:
        assert run.run(DELETE) is None
        assert "gone" in run.lines[-1]


def test_a_lost_delete_is_sent_again() -> None:
    """As seen after a resize at the same moment: the cluster stays, complete and alive."""
    entries = [
        SEND_DELETE, often(seen("UPDATE_COMPLETE", "t1")), SEND_DELETE, seen("DELETE_IN_PROGRESS"), GONE,
    ]  # fmt: skip
    with writing(entries) as run:
        assert run.run(DELETE) is None
        assert run.script.writes() == [f"DELETE {ONE}"] * 2 and run.seconds >= DROPPED_AFTER_S


@pytest.mark.parametrize(
    ("idle", "deletes"), [([True] * 2, 2), ([False] * 3, 1), ([True, False, True], 1), ([True] * 8, 3)]
)
def test_a_delete_that_heat_forgets_is_sent_again(idle: list[bool], deletes: int) -> None:
    """Two looks in a row must find nothing in progress, and it is asked no more than a few times."""
    looks = iter(idle)
    going = seen("DELETE_IN_PROGRESS")
    with writing([SEND_DELETE, often(going)] * deletes, timeout=30.0 * (len(idle) + 1)) as run:
        run.writer = replace(
            run.writer, idle=lambda _cluster: next(looks, False), overdue=lambda *_: WaitTimeout("late")
        )
        with pytest.raises(WaitTimeout):
            run.run(DELETE)
        assert run.script.writes() == [f"DELETE {ONE}"] * deletes
        assert any("forgotten" in line for line in run.lines) is (deletes > 1)


def test_a_delete_that_begins_and_is_undone() -> None:
    """Another change overwrote it: DELETE_IN_PROGRESS was seen, and then UPDATE_COMPLETE."""
    entries = [
        SEND_DELETE, seen("DELETE_IN_PROGRESS"), often(seen("UPDATE_COMPLETE", "t1")), SEND_DELETE, GONE,
    ]  # fmt: skip
    with writing(entries) as run:
        assert run.run(DELETE) is None


def test_a_delete_that_is_lost_each_time() -> None:
    """An error of its own; the cluster is still there."""
    entries = [SEND_DELETE, often(seen("CREATE_COMPLETE"))] * 3
    with writing(entries) as run, pytest.raises(RequestLost) as caught:
        run.run(DELETE)
    assert "CREATE_COMPLETE" in caught.value.message
    assert caught.value.failure()["result"]["changed"] is False  # type: ignore[index]


def test_a_cluster_that_is_gone_before_the_delete() -> None:
    """Is what was wanted."""
    with writing([("DELETE", ONE, *error(404, "no")), GONE]) as run:
        assert run.run(DELETE) is None


def test_a_delete_that_fails() -> None:
    """Explained; what was DELETE_FAILED from an earlier attempt is not this one's failure."""
    failed = cluster("DELETE_FAILED", status_reason="One or more ports still in use on the network")
    entries = [
        SEND_DELETE, ("GET", ONE, 200, failed), seen("DELETE_IN_PROGRESS"), seen("DELETE_IN_PROGRESS"),
        ("GET", ONE, 200, failed), *read_whole(failed)[1:],
    ]  # fmt: skip
    with writing(entries) as run, pytest.raises(OperationFailed) as caught:
        run.run(DELETE, start=replace(START, status="DELETE_FAILED"))
    assert caught.value.code == "IN_USE" and "ports still in use" in str(caught.value.reason)


def test_a_delete_without_waiting() -> None:
    """Returns when it has begun, not before."""
    entries = [SEND_DELETE, often(seen("CREATE_COMPLETE"), 2), seen("DELETE_IN_PROGRESS")]
    with writing(entries, wait=False) as run:
        assert run.run(DELETE) is None


def test_a_delete_that_takes_too_long() -> None:
    """With the last state."""
    going = group(status="DELETE_IN_PROGRESS")
    entries = [
        SEND_DELETE, often(seen("DELETE_IN_PROGRESS", stack_id="short")), ("GET", GROUPS, 200, listed(going)),
        ("GET", f"{ONE}/nodegroups/id-default-worker", 200, going),
    ]  # fmt: skip
    with writing(entries, timeout=30) as run, pytest.raises(WaitTimeout) as caught:
        run.run(DELETE)
    assert caught.value.failure()["held_by"] == [] and "its driver" in str(caught.value.hint)
    assert caught.value.failure()["last_state"]["status"] == "DELETE_IN_PROGRESS"  # type: ignore[index]


def test_recreation_deletes_and_creates() -> None:
    """Both seen to their ends, in that order."""
    entries = [SEND_DELETE, GONE, NOT_YET, POST, *CREATED]
    with writing(entries) as run:
        assert run.run(DELETE, CREATE) is not None
        assert run.script.writes() == [f"DELETE {ONE}", "POST /clusters"]


def test_errors_hold_no_secret() -> None:
    """Whatever Magnum echoes of the request's head, ours does not hold the token."""
    with writing([NOT_YET, ("POST", "/clusters", *error(400, "bad"))]) as run, pytest.raises(KcloudError) as caught:
        run.run(CREATE, start=None)
    assert "token-" not in str(caught.value.failure()) + caught.value.sentence()


# --- answers that are none


def resized(status: int, *effect: Entry) -> list[Entry]:
    """A resize whose answer is an error, and what is seen after it."""
    return [seen("CREATE_COMPLETE"), LIST, ("POST", RESIZE, *error(status, "gateway")), *effect]


def test_a_resize_whose_answer_is_lost_is_followed() -> None:
    """It was taken: nothing is sent twice, and the run ends well."""
    done = [seen("UPDATE_IN_PROGRESS"), seen("UPDATE_COMPLETE", "t1", node_count=3), *ended("t1", THREE)]
    for status in (500, 502, 503, 504):
        with writing(resized(status, *done)) as run:
            after = run.run(RESIZE_TO_3)
            assert run.script.writes() == [f"POST {RESIZE}"]
        assert after is not None and after.group("default-worker").node_count == 3  # type: ignore[union-attr]
    lost = [seen("CREATE_COMPLETE"), LIST, ("POST", RESIZE, LOST, None), *done]
    with writing(lost) as run:
        assert run.run(RESIZE_TO_3) is not None and run.script.writes() == [f"POST {RESIZE}"]


def test_a_resize_that_is_never_answered_tells_the_services_error() -> None:
    """And not that a request was lost; nothing was changed."""
    still = [often(seen("CREATE_COMPLETE")), often(LIST)]
    again = [("POST", RESIZE, *error(503, "The backend is away"))]
    with writing([*resized(503, *still), *again, *still]) as run:
        with pytest.raises(KcloudError) as caught:
            run.run(RESIZE_TO_3)
        assert len(run.script.writes()) == 2
    failure = caught.value.failure()
    assert failure["code"] == "SERVICE_ERROR" and failure["http_status"] == 503
    assert "away" in str(failure["reason"]) and failure["result"]["changed"] is False  # type: ignore[index]


def test_a_delete_whose_answer_is_lost_is_followed() -> None:
    """To its end."""
    with writing([("DELETE", ONE, *error(503, "gateway")), seen("DELETE_IN_PROGRESS"), GONE]) as run:
        assert run.run(DELETE) is None and run.script.writes() == [f"DELETE {ONE}"]


def test_a_wrong_404_is_not_the_end_of_a_deletion() -> None:
    """The list still has the cluster."""
    still = ("GET", ALL_CLUSTERS, 200, {"clusters": [cluster("DELETE_IN_PROGRESS")]})
    with writing([SEND_DELETE, seen("DELETE_IN_PROGRESS"), GONE, still, seen("DELETE_IN_PROGRESS"), GONE]) as run:
        assert run.run(DELETE) is None
        assert sum("/clusters/detail" in request.path for request in run.script.sent) == 2


def test_what_was_begun_is_reported_when_the_service_goes_away_for_good() -> None:
    """The request was taken; the wait ended for another reason."""
    entries = [
        seen("CREATE_COMPLETE"),
        LIST,
        ACCEPTED,
        seen("UPDATE_IN_PROGRESS"),
        often(("GET", ONE, *error(503, "away"))),
    ]
    with writing(entries, timeout=90) as run:
        with pytest.raises(KcloudError) as caught:
            run.run(RESIZE_TO_3)
        assert run.seconds >= 90
    assert caught.value.failure()["result"]["changed"] is True  # type: ignore[index]


# --- two runs at once


def both(mine_at: str, others_at: str, other: str = OTHER_ID) -> Entry:
    """The list with two clusters of the name, made at these times."""
    listed = [
        cluster("CREATE_IN_PROGRESS", created_at=mine_at),
        cluster("CREATE_IN_PROGRESS", uuid=other, created_at=others_at),
    ]
    return ("GET", ALL_CLUSTERS, 200, {"clusters": listed})


EARLY, LATE = "2026-01-01T10:00:00+00:00", "2026-01-01T10:00:01+00:00"
LOWER, HIGHER = "b0000000-0000-4000-8000-000000000001", "d0000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(("other", "mine_at", "others_at"), [(OTHER_ID, EARLY, LATE), (HIGHER, EARLY, EARLY)])
def test_the_older_of_two_stays(other: str, mine_at: str, others_at: str) -> None:
    """Of one second, that with the lower id."""
    empty = ("GET", ALL_CLUSTERS, 200, {"clusters": []})
    appeared = ("GET", ONE, 200, cluster("CREATE_IN_PROGRESS"))
    with writing([NOT_YET, empty, POST, appeared, both(mine_at, others_at, other), *CREATED]) as run:
        after = run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters"]
    assert after is not None and after.id == CLUSTER_ID


@pytest.mark.parametrize(("other", "mine_at", "others_at"), [(OTHER_ID, LATE, EARLY), (LOWER, EARLY, EARLY)])
def test_the_younger_of_two_is_deleted_by_the_run_that_made_it(other: str, mine_at: str, others_at: str) -> None:
    """And the caller is told that there is another one now."""
    empty = ("GET", ALL_CLUSTERS, 200, {"clusters": []})
    appeared = ("GET", ONE, 200, cluster("CREATE_IN_PROGRESS"))
    script = [
        NOT_YET, empty, POST, appeared, both(mine_at, others_at, other), SEND_DELETE, seen("DELETE_IN_PROGRESS"), GONE, empty,
    ]  # fmt: skip
    with writing(script) as run:
        with pytest.raises(CreatedMeanwhile) as caught:
            run.run(CREATE, start=None)
        assert run.script.writes() == ["POST /clusters", f"DELETE {ONE}"]
    assert caught.value.failure()["result"]["changed"] is False  # type: ignore[index]


# --- trouble


def test_trouble_is_said_while_waiting_and_ends_the_wait_on_request() -> None:
    """Found twice, 30 s apart; without the option the wait goes on."""
    full = OperationFailed("Failed to x", code="NO_CAPACITY", reason="No valid host was found.", hint="h")
    entries = [seen("CREATE_COMPLETE"), LIST, ACCEPTED, often(seen("UPDATE_IN_PROGRESS")), often(LIST)]
    for fail_fast, error_class in ((True, OperationFailed), (False, WaitTimeout)):
        with writing(entries, timeout=200) as run:
            run.writer = replace(run.writer, trouble=lambda _cluster, _doing: full, fail_fast=fail_fast)
            with pytest.raises(error_class) as caught:
                run.run(RESIZE_TO_3)
            assert (run.seconds < 100) is fail_fast
            assert any("NO_CAPACITY: No valid host" in line for line in run.lines)
        assert caught.value.details["result"]["changed"] is True  # type: ignore[index]
