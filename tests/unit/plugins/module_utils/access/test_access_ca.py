# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rotating the CA of a cluster: what is sent, what is waited for, and how a wait that fails explains itself.

The real client against scripted HTTP, real keys, and a clock that is turned by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access import kubeconfig
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access.clusters import (
    CA_KEPT_AFTER_S,
    NODES_LEFT_BEHIND,
    ensure_ca,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    InvalidRequest,
    KcloudError,
    NotFound,
    NotPermitted,
    OperationFailed,
    RequestLost,
    Unsupported,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.follow import STALL_LOOK_S
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.authority import Authority
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    BY_NAME,
    CLUSTER_ID,
    EMPTY_LISTS,
    GROUPS,
    ONE,
    STACK_ID,
    Hands,
    cluster,
    error,
    group,
    listed,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    LOST,
    Entry,
    Script,
    scripted_cloud,
)
from openstack.connection import Connection

pytest.importorskip("magnumclient")
pytest.importorskip("heatclient")

OLD, NEW = Authority(), Authority()
CERTIFICATE = f"/certificates/{CLUSTER_ID}"
ROTATE = f"PATCH {CERTIFICATE}"
TAKEN = ("PATCH", CERTIFICATE, 202, None)
# The cluster as it is found, through Heat, with an image on which Magnum's Heat driver rotates
FOUND = cluster(stack_id=STACK_ID, user_id="u-1")
TEMPLATE = ("GET", "/clustertemplates/t-1", 200, {"uuid": "t-1", "name": "t", "cluster_distro": "fedora-coreos"}, ANY)


def named(status: str = "CREATE_COMPLETE", **fields: Any) -> Entry:
    """The cluster by its name, the first read of each run."""
    return ("GET", BY_NAME, 200, {**FOUND, "status": status, **fields})


def seen(status: str, times: int = 1, **fields: Any) -> Entry:
    """The cluster by its id, at each look of a wait."""
    return ("GET", ONE, 200, {**FOUND, "status": status, **fields}, times)


def ca(authority: Authority, times: int = 1) -> Entry:
    """The CA as Magnum shows it."""
    return ("GET", CERTIFICATE, 200, {"pem": authority.pem, "cluster_uuid": CLUSTER_ID, "csr": None}, times)


def stack(status: str, times: int = ANY) -> Entry:
    """The stack behind the cluster."""
    shown = {"id": STACK_ID, "stack_name": "c-abc", "stack_status": status, "stack_status_reason": "Engine went down"}
    return ("GET", rf"/heat/stacks/{STACK_ID}.*", 200, {"stack": shown}, times)


def resources(*found: dict[str, Any]) -> Entry:
    """The resources of that stack."""
    return ("GET", r"/heat/stacks/.*/resources.*", 200, {"resources": list(found)}, ANY)


ONE_GROUP = ("GET", rf"{ONE}/nodegroups/id-default-worker", 200, group(status="UPDATE_COMPLETE"), ANY)
GROUPS_AT_REST = ("GET", GROUPS, 200, listed(group(status="UPDATE_COMPLETE")), ANY)
NO_EVENTS = ("GET", r"/heat/stacks/.*/events.*", 200, {"events": []}, ANY)
# What is read of a cluster before its CA is replaced
READS = [named(), ca(OLD), TEMPLATE, stack("CREATE_COMPLETE")]


@dataclass
class Session:
    """One cloud and the time that its runs take."""

    connection: Connection
    script: Script
    hands: Hands
    lines: list[str]

    @property
    def seconds(self) -> float:
        return self.hands.at - 1000.0

    def run(self, rotate_from: str | None = "", **options: Any) -> dict[str, Any]:
        """Run once; without an option, to be rid of the old CA."""
        given = {"timeout": 600.0, "check_mode": False, "clock": self.hands.clock, **options}
        wanted = kubeconfig.fingerprint(OLD.pem) if rotate_from == "" else rotate_from
        progress = Progress(self.lines.append, lambda: self.hands.at)
        return ensure_ca(self.connection, "c", wanted, progress=progress, **given)

    def fails(self, kind: type[KcloudError], **options: Any) -> KcloudError:
        with pytest.raises(kind) as caught:
            self.run(**options)
        return caught.value


@contextmanager
def cloud(entries: Sequence[Entry], **options: Any) -> Iterator[Session]:
    with scripted_cloud(entries, ambient=EMPTY_LISTS, **options) as running:
        yield Session(connect({"auth": running.auth()}), running.script, Hands(), [])


# --- reading


def test_the_ca_is_read_and_nothing_is_sent() -> None:
    with cloud([named(), ca(OLD)]) as session:
        result = session.run(rotate_from=None)
    assert session.script.writes() == []
    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"]
    found = result["ca"]
    assert (found["cluster"], found["cluster_id"], found["pem"]) == ("c", CLUSTER_ID, OLD.pem)
    assert found["fingerprint"] == kubeconfig.fingerprint(OLD.pem)
    assert found["not_after"] == kubeconfig.not_after(OLD.pem)


