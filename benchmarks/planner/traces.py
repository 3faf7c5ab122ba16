# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Alibaba GPU trace of 2023 as the planner's benchmarks use it: nodes, pods, arrivals, and a bound for any policy.

The folder is not part of this repository: it is ``data/csv`` of github.com/hkust-adsl/kubernetes-scheduler-simulator
(Apache-2.0). Cite: Weng, Yang et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation
Gradient Descent", USENIX ATC 2023.

The protocol is the paper's: nodes with GPUs only; the pods of a trace shuffled, then drawn uniformly with replacement,
until the next one would ask for more GPUs than ``ratio`` times what the nodes have.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Accelerator,
    Demand,
    Flavor,
    Part,
)

TRACES = ("default", "cpu250", "gpushare100", "gpuspec33", "multigpu30")
# Made here by resampling the rows of default, as its authors made their variants: nothing was chosen by them.
VARIANTS = {
    "made cpu50": ("cpu", 0.5),
    "made cpu200": ("cpu", 2),
    "made gpushare40": ("share", 0.4),
    "made gpushare80": ("share", 0.8),
    "made gpuspec10": ("models", 0.1),
    "made gpuspec50": ("models", 0.5),
    "made multigpu20": ("multi", 0.2),
    "made multigpu50": ("multi", 0.5),
}
SEEDS = tuple(range(42, 52))
RATIO = 1.3
KIND = "gpu"
# Below this a filling of devices is not better in the bound's programme (milli-devices)
SLACK = 1e-6


class Pod(NamedTuple):
    """A task: ``milli`` of each of ``gpus`` devices; ``models`` in lower case, none where any will do."""

    cpu_m: int
    mem_mib: int
    gpus: int = 0
    milli: int = 0
    models: tuple[str, ...] = ()

    @property
    def gpu_milli(self) -> int:
        """What it takes of devices in all."""
        return self.gpus * self.milli

    @property
    def part(self) -> Part:
        """The same in the planner's words."""
        demands = (Demand(KIND, self.gpus, self.milli, self.models),) if self.gpus else ()
        return Part(self.cpu_m, self.mem_mib, demands)


class Machine(NamedTuple):
    """A node of the trace."""

    cpu_m: int
    mem_mib: int
    gpus: int
    model: str

    @property
    def flavor(self) -> Flavor:
        """The same in the planner's words: alike machines have equal flavors."""
        name = f"{self.model}-{self.gpus}-{self.cpu_m}-{self.mem_mib}"
        return Flavor(name, self.cpu_m, self.mem_mib, (Accelerator(KIND, self.model, self.gpus, 0, True),))


def machines(folder: Path) -> tuple[Machine, ...]:
    """The nodes with GPUs, in the file's order."""
    return tuple(
        Machine(int(row["cpu_milli"]), int(row["memory_mib"]), int(row["gpu"]), row["model"].lower())
        for row in _rows(folder / "openb_node_list_gpu_node.csv")
    )


def pods(folder: Path, trace: str) -> tuple[Pod, ...]:
    """The pods of one trace, in the file's order; or of a variant that is made here."""
    if trace in VARIANTS:
        return made(folder, *VARIANTS[trace])
    return tuple(_pod(row) for row in _rows(folder / f"openb_pod_list_{trace}.csv"))


def made(folder: Path, what: str, level: float) -> tuple[Pod, ...]:
    """The rows of the trace default, drawn anew with replacement.

    :param what: ``cpu``: so many times the tasks without GPU. ``share``: this part of the tasks with GPU takes less than one;
        ``multi``: this part of the GPUs is asked for by tasks with several. ``models``: this part of the tasks with GPU is
        bound to models, drawn from those of gpuspec33.
    """
    chance = random.Random(f"{what} {level}")
    base = pods(folder, "default")
    plain, gpu = [pod for pod in base if not pod.gpus], [pod for pod in base if pod.gpus]
    if what == "cpu":
        return (*gpu, *chance.choices(plain, k=round(len(plain) * level)))
    if what == "models":
        nodes = set(machines(folder))
        lists = [pod.models for pod in pods(folder, "gpuspec33") if pod.models]
        bound = [pod._replace(models=chance.choice(lists)) if chance.random() < level else pod for pod in gpu]
        # Nobody asks for what no node has
        return (*plain, *[new if any(fits(new, node) for node in nodes) else old for new, old in zip(bound, gpu)])
    chosen = [pod for pod in gpu if (pod.milli < WHOLE if what == "share" else pod.gpus > 1)]
    others = [pod for pod in gpu if pod not in set(chosen)]
    if what == "share":
        number = round(len(gpu) * level)
        return (*plain, *chance.choices(chosen, k=number), *chance.choices(others, k=len(gpu) - number))
    asked = sum(pod.gpu_milli for pod in gpu)
    return (*plain, *_drawn(chance, chosen, asked * level), *_drawn(chance, others, asked * (1 - level)))


def _drawn(chance: random.Random, some: Sequence[Pod], milli: float) -> list[Pod]:
    found: list[Pod] = []
    while milli > 0:
        found.append(chance.choice(some))
        milli -= found[-1].gpu_milli
    return found


def _pod(row: dict[str, str]) -> Pod:
    gpus = int(row["num_gpu"])
    models = tuple(sorted(filter(None, row.get("gpu_spec", "").lower().split("|"))))
    milli = int(row["gpu_milli"] or 0) if gpus == 1 else WHOLE
    return Pod(int(row["cpu_milli"]), int(row["memory_mib"]), gpus, milli if gpus else 0, models if gpus else ())


