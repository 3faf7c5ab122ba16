# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Address ranges for networks of clusters, and what connects such networks. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Union

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest

Range = Union[IPv4Network, IPv6Network]  # noqa: UP007 - pylint does not know these classes can be joined by a bar
# As Neutron has them, and what of them is had by ports
PROTOCOLS = {"tcp": True, "udp": True, "sctp": True, "icmp": False}
LARGEST_PORT = 65535


def address_range(text: object, what: str) -> Range:
    """Read a range of addresses.

    :raises InvalidRequest: it is none.
    """
    try:
        return ip_network(str(text))
    except ValueError as error:
        raise InvalidRequest(f"Failed to read {what}: {error}", code="BAD_ADDRESS_RANGE", resource=what) from error


def overlap(one: Range, other: Range) -> bool:
    """Whether an address lies in both."""
    return one.version == other.version and one.overlaps(other)  # type: ignore[arg-type]


def free_cidr(name: str, in_use: Iterable[str], pool: str, prefix: int) -> str:
    """The range of the pool for the thing of this name: by the name's digest, and the next free one if that is in use.

    :param prefix: length of the prefix, as 24.
    :returns: the same for the same name, whatever else is in use, as long as its own first choice is free.
    :raises InvalidRequest: nothing is free.
    """
    whole, used = (
        address_range(pool, "the pool of addresses"),
        [address_range(cidr, "a range in use") for cidr in in_use],
    )
    if not whole.prefixlen <= prefix <= whole.max_prefixlen:
        raise InvalidRequest(
            f"Failed to choose addresses for '{name}': {whole} holds no ranges of length /{prefix}",
            code="BAD_ADDRESS_RANGE",
            resource=f"network/{name}",
            hint=f"Give a prefix of at least {whole.prefixlen}",
        )
    count, size = 2 ** (prefix - whole.prefixlen), 2 ** (whole.max_prefixlen - prefix)
    near = [cidr for cidr in used if overlap(cidr, whole)]
    first = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % count
    for step in range(count):
        start = whole.network_address + ((first + step) % count) * size
        chosen = ip_network((start, prefix))
        if not any(overlap(chosen, cidr) for cidr in near):
            return str(chosen)
    raise InvalidRequest(
        f"Failed to choose addresses for '{name}': no range of length /{prefix} is free in {whole}",
        code="NO_FREE_ADDRESSES",
        resource=f"network/{name}",
        hint="Give a larger pool, or the range itself",
    )


@dataclass(frozen=True)
class Member:
    """A network that is to be connected."""

    name: str
    cidr: str
    router: str
    groups: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, order=True)
class Opening:
    """Who may use what of whom; ports None for a protocol without ports."""

    source: str
    target: str
    protocol: str
    ports: tuple[int, int] | None

    @property
    def key(self) -> str:
        """Its name among a stack's resources; the same opening has the same name whatever stands beside it."""
        ports = "" if self.ports is None else "-" + "-".join(str(port) for port in sorted(set(self.ports)))
        return f"{self.source}-to-{self.target}-{self.protocol}{ports}"

    def as_result(self) -> dict[str, Any]:
        """For a role's result."""
        low, high = self.ports or (None, None)
        return {
            "from": self.source,
            "to": self.target,
            "protocol": self.protocol,
            "port_min": low,
            "port_max": high,
        }


def bad(name: str, problem: str, hint: str, code: str = "BAD_INTERCONNECT") -> InvalidRequest:
    """An error about an interconnect."""
    return InvalidRequest(
        f"Failed to plan interconnect '{name}': {problem}", code=code, resource=f"interconnect/{name}", hint=hint
    )


def members_of(name: str, wanted: Sequence[str], networks: Iterable[Mapping[str, Any]]) -> dict[str, Member]:
    """The networks by the names that the user gave them.

    :param networks: as the module cluster_network_info returns them.
    :raises InvalidRequest: one is missing, is not alone with its name, or cannot be connected.
    """
    known = list(networks)
    members = {}
    for own in sorted(set(wanted)):
        same = [network for network in known if own in (network["name"], network["id"])]
        if len(same) != 1:
            raise bad(
                name,
                f"there are {len(same)} networks '{own}' in the project",
                "Name one that exists, by its id where the name is not unique",
            )
        members[own] = _member(name, own, same[0])
    for one in members.values():
        for other in members.values():
            ranges = address_range(one.cidr, one.name), address_range(other.cidr, other.name)
            if one.name < other.name and overlap(*ranges):
                raise bad(
                    name,
                    f"the addresses of '{one.name}' ({one.cidr}) and '{other.name}' ({other.cidr}) overlap",
                    "Make one of them anew with another range: the role cluster_network chooses a free one; "
                    "for a network that Magnum's Heat driver makes, set the label fixed_network_cidr",
                    code="OVERLAPPING_NETWORKS",
                )
    return members


