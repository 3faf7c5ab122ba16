# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read of Magnum's clusters -> hosts with variables and groups: pure.

``raw`` is what ``inventory_source`` reads and an inventory cache keeps, plain data::

    {"clusters": [{...Cluster.as_result(), "node_groups": [...] or None, "servers": [{id, name, addresses, group}] or None}],
     "flavors": [...] or None}

Hosts are built from it anew each time, so that a cache hit gives the same hosts and groups as a miss.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Status, normal_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import read_prices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import canonical
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import read_flavor, read_flavor_map
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import has_status, is_like

Plain = dict[str, Any]
Raw = Mapping[str, Any]

CLUSTERS, SERVERS = KINDS = ("clusters", "servers")
# The groups that hold every host of a kind
EVERY = {CLUSTERS: "magnum_clusters", SERVERS: "magnum_servers"}
TYPE_LABEL = "kcloud_type"
# Labels that speak of accelerators: those that name a model, and those that say that there is one of a kind
MODEL_LABELS = ("accelerator", "accelerator_type", "gpu_type", "npu_type")
KIND_LABELS = {"gpu_enabled": "gpu", "npu_enabled": "npu"}
UNKNOWN = "unknown"

# Every variable, with what a host has that lacks it: an inventory that leaves a variable out would leave the old value in AWX.
VARIABLES: dict[str, Any] = {
    "kind": "",
    "id": "",
    "name": "",
    "cluster_id": "",
    "cluster_name": "",
    "type": None,
    "status": None,
    "status_reason": None,
    "health_status": None,
    "health_status_reason": {},
    "node_count": None,
    "master_count": None,
    "labels": {},
    "accelerators": [],
    "api_address": None,
    "addresses": [],
    "node_addresses": [],
    "master_addresses": [],
    "cluster_template_id": None,
    "flavor_id": None,
    "master_flavor_id": None,
    "keypair": None,
    "coe_version": None,
    "fixed_network": None,
    "fixed_subnet": None,
    "floating_ip_enabled": None,
    "master_lb_enabled": None,
    "docker_volume_size": None,
    "create_timeout": None,
    "stack_id": None,
    "project_id": None,
    "created_at": None,
    "updated_at": None,
    "node_group": None,
    "node_group_role": None,
    "node_groups": None,
}
# What a filter may name
FILTER_KEYS = ("names", "ids", "types", "status", "health", "labels")


@dataclass(frozen=True)
class Filter:
    """Clusters that fit all that is given; each value is a pattern such as ``team-a-*``. Those of ``status`` and ``health`` are upper case."""

    names: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def holds(self, cluster: Raw) -> bool:
        labels, status = cluster["labels"], cluster["status"] or ""
        return (
            (not self.names or is_like(cluster["name"], self.names))
            and (not self.ids or is_like(cluster["id"], self.ids))
            and (not self.types or is_like(labels.get(TYPE_LABEL, ""), self.types))
            and (has_status(status, self.status) or is_like(status, self.status))
            and (not self.health or is_like((cluster["health_status"] or UNKNOWN).upper(), self.health))
            and all(key in labels and is_like(normal_label(labels[key]), [value]) for key, value in self.labels.items())
        )


def read_filters(raw: object, option: str) -> tuple[Filter, ...]:
    """An option with a list of filters.

    :raises InvalidRequest: an entry is not a dictionary, has an unknown key, or a value of the wrong form.
    """
    return tuple(_read_filter(entry, f"{option}[{index}]") for index, entry in enumerate(_as_list(raw)))


def _read_filter(entry: object, path: str) -> Filter:
    if not isinstance(entry, Mapping) or not entry:
        raise _refused(path, entry, f"Give a dictionary with one or more of {', '.join(FILTER_KEYS)}")
    unknown = sorted(str(key) for key in entry if key not in FILTER_KEYS)
    if unknown:
        raise _refused(f"{path}.{unknown[0]}", entry[unknown[0]], f"A filter has the keys {', '.join(FILTER_KEYS)}")
    given: Plain = {key: _texts(entry[key], f"{path}.{key}") for key in entry if key != "labels"}
    for key in ("status", "health"):
        if key in given:
            given[key] = tuple(text.upper() for text in given[key])
    labels = entry.get("labels", {})
    if not isinstance(labels, Mapping):
        raise _refused(f"{path}.labels", labels, "Give a dictionary of labels and values, such as {kcloud_type: gpu-*}")
    return Filter(**given, labels={str(key): normal_label(value) for key, value in labels.items()})


