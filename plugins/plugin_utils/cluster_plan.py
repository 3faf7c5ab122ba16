# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wanted cluster and what the cloud has -> what to declare, and what that takes: pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.fitting_flavor import fitting_flavor
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import is_autoscaled
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.wanted_clusters import GROUP_KEYS

WORKER = "default-worker"
MASTER = "default-master"
# The label of a node group that took the place of a declared one
PLACE_LABEL = "kcloud_node_group"
# What a Kubernetes control plane takes at least
MASTER_NEEDS = {"kind": "none", "vcpus": 2, "ram_mib": 4096}
# From these Magnum allows a deletion only
FAILED = ("CREATE_FAILED", "DELETE_FAILED")
# Being deleted: the module waits until it is gone, and creates it anew
GOING = ("DELETE_IN_PROGRESS", "DELETE_COMPLETE")
BOUNDS = ("max_node_count", "min_node_count")

Plain = dict[str, Any]
Some = Mapping[str, Any]


def worker_groups(wanted: Some) -> dict[str, Some]:
    """The worker groups by name: the keys of ``default-worker`` lie on top."""
    return {WORKER: wanted, **(wanted.get("node_groups") or {})}


def standing(name: str, clusters: Sequence[Some], *, recreate: bool, beside: bool) -> Some | None:
    """The cluster of this name, or the newest that was created beside it; None where one is to be created."""
    successor = re.compile(rf"{re.escape(name)}-[0-9a-f]{{8}}")
    there = [entry for entry in clusters if entry.get("status") not in GOING]
    same = [entry for entry in there if entry["name"] == name or (beside and successor.fullmatch(entry["name"]))]
    if not same:
        return None
    newest = max(same, key=lambda entry: (entry.get("created_at") or "", entry["name"]))
    return None if recreate and newest.get("status") in FAILED else newest


def group_of(cluster: Some | None, name: str) -> Some | None:
    """The node group that stands for a declared one: the one that took its place, else the one of its name."""
    groups = (cluster or {}).get("node_groups") or ()
    taken = [group for group in groups if (group.get("labels") or {}).get(PLACE_LABEL) == name]
    return next(iter(taken), next((group for group in groups if group["name"] == name), None))


def said_of(said: Some, name: str) -> Some:
    """What the user set for a group of this cluster."""
    return said if name == WORKER else (said.get("node_groups") or {}).get(name) or {}


def asked_count(said: Some, name: str) -> int | None:
    """The number of nodes that the user set for a group of this cluster."""
    count = said_of(said, name).get("node_count")
    try:
        return None if count in (None, "") else int(count)
    except (TypeError, ValueError):
        raise AnsibleFilterError(
            f"Failed to read node_count of node group '{name}': {count!r} is not a number."
        ) from None


def declared_flavor(
    named: str | None, there: str | None, fitted: str | None, *, exists: bool, beside: bool
) -> str | None:
    """A named flavor; for what exists none, or its own where a new cluster may be created beside it; else what fits."""
    if named:
        return named
    if exists:
        return there if beside else None
    return fitted


def template_flavor(key: str, named: str | None, fitted: str | None, templates: Sequence[Some]) -> str | None:
    """The flavor of the cluster template, None where it keeps what it has.

    :param key: ``flavor_id`` or ``master_flavor_id``.
    :param templates: all versions. Magnum freezes a template that clusters use, so only an unused one gets a flavor later.
    """
    current = next((entry for entry in templates if entry.get("current")), next(iter(templates), None))
    if named or current is None:
        return named or fitted
    return None if current.get(key) or current.get("clusters") else fitted


def demanded(counts: Sequence[tuple[str | None, int]], flavors: Sequence[Some], *, new: bool) -> Plain:
    """What so many nodes more of each flavor (name or id) take; RAM in MiB."""
    known = {key: flavor for flavor in flavors for key in (flavor["name"], flavor.get("id")) if key}
    demand = {"clusters": int(new), "instances": sum(count for _flavor, count in counts), "cores": 0, "ram_mib": 0}
    for name, count in counts:
        flavor = known.get(name) or {}
        demand["cores"] += count * int(flavor.get("vcpus") or 0)
        demand["ram_mib"] += count * int(flavor.get("ram_mib") or 0)
    return demand