def test_a_refusal_to_read_it_names_whom_magnum_lets() -> None:
    with cloud(
        [named(), ("GET", CERTIFICATE, *error(403, "Policy doesn't allow certificate:get to be performed."))]
    ) as session:
        found = session.fails(NotPermitted, rotate_from=None)
    assert "user u-1" in (found.hint or "")


def test_no_cluster_and_no_fingerprint_are_said() -> None:
    with cloud([("GET", BY_NAME, *error(404, "Cluster c could not be found."))]) as session:
        assert session.fails(NotFound).resource == "cluster/c"
    with cloud([]) as session:
        assert session.fails(InvalidRequest, rotate_from="no-fingerprint").resource == "rotate_from"


# --- rotating


@pytest.mark.parametrize(
    "fingerprint", [str.lower, str.upper, lambda text: ":".join(text[i : i + 2] for i in range(0, 64, 2))]
)
def test_a_rotation_is_sent_once_and_seen_to_its_end(fingerprint: Any) -> None:
    """Check mode predicts it and sends nothing."""
    wanted = fingerprint(kubeconfig.fingerprint(OLD.pem))
    with cloud(READS) as session:
        predicted = session.run(rotate_from=wanted, check_mode=True)
    assert session.script.writes() == []
    assert predicted["changed"] and predicted["ca"]["pem"] == OLD.pem
    under_way = seen("UPDATE_IN_PROGRESS", 3)
    after = [TAKEN, ca(OLD, 2), seen("CREATE_COMPLETE", 2), ca(NEW), under_way, GROUPS_AT_REST, seen("UPDATE_COMPLETE")]
    with cloud([*READS, *after, resources()]) as session:
        result = session.run(rotate_from=wanted)
    assert session.script.writes() == [ROTATE]
    assert result["changed"] and result["diff"] == predicted["diff"]
    assert result["ca"]["pem"] == NEW.pem
    assert any("roll out the new CA of cluster 'c': UPDATE_IN_PROGRESS" in line for line in session.lines)


def test_another_ca_is_left_alone_once_the_rotation_of_an_earlier_run_has_ended() -> None:
    """A run that was killed on the way leaves its rotation to the next one to wait for."""
    script = [
        named("UPDATE_IN_PROGRESS"),
        GROUPS_AT_REST,
        resources(),
        seen("UPDATE_IN_PROGRESS"),
        seen("UPDATE_COMPLETE"),
        ca(NEW),
    ]
    with cloud(script) as session:
        result = session.run()
    assert session.script.writes() == [] and session.seconds > 0
    assert result["changed"] is False and result["ca"]["pem"] == NEW.pem


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_driver_that_cannot_is_never_asked(check_mode: bool) -> None:
    capi = {"stack_id": "kube-abcde"}
    with cloud([named(**capi), ca(OLD), TEMPLATE]) as session:
        found = session.fails(Unsupported, check_mode=check_mode)
    assert session.script.writes() == []
    assert "magnum-cluster-api" in found.message and "'force: true'" in (found.hint or "")


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_cluster_that_failed_is_not_touched(check_mode: bool) -> None:
    with cloud([named("UPDATE_FAILED", status_reason="no"), ca(OLD)]) as session:
        found = session.fails(Conflict, check_mode=check_mode)
    assert session.script.writes() == [] and found.reason == "no"


def test_what_magnum_says_of_a_driver_that_was_forced() -> None:
    refused = (
        "PATCH",
        CERTIFICATE,
        *error(400, "Rotating the CA certificate is not supported for cluster with cluster_distro: x."),
    )
    with cloud([named(), ca(OLD), refused]) as session:
        found = session.fails(Unsupported, force=True)
    assert "its driver cannot" in found.message and "UPDATE_FAILED" in (found.hint or "")


# --- a wait that does not end well


def test_a_rollout_that_fails_says_the_deepest_reason() -> None:
    """Of the resource that failed in Heat, where Magnum only names the node group."""
    failed = {
        "resource_name": "master_config",
        "resource_type": "OS::Heat::SoftwareDeployment",
        "resource_status": "UPDATE_FAILED",
        "resource_status_reason": "Error: resources.master_config: Deployment to server failed: deploy_status_code: 1",
        "physical_resource_id": "",
        "links": [],
    }
    ended = seen("UPDATE_FAILED", ANY, status_reason="default-master failed")
    script = [
        *READS,
        TAKEN,
        ca(NEW),
        ended,
        GROUPS_AT_REST,
        ONE_GROUP,
        resources(failed),
    ]
    with cloud([*script, stack("UPDATE_FAILED")], checked=False) as session:
        found = session.fails(OperationFailed)
    assert found.message == "Failed to roll out the new CA of cluster 'c': the cluster is UPDATE_FAILED"
    assert "deploy_status_code: 1" in (found.reason or "")
    assert NODES_LEFT_BEHIND in (found.hint or "")
    assert found.details["result"] == {"changed": True}


