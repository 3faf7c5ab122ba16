# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The auditor replays a plan on the fleet, step by step, and lists every rule that the plan breaks.

It shares the data model with the engines and nothing else: it has its own arithmetic of rooms, its own reading of
isolation and its own count of quotas. So an engine that forgets a rule cannot hide that here. ``auditing`` turns the
plan of each engine into acts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.audit_acts import (
    Act,
    Admit,
    Breach,
    Close,
    Drop,
    Grow,
    Limits,
    Make,
    Seat,
    Shift,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import is_model, is_slice
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Accelerator,
    Cluster,
    Demand,
    Flavor,
    Fleet,
    Group,
    Node,
    Part,
    Pod,
)

# --- one node


@dataclass
class Spot:
    """A node on paper. ``pieces`` are the parts of devices that arrived, beside what was taken at the start."""

    flavor: Flavor
    cpu_m: int
    mem_mib: int
    devices: tuple[tuple[int, ...], ...]
    busy: bool = False
    pods: list[Pod] = field(default_factory=list)
    pieces: list[Demand] = field(default_factory=list)
    guests: set[str] = field(default_factory=set)
    alone: str = ""
    ready: bool = True
    locked: bool = False
    known: bool = True
    usable: bool = True

    def lacks(self, part: Part, workload: str, alone: bool) -> tuple[str, int, int] | None:
        """What speaks against one replica more: (code, need, have)."""
        others = self.guests - {workload}
        if (self.alone and self.alone != workload) or (alone and (others or (self.busy and not self.guests))):
            return "ISOLATION", 0, max(1, len(others))
        if part.cpu_m > self.cpu_m:
            return "CPU_SHORT", part.cpu_m, self.cpu_m
        if part.mem_mib > self.mem_mib:
            return "MEM_SHORT", part.mem_mib, self.mem_mib
        if not holds(self.flavor.accelerators, self.devices, [*self.pieces, *pieces_of(part)]):
            return "DEVICES_SHORT", sum(demand.count for demand in part.demands), 0
        return None

    def take(self, part: Part, workload: str, alone: bool) -> None:
        self.cpu_m -= part.cpu_m
        self.mem_mib -= part.mem_mib
        self.pieces += pieces_of(part)
        self.guests.add(workload)
        self.busy = True
        self.alone = workload if alone else self.alone

    def leave(self, pod: Pod) -> None:
        """A replica goes. Its room counts as free only when nobody is left: nobody says which device it had."""
        self.pods.remove(pod)
        self.guests = {entry.workload for entry in self.pods}
        if not self.pods:
            room = self.flavor.empty
            self.cpu_m, self.mem_mib, self.devices = room.cpu_m, room.mem_mib, room.devices
            self.pieces, self.busy, self.alone = [], False, ""


def pieces_of(part: Part) -> list[Demand]:
    """The single devices, or parts of devices, that one replica takes."""
    return [demand._replace(count=1) for demand in part.demands for _piece in range(demand.count)]


def size_on(accelerator: Accelerator, demand: Demand) -> int:
    """How much of one device a piece takes, in thousandths; 0 where it cannot be served there."""
    named = any(is_model(accelerator.model, model) for model in demand.models)
    if accelerator.kind != demand.kind or not (named or (not demand.models and not is_slice(accelerator.model))):
        return 0
    size = demand.share if accelerator.shareable else WHOLE
    return size if accelerator.mem_mib * size >= demand.mem_mib * WHOLE else 0


def holds(accelerators: tuple[Accelerator, ...], free: tuple[tuple[int, ...], ...], pieces: list[Demand]) -> bool:
    """Whether the pieces fit on the free devices. Exact: every way is tried, equal states once."""
    sizes = sorted(
        (tuple(size_on(accelerator, piece) for accelerator in accelerators) for piece in pieces), reverse=True
    )
    failed: set[tuple[int, tuple[tuple[int, ...], ...]]] = set()

    def fits(index: int, left: tuple[tuple[int, ...], ...]) -> bool:
        if index == len(sizes):
            return True
        if (index, left) in failed:
            return False
        for number, size in enumerate(sizes[index]):
            for device in sorted(set(left[number])) if size else ():
                if device >= size:
                    rest = list(left[number])
                    rest[rest.index(device)] = device - size
                    if fits(index + 1, (*left[:number], tuple(sorted(rest)), *left[number + 1 :])):
                        return True
        failed.add((index, left))
        return False

    return fits(0, tuple(tuple(sorted(devices)) for devices in free))


