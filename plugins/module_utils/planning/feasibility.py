# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judge: whether a candidate can carry the workload, every reason why not, and what would change it.

Yes/no and why-not are one function. A candidate whose flavor can never carry a part is judged further as if its first
fix (a node group of the cheapest flavor that can) had been made: so its reasons are all that stands in the way, and
carrying out all fixes makes it feasible. A property test holds that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost, fixes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    CODES,
    WHOLE,
    Candidate,
    Cluster,
    Demand,
    Fix,
    Flavor,
    Group,
    Part,
    Request,
    Room,
    Rooms,
    Slot,
    Step,
    Verdict,
    Violation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import (
    capacity,
    enough_memory,
    piece,
    pieces,
    right_model,
    serves,
    total_capacity,
)

ORDER = {code: index for index, code in enumerate(CODES)}
Memo = dict[Any, Any]


def judge(request: Request, candidate: Candidate, memo: Memo | None = None) -> Verdict:
    """Everything about one candidate: nodes, cost and power that it adds, and all violations, in the order of CODES.

    :param memo: shared between the candidates of one request; it changes the speed, never the answer.
    """
    memo = {} if memo is None else memo
    cluster = candidate.cluster
    found = list(_remembered(memo, ("cluster", id(cluster)), cluster_violations, request, cluster, memo))
    steps = []
    for slot in candidate.slots:
        step, violations = judge_slot(request, candidate.action, slot, memo)
        steps.append(step)
        found += violations
    if candidate.action == "scale" and all(step.after == step.before for step in steps):
        first = steps[0]
        steps[0] = Step(first.part, first.group, first.flavor, first.placed, first.before, first.before + 1)
    found += [violation for step in steps for violation in bound_violations(candidate.action, step)]
    opened = opened_nodes(candidate, steps)
    masters = cluster.masters[0].name if cluster.masters else ""
    on = tuple((step.part, step.flavor.name, step.placed) for step in steps)
    key = ("sums", candidate.action, masters, on, tuple((flavor.name, count) for flavor, count in opened))
    spent, drawn, over = _remembered(memo, key, sums, request, candidate, steps, opened)
    found += over
    unfit = any(step.flavor is not step.group.flavor for step in steps)
    return Verdict(
        candidate,
        tuple(steps),
        opened,
        None if unfit else spent,
        None if unfit else drawn,
        tuple(sorted(found, key=lambda violation: ORDER[violation.code])),
    )


def _remembered(memo: Memo, key: object, work: Any, *arguments: Any) -> Any:
    if key not in memo:
        memo[key] = work(*arguments)
    return memo[key]


# --- the cluster


def cluster_violations(request: Request, cluster: Cluster, memo: Memo) -> tuple[Violation, ...]:
    """What speaks against anything in this cluster: its state, locks, neighbours, latency."""
    found = [*state_violations(cluster.status, "")]
    if request.policy.require_health and cluster.health == "UNHEALTHY":
        found.append(Violation("CLUSTER_UNHEALTHY", "HEALTHY", cluster.health, None, "", fixes.heal()))
    if cluster.locks:
        found.append(
            Violation("CLUSTER_LOCKED", "unlocked", ", ".join(cluster.locks), None, "", fixes.unlock(cluster.locks))
        )
    others = neighbours(request, cluster, memo)
    if others:
        fix = fixes.move_workloads(others)
        found.append(Violation("ISOLATION", 0, len(others), len(others), "workloads beside it", fix))
    limit, latency = request.workload.latency_ms, cluster.latency_ms
    if limit is not None and latency is not None and latency > limit:
        found.append(Violation("LATENCY", limit, latency, latency - limit, "ms", fixes.relax_latency(latency)))
    return tuple(found)


def state_violations(status: str, group: str) -> Iterator[Violation]:
    """Only an object at rest and whole takes part; what is changing or failed is waited for or repaired first."""
    if not status.endswith("_COMPLETE") or status.startswith("DELETE"):
        fix = fixes.wait_for(group) if status.endswith("_IN_PROGRESS") else fixes.repair(status, group)
        have = f"node group {group}: {status}" if group else status
        yield Violation("CLUSTER_NOT_READY", "*_COMPLETE", have, None, "", fix)


