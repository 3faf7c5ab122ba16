# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""B6, truth of fixes: ``python -m benchmarks.planner.b6``.

Generated fleets with everything that can speak against a candidate. Two questions of each: do all fixes of a refused
candidate, carried out on paper, make it feasible? And is each single violation gone once its own fix is carried out?
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import judge
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fixes import apply_fix
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import candidates
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import CODES, Candidate, Request

from benchmarks.planner import instances, report

Plain = dict[str, Any]
MOST_FAILURES = 5
# Flavors whose devices are shared here
SHARED = ("gpu.l4.1", "gpu.l4.4")
PARTS_LEFT = (0, 250, 400, 600, 1000)


def hindered(chance: random.Random, made: Plain) -> Plain:
    """The instance with states, locks, taints, bounds, shared devices, distances, neighbours, quotas and budgets."""
    for cluster in made["fleet"]["clusters"]:
        cluster["status"] = chance.choice(("CREATE_COMPLETE",) * 6 + ("UPDATE_IN_PROGRESS", "UPDATE_FAILED"))
        cluster["health_status"] = chance.choice(("HEALTHY", "HEALTHY", "UNHEALTHY"))
        cluster["labels"] = chance.choice(({}, {}, {"protected": "true"}, {"kcloud_latency_ms": "30"}))
        for group in cluster["node_groups"]:
            group["taints"] = chance.choice(([], [], [], ["a=b:NoSchedule"], ["c:NoExecute", "d:NoSchedule"]))
            group["status"] = chance.choice(("CREATE_COMPLETE",) * 7 + ("UPDATE_IN_PROGRESS",))
            group["max_node_count"] = chance.choice((8, 8, max(1, group["node_count"])))
            for node in group.get("nodes", []) if group["flavor"] in SHARED else []:
                node["devices"] = [chance.choice(PARTS_LEFT) for _device in node["devices"]]
                node["busy"] = min(node["devices"]) < PARTS_LEFT[-1]
    made["flavor_map"] = {name: {"shareable": True} for name in SHARED}
    names = [cluster["name"] for cluster in made["fleet"]["clusters"]]
    made["placements"] = [
        {**workload, "workload": f"t{number}", "cluster": chance.choice(names)}
        for number, workload in enumerate(made["workloads"][::4])
    ]
    for placement in made["placements"]:
        placement["isolation"] = chance.choice(("none", "none", "node", "cluster", "project"))
    made["fleet"]["quota"] = {
        "clusters": {"limit": 10, "used": chance.choice((5, 10))},
        "cores": {"limit": 500, "used": chance.choice((100, 450, 499))},
        "instances": {"limit": 40, "used": chance.choice((10, 39))},
        "ram_mib": {"limit": 10**7, "used": chance.choice((0, 9_990_000))},
    }
    for workload in made["workloads"]:
        workload["isolation"] = chance.choice(("none", "none", "none", "node", "cluster", "project"))
        for key, values in (
            ("power_budget", (100, 900, 3000)),
            ("max_cost_per_hour", (0, 50, 600)),
            ("latency_ms", (5, 50)),
            ("tolerations", (["a"], ["d:NoSchedule"])),
            ("gang", (False,)),
        ):
            if chance.random() < 0.25:
                workload[key] = chance.choice(values)
        if chance.random() < 0.2:
            workload["cpu_cores"] = chance.choice((0.5, 70, 200))
        if chance.random() < 0.1:
            # Two kinds at once: whole on one node, or a part per kind
            workload.pop("gpu_model", None)
            workload.pop("npu_model", None)
            workload.update(gpu_count=1, npu_count=1)
        elif chance.random() < 0.3:
            for key in [key for key in workload if key.startswith(("gpu_", "npu_"))]:
                del workload[key]
            share = chance.choice((0.2, 0.5, 0.7))
            workload["accelerator"] = {"kind": "gpu", "count": chance.choice((1, 2)), "share": share}
            workload["cpu_cores"] = chance.choice((0.5, 2))
    return made


def judged(request: Request, candidate: Candidate, seen: Counter[tuple[str, str]], failures: list[str]) -> None:
    """Count the violations of a candidate, and what their fixes do not hold."""
    verdict = judge(request, candidate)
    case = (request, candidate)
    for violation in verdict.why_not:
        seen[violation.code, "refused"] += 1
        case = apply_fix(*case, violation.fix)
        after = judge(*apply_fix(request, candidate, violation.fix))
        if violation in after.why_not:
            seen[violation.code, "alone"] += 1
            failures.append(f"{candidate.name}: {violation.code} stays after '{violation.fix.sentence}'")
    if verdict.why_not and judge(*case).why_not:
        left = ", ".join(violation.code for violation in judge(*case).why_not)
        for violation in verdict.why_not:
            seen[violation.code, "together"] += 1
        failures.append(f"{candidate.name}: after all fixes {left}")


def main(arguments: list[str] | None = None) -> int:
    """Run it, print the table, write the JSON; fails where a fix is not true, or a code was never a reason."""
    parser = argparse.ArgumentParser(description="Truth of fixes on generated fleets")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--output", type=Path, default=Path(".build/benchmarks/b6.json"))
    asked = parser.parse_args(arguments)
    seen: Counter[tuple[str, str]] = Counter()
    failures: list[str] = []
    looked = refused = 0
    for seed in asked.seeds:
        for variant in instances.VARIANTS:
            chance = random.Random(f"{seed} {variant}")
            made = hindered(chance, instances.instance(seed, variant, clusters=5, groups=4, workloads=10))
            workloads = made.pop("workloads")
            for workload in workloads:
                request = read_request(workload, **made, require_health=chance.random() < 0.5)
                for candidate in candidates(request):
                    before = sum(seen.values())
                    judged(request, candidate, seen, failures)
                    looked += 1
                    refused += sum(seen.values()) > before
    rows = [
        {
            "code": code,
            "why_not": (count := seen[code, "refused"]),
            "gone by its own fix": count - seen[code, "alone"],
            "feasible by all fixes": count - seen[code, "together"],
            "true": round(1 - max(seen[code, "alone"], seen[code, "together"]) / count, 4) if count else None,
        }
        for code in CODES
    ]
    print(report.table(rows))
    print(f"{looked} candidates, {refused} refused; {len(failures)} fixes that do not hold")
    for failure in failures[:MOST_FAILURES]:
        print(failure)
    never = [code for code in CODES if not seen[code, "refused"]]
    if never:
        print(f"never a reason: {', '.join(never)}")
    report.write(asked.output, "b6", rows, seeds=asked.seeds, candidates=looked, refused=refused, failures=failures)
    return 1 if failures or never else 0


if __name__ == "__main__":
    sys.exit(main())
