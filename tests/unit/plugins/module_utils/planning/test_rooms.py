# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic of room on nodes, and the fragmentation of what is left."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import (
    fragmentation,
    gauge,
    growth,
    mix,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Accelerator,
    Demand,
    Flavor,
    Part,
    Room,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import (
    after,
    capacity,
    occupied,
    seated,
    total_capacity,
)

FOUR = Flavor("four", 48_000, 256 * 1024, (Accelerator("gpu", "a100", 4, 40 * 1024),))
SHARED = Flavor("shared", 16_000, 64 * 1024, (Accelerator("gpu", "l4", 2, 24 * 1024, shareable=True),))
BOTH = Flavor("both", 32_000, 64 * 1024, (Accelerator("gpu", "a100", 1), Accelerator("npu", "rngd", 2)))


def gpus(count: int, share: int = 1000, mem_mib: int = 0) -> tuple[Demand, ...]:
    return (Demand("gpu", count, share, (), mem_mib),)


@pytest.mark.parametrize(
    ("part", "flavor", "replicas"),
    [
        (Part(1000, 0), FOUR, 48),
        (Part(0, 100 * 1024), FOUR, 2),
        (Part(0, 0, gpus(1)), FOUR, 4),
        (Part(0, 0, gpus(3)), FOUR, 1),
        (Part(20_000, 0, gpus(1)), FOUR, 2),
        (Part(0, 0, gpus(5)), FOUR, 0),
        (Part(0, 0, (Demand("npu", 1),)), FOUR, 0),
        (Part(0, 0, (Demand("gpu", 1, models=("h100",)),)), FOUR, 0),
        (Part(0, 0, gpus(1, mem_mib=40 * 1024)), FOUR, 4),
        (Part(0, 0, gpus(1, mem_mib=48 * 1024)), FOUR, 0),
        # a device that cannot be shared is given whole, with all of its memory
        (Part(0, 0, gpus(1, 250, 40 * 1024)), FOUR, 4),
        (Part(0, 0, gpus(1, 300)), SHARED, 6),
        (Part(0, 0, gpus(2, 300)), SHARED, 3),
        # half a device has half of its memory
        (Part(0, 0, gpus(1, 500, 12 * 1024)), SHARED, 4),
        (Part(0, 0, gpus(1, 500, 13 * 1024)), SHARED, 0),
        (Part(0, 0, (Demand("gpu", 1), Demand("npu", 1))), BOTH, 1),
        (Part(0, 0, (Demand("npu", 1),)), BOTH, 2),
    ],
)
def test_capacity_of_an_empty_node(part: Part, flavor: Flavor, replicas: int) -> None:
    assert capacity(part, flavor, flavor.empty, 1000) == replicas


def test_shares_fill_the_fullest_device_first() -> None:
    room = Room(16_000, 64 * 1024, ((1000, 400),))
    taken = occupied(Part(1000, 1024, gpus(1, 400)), SHARED, room, 1)
    assert taken == Room(15_000, 63 * 1024, ((1000, 0),), busy=True)


def test_one_demand_may_take_from_several_models() -> None:
    mixed = Flavor("mixed", 8000, 8192, (Accelerator("gpu", "a100", 1), Accelerator("gpu", "h100", 1)))
    part = Part(0, 0, gpus(2))
    assert capacity(part, mixed, mixed.empty, 9) == 1
    assert occupied(part, mixed, mixed.empty, 1).devices == ((0,), (0,))


def test_many_nodes_cost_no_more_than_few() -> None:
    part = Part(24_000, 0, gpus(2))
    rooms = ((FOUR.empty, 1_000_000),)
    assert total_capacity(part, FOUR, rooms, 10**9) == 2_000_000
    seating, left = seated(part, FOUR, rooms, 1_500_001)
    assert left == 0
    full, half = Room(0, 256 * 1024, ((0, 0, 0, 0),), True), Room(24_000, 256 * 1024, ((1000, 1000, 0, 0),), True)
    assert after(rooms, seating) == ((full, 750_000), (half, 1), (FOUR.empty, 249_999))


def test_the_fullest_room_that_fits_is_filled_first() -> None:
    small, large = Room(1000, 1024, ((),), True), Room(3000, 4096, ((),), True)
    plain = Flavor("plain", 4000, 8192)
    seating, left = seated(Part(1000, 1024), plain, ((small, 1), (large, 2)), 5)
    assert [(room, nodes) for room, _taken, nodes in seating] == [(small, 1), (large, 1), (large, 1)]
    assert left == 0
    assert seated(Part(1000, 1024), plain, ((small, 1), (large, 2)), 9)[1] == 2


def test_alone_means_empty_nodes_and_nobody_after() -> None:
    busy = Room(48_000, 256 * 1024, FOUR.empty.devices, busy=True)
    seating, left = seated(Part(1000, 0), FOUR, ((busy, 3), (FOUR.empty, 1)), 2, alone=True)
    assert left == 0
    assert seating == ((FOUR.empty, Room(0, 0, ((0, 0, 0, 0),), True), 1),)


TRAIN = Part(32_000, 0, gpus(4))
INFER = Part(2_000, 0, gpus(1))


@pytest.mark.parametrize(
    ("room", "known", "lost"),
    [
        (FOUR.empty, ((TRAIN, 1),), 0),
        (FOUR.empty, (), 0),
        # three devices are free, the training that needs four can use none of them
        (Room(36_000, 192 * 1024, ((1000, 1000, 1000, 0),)), ((TRAIN, 1),), 3000),
        (Room(36_000, 192 * 1024, ((1000, 1000, 1000, 0),)), ((INFER, 1),), 0),
        (Room(36_000, 192 * 1024, ((1000, 1000, 1000, 0),)), ((TRAIN, 1), (INFER, 2)), 1666),
        # devices enough, but not the CPU that work of this kind takes with them, nor the memory: lost, and stranded as well
        (Room(36_000, 192 * 1024, ((1000, 1000, 1000, 0),)), ((Part(40_000, 0, gpus(1)), 1),), 5100),
        (Room(36_000, 192 * 1024, ((1000, 1000, 1000, 0),)), ((Part(0, 200 * 1024, gpus(1)), 1),), 5040),
        # no CPU is left beside two free devices: nobody's history is needed to see that
        (Room(0, 256 * 1024, ((1000, 1000, 0, 0),)), (), 2000),
        (Room(12_000, 256 * 1024, ((1000, 1000, 0, 0),)), (), 1000),
        (Room(12_000, 0, ((0, 0, 0, 0),)), ((TRAIN, 1),), 0),
    ],
)
def test_fragmentation(room: Room, known: tuple[tuple[Part, int], ...], lost: int) -> None:
    assert fragmentation(FOUR, room, known) == lost


def test_dead_shares_are_fragments() -> None:
    room = Room(16_000, 64 * 1024, ((1000, 300),))
    half = Part(0, 0, gpus(1, 500))
    # lost to the next task, and twofold as dust: to all that come
    assert fragmentation(SHARED, room, ((half, 1),)) == 300 + 2 * 300


def test_growth_counts_new_nodes_from_nothing() -> None:
    fragments = gauge(((TRAIN, 1),))
    seating, _left = seated(INFER, FOUR, ((FOUR.empty, 1),), 1)
    assert growth(FOUR, seating, 0, fragments) == 3000
    assert growth(FOUR, seating, 1, fragments) == 3000


def test_the_mix_counts_parts_commonest_first() -> None:
    plain = Part(1, 1)
    assert mix(((INFER, 2), (plain, 9)), ((TRAIN, 3), (INFER, 2))) == ((plain, 9), (INFER, 4), (TRAIN, 3))
