# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a cluster failed: which source is believed, and what each reason is called."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import OperationFailed
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.diagnose import (
    code_and_hint,
    failure_of,
    own_reason,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    STACK_ID,
    cluster,
    error,
    group,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import Entry, scripted_cloud

pytest.importorskip("heatclient")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (
            "ResourceInError: Went to status ERROR due to 'No valid host was found. There are not enough hosts'",
            "NO_CAPACITY",
        ),
        ("Failed to create trustee or trust for Cluster: 5a3d", "TRUST_NOT_PERMITTED"),
        ("Quota exceeded for cores: Requested 48, but already used 40 of 40 cores", "QUOTA_EXCEEDED"),
        ("Timed out", "DRIVER_TIMEOUT"),
        (
            "deployment to server failed: deploy_status_code: Deployment exited with non-zero status code: 1",
            "GUEST_FAILED",
        ),
        ("Image fedora could not be found.", "IMAGE_NOT_FOUND"),
        ("Keypair k could not be found", "KEYPAIR_NOT_FOUND"),
        ("Unable to complete operation: One or more ports have an IP allocation from this subnet", "IN_USE"),
        ("the sky fell", "CLUSTER_CREATE_FAILED"),
        ("", "CLUSTER_CREATE_FAILED"),
    ],
)
def test_codes(reason: str, code: str) -> None:
    """Stable names for services' words, each with a way out."""
    found, hint = code_and_hint(reason, "CREATE_FAILED")
    assert found == code and hint


def test_the_deepest_reason_that_magnum_tells() -> None:
    """Faults, then the groups' own words, then the cluster's; those of groups that are well do not count."""
    bad = NodeGroup("g", "gpu", status="CREATE_FAILED", status_reason="no device")
    well = NodeGroup("w", "default-worker", status="CREATE_COMPLETE", status_reason="old news")
    groups = (bad, well)
    base: dict[str, Any] = {"id": "1", "name": "c", "status": "CREATE_FAILED", "status_reason": "gpu failed"}
    assert own_reason(Cluster(**base, node_groups=groups, faults={"b": "x", "a": "y", "z": ""})) == "a: y; b: x"
    assert own_reason(Cluster(**base, node_groups=groups, faults={"gpu": ""})) == "gpu: no device"
    assert own_reason(Cluster(**base, node_groups=(well,))) == "gpu failed"
    assert own_reason(Cluster("1", "c")) == "Magnum gives no reason"


def failure(entries: list[Entry], **fields: Any) -> OperationFailed:
    """The failure of a cluster, with the requests that its explanation makes."""
    groups = [NodeGroup.from_api(group(status="CREATE_FAILED", status_reason="by the group"), detailed=True)]
    failed = Cluster.from_api(cluster(**{"status": "CREATE_FAILED", "status_reason": "by Magnum", **fields}), groups)
    with scripted_cloud(entries) as cloud:
        return failure_of(connect({"auth": cloud.auth()}), failed, "create cluster 'c'")


@pytest.mark.parametrize("stack_id", ["kube-abcde", "c-5a3d7b1e6c09", None])
def test_drivers_without_heat(stack_id: str | None) -> None:
    """Heat is not asked at all: there is nothing there by that id."""
    told = failure([], stack_id=stack_id)
    assert told.reason == "default-worker: by the group" and told.code == "CLUSTER_CREATE_FAILED"
    assert told.message == "Failed to create cluster 'c': the cluster is CREATE_FAILED"
    assert told.resource == "cluster/c" and "recreate" in str(told.hint)


def resource(
    name: str, stack_id: str, status: str = "CREATE_FAILED", nested: str | None = None, why: str = ""
) -> dict[str, Any]:
    """A resource of a stack, as Heat lists it with nested ones."""
    links = [{"rel": "self", "href": "h"}, {"rel": "stack", "href": f"http://h/stacks/s-{stack_id}/{stack_id}"}]
    if nested:
        links.append({"rel": "nested", "href": f"http://h/stacks/s-{nested}/{nested}"})
    return {
        "resource_name": name, "resource_type": "OS::Nova::Server", "resource_status": status,
        "resource_status_reason": why, "physical_resource_id": nested or "p", "links": links, "required_by": [],
        "updated_time": "2026-01-01T00:00:00Z", "logical_resource_id": name,
    }  # fmt: skip


def test_the_deepest_resource_of_the_heat_stack() -> None:
    """Where there is a stack, its leaf knows best."""
    inner = "50000000-0000-4000-8000-000000000002"
    resources = [
        resource("kube_minions", STACK_ID, nested=inner, why="resources.kube_minions: see inside"),
        resource("kube-minion", inner, why="ResourceInError: No valid host was found."),
        resource("network", STACK_ID, status="CREATE_COMPLETE"),
    ]
    told = failure([("GET", r"/heat/stacks/.*/resources.*", 200, {"resources": resources})], stack_id=STACK_ID)
    assert told.code == "NO_CAPACITY"
    assert told.reason == "kube-minion (OS::Nova::Server): ResourceInError: No valid host was found."
    assert told.failure()["status_reason"] == "by Magnum"


@pytest.mark.parametrize("answer", [error(404, "no stack"), error(403, "no"), (200, {"resources": []})])
def test_an_explanation_that_fails_hides_no_failure(answer: tuple[int, Any]) -> None:
    """Then Magnum's own words have to do."""
    told = failure([("GET", r"/heat/stacks/.*", *answer)], stack_id=STACK_ID)
    assert told.reason == "default-worker: by the group"
