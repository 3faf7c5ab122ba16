# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generated fleets and workloads: clusters of several node groups, and what is to be placed in them.

The same seed gives the same instance. ``plain``: all running nodes empty. ``filled``: half of the running nodes partly
taken, each in its own way. ``isolated``: that, and some workloads want nodes or a whole cluster of their own.
"""

from __future__ import annotations

import random
from typing import Any

Plain = dict[str, Any]
VARIANTS = ("plain", "filled", "isolated")

# name: (vCPU, GiB, extra specs, price): prices as in public clouds' lists, where larger is not exactly dearer in proportion
FLAVORS: dict[str, tuple[int, int, dict[str, str], float]] = {
    "cpu.small": (4, 16, {}, 6.3),
    "cpu.medium": (16, 64, {}, 24.0),
    "cpu.large": (64, 256, {}, 94.0),
    "gpu.a100.1": (12, 96, {"pci_passthrough:alias": "a100:1"}, 128.0),
    "gpu.a100.4": (48, 384, {"pci_passthrough:alias": "a100:4"}, 490.0),
    "gpu.a100.8": (96, 768, {"pci_passthrough:alias": "a100:8"}, 960.0),
    "gpu.l4.1": (8, 32, {"pci_passthrough:alias": "l4:1"}, 33.0),
    "gpu.l4.4": (48, 192, {"pci_passthrough:alias": "l4:4"}, 140.0),
    "npu.rngd.2": (16, 128, {"pci_passthrough:alias": "rngd:2"}, 110.0),
    "npu.atom.4": (32, 128, {"pci_passthrough:alias": "atom:4"}, 108.0),
}
# accelerator, how many of it a replica may ask for, how many vCPU beside each (0: CPU only)
NEEDS: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = (
    ("", (0,), (1, 2, 3, 4, 6, 8, 12)),
    ("gpu", (1, 1, 2, 4), (4, 6, 8, 10)),
    ("a100", (1, 1, 2, 4, 8), (6, 8, 10, 12)),
    ("l4", (1, 1, 2), (4, 6, 8)),
    ("npu", (1, 1, 2), (4, 8)),
    ("rngd", (1, 2), (4, 8)),
)
MASTERS = "cpu.small"


def instance(seed: int, variant: str = "plain", clusters: int = 50, groups: int = 5, workloads: int = 500) -> Plain:
    """The options of cluster_match for one instance."""
    chance = random.Random(seed)
    made = [_cluster(chance, number, groups, variant) for number in range(clusters)]
    return {
        "workloads": [_workload(chance, number, variant) for number in range(workloads)],
        "placements": [],
        "fleet": {"flavors": [_flavor(name) for name in FLAVORS], "clusters": made},
        "cluster_types": _types(),
        "prices": {"flavors": {name: price for name, (_cpu, _mem, _specs, price) in FLAVORS.items()}},
    }


def _flavor(name: str) -> Plain:
    vcpus, gib, specs, _price = FLAVORS[name]
    return {"name": name, "id": name, "vcpus": vcpus, "ram_mib": gib * 1024, "extra_specs": specs}


def _cluster(chance: random.Random, number: int, groups: int, variant: str) -> Plain:
    flavors = chance.sample(sorted(FLAVORS), groups)
    return {
        "id": f"c{number:03}",
        "name": f"c{number:03}",
        "status": "CREATE_COMPLETE",
        "project_id": "p",
        "node_groups": [_group(chance, flavor, variant) for flavor in sorted(flavors)],
    }


def _group(chance: random.Random, flavor: str, variant: str) -> Plain:
    count = chance.choice((0, 0, 1, 1, 2))
    found: Plain = {
        "name": flavor.replace(".", "-"),
        "flavor": flavor,
        "node_count": count,
        "max_node_count": 8,
    }
    if variant != "plain":
        found["nodes"] = [_node(chance, flavor) for _node_number in range(count)]
    return found


def _node(chance: random.Random, flavor: str) -> Plain:
    vcpus, gib, specs, _price = FLAVORS[flavor]
    devices = sum(int(value.split(":")[1]) for value in specs.values())
    if chance.random() < 0.5:
        return {"free": {"cpu_m": vcpus * 1000, "mem_mib": gib * 1024}, "devices": [1000] * devices, "busy": False}
    left = chance.randrange(devices + 1)
    part = chance.randrange(20, 90)
    free = {"cpu_m": vcpus * 10 * part, "mem_mib": gib * 1024 * part // 100}
    return {"free": free, "devices": [1000] * left + [0] * (devices - left), "busy": True}


def _workload(chance: random.Random, number: int, variant: str) -> Plain:
    what, counts, cores = chance.choice(NEEDS)
    count = chance.choice(counts)
    cpu = chance.choice(cores) * max(1, count)
    found: Plain = {"name": f"w{number:03}", "cpu_cores": cpu, "memory_gb": cpu * chance.choice((2, 4))}
    if what in ("gpu", "npu"):
        found[f"{what}_count"] = count
    elif what:
        kind = "npu" if what == "rngd" else "gpu"
        found |= {f"{kind}_count": count, f"{kind}_model": what}
    found["replicas"] = chance.choice((1, 1, 1, 2, 3))
    if variant == "isolated":
        lot = chance.random()
        found["isolation"] = "cluster" if lot < 0.01 else "node" if lot < 0.06 else "none"
    return found


def _types() -> Plain:
    def group(name: str, kind: str | None) -> Plain:
        return {
            "name": name,
            "accelerator": {"kind": kind} if kind else None,
            "min_node_count": 1,
            "max_node_count": 10,
        }

    return {
        "gpu-intensive": {"master_flavor": MASTERS, "node_groups": [group("gpu", "gpu")]},
        "npu-optimized": {"master_flavor": MASTERS, "node_groups": [group("npu", "npu")]},
        "cpu-only": {"master_flavor": MASTERS, "node_groups": [group("cpu", None)]},
    }
