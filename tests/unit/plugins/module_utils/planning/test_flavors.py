# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's extra specs and the user's flavor_map -> accelerators; prices and power of a node."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import added_power, read_prices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import (
    KNOWN,
    canonical,
    known_model,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import (
    accelerators,
    read_flavor,
    read_flavor_map,
    resources,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Demand, Flavor, Part
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import is_model


@pytest.mark.parametrize(
    ("extra_specs", "found"),
    [
        ({}, []),
        ({"hw:cpu_policy": "dedicated", "resources:VCPU": "0"}, []),
        ({"pci_passthrough:alias": "a100:4"}, [("gpu", "a100", 4)]),
        ({"pci_passthrough:alias": "nvidia-a100:2, rngd:1"}, [("gpu", "a100", 2), ("npu", "rngd", 1)]),
        ({"pci_passthrough:alias": "l40s"}, [("gpu", "l40s", 1)]),
        ({"pci_passthrough:alias": "gpu:2"}, [("gpu", "gpu", 2)]),
        ({"resources:VGPU": "2"}, [("gpu", "vgpu", 2)]),
        ({"resources1:VGPU": "1", "resources2:VGPU": "1"}, [("gpu", "vgpu", 2)]),
        ({"resources_left:VGPU": "1"}, [("gpu", "vgpu", 1)]),
        ({"resources:FPGA": "1"}, [("fpga", "fpga", 1)]),
        ({"resources:CUSTOM_GPU_A100": "4"}, [("gpu", "a100", 4)]),
        ({"resources:CUSTOM_H100": "8"}, [("gpu", "h100", 8)]),
        ({"resources:CUSTOM_NPU_RNGD": 1}, [("npu", "rngd", 1)]),
        ({"resources:CUSTOM_NPU": "2"}, [("npu", "npu", 2)]),
        ({"resources:CUSTOM_GPU_A100_80GB": "1"}, [("gpu", "a100-80gb", 1)]),
        ({"resources:CUSTOM_GPU_A100": "0"}, []),
        ({"resources:CUSTOM_BAREMETAL_GOLD": "1"}, []),
        ({"accel:device_profile": "warboy-1"}, [("npu", "warboy", 1)]),
        ({"accel:device_profile": "furiosa-rngd-2"}, [("npu", "rngd", 2)]),
        ({"accel:device_profile": "rngd"}, [("npu", "rngd", 1)]),
        ({"accel:device_profile": "npu-x7"}, [("npu", "x7", 1)]),
    ],
)
def test_extra_specs(extra_specs: dict[str, str], found: list[tuple[str, str, int]]) -> None:
    read, strange = accelerators(extra_specs)
    assert [(entry.kind, entry.model, entry.count) for entry in read] == found
    assert strange == ()


@pytest.mark.parametrize(
    ("extra_specs", "strange"),
    [
        ({"pci_passthrough:alias": "sriov-nic:1"}, ("pci_passthrough:alias=sriov-nic",)),
        ({"accel:device_profile": "mystery"}, ("accel:device_profile=mystery",)),
        ({"resources:CUSTOM_THING": "1"}, ("resources:CUSTOM_THING=CUSTOM_THING",)),
    ],
)
def test_strange_names_are_reported(extra_specs: dict[str, str], strange: tuple[str, ...]) -> None:
    assert accelerators(extra_specs) == ((), strange)


def test_placement_resources_are_kept_for_the_clouds_free_capacity() -> None:
    specs = {"resources:CUSTOM_GPU_A100": "4", "pci_passthrough:alias": "rngd:1"}
    assert resources(specs) == (("CUSTOM_GPU_A100", 4),)


@pytest.mark.parametrize(
    ("extra_specs", "gib"),
    [
        ({"resources:CUSTOM_GPU_A100": "1"}, 40),
        ({"resources:CUSTOM_GPU_A100_80GB": "1"}, 80),
        ({"resources:CUSTOM_GPU_A100_MIG_1G_5GB": "1"}, 5),
        ({"resources:VGPU": "1"}, 0),
        ({"resources:CUSTOM_GPU": "1"}, 0),
    ],
)
def test_device_memory_is_the_least_that_is_sold_or_unknown(extra_specs: dict[str, str], gib: int) -> None:
    assert accelerators(extra_specs)[0][0].mem_mib == gib * 1024


@pytest.mark.parametrize(
    ("model", "wanted", "same"),
    [
        ("a100", "a100", True),
        ("a100", "NVIDIA A100", True),
        ("a100-80gb", "a100", True),
        ("a100", "a100-80gb", False),
        ("a100-mig-1g-5gb", "a100", False),
        ("l40s", "l40", False),
    ],
)
def test_models(model: str, wanted: str, same: bool) -> None:
    assert is_model(model, wanted) is same


def test_names_of_known_devices_are_in_our_spelling() -> None:
    assert all(canonical(name) == name and known_model(name) == name for name in KNOWN)


def read(extra_specs: dict[str, str], mapped: dict[str, Any] | None = None, prices: Any = None) -> Flavor:
    raw = {"name": "f", "vcpus": 10, "ram_mib": 100 * 1024, "extra_specs": extra_specs}
    flavor_map = read_flavor_map({"f": mapped} if mapped else {})
    return read_flavor(raw, "flavors[0]", flavor_map.get("f", {}), read_prices(prices))[0]


GPU = {"resources:CUSTOM_GPU_A100": "2"}


def test_flavor_map_has_the_last_word() -> None:
    flavor = read(GPU, {"kind": "npu", "model": "Furiosa_RNGD", "count": 3, "mem_mib": 1024, "shareable": True})
    (entry,) = flavor.accelerators
    assert (entry.kind, entry.model, entry.count, entry.mem_mib, entry.shareable) == ("npu", "rngd", 3, 1024, True)


def test_flavor_map_may_amend_only() -> None:
    (entry,) = read(GPU, {"mem_mib": 81920, "shareable": True}).accelerators
    assert (entry.kind, entry.model, entry.count, entry.mem_mib, entry.shareable) == ("gpu", "a100", 2, 81920, True)


def test_flavor_map_may_take_accelerators_away_or_name_a_new_kind() -> None:
    assert read(GPU, {"count": 0}).accelerators == ()
    assert read({}, {"kind": "pim"}).kinds == {"pim"}
    assert read({}, {"model": "warboy"}).kinds == {"npu"}


@pytest.mark.parametrize(
    ("mapped", "option"),
    [
        ({"knd": "gpu"}, "flavor_map.f.knd"),
        ({"count": -1}, "flavor_map.f.count"),
        ({"price_h": "dear"}, "flavor_map.f.price_h"),
        ({"power_idle_w": 10, "power_max_w": 5}, "flavor_map.f.power_max_w"),
        ({"model": "x7"}, "flavor_map.f.model"),
        ("gpu", "flavor_map.f"),
    ],
)
def test_flavor_map_refused(mapped: Any, option: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_flavor_map({"f": mapped})
    assert caught.value.resource == option


def test_price_table_before_map_before_rates_before_defaults() -> None:
    assert (read(GPU).price, read(GPU).price_source) == (10_000_000 + 13_000_000 + 200_000_000, "default rates")
    rates = {"rates": {"vcpu": 0.5, "gib": 0, "devices": {"A100": 3}}}
    assert (read(GPU, prices=rates).price, read(GPU, prices=rates).price_source) == (11_000_000, "rates")
    assert read(GPU, prices={"rates": {"vcpu": 0, "gib": 0, "devices": {"gpu": 2}}}).price == 4_000_000
    assert read(GPU, {"price_h": 7}, rates).price == 7_000_000
    assert read(GPU, {"price_h": 7}, {"flavors": {"f": 9.5}}).price == 9_500_000


@pytest.mark.parametrize(
    ("prices", "option"),
    [
        ({"flavor": {}}, "prices.flavor"),
        ({"rates": {"cpu": 1}}, "prices.rates.cpu"),
        ({"rates": {"vcpu": -1}}, "prices.rates.vcpu"),
        ({"flavors": {"f": None}}, "prices.flavors.f"),
        ({"flavors": [1]}, "prices.flavors"),
    ],
)
def test_prices_refused(prices: Any, option: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_prices(prices)
    assert caught.value.resource == option


def test_power_of_a_node() -> None:
    flavor = read(GPU)
    assert flavor.idle_mw == 7_400 + 39_200 + 2 * 60_000
    assert flavor.max_mw == 35_000 + 39_200 + 2 * 400_000


@pytest.mark.parametrize(
    ("mapped", "idle", "highest"),
    [
        ({"power_idle_w": 200, "power_max_w": 1000}, 200_000, 1_000_000),
        ({"power_max_w": 100}, 100_000, 100_000),
        ({"power_idle_w": 5000}, 5_000_000, 5_000_000),
    ],
)
def test_power_as_the_user_says(mapped: dict[str, Any], idle: int, highest: int) -> None:
    flavor = read(GPU, mapped)
    assert (flavor.idle_mw, flavor.max_mw) == (idle, highest)


def test_a_full_node_draws_its_highest_power() -> None:
    """Utilisation 1 on CPU and devices adds up to highest minus idle; parts of it to parts."""
    flavor = read(GPU, {"power_idle_w": 200, "power_max_w": 1000})
    assert added_power(Part(10_000, 0, (Demand("gpu", 2),)), flavor, 1) == 800_000
    assert added_power(Part(5_000, 0, (Demand("gpu", 1),)), flavor, 2) == 800_000
    assert added_power(Part(0, 0, (Demand("gpu", 1),)), flavor, 1) == 340_000
    assert added_power(Part(1, 0), flavor, 1) == 12


def test_a_cpu_workload_on_an_accelerated_node_does_not_draw_its_devices() -> None:
    assert added_power(Part(10_000, 0), read(GPU), 1) == 27_600
