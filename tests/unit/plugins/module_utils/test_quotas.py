# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a project may have and has: the same figures for the modules that show them and for the planner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils import quotas as under_test
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet_reader import read_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.quotas import cluster_limit, quota, quotas
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import EMPTY_LISTS, error
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    PROJECT,
    Cloud,
    Entry,
    scripted_cloud,
)
from openstack.connection import Connection

pytest.importorskip("magnumclient")
# openstacksdk 4.10 warns of what it does itself when it first makes a service's proxy
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")

ABSOLUTE = {
    "maxTotalInstances": 10,
    "totalInstancesUsed": 4,
    "maxTotalCores": -1,
    "totalCoresUsed": 12,
    "maxTotalRAMSize": 1024,
    "totalRAMUsed": 2048,
}
LIMITS = ("GET", "/nova/v2.1/limits", 200, {"limits": {"absolute": ABSOLUTE, "rate": []}})
STATS = ("GET", rf"/stats\?project_id={PROJECT}", 200, {"clusters": 3, "nodes": 9})
QUOTA = f"/quotas/{PROJECT}/Cluster"
LIMIT = ("GET", QUOTA, 200, {"hard_limit": 20})


@contextmanager
def cloud(entries: Sequence[Entry], **options: Any) -> Iterator[tuple[Cloud, Connection]]:
    with scripted_cloud(entries, **options) as running:
        yield running, connect({"auth": running.auth()})


@pytest.mark.parametrize(
    ("limit", "used", "left"), [(20, 3, 17), (3, 3, 0), (3, 5, 0), (0, 0, 0), (-1, 12, None), (None, 12, None)]
)
def test_what_is_left(limit: int | None, used: int, left: int | None) -> None:
    assert quota(limit, used) == {"limit": limit, "used": used, "left": left}


def test_each_service_is_asked_once() -> None:
    with cloud([LIMITS, LIMIT, STATS]) as (running, connection):
        found = quotas(connection, ["compute", "container-infra"])
        asked = [str(request) for request in running.script.sent]
    assert found == {
        "instances": quota(10, 4),
        "cores": quota(-1, 12),
        "ram_mib": quota(1024, 2048),
        "clusters": quota(20, 3),
    }
    assert len(asked) == 3


@pytest.mark.parametrize("status", [403, 404])
def test_a_quota_that_magnum_does_not_tell_is_unknown(status: int) -> None:
    """It tells admins and the project's own members, and knows only quotas that were set."""
    with cloud([("GET", QUOTA, *error(status, "no"), 2), STATS]) as (_running, connection):
        assert cluster_limit(connection) is None
        assert quotas(connection, ["container-infra"]) == {"clusters": quota(None, 3)}


@pytest.mark.parametrize(("entry", "asked"), [(LIMIT, cluster_limit), (LIMITS, under_test.compute_quotas)])
def test_a_hiccup_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, entry: Entry, asked: Callable[[Connection], object]
) -> None:
    """The service is asked again; what stays wrong is an error of ours."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with cloud([(*entry[:2], *error(503, "busy")), entry]) as (_running, connection):
        assert asked(connection)
    with (
        cloud([(*entry[:2], *error(405, "not here"), ANY)]) as (_running, connection),
        pytest.raises(KcloudError) as caught,
    ):
        asked(connection)
    assert caught.value.code == "SERVICE_ERROR"


def test_the_planner_reads_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a hiccup, too: one 503 of Magnum was the end of a match."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    ambient = [
        *EMPTY_LISTS,
        ("GET", r"/nova/v2.1/flavors.*", 200, {"flavors": []}),
        (
            "GET",
            r"/placement/.*",
            200,
            {"resource_providers": [], "allocation_candidates": [], "provider_summaries": {}},
        ),
    ]
    with scripted_cloud([("GET", QUOTA, *error(503, "busy")), LIMIT, LIMITS], ambient=ambient) as running:
        fleet = read_fleet({"auth": running.auth()}, lambda _flavors: set())
    assert fleet["quota"]["clusters"] == {"limit": 20, "used": 0}
    assert {name: (about["limit"], about["used"]) for name, about in fleet["quota"].items()} == {
        "instances": (10, 4),
        "cores": (-1, 12),
        "ram_mib": (1024, 2048),
        "clusters": (20, 0),
    }
