# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What prevents the deletion of a cluster: resources of its Heat stacks, and what uses them from outside.

Heat says which network or security group it could not delete; Neutron says what uses it: a port that a user created, a
load balancer of a Kubernetes service, a floating IP behind its router.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.diagnose import failed_leaves
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.cluster_progress import (
    leaves_in_progress,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster

if TYPE_CHECKING:
    from openstack.connection import Connection

# By the ends of their types: Magnum wraps Heat's in its own, such as Magnum::Optional::Neutron::Subnet.
NETWORK, SUBNET, ROUTER, SECURITY_GROUP = "Net", "Subnet", "RouterInterface", "SecurityGroup"
# Neutron removes these by itself together with the network.
OWN_PORTS = ("network:dhcp", "network:distributed", "network:router_centralized_snat")
LOAD_BALANCERS = ("octavia", "neutron:loadbalancer")
MOST = 20


@dataclass(frozen=True)
class Blocker:
    """One thing that prevents the deletion.

    :param kind: ``stack resource``, ``port``, ``load balancer``, ``server``, ``floating ip``, ``security group`` ...
    :param holds: what cannot be deleted because of it.
    """

    kind: str
    id: str
    name: str = ""
    holds: str = ""
    reason: str | None = None

    def __str__(self) -> str:
        named = f"{self.kind} '{self.name}' ({self.id})" if self.name else f"{self.kind} {self.id}"
        return f"{named} on {self.holds}" if self.holds else named


def as_results(blockers: Iterable[Blocker]) -> list[dict[str, Any]]:
    """For a module's answer."""
    return [asdict(blocker) for blocker in list(blockers)[:MOST]]


# --- pure


def port_blocker(port: Mapping[str, Any], holds: str) -> Blocker:
    """A port as what it is to a person: the load balancer or server behind it, or a port that a user created."""
    owner, device = str(port.get("device_owner") or ""), str(port.get("device_id") or "")
    name = str(port.get("name") or "")
    if owner.lower().startswith(LOAD_BALANCERS):
        return Blocker("load balancer", device.removeprefix("lb-") or port["id"], name, holds)
    if owner.startswith("compute:"):
        return Blocker("server", device or port["id"], name, holds)
    if owner.startswith("network:router"):
        return Blocker("router interface", device or port["id"], name, holds)
    return Blocker("port", port["id"], name, holds)


def outsiders(
    stuck: Sequence[Resource],
    own: Iterable[str | None],
    ports: Sequence[Mapping[str, Any]],
    addresses: Sequence[Mapping[str, Any]],
) -> list[Blocker]:
    """Who is on the networks, subnets, routers and security groups that could not be deleted.

    :param own: the ids of all resources of the stacks: a port of theirs is not an outsider.
    :param ports: of the project, as Neutron tells them.
    :param addresses: the project's floating IPs.
    """
    ours = {identity for identity in own if identity}
    others = [
        port
        for port in ports
        if port["id"] not in ours
        and port.get("device_id") not in ours
        and not str(port.get("device_owner") or "").startswith(OWN_PORTS)
    ]
    found: list[Blocker] = []
    for resource in stuck:
        identity, holds = resource.physical_id or "", f"{resource.name} ({resource.type})"
        kind = _neutron(resource)
        if kind == NETWORK:
            found += [port_blocker(port, holds) for port in others if port.get("network_id") == identity]
        elif kind == SUBNET:
            found += [port_blocker(port, holds) for port in others if identity in _subnets(port)]
        elif kind == SECURITY_GROUP:
            found += [port_blocker(port, holds) for port in others if identity in (port.get("security_groups") or ())]
        elif kind == ROUTER:
            router = identity.partition(":")[0]
            found += [
                Blocker("floating ip", ip["id"], str(ip.get("floating_ip_address") or ""), holds)
                for ip in addresses
                if ip.get("router_id") == router and ip["id"] not in ours
            ]
    # The same port is on the subnet and on its network.
    unique = {(blocker.kind, blocker.id): blocker for blocker in reversed(found)}
    return sorted(unique.values(), key=lambda blocker: (blocker.kind, blocker.name, blocker.id))


def _neutron(resource: Resource) -> str:
    """What a resource is to Neutron; empty when it is nothing to it."""
    _before, separator, kind = resource.type.partition("Neutron::")
    return kind if separator else ""


def _line(text: str | None) -> str | None:
    """Neutron's errors come in several lines."""
    return " ".join(text.split()) if text else None


def _subnets(port: Mapping[str, Any]) -> set[str]:
    return {str(fixed.get("subnet_id")) for fixed in port.get("fixed_ips") or ()}


def still_there(resources: Sequence[Resource]) -> list[Resource]:
    """What of a stack resists its deletion: what failed, the likeliest cause first, else what is being deleted."""
    return failed_leaves(resources) or sorted(leaves_in_progress(resources), key=lambda resource: resource.name)


# --- reading


def blockers_of(connection: Connection, cluster: Cluster) -> list[Blocker]:
    """What prevents a cluster's deletion; empty when nothing is known.

    Outsiders first: they are what a person has to remove.
    """
    try:
        stacks = dict.fromkeys(
            identity
            for identity in (*(group.stack_id for group in cluster.node_groups), cluster.stack_id)
            if is_uuid(identity)
        )
        if not stacks:
            return _named_after(connection, cluster)
        heat = HeatReader(connection)
        every = [r for identity in stacks for r in heat.resources(Stack(identity or "", "", ""), nested=True)]
        stuck = still_there(every)
        inside = [
            Blocker("stack resource", r.physical_id or r.name, f"{r.name} ({r.type})", "", _line(r.reason))
            for r in stuck
        ]
        if not any(_neutron(resource) in (NETWORK, SUBNET, ROUTER, SECURITY_GROUP) for resource in stuck):
            return inside
        own = [resource.physical_id for resource in every]
        return [*outsiders(stuck, own, _listed(connection, "ports"), _listed(connection, "ips")), *inside]
    except KcloudError:
        # An explanation must never hide the failure that it explains.
        return []


def _listed(connection: Connection, kind: str) -> list[dict[str, Any]]:
    project = connection.current_project_id
    found = read(lambda: list(getattr(connection.network, kind)(project_id=project)), f"list {kind}", "network")
    return [thing.to_dict(original_names=True) for thing in found or ()]


def _named_after(connection: Connection, cluster: Cluster) -> list[Blocker]:
    """Without a stack: Cluster-API drivers put their own name of the cluster into the names of what they make.

    So does Kubernetes' cloud provider with the load balancers of services.
    """
    mark = cluster.stack_id or ""
    if len(mark) < 8:
        return []
    kinds = {
        "network": ("networks", "network"),
        "router": ("routers", "network"),
        "security group": ("security_groups", "network"),
        "port": ("ports", "network"),
        "server": ("servers", "compute"),
        "load balancer": ("load_balancers", "load_balancer"),
    }
    found: list[Blocker] = []
    for kind, (listing, service) in kinds.items():
        if service == "load_balancer" and not connection.has_service("load-balancer"):
            continue
        things = read(
            lambda s=service, names=listing: list(getattr(getattr(connection, s), names)()), f"list {kind}s", service
        )
        found += [Blocker(kind, thing.id, thing.name) for thing in things or () if mark in (thing.name or "")]
    return found
