# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables for a terminal: pure, so that tests can read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

INDENT = "  "
GAP = "  "


def cell(value: Any) -> str:
    """A value in a table: one line, numbers without a tail of zeros, nothing as a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(str(value).split())


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> list[str]:
    """Lines of a table: a heading, then a line a row; numbers stand right.

    :param columns: key of a row -> heading, in the order shown.
    """
    heads = [str(heading) for heading in columns.values()]
    body = [[cell(row.get(key)) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *body)]
    numeric = [
        bool(rows)
        and all(isinstance(row.get(key), (int, float)) and not isinstance(row.get(key), bool) for row in rows)
        for key in columns
    ]

    def line(cells: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if right else text.ljust(width) for text, width, right in zip(cells, widths, numeric)
        ]
        return (INDENT + GAP.join(padded)).rstrip()

    return [line(heads), *(line(cells) for cells in body)]
