# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that are timed from their start to their end, with their peak memory.

This file and what calls it import nothing of OpenStack: a process inherits the peak of the one that starts it, so that one
stays small.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.fleet import ROOT

LIMIT_S = 1800.0
LAST_CHARACTERS = 2000


class RunError(RuntimeError):
    """A process that did not do what is measured, so that its seconds say nothing."""


@dataclass(frozen=True)
class Command:
    """A process to run; `input` goes to its standard input, `environment` replaces the whole environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    input: str = ""
    # What a module's result must say of `changed`; None where it does not matter
    changed: bool | None = None


@dataclass(frozen=True)
class Run:
    """What a process took and said."""

    seconds: float
    peak_mb: float
    cpu_seconds: float
    result: dict[str, Any] = field(repr=False)
    errors: str = field(repr=False)


def timed(command: Command, more: Mapping[str, str] | None = None, limit: float = LIMIT_S) -> Run:
    """Run a process that ends with one line of JSON.

    :param more: variables beside those of the command.
    :raises RunError: it failed, its result says so, or `changed` is not what the measurement is about.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**command.environment, **(more or {})},
        )
        killer = threading.Timer(limit, process.kill)
        killer.start()
        try:
            assert process.stdin is not None
            process.stdin.write(command.input)
            process.stdin.close()
            _pid, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            killer.cancel()
        output.seek(0)
        errors.seek(0)
        said, complaints = output.read(), errors.read()
    result = checked(last_json(said), command, process.returncode, complaints or said)
    return Run(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, result, complaints)


def last_json(text: str) -> dict[str, Any]:
    """The last line that is a JSON object; an empty one where there is none."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            return found if isinstance(found, dict) else {}
    return {}


def checked(result: dict[str, Any], command: Command, exit_code: int, words: str) -> dict[str, Any]:
    """The result of a run that did what was asked.

    :raises RunError: it did not.
    """
    what = " ".join(command.arguments[1:4])
    if exit_code != 0 or result.get("failed"):
        said = result.get("msg") or words[-LAST_CHARACTERS:].strip()
        raise RunError(f"Failed to run {what}: exit code {exit_code}: {said}")
    if command.changed is not None and result.get("changed") is not command.changed:
        raise RunError(
            f"Failed to measure {what}: 'changed' is {result.get('changed')}, and {command.changed} was expected: "
            + json.dumps(result.get("changes") or result.get("diff"))[:LAST_CHARACTERS]
        )
    return result


def in_order(commands: Sequence[Command], more: Mapping[str, str] | None = None) -> Run:
    """Run processes one after the other, as a loop of tasks does: seconds in all, and the highest peak."""
    runs = [timed(command, more) for command in commands]
    return Run(
        sum(run.seconds for run in runs),
        max(run.peak_mb for run in runs),
        sum(run.cpu_seconds for run in runs),
        runs[-1].result,
        "".join(run.errors for run in runs),
    )
