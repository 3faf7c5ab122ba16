# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cloud is seeded with."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from devcloud import catalog, config


def test_every_counted_accelerator_is_in_the_host_inventory() -> None:
    inventory = (config.TEMPLATES / "accelerators.yaml").read_text()
    wanted = {
        key.removeprefix("resources:")
        for flavor in catalog.FLAVORS
        for key in flavor.specs
        if key.startswith("resources:")
    }
    assert wanted == {"CUSTOM_GPU_A100", "CUSTOM_NPU_RNGD", "CUSTOM_NPU_ATOM"}
    assert all(f"{name}: " in inventory for name in wanted)


def test_flavor_names_are_distinct() -> None:
    names = [flavor.name for flavor in catalog.FLAVORS]
    assert len(set(names)) == len(names)


def test_both_tenants_have_quotas_and_an_operator() -> None:
    assert set(catalog.QUOTAS) == set(catalog.OPERATORS) == {catalog.TENANT, catalog.OTHER_TENANT}
    assert catalog.QUOTAS[catalog.OTHER_TENANT][0] == 2
