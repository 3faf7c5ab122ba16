# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Live progress for a module that waits: its lines are shown while it runs.

The module writes lines to a file that this plugin names in the task's environment; a thread follows the file.
Only where the module runs on the controller: on another host the file could not be followed.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import ENVIRONMENT_VARIABLE

display = Display()
LOOK_EVERY_S = 0.5
COLOR = "bright gray"


def show(text: str) -> None:
    """Have Ansible display a line, by a thread of the process that Ansible has forked for the task.

    The line goes straight to the process that displays. ansible-runner, and so AWX, wraps ``display`` and writes to this process' output
    first, by a lock that Ansible up to 2.18 gives to the main thread for as long as the task runs: any other thread waits for ever.
    """
    queue = display._final_q
    if queue is None:
        display.display(text, color=COLOR)
    else:
        queue.send_display("display", text, color=COLOR)


def follow(path: str, show: Callable[[str], None], stopped: threading.Event) -> None:
    """Show each whole line that is added to the file until ``stopped``, and what is left then."""
    with open(path, encoding="utf-8") as stream:
        rest = ""
        while True:
            last_look = stopped.wait(LOOK_EVERY_S)
            rest += stream.read()
            *lines, rest = rest.split("\n")
            for line in lines:
                show(line)
            if last_look:
                return


class LiveProgressAction(NormalAction):
    """Runs the module of the task's name as any other, also in the background, and shows its lines."""

    def run(self, tmp=None, task_vars=None):
        if not self._wants_progress():
            return super().run(tmp, task_vars)
        descriptor, path = tempfile.mkstemp(prefix="kcloud-progress-")
        os.close(descriptor)
        stopped = threading.Event()
        prefix = f"[{task_vars.get('inventory_hostname', 'localhost')}]"
        follower = threading.Thread(target=follow, args=(path, lambda line: show(f"  {prefix} {line}"), stopped))
        follower.start()
        try:
            self._task.environment = [*(self._task.environment or []), {ENVIRONMENT_VARIABLE: path}]
            return super().run(tmp, task_vars)
        finally:
            stopped.set()
            follower.join()
            os.unlink(path)

    def _wants_progress(self) -> bool:
        wanted = boolean(self._task.args.get("progress", True), strict=False)
        return wanted and self._connection.transport == "local" and not self._task.async_val
