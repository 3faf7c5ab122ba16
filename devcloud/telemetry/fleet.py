# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clusters that telemetry is generated for: plain data from a JSON file.

```json
{"end": 1796000000, "hours": 6, "step": 60, "seed": 0, "clusters": [
  {"name": "train", "id": "...", "profile": "busy", "exporters": "new", "microwatts": false, "pending": 0,
   "nodes": [{"name": "train-worker-0", "id": "...", "role": "worker", "cores": 48, "memory_gb": 256,
              "kind": "gpu", "model": "nvidia-a100", "devices": 4}]}]}
```

Only `clusters`, their `name` and `nodes`, and the `name` of a node are required.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from devcloud.errors import DevcloudError
from devcloud.telemetry.profiles import PROFILES

MASTER = "master"
# Which exporters a cluster has: before and since they changed their metrics; `hypervisor` is `new`, with Kepler on the hosts only
GENERATIONS = ("new", "old", "hypervisor")
KINDS = ("", "gpu", "npu")


@dataclass(frozen=True)
class Node:
    """One node; `id` is its server's, `devices` is how many accelerators of `kind` it has."""

    name: str
    id: str = ""
    role: str = "worker"
    cores: int = 4
    memory_gb: int = 8
    kind: str = ""
    model: str = ""
    devices: int = 0


@dataclass(frozen=True)
class Cluster:
    """One cluster; `pending` is how many accelerators a pod wants that no node has room for."""

    name: str
    nodes: tuple[Node, ...]
    id: str = ""
    profile: str = "busy"
    exporters: str = "new"
    microwatts: bool = False
    pending: int = 0


@dataclass(frozen=True)
class Fleet:
    """All clusters, and the time that is filled: `hours` before `end` (seconds since 1970), a sample each `step` seconds.

    `seed` moves the spikes within their hour; every mean over whole hours is the same with any seed.
    """

    clusters: tuple[Cluster, ...]
    end: int
    hours: float = 6.0
    step: int = 60
    seed: int = 0

    @property
    def begin(self) -> int:
        """The time of the first sample."""
        return self.end - round(self.hours * 3600)


def read_fleet(text: str, now: int) -> Fleet:
    """Read a fleet from JSON.

    :param now: the `end` of a fleet that gives none.
    :raises DevcloudError: it is not JSON of this form, or names an unknown key or value.
    """
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise DevcloudError(f"the fleet is not JSON: {error}") from error
    given = _known(Fleet, plain, "fleet")
    clusters = tuple(_cluster(entry, f"clusters[{index}]") for index, entry in enumerate(given.pop("clusters", ())))
    fleet = Fleet(clusters, **{"end": now, **given})
    if fleet.step < 1 or fleet.hours * 3600 < fleet.step:
        raise DevcloudError(f"the fleet has a step of {fleet.step} s for {fleet.hours} h: give at least one whole step")
    return fleet


def _cluster(plain: Any, where: str) -> Cluster:
    given = _known(Cluster, plain, where)
    _one_of(f"{where}.profile", given.get("profile", "busy"), PROFILES)
    _one_of(f"{where}.exporters", given.get("exporters", "new"), GENERATIONS)
    nodes = [_known(Node, node, f"{where}.nodes[{index}]") for index, node in enumerate(given.pop("nodes", ()))]
    for index, node in enumerate(nodes):
        _one_of(f"{where}.nodes[{index}].kind", node.get("kind", ""), KINDS)
    return Cluster(nodes=tuple(Node(**node) for node in nodes), **given)


def _known(kind: type, plain: Any, where: str) -> dict[str, Any]:
    """The keys of an object that the class has; others are refused by name."""
    if not isinstance(plain, Mapping):
        raise DevcloudError(f"{where} is not an object")
    names = [field.name for field in fields(kind)]
    if unknown := sorted(set(plain) - set(names)):
        raise DevcloudError(f"{where} has the unknown key {', '.join(unknown)}: choose of {', '.join(names)}")
    if "name" in names and not plain.get("name"):
        raise DevcloudError(f"{where} has no name")
    return dict(plain)


def _one_of(where: str, value: Any, allowed: Any) -> None:
    if value not in allowed:
        raise DevcloudError(f"{where} is {value!r}: choose of {', '.join(repr(one) for one in allowed)}")
