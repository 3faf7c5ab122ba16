# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cloud has, and what clusters need of it -> the list of checks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: preflight_checks
short_description: Judge what a cloud has by what clusters need
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Compares the result of M(kcloud.infrastructure.openstack_info), also one of a login that failed, with needs.
positional: needs
options:
  _input:
    description: The registered result of M(kcloud.infrastructure.openstack_info).
    type: dict
    required: true
  needs:
    description:
      - What must be there, with C(create), C(services), C(microversion), C(images), C(keypair), C(external_network), C(flavors),
        C(accelerators), C(flavor_map) and C(left), each as the variable of the role P(kcloud.infrastructure.openstack_preflight#role).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What is missing
  ansible.builtin.debug:
    msg: "{{ found | kcloud.infrastructure.preflight_checks({'keypair': 'kcloud-keypair'}) | rejectattr('ok') }}"
"""

RETURN = r"""
_value:
  description: The checks, each with C(check), C(ok), C(found), C(hint) where it failed, and C(warning), true for what is not a failure but should be changed.
  type: list
  elements: dict
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import read_prices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import canonical
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import read_flavor, read_flavor_map

SERVICE_NAMES = {
    "compute": "Nova",
    "image": "Glance",
    "network": "Neutron",
    "orchestration": "Heat",
    "container-infra": "Magnum",
}
# The role to which Magnum's policy gives the clusters of every project
ADMIN = "admin"
OPERATOR = "Ask the cloud's operator"

Check = dict[str, Any]


def passed(check: str, found: object) -> Check:
    return {"check": check, "ok": True, "found": str(found), "hint": "", "warning": False}


def missed(check: str, found: object, hint: str) -> Check:
    return {"check": check, "ok": False, "found": str(found), "hint": hint, "warning": False}


def warned(check: str, found: object, hint: str) -> Check:
    """What is not a failure, but should be changed."""
    return {**passed(check, found), "hint": hint, "warning": True}


def shown(names: list[str]) -> str:
    """A list of names that fits a line."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(names[:8]) or "none") + more


def version(text: object) -> tuple[int, ...]:
    return tuple(int(part) for part in str(text or "0").split("."))


def identity_checks(cloud: Mapping[str, Any], needs: Mapping[str, Any]) -> Iterator[Check]:
    who = cloud["identity"]
    yield passed("Keystone: log in", f"{who['user']} in {who['project']}, roles {', '.join(who['roles'])}")
    if ADMIN in who["roles"]:
        hint = (
            "Use a user of one project without this role: Magnum shows an administrator the clusters of every project, and "
            "lets it change them"
        )
        yield warned("the user is not an administrator", f"role {ADMIN}", hint)
    if not needs.get("create"):
        return
    check = "credential can create clusters"
    if who["auth_method"] == "application_credential":
        yield missed(
            check,
            "an application credential",
            "Application credentials cannot make the Keystone trust that a new cluster needs: create with a user's password; "
            "this credential can list, scale and delete",
        )
    else:
        yield passed(check, who["auth_method"])


def service_checks(cloud: Mapping[str, Any], needs: Mapping[str, Any]) -> Iterator[Check]:
    for service in needs.get("services") or ():
        about = cloud["services"].get(service) or {}
        check = f"{SERVICE_NAMES.get(service, service)} answers"
        if not about.get("available"):
            hint = about.get("hint") or f"{OPERATOR} whether it is offered, and check 'region_name' and 'interface'"
            yield missed(check, about.get("reason", "not in the catalog"), hint)
            continue
        versions = f", {about['min_version']} to {about['max_version']}" if about.get("max_version") else ""
        yield passed(check, f"{about['endpoint']}{versions}")
        wanted = needs.get("microversion")
        if service == "container-infra" and wanted:
            check, highest = f"Magnum offers microversion {wanted}", about.get("max_version")
            if version(highest) >= version(wanted):
                yield passed(check, f"up to {highest}")
            else:
                yield missed(check, f"up to {highest}", f"Node groups need it: {OPERATOR.lower()} for a newer Magnum")


def image_checks(cloud: Mapping[str, Any], needs: Mapping[str, Any]) -> Iterator[Check]:
    for wanted in needs.get("images") or ():
        check = f"image {wanted}"
        same = [image for image in cloud["images"] if wanted in (image["name"], image["id"])]
        if not same:
            there = shown([image["name"] for image in cloud["images"]])
            yield missed(check, "not there", f"Upload it, or name one of: {there}")
        elif len(same) > 1:
            yield missed(check, f"{len(same)} of that name", "Name it by its id")
        elif not same[0]["os_distro"]:
            hint = f"Magnum finds its driver by it: openstack image set --property os_distro=fedora-coreos {wanted}"
            yield missed(check, "has no property os_distro", hint)
        else:
            yield passed(check, f"os_distro {same[0]['os_distro']}")


def network_checks(cloud: Mapping[str, Any], needs: Mapping[str, Any]) -> Iterator[Check]:
    wanted = needs.get("external_network")
    if not wanted:
        return
    same = [network for network in cloud["networks"] if wanted in (network["name"], network["id"])]
    outside = [network["name"] for network in cloud["networks"] if network["external"]]
    if not same:
        yield missed(f"external network {wanted}", "not there", f"Name one that leads out: {shown(outside)}")
    elif not same[0]["external"]:
        yield missed(f"external network {wanted}", "leads nowhere", f"Name one that leads out: {shown(outside)}")
    else:
        yield passed(f"external network {wanted}", same[0]["id"])


def keypair_checks(cloud: Mapping[str, Any], needs: Mapping[str, Any]) -> Iterator[Check]:
    wanted = needs.get("keypair")
    if wanted and wanted in cloud["keypairs"]:
        yield passed(f"keypair {wanted}", "there")
    elif wanted:
        hint = (
            f"openstack keypair create {wanted}, or name one of: {shown(cloud['keypairs'])}. Keypairs belong to users"
        )
        yield missed(f"keypair {wanted}", "not there", hint)


def flavor_checks(cloud: Mapping[str, Any], needs: Mapping[str, Any]) -> Iterator[Check]:
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


def quota_checks(cloud: Mapping[str, Any], needs: Mapping[str, Any]) -> Iterator[Check]:
    for resource, wanted in sorted((needs.get("left") or {}).items()):
        check = f"quota: {wanted} {resource} left"
        about = cloud["quotas"].get(resource)
        if about is None:
            # Not every cloud tells its tenants; what is not known is not a failure, but it is said
            yield passed(check, "the cloud does not say")
        elif about["left"] is None:
            yield passed(check, "unlimited")
        elif about["left"] >= int(wanted):
            yield passed(check, f"{about['left']} of {about['limit']}")
        else:
            hint = f"Delete what is not used, or {OPERATOR[0].lower()}{OPERATOR[1:]} for a larger quota"
            yield missed(check, f"{about['left']} of {about['limit']}", hint)


# The part of the module's result that each needs; a part that could not be read is one failed check.
PARTS = (
    (None, identity_checks),
    ("services", service_checks),
    ("flavors", flavor_checks),
    ("images", image_checks),
    ("networks", network_checks),
    ("keypairs", keypair_checks),
    ("quotas", quota_checks),
)


def preflight_checks(found: Mapping[str, Any], needs: Mapping[str, Any]) -> list[Check]:
    """Every check, in a fixed order.

    :raises AnsibleFilterError: the needs cannot be read.
    """
    if "openstack" not in found:
        failure = found.get("failure") or {}
        reason = failure.get("reason") or found.get("msg") or "no answer"
        return [missed("Keystone: log in", reason, failure.get("hint") or "See the message of the task that failed")]
    cloud = found["openstack"]
    checks: list[Check] = []
    try:
        for part, judge in PARTS:
            problem = cloud["problems"].get(part)
            if problem:
                checks.append(missed(f"{part} can be read", problem["reason"], problem["hint"] or OPERATOR))
            else:
                checks += judge(cloud, needs)
    except KcloudError as error:
        raise AnsibleFilterError(error.sentence()) from None
    return checks


class FilterModule:
    def filters(self):
        return {"preflight_checks": preflight_checks}
