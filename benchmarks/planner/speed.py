# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Speed of the planner against its goals: ``python -m benchmarks.planner.speed [TRACES]``.

Wall clock and CPU time, the least of several tries each: on a machine that others use the second says more. Without TRACES
the decisions of B1 are left out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import match

from benchmarks import COLLECTIONS
from benchmarks.planner import b1, instances, report, traces

CORE = "ansible_collections.kcloud.infrastructure.plugins.module_utils.planning"
# Both clocks around the imports, in a new process, less what an empty one has loaded anyway; its argument is where the code is
IMPORT = (
    "import sys, time; sys.path.insert(0, sys.argv[1]); a, b = time.perf_counter(), time.process_time(); "
    f"import {CORE}.answer, {CORE}.fleet, {CORE}.match; "
    "print(time.perf_counter() - a, time.process_time() - b)"
)


def least(tries: int, work: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """(wall, CPU) seconds, the least of several tries each."""
    walls, cpus = zip(*(work() for _try in range(tries)))
    return min(walls), min(cpus)


def clocked(work: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU) seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def imported() -> tuple[float, float]:
    """Import of the core in a process of its own."""
    command = [sys.executable, "-c", IMPORT, COLLECTIONS]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(found[0]), float(found[1])


def single_match() -> tuple[float, float]:
    """One workload against 50 clusters of 5 groups and what could be created, the fleet being read."""
    made = instances.instance(1, "filled")
    workload = made.pop("workloads")[0]
    request = read_request(workload, **made)
    return clocked(lambda: match(request))


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Speed of the planner")
    parser.add_argument("traces", type=Path, nargs="?")
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--output", type=Path, default=Path(".build/benchmarks/speed.json"))
    asked = parser.parse_args(arguments)
    rows = [
        row("import of the core", least(asked.tries, imported), 60),
        row("a match over 250 groups", least(asked.tries, single_match), 10),
    ]
    if asked.traces:
        nodes, pods = traces.machines(asked.traces), list(traces.pods(asked.traces, "default"))
        number = len(traces.arrivals(pods, traces.gpus_of(nodes), traces.SEEDS[0]))
        wall, cpu = least(1, lambda: clocked(lambda: b1.measured("ours", pods, nodes, traces.SEEDS[0])))
        each = 10_000 / number
        rows.append(row(f"10,000 decisions on {len(nodes)} nodes", (wall * each, cpu * each), 4000))
    print(report.table(rows))
    report.write(asked.output, "speed", rows)
    return 0


def row(what: str, seconds: tuple[float, float], goal_ms: int) -> dict[str, object]:
    """One figure beside its goal."""
    wall, cpu = (round(entry * 1000, 2) for entry in seconds)
    return {
        "what": what,
        "wall ms": wall,
        "CPU ms": cpu,
        "goal ms": goal_ms,
        "wall/goal": round(wall / goal_ms, 3),
        "CPU/goal": round(cpu / goal_ms, 3),
    }


if __name__ == "__main__":
    sys.exit(main())
