# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job is carried out: by ansible-runner on this machine, or by a job template of AWX."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import yaml

from gateway.jobs import FAILED, SUCCEEDED, Job
from gateway.playbooks import PLAYBOOKS, artifacts_of, event_of, extra_vars, failure_of, own_artifacts
from gateway.settings import PREFIX, Awx


@dataclass(frozen=True)
class Outcome:
    """How a job ended. ``state`` None: it did not end, and is to be given back."""

    state: str | None
    result: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None


class Run(Protocol):
    """What an executor may ask of, and say to, the gateway while a job runs."""

    def event(self, event: Mapping[str, Any]) -> None: ...

    def said(self, result: Mapping[str, Any]) -> None: ...

    def remote(self, identity: str | None) -> None: ...

    def goes_on(self) -> bool: ...


class Executor(Protocol):
    """Carries one job out, and returns when it has ended or ``run.goes_on`` says no."""

    def run(self, job: Job, run: Run) -> Outcome: ...


def failed(code: str, message: str, *, reason: str | None = None, hint: str | None = None) -> Outcome:
    return Outcome(
        FAILED, None, {"code": code, "message": message, "reason": reason, "hint": hint, "resource": None, "task": None}
    )


# --- ansible-runner

WATCH_S = 0.2
INVENTORY = {
    "all": {
        "hosts": {
            "localhost": {
                "ansible_connection": "local",
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            }
        }
    }
}


class RunnerExecutor:
    """Runs the playbook in a process of its own, which ends when this process ends, however that happens.

    :param folder: where each job has a private folder while it runs.
    :param variables_file: variables of the site, beside those of the job.
    """

    def __init__(self, folder: Path, variables_file: Path | None = None) -> None:
        self._folder, self._variables_file = folder, variables_file
        _remove_left(folder)

    def run(self, job: Job, run: Run) -> Outcome:
        place = self._folder / f"{job.id}-{job.attempts}"
        with _held(place):
            self._prepare(place, job)
            return self._watched(place, run)

    def _prepare(self, place: Path, job: Job) -> None:
        for name in ("env", "inventory", "project"):
            (place / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (place / "inventory" / "hosts.yml").write_text(yaml.safe_dump(INVENTORY), encoding="utf-8")
        variables = {**job.variables, "kcloud_openstack": {"cloud": job.cloud}}
        (place / "env" / "extravars").write_text(extra_vars(variables), encoding="utf-8")
        if self._variables_file is not None:
            # As of an inventory: the variables of the job win
            group = place / "inventory" / "group_vars"
            group.mkdir(mode=0o700)
            shutil.copyfile(self._variables_file, group / "all.yml")
        (place / "job.json").write_text(json.dumps({"playbook": PLAYBOOKS[job.verb].name}), encoding="utf-8")

    def _watched(self, place: Path, run: Run) -> Outcome:
        # Nothing of the gateway's own settings, such as its database's password, reaches a playbook
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH")])
        )
        # A module that is ended leaves its file, which holds its options: it goes with the folder of the job
        environment["ANSIBLE_REMOTE_TMP"] = str(place / "tmp")
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.job_process", str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        return _followed(process, run)


@contextlib.contextmanager
def _held(place: Path) -> Iterator[None]:
    """A folder while the block runs. Its lock ends with this process, however that happens, and tells that the folder is in use."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Not every file system has locks; without one, a folder is never taken for one that was left
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(handle)


def _remove_left(folder: Path) -> None:
    """Remove the folders of jobs whose gateway was killed: they hold what requests asked for."""
    for place in folder.glob("*-*/"):
        with contextlib.suppress(OSError):
            handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(handle)


def _followed(process: subprocess.Popen[bytes], run: Run) -> Outcome:
    """Read the process's lines to its end. Its input is held open: when it closes, the process ends the playbook."""
    assert process.stdin is not None and process.stdout is not None
    result: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    status, stopped, over = None, threading.Event(), threading.Event()

    def watch() -> None:
        # A playbook may wait for long without a word
        try:
            while not over.wait(WATCH_S):
                if not run.goes_on():
                    stopped.set()
                    break
        finally:
            process.stdin.close()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        for line in process.stdout:
            said = json.loads(line)
            if "status" in said:
                status = said["status"]
                continue
            kept = event_of(said)
            if kept is not None and not stopped.is_set():
                run.event(kept)
            failure = failure_of(said) or failure
            found = artifacts_of(said)
            if found is not None:
                # Kept at once, as what the next run must remember: the playbook may be ended before its end
                result = {**(result or {}), **found}
                run.said(result)
        process.wait()
    finally:
        # Whatever happened: who returns from here says that the playbook has ended
        over.set()
        process.stdout.close()
        process.wait()
        watcher.join()
    if stopped.is_set():
        return Outcome(None)
    if status == "successful":
        return Outcome(SUCCEEDED, result or {}, None)
    if failure is not None:
        return Outcome(FAILED, result, failure)
    ended = failed(
        "PLAYBOOK_FAILED",
        f"ansible-runner ended with '{status}' before any task failed",
        hint="Look at the gateway's log, and at its collections and clouds.yaml; then send the request again",
    )
    return replace(ended, result=result)


