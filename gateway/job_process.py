# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of one job: it runs the playbook by ansible-runner, and says each event as a line of JSON.

It ends the playbook when its input closes, which also happens when the gateway is killed: no playbook outlives its gateway's lease.
Ansible puts each module into a session of its own, so that a signal to the playbook's group misses it: this process adopts what the
playbook leaves behind, and says the playbook's status when nothing of it runs any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import ansible_runner

# The events that the gateway reads
WANTED = frozenset({"runner_on_ok", "runner_on_failed", "runner_on_unreachable", "playbook_on_stats"})
# <linux/prctl.h>: a process whose parent ended becomes a child of this one
PR_SET_CHILD_SUBREAPER = 36
PAUSE_S = 0.02


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends."""
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def living_descendants() -> list[int]:
    """The processes below this one that have not ended, parents first."""
    children: dict[int, list[int]] = {}
    ended = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        # It may end while it is read
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything
            state, parent = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
            identity = int(path.parent.name)
            children.setdefault(int(parent), []).append(identity)
            if state in "ZX":
                ended.add(identity)
    found, below = [], [os.getpid()]
    while below:
        below = [child for parent in below for child in children.get(parent, ())]
        found += below
    return [identity for identity in found if identity not in ended]


def end_descendants() -> None:
    """Kill all processes below this one, and return when none is left."""
    while living := living_descendants():
        killed = 0
        for identity in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(identity, signal.SIGKILL)
                killed += 1
        if not killed and living_descendants():
            # They belong to another user: nothing that this process does will end them
            return
        time.sleep(PAUSE_S)


def reap_children() -> None:
    """Take the status of every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main(folder: str) -> int:
    place = Path(folder)
    asked = json.loads((place / "job.json").read_text(encoding="utf-8"))
    gone, done = threading.Event(), threading.Event()
    # Lines of JSON have the output for themselves: whatever else is printed goes to the log
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def watch() -> None:
        # Not by a buffered reader: its lock would still be held when the process ends
        while os.read(0, 1):
            pass
        gone.set()
        # At once: ansible-runner asks only every few seconds whether it is to end. It takes the status of its own child
        while not done.wait(PAUSE_S):
            end_descendants()

    def say(**what: Any) -> None:
        # A gateway that was killed reads no more
        try:
            lines.write(json.dumps(what, default=str) + "\n")
            lines.flush()
        except OSError:
            gone.set()

    def on_event(event: dict[str, Any]) -> bool:
        if event.get("event") in WANTED:
            say(event=event["event"], event_data=event.get("event_data"))
        return False

    adopt_orphans()
    threading.Thread(target=watch, daemon=True).start()
    try:
        ended = ansible_runner.run(
            private_data_dir=str(place),
            playbook=asked["playbook"],
            event_handler=on_event,
            cancel_callback=gone.is_set,
            quiet=True,
            settings={"suppress_ansible_output": True},
        )
    finally:
        done.set()
        end_descendants()
        reap_children()
    say(status=ended.status)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
