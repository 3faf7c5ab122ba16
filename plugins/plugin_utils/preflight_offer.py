# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cloud offers to make clusters of -> rows of the table of a preflight: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import (
    CAPI_HELM,
    DRIVERS,
    HEAT,
    identify_driver,
    is_autoscaled,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import read_prices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import canonical
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import read_flavor, read_flavor_map
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.preflight_rows import (
    OPERATOR,
    Check,
    missed,
    passed,
    shown,
    version,
    warned,
)
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.preflight_services import WITHOUT_TRUSTS

Some = Mapping[str, Any]


def flavor_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    names = [flavor["name"] for flavor in cloud["flavors"]]
    for wanted in needs.get("flavors") or ():
        if wanted in names:
            yield passed(f"flavor {wanted}", "there")
        else:
            yield missed(f"flavor {wanted}", "not there", f"{OPERATOR} for it, or name one of: {shown(names)}")
    mapped, rates = read_flavor_map(needs.get("flavor_map") or {}), read_prices({})
    having: dict[str, set[str]] = {}
    for index, raw in enumerate(cloud["flavors"]):
        flavor = read_flavor(raw, f"flavors[{index}]", mapped.get(raw["name"], {}), rates)[0]
        for entry in flavor.accelerators:
            having.setdefault(entry.kind, set()).add(flavor.name)
            having.setdefault(canonical(entry.model), set()).add(flavor.name)
    for wanted in needs.get("accelerators") or ():
        found = sorted(having.get(canonical(wanted), ()))
        if found:
            yield passed(f"flavors with {wanted}", shown(found))
        else:
            hint = f"{OPERATOR} for one, or say in 'flavor_map' what your flavors have: {shown(names)}"
            yield missed(f"flavors with {wanted}", "none", hint)


# --- images and drivers


def image_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    for wanted in needs.get("images") or ():
        check = f"image {wanted}"
        same = _called(cloud["images"], wanted)
        if not same:
            there = shown(image["name"] for image in cloud["images"])
            yield missed(check, "not there", f"Upload it, or name one of: {there}")
        elif len(same) > 1:
            yield missed(check, f"{len(same)} of that name", "Name it by its id")
        elif not same[0]["os_distro"]:
            hint = f"Magnum finds its driver by it: openstack image set --property os_distro=fedora-coreos {wanted}"
            yield missed(check, "has no property os_distro", hint)
        else:
            yield _image_check(check, same[0], cloud, needs)


def _called(things: list[Some], wanted: str) -> list[Some]:
    return [thing for thing in things if wanted in (thing["name"], thing["id"])]


def _image_check(check: str, image: Some, cloud: Some, needs: Some) -> Check:
    """An image with the property that chooses Magnum's driver."""
    distro, drivers = image["os_distro"], drivers_of(image, needs)
    found = f"os_distro {distro}"
    if not drivers:
        known = sorted({name for driver in DRIVERS.values() for name in driver.distros})
        hint = f"The drivers that are known here take {', '.join(known)}: correct the property, or ask the operator whether yours takes it"
        return warned(check, f"{found}, for no driver that is known here", hint)
    newest = version((cloud["services"].get("container-infra") or {}).get("max_version"))
    if drivers == (HEAT.name,) and newest >= WITHOUT_TRUSTS:
        hint = "Take an image for a Cluster-API driver, such as ubuntu, or ask the operator which driver is installed"
        return warned(check, f"{found}, and this Magnum has no Heat driver of its own any more", hint)
    return passed(check, f"{found}, for {' or '.join(drivers)}")


def drivers_of(image: Some, needs: Some) -> tuple[str, ...]:
    """The drivers of Magnum that take an image: several Cluster-API drivers take the same."""
    if needs.get("driver"):
        return (needs["driver"],)
    if image.get("kube_version") and image["os_distro"] in CAPI_HELM.distros:
        return (CAPI_HELM.name,)
    return tuple(driver.name for driver in DRIVERS.values() if image["os_distro"] in driver.distros)