# --- AWX

AWX_DONE = {"successful": SUCCEEDED, "failed": FAILED, "error": FAILED, "canceled": FAILED}
AWX_PAUSE_S = 2.0
# What a job template must take from a launch
ASKED_AT_LAUNCH = {
    "ask_variables_on_launch": "the variables of a request",
    "ask_credential_on_launch": "the credential of a tenant",
}
# The extra variable by which a job is known in AWX: its id here
MARKER = "kcloud_gateway_job"
# After a launch without an answer it is only looked for, for so long: AWX may still be about to carry it out
AWX_SETTLE_S = 120.0
# When AWX has not answered for so long, the job's events say so
AWX_PATIENCE_S = 60.0
# Jobs of one answer: the most that AWX gives
AWX_PAGE = 200
# So far AWX's clock may be behind ours
AWX_CLOCKS_S = 600.0

# No answer, or not one of AWX
UNANSWERED = (httpx.HTTPError, ValueError, LookupError, TypeError)


class NotSetUp(Exception):
    """AWX lacks what a launch needs. The text names it."""


class _Silence:
    """How long AWX has not answered."""

    def __init__(self, run: Run, task: str) -> None:
        self._run, self._task, self._seconds = run, task, 0.0

    def longer(self, error: Exception) -> None:
        before, self._seconds = self._seconds, self._seconds + AWX_PAUSE_S
        if before < AWX_PATIENCE_S <= self._seconds:
            message = f"AWX does not answer, and the job may run there: {type(error).__name__}: {error}"
            self._run.event({"task": self._task, "status": "waiting", "message": message[:500]})

    def over(self) -> None:
        self._seconds = 0.0


def _marker_of(extra_vars: str) -> Any:
    """The gateway's id in the extra variables of a job of AWX, which has jobs of others, too."""
    try:
        variables = json.loads(extra_vars)
    except ValueError:
        return None
    return variables.get(MARKER) if isinstance(variables, dict) else None


