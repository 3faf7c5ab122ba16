# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of the second Magnum driver, and who is in its node groups."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devcloud.driver_control import habits

# After the line above: it is that module which makes the driver's own modules importable.
from devcloud_plugins.magnum_driver import nodes, transitions  # isort: skip

ID = "6f1c3c62-9f0e-4a5f-8a0e-0a3e6f3f7a11"
NUMBER = 7
START = datetime(2026, 1, 1, tzinfo=UTC)
OWN = habits.Habits()


def addresses(*serials: int) -> tuple[str, ...]:
    return tuple(nodes.address(NUMBER, serial) for serial in serials)


def serials(group: transitions.Group | None) -> list[int]:
    assert group is not None
    return [nodes.serial(address) for address in group.addresses]


def group(status: str = "UPDATE_IN_PROGRESS", verb: str = "resize", **fields: Any) -> transitions.Group:
    known = {
        "id": ID,
        "number": NUMBER,
        "name": "default-worker",
        "role": "worker",
        "is_default": True,
        "status": status,
        "reason": transitions.describe(verb),
        "node_count": 3,
        "addresses": addresses(1, 2, 3),
        "since": START,
    }
    return transitions.Group(**{**known, **fields})


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


# Who is in a group


def test_the_last_number_of_an_address_is_the_serial() -> None:
    assert [address.split(".")[-1] for address in addresses(1, 2, 250)] == ["1", "2", "250"]
    assert [nodes.serial(address) for address in addresses(0, 255, 256, 4095)] == [0, 255, 256, 4095]
    assert all(address.startswith("10.") for address in addresses(0, 4095))


def test_groups_that_follow_each_other_share_no_address() -> None:
    groups = [{nodes.address(number, serial) for serial in range(300)} for number in range(4090, 4110)]
    assert len(set().union(*groups)) == sum(map(len, groups))


def test_a_node_is_found_by_address_name_and_id() -> None:
    everyone = addresses(1, 2, 3)
    for wanted in nodes.identities(ID, "gpu", everyone[1]):
        assert nodes.find(ID, "gpu", everyone, [wanted]) == (everyone[1],)
    assert nodes.find(ID, "gpu", everyone, ["nobody"]) == ()
    assert len(nodes.identities(ID, "gpu", everyone[1])) == 3


@pytest.mark.parametrize(
    ("count", "named", "ignore", "leaving"),
    [
        (3, (), False, ()),
        (2, (), False, (3,)),
        (0, (), False, (1, 2, 3)),
        (2, (1,), False, (1,)),
        (1, (2,), False, (2, 3)),
        (3, (2,), False, (2,)),  # another one comes in its place
        (2, (1, 2), False, (1, 2)),
        (5, (), False, ()),
        (2, (1,), True, (2,)),
        (1, (1,), True, (2, 3)),
        (0, (1,), True, (2, 3, 1)),
        (3, (1,), True, ()),
    ],
)
def test_who_leaves(count: int, named: tuple[int, ...], ignore: bool, leaving: tuple[int, ...]) -> None:
    found = nodes.choose_leaving(addresses(1, 2, 3), count, addresses(*named), ignore=ignore)
    assert found == addresses(*leaving)


def test_serials_are_not_used_again_within_a_change() -> None:
    assert nodes.replace(NUMBER, addresses(1, 2, 3), addresses(3), 3) == addresses(1, 2, 4)
    assert nodes.replace(NUMBER, (), (), 2) == addresses(1, 2)
    assert nodes.replace(NUMBER, addresses(1, 2, 3), (), 2) == addresses(1, 2)


# The running change in words


@pytest.mark.parametrize("verb", habits.VERBS)
@pytest.mark.parametrize("leaving", [(), ("10.0.0.1",), ("10.0.0.1", "10.0.0.2")])
def test_the_reason_tells_the_change(verb: str, leaving: tuple[str, ...]) -> None:
    assert transitions.running("UPDATE_IN_PROGRESS", transitions.describe(verb, leaving)) == (verb, leaving)


@pytest.mark.parametrize(
    ("status", "verb"),
    [("CREATE_IN_PROGRESS", "create"), ("DELETE_IN_PROGRESS", "delete"), ("UPDATE_IN_PROGRESS", "resize")],
)
@pytest.mark.parametrize("reason", [None, "", "something else"])
def test_a_change_without_words_goes_by_its_status(status: str, verb: str, reason: str | None) -> None:
    assert transitions.running(status, reason) == (verb, ())


def test_a_resize_on_top_of_a_running_one_keeps_who_was_leaving() -> None:
    running = group(reason=transitions.describe("resize", addresses(1)))
    reason = transitions.begin_resize(running, 1, [addresses(1)[0], "default-worker-2"], OWN)
    assert transitions.running("UPDATE_IN_PROGRESS", reason) == ("resize", addresses(1, 2))


# Advancing


def test_nothing_happens_before_the_time_is_over() -> None:
    before = group()
    assert transitions.advance(later(2.9), before, OWN) is before
    assert transitions.advance(later(3), before, OWN) != before


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_FAILED", "DELETE_COMPLETE"])
def test_what_is_not_running_stays(status: str) -> None:
    assert transitions.advance(later(99), group(status), OWN) == group(status)