def neighbours(request: Request, cluster: Cluster, memo: Memo) -> tuple[str, ...]:
    """The workloads that would have to go, for the isolation that the workload asks or that they were promised."""
    workload = request.workload
    asked = workload.isolation == "cluster"
    alone = {tenant.workload for tenant in cluster.tenants if asked or tenant.isolation in ("cluster", "project")}
    alone |= _remembered(memo, ("project", cluster.project), project_neighbours, request, cluster.project)
    return tuple(sorted(alone - {workload.name}))


def project_neighbours(request: Request, project: str) -> set[str]:
    """The workloads of a project (of all, where it is not known) that no other may join, or that this one may not."""
    asked = request.workload.isolation == "project"
    return {
        tenant.workload
        for cluster in request.fleet.clusters
        if cluster.project == project or not project
        for tenant in cluster.tenants
        if asked or tenant.isolation == "project"
    }


# --- one part in one group


def judge_slot(request: Request, action: str, slot: Slot, memo: Memo) -> tuple[Step, list[Violation]]:
    """What one group must become for its part, and what speaks against that."""
    workload, group, part = request.workload, slot.group, slot.part
    found = [*state_violations(group.status, group.name), *taint_violations(group, workload.tolerations)]
    key = ("fit", action, part, group.flavor.name)
    unfit, flavor = _remembered(memo, key, fitting, request, action, part, group.flavor)
    found += unfit
    if flavor is not group.flavor:
        wanted = workload.replicas
        count = nodes_for(part, flavor, wanted)
        start = count if action == "use" else 0
        least = group.min_count if action == "create" else 0
        return Step(part, group, flavor, wanted, start, max(count, least)), found
    wanted = max(0, workload.replicas - group.own)
    rooms = usable_rooms(group.rooms, workload.isolation)
    placed = total_capacity(part, flavor, rooms, wanted)
    missing = nodes_for(part, flavor, wanted - placed)
    if action == "use":
        if missing:
            found += room_violations(request, slot, wanted, placed, fixes.scale_group(group, missing))
        return Step(part, group, flavor, wanted, group.count, group.count), found
    after = max(group.count + missing, group.min_count if action == "create" else 0)
    return Step(part, group, flavor, wanted, group.count, after), found


def usable_rooms(rooms: Rooms, isolation: str) -> Rooms:
    """The rooms that the workload may enter: only empty nodes where it wants nodes of its own."""
    return tuple(entry for entry in rooms if not entry[0].busy) if isolation == "node" else rooms


