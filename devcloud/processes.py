# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start, recognise and end processes. A process is ours by pid *and* start time *and* boot, never by its name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from devcloud.secret_store import write_private

# Put into the environment of everything started, so that children whose parent was killed can still be distinguished.
OWNER = "DEVCLOUD_OWNER"


@dataclass(frozen=True)
class Record:
    """Identity of one started process. `started` is in clock ticks since boot, field 22 of /proc/pid/stat."""

    service: str
    pid: int
    started: int
    boot: str
    key: str


@dataclass(frozen=True)
class Stat:
    """What /proc/pid/stat says."""

    pid: int
    state: str
    parent: int
    session: int
    started: int


def parse_stat(text: str) -> Stat:
    """Parse /proc/pid/stat, whose second field may itself hold spaces and brackets.

    >>> parse_stat("7 (a) b) S 1 7 9 " + " ".join("0" for _ in range(15)) + " 123 0").started
    123
    """
    pid, rest = text.split(" ", 1)
    fields = rest[rest.rindex(")") + 2 :].split()
    return Stat(int(pid), fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def read_stat(pid: int) -> Stat | None:
    """Return the process's stat, or None when there is no such process (a zombie counts as none)."""
    try:
        stat = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (OSError, ValueError):
        return None
    return None if stat.state in ("Z", "X") else stat


def boot_id() -> str:
    """Return the kernel's name for this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_same(record: Record, stat: Stat | None, boot: str) -> bool:
    """Say whether the live process is the recorded one: pids are given out again, start times are not."""
    return stat is not None and record.boot == boot and stat.pid == record.pid and stat.started == record.started


def record_file(run: Path, service: str) -> Path:
    """Return where a service's record lies."""
    return run / f"{service}.json"


def read_record(run: Path, service: str) -> Record | None:
    """Return the recorded process, running or not, or None."""
    try:
        return Record(**json.loads(record_file(run, service).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def running(run: Path, service: str) -> Record | None:
    """Return the record when its process is alive, else None."""
    record = read_record(run, service)
    if record and is_same(record, read_stat(record.pid), boot_id()):
        return record
    return None


def start(run: Path, log: Path, service: str, command: list[str], env: dict[str, str], key: str) -> Record:
    """Start a process in a session of its own and record who it is."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**env, OWNER: str(run)},
            cwd=run,
            start_new_session=True,
        )
    # Who it is is in the record from now on; the child object would only complain when it is forgotten.
    child.returncode = 0
    stat = read_stat(child.pid)
    record = Record(service, child.pid, stat.started if stat else 0, boot_id(), key)
    write_private(record_file(run, service), json.dumps(asdict(record)) + "\n")
    return record


def all_stats() -> list[Stat]:
    """Return every live process."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [stat for stat in (read_stat(pid) for pid in pids) if stat]


def relatives(record: Record, stats: Iterable[Stat], boot: str) -> list[Stat]:
    """Return the session that the record's process leads or, killed, once led, and all that descends from it.

    The kernel gives no pid out again while a session of that number lives, so the number is enough as long as a
    live process of this pid is the recorded one. Descendants are taken by parent too: Erlang's make own sessions.
    """
    stats = list(stats)
    leader = next((stat for stat in stats if stat.pid == record.pid), None)
    if record.boot != boot or (leader and leader.started != record.started):
        return []
    found = {stat.pid: stat for stat in stats if stat.session == record.pid and stat.started >= record.started}
    more = list(found.values())
    while more:
        parents = {stat.pid for stat in more}
        more = [stat for stat in stats if stat.parent in parents and stat.pid not in found]
        found.update({stat.pid: stat for stat in more})
    return list(found.values())


def owned(run: Path) -> list[Stat]:
    """Return every live process that was started for this run folder.

    By the recorded sessions and by the mark in the environment: a service that renames itself overwrites its
    environment, and a helper of `up` that was killed has no record.
    """
    mark = f"{OWNER}={run}".encode()
    stats, boot = all_stats(), boot_id()
    found = {stat.pid: stat for file in run.glob("*.json") for stat in family(run, file.stem, stats, boot)}
    for stat in stats:
        try:
            environment = Path(f"/proc/{stat.pid}/environ").read_bytes()
        except OSError:
            continue
        if mark in environment.split(b"\0"):
            found[stat.pid] = stat
    found.pop(os.getpid(), None)
    return list(found.values())


def family(run: Path, service: str, stats: Iterable[Stat] | None = None, boot: str | None = None) -> list[Stat]:
    """Return the live processes of a recorded service: itself and what it started."""
    record = read_record(run, service)
    return relatives(record, stats or all_stats(), boot or boot_id()) if record else []


def _signal(stats: Iterable[Stat], number: signal.Signals) -> None:
    for stat in stats:
        now = read_stat(stat.pid)
        if now and now.started == stat.started:
            try:
                os.kill(stat.pid, number)
            except ProcessLookupError:
                continue


def _alive(stats: Iterable[Stat]) -> list[Stat]:
    return [stat for stat in stats if (now := read_stat(stat.pid)) and now.started == stat.started]


def end(stats: list[Stat], patience: float) -> None:
    """Ask the processes to end, wait `patience` seconds, then kill those that stay."""
    _signal(stats, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while _alive(stats) and time.monotonic() < deadline:
        _reap()
        time.sleep(0.1)
    kill(_alive(stats))


def kill(stats: list[Stat]) -> None:
    """Kill the processes and see them gone."""
    _signal(stats, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _alive(stats) and time.monotonic() < deadline:
        _reap()
        time.sleep(0.05)


def _reap() -> None:
    """Collect children that ended, in case we are still their parent."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def memory_mb(stats: Iterable[Stat]) -> float:
    """Return the proportional memory of the processes in MB (pages shared by n processes count 1/n)."""
    total = 0
    for stat in stats:
        try:
            text = Path(f"/proc/{stat.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024
