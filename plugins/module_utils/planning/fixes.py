# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What would make a candidate feasible: each change as data and as a sentence, and how it is carried out on paper.

``apply_fix`` changes nothing in a cloud: it answers the request and the candidate as they would be afterwards, so that
the judge can be asked again. Values are in the units of the options that a user would write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import device
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Accelerator,
    Candidate,
    Cluster,
    Fix,
    Flavor,
    Group,
    Part,
    Prices,
    Quota,
    Request,
    Slot,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import decimal

MADE = "a new flavor"
AT_REST = "UPDATE_COMPLETE"


def _fix(change: str, sentence: str, **values: Any) -> Fix:
    return Fix(change, tuple(sorted(values.items())), sentence)


# --- the cluster


def wait_for(group: str) -> Fix:
    what = f"node group {group}" if group else "the cluster"
    return _fix("wait", f"wait until {what} is *_COMPLETE", node_group=group)


def repair(status: str, group: str) -> Fix:
    what = f"node group {group}" if group else "the cluster"
    return _fix("repair", f"repair or replace {what}: it is {status}", node_group=group)


def heal() -> Fix:
    return _fix("heal", "bring the cluster back to health, or set 'require_health: false'")


def unlock(locks: tuple[str, ...]) -> Fix:
    names = ", ".join(locks)
    return _fix("unlock", f"take the protection away: {names}", labels=locks)


def move_workloads(names: tuple[str, ...]) -> Fix:
    return _fix("move_workloads", f"move away first: {', '.join(names)}", workloads=names)


def assume_empty(group: str) -> Fix:
    sentence = f"list in 'placements' the workloads on node group {group}, or set 'assume_empty: true'"
    return _fix("assume_empty", sentence, node_group=group)


def see_again() -> Fix:
    return _fix("see_again", "make a server of 'telemetry' answer, or give 'placements'")


def relax_latency(latency_ms: int) -> Fix:
    return _fix("relax_latency", f"accept a latency of {latency_ms} ms", latency_ms=latency_ms)


# --- node groups and flavors


def scale_group(group: Group, missing: int) -> Fix:
    target = group.count + missing
    sentence = f"scale node group {group.name} from {group.count} to {target} nodes"
    values: dict[str, Any] = {"node_group": group.name, "node_count": target}
    if group.max_count is not None and target > group.max_count:
        values["max_node_count"] = target
        sentence += f", after raising its max_node_count from {group.max_count}"
    return _fix("scale_group", sentence, **values)


def raise_max(group: str, count: int) -> Fix:
    return _fix("raise_max", f"raise max_node_count of {group} to {count}", node_group=group, max_node_count=count)


def tolerate(taints: tuple[str, ...]) -> Fix:
    return _fix("tolerate", f"let the workload tolerate {', '.join(taints)}", tolerations=taints)


def add_node_group(part: Part, flavor: Flavor, count: int) -> Fix:
    sentence = f"add a node group of {count} x {_named(part, flavor)}"
    return _fix("add_node_group", sentence, flavor=_known(flavor), node_count=count, needs=needs(part))


def use_flavor(part: Part, flavor: Flavor) -> Fix:
    return _fix("use_flavor", f"give the node group {_named(part, flavor)}", flavor=_known(flavor), needs=needs(part))


def needs(part: Part) -> dict[str, object]:
    """What a node must offer to carry one replica of a part."""
    accelerators = [
        {
            "kind": demand.kind,
            "count": demand.count,
            "models": list(demand.models),
            "share": decimal(demand.share, WHOLE),
            "memory_gb": decimal(demand.mem_mib, 1024),
        }
        for demand in part.demands
    ]
    return {
        "cpu_cores": decimal(part.cpu_m, 1000),
        "memory_gb": decimal(part.mem_mib, 1024),
        "accelerators": accelerators,
    }


