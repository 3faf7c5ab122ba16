# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that never overlap, and connections of just what was asked for."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.free_cidr import free_cidr
from ansible_collections.kcloud.infrastructure.plugins.filter.interconnect import interconnect, table_rows

TEMPLATE = Path(__file__).resolve().parents[4] / "heat_templates/cluster_interconnect.yaml"


def rule(**changes: Any) -> dict[str, Any]:
    """A rule as cluster_network_info returns it, that lets everything in."""
    everything = {
        "id": "r",
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": None,
        "port_min": None,
        "port_max": None,
        "remote_cidr": None,
        "remote_group": None,
    }
    return {**everything, **changes}


def network(name: str, number: int, **changes: Any) -> dict[str, Any]:
    """A network as cluster_network_info returns it."""
    return {
        "id": f"{name}-id",
        "name": name,
        "nodes": 0,
        "subnets": [
            {"id": "s", "name": "s", "ip_version": 4, "cidr": f"10.{number}.0.0/24", "gateway_ip": f"10.{number}.0.1"}
        ],
        "routers": [
            {
                "id": f"{name}-router",
                "name": name,
                "addresses": [f"10.{number}.0.1"],
                "external_network_id": None,
                "routes": [],
            }
        ],
        "security_groups": [
            {
                "id": f"{name}-group",
                "name": name,
                "nodes": 0,
                "elsewhere": False,
                "rules": [rule(remote_group=f"{name}-group")],
            }
        ],
        **changes,
    }


A, B, C = network("a", 1), network("b", 2), network("c", 3)
WANTED = {
    "name": "link",
    "networks": ["a", "b", "c"],
    "transit_cidr": "100.64.0.0/28",
    "allow": [
        {"from": "a", "to": "b", "ports": [443, "30000-32767"]},
        {"from": "b", "to": "c", "protocol": "icmp"},
    ],
}


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of a template's resources of a type, by name."""
    return {
        name: resource["properties"]
        for name, resource in template["resources"].items()
        if resource["type"] == f"OS::Neutron::{kind}"
    }


def test_exactly_the_asked_pairs_and_ports() -> None:
    """Rules only for what was asked, and routes only between those that have something to do with each other."""
    plan = interconnect([A, B, C], WANTED)
    rules = of_type(plan["template"], "SecurityGroupRule")
    assert {
        (r["remote_ip_prefix"], r["security_group"], r["protocol"], r.get("port_range_min"), r.get("port_range_max"))
        for r in rules.values()
    } == {
        ("10.1.0.0/24", "b-group", "tcp", 443, 443),
        ("10.1.0.0/24", "b-group", "tcp", 30000, 32767),
        ("10.2.0.0/24", "c-group", "icmp", None, None),
    }
    assert {r["direction"] for r in rules.values()} == {"ingress"}
    routes = of_type(plan["template"], "ExtraRouteSet")
    assert {name: [route["destination"] for route in p["routes"]] for name, p in routes.items()} == {
        "a-routes": ["10.2.0.0/24"],
        "b-routes": ["10.1.0.0/24", "10.3.0.0/24"],
        "c-routes": ["10.2.0.0/24"],
    }
    assert plan["wider"] == []
    assert [entry["from"] + entry["to"] for entry in plan["connections"]] == ["ab", "ab", "bc"]


def test_a_network_without_connections_is_left_alone() -> None:
    """It gets no interface: it would only be a way in."""
    template = interconnect([A, B, C], {**WANTED, "allow": WANTED["allow"][:1]})["template"]  # type: ignore[index]
    assert not [name for name in template["resources"] if name.startswith("c-")]


def test_order_changes_nothing() -> None:
    """Neither the order of networks nor of what is allowed, nor saying it twice."""
    turned = {**WANTED, "networks": ["c", "a", "b"], "allow": [*reversed(WANTED["allow"]), WANTED["allow"][0]]}  # type: ignore[call-overload, misc, index]
    assert interconnect([C, B, A], turned) == interconnect([A, B, C], WANTED)


def test_a_change_leaves_the_other_resources_alone() -> None:
    """A rule is named by what it is for: one that goes does not make another one anew, which Neutron would refuse."""
    before = interconnect([A, B, C], WANTED)["template"]["resources"]
    less = {**WANTED, "allow": [{"from": "a", "to": "b", "ports": ["30000-32767"]}, WANTED["allow"][1]]}  # type: ignore[index]
    after = interconnect([A, B, C], less)["template"]["resources"]
    assert set(before) - set(after) == {"a-to-b-tcp-443-b-group"}
    assert all(after[name] == before[name] for name in after)


def test_same_resources_as_the_template_for_two() -> None:
    """The role and heat_templates/cluster_interconnect.yaml do the same: same types with the same properties."""

    def shape(resources: dict[str, Any]) -> set[tuple[str, tuple[str, ...]]]:
        return {(r["type"], tuple(sorted(r["properties"]))) for r in resources.values()}

    two = {**WANTED, "networks": ["a", "b"], "allow": [{"from": "a", "to": "b", "ports": [443]}]}
    template = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    made = interconnect([A, B], two)["template"]
    assert shape(template["resources"]) == shape(made["resources"])
    assert template["heat_template_version"] == made["heat_template_version"]


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        (rule(), True),
        (rule(protocol="tcp", port_min=22, port_max=22), True),
        (rule(protocol="tcp", port_min=22, port_max=22, remote_cidr="10.0.0.0/8"), True),
        (rule(protocol="tcp", port_min=443, port_max=443), False),
        (rule(protocol="tcp", port_min=31000, port_max=31000), False),
        (rule(protocol="tcp", port_min=443, port_max=444), True),
        (rule(protocol="udp", port_min=443, port_max=443), True),
        (rule(protocol="tcp", port_min=22, port_max=22, remote_cidr="10.9.0.0/24"), False),
        (rule(remote_group="else"), False),
        (rule(direction="egress"), False),
        (rule(ethertype="IPv6"), False),
    ],
)
def test_what_groups_let_in_beyond_that_is_said(given: dict[str, Any], reported: bool) -> None:
    """Magnum's own groups open some ports to everybody; a route makes them reachable."""
    group = {"id": "m", "name": "magnum", "nodes": 1, "elsewhere": False, "rules": [given]}
    b = network("b", 2, security_groups=[group])
    plan = interconnect([A, b, C], {**WANTED, "allow": WANTED["allow"][:1]})  # type: ignore[index]
    assert [entry["security_group"] for entry in plan["wider"]] == (["magnum"] if reported else [])