@pytest.mark.parametrize(
    ("status", "verb", "end"),
    [
        ("CREATE_IN_PROGRESS", "create", "CREATE_COMPLETE"),
        ("CREATE_IN_PROGRESS", "nodegroup_create", "CREATE_COMPLETE"),
        ("UPDATE_IN_PROGRESS", "upgrade", "UPDATE_COMPLETE"),
        ("DELETE_IN_PROGRESS", "delete", "DELETE_COMPLETE"),
    ],
)
def test_a_change_ends_well(status: str, verb: str, end: str) -> None:
    after = transitions.advance(later(3), group(status, verb), OWN)
    assert after == replace(group(), status=end, reason=None)
    assert transitions.advance(later(99), after, OWN) == after


def test_a_new_group_gets_its_nodes_at_the_end() -> None:
    new = group("CREATE_IN_PROGRESS", "create", addresses=())
    assert serials(transitions.advance(later(3), new, OWN)) == [1, 2, 3]
    assert serials(transitions.advance(later(3), new, replace(OWN, hide_addresses=True))) == []


def test_a_deleted_group_is_gone_but_one_that_leaves_with_its_cluster_is_not() -> None:
    assert transitions.advance(later(3), group("DELETE_IN_PROGRESS", "nodegroup_delete"), OWN) is None


@pytest.mark.parametrize(
    ("wanted", "profile", "staying"),
    [
        ([], "own", [1, 2]),
        (["default-worker-1"], "own", [2, 3]),
        (["default-worker-1"], "capi-helm", [1, 3]),
        (["default-worker-1"], "cluster-api", [2, 3]),
    ],
)
def test_a_shrinking_group_loses_whom_the_profile_chooses(wanted: list[str], profile: str, staying: list[int]) -> None:
    found = habits.resolve({"all": {"profile": profile}})
    reason = transitions.begin_resize(group(), 2, wanted, found)
    assert serials(transitions.advance(later(3), group(node_count=2, reason=reason), found)) == staying


@pytest.mark.parametrize("verb", habits.VERBS)
def test_a_stalled_change_never_ends(verb: str) -> None:
    stalled = group(verb=verb)
    assert transitions.advance(later(9999), stalled, replace(OWN, stall=(verb,))) is stalled


@pytest.mark.parametrize(
    ("fail_at", "status"),
    [("end", "UPDATE_FAILED"), ("never", "UPDATE_IN_PROGRESS"), ("submit", "UPDATE_COMPLETE")],
)
def test_a_failing_change_fails_when_the_profile_lets_it(fail_at: str, status: str) -> None:
    found = replace(OWN, fail_on=("resize",), fail_at=fail_at, fail_reason="no room")
    after = transitions.advance(later(3), group(node_count=5), found)
    assert after is not None
    assert after.status == status
    if fail_at == "end":
        assert (after.reason, after.node_count, after.addresses) == ("no room", 5, addresses(1, 2, 3))


@pytest.mark.parametrize(("sync", "count"), [(False, 5), (True, 3)])
def test_under_an_autoscaler_a_resize_changes_no_node(sync: bool, count: int) -> None:
    found = replace(OWN, autoscaler=True, sync_count=sync)
    after = transitions.advance(later(3), group(node_count=5), found)
    assert after == group("UPDATE_COMPLETE", reason=None, node_count=count)
    masters = transitions.advance(later(3), group(node_count=5, role="master"), found)
    assert serials(masters) == [1, 2, 3, 4, 5]


# The cluster that follows from its groups


@pytest.mark.parametrize(
    ("status", "groups", "state"),
    [
        ("CREATE_IN_PROGRESS", ["CREATE_COMPLETE", "CREATE_COMPLETE"], "CREATE_COMPLETE"),
        ("CREATE_IN_PROGRESS", ["CREATE_COMPLETE", "CREATE_IN_PROGRESS"], "CREATE_IN_PROGRESS"),
        ("UPDATE_IN_PROGRESS", ["CREATE_COMPLETE", "UPDATE_COMPLETE"], "UPDATE_COMPLETE"),
        ("UPDATE_IN_PROGRESS", ["UPDATE_FAILED", "UPDATE_IN_PROGRESS"], "UPDATE_IN_PROGRESS"),
        ("UPDATE_IN_PROGRESS", ["UPDATE_FAILED", "CREATE_COMPLETE"], "UPDATE_FAILED"),
        ("UPDATE_IN_PROGRESS", ["DELETE_IN_PROGRESS", "UPDATE_COMPLETE"], "DELETE_IN_PROGRESS"),
        ("DELETE_IN_PROGRESS", ["DELETE_COMPLETE", "DELETE_COMPLETE"], "DELETE_COMPLETE"),
        ("DELETE_IN_PROGRESS", ["DELETE_FAILED", "DELETE_COMPLETE"], "DELETE_FAILED"),
        ("DELETE_IN_PROGRESS", [], "DELETE_COMPLETE"),
    ],
)
def test_the_cluster_follows_from_its_groups(status: str, groups: list[str], state: str) -> None:
    members = [group(one, name=f"g{number}") for number, one in enumerate(groups)]
    assert transitions.settle(status, members).status == state
    assert transitions.settle(status, reversed(members)).status == state


def test_a_failed_cluster_names_its_failed_groups() -> None:
    members = [group("UPDATE_FAILED", name="a"), group("UPDATE_COMPLETE", name="b"), group("CREATE_FAILED", name="c")]
    assert transitions.settle("UPDATE_IN_PROGRESS", members).reason == "a failed, c failed"


def test_a_deleted_extra_group_does_not_delete_the_cluster() -> None:
    members = [group("UPDATE_COMPLETE"), group("DELETE_IN_PROGRESS", is_default=False)]
    assert transitions.settle("UPDATE_IN_PROGRESS", members).status == "UPDATE_IN_PROGRESS"
