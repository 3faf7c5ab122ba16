# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options -> the price of a node, from the first source that says it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.tariff import (
    CATALOGUE,
    CLOUDKITTY,
    NO_HOST,
    RATES,
    TABLE,
    Tariff,
    node_price,
    read_tariff,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

GPU = {
    "id": "f1",
    "name": "gpu.a100.large",
    "vcpus": 8,
    "ram_mib": 65536,
    "extra_specs": {"pci_passthrough:alias": "a100-80gb:2"},
}
CPU = {"id": "f2", "name": "cpu.medium", "vcpus": 4, "ram_mib": 8192, "extra_specs": {}}
RATED = {"currency": "USD", "rates": {"vcpu": 0.03, "gib": 0.004, "devices": {"a100": 2.0}}}
BILLED = Figure(Decimal("5.5"), "USD", 0, CLOUDKITTY, 1.0)
CONFIG = {
    "accelerators": [
        {"name": "80", "type": "gpu", "model": "a100-80gb", "specs": {"cost_per_hour": 2.5, "power_watts": 400}},
        {"name": "again", "type": "gpu", "model": "a100-80gb", "specs": {"cost_per_hour": 9}},
        {"name": "40", "type": "gpu", "model": "a100-40gb", "specs": {"cost_per_hour": 1.5}},
        {"name": "slice", "type": "mig", "model": "1g.5gb", "specs": {"cost_per_hour": 0.15}},
        {"name": "card", "type": "gpu", "vendor": "nvidia", "model": "rtx-pro-6000-blackwell", "specs": {"cost_per_hour": 2.4}},
        {"name": "no price", "type": "npu", "model": "rngd", "specs": {}},
        {"name": "npu", "type": "npu", "vendor": "furiosa", "model": "warboy", "specs": {"cost_per_hour": 0.5}},
    ],
    "scoring_weights": {"base_score": 0.0},
}  # fmt: skip
NO_OPTIONS = dict.fromkeys(("prices", "accelerator_config", "flavor_map", "electricity_rate", "pue", "carbon_rate"))


def tariff(**options: Any) -> Tariff:
    return read_tariff({**NO_OPTIONS, **options})


def flavor(model: str, count: int = 1) -> dict[str, Any]:
    return {"id": "f", "name": "any", "vcpus": 2, "ram_mib": 2048, "extra_specs": {"pci_passthrough:alias": f"{model}:{count}"}}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "raw", "billed", "value", "source"),
    [
        # 8 x 0.03 + 64 x 0.004 + 2 x 2.0
        ({"prices": RATED}, GPU, None, "4.496", RATES),
        ({"prices": RATED}, GPU, BILLED, "5.5", CLOUDKITTY),
        ({"prices": {**RATED, "flavors": {"gpu.a100.large": 7}}}, GPU, BILLED, "7", TABLE),
        ({"flavor_map": {"gpu.a100.large": {"price_h": 6}}}, GPU, BILLED, "6", TABLE),
        # CloudKitty was asked and has no word on it
        ({"prices": RATED}, CPU, Figure(None, "USD", 0, reason="x"), "0.152", RATES),
        # Rates of the host, devices from the catalogue: 8 x 0.03 + 64 x 0.004 + 2 x 2.5
        ({"prices": {"currency": "USD", "rates": {"vcpu": 0.03, "gib": 0.004}}, "accelerator_config": CONFIG}, GPU, None,
         "5.496", f"{RATES}; {CATALOGUE}"),
        ({"accelerator_config": CONFIG}, GPU, None, "5", CATALOGUE),
        ({"accelerator_config": CONFIG}, flavor("furiosa_warboy", 3), None, "1.5", CATALOGUE),
        ({"accelerator_config": CONFIG}, flavor("a100-mig-1g-5gb", 4), None, "0.6", CATALOGUE),
        # A name that says no kind, and one that says it
        ({"accelerator_config": CONFIG}, flavor("RTX_PRO_6000_Blackwell", 2), None, "4.8", CATALOGUE),
        ({"accelerator_config": CONFIG}, {**CPU, "extra_specs": {"resources:CUSTOM_GPU_RTX_PRO_6000_BLACKWELL": "1"}}, None,
         "2.4", CATALOGUE),
    ],
)  # fmt: skip
def test_the_first_source_that_knows_a_price_counts(
    options: dict[str, Any], raw: dict[str, Any], billed: Figure | None, value: str, source: str
) -> None:
    found = node_price(tariff(**options), raw["name"], raw, billed).figure
    assert (found.value, found.source, found.coverage) == (Decimal(value), source, 1.0)
    assert found.reason == (NO_HOST if source == CATALOGUE else None)


