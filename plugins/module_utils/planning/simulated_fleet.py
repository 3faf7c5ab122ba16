# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet on paper: nodes are closed, and who stood there finds a seat on a node that stays, or the node is kept.

Who has to leave sits down where the expected fragmentation grows least (FGD), never on a node that is closed. Nodes that
are alike are looked at once, so a fleet of a thousand nodes costs little more than its different states.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import Gauge
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Cluster,
    Flavor,
    Part,
    Pod,
    Room,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import capacity, closed, occupied


class Place(NamedTuple):
    """A node, by the id of its cluster, the name of its group and its own name."""

    cluster: str
    group: str
    node: str


class Move(NamedTuple):
    """One replica that leaves a node for another."""

    pod: Pod
    source: Place
    target: Place


@dataclass(frozen=True)
class Refused:
    """The pod that finds no seat; ``gathered`` says that one exists, but that all replicas would be on one node then."""

    pod: Pod
    gathered: bool


def only_one(places: Collection[Place]) -> Place | None:
    """The one place where there is one only."""
    return next(iter(places)) if len(places) == 1 else None


Fitting = tuple[int, Room]
Lane = tuple[str, tuple[str, ...]]
Bucket = dict[Room, list[Place]]


def tolerates(pod: Pod, taints: tuple[str, ...]) -> bool:
    """Whether none of the taints keeps the pod off. A toleration names a taint, or only its key."""
    return all(
        taint.endswith(":PreferNoSchedule") or bool({taint, taint.split("=")[0].split(":")[0]} & set(pod.tolerations))
        for taint in taints
    )


@dataclass(frozen=True)
class Spot:
    """What is true of a node at one moment: its room, who stands there, whether it takes anybody."""

    room: Room
    pods: tuple[Pod, ...]
    takes: bool


