# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers while the database fails them: an event is lost, a job is not, and a lease is given up in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.executors import Outcome, Run
from gateway.jobs import Job, Store
from gateway.worker import JobRun, Workers
from tests.unit.gateway.test_gateway_jobs import new

PATIENCE_S = 30


class Broken(Exception):
    """The database does not answer."""


class Scripted:
    """An executor that does what a test says."""

    def __init__(self, run: Callable[[Job, Run], Outcome]) -> None:
        self.run = run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/jobs.sqlite", lease=60)
    yield made
    made.close()


def ended(store: Store, executor: Scripted, lease: float = 60) -> Job:
    """The job of a store after a worker has run it."""
    job, _is_new = store.add(new())
    workers = Workers(store, executor, 1, lease, keep_s=3600)
    workers.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (found := store.get(job.id)).state in ("queued", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return found
    finally:
        workers.stop()


def broken(*_arguments: Any) -> None:
    raise Broken


def test_an_event_that_is_not_kept_ends_no_job(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "add_event", broken)
    monkeypatch.setattr(store, "remember_remote", broken)

    def work(_job: Job, run: Run) -> Outcome:
        run.event({"task": "x"})
        run.remote("42")
        return Outcome("succeeded", {"r": 1})

    assert ended(store, Scripted(work)).state == "succeeded"


def test_the_end_of_a_job_is_kept_when_the_database_is_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    finish, failures = store.finish, [Broken(), Broken()]

    def fail_twice(*arguments: Any) -> bool:
        if failures:
            raise failures.pop()
        return finish(*arguments)

    monkeypatch.setattr(store, "finish", fail_twice)
    found = ended(store, Scripted(lambda _job, _run: Outcome("succeeded", {"r": 1})))
    assert (found.state, found.result, found.attempts, failures) == ("succeeded", {"r": 1}, 1, [])


def test_a_job_ends_here_before_its_lease_does_though_a_renewal_hangs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, hangs, gone_after = 0.9, threading.Event(), list[float]()
    monkeypatch.setattr(store, "renew", lambda _job: hangs.wait(PATIENCE_S))
    began = time.monotonic()

    def work(_job: Job, run: Run) -> Outcome:
        while run.goes_on() and time.monotonic() - began < PATIENCE_S / 2:
            time.sleep(0.01)
        gone_after.append(time.monotonic() - began)
        hangs.set()
        return Outcome("failed", None, {"code": "X"})

    ended(store, Scripted(work), lease)
    assert gone_after[0] < PATIENCE_S / 2


def test_a_lease_counts_from_when_it_was_asked_for(store: Store) -> None:
    now = time.monotonic()
    job = Job(**vars(new()))

    def goes_on(since: float) -> bool:
        return JobRun(store, job, threading.Event(), lease=90, renewed_at=now - since).goes_on()

    assert goes_on(0) and goes_on(55) and not goes_on(61)


def test_a_job_begins_with_what_is_remembered_when_it_begins(store: Store) -> None:
    variables = list[Any]()

    def work(job: Job, run: Run) -> Outcome:
        variables.append(job.variables)
        run.said({"kcloud_cluster_cleanup": {"state": {"parked": [len(variables)]}}})
        return Outcome("failed", None, {"code": "X"})

    # Both wait before the first one begins
    jobs = [store.add(new(verb="cleanup", variables={"cluster_cleanup_apply": True}))[0] for _number in range(2)]
    ended(store, Scripted(work))
    assert store.get(jobs[0].id).result == {"kcloud_cluster_cleanup": {"state": {"parked": [1]}}}
    assert variables[:2] == [
        {"cluster_cleanup_apply": True},
        {"cluster_cleanup_apply": True, "cluster_cleanup_state": {"parked": [1]}},
    ]
