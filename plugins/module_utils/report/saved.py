# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of clean-ups -> what was saved in the last seven days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import mappings, text
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import HOURS_A_WEEK
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.read import amount, moment

HOUR_S = 3600
SAVING = ("delete", "park")


def saved_in_a_week(records: object, until: int | None) -> float | None:
    """What the changes of the last seven days have saved: the saving per hour times the hours since each of them.

    A parked cluster saves until it is woken or deleted. A cluster that was changed before these seven days counts no more,
    as nobody knows whether it would still be there.

    :param records: lines that the role cluster_cleanup writes, in any order; None where nobody gives them.
    :param until: the end of the seven days, in seconds since 1970.
    :returns: in the unit of the prices that the clean-up was given; None where it is unknown.
    :raises InvalidRequest: a record cannot be read; the message names its path.
    """
    if records is None or until is None:
        return None
    since, saved = until - HOURS_A_WEEK * HOUR_S, 0.0
    running: dict[str, tuple[int, float]] = {}
    for at, identity, action, saving in sorted(_changes(records)):
        if at > until:
            break
        begun, rate = running.pop(identity, (at, 0.0))
        saved += rate * (at - begun) / HOUR_S
        if action in SAVING and at >= since:
            running[identity] = at, saving
    return saved + sum(rate * (until - begun) / HOUR_S for begun, rate in running.values())


def _changes(records: object) -> list[tuple[int, str, str, float]]:
    """Time, cluster, action and saving per hour of each change that came to its end."""
    found = []
    for path, record in mappings(records, "records"):
        action = text(record.get("action"), f"{path}.action")
        if record.get("stage") != "done" or action not in (*SAVING, "wake"):
            continue
        at = _when(record, path)
        saving = amount(record.get("saving_h"), f"{path}.saving_h") or 0.0
        if at is not None:
            found.append((at, text(record.get("cluster_id"), f"{path}.cluster_id"), action, saving))
    return found


def _when(record: Mapping[str, Any], path: str) -> int | None:
    """When the change was seen to be made, or else when it was decided."""
    key = "written" if record.get("written") else "time"
    return moment(record.get(key), f"{path}.{key}")
