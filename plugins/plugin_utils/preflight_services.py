# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a login may do, and the services behind it -> rows of the table of a preflight: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.quotas import RESOURCES
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.preflight_rows import (
    OPERATOR,
    Check,
    missed,
    passed,
    shown,
    version,
    warned,
)

SERVICE_NAMES = {
    "compute": "Nova",
    "image": "Glance",
    "network": "Neutron",
    "orchestration": "Heat",
    "container-infra": "Magnum",
}
# The role to which Magnum's policy gives the clusters of every project
ADMIN = "admin"
# The oldest microversion of a Magnum that makes no trusts itself, and that has no driver with Heat
WITHOUT_TRUSTS = (1, 14)

Some = Mapping[str, Any]


def identity_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    who = cloud["identity"]
    yield passed("Keystone: log in", f"{who['user']} in {who['project']}, roles {', '.join(who['roles'])}")
    for role in needs.get("roles") or ():
        check = f"role {role}"
        if role in who["roles"]:
            yield passed(check, "assigned")
        else:
            hint = (
                f"{OPERATOR} to run: openstack role add --project {who['project']} --user {who['user']} {role}. An application "
                "credential must be made anew after that"
            )
            yield missed(check, f"not among {shown(who['roles'])}", hint)
    if ADMIN in who["roles"]:
        hint = (
            "Use a user of one project without this role: Magnum shows an administrator the clusters of every project, and "
            "lets it change them"
        )
        yield warned("the user is not an administrator", f"role {ADMIN}", hint)


def trust_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    """Whether the credential can make the Keystone trust of a new cluster: by Keystone's answer, where it was asked."""
    if not needs.get("create"):
        return
    check, method = "credential can create clusters", cloud["identity"]["auth_method"]
    about = cloud.get("trusts") or {}
    permitted = about.get("permitted")
    delegated = method == "application_credential"
    called = "an application credential" if delegated else f"login by {method}"
    if permitted:
        yield passed(check, f"{called}; Keystone lets it make trusts")
    elif permitted is False:
        found = f"{called}; Keystone refuses trusts: {str(about.get('reason')).rstrip('.')}"
        if version((cloud["services"].get("container-infra") or {}).get("max_version")) >= WITHOUT_TRUSTS:
            yield warned(
                check, found, "This Magnum makes no trusts itself, but its driver may: create a small cluster to see"
            )
        else:
            yield missed(
                check,
                found,
                "Create with a user's password, since Magnum makes a Keystone trust for each new cluster; this credential can list, "
                "resize and delete",
            )
    elif about.get("reason"):
        hint = "Create a small cluster to see: a Keystone that lets credentials make trusts answers that the user to be trusted does not exist"
        yield warned(check, f"{called}; not known, Keystone's answer does not tell: {about['reason']}", hint)
    elif delegated:
        hint = "Let openstack_preflight_probe_trusts be true outside of check mode: most Keystones refuse it the trust of a new cluster"
        yield warned(check, f"{called}; Keystone was not asked", hint)
    else:
        yield passed(check, called)


def service_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    for service in needs.get("services") or ():
        about = cloud["services"].get(service) or {}
        # The others are not asked
        check = f"{SERVICE_NAMES[service]} answers" if service in SERVICE_NAMES else f"{service} is in the catalog"
        if not about.get("available"):
            hint = about.get("hint") or f"{OPERATOR} whether it is offered, and check 'region_name' and 'interface'"
            yield missed(check, about.get("reason", "not in the catalog"), hint)
            continue
        versions = f", {about['min_version']} to {about['max_version']}" if about.get("max_version") else ""
        called = f"{about['name']}, " if about.get("name") else ""
        yield passed(check, f"{called}{about['endpoint']}{versions}")
        wanted = needs.get("microversion")
        if service == "container-infra" and wanted:
            check, highest = f"Magnum offers microversion {wanted}", about.get("max_version")
            if version(highest) >= version(wanted):
                yield passed(check, f"up to {highest}")
            else:
                yield missed(check, f"up to {highest}", f"Node groups need it: {OPERATOR.lower()} for a newer Magnum")


def conductor_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    """Magnum's API answers without a conductor, and no cluster ever becomes anything."""
    found = cloud.get("conductors")
    if found is None:
        return
    running = [entry["host"] for entry in found if entry["state"] == "up" and not entry["disabled"]]
    if running:
        yield passed("Magnum's conductor runs", shown(running))
    else:
        stopped = shown(f"{entry['host']} {'disabled' if entry['disabled'] else entry['state']}" for entry in found)
        hint = "Start magnum-conductor, and look at its log: without it Magnum takes every request and carries none out"
        yield missed("Magnum's conductor runs", stopped, hint)


def quota_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    """What is left of the quotas.

    :raises InvalidRequest: a resource that no quota counts.
    """
    for resource, wanted in sorted((needs.get("left") or {}).items()):
        if resource not in RESOURCES:
            raise InvalidRequest(
                f"Failed to read option 'openstack_preflight_left.{resource}': no quota counts '{resource}'",
                resource=f"openstack_preflight_left.{resource}",
                hint=f"Use one of: {', '.join(RESOURCES)}",
            )
        check = f"quota: {wanted} {resource} left"
        about = cloud["quotas"].get(resource)
        if about is None:
            # Not every cloud tells its tenants; what is not known is not a failure, but it is said
            yield warned(
                check, "not known: the cloud does not say", f"{OPERATOR} how many {resource} the project may have"
            )
        elif about["left"] is None:
            yield passed(check, "unlimited")
        elif about["left"] >= int(wanted):
            yield passed(check, f"{about['left']} of {about['limit']}")
        else:
            hint = f"Delete what is not used, or {OPERATOR[0].lower()}{OPERATOR[1:]} for a larger quota"
            yield missed(check, f"{about['left']} of {about['limit']}", hint)


def metric_checks(cloud: Some, needs: Some) -> Iterator[Check]:
    """The Prometheus servers: reachable, with this credential, and with the series that are needed."""
    for server in cloud.get("metrics") or ():
        check, failure = f"Prometheus {server['name']} answers", server["failure"]
        if failure:
            yield missed(check, f"{server['url']}: {failure['reason']}", failure["hint"])
            continue
        if server["exporters"]:
            yield passed(check, f"{server['url']}, with {', '.join(server['exporters'])}")
        else:
            hint = "Have it scrape kube-state-metrics, and the exporters of your accelerators, DCGM, Furiosa, Rebellions or Gaudi; Kepler for power"
            yield missed(check, f"{server['url']}, without series of an exporter that is known here", hint)
        for name in server["missing"]:
            hint = f"Run the exporter of {name}, let {server['name']} scrape it, and allow this user to see its series"
            yield missed(f"series {name} in {server['name']}", "no sample within an hour", hint)
