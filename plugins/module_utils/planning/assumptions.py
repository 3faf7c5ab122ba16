# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a decision had to take for granted, in words: so that nobody mistakes a guess for a measurement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MIXED
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Decision, Fleet, Request

PER_REPLICA = (
    "cpu_cores, memory_gb and accelerators are those of one replica, which must fit on one node; "
    "power_budget and max_cost_per_hour are those of all replicas together"
)
WHOLE_NODES = "a node offers all that its flavor has; nothing is kept back for its system"
POWER = "power is estimated from public figures per accelerator model where flavor_map gives none"
MOST_NAMES = 5


def assumptions(decision: Decision) -> list[str]:
    """Every assumption behind the decision, each once, in a fixed order."""
    request = decision.request
    said = [
        PER_REPLICA,
        WHOLE_NODES,
        *request.workload.notes,
        *_usage(request),
        *_devices(request),
        *_health(request),
        *_latency(request),
        *_prices(request),
        *_masters(request),
        POWER,
        *_autoscaling(decision),
        *request.fleet.notes,
    ]
    return list(dict.fromkeys(said))


def _named(names: Iterable[str]) -> str:
    """Some names in full, many by their number."""
    distinct = sorted(set(names))
    shown = ", ".join(distinct[:MOST_NAMES])
    return shown if len(distinct) <= MOST_NAMES else f"{shown} and {len(distinct) - MOST_NAMES} more"


def _usage(request: Request) -> Iterator[str]:
    unknown = [
        f"{cluster.name}/{group.name}"
        for cluster in request.fleet.clusters
        for group in cluster.groups
        if group.count and not group.measured and group.known
    ]
    unsaid = [
        f"{cluster.name}/{group.name}"
        for cluster in request.fleet.clusters
        for group in cluster.groups
        if group.count and not group.known
    ]
    if unsaid:
        yield (
            "placements are not given and no node says what is free on it: running nodes count as busy, and a workload gets "
            f"new nodes ({_named(unsaid)}); give 'placements', or set 'assume_empty: true'"
        )
    if unknown:
        yield (
            "no node says what is free on it: nodes count as empty except for the placements given, which are packed "
            f"onto as few nodes as they need ({_named(unknown)})"
        )


def _devices(request: Request) -> Iterator[str]:
    known = {resource for resource, _count in request.fleet.free}
    guessed = [
        flavor.name
        for flavor in request.fleet.flavors
        if flavor.accelerators and not known.intersection(resource for resource, _count in flavor.resources)
    ]
    if guessed:
        yield f"how many accelerators the cloud has free is not known: a new node may find none ({_named(guessed)})"


def _health(request: Request) -> Iterator[str]:
    unhealthy = [cluster.name for cluster in request.fleet.clusters if cluster.groups and cluster.health == "UNHEALTHY"]
    if unhealthy and not request.policy.require_health:
        yield (
            "health only decides between candidates of equal cost, since require_health is false; Magnum says UNHEALTHY of "
            f"{_named(unhealthy)}"
        )


def _latency(request: Request) -> Iterator[str]:
    unknown = [cluster.name for cluster in request.fleet.clusters if cluster.latency_ms is None]
    unknown += [f"new {entry.name}" for entry in request.fleet.types if entry.latency_ms is None]
    if unknown and request.workload.latency_ms is not None:
        yield f"the latency of these is not known and was not judged: {_named(unknown)}"


def _prices(request: Request) -> Iterator[str]:
    yield from mixed_prices(request.fleet)
    guessed = [flavor.name for flavor in request.fleet.flavors if flavor.price_source == "default rates"]
    if guessed:
        yield (
            "prices come from default component rates in relative units per hour (one vCPU hour is 1), no currency: "
            f"{_named(guessed)}"
        )


def mixed_prices(fleet: Fleet) -> Iterator[str]:
    """Prices of two units in one comparison: a sum of both in one flavor, or one beside the other."""
    sources = {flavor.price_source for flavor in fleet.flavors}
    mixed = [flavor.name for flavor in fleet.flavors if flavor.price_source == MIXED]
    if mixed:
        yield (
            "prices of these add given rates to default rates in relative units, which are not a currency: "
            f"{_named(mixed)}; give rates for vcpu, gib and all their devices, or their prices in 'flavors'"
        )
    if "default rates" in sources and len(sources) > 1:
        guessed = _named(flavor.name for flavor in fleet.flavors if flavor.price_source == "default rates")
        yield (
            "given prices are compared with default ones in relative units, which are not a currency: give prices for "
            f"{guessed}, too"
        )


def _masters(request: Request) -> Iterator[str]:
    guessed = [entry for entry in request.fleet.types if entry.masters_guessed]
    if guessed:
        counted = guessed[0].masters
        counts = f"it counts as {counted[0].name}" if counted else "it is not counted"
        names = _named(f"{entry.name} by {entry.template}" if entry.template else entry.name for entry in guessed)
        yield f"the flavor of a new cluster's control plane is not given or unknown: {counts} ({names})"


def _autoscaling(decision: Decision) -> Iterator[str]:
    chosen = decision.chosen
    if chosen and chosen.verdict.candidate.cluster.autoscaled and chosen.verdict.candidate.action == "scale":
        yield (
            f"cluster {chosen.verdict.candidate.cluster.name} says auto_scaling_enabled: its autoscaler owns the number "
            "of nodes, so move its bounds in place of a resize"
        )