@pytest.mark.parametrize(
    ("options", "raw", "reason"),
    [
        ({}, CPU, "no rate is known of vCPUs, memory"),
        ({"prices": {"rates": {"vcpu": 1}}}, CPU, "no rate is known of memory"),
        # A node with devices of unknown price has no price, although its host has one
        ({"prices": {"rates": {"vcpu": 1, "gib": 1}}}, GPU, "no rate is known of gpu a100-80gb"),
        ({"accelerator_config": CONFIG}, CPU, "no rate is known of vCPUs, memory"),
        ({"accelerator_config": CONFIG}, flavor("a100"), "which of a100-40gb, a100-80gb it is"),
        ({"accelerator_config": CONFIG}, flavor("rngd"), "npu rngd"),
        # A device that nothing knows is not free
        ({"prices": {"rates": {"vcpu": 1, "gib": 1}}}, flavor("mystery-card"), "no rate is known of mystery-card"),
        # A slice that the catalogue lacks is not the whole device
        ({"accelerator_config": CONFIG}, flavor("a100-mig-2g-10gb"), "gpu a100-mig-2g-10gb"),
    ],
)
def test_a_price_that_nothing_says_is_unknown(options: dict[str, Any], raw: dict[str, Any], reason: str) -> None:
    found = node_price(tariff(**options), raw["name"], raw).figure
    assert found.value is None
    assert reason in (found.reason or "")


def test_an_unknown_price_says_that_cloudkitty_was_asked() -> None:
    unrated = Figure(None, "USD", 0, reason="CloudKitty has rated none of these nodes lately")
    assert (node_price(tariff(), "cpu.medium", CPU, unrated).figure.reason or "").endswith(f"; {unrated.reason}")


def test_a_flavor_that_nova_no_longer_shows_has_the_price_of_the_table() -> None:
    given = tariff(prices={"flavors": {"gone": 3}})
    assert node_price(given, "gone", None).figure.value == 3
    assert node_price(given, "other", None).figure.reason == "Nova shows no flavor 'other', and no price names it"


def test_sizes_of_one_price_leave_no_question() -> None:
    sizes = [{"type": "gpu", "model": f"h100-{size}gb", "specs": {"cost_per_hour": 4}} for size in (80, 94)]
    assert node_price(tariff(accelerator_config={"accelerators": sizes}), "any", flavor("h100")).figure.value == 4


@pytest.mark.parametrize(
    ("options", "resource"),
    [
        ({"prices": {"rates": {"vcpu": -1}}}, "prices.rates.vcpu"),
        ({"prices": {"rates": {"volume": 1}}}, "prices.rates.volume"),
        ({"accelerator_config": {"accelerators": [{"specs": {}}]}}, "accelerator_config.accelerators[0].model"),
        ({"accelerator_config": {"accelerators": [{"model": "x", "specs": {"cost_per_hour": "much"}}]}},
         "accelerator_config.accelerators[0].specs.cost_per_hour"),
        ({"accelerator_config": CONFIG, "prices": {"currency": "KRW"}}, "accelerator_config.currency"),
        ({"pue": 0.9}, "pue"),
        ({"electricity_rate": -0.1}, "electricity_rate"),
        ({"carbon_rate": float("nan")}, "carbon_rate"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(options: dict[str, Any], resource: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tariff(**options)
    assert caught.value.resource == resource
    assert caught.value.hint


def test_the_currency_is_that_of_the_prices_or_of_the_catalogue() -> None:
    assert tariff().currency == ""
    assert tariff(accelerator_config={"affinity_config": {}}).currency == ""
    assert tariff(accelerator_config=CONFIG).currency == "USD"
    assert tariff(accelerator_config={**CONFIG, "currency": "KRW"}, prices={"currency": "KRW"}).currency == "KRW"


def test_electricity_counts_in_exact_numbers() -> None:
    given = tariff(electricity_rate=0.12, pue=1.3).electricity
    assert (given.rate, given.pue, given.carbon) == (Decimal("0.12"), Decimal("1.3"), None)
