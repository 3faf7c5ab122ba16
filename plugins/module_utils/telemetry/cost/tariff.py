# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What things cost: the price of a node of each flavor, rates of volumes, addresses, electricity and carbon. Pure, no I/O.

Price of a node per hour: the table of flavors > CloudKitty > component rates > the catalogue of accelerators. Money counts in
millionths of the currency. A price that nothing says is unknown, and the reason names what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import (
    MICRO,
    device_rate,
    read_prices,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import canonical, is_model
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import (
    declared,
    read_flavor,
    read_flavor_map,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Accelerator, Flavor, Prices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mapping,
    mappings,
    number,
    optional,
    refused,
    text,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

TABLE, CLOUDKITTY, RATES, CATALOGUE = "price table", "CloudKitty", "component rates", "accelerator catalogue"
SOURCES = (TABLE, CLOUDKITTY, RATES, CATALOGUE)
# What the catalogue's `cost_per_hour` is in where it does not say
CATALOGUE_CURRENCY = "USD"
NO_HOST = "without vCPUs and memory, which have no rate"


@dataclass(frozen=True)
class Electricity:
    """What a kWh costs and emits. ``pue`` is how much the site draws for each kWh that its servers draw.

    :param rate: money for a kWh; None is unknown.
    :param carbon: kg of CO2 for a kWh; None is unknown.
    """

    rate: Decimal | None = None
    pue: Decimal = Decimal(1)
    carbon: Decimal | None = None


@dataclass(frozen=True)
class Tariff:
    """All that prices depend on, CloudKitty apart.

    :param catalogue: rates of devices by the accelerators' catalogue, and nothing else.
    :param mapped: what the user says of flavors, as ``read_flavor_map`` reads it.
    """

    prices: Prices
    catalogue: Prices
    currency: str
    electricity: Electricity = field(default_factory=Electricity)
    mapped: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What amounts are in; a name for money where no currency is given."""
        return self.currency or "currency units"


def read_tariff(params: Mapping[str, Any]) -> Tariff:
    """The options ``prices``, ``accelerator_config``, ``flavor_map``, ``electricity_rate``, ``pue`` and ``carbon_rate``.

    :raises InvalidRequest: one of them cannot be read, or they are in several currencies.
    """
    prices = read_prices(params["prices"])
    config = mapping(params["accelerator_config"], "accelerator_config")
    catalogue = read_catalogue(config)
    currency = prices.currency or (catalogue.currency if catalogue.devices else "")
    if catalogue.devices and catalogue.currency != currency:
        raise InvalidRequest(
            f"Failed to read option 'accelerator_config': its prices are in {catalogue.currency}, "
            f"and those of 'prices' in {currency}",
            resource="accelerator_config.currency",
            hint="Give 'accelerator_config.currency' if its prices are in another currency than it seems, or convert them",
        )
    return Tariff(
        prices=prices,
        catalogue=catalogue,
        currency=currency,
        electricity=_electricity(params),
        mapped=read_flavor_map(params["flavor_map"]),
    )


def _electricity(params: Mapping[str, Any]) -> Electricity:
    def amount(name: str) -> Decimal | None:
        micro = optional(number, params[name], name, MICRO)
        return None if micro is None else Decimal(micro) / MICRO

    pue = amount("pue")
    if pue is not None and pue < 1:
        raise refused(
            "pue", params["pue"], "a number of at least 1", "Give what the site draws for each kWh of its servers"
        )
    return Electricity(amount("electricity_rate"), Decimal(1) if pue is None else pue, amount("carbon_rate"))


def read_catalogue(config: Mapping[str, Any], path: str = "accelerator_config") -> Prices:
    """Rates of devices from ``accelerators: [{type, model, specs: {cost_per_hour}}]``; the first entry of a model counts.

    Other keys are of no matter here: the file has settings of a scheduler too.

    :raises InvalidRequest: an entry without a model, or a price that is not a number.
    """
    rates: dict[str, int] = {}
    for where, entry in mappings(config.get("accelerators"), f"{path}.accelerators"):
        model = canonical(text(entry.get("model"), f"{where}.model"))
        if not model:
            raise refused(f"{where}.model", entry.get("model"), "the name of a model")
        name = f"mig-{model}" if text(entry.get("type"), f"{where}.type").lower() == "mig" else model
        specs = mapping(entry.get("specs"), f"{where}.specs")
        amount = optional(number, specs.get("cost_per_hour"), f"{where}.specs.cost_per_hour", MICRO)
        if amount is not None:
            rates.setdefault(name, amount)
    currency = text(config.get("currency"), f"{path}.currency", CATALOGUE_CURRENCY)
    return Prices(0, 0, devices=tuple(sorted(rates.items())), currency=currency, source=CATALOGUE)


def money(micro: int) -> Decimal:
    """An amount that is held in millionths."""
    return Decimal(micro).scaleb(-6)


@dataclass(frozen=True)
class NodePrice:
    """The price of one node of a flavor for an hour, and what the flavor is; that is none where Nova does not know it."""

    figure: Figure
    flavor: Flavor | None = None


def node_price(tariff: Tariff, name: str, raw: Mapping[str, Any] | None, billed: Figure | None = None) -> NodePrice:
    """What one node of a flavor costs per hour, by the first source that says it.

    :param raw: the flavor as Nova shows it; None where it shows none of this name or id.
    :param billed: what CloudKitty rated nodes of this flavor at; None where it is not asked.
    """
    name = raw["name"] if raw else name
    flavor, strangers = _read(tariff, name, raw)
    table = dict(tariff.prices.flavors)
    if name in table:
        return NodePrice(_known(tariff, table[name], TABLE), flavor)
    if flavor is not None and flavor.price_source == "table":
        return NodePrice(_known(tariff, flavor.price, TABLE), flavor)
    if billed is not None and billed.value is not None:
        return NodePrice(billed, flavor)
    if flavor is None:
        return NodePrice(Figure(None, tariff.unit, 0, reason=f"Nova shows no flavor '{name}', and no price names it"))
    found = _by_components(tariff, flavor, strangers)
    if found.value is None and billed is not None:
        found = replace(found, reason=f"{found.reason}; {billed.reason}")
    return NodePrice(found, flavor)


def _read(tariff: Tariff, name: str, raw: Mapping[str, Any] | None) -> tuple[Flavor | None, list[Accelerator]]:
    """A flavor, and the devices in its extra specs whose names say no kind: rates may know them, and they are not free."""
    if raw is None:
        return None, []
    flavor, strange = read_flavor(raw, "flavors", tariff.mapped.get(name, {}), tariff.prices)
    asked = declared(raw.get("extra_specs") or {}) if strange else ()
    found = [
        Accelerator("", canonical(stranger.removeprefix("CUSTOM_")), count)
        for _spec, stranger, count, what in asked
        if what is None
    ]
    return flavor, found


def _known(tariff: Tariff, micro: int, source: str, reason: str | None = None) -> Figure:
    return Figure(money(micro), tariff.unit, 0, source, 1.0, reason)


def _by_components(tariff: Tariff, flavor: Flavor, strangers: Iterable[Accelerator]) -> Figure:
    """The price of a flavor from rates, and of devices that have none from the catalogue."""
    total, sources, missing = 0, [], []
    for entry in (*flavor.accelerators, *strangers):
        rate, source, why = _device(tariff, entry)
        total += rate * entry.count
        sources += [source] if source else []
        missing += [why] if why else []
    host, unrated = _host(tariff.prices, flavor)
    if missing or (unrated and CATALOGUE not in sources):
        lacking = ", ".join(dict.fromkeys([*missing, *unrated]))
        return Figure(
            None, tariff.unit, 0, reason=f"flavor '{flavor.name}' has no price, and no rate is known of {lacking}"
        )
    if not unrated:
        return _known(tariff, total + host, "; ".join(dict.fromkeys([RATES, *sources])))
    return _known(tariff, total, "; ".join(dict.fromkeys(sources)), NO_HOST)


def _host(prices: Prices, flavor: Flavor) -> tuple[int, list[str]]:
    """The price of a flavor's vCPUs and memory, and which of them have no rate."""
    parts = (("vCPUs", flavor.cpu_m, prices.vcpu_given), ("memory", flavor.mem_mib, prices.gib_given))
    unrated = [name for name, amount, given in parts if amount and not given]
    return prices.vcpu * flavor.cpu_m // 1000 + prices.gib * flavor.mem_mib // 1024, unrated


def _device(tariff: Tariff, entry: Accelerator) -> tuple[int, str | None, str | None]:
    """The rate of one device, its source, and what is missing."""
    for prices, source in ((tariff.prices, RATES), (tariff.catalogue, CATALOGUE)):
        rate, given = device_rate(prices, entry.kind, entry.model)
        if given:
            return rate, source, None
    # A flavor that says no more than "a100" is one of the sizes in the catalogue: which one matters where they differ in price
    sizes = [(name, rate) for name, rate in tariff.catalogue.devices if is_model(name, entry.model)]
    if len({rate for _name, rate in sizes}) == 1:
        return sizes[0][1], CATALOGUE, None
    several = f"{entry.kind} {entry.model}".strip()
    if sizes:
        several += f" (which of {_listed(name for name, _rate in sizes)} it is, 'flavor_map' can say)"
    return 0, None, several


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
