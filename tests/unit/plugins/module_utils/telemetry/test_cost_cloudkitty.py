# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudKitty's summaries: pages, sums, and what an empty answer means."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import ServiceError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import instant
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import Period
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.rated import (
    full_hours,
    hourly,
    rated_cost,
    rated_price,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.cloudkitty import (
    IDS_AT_ONCE,
    PAGE,
    CloudKitty,
    read_rated,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import Entry, scripted_cloud

pytest.importorskip("openstack")

WHOLE = ("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")
LAST = ("2026-12-01T18:00:00Z", "2026-12-02T00:00:00Z")
A, B = "0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a11", "0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a12"
Row = dict[str, Any]


class Storage:
    """A rating service that holds points, and answers as CloudKitty does with InfluxDB: an unknown attribute is an empty text."""

    def __init__(self, points: list[Row]) -> None:
        self.points = points
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(query)
        groupby = query["groupby"].split(",")
        wanted = [pair.split(":") for pair in query.get("filters", "").split(",") if pair]
        groups: dict[tuple[str, ...], Row] = {}
        for point in self.points:
            if not query["begin"] <= point["begin"] < query["end"]:
                continue
            if wanted and point.get(wanted[0][0]) not in [value for _name, value in wanted]:
                continue
            timed = "time" in groupby
            names = [name for name in groupby if name != "time"]
            key = (*(point.get(name, "") for name in names), point["begin"] if timed else "")
            held = groups.setdefault(key, {
                "begin": point["begin"] if timed else query["begin"], "end": point["end"] if timed else query["end"],
                "qty": Decimal(0), "rate": Decimal(0), **{name: point.get(name, "") for name in names},
            })  # fmt: skip
            held["rate"] += Decimal(point["rate"])
        rows = [groups[key] for key in sorted(groups)]
        offset, limit = query["offset"], query.get("limit", 100)
        page = rows[offset : offset + limit]
        return {
            "total": len(rows),
            "columns": list(page[0]) if page else [],
            "results": [list(row.values()) for row in page],
        }


def point(server: str, hour: int, rate: str, kind: str = "instance", **more: str) -> Row:
    times = {"begin": f"2026-12-01T{hour:02}:00:00Z", "end": f"2026-12-01T{hour + 1:02}:00:00Z"}
    return {"id": server, "type": kind, "rate": rate, **times, **more}


def test_all_pages_are_read() -> None:
    storage = Storage([point(f"s{number:05}", 3, "0.1") for number in range(2 * PAGE + 500)])
    rows = CloudKitty(storage).rows(*WHOLE, ("id", "type"))
    assert len(rows) == 2 * PAGE + 500
    assert [query["offset"] for query in storage.asked] == [0, PAGE, 2 * PAGE]
    assert {(query["begin"], query["end"], query["limit"]) for query in storage.asked} == {(*WHOLE, PAGE)}


def test_a_list_that_grows_while_it_is_read_is_read_anew() -> None:
    storage = Storage([point(f"s{number:05}", 3, "0.1") for number in range(PAGE + 10)])

    def growing(query: Mapping[str, Any]) -> Mapping[str, Any]:
        if len(storage.asked) == 1:
            storage.points.append(point("a-new-one", 4, "0.1"))
        return storage(query)

    assert len(CloudKitty(growing).rows(*WHOLE, ("id",))) == PAGE + 11
    assert [query["offset"] for query in storage.asked] == [0, PAGE, 0, PAGE]


def test_a_list_that_never_fits_its_total_is_an_error() -> None:
    def broken(query: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"total": 3, "columns": ["id"], "results": [["x"]] if query["offset"] == 0 else []}

    with pytest.raises(ServiceError) as caught:
        CloudKitty(broken).rows(*WHOLE, ("id",))
    assert caught.value.code == "BROKEN_ANSWER"


def test_sums_are_exact_over_types_and_hours() -> None:
    points = [point(A, hour, "0.1") for hour in range(18, 21)] + [
        point(A, 20, "0.02", "volume.size"),
        point("x", 3, "9"),
    ]
    found = CloudKitty(Storage(points)).rated([A, B], "id", WHOLE, LAST)
    assert found.costs == {A: Decimal("0.32")}
    assert found.reason is None
    assert hourly(found.latest[A]) == (Decimal("0.12"), instant("2026-12-01T21:00:00Z"))


def test_many_servers_are_asked_for_in_parts() -> None:
    ids = [f"s{number:05}" for number in range(2 * IDS_AT_ONCE + 1)]
    storage = Storage([point(one, 3, "0.5") for one in ids])
    found = CloudKitty(storage).rated(ids, "id", WHOLE, LAST)
    assert sum(found.costs.values()) == Decimal("40.5")
    assert len(storage.asked) == 6
    assert max(len(query["filters"].split(",")) for query in storage.asked) == IDS_AT_ONCE


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([], "has rated nothing in this period"),
        ([point("someone-else", 3, "1")], "has rated none of these servers in this period"),
        ([{**point("", 3, "1"), "resource": A}], "has no attribute 'id' to group by (its types: instance)"),
    ],
)
def test_nothing_is_unknown_and_says_why(points: list[Row], reason: str) -> None:
    found = CloudKitty(Storage(points)).rated([A], "id", WHOLE, LAST)
    assert found.costs == {}
    assert reason in (found.reason or "")


