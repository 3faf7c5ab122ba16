# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Magnum's table of its drivers, read by one thread at a time.

The first request fills the table where every thread sees it: another one that comes between two drivers is answered that
its type of cluster is not supported, by a 400 of the API or a failed cluster of the conductor.
"""

from __future__ import annotations

import threading
from typing import Any

from magnum.drivers.common.driver import Driver

_LOCK = threading.RLock()
_get_drivers = Driver.get_drivers


def _get_all_drivers(_class: type[Driver]) -> dict[Any, Any]:
    """The table, as it is when nobody fills it."""
    with _LOCK:
        return _get_drivers()


def complete() -> None:
    """Let every thread of this process see the table of drivers only when it is complete."""
    Driver.get_drivers = classmethod(_get_all_drivers)
