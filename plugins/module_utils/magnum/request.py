# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's options -> what is declared, checked before anything is asked of the cloud."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import (
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
# Magnum's own rule for the names of clusters.
CLUSTER_NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9_.-]{0,241}$")
UUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
COUNTS = ("node_count", "min_node_count", "max_node_count", "master_count")


def _given(params: Mapping[str, Any], options: tuple[str, ...], names: Mapping[str, str]) -> dict[str, Any]:
    """The options that the user gave, under the API's names."""
    return {names.get(key, key): params[key] for key in options if params.get(key) is not None}


def _check_counts(params: Mapping[str, Any], where: str) -> None:
    for key in COUNTS:
        value, least = params.get(key), 1 if key == "master_count" else 0
        if value is not None and value < least:
            raise InvalidRequest(
                f"Failed to read option '{where}{key}': {value} is too small",
                resource=f"{where}{key}",
                hint=f"Give {least} or more",
            )


def desired_cluster(params: Mapping[str, Any]) -> DesiredCluster:
    """What the options of ``magnum_cluster`` declare.

    ``node_count`` of the cluster becomes that of its group ``default-worker``, as in Magnum.

    :raises InvalidRequest: a name that Magnum would refuse, a negative count, or two different counts of one group.
    """
    name = params["name"]
    if not CLUSTER_NAME.match(name) and not UUID.match(name):
        raise InvalidRequest(
            f"Failed to read option 'name': '{name}' is no name for a cluster",
            resource=f"cluster/{name}",
            hint="Begin with a letter, go on with letters, digits, '_', '.' or '-', 242 characters at most",
        )
    _check_counts(params, "")
    groups = [_desired_group(group) for group in params.get("node_groups") or []]
    count = params.get("node_count")
    if count is not None:
        groups = _with_default_count(groups, count)
    given = _given(params, CLUSTER_OPTIONS, API_FIELDS)
    if "labels" in given:
        given["merge_labels"] = bool(params.get("merge_labels", True))
    return DesiredCluster(name, given, tuple(groups), bool(params.get("purge_node_groups")))


def _desired_group(params: Mapping[str, Any]) -> DesiredGroup:
    _check_counts(params, f"node_groups.{params['name']}.")
    return DesiredGroup(name=params["name"], **_given(params, GROUP_OPTIONS, API_FIELDS))


def _with_default_count(groups: list[DesiredGroup], count: int) -> list[DesiredGroup]:
    declared = next((group for group in groups if group.name == DEFAULT_WORKER), None)
    if declared is None:
        return [DesiredGroup(name=DEFAULT_WORKER, node_count=count), *groups]
    if declared.node_count not in (None, count):
        raise InvalidRequest(
            f"Failed to read option 'node_count': {count} for the cluster, {declared.node_count} in 'node_groups'",
            resource=f"node_group/{DEFAULT_WORKER}",
            hint=f"Both mean the group '{DEFAULT_WORKER}': give one of them",
        )
    merged = DesiredGroup(**{**declared.__dict__, "node_count": count})
    return [merged if group is declared else group for group in groups]


def desired_template(params: Mapping[str, Any]) -> dict[str, Any]:
    """The API's fields that the options of ``magnum_cluster_template`` give."""
    return _given(params, TEMPLATE_OPTIONS, TEMPLATE_FIELDS)
