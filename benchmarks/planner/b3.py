# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""B3, consolidation: GPUs kept against the bound, and moves, beside the rules of Karpenter and cluster-autoscaler.

``python -m benchmarks.planner.b3 TRACES``: the nodes of the trace are filled by fragmentation gradient descent until 100 %
have arrived; then work is withdrawn at random until 30, 50 or 70 % of the GPUs are in use. What stands is consolidated:

- ours: the plan of ``consolidation.consolidate``, actions ``close_node``, default gates;
- Karpenter's rule: nodes in the order of how many pods stand there, one is closed when all of them find a seat elsewhere;
- cluster-autoscaler's rule: nodes that are used below 0.5 (of whatever is used most), in the order of their names, the same.

All three seat whoever moves in the same way. Moves are evictions: who moves twice counts twice, except in our plan, which is
made as a whole and moves everybody straight to the last place; ``net`` counts everybody who has moved once for all three.
The bound is a linear programme by column generation: the fewest GPUs of nodes that can carry what stands.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation import consolidate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
    Question,
    Rules,
    netted,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_parts import used
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import Gauge, gauge, mix
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Cluster,
    Flavor,
    Fleet,
    Group,
    Node,
    Part,
    Room,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Pod as Standing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import capacity, occupied
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import (
    Move,
    Place,
    SimulatedFleet,
    Spot,
)

from benchmarks.planner.report import table, write
from benchmarks.planner.traces import (
    TRACES,
    Machine,
    Pod,
    Programme,
    arrivals,
    filled_best,
    fits,
    gpus_of,
    machines,
    pods,
)

LOADS = (30, 50, 70)
SEEDS = (42, 43, 44)
HOME = "trace"
# One GPU costs one unit per hour: what is saved is GPUs
GPU_PRICE = 1_000_000
NO_CARE = Care(require_health=False, require_metrics=False)


def priced(machine: Machine) -> Flavor:
    flavor = machine.flavor
    return Flavor(flavor.name, flavor.cpu_m, flavor.mem_mib, flavor.accelerators, machine.gpus * GPU_PRICE)


def filled(nodes: list[Machine], trace: list[Pod], seed: int, percent: int) -> tuple[Cluster, list[Pod], Gauge]:
    """The trace's nodes as one cluster in which so many per cent of the GPUs are in use, and who stands there."""
    known = gauge(mix(tuple(Counter(pod.part for pod in trace).items()), ()))
    simulated = SimulatedFleet((), known)
    flavors: dict[Machine, Flavor] = {}
    for number, machine in enumerate(nodes):
        flavor = flavors.setdefault(machine, priced(machine))
        simulated.add(Place(HOME, flavor.name, f"node-{number:04d}"), flavor, (), Spot(flavor.empty, (), True))
    stands: list[tuple[Place, str, Pod]] = []
    for number, pod in enumerate(arrivals(trace, gpus_of(nodes), seed, 1.0)):
        place = simulated.seat(Standing(f"pod-{number:05d}", pod.part), (HOME,))
        if place is not None:
            stands.append((place, f"pod-{number:05d}", pod))
    # Who stays is drawn, not who goes: the same for every load
    random.Random(seed).shuffle(stands)
    most, taken, kept = gpus_of(nodes) * WHOLE * percent // 100, 0, []
    for entry in stands:
        if taken + entry[2].gpu_milli > most:
            break
        taken += entry[2].gpu_milli
        kept.append(entry)
    seated: dict[Place, list[Standing]] = defaultdict(list)
    for place, name, pod in sorted(kept, key=lambda entry: entry[1]):
        seated[place].append(Standing(name, pod.part))
    groups: dict[str, list[Node]] = defaultdict(list)
    by_name = {flavor.name: flavor for flavor in flavors.values()}
    for name in sorted(by_name):
        for place in simulated.places(HOME, name):
            standing = tuple(sorted(seated[place]))
            groups[name].append(Node(place.node, place.node, left(by_name[name], standing), standing))
    cluster = Cluster(
        HOME,
        HOME,
        "",
        tuple(
            Group(name, by_name[name], len(there), nodes=tuple(there), measured=True)
            for name, there in sorted(groups.items())
        ),
        project=HOME,
    )
    return cluster, [pod for _place, _name, pod in kept], known


def left(flavor: Flavor, standing: Iterable[Standing]) -> Room:
    """What they leave of a node, the largest seated first."""
    room = flavor.empty
    for pod in sorted(standing, key=lambda pod: (-sum(d.count * d.share for d in pod.part.demands), pod)):
        if not capacity(pod.part, flavor, room, 1):
            raise ValueError(f"{pod.workload} stands where it does not fit")
        room = occupied(pod.part, flavor, room, 1)
    return room


