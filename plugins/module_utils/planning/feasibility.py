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
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost, fixes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    CODES,
    Candidate,
    Cluster,
    Fix,
    Flavor,
    Group,
    Part,
    Request,
    Rooms,
    Slot,
    Step,
    Verdict,
    Violation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import capacity, total_capacity
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.shortage import (
    can_carry,
    misfits,
    short,
    shortages,
)

ORDER = {code: index for index, code in enumerate(CODES)}
Memo = dict[Any, Any]


def judge(request: Request, candidate: Candidate, memo: Memo | None = None) -> Verdict:
    """Everything about one candidate: nodes, cost and power that it adds, and all violations, in the order of CODES.

    :param memo: shared between the candidates of one request; it changes the speed, never the answer.
    """
    memo = {} if memo is None else memo
    found = list(cluster_violations(request, candidate.cluster, memo))
    steps = []
    for slot in candidate.slots:
        step, violations = judge_slot(request, candidate.action, slot, memo)
        steps.append(step)
        found += violations
    if candidate.action == "scale" and all(step.after == step.before for step in steps):
        # Scaled out is at least one node more, also where there is room.
        steps[0] = replace(steps[0], after=steps[0].before + 1)
    for step in steps:
        found += bound_violations(candidate.action, step)
    opened = opened_nodes(candidate, steps)
    spent, drawn, over = _summed(request, candidate, steps, opened, memo)
    found += over
    known = not any(step.replaced for step in steps)
    return Verdict(
        candidate=candidate,
        steps=tuple(steps),
        opened=opened,
        cost=spent if known else None,
        power_mw=drawn if known else None,
        why_not=tuple(sorted(found, key=lambda violation: ORDER[violation.code])),
    )


def _remembered(memo: Memo, key: object, work: Any, *arguments: Any) -> Any:
    if key not in memo:
        memo[key] = work(*arguments)
    return memo[key]


# --- the cluster


def cluster_violations(request: Request, cluster: Cluster, memo: Memo) -> tuple[Violation, ...]:
    """What speaks against anything in this cluster: its state, locks, neighbours, latency."""
    key = ("cluster", cluster.id, cluster.type, cluster.latency_ms)
    if cluster.id and key in memo:
        return memo[key]
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
    memo[key] = tuple(found)
    return memo[key]


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
    least = group.min_count if action == "create" else 0
    if unfit:
        count = nodes_for(part, flavor, workload.replicas)
        start = count if action == "use" else 0
        return Step(part, group, flavor, workload.replicas, workload.replicas, start, max(count, least)), [
            *found,
            *unfit,
        ]
    new = max(0, workload.replicas - group.own)
    seats = new if group.measured else workload.replicas
    seated = total_capacity(part, group.flavor, usable_rooms(group.rooms, workload.isolation), seats)
    missing = nodes_for(part, group.flavor, seats - seated)
    if action == "use" and missing:
        found += room_violations(request, slot, seats, seated, fixes.scale_group(group, missing))
    after = group.count if action == "use" else max(group.count + missing, least)
    return Step(part, group, group.flavor, seats, new, group.count, after), found


def usable_rooms(rooms: Rooms, isolation: str) -> Rooms:
    """The rooms that the workload may enter: only empty nodes where it wants nodes of its own."""
    return tuple(entry for entry in rooms if not entry[0].busy) if isolation == "node" else rooms


