# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nova flavors -> flavors with accelerators, price and power.

Nova says in a flavor's extra specs which accelerators its servers get, in three ways, all read here:
``pci_passthrough:alias = a100:4``; Placement resources, ``resources:VGPU = 1`` or ``resources:CUSTOM_GPU_A100 = 4``
(also in numbered groups); Cyborg, ``accel:device_profile = warboy-1``. The names are the operator's own, so ``flavor_map``
has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import (
    canonical,
    device,
    known_model,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    KINDS,
    Accelerator,
    Flavor,
    Prices,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    MOST_DEVICES,
    devices,
    flag,
    mapping,
    number,
    only_known,
    optional,
    refused,
    text,
    whole,
)

MAP_KEYS = ("kind", "model", "count", "mem_mib", "shareable", "price_h", "power_idle_w", "power_max_w")
# Placement's standard classes for accelerators: (kind, model)
STANDARD = {"VGPU": ("gpu", "vgpu"), "PGPU": ("gpu", "gpu"), "FPGA": ("fpga", "fpga")}
RESOURCES = re.compile(r"^resources(?:\d+|_[A-Za-z0-9_-]+)?:([A-Z0-9_]+)$")
COUNTED = re.compile(r"^(.*?)[-_:](\d{1,3})$")
SIZE = re.compile(r"-(\d+)gi?b(?:-|$)")
NOT_ACCELERATORS = re.compile(r"^CUSTOM_(BAREMETAL|BM|IRONIC)")


def identified(name: str) -> tuple[str, str] | None:
    """(kind, model) that a free name speaks of: ``GPU_A100`` -> (gpu, a100); None when it speaks of no accelerator."""
    words = [word for word in canonical(name).split("-") if word]
    kind = next((word for word in words if word in KINDS), None)
    known = known_model("-".join(words))
    if kind is None and known is None:
        return None
    kind = kind or device("", known or "").kind
    rest = canonical("-".join(word for word in words if word not in KINDS))
    return kind, rest or kind


def declared(extra_specs: Mapping[str, Any]) -> Iterator[tuple[str, str, int, tuple[str, str] | None]]:
    """Each accelerator that extra specs ask for: (the spec, its name there, how many, what it is)."""
    for key in sorted(map(str, extra_specs)):
        value = str(extra_specs[key]).strip()
        resource = RESOURCES.match(key)
        if key == "pci_passthrough:alias":
            for entry in filter(None, (alias.strip() for alias in value.split(","))):
                name, _colon, count = entry.rpartition(":")
                name, number_of = (name, int(count)) if name and count.isdigit() else (entry, 1)
                yield key, name, number_of, identified(name)
        elif key == "accel:device_profile":
            counted = COUNTED.match(value)
            name, number_of = (counted[1], int(counted[2])) if counted else (value, 1)
            yield key, value, number_of, identified(name)
        elif resource and value.isdigit():
            name = resource[1]
            if name in STANDARD:
                yield key, name, int(value), STANDARD[name]
            elif name.startswith("CUSTOM_") and not NOT_ACCELERATORS.match(name):
                yield key, name, int(value), identified(name[len("CUSTOM_") :])


def accelerators(extra_specs: Mapping[str, Any]) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """The accelerators of a flavor, and what in its extra specs nobody here knows: names, and counts that no server holds."""
    counts: dict[tuple[str, str], int] = {}
    strange = []
    for key, name, number_of, what in declared(extra_specs):
        if what is None or number_of > MOST_DEVICES:
            strange.append(f"{key}={name}" if what is None else f"{key}={name}:{number_of}")
        elif number_of:
            counts[what] = counts.get(what, 0) + number_of
    found = (_accelerator(kind, model, number_of) for (kind, model), number_of in counts.items())
    return tuple(sorted(found)), tuple(strange)


def _accelerator(
    kind: str, model: str, number_of: int, mem_mib: int | None = None, shareable: bool = False
) -> Accelerator:
    size = SIZE.search(model)
    sliced = "mig" in model.split("-") or "vgpu" in model.split("-")
    gib = int(size[1]) if size else 0 if sliced else device(kind, model).mem_gib
    return Accelerator(kind, model, number_of, gib * 1024 if mem_mib is None else mem_mib, shareable)