def _rows(path: Path) -> Iterable[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def gpus_of(nodes: Iterable[Machine]) -> int:
    """Devices of all nodes."""
    return sum(node.gpus for node in nodes)


def arrivals(trace: Sequence[Pod], gpus: int, seed: int, ratio: float = RATIO) -> list[Pod]:
    """The pods in the order in which they arrive: shuffled, then drawn until they would ask for more than ratio x gpus."""
    chance = random.Random(seed)
    sequence, asked, most = [], 0, int(gpus * WHOLE * ratio)
    shuffled = list(trace)
    chance.shuffle(shuffled)
    for pod in shuffled:
        if asked + pod.gpu_milli > most:
            return sequence
        sequence.append(pod)
        asked += pod.gpu_milli
    while True:
        pod = chance.choice(trace)
        if asked + pod.gpu_milli > most:
            return sequence
        sequence.append(pod)
        asked += pod.gpu_milli


def arrived(sequence: Iterable[Pod], gpus: int, percent: int = 100) -> list[Pod]:
    """The beginning of a sequence that asks for at most so many per cent of the devices."""
    found, asked = [], 0
    for pod in sequence:
        asked += pod.gpu_milli
        if asked * 100 > gpus * WHOLE * percent:
            break
        found.append(pod)
    return found


def bound(nodes: Iterable[Machine], wanted: Iterable[Pod]) -> int:
    """Milli-devices that no placement of the pods can pass; needs ``highspy``.

    A linear programme over kinds of nodes and of pods: alike nodes are one large node in it and pods may be cut, but a device
    holds only what whole shares can fill. How devices are filled is found by column generation (Gilmore and Gomory 1961).
    """
    kinds = sorted(Counter(nodes).items())
    classes = sorted(Counter(pod for pod in wanted if pod.gpus).items())
    shares = sorted({pod.milli for pod, _number in classes})
    programme = Programme()
    for index, (_pod, number) in enumerate(classes):
        programme.row(number, "class", index)
    for place, (node, count) in enumerate(kinds):
        programme.row(node.cpu_m * count, "cpu", place)
        programme.row(node.mem_mib * count, "mem", place)
        programme.row(node.gpus * count, "devices", place)
        for milli in shares:
            programme.row(0, "share", place, milli)
            programme.column(0, {("devices", place): 1, ("share", place, milli): -(WHOLE // milli)})
    for index, (pod, _number) in enumerate(classes):
        for place, (node, _count) in enumerate(kinds):
            if fits(pod, node):
                room = {("cpu", place): pod.cpu_m, ("mem", place): pod.mem_mib, ("share", place, pod.milli): pod.gpus}
                programme.column(pod.gpu_milli, {("class", index): 1, **room})
    return round(filled_best(programme, len(kinds), shares))


class Programme:
    """A linear programme by named rows, to be made as large as possible: ``sum of entries <= limit`` each."""

    def __init__(self) -> None:
        import highspy

        self.model, self.endless = highspy.Highs(), highspy.kHighsInf
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 0)):
            self.model.setOptionValue(option, value)
        self.rows: dict[tuple[Any, ...], int] = {}

    def row(self, limit: float, *name: Any) -> None:
        self.rows[name] = len(self.rows)
        self.model.addRow(-self.endless, limit, 0, [], [])

    def column(self, gain: float, entries: dict[tuple[Any, ...], float]) -> None:
        at = [self.rows[name] for name in entries]
        self.model.addCol(-gain, 0, self.endless, len(at), at, list(entries.values()))

    def solved(self) -> tuple[float, dict[tuple[Any, ...], float]]:
        """The value, and what one unit more in each row would add to it."""
        self.model.run()
        prices = self.model.getSolution().row_dual
        return -self.model.getInfo().objective_function_value, {name: -prices[at] for name, at in self.rows.items()}


def filled_best(programme: Programme, places: int, shares: Sequence[int]) -> float:
    """The value once devices may be filled in every way: columns are added for as long as one of them is worth it."""
    while True:
        value, prices = programme.solved()
        better = False
        for place in range(places):
            filling = best_filling([(milli, prices["share", place, milli]) for milli in shares])
            worth = sum(prices["share", place, milli] * number for milli, number in filling.items())
            if worth > prices["devices", place] + SLACK:
                better = True
                taken = {("share", place, milli): -number for milli, number in filling.items()}
                programme.column(0, {("devices", place): 1, **taken})
        if not better:
            return value


def best_filling(worths: list[tuple[int, float]]) -> Counter[int]:
    """The shares of one device that are worth most together: a knapsack over what the shares are multiples of."""
    step = gcd(WHOLE, *(milli for milli, _worth in worths))
    best: list[tuple[float, int]] = [(0.0, 0)]
    for room in range(step, WHOLE + 1, step):
        options = [(best[(room - milli) // step][0] + worth, milli) for milli, worth in worths if milli <= room]
        best.append(max([best[-1][:1] + (0,), *options]))
    found: Counter[int] = Counter()
    room = WHOLE
    while room > 0:
        milli = best[room // step][1]
        if milli:
            found[milli] += 1
        room -= milli or step
    return found


def fits(pod: Pod, node: Machine) -> bool:
    return (
        pod.cpu_m <= node.cpu_m
        and pod.mem_mib <= node.mem_mib
        and pod.gpus <= node.gpus
        and (not pod.models or node.model in pod.models)
    )
