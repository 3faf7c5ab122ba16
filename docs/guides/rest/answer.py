# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print a JSON answer for readers: what fits on a line is on one, and deep or long parts are cut. With keys: only that value."""

from __future__ import annotations

import json
import sys
from typing import Any

WIDTH, DEPTH, ENTRIES = 118, 3, 2


def cut(value: Any, depth: int = 0) -> Any:
    """The value without deep objects and without the rest of long lists."""
    if isinstance(value, dict):
        return {key: cut(inner, depth + 1) for key, inner in value.items()} if depth < DEPTH or not value else "{...}"
    if isinstance(value, list) and len(json.dumps(value)) > WIDTH:
        more = [f"... {len(value) - ENTRIES} more"] if len(value) > ENTRIES else []
        return [cut(entry, depth + 1) for entry in value[:ENTRIES]] + more
    return value


def written(value: Any, indent: str = "") -> str:
    """The value as JSON, on one line where it fits."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent + line) <= WIDTH or not isinstance(value, (dict, list)):
        return line
    inner = indent + "  "
    if isinstance(value, list):
        parts = [written(entry, inner) for entry in value]
        return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}]"
    parts = [f"{json.dumps(key)}: {written(entry, inner)}" for key, entry in value.items()]
    return "{\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}}}"


answer = json.load(sys.stdin)
for key in sys.argv[1:]:
    answer = answer[key]
print(answer if isinstance(answer, str) else written(cut(answer)))
