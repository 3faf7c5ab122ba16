# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes cost and draw: of a flavor, and of a workload on it.

Power of a node = idle + (highest - idle) x utilisation, for the host by its share of CPU and for each device by its
share of the device; a workload's part of that is what it adds. Without better figures the host counts with the
averages of Cloud Carbon Footprint's methodology (AWS: 0.74 W idle and 3.5 W busy per vCPU, 0.392 W per GiB).

Prices: the table of flavors > component rates. The default rates are *relative price units per hour*: one vCPU hour
is 1, the rest stands in proportion to public list prices. They rank candidates; they are nobody's bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import (
    IDLE_PERCENT,
    canonical,
    device,
    is_model,
    is_slice,
    part_of_device,
    profile,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Accelerator,
    Flavor,
    Part,
    Prices,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mapping,
    number,
    only_known,
    optional,
    text,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import piece, serves

MICRO = 1_000_000
CPU_IDLE_MW = 740
CPU_SPAN_MW = 2760
GIB_MW = 392
DEFAULT_VCPU = MICRO
DEFAULT_GIB = 130_000


def read_prices(raw: object, path: str = "prices") -> Prices:
    """The option ``prices``: {currency, flavors: {name: per hour}, rates: {vcpu, gib, volume_gib, floating_ip, devices: {model or
    kind: per hour}}}.

    :raises InvalidRequest: unknown keys, negative numbers, wrong types.
    """
    given = mapping(raw, path)
    only_known(given, ("currency", "flavors", "rates"), path)
    rates = mapping(given.get("rates"), f"{path}.rates")
    only_known(rates, ("vcpu", "gib", "devices", "volume_gib", "floating_ip"), f"{path}.rates")
    vcpu = optional(number, rates.get("vcpu"), f"{path}.rates.vcpu", MICRO)
    gib = optional(number, rates.get("gib"), f"{path}.rates.gib", MICRO)
    devices = _amounts(rates.get("devices"), f"{path}.rates.devices")
    return Prices(
        vcpu=DEFAULT_VCPU if vcpu is None else vcpu,
        gib=DEFAULT_GIB if gib is None else gib,
        devices=tuple(sorted((canonical(name), amount) for name, amount in devices)),
        flavors=_amounts(given.get("flavors"), f"{path}.flavors"),
        currency=text(given.get("currency"), f"{path}.currency"),
        source="rates" if rates else "default rates",
        vcpu_given=vcpu is not None,
        gib_given=gib is not None,
        volume_gib=optional(number, rates.get("volume_gib"), f"{path}.rates.volume_gib", MICRO),
        floating_ip=optional(number, rates.get("floating_ip"), f"{path}.rates.floating_ip", MICRO),
    )


def _amounts(raw: object, path: str) -> tuple[tuple[str, int], ...]:
    given = mapping(raw, path)
    return tuple(sorted((str(name), number(amount, f"{path}.{name}", MICRO)) for name, amount in given.items()))


def price(prices: Prices, name: str, cpu_m: int, mem_mib: int, accelerators: Iterable[Accelerator]) -> tuple[int, str]:
    """What a node of a flavor costs per hour, and where the figure comes from."""
    table = dict(prices.flavors)
    if name in table:
        return table[name], "table"
    total = prices.vcpu * cpu_m // 1000 + prices.gib * mem_mib // 1024
    mixed = bool((cpu_m and not prices.vcpu_given) or (mem_mib and not prices.gib_given))
    for entry in accelerators:
        rate, given = device_rate(prices, entry.kind, entry.model)
        total += entry.count * rate
        mixed = mixed or not given
    return total, MIXED if mixed and prices.source == "rates" else prices.source


# Where a price comes from given rates and default ones together: then its unit is neither
MIXED = "rates and default rates"


def device_rate(prices: Prices, kind: str, model: str, default_vcpu: int = DEFAULT_VCPU) -> tuple[int, bool]:
    """What one device costs per hour, and whether that was given: the rate of the very model or of its slice of any device, else
    of the model that it is a size of, else of the model that it is a slice of, else of its kind, else the default. A slice
    costs its part."""
    rates = dict(prices.devices)
    part, whole = part_of_device(model)
    named = next((name for name in (model, profile(model)) if name in rates), None)
    if named is not None:
        return rates[named], True
    sizes = [name for name in rates if is_model(model, name)]
    if sizes:
        return rates[max(sizes, key=lambda name: (len(name), name))], True
    sliced = [name for name in rates if is_slice(model) and model.startswith(f"{name}-")]
    if sliced:
        return rates[max(sliced, key=lambda name: (len(name), name))] * part // whole, True
    if kind in rates:
        return rates[kind] * part // whole, True
    return device(kind, model).rate * default_vcpu * part // whole, False


def flavor(
    prices: Prices,
    name: str,
    cpu_m: int,
    mem_mib: int,
    accelerators: tuple[Accelerator, ...] = (),
    *,
    resources: tuple[tuple[str, int], ...] = (),
    given: Mapping[str, Any] | None = None,
) -> Flavor:
    """A flavor with its price and power.

    :param given: what the user says of it, in core units: ``price``, ``idle_mw``, ``max_mw``; each may be missing.
    """
    given = given or {}
    amount, source = price(prices, name, cpu_m, mem_mib, accelerators)
    if source != "table" and given.get("price") is not None:
        amount, source = given["price"], "table"
    watts = {entry: highest_power(entry.kind, entry.model) for entry in accelerators}
    spans = {entry: highest - highest * IDLE_PERCENT // 100 for entry, highest in watts.items()}
    idle = CPU_IDLE_MW * cpu_m // 1000 + GIB_MW * mem_mib // 1024
    idle += sum((watts[entry] - spans[entry]) * entry.count for entry in accelerators)
    span = CPU_SPAN_MW * cpu_m // 1000 + sum(spans[entry] * entry.count for entry in accelerators)
    highest = max(idle + span, given.get("idle_mw", 0)) if given.get("max_mw") is None else given["max_mw"]
    idle = min(idle, highest) if given.get("idle_mw") is None else given["idle_mw"]
    # What was said of the whole node goes to its devices first: they are what makes such a node draw.
    number_of_devices = sum(entry.count for entry in accelerators)
    most = (highest - idle) // number_of_devices if number_of_devices else 0
    spanned = tuple(
        Accelerator(entry.kind, entry.model, entry.count, entry.mem_mib, entry.shareable, min(spans[entry], most))
        for entry in accelerators
    )
    rest = highest - idle - sum(entry.span_mw * entry.count for entry in spanned)
    return Flavor(name, cpu_m, mem_mib, spanned, amount, idle, rest, resources, source)


def highest_power(kind: str, model: str) -> int:
    """What one device draws at most, in milliwatts; a slice draws its part of the device."""
    part, whole = part_of_device(model)
    return device(kind, model).max_w * 1000 * part // whole


def added_power(part: Part, flavor: Flavor, replicas: int) -> int:
    """What replicas of a part draw on nodes that already run, in milliwatts, rounded up."""
    drawn = flavor.span_mw * min(part.cpu_m, flavor.cpu_m) * replicas
    total = -(-drawn // flavor.cpu_m) if flavor.cpu_m else 0
    for demand in part.demands:
        spans = [entry.span_mw * piece(entry, demand) for entry in flavor.accelerators if serves(entry, demand)]
        total += -(-max(spans, default=0) * demand.count * replicas // WHOLE)
    return total


def hourly(nodes: Iterable[tuple[Flavor, int]]) -> int:
    """What these nodes cost per hour."""
    return sum(entry.price * count for entry, count in nodes)
