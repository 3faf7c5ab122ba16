# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""B2: all arrivals of a public trace known at once, against the bound that no placement passes.

``python -m benchmarks.planner.b2 TRACES [--traces default ...] [--seed 42] [--seconds 10]``

The pods that ask for 100 % of the GPUs are placed on the 1,213 nodes of the trace by batch planning; work counts in GPUs. The
peers are the greedy orders that it starts from. A batch knows what comes: do not compare its figures with those of an online policy.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import batch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import Batch, ground_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.local_search import RULES
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Cluster,
    Fleet,
    Group,
    Policy,
    Prices,
    Workload,
)

from benchmarks.planner.report import table, write
from benchmarks.planner.traces import TRACES, arrivals, arrived, bound, gpus_of, machines, pods

OUT = Path(".build/benchmarks/b2.json")
# Thousands of steps of the search that a second is good for; the clock ends it only where it is not
STEPS_PER_SECOND = 4
# Work counts in milli-devices, and nothing else counts
GPUS_ONLY = Prices(0, 0, (("gpu", WHOLE),))


def batch_of(folder: Path, trace: str, seed: int, seconds: int, *, solver: bool) -> tuple[Batch, int, int]:
    """The batch, the existing GPUs, and the bound in milli-devices."""
    nodes = machines(folder)
    gpus = gpus_of(nodes)
    wanted = arrived(arrivals(pods(folder, trace), gpus, seed), gpus)
    groups = tuple(
        Group(node.flavor.name, node.flavor, count, max_count=count, rooms=((node.flavor.empty, count),), measured=True)
        for node, count in sorted(Counter(nodes).items())
    )
    fleet = Fleet(tuple(group.flavor for group in groups), (Cluster("trace", "trace", "", groups),))
    workloads = tuple(Workload(f"pod-{number:05}", "general", ((pod.part,),)) for number, pod in enumerate(wanted))
    made = Batch(workloads, fleet, Policy(GPUS_ONLY), seconds * STEPS_PER_SECOND, solver, seconds, compare=False)
    return made, gpus, bound(nodes, wanted)


def measure(folder: Path, trace: str, seed: int, seconds: int, *, solver: bool) -> dict[str, Any]:
    """One trace: the plan, the greedy orders, the bound; all in per cent of the GPUs."""
    wanted, gpus, most = batch_of(folder, trace, seed, seconds, solver=solver)
    gpu_milli = {workload.name: _gpu_milli(workload) for workload in wanted.workloads}
    ground = ground_of(wanted)
    greedy = 0
    for rule in RULES[:3]:
        board = batch.seated(ground, rule)
        greedy = max(greedy, sum(gpu_milli[wanted.workloads[index].name] for index in board.where))
    started, clock = time.process_time(), time.monotonic()
    plan = batch.plan(wanted, time.process_time)
    spent, passed = time.process_time() - started, time.monotonic() - clock
    placed = sum(
        gpu_milli[workload.name] for workload, place in zip(wanted.workloads, plan.places) if place is not None
    )
    return {
        "trace": trace,
        "pods": len(wanted.workloads),
        "best greedy %": round(greedy / gpus / 10, 3),
        "batch %": round(placed / gpus / 10, 3),
        "bound %": round(most / gpus / 10, 3),
        "batch / bound %": round(100 * placed / most, 3),
        "batch / greedy": round(placed / greedy, 5),
        "ended by": plan.proof.limit or "bound",
        "CPU s": round(spent, 1),
        "clock s": round(passed, 1),
    }


def _gpu_milli(workload: Workload) -> int:
    return sum(demand.count * demand.share for demand in workload.forms[0][0].demands)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder with the trace's CSV files")
    parser.add_argument("--traces", nargs="+", default=list(TRACES), choices=TRACES)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--no-solver", action="store_true", help="plan as where HiGHS is not installed")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    rows = []
    for trace in given.traces:
        rows.append(measure(given.folder, trace, given.seed, given.seconds, solver=not given.no_solver))
        write(given.out, "b2", rows, seed=given.seed, seconds=given.seconds, solver=not given.no_solver)
    print(table(rows))


if __name__ == "__main__":
    main()
