# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Types of resources that hold what does not come back when Heat replaces them: data, nodes, or nodes' addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change

# What each holds, in words that end "... would be lost".
HOLDINGS: dict[str, str] = {
    "AWS::EC2::Instance": "a node",
    "AWS::EC2::Volume": "data",
    "AWS::RDS::DBInstance": "data",
    "OS::Cinder::Volume": "data",
    "OS::Designate::Zone": "records",
    "OS::Glance::WebImage": "an image",
    "OS::Magnum::Cluster": "a cluster with its nodes",
    "OS::Manila::Share": "data",
    "OS::Neutron::FloatingIP": "an address",
    "OS::Neutron::Net": "a network that nodes are attached to",
    "OS::Neutron::Port": "an address",
    "OS::Neutron::Subnet": "addresses that nodes have",
    "OS::Nova::Server": "a node",
    "OS::Octavia::LoadBalancer": "an address",
    "OS::Swift::Container": "data",
    "OS::Trove::Cluster": "data",
    "OS::Trove::Instance": "data",
    "OS::Zun::Container": "a node",
}


def losses(changes: Iterable[Change], environment: Mapping[str, Any], unfinished: Iterable[str] = ()) -> dict[str, str]:
    """What replacing would lose: by the path of the resource its type and what it holds, as ``TYPE: a node``.

    :param environment: the stack's; its resource_registry says what a name of one's own stands for.
    :param unfinished: paths of resources whose creation never ended well; they hold nothing yet.
    """
    every = list(changes)
    replaced = {change.resource for change in every if change.verb == "replace"}
    registry = environment.get("resource_registry") or {}
    found = {}
    for change in every:
        path = change.resource.removeprefix("resource/")
        kind = str(change.arguments.get("type") or "")
        goes = change.resource in replaced or (
            change.verb == "delete" and any(change.resource.startswith(f"{parent}/") for parent in replaced)
        )
        holding = HOLDINGS.get(_real(kind, registry))
        if goes and holding and path not in set(unfinished):
            found[path] = f"{kind}: {holding}"
    return found


def _real(kind: str, registry: Mapping[str, Any]) -> str:
    """The type that a name stands for; ``My::*: OS::*`` maps what begins so."""
    seen: set[str] = set()
    while kind not in seen:
        seen.add(kind)
        target = registry.get(kind)
        if not isinstance(target, str):
            matches = [name for name in registry if name.endswith("*") and kind.startswith(name[:-1])]
            name = max(matches, key=len, default="")
            whole = registry.get(name)
            target = whole[:-1] + kind[len(name) - 1 :] if isinstance(whole, str) and whole.endswith("*") else kind
        kind = target
    return kind