def _check_bounds(cluster: str, name: str, group: Some, count: int, *, checked: bool) -> None:
    """A number of nodes that is declared lies within the group's bounds.

    :raises AnsibleFilterError: it does not; Magnum would refuse it, after other clusters are made.
    """
    low, high = int(group.get("min_node_count") or 0), group.get("max_node_count")
    # No nodes at all is what scaling to zero asks for; whether Magnum allows that is for the module to tell
    if checked and (0 < count < low or (high not in (None, "") and count > int(high))):
        raise AnsibleFilterError(
            f"Failed to plan cluster '{cluster}': node group '{name}' wants {count} nodes, and its bounds are {low} to "
            f"{'any number' if high in (None, '') else high}. Set min_node_count or max_node_count in its overrides, too."
        )


def row(name: str, flavor: str | None, now: int | None, nodes: int, group: Some) -> Plain:
    """A line of the table that shows the plan."""
    bounds = {key: group.get(key) for key in BOUNDS}
    return {"name": name, "flavor": flavor, "now": now, "node_count": nodes, **bounds}


@dataclass(frozen=True)
class Offer:
    """The flavors of the cloud, asked by what nodes need. Equal needs are answered once.

    :param flavor_map: what a flavor has where its extra specs do not say it.
    """

    flavors: Sequence[Some]
    flavor_map: Some
    _found: dict[str, str] = field(default_factory=dict)

    def fit(self, group: Some) -> str:
        """The flavor that a group names, else the cheapest that fits.

        :raises AnsibleFilterError: none fits.
        """
        if group.get("flavor"):
            return group["flavor"]
        need = json.dumps(group.get("accelerator") or {}, sort_keys=True, default=str)
        if need not in self._found:
            self._found[need] = fitting_flavor(group, self.flavors, self.flavor_map)
        return self._found[need]

    def has(self, own: str | None, group: Some) -> bool:
        """Whether a flavor, by name or id, has what a group needs."""
        try:
            fitting_flavor(group, [one for one in self.flavors if own in (one["name"], one.get("id"))], self.flavor_map)
        except AnsibleFilterError:
            return False
        return True


def is_bounded(there: Some) -> bool:
    """Whether a group has bounds of its own. Bounds that were not read may be there."""
    unread = there.get("min_node_count") is None
    return unread or bool(there.get("min_node_count")) or there.get("max_node_count") is not None


def declared_bounds(name: str, there: Some | None, cluster: Some | None, group: Some, said: Some) -> Plain:
    """The keys of a group that are declared as its type has them, beside flavor and number of nodes."""
    keys = BOUNDS if name == WORKER else GROUP_KEYS
    autoscaled = there is not None and is_autoscaled((cluster or {}).get("labels") or {})
    # The bounds of a group that an autoscaler owns are what the role cluster_autoscale moves
    kept = BOUNDS if there is not None and autoscaled and is_bounded(there) else ()
    return {key: group[key] for key in keys if key in group and (key not in kept or key in said_of(said, name))}


