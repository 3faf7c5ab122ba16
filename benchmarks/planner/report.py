# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every benchmark ends with: a table for people, and the same as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under the keys of the first, right-aligned but for the first column."""
    if not rows:
        return "nothing measured"
    names = list(rows[0])
    texts = [names, *([_text(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[at]) for line in texts) for at in range(len(names))]
    return "\n".join(
        " | ".join(f"{cell:<{width}}" if at == 0 else f"{cell:>{width}}" for at, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths)) for line in texts)
    )


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.4g}"
        if isinstance(value, float) and abs(value) < 10
        else f"{value:.2f}"
        if isinstance(value, float)
        else str(value)
    )


def write(path: Path, name: str, rows: Sequence[Mapping[str, Any]], **more: Any) -> None:
    """The rows as JSON, with what they were taken on."""
    found = {"benchmark": name, "python": platform.python_version(), **more, "rows": list(rows)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