class SimulatedFleet:
    """The rooms of all nodes, and the pods on each.

    :param clusters: nodes that are protected, or not ready, take nobody.
    :param fragments: how much of a room nothing known can use; see fragmentation.gauge.
    """

    def __init__(self, clusters: Iterable[Cluster], fragments: Gauge) -> None:
        self._fragments = fragments
        self._fitting: dict[tuple[str, Part, bool], dict[Room, Fitting | None]] = {}
        self._kinds: dict[Place, tuple[Flavor, tuple[str, ...]]] = {}
        self._lanes: dict[str, dict[Lane, tuple[Flavor, Bucket]]] = {}
        self._spots: dict[Place, Spot] = {}
        self._homes: dict[str, set[Place]] = {}
        self._log: list[tuple[Place, Spot | None]] = []
        self._sorted: dict[tuple[str, str], list[Place]] | None = None
        for cluster in clusters:
            for group in cluster.groups:
                for node in group.nodes:
                    spot = Spot(node.room, node.pods, node.ready and not node.locks)
                    self.add(Place(cluster.id, group.name, node.name), group.flavor, group.taints, spot)

    def add(self, place: Place, flavor: Flavor, taints: tuple[str, ...], spot: Spot) -> None:
        """A node more."""
        self._kinds[place] = (flavor, taints)
        self._sorted = None
        self.put(place, spot)

    def spot(self, place: Place) -> Spot:
        return self._spots[place]

    def places(self, cluster: str, group: str) -> list[Place]:
        """The nodes of a group, in order of name."""
        if self._sorted is None:
            self._sorted = {}
            for place in sorted(self._spots):
                self._sorted.setdefault(place[:2], []).append(place)
        return self._sorted.get((cluster, group), [])

    def mark(self) -> int:
        """A moment to come back to."""
        return len(self._log)

    def back(self, mark: int) -> None:
        """Everything as it was at that moment."""
        while len(self._log) > mark:
            place, before = self._log.pop()
            self._lift(place)
            if before is None:
                self._sorted = None
                del self._spots[place], self._kinds[place]
            else:
                self._spots[place] = before
                self._enter(place)

    def close(self, place: Place, clusters: Sequence[str]) -> tuple[Move, ...] | Refused:
        """Close a node if everybody on it finds a seat in one of the clusters. A workload on several nodes keeps two.

        :returns: the moves; or, with nothing changed, the first that finds none.
        """
        mark, before = self.mark(), self._spots[place]
        moves: list[Move] = []
        left = Counter({pod.workload: 0 for pod in before.pods})
        for pod in before.pods:
            left[pod.workload] += pod.replicas
        apart = {workload for workload in left if len(self._homes[workload]) > 1}
        self.put(place, Spot(before.room, (), False))
        for pod in sorted(before.pods, key=_largest_first):
            for _replica in range(pod.replicas):
                left[pod.workload] -= 1
                last = pod.workload in apart and not left[pod.workload]
                avoid = only_one(self._homes[pod.workload]) if last else None
                target = self.seat(pod, clusters, avoid)
                if target is None:
                    gathered = avoid is not None and self.seat(pod, clusters) is not None
                    self.back(mark)
                    return Refused(pod, gathered)
                moves.append(Move(pod._replace(replicas=1), place, target))
        return tuple(moves)

    def seat(self, pod: Pod, clusters: Sequence[str], avoid: Place | None = None) -> Place | None:
        """Give one replica the seat on which it does least harm: by growth of fragmentation, then the fullest node, then
        by name. None where there is none.

        :param avoid: a node that is passed over.
        """
        best: tuple[int, Room, Place] | None = None
        taken: Room | None = None
        alone = pod.isolation == "node"
        for cluster in clusters:
            for (name, taints), (flavor, bucket) in self._lanes.get(cluster, {}).items():
                if taints and not tolerates(pod, taints):
                    continue
                fitting = self._fitting.setdefault((name, pod.part, alone), {})
                for room, places in bucket.items():
                    found = fitting[room] if room in fitting else self._fit(fitting, flavor, pod.part, room, alone)
                    first = places[0] if avoid is None else next((place for place in places if place != avoid), None)
                    if found is not None and first and (best is None or (found[0], room, first) < best):
                        best, taken = (found[0], room, first), found[1]
        if best is None or taken is None:
            return None
        spot = self._spots[best[2]]
        self.put(best[2], Spot(taken, (*spot.pods, pod._replace(replicas=1)), True))
        return best[2]

    def _fit(
        self, fitting: dict[Room, Fitting | None], flavor: Flavor, part: Part, room: Room, alone: bool
    ) -> Fitting | None:
        found = None
        if not (alone and room.busy) and capacity(part, flavor, room, 1):
            taken = occupied(part, flavor, room, 1)
            growth = self._fragments(flavor, taken) - self._fragments(flavor, room)
            found = (growth, closed(taken) if alone else taken)
        fitting[room] = found
        return found

    def put(self, place: Place, spot: Spot) -> None:
        """Say anew what is true of a node."""
        before = self._spots.get(place)
        self._log.append((place, before))
        if before is not None:
            self._lift(place)
        self._spots[place] = spot
        self._enter(place)

    def _bucket(self, place: Place) -> Bucket:
        flavor, taints = self._kinds[place]
        lanes = self._lanes.setdefault(place.cluster, {})
        return lanes.setdefault((flavor.name, taints), (flavor, {}))[1]

    def _enter(self, place: Place) -> None:
        spot = self._spots[place]
        for pod in spot.pods:
            self._homes.setdefault(pod.workload, set()).add(place)
        if spot.takes:
            insort(self._bucket(place).setdefault(spot.room, []), place)

    def _lift(self, place: Place) -> None:
        spot = self._spots[place]
        for pod in spot.pods:
            self._homes[pod.workload].discard(place)
        if spot.takes:
            bucket = self._bucket(place)
            places = bucket[spot.room]
            del places[bisect_left(places, place)]
            if not places:
                del bucket[spot.room]


def _largest_first(pod: Pod) -> tuple[int, int, int, Pod]:
    """What is hardest to seat sits down first."""
    devices = sum(demand.count * demand.share for demand in pod.part.demands)
    return (-devices, -pod.part.cpu_m, -pod.part.mem_mib, pod)
