# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workloads that already stand somewhere: what they take of the fleet's room, and where the one in question stands.

A placement is ``{workload: <name>, cluster: <name or id>, node_group?, node?, ...size in the short form of a workload}``.
Groups whose nodes were measured hold them in their figures already. In all others they are packed onto as few nodes
as they need, since nobody says on which they run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Cluster,
    Group,
    Part,
    Tenant,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import mappings, refused, text
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import (
    after,
    capacity,
    closed,
    gathered,
    seated,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.workload import read_workload

Mix = tuple[tuple[Part, int], ...]
Home = tuple[str, str]

# The label of a cluster that says for which workloads it was made, and what parts its entries
MADE_FOR_LABEL = "kcloud_workload"
MADE_FOR = re.compile(r"^([a-z0-9-]+-[0-9a-f]{8})-x(\d{1,9})$")
LONGEST_NAME = 24

# What a placement says beside the size of its workload
WHERE = ("workload", "name", "cluster", "node_group", "node")


@dataclass(frozen=True)
class Placement:
    """A standing workload; ``workload`` is None where only the name of the one in question was given.

    ``node`` is the id, name or address of the node on which all its replicas stand, where that is known.
    """

    name: str
    cluster: str
    group: str
    workload: Workload | None
    node: str = ""


def read_placements(raw: object, path: str, wanted: str, kinds: Collection[str] | None) -> tuple[Placement, ...]:
    """The option ``placements``, largest first, so that packing does not depend on the order of the list.

    :param wanted: the name of the workload to be placed; its own placement needs no size.
    """
    found = []
    for entry_path, given in mappings(raw, path):
        name = text(given.get("workload", given.get("name")), f"{entry_path}.workload")
        cluster = text(given.get("cluster"), f"{entry_path}.cluster")
        if not name or not cluster:
            raise refused(entry_path, dict(given), "a placement with 'workload' (a name) and 'cluster'")
        group = text(given.get("node_group"), f"{entry_path}.node_group")
        node = text(given.get("node"), f"{entry_path}.node")
        size = {key: value for key, value in given.items() if key not in WHERE}
        workload = _sized(size, entry_path, name, kinds, known=name == wanted)
        found.append(Placement(name, cluster, group, workload, node))
    return tuple(sorted(found, key=_packing_order))


def _sized(
    size: Mapping[str, object], path: str, name: str, kinds: Collection[str] | None, *, known: bool
) -> Workload | None:
    if known and not size:
        return None
    if not size:
        raise InvalidRequest(
            f"Failed to read option '{path}': nothing says how large workload '{name}' is",
            resource=path,
            hint="Give its cpu_cores, memory_gb and accelerators, as in the option 'workload'",
        )
    return read_workload({**size, "name": name}, path, kinds)


def _packing_order(placement: Placement) -> tuple[object, ...]:
    workload = placement.workload
    if workload is None:
        return (0, 0, 0, placement.name, placement.cluster, placement.group, placement.node, 0)
    part = workload.forms[0][0]
    devices = sum(demand.count * demand.share for demand in part.demands)
    size = (-devices, -part.cpu_m, -part.mem_mib)
    return (*size, placement.name, placement.cluster, placement.group, placement.node, -workload.replicas)


def identity_of(workload: Workload) -> str:
    """A name for a workload and the size of its replicas, fit for a label: equal for equal workloads, in every run."""
    size = json.dumps((workload.name, workload.forms), separators=(",", ":"))
    name = re.sub(r"[^a-z0-9]+", "-", workload.name.lower())[:LONGEST_NAME].strip("-") or "workload"
    return f"{name}-{hashlib.sha256(size.encode()).hexdigest()[:8]}"


def made_for_label(workloads: Iterable[Workload]) -> dict[str, str]:
    """The label by which a later run knows for which workloads a cluster was made."""
    return {MADE_FOR_LABEL: ".".join(f"{identity_of(workload)}-x{workload.replicas}" for workload in workloads)}


def read_made_for(labels: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """The workloads that a cluster's label names, each as (identity, replicas); what is not of that form is passed over."""
    entries = labels.get(MADE_FOR_LABEL, "").split(".")
    return tuple((found[1], int(found[2])) for found in map(MADE_FOR.match, entries) if found)


def with_made(
    placements: tuple[Placement, ...], clusters: Iterable[Cluster], wanted: Iterable[Workload]
) -> tuple[Placement, ...]:
    """The placements, where a workload without one stands in the cluster that was made for it."""
    placed = {placement.name for placement in placements}
    made: dict[str, tuple[str, int]] = {}
    for cluster in clusters:
        for identity, replicas in cluster.made_for:
            made.setdefault(identity, (cluster.id, replicas))
    found = [
        Placement(workload.name, made[identity][0], "", replace(workload, replicas=made[identity][1]))
        for workload in wanted
        for identity in [identity_of(workload)]
        if workload.name not in placed and identity in made
    ]
    return (*found, *placements)


def with_home(placements: tuple[Placement, ...], wanted: Workload) -> tuple[Placement, ...]:
    """The placements, where the wanted workload stands as it says itself, if it does."""
    if wanted.home is None:
        return placements
    return (
        Placement(wanted.name, *wanted.home, None),
        *(placement for placement in placements if placement.name != wanted.name),
    )


def settled(
    clusters: tuple[Cluster, ...], placements: Iterable[Placement], wanted: Workload | None, notes: list[str]
) -> tuple[tuple[Cluster, ...], Mix, Home | None]:
    """The clusters with the standing workloads in them, the parts that stand, and the home of the wanted workload.

    The wanted workload's own place is not taken: it may stay in it. None wanted, all that stand keep theirs.
    """
    by_key = {key: cluster.id for cluster in reversed(clusters) for key in (cluster.name, cluster.id)}
    found = {cluster.id: cluster for cluster in clusters}
    parts: dict[Part, int] = {}
    home: Home | None = None
    for placement in placements:
        cluster_id = by_key.get(placement.cluster)
        if cluster_id is None:
            notes.append(
                f"workload {placement.name} stands in {placement.cluster}, which is not in the fleet: passed over"
            )
            continue
        cluster = found[cluster_id]
        if wanted is not None and placement.name == wanted.name:
            home = (cluster_id, placement.group)
            found[cluster_id] = _remembering(cluster, placement, wanted)
            continue
        workload = placement.workload
        if workload is not None:
            for part in workload.forms[-1]:
                parts[part] = parts.get(part, 0) + workload.replicas
            found[cluster_id] = _with(cluster, placement, workload, notes)
    return tuple(found[cluster.id] for cluster in clusters), tuple(sorted(parts.items())), home


def _remembering(cluster: Cluster, placement: Placement, wanted: Workload) -> Cluster:
    """The cluster in which some replicas of the wanted workload stand."""
    size = placement.workload or wanted
    hosts = [host_of(cluster, placement, part) for part in form_in(cluster, placement, wanted)]
    names = {host.name for host in hosts if host}
    groups = tuple(replace(group, own=size.replicas) if group.name in names else group for group in cluster.groups)
    return replace(cluster, groups=groups)


def _with(cluster: Cluster, placement: Placement, workload: Workload, notes: list[str]) -> Cluster:
    """The cluster with one workload more in it."""
    cluster = replace(cluster, tenants=tuple(sorted({*cluster.tenants, Tenant(placement.name, workload.isolation)})))
    for part in form_in(cluster, placement, workload):
        group = host_of(cluster, placement, part)
        if group is None:
            notes.append(f"workload {placement.name} fits no node group of {cluster.name}: it takes no room there")
        elif not group.measured:
            taken = _taken(group, part, workload, f"{cluster.name}/{group.name}", notes)
            groups = tuple(taken if entry.name == taken.name else entry for entry in cluster.groups)
            cluster = replace(cluster, groups=groups)
    return cluster


def form_in(cluster: Cluster, placement: Placement, workload: Workload) -> tuple[Part, ...]:
    """How the workload is cut: whole where one group can carry it, else one part per kind of accelerator."""
    together = workload.forms[0]
    return together if host_of(cluster, placement, together[0]) else workload.forms[-1]


def host_of(cluster: Cluster, placement: Placement, part: Part) -> Group | None:
    """The group in which a part stands: the one named, else the first by name whose nodes can carry it."""
    able = [group for group in cluster.groups if capacity(part, group.flavor, group.flavor.empty, 1)]
    named = [group for group in able if group.name == placement.group]
    return (named or able or [None])[0]


def _taken(group: Group, part: Part, workload: Workload, where: str, notes: list[str]) -> Group:
    alone = workload.isolation == "node"
    seating, left = seated(part, group.flavor, group.rooms, workload.replicas, alone=alone)
    rooms = after(group.rooms, seating)
    if left:
        notes.append(f"{where} is too small for all workloads listed on it: it counts as full")
        rooms = gathered((closed(room), count) for room, count in rooms)
    return replace(group, rooms=rooms)
