# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the parts of a cluster cost: the nodes of its groups, its volumes, its floating IPs; what of it is idle; its electricity.

A charge of a period is a whole number of millionths, rounded once, here. All sums are sums of these, so that they are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import TYPE_LABEL, derived_type
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Flavor
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.workload import cluster_type_name
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.measured import Measured
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import Period
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.presence import (
    MASTER,
    USAGE,
    Presence,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.tariff import (
    RATES,
    Electricity,
    NodePrice,
    Tariff,
    money,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure, sources_of

NODES, VOLUMES, FLOATING_IPS = "nodes", "volumes", "floating IPs"
# The first of these labels that a cluster has names its team
TEAM_LABELS = ("kcloud_team", "team")
MICRO = Decimal("0.000001")
ASSUMED = "today's {what}, taken for the whole period"


@dataclass(frozen=True)
class Count:
    """How much of something a cluster has; None where that could not be read, and ``reason`` says why."""

    value: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Extras:
    """What a cluster has beside its nodes: GiB of volumes, and floating IPs."""

    volume_gib: Count = Count()
    floating_ips: Count = Count()


@dataclass(frozen=True)
class Charge:
    """What one part of a cluster costs.

    :param count: nodes, GiB or addresses.
    :param idle_per_hour: what of the price no workload requests; none of the control plane, nor of what is not a node.
    :param seconds: how much of the period the part was there; of nodes, ``presence`` says it one by one.
    """

    kind: str
    name: str
    count: int
    per_hour: Figure
    cost: Figure
    seconds: int
    role: str | None = None
    flavor: str | None = None
    idle_per_hour: Figure | None = None
    idle_cost: Figure | None = None
    presence: Presence | None = None


@dataclass(frozen=True)
class ClusterCost:
    """All charges of one cluster, and its electricity by ``energy``, ``cost`` and ``carbon``."""

    cluster: Cluster
    type: str
    team: str | None
    charges: tuple[Charge, ...]
    electricity: Mapping[str, Figure]

    @property
    def groups(self) -> tuple[Charge, ...]:
        return tuple(charge for charge in self.charges if charge.kind == NODES)


def rounded(amount: Decimal) -> Decimal:
    """An amount in whole millionths."""
    return amount.quantize(MICRO, ROUND_HALF_EVEN)


def during(per_hour: Figure, period: Period, seconds: int, known: str) -> Figure:
    """What an hourly price comes to in the period, of something that was there for so many seconds.

    :param known: how that is known, for the figure's source.
    """
    if per_hour.value is None:
        return replace(per_hour, window=period.seconds)
    cost = rounded(Decimal(per_hour.value) * seconds / 3600)
    source = "; ".join(filter(None, (per_hour.source, known)))
    return replace(per_hour, value=cost, window=period.seconds, source=source)


def times(price: Figure, count: int) -> Figure:
    """The price of several; none of something costs nothing, whatever its price."""
    if count == 0:
        return Figure(Decimal(0), price.unit, 0, price.source, 1.0, weight=0)
    return replace(price, value=None if price.value is None else price.value * count, weight=count)


def together(figures: Iterable[Figure], unit: str, window: int, missing: str) -> Figure:
    """The sum of what is known; unknown where nothing is. What is not known is named, and lowers the coverage by its weight.

    :param missing: why the sum is not known where it has no parts.
    """
    figures = list(figures)
    known = [figure for figure in figures if figure.value is not None]
    reasons = "; ".join(dict.fromkeys(figure.reason for figure in figures if figure.reason)) or None
    if not known:
        return Figure(None, unit, window, reason=reasons or missing)
    weights = sum(figure.weight for figure in figures)
    coverage = sum(figure.coverage * figure.weight for figure in known) / weights if weights else 1.0
    total = sum((Decimal(figure.value or 0) for figure in known), Decimal(0))
    return Figure(total, unit, window, sources_of(known), coverage, reasons, weights)


# --- what is idle


def idle_price(price: Figure, count: int, measured: Measured, group: str) -> Figure:
    """What of the price of a group's nodes no pod requests: price x (1 - largest requested share), node by node."""
    if count == 0 or price.value is None:
        return times(price, count)
    shares = measured.shares.get(group, ())[:count]
    if not shares:
        reason = "no metric says what pods request" if measured.shares else measured.energy.reason
        return Figure(None, price.unit, 0, reason=reason, weight=count)
    value = rounded(sum((Decimal(price.value) * (1 - share) for share in shares), Decimal(0)))
    lacking = None if len(shares) == count else f"requests of {count - len(shares)} of {count} nodes are not known"
    source = "; ".join(filter(None, (price.source, "requests of pods")))
    return Figure(value, price.unit, 0, source, len(shares) / count, lacking or price.reason, count)


def idle_during(idle: Figure, per_hour: Figure, cost: Figure) -> Figure:
    """What of a group's cost no pod requests: cost x idle price / price, so that it is never more than the cost.

    Nodes that came or went in the period count in the cost; what pods request of them is known only as it is now.
    """
    if idle.value is None or cost.value is None:
        return replace(idle if idle.value is None else cost, window=cost.window)
    share = Decimal(idle.value) / Decimal(per_hour.value) if per_hour.value else Decimal(0)
    source = "; ".join(filter(None, (cost.source, ASSUMED.format(what="requests"))))
    reason = "; ".join(dict.fromkeys(filter(None, (cost.reason, idle.reason)))) or None
    value, coverage = rounded(Decimal(cost.value) * share), cost.coverage * idle.coverage
    return Figure(value, cost.unit, cost.window, source, coverage, reason, idle.weight)


# --- electricity


def electricity(tariff: Tariff, energy: Figure, period: Period) -> dict[str, Figure]:
    """Energy that was measured, what it costs (kWh x PUE x rate) and emits (kWh x PUE x carbon rate)."""
    energy = replace(energy, window=energy.window or period.seconds)
    site = tariff.electricity
    return {
        "energy": energy,
        "cost": _of_energy(energy, site, site.rate, tariff.unit, "electricity_rate"),
        "carbon": _of_energy(energy, site, site.carbon, "kg", "carbon_rate"),
    }


def _of_energy(energy: Figure, site: Electricity, rate: Decimal | None, unit: str, option: str) -> Figure:
    if rate is None:
        return Figure(None, unit, energy.window, reason=f"'{option}' is not given")
    if energy.value is None:
        return replace(energy, unit=unit)
    value = rounded(Decimal(energy.value) * site.pue * rate)
    source = "; ".join(filter(None, (energy.source, f"PUE {site.pue.normalize():f}", option)))
    return replace(energy, value=value, unit=unit, source=source)


# --- one cluster


def without_lost(cost: Figure, there: Presence) -> Figure:
    """A cost that says which deleted servers are not in it."""
    lost = f"{len(there.lost)} deleted servers of this cluster are not counted"
    reason = "; ".join(filter(None, (cost.reason, lost)))
    return replace(cost, coverage=cost.coverage * there.coverage, reason=reason)


def group_charge(
    group: NodeGroup,
    there: Presence,
    price: NodePrice,
    measured: Measured,
    billed: Figure | None,
    period: Period,
    seconds: int,
) -> Charge:
    """What the nodes of a group cost.

    :param there: its nodes in the period.
    :param billed: what CloudKitty rated these nodes at in the period; None where it is not asked, or the price is given.
    :param seconds: how much of the period the cluster was there.
    """
    per_hour = times(price.figure, group.node_count)
    if there.unclear:
        cost = Figure(None, price.figure.unit, period.seconds, reason=there.unclear)
    elif there.known:
        cost = during(price.figure if there.seconds else per_hour, period, there.seconds, USAGE)
    else:
        cost = during(per_hour, period, seconds, ASSUMED.format(what="node count"))
    if billed is not None and billed.value is not None:
        cost = billed
    if there.lost:
        cost = without_lost(cost, there)
    # A group that is parked now has had nodes, too
    cost = replace(cost, weight=max(group.node_count, len(there.nodes), int(bool(there.unclear))))
    idle, idle_cost = None, None
    if group.role != MASTER:
        idle = idle_price(price.figure, group.node_count, measured, group.name)
        idle_cost = idle_during(idle, per_hour, cost)
    return Charge(
        kind=NODES,
        name=group.name,
        count=group.node_count,
        per_hour=per_hour,
        cost=cost,
        seconds=seconds,
        role=group.role,
        flavor=price.flavor.name if price.flavor else group.flavor_id,
        idle_per_hour=idle,
        idle_cost=idle_cost,
        presence=there,
    )


def extra_charges(tariff: Tariff, extras: Extras, period: Period, seconds: int) -> list[Charge]:
    """What volumes and floating IPs cost, where rates of them are given."""
    found = []
    parts = (
        (VOLUMES, extras.volume_gib, tariff.prices.volume_gib, "size of volumes"),
        (FLOATING_IPS, extras.floating_ips, tariff.prices.floating_ip, "number of floating IPs"),
    )
    for kind, count, rate, what in parts:
        if rate is None:
            continue
        if count.value is None:
            per_hour = Figure(None, tariff.unit, 0, reason=f"{kind} could not be counted: {count.reason}")
        else:
            per_hour = replace(times(Figure(money(rate), tariff.unit, 0, RATES, 1.0), count.value), weight=1)
        cost = during(per_hour, period, seconds, ASSUMED.format(what=what))
        found.append(Charge(kind, kind, count.value or 0, per_hour, cost, seconds))
    return found


def cluster_type(cluster: Cluster, flavors: Iterable[Flavor | None]) -> str:
    """The type that a cluster's label says, otherwise the one that its accelerators make."""
    known = [flavor for flavor in flavors if flavor is not None]
    return cluster_type_name(cluster.labels.get(TYPE_LABEL, "")) or (derived_type(known) if known else "")


def team(cluster: Cluster) -> str | None:
    return next((cluster.labels[label] for label in TEAM_LABELS if cluster.labels.get(label)), None)
