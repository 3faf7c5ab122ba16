# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What consolidation and scaling count alike: cost, disruption and use of nodes, and why somebody finds no seat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import ACTIONS, Option
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import (
    against,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Cluster,
    Flavor,
    Group,
    Node,
    Part,
    Pod,
    Room,
    Violation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import (
    Place,
    Refused,
    only_one,
)

Key = tuple[str, str]


class Apart:
    """Workloads on several nodes that move together: their last replica passes over the node that holds all others."""

    def __init__(self, pods: Iterable[tuple[Place, Pod]]) -> None:
        homes: dict[str, set[Place]] = {}
        self.left: Counter[str] = Counter()
        for place, pod in pods:
            homes.setdefault(pod.workload, set()).add(place)
            self.left[pod.workload] += pod.replicas
        self.several = {workload for workload, places in homes.items() if len(places) > 1}
        self.targets: dict[str, set[Place]] = {}

    def avoids(self, pod: Pod) -> Place | None:
        last = pod.workload in self.several and self.left[pod.workload] == 1
        return only_one(self.targets.get(pod.workload, ())) if last else None

    def takes(self, pod: Pod, target: Place) -> None:
        self.left[pod.workload] -= 1
        self.targets.setdefault(pod.workload, set()).add(target)


def pods_at(cluster: Cluster) -> Iterator[tuple[Place, Pod]]:
    for group in cluster.groups:
        for node in group.nodes:
            for pod in node.pods:
                yield Place(cluster.id, group.name, node.name), pod


APART = ("cluster", "project")
TYPE_OF = {"gpu": "gpu-intensive", "npu": "npu-optimized", "cpu": "cpu-only"}


def sum_of(added: dict[tuple[str, Flavor], int], group: str) -> int:
    return sum(count for (name, _flavor), count in added.items() if name == group)


def loaded(nodes: tuple[Node, ...], load: int, flavor: Flavor) -> tuple[Node, ...]:
    """The nodes of a group with what was measured on those that are closed, shared among those on which somebody stands."""
    more = load - sum(node.load or 0 for node in nodes) * flavor.cpu_m
    takers = [node.name for node in nodes if node.pods and node.load is not None]
    if more <= 0 or not takers or not flavor.cpu_m:
        return nodes
    each = -(-more // (flavor.cpu_m * len(takers)))
    return tuple(
        replace(node, load=min(WHOLE, (node.load or 0) + each)) if node.name in takers else node for node in nodes
    )


def pods_of(cluster: Cluster) -> Iterator[Pod]:
    for group in cluster.groups:
        for node in group.nodes:
            yield from node.pods


def place_of(option: Option) -> tuple[int, str]:
    return ACTIONS.index(option.action), option.name


def paid(cluster: Cluster) -> int:
    """What a cluster costs per hour, its control plane included."""
    nodes = sum(group.flavor.price * group.count for group in cluster.groups)
    return nodes + (cluster.masters[0].price * cluster.masters[1] if cluster.masters else 0)


def weight(part: Part) -> int:
    """How much a replica that moves disturbs: a thousand for itself, and its devices on top."""
    return WHOLE + sum(demand.count * demand.share for demand in part.demands)


def disruption(pods: Iterable[Pod]) -> int:
    return sum(weight(pod.part) * pod.replicas for pod in pods)


def portion(part: Part, flavor: Flavor) -> int:
    """The part of a node that a replica takes, per mille: by devices where the node has some, else by CPU."""
    devices = sum(entry.count for entry in flavor.accelerators)
    if devices:
        return min(WHOLE, sum(demand.count * demand.share for demand in part.demands) // devices)
    return min(WHOLE, part.cpu_m * WHOLE // flavor.cpu_m) if flavor.cpu_m else 0


def used(flavor: Flavor, nodes: Sequence[Room]) -> int:
    """How much of nodes is taken, per mille: of whatever is taken most, devices, CPU or memory."""
    return used_of(flavor, [(room, 1) for room in nodes])


def used_of(flavor: Flavor, rooms: Sequence[tuple[Room, int]]) -> int:
    """The same of nodes that are counted by their room."""
    number = sum(count for _room, count in rooms)
    devices = sum(entry.count for entry in flavor.accelerators) * WHOLE
    offers = [offer * number for offer in (flavor.cpu_m, flavor.mem_mib, devices)]
    free = [
        sum(room.cpu_m * count for room, count in rooms),
        sum(room.mem_mib * count for room, count in rooms),
        sum(sum(map(sum, room.devices)) * count for room, count in rooms),
    ]
    return max((WHOLE - left * WHOLE // offer for offer, left in zip(offers, free) if offer), default=0)


def no_seat(found: Refused, cluster: Cluster, group: Group | None) -> Violation:
    """Why somebody cannot leave: there is no seat elsewhere, or only beside all other replicas."""
    if not found.gathered:
        return no_room(found.pod, cluster, group)
    name = found.pod.workload
    return against(
        "SPREAD",
        "replicas on two nodes at least",
        f"all of {name} on one",
        "scale_group",
        f"scale node group {group.name if group else 'that takes them'} out by one node, or stop {name}",
        workload=name,
    )


def no_room(pod: Pod, cluster: Cluster, group: Group | None) -> Violation:
    """Why somebody cannot leave: there is no seat elsewhere."""
    target = group.name if group else "one of its node groups"
    return against(
        "NO_ROOM",
        "a seat for everybody",
        f"none for a replica of {pod.workload}",
        "scale_group",
        f"scale node group {target} of {cluster.name} out by one node, or stop {pod.workload}",
        workload=pod.workload,
    )
