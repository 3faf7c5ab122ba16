# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import Settings, make_report
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.plain import first_screen, summary
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.saved import saved_in_a_week
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report_files import rendered

HOUR = 3600
NOW = 1_000_000 * HOUR


def record(action: str, hours_ago: float, saving: float | None = 2.0, cluster: str = "a", **changes: Any) -> Any:
    return {
        "action": action,
        "cluster_id": cluster,
        "saving_h": saving,
        "stage": "done",
        "written": NOW - hours_ago * HOUR,
        **changes,
    }


@pytest.mark.parametrize(
    ("records", "saved"),
    [
        ([], 0),
        ([record("delete", 10)], 20),
        ([record("delete", 10), record("delete", 5, 3, "b")], 35),
        # Until it is woken, and again from the next time on
        ([record("park", 20), record("wake", 8), record("park", 3)], 30),
        # Of a parked cluster that is deleted no hour counts twice
        ([record("park", 20), record("delete", 8, 1)], 2 * 12 + 1 * 8),
        ([record("wake", 8)], 0),
        # Seven days are 168 hours, the first of them included
        ([record("delete", 168)], 336),
        ([record("delete", 168.5)], 0),
        ([record("park", 200), record("wake", 8)], 0),
        ([record("delete", -1)], 0),
        ([record("mark", 10), record("delete", 10, stage="begun"), record("delete", 10, stage="failed")], 0),
        ([record("delete", 10, None)], 0),
        ([record("delete", 10, written=None, time=NOW - HOUR)], 2),
    ],
)
def test_what_was_saved_can_be_worked_out_by_hand(records: Any, saved: float) -> None:
    assert saved_in_a_week(records, NOW) == saved
    assert saved_in_a_week(list(reversed(records)), NOW) == saved


def test_times_are_read_as_the_role_writes_them() -> None:
    written = record("delete", 0, written="2026-01-31T08:00:00+00:00")
    assert saved_in_a_week([written], 1_769_846_400 + HOUR) == 2


@pytest.mark.parametrize(("records", "until"), [(None, NOW), ([record("delete", 1)], None)])
def test_without_records_or_a_time_nothing_is_said(records: Any, until: Any) -> None:
    assert saved_in_a_week(records, until) is None


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"written": "soon"}, "records[0].written"),
        ({"saving_h": "much"}, "records[0].saving_h"),
        ({"action": 5}, "records[0].action"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(changes: Any, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        saved_in_a_week([record("delete", 1) | changes], NOW)
    assert caught.value.resource == path


def test_the_first_screen_shows_it_to_an_operator_and_no_tenant() -> None:
    def made(audience: str) -> Any:
        return make_report(None, {"currency": "USD"}, None, Settings("R", audience, NOW), [record("delete", 10)])

    assert summary(made("operator"))["saved_in_a_week"] == 20
    assert dict(first_screen(made("operator").summary, "USD"))["saved in the last 7 days"] == "20.00 USD"
    assert "20.00 USD saved in the last 7 days" in rendered(made("operator"), ["html"], 0.1)["html"]
    assert summary(made("tenant"))["saved_in_a_week"] is None
    assert "saved in" not in rendered(made("tenant"), ["html"], 0.1)["html"]
