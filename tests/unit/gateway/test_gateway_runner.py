# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of ansible-runner on this machine: what runs ends when its job does, and no error of the gateway leaves it unwatched."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.executors import RunnerExecutor
from gateway.jobs import Job
from gateway.playbooks import PLAYBOOKS, Playbook

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60


class Asked:
    """What an executor says, and when its job is to end."""

    def __init__(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        self.events: list[Any] = []
        self.results: list[Any] = []
        self.goes_on = goes_on

    def said(self, result: Any) -> None:
        self.results.append(result)

    def event(self, event: Any) -> None:
        self.events.append(event)

    def remote(self, identity: str | None) -> None:
        raise AssertionError(identity)


def processes_with(text: str) -> list[int]:
    """The living processes whose command line holds a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def job_of(monkeypatch: pytest.MonkeyPatch, folder: Path, *tasks: dict[str, Any]) -> Job:
    """A job whose playbook has these tasks."""
    path = folder / "play.yml"
    path.write_text(
        yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]), encoding="utf-8"
    )
    monkeypatch.setitem(PLAYBOOKS, "test", Playbook(str(path), "kcloud_test"))
    return Job(
        tenant="t", actor="x", cloud="c", verb="test", target="a", variables={}, answer={}, request_digest="d", id="1",
        attempts=1,
    )  # fmt: skip


def sleeping(folder: Path, seconds: str) -> dict[str, Any]:
    """A task that sleeps, and a name in its command line that no other test has."""
    return {"ansible.builtin.command": {"argv": ["sh", "-c", f"sleep {seconds}; exit 0", str(folder)]}}


def test_a_playbook_that_is_cancelled_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker, left = f"{tmp_path}/task", tmp_path / "left"
    monkeypatch.setenv("ANSIBLE_REMOTE_TMP", str(left))
    job = job_of(monkeypatch, tmp_path, sleeping(Path(marker), "300"))
    outcome = RunnerExecutor(tmp_path / "jobs").run(job, Asked(lambda: not processes_with(marker)))
    assert outcome.state is None
    assert processes_with(str(tmp_path)) == [] and os.listdir(tmp_path / "jobs") == []
    # Nor its module, with the options that it had
    assert not left.exists()


def test_a_gateway_that_is_killed_takes_its_playbooks_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = f"{tmp_path}/task"
    job = job_of(monkeypatch, tmp_path, sleeping(Path(marker), "300"))
    place = tmp_path / "jobs" / "1-1"
    RunnerExecutor(tmp_path / "jobs")._prepare(place, job)
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.job_process", str(place)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            wait_for(lambda: processes_with(marker))
        finally:
            # The system does the same when it ends a gateway
            process.stdin.close()
        process.wait(PATIENCE_S)
    assert processes_with(str(tmp_path)) == []


def test_what_a_playbook_says_is_kept_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = f"{tmp_path}/task"
    statistics = {"ansible.builtin.set_stats": {"data": {"kcloud_test": {"state": [1]}, "other": 2}}}
    asked = Asked(lambda: not processes_with(marker))
    job = job_of(monkeypatch, tmp_path, statistics, sleeping(Path(marker), "300"))
    assert RunnerExecutor(tmp_path / "jobs").run(job, asked).state is None
    assert asked.results == [{"kcloud_test": {"state": [1]}}]


def test_what_a_task_leaves_in_the_background_ends_with_its_playbook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = {
        "ansible.builtin.shell": f"setsid sh -c 'sleep 300; exit 0' {tmp_path}/daemon >/dev/null 2>&1 </dev/null &"
    }
    statistics = {"ansible.builtin.set_stats": {"data": {"kcloud_test": {"a": 1}}}}
    asked = Asked()
    outcome = RunnerExecutor(tmp_path / "jobs").run(job_of(monkeypatch, tmp_path, daemon, statistics), asked)
    assert (outcome.state, outcome.result) == ("succeeded", {"kcloud_test": {"a": 1}})
    assert [event["status"] for event in asked.events] == ["changed", "ok"]
    assert processes_with(f"{tmp_path}/daemon") == []


def test_an_error_of_the_gateway_ends_the_playbook_before_the_target_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = f"{tmp_path}/task"
    asked = Asked()

    def fail(_event: Any) -> None:
        wait_for(lambda: processes_with(marker))
        raise ValueError("of the gateway")

    asked.event = fail  # type: ignore[method-assign]
    begun = {"ansible.builtin.debug": {"msg": "x"}}
    threads = threading.active_count()
    with pytest.raises(ValueError, match="of the gateway"):
        RunnerExecutor(tmp_path / "jobs").run(
            job_of(monkeypatch, tmp_path, begun, sleeping(Path(marker), "300")), asked
        )
    assert processes_with(str(tmp_path)) == [] and threading.active_count() == threads
    assert os.listdir(tmp_path / "jobs") == []


def test_folders_of_jobs_whose_gateway_was_killed_are_removed_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = tmp_path / "jobs"
    (jobs / "2-1" / "env").mkdir(parents=True)
    (jobs / "2-1" / "env" / "extravars").write_text("of a request", encoding="utf-8")
    found = list[list[str]]()
    asked = Asked()

    def start_another(_event: Any) -> None:
        # Two gateways may share a folder, as when one takes the place of another
        RunnerExecutor(jobs)
        found.append(os.listdir(jobs))

    asked.event = start_another  # type: ignore[method-assign]
    first = RunnerExecutor(jobs)
    assert os.listdir(jobs) == []
    outcome = first.run(job_of(monkeypatch, tmp_path, {"ansible.builtin.debug": {"msg": "x"}}), asked)
    assert outcome.state == "succeeded" and found == [["1-1"]] and os.listdir(jobs) == []
