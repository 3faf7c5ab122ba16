# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of the planner's answers: text with columns of fixed width, so that two can be laid side by side."""

from __future__ import annotations

from collections.abc import Iterable

Columns = tuple[tuple[str, int], ...]


def text_table(columns: Columns, rows: Iterable[tuple[str, ...]], total: int, things: str = "candidates") -> str:
    """A heading and a line a row; what is too long is cut, but in a column of width 0.

    :param total: how many rows there are in all; those left off are counted in a last line.
    """
    shown = [tuple(title for title, _width in columns), *rows]
    lines = [" ".join(_cell(text, width) for text, (_title, width) in zip(row, columns)).rstrip() for row in shown]
    left_off = total - (len(lines) - 1)
    if left_off:
        lines.append(f"... and {left_off} more {things}")
    return "\n".join(lines) + "\n"


def _cell(text: str, width: int) -> str:
    if not width:
        return text
    return f"{text:<{width}}" if len(text) <= width else f"{text[: width - 1]}~"
