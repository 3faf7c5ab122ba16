# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""B4: many workloads at once on generated fleets, against the bound and against one workload after the other.

``python -m benchmarks.planner.b4 [--seeds 20] [--variants plain filled isolated] [--seconds 10]``

Each plan is made in a fresh process, with HiGHS and without. Seconds are those of that process's CPU from its first import
to the plan, so that what else the machine does counts less, as does the limit of the search;
the clock's are beside them. ``bound`` is HiGHS' in both rows of an
instance. ``singly`` is what placing one workload after the other costs more, each where it is cheapest for itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.planner.instances import VARIANTS, instance
from benchmarks.planner.report import table, write

# Thousands of steps; what 10 seconds stand for in cluster_match
EFFORT = 10
# HiGHS keeps its limit by the clock, on a machine that does other things too
CLOCK_FACTOR = 12
OUT = Path(".build/benchmarks/b4.json")


def one(seed: int, variant: str, solver: bool, seconds: int) -> dict[str, Any]:
    """One plan in this process."""
    options = instance(seed, variant)
    started, clock = time.process_time(), time.monotonic()
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import batch
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import Batch
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_batch

    most = seconds * CLOCK_FACTOR if solver else seconds
    wanted = Batch(*read_batch(**options), effort=EFFORT, solver=solver, seconds=most, compare=False)
    plan = batch.plan(wanted, time.process_time)
    spent, passed = time.process_time() - started, time.monotonic() - clock
    proof = plan.proof
    ground = batch.ground_of(wanted)
    singly = batch.seated(ground, batch.SINGLY)
    return {
        "variant": variant,
        "seed": seed,
        "solver": solver,
        "kinds": len(ground.kinds),
        "placed": sum(place is not None for place in plan.places),
        "cost": proof.cost / 1e6,
        "bound": proof.bound / 1e6,
        "proven": proof.proven,
        "cpu_s": round(spent, 3),
        "clock_s": round(passed, 3),
        "singly": singly.cost / 1e6,
        "singly_unplaced": singly.unplaced > 0,
        "ended_by": proof.limit or "bound",
    }


def fresh(seed: int, variant: str, solver: bool, seconds: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.planner.b4", "--one", str(seed), variant, str(int(solver))]
    found = subprocess.run([*command, "--seconds", str(seconds)], capture_output=True, text=True, check=True)
    return json.loads(found.stdout.strip().splitlines()[-1])


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each variant, with and without the solver."""
    found = []
    bounds = {(row["variant"], row["seed"]): row["bound"] for row in rows if row["solver"]}
    for variant in dict.fromkeys(row["variant"] for row in rows):
        for solver in (True, False):
            chosen = [row for row in rows if row["variant"] == variant and row["solver"] == solver]
            if not chosen:
                continue
            gaps = [100 * (row["cost"] / bounds.get((variant, row["seed"]), row["bound"]) - 1) for row in chosen]
            own = [100 * (row["cost"] / row["bound"] - 1) for row in chosen if row["bound"]]
            found.append(
                {
                    "variant": f"{variant}, {'HiGHS' if solver else 'no solver'}",
                    "instances": len(chosen),
                    "all placed": sum(row["placed"] == 500 for row in chosen),
                    "proven %": round(100 * sum(row["proven"] for row in chosen) / len(chosen), 1),
                    "ended by the clock": sum(row["ended_by"] == "clock" for row in chosen),
                    "proven in 1 s %": round(
                        100 * sum(row["proven"] and row["cpu_s"] <= 1 for row in chosen) / len(chosen), 1
                    ),
                    "over bound % (mean)": round(statistics.mean(gaps), 2),
                    "(worst)": round(max(gaps), 2),
                    "over own bound %": round(statistics.mean(own), 2) if own else None,
                    "CPU s (median)": round(statistics.median(row["cpu_s"] for row in chosen), 2),
                    "clock s (worst)": round(max(row["clock_s"] for row in chosen), 1),
                    "cheaper than singly %": round(
                        statistics.mean(100 * (1 - row["cost"] / row["singly"]) for row in chosen), 1
                    ),
                }
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--one", nargs=3, metavar=("SEED", "VARIANT", "SOLVER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        seed, variant, solver = given.one
        print(json.dumps(one(int(seed), variant, solver == "1", given.seconds)))
        return
    rows = []
    for variant in given.variants:
        for solver in (True, False):
            for seed in range(1, given.seeds + 1):
                rows.append(fresh(seed, variant, solver, given.seconds))
                write(given.out, "b4", rows, summary=summary(rows), seconds=given.seconds)
    print(table(summary(rows)))


if __name__ == "__main__":
    main()
