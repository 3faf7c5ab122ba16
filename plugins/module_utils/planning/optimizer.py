# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Workload as the kcloud optimiser writes it -> the short form of one workload, and where it must not run.

``{id, name, type, priority, labels, requirements: {cpu, memory: "64Gi", gpu: {count, type, memory}, npu, storage, network},
constraints: {maxCostPerHour, maxExecutionTime, preferredClusters, forbiddenClusters, nodeSelectors, tolerations, affinity},
metadata}`` becomes ``{name, type, priority, labels, cpu_cores, memory_gb, gpu_count, ...}``, which `workload.py` reads. What the
planner does not judge is named in the notes; nothing is dropped in silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mapping,
    mappings,
    number,
    only_known,
    refused,
    text,
    texts,
    whole,
)

Some = Mapping[str, Any]

KEYS = (
    *("id", "name", "type", "status", "priority", "labels", "annotations", "requirements", "constraints", "metadata"),
    *("createdAt", "updatedAt"),
)
REQUIREMENTS = ("cpu", "memory", "storage", "gpu", "npu", "network")
DEVICES = {"gpu": ("count", "type", "memory", "compute"), "npu": ("count", "type", "memory", "precision")}
CONSTRAINTS = (
    *("maxCostPerHour", "maxExecutionTime", "preferredClusters", "forbiddenClusters", "nodeSelectors", "tolerations"),
    "affinity",
)
TOLERATION = ("key", "operator", "value", "effect", "tolerationSeconds")
EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")
# The optimiser's types whose name is another one here; all others keep theirs
TYPES = {
    "realtime": "real_time",
    "deployment": "general",
    "database": "general",
    "cache": "general",
    "storage": "general",
}
# What nothing here decides on: the key, and who decides
UNJUDGED = {
    "requirements.storage": "volumes are left to the cluster",
    "requirements.network": "bandwidth and latency of networks are not known",
    "requirements.gpu.compute": "name models by 'requirements.gpu.type'",
    "requirements.npu.precision": "name models by 'requirements.npu.type'",
    "constraints.preferredClusters": "clusters are compared by cost, power and room",
    "constraints.affinity": "affinity is left to the scheduler of the cluster",
}
# Selectors that name a model of accelerators
MODEL_SELECTORS = ("accelerator.model", "nvidia.com/gpu.product")
# Suffixes of Kubernetes: power of the base; without one the quantity counts bytes
SUFFIXES = {
    "": 1,
    **{f"{letter}i": 1024 ** (power + 1) for power, letter in enumerate("KMGTP")},
    **{letter: 1000 ** (power + 1) for power, letter in enumerate("kMGTP")},
}
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
# A size below says that its unit was forgotten
LEAST_BYTES = 1024**2
DURATION = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")


@dataclass(frozen=True)
class Asked:
    """What a Workload asks of the planner.

    :param workload: the short form, the option ``workload`` of the module cluster_match.
    :param forbidden: names of clusters that must not take it.
    :param notes: what of it does not count, and why, in the order of the keys.
    """

    workload: dict[str, Any]
    forbidden: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def is_optimizer_form(raw: object) -> bool:
    """Whether a workload is in the optimiser's form; the short form has none of these keys."""
    return isinstance(raw, Mapping) and bool({"requirements", "constraints", "metadata"} & set(raw))


def asked_of(raw: object, path: str = "workload") -> Asked:
    """A workload in the optimiser's form or in the short form -> what it asks of the planner.

    :raises InvalidRequest: unknown keys, wrong types, sizes without a unit.
    """
    given = mapping(raw, path)
    if not is_optimizer_form(given):
        return Asked(dict(given))
    only_known(given, KEYS, path)
    needs = mapping(given.get("requirements"), f"{path}.requirements")
    only_known(needs, REQUIREMENTS, f"{path}.requirements")
    limits = mapping(given.get("constraints"), f"{path}.constraints")
    only_known(limits, CONSTRAINTS, f"{path}.constraints")
    tolerations, tolerated = _tolerations(limits.get("tolerations"), f"{path}.constraints.tolerations")
    gpu, npu = (_devices(needs.get(one), f"{path}.requirements.{one}", one) for one in ("gpu", "npu"))
    named = bool(gpu.get("gpu_model") or npu.get("npu_model"))
    models, selected = _selected_models(limits.get("nodeSelectors"), f"{path}.constraints.nodeSelectors", named)
    hours, lasting = _hours(limits.get("maxExecutionTime"), f"{path}.constraints.maxExecutionTime")
    kind = text(given.get("type"), f"{path}.type").lower().replace("-", "_")
    workload = {
        "name": text(given.get("name"), f"{path}.name") or text(given.get("id"), f"{path}.id"),
        "type": TYPES.get(kind, kind),
        "priority": given.get("priority"),
        "labels": dict(mapping(given.get("labels"), f"{path}.labels")),
        "cpu_cores": _cores(needs.get("cpu"), f"{path}.requirements.cpu"),
        "memory_gb": _gib(needs.get("memory"), f"{path}.requirements.memory"),
        **gpu,
        **npu,
        "accelerator_models": models,
        "max_cost_per_hour": limits.get("maxCostPerHour"),
        "duration_h": hours,
        "tolerations": tolerations,
    }
    notes = (*_unjudged({"requirements": needs, "constraints": limits}), *lasting, *selected, *tolerated)
    forbidden = texts(limits.get("forbiddenClusters"), f"{path}.constraints.forbiddenClusters")
    return Asked({key: value for key, value in workload.items() if value not in (None, "", [], {})}, forbidden, notes)