def test_a_rollout_that_heat_has_ended_is_not_waited_for_any_longer() -> None:
    """Magnum shows UPDATE_IN_PROGRESS for ever when it stumbles over the stack; no node group is in progress."""
    script = [
        named(),
        ca(OLD),
        TEMPLATE,
        stack("CREATE_COMPLETE", 1),
        TAKEN,
        ca(NEW),
        seen("UPDATE_IN_PROGRESS", ANY),
        GROUPS_AT_REST,
        ONE_GROUP,
        resources(),
        NO_EVENTS,
        stack("UPDATE_FAILED"),
    ]
    with cloud(script) as session:
        found = session.fails(OperationFailed, timeout=3600)
    assert 2 * STALL_LOOK_S <= session.seconds < 4 * STALL_LOOK_S
    assert "Heat ended with UPDATE_FAILED, and Magnum still shows UPDATE_IN_PROGRESS" in found.message
    assert (found.resource, found.reason) == ("cluster/c", "Engine went down")
    assert NODES_LEFT_BEHIND in (found.hint or "")
    assert found.details["result"] == {"changed": True}


@pytest.mark.parametrize("before_it_is_sent", [True, False])
def test_a_timeout_says_where_the_cluster_stands(before_it_is_sent: bool) -> None:
    """Also of the change that was under way before."""
    busy = {
        "resource_name": "master_config",
        "resource_type": "OS::Heat::SoftwareDeployment",
        "resource_status": "UPDATE_IN_PROGRESS",
        "resource_status_reason": "state changed",
        "physical_resource_id": "",
        "updated_time": "2026-01-01T00:00:00Z",
        "links": [{"rel": "stack", "href": f"http://heat/v1/p/stacks/c-abc/{STACK_ID}"}],
    }
    waits = [seen("UPDATE_IN_PROGRESS", ANY), GROUPS_AT_REST, ONE_GROUP, resources(busy), stack("UPDATE_IN_PROGRESS")]
    script = [named("UPDATE_IN_PROGRESS"), *waits] if before_it_is_sent else [*READS, TAKEN, ca(NEW), *waits]
    with cloud(script, checked=False) as session:
        found = session.fails(WaitTimeout, timeout=120)
    assert session.seconds == 120
    assert "Timed out waiting for cluster 'c' to settle after 120 s; it is UPDATE_IN_PROGRESS" in found.message
    assert "master_config" in (found.reason or "")
    assert "script" in (found.hint or "")
    assert found.details["last_state"]["status"] == "UPDATE_IN_PROGRESS"
    assert [entry["name"] for entry in found.details["waiting_for"]] == ["master_config"]
    assert found.details.get("result") == (None if before_it_is_sent else {"changed": True})
    assert session.script.writes() == ([] if before_it_is_sent else [ROTATE])


def test_a_request_that_changes_nothing_is_lost_and_not_waited_for_to_the_end() -> None:
    with cloud([*READS, TAKEN, ca(OLD, ANY), seen("CREATE_COMPLETE", ANY)]) as session:
        found = session.fails(RequestLost, timeout=3600)
    assert CA_KEPT_AFTER_S < session.seconds < CA_KEPT_AFTER_S + 10
    assert "kept the CA" in found.message and "result" not in found.details


def test_a_timeout_before_the_new_ca_is_shown_is_one() -> None:
    with cloud([*READS, TAKEN, ca(OLD, ANY), seen("CREATE_COMPLETE", ANY)]) as session:
        found = session.fails(WaitTimeout, timeout=20)
    assert "Timed out waiting for the new CA of cluster 'c' after 20 s" in found.message
    assert found.details["result"] == {"changed": True}


def test_a_lost_answer_is_followed_by_its_effect() -> None:
    lost = ("PATCH", CERTIFICATE, LOST, None)
    with cloud([*READS, lost, ca(NEW), seen("UPDATE_COMPLETE", 2)], checked=False) as session:
        result = session.run()
    assert result["changed"] and result["ca"]["pem"] == NEW.pem
    with cloud([*READS, lost, ca(OLD, ANY), seen("CREATE_COMPLETE", ANY)]) as session:
        found = session.fails(KcloudError, timeout=3600)
    assert session.script.writes() == [ROTATE]
    assert session.seconds > CA_KEPT_AFTER_S and found.code == "CLOUD_UNREACHABLE"


# --- without waiting


def test_without_waiting_it_ends_with_the_new_ca() -> None:
    """Nothing of the rollout is read."""
    with cloud([*READS, TAKEN, ca(NEW)]) as session:
        result = session.run(wait=False)
    assert session.script.writes() == [ROTATE]
    assert result["changed"] and result["ca"]["pem"] == NEW.pem


@pytest.mark.parametrize("check_mode", [False, True])
def test_without_waiting_a_change_under_way_refuses_it(check_mode: bool) -> None:
    with cloud([named("UPDATE_IN_PROGRESS"), ca(OLD)]) as session:
        found = session.fails(Conflict, wait=False, check_mode=check_mode)
    assert session.script.writes() == []
    assert "it is UPDATE_IN_PROGRESS" in found.message and "'wait: true'" in (found.hint or "")
    with cloud([named("UPDATE_IN_PROGRESS"), ca(NEW)]) as session:
        assert session.run(wait=False, check_mode=check_mode)["changed"] is False