def fewest_gpus(nodes: Iterable[Machine], standing: Iterable[Pod]) -> float:
    """The fewest GPUs of nodes that can carry these, by a linear programme; pods and nodes may be cut in it, devices not.

    As ``traces.bound``, with the number of nodes of each kind as a variable in place of how much is placed.
    """
    kinds = sorted(Counter(nodes).items())
    classes = sorted(Counter(standing).items())
    shares = sorted({pod.milli for pod, _number in classes if pod.gpus})
    programme = Programme()
    for index, (_pod, number) in enumerate(classes):
        programme.row(-number, "class", index)
    for place, (machine, count) in enumerate(kinds):
        for name in ("cpu", "mem", "devices"):
            programme.row(0, name, place)
        programme.row(count, "count", place)
        programme.column(
            -machine.gpus,
            {
                ("cpu", place): -machine.cpu_m,
                ("mem", place): -machine.mem_mib,
                ("devices", place): -machine.gpus,
                ("count", place): 1,
            },
        )
        for milli in shares:
            programme.row(0, "share", place, milli)
            programme.column(0, {("devices", place): 1, ("share", place, milli): -(WHOLE // milli)})
    for index, (pod, _number) in enumerate(classes):
        for place, (machine, _count) in enumerate(kinds):
            if fits(pod, machine):
                room: dict[tuple[Any, ...], float] = {("cpu", place): pod.cpu_m, ("mem", place): pod.mem_mib}
                if pod.gpus:
                    room["share", place, pod.milli] = pod.gpus
                programme.column(0, {("class", index): -1, **room})
    return -filled_best(programme, len(kinds), shares)


# --- the rules


def ours(cluster: Cluster) -> tuple[int, int, int]:
    """(GPUs kept, evictions, net moves)."""
    standing: Counter[Part] = Counter(pod.part for group in cluster.groups for node in group.nodes for pod in node.pods)
    fleet = Fleet(clusters=(cluster,), standing=tuple(sorted(standing.items())))
    plan = consolidate(Question(fleet, Rules(actions=("close_node",), care=NO_CARE)))
    gone = sum(step.saving for step in plan.steps) // GPU_PRICE
    return gpus_in(cluster) - gone, len(plan.moves), len(plan.moves)


def by_rule(
    cluster: Cluster, known: Gauge, order: Callable[[Place, Node], Any], may: Callable[[Flavor, Room], bool]
) -> tuple[int, int, int]:
    """Nodes in an order, each closed when everybody finds a seat: (GPUs kept, evictions, net moves)."""
    simulated = SimulatedFleet((cluster,), known)
    flavors = {group.name: group.flavor for group in cluster.groups}
    places = [(Place(HOME, group.name, node.name), node) for group in cluster.groups for node in group.nodes]
    kept, moves = gpus_in(cluster), []
    for place, _node in sorted(places, key=lambda entry: order(*entry)):
        if may(flavors[place.group], simulated.spot(place).room):
            seated: tuple[Move, ...] | Standing = simulated.close(place, (HOME,))
            if not isinstance(seated, Standing):
                moves += seated
                kept -= flavors[place.group].price // GPU_PRICE
    return kept, len(moves), len(netted(moves))


def karpenter(cluster: Cluster, known: Gauge) -> tuple[int, int, int]:
    return by_rule(cluster, known, lambda place, node: (node.moves, place), lambda _flavor, _room: True)


def autoscaler(cluster: Cluster, known: Gauge) -> tuple[int, int, int]:
    return by_rule(
        cluster, known, lambda place, _node: place.node, lambda flavor, room: used(flavor, [room]) * 2 < WHOLE
    )


def gpus_in(cluster: Cluster) -> int:
    return sum(group.flavor.price // GPU_PRICE * len(group.nodes) for group in cluster.groups)


# --- the table


def measure(folder: Path, trace: str, seed: int, percent: int) -> list[dict[str, Any]]:
    """A row for each rule."""
    nodes, wanted = list(machines(folder)), list(pods(folder, trace))
    cluster, standing, known = filled(nodes, wanted, seed, percent)
    bound = fewest_gpus(nodes, standing)
    rows = []
    for name, rule in (
        ("ours", lambda: ours(cluster)),
        ("Karpenter's", lambda: karpenter(cluster, known)),
        ("cluster-autoscaler's", lambda: autoscaler(cluster, known)),
    ):
        started = time.monotonic()
        kept, evictions, net = rule()
        rows.append(
            {
                "trace": trace,
                "seed": seed,
                "load": percent,
                "rule": name,
                "pods": len(standing),
                "bound": round(bound, 2),
                "kept": kept,
                "ratio": float(Fraction(kept) / Fraction(bound)),
                "moves": evictions,
                "net": net,
                "seconds": round(time.monotonic() - started, 2),
            }
        )
    return rows


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the seeds, with moves relative to Karpenter's rule."""
    cells: dict[tuple[str, int, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        cells[row["trace"], row["load"], row["rule"]].append(row)
    found = []
    for (trace, load, rule), own in cells.items():
        peer = cells[trace, load, "Karpenter's"]
        found.append(
            {
                "trace": trace,
                "load": load,
                "rule": rule,
                "kept / bound": mean(own, "ratio"),
                "moves": mean(own, "moves"),
                "moves / Karpenter's": mean(own, "moves") / max(mean(peer, "moves"), 1),
                "net / Karpenter's net": mean(own, "net") / max(mean(peer, "net"), 1),
                "seconds": mean(own, "seconds"),
            }
        )
    return found


def mean(rows: list[dict[str, Any]], key: str) -> float:
    return sum(row[key] for row in rows) / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planner.b3", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="TRACES", help="the folder with the trace's CSV files")
    parser.add_argument("--trace", nargs="+", default=["default"], choices=TRACES)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    options = parser.parse_args()
    rows = [
        row
        for trace in options.trace
        for percent in LOADS
        for seed in options.seeds
        for row in measure(options.folder, trace, seed, percent)
    ]
    print(table(summary(rows)))
    write(Path(".build/benchmarks/b3.json"), "b3", rows, summary=summary(rows))


if __name__ == "__main__":
    main()