# --- the replay

Key = tuple[str, str]
CLUSTER_WIDE = ("cluster", "project")


class Replay:
    """A fleet on which acts are carried out on paper. What breaks a rule is noted and done all the same."""

    def __init__(self, fleet: Fleet, acts: Iterable[Act], limits: Limits) -> None:
        self.limits = limits
        self.acts = list(acts)
        # No more nodes that are alike can matter than replicas come or move
        self.most = 1 + sum(isinstance(act, Shift) for act in self.acts)
        self.most += sum(seat.replicas for act in self.acts if isinstance(act, Admit) for seat in act.seats)
        self.breaches: dict[Breach, None] = {}
        self.clusters: dict[str, Cluster] = {}
        self.groups: dict[Key, Group] = {}
        self.spots: dict[Key, dict[str, Spot]] = {}
        self.counts: dict[Key, int] = {}
        self.tenants: dict[str, dict[str, str]] = {}
        # What was measured at the start, in thousandths of a milli-CPU
        self.loads: dict[tuple[str, str, str], int] = {}
        self.closed: Counter[str] = Counter()
        self.dropped: set[str] = set()
        self.moved: set[Key] = set()
        self.left = {quota.resource: max(0, quota.limit - quota.used) for quota in fleet.quotas} | dict(fleet.free)
        for cluster in fleet.clusters:
            self._enter(cluster.id, cluster)
        self.before = {identity: self._workers(identity) for identity in self.clusters}
        self.spread = {name: len(places) for name, places in self._standing().items()}

    def run(self) -> list[Breach]:
        for act in self.acts:
            DONE[type(act)](self, act)
        self._check_spread()
        self._check_loads()
        self._check_run()
        return list(self.breaches)

    def note(self, code: str, what: str, need: int | str, have: int | str) -> None:
        self.breaches[Breach(code, what, need, have)] = None

    # --- the fleet

    def _enter(self, identity: str, cluster: Cluster) -> None:
        self.clusters[identity] = cluster
        self.tenants[identity] = {tenant.workload: tenant.isolation for tenant in cluster.tenants}
        for group in cluster.groups:
            key = (identity, group.name)
            self.groups[key], self.counts[key] = group, group.count
            if group.nodes:
                self.spots[key] = {node.name: _spot(group.flavor, node) for node in group.nodes}
                self.loads |= {(*key, node.name): (node.load or 0) * group.flavor.cpu_m for node in group.nodes}
            else:
                self.spots[key] = dict(self._counted(group))

    def _counted(self, group: Group) -> Iterator[tuple[str, Spot]]:
        first = 0
        for room, count in group.rooms:
            for number in range(first, first + min(count, self.most)):
                yield (
                    f"running {number}",
                    Spot(group.flavor, room.cpu_m, room.mem_mib, room.devices, room.busy, usable=group.known),
                )
            first += count

    def _running(self, key: Key, name: str) -> Spot | None:
        """A running node by its number among all of a group, where the group only counts them."""
        group, rest = self.groups[key], name.removeprefix("running ")
        number = int(rest) if rest.isdigit() and not group.nodes and rest != name else None
        for room, count in group.rooms if number is not None else ():
            if number < count:
                found = Spot(group.flavor, room.cpu_m, room.mem_mib, room.devices, room.busy, usable=group.known)
                return self.spots[key].setdefault(name, found)
            number -= count
        return None

    def _open(self, key: Key, flavor: Flavor, count: int) -> None:
        room = flavor.empty
        first = sum(name.startswith("new node ") for name in self.spots[key])
        for number in range(first + 1, first + 1 + min(count, self.most)):
            self.spots[key][f"new node {number}"] = Spot(flavor, room.cpu_m, room.mem_mib, room.devices)
        self.counts[key] += count

    def _workers(self, identity: str) -> int:
        return sum(count for key, count in self.counts.items() if key[0] == identity)

    def _standing(self) -> dict[str, set[tuple[str, str, str]]]:
        found: dict[str, set[tuple[str, str, str]]] = {}
        for key, spots in self.spots.items():
            for name, spot in spots.items():
                for pod in spot.pods:
                    found.setdefault(pod.workload, set()).add((*key, name))
        return found

    # --- acts

    def grow(self, act: Grow) -> None:
        key = (act.cluster, act.group)
        group = self.groups[key]
        self._at_rest(act.cluster, group)
        after = self.counts[key] + act.count
        if act.bounded and group.max_count is not None and after > group.max_count:
            self.note("GROUP_MAX", "/".join(key), after, group.max_count)
        self._pay("/".join(key), [(group.flavor, act.count)], 0)
        self._open(key, group.flavor, act.count)

    def make(self, act: Make) -> None:
        counts = dict(act.counts)
        self._enter(act.identity, act.cluster)
        nodes = [(group.flavor, counts.get(group.name, 0)) for group in act.cluster.groups]
        self._pay(act.identity, [*nodes, *([act.cluster.masters] if act.cluster.masters else [])], 1)
        for group in act.cluster.groups:
            key, count = (act.identity, group.name), counts.get(group.name, 0)
            if group.max_count is not None and count > group.max_count:
                self.note("GROUP_MAX", "/".join(key), count, group.max_count)
            self.spots[key], self.counts[key] = {}, 0
            self._open(key, group.flavor, count)

    def _pay(self, what: str, nodes: list[tuple[Flavor, int]], clusters: int) -> None:
        """Count quotas and free accelerators down; the first act that finds too little is reported."""
        needs: Counter[str] = Counter(clusters=clusters)
        for flavor, count in nodes:
            needs["instances"] += count
            needs["cores"] += -(-flavor.cpu_m // 1000) * count
            needs["ram_mib"] += flavor.mem_mib * count
            for resource, amount in flavor.resources:
                needs[resource] += amount * count
        for resource, need in sorted(needs.items()):
            have = self.left.get(resource)
            if have is not None and need:
                self.left[resource] = have - need
                if need > have:
                    self.note("QUOTA_SHORT", f"{what}: {resource}", need, max(0, have))

    def admit(self, act: Admit) -> None:
        what = f"{act.workload or 'the workload'} in {act.cluster}"
        cluster = self.clusters[act.cluster]
        if act.latency_ms is not None and cluster.latency_ms is not None and cluster.latency_ms > act.latency_ms:
            self.note("LATENCY", what, act.latency_ms, cluster.latency_ms)
        for other in self._conflicts(act.workload, act.isolation, act.cluster, project=True):
            self.note("ISOLATION", what, "alone", other)
        self.tenants[act.cluster][act.workload] = act.isolation
        seated: Counter[Part] = Counter()
        for seat in act.seats:
            group = self.groups[act.cluster, seat.group]
            self._at_rest(act.cluster, group)
            self._tolerated(act.tolerations, group, what)
            seated[seat.part] += self._seated(act, seat, what)
        for count in seated.values():
            if count < act.asked:
                self.note("GANG_SPLIT", what, act.asked, count)
        if act.asked and not seated:
            self.note("GANG_SPLIT", what, act.asked, 0)

    def _conflicts(self, workload: str, isolation: str, cluster: str, *, project: bool) -> list[str]:
        """The workloads that it must not stand beside, or that were promised to stand alone."""
        own = self.clusters[cluster].project
        found = set()
        for identity, tenants in self.tenants.items():
            theirs = self.clusters[identity].project
            near = project and (own == theirs or not own or not theirs)
            for other, asked in tenants.items():
                beside = identity == cluster and (isolation in CLUSTER_WIDE or asked in CLUSTER_WIDE)
                if other != workload and (beside or (near and "project" in (isolation, asked))):
                    found.add(other)
        return sorted(found)

    def _seated(self, act: Admit, seat: Seat, what: str) -> int:
        spots = self.spots[act.cluster, seat.group]
        alone = act.isolation == "node"
        if seat.nodes is None:
            order = sorted(spots.values(), key=lambda spot: (spot.cpu_m, spot.mem_mib, spot.devices))
            return self._filled(act, seat, [spot for spot in order if spot.ready and spot.usable], alone)
        for name in seat.nodes:
            spot = spots.get(name) or self._running((act.cluster, seat.group), name)
            if spot is None or not spot.usable or not spot.ready:
                self.note("OCCUPANTS_UNKNOWN", f"{what}: node {name}", "a node that is known and ready", "none")
                continue
            lack = spot.lacks(seat.part, act.workload, alone)
            if lack:
                self.note(lack[0], f"{what}: node {name}", lack[1], lack[2])
            spot.take(seat.part, act.workload, alone)
        return len(seat.nodes)

    def _filled(self, act: Admit, seat: Seat, spots: list[Spot], alone: bool) -> int:
        """Fill one node after the other; for replicas that are alike no order takes more."""
        left = seat.replicas
        for spot in spots:
            while left and not spot.lacks(seat.part, act.workload, alone):
                spot.take(seat.part, act.workload, alone)
                left -= 1
        return seat.replicas - left

    def shift(self, act: Shift) -> None:
        pod, name = act.pod, "/".join(act.target)
        source, target = self.spots[act.source[:2]][act.source[2]], self.spots[act.target[:2]].get(act.target[2])
        there = next((entry for entry in source.pods if entry == pod), None)
        if there is None:
            self.note("NOT_THERE", f"{pod.workload} on {'/'.join(act.source)}", "stands there", "does not")
        else:
            source.leave(there)
        if pod.pinned:
            self.note("WORKLOAD_PINNED", pod.workload, "stays", "moves")
        if target is None:
            self.note("NODE_NOT_READY", name, "a node that stays", "closed or unknown")
            return
        if target.locked or not target.ready:
            self.note("NODE_PROTECTED" if target.locked else "NODE_NOT_READY", name, "takes nobody", pod.workload)
        self._tolerated(pod.tolerations, self.groups[act.target[:2]], f"{pod.workload} on {name}")
        lack = target.lacks(pod.part, pod.workload, pod.isolation == "node")
        if lack:
            self.note(lack[0], f"{pod.workload} on {name}", lack[1], lack[2])
        if act.source[0] != act.target[0]:
            self._moved_over(act)
        target.take(pod.part, pod.workload, pod.isolation == "node")
        target.pods.append(pod)
        self.moved.add(act.target[:2])

    def _moved_over(self, act: Shift) -> None:
        pod, one, other = act.pod, self.clusters[act.source[0]], self.clusters[act.target[0]]
        what = f"{pod.workload} in {act.target[0]}"
        if one.project != other.project:
            self.note("NO_PARTNER", what, one.project, other.project)
        for beside in self._conflicts(pod.workload, pod.isolation, act.target[0], project=False):
            self.note("ISOLATION", what, "alone", beside)
        if pod.latency_ms >= 0 and other.latency_ms is not None and other.latency_ms > pod.latency_ms:
            self.note("LATENCY", what, pod.latency_ms, other.latency_ms)
        self.tenants[act.target[0]][pod.workload] = pod.isolation

    def close(self, act: Close) -> None:
        key, name = act.place[:2], "/".join(act.place)
        spot, group = self.spots[key].pop(act.place[2]), self.groups[key]
        self._at_rest(act.place[0], group)
        for broken, code in (
            (spot.locked, "NODE_PROTECTED"),
            (not spot.ready, "NODE_NOT_READY"),
            (not spot.known, "OCCUPANTS_UNKNOWN"),
            (bool(spot.pods or spot.guests), "HAS_WORKLOADS"),
        ):
            if broken:
                self.note(code, name, "stays", "closed")
        self.counts[key] -= 1
        self.closed[act.place[0]] += 1
        self.moved.add(key)

    def drop(self, act: Drop) -> None:
        self.dropped.add(act.cluster)
        for key, spots in self.spots.items():
            if key[0] == act.cluster:
                for name, spot in spots.items():
                    if spot.pods:
                        self.note("HAS_WORKLOADS", f"{'/'.join(key)}/{name}", "stays", "closed")

    # --- rules that several acts share

    def _at_rest(self, identity: str, group: Group) -> None:
        cluster = self.clusters[identity]
        for what, status in ((identity, cluster.status), (f"{identity}/{group.name}", group.status)):
            if not status.endswith("_COMPLETE") or status.startswith("DELETE"):
                self.note("CLUSTER_NOT_READY", what, "*_COMPLETE", status)
        if cluster.locks:
            self.note("CLUSTER_LOCKED", identity, "unlocked", ", ".join(cluster.locks))
        if self.limits.require_health and cluster.health == "UNHEALTHY":
            self.note("CLUSTER_UNHEALTHY", identity, "HEALTHY", cluster.health)

    def _tolerated(self, tolerations: tuple[str, ...], group: Group, what: str) -> None:
        for taint in group.taints:
            key = taint.split("=")[0].split(":")[0]
            if not taint.endswith(":PreferNoSchedule") and taint not in tolerations and key not in tolerations:
                self.note("TAINT", what, taint, ", ".join(tolerations) or "none")

    # --- rules about the whole plan

    def _check_spread(self) -> None:
        for name, places in self._standing().items():
            if self.spread.get(name, 0) > 1 and len(places) == 1:
                self.note("SPREAD", name, 2, 1)

    def _check_loads(self) -> None:
        """Of each group that lost nodes or took work in: what was measured there, on the nodes that are left."""
        if self.limits.full is None:
            return
        targets: dict[tuple[str, str, str], set[Key]] = {}
        for act in self.acts:
            if isinstance(act, Shift):
                targets.setdefault(act.source, set()).add(act.target[:2])
        for key in sorted(self.moved):
            stays = sum(
                load for place, load in self.loads.items() if place[:2] == key and self._loads(place, targets, key)
            )
            self._not_above([key], stays)
        for identity in sorted(self.dropped):
            keys = {key for place, found in targets.items() if place[0] == identity for key in found}
            loads = sum(load for place, load in self.loads.items() if place[0] == identity or place[:2] in keys)
            self._not_above(sorted(keys), loads)

    def _loads(self, place: tuple[str, str, str], targets: dict[tuple[str, str, str], set[Key]], key: Key) -> bool:
        """Whether what was measured on a node stays in its group: not where it closed and nobody went on there."""
        return place[2] in self.spots[key] or key in targets.get(place, ())

    def _not_above(self, keys: list[Key], load: int) -> None:
        offered = sum(spot.flavor.cpu_m for key in keys for spot in self.spots[key].values())
        full = self.limits.full or 0
        if keys and keys[0][0] not in self.dropped and offered and load > full * offered:
            self.note("UTILIZATION_AFTER", "+".join("/".join(key) for key in keys), full, load // offered)

    def _check_run(self) -> None:
        for identity, gone in self.closed.items():
            if identity in self.dropped:
                continue
            if self.limits.keep_last and self.before[identity] and not self._workers(identity):
                self.note("LAST_WORKER", identity, 1, 0)
            if self.limits.run_percent is not None:
                self._within(identity, self.before[identity], gone)
            for key, group in self.groups.items():
                count = self.counts[key]
                if key[0] == identity and count < min(group.min_count, group.count):
                    self.note("GROUP_MIN", "/".join(key), group.min_count, count)
        if self.limits.run_percent is not None:
            self._within("all clusters", sum(self.before.values()), sum(self.closed.values()))

    def _within(self, what: str, nodes: int, gone: int) -> None:
        most = max(1, nodes * (self.limits.run_percent or 0) // 100)
        if gone > most:
            self.note("RUN_LIMIT", what, gone, most)


DONE = {
    Grow: Replay.grow,
    Make: Replay.make,
    Admit: Replay.admit,
    Shift: Replay.shift,
    Close: Replay.close,
    Drop: Replay.drop,
}


def _spot(flavor: Flavor, node: Node) -> Spot:
    room = node.room
    pods = [pod._replace(replicas=1) for pod in node.pods for _replica in range(pod.replicas)]
    alone = next((pod.workload for pod in pods if pod.isolation == "node"), "")
    return Spot(
        flavor,
        room.cpu_m,
        room.mem_mib,
        room.devices,
        room.busy,
        pods,
        guests={pod.workload for pod in pods},
        alone=alone,
        ready=node.ready,
        locked=bool(node.locks),
        known=node.known,
    )


def audit(fleet: Fleet, acts: Iterable[Act], limits: Limits | None = None) -> list[Breach]:
    """Replay the acts on the fleet; every rule that they break, each once, in the order in which it shows.

    :returns: an empty list where the plan keeps all rules.
    """
    return Replay(fleet, acts, limits or Limits()).run()