def resources(extra_specs: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """The accelerators' Placement resource classes that one server takes."""
    counts: dict[str, int] = {}
    for key, name, number_of, _what in declared(extra_specs):
        if RESOURCES.match(key):
            counts[name] = counts.get(name, 0) + number_of
    return tuple(sorted(counts.items()))


def read_flavor_map(raw: object, path: str = "flavor_map") -> dict[str, dict[str, Any]]:
    """The option ``flavor_map``: what the user says of flavors, by name, in core units; what is not said is missing.

    :raises InvalidRequest: unknown keys, negative numbers, a highest power below the idle one.
    """
    return {str(name): _mapped(entry, f"{path}.{name}") for name, entry in sorted(mapping(raw, path).items())}


def _mapped(raw: object, path: str) -> dict[str, Any]:
    given = mapping(raw, path)
    only_known(given, MAP_KEYS, path)
    read = {
        "kind": text(given.get("kind"), f"{path}.kind").lower() or None,
        "model": canonical(text(given.get("model"), f"{path}.model")) or None,
        "count": optional(devices, given.get("count"), f"{path}.count"),
        "mem_mib": optional(whole, given.get("mem_mib"), f"{path}.mem_mib"),
        "shareable": flag(given["shareable"], f"{path}.shareable") if "shareable" in given else None,
        "price": optional(number, given.get("price_h"), f"{path}.price_h", cost.MICRO),
        "idle_mw": optional(number, given.get("power_idle_w"), f"{path}.power_idle_w", 1000),
        "max_mw": optional(number, given.get("power_max_w"), f"{path}.power_max_w", 1000),
    }
    if None not in (read["idle_mw"], read["max_mw"]) and read["max_mw"] < read["idle_mw"]:
        wanted = f"at least power_idle_w ({given['power_idle_w']})"
        raise refused(f"{path}.power_max_w", given["power_max_w"], wanted)
    if read["model"] and not read["kind"]:
        known = known_model(read["model"])
        if known is None:
            hint = f"Give '{path}.kind' beside it, such as gpu or npu"
            raise refused(f"{path}.model", given["model"], "a model whose kind is known", hint)
        read["kind"] = device("", known).kind
    return {key: value for key, value in read.items() if value is not None}


def read_flavor(
    raw: Mapping[str, Any], path: str, mapped: Mapping[str, Any], prices: Prices
) -> tuple[Flavor, tuple[str, ...]]:
    """A Nova flavor {name, vcpus, ram_mib, extra_specs}, and the names in its extra specs that nobody here knows."""
    name = text(raw.get("name"), f"{path}.name")
    if not name:
        raise refused(f"{path}.name", raw.get("name"), "a flavor's name")
    extra_specs = mapping(raw.get("extra_specs"), f"{path}.extra_specs")
    found, strange = accelerators(extra_specs)
    if "kind" in mapped or mapped.get("count") == 0:
        strange = ()
        count = mapped.get("count", sum(entry.count for entry in found) or 1)
        kind, model = mapped.get("kind", ""), mapped.get("model") or mapped.get("kind", "")
        found = (
            (_accelerator(kind, model, count, mapped.get("mem_mib"), mapped.get("shareable", False)),) if count else ()
        )
    else:
        found = tuple(_amended(entry, mapped) for entry in found)
    ram = raw.get("ram_mib", raw.get("ram"))
    flavor = cost.flavor(
        prices,
        name,
        whole(raw.get("vcpus"), f"{path}.vcpus") * 1000,
        whole(ram, f"{path}.ram_mib"),
        found,
        resources=resources(extra_specs),
        given=mapped,
    )
    return flavor, strange


def _amended(entry: Accelerator, mapped: Mapping[str, Any]) -> Accelerator:
    """What the extra specs say, with the user's word on memory, sharing and (for one kind of device) count."""
    return Accelerator(
        entry.kind,
        entry.model,
        mapped.get("count", entry.count),
        mapped.get("mem_mib", entry.mem_mib),
        mapped.get("shareable", entry.shareable),
    )