def _member(name: str, own: str, network: Mapping[str, Any]) -> Member:
    subnets = [subnet for subnet in network["subnets"] if subnet["ip_version"] == 4]
    # The nodes' default route is the router at their subnet's gateway; another one would never see their packets
    pairs = [
        (subnet, router)
        for subnet in subnets
        for router in network["routers"]
        if subnet["gateway_ip"] in router["addresses"]
    ]
    if len(pairs) != 1:
        raise bad(
            name,
            f"network '{own}' has {len(pairs)} IPv4 subnets with a router at their gateway address, not one",
            "Connect networks with one subnet and one router, such as the role cluster_network makes",
        )
    groups = tuple(group for group in network["security_groups"] if group["name"] != "default")
    shared = sorted(group["name"] for group in groups if group["elsewhere"])
    if shared:
        raise bad(
            name,
            f"servers on other networks than '{own}' are in its security groups {', '.join(shared)} too, and would be opened as well",
            "Give the servers of each network security groups of their own",
        )
    if not groups:
        raise bad(
            name,
            f"network '{own}' has no security group of its own to open",
            "Make the network by the role cluster_network, or its servers in a security group other than 'default'",
        )
    subnet, router = pairs[0]
    return Member(own, subnet["cidr"], router["id"], groups)


def openings_of(name: str, allow: Iterable[Mapping[str, Any]], wanted: Sequence[str]) -> tuple[Opening, ...]:
    """What is to be open, sorted.

    :param allow: each with ``from``, ``to``, ``protocol`` (tcp when missing) and ``ports``: numbers or "first-last".
    :raises InvalidRequest: a network that is not connected, a wrong protocol or port.
    """
    openings: set[Opening] = set()
    for index, entry in enumerate(allow):
        where = f"allow[{index}]"
        unknown = set(entry) - {"from", "to", "protocol", "ports"}
        ends = [entry.get("from"), entry.get("to")]
        if unknown or None in ends:
            raise bad(name, f"{where} has {', '.join(sorted(entry)) or 'nothing'}", "Give from, to, protocol and ports")
        strangers = [str(end) for end in ends if end not in wanted]
        if strangers or ends[0] == ends[1]:
            raise bad(
                name,
                f"{where} is about {', '.join(strangers) or ends[0]}",
                f"Name two different ones of {', '.join(wanted)}",
            )
        protocol = str(entry.get("protocol") or "tcp")
        if protocol not in PROTOCOLS:
            raise bad(name, f"{where} has protocol '{protocol}'", f"Give one of {', '.join(PROTOCOLS)}")
        given = entry.get("ports") or []
        if bool(given) is not PROTOCOLS[protocol]:
            hint = "Name the ports; all of them are 1-65535" if PROTOCOLS[protocol] else f"{protocol} has no ports"
            raise bad(name, f"{where} has {'ports' if given else 'no ports'}", hint)
        ranges = [_ports(name, where, ports) for ports in given] or [None]
        openings.update(Opening(str(ends[0]), str(ends[1]), protocol, ports) for ports in ranges)
    return tuple(sorted(openings, key=lambda opening: opening.key))


def _ports(name: str, where: str, given: object) -> tuple[int, int]:
    read = re.fullmatch(r"(\d+)(?:-(\d+))?", str(given).replace(" ", ""))
    low, high = (int(read[1]), int(read[2] or read[1])) if read else (0, 0)
    if not 1 <= low <= high <= LARGEST_PORT:
        raise bad(
            name, f"{where} has the ports '{given}'", "Give a number, or the first and last one as in 30000-32767"
        )
    return low, high


