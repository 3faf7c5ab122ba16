# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed half-way, with everything they started: the next run brings it to its end, the one after nothing.

A whole `ansible-playbook` is killed, not a module: ansible-core gives its workers sessions of their own, so the processes are
found by a mark in their environment.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.faults.check import Suite, Verdict, name_of, sent, unprepared, unsettled
from tests.faults.rows import VERBS

MARK = "KCLOUD_FAULTS_RUN"
# Verb, and the seconds after the first write at which it is killed
TIMES = (0.0, 0.3, 1.0, 2.5, 6.0)
QUICK = (("create", 0.0), ("create", 2.5), ("resize", 0.3), ("delete", 0.3), ("stack", 0.0), ("credential", 0.0))


def work(suite: Suite, tier: int) -> list[tuple[str, Callable[[], Verdict]]]:
    """The kills of a tier."""
    every = [(verb, after) for verb in VERBS for after in TIMES]
    chosen = QUICK if tier == 2 else every
    return [
        (
            f"kill {number}: {verb}, {after} s after its request",
            lambda o=verb, a=after, n=number: check_kill(suite, o, a, n),
        )
        for number, (verb, after) in enumerate(chosen)
    ]


def check_kill(suite: Suite, verb: str, after: float, number: int) -> Verdict:
    """Kill a run so long after it sent its request, then run it twice."""
    called = f"kill {number}: {verb}, {after} s after its request"
    about, name = VERBS[verb], name_of(called)
    wrong: list[str] = []
    began = time.monotonic()
    try:
        if made := unprepared(suite, about, name):
            return Verdict(called, (f"could not be prepared: {made}",), made.seconds, "not run")
        module, params = about.step(name)
        # A rule that never fits: the proxy only tells when the request was sent
        auth = suite.proxy.auth(dict(suite.auth), name, [])
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            process = _playbook(Path(folder), name, module, {**params, "auth": auth})
            if not sent(suite, name, lambda: process.poll() is None):
                wrong.append(f"it never sent its request: {process.communicate()[0][-500:]}")
            time.sleep(after)
            killed = kill_tree(name)
            process.communicate()
        wrong += unsettled(suite, about, name, "the kill")
        return Verdict(called, tuple(wrong), time.monotonic() - began, f"{killed} processes killed", 1)
    except Exception as error:  # noqa: BLE001 - a defect of the suite is a failure of the kill
        return Verdict(called, (*wrong, f"the suite failed: {error!r}"), 0, "not run")
    finally:
        kill_tree(name)
        suite.clean(name)


def _playbook(folder: Path, name: str, module: str, params: dict[str, object]) -> subprocess.Popen[str]:
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{f"kcloud.infrastructure.{module}": params}]}]
    Path(folder, "play.yml").write_text(json.dumps(play), encoding="utf-8")
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", "play.yml"],
        cwd=folder,
        env={**os.environ, MARK: name, "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_tree(name: str) -> int:
    """Kill every process that carries the mark of this run; how many there were."""
    mark, killed = f"{MARK}={name}".encode(), 0
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and mark in Path(process, "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
    return killed
