# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of jobs, on SQLite; and the cache of reads."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from gateway.jobs import LOOKED_AT, MOST_EVENTS, Job, KeyReused, NewJob, QueueFull, Store, _of_postgresql
from gateway.problems import Problem
from gateway.reads import Cache


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/jobs.sqlite", lease=60, max_queued=10)
    yield made
    made.close()


def new(target: str = "cluster/a", key: str | None = None, digest: str = "d", **more: Any) -> NewJob:
    about = {"tenant": "t", "actor": "x", "cloud": "c", "verb": "v", "variables": {"a": [1]}, "answer": {"b": None}}
    return NewJob(**{**about, **more}, target=target, idempotency_key=key, request_digest=digest)


def claimed(store: Store, owner: str = "one") -> Job:
    job = store.claim(owner)
    assert job is not None
    return job


def test_a_job_goes_its_way(store: Store) -> None:
    job, is_new = store.add(new())
    assert is_new and job.state == "queued" and job.variables == {"a": [1]} and job.answer == {"b": None}
    running = claimed(store)
    assert (running.id, running.state, running.attempts, running.owner) == (job.id, "running", 1, "one")
    assert store.claim("two") is None and store.renew(running)
    store.add_event(running, {"task": "x"})
    assert store.finish(running, "succeeded", {"r": 1}, None)
    ended = store.get(job.id)
    assert ended is not None and (ended.state, ended.result, ended.failure) == ("succeeded", {"r": 1}, None)
    assert ended.finished_at >= ended.started_at >= ended.created_at and ended.lease_until is None
    assert [event["task"] for event in store.events(job.id)] == ["x"]
    assert store.counts() == {"queued": 0, "running": 0, "succeeded": 1, "failed": 0}
    assert not store.renew(running) and not store.finish(running, "failed", None, {})


def test_the_next_run_continues_from_what_the_last_one_said_whatever_its_end(store: Store) -> None:
    def end(state: str, result: Any, said: Any = None) -> None:
        store.add(new())
        running = claimed(store)
        if said is not None:
            store.keep_result(running, {"a": {"state": said}})
        store.finish(running, state, result, None)

    assert store.last_state("t", "v", "a") is None
    end("succeeded", {"a": {"state": {"parked": [1]}}})
    end("failed", {"a": {"state": {"parked": [1, 2]}}})
    assert store.last_state("t", "v", "a") == {"parked": [1, 2]} and store.last_state("u", "v", "a") is None
    # It ended without a word, and after it one that never began
    end("failed", None, said={"parked": [3]})
    end("failed", None)
    end("succeeded", {"b": {}})
    assert store.last_state("t", "v", "a") == {"parked": [3]}
    # One that is run again continues from what it said itself
    store.add(new())
    store.keep_result(claimed(store), {"a": {"state": {"parked": [4]}}})
    assert store.last_state("t", "v", "a") == {"parked": [4]}


def test_only_jobs_that_changed_something_say_how_long_it_takes(store: Store) -> None:
    for result in ({"a": {"changed": True}}, {"a": {"changed": False}}, {"a": {}}, {}, None):
        store.add(new())
        store.finish(claimed(store), "succeeded", result, None)
    assert len(store.durations("t", "v", "a")) == 1 and store.durations("t", "w", "a") == []


def test_jobs_belong_to_tenants(store: Store) -> None:
    job, _is_new = store.add(new(key="k"))
    other, is_new = store.add(new(key="k", tenant="u"))
    assert is_new and other.id != job.id
    assert store.get(job.id, "u") is None and store.get(job.id, "t") == job
    assert [found.id for found in store.recent("u", None, 10)] == [other.id]
    # Nor does one tenant's job keep another's waiting
    assert {claimed(store).id, claimed(store).id} == {job.id, other.id}


def test_a_key_is_one_job(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _number: store.add(new(key="k")), range(16)))
    assert len({job.id for job, _is_new in made}) == 1 and sum(is_new for _job, is_new in made) == 1
    assert store.with_key("t", "k", "d").id == made[0][0].id and store.with_key("t", None, "d") is None
    with pytest.raises(KeyReused):
        store.add(new(key="k", digest="other"))