def nodes_for(part: Part, flavor: Flavor, replicas: int) -> int:
    """How many empty nodes of a flavor that replicas need; the flavor must be able to carry the part."""
    return -(-replicas // capacity(part, flavor, flavor.empty, replicas)) if replicas else 0


def taint_violations(group: Group, tolerations: tuple[str, ...]) -> Iterator[Violation]:
    """Taints that keep the workload off. A toleration names a taint, or only its key."""
    left = [taint for taint in group.taints if not {taint, taint.split("=")[0].split(":")[0]} & set(tolerations)]
    left = [taint for taint in left if not taint.endswith(":PreferNoSchedule")]
    if left:
        have = len(group.taints) - len(left)
        yield Violation("TAINT", len(group.taints), have, len(left), "tolerated taints", fixes.tolerate(left))


def bound_violations(action: str, step: Step) -> Iterator[Violation]:
    """A group grows within its bounds."""
    most = step.group.max_count
    replaced = step.flavor is not step.group.flavor
    if action == "use" or (action == "scale" and replaced):
        return
    if most is not None and step.after > most:
        short = step.after - most
        yield Violation("GROUP_MAX", step.after, most, short, "nodes", fixes.raise_max(step.group.name, step.after))


# --- a flavor that cannot carry a part, however empty its nodes


def fitting(request: Request, action: str, part: Part, flavor: Flavor) -> tuple[tuple[Violation, ...], Flavor]:
    """Why a flavor cannot carry a part, and the flavor to go on with: this one, or the cheapest that can."""
    if not any(misfits(part, flavor, None)):
        return (), flavor
    able = replacement(request, part)
    count = nodes_for(part, able, request.workload.replicas)
    fix = fixes.use_flavor(part, able) if action == "create" else fixes.add_node_group(part, able, count)
    return tuple(misfits(part, flavor, fix)), able


def replacement(request: Request, part: Part) -> Flavor:
    """The flavor on which the replicas cost least; where none of the cloud's can carry them, one that would have to be made."""
    replicas = request.workload.replicas
    able = [flavor for flavor in request.fleet.flavors if not any(misfits(part, flavor, None))]
    if able:
        return min(able, key=lambda flavor: (nodes_for(part, flavor, replicas) * flavor.price, flavor.name))
    return fixes.made_flavor(part, request.policy.prices)


def misfits(part: Part, flavor: Flavor, fix: Fix | None) -> Iterator[Violation]:
    """What a node of the flavor lacks for one replica."""
    for demand in part.demands:
        yield from device_misfits(flavor, demand, fix)
    if part.cpu_m > flavor.cpu_m:
        yield _short("CPU_SHORT", part.cpu_m, flavor.cpu_m, "milli-CPU per node", fix)
    if part.mem_mib > flavor.mem_mib:
        yield _short("MEM_SHORT", part.mem_mib, flavor.mem_mib, "MiB per node", fix)


def device_misfits(flavor: Flavor, demand: Demand, fix: Fix | None) -> Iterator[Violation]:
    """Kind, model, memory, number: the first that is wrong makes the rest meaningless."""
    of_kind = [entry for entry in flavor.accelerators if entry.kind == demand.kind]
    of_model = [entry for entry in of_kind if right_model(entry, demand)]
    if not of_kind:
        have = ", ".join(sorted(flavor.kinds)) or "none"
        yield Violation("WRONG_ACCEL_KIND", demand.kind, have, None, "", fix or _NO_FIX)
    elif not of_model:
        have = ", ".join(entry.model for entry in of_kind)
        yield Violation("WRONG_ACCEL_MODEL", ", ".join(demand.models), have, None, "", fix or _NO_FIX)
    elif not any(enough_memory(entry, demand) for entry in of_model):
        have = max(entry.mem_mib * piece(entry, demand) // WHOLE for entry in of_model)
        known = all(entry.mem_mib for entry in of_model)
        unit = "MiB of device memory" if known else "MiB of device memory (not known)"
        yield _short("MEM_SHORT", demand.mem_mib, have, unit, fix)
    elif pieces(flavor, flavor.empty, demand) < demand.count:
        have = pieces(flavor, flavor.empty, demand)
        yield _short("DEVICE_COUNT_PER_NODE", demand.count, have, "devices per node", fix)


_NO_FIX = Fix("", (), "")


def _short(code: str, need: int, have: int, unit: str, fix: Fix | None) -> Violation:
    return Violation(code, need, have, need - have, unit, fix or _NO_FIX)


# --- nodes that could carry it, were they free


def room_violations(request: Request, slot: Slot, wanted: int, placed: int, fix: Fix) -> list[Violation]:
    """Which resources the running nodes lack: devices, then CPU, then memory, each by itself and beside those before."""
    part, flavor, rooms = slot.part, slot.group.flavor, slot.group.rooms
    shared = total_capacity(part, flavor, rooms, wanted)
    found = []
    if placed < shared:
        found.append(_short("ISOLATION", wanted, placed, "replicas on nodes of their own", fix))
    if shared == wanted:
        return found
    nodes = [room for room, count in rooms for _node in range(min(count, wanted))]
    limits = [wanted] * len(nodes)
    for demand in part.demands:
        limits = _narrowed(found, device_shortage(flavor, demand, nodes), nodes, limits, wanted, fix)
    for code, amount, name, unit in (
        ("CPU_SHORT", part.cpu_m, "cpu_m", "milli-CPU"),
        ("MEM_SHORT", part.mem_mib, "mem_mib", "MiB"),
    ):
        if amount:
            shortage = (code, amount, [getattr(room, name) for room in nodes], unit)
            limits = _narrowed(found, shortage, nodes, limits, wanted, fix)
    if placed and request.workload.gang:
        found.append(_short("GANG_SPLIT", wanted, placed, "replicas", fix))
    return found


def device_shortage(flavor: Flavor, demand: Demand, nodes: list[Room]) -> tuple[str, int, list[int], str]:
    """The code for too few free devices; a share that the free parts together would hold is fragmented."""
    shared = [entry for entry in flavor.accelerators if serves(entry, demand) and piece(entry, demand) < WHOLE]
    if shared:
        size = demand.share
        return (
            "DEVICE_SHARE_FRAGMENTED",
            size * demand.count,
            [_share(flavor, demand, room) for room in nodes],
            "milli-device",
        )
    return "DEVICE_COUNT_PER_NODE", demand.count, [pieces(flavor, room, demand) for room in nodes], "devices"


def _share(flavor: Flavor, demand: Demand, room: Room) -> int:
    """Free parts of devices that pieces can use: whole pieces, or where there is none the largest free part."""
    whole = pieces(flavor, room, demand) * demand.share
    largest = [
        max(room.devices[index], default=0) for index, entry in enumerate(flavor.accelerators) if serves(entry, demand)
    ]
    return whole or max(largest, default=0)


def _narrowed(
    found: list[Violation],
    shortage: tuple[str, int, list[int], str],
    nodes: list[Room],
    limits: list[int],
    wanted: int,
    fix: Fix,
) -> list[int]:
    """How many replicas each node holds with one resource more considered; a resource that costs replicas is reported."""
    code, amount, free, unit = shortage
    narrowed = [min(limit, free[index] // amount) for index, limit in enumerate(limits)]
    alone = sum(min(wanted, value // amount) for value in free)
    if alone < wanted:
        have = found_for(free, amount, wanted)
        found.append(_short(code, amount * wanted, have, unit, fix))
    elif sum(narrowed) < min(wanted, sum(limits)):
        beside = [min(free[index], limit * amount) for index, limit in enumerate(limits)]
        found.append(_short(code, amount * wanted, found_for(beside, amount, wanted), f"{unit} beside the rest", fix))
    return narrowed


def found_for(free: list[int], amount: int, replicas: int) -> int:
    """What the replicas would find, each on the best node left: never more than they need."""
    complete = sum(value // amount for value in free)
    if complete >= replicas:
        return amount * replicas
    return complete * amount + sum(sorted((value % amount for value in free), reverse=True)[: replicas - complete])


# --- what it adds up to


def opened_nodes(candidate: Candidate, steps: list[Step]) -> tuple[tuple[Flavor, int], ...]:
    """All nodes that the candidate opens: those of its steps; for a new cluster also its other groups and its masters."""
    nodes = [(step.flavor, step.after - step.before) for step in steps]
    if candidate.action == "create":
        taken = {slot.group.name for slot in candidate.slots}
        nodes += [(group.flavor, group.min_count) for group in candidate.cluster.groups if group.name not in taken]
        nodes += [candidate.cluster.masters] if candidate.cluster.masters else []
    return tuple((flavor, count) for flavor, count in nodes if count)


def sums(
    request: Request, candidate: Candidate, steps: list[Step], opened: tuple[tuple[Flavor, int], ...]
) -> tuple[int, int, tuple[Violation, ...]]:
    """Cost and power that the candidate adds, and the budgets, caps and quotas that they break."""
    spent = cost.hourly(opened)
    drawn = sum(flavor.idle_mw * count for flavor, count in opened)
    drawn += sum(cost.added_power(step.part, step.flavor, step.placed) for step in steps)
    if candidate.action == "create" and candidate.cluster.masters:
        flavor, count = candidate.cluster.masters
        drawn += (flavor.max_mw - flavor.idle_mw) * count
    found = []
    budget, cap = request.workload.power_budget_mw, request.workload.max_cost
    if budget is not None and drawn > budget:
        found.append(Violation("POWER_BUDGET", drawn, budget, drawn - budget, "mW", fixes.raise_power_budget(drawn)))
    if cap is not None and spent > cap:
        found.append(Violation("PRICE_CAP", spent, cap, spent - cap, "per hour", fixes.raise_price_cap(spent)))
    found += quota_violations(request, candidate.action, opened)
    return spent, drawn, tuple(found)


def quota_violations(request: Request, action: str, opened: tuple[tuple[Flavor, int], ...]) -> Iterator[Violation]:
    """Quotas of the project, and accelerators that the cloud has no longer free."""
    needs = {
        "clusters": 1 if action == "create" else 0,
        "instances": sum(count for _flavor, count in opened),
        "cores": sum(-(-flavor.cpu_m // 1000) * count for flavor, count in opened),
        "ram_mib": sum(flavor.mem_mib * count for flavor, count in opened),
    }
    for quota in request.fleet.quotas:
        need, have = needs.get(quota.resource, 0), max(0, quota.limit - quota.used)
        if need > have:
            fix = fixes.add_quota(quota.resource, quota.used + need)
            yield _short("QUOTA_SHORT", need, have, quota.resource, fix)
    for resource, have in request.fleet.free:
        need = sum(count * dict(flavor.resources).get(resource, 0) for flavor, count in opened)
        if need > have:
            yield _short("QUOTA_SHORT", need, have, f"{resource} free in the cloud", fixes.add_capacity(resource, need))