def _as_list(value: object) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def _texts(value: object, path: str) -> tuple[str, ...]:
    entries = _as_list(value)
    if not entries or not all(isinstance(entry, (str, int)) for entry in entries):
        raise _refused(path, value, "Give a text or a list of texts")
    return tuple(str(entry) for entry in entries)


def _refused(path: str, value: object, hint: str) -> InvalidRequest:
    return InvalidRequest(f"Failed to read option '{path}': {value!r} is not usable", resource=path, hint=hint)


def is_chosen(cluster: Raw, include: Sequence[Filter], exclude: Sequence[Filter]) -> bool:
    """Whether a cluster fits one of the filters that include, or there are none, and none of those that exclude."""
    included = not include or any(one.holds(cluster) for one in include)
    return included and not any(one.holds(cluster) for one in exclude)


# --- hosts


@dataclass(frozen=True)
class Entry:
    """A host without a name: its variables, not yet decorated, and its groups.

    :param key: unique among all hosts; the same in every run.
    :param leaving: its cluster is being deleted.
    """

    kind: str
    key: str
    variables: Mapping[str, Any]
    groups: tuple[str, ...]
    leaving: bool = False


def entries(raw: Raw, kinds: Iterable[str], flavor_map: Mapping[str, Any] | None = None) -> list[Entry]:
    """A host for each cluster, and for each of their servers, as far as these kinds are wanted; clusters in their order."""
    wanted, clusters = set(kinds), raw["clusters"]
    devices = flavor_accelerators(raw.get("flavors"), flavor_map)
    own_groups = cluster_groups(clusters)
    found = []
    for cluster in clusters:
        leaving = Status.going(cluster["status"])
        if CLUSTERS in wanted:
            variables = cluster_variables(cluster, devices)
            found.append(Entry(CLUSTERS, cluster["id"], variables, groups_of(variables), leaving))
        if SERVERS in wanted:
            groups = (EVERY[SERVERS], own_groups[cluster["id"]])
            for server in cluster["servers"] or ():
                variables = server_variables(server, cluster, devices)
                found.append(Entry(SERVERS, f"{cluster['id']}/{server['id']}", variables, groups, leaving))
    return found


def cluster_variables(cluster: Raw, devices: Mapping[str, tuple[str, ...]]) -> Plain:
    """The variables of a cluster's host.

    :param devices: accelerators by flavor, see ``flavor_accelerators``.
    """
    flavors = [cluster["flavor_id"], *(group["flavor_id"] for group in _workers(cluster))]
    special = {
        "kind": "cluster",
        "cluster_id": cluster["id"],
        "cluster_name": cluster["name"],
        "type": cluster["labels"].get(TYPE_LABEL),
        "accelerators": sorted({*label_accelerators(cluster["labels"]), *_devices(flavors, devices)}),
    }
    return {**_known(cluster), **special}


def server_variables(server: Raw, cluster: Raw, devices: Mapping[str, tuple[str, ...]]) -> Plain:
    """The variables of the host of a cluster's server; what only a cluster has is empty."""
    group = next((group for group in cluster["node_groups"] or () if group["name"] == server["group"]), {})
    return {
        **_known({}),
        "kind": "server",
        "id": server["id"],
        "name": server["name"] or f"{cluster['name']}-{server['id']}",
        "cluster_id": cluster["id"],
        "cluster_name": cluster["name"],
        "type": cluster["labels"].get(TYPE_LABEL),
        "addresses": list(server["addresses"]),
        "flavor_id": group.get("flavor_id"),
        "accelerators": sorted(set(_devices([group.get("flavor_id")], devices))),
        "project_id": cluster["project_id"],
        "node_group": server["group"],
        "node_group_role": group.get("role"),
    }


