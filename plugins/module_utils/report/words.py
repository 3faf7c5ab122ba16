# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers, times and codes as people read them. One way for each, in all formats."""

from __future__ import annotations

from datetime import UTC, datetime

from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import Sum
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

UNKNOWN = "unknown"


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands apart; without digits that say nothing."""
    if value is None:
        return UNKNOWN
    text = f"{value:,.{digits}f}"
    return "0" if text.strip("-0.,") == "" else text


def count(value: float | None) -> str:
    """A number of devices, which can be in parts."""
    return number(value, 0 if value is None or abs(value - round(value)) < 0.05 else 1)


def sum_of(found: Sum, digits: int = 0) -> str:
    """A sum, with what it does not know."""
    if found.is_bound and not found.value:
        return UNKNOWN  # At least 0 says nothing
    said = count(found.value) if digits == 0 else number(found.value, digits)
    return f"at least {said}" if found.is_bound else said


def cell_of(found: Sum, digits: int = 0) -> str:
    """A sum in a table, without room for words; a dash where there is nothing to count."""
    if not found.of:
        return "–"
    return sum_of(found, digits).removeprefix("at least ")


def money(value: float | None, currency: str, per: str = "") -> str:
    """An amount of money; without a currency it is in the unit of the prices."""
    if value is None:
        return UNKNOWN
    return " ".join(
        filter(None, [number(value, 2), f"{currency}/{per}" if currency and per else f"per {per}" if per else currency])
    )


def percent(value: float | None) -> str:
    """A share of 1; one digit where it is small, so that nearly idle is not idle."""
    if value is None:
        return UNKNOWN
    return (
        f"{value * 100:.2g} %"
        if 0.001 <= value < 0.0995
        else f"{value * 100:.1f} %"
        if 0 < value < 0.001
        else f"{value * 100:.0f} %"
    )


def watts(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value / 1000:,.2f} kW" if value >= 1000 else f"{value:,.0f} W"


def sum_of_watts(found: Sum) -> str:
    """Power of several, with what it does not know."""
    if found.is_bound and not found.value:
        return UNKNOWN
    said = watts(found.value)
    return f"at least {said}" if found.is_bound else said


def plural(value: float, word: str) -> str:
    """A number and its noun."""
    return f"{count(value)} {word}" if value == 1 else f"{count(value)} {word}s"


def span(seconds: int) -> str:
    """A length of time in its largest fitting unit."""
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            found = seconds / size
            return f"{found:.4g} {word}{'' if found == 1 else 's'}"
    return f"{seconds} seconds"


def last(seconds: int) -> str:
    """The time up to now, as in "over the last day"."""
    return f"last {span(seconds).removeprefix('1 ')}"


def moment(seconds: int | None) -> str:
    """A time in UTC."""
    return UNKNOWN if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def code(text: str) -> str:
    """A code of a reason in words."""
    return text.replace("_", " ").lower()


def about(figure: Figure) -> str:
    """Where a figure is from, how much of nodes and time it covers, and why it is not known."""
    parts = [
        figure.source,
        f"coverage {percent(figure.coverage)}" if figure.value is not None and figure.coverage < 1 else None,
    ]
    return "; ".join(filter(None, [*parts, figure.reason]))
