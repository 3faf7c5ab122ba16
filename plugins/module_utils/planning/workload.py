# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A workload in the user's short form -> Workload.

``{type: ml_training, gpu_required: true, gpu_count: 4, cpu_cores: 32, memory_gb: 128, power_budget: 2000}``: cores,
memory and accelerators are those of one replica; power budget and highest cost are those of all replicas together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import canonical
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    ISOLATION,
    KINDS,
    WHOLE,
    Demand,
    Part,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    devices,
    flag,
    mapping,
    number,
    one_of,
    only_known,
    optional,
    refused,
    text,
    texts,
    whole,
)

GPU, NPU, HYBRID, CPU = "gpu-intensive", "npu-optimized", "hybrid-balanced", "cpu-only"
# Which cluster types a kind of work is at home in, best first.
PREFERENCES = {
    "ml_training": (GPU, HYBRID),
    "dl_training": (GPU, HYBRID),
    "training": (GPU, HYBRID),
    "fine_tuning": (GPU, HYBRID),
    "ml_inference": (NPU, HYBRID, GPU),
    "inference": (NPU, HYBRID, GPU),
    "real_time": (NPU, HYBRID, GPU),
    "mixed": (HYBRID, GPU, NPU),
    "hybrid": (HYBRID, GPU, NPU),
    "data_processing": (CPU, HYBRID),
    "batch": (CPU, HYBRID),
    "general": (CPU, HYBRID),
    "web": (CPU, HYBRID),
}
ALIASES = {
    "preferred_cluster": "preferred_cluster_type",
    "max_latency_ms": "latency_ms",
    "power_budget_w": "power_budget",
    "gpu_models": "gpu_model",
    "npu_models": "npu_model",
}
KIND_KEYS = tuple(f"{kind}_{key}" for kind in KINDS for key in ("required", "count", "model", "memory_gb"))
KEYS = (
    "name",
    "type",
    *KIND_KEYS,
    "accelerator",
    "accelerator_models",
    "cpu_cores",
    "memory_gb",
    "power_budget",
    "max_cost_per_hour",
    "latency_ms",
    "replicas",
    "gang",
    "priority",
    "duration_h",
    "isolation",
    "tolerations",
    "preferred_cluster_type",
    "current_placement",
    "labels",
)
ACCELERATOR_KEYS = ("kind", "count", "models", "share", "memory_gb")

APART = (
    "the parts of a replica that need different kinds of accelerators may run on different nodes of one cluster; "
    "each part is judged with all of cpu_cores and memory_gb, since the request does not divide them"
)


def read_workload(raw: object, path: str = "workload", kinds: Collection[str] | None = KINDS) -> Workload:
    """The short form of one workload.

    :param kinds: accelerator kinds that exist in this fleet beside the known ones; None takes any.
    :raises InvalidRequest: unknown keys, wrong types, negative numbers, unknown kinds, contradictions.
    """
    given = _unaliased(mapping(raw, path), path)
    only_known(given, KEYS, path)
    demands = _demands(given, path, None if kinds is None else sorted({*KINDS, *kinds}))
    cpu_m = number(given.get("cpu_cores", 0), f"{path}.cpu_cores", 1000)
    mem_mib = number(given.get("memory_gb", 0), f"{path}.memory_gb", 1024)
    if not (cpu_m or mem_mib or demands):
        raise InvalidRequest(
            f"Failed to read option '{path}': {dict(given)!r} asks for nothing",
            resource=path,
            hint="Say cpu_cores, memory_gb, gpu_count, npu_count or accelerator",
        )
    type_name = text(given.get("type"), f"{path}.type", "general").lower().replace("-", "_") or "general"
    prefers, notes = _preferences(given, path, type_name, demands)
    if len(demands) > 1:
        notes += (APART,)
    return Workload(
        name=text(given.get("name"), f"{path}.name"),
        type=type_name,
        forms=_forms(cpu_m, mem_mib, demands),
        replicas=whole(given.get("replicas", 1), f"{path}.replicas", 1),
        gang=flag(given.get("gang"), f"{path}.gang", True),
        isolation=one_of(given.get("isolation"), ISOLATION, f"{path}.isolation", "none"),
        priority=whole(given.get("priority", 0), f"{path}.priority"),
        duration_h=optional(whole, given.get("duration_h"), f"{path}.duration_h"),
        power_budget_mw=optional(number, given.get("power_budget"), f"{path}.power_budget", 1000),
        max_cost=optional(number, given.get("max_cost_per_hour"), f"{path}.max_cost_per_hour", MICRO),
        latency_ms=optional(whole, given.get("latency_ms"), f"{path}.latency_ms"),
        tolerations=texts(given.get("tolerations"), f"{path}.tolerations"),
        prefers=prefers,
        home=_home(given.get("current_placement"), f"{path}.current_placement"),
        labels=tuple(
            sorted((str(key), str(value)) for key, value in mapping(given.get("labels"), f"{path}.labels").items())
        ),
        notes=notes,
    )


def cluster_type_name(name: str) -> str:
    """One spelling for the names of cluster types: ``gpu_intensive`` -> ``gpu-intensive``."""
    return name.strip().lower().replace("_", "-")


