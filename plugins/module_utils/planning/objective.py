# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is better: the order in which feasible candidates are compared.

Lexicographic. Extra cost per hour comes first, then disruption (leaving the place where the workload stands), then the
cluster's health. The terms after these are compared in an order that the workload's preferred cluster type sets by its weights: heaviest
first, equal ones in the order of TERMS. Names decide last. All terms are integers, smaller is better.
"""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import Gauge, growth
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Cluster,
    Flavor,
    Request,
    Room,
    Rooms,
    Step,
    Verdict,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import occupied, seated

# utilisation: milli-devices that become unusable; power: milliwatts; type: place among the preferred cluster types;
# latency: ms; headroom: how full the fullest node is afterwards, per mille; spread: kinds of devices that the cluster lacks
TERMS = ("utilisation", "power", "type", "latency", "headroom", "spread")
WEIGHED = ("cost", *TERMS)
# All that candidates are compared by, in the order in which `measure` tells it
MEASURED = ("cost", "disruption", "health", *TERMS)
# What Magnum says of a cluster's health, best first; a new one has none yet and counts as well
HEALTHS = ("HEALTHY", "", "UNKNOWN", "UNHEALTHY")
# What each cluster type looks at first, where its data says nothing else.
WEIGHTS = {
    "gpu-intensive": {"power": 2, "utilisation": 1},
    "npu-optimized": {"latency": 2, "headroom": 1},
    "hybrid-balanced": {"utilisation": 2, "spread": 1},
    "cpu-only": {"cost": 1},
}
Effects = Callable[[Step], tuple[int, int]]
UNKNOWN_LATENCY = 10**9
SPREAD_OVER = frozenset({"gpu", "npu", "cpu"})


def order_of_terms(request: Request) -> tuple[str, ...]:
    """The terms in the order in which the workload's preferred cluster type wants them compared."""
    preferred = request.workload.prefers[0] if request.workload.prefers else ""
    declared = next((dict(entry.objective) for entry in request.fleet.types if entry.name == preferred), {})
    weights = declared or WEIGHTS.get(preferred, {})
    return tuple(sorted(TERMS, key=lambda term: (-weights.get(term, 0), TERMS.index(term))))


def disruption(request: Request, verdict: Verdict) -> int:
    """1 where the workload would have to leave its place."""
    home = request.workload.home
    if home is None:
        return 0
    stays = is_home(request, verdict) and (not home[1] or home[1] in {step.group.name for step in verdict.steps})
    return 0 if stays else 1


def illness(cluster: Cluster) -> int:
    """How far a cluster is from being healthy: 0 is healthy, or not there yet."""
    health = cluster.health if cluster.id else HEALTHS[0]
    return HEALTHS.index(health) if health in HEALTHS else HEALTHS.index("UNKNOWN")


def is_home(request: Request, verdict: Verdict) -> bool:
    """Whether the candidate is the cluster in which the workload stands."""
    home, cluster = request.workload.home, verdict.candidate.cluster
    return home is not None and home[0] == cluster.id


def measure(request: Request, verdict: Verdict, effects: Effects) -> tuple[int, ...]:
    """The values of MEASURED for a feasible candidate."""
    cluster, prefers = verdict.candidate.cluster, request.workload.prefers
    lost, fullest = zip(*[effects(step) for step in verdict.steps])
    return (
        verdict.cost or 0,
        disruption(request, verdict),
        illness(cluster),
        sum(lost),
        verdict.power_mw or 0,
        prefers.index(cluster.type) if cluster.type in prefers else len(prefers),
        UNKNOWN_LATENCY if cluster.latency_ms is None else cluster.latency_ms,
        max(fullest),
        len(SPREAD_OVER - cluster.kinds),
    )


def effects_on_nodes(fragments: Gauge, *, alone: bool) -> Effects:
    """What a step does to nodes: (by how much fragmentation grows, how full its fullest node is afterwards).

    Replicas sit where fragmentation grows least. Remembered: of many nodes that are alike no more can matter than there
    are replicas, so groups of different sizes share an entry.
    """
    remembered: dict[object, tuple[int, int]] = {}
    grown: dict[object, int] = {}

    def effects(step: Step) -> tuple[int, int]:
        opened = step.after - step.before
        rooms = tuple([(room, min(count, step.seats)) for room, count in step.group.rooms])
        key = (step.flavor.name, step.part, step.seats, opened, rooms)
        if key not in remembered:
            remembered[key] = effect(step, (*rooms, (step.flavor.empty, opened)) if opened else rooms, opened)
        return remembered[key]

    def effect(step: Step, rooms: Rooms, opened: int) -> tuple[int, int]:
        def by_growth(room: Room) -> int:
            key = (step.flavor.name, step.part, room)
            if key not in grown:
                taken = occupied(step.part, step.flavor, room, 1)
                grown[key] = fragments(step.flavor, taken) - fragments(step.flavor, room)
            return grown[key]

        seating, _left = seated(step.part, step.flavor, rooms, step.seats, by_growth, alone=alone)
        fullest = max([fullness(step.flavor, taken) for _room, taken, _nodes in seating], default=0)
        return growth(step.flavor, seating, opened, fragments), fullest

    return effects


def fullness(flavor: Flavor, room: Room) -> int:
    """How much of a node is taken, per mille: of its devices where it has some, else of its CPU."""
    devices = [device for entry in room.devices for device in entry]
    if devices:
        return 1000 - sum(devices) // len(devices)
    return 1000 - 1000 * room.cpu_m // flavor.cpu_m if flavor.cpu_m else 1000
