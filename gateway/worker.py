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
from dataclasses import replace
from typing import Any

from gateway.executors import Executor, Outcome, failed
from gateway.jobs import MOST_ATTEMPTS, Job, Store
from gateway.playbooks import PLAYBOOKS

log = logging.getLogger("gateway")
# Jobs of other gateways are looked for so often; its own wake a worker at once
POLL_S = 1.0
FORGET_EVERY_S = 3600.0
# Parts of a lease: it is renewed so often, and its job ends here when it was not renewed for so long. What is left is for the end
RENEWED_AT, GIVEN_UP_AT = 1 / 6, 2 / 3


class JobRun:
    """One job while it runs here."""

    def __init__(self, store: Store, job: Job, stopping: threading.Event, lease: float, renewed_at: float) -> None:
        self.job = job
        self._store, self._stopping, self._lease = store, stopping, lease
        self.lost = threading.Event()
        self.renewed_at = renewed_at

    def event(self, event: Mapping[str, Any]) -> None:
        self._try("an event", lambda: self._store.add_event(self.job, event))

    def said(self, result: Mapping[str, Any]) -> None:
        self._try("what it has said", lambda: self._store.keep_result(self.job, result))

    def remote(self, identity: str | None) -> None:
        # An executor finds by the job's own id what it began elsewhere
        self._try("its id elsewhere", lambda: self._store.remember_remote(self.job, identity))

    def _try(self, what: str, write: Callable[[], None]) -> None:
        """Write what is worth less than the job that runs."""
        try:
            write()
        except Exception:
            log.exception("job %s: %s was not kept", self.job.id, what)

    def goes_on(self) -> bool:
        return self.is_kept() and not self._stopping.is_set()

    def is_kept(self) -> bool:
        """Whether the lease certainly holds, and for long enough to end what runs: a renewal may hang."""
        return not self.lost.is_set() and time.monotonic() - self.renewed_at <= self._lease * GIVEN_UP_AT


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
                began = time.monotonic()
                job = self._store.claim(self.name)
                if job is not None:
                    self._run(job, began)
                    continue
            except Exception:
                # The database may be away for a while: the leases of what ran decide what happens to it
                log.exception("a worker met an error and goes on")
            with self._wake:
                if not self._stopping.is_set():
                    self._wake.wait(POLL_S)

    def _run(self, job: Job, claimed_at: float) -> None:
        run = JobRun(self._store, job, self._stopping, self._lease, claimed_at)
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
                self._finish(run, outcome)
                log.info("job %s %s: %s", job.id, job.verb, outcome.state)
        finally:
            with self._lock:
                self._runs.pop(job.id, None)
            # What waited for this target may run now
            self.wake()

    def _finish(self, run: JobRun, outcome: Outcome) -> None:
        """Keep how the job ended, such as records that its next run needs: as long as the lease lasts."""
        assert outcome.state is not None
        while True:
            try:
                self._store.finish(run.job, outcome.state, outcome.result, outcome.failure)
                return
            except Exception:
                if not run.goes_on():
                    raise
                log.exception("job %s: its end was not kept, and is tried again", run.job.id)
            self._stopping.wait(min(POLL_S, self._lease * RENEWED_AT))

    def _outcome(self, job: Job, run: JobRun) -> Outcome:
        if job.attempts > MOST_ATTEMPTS:
            return failed(
                "ABANDONED",
                f"{MOST_ATTEMPTS} gateways began this job and ended before it did",
                hint="Look at the logs of the gateways; then send the request again",
            )
        if job.attempts > 1:
            run.event({"task": "Take the job up again, as its gateway ended before it did", "status": "ok"})
        job = self._remembering(job)
        log.info("job %s %s: begins (attempt %s)", job.id, job.verb, job.attempts)
        try:
            return self._executor.run(job, run)
        except Exception as error:
            log.exception("job %s %s: the executor failed", job.id, job.verb)
            return failed("EXECUTOR_FAILED", f"The gateway could not run the playbook: {type(error).__name__}")

    def _remembering(self, job: Job) -> Job:
        """The job with what the run before it remembered. Asked now: other runs may have ended while it waited."""
        playbook = PLAYBOOKS.get(job.verb)
        if playbook is None or playbook.memory is None:
            return job
        state = self._store.last_state(job.tenant, job.verb, playbook.artifact)
        return replace(job, variables={**job.variables, playbook.memory: state}) if state else job

    def _keep(self) -> None:
        """Renew every lease several times before it ends."""
        waited, pause = 0.0, self._lease * RENEWED_AT
        while not self._stopping.wait(pause):
            with self._lock:
                runs = list(self._runs.values())
            for run in runs:
                self._renew(run)
            waited += pause
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