def nodes_for(part: Part, flavor: Flavor, replicas: int) -> int:
    """How many empty nodes of a flavor that replicas need; the flavor must be able to carry the part."""
    return -(-replicas // capacity(part, flavor, flavor.empty, replicas)) if replicas else 0


def taint_violations(group: Group, tolerations: tuple[str, ...]) -> Iterator[Violation]:
    """Taints that keep the workload off. A toleration names a taint, or only its key."""
    left = tuple(
        taint
        for taint in group.taints
        if not taint.endswith(":PreferNoSchedule")
        and not {taint, taint.split("=")[0].split(":")[0]}.intersection(tolerations)
    )
    if left:
        have = len(group.taints) - len(left)
        yield short("TAINT", len(group.taints), have, "tolerated taints", fixes.tolerate(left))


def bound_violations(action: str, step: Step) -> Iterator[Violation]:
    """A group grows within its bounds."""
    most = step.group.max_count
    if action == "use" or most is None or step.after <= most:
        return
    # A group of another flavor, added to the cluster, has bounds of its own.
    if action == "create" or not step.replaced:
        yield short("GROUP_MAX", step.after, most, "nodes", fixes.raise_max(step.group.name, step.after))


def room_violations(request: Request, slot: Slot, wanted: int, seated: int, fix: Fix) -> Iterator[Violation]:
    """Why the running nodes have no place for all replicas: others stand on them, or they lack something."""
    shared = total_capacity(slot.part, slot.group.flavor, slot.group.rooms, wanted)
    if seated < shared:
        yield short("ISOLATION", wanted, seated, "replicas on nodes of their own", fix)
    if shared < wanted:
        yield from shortages(slot.part, slot.group.flavor, slot.group.rooms, wanted, fix)
        if seated and request.workload.gang:
            yield short("GANG_SPLIT", wanted, seated, "replicas", fix)


# --- a flavor that cannot carry a part, however empty its nodes


def fitting(request: Request, action: str, part: Part, flavor: Flavor) -> tuple[tuple[Violation, ...], Flavor]:
    """Why a flavor cannot carry a part, and the flavor to go on with: this one, or the cheapest that can."""
    if can_carry(part, flavor):
        return (), flavor
    able = replacement(request, part)
    count = nodes_for(part, able, request.workload.replicas)
    fix = fixes.use_flavor(part, able) if action == "create" else fixes.add_node_group(part, able, count)
    return tuple(misfits(part, flavor, fix)), able


def replacement(request: Request, part: Part) -> Flavor:
    """The flavor on which the replicas cost least; where none of the cloud's can carry them, one that would have to be made."""
    replicas = request.workload.replicas
    able = [flavor for flavor in request.fleet.flavors if can_carry(part, flavor)]
    if able:
        return min(able, key=lambda flavor: (nodes_for(part, flavor, replicas) * flavor.price, flavor.name))
    return fixes.made_flavor(part, request.policy.prices)


# --- what it adds up to


def opened_nodes(candidate: Candidate, steps: list[Step]) -> tuple[tuple[Flavor, int], ...]:
    """All nodes that the candidate opens: those of its steps; for a new cluster also its other groups and its masters."""
    nodes = [(step.flavor, step.after - step.before) for step in steps]
    if candidate.action == "create":
        taken = {slot.group.name for slot in candidate.slots}
        nodes += [(group.flavor, group.min_count) for group in candidate.cluster.groups if group.name not in taken]
        nodes += [candidate.cluster.masters] if candidate.cluster.masters else []
    return tuple((flavor, count) for flavor, count in nodes if count)


def _summed(
    request: Request, candidate: Candidate, steps: list[Step], opened: tuple[tuple[Flavor, int], ...], memo: Memo
) -> tuple[int, int, tuple[Violation, ...]]:
    masters = candidate.cluster.masters[0].name if candidate.cluster.masters else ""
    on = tuple((step.part, step.flavor.name, step.new) for step in steps)
    key = ("sums", candidate.action, masters, on, tuple((flavor.name, count) for flavor, count in opened))
    return _remembered(memo, key, sums, request, candidate, steps, opened)


def sums(
    request: Request, candidate: Candidate, steps: list[Step], opened: tuple[tuple[Flavor, int], ...]
) -> tuple[int, int, tuple[Violation, ...]]:
    """Cost and power that the candidate adds, and the budgets, caps and quotas that they break."""
    spent = cost.hourly(opened)
    drawn = sum(flavor.idle_mw * count for flavor, count in opened)
    drawn += sum(cost.added_power(step.part, step.flavor, step.new) for step in steps)
    if candidate.action == "create" and candidate.cluster.masters:
        flavor, count = candidate.cluster.masters
        drawn += (flavor.max_mw - flavor.idle_mw) * count
    found = []
    budget, cap = request.workload.power_budget_mw, request.workload.max_cost
    if budget is not None and drawn > budget:
        found.append(short("POWER_BUDGET", drawn, budget, "mW", fixes.raise_power_budget(drawn)))
    if cap is not None and spent > cap:
        found.append(short("PRICE_CAP", spent, cap, "per hour", fixes.raise_price_cap(spent)))
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
            yield short("QUOTA_SHORT", need, have, quota.resource, fix)
    for resource, have in request.fleet.free:
        need = sum(count * dict(flavor.resources).get(resource, 0) for flavor, count in opened)
        if need > have:
            yield short("QUOTA_SHORT", need, have, f"{resource} free in the cloud", fixes.add_capacity(resource, need))
