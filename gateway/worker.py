# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's workers: they claim jobs, carry them out, and keep their leases."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from gateway.executors import Executor, Outcome, failed
from gateway.jobs import MOST_ATTEMPTS, Job, Store

log = logging.getLogger("gateway")
# Jobs of other gateways are looked for so often; its own wake a worker at once
POLL_S = 1.0
FORGET_EVERY_S = 3600.0


class JobRun:
    """One job while it runs here."""

    def __init__(self, store: Store, job: Job, stopping: threading.Event) -> None:
        self.job = job
        self._store, self._stopping = store, stopping
        self.lost = threading.Event()
        self.renewed_at = time.monotonic()

    def event(self, event: Mapping[str, Any]) -> None:
        self._store.add_event(self.job, event)

    def remote(self, identity: str | None) -> None:
        self._store.remember_remote(self.job, identity)

    def goes_on(self) -> bool:
        return not self.lost.is_set() and not self._stopping.is_set()


class Workers:
    """Threads that run jobs, and one that renews their leases.

    :param ended: called before the end of a job can be seen.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        count: int,
        lease: float,
        keep_s: float,
        ended: Callable[[Job], None] = lambda _job: None,
    ) -> None:
        self._store, self._executor, self._lease, self._keep_s = store, executor, lease, keep_s
        self._ended = ended
        self.name = f"{socket.gethostname()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._stopping = threading.Event()
        self._wake = threading.Condition()
        self._runs: dict[str, JobRun] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, name=f"worker-{number}") for number in range(count)]
        self._keeper = threading.Thread(target=self._keep, name="leases", daemon=True)

    def start(self) -> None:
        for thread in [*self._threads, self._keeper]:
            thread.start()

    def stop(self) -> None:
        """End what runs, and give it back."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join()

    def wake(self) -> None:
        """A job was queued."""
        with self._wake:
            self._wake.notify_all()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                job = self._store.claim(self.name)
                if job is not None:
                    self._run(job)
                    continue
            except Exception:
                # The database may be away for a while: the leases of what ran decide what happens to it
                log.exception("a worker met an error and goes on")
            with self._wake:
                if not self._stopping.is_set():
                    self._wake.wait(POLL_S)

    def _run(self, job: Job) -> None:
        run = JobRun(self._store, job, self._stopping)
        with self._lock:
            self._runs[job.id] = run
        try:
            outcome = self._outcome(job, run)
            if run.lost.is_set():
                log.warning("job %s: its lease ended, and another gateway has it", job.id)
            elif outcome.state is None:
                self._store.release(job)
                log.info("job %s %s: given back", job.id, job.verb)
            else:
                self._ended(job)
                self._store.finish(job, outcome.state, outcome.result, outcome.failure)
                log.info("job %s %s: %s", job.id, job.verb, outcome.state)
        finally:
            with self._lock:
                self._runs.pop(job.id, None)
            # What waited for this target may run now
            self.wake()

    def _outcome(self, job: Job, run: JobRun) -> Outcome:
        if job.attempts > MOST_ATTEMPTS:
            return failed(
                "ABANDONED",
                f"{MOST_ATTEMPTS} gateways began this job and ended before it did",
                hint="Look at the logs of the gateways; then send the request again",
            )
        if job.attempts > 1:
            run.event({"task": "Take the job up again, as its gateway ended before it did", "status": "ok"})
        log.info("job %s %s: begins (attempt %s)", job.id, job.verb, job.attempts)
        try:
            return self._executor.run(job, run)
        except Exception as error:
            log.exception("job %s %s: the executor failed", job.id, job.verb)
            return failed("EXECUTOR_FAILED", f"The gateway could not run the playbook: {type(error).__name__}")

    def _keep(self) -> None:
        """Renew every lease three times before it ends."""
        waited = 0.0
        while not self._stopping.wait(self._lease / 3):
            with self._lock:
                runs = list(self._runs.values())
            for run in runs:
                self._renew(run)
            waited += self._lease / 3
            if waited >= FORGET_EVERY_S:
                waited = 0.0
                try:
                    self._store.forget(self._keep_s)
                except Exception:
                    log.exception("old jobs were not deleted")

    def _renew(self, run: JobRun) -> None:
        began = time.monotonic()
        try:
            if self._store.renew(run.job):
                run.renewed_at = began
            else:
                run.lost.set()
        except Exception:
            log.exception("the lease of job %s was not renewed", run.job.id)
            # Another gateway may reach the database where this one does not
            if began - run.renewed_at > self._lease:
                run.lost.set()
