# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet with its nodes one by one, and the workloads on each: what taking nodes away is decided on.

A node is known by its entry in ``nodes`` or, where the cloud tells no more, by its address. What nobody says is never
taken for free: a workload without a node leaves every node of its group in doubt, a node on which something stands that no
placement explains is in doubt, and so is every node while no placements are given at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import read_flavor_map
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import (
    LOCKS,
    declared_kinds,
    measured_room,
    read_clusters,
    read_flavors,
    read_free,
    read_quotas,
    read_templates,
    read_types,
    template_types,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    UNBOUND,
    WHOLE,
    Cluster,
    Flavor,
    Fleet,
    Group,
    Node,
    Part,
    Pod,
    Prices,
    Room,
    Tenant,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.placements import (
    Placement,
    form_in,
    host_of,
    read_placements,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    TRUE_TEXTS,
    flag,
    mapping,
    mappings,
    number,
    only_known,
    refused,
    text,
    texts,
    whole,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import (
    capacity,
    closed,
    gathered,
    occupied,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.telemetry_gaps import read_gaps

Given = Mapping[str, Any]
Key = tuple[str, str]
Seats = dict[tuple[Key, int], list[Pod]]
Loads = dict[Key, int]
# Nodes that the fleet only counts cannot be removed by name; beyond so many of a group they stay a number
MOST_UNLISTED = 1000


def read_standing(
    fleet: object,
    *,
    flavor_map: object = None,
    prices: object = None,
    placements: object = None,
    cluster_types: object = None,
    utilization: object = None,
) -> tuple[Fleet, Prices]:
    """The fleet with its nodes, and the prices: options as those of a match.

    :param placements: None says that nobody knows who stands where, an empty list that nobody stands anywhere.
    :param utilization: measurements, each ``{cluster, node, utilization}``, beside those in the nodes themselves.
    :raises InvalidRequest: anything that cannot be read, by its path.
    """
    given = mapping(fleet, "fleet")

    def option(value: object, name: str) -> tuple[object, str]:
        return (value, name) if value is not None else (given.get(name), f"fleet.{name}")

    gaps = read_gaps(given).beside(placements)
    notes = list(gaps.notes)
    rates = cost.read_prices(*option(prices, "prices"))
    mapped = read_flavor_map(*option(flavor_map, "flavor_map"))
    flavors, by_key = read_flavors(given.get("flavors"), mapped, rates, notes)
    raw_types, types_path = option(cluster_types, "cluster_types")
    kinds = {kind for flavor in flavors for kind in flavor.kinds} | declared_kinds(raw_types, types_path)
    templates = read_templates(given.get("templates"))
    clusters = read_clusters(given.get("clusters"), by_key, templates, notes)
    raw_placements, path = option(placements, "placements")
    placed = read_placements(raw_placements, path, "", kinds)
    loads = read_loads(*option(utilization, "utilization"))
    raws = [entry for _path, entry in mappings(given.get("clusters"), "fleet.clusters")]
    found = tuple(
        _standing(
            cluster,
            _raw_of(raws, cluster),
            by_key,
            placed,
            raw_placements is None or cluster.id in gaps.occupants,
            loads,
            notes,
        )
        for cluster in clusters
    )
    _strangers(clusters, placed, notes)
    if mapping(raw_types, types_path):
        types = read_types(raw_types, types_path, flavors, by_key, templates, notes)
    else:
        types = template_types(templates, flavors, by_key, [])
    return (
        Fleet(
            flavors=flavors,
            clusters=found,
            types=types,
            quotas=read_quotas(given.get("quota")),
            free=read_free(given.get("accelerators_free")),
            project=text(given.get("project_id"), "fleet.project_id"),
            standing=_mix(found),
            notes=tuple(sorted(set(notes))),
            blind=gaps.blind,
        ),
        rates,
    )


def read_loads(raw: object, path: str) -> Loads:
    """Measured utilisations per mille by (name or id of the cluster, id or name or address of the node)."""
    loads: Loads = {}
    for entry_path, given in mappings(raw, path):
        only_known(given, ("cluster", "node", "utilization"), entry_path)
        if given.get("utilization") is not None:
            key = (text(given.get("cluster"), f"{entry_path}.cluster"), text(given.get("node"), f"{entry_path}.node"))
            loads[key] = share(given["utilization"], f"{entry_path}.utilization")
    return loads


def share(value: object, path: str) -> int:
    """A share from 0 to 1, per mille."""
    found = number(value, path, WHOLE)
    if found > WHOLE:
        raise refused(path, value, "a share from 0 to 1")
    return found


def steady(clusters: Iterable[Cluster]) -> list[Cluster]:
    """The same without what is measured anew each time: for telling whether anything has changed that a plan depends on."""
    return [
        replace(
            cluster,
            health="",
            groups=tuple(
                replace(group, nodes=tuple(replace(node, load=None) for node in group.nodes))
                for group in cluster.groups
            ),
        )
        for cluster in clusters
    ]


def _mix(clusters: Iterable[Cluster]) -> tuple[tuple[Part, int], ...]:
    counts: dict[Part, int] = {}
    for cluster in clusters:
        for group in cluster.groups:
            for node in group.nodes:
                for pod in node.pods:
                    counts[pod.part] = counts.get(pod.part, 0) + pod.replicas
    return tuple(sorted(counts.items()))


def _raw_of(raws: list[Given], cluster: Cluster) -> Given:
    """The plain data of a cluster: by its id, which is its name where none was given."""
    return next(raw for raw in raws if (str(raw.get("id") or "").strip() or str(raw["name"])) == cluster.id)


def _strangers(clusters: Iterable[Cluster], placed: Iterable[Placement], notes: list[str]) -> None:
    known = {key for cluster in clusters for key in (cluster.id, cluster.name)}
    for placement in placed:
        if placement.cluster not in known:
            notes.append(
                f"workload {placement.name} stands in {placement.cluster}, which is not in the fleet: passed over"
            )


# --- one cluster


def _standing(
    cluster: Cluster,
    raw: Given,
    by_key: Mapping[str, Flavor],
    placed: Iterable[Placement],
    unsaid: bool,
    loads: Loads,
    notes: list[str],
) -> Cluster:
    """A cluster with its control plane, its nodes and the workloads on them."""
    own = [entry for entry in placed if entry.cluster in (cluster.id, cluster.name) and entry.workload is not None]
    raw_groups = {
        str(entry.get("name") or "default-worker"): entry
        for _path, entry in mappings(raw.get("node_groups"), "node_groups")
        if entry.get("role") != "master"
    }
    plain = {group.name: _raw_nodes(raw_groups.get(group.name, {}), group) for group in cluster.groups}
    counted = {name for name, entry in raw_groups.items() if entry.get("nodes") is None}
    seats, doubted = _seats(cluster, own, plain, notes)
    groups = []
    for group in cluster.groups:
        nodes = tuple(
            _node(
                _with_load(entry, cluster, loads),
                path,
                group,
                index,
                seats.get(((cluster.id, group.name), index), []),
                unsaid,
                group.name in doubted,
            )
            for index, (path, entry) in enumerate(plain[group.name])
        )
        if len(nodes) != group.count:
            notes.append(f"{cluster.name}/{group.name} has {group.count} nodes, {len(nodes)} of them are listed")
        ordered = tuple(sorted(nodes, key=lambda node: (node.name, node.id)))
        # A node in doubt offers nothing, and says nothing of how full the others are
        rooms = gathered(
            (node.room, 1) for node in ordered if node.ready and (node.known or node.room != closed(node.room))
        )
        if len(nodes) == MOST_UNLISTED < group.count and group.name in counted and not unsaid:
            rooms = gathered((*rooms, (group.flavor.empty, group.count - MOST_UNLISTED)))
        groups.append(replace(group, nodes=ordered, rooms=rooms))
    masters = by_key.get(text(raw.get("master_flavor"), "master_flavor"))
    count = whole(raw.get("master_count") or 0, "master_count")
    return replace(
        cluster,
        groups=tuple(groups),
        tenants=tuple(sorted({Tenant(entry.name, entry.workload.isolation) for entry in own if entry.workload})),
        masters=(masters, count) if masters and count else None,
    )


def _raw_nodes(raw: Given, group: Group) -> list[tuple[str, Given]]:
    """What is said of the nodes of a group: entries, or addresses only, or only how many there are."""
    path = f"node group {group.name}: nodes"
    if raw.get("nodes") is not None:
        return mappings(raw["nodes"], path)
    addresses = texts(raw.get("node_addresses"), f"node group {group.name}: node_addresses")
    if len(addresses) == group.count:
        return [(path, {"id": address}) for address in addresses]
    return [(path, {}) for _number in range(min(group.count, MOST_UNLISTED))]


def _identities(entry: Given) -> set[str]:
    return {str(entry[key]) for key in ("id", "name", "address") if entry.get(key)}


def _with_load(entry: Given, cluster: Cluster, loads: Loads) -> Given:
    """An entry with its measurement, where there is one elsewhere."""
    found = [
        loads[key, identity]
        for key in (cluster.id, cluster.name)
        for identity in sorted(_identities(entry))
        if (key, identity) in loads
    ]
    return {**entry, "utilization": found[0] / WHOLE} if found else entry


def _seats(
    cluster: Cluster, placed: Iterable[Placement], plain: Mapping[str, list[tuple[str, Given]]], notes: list[str]
) -> tuple[Seats, set[str]]:
    """The workloads on each node, and the groups of which they are not known."""
    seats: Seats = {}
    doubted: set[str] = set()
    own = list(placed)
    replicas: Counter[str] = Counter()
    for placement in own:
        replicas[placement.name] += placement.workload.replicas if placement.workload else 0
    for placement in own:
        if placement.workload is None:
            continue
        for part in form_in(cluster, placement, placement.workload):
            place = _place(cluster, placement, part, plain)
            pinned = any(_says(placement.workload.labels, lock) for lock in LOCKS)
            # To move one replica of a gang that runs to its end is to begin the whole of it anew
            gang = placement.workload.gang and bool(placement.workload.duration_h)
            pinned = pinned or (gang and replicas[placement.name] > 1)
            pod = Pod(
                placement.name,
                part,
                placement.workload.replicas,
                placement.workload.isolation,
                placement.workload.tolerations,
                pinned,
                UNBOUND if placement.workload.latency_ms is None else placement.workload.latency_ms,
            )
            if place is not None:
                seats.setdefault(((cluster.id, place[0]), place[1]), []).append(pod)
                continue
            able = host_of(cluster, placement, part)
            doubted |= {able.name} if able and not placement.node else {group.name for group in cluster.groups}
            notes.append(
                f"'placements' does not say on which node of {cluster.name} workload {placement.name} runs"
                if not placement.node
                else f"workload {placement.name} is listed on node {placement.node}, which {cluster.name} does not have"
            )
    return seats, doubted


def _place(
    cluster: Cluster, placement: Placement, part: Part, plain: Mapping[str, list[tuple[str, Given]]]
) -> tuple[str, int] | None:
    """(group, index of the node) of a part; where a group has one node only, that is it."""
    if placement.node:
        found = [
            (name, index)
            for name, entries in sorted(plain.items())
            for index, (_path, entry) in enumerate(entries)
            if placement.node in _identities(entry) and (not placement.group or placement.group == name)
        ]
        return found[0] if len(found) == 1 else None
    group = host_of(cluster, placement, part)
    return (group.name, 0) if group and len(plain[group.name]) == 1 else None


def _says(labels: Iterable[tuple[str, str]], name: str) -> bool:
    return any(key.lower().replace("_", "-") == name and value.strip().lower() in TRUE_TEXTS for key, value in labels)


def _locks(entry: Given, path: str) -> Iterator[str]:
    labels = mapping(entry.get("labels"), f"{path}.labels")
    said = [(str(key), str(value)) for key, value in labels.items()]
    for lock in LOCKS:
        if _says(said, lock) or flag(entry.get(lock.replace("-", "_")), f"{path}.{lock}"):
            yield lock


def _node(entry: Given, path: str, group: Group, index: int, pods: list[Pod], unsaid: bool, doubted: bool) -> Node:
    """One node. Its room is what it says itself, or else what those who stand there leave."""
    flavor, ordered = group.flavor, tuple(sorted(pods))
    left, fits = _left(flavor, ordered)
    says = entry.get("free") is not None
    if says:
        room = measured_room(entry, path, flavor)
        taken, explained = _taken(flavor, room), _taken(flavor, left)
        # Devices tell who stands there; CPU and memory are also taken by the node's own system
        known = fits and taken <= explained and (bool(ordered) or not room.busy)
        known = known and (not unsaid or not room.busy)
    else:
        room, known = left, fits and not unsaid and not doubted
    ready = flag(entry.get("ready"), f"{path}.ready", True)
    identity = text(entry.get("id"), f"{path}.id")
    load = entry.get("utilization")
    names = [text(entry.get(key), f"{path}.{key}") for key in ("name", "address", "id")]
    return Node(
        id=identity,
        # One without a name differs from the others all the same
        name=next(filter(None, names), f"node {index + 1}"),
        # What nobody knows takes nobody
        room=room if says or known else closed(room),
        pods=ordered,
        known=known,
        load=None if load is None else share(load, f"{path}.utilization"),
        ready=ready,
        locks=tuple(_locks(entry, path)),
    )


def _left(flavor: Flavor, pods: Iterable[Pod]) -> tuple[Room, bool]:
    """What pods leave of an empty node, and whether they fit at all."""
    room = flavor.empty
    alone = False
    for pod in pods:
        if capacity(pod.part, flavor, room, pod.replicas) < pod.replicas:
            return closed(room), False
        room = occupied(pod.part, flavor, room, pod.replicas)
        alone = alone or pod.isolation == "node"
    return (closed(room) if alone else room), True


def _taken(flavor: Flavor, room: Room) -> int:
    whole_devices = sum(entry.count for entry in flavor.accelerators) * WHOLE
    return whole_devices - sum(sum(devices) for devices in room.devices)
