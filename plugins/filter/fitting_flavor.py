# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A flavor by capability: what a node group needs -> the name of the cheapest flavor that has it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fitting_flavor
short_description: Choose the flavor of a node group by what its nodes must have
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - A flavor that the group names is taken as it is.
  - Otherwise the cheapest flavor that has the group's accelerator and no other kind, with enough CPU and memory. Prices are those
    of M(kcloud.infrastructure.cluster_match); among equals the first by name is taken.
  - Flavors of which the project can see that they boot come first. These are the flavors with a disk, and, of accelerators, those that
    Placement counts (C(resources:...)) or that O(flavor_map) describes. Whether a host has the device of a PCI alias or of a device
    profile, only the cloud's operator knows.
positional: flavors, flavor_map, prices
options:
  _input:
    description: The node group, with C(flavor), or with C(accelerator) and in it C(kind), C(models), C(count), C(vcpus), C(ram_mib).
    type: dict
    required: true
  flavors:
    description: The flavors to choose from, as M(kcloud.infrastructure.openstack_info) returns them.
    type: list
    elements: dict
    required: true
  flavor_map:
    description: What a flavor has where its extra specs do not say it, as in M(kcloud.infrastructure.cluster_match).
    type: dict
    default: {}
  prices:
    description: Prices, as in M(kcloud.infrastructure.cluster_match).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: The smallest node with an A100
  ansible.builtin.debug:
    msg: "{{ group | kcloud.infrastructure.fitting_flavor(found.openstack.flavors) }}"
  vars:
    group:
      accelerator:
        kind: gpu
        models: [a100]
"""

RETURN = r"""
_value:
  description: Name of the flavor.
  type: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import read_prices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import canonical
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import read_flavor, read_flavor_map
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Flavor


def fits(flavor: Flavor, need: Mapping[str, Any]) -> bool:
    """Whether nodes of the flavor have what is needed: the kind ``none`` means no accelerator at all."""
    kind = need.get("kind") or "none"
    models = {canonical(model) for model in need.get("models") or ()}
    if flavor.kinds != (frozenset() if kind == "none" else frozenset({kind})):
        return False
    if models and not models >= {entry.model for entry in flavor.accelerators}:
        return False
    return (
        sum(entry.count for entry in flavor.accelerators) >= int(need.get("count") or 0)
        and flavor.cpu_m >= int(need.get("vcpus") or 0) * 1000
        and flavor.mem_mib >= int(need.get("ram_mib") or 0)
    )


def doubts(raw: Mapping[str, Any], flavor: Flavor, vouched: bool) -> int:
    """How many reasons there are to doubt that servers of the flavor boot: no disk, devices that Placement does not count."""
    counted = vouched or not flavor.accelerators or bool(flavor.resources)
    return int(raw.get("disk_gib") == 0) + int(not counted)


def in_words(need: Mapping[str, Any]) -> str:
    """What is needed, for a message."""
    kind = need.get("kind") or "none"
    words = ["no accelerator" if kind == "none" else f"an accelerator of kind {kind}"]
    words += [f"models {', '.join(need['models'])}"] if need.get("models") else []
    words += [f"{need[key]} {unit}" for key, unit in (("vcpus", "vCPUs"), ("ram_mib", "MiB")) if need.get(key)]
    return ", ".join(words)


def fitting_flavor(
    group: Mapping[str, Any],
    flavors: Sequence[Mapping[str, Any]],
    flavor_map: Mapping[str, Any] | None = None,
    prices: Mapping[str, Any] | None = None,
) -> str:
    """The flavor that the group names, else the cheapest that fits.

    :raises AnsibleFilterError: none fits, or an option cannot be read.
    """
    if group.get("flavor"):
        return group["flavor"]
    need = group.get("accelerator") or {}
    try:
        mapped, rates = read_flavor_map(flavor_map or {}), read_prices(prices or {})
        read = [
            read_flavor(flavor, f"flavors[{index}]", mapped.get(flavor["name"], {}), rates)
            for index, flavor in enumerate(flavors)
        ]
    except KcloudError as error:
        raise AnsibleFilterError(error.sentence()) from None
    # A flavor with a device that nobody knows is none without an accelerator either
    fitting = [
        (doubts(raw, flavor, flavor.name in mapped), flavor.price, flavor.name)
        for raw, (flavor, strange) in zip(flavors, read)
        if not strange and fits(flavor, need)
    ]
    if not fitting:
        raise AnsibleFilterError(
            f"Failed to find a flavor with {in_words(need)}. Fix: name one with 'flavor', or say in 'flavor_map' what "
            f"your flavors have. The cloud offers {', '.join(sorted(flavor.name for flavor, _strange in read)) or 'none'}."
        )
    return min(fitting)[2]


class FilterModule:
    def filters(self):
        return {"fitting_flavor": fitting_flavor}
