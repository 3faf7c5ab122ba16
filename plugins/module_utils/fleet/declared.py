# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of magnum_fleet -> what is declared, checked before anything is asked of the cloud."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.model import (
    OWNER,
    Fleet,
    FleetCluster,
    FleetNetwork,
    FleetTemplate,
    owner_tag,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.networks import address_range
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import DesiredCluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.desired import (
    absent_cluster,
    desired_cluster,
    desired_template,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.options import (
    CLUSTER_SPEC,
    TEMPLATE_SPEC,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import Follow
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import ClusterTask
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_tasks import TemplateTask
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import Family

NETWORK_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "cidr": {"type": "str"},
    "pool": {"type": "str", "default": "10.128.0.0/10"},
    "prefix": {"type": "int", "default": 24},
    "external_network": {"type": "str", "default": "public"},
    "dns_nameservers": {"type": "list", "elements": "str"},
    "tags": {"type": "list", "elements": "str"},
    "allow_replace": {"type": "bool", "default": False},
}
FLEET_SPEC: dict[str, dict[str, Any]] = {
    "cluster_templates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**TEMPLATE_SPEC, "if_used": {"type": "str", "choices": ["fail", "keep"], "default": "fail"}},
    },
    "networks": {"type": "list", "elements": "dict", "default": [], "options": NETWORK_SPEC},
    "clusters": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**CLUSTER_SPEC, "network": {"type": "str"}},
    },
    "environment": {"type": "str"},
    "prune": {"type": "bool", "default": False},
    "max_deletions": {"type": "int", "default": 5},
    "max_parallel": {"type": "int", "default": 10},
    "network_template": {"type": "str"},
    "fail_fast": {"type": "bool", "default": False},
}
# A label's value in Kubernetes, and short enough for a tag of Heat's.
LONGEST_ENVIRONMENT = 63


def declared_fleet(params: Mapping[str, Any]) -> Fleet:
    """What the options declare.

    :raises InvalidRequest: an entry is wrong, a name is declared twice, or a limit makes no sense.
    """
    environment = params.get("environment")
    _check_limits(params, environment)
    owner = {} if environment is None else {OWNER: environment}
    mark = () if environment is None else (owner_tag(environment),)
    templates = tuple(_template(entry, mark) for entry in params.get("cluster_templates") or ())
    networks = tuple(_network(entry) for entry in params.get("networks") or ())
    clusters = tuple(_cluster(entry, owner) for entry in params.get("clusters") or ())
    for option, entries in (("cluster_templates", templates), ("networks", networks), ("clusters", clusters)):
        _check_once(option, [entry.name for entry in entries])
    if params.get("prune") and not clusters:
        raise InvalidRequest(
            "Failed to read option 'prune': no cluster is declared",
            resource="prune",
            reason="it would delete every cluster of the environment",
            hint="Declare the clusters; to delete them all, declare each with 'state: absent'",
        )
    _check_networks(clusters, {network.name for network in networks if network.present})
    return Fleet(templates, networks, clusters, environment, bool(params.get("prune")), params["max_deletions"])


def _check_limits(params: Mapping[str, Any], environment: str | None) -> None:
    for option, least in (("max_deletions", 0), ("max_parallel", 1)):
        if params[option] < least:
            raise InvalidRequest(
                f"Failed to read option '{option}': {params[option]} is too small",
                resource=option,
                hint=f"Give {least} or more",
            )
    if environment is not None:
        check_label("environment", environment, "stack")
        if len(environment) > LONGEST_ENVIRONMENT:
            raise InvalidRequest(
                f"Failed to read option 'environment': '{environment}' is too long",
                resource="environment",
                hint=f"Give {LONGEST_ENVIRONMENT} characters at most",
            )
    if params.get("prune") and environment is None:
        raise InvalidRequest(
            "Failed to read option 'prune': option 'environment' is missing",
            resource="prune",
            reason="only what is marked with the name of an environment is pruned",
            hint="Give 'environment', the same name in every run",
        )


def _check_once(option: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequest(
            f"Failed to read option '{option}': {', '.join(twice)} is declared more than once",
            resource=option,
            hint="Declare each object once",
        )


def _check_networks(clusters: Iterable[FleetCluster], known: set[str]) -> None:
    for cluster in clusters:
        if cluster.task.present and cluster.network is not None and cluster.network not in known:
            raise InvalidRequest(
                f"Failed to read option 'network' of cluster '{cluster.name}': '{cluster.network}' is not declared in 'networks'",
                resource=f"cluster/{cluster.name}",
                hint="Declare the network, or name one that exists in 'fixed_network'",
            )


def _template(entry: Mapping[str, Any], mark: tuple[str, ...]) -> FleetTemplate:
    family = Family.from_params({**entry, "purge_versions": False})
    task = TemplateTask(entry["name"], desired_template(entry), entry["state"] == "present", family, mark)
    if family is not None:
        family.check(mark)
    return FleetTemplate(task, purge=bool(entry["purge_versions"]), keep_used=entry["if_used"] == "keep")


def _network(entry: Mapping[str, Any]) -> FleetNetwork:
    check_label("networks.name", entry["name"], "stack")
    if entry.get("cidr") is not None:
        address_range(entry["cidr"], f"option 'cidr' of network '{entry['name']}'")
    address_range(entry["pool"], f"option 'pool' of network '{entry['name']}'")
    options = {key: value for key, value in entry.items() if key not in ("name", "state")}
    return FleetNetwork(entry["name"], entry["state"] == "present", options)


def _cluster(entry: Mapping[str, Any], owner: Mapping[str, str]) -> FleetCluster:
    present = entry["state"] == "present"
    desired: DesiredCluster = desired_cluster(entry) if present else absent_cluster(entry)
    task = ClusterTask(
        desired, present, recreate=bool(entry["recreate"]), follow=Follow.from_params(entry), created_with=owner
    )
    return FleetCluster(task, driver=entry.get("driver"), network=entry.get("network"))
