# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs, in a database that several gateways may share: SQLite on one machine, PostgreSQL for replicas.

A job belongs to one gateway while it runs, by a lease that this gateway renews. When a gateway dies, the lease ends and another one
takes the job up; every playbook is idempotent. A unique index lets one job of a target, such as a cluster, run at a time.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

QUEUED, RUNNING, SUCCEEDED, FAILED = STATES = ("queued", "running", "succeeded", "failed")
# A job that so many gateways began and none ended is not begun again
MOST_ATTEMPTS = 5
# How many of its events a job keeps, the last ones
MOST_EVENTS = 500
# How many jobs are looked at to find one that may run
LOOKED_AT = 50

_schema = sql.MetaData()
_jobs = sql.Table(
    "kcloud_jobs",
    _schema,
    sql.Column("id", sql.String(36), primary_key=True),
    sql.Column("tenant", sql.String(64), nullable=False),
    sql.Column("actor", sql.String(64), nullable=False),
    sql.Column("cloud", sql.String(255), nullable=False),
    sql.Column("verb", sql.String(64), nullable=False),
    sql.Column("target", sql.String(320), nullable=False),
    sql.Column("variables", sql.JSON, nullable=False),
    sql.Column("answer", sql.JSON, nullable=False),
    sql.Column("idempotency_key", sql.String(128)),
    sql.Column("request_digest", sql.String(64), nullable=False),
    sql.Column("state", sql.String(16), nullable=False, index=True),
    sql.Column("owner", sql.String(64)),
    sql.Column("lease_until", sql.Float),
    sql.Column("attempts", sql.Integer, nullable=False, default=0),
    sql.Column("remote_id", sql.String(64)),
    sql.Column("created_at", sql.Float, nullable=False),
    sql.Column("started_at", sql.Float),
    sql.Column("finished_at", sql.Float),
    sql.Column("result", sql.JSON),
    sql.Column("failure", sql.JSON),
    sql.UniqueConstraint("tenant", "idempotency_key", name="kcloud_jobs_one_key"),
)
sql.Index(
    "kcloud_jobs_one_running",
    _jobs.c.tenant,
    _jobs.c.target,
    unique=True,
    sqlite_where=_jobs.c.state == RUNNING,
    postgresql_where=_jobs.c.state == RUNNING,
)
_events = sql.Table(
    "kcloud_job_events",
    _schema,
    sql.Column("job_id", sql.String(36), sql.ForeignKey("kcloud_jobs.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("event", sql.JSON, nullable=False),
)


@dataclass(frozen=True)
class NewJob:
    """A job as a request asks for it. ``target`` is what it changes: no two jobs of one target run at once."""

    tenant: str
    actor: str
    cloud: str
    verb: str
    target: str
    variables: Mapping[str, Any]
    answer: Mapping[str, Any]
    request_digest: str
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Job(NewJob):
    """A job of the store; times in seconds since 1970."""

    id: str = ""
    state: str = QUEUED
    owner: str | None = None
    lease_until: float | None = None
    attempts: int = 0
    remote_id: str | None = None
    created_at: float = 0
    started_at: float | None = None
    finished_at: float | None = None
    result: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None


class KeyReused(Exception):
    """The idempotency key belongs to another request."""


class QueueFull(Exception):
    """The tenant has as many jobs that wait as it may have."""


class Store:
    """All reads and writes of jobs. Safe for threads."""

    def __init__(self, url: str, lease: float, max_queued: int = 1000) -> None:
        self._lease, self._max_queued = lease, max_queued
        self._is_sqlite = url.startswith("sqlite")
        # Whoever waits for the database learns in time that it does not answer
        wait = min(30.0, lease / 4)
        if self._is_sqlite:
            path = sql.make_url(url).database
            if path:
                Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The parameters of a statement hold what a request asked for: no error may show them
            self._engine = sql.create_engine(url, connect_args={"timeout": wait}, hide_parameters=True)
            sql.event.listen(self._engine, "connect", _set_up_sqlite)
        else:
            self._engine = sql.create_engine(
                url,
                connect_args=_of_postgresql(url, wait),
                hide_parameters=True,
                pool_pre_ping=True,
                pool_size=10,
                max_overflow=30,
                pool_timeout=wait,
            )
        self._create_tables()

    def _create_tables(self) -> None:
        # Of two gateways that start at once on an empty database, one loses
        for attempt in range(5):
            try:
                _schema.create_all(self._engine)
                return
            except (IntegrityError, ProgrammingError, OperationalError):
                if attempt == 4:
                    raise
                time.sleep(0.2)

    def _now(self, connection: sql.Connection) -> float:
        """The database's clock, as the clocks of replicas differ; SQLite's gateways share a machine."""
        if self._is_sqlite:
            return time.time()
        return float(connection.execute(sql.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[tuple[sql.Connection, float]]:
        with self._engine.begin() as connection:
            yield connection, self._now(connection)

    def close(self) -> None:
        self._engine.dispose()

    def ping(self) -> None:
        """Raise where the database does not answer."""
        with self._engine.connect() as connection:
            connection.execute(sql.text("SELECT 1"))

    # --- requests

    def with_key(self, tenant: str, key: str | None, request_digest: str) -> Job | None:
        """The job that an earlier request with this key made.

        :raises KeyReused: that request was another one.
        """
        if key is None:
            return None
        with self._engine.connect() as connection:
            found = connection.execute(
                sql.select(_jobs).where(_jobs.c.tenant == tenant, _jobs.c.idempotency_key == key)
            ).first()
        if found is None:
            return None
        if found.request_digest != request_digest:
            raise KeyReused
        return _job(found)

    def add(self, new: NewJob) -> tuple[Job, bool]:
        """Queue a job, or find the one of its key; answers it, and whether it is new.

        :raises KeyReused: the key belongs to another request.
        :raises QueueFull: too many jobs of the tenant wait.
        """
        identity = str(uuid.uuid4())
        try:
            with self._transaction() as (connection, now):
                waiting = connection.execute(
                    sql.select(sql.func.count()).where(_jobs.c.tenant == new.tenant, _jobs.c.state == QUEUED)
                ).scalar_one()
                if waiting >= self._max_queued:
                    raise QueueFull
                connection.execute(
                    _jobs.insert().values(**vars(new), id=identity, state=QUEUED, attempts=0, created_at=now)
                )
        except IntegrityError:
            found = self.with_key(new.tenant, new.idempotency_key, new.request_digest)
            if found is None:
                raise
            return found, False
        found = self.get(identity)
        assert found is not None
        return found, True

    def get(self, identity: str, tenant: str | None = None) -> Job | None:
        """A job by its id, of this tenant where one is given."""
        with self._engine.connect() as connection:
            found = connection.execute(sql.select(_jobs).where(_jobs.c.id == identity)).first()
        return None if found is None or tenant not in (None, found.tenant) else _job(found)

    def recent(self, tenant: str, state: str | None, limit: int) -> list[Job]:
        """The newest jobs of a tenant."""
        wanted = sql.select(_jobs).where(_jobs.c.tenant == tenant)
        if state is not None:
            wanted = wanted.where(_jobs.c.state == state)
        with self._engine.connect() as connection:
            found = connection.execute(wanted.order_by(_jobs.c.created_at.desc(), _jobs.c.id).limit(limit)).all()
        return [_job(row) for row in found]

    def events(self, identity: str) -> list[dict[str, Any]]:
        """The events of a job, in order."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sql.select(_events.c.event).where(_events.c.job_id == identity).order_by(_events.c.number)
            ).scalars()
            return [dict(event) for event in rows]

    def last_state(self, tenant: str, verb: str, artifact: str) -> Mapping[str, Any] | None:
        """The ``state`` of an artifact in the newest result of a verb: what its next run continues from.

        How the job ended does not count: a playbook says what it remembers before it changes anything, and may be ended after that. A job
        that is run again continues from what it said itself.
        """
        state = _jobs.c.result[(artifact, "state")]
        with self._engine.connect() as connection:
            return connection.execute(
                sql.select(state.as_json())
                .where(_jobs.c.tenant == tenant, _jobs.c.verb == verb, state.as_string().is_not(None))
                .order_by(_jobs.c.finished_at.is_(None).desc(), _jobs.c.finished_at.desc())
                .limit(1)
            ).scalar()

    def durations(self, tenant: str, verb: str, artifact: str, limit: int = 50) -> list[float]:
        """How long the newest successful jobs of a verb took, in seconds: of those whose artifact says that they changed something."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sql.select(_jobs.c.finished_at - _jobs.c.started_at)
                .where(_jobs.c.tenant == tenant, _jobs.c.verb == verb, _jobs.c.state == SUCCEEDED)
                .where(_jobs.c.result[(artifact, "changed")].as_boolean())
                .order_by(_jobs.c.finished_at.desc())
                .limit(limit)
            ).scalars()
            return [float(seconds) for seconds in rows]

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with self._engine.connect() as connection:
            rows = connection.execute(sql.select(_jobs.c.state, sql.func.count()).group_by(_jobs.c.state)).all()
        return {**dict.fromkeys(STATES, 0), **dict(map(tuple, rows))}

    # --- the work

    def claim(self, owner: str) -> Job | None:
        """Take a job that may run: one that waits, or whose gateway has let its lease end.

        The tenant for which the fewest jobs run comes first, and of its jobs the oldest one.
        """
        other, running = _jobs.alias(), _jobs.alias()
        with self._transaction() as (connection, now):
            same = (other.c.tenant == _jobs.c.tenant, other.c.target == _jobs.c.target, other.c.id != _jobs.c.id)
            busy = sql.exists().where(*same, other.c.state == RUNNING)
            run_already = (
                sql.select(sql.func.count())
                .where(running.c.tenant == _jobs.c.tenant, running.c.state == RUNNING, running.c.lease_until >= now)
                .scalar_subquery()
            )
            rows = connection.execute(
                sql.select(_jobs.c.id, _jobs.c.attempts)
                .where(_claimable(now), ~busy)
                .order_by(run_already, _jobs.c.created_at, _jobs.c.id)
                .limit(LOOKED_AT)
            ).all()
        for row in rows:
            # Another gateway may take it, or another job of its target, at this moment: the index lets one through
            with contextlib.suppress(IntegrityError), self._transaction() as (connection, now):
                taken = connection.execute(
                    _jobs.update()
                    .where(_jobs.c.id == row.id, _jobs.c.attempts == row.attempts, _claimable(now))
                    .values(
                        state=RUNNING,
                        owner=owner,
                        lease_until=now + self._lease,
                        attempts=row.attempts + 1,
                        started_at=sql.func.coalesce(_jobs.c.started_at, now),
                    )
                )
                if taken.rowcount:
                    found = connection.execute(sql.select(_jobs).where(_jobs.c.id == row.id)).one()
                    return _job(found)
        return None

    def renew(self, job: Job) -> bool:
        """Keep a job; false where it is no longer this gateway's."""
        with self._transaction() as (connection, now):
            kept = connection.execute(_jobs.update().where(*_mine(job)).values(lease_until=now + self._lease))
            return bool(kept.rowcount)

    def release(self, job: Job) -> None:
        """Give a job back that was begun and not ended, for the next gateway; this attempt does not count."""
        with self._transaction() as (connection, _now):
            connection.execute(
                _jobs.update()
                .where(*_mine(job))
                .values(state=QUEUED, owner=None, lease_until=None, attempts=job.attempts - 1)
            )

    def remember_remote(self, job: Job, remote_id: str | None) -> None:
        """Keep by which id another system runs the job."""
        with self._transaction() as (connection, _now):
            connection.execute(_jobs.update().where(*_mine(job)).values(remote_id=remote_id))

    def keep_result(self, job: Job, result: Mapping[str, Any]) -> None:
        """Keep what a job that runs has said so far."""
        with self._transaction() as (connection, _now):
            connection.execute(_jobs.update().where(*_mine(job)).values(result=result))

    def finish(self, job: Job, state: str, result: Mapping[str, Any] | None, failure: Mapping[str, Any] | None) -> bool:
        """End a job; false where it is no longer this gateway's. Without a result, it has what was kept while it ran."""
        known = {} if result is None else {"result": result}
        with self._transaction() as (connection, now):
            done = connection.execute(
                _jobs.update()
                .where(*_mine(job))
                .values(state=state, failure=failure, finished_at=now, lease_until=None, owner=None, **known)
            )
            return bool(done.rowcount)

    def add_event(self, job: Job, event: Mapping[str, Any]) -> None:
        """Append an event; the oldest ones make room. What a gateway says of a job that it lost does not count."""
        with self._transaction() as (connection, now):
            # Changes nothing, and locks: two writers would give one number twice
            kept = connection.execute(_jobs.update().where(*_mine(job)).values(attempts=job.attempts))
            if not kept.rowcount:
                return
            last = connection.execute(
                sql.select(sql.func.coalesce(sql.func.max(_events.c.number), 0)).where(_events.c.job_id == job.id)
            ).scalar_one()
            connection.execute(_events.insert().values(job_id=job.id, number=last + 1, event={"at": now, **event}))
            if last >= MOST_EVENTS:
                connection.execute(
                    _events.delete().where(_events.c.job_id == job.id, _events.c.number <= last - MOST_EVENTS + 1)
                )

    def forget(self, seconds: float) -> int:
        """Delete the jobs that ended so long ago."""
        with self._transaction() as (connection, now):
            return connection.execute(_jobs.delete().where(_jobs.c.finished_at < now - seconds)).rowcount


def _claimable(now: float) -> sql.ColumnElement[bool]:
    return sql.or_(_jobs.c.state == QUEUED, sql.and_(_jobs.c.state == RUNNING, _jobs.c.lease_until < now))


def _mine(job: Job) -> tuple[sql.ColumnElement[bool], ...]:
    """This attempt of the job is the one that runs."""
    return (
        _jobs.c.id == job.id,
        _jobs.c.state == RUNNING,
        _jobs.c.owner == job.owner,
        _jobs.c.attempts == job.attempts,
    )


def _job(row: Any) -> Job:
    return Job(**row._mapping)


def _of_postgresql(url: str, wait: float) -> dict[str, Any]:
    """Options of libpq by which a server that is gone, or a lock, holds nobody up for longer than this; {} for another database."""
    address = sql.make_url(url)
    if address.get_backend_name() != "postgresql":
        return {}
    seconds, thousandths = max(1, int(wait)), max(1, int(wait * 1000))
    given = address.query.get("options", "")
    return {
        "connect_timeout": seconds,
        "tcp_user_timeout": thousandths,
        "keepalives_idle": seconds,
        "keepalives_interval": 1,
        "keepalives_count": 2,
        "options": f"{given} -c statement_timeout={thousandths}".strip(),
    }


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # Readers and the writer do not wait for each other
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
