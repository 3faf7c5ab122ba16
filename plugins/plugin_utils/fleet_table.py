# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of a fleet, as lines to read: the objects that changed or failed, and how many did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.text_table import table

COLUMNS = {"object": "object", "action": "action", "changes": "changes", "status": "status"}


def fleet_table(objects: Sequence[Mapping[str, Any]], *, check_mode: bool = False) -> list[str]:
    """Lines for a person.

    :param objects: ``objects`` of the module's result.
    :param check_mode: nothing was changed; the table says what would be.
    """
    if not objects:
        return []
    rows = [_row(entry) for entry in objects if entry["changed"] or entry["failure"]]
    same = len(objects) - len(rows)
    closing = f"{same} of {len(objects)} objects are as declared"
    if not rows:
        return [closing]
    title = "to be changed:" if check_mode else "changed:"
    return [title, *table(rows, COLUMNS), closing]


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    verbs = list(dict.fromkeys(change["verb"] for change in entry["changes"]))
    failure = entry["failure"]
    return {
        "object": f"{entry['kind']}/{entry['name']}",
        "action": "failed" if failure else entry["action"],
        "changes": ", ".join(verbs),
        "status": failure["code"] if failure else entry["status"] or "",
    }
