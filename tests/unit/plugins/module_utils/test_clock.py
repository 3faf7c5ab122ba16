# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hour of the day by time zone."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.clock import hour_of_day
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest

# 2026-01-31 20:00 UTC
EVENING = 1_769_889_600


def test_the_hour_is_that_of_the_time_zone() -> None:
    assert (hour_of_day(EVENING, "UTC"), hour_of_day(EVENING, "Asia/Seoul")) == (20, 5)


@pytest.mark.parametrize("name", ["Asia/Nowhere", "../etc/passwd", "Asia"])
def test_an_unknown_time_zone_is_named(name: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        hour_of_day(EVENING, name)
    assert error.value.resource == "timezone" and name in error.value.message
