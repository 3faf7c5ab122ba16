# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until Magnum calls a cluster healthy: how often it looks, when it ends, and what a timeout says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import NotFound, WaitTimeout
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.health import (
    LONGEST_LOOK_S,
    until_healthy,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    EMPTY_LISTS,
    ONE,
    Hands,
    cluster,
    error,
    magnum,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import ANY, Entry

pytest.importorskip("magnumclient")

SICK = {"api": "ok", "c-node-1.Ready": "False", "c-node-0.Ready": "True"}


def seen(health: str | None, times: int = 1, **fields: Any) -> Entry:
    """One look at the cluster."""
    return ("GET", ONE, 200, cluster(health_status=health, **fields), times)


def wait(
    entries: Sequence[Entry], health: str | None = None, timeout: float = 600, **fields: Any
) -> tuple[Cluster | WaitTimeout | NotFound, float, list[str]]:
    """The healthy cluster or the error, the seconds that it took, and the live lines."""
    hands, lines = Hands(), list[str]()
    start = Cluster.from_api(cluster(health_status=health, **fields))
    with magnum(entries, ambient=EMPTY_LISTS) as (api, _script):
        progress = Progress(lines.append, lambda: hands.at)
        try:
            found = until_healthy(api, start, Deadline.after(timeout, hands.clock), progress)
        except (WaitTimeout, NotFound) as caught:
            return caught, hands.at - 1000.0, lines
    return found, hands.at - 1000.0, lines


def test_a_healthy_cluster_is_not_read_again() -> None:
    found, seconds, _lines = wait([], "HEALTHY")
    assert isinstance(found, Cluster) and seconds == 0


def test_it_waits_through_whatever_comes_before() -> None:
    """Nothing yet, UNKNOWN and UNHEALTHY do not end the wait; the last look is what is returned."""
    ill = seen("UNHEALTHY", 2, health_status_reason=SICK)
    found, seconds, lines = wait([seen(None), seen("UNKNOWN"), ill, seen("HEALTHY", node_count=7)])
    assert isinstance(found, Cluster) and found.node_count == 7
    assert 0 < seconds < 5 * LONGEST_LOOK_S
    reported = " ".join(lines)
    assert "wait for cluster 'c' to be healthy: not looked at yet" in reported
    assert "UNHEALTHY: c-node-1.Ready: False" in reported and "c-node-0" not in reported
    assert lines[-1].startswith("wait for cluster 'c' to be healthy: HEALTHY")


def test_looks_become_slower_up_to_a_limit() -> None:
    """Magnum itself looks once a minute; 600 s take about one look each 10 s."""
    hands = Hands()
    with magnum([seen("UNKNOWN", ANY)], ambient=EMPTY_LISTS) as (api, script), pytest.raises(WaitTimeout):
        until_healthy(api, Cluster.from_api(cluster()), Deadline.after(600, hands.clock), Progress())
    assert 600 / LONGEST_LOOK_S <= len(script.sent) <= 600 / LONGEST_LOOK_S + 5


@pytest.mark.parametrize(
    ("health", "fields", "reason", "hint"),
    [
        ("UNHEALTHY", {"health_status_reason": SICK}, "c-node-1.Ready: False", "nodes c-node-1"),
        ("UNKNOWN", {}, "Magnum says UNKNOWN and gives no reason", "without a public API address"),
        (None, {"api_address": "https://10.0.0.1:6443"}, "Magnum has not looked yet", "https://10.0.0.1:6443"),
        (
            "UNHEALTHY",
            {"health_status_reason": {"api": "Connection refused"}},
            "api: Connection refused",
            "its address",
        ),
    ],
)
def test_a_timeout_says_what_magnum_found(health: str | None, fields: dict[str, Any], reason: str, hint: str) -> None:
    found, seconds, _lines = wait([seen(health, ANY, **fields)], health, 90, **fields)
    assert isinstance(found, WaitTimeout) and seconds == 90
    assert found.code == "NOT_HEALTHY" and found.resource == "cluster/c"
    state = health or "not looked at yet"
    assert found.message == (
        f"Timed out waiting for cluster 'c' to be healthy after 90 s; it is CREATE_COMPLETE and {state}"
    )
    assert reason in (found.reason or "") and hint in (found.hint or "")
    assert found.details["health_status"] == health
    assert found.details["health_status_reason"] == fields.get("health_status_reason", {})
    assert found.details["last_state"]["status"] == "CREATE_COMPLETE"


def test_a_cluster_that_goes_meanwhile_is_said() -> None:
    found, _seconds, _lines = wait([seen("UNKNOWN"), ("GET", ONE, *error(404, "Cluster could not be found."))])
    assert isinstance(found, NotFound) and found.resource == "cluster/c"
