# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Series as text: a history that `promtool` makes blocks of, and the present that a Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from devcloud.telemetry.fleet import Fleet
from devcloud.telemetry.series import Series, series_of


def history(fleet: Fleet) -> str:
    """All samples of the fleet's time, in OpenMetrics."""
    times = range(fleet.begin, fleet.end + 1, fleet.step)
    lines = [line for one in series_of(fleet) for line in _samples(one, times)]
    return "\n".join([*lines, "# EOF\n"])


def present(fleet: Fleet, now: float) -> str:
    """The samples at one time, in Prometheus' text format."""
    lines = [f"{one.text} {float(one.value(now))}" for one in series_of(fleet) if one.present(now)]
    return "\n".join([*lines, ""])


def _samples(one: Series, times: Iterable[int]) -> Iterator[str]:
    text = one.text
    return (f"{text} {float(one.value(time))} {time}" for time in times if one.present(time))
