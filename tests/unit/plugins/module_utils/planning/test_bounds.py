# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds: never above what can be had, and close where shares of devices decide."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.bounds import SCALE, least, measures
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Accelerator,
    Demand,
    Flavor,
    Part,
)
from hypothesis import given
from hypothesis import strategies as st

GPU = Flavor("gpu", 8000, 8192, (Accelerator("gpu", "a100", 2, 0, True),), price=10)
CPU = Flavor("cpu", 4000, 8192, price=1)


def shares(*wanted: int) -> list[tuple[Part, int]]:
    return [(Part(0, 0, (Demand("gpu", 1, share),)), 1) for share in wanted]


@pytest.mark.parametrize(
    ("parts", "bound"),
    [
        ([], 0),
        (shares(1000), 5),
        (shares(600, 600), 10),  # no device holds two of them
        (shares(600, 400), 5),
        (shares(800, 800, 800), 15),
        (shares(340, 340, 340), 7),  # two to a device: one and a half
        ([(Part(4000, 0), 3)], 3),
        ([(Part(0, 8192), 2)], 2),
    ],
)
def test_bounds_by_hand(parts: list[tuple[Part, int]], bound: int) -> None:
    assert least([(GPU, 9), (CPU, 9)], parts, lambda flavor: flavor.price) == bound


def test_models_stand_on_their_own_nodes() -> None:
    other = Flavor("old", 8000, 8192, (Accelerator("gpu", "t4", 2, 0, True),), price=1)
    parts = [(Part(0, 0, (Demand("gpu", 2, WHOLE, ("a100",)),)), 1)]
    assert least([(GPU, 9), (other, 9)], parts, lambda flavor: flavor.price) == 10


@given(st.lists(st.integers(1, WHOLE), max_size=12))
def test_no_device_holds_more_than_one(sizes: list[int]) -> None:
    """What fits on one device counts as at most one, by every measure."""
    held = []
    for size in sizes:
        if sum(held) + size <= WHOLE:
            held.append(size)
    for measure in measures(sizes):
        assert sum(measure(size) for size in held) <= WHOLE * SCALE
