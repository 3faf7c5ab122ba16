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
from typing import Any, NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost, fixes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    CODES,
    Candidate,
    Cluster,
    Flavor,
    Fleet,
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
    action = candidate.action
    views = [assess(request, slot, memo) for slot in candidate.slots]
    steps = [step_of(action, view) for view in views]
    if action == "scale" and all(step.after == step.before for step in steps):
        # Scaled out is at least one node more, also where there is room.
        steps[0] = step_of(action, views[0], more=1)
    opened = opened_nodes(candidate, steps)
    spent, drawn, over = _summed(request, candidate, steps, opened, memo)
    found = [*cluster_violations(request, candidate.cluster, memo), *over]
    for view, step in zip(views, steps):
        found += view.against
        if not view.fits:
            found += misfit_violations(action, view, memo)
        if action != "use":
            found += bound_violations(action, step)
        elif view.fits and view.missing:
            found += room_violations(request, view)
    known = all(view.fits for view in views)
    why_not = tuple(sorted(found, key=_order)) if found else ()
    return Verdict(candidate, tuple(steps), opened, spent if known else None, drawn if known else None, why_not)


def _order(violation: Violation) -> int:
    return ORDER[violation.code]


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
    found += blind_violations(request.fleet)
    others = neighbours(request, cluster, memo)
    if others:
        fix = fixes.move_workloads(others)
        found.append(Violation("ISOLATION", 0, len(others), len(others), "workloads beside it", fix))
    limit, latency = request.workload.latency_ms, cluster.latency_ms
    if limit is not None and latency is not None and latency > limit:
        found.append(Violation("LATENCY", limit, latency, latency - limit, "ms", fixes.relax_latency(latency)))
    memo[key] = tuple(found)
    return memo[key]


def blind_violations(fleet: Fleet) -> Iterator[Violation]:
    """Who asks telemetry and hears nothing does nothing: each run of an outage would open nodes anew."""
    if fleet.blind:
        yield Violation("METRICS_MISSING", "a server that can be read", fleet.blind, None, "", fixes.see_again())


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
        if cluster.project == project or not project or not cluster.project
        for tenant in cluster.tenants
        if asked or tenant.isolation == "project"
    }


# --- one part in one group


class View(NamedTuple):
    """A slot as it is, before anything is done: does its flavor fit, how many replicas have a seat, what speaks against it.

    ``flavor`` is the group's where that fits, else the one that a fix would bring. ``missing`` counts nodes.
    """

    slot: Slot
    fits: bool
    flavor: Flavor
    seats: int
    new: int
    seated: int
    missing: int
    against: tuple[Violation, ...]


def assess(request: Request, slot: Slot, memo: Memo) -> View:
    """The view of a slot: the same for using a group and for scaling it out."""
    key = ("slot", id(slot))
    if key not in memo:
        # The view holds the slot, so nothing else can get its id while it is remembered.
        memo[key] = _assess(request, slot, memo)
    return memo[key]


def _assess(request: Request, slot: Slot, memo: Memo) -> View:
    workload, group, part = request.workload, slot.group, slot.part
    against = tuple(state_violations(group.status, group.name))
    if group.taints:
        against += tuple(taint_violations(group, workload.tolerations))
    able = _remembered(memo, ("able", part, group.flavor.name), carrier, request, part, group.flavor)
    if able is not None:
        count = nodes_for(part, able, workload.replicas)
        return View(slot, False, able, workload.replicas, workload.replicas, 0, count, against)
    new = max(0, workload.replicas - group.own)
    seats = new if group.measured or not group.known else workload.replicas
    seated = total_capacity(part, group.flavor, usable_rooms(group.rooms, workload.isolation), seats)
    missing = nodes_for(part, group.flavor, seats - seated)
    return View(slot, True, group.flavor, seats, new, seated, missing, against)


def step_of(action: str, view: View, more: int = 0) -> Step:
    """What an action makes of a group, ``more`` nodes apart; those that it opens are of the flavor that can carry the part."""
    group = view.slot.group
    after = group.count + more
    if action != "use":
        after += view.missing
    if action == "create" and after < group.min_count:
        after = group.min_count
    return Step(view.slot.part, group, view.flavor, view.seats, view.new, group.count, after)


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