def test_one_job_of_a_target_runs_at_a_time_in_order(store: Store) -> None:
    first, second, other = (store.add(new(target))[0] for target in ("cluster/a", "cluster/a", "cluster/b"))
    assert [claimed(store).id, claimed(store).id] == [first.id, other.id]
    assert store.claim("one") is None
    running = store.get(first.id)
    store.finish(running, "failed", None, {"code": "X"})
    assert claimed(store).id == second.id


def test_many_workers_never_run_one_target_twice(store: Store) -> None:
    for number in range(10):
        store.add(new(f"cluster/{number % 3}"))
    lock, running, ran = threading.Lock(), set[str](), list[str]()

    def work(owner: int) -> None:
        while (job := store.claim(str(owner))) or store.counts()["queued"]:
            if job is None:
                continue
            with lock:
                assert job.target not in running
                running.add(job.target)
                ran.append(job.id)
            time.sleep(0.002)
            with lock:
                running.remove(job.target)
            store.finish(job, "succeeded", {}, None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(ran) == len(set(ran)) == 10


def test_a_lease_that_ended_lets_another_gateway_take_the_job(tmp_path: Path) -> None:
    short = Store(f"sqlite:///{tmp_path}/jobs.sqlite", lease=0.05)
    job, _is_new = short.add(new())
    waiting, _is_new = short.add(new())
    lost = claimed(short)
    time.sleep(0.1)
    # The job that lost its gateway comes first, though another of its target waits
    taken = claimed(short, "two")
    assert (taken.id, taken.attempts, taken.owner) == (job.id, 2, "two")
    # The first gateway was only slow: nothing that it writes counts
    assert not short.renew(lost) and not short.finish(lost, "failed", None, {"code": "X"})
    assert short.finish(taken, "succeeded", {}, None)
    given = claimed(short)
    assert given.id == waiting.id
    short.release(given)
    assert short.get(waiting.id).state == "queued"
    again = claimed(short, "two")
    assert (again.id, again.attempts) == (waiting.id, 1)
    # It was given back: the one that had it has no say any more
    assert not short.renew(given) and short.renew(again)
    # Nor has an earlier attempt of the same gateway
    time.sleep(0.1)
    last = claimed(short, "two")
    assert (
        last.attempts == 2 and not short.finish(again, "failed", None, {}) and short.finish(last, "succeeded", {}, None)
    )
    short.close()


def test_many_jobs_that_wait_for_one_target_keep_no_other_waiting(tmp_path: Path) -> None:
    large = Store(f"sqlite:///{tmp_path}/jobs.sqlite", lease=60)
    for _number in range(LOOKED_AT + 2):
        large.add(new("cluster/a"))
    other, _is_new = large.add(new("cluster/b"))
    assert claimed(large).target == "cluster/a" and claimed(large).id == other.id
    large.close()


def test_a_tenant_with_many_jobs_keeps_no_other_tenant_waiting(store: Store) -> None:
    many = [store.add(new(f"cluster/{number}"))[0] for number in range(4)]
    other, _is_new = store.add(new("cluster/0", tenant="u"))
    taken = [claimed(store) for _number in range(3)]
    assert [job.id for job in taken] == [many[0].id, other.id, many[1].id]
    # Of two tenants with as many jobs that run, the one that has waited longer
    store.finish(taken[0], "succeeded", {}, None)
    later, _is_new = store.add(new("cluster/1", tenant="u"))
    assert [claimed(store).id, claimed(store).id] == [many[2].id, later.id]


def test_a_gateway_that_lost_a_job_adds_no_event(tmp_path: Path) -> None:
    short = Store(f"sqlite:///{tmp_path}/jobs.sqlite", lease=0.05)
    job, _is_new = short.add(new())
    lost = claimed(short)
    time.sleep(0.1)
    taken = claimed(short, "two")
    short.add_event(taken, {"task": "mine"})
    short.add_event(lost, {"task": "late"})
    assert [event["task"] for event in short.events(job.id)] == ["mine"]
    short.close()


def test_events_of_many_threads_get_a_number_each(store: Store) -> None:
    job, _is_new = store.add(new())
    running = claimed(store)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.add_event(running, {"task": number}), range(40)))
    assert sorted(event["task"] for event in store.events(job.id)) == list(range(40))


