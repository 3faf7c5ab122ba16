# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that are run with a log, a deadline, and no way to outlive the runner."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.places import LOGS, ROOT

SECONDS_TO_STOP = 10
_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()
_stopping = threading.Event()


class Stopped(Exception):
    """The runner is to stop: nothing new is begun."""


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    output: str
    seconds: float
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, well."""
        return self.code == 0 and not self.timed_out


def run(
    command: Sequence[str | Path],
    *,
    log: str,
    environment: Mapping[str, str],
    folder: Path = ROOT,
    seconds: float = 900,
    even_when_stopping: bool = False,
) -> Finished:
    """Run one command with both its outputs in .build/logs/<log>.log; past the deadline its whole process group is ended."""
    if _stopping.is_set() and not even_when_stopping:
        raise Stopped
    path = LOGS / f"{log}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with path.open("w+b") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _guard:
            _running.add(process)
        timed_out = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            stop(process)
            with _guard:
                _running.discard(process)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if timed_out:
        text += f"\n(ended by the runner: not done after {seconds:.0f} s)\n"
    return Finished(process.returncode, text, time.monotonic() - started, timed_out)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: asked first, so that it can clean up."""
    if process.poll() is not None:
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(SECONDS_TO_STOP)
            return
        except ProcessLookupError:
            process.wait()
            return
        except subprocess.TimeoutExpired:
            continue


def stop_all() -> None:
    """End every command that still runs and begin no other; for a runner that is to stop."""
    _stopping.set()
    with _guard:
        left = list(_running)
    for process in left:
        stop(process)