def test_the_rows_that_people_see() -> None:
    """One port, a range, or none; what was not asked for has a remark. The role itself made these before the filter did."""
    connections = [
        {"from": "a", "to": "b", "protocol": "tcp", "port_min": 443, "port_max": 443},
        {"from": "a", "to": "b", "protocol": "tcp", "port_min": 30000, "port_max": 32767},
        {"from": "b", "to": "c", "protocol": "icmp", "port_min": None, "port_max": None},
    ]
    wider = {
        "from": "a",
        "to": "b",
        "security_group": "magnum",
        "protocol": "any",
        "ports": "any",
        "remote_cidr": "anywhere",
    }
    assert table_rows(connections, [wider]) == [
        {**connections[0], "ports": "443", "remark": ""},
        {**connections[1], "ports": "30000-32767", "remark": ""},
        {**connections[2], "ports": "", "remark": ""},
        {**wider, "remark": "not asked for, open by magnum to anywhere"},
    ]
    plan = interconnect([A, B, C], WANTED)
    assert plan["rows"] == table_rows(plan["connections"], plan["wider"])
    assert [row["ports"] for row in plan["rows"]] == ["30000-32767", "443", ""]


@pytest.mark.parametrize(
    ("networks", "changes", "words"),
    [
        ([A, B], {}, "0 networks 'c'"),
        ([A, B, C, network("c", 4)], {}, "2 networks 'c'"),
        ([A, B, network("c", 1)], {}, "overlap"),
        ([A, B, network("c", 3, routers=[])], {}, "0 IPv4 subnets with a router"),
        ([A, B, network("c", 3, security_groups=[])], {}, "no security group of its own"),
        (
            [A, B, network("c", 3, security_groups=[{**C["security_groups"][0], "elsewhere": True}])],
            {},
            "servers on other networks",
        ),
        ([A, B, C], {"transit_cidr": "10.0.0.0/8"}, "overlaps with 'a'"),
        ([A, B, C], {"transit_cidr": "nonsense"}, "nonsense"),
        ([A, B, C], {"allow": [{"from": "a", "to": "d", "ports": [1]}]}, "about d"),
        ([A, B, C], {"allow": [{"from": "a", "to": "a", "ports": [1]}]}, "about a"),
        ([A, B, C], {"allow": [{"from": "a", "to": "b"}]}, "no ports"),
        ([A, B, C], {"allow": [{"from": "a", "to": "b", "protocol": "icmp", "ports": [1]}]}, "has ports"),
        ([A, B, C], {"allow": [{"from": "a", "to": "b", "protocol": "gre", "ports": [1]}]}, "gre"),
        ([A, B, C], {"allow": [{"from": "a", "to": "b", "ports": [0]}]}, "'0'"),
        ([A, B, C], {"allow": [{"from": "a", "to": "b", "ports": ["5-4"]}]}, "'5-4'"),
        ([A, B, C], {"allow": [{"from": "a", "to": "b", "ports": [70000]}]}, "'70000'"),
        ([A, B, C], {"allow": [{"from": "a", "to": "b", "port": 1}]}, "from, port, to"),
    ],
)
def test_what_cannot_be_connected_is_refused_in_words(
    networks: list[dict[str, Any]], changes: dict[str, Any], words: str
) -> None:
    """Each with a fix or the value."""
    with pytest.raises(AnsibleFilterError, match=re.escape(words)):
        interconnect(networks, {**WANTED, **changes})


def test_a_name_has_its_range_until_it_is_in_use() -> None:
    """The same on every run; another one where that is taken, by whatever part of it."""
    chosen = free_cidr("train", ["192.168.0.0/16", "2001:db8::/64"])
    assert chosen == free_cidr("train", [])
    assert ip_network(chosen).subnet_of(ip_network("10.128.0.0/10"))  # type: ignore[arg-type]
    for taken in (chosen, chosen.replace(".0/24", ".128/25"), str(ip_network(chosen).supernet(new_prefix=20))):
        other = free_cidr("train", [taken])
        assert not ip_network(other).overlaps(ip_network(taken))


def test_ranges_of_many_names_never_overlap() -> None:
    """Until the pool is full, which is said."""
    used: list[str] = []
    for number in range(16):
        used.append(free_cidr(f"network-{number}", used, "10.0.0.0/20", 24))
    assert len(set(used)) == 16
    with pytest.raises(AnsibleFilterError, match="no range of length /24 is free"):
        free_cidr("one-more", used, "10.0.0.0/20", 24)
    with pytest.raises(AnsibleFilterError, match="holds no ranges of length /8"):
        free_cidr("x", [], "10.0.0.0/20", 8)
