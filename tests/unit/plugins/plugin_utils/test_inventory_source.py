# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory asks, request by request: the real clients against scripted HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_hosts import read_filters
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_source import (
    FLAVORS,
    NODE_GROUP_DETAILS,
    NODE_GROUPS,
    Question,
    read_source,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum import cases
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import Entry, scripted_cloud

pytest.importorskip("magnumclient")
# openstacksdk 4.10 warns of what it does itself when it first makes a service's proxy
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")

OTHER = cases.cluster(uuid=cases.OTHER_ID, name="other", status="CREATE_FAILED")
LIST = ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster(), OTHER]})
ONE_LIST = ("GET", cases.ALL_CLUSTERS, 200, {"clusters": [cases.cluster()]})
WORKER = cases.group(node_addresses=["10.0.0.5"], max_node_count=7)
GROUP = ("GET", f"{cases.ONE}/nodegroups/id-default-worker", 200, WORKER)
# The list shows no addresses
GROUPS = ("GET", cases.GROUPS, 200, cases.listed(cases.group()))
ALL_FLAVORS = ("GET", r"/nova/v2\.1/flavors/detail.*", 200, {"flavors": [{"id": "f", "name": "f"}]})
SERVERS = ("GET", r"/nova/v2\.1/servers/detail.*", 200, {"servers": []})
REFUSED = {"errors": [{"code": "x", "status": 403, "title": "No", "detail": "No.", "links": []}]}


def asked(script: list[Entry], **question: Any) -> tuple[dict[str, Any], list[str]]:
    """The answer of a cloud that must be asked exactly this."""
    with scripted_cloud(script) as cloud:
        return read_source({"auth": cloud.auth()}, Question(**question))


def test_clusters_take_one_request() -> None:
    raw, problems = asked([LIST])
    assert [one["name"] for one in raw["clusters"]] == ["c", "other"]
    assert [(one["node_groups"], one["servers"]) for one in raw["clusters"]] == [(None, None)] * 2
    assert (raw["flavors"], problems) == (None, [])


@pytest.mark.parametrize(
    ("question", "more", "bounds"),
    [
        ({"gather": frozenset({NODE_GROUPS})}, [GROUPS], [None]),
        ({"gather": frozenset({NODE_GROUP_DETAILS, NODE_GROUPS})}, [GROUPS, GROUP], [7]),
        ({"gather": frozenset({NODE_GROUPS, FLAVORS})}, [GROUPS, ALL_FLAVORS], [None]),
    ],
)
def test_details_are_read_of_clusters_that_are_chosen(
    question: dict[str, Any], more: list[Entry], bounds: list[Any]
) -> None:
    raw, problems = asked([LIST, *more], **question, exclude=read_filters([{"status": "FAILED"}], "exclude_filters"))
    (one,) = raw["clusters"]
    assert [group["max_node_count"] for group in one["node_groups"]] == bounds and problems == []
    assert (raw["flavors"] is not None) == (FLAVORS in question["gather"])


def test_servers_that_nova_does_not_show_have_the_addresses_of_magnum() -> None:
    raw, _problems = asked([ONE_LIST, GROUPS, GROUP, SERVERS], servers=True)
    assert raw["clusters"][0]["servers"] == [
        {"id": "10.0.0.5", "name": None, "addresses": ["10.0.0.5"], "group": "default-worker"}
    ]


def test_servers_that_nova_shows_take_two_requests_for_all_clusters() -> None:
    """No node group is read by itself. A floating address is the last one."""
    named = {
        "id": "s1",
        "name": "kube-abcde-default-worker-x",
        "addresses": {"net": [{"addr": "10.0.0.5", "version": 4}]},
    }
    floating = {"id": "f", "floating_ip_address": "203.0.113.9", "port_details": {"device_id": "s1"}}
    script = [
        ONE_LIST,
        GROUPS,
        (*SERVERS[:3], {"servers": [named, {**named, "id": "s2", "name": "bastion"}]}),
        ("GET", r"/neutron/v2\.0/floatingips.*", 200, {"floatingips": [floating]}),
    ]
    with scripted_cloud(script, services={"network": "/neutron"}) as cloud:
        raw, _problems = read_source({"auth": cloud.auth()}, Question(servers=True))
    assert raw["clusters"][0]["servers"] == [
        {"id": "s1", "name": named["name"], "addresses": ["10.0.0.5", "203.0.113.9"], "group": "default-worker"}
    ]


def test_a_cluster_that_is_being_deleted_is_not_asked_for_node_groups() -> None:
    going = cases.cluster(status="DELETE_IN_PROGRESS")
    raw, _problems = asked([(*LIST[:3], {"clusters": [going]})], gather=frozenset({NODE_GROUPS}))
    assert raw["clusters"][0]["node_groups"] == []


def test_a_part_that_cannot_be_read_fails() -> None:
    with pytest.raises(KcloudError, match="Failed to list the node groups of 'c'"):
        asked([ONE_LIST, ("GET", cases.GROUPS, 403, REFUSED)], gather=frozenset({NODE_GROUPS}))


def test_a_part_that_cannot_be_read_is_said_where_it_may() -> None:
    raw, problems = asked(
        [ONE_LIST, ("GET", cases.GROUPS, 403, REFUSED)], gather=frozenset({NODE_GROUPS}), fail_on_errors=False
    )
    assert [(one["name"], one["node_groups"]) for one in raw["clusters"]] == [("c", None)]
    (problem,) = problems
    assert problem.startswith("Failed to list the node groups of 'c'. Reason: ")


def test_a_list_that_cannot_be_read_always_fails() -> None:
    with pytest.raises(KcloudError, match="Failed to list clusters"):
        asked([("GET", cases.ALL_CLUSTERS, 403, REFUSED)], fail_on_errors=False)
