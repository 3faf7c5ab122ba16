# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CloudKitty rated servers at -> the price and the cost of a node group."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import instant
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.charges import rounded
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import Period, written
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.tariff import CLOUDKITTY
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

HOUR_S = 3600
# begin, end and rate of a stretch of time
Stretch = tuple[str, str, Decimal]


def full_hours(begin: int, end: int) -> tuple[str, str]:
    """The full hours that begin in a period: what is rated belongs to the hour that it begins in."""
    first, last = -(-begin // HOUR_S) * HOUR_S, -(-end // HOUR_S) * HOUR_S
    return written(first), written(max(last, first + HOUR_S))


def hourly(stretches: Collection[Stretch]) -> tuple[Decimal, int] | None:
    """What a server is rated at per hour in its latest stretch of time, and when that ends; several types add up."""
    known = [(instant(begin), instant(end), rate) for begin, end, rate in stretches]
    timed = [(begin, end, rate) for begin, end, rate in known if begin is not None and end is not None and end > begin]
    if not timed:
        return None
    newest = max(begin for begin, _end, _rate in timed)
    last = max(end for begin, end, _rate in timed if begin == newest)
    total = sum((rate for begin, _end, rate in timed if begin == newest), Decimal(0))
    return total * HOUR_S / (last - newest), last


def rated_price(latest: Mapping[str, Collection[Stretch]], ids: Collection[str], unit: str) -> Figure:
    """The mean price of a group's nodes per hour, of those that are rated."""
    found = [price for one in ids if (price := hourly(latest.get(one, ()))) is not None]
    if not found:
        return Figure(None, unit, 0, reason="CloudKitty has rated none of these nodes lately")
    value = rounded(sum((rate for rate, _end in found), Decimal(0)) / len(found))
    return Figure(value, unit, 0, CLOUDKITTY, len(found) / len(ids))


def rated_cost(
    costs: Mapping[str, Decimal],
    latest: Mapping[str, Collection[Stretch]],
    ids: Collection[str],
    unit: str,
    period: Period,
) -> Figure:
    """What a group's nodes were rated at in the period. What was not rated yet lowers the coverage, and is not guessed."""
    found = [costs[one] for one in ids if one in costs]
    if not found:
        return Figure(None, unit, period.seconds, reason="CloudKitty has rated none of these nodes in this period")
    ends = [price[1] for one in ids if (price := hourly(latest.get(one, ()))) is not None]
    until = min(max(ends, default=period.begin), period.end)
    share = (until - period.begin) / period.seconds
    reasons = []
    if len(found) < len(ids):
        reasons.append(f"CloudKitty has rated {len(found)} of {len(ids)} nodes")
    if until < period.end:
        reasons.append(f"CloudKitty has rated up to {written(until)}")
    coverage = len(found) / len(ids) * max(0.0, share)
    total = rounded(sum(found, Decimal(0)))
    return Figure(total, unit, period.seconds, CLOUDKITTY, coverage, "; ".join(reasons) or None)
