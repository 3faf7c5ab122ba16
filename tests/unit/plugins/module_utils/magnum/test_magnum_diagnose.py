# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a cluster failed: which source is believed, and what each reason is called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import OperationFailed
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.deletion_blockers import outsiders
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.diagnose import (
    diagnosis,
    failure_of,
    overdue_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.causes import (
    code_and_hint,
    own_reason,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    GROUPS,
    ONE,
    STACK_ID,
    cluster,
    error,
    group,
    listed,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    Entry,
    scripted_cloud,
)

pytest.importorskip("heatclient")
# openstacksdk 4.10 warns of what it does itself when it first makes a service's proxy
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (
            "ResourceInError: Went to status ERROR due to 'No valid host was found. There are not enough hosts'",
            "NO_CAPACITY",
        ),
        ("Insufficient compute resources: Claim pci failed.", "NO_CAPACITY"),
        ("Failed to create trustee or trust for Cluster: 5a3d", "TRUST_NOT_PERMITTED"),
        ("resources.0: : Image i requires 900000 minimum ram. Flavor f has only 8192.", "IMAGE_TOO_LARGE"),
        ("Flavor's disk is smaller than the minimum size specified in image metadata", "IMAGE_TOO_LARGE"),
        ("BadRequest: Can not find requested image (HTTP 400)", "IMAGE_NOT_FOUND"),
        ("Cluster type (vm, Unset, kubernetes) not supported (HTTP 400)", "IMAGE_NOT_SUPPORTED"),
        ("Unable to find keypair k.", "KEYPAIR_NOT_FOUND"),
        (
            "default-worker: resources.x.config.list_join[1][4].if: Bad expression Parse error: unexpected end",
            "HEAT_PARSER_BUSY",
        ),
        ("d (OS::Heat::SoftwareDeployment): CREATE aborted (Task create from X Timed out)", "GUEST_SILENT"),
        ("d (OS::Heat::SoftwareDeployment): exit status 1: quota exceeded, timed out", "GUEST_FAILED"),
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
    """Stable names for services' words, each with a fix."""
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


def failure(entries: list[Entry], checked: bool = True, **fields: Any) -> OperationFailed:
    """The failure of a cluster, with the requests that its explanation makes."""
    groups = [NodeGroup.from_api(group(status="CREATE_FAILED", status_reason="by the group"), detailed=True)]
    failed = Cluster.from_api(cluster(**{"status": "CREATE_FAILED", "status_reason": "by Magnum", **fields}), groups)
    with scripted_cloud(entries, checked=checked) as cloud:
        return failure_of(connect({"auth": cloud.auth()}), failed, "create cluster 'c'")


@pytest.mark.parametrize("stack_id", ["kube-abcde", "c-5a3d7b1e6c09", None])
def test_drivers_without_heat(stack_id: str | None) -> None:
    """Heat is not asked at all: there is nothing there by that id."""
    servers = ("GET", r"/nova/v2.1/servers/detail.*", 200, {"servers": []})
    told = failure([servers] if stack_id else [], stack_id=stack_id)
    assert told.reason == "default-worker: by the group" and told.code == "CLUSTER_CREATE_FAILED"
    assert told.message == "Failed to create cluster 'c': the cluster is CREATE_FAILED"
    assert told.resource == "cluster/c" and "recreate" in str(told.hint)


FLAVOR = {"id": "f", "name": "gpu.a100.xlarge", "extra_specs": {"resources:CUSTOM_GPU_A100": "4"}}
READ_FLAVOR = ("GET", r"/nova/v2.1/flavors/f", 200, {"flavor": FLAVOR})


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
    told = failure(
        [("GET", r"/heat/stacks/.*/resources.*", 200, {"resources": resources}), READ_FLAVOR], stack_id=STACK_ID
    )
    assert told.code == "NO_CAPACITY"
    assert told.reason == "kube-minion (OS::Nova::Server): ResourceInError: No valid host was found."
    assert told.failure()["status_reason"] == "by Magnum"


@pytest.mark.parametrize("answer", [error(404, "no stack"), error(403, "no"), (200, {"resources": [], "events": []})])
def test_an_explanation_that_fails_hides_no_failure(answer: tuple[int, Any]) -> None:
    """Then Magnum's own words have to do."""
    told = failure([("GET", r"/heat/stacks/.*", *answer, ANY)], stack_id=STACK_ID)
    assert told.reason == "default-worker: by the group"


def test_what_heat_rolled_back_is_told_by_its_events() -> None:
    """No resource is failed any more; the deepest event is no stack's own."""
    inner = "50000000-0000-4000-8000-000000000002"

    def event(name: str, stack: str, why: str, physical: str) -> dict[str, Any]:
        told = resource(name, stack, status="CREATE_FAILED", why=why)
        return {**told, "id": name, "physical_resource_id": physical, "event_time": "2026-01-01T00:00:00Z"}

    events = [
        event("c-stack", STACK_ID, "Resource CREATE failed: see inside", STACK_ID),
        event("kube_minions", STACK_ID, "resources.kube_minions: see inside", inner),
        event("kube-minion", inner, "ResourceInError: No valid host was found.", "p"),
    ]
    told = failure(
        [
            ("GET", r"/heat/stacks/.*/resources.*", 200, {"resources": []}),
            ("GET", r"/heat/stacks/.*/events.*", 200, {"events": events}),
            READ_FLAVOR,
        ],
        stack_id=STACK_ID,
    )
    assert told.code == "NO_CAPACITY" and "kube-minion" in str(told.reason)


def test_a_guest_that_was_waited_for_until_time_was_over() -> None:
    """As seen: Heat marks what waited last of all, and until then its parents look like the cause."""
    inner = "50000000-0000-4000-8000-000000000002"
    waiting = resource("node_config_deployment", inner, status="CREATE_IN_PROGRESS")
    waiting["resource_type"] = "OS::Heat::SoftwareDeployment"
    resources = [resource("0", STACK_ID, nested=inner, why="resources[0]: Stack CREATE cancelled"), waiting]
    told = failure([("GET", r"/heat/stacks/.*/resources.*", 200, {"resources": resources})], stack_id=STACK_ID)
    assert told.code == "GUEST_SILENT" and "console log" in str(told.hint)
    stopped = 'CREATE aborted (Task create from SoftwareDeployment "node_config_deployment" Stack "c" Timed out)'
    done = {**waiting, "resource_status": "CREATE_FAILED", "resource_status_reason": stopped}
    told = failure(
        [("GET", r"/heat/stacks/.*/resources.*", 200, {"resources": [resources[0], done]})], stack_id=STACK_ID
    )
    assert told.code == "GUEST_SILENT" and "Timed out" in str(told.reason)


def test_the_fault_of_a_server_where_heat_says_nothing() -> None:
    """Nova knows."""
    resources = [resource("kube-minion", STACK_ID, why="Went to status ERROR due to 'Unknown'")]
    server = {"id": "p", "name": "s", "status": "ERROR", "fault": {"message": "Quota exceeded for cores", "code": 500}}
    limits = {"limits": {"absolute": {"maxTotalCores": 40, "totalCoresUsed": 40}}}
    told = failure(
        [
            ("GET", r"/heat/stacks/.*/resources.*", 200, {"resources": resources}),
            ("GET", r"/nova/v2.1/servers/p", 200, {"server": server}),
            ("GET", r".*limits.*", 200, limits, ANY),
            ("GET", r".*quotas?/.*", 404, {}, ANY),
        ],
        checked=False,
        stack_id=STACK_ID,
    )
    assert told.code == "QUOTA_EXCEEDED" and told.reason == "kube-minion (OS::Nova::Server): Quota exceeded for cores"


def test_the_fault_of_a_server_without_a_stack() -> None:
    """Cluster-API drivers name servers after the cluster; others' servers are nobody's business."""
    servers = [
        {"id": "1", "name": "other", "status": "ERROR", "fault": {"message": "not ours"}},
        {"id": "2", "name": "kube-abcde-md-0", "status": "ERROR", "fault": {"message": "No valid host was found."}},
    ]
    plain = [NodeGroup.from_api(group(status="CREATE_FAILED", flavor_id="f"), detailed=True)]
    failed = Cluster.from_api(cluster("CREATE_FAILED", status_reason="default-worker failed"), plain)
    entries = [
        ("GET", r"/nova/v2.1/servers/detail.*", 200, {"servers": servers}),
        READ_FLAVOR,
    ]  # fmt: skip
    with scripted_cloud(entries) as cloud:
        told = failure_of(connect({"auth": cloud.auth()}), failed, "create cluster 'c'")
    assert told.code == "NO_CAPACITY" and told.reason == "server kube-abcde-md-0: No valid host was found."
    assert str(told.hint).startswith("Nodes asked for: 2 of gpu.a100.xlarge (4 CUSTOM_GPU_A100 each). ")


# --- any cluster

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def found(answer: dict[str, Any], entries: Sequence[Entry] = (), groups: Sequence[dict[str, Any]] = ()) -> Any:
    """What the diagnosis of a cluster says."""
    whole = Cluster.from_api(answer, [NodeGroup.from_api(each, detailed=True) for each in groups])
    with scripted_cloud(entries) as cloud:
        connection = connect({"auth": cloud.auth()})
        return diagnosis(connection, MagnumApi(connection), whole, NOW)


def test_what_is_well_has_no_failure() -> None:
    """Nor has what is in time; nobody but Magnum is asked, and only of the latter."""
    for health in ("HEALTHY", "UNKNOWN", None):
        assert found(cluster(health_status=health)) is None
    busy = cluster("UPDATE_IN_PROGRESS", "2026-01-01T11:30:00+00:00")
    assert found(busy, [("GET", GROUPS, 200, listed(group()))]) is None


def test_what_is_not_well() -> None:
    """A health that is bad, a node group that failed alone."""
    ill = found(cluster(health_status="UNHEALTHY", health_status_reason={"n.Ready": "False", "api": "ok"}))
    assert ill.code == "UNHEALTHY" and ill.reason == "n.Ready: False" and "kubectl" in ill.hint
    groups = [group("gpu", status="CREATE_FAILED", status_reason="keypair k could not be found")]
    entries = [("GET", r"/nova/v2.1/servers/detail.*", 200, {"servers": []}, ANY)]
    part = found(cluster("UPDATE_COMPLETE", stack_id="x"), entries[:0], groups)
    assert part.code == "KEYPAIR_NOT_FOUND" and part.reason.startswith("gpu: ")


@pytest.mark.parametrize("at", ["2026-01-01T10:00:00+00:00", "2026-01-01T10:00:00"])
def test_what_is_in_progress_for_too_long(at: str) -> None:
    """Longer than its `create_timeout`, an hour by default; Magnum's times are UTC, whether it says so or not."""
    busy = group(status="UPDATE_IN_PROGRESS")
    lists = [("GET", GROUPS, 200, listed(busy), 2), ("GET", f"{ONE}/nodegroups/id-default-worker", 200, busy)]
    told = found(cluster("UPDATE_IN_PROGRESS", at), lists)
    assert told.code == "STALLED" and told.reason == "node group default-worker" and "kube-abcde" in told.hint
    assert (
        found(
            cluster("UPDATE_IN_PROGRESS", at, create_timeout=180),
            lists[:1][:1] and [("GET", GROUPS, 200, listed(busy))],
        )
        is None
    )


@pytest.mark.parametrize(
    ("stack_id", "words"),
    [
        ("kube-abcde", "magnum-cluster-api calls it 'kube-abcde', reports a failure only when it takes a change on"),
        ("c-k3fq7w2mzabc", "magnum-capi-helm calls it 'c-k3fq7w2mzabc', hardly ever reports a failure"),
        ("vm-77", "The driver of this cluster calls it 'vm-77', reports nothing further"),
    ],
)
def test_a_timeout_says_what_a_driver_without_a_stack_reports(stack_id: str, words: str) -> None:
    """Whether a change that cannot succeed would end at all."""
    with scripted_cloud([("GET", GROUPS, 200, listed(group()))]) as cloud:
        connection = connect({"auth": cloud.auth()})
        busy = Cluster.from_api(cluster("UPDATE_IN_PROGRESS", stack_id=stack_id))
        told = overdue_of(connection, MagnumApi(connection), busy, "cluster 'c' to settle", 60)
    assert words in (told.hint or "") and "run again to wait further" in (told.hint or "")


# --- what holds a deletion


def test_who_is_on_a_network_that_does_not_go() -> None:
    """Ports by what they are to a person; the stack's own and Neutron's own do not count, nor one thing twice."""
    stuck = [
        Resource("private_network", "OS::Neutron::Net", "DELETE_FAILED", physical_id="net"),
        Resource("private_subnet", "Magnum::Optional::Neutron::Subnet", "DELETE_FAILED", physical_id="sub"),
        Resource("secgroup", "OS::Neutron::SecurityGroup", "DELETE_FAILED", physical_id="sg"),
        Resource("router", "OS::Neutron::RouterInterface", "DELETE_FAILED", physical_id="r1:subnet_id=sub"),
        Resource("server", "OS::Nova::Server", "DELETE_FAILED", physical_id="srv"),
    ]

    def port(identity: str, owner: str = "", **more: Any) -> dict[str, Any]:
        base = {
            "id": identity,
            "name": identity,
            "device_owner": owner,
            "network_id": "net",
            "fixed_ips": [{"subnet_id": "sub"}],
        }
        return {**base, **more}

    ports = [
        port("made"), port("vip", "Octavia", device_id="lb-77"), port("eth", "compute:nova", device_id="vm"),
        port("dhcp", "network:dhcp"), port("own"), port("of-own", "compute:nova", device_id="srv"),
        port("gate", "network:router_interface", device_id="r2"),
        port("elsewhere", network_id="other", fixed_ips=[], security_groups=["sg"]),
        port("far", network_id="other", fixed_ips=[]),
    ]  # fmt: skip
    addresses = [
        {"id": "f1", "floating_ip_address": "172.24.0.9", "router_id": "r1"},
        {"id": "f2", "floating_ip_address": "172.24.0.8", "router_id": "r9"},
    ]
    blockers = outsiders(stuck, ["own", "srv", None], ports, addresses)
    assert [(blocker.kind, blocker.id, blocker.holds.split()[0]) for blocker in blockers] == [
        ("floating ip", "f1", "router"),
        ("load balancer", "77", "private_network"),
        ("port", "elsewhere", "secgroup"),
        ("port", "made", "private_network"),
        ("router interface", "r2", "private_network"),
        ("server", "vm", "private_network"),
    ]
    assert str(blockers[1]) == "load balancer 'vip' (77) on private_network (OS::Neutron::Net)"
