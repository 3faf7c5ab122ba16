# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables for a terminal."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.text_table import cell, table


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        (" ", ""),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (1.50, "1.5"),
        ("two\nlines  here", "two lines here"),
    ],
)
def test_cell(value: object, shown: str) -> None:
    """Every value has one line."""
    assert cell(value) == shown


def test_columns_are_as_wide_as_needed_and_numbers_stand_right() -> None:
    """A column with anything but numbers stands left; nothing is padded at the end of a line."""
    rows = [{"name": "a", "n": 3, "mixed": 1, "last": "x"}, {"name": "abc", "n": 12, "mixed": "two"}]
    assert table(rows, {"name": "name", "n": "n", "mixed": "mixed", "last": "the last"}) == [
        "  name   n  mixed  the last",
        "  a      3  1      x",
        "  abc   12  two    -",
    ]


def test_without_rows_there_is_a_heading() -> None:
    """It is the caller who says what no rows mean."""
    assert table([], {"name": "name"}) == ["  name"]
