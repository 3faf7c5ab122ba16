# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node loses for the known work: by CPU that is gone, and by models that others need."""

from __future__ import annotations

import random

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import (
    GRAIN,
    fragmentation,
    gauge,
    growth,
    supply,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Accelerator,
    Cluster,
    Demand,
    Flavor,
    Fleet,
    Group,
    Part,
    Room,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import capacity, occupied
from hypothesis import given, settings
from hypothesis import strategies as st


def node(model: str, count: int, cpu_m: int, kind: str = "gpu") -> Flavor:
    return Flavor(f"{model}-{count}-{cpu_m}", cpu_m, 512 * 1024, (Accelerator(kind, model, count, 0, True),))


def task(cpu_m: int, *models: str, count: int = 1, share: int = 1000, kind: str = "gpu") -> Part:
    return Part(cpu_m, 0, (Demand(kind, count, share, models),))


G2, T4, NPU = node("g2", 8, 96_000), node("t4", 2, 96_000), node("rngd", 2, 32_000, "npu")
SUPPLY = ((G2, 10), (T4, 10), (NPU, 4))
ANY, BOUND = task(8_000), task(8_000, "t4")


def grown(
    part: Part, flavor: Flavor, known: tuple[tuple[Part, int], ...], nodes: tuple[tuple[Flavor, int], ...]
) -> int:
    seating = ((flavor.empty, occupied(part, flavor, flavor.empty, 1), 1),)
    return growth(flavor, seating, 0, gauge(known, nodes))


def test_work_that_can_go_anywhere_leaves_the_scarce_model_to_the_bound_work() -> None:
    known = ((ANY, 80), (BOUND, 20))
    assert grown(ANY, G2, known, SUPPLY) < grown(ANY, T4, known, SUPPLY)
    # 20 of 100 ask for 20 of 108 devices besides their part of the rest: the price is what that presses more
    pressure = 1000 * 20 * 108 // (20 * 100)
    taken = Room(88_000, 512 * 1024, ((1000, 0),), True)
    dear = fragmentation(T4, taken, known, SUPPLY) - fragmentation(T4, taken, known)
    assert dear == 2 * pressure * 1000 // 1000


def test_nothing_is_dear_where_work_runs_anywhere() -> None:
    taken = Room(88_000, 512 * 1024, ((1000, 0),), True)
    for known in (((ANY, 5),), ((ANY, 5), (task(1_000, kind="npu"), 50)), ()):
        assert fragmentation(T4, taken, known, SUPPLY) == fragmentation(T4, taken, known)


def test_an_empty_node_is_never_dear() -> None:
    known = ((BOUND, 20),)
    for flavor, _count in SUPPLY:
        assert fragmentation(flavor, flavor.empty, known, SUPPLY) == fragmentation(flavor, flavor.empty, known)


def test_work_without_devices_counts_for_the_cpu_beside_them() -> None:
    room = Room(24_000, 512 * 1024, ((1000, 1000, 0, 0, 0, 0, 0, 0),), True)
    # 8 vCPU beside a device are there three times; with 8 more per device for plain work, only for one and a half
    assert fragmentation(G2, room, ((ANY, 10),)) == 0
    assert fragmentation(G2, room, ((ANY, 10), (Part(8_000, 0), 10))) == 500


def test_the_cpu_beside_a_device_is_that_of_work_which_can_use_it() -> None:
    room = Room(16_000, 512 * 1024, ((1000, 1000),), True)
    light, heavy = task(8_000), task(32_000)
    elsewhere = task(32_000, kind="npu")
    # Where the heavy work can come too, 16 vCPU are short beside two devices: nine times 8 and once 32 are 10.4 each
    assert fragmentation(T4, room, ((light, 9), (heavy, 1))) - 2000 // 10 == 2000 - 10_000 * 16_000 // 104_000
    assert fragmentation(T4, room, ((light, 9), (elsewhere, 1))) == 2000 // 10


def test_a_part_that_needs_a_whole_node_weighs_by_its_devices() -> None:
    one, eight = task(1_000), task(8_000, count=8)
    broken = occupied(one, G2, G2.empty, 1)
    # 1 of 10 parts, but 9 of 27 by weight: a third of the seven devices that are left
    assert fragmentation(G2, broken, ((one, 9), (eight, 1))) == 7000 * 9 // 27


def test_growth_is_reported_in_steps() -> None:
    one, eight = task(1_000), task(8_000, count=8)
    assert grown(one, G2, ((one, 9), (eight, 1)), ()) == 7000 * 9 // 27 // GRAIN * GRAIN


def test_supply_counts_the_nodes_with_devices() -> None:
    plain = Flavor("cpu", 8_000, 1024)
    groups = (Group("a", G2, 3), Group("b", plain, 9), Group("c", T4, 0))
    clusters = (Cluster("1", "one", "x", groups), Cluster("2", "two", "x", (Group("a", G2, 2),)))
    assert supply(Fleet(clusters=clusters)) == ((G2, 5),)


PARTS = st.builds(
    lambda cpu, count, share, models: task(cpu, *models, count=count, share=share if count == 1 else 1000),
    st.integers(0, 40_000),
    st.sampled_from([1, 1, 2, 8]),
    st.sampled_from([250, 400, 1000]),
    st.sampled_from([(), ("t4",), ("g2", "t4"), ("p100",)]),
)
MIXES = st.lists(st.tuples(PARTS, st.integers(1, 99)), max_size=6)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(MIXES, PARTS, st.integers(0, 2**32))
def test_fragmentation_is_of_sets_and_never_negative(known: list[tuple[Part, int]], part: Part, seed: int) -> None:
    """The order of what is known and of what there is means nothing."""
    chance = random.Random(seed)
    fragments = gauge(tuple(known), SUPPLY)
    other = gauge(tuple(chance.sample(known, len(known))), tuple(chance.sample(SUPPLY, len(SUPPLY))))
    for flavor, _count in SUPPLY:
        room = flavor.empty
        while capacity(part, flavor, room, 1) and part.cpu_m:
            room = occupied(part, flavor, room, 1)
            assert fragments(flavor, room) == other(flavor, room) >= 0