def test_another_attribute_can_hold_the_servers_id() -> None:
    storage = Storage([{**point("", 3, "1.5"), "resource": A}])
    assert CloudKitty(storage).rated([A], "resource", WHOLE, LAST).costs == {A: Decimal("1.5")}


# --- over HTTP


def ask(*script: Entry, in_catalog: bool = True) -> Any:
    with scripted_cloud(script) as cloud:
        config: dict[str, Any] = {"auth": cloud.auth()}
        if in_catalog:
            config["rating_endpoint_override"] = f"{cloud.server.url}/rating/v1/"
        return read_rated(connect({"cloud": config}), [A], "id", WHOLE, LAST)


def summary(status: int, body: Any, times: int = 1) -> Entry:
    return (
        "GET",
        r"/rating/v2/summary\?begin=2026-12-01T.*&end=2026-12-02T00.*&groupby=id%2Ctype.*",
        status,
        body,
        times,
    )


def table(*rows: list[Any], columns: tuple[str, ...] = ("begin", "end", "qty", "rate", "id", "type")) -> dict[str, Any]:
    return {"total": len(rows), "columns": list(columns) if rows else [], "results": list(rows)}


def test_an_answer_of_the_service() -> None:
    whole = table([*WHOLE, 2.0, 0.1, A, "instance"], [*WHOLE, 2.0, 0.2, A, "volume"])
    last = table(["2026-12-01T20:00:00+00:00", "2026-12-01T21:00:00+00:00", 1.0, 0.1, A, "instance"])
    found, failure = ask(summary(200, whole), summary(200, last))
    assert failure is None
    # And not 0.30000000000000004
    assert found.costs == {A: Decimal("0.3")}
    assert hourly(found.latest[A]) == (Decimal("0.1"), instant("2026-12-01T21:00:00Z"))


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (403, {"message": "rating:get_summary is not allowed"}, "NOT_PERMITTED"),
        (400, {"message": "Invalid data"}, "REJECTED"),
        (200, {"total": 1}, "BROKEN_ANSWER"),
        (200, [], "BROKEN_ANSWER"),
        (200, {**table(), "total": "many"}, "BROKEN_ANSWER"),
        (200, {"total": 1, "columns": ["id"], "results": [["a", "b"]]}, "BROKEN_ANSWER"),
    ],
)
def test_what_the_service_cannot_say_is_a_failure_beside_the_answer(status: int, body: Any, code: str) -> None:
    found, failure = ask(summary(status, body))
    assert failure.code == code
    assert found.costs == {}
    assert found.reason == failure.sentence()


def test_a_cloud_without_the_service_is_not_asked() -> None:
    found, failure = ask(in_catalog=False)
    assert failure is None
    assert found.reason == "the cloud's catalog has no service 'rating'"


# --- what it comes to


def test_the_price_of_a_group_is_the_mean_of_its_rated_nodes() -> None:
    latest = {
        A: (("2026-12-01T20:00:00Z", "2026-12-01T21:00:00Z", Decimal("0.1")),),
        # Half an hour a time, and two types
        B: (
            ("2026-12-01T20:30:00Z", "2026-12-01T21:00:00Z", Decimal("0.1")),
            ("2026-12-01T20:30:00Z", "2026-12-01T21:00:00Z", Decimal("0.05")),
        ),
    }
    found = rated_price(latest, [A, B, "c"], "USD")
    assert (found.value, round(found.coverage, 4)) == (Decimal("0.2"), 0.6667)
    assert rated_price(latest, ["c"], "USD").value is None


def test_what_is_not_rated_yet_lowers_the_coverage() -> None:
    period = Period(instant(WHOLE[0]) or 0, instant(WHOLE[1]) or 0)
    latest = {A: (("2026-12-01T20:00:00Z", "2026-12-01T21:00:00Z", Decimal("0.1")),)}
    found = rated_cost({A: Decimal("2.1")}, latest, [A, B], "USD", period)
    # One of two nodes, for 21 of 24 hours
    assert (found.value, found.coverage) == (Decimal("2.1"), 0.4375)
    assert found.reason == "CloudKitty has rated 1 of 2 nodes; CloudKitty has rated up to 2026-12-01T21:00:00Z"
    assert rated_cost({}, latest, [A], "USD", period).value is None


def test_periods_are_asked_for_in_full_hours() -> None:
    begin = instant("2026-12-01T00:20:00Z") or 0
    assert full_hours(begin, begin + 3600) == ("2026-12-01T01:00:00Z", "2026-12-01T02:00:00Z")
    assert full_hours(begin, begin + 60) == ("2026-12-01T01:00:00Z", "2026-12-01T02:00:00Z")
    assert full_hours(begin - 1200, begin + 2400) == ("2026-12-01T00:00:00Z", "2026-12-01T01:00:00Z")
