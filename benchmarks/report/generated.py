# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of the modules about a fleet that does not exist, from a number of clusters and a seed: equal each time."""

from __future__ import annotations

import math
import random
from typing import Any

Plain = dict[str, Any]
BEGIN, STEP, STEPS = 1_780_000_000, 1800, 48
TEAMS = ("vision", "speech", "search", "research", "")
# By type: kind of device, flavor, devices a node, price of a node an hour, watts of a node at full load
TYPES: dict[str, tuple[str, str, int, float, float]] = {
    "gpu-intensive": ("gpu", "gpu.a100.xlarge", 8, 20.4, 3600.0),
    "hybrid-balanced": ("gpu", "gpu.l40s.large", 4, 6.2, 1400.0),
    "npu-optimized": ("npu", "npu.rngd.large", 2, 2.1, 480.0),
    "cpu-only": ("", "cpu.xlarge", 0, 0.6, 240.0),
}
PROFILES = ("busy", "waves", "idle", "gap", "silent", "spiky")


def figure(value: float | None, unit: str, source: str = "DCGM exporter (site-a)", coverage: float = 1.0) -> Plain:
    """A figure as the modules answer it."""
    reason = "no metric of this node was found" if value is None else None
    return {
        "value": None if value is None else round(value, 4),
        "unit": unit,
        "source": None if value is None else source,
        "coverage": 0.0 if value is None else coverage,
        "window": STEP * STEPS,
        "reason": reason,
    }


def load(profile: str, at: int, dice: random.Random) -> float | None:
    """The utilisation in one step."""
    noise = dice.uniform(-0.05, 0.05)
    levels = {
        "busy": 0.86 + noise,
        "waves": 0.45 + 0.35 * math.sin(at / STEPS * 4 * math.pi) + noise,
        "idle": max(0.0, noise / 10),
        "gap": None if STEPS // 3 <= at < STEPS // 2 else 0.6 + noise,
        "silent": None,
        "spiky": 0.95 if dice.random() < 0.12 else 0.08 + abs(noise),
    }
    value = levels[profile]
    return None if value is None else round(min(1.0, max(0.0, value)), 4)


def answers(clusters: int, seed: int = 1) -> Plain:
    """The options ``metrics``, ``costs`` and ``decisions`` of the module, for so many clusters."""
    dice = random.Random(seed)
    made = [_cluster(number, dice) for number in range(clusters)]
    metrics = {
        "clusters": [one["metrics"] for one in made],
        "placements": None,
        "unattributed": [],
        "gaps": [gap for one in made for gap in one["gaps"]],
        "servers": [
            {"name": "site-a", "url": "https://prometheus.example.org", "metrics": 9, "failure": None},
            {
                "name": "site-b",
                "url": "https://b.example.org",
                "metrics": 0,
                "failure": {"reason": "Connection refused"},
            },
        ],
        "window": {"begin": BEGIN, "end": BEGIN + STEP * STEPS, "step": STEP},
    }
    costs = {
        "currency": "USD",
        "period": {"begin": BEGIN, "end": BEGIN + STEP * STEPS, "hours": STEP * STEPS / 3600},
        "clusters": [one["costs"] for one in made],
        "gaps": [],
    }
    idle = {
        "decision": {
            "action": "mark",
            "sentence": f"Mark {sum(one['idle']['action'] == 'mark' for one in made)} clusters; {clusters} clusters judged, 0 wait.",
        },
        "clusters": [one["idle"] for one in made],
    }
    return {"metrics": metrics, "costs": costs, "decisions": {"idle": idle, "scaling": _scaling(made)}}


