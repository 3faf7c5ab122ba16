# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that are read around what cannot be shown."""

from __future__ import annotations

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.unreadable_lists import Page, around
from hypothesis import given
from hypothesis import strategies as st

# (name, uuid, whether it is ours), the id being the place in the list
Thing = tuple[str, str, bool]
THINGS = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=3), st.uuids(version=4).map(str), st.booleans()),
    max_size=300,
    unique_by=lambda thing: thing[1],
)


def pages_of(things: list[Thing], broken: set[str]) -> Page[Thing]:
    """Pages as Magnum gives them: none where one of its entries is broken."""

    def page(limit: int, marker: str | None, key: str, direction: str) -> list[Thing] | None:
        orders = {"id": things, "name": sorted(things), "uuid": sorted(things, key=lambda thing: thing[1])}
        ordered = orders[key] if direction == "asc" else orders[key][::-1]
        start = 0 if marker is None else [thing[1] for thing in ordered].index(marker) + 1
        part = ordered[start : start + limit]
        return None if any(thing[1] in broken for thing in part) else part

    return page


def read(things: list[Thing], broken: set[str]) -> tuple[list[Thing], int]:
    total = sum(thing[2] for thing in things)
    return around(pages_of(things, broken), lambda thing: thing[1], lambda thing: thing[2], total)


@given(THINGS, st.data())
def test_one_that_is_broken_hides_nothing_else(things: list[Thing], data: st.DataObject) -> None:
    """Wherever it stands, in lists of every length, whether it is ours or not."""
    broken = {data.draw(st.sampled_from(things))[1]} if things else set()
    found, missing = read(things, broken)
    wanted = {thing for thing in things if thing[2] and thing[1] not in broken}
    assert set(found) == wanted
    assert missing == sum(thing[2] for thing in things) - len(wanted)


@given(THINGS, st.data())
def test_nothing_is_missing_without_being_counted(things: list[Thing], data: st.DataObject) -> None:
    """However many are broken: what was found is right, and what was not found is reported."""
    broken = set(data.draw(st.lists(st.sampled_from([thing[1] for thing in things]), max_size=5)) if things else [])
    found, missing = read(things, broken)
    assert len(set(found)) == len(found)
    assert all(thing[2] and thing[1] not in broken for thing in found)
    assert missing == sum(thing[2] for thing in things) - len(found)


def test_two_that_are_broken_are_read_around_by_another_order() -> None:
    """In the order of the list they hide what lies between them, by name they stand together."""
    things = [("a", "1", True), ("z", "2", True), ("m", "3", True), ("y", "4", True), ("b", "5", True)]
    found, missing = read(things, {"2", "4"})
    assert (sorted(thing[0] for thing in found), missing) == (["a", "b", "m"], 2)
