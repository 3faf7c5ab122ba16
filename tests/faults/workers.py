# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of modules, each in a fork of a process that has the libraries loaded: half a second in place of two."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODULES = "ansible_collections.kcloud.infrastructure.plugins.modules"
LIBRARIES = ["openstack.connection", "openstack.config", "magnumclient.v1.client", "heatclient.client", "yaml"]
PRELOADED = [
    *LIBRARIES,
    "ansible.module_utils.basic",
    *(f"{MODULES}.{name}" for name in ("magnum_cluster", "magnum_nodegroup", "magnum_cluster_template", "heat_stack")),
]
_CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Outcome:
    """How a run ended: what it printed, the result in it, and how long it took."""

    output: str
    seconds: float
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the module says that it did what it was asked for."""
        return bool(self.result) and not self.result.get("failed")

    @property
    def changed(self) -> bool:
        """What the module says of it."""
        return bool(self.result.get("changed"))

    @property
    def code(self) -> str:
        """The code of its failure; empty when it did not fail, a dash when it failed without one."""
        if self.ok:
            return ""
        return str((self.result.get("failure") or {}).get("code") or "-")

    def __str__(self) -> str:
        said = self.result.get("msg") or self.output[-600:]
        return f"{'ok' if self.ok else self.code}, changed={self.changed}, {self.seconds:.0f} s: {said}"


def start() -> None:
    """Load the libraries once, in the process that all runs are forks of."""
    _CONTEXT.set_forkserver_preload(PRELOADED)


def _child(module: str, params: dict[str, Any], path: str) -> None:
    from ansible.module_utils import basic

    arguments = {"ANSIBLE_MODULE_ARGS": {"_ansible_remote_tmp": tempfile.gettempdir(), **params}}
    basic._ANSIBLE_ARGS = json.dumps(arguments).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            importlib.import_module(f"{MODULES}.{module}").main()
        except SystemExit:
            pass
        except BaseException:  # noqa: BLE001 - whatever it is, it is what the suite looks for
            import traceback

            traceback.print_exc(file=text)
    Path(path).write_text(text.getvalue(), encoding="utf-8")


def begin(module: str, params: Mapping[str, Any]) -> tuple[Any, str, float]:
    """Start a run; `end` takes what this returns."""
    handle, path = tempfile.mkstemp(prefix="faults-")
    os.close(handle)
    process = _CONTEXT.Process(target=_child, args=(module, dict(params), path))
    process.start()
    return process, path, time.monotonic()


def end(run: tuple[Any, str, float], limit: float = 600) -> Outcome:
    """Wait for a run. One that hangs is killed, and its output says so."""
    process, path, began = run
    process.join(limit)
    if process.is_alive():
        process.kill()
        process.join()
    seconds = time.monotonic() - began
    output = Path(path).read_text(encoding="utf-8")
    os.unlink(path)
    if process.exitcode != 0:
        output += f"\nthe process ended with {process.exitcode} after {seconds:.0f} s"
    return Outcome(output, seconds, _result(output))


def run(module: str, params: Mapping[str, Any], limit: float = 600) -> Outcome:
    """Run a module with these parameters."""
    return end(begin(module, params), limit)


def _result(output: str) -> Mapping[str, Any]:
    """The result in an output: its last line that is a JSON object."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                return json.loads(line)
    return {}


if __name__ == "__main__":
    sys.exit("run `python -m tests.faults`")
