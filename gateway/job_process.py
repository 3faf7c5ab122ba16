# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of one job: it runs the playbook by ansible-runner, and says each event as a line of JSON.

It ends the playbook when its input closes, which also happens when the gateway is killed: no playbook outlives its gateway's lease.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import ansible_runner

# The events that the gateway reads
WANTED = frozenset({"runner_on_ok", "runner_on_failed", "runner_on_unreachable", "playbook_on_stats"})


def main(folder: str) -> int:
    place = Path(folder)
    asked = json.loads((place / "job.json").read_text(encoding="utf-8"))
    gone = threading.Event()
    # Lines of JSON have the output for themselves: whatever else is printed goes to the log
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def watch() -> None:
        # Not by a buffered reader: its lock would still be held when the process ends
        while os.read(0, 1):
            pass
        gone.set()

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

    threading.Thread(target=watch, daemon=True).start()
    ended = ansible_runner.run(
        private_data_dir=str(place),
        playbook=asked["playbook"],
        event_handler=on_event,
        cancel_callback=gone.is_set,
        quiet=True,
        settings={"suppress_ansible_output": True},
    )
    say(status=ended.status)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