def made_flavor(part: Part, prices: Prices) -> Flavor:
    """A flavor with exactly what a part needs, priced by component."""
    accelerators = tuple(
        Accelerator(
            demand.kind,
            demand.models[0] if demand.models else demand.kind,
            demand.count,
            max(-(-demand.mem_mib * WHOLE // demand.share), device(demand.kind, "").mem_gib * 1024),
            demand.share < WHOLE,
        )
        for demand in part.demands
    )
    return cost.flavor(prices, MADE, part.cpu_m, part.mem_mib, accelerators)


def _known(flavor: Flavor) -> str | None:
    return None if flavor.name == MADE else flavor.name


def _named(part: Part, flavor: Flavor) -> str:
    if flavor.name != MADE:
        return flavor.name
    wanted = [f"{decimal(part.cpu_m, 1000)} vCPU", f"{decimal(part.mem_mib, 1024)} GiB"]
    wanted += [f"{demand.count} x {' or '.join(demand.models) or demand.kind}" for demand in part.demands]
    return f"{MADE} with at least {', '.join(wanted)} (the cloud has none)"


# --- budgets and quotas


def raise_power_budget(drawn_mw: int) -> Fix:
    watts = -(-drawn_mw // 1000)
    return _fix("raise_power_budget", f"raise power_budget to {watts} W", power_budget=watts)


def raise_price_cap(spent: int) -> Fix:
    amount = decimal(spent, cost.MICRO)
    return _fix("raise_price_cap", f"raise max_cost_per_hour to {amount}", max_cost_per_hour=amount)


def add_quota(resource: str, limit: int) -> Fix:
    return _fix("add_quota", f"raise the project's quota of {resource} to {limit}", resource=resource, limit=limit)


def add_capacity(resource: str, amount: int) -> Fix:
    sentence = f"free {resource} in the cloud until {amount} are left, or add hosts that have them"
    return _fix("add_capacity", sentence, resource=resource, amount=amount)


# --- carried out on paper

Case = tuple[Request, Candidate]


def apply_fix(request: Request, candidate: Candidate, fix: Fix) -> Case:
    """The request and the candidate as they would be after the fix."""
    return APPLIED[fix.change](request, candidate, fix)


def _with_cluster(request: Request, candidate: Candidate, cluster: Cluster) -> Case:
    return request, candidate._replace(cluster=cluster)


def _with_workload(request: Request, candidate: Candidate, **changes: Any) -> Case:
    return replace(request, workload=replace(request.workload, **changes)), candidate


def _with_groups(request: Request, candidate: Candidate, name: Any, change: Callable[[Group], Group]) -> Case:
    """The candidate with every group of this name changed, in its cluster and in its slots."""
    changed = {group.name: change(group) if group.name == name else group for group in candidate.cluster.groups}
    slots = tuple(Slot(slot.part, changed[slot.group.name]) for slot in candidate.slots)
    cluster = replace(candidate.cluster, groups=tuple(changed.values()))
    return request, candidate._replace(cluster=cluster, slots=slots)


def _rested(request: Request, candidate: Candidate, fix: Fix) -> Case:
    group = fix.value("node_group")
    if group:
        return _with_groups(request, candidate, group, lambda found: replace(found, status=AT_REST))
    return _with_cluster(request, candidate, replace(candidate.cluster, status=AT_REST))


def _healed(request: Request, candidate: Candidate, fix: Fix) -> Case:
    return _with_cluster(request, candidate, replace(candidate.cluster, health="HEALTHY"))


def _unlocked(request: Request, candidate: Candidate, fix: Fix) -> Case:
    return _with_cluster(request, candidate, replace(candidate.cluster, locks=()))


def _moved(request: Request, candidate: Candidate, fix: Fix) -> Case:
    gone = set(fix.value("workloads"))

    def left(cluster: Cluster) -> Cluster:
        return replace(cluster, tenants=tuple(tenant for tenant in cluster.tenants if tenant.workload not in gone))

    fleet = replace(request.fleet, clusters=tuple(left(cluster) for cluster in request.fleet.clusters))
    return replace(request, fleet=fleet), candidate._replace(cluster=left(candidate.cluster))


def _assumed(request: Request, candidate: Candidate, fix: Fix) -> Case:
    """Nobody else stands there; replicas of the workload itself keep their places."""

    def emptied(group: Group) -> Group:
        return replace(group, known=True, measured=True, rooms=((group.flavor.empty, group.count),))

    return _with_groups(request, candidate, fix.value("node_group"), emptied)


def _seeing(request: Request, candidate: Candidate, fix: Fix) -> Case:
    return replace(request, fleet=replace(request.fleet, blind="")), candidate


def _scaled(request: Request, candidate: Candidate, fix: Fix) -> Case:
    target = fix.value("node_count")

    def grown(group: Group) -> Group:
        rooms = (*group.rooms, (group.flavor.empty, target - group.count))
        most = None if group.max_count is None else max(group.max_count, target)
        return replace(group, count=target, rooms=rooms, max_count=most)

    return _with_groups(request, candidate, fix.value("node_group"), grown)


def _widened(request: Request, candidate: Candidate, fix: Fix) -> Case:
    most = fix.value("max_node_count")
    return _with_groups(request, candidate, fix.value("node_group"), lambda group: replace(group, max_count=most))


def _tolerating(request: Request, candidate: Candidate, fix: Fix) -> Case:
    tolerations = (*request.workload.tolerations, *fix.value("tolerations"))
    return _with_workload(request, candidate, tolerations=tolerations)


def _carried(request: Request, candidate: Candidate, fix: Fix) -> Case:
    """Another flavor for the part that the fix is about: in a group of its own, or in the group of a new cluster."""
    index = next(i for i, slot in enumerate(candidate.slots) if needs(slot.part) == fix.value("needs"))
    slot = candidate.slots[index]
    able = [flavor for flavor in request.fleet.flavors if flavor.name == fix.value("flavor")]
    flavor = able[0] if able else made_flavor(slot.part, request.policy.prices)
    if fix.change == "use_flavor":
        changed = replace(slot.group, flavor=flavor)
        groups = tuple(changed if group.name == changed.name else group for group in candidate.cluster.groups)
    else:
        count = fix.value("node_count") if candidate.action == "use" else 0
        changed = Group(f"{slot.group.name}-{index}", flavor, count, rooms=((flavor.empty, count),) if count else ())
        groups = (*candidate.cluster.groups, changed)
    slots = (*candidate.slots[:index], Slot(slot.part, changed), *candidate.slots[index + 1 :])
    return request, candidate._replace(cluster=replace(candidate.cluster, groups=groups), slots=slots)


def _relaxed(request: Request, candidate: Candidate, fix: Fix) -> Case:
    return _with_workload(request, candidate, latency_ms=fix.value("latency_ms"))


def _powered(request: Request, candidate: Candidate, fix: Fix) -> Case:
    return _with_workload(request, candidate, power_budget_mw=fix.value("power_budget") * 1000)


def _paid(request: Request, candidate: Candidate, fix: Fix) -> Case:
    return _with_workload(request, candidate, max_cost=round(fix.value("max_cost_per_hour") * cost.MICRO))


def _granted(request: Request, candidate: Candidate, fix: Fix) -> Case:
    def raised(quota: Quota) -> Quota:
        return replace(quota, limit=fix.value("limit")) if quota.resource == fix.value("resource") else quota

    fleet = replace(request.fleet, quotas=tuple(raised(quota) for quota in request.fleet.quotas))
    return replace(request, fleet=fleet), candidate


def _freed(request: Request, candidate: Candidate, fix: Fix) -> Case:
    free = {**dict(request.fleet.free), fix.value("resource"): fix.value("amount")}
    return replace(request, fleet=replace(request.fleet, free=tuple(sorted(free.items())))), candidate


APPLIED: dict[str, Callable[[Request, Candidate, Fix], Case]] = {
    "wait": _rested,
    "repair": _rested,
    "heal": _healed,
    "unlock": _unlocked,
    "move_workloads": _moved,
    "assume_empty": _assumed,
    "see_again": _seeing,
    "relax_latency": _relaxed,
    "scale_group": _scaled,
    "raise_max": _widened,
    "tolerate": _tolerating,
    "add_node_group": _carried,
    "use_flavor": _carried,
    "raise_power_budget": _powered,
    "raise_price_cap": _paid,
    "add_quota": _granted,
    "add_capacity": _freed,
}
