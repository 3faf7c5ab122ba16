# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks of many writers at the same moment share one list; what was sent before a look is in what it sees."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import ServiceError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.api import FleetApi, SharedList
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    ALL_CLUSTERS,
    CLUSTER_ID,
    OTHER_ID,
    Hands,
    cluster,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import ANY, scripted_cloud

WAIT_S = 30


class Lists:
    """Lists that are answered when the test lets them; the answer of each is its number."""

    def __init__(self) -> None:
        self.begun = 0
        self.began = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def read(self) -> list[Cluster]:
        self.begun += 1
        number = self.begun
        self.began.release()
        assert self.go_on.acquire(timeout=WAIT_S)
        return [Cluster(id=str(number), name="c")]


def waiting(shared: SharedList, count: int) -> None:
    """Until so many threads wait for the next list."""
    while True:
        with shared._turn:
            if len(shared._turn._waiters) >= count:
                return
        threading.Event().wait(0.001)


def test_who_asks_during_a_list_shares_the_next_one() -> None:
    """The list under way began before the question: what was sent meanwhile may not be in it."""
    shared, lists = SharedList(), Lists()
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(shared.read, lists.read)
        assert lists.began.acquire(timeout=WAIT_S)
        others = [pool.submit(shared.read, lists.read) for _each in range(8)]
        waiting(shared, 8)
        lists.go_on.release()
        assert lists.began.acquire(timeout=WAIT_S)
        lists.go_on.release()
        assert [cluster.id for cluster in first.result(WAIT_S)] == ["1"]
        assert {other.result(WAIT_S)[0].id for other in others} == {"2"}
    assert lists.begun == 2


def test_an_error_reaches_all_who_share_it_and_the_next_list_is_read_again() -> None:
    shared = SharedList()

    def broken() -> list[Cluster]:
        raise ServiceError("Failed to list clusters")

    with pytest.raises(ServiceError):
        shared.read(broken)
    assert shared.read(list) == []


def test_a_list_pays_for_many_and_not_for_one() -> None:
    shared = SharedList()
    shared.read(lambda: [Cluster(id=str(number), name="c") for number in range(40)])
    assert not shared.pays
    with shared.at_work(), shared.at_work():
        assert not shared.pays
        shared.read(lambda: [Cluster(id="1", name="c")])
        assert shared.pays
    assert not shared.pays


def test_a_crowd_looks_for_its_clusters_in_lists() -> None:
    """A cluster that is about to appear is looked for by its id; the list that another writer needs shows it, too."""
    pytest.importorskip("magnumclient")
    every = ("GET", ALL_CLUSTERS, 200, {"clusters": [cluster()]}, ANY)
    with scripted_cloud([every]) as cloud:
        api = FleetApi(connect({"auth": cloud.auth()}))
        patient = api.patient(Deadline.after(60, Hands().clock))
        with api.at_work(), api.at_work():
            patient.clusters()
            found, missing = patient.look(CLUSTER_ID), patient.look(OTHER_ID)
        assert (found.id if found else None, missing) == (CLUSTER_ID, None)
        assert len(cloud.script.sent) == 3