def _known(thing: Raw) -> Plain:
    """The variables that this has, and the empty ones for the rest."""
    return {key: deepcopy(empty) if thing.get(key) is None else thing[key] for key, empty in VARIABLES.items()}


def _workers(cluster: Raw) -> list[Raw]:
    return [group for group in cluster["node_groups"] or () if group["role"] != "master"]


def _devices(flavors: Iterable[str | None], devices: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [name for flavor in flavors for name in devices.get(flavor or "", ())]


def label_accelerators(labels: Mapping[str, str]) -> list[str]:
    """Kinds and models of accelerators that the labels of a cluster speak of."""
    kinds = [kind for label, kind in KIND_LABELS.items() if normal_label(labels.get(label, "")) == "true"]
    return kinds + [canonical(labels[label]) for label in MODEL_LABELS if labels.get(label)]


def flavor_accelerators(
    flavors: Sequence[Raw] | None, flavor_map: Mapping[str, Any] | None = None
) -> dict[str, tuple[str, ...]]:
    """Kinds and models of accelerators, by a flavor's name and by its id: Magnum keeps whichever was given.

    :raises InvalidRequest: ``flavor_map`` cannot be read.
    """
    mapped, prices, found = read_flavor_map(flavor_map or {}), read_prices({}), {}
    for index, raw in enumerate(flavors or ()):
        flavor = read_flavor(raw, f"flavors[{index}]", mapped.get(raw["name"], {}), prices)[0]
        names = tuple(name for entry in flavor.accelerators for name in (entry.kind, entry.model))
        found[raw["id"]] = found[raw["name"]] = names
    return found


# --- groups


def safe(text: object) -> str:
    """A text as a part of a group's name.

    >>> safe("gpu-intensive")
    'gpu_intensive'
    """
    return re.sub(r"[^A-Za-z0-9_]", "_", str(text))


def groups_of(variables: Raw) -> tuple[str, ...]:
    """The groups of a cluster's host, by what it is and how it is."""
    found = [EVERY[CLUSTERS], f"status_{safe(variables['status'] or UNKNOWN).lower()}"]
    found.append(f"health_{safe(variables['health_status'] or UNKNOWN).lower()}")
    if variables["type"]:
        found.append(f"type_{safe(variables['type']).lower()}")
    found += [f"accelerator_{safe(name).lower()}" for name in variables["accelerators"]]
    return tuple(dict.fromkeys(found))


def cluster_groups(clusters: Iterable[Raw]) -> dict[str, str]:
    """The group of each cluster's servers, by the cluster's id. Clusters whose names make one group's name have their id in it."""
    names = {cluster["id"]: f"cluster_{safe(cluster['name'])}" for cluster in clusters}
    uses = Counter(names.values())
    return {key: name if uses[name] == 1 else f"{name}_{safe(key)}" for key, name in names.items()}


# --- names


def unique_names(wanted: Sequence[tuple[str, Entry]]) -> list[str]:
    """A name for each host, all different.

    A host keeps the name that is wanted for it when no other host wants it, or when those others are being deleted. Of
    several hosts that stay, none keeps it: each has its id appended, so that neither is taken for the other.

    :param wanted: pairs of a name and the host.
    """
    staying = Counter(name for name, entry in wanted if not entry.leaving)
    every = Counter(name for name, _entry in wanted)

    def keeps(name: str, entry: Entry) -> bool:
        return every[name] == 1 or (staying[name] == 1 and not entry.leaving)

    taken = {name for name, entry in wanted if keeps(name, entry)}
    found = []
    for name, entry in wanted:
        final = name
        if not keeps(name, entry):
            final = f"{name}-{entry.variables['id']}"
            while final in taken:
                final = f"{final}-{entry.variables['cluster_id']}"
            taken.add(final)
        found.append(final)
    return found


def doubled(wanted: Sequence[tuple[str, Entry]]) -> list[str]:
    """The names that several hosts which stay want."""
    uses = Counter(name for name, entry in wanted if not entry.leaving)
    return sorted(name for name, number in uses.items() if number > 1)


def decorated(variables: Raw, prefix: str, suffix: str) -> Plain:
    """Variables under the names that they have in the inventory."""
    return {f"{prefix}{name}{suffix}": value for name, value in variables.items()}
