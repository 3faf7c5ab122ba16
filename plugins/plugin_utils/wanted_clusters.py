# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of a list of clusters, their types and an environment's settings -> the clusters as they are asked for: pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.vars import merge_hash

Plain = dict[str, Any]
Some = Mapping[str, Any]

# The labels by which a teardown knows what a cluster is: who made it, and whether there is a network to delete as well.
# kcloud_type alone does not say who made it, since anybody may label a template with it.
MAKER_LABEL, TYPE_LABEL, NETWORK_LABEL = "kcloud_managed_by", "kcloud_type", "kcloud_network"
MAKER = "accelerator_cluster"
# What is changed most often has keys of its own beside `overrides`, and wins over them
OFTEN = ("flavor", "labels", "master_count", "master_flavor", "node_count")
PER_CLUSTER = (*OFTEN, "network_cidr", "overrides", "own_network")
# Magnum fixes a template once a cluster uses it, so a cluster that overrides one of these needs a template of its own
TEMPLATE_KEYS = (
    "coe",
    "dns_nameserver",
    "docker_storage_driver",
    "external_network",
    "http_proxy",
    "https_proxy",
    "image",
    "insecure_registry",
    "network_driver",
    "no_proxy",
    "registry_enabled",
    "server_type",
    "tls_disabled",
    "volume_driver",
)
# All that a type or an override may say, and a node group of it
TYPE_KEYS = (
    *TEMPLATE_KEYS,
    "accelerator",
    "description",
    "docker_volume_size",
    "fixed_network",
    "fixed_subnet",
    "flavor",
    "floating_ip_enabled",
    "keypair",
    "labels",
    "latency_ms",
    "master_count",
    "master_flavor",
    "master_lb_enabled",
    "max_node_count",
    "min_node_count",
    "name",
    "node_count",
    "node_groups",
    "objective",
    "telemetry",
)
GROUP_KEYS = ("docker_volume_size", "image", "labels", "max_node_count", "merge_labels", "min_node_count", "role")
NODE_GROUP_KEYS = (*GROUP_KEYS, "accelerator", "flavor", "node_count")


@dataclass(frozen=True)
class Wanted:
    """A cluster as it is asked for: its type with everything that is said of this cluster only.

    :param kind: the type without what is said of this cluster.
    :param said: what the user set for this cluster, by a key of its own or in ``overrides``.
    :param whole: ``kind`` merged with ``said``.
    :param network: name of its own network, None where it gets none.
    """

    name: str
    type: str
    kind: Some
    said: Some
    whole: Some
    template: str
    network: str | None
    network_cidr: str | None


def given(values: Some) -> Plain:
    """What is set: null, and the empty text that Jinja makes of null, leave another value in force."""
    return {key: value for key, value in values.items() if value is not None and value != ""}


def without_null(values: Some) -> Plain:
    """The keys that have a value, for options that the module is not to see otherwise."""
    return {key: value for key, value in values.items() if value is not None}


def wanted_cluster(entry: Some, catalog: Some, settings: Some) -> Wanted:
    """An entry of the list with the environment's settings.

    :param settings: without null.
    :raises AnsibleFilterError: the entry, its type or its overrides cannot be read.
    """
    name, type_name = entry.get("name"), entry.get("type")
    if not name or not type_name:
        raise AnsibleFilterError(f"Failed to read a cluster of the list: {dict(entry)!r} needs name and type.")
    unknown = sorted(set(entry) - {"name", "type", *PER_CLUSTER})
    if unknown:
        raise AnsibleFilterError(
            f"Failed to read cluster '{name}': unknown keys {', '.join(unknown)}. Known are name, type, {', '.join(PER_CLUSTER)}."
        )
    if type_name not in catalog:
        raise AnsibleFilterError(
            f"Failed to find cluster type '{type_name}' of cluster '{name}'. Types are {', '.join(catalog)}; add your own in "
            "accelerator_cluster_types."
        )
    own = merge_hash({key: settings[key] for key in PER_CLUSTER if key in settings}, given(entry))
    overrides = own.get("overrides") or {}
    kind = catalog[type_name]
    said = merge_hash(overrides, {key: own[key] for key in OFTEN if key in own})
    whole = merge_hash(kind, said)
    check_keys(name, type_name, whole)
    own_network = boolean(own.get("own_network", False))
    return Wanted(
        name=name,
        type=type_name,
        kind=kind,
        said=said,
        whole=whole,
        template=template_name(whole["name"], overrides),
        network=f"{name}-network" if own_network else None,
        network_cidr=own.get("network_cidr"),
    )


def check_keys(name: str, type_name: str, whole: Some) -> None:
    """A cluster's type and overrides hold known keys only.

    :raises AnsibleFilterError: a key is unknown, most likely misspelt.
    """
    groups = (whole.get("node_groups") or {}).values()
    unknown = sorted(set(whole) - set(TYPE_KEYS)) + sorted(
        {key for group in groups for key in group or ()} - set(NODE_GROUP_KEYS)
    )
    if unknown:
        raise AnsibleFilterError(
            f"Failed to read the overrides of cluster '{name}' (accelerator_cluster_overrides) or its type '{type_name}': unknown keys "
            f"{', '.join(unknown)}. Known are {', '.join(TYPE_KEYS)}; in node_groups {', '.join(NODE_GROUP_KEYS)}."
        )


def template_name(name: str, overrides: Some) -> str:
    """The name of the type's template, with a digest of what only a template can say where overrides say such."""
    own = {key: overrides[key] for key in TEMPLATE_KEYS if key in overrides}
    return f"{name}-{hashlib.sha256(json.dumps(own).encode()).hexdigest()[:8]}" if own else name


def all_wanted(entries: Iterable[Some], catalog: Some, settings: Some) -> list[Wanted]:
    """The clusters of a list.

    :raises AnsibleFilterError: an entry cannot be read, or two have one name.
    """
    wanted = [wanted_cluster(entry, catalog, settings) for entry in entries]
    names = [cluster.name for cluster in wanted]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise AnsibleFilterError(
            f"Failed to read the list of clusters: {', '.join(twice)} listed more than once. Keep one of each."
        )
    return wanted


def unlisted(clusters: Iterable[Some], listed: set[str], catalog: Some, settings: Some) -> list[Wanted]:
    """The other clusters that the role accelerator_cluster made. Of each, its label names the network.

    :raises AnsibleFilterError: the type of one cannot be read, or two have one name.
    """
    entries, networks = [], {}
    for cluster in clusters:
        name, labels = cluster["name"], cluster.get("labels") or {}
        if labels.get(MAKER_LABEL) == MAKER and TYPE_LABEL in labels and name not in listed:
            entries.append({"name": name, "type": labels[TYPE_LABEL], "own_network": NETWORK_LABEL in labels})
            networks[name] = labels.get(NETWORK_LABEL)
    wanted = all_wanted(entries, catalog, settings)
    # A successor uses the network of the cluster that it replaced, under that name
    return [replace(cluster, network=networks[cluster.name] or cluster.network) for cluster in wanted]