def cluster_plan(
    wanted: Some,
    said: Some,
    kind: Some,
    name: str,
    *,
    clusters: Sequence[Some],
    templates: Sequence[Some],
    offer: Offer,
    recreate: bool,
    beside: bool,
) -> Plain:
    """What to declare of one cluster.

    A number of nodes that is not set for this cluster, and a flavor that is not named, count at creation only.

    :param wanted: the type with all changes. The group ``default-worker`` lies on top, the others in ``node_groups``.
    :param said: what the user set for this cluster, beside its type.
    :param kind: the type without that. Its flavors are those of the cluster template.
    :param clusters: as magnum_fleet_info returns them; at least those of this name and its successors.
    :param templates: all versions of the cluster template with their clusters.
    :param recreate: whether a cluster whose creation failed is deleted and created again.
    :param beside: whether a new cluster may be created beside the existing one, with as many nodes.
    :returns: ``exists`` and ``status`` of the cluster; ``flavor``, ``master_flavor`` and ``node_groups`` to declare of it, and
        ``template_flavor`` and ``template_master_flavor`` of its template, None where nothing is declared; ``rows`` to show, one for each
        node group; ``demand``, what is needed beside what the cluster has, as ``clusters``, ``instances``, ``cores``, ``ram_mib``.
    :raises AnsibleFilterError: no flavor of the cloud fits a group that is to be created, or a number is out of bounds.
    """
    cluster = standing(name, clusters, recreate=recreate, beside=beside)
    failed = standing(name, clusters, recreate=False, beside=beside) if cluster is None else None
    fit, flavors = offer.fit, offer.flavors
    masters = {"flavor": wanted.get("master_flavor"), "accelerator": MASTER_NEEDS}
    master_there = (cluster or {}).get("master_flavor_id")
    master_flavor = declared_flavor(
        masters["flavor"], master_there, None if cluster else fit(masters), exists=cluster is not None, beside=beside
    )
    master_count = int(wanted.get("master_count") or 1)
    masters_now = int(cluster["master_count"]) if cluster else None
    rows = [row(MASTER, master_flavor or master_there, masters_now, master_count, {})]
    more = [(master_flavor or master_there, max(0, master_count - (masters_now or 0)))]
    declared, worker_flavor = [], None
    for group_name, group in worker_groups(wanted).items():
        there = group_of(cluster, group_name)
        own = (there or {}).get("flavor_id")
        flavor = declared_flavor(
            group.get("flavor"), own, None if there else fit(group), exists=there is not None, beside=beside
        )
        if (
            there
            and not group.get("flavor")
            and said_of(said, group_name).get("accelerator")
            and not offer.has(own, group)
        ):
            # Said for this very cluster, so it is declared, and the module tells that the group has another flavor.
            flavor = fit(group)
        now, asked = (int(there["node_count"]) if there else None), asked_count(said, group_name)
        first = now if now is not None else int(group.get("node_count") or 0)
        count = asked if asked is not None else first
        _check_bounds(name, group_name, group, count, checked=asked is not None or there is None)
        settled = asked is None and there is not None and not beside
        entry = {
            "name": group_name,
            "node_count": None if settled else count,
            "flavor": flavor,
            **declared_bounds(group_name, there, cluster, group, said),
        }
        declared.append({key: value for key, value in entry.items() if value is not None})
        rows.append(row(group_name, flavor or own, now, count, group))
        more.append((flavor or own, max(0, count - (now or 0))))
        worker_flavor = flavor if group_name == WORKER else worker_flavor

    def of_type(group: Some, own: str | None) -> str | None:
        """The flavor of the type's template; the cluster's own where the cloud has none for the type."""
        try:
            return fit(group)
        except AnsibleFilterError:
            return own

    # What a failed creation holds is free again when it is made anew
    held = [(one.get("flavor_id"), int(one.get("node_count") or 0)) for one in (failed or {}).get("node_groups") or ()]
    freed = demanded(held, flavors, new=failed is not None)
    demand = demanded(more, flavors, new=cluster is None)
    type_masters = {"flavor": kind.get("master_flavor"), "accelerator": MASTER_NEEDS}
    return {
        "exists": cluster is not None,
        "status": (cluster or {}).get("status"),
        "flavor": worker_flavor,
        "master_flavor": master_flavor,
        "node_groups": declared,
        "template_flavor": template_flavor("flavor_id", kind.get("flavor"), of_type(kind, worker_flavor), templates),
        "template_master_flavor": template_flavor(
            "master_flavor_id", kind.get("master_flavor"), of_type(type_masters, master_flavor), templates
        ),
        "rows": rows,
        "demand": {key: max(0, value - freed[key]) for key, value in demand.items()},
    }
