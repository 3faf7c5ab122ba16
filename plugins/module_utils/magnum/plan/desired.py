# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's options -> what is declared, checked before anything is asked of the cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_label, check_name, check_reference
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    DEFAULT_WORKER,
    DesiredCluster,
    DesiredGroup,
)

# Option -> field of Magnum's API, where the two differ.
API_FIELDS = {
    "cluster_template": "cluster_template_id",
    "flavor": "flavor_id",
    "master_flavor": "master_flavor_id",
    "image": "image_id",
    "external_network": "external_network_id",
}
CLUSTER_OPTIONS = (
    "cluster_template",
    "master_count",
    "keypair",
    "flavor",
    "master_flavor",
    "labels",
    "docker_volume_size",
    "fixed_network",
    "fixed_subnet",
    "floating_ip_enabled",
    "master_lb_enabled",
    "discovery_url",
    "create_timeout",
)
GROUP_OPTIONS = (
    "role",
    "flavor",
    "image",
    "node_count",
    "min_node_count",
    "max_node_count",
    "docker_volume_size",
    "labels",
    "merge_labels",
)
# The template's keypair has another name in the API than the cluster's.
TEMPLATE_FIELDS = {**API_FIELDS, "keypair": "keypair_id"}
TEMPLATE_OPTIONS = (
    "coe",
    "image",
    "keypair",
    "external_network",
    "fixed_network",
    "fixed_subnet",
    "network_driver",
    "volume_driver",
    "docker_storage_driver",
    "docker_volume_size",
    "dns_nameserver",
    "server_type",
    "flavor",
    "master_flavor",
    "labels",
    "floating_ip_enabled",
    "master_lb_enabled",
    "tls_disabled",
    "registry_enabled",
    "insecure_registry",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "public",
    "hidden",
)
COUNTS = ("node_count", "min_node_count", "max_node_count", "master_count")
# What Magnum's database can hold; Magnum answers 500 to more.
LARGEST_COUNT = 2**31 - 1


def _given(params: Mapping[str, Any], options: tuple[str, ...], names: Mapping[str, str]) -> dict[str, Any]:
    """The options that the user gave, under the API's names."""
    return {names.get(key, key): params[key] for key in options if params.get(key) is not None}


def _check_counts(params: Mapping[str, Any], where: str) -> None:
    for key in COUNTS:
        value, least = params.get(key), 1 if key == "master_count" else 0
        if value is not None and not least <= value <= LARGEST_COUNT:
            raise InvalidRequest(
                f"Failed to read option '{where}{key}': {value} is too {'small' if value < least else 'large'}",
                resource=f"{where}{key}",
                hint=f"Give {least} or more" if value < least else f"Give {LARGEST_COUNT} or less",
            )


# Options that name something else in the cloud -> what they name.
REFERENCES = {
    "cluster_template": "cluster template",
    "flavor": "flavor",
    "master_flavor": "flavor",
    "image": "image",
    "keypair": "keypair",
    "external_network": "network",
    "fixed_network": "network",
    "fixed_subnet": "subnet",
}


def _check_references(params: Mapping[str, Any], where: str) -> None:
    """What names something else can be a name at all: it becomes a part of an address."""
    for option, kind in REFERENCES.items():
        if params.get(option) is not None:
            check_reference(f"{where}{option}", params[option], kind)


def desired_cluster(params: Mapping[str, Any]) -> DesiredCluster:
    """What the options of ``magnum_cluster`` declare.

    :raises InvalidRequest: a name that Magnum would refuse, a negative count, or two different counts of one group.
    """
    name = params["name"]
    check_label("name", name, "cluster")
    _check_references(params, "")
    _check_counts(params, "")
    groups = [_desired_group(group) for group in params.get("node_groups") or []]
    groups = _with_default_group(groups, params)
    given = _given(params, CLUSTER_OPTIONS, API_FIELDS)
    if "labels" in given:
        given["merge_labels"] = bool(params.get("merge_labels", True))
    return DesiredCluster(
        name,
        given,
        tuple(groups),
        purge_groups=bool(params.get("purge_node_groups")),
        replace_groups=params.get("replace_node_groups") or "refuse",
    )


def absent_cluster(params: Mapping[str, Any]) -> DesiredCluster:
    """The cluster that ``magnum_cluster`` is to delete.

    :raises InvalidRequest: a name that none can have: what it would reach is something else.
    """
    check_label("name", params["name"], "cluster")
    return DesiredCluster(params["name"])


def desired_node_group(params: Mapping[str, Any]) -> DesiredCluster:
    """What the options of ``magnum_nodegroup`` declare: a cluster of which only one group is said.

    :raises InvalidRequest: as ``desired_cluster``.
    """
    check_label("cluster", params["cluster"], "cluster")
    group = _desired_group(params, where="")
    return DesiredCluster(
        params["cluster"], {}, (group,), replace_groups=params.get("replace") or "refuse", partial=True
    )


def _desired_group(params: Mapping[str, Any], where: str | None = None) -> DesiredGroup:
    name = params["name"]
    check_name("name" if where == "" else "node_groups.name", name, "node group")
    where = f"node_groups.{name}." if where is None else where
    _check_counts(params, where)
    _check_references(params, where)
    if params.get("state") == "absent":
        return DesiredGroup(name=name, absent=True)
    return DesiredGroup(
        name=name, nodes_to_remove=_nodes_to_remove(params, where), **_given(params, GROUP_OPTIONS, API_FIELDS)
    )


def _nodes_to_remove(params: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """The named nodes. With the number that is to be left, a second run can tell "gone" from "never there"."""
    named = params.get("nodes_to_remove")
    if named and params.get("node_count") is None:
        raise InvalidRequest(
            f"Failed to read option '{where}nodes_to_remove': 'node_count' is missing",
            resource=f"{where}nodes_to_remove",
            hint="Give with it the number of nodes that are to be left",
        )
    return tuple(dict.fromkeys(named)) if named else None


def _with_default_group(groups: list[DesiredGroup], params: Mapping[str, Any]) -> list[DesiredGroup]:
    """``node_count`` and ``nodes_to_remove`` of the cluster are those of its group ``default-worker``, as in Magnum."""
    values = {"node_count": params.get("node_count"), "nodes_to_remove": _nodes_to_remove(params, "")}
    given = {key: value for key, value in values.items() if value is not None}
    if not given:
        return groups
    declared = next((group for group in groups if group.name == DEFAULT_WORKER), None)
    if declared is None:
        return [DesiredGroup(name=DEFAULT_WORKER, **given), *groups]
    for key, value in given.items():
        if getattr(declared, key) not in (None, value):
            raise InvalidRequest(
                f"Failed to read option '{key}': {value} for the cluster, {getattr(declared, key)} in 'node_groups'",
                resource=f"node_group/{DEFAULT_WORKER}",
                hint=f"Both mean the group '{DEFAULT_WORKER}': give one of them",
            )
    return [replace(group, **given) if group is declared else group for group in groups]


def desired_template(params: Mapping[str, Any]) -> dict[str, Any]:
    """The API's fields that the options of ``magnum_cluster_template`` give.

    :raises InvalidRequest: a name that can be none.
    """
    check_name("name", params["name"], "cluster template")
    _check_references(params, "")
    return _given(params, TEMPLATE_OPTIONS, TEMPLATE_FIELDS)
