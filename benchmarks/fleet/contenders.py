# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is measured: each a list of processes, so that all of them are started, timed and counted in one way."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import COLLECTIONS
from benchmarks.fleet import STATE, declaration
from benchmarks.fleet.counting import CountingProxy, Request
from benchmarks.fleet.figures import Sample, counted
from benchmarks.fleet.peer import Peer
from benchmarks.fleet.processes import Command, Run, in_order, timed

MODULES = "ansible_collections.kcloud.infrastructure.plugins.modules"
PEER_MODULES = "ansible_collections.openstack.cloud.plugins.modules"
CLOUDS = STATE / "clouds.yaml"
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
Endpoints = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Contender:
    """Processes that follow each other, and how many times as many the row is about."""

    name: str
    commands: tuple[Command, ...]
    times: float = 1.0
    note: str = ""


def environment(collections: str = COLLECTIONS, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a measured process: the benchmark's cloud, no proxy, bytecode where Python wants it."""
    given = os.environ if variables is None else variables
    return {
        **{name: given[name] for name in KEPT_VARIABLES if name in given},
        "PYTHONPATH": collections,
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "OS_CLIENT_CONFIG_FILE": str(CLOUDS),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def module(name: str, options: Mapping[str, Any], changed: bool | None = False) -> Command:
    """A module of the working tree as a process: its own file, its arguments as JSON on standard input."""
    return _module(sys.executable, COLLECTIONS, f"{MODULES}.{name}", options, changed)


def peer_module(peer: Peer, name: str, options: Mapping[str, Any], changed: bool | None = False) -> Command:
    """The same of openstack.cloud."""
    return _module(str(peer.python), str(peer.collections), f"{PEER_MODULES}.{name}", options, changed)


def _module(python: str, collections: str, name: str, options: Mapping[str, Any], changed: bool | None) -> Command:
    own = {"_ansible_remote_tmp": tempfile.gettempdir(), "cloud": declaration.CLOUD}
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**own, **options}})
    return Command((python, "-m", name), environment(collections), arguments, changed)


def floor(parts: Sequence[str], names: Sequence[str] | None = ()) -> Command:
    """Plain clients that read these parts; `names` of the clusters whose groups are read, None for all."""
    words = (str(CLOUDS), declaration.CLOUD, ",".join(parts), json.dumps(names))
    return Command((sys.executable, "-m", "benchmarks.fleet.floor", *words), environment())


def measured(contenders: Sequence[Contender], runs: int, endpoints: Endpoints) -> dict[str, Sample]:
    """Each of them `runs` times, in turns so that none has the quiet minutes for itself; then once more, counted."""
    taken: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for _run in range(runs):
        for contender in contenders:
            taken[contender.name].append(in_order(contender.commands))
    return {
        contender.name: sample(contender, taken[contender.name], requests(contender, endpoints))
        for contender in contenders
    }


def sample(contender: Contender, runs: Sequence[Run], found: Sequence[Request]) -> Sample:
    """What the runs say of a contender."""
    return Sample(
        tuple(run.seconds for run in runs),
        tuple(run.peak_mb for run in runs),
        counted(request.service for request in found),
        contender.times,
    )


def requests(contender: Contender, endpoints: Endpoints) -> list[Request]:
    """One more run, through the counting proxy."""
    with CountingProxy(endpoints) as proxy:
        in_order(contender.commands, proxy.environment)
    return proxy.requests


def traced(command: Command, endpoints: Endpoints) -> tuple[Run, list[Request]]:
    """One run of one process through the proxy, with what it sent."""
    with CountingProxy(endpoints) as proxy:
        run = timed(command, proxy.environment)
    return run, proxy.requests


def once_counted(contender: Contender, endpoints: Endpoints) -> Sample:
    """One run that is timed and counted at once, for what cannot be run again at will: a creation."""
    with CountingProxy(endpoints) as proxy:
        run = in_order(contender.commands, proxy.environment)
    return sample(contender, [run], proxy.requests)


def playbook(name: str, options: Mapping[str, Any], folder: Path = STATE) -> Command:
    """The same module as the one task of a playbook."""
    task = {f"kcloud.infrastructure.{name}": {"cloud": declaration.CLOUD, **options}}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    path = folder / f"{name}.yml"
    path.write_text(json.dumps([play]), encoding="utf-8")
    tool = Path(sys.executable).parent / "ansible-playbook"
    python = f"ansible_python_interpreter={sys.executable}"
    return Command((str(tool), "-i", "localhost,", "-e", python, str(path)), environment())