def _devices(raw: object, path: str, kind: str) -> dict[str, Any]:
    """``{count, type, memory}`` of one kind of accelerators; 0 of them ask for none."""
    given = mapping(raw, path)
    only_known(given, DEVICES[kind], path)
    count = whole(given.get("count", 1 if given else 0), f"{path}.count")
    if not count:
        return {}
    models = list(texts(given.get("type"), f"{path}.type"))
    return {
        f"{kind}_count": count,
        f"{kind}_model": models,
        f"{kind}_memory_gb": _gib(given.get("memory"), f"{path}.memory"),
    }


def _cores(raw: object, path: str) -> float | int | None:
    """Cores as a number, or as text such as ``4`` and ``500m``."""
    if isinstance(raw, str) and raw.strip().endswith("m"):
        return whole(raw.strip()[:-1], path) / 1000
    return None if raw in (None, "") else number(raw, path, 1000) / 1000


def _gib(raw: object, path: str) -> float | None:
    """GiB of a quantity of Kubernetes, such as ``64Gi``."""
    if raw in (None, "", 0, "0"):
        return None
    match = QUANTITY.fullmatch(str(raw).strip()) if isinstance(raw, (str, int)) and not isinstance(raw, bool) else None
    size = float(match[1]) * SUFFIXES[match[2]] if match and match[2] in SUFFIXES else 0.0
    if size < LEAST_BYTES or not math.isfinite(size):
        raise refused(path, raw, "a size with its unit", "Give it as Kubernetes does, such as '64Gi'")
    return size / 1024**3


def _hours(raw: object, path: str) -> tuple[int | None, tuple[str, ...]]:
    """Hours of a duration such as ``1h30m``, rounded up; and what does not count."""
    if raw in (None, "", 0):
        return None, ()
    match = DURATION.fullmatch(raw.strip()) if isinstance(raw, str) else None
    seconds = (
        sum(int(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True)) if match else 0
    )
    if not seconds:
        return None, (f"{path} does not count: it has no unit, such as '2h'",)
    return math.ceil(seconds / 3600), ()


def _selected_models(raw: object, path: str, named: bool) -> tuple[list[str], tuple[str, ...]]:
    """Models of accelerators that node selectors name, unless the requirements do; and what does not count."""
    given = {key: text(value, f"{path}.{key}") for key, value in sorted(mapping(raw, path).items())}
    counted = () if named else MODEL_SELECTORS
    left = [
        f"{path}.{key} does not count: the scheduler of the cluster reads it" for key in given if key not in counted
    ]
    return sorted({given[key] for key in counted if given.get(key)}), tuple(left)


def _tolerations(raw: object, path: str) -> tuple[list[str], tuple[str, ...]]:
    """``[{key, operator, value, effect}]`` as taints or their keys; and what does not count."""
    found: list[str] = []
    notes: list[str] = []
    for place, given in mappings(raw, path):
        only_known(given, TOLERATION, place)
        key, value, effect = (text(given.get(name), f"{place}.{name}") for name in ("key", "value", "effect"))
        if not key:
            notes.append(f"{place} does not count: it names no taint")
        elif text(given.get("operator"), f"{place}.operator", "Equal") == "Exists":
            found.append(key)
        else:
            effects = (effect,) if effect else EFFECTS
            found += [f"{key}={value}:{one}" if value else f"{key}:{one}" for one in effects]
    return found, tuple(notes)


def _unjudged(parts: Some) -> tuple[str, ...]:
    """A note for each key that is given and that nothing decides on."""
    return tuple(f"{path} does not count: {why}" for path, why in UNJUDGED.items() if _at(parts, path))


def _at(parts: Any, path: str) -> Any:
    for key in path.split("."):
        parts = parts.get(key) if isinstance(parts, Mapping) else None
    return parts