def test_an_error_of_the_database_shows_nothing_of_a_request(store: Store) -> None:
    store.close()
    with pytest.raises(SQLAlchemyError) as refused:
        store.add(new(variables={"password": "of-a-request"}, tenant=None))
    assert "kcloud_jobs" in str(refused.value) and "of-a-request" not in str(refused.value)


def test_nobody_waits_for_the_database_as_long_as_a_lease(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    impatient = Store(f"sqlite:///{path}", lease=1)
    job, _is_new = impatient.add(new())
    running = claimed(impatient)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            impatient.renew(running)
    with impatient._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() < 1000 / 3
    assert impatient.renew(running) and impatient.get(job.id).state == "running"
    impatient.close()


def test_a_server_that_does_not_answer_is_given_up_in_a_part_of_a_lease() -> None:
    options = _of_postgresql("postgresql+psycopg://u@h/d?options=-c%20search_path%3Da", 7.5)
    assert options["options"] == "-c search_path=a -c statement_timeout=7500"
    assert (options["connect_timeout"], options["tcp_user_timeout"]) == (7, 7500)
    assert _of_postgresql("mysql://u@h/d", 7.5) == {}


def test_a_queue_has_an_end(store: Store) -> None:
    for _number in range(10):
        store.add(new())
    with pytest.raises(QueueFull):
        store.add(new())
    store.add(new(tenant="u"))


def test_the_last_events_are_kept_and_old_jobs_are_not(store: Store) -> None:
    job, _is_new = store.add(new())
    running = claimed(store)
    for number in range(MOST_EVENTS + 3):
        store.add_event(running, {"task": str(number)})
    events = [event["task"] for event in store.events(job.id)]
    assert len(events) == MOST_EVENTS and events[-1] == str(MOST_EVENTS + 2)
    assert store.forget(0) == 0
    store.finish(running, "succeeded", {}, None)
    time.sleep(0.01)
    assert store.forget(3600) == 0 and store.forget(0) == 1
    assert store.get(job.id) is None and store.events(job.id) == []


# --- reads


def test_a_reading_is_shared_until_it_is_old_or_something_changed() -> None:
    now, reads = [0.0], []

    def read() -> int:
        reads.append(now[0])
        now[0] += 1
        return len(reads)

    cache = Cache(10, clock=lambda: now[0])
    key = ("tenant", "clusters")
    assert cache.get(key, read) == (1, 1.0) and cache.get(key, read) == (1, 1.0)
    now[0] = 10.0
    assert cache.get(key, read) == (1, 10.0)
    now[0] = 10.1
    assert cache.get(key, read)[0] == 2
    cache.drop("other")
    assert cache.get(key, read)[0] == 2
    cache.drop("tenant")
    assert cache.get(key, read)[0] == 3
    assert (cache.reads, cache.hits) == (3, 3)


def test_a_reading_that_began_before_a_change_does_not_outlive_it() -> None:
    now = [0.0]
    cache = Cache(10, clock=lambda: now[0])

    def read() -> str:
        now[0] += 1
        cache.drop("tenant")
        return "old"

    assert cache.get(("tenant", "x"), read)[0] == "old"
    assert cache.get(("tenant", "x"), lambda: "new")[0] == "new"


def test_an_error_is_remembered_for_a_moment() -> None:
    now, reads = [0.0], []

    def read() -> None:
        reads.append(1)
        raise Problem(503, "CLOUD_UNREACHABLE", "x")

    cache = Cache(10, clock=lambda: now[0])
    for seconds in (0.0, 1.0, 3.0):
        now[0] = seconds
        with pytest.raises(Problem):
            cache.get(("t", "x"), read)
    assert len(reads) == 2


def test_a_hundred_threads_share_one_read() -> None:
    cache, reads = Cache(10), []

    def read() -> str:
        reads.append(1)
        time.sleep(0.02)
        return "x"

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(lambda _number: cache.get(("t", "x"), read)[0], range(100)))
    assert found == ["x"] * 100 and len(reads) == 1
