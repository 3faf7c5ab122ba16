# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hour of the day where people are."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest


def hour_of_day(now: int, timezone: str = "") -> int:
    """The local hour, 0 to 23, of a time in seconds since 1970; without a time zone that of this host.

    :raises InvalidRequest: this host knows no such time zone.
    """
    if not timezone:
        return time.localtime(now).tm_hour
    try:
        return datetime.fromtimestamp(now, ZoneInfo(timezone)).hour
    except (KeyError, ValueError, OSError):
        raise InvalidRequest(
            f"Failed to read option 'timezone': '{timezone}' is not a time zone that this host knows",
            resource="timezone",
            hint="Give a name such as Asia/Seoul, install tzdata, or give 'local_hour'; nothing was changed",
        ) from None
