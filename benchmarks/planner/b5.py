# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""B5, calm: does scaling stay still when the load only trembles?

``python -m benchmarks.planner.b5``: per instance, clusters with several node groups at loads between 20 and 95 per cent; 200
rounds, five minutes apart; in each round the load of every group is its own level, changed by up to 2 % at random. Each
decision is carried out at once, nodes that are new are named anew, and the memory goes from round to round. A reversal is a
group that is scaled one way and within an hour the other. Beside it, the same with a rule without hysteresis: as many nodes as
keep use at 80 %.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Cluster,
    Flavor,
    Fleet,
    Group,
    Node,
    Part,
    Pod,
    Policy,
    Prices,
    Room,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import gathered
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling import scale
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import (
    Memory,
    Question,
    Rules,
    Scaling,
)

from benchmarks.planner.report import table, write

ROUNDS = 200
STEP_S = 300
HOUR_S = 3600
TREMBLE = 0.02
NODE = Flavor("node", 16_000, 65_536, price=1_000_000)
# Small pieces of work, so that the load can tremble at all
PIECE = Part(500, 1024)
CARE = Care(require_health=False, require_metrics=False)
NAIVE = 0.8
Level = dict[str, Any]


def instance(chance: random.Random, clusters: int, groups: int) -> list[Level]:
    """Groups, each with a number of nodes and a level of load on them, in pieces."""
    found = []
    for cluster in range(clusters):
        for group in range(groups):
            nodes = chance.randint(2, 12)
            load = chance.uniform(0.2, 0.95)
            pieces = int(nodes * NODE.cpu_m * load) // PIECE.cpu_m
            names = [f"n{number}" for number in range(nodes)]
            found.append(
                {"cluster": f"c{cluster}", "group": f"g{group}", "level": pieces, "names": names, "born": nodes}
            )
    return found


def trembled(levels: list[Level], chance: random.Random) -> list[int]:
    """The pieces of each group in this round."""
    return [round(entry["level"] * (1 + chance.uniform(-TREMBLE, TREMBLE))) for entry in levels]


def fleet_of(levels: list[Level], pieces: list[int]) -> tuple[Fleet, list[int]]:
    """The fleet with the pieces spread evenly, as a scheduler does, and what of each group finds no room."""
    clusters: dict[str, list[Group]] = {}
    waiting = []
    for entry, wanted in zip(levels, pieces):
        count = len(entry["names"])
        most = NODE.cpu_m // PIECE.cpu_m
        standing = min(wanted, most * count)
        waiting.append(wanted - standing)
        nodes = tuple(
            _node(entry, name, standing // count + (number < standing % count))
            for number, name in enumerate(entry["names"])
        )
        rooms = gathered((node.room, 1) for node in nodes)
        group = Group(entry["group"], NODE, count, 1, None, rooms, True, taints=(entry["group"],), nodes=nodes)
        clusters.setdefault(entry["cluster"], []).append(group)
    found = tuple(Cluster(name, name, "", tuple(groups), project="p") for name, groups in sorted(clusters.items()))
    total = sum(pieces)
    return Fleet(flavors=(NODE,), clusters=found, standing=((PIECE, total),)), waiting


def _node(entry: Level, name: str, pieces: int) -> Node:
    room = Room(NODE.cpu_m - PIECE.cpu_m * pieces, NODE.mem_mib - PIECE.mem_mib * pieces, (), pieces > 0)
    # Each group's work stays in its group
    name_of = f"{entry['cluster']}-{entry['group']}"
    pods = (Pod(name_of, PIECE, pieces, tolerations=(entry["group"],)),) if pieces else ()
    return Node(name, name, room, pods)


def carried_out(levels: list[Level], decision: Scaling) -> list[int]:
    """Change the groups as decided; by how many nodes each."""
    changes = []
    for entry in levels:
        plan = next(
            plan
            for plan in decision.groups
            if (plan.cluster.name, plan.group.name) == (entry["cluster"], entry["group"])
        )
        gone = {node.name for node in plan.removed}
        before = len(entry["names"])
        entry["names"] = [name for name in entry["names"] if name not in gone]
        while len(entry["names"]) < plan.target:
            entry["names"].append(f"n{entry['born']}")
            entry["born"] += 1
        changes.append(len(entry["names"]) - before)
    return changes


class Watch:
    """Counts scalings and reversals."""

    def __init__(self, groups: int) -> None:
        self.last: list[tuple[int, int] | None] = [None] * groups
        self.scalings = self.reversals = self.late = 0

    def see(self, now: int, changes: list[int]) -> None:
        for index, change in enumerate(changes):
            if change:
                self.scalings += 1
                before = self.last[index]
                if before and (before[1] > 0) != (change > 0):
                    if now - before[0] < HOUR_S:
                        self.reversals += 1
                    else:
                        self.late += 1
                self.last[index] = (now, change)


def ours(levels: list[Level], seed: int, rounds: int) -> Watch:
    chance, watch, memory = random.Random(seed), Watch(len(levels)), Memory()
    policy = Policy(Prices(0, 0))
    for number in range(rounds):
        now = 1_000_000 + number * STEP_S
        fleet, _waiting = fleet_of(levels, trembled(levels, chance))
        decision = scale(Question(fleet, policy, rules=Rules(care=CARE), memory=memory, now=now))
        memory = decision.memory
        watch.see(now, carried_out(levels, decision))
    return watch


def naive(levels: list[Level], seed: int, rounds: int) -> Watch:
    chance, watch = random.Random(seed), Watch(len(levels))
    for number in range(rounds):
        changes = []
        for entry, wanted in zip(levels, trembled(levels, chance)):
            target = max(1, -(-wanted * PIECE.cpu_m // int(NODE.cpu_m * NAIVE)))
            changes.append(target - len(entry["names"]))
            entry["names"] = [f"n{index}" for index in range(target)]
        watch.see(1_000_000 + number * STEP_S, changes)
    return watch


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planner.b5", description=__doc__)
    parser.add_argument("--instances", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    rows = []
    for name, rule in (("ours", ours), ("80 % without hysteresis", naive)):
        for seed in range(42, 42 + options.instances):
            levels = instance(random.Random(seed), 4, 3)
            started = time.monotonic()
            watch = rule(levels, seed, options.rounds)
            rows.append(
                {
                    "rule": name,
                    "seed": seed,
                    "groups": len(levels),
                    "rounds": options.rounds,
                    "scalings": watch.scalings,
                    "reversals in 1 h": watch.reversals,
                    "later reversals": watch.late,
                    "seconds": round(time.monotonic() - started, 2),
                }
            )
    print(table(rows))
    write(Path(".build/benchmarks/b5.json"), "b5", rows)


if __name__ == "__main__":
    main()
