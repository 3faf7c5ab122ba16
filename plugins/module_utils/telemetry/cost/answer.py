# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Costs as the module answers them: each cluster, the sums of all, and the sums by type, team and label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.charges import (
    Charge,
    ClusterCost,
    together,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import Period
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.tariff import Tariff
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

Plain = dict[str, Any]
NOTHING = "there is no cluster"


def answer(costs: Sequence[ClusterCost], tariff: Tariff, period: Period, label: str | None) -> Plain:
    """``period``, ``currency``, ``clusters``, ``totals``, ``by_type``, ``by_team``, ``by_label`` and ``gaps``."""

    def grouped(key: Callable[[ClusterCost], str | None]) -> list[Plain]:
        named: dict[str, list[ClusterCost]] = {}
        for cost in costs:
            named.setdefault(key(cost) or "", []).append(cost)
        return [
            {"name": name or None, "clusters": len(named[name]), **sums(named[name], tariff, period)}
            for name in sorted(named)
        ]

    return {
        "currency": tariff.currency or None,
        "period": period.as_result(),
        "clusters": [_cluster(cost, tariff, period) for cost in costs],
        "totals": sums(costs, tariff, period),
        "by_type": grouped(lambda cost: cost.type),
        "by_team": grouped(lambda cost: cost.team),
        "by_label": [] if label is None else grouped(lambda cost: cost.cluster.labels.get(label)),
        "gaps": gaps(costs, tariff),
    }


def sums(costs: Iterable[ClusterCost], tariff: Tariff, period: Period) -> Plain:
    """The figures of several clusters as a result shows them. They are sums of what is known."""
    costs = list(costs)
    charges = [charge for cost in costs for charge in cost.charges]
    electric = {
        name: together(
            [cost.electricity[name] for cost in costs], unit, _window(costs, name, period), NOTHING
        ).as_result()
        for name, unit in (("energy", "kWh"), ("cost", tariff.unit), ("carbon", "kg"))
    }
    return {**_figures(charges, tariff, period), "electricity": electric}


def _window(costs: Sequence[ClusterCost], name: str, period: Period) -> int:
    return max((cost.electricity[name].window for cost in costs), default=period.seconds)


def _figures(charges: Iterable[Charge], tariff: Tariff, period: Period) -> Plain:
    charges = list(charges)
    idle = [charge.idle_per_hour for charge in charges if charge.idle_per_hour is not None]
    idle_costs = [charge.idle_cost for charge in charges if charge.idle_cost is not None]
    parts = {
        "cost_per_hour": ([charge.per_hour for charge in charges], 0),
        "cost": ([charge.cost for charge in charges], period.seconds),
        "idle_cost_per_hour": (idle, 0),
        "idle_cost": (idle_costs, period.seconds),
    }
    missing = "there are no workers" if charges else NOTHING
    return {
        name: together(figures, tariff.unit, window, missing).as_result() for name, (figures, window) in parts.items()
    }


def _cluster(cost: ClusterCost, tariff: Tariff, period: Period) -> Plain:
    cluster = cost.cluster
    return {
        "id": cluster.id,
        "name": cluster.name,
        "status": cluster.status,
        "type": cost.type or None,
        "team": cost.team,
        "labels": dict(cluster.labels),
        **sums([cost], tariff, period),
        "node_groups": [_group(charge, tariff) for charge in cost.groups],
        "others": [
            {"name": charge.name, "count": charge.count, **_shown(charge)}
            for charge in cost.charges
            if charge not in cost.groups
        ],
    }


def _shown(charge: Charge) -> Plain:
    return {"cost_per_hour": charge.per_hour.as_result(), "cost": charge.cost.as_result()}


def _group(charge: Charge, tariff: Tariff) -> Plain:
    control = Figure(None, tariff.unit, 0, reason="the control plane takes no workloads")
    idle_cost = charge.idle_cost or replace(control, window=charge.cost.window)
    return {
        "name": charge.name,
        "role": charge.role,
        "flavor": charge.flavor,
        "node_count": charge.count,
        **_shown(charge),
        "idle_cost_per_hour": (charge.idle_per_hour or control).as_result(),
        "idle_cost": idle_cost.as_result(),
    }


def gaps(costs: Iterable[ClusterCost], tariff: Tariff) -> list[Plain]:
    """What is not known, or not counted, of each part of each cluster; last, what has no rate at all."""
    found = []
    for cost in costs:
        for charge in cost.charges:
            for reason in dict.fromkeys(
                figure.reason for figure in (charge.per_hour, charge.idle_per_hour) if figure and figure.reason
            ):
                found.append({"cluster": cost.cluster.name, "node_group": charge.name, "reason": reason})
        if reason := cost.electricity["energy"].reason:
            found.append({"cluster": cost.cluster.name, "node_group": None, "reason": f"energy: {reason}"})
    rates = {"volumes": tariff.prices.volume_gib, "floating IPs": tariff.prices.floating_ip}
    unrated = [name for name, rate in rates.items() if rate is None]
    if unrated:
        reason = f"{' and '.join(unrated)} are not counted, as they have no rate"
        found.append({"cluster": None, "node_group": None, "reason": reason})
    return found
