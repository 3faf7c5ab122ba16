# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a cloud for costs, and which source's word counts."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CloudUnreachable, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry import cost_information as under_test
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost_information import (
    asks_for_metrics,
    given_metrics,
    read_costs,
    read_metrics,
    read_request,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.information import Inventory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode, Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.cloudkitty import Rated
from ansible_collections.kcloud.infrastructure.plugins.modules.cluster_cost_info import SPEC

exceptions = pytest.importorskip("keystoneauth1.exceptions")

NOW = 1_800_000_000
ID = "0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a1{}"
NODES = {
    "default-master": (ClusterNode("c1", "web", "default-master", ID.format(0), "m", ("10.0.0.9",), "master"),),
    "default-worker": (
        ClusterNode("c1", "web", "default-worker", ID.format(1), "w-0", ("10.0.0.5", "172.24.4.5")),
        ClusterNode("c1", "web", "default-worker", ID.format(2), "w-1", ("10.0.0.6",)),
    ),
}
WEB = Cluster(
    id="c1",
    name="web",
    status="CREATE_COMPLETE",
    api_address="https://172.24.4.9:6443",
    node_groups=(
        NodeGroup("g1", "default-master", "master", "cpu.small", node_count=1),
        # By the id of the flavor, as some clients write it
        NodeGroup("g2", "default-worker", "worker", "f2", node_count=2),
    ),
)
INVENTORY = Inventory(((WEB, NODES),), ("web", "c1"))
FLAVORS = [
    SimpleNamespace(id="f1", name="cpu.small", vcpus=2, ram=2048, disk=10, extra_specs={}),
    SimpleNamespace(id="f2", name="cpu.medium", vcpus=4, ram=8192, disk=10, extra_specs={}),
]


def volume(size: int, *servers: str) -> SimpleNamespace:
    return SimpleNamespace(size=size, attachments=[{"server_id": server} for server in servers])


def no_service(*_arguments: Any, **_options: Any) -> Any:
    raise exceptions.EndpointNotFound("no such service")


def connection(**changes: Any) -> Any:
    """A cloud with volumes and addresses of the cluster's and of others; without CloudKitty."""
    addresses = [SimpleNamespace(floating_ip_address=f"172.24.4.{last}") for last in (5, 9, 77)]
    volumes = [volume(100, ID.format(1)), volume(20, ID.format(0), ID.format(1)), volume(500, "other"), volume(7)]
    parts = {
        "compute": SimpleNamespace(flavors=lambda microversion: FLAVORS, get=no_service),
        "current_project_id": "p1",
        "network": SimpleNamespace(ips=lambda: addresses),
        "block_storage": SimpleNamespace(volumes=lambda: volumes),
        "config": SimpleNamespace(get_session_client=no_service, get_region_name=lambda: "RegionOne"),
        "current_project": SimpleNamespace(id="p1", name="research"),
    }
    return SimpleNamespace(**{**parts, **changes})


def ask(cloud: Any = None, metrics: Any = None, inventory: Inventory = INVENTORY, **options: Any) -> dict[str, Any]:
    params = {name: about.get("default") for name, about in SPEC.items()}
    request = read_request({**params, "window": "1h", **options}, NOW)
    found = read_costs(cloud or connection(), inventory, given_metrics(metrics), request)
    return json.loads(json.dumps(found))


PRICES = {
    "currency": "USD",
    "flavors": {"cpu.small": 0.05, "cpu.medium": 0.1},
    "rates": {"volume_gib": 0.001, "floating_ip": 0.01},
}


def test_volumes_count_by_their_servers_and_addresses_by_nodes_and_api() -> None:
    found = ask(prices=PRICES)
    others = {
        entry["name"]: (entry["count"], entry["cost_per_hour"]["value"]) for entry in found["clusters"][0]["others"]
    }
    # 100 GiB of a worker and 20 of the master; 172.24.4.5 of a worker, and 172.24.4.9 of the API
    assert others == {"volumes": (120, 0.12), "floating IPs": (2, 0.02)}
    assert found["totals"]["cost"]["value"] == 0.39
    assert found["gaps"] == [
        {
            "cluster": "web",
            "node_group": "default-worker",
            "reason": "no metrics were read: give 'servers' or 'metrics'",
        },
        {"cluster": "web", "node_group": None, "reason": "energy: no metrics were read: give 'servers' or 'metrics'"},
    ]


def nova(servers: list[dict[str, Any]], asked: list[Any]) -> SimpleNamespace:
    """A Nova with usage, which leaves out servers that started after an end that it is given; notes what it is asked."""

    def get(url: str, **options: Any) -> Any:
        asked.append((url, options["microversion"]))
        end = url.partition("&end=")[2] or "9"
        listed = [server for server in servers if server["started_at"] < end]
        return SimpleNamespace(json=lambda: {"tenant_usage": {"server_usages": listed}})

    return SimpleNamespace(flavors=lambda microversion: FLAVORS, get=get)


def test_nova_says_how_long_nodes_ran() -> None:
    """One worker for half an hour and one that was deleted after a quarter; nobody knows anything of the master."""
    servers = [
        {"instance_id": ID.format(1), "name": "w-0", "started_at": "2027-01-15T07:30:00.000000", "ended_at": None},
        {"instance_id": ID.format(2), "name": "w-1", "started_at": "2027-01-01T00:00:00.000000", "ended_at": None},
        {"instance_id": ID.format(3), "name": "w-2", "started_at": "2027-01-01T00:00:00.000000",
         "ended_at": "2027-01-15T07:15:00.000000"},
    ]  # fmt: skip
    asked: list[Any] = []
    found = ask(connection(compute=nova(servers, asked)), prices=PRICES)
    master, workers = found["clusters"][0]["node_groups"]
    # 1.75 hours at 0.1
    assert (workers["cost"]["value"], workers["cost"]["source"]) == (0.175, "price table; Nova's usage")
    assert master["cost"]["value"] == 0.05
    assert asked == [("/os-simple-tenant-usage/p1?detailed=1&start=2027-01-15T07:00:00", "2.1")]
    assert found["sources"][-1] == {"name": "Nova's usage", "used": True, "reason": None, "failure": None}


def test_a_node_that_is_newer_than_the_period_leaves_novas_word_for_the_others() -> None:
    """The first worker ran all of the last hour but one; the second came after it."""
    servers = [
        {"instance_id": ID.format(1), "name": "w-0", "started_at": "2027-01-01T00:00:00.000000", "ended_at": None},
        {"instance_id": ID.format(2), "name": "w-1", "started_at": "2027-01-15T07:20:00.000000", "ended_at": None},
    ]
    found = ask(connection(compute=nova(servers, [])), prices=PRICES, end="2027-01-15T07:00:00Z", format="focus")
    workers = found["clusters"][0]["node_groups"][1]
    # One node at 0.1
    assert (workers["cost"]["value"], workers["cost"]["source"]) == (0.1, "price table; Nova's usage")
    assert [row["ResourceId"] for row in found["rows"] if row["x_NodeRole"] == "worker"] == [ID.format(1)]


def test_a_parked_group_may_have_been_another_clusters() -> None:
    """Magnum writes the names of servers in lower case, so that two clusters share them."""
    parked = NodeGroup("g3", "npu", "worker", "f2", stack_id=ID.format(9))
    cluster = replace(WEB, stack_id=ID.format(8), node_groups=(WEB.node_groups[0], parked))
    inventory = Inventory(
        ((cluster, {"default-master": NODES["default-master"], "npu": ()}),), ("web", "c1", "WEB", "c2")
    )
    servers = [
        {"instance_id": ID.format(3), "name": "web-npu-abcdefgh2345-node-0", "started_at": "2027-01-01T00:00:00.000000",
         "ended_at": "2027-01-15T07:15:00.000000"},
    ]  # fmt: skip
    found = ask(connection(compute=nova(servers, [])), inventory=inventory, prices=PRICES)
    cost = found["clusters"][0]["node_groups"][1]["cost"]
    assert (cost["value"], cost["reason"]) == (
        None,
        "1 deleted servers were nodes of npu, another cluster with a similar name; of which is not known",
    )


def test_without_novas_word_todays_nodes_are_taken() -> None:
    found = ask(prices=PRICES)
    assert found["sources"][-1]["failure"]["code"] == "SERVICE_NOT_IN_CATALOG"
    assert "today's node count" in found["clusters"][0]["cost"]["source"]


def test_a_service_that_is_missing_leaves_its_part_unknown() -> None:
    found = ask(connection(block_storage=SimpleNamespace(volumes=no_service)), prices=PRICES)
    figure = found["totals"]["cost_per_hour"]
    assert (figure["value"], figure["coverage"]) == (0.27, 0.8)
    assert "volumes could not be counted: Failed to list volumes" in figure["reason"]


@pytest.mark.parametrize(
    "known",
    [
        # By address only, and one of two nodes
        (ClusterNode("c1", "web", "default-worker", "10.0.0.5", "10.0.0.5", ("10.0.0.5",)), NODES["default-worker"][1]),
        NODES["default-worker"][1:],
    ],
)
def test_volumes_of_nodes_that_are_no_servers_are_unknown(known: tuple[ClusterNode, ...]) -> None:
    inventory = Inventory(((WEB, {**NODES, "default-worker": known}),), ("web", "c1"))
    found = ask(inventory=inventory, prices=PRICES)
    volumes = found["clusters"][0]["others"][0]["cost"]
    assert (volumes["value"], volumes["coverage"]) == (None, 0)
    assert volumes["reason"] == "volumes could not be counted: not all of its nodes are servers of Nova"
    # 3 nodes and the addresses are known, of 5 parts
    assert found["totals"]["cost"]["coverage"] == 0.8


def test_services_are_asked_only_for_what_has_a_rate() -> None:
    nothing = SimpleNamespace()
    found = ask(connection(network=nothing, block_storage=nothing), prices={"flavors": PRICES["flavors"]})
    assert found["clusters"][0]["others"] == []
    assert found["currency"] is None
    assert found["totals"]["cost"]["unit"] == "currency units"


def test_rows_carry_the_project_and_the_region() -> None:
    found = ask(prices=PRICES, format="focus", provider="Example Cloud")
    assert {(row["BillingAccountId"], row["BillingAccountName"], row["RegionId"], row["ProviderName"]) for row in found["rows"]} == {
        ("p1", "research", "RegionOne", "Example Cloud")
    }  # fmt: skip
    assert sum(Decimal(row["BilledCost"]) for row in found["rows"]) == Decimal("0.39")
    assert found["csv"].count("\n") == 6


def test_rows_without_a_currency_are_refused_before_anything_is_asked() -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(SimpleNamespace(), format="focus")
    assert caught.value.resource == "prices.currency"


@pytest.fixture
def rated(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A CloudKitty that rates the master and one worker; answers what it was asked for."""
    asked: list[Any] = []
    costs = {ID.format(0): Decimal("0.04"), ID.format(1): Decimal("0.3")}
    hour = ("2027-01-15T07:00:00Z", "2027-01-15T08:00:00Z")
    latest = {server: ((*hour, rate),) for server, rate in costs.items()}

    def answered(_connection: Any, ids: Any, attribute: str, whole: Any, last: Any) -> Any:
        asked.append((sorted(ids), attribute, whole, last))
        return Rated(costs, latest), None

    monkeypatch.setattr(under_test, "read_rated", answered)
    return asked


def test_cloudkitty_counts_where_the_table_says_nothing(rated: list[Any]) -> None:
    prices = {"currency": "USD", "flavors": {"cpu.small": 0.05}, "rates": {"vcpu": 1, "gib": 1}}
    found = ask(prices=prices)
    master, workers = found["clusters"][0]["node_groups"]
    assert (master["cost"]["value"], master["cost_per_hour"]["source"]) == (0.05, "price table")
    assert (workers["cost_per_hour"]["value"], workers["cost_per_hour"]["source"]) == (0.6, "CloudKitty")
    # What was rated, of one of two nodes
    assert (workers["cost"]["value"], workers["cost"]["coverage"]) == (0.3, 0.5)
    assert workers["cost"]["reason"] == "CloudKitty has rated 1 of 2 nodes"
    assert rated == [
        ([ID.format(1), ID.format(2)], "id", ("2027-01-15T07:00:00Z", "2027-01-15T08:00:00Z"),
         ("2027-01-15T07:00:00Z", "2027-01-15T08:00:00Z"))
    ]  # fmt: skip
    sources = {entry["name"]: (entry["used"], entry["reason"]) for entry in found["sources"]}
    assert sources["CloudKitty"] == (True, "CloudKitty does not say its currency; its prices are taken to be in USD")
    assert sources["component rates"] == (False, None)


@pytest.mark.parametrize("options", [{"cloudkitty": False}, {"prices": PRICES}])
def test_cloudkitty_is_not_asked_where_it_is_not_needed(rated: list[Any], options: dict[str, Any]) -> None:
    found = ask(**options)
    assert rated == []
    assert found["sources"][1]["reason"].startswith("it was not asked, as 'cloudkitty' is false or no node")
    assert not found["sources"][1]["used"]


def test_metrics_without_the_cluster_say_so() -> None:
    found = ask(metrics={"clusters": []}, prices=PRICES)
    assert found["totals"]["idle_cost"]["reason"] == "'metrics' does not hold this cluster"


@pytest.mark.parametrize(
    ("options", "environment", "asks"),
    [
        ({}, {}, False),
        ({}, {"PROMETHEUS_CLUSTERS": "[]"}, True),
        ({"servers": []}, {}, True),
        ({"source": "aetos"}, {}, True),
        ({"metrics": {}, "source": "aetos"}, {"PROMETHEUS_CLUSTERS": "[]"}, False),
    ],
)
def test_metrics_are_read_where_a_source_is_named(
    options: dict[str, Any], environment: dict[str, str], asks: bool
) -> None:
    params = {"metrics": None, "servers": None, "source": "prometheus", **options}
    assert asks_for_metrics(params, environment) is asks


def test_prices_are_known_without_the_servers() -> None:
    class Down:
        """A source that does not answer."""

        name, url, clusters = "down", "http://127.0.0.1:9", ()

        def names(self, _window: Window) -> Any:
            raise CloudUnreachable("Failed to read from Prometheus 'down'", code="METRICS_UNREACHABLE")

    known = read_metrics(INVENTORY, [Down()], Window(NOW, 300, 12))
    assert known.of("c1").energy.reason == "Failed to read from Prometheus 'down'."
    assert [(server["name"], server["failure"]["code"]) for server in known.servers] == [
        ("down", "METRICS_UNREACHABLE")
    ]