class AwxExecutor:
    """Launches the verb's job template, and follows the job in AWX. AWX spreads the work, and keeps the tenants' credentials.

    A gateway that takes a job up follows the job that AWX runs already, which it finds by its marker where its id was not kept. While a job
    may run in AWX it does not count as ended here, however long AWX is silent: another one of its target could begin.

    :param client: an HTTP client whose base address is AWX's.
    """

    def __init__(
        self,
        client: httpx.Client,
        templates: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._templates, self._sleep = client, templates, sleep

    def run(self, job: Job, run: Run) -> Outcome:
        try:
            identity = job.remote_id or self._begin(job, run)
        except httpx.HTTPStatusError as error:
            return failed(
                "AWX_REFUSED",
                f"AWX refused to launch the job template of {job.verb}: HTTP {error.response.status_code}",
                reason=error.response.text[:500],
                hint="Compare the job template's survey and 'prompt on launch' of variables with the collection's AWX data",
            )
        except NotSetUp as error:
            return failed(
                "AWX_NOT_SET_UP",
                f"Failed to launch the job template of {job.verb}",
                reason=str(error)[:500],
                hint="Apply the collection's AWX data. Each tenant needs credentials with the name of its cloud, of the types of the job templates",
            )
        if identity is None:
            return Outcome(None)
        run.remote(identity)
        return self._follow(job, identity, run)

    def _begin(self, job: Job, run: Run) -> str | None:
        """The id of the job in AWX, launched unless it runs there already; None where this gateway is to stop.

        :raises NotSetUp: see `_launch`.
        :raises httpx.HTTPStatusError: AWX refused, and runs nothing for this job.
        """
        # A gateway may have died while it launched
        silence, may_run = _Silence(run, "Launch the job template"), job.attempts > 1
        settling = AWX_SETTLE_S if may_run else 0.0
        while run.goes_on():
            try:
                if (identity := self._launched(job)) is not None:
                    return identity
                if settling <= 0:
                    may_run = False
                    launch = self._launch(job)
                    settling, may_run = AWX_SETTLE_S, True
                    answer = self._client.send(launch)
                    may_run = answer.status_code >= 500
                    answer.raise_for_status()
                    return str(answer.json()["id"])
                silence.over()
            except httpx.HTTPStatusError as error:
                if error.response.status_code < 500 and not may_run:
                    raise
                silence.longer(error)
            except UNANSWERED as error:
                silence.longer(error)
            self._sleep(AWX_PAUSE_S)
            settling -= AWX_PAUSE_S
        return None

    def _launched(self, job: Job) -> str | None:
        """The id of the job that AWX has for this one. AWX refuses to search extra variables, so they are read: those of its jobs since then."""
        since = datetime.fromtimestamp(job.created_at - AWX_CLOCKS_S, UTC).isoformat()
        last = 0
        while True:
            asked = {"created__gte": since, "id__gt": last, "order_by": "id", "page_size": AWX_PAGE}
            answer = self._client.get("/api/v2/jobs/", params=asked)
            answer.raise_for_status()
            found = answer.json()["results"]
            for other in found:
                if _marker_of(other["extra_vars"]) == job.id:
                    return str(other["id"])
            if len(found) < AWX_PAGE:
                return None
            last = found[-1]["id"]

    def _launch(self, job: Job) -> httpx.Request:
        """The request that launches the job, with the variables of the request, and with the credential that has the name of the tenant's cloud.

        :raises NotSetUp: AWX lacks the job template or the credential, or the template does not take them from a launch: a job with a part
            of its variables, or with another tenant's credential, must not begin.
        """
        name = self._templates.get(job.verb) or f"kcloud {job.verb.replace('_', ' ')}"
        template = self._only("job_templates", name=name)
        for field, shown in ASKED_AT_LAUNCH.items():
            if not template.get(field):
                raise NotSetUp(f"the job template '{name}' does not take {shown}: set its {field} to true")
        # AWX marks variables of a launch as unsafe by itself
        body = {
            "extra_vars": {**job.variables, MARKER: job.id},
            "credentials": self._credentials(template["id"], job.cloud),
        }
        return self._client.build_request("POST", f"/api/v2/job_templates/{template['id']}/launch/", json=body)

    def _credentials(self, template: int, cloud: str) -> list[int]:
        """The ids of the credentials of a launch: for each cloud credential of the job template the tenant's of the same type, since AWX refuses
        to leave a type of a template out; and what is none of a cloud, such as a vault's password.

        :raises NotSetUp: the tenant has none of the type: AWX would take the template's own, which may be another tenant's.
        """
        answer = self._client.get(f"/api/v2/job_templates/{template}/credentials/")
        answer.raise_for_status()
        own = answer.json()["results"]
        types = [credential["credential_type"] for credential in own if credential["cloud"]]
        searches = [{"credential_type": kind} for kind in types] or [{}]
        replaced = [self._only("credentials", name=cloud, **search)["id"] for search in searches]
        return [*replaced, *(credential["id"] for credential in own if not credential["cloud"])]

    def _only(self, kind: str, name: str, **search: int) -> Mapping[str, Any]:
        answer = self._client.get(f"/api/v2/{kind}/", params={"name": name, **search})
        answer.raise_for_status()
        found = answer.json()["results"]
        if len(found) != 1:
            of = "".join(f" and the {field} {value}" for field, value in search.items())
            raise NotSetUp(f"AWX has {len(found)} {kind.replace('_', ' ')} with the name '{name}'{of}")
        return found[0]

    def _follow(self, job: Job, identity: str, run: Run) -> Outcome:
        status, silence = None, _Silence(run, f"AWX job {identity}")
        while run.goes_on():
            try:
                answer = self._client.get(f"/api/v2/jobs/{identity}/")
                # What stands before an AWX that is away may say 404 too: AWX itself has to say that it has no such job
                if answer.status_code == 404 and self._launched(job) is None:
                    run.remote(None)
                    return failed("AWX_JOB_LOST", f"AWX no longer has job {identity}", hint="Send the request again")
                answer.raise_for_status()
                found = answer.json()
                now = found["status"]
            except (httpx.HTTPStatusError, *UNANSWERED) as error:
                silence.longer(error)
                self._sleep(AWX_PAUSE_S)
                continue
            silence.over()
            if now != status:
                status = now
                run.event({"task": f"AWX job {identity}", "status": status})
            if status in AWX_DONE:
                return self._ended(identity, found)
            self._sleep(AWX_PAUSE_S)
        return Outcome(None)

    def _ended(self, identity: str, found: Mapping[str, Any]) -> Outcome:
        result = own_artifacts(found.get("artifacts") or {})
        if AWX_DONE[found["status"]] == SUCCEEDED:
            return Outcome(SUCCEEDED, result, None)
        failure = self._failure(identity)
        if failure is not None:
            return Outcome(FAILED, result, failure)
        return failed(
            "PLAYBOOK_FAILED",
            f"AWX job {identity} ended with '{found['status']}'",
            reason=found.get("job_explanation") or found.get("result_traceback") or None,
        )

    def _failure(self, identity: str) -> dict[str, Any] | None:
        """Why the last task that failed did so, by AWX's events."""
        asked = {"event": "runner_on_failed", "order_by": "-counter", "page_size": 10}
        try:
            answer = self._client.get(f"/api/v2/jobs/{identity}/job_events/", params=asked)
            answer.raise_for_status()
            events = answer.json()["results"]
        except (httpx.HTTPError, LookupError, ValueError):
            return None
        return next(filter(None, map(failure_of, events)), None)


def awx_client(awx: Awx) -> httpx.Client:
    """A client that logs in with the token of the file."""
    token = awx.token_file.read_text(encoding="utf-8").strip()
    return httpx.Client(base_url=awx.url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