def _unaliased(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The user's keys under our names; a key whose value is None was left out."""
    result: dict[str, Any] = {}
    for key, value in given.items():
        name = ALIASES.get(key, key)
        if value is None:
            continue
        if name in result:
            raise refused(f"{path}.{key}", value, f"alone: '{name}' says the same", f"Give only '{path}.{name}'")
        result[name] = value
    return result


def _demands(given: Mapping[str, Any], path: str, kinds: Collection[str] | None) -> tuple[Demand, ...]:
    found = [demand for kind in KINDS for demand in [_short_demand(given, path, kind)] if demand]
    if "accelerator" in given:
        demand = _accelerator(given["accelerator"], f"{path}.accelerator", kinds)
        if any(demand.kind == other.kind for other in found):
            hint = f"Give either 'accelerator' or the keys that begin with '{demand.kind}_'"
            raise refused(
                f"{path}.accelerator", dict(given["accelerator"]), f"the only demand for a {demand.kind}", hint
            )
        found.append(demand)
    models = tuple(canonical(model) for model in texts(given.get("accelerator_models"), f"{path}.accelerator_models"))
    if models:
        if len(found) != 1 or found[0].models:
            hint = "Ask for exactly one kind of accelerator beside it, or name models by gpu_model and npu_model"
            raise refused(f"{path}.accelerator_models", list(models), "the models of one kind of accelerator", hint)
        found = [Demand(found[0].kind, found[0].count, found[0].share, models, found[0].mem_mib)]
    return tuple(sorted(found, key=lambda demand: demand.kind))


def _short_demand(given: Mapping[str, Any], path: str, kind: str) -> Demand | None:
    """``gpu_required, gpu_count, gpu_model, gpu_memory_gb``: each of them alone asks for at least one device."""
    keys = [f"{kind}_{key}" for key in ("required", "count", "model", "memory_gb")]
    required_key, count_key, model_key, memory_key = keys
    required = flag(given[required_key], f"{path}.{required_key}") if required_key in given else None
    count = optional(devices, given.get(count_key), f"{path}.{count_key}")
    models = tuple(canonical(model) for model in texts(given.get(model_key), f"{path}.{model_key}"))
    memory = number(given.get(memory_key, 0), f"{path}.{memory_key}", 1024)
    if required is False and count:
        hint = f"Set '{required_key}: true', or leave '{count_key}' out"
        raise refused(f"{path}.{count_key}", given[count_key], f"0, although {required_key} is false", hint)
    if required and count == 0:
        hint = f"Give '{count_key}' of at least 1, or set '{required_key}: false'"
        raise refused(f"{path}.{count_key}", 0, f"at least 1, although {required_key} is true", hint)
    if required is False or count == 0 or not (required or count or models or memory):
        return None
    return Demand(kind, count or 1, WHOLE, models, memory)


def _accelerator(raw: object, path: str, kinds: Collection[str] | None) -> Demand:
    """``accelerator: {kind, count, models, share, memory_gb}``; ``share`` is the part of a device, above 0 and up to 1."""
    given = mapping(raw, path)
    only_known(given, ACCELERATOR_KEYS, path)
    kind = text(given.get("kind"), f"{path}.kind").lower()
    if not kind or (kinds is not None and kind not in kinds):
        hint = "Give one of these, or declare flavors of the new kind in 'flavor_map'"
        raise refused(f"{path}.kind", given.get("kind"), f"one of {', '.join(kinds or KINDS)}", hint)
    share = number(given.get("share", 1), f"{path}.share", WHOLE)
    if not 0 < share <= WHOLE:
        raise refused(f"{path}.share", given.get("share"), "a share of a device above 0 and up to 1")
    return Demand(
        kind,
        devices(given.get("count", 1), f"{path}.count", 1),
        share,
        tuple(canonical(model) for model in texts(given.get("models"), f"{path}.models")),
        number(given.get("memory_gb", 0), f"{path}.memory_gb", 1024),
    )


def _forms(cpu_m: int, mem_mib: int, demands: tuple[Demand, ...]) -> tuple[tuple[Part, ...], ...]:
    whole_replica = (Part(cpu_m, mem_mib, demands),)
    if len(demands) < 2:
        return (whole_replica,)
    return whole_replica, tuple(Part(cpu_m, mem_mib, (demand,)) for demand in demands)


def _preferences(
    given: Mapping[str, Any], path: str, type_name: str, demands: tuple[Demand, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The cluster types to prefer, best first, and what had to be assumed for it."""
    wished = cluster_type_name(text(given.get("preferred_cluster_type"), f"{path}.preferred_cluster_type"))
    kinds = {demand.kind for demand in demands}
    notes: tuple[str, ...] = ()
    if type_name in PREFERENCES:
        by_type = PREFERENCES[type_name]
    else:
        by_type = (HYBRID,) if len(kinds) > 1 else (GPU,) if "gpu" in kinds else (NPU,) if "npu" in kinds else (CPU,)
        by_type = by_type if not kinds or kinds & set(KINDS) else ()
        notes = (f"type {type_name} unknown: judged by its resources only",)
    return tuple(dict.fromkeys(filter(None, (wished, *by_type)))), notes


def _home(raw: object, path: str) -> tuple[str, str] | None:
    """Where the workload stands: {cluster, node_group?}."""
    if raw is None:
        return None
    given = mapping(raw, path)
    only_known(given, ("cluster", "node_group"), path)
    cluster = text(given.get("cluster"), f"{path}.cluster")
    return (cluster, text(given.get("node_group"), f"{path}.node_group")) if cluster else None
