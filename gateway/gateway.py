# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operations share: settings, tokens, limits, reads and jobs, made once."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.exc import SQLAlchemyError

from gateway.answers import written
from gateway.collection import make_importable
from gateway.executors import AwxExecutor, Executor, RunnerExecutor, awx_client
from gateway.jobs import Job, KeyReused, NewJob, QueueFull, Store
from gateway.limits import MOST_AT_ONCE, AtOnce, Rate
from gateway.playbooks import PLAYBOOKS
from gateway.problems import Problem
from gateway.reads import Cache, Cloud
from gateway.settings import PREFIX, Settings, SettingsError
from gateway.tokens import Caller, TokensFile
from gateway.worker import Workers

Plain = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """The run of a playbook that a request asks for.

    :param target: what it changes; no two jobs of one target run at once.
    :param answer: the asker's keys, which a repeated request gets again.
    """

    verb: str
    target: str
    variables: Plain
    answer: Plain


@dataclass(frozen=True)
class Gateway:
    """Everything that a request needs."""

    settings: Settings
    tokens: TokensFile
    store: Store
    workers: Workers
    cache: Cache
    variables: Mapping[str, Any]
    variable_names: frozenset[str]
    version: str
    rate: Rate
    failed_logins: Rate
    at_once: AtOnce

    def cloud(self, caller: Caller) -> Cloud:
        settings = self.settings
        return Cloud(
            caller.tenant.name,
            caller.tenant.cloud,
            self.cache,
            settings.cloud_timeout,
            self.variables,
            settings.assume_empty,
        )

    def repeated(self, caller: Caller, request: Request) -> Job | None:
        """The job of an earlier request with the same key.

        :raises Problem: the key belongs to another request.
        """
        try:
            return self.store.with_key(caller.tenant.name, request.key, request.digest)
        except KeyReused:
            raise _key_reused() from None

    def submit(self, caller: Caller, request: Request, run: Run) -> Job:
        """Queue a job.

        :raises Problem: the key belongs to another request, or too many jobs wait.
        """
        new = NewJob(
            tenant=caller.tenant.name,
            actor=caller.name,
            cloud=caller.tenant.cloud,
            verb=run.verb,
            target=run.target,
            variables={name: value for name, value in run.variables.items() if value is not None},
            answer=run.answer,
            request_digest=request.digest,
            idempotency_key=request.key,
        )
        try:
            job, _is_new = self.store.add(new)
        except KeyReused:
            raise _key_reused() from None
        except QueueFull:
            raise Problem(
                429,
                "QUEUE_FULL",
                f"{self.settings.max_queued} jobs of this tenant wait already",
                hint="Wait until some of them have ended",
                headers={"Retry-After": "30"},
            ) from None
        self.cache.drop(caller.tenant.name)
        self.workers.wake()
        return job

    def telemetry(self, variable: str) -> Plain:
        """What makes a playbook ask the Prometheus that the gateway asks, unless the site's variables say otherwise."""
        if variable in self.variable_names or not os.environ.get("PROMETHEUS_CLUSTERS"):
            return {}
        return {variable: {"source": "prometheus"}}

    def usual_seconds(self, caller: Caller, verb: str) -> float | None:
        """How long a verb usually took; None where it never changed anything."""
        found = self.store.durations(caller.tenant.name, verb, PLAYBOOKS[verb].artifact)
        return round(statistics.median(found), 1) if found else None


@dataclass(frozen=True)
class Request:
    """What makes two requests the same: operation and body; and the client's key."""

    digest: str
    key: str | None


def request_of(method: str, path: str, body: Any, key: str | None) -> Request:
    """A request's digest does not depend on the order of keys or on white space."""
    text = json.dumps([method, path, body], sort_keys=True, default=str)
    return Request(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), key)


def _key_reused() -> Problem:
    return Problem(
        422,
        "IDEMPOTENCY_KEY_REUSED",
        "Failed to read 'Idempotency-Key': it belongs to another request",
        hint="Give each request a key of its own, and repeat a request with the same body",
        resource="Idempotency-Key",
    )


def now_text(clock: Callable[[], float] = time.time) -> str:
    """The time, as answers write it."""
    return written(clock()) or ""


def build_gateway(settings: Settings) -> Gateway:
    """Everything made, nothing started.

    :raises SettingsError: a file is missing or wrong, or the collection is.
    """
    place = make_importable()
    tokens = TokensFile(settings.tokens_file)
    settings.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = _store(settings)
    cache, variables = Cache(settings.max_age), read_variables(settings.variables_file)
    workers = Workers(
        store,
        _executor(settings),
        settings.workers,
        settings.lease,
        settings.keep_days * 86400,
        ended=lambda job: cache.drop(job.tenant),
    )
    return Gateway(
        settings=settings,
        tokens=tokens,
        store=store,
        workers=workers,
        cache=cache,
        variables={name: value for name, value in variables.items() if not _is_template(value)},
        variable_names=frozenset(variables),
        version=str(yaml.safe_load((place / "galaxy.yml").read_text(encoding="utf-8"))["version"])
        if (place / "galaxy.yml").exists()
        else str(json.loads((place / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]["version"]),
        rate=Rate(settings.rate_per_minute),
        failed_logins=Rate(settings.failed_logins_per_minute),
        at_once=AtOnce(MOST_AT_ONCE),
    )


def _store(settings: Settings) -> Store:
    try:
        return Store(settings.database, settings.lease, settings.max_queued)
    except (SQLAlchemyError, ImportError, OSError) as error:
        # Its text could repeat the address, and with it a password
        raise SettingsError(
            f"Failed to open the database that {PREFIX}DATABASE names: {type(error).__name__}. Give an address of SQLAlchemy, such as "
            "postgresql+psycopg://user:password@host/database, of a server that answers"
        ) from error


def _executor(settings: Settings) -> Executor:
    if settings.awx is None:
        return RunnerExecutor(settings.state_folder / "jobs", settings.variables_file)
    try:
        return AwxExecutor(awx_client(settings.awx), settings.awx.templates)
    except OSError as error:
        raise SettingsError(f"Failed to read the token of AWX '{settings.awx.token_file}': {error.strerror}") from error


def read_variables(path: Path | None) -> Mapping[str, Any]:
    """The site's variables. What is a template of Ansible there only counts for playbooks.

    :raises SettingsError: the file cannot be read.
    """
    if path is None:
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"Failed to read the variables file '{path}': {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"Failed to read the variables file '{path}': it is not a dictionary")
    return found


def _is_template(value: Any) -> bool:
    return "{{" in str(value) or "{%" in str(value)
