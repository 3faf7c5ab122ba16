# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a shared device is worth what the known shares make of it, not what would just fit."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.dust import best_filling, dust, prices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import gauge, growth
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Accelerator,
    Demand,
    Flavor,
    Part,
    Room,
)
from hypothesis import given
from hypothesis import strategies as st

SHARES = st.dictionaries(st.integers(1, 20).map(lambda size: size * 50), st.integers(1, 100), max_size=6)


@pytest.mark.parametrize(
    ("shares", "free", "wasted"),
    [
        ((), 400, 400),
        ((), WHOLE, 0),
        (((500, 3),), 500, 0),
        (((500, 3),), 700, 200),
        (((500, 3),), 300, 300),
        # One small share beside ten large ones finds room anyway; a hundred of them are what devices are taken for.
        (((160, 1), (810, 10)), 190, 190),
        (((160, 100), (810, 10)), 190, 190 - 167),
        # Three thirds fill a device, though they do not add up to a thousand.
        (((333, 9),), 667, 0),
    ],
)
def test_a_free_part_is_worth_what_the_known_shares_make_of_it(
    shares: tuple[tuple[int, int], ...], free: int, wasted: int
) -> None:
    assert dust(shares)[free] == wasted


@given(SHARES)
def test_prices_are_those_of_the_best_cutting(counts: dict[int, int]) -> None:
    shares = sorted(counts.items())
    paid = prices(shares)
    assert min(paid, default=0) >= -1e-6
    assert best_filling([(size, price) for (size, _number), price in zip(shares, paid)])[1] <= 1 + 1e-6
    # By duality they pay for as many devices as the best cutting takes: no fewer than are asked for, no more than first fit takes
    devices = sum(number * price for (_size, number), price in zip(shares, paid))
    assert devices >= sum(size * number for size, number in shares) / WHOLE - 1e-6
    assert devices <= first_fit(counts) + 1e-6


def first_fit(counts: dict[int, int]) -> int:
    devices: list[int] = []
    for size in sorted(counts, reverse=True):
        for _each in range(counts[size]):
            at = next((at for at, free in enumerate(devices) if free >= size), None)
            if at is None:
                devices.append(WHOLE - size)
            else:
                devices[at] -= size
    return len(devices)


@given(SHARES)
def test_no_more_is_dust_than_is_free_and_only_the_mix_counts(counts: dict[int, int]) -> None:
    shares = tuple(sorted(counts.items()))
    wasted = dust(shares)
    assert all(0 <= lost <= free for free, lost in enumerate(wasted))
    assert wasted == dust(tuple((size, 3 * number) for size, number in shares))


def test_a_share_leaves_the_room_that_another_would_fill_better() -> None:
    flavor = Flavor("g", 64_000, 65_536, (Accelerator("gpu", "t4", 1, 0, True),))
    mix = ((810, 10), (470, 8), (320, 3), (160, 1))
    fragments = gauge(tuple((Part(0, 0, (Demand("gpu", 1, share),)), number) for share, number in mix))

    def grown(free: int, share: int) -> int:
        before, then = (Room(64_000, 65_536, ((left,),), True) for left in (free, free - share))
        return growth(flavor, ((before, then, 1),), 0, fragments)

    # 470 beside 470 and 320 beside 320 twice, though by size alone 320 would go on the smaller free part
    assert grown(680, 320) < grown(530, 320)
    assert grown(530, 470) < grown(680, 470)
    # Rare small shares go where only dust is left
    assert grown(190, 160) < min(grown(free, 160) for free in (1000, 680, 530, 350))