def template_of(
    name: str, members: Mapping[str, Member], openings: Sequence[Opening], transit_cidr: str
) -> dict[str, Any]:
    """The Heat template that connects them: what cluster_interconnect.yaml says of two networks, for any number.

    Every resource is named by what it is for, so that a change of one leaves the others alone. Routes lead only between
    networks of which one may use something of the other.
    """
    transit = address_range(transit_cidr, "the transit network")
    for member in members.values():
        if overlap(transit, address_range(member.cidr, member.name)):
            raise bad(name, f"its transit network {transit} overlaps with '{member.name}'", "Give another transit_cidr")
    resources: dict[str, Any] = {
        "transit": {"type": "OS::Neutron::Net", "properties": {"name": name}},
        "transit_subnet": {
            "type": "OS::Neutron::Subnet",
            "properties": {
                "name": name,
                "network": {"get_resource": "transit"},
                "ip_version": 4,
                "cidr": transit_cidr,
                "enable_dhcp": False,
                "gateway_ip": "",
            },
        },
    }
    peers = {
        own: sorted(
            {opening.target for opening in openings if opening.source == own}
            | {opening.source for opening in openings if opening.target == own}
        )
        for own in members
    }
    for own, member in members.items():
        if peers[own]:
            resources.update(_joined(name, member, [members[peer] for peer in peers[own]]))
    for opening in openings:
        for group in members[opening.target].groups:
            resources[f"{opening.key}-{group['id'][:8]}"] = _rule(name, opening, members[opening.source], group)
    return {
        "heat_template_version": "wallaby",
        "description": f"What connects {', '.join(members)}, and only for what each may use of the others",
        "resources": resources,
        "outputs": {"network_id": {"description": "Id of the transit network", "value": {"get_resource": "transit"}}},
    }


def _joined(name: str, member: Member, peers: Sequence[Member]) -> dict[str, Any]:
    own = member.name
    return {
        f"{own}-port": {
            "type": "OS::Neutron::Port",
            "properties": {
                "name": f"{name}-{own}",
                "network": {"get_resource": "transit"},
                "fixed_ips": [{"subnet": {"get_resource": "transit_subnet"}}],
            },
        },
        f"{own}-interface": {
            "type": "OS::Neutron::RouterInterface",
            "properties": {"router": member.router, "port": {"get_resource": f"{own}-port"}},
        },
        f"{own}-routes": {
            "type": "OS::Neutron::ExtraRouteSet",
            # Neutron takes a route only while its next hop lies on a network of the router
            "depends_on": [f"{own}-interface", *(f"{peer.name}-interface" for peer in peers)],
            "properties": {
                "router": member.router,
                "routes": [
                    {
                        "destination": peer.cidr,
                        "nexthop": {"get_attr": [f"{peer.name}-port", "fixed_ips", 0, "ip_address"]},
                    }
                    for peer in peers
                ],
            },
        },
    }


def _rule(name: str, opening: Opening, source: Member, group: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "security_group": group["id"],
        "description": f"Connection {name}",
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": opening.protocol,
        "remote_ip_prefix": source.cidr,
    }
    if opening.ports is not None:
        properties |= {"port_range_min": opening.ports[0], "port_range_max": opening.ports[1]}
    return {"type": "OS::Neutron::SecurityGroupRule", "properties": properties}


def wider_than_asked(members: Mapping[str, Member], openings: Sequence[Opening]) -> list[dict[str, Any]]:
    """What the networks' own security groups let in from a connected network beyond what was asked for.

    Such as what Magnum's Heat driver opens to everybody: no connection can close it.
    """
    linked = sorted(
        {pair for opening in openings for pair in ((opening.source, opening.target), (opening.target, opening.source))}
    )
    found = []
    for source, target in linked:
        cidr = address_range(members[source].cidr, source)
        asked = [opening for opening in openings if (opening.source, opening.target) == (source, target)]
        for group in members[target].groups:
            for rule in group["rules"]:
                if _lets_in(rule, cidr) and not any(_within(rule, opening) for opening in asked):
                    found.append(
                        {
                            "from": source,
                            "to": target,
                            "security_group": group["name"],
                            "protocol": rule["protocol"] or "any",
                            "ports": _shown_ports(rule),
                            "remote_cidr": rule["remote_cidr"] or "anywhere",
                        }
                    )
    return sorted(found, key=lambda entry: [str(value) for value in entry.values()])


def _lets_in(rule: Mapping[str, Any], cidr: Range) -> bool:
    if rule["direction"] != "ingress" or rule["ethertype"] != "IPv4" or rule["remote_group"]:
        return False
    return not rule["remote_cidr"] or overlap(ip_network(rule["remote_cidr"], strict=False), cidr)


def _within(rule: Mapping[str, Any], opening: Opening) -> bool:
    if rule["protocol"] != opening.protocol:
        return False
    if opening.ports is None:
        return True
    low, high = opening.ports
    return rule["port_min"] is not None and low <= rule["port_min"] and rule["port_max"] <= high


def _shown_ports(rule: Mapping[str, Any]) -> str:
    low, high = rule["port_min"], rule["port_max"]
    if low is None:
        return "all"
    return str(low) if low == high else f"{low}-{high}"
