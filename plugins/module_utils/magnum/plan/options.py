# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that describe a node group, a cluster and a cluster template: once, for every module that takes them."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import DRIVER_ARGUMENT
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import (
    DEFAULT_SCHEME,
    IN_PLACE,
    NEVER,
    OR_BESIDE,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import DEFAULT_PATTERN

# The options of a node group, the same for a group of `magnum_cluster` and for `magnum_nodegroup`.
GROUP_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "role": {"type": "str"},
    "flavor": {"type": "str", "aliases": ["flavor_id"]},
    "image": {"type": "str", "aliases": ["image_id"]},
    "node_count": {"type": "int"},
    "min_node_count": {"type": "int"},
    "max_node_count": {"type": "int"},
    "nodes_to_remove": {"type": "list", "elements": "str"},
    "docker_volume_size": {"type": "int"},
    "labels": {"type": "dict"},
    "merge_labels": {"type": "bool"},
}
REPLACE_SPEC: dict[str, Any] = {"type": "str", "choices": ["refuse", "beside", "finish"], "default": "refuse"}
# What a cluster consists of: the options of `magnum_cluster`, and of each cluster of `magnum_fleet`.
CLUSTER_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "cluster_template": {"type": "str", "aliases": ["cluster_template_id"]},
    "node_count": {"type": "int"},
    "master_count": {"type": "int"},
    "node_groups": {"type": "list", "elements": "dict", "options": GROUP_SPEC},
    "nodes_to_remove": {"type": "list", "elements": "str"},
    "purge_node_groups": {"type": "bool", "default": False},
    "replace_node_groups": REPLACE_SPEC,
    "keypair": {"type": "str", "no_log": False},
    "flavor": {"type": "str", "aliases": ["flavor_id"]},
    "master_flavor": {"type": "str", "aliases": ["master_flavor_id"]},
    "labels": {"type": "dict"},
    "merge_labels": {"type": "bool", "default": True},
    "docker_volume_size": {"type": "int"},
    "fixed_network": {"type": "str"},
    "fixed_subnet": {"type": "str"},
    "floating_ip_enabled": {"type": "bool"},
    "master_lb_enabled": {"type": "bool"},
    "discovery_url": {"type": "str"},
    "create_timeout": {"type": "int"},
    "recreate": {"type": "bool", "default": False},
    "upgrade": {"type": "str", "choices": [NEVER, IN_PLACE, OR_BESIDE], "default": NEVER},
    "max_batch_size": {"type": "int"},
    "beside_name": {"type": "str", "default": DEFAULT_SCHEME},
    "delete_replaced": {"type": "bool", "default": False},
    "driver": DRIVER_ARGUMENT,
}
# The same for a cluster template.
TEMPLATE_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "coe": {"type": "str"},
    "image": {"type": "str", "aliases": ["image_id"]},
    "keypair": {"type": "str", "no_log": False, "aliases": ["keypair_id"]},
    "external_network": {"type": "str", "aliases": ["external_network_id"]},
    "fixed_network": {"type": "str"},
    "fixed_subnet": {"type": "str"},
    "network_driver": {"type": "str"},
    "volume_driver": {"type": "str"},
    "docker_storage_driver": {"type": "str"},
    "docker_volume_size": {"type": "int"},
    "dns_nameserver": {"type": "str"},
    "server_type": {"type": "str"},
    "flavor": {"type": "str", "aliases": ["flavor_id"]},
    "master_flavor": {"type": "str", "aliases": ["master_flavor_id"]},
    "labels": {"type": "dict"},
    "floating_ip_enabled": {"type": "bool"},
    "master_lb_enabled": {"type": "bool"},
    "tls_disabled": {"type": "bool"},
    "registry_enabled": {"type": "bool"},
    "insecure_registry": {"type": "str"},
    "http_proxy": {"type": "str"},
    "https_proxy": {"type": "str"},
    "no_proxy": {"type": "str"},
    "public": {"type": "bool"},
    "hidden": {"type": "bool"},
    "versioning": {"type": "bool", "default": False},
    "version_name": {"type": "str", "default": DEFAULT_PATTERN},
    "hide_versions": {"type": "bool", "default": False},
    "purge_versions": {"type": "bool", "default": False},
}