def template_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    """Cluster templates whose clusters a resize does not change, or only until the autoscaler comes back."""
    templates = cloud.get("cluster_templates") or []
    owned = [template for template in templates if is_autoscaled(template["labels"])]
    if templates and not owned:
        yield passed("cluster templates without autoscaling", f"{len(templates)} of {len(templates)}")
    for template in owned:
        found = identify_driver(
            said=needs.get("driver") or None, distro=template["os_distro"], labels=template["labels"]
        )
        effect = (
            "the cluster's autoscaler changes the count after a resize"
            if found.driver.resize_autoscaled
            else "a resize of its clusters has no effect on Cluster-API drivers"
        )
        hint = "Change min_node_count and max_node_count of the node group in place of the count, or use a template without this label"
        yield warned(
            f"autoscaling of cluster template {template['name']}", f"auto_scaling_enabled is true: {effect}", hint
        )


# --- networks


def network_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    wanted = needs.get("external_network")
    if wanted:
        same = _called(cloud["networks"], wanted)
        outside = shown(network["name"] for network in cloud["networks"] if network["external"])
        check, hint = f"external network {wanted}", f"Name one that leads out: {outside}"
        # As Magnum, which looks among the external ones only
        leading_out = [network for network in same if network["external"]]
        if same and not leading_out:
            yield missed(check, "leads nowhere", hint)
        else:
            yield _the_one(check, leading_out, hint)
    wanted = needs.get("fixed_network")
    if wanted:
        inside = shown(network["name"] for network in cloud["networks"] if not network["external"])
        check, hint = f"fixed network {wanted}", f"Make it, or name one of: {inside}"
        # As Magnum, which looks among all
        yield _the_one(check, _called(cloud["networks"], wanted), hint)


def _the_one(check: str, same: list[Some], hint: str) -> Check:
    """The network that a name stands for, where it stands for one."""
    if not same:
        return missed(check, "not there", hint)
    if len(same) > 1:
        return missed(
            check, f"{len(same)} of that name", f"Name it by its id: {shown(network['id'] for network in same)}"
        )
    return passed(check, same[0]["id"])


def range_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    """Subnets of the external and the fixed network that overlap the ranges which magnum-capi-helm gives pods and services.

    A failure where the user says that this is the driver, a warning where it may be.

    :raises InvalidRequest: a range cannot be read.
    """
    ranges = {
        name: _network(cidr, f"openstack_preflight_ranges.{name}") for name, cidr in (needs.get("ranges") or {}).items()
    }
    said = needs.get("driver")
    if not ranges or not (said == CAPI_HELM.name or (not said and _may_be_capi_helm(cloud, needs))):
        return
    check = "subnets beside the ranges of magnum-capi-helm"
    named = [needs.get("external_network"), needs.get("fixed_network")]
    networks = [network for wanted in named if wanted for network in _called(cloud["networks"], wanted)]
    subnets = [subnet for network in networks for subnet in network.get("subnets") or ()]
    overlaps = [
        f"{subnet['name'] or 'subnet'} {subnet['cidr']} overlaps {name} {cidr}"
        for subnet in subnets
        for name, cidr in sorted(ranges.items())
        if _overlap(ip_network(subnet["cidr"]), cidr)
    ]
    if not overlaps:
        yield passed(check, shown(subnet["cidr"] for subnet in subnets) if subnets else "the cloud shows no subnets")
        return
    hint = (
        "magnum-capi-helm refuses clusters on such networks: choose others, set openstack_preflight_ranges to the ranges that your operator "
        "has set, or set openstack_preflight_driver where Magnum has another driver"
    )
    yield (missed if said else warned)(check, shown(overlaps), hint)


def _may_be_capi_helm(cloud: Some, needs: Some) -> bool:
    wanted = [image for name in needs.get("images") or () for image in _called(cloud["images"], name)]
    return any(CAPI_HELM.name in drivers_of(image, needs) for image in wanted if image["os_distro"])


def _network(cidr: object, option: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(cidr))
    except ValueError as error:
        raise InvalidRequest(
            f"Failed to read '{option}': {cidr!r} is not a range of addresses",
            resource=option,
            reason=str(error),
            hint="Give one such as 10.100.0.0/16",
        ) from None


def _overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def keypair_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    wanted = needs.get("keypair")
    if wanted and wanted in cloud["keypairs"]:
        yield passed(f"keypair {wanted}", "there")
    elif wanted:
        hint = (
            f"openstack keypair create {wanted}, or name one of: {shown(cloud['keypairs'])}. Keypairs belong to users"
        )
        yield missed(f"keypair {wanted}", "not there", hint)
