# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Costs as rows of FOCUS 1.2, the FinOps Foundation's format (https://focus.finops.org), and these as CSV.

The charge of a node group is allocated to its nodes in whole millionths, by the largest remainder: the rows of a group sum to
its charge exactly, and all rows to the costs that are known. Numbers are texts, since a binary number would round them.
Columns that begin with ``x_`` are ours, as the specification wants it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.charges import (
    FLOATING_IPS,
    NODES,
    VOLUMES,
    Charge,
    ClusterCost,
    rounded,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import Period, written
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.tariff import MICRO, money

# BillingCurrency is a code of ISO 4217
CURRENCY = re.compile(r"[A-Z]{3}")
# Texts by the names of columns; None is null
Row = dict[str, Any]
# ServiceCategory, ServiceSubcategory, ServiceName, ResourceType and PricingUnit of each kind of charge
SERVICES = {
    NODES: ("Compute", "Virtual Machines", "Kubernetes nodes", "Server", "Hours"),
    VOLUMES: ("Storage", "Block Storage", "Volumes of Kubernetes clusters", "Volume", "GiB-Hours"),
    FLOATING_IPS: ("Networking", "Network Connectivity", "Floating IPs of Kubernetes clusters", "Floating IP", "Hours"),
}


@dataclass(frozen=True)
class Account:
    """Who is charged and by whom: the project, the region, and the name of the provider."""

    project_id: str
    project_name: str | None
    region: str | None
    provider: str


@dataclass(frozen=True)
class Part:
    """A part of a charge: a node, or what is left of the charge.

    :param seconds: for how long, times GiB or addresses where it is of several.
    """

    id: str | None
    name: str | None
    seconds: int


def check_currency(currency: str) -> None:
    """Refuse a currency that FOCUS does not take.

    :raises InvalidRequest: it is not a code of ISO 4217.
    """
    if not CURRENCY.fullmatch(currency):
        raise InvalidRequest(
            f"Failed to write costs as FOCUS: '{currency}' is not a code of ISO 4217",
            resource="prices.currency",
            hint="Give 'prices.currency' as three capital letters, such as USD",
        )


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Whole parts of a total in proportion to the weights, which sum to it: what is left goes to the largest remainders,
    among equal ones to the first. Without any weight the parts are equal."""
    weights = weights if sum(weights) else [1] * len(weights)
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(total * weights[index] % whole), index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def parts_of(charge: Charge) -> list[Part]:
    """The nodes that are known and were there in the period, and the rest in one."""
    if charge.presence is None:
        return [Part(None, None, charge.count * charge.seconds)]
    parts = [Part(node.id, node.name, seconds) for node, seconds in charge.presence.nodes if seconds]
    return [*parts, Part(None, None, charge.presence.rest)] if charge.presence.rest or not parts else parts


def rows(costs: Iterable[ClusterCost], currency: str, period: Period, account: Account) -> list[Row]:
    """A row for each node, and for the volumes and floating IPs of each cluster; what is not known has no row."""
    check_currency(currency)
    every = _every_row(account, currency, period)
    return [
        {**every, **row}
        for cost in costs
        for charge in cost.charges
        if charge.cost.value
        for row in _of_charge(cost, charge, Decimal(charge.cost.value), period)
    ]


def _every_row(account: Account, currency: str, period: Period) -> Row:
    return {
        "BillingAccountId": account.project_id,
        "BillingAccountName": account.project_name,
        "BillingCurrency": currency,
        "BillingPeriodStart": written(_month(period.begin, 0)),
        "BillingPeriodEnd": written(_month(period.end - 1, 1)),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeFrequency": "Usage-Based",
        "CommitmentDiscountStatus": None,
        # Known to whoever writes the invoice
        "InvoiceId": None,
        "InvoiceIssuerName": account.provider,
        "ProviderName": account.provider,
        "PublisherName": account.provider,
        "RegionId": account.region,
        "RegionName": account.region,
    }


def _month(at: int, further: int) -> int:
    """The beginning of the month of a time in UTC, or of one so many months later."""
    found = datetime.fromtimestamp(at, UTC)
    months = found.year * 12 + found.month - 1 + further
    return int(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC).timestamp())


def _of_charge(cost: ClusterCost, charge: Charge, amount: Decimal, period: Period) -> Iterator[Row]:
    category, subcategory, service, kind, unit = SERVICES[charge.kind]
    parts = parts_of(charge)
    micros = largest_remainder(int(amount * MICRO), [part.seconds for part in parts])
    for part, micro in zip(parts, micros, strict=True):
        price = f"{money(micro):f}"
        quantity = f"{rounded(Decimal(part.seconds) / 3600):f}"
        yield {
            "BilledCost": price,
            "EffectiveCost": price,
            "ListCost": price,
            "ContractedCost": price,
            "ChargeDescription": f"{charge.name} of cluster {cost.cluster.name}",
            "ChargePeriodStart": written(period.end - min(charge.seconds or period.seconds, period.seconds)),
            "ChargePeriodEnd": written(period.end),
            "ConsumedQuantity": quantity,
            "ConsumedUnit": unit,
            "PricingQuantity": quantity,
            "PricingUnit": unit,
            "ResourceId": part.id or f"{cost.cluster.id}/{charge.name}",
            "ResourceName": part.name or charge.name,
            "ResourceType": kind,
            "ServiceCategory": category,
            "ServiceSubcategory": subcategory,
            "ServiceName": service,
            "Tags": json.dumps(dict(sorted(cost.cluster.labels.items())), ensure_ascii=False),
            "x_ClusterId": cost.cluster.id,
            "x_ClusterName": cost.cluster.name,
            "x_ClusterType": cost.type or None,
            "x_Team": cost.team,
            "x_NodeGroup": charge.name if charge.kind == NODES else None,
            "x_NodeRole": charge.role,
            "x_Flavor": charge.flavor,
            "x_PriceSource": charge.cost.source,
        }


def as_csv(given: Sequence[Row]) -> str:
    """Rows as CSV with a line of names; null is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=sorted(given[0]) if given else [], lineterminator="\n")
    if given:
        writer.writeheader()
        writer.writerows(given)
    return text.getvalue()
