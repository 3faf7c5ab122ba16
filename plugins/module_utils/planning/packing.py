# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The board on which a batch is packed: nodes one by one, who sits on them, and every change can be taken back.

Rooms are interned: a room of a flavor has a number, and what a part makes of it is looked up, so that thousands of
nodes cost little more than their different states. Ties go by number, so the same input gives the same plan.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import Ground, Option
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import (
    Gauge,
    gauge,
    mix,
    supply,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Flavor,
    Part,
    Room,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import capacity, closed, occupied

Form = tuple[Part, ...]
NOWHERE = -1
ENDLESS = 1 << 40
Where = tuple[tuple[int, Part], ...]


class Rooms:
    """Rooms by number, with what each part would make of them."""

    def __init__(self, fragments: Gauge) -> None:
        self.fragments = fragments
        self.numbers: dict[tuple[str, Room], int] = {}
        self.flavors: list[Flavor] = []
        self.rooms: list[Room] = []
        self.lost: list[int] = []
        self.slack: list[int] = []
        self.fits: dict[tuple[Part, bool], dict[int, tuple[int, int, int] | None]] = {}
        self.holds: dict[tuple[Part, bool], dict[int, int]] = {}

    def number(self, flavor: Flavor, room: Room) -> int:
        key = (flavor.name, room)
        found = self.numbers.get(key)
        if found is None:
            found = self.numbers[key] = len(self.rooms)
            self.flavors.append(flavor)
            self.rooms.append(room)
            self.lost.append(self.fragments(flavor, room))
            self.slack.append(_slack(flavor, room))
        return found

    def fit(self, memo: dict[int, tuple[int, int, int] | None], part: Part, alone: bool, number: int) -> None:
        """Note what becomes of a room when one replica sits down: (growth of fragmentation, slack left, room); None
        where it has no place."""
        flavor, room = self.flavors[number], self.rooms[number]
        most = 0 if alone and room.busy else capacity(part, flavor, room, 1)
        if not most:
            memo[number] = None
            return
        after = self.number(flavor, occupied(part, flavor, room, 1))
        memo[number] = (self.lost[after] - self.lost[number], self.slack[after], after)

    def hold(self, part: Part, alone: bool, number: int) -> int:
        """How many replicas a room holds."""
        memo = self.holds.setdefault((part, alone), {})
        if number not in memo:
            room = self.rooms[number]
            memo[number] = 0 if alone and room.busy else capacity(part, self.flavors[number], room, ENDLESS)
        return memo[number]

    def holding(self, part: Part, alone: bool) -> dict[int, int]:
        return self.holds.setdefault((part, alone), {})

    def memo(self, part: Part, alone: bool) -> dict[int, tuple[int, int, int] | None]:
        return self.fits.setdefault((part, alone), {})


def _slack(flavor: Flavor, room: Room) -> int:
    """How much of a node is free, per mille of each resource, summed."""
    total = 1000 * room.cpu_m // flavor.cpu_m if flavor.cpu_m else 0
    total += 1000 * room.mem_mib // flavor.mem_mib if flavor.mem_mib else 0
    devices = [device for entry in room.devices for device in entry]
    return total + (2 * sum(devices) // len(devices) if devices else 0)


class Board:
    """All nodes and who sits where. ``place`` and ``take`` change it; ``back_to`` a ``checkpoint`` takes changes back."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        batch = ground.batch
        coming = [
            (part, kind.workload.replicas * len(kind.members))
            for kind in ground.kinds
            for part in kind.workload.forms[-1]
        ]
        self.rooms = Rooms(gauge(mix(batch.fleet.standing, tuple(coming)), supply(batch.fleet)))
        self.kind_of = {member: number for number, kind in enumerate(ground.kinds) for member in kind.members}
        # Hosts and sites; those of recipes are patterns, of which copies are added when one is made
        self.hosts = list(ground.hosts)
        self.host_of_site = [site.host for site in ground.sites]
        self.origin = list(range(len(ground.sites)))
        self.groups = [site.group for site in ground.sites]
        self.left = [site.most for site in ground.sites]
        self.grown = [0] * (max(ground.pools, default=-1) + 1)
        self.buckets: list[dict[int, list[int]]] = [{} for _site in ground.sites]
        # What running nodes of a site look like to a part, until one of them changes
        self.views: list[dict[tuple[Part, int, bool], tuple[int, tuple[int, int]]]] = [{} for _site in ground.sites]
        self.made: dict[int, list[int]] = {number: [] for number, host in enumerate(ground.hosts) if host.recipe}
        self.alive = [not host.recipe for host in ground.hosts]
        self.tenants = [len(host.cluster.tenants) for host in ground.hosts]
        self.locked = [False] * len(ground.hosts)
        # Who stands in each project, and who wants it alone: of a project that is not known, that of all
        self.project_of = [host.cluster.project for host in ground.hosts]
        self.projects = list(dict.fromkeys(self.project_of))
        self.peopled = [0] * len(self.projects)
        self.reserved = [0] * len(self.projects)
        self.apart = any(kind.workload.isolation == "project" for kind in ground.kinds)
        for host in ground.hosts:
            if not host.recipe:
                self.peopled[self.projects.index(host.cluster.project)] += len(host.cluster.tenants)
        # Nodes
        self.site_of: list[int] = []
        self.room_of: list[int] = []
        self.first_room: list[int] = []
        self.items: list[tuple[tuple[int, Part], ...]] = []
        self.there: list[bool] = []
        self.opened: list[bool] = []
        self.spare: list[list[int]] = [[] for _site in ground.sites]
        self.where: dict[int, Where] = {}
        self.cost = 0
        self.unplaced = sum(kind.worth * len(kind.members) for kind in ground.kinds)
        self.allowed: dict[int, frozenset[int]] = {}
        self.missing = [len(kind.members) for kind in ground.kinds]
        self.limits = _limits(ground)
        # What a guide allows: how many nodes more in a pool, how many clusters by a recipe
        self.most_nodes: dict[int, int] = {}
        self.most_made: dict[int, int] = {}
        self.takes: dict[str, tuple[tuple[str, int], ...]] = {}
        self.steps = 0
        self._log: list[tuple[str, int, object]] = []
        self.power = 0
        # Of running nodes that are alike no more can matter than there are replicas; the others stay a number
        self.most = most = sum(
            kind.workload.replicas * len(kind.workload.forms[-1]) * len(kind.members) for kind in ground.kinds
        )
        self.counted: list[list[tuple[Room, int]]] = [[] for _site in ground.sites]
        for number, site in enumerate(ground.sites):
            for room, count in site.group.rooms if not ground.hosts[site.host].recipe else ():
                for _node in range(min(count, most)):
                    self._new_node(number, self.rooms.number(site.group.flavor, room), opened=False)
                if count > most:
                    self.counted[number].append((room, count - most))

    # --- changes, each of which can be taken back

    def checkpoint(self) -> tuple[int, ...]:
        """A moment to come back to: cost, power and work without a place lead it."""
        return (self.cost, self.power, self.unplaced, len(self._log), *self.limits.values())

    def back_to(self, moment: tuple[int, ...]) -> None:
        """Everything as it was at that moment."""
        self.cost, self.power, self.unplaced, length = moment[:4]
        self.limits = dict(zip(self.limits, moment[4:]))
        while len(self._log) > length:
            name, at, before = self._log.pop()
            if name == "node":
                self._set_node(at, *before)  # type: ignore[misc]
            elif name != "where":
                getattr(self, name)[at] = before
            elif before is None:
                del self.where[at]
            else:
                self.where[at] = before  # type: ignore[assignment]

    def keep(self) -> None:
        """What was done so far is not taken back any more."""
        self._log.clear()

    def _note(self, name: str, at: int, before: object) -> None:
        self._log.append((name, at, before))

    def _assign(self, name: str, at: int, value: object) -> None:
        values = getattr(self, name)
        self._note(name, at, values[at])
        values[at] = value

    def _change_node(self, node: int, room: int, items: tuple[tuple[int, Part], ...], there: bool) -> None:
        self._note("node", node, (self.room_of[node], self.items[node], self.there[node]))
        self._set_node(node, room, items, there)

    def _set_node(self, node: int, room: int, items: tuple[tuple[int, Part], ...], there: bool) -> None:
        bucket = self.buckets[self.site_of[node]]
        self.views[self.site_of[node]].clear()
        if self.there[node]:
            nodes = bucket[self.room_of[node]]
            if len(nodes) == 1:
                del bucket[self.room_of[node]]
            else:
                del nodes[bisect_left(nodes, node)]
        self.room_of[node], self.items[node], self.there[node] = room, items, there
        if there:
            insort(bucket.setdefault(room, []), node)

    def _new_node(self, site: int, room: int, *, opened: bool) -> int:
        node = len(self.site_of)
        self.site_of.append(site)
        self.room_of.append(room)
        self.first_room.append(room)
        self.items.append(())
        self.there.append(False)
        self.opened.append(opened)
        self.spare[site].append(node)
        self._change_node(node, room, (), True)
        return node

    # --- nodes and clusters come and go

    def open_node(self, site: int, *, paid: bool = True) -> int | None:
        """A node more in a group, or None where bounds or quotas forbid it."""
        flavor = self.groups[site].flavor
        if paid and (self.can_open(site) < 1 or not self._allowed(flavor, 1)):
            return None
        if paid:
            self._grow(site, 1)
        self._pay(flavor, 1)
        empty = self.rooms.number(flavor, flavor.empty)
        for node in self.spare[site]:
            if not self.there[node] and self.opened[node] == paid:
                self._change_node(node, empty, (), True)
                return node
        return self._new_node(site, empty, opened=paid)

    def _close_node(self, node: int, *, paid: bool = True) -> None:
        site = self.site_of[node]
        self._change_node(node, self.first_room[node], (), False)
        if paid:
            self._grow(site, -1)
        self._pay(self.groups[site].flavor, -1)

    def can_open(self, site: int) -> int:
        """How many nodes more a group may get."""
        pool = self.ground.pools[self.origin[site]]
        return min(self.left[site], self.most_nodes.get(pool, ENDLESS) - self.grown[pool])

    def can_make(self, recipe: int) -> bool:
        """Whether one more cluster may be made by a recipe, as far as a guide says."""
        return sum(self.alive[host] for host in self.made[recipe]) < self.most_made.get(recipe, ENDLESS)

    def _grow(self, site: int, by: int) -> None:
        self._assign("left", site, self.left[site] - by)
        pool = self.ground.pools[self.origin[site]]
        self._assign("grown", pool, self.grown[pool] + by)

    def _needs(self, flavor: Flavor) -> tuple[tuple[str, int], ...]:
        if flavor.name not in self.takes:
            needs = {
                "instances": 1,
                "cores": -(-flavor.cpu_m // 1000),
                "ram_mib": flavor.mem_mib,
                **dict(flavor.resources),
            }
            self.takes[flavor.name] = tuple((name, need) for name, need in needs.items() if name in self.limits)
        return self.takes[flavor.name]

    def _allowed(self, flavor: Flavor, count: int) -> bool:
        return all(need * count <= self.limits[name] for name, need in self._needs(flavor))

    def _pay(self, flavor: Flavor, count: int) -> None:
        self.cost += flavor.price * count
        self.power += flavor.idle_mw * count
        for name, need in self._needs(flavor):
            self.limits[name] -= need * count

    def _make(self, recipe: int) -> int | None:
        """A new cluster by a recipe, or None where quotas forbid it."""
        pattern = self.ground.hosts[recipe]
        if not self.can_make(recipe) or self.limits.get("clusters", 1) < 1 or not self._room_for(pattern.cluster):
            return None
        host = next((number for number in self.made[recipe] if not self.alive[number]), None)
        if host is None:
            host = self._copy(recipe)
        self._assign("alive", host, True)
        self._bill(host, 1)
        for site in self.hosts[host].sites:
            for _node in range(self.groups[site].min_count):
                self.open_node(site, paid=False)
        return host

    def _room_for(self, cluster: object) -> bool:
        nodes = [(group.flavor, group.min_count) for group in cluster.groups]  # type: ignore[attr-defined]
        nodes += [cluster.masters] if cluster.masters else []  # type: ignore[attr-defined]
        needs: dict[str, int] = {}
        for flavor, count in nodes:
            for name, need in self._needs(flavor):
                needs[name] = needs.get(name, 0) + need * count
        return all(need <= self.limits[name] for name, need in needs.items())

    def _copy(self, recipe: int) -> int:
        pattern, host = self.ground.hosts[recipe], len(self.hosts)
        first = len(self.groups)
        for site in pattern.sites:
            self.host_of_site.append(host)
            self.origin.append(site)
            self.groups.append(self.ground.sites[site].group)
            self.left.append(self.ground.sites[site].most)
            self.buckets.append({})
            self.views.append({})
            self.spare.append([])
            self.counted.append([])
        self.hosts.append(pattern._replace(sites=tuple(range(first, len(self.groups)))))
        self.made[recipe].append(host)
        self.alive.append(False)
        self.tenants.append(0)
        self.locked.append(False)
        self.project_of.append(pattern.cluster.project)
        return host

    def _bill(self, host: int, sign: int) -> None:
        """A cluster's control plane and its place among the clusters."""
        masters = self.hosts[host].cluster.masters
        if masters:
            self._pay(masters[0], masters[1] * sign)
        if "clusters" in self.limits:
            self.limits["clusters"] -= sign

    def _unmake(self, host: int) -> None:
        for site in self.hosts[host].sites:
            for node in self.spare[site]:
                if self.there[node]:
                    self._close_node(node, paid=self.opened[node])
        self._bill(host, -1)
        self._assign("alive", host, False)

    # --- workloads sit down and get up

    def instances(self, option: Option) -> list[tuple[int, Option]]:
        """The clusters in which an option can be had: the one it names, or those made by its recipe. -1 makes a new one."""
        host = self.host_of_site[option[0]]
        if host not in self.made:
            return [(host, option)]
        first = self.hosts[host].sites[0]
        found = [
            (number, tuple(self.hosts[number].sites[site - first] for site in option))
            for number in self.made[host]
            if self.alive[number]
        ]
        return [*found, (NOWHERE, option)]

    def may_join(self, workload: int, host: int) -> bool:
        """Whether isolation lets a workload into a cluster, with those who are there by now."""
        wanted = self.kind(workload)
        if host == NOWHERE:
            # Clusters that are made are all in the project of who makes them
            return not (self.apart and self._shut(wanted, self.ground.batch.fleet.project))
        own = 1 if wanted.home else 0
        if wanted.isolation != "none" and self.tenants[host] > own and wanted.isolation in ("cluster", "project"):
            return False
        return not self.locked[host] and not (self.apart and self._shut(wanted, self.project_of[host]))

    def _shut(self, wanted: Workload, project: str) -> bool:
        """Whether somebody has the project for himself, or stands where this one wants to be alone."""
        own = 1 if wanted.home else 0
        near = [number for number, name in enumerate(self.projects) if name == project or not name or not project]
        if any(self.reserved[number] for number in near):
            return True
        return wanted.isolation == "project" and sum(self.peopled[number] for number in near) > own

    def _people(self, workload: int, host: int, by: int) -> None:
        """Count a tenant of a cluster, and of its project."""
        self._assign("tenants", host, self.tenants[host] + by)
        if self.apart:
            number = self.projects.index(self.project_of[host])
            self._assign("peopled", number, self.peopled[number] + by)
            if self.kind(workload).isolation == "project":
                self._assign("reserved", number, self.reserved[number] + by)

    def kind(self, workload: int) -> Workload:
        """A workload as it is to be placed: with the replicas that have no place yet."""
        return self.ground.kinds[self.kind_of[workload]].workload

    def place(self, workload: int, form: Form, host: int, option: Option) -> bool:
        """Seat all replicas of a workload; False, with nothing to rely on, where they do not fit: take it back then."""
        wanted = self.kind(workload)
        if host == NOWHERE:
            recipe = self.host_of_site[option[0]]
            made = self._make(recipe)
            if made is None:
                return False
            first = self.ground.hosts[recipe].sites[0]
            option, host = tuple(self.hosts[made].sites[site - first] for site in option), made
        seats: list[tuple[int, Part]] = []
        for part, site in zip(form, option):
            for _replica in range(wanted.replicas):
                node = self._seat(workload, part, site)
                if node is None:
                    return False
                seats.append((node, part))
        if wanted.isolation == "node":
            self._close_rooms({node for node, _part in seats})
        self._note("where", workload, self.where.get(workload))
        self.where[workload] = tuple(seats)
        self._count(workload, -1)
        self._people(workload, host, 1)
        if wanted.isolation == "cluster":
            self._assign("locked", host, True)
        return True

    def _count(self, workload: int, missing: int) -> None:
        kind = self.kind_of[workload]
        self._assign("missing", kind, self.missing[kind] + missing)
        self.unplaced += self.ground.kinds[kind].worth * missing

    def allowed_sites(self, kind: int) -> frozenset[int]:
        """Where the workloads of a kind may sit."""
        if kind not in self.allowed:
            self.allowed[kind] = frozenset(site for _form, option in self.ground.options[kind] for site in option)
        return self.allowed[kind]

    def waiting(self) -> list[int]:
        """The first of each kind that has no place."""
        kinds = [kind for kind, count in enumerate(self.missing) if count]
        return [
            next(member for member in self.ground.kinds[kind].members if member not in self.where) for kind in kinds
        ]

    def place_on(self, workload: int, part: Part, nodes: Iterable[int]) -> bool:
        """Seat one replica on one of these nodes, where it does least harm; False, with nothing changed, where on none."""
        best = None
        memo = self.rooms.memo(part, False)
        for node in nodes:
            number = self.room_of[node]
            if number not in memo:
                self.rooms.fit(memo, part, False, number)
            found = memo[number]
            if found is not None and self.there[node] and (best is None or (found[0], found[1], node) < best):
                best = (found[0], found[1], node)
        if best is None:
            return False
        self.steps += 1
        self._sit(workload, part, best[2])
        self._note("where", workload, self.where.get(workload))
        self.where[workload] = ((best[2], part),)
        self._count(workload, -1)
        self._people(workload, self.host_of_site[self.site_of[best[2]]], 1)
        return True

    def best_room(self, part: Part, site: int, alone: bool) -> tuple[int, int, int] | None:
        """The room of a group in which one replica does least harm: (growth of fragmentation, slack left, node)."""
        memo = self.rooms.memo(part, alone)
        best = None
        for number, nodes in self.buckets[site].items():
            if number not in memo:
                self.rooms.fit(memo, part, alone, number)
            found = memo[number]
            if found is not None and (best is None or (found[0], found[1], nodes[0]) < best):
                best = (found[0], found[1], nodes[0])
        return best

    def _seat(self, workload: int, part: Part, site: int) -> int | None:
        self.steps += 1
        alone = self.kind(workload).isolation == "node"
        node = self._shared_with_itself(workload, part, site) if alone else None
        if node is None:
            found = self.best_room(part, site, alone)
            node = found[2] if found else self.open_node(site)
        if node is None:
            return None
        self._sit(workload, part, node)
        return node

    def _shared_with_itself(self, workload: int, part: Part, site: int) -> int | None:
        """On nodes of its own a workload fills one before it takes the next."""
        for nodes in self.buckets[site].values():
            for node in nodes:
                if (
                    self.items[node]
                    and self.items[node][-1][0] == workload
                    and self._after(part, node, False) is not None
                ):
                    return node
        return None

    def _after(self, part: Part, node: int, alone: bool) -> int | None:
        memo, number = self.rooms.memo(part, alone), self.room_of[node]
        if number not in memo:
            self.rooms.fit(memo, part, alone, number)
        found = memo[number]
        return found[2] if found else None

    def _sit(self, workload: int, part: Part, node: int) -> None:
        after = self._after(part, node, False)
        if after is None:
            raise AssertionError("who sits down has been found a room before")
        self._change_node(node, after, (*self.items[node], (workload, part)), True)

    def _close_rooms(self, nodes: Iterable[int]) -> None:
        for node in sorted(nodes):
            number = self.room_of[node]
            shut = self.rooms.number(self.rooms.flavors[number], closed(self.rooms.rooms[number]))
            self._change_node(node, shut, self.items[node], True)

    def take(self, workload: int) -> bool:
        """Let a workload get up; nodes and clusters that were opened and are empty then are closed.

        False, to be taken back, where those who stay would no longer fit in the order in which they came.
        """
        seats = self.where[workload]
        self._note("where", workload, seats)
        del self.where[workload]
        self._count(workload, 1)
        host = self.host_of_site[self.site_of[seats[0][0]]]
        self._people(workload, host, -1)
        if self.locked[host]:
            self._assign("locked", host, False)
        for node in dict.fromkeys(node for node, _part in seats):
            if not self._leave(workload, node):
                return False
        recipe = self.hosts[host].recipe
        if recipe and not self.tenants[host]:
            self._unmake(host)
        return True

    def _leave(self, workload: int, node: int) -> bool:
        stay = tuple(item for item in self.items[node] if item[0] != workload)
        if not stay and self.opened[node]:
            self._close_node(node)
            return True
        number = self.first_room[node]
        for _workload, part in stay:
            memo = self.rooms.memo(part, False)
            if number not in memo:
                self.rooms.fit(memo, part, False, number)
            found = memo[number]
            if found is None:
                return False
            number = found[2]
        self._change_node(node, number, stay, True)
        return True

    def added_power(self, workload: int, form: Form, option: Option) -> int:
        """What the replicas draw by themselves on these groups, in milliwatts."""
        replicas = self.kind(workload).replicas
        return sum(cost.added_power(part, self.groups[site].flavor, replicas) for part, site in zip(form, option))

    def state(self) -> tuple[int, int]:
        """What is compared: work without a place first, then cost."""
        return self.unplaced, self.cost

    def place_in_group(self, node: int) -> int:
        """The number of a node in its group: running ones first, in the order of the group's rooms."""
        site = self.site_of[node]
        listed, number, most = self.spare[site].index(node), 0, self.most
        rooms = () if self.ground.hosts[self.ground.sites[self.origin[site]].host].recipe else self.groups[site].rooms
        for _room, count in rooms:
            if listed < min(count, most):
                return number + listed
            listed -= min(count, most)
            number += count
        return number + listed

    def opened_nodes(self) -> list[int]:
        """The nodes that the plan opens and that somebody uses."""
        return [node for node, there in enumerate(self.there) if there and self.opened[node]]


def _limits(ground: Ground) -> dict[str, int]:
    """What quotas and the cloud leave to be opened."""
    fleet = ground.batch.fleet
    return {**{quota.resource: max(0, quota.limit - quota.used) for quota in fleet.quotas}, **dict(fleet.free)}