def bound_violations(action: str, step: Step) -> tuple[Violation, ...]:
    """A group grows within its bounds; one of another flavor, added to a cluster, has bounds of its own."""
    most = step.group.max_count
    if most is None or step.after <= most or (step.replaced and action != "create"):
        return ()
    return (short("GROUP_MAX", step.after, most, "nodes", fixes.raise_max(step.group.name, step.after)),)


def room_violations(request: Request, view: View) -> Iterator[Violation]:
    """Why the running nodes have no place for all replicas: others run on them, or they lack something."""
    part, group = view.slot.part, view.slot.group
    fix = fixes.scale_group(group, view.missing)
    if not group.known:
        yield unknown_occupants(group)
        empty = ((group.flavor.empty, group.count),)
        if total_capacity(part, group.flavor, empty, view.seats) < view.seats:
            yield from shortages(part, group.flavor, empty, view.seats, fix)
        return
    alone = request.workload.isolation == "node"
    shared = total_capacity(part, group.flavor, group.rooms, view.seats) if alone else view.seated
    if view.seated < shared:
        yield short("ISOLATION", view.seats, view.seated, "replicas on nodes of their own", fix)
    if shared < view.seats:
        yield from shortages(part, group.flavor, group.rooms, view.seats, fix)
        if view.seated and request.workload.gang:
            yield short("GANG_SPLIT", view.seats, view.seated, "replicas", fix)


def unknown_occupants(group: Group) -> Violation:
    """What is not known counts as taken: running nodes are used only where it is said who stands there."""
    fix = fixes.assume_empty(group.name)
    return Violation("OCCUPANTS_UNKNOWN", "all workloads on it", "not known", None, "", fix)


# --- a flavor that cannot carry a part, however empty its nodes


def carrier(request: Request, part: Part, flavor: Flavor) -> Flavor | None:
    """None where the flavor can carry the part; else the one on which the replicas cost least, made up where there is none."""
    if can_carry(part, flavor):
        return None
    replicas = request.workload.replicas
    able = [entry for entry in request.fleet.flavors if can_carry(part, entry)]
    if able:
        return min(able, key=lambda entry: (nodes_for(part, entry, replicas) * entry.price, entry.name))
    return fixes.made_flavor(part, request.policy.prices)


def misfit_violations(action: str, view: View, memo: Memo) -> tuple[Violation, ...]:
    """What the group's flavor lacks, with the fix that brings one which does not."""
    part, flavor, new = view.slot.part, view.slot.group.flavor, action == "create"
    key = ("misfits", new, part, flavor.name)
    if key not in memo:
        fix = fixes.use_flavor(part, view.flavor) if new else fixes.add_node_group(part, view.flavor, view.missing)
        memo[key] = tuple(misfits(part, flavor, fix))
    return memo[key]


# --- what it adds up to


def opened_nodes(candidate: Candidate, steps: list[Step]) -> tuple[tuple[Flavor, int], ...]:
    """All nodes that the candidate opens: those of its steps; for a new cluster also its other groups and its masters."""
    nodes = [(step.flavor, step.after - step.before) for step in steps]
    if candidate.action == "create":
        taken = {slot.group.name for slot in candidate.slots}
        nodes += [(group.flavor, group.min_count) for group in candidate.cluster.groups if group.name not in taken]
        nodes += [candidate.cluster.masters] if candidate.cluster.masters else []
    return tuple([entry for entry in nodes if entry[1]])


def _summed(
    request: Request, candidate: Candidate, steps: list[Step], opened: tuple[tuple[Flavor, int], ...], memo: Memo
) -> tuple[int, int, tuple[Violation, ...]]:
    masters = candidate.cluster.masters[0].name if candidate.cluster.masters else ""
    on = tuple([(step.part, step.flavor.name, step.new) for step in steps])
    key = ("sums", candidate.action, masters, on, tuple([(flavor.name, count) for flavor, count in opened]))
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