def _cluster(number: int, dice: random.Random) -> Plain:
    kind_of = list(TYPES)[number % len(TYPES)]
    kind, flavor, each, price, watts = TYPES[kind_of]
    profile = PROFILES[(number * 5 + number // 4) % len(PROFILES)]
    nodes = 1 + number % 3
    name, identity = f"{TEAMS[number % 5] or 'shared'}-{kind_of}-{number:03}", f"00000000-0000-4000-8000-{number:012}"
    steps = [load(profile, at, dice) for at in range(STEPS)]
    known = [value for value in steps if value is not None]
    use = sum(known) / len(known) if known else None
    coverage = len(known) / STEPS
    power = [None if value is None else round(nodes * watts * (0.25 + 0.75 * value), 1) for value in steps]
    drawn = [value for value in power if value is not None]
    mean = sum(drawn) / len(drawn) if drawn else None
    held = nodes * each * (1 if use is None or use > 0.1 else 0.25) // 1
    shares = {"cpu": figure(None if use is None else use * 0.6, "ratio", "node exporter (site-a)", coverage)}
    series = {"cpu": [None if value is None else round(value * 0.6, 4) for value in steps]}
    if kind:
        shares[kind], series[kind] = figure(use, "ratio", coverage=coverage), steps
    total = {
        "power": figure(mean, "W", coverage=coverage),
        "energy": figure(None if mean is None else mean * 24 / 1000, "kWh", coverage=coverage),
    }
    rooms = {kind: (held, nodes * each - held)} if kind else {}
    group = {
        "name": "default-worker",
        "role": "worker",
        "node_count": nodes,
        "utilization": shares,
        **{name: {"total": value} for name, value in total.items()},
        "requests": {name: figure(room[0], "devices", "kube-state-metrics (site-a)") for name, room in rooms.items()},
        "free": {name: figure(room[1], "devices", "kube-state-metrics (site-a)") for name, room in rooms.items()},
        "nodes": [_node(f"{name}-node-{node}", kind, each, use) for node in range(nodes)],
    }
    per_hour = nodes * price
    idle = 0.0 if not each else per_hour * (1 - held / (nodes * each))
    status = "UPDATE_FAILED" if number % 37 == 11 else "UPDATE_IN_PROGRESS" if number % 29 == 7 else "CREATE_COMPLETE"
    marked = profile == "idle" and number % 5 != 3
    refusal = {
        "code": "PERSISTENT" if profile == "idle" else "METRICS_MISSING" if use is None else "BUSY",
        "need": None,
        "have": None,
        "fix": None,
    }
    return {
        "name": name,
        "id": identity,
        "nodes": nodes,
        "price": price,
        "metrics": {
            "id": identity,
            "name": name,
            "status": status,
            "utilization": shares,
            **{name: {"total": value} for name, value in total.items()},
            "node_groups": [group],
            "series": {"begin": BEGIN, "step": STEP, "utilization": series, "power": {"total": power}},
        },
        "costs": {
            "id": identity,
            "name": name,
            "status": status,
            "type": kind_of,
            "team": TEAMS[number % 5] or None,
            "cost_per_hour": figure(per_hour, "USD/h", "prices"),
            "cost": figure(per_hour * 24, "USD", "prices"),
            "idle_cost_per_hour": figure(idle, "USD/h", "prices"),
            "idle_cost": figure(idle * 24, "USD", "prices"),
            "electricity": {
                "cost": figure(None if mean is None else mean * 0.024 * 0.12, "USD"),
                "carbon": figure(None if mean is None else mean * 0.024 * 0.4, "kg"),
            },
            "node_groups": [
                {
                    "name": "default-worker",
                    "role": "worker",
                    "flavor": flavor,
                    "node_count": nodes,
                    "cost_per_hour": figure(per_hour, "USD/h", "prices"),
                    "idle_cost_per_hour": figure(idle, "USD/h", "prices"),
                }
            ],
        },
        "idle": {
            "cluster": name,
            "cluster_id": identity,
            "action": "mark" if marked else "none",
            "saving_h": per_hour if marked else 0,
            "why": ["IDLE"] if marked else [],
            "why_not": [] if marked else [refusal],
        },
        "gaps": []
        if use is not None
        else [{"cluster": name, "node": f"{name}-node-0", "server": "site-a", "reason": "unknown: utilization of cpu"}],
    }


def _node(name: str, kind: str, devices: int, use: float | None) -> Plain:
    return {
        "id": f"id-of-{name}",
        "name": name,
        "addresses": ["10.0.0.5"],
        "devices": [
            {"id": f"{kind}-{number}", "kind": kind, "utilization": figure(use, "ratio"), "power": figure(None, "W")}
            for number in range(devices)
        ],
    }


def _scaling(made: list[Plain]) -> Plain:
    """Every seventh cluster with more than one node is scaled in."""
    groups = []
    for number, one in enumerate(made):
        shrinks = number % 7 == 2 and one["nodes"] > 1
        groups.append(
            {
                "cluster": one["name"],
                "cluster_id": one["id"],
                "node_group": "default-worker",
                "action": "scale_in" if shrinks else "none",
                "node_count_before": one["nodes"],
                "node_count_after": one["nodes"] - shrinks,
                "nodes_to_remove": [f"id-of-{one['name']}-node-0"] if shrinks else [],
                "why": ["UNNEEDED"] if shrinks else [],
                "why_not": []
                if shrinks
                else [{"code": "UTILIZATION_AFTER", "need": 0.85, "have": 0.97, "unit": None, "fix": None}],
            }
        )
    changed = [entry for entry in groups if entry["action"] != "none"]
    saved = sum(one["price"] for one, entry in zip(made, groups) if entry["action"] != "none")
    return {
        "decision": {
            "action": "scale_in" if changed else "none",
            "node_groups": changed,
            "cost_delta_h": -round(saved, 4),
            "sentence": f"Scale in {len(changed)} node groups.",
        },
        "groups": groups,
        "unplaced": [],
    }
