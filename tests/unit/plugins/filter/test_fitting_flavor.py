# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which flavor a node group gets when it names none."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.fitting_flavor import fitting_flavor

FLAVORS = [
    {"name": "cpu.large", "vcpus": 16, "ram_mib": 65536, "extra_specs": {}},
    {"name": "cpu.medium", "vcpus": 4, "ram_mib": 8192, "extra_specs": {}},
    {"name": "cpu.tiny", "vcpus": 1, "ram_mib": 2048, "extra_specs": {}},
    {"name": "gpu.a100.large", "vcpus": 8, "ram_mib": 65536, "extra_specs": {"resources:CUSTOM_GPU_A100": "1"}},
    {"name": "gpu.a100.xlarge", "vcpus": 48, "ram_mib": 262144, "extra_specs": {"resources:CUSTOM_GPU_A100": "4"}},
    {"name": "gpu.t4", "vcpus": 8, "ram_mib": 32768, "extra_specs": {"pci_passthrough:alias": "t4:1"}},
    {"name": "npu.rngd", "vcpus": 16, "ram_mib": 65536, "extra_specs": {"resources:CUSTOM_NPU_RNGD": "1"}},
    {"name": "npu.warboy", "vcpus": 8, "ram_mib": 32768, "extra_specs": {"accel:device_profile": "warboy-1"}},
    {"name": "strange", "vcpus": 8, "ram_mib": 32768, "extra_specs": {"accel:device_profile": "our-own-card"}},
]


@pytest.mark.parametrize(
    ("accelerator", "chosen"),
    [
        ({"kind": "none"}, "cpu.tiny"),
        ({"kind": "none", "vcpus": 2, "ram_mib": 4096}, "cpu.medium"),
        ({"kind": "none", "vcpus": 5}, "cpu.large"),
        # The PCI alias t4 is cheaper, but only the operator knows whether a host has the device
        ({"kind": "gpu"}, "gpu.a100.large"),
        ({"kind": "gpu", "models": []}, "gpu.a100.large"),
        ({"kind": "gpu", "models": ["t4"]}, "gpu.t4"),
        ({"kind": "gpu", "models": ["a100"]}, "gpu.a100.large"),
        ({"kind": "gpu", "models": ["NVIDIA-A100"]}, "gpu.a100.large"),
        ({"kind": "gpu", "count": 2}, "gpu.a100.xlarge"),
        ({"kind": "npu"}, "npu.rngd"),
        ({"kind": "npu", "models": ["warboy"]}, "npu.warboy"),
        ({"kind": "npu", "models": ["furiosa-rngd"]}, "npu.rngd"),
        ({"kind": "npu", "models": ["rngd", "warboy"]}, "npu.rngd"),
    ],
)
def test_the_cheapest_that_has_what_is_needed(accelerator: dict, chosen: str) -> None:
    """Kind, models, count, CPU and memory all hold, and the order of the flavors does not matter."""
    assert fitting_flavor({"accelerator": accelerator}, FLAVORS) == chosen
    assert fitting_flavor({"accelerator": accelerator}, FLAVORS[::-1]) == chosen


def test_what_the_user_vouches_for_boots() -> None:
    """A flavor in flavor_map is as good as one that Placement counts, and then the cheaper one is taken."""
    assert (
        fitting_flavor({"accelerator": {"kind": "gpu"}}, FLAVORS, {"gpu.t4": {"kind": "gpu", "model": "t4"}})
        == "gpu.t4"
    )


def test_a_flavor_without_a_disk_comes_last() -> None:
    """Nova lets only administrators boot an image on one; it is taken where there is no other."""
    bare = {"name": "bare", "vcpus": 2, "ram_mib": 4096, "disk_gib": 0, "extra_specs": {}}
    big = {"name": "big", "vcpus": 16, "ram_mib": 65536, "disk_gib": 20, "extra_specs": {}}
    assert fitting_flavor({"accelerator": {"kind": "none"}}, [bare, big]) == "big"
    assert fitting_flavor({"accelerator": {"kind": "none"}}, [bare]) == "bare"


def test_a_flavor_that_is_named_is_taken() -> None:
    """Also one that the cloud does not show, because the module says that better."""
    assert fitting_flavor({"flavor": "mine", "accelerator": {"kind": "gpu"}}, []) == "mine"


def test_flavor_map_and_prices_have_the_last_word() -> None:
    """What the user says of flavors is what counts."""
    group = {"accelerator": {"kind": "npu"}}
    cheap = {"flavors": {"strange": 0.01}}
    assert fitting_flavor(group, FLAVORS, {"strange": {"kind": "npu", "model": "own"}}, cheap) == "strange"


def test_where_none_fits_the_message_says_what_there_is() -> None:
    """Need, fix, and the flavors."""
    with pytest.raises(AnsibleFilterError, match=r"kind gpu, models h100.*flavor_map.*gpu\.a100\.large"):
        fitting_flavor({"accelerator": {"kind": "gpu", "models": ["h100"]}}, FLAVORS)


def test_a_wrong_flavor_map_is_refused() -> None:
    """By the planner's own words."""
    with pytest.raises(AnsibleFilterError, match="'knd'"):
        fitting_flavor({"accelerator": {"kind": "gpu"}}, FLAVORS, {"strange": {"knd": "gpu"}})
