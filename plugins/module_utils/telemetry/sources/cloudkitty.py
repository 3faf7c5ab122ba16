# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudKitty's rating API, to read: what servers were rated at.

Its traps (cloudkitty/api/v2/summary and storage/v2): without a period it answers this month; it answers 100 rows unless asked for
more; a user who is not an admin sees the own project only; an attribute that its data lacks is an empty text in each row; and an empty
answer means that nothing was rated, which is not a price of 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read, translated
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError, ServiceError

if TYPE_CHECKING:
    from openstack.connection import Connection

SERVICE = "rating"
PAGE = 1000
# An address of this many ids is short enough for any proxy
IDS_AT_ONCE = 40
# A page that grew or shrank means that data came in between: begin anew, at most so often
READS = 3
# Prices are those of the last hours with data; it rates some hours late
PRICE_WINDOW_S = 86400

Row = Mapping[str, Any]
Fetch = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class Rated:
    """What CloudKitty says of servers.

    :param costs: what each server was rated at in the period, by id.
    :param latest: each server's rows of the last hours: (begin, end, rate), times as texts of ISO 8601.
    :param reason: why nothing is known, or what is not; none where all is well.
    """

    costs: Mapping[str, Decimal] = field(default_factory=dict)
    latest: Mapping[str, tuple[tuple[str, str, Decimal], ...]] = field(default_factory=dict)
    reason: str | None = None


NOT_OFFERED = Rated(reason="the cloud's catalog has no service 'rating'")


class CloudKitty:
    """Summaries of the rating service of a cloud.

    :param fetch: asks for one page: its query to its answer.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    def rows(self, begin: str, end: str, groupby: Sequence[str], filters: str = "") -> list[Row]:
        """All rows of a summary, page by page.

        :param begin: as a text of ISO 8601; the period holds what begins in it, so both should be at full hours.
        :param filters: ``attribute:value`` pairs with commas between; values of one attribute are alternatives.
        """
        asked: dict[str, Any] = {"begin": begin, "end": end, "groupby": ",".join(groupby), "limit": PAGE}
        if filters:
            asked["filters"] = filters
        for _read in range(READS):
            found, total, steady = [], None, True
            while steady and (total is None or len(found) < total):
                answer = self._fetch({**asked, "offset": len(found)})
                page = _table(answer)
                steady = total in (None, answer["total"]) and (bool(page) or answer["total"] == len(found))
                total = answer["total"]
                found += page
            if steady and len(found) == total:
                return found
        raise ServiceError(
            "Failed to read CloudKitty's summary: its pages do not fit together",
            code="BROKEN_ANSWER",
            resource=SERVICE,
            reason=f"{len(found)} of {total} rows after {READS} attempts",
            hint="Run again; if it stays so, look at CloudKitty's log",
        )

    def rated(self, ids: Iterable[str], attribute: str, whole: tuple[str, str], last: tuple[str, str]) -> Rated:
        """What these servers were rated at.

        :param attribute: of CloudKitty's data, which holds a server's id.
        :param whole: begin and end of the period.
        :param last: begin and end of the hours that prices are taken from.
        """
        ids = sorted(ids)
        costs: dict[str, Decimal] = {}
        latest: dict[str, list[tuple[str, str, Decimal]]] = {}
        for start in range(0, len(ids), IDS_AT_ONCE):
            filters = ",".join(f"{attribute}:{one}" for one in ids[start : start + IDS_AT_ONCE])
            for row in self.rows(*whole, (attribute, "type"), filters):
                if row.get("rate") is not None and row.get(attribute):
                    costs[row[attribute]] = costs.get(row[attribute], Decimal(0)) + Decimal(row["rate"])
            for row in self.rows(*last, (attribute, "type", "time"), filters):
                if row.get("rate") is not None and row.get(attribute):
                    entry = (str(row["begin"]), str(row["end"]), Decimal(row["rate"]))
                    latest.setdefault(row[attribute], []).append(entry)
        reason = self._why_nothing(attribute, whole) if ids and not costs else None
        return Rated(costs, {key: tuple(rows) for key, rows in latest.items()}, reason)

    def _why_nothing(self, attribute: str, whole: tuple[str, str]) -> str:
        rows = self.rows(*whole, (attribute, "type"))
        if not rows:
            return "CloudKitty has rated nothing in this period"
        if not any(row.get(attribute) for row in rows):
            types = ", ".join(sorted({str(row.get("type")) for row in rows}))
            return f"CloudKitty's data has no attribute '{attribute}' to group by (its types: {types}); give 'cloudkitty_attribute'"
        return "CloudKitty has rated none of these servers in this period"


def _table(answer: Mapping[str, Any]) -> list[Row]:
    return [dict(zip(answer["columns"], row, strict=True)) for row in answer["results"]]


def read_rated(
    connection: Connection, ids: Iterable[str], attribute: str, whole: tuple[str, str], last: tuple[str, str]
) -> tuple[Rated, KcloudError | None]:
    """What the cloud's CloudKitty says of servers; it is not needed, so that a failure is part of the answer."""
    try:
        with translated("find CloudKitty", SERVICE):
            endpoint = connection.config.get_session_client(SERVICE).get_endpoint()
        if not endpoint:
            return NOT_OFFERED, None
        return CloudKitty(_fetcher(connection, _base(endpoint))).rated(ids, attribute, whole, last), None
    except KcloudError as error:
        return (
            (NOT_OFFERED, None) if error.code == "SERVICE_NOT_IN_CATALOG" else (Rated(reason=error.sentence()), error)
        )


def _base(endpoint: str) -> str:
    """The address without a version: catalogs have it with and without."""
    found = endpoint.rstrip("/")
    return found[: -len("/v1")] if found.endswith(("/v1", "/v2")) else found


def _fetcher(connection: Connection, base: str) -> Fetch:
    def fetch(query: Mapping[str, Any]) -> Mapping[str, Any]:
        url = f"{base}/v2/summary?{urlencode(query)}"
        answer = read(lambda: connection.session.get(url), "read CloudKitty's summary", SERVICE)
        try:
            # Prices as they are written, and not the nearest binary numbers
            found = json.loads(b"" if answer is None else answer.content, parse_float=Decimal)
            _table(found)
            total = found["total"]
        except (ValueError, TypeError, KeyError) as error:
            raise _foreign(url) from error
        if not isinstance(total, int) or isinstance(total, bool):
            raise _foreign(url)
        return found

    return fetch


def _foreign(url: str) -> ServiceError:
    return ServiceError(
        "Failed to read CloudKitty's summary: the answer is not one of its version 2",
        code="BROKEN_ANSWER",
        resource=SERVICE,
        reason=url.partition("?")[0],
        hint="Check that the catalog's endpoint of 'rating' is CloudKitty, Rocky or newer; or set 'cloudkitty: false'",
    )
