# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a module that only decides, shown in diff mode.

Ansible shows the diff of a task that changed something, and these change nothing: the plan that they return is shown here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any

import ansible.constants as C
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.text_table import INDENT

display = Display()
# Settings of Ansible, by the first character of a line
COLORS = {"+": "COLOR_DIFF_ADD", "-": "COLOR_DIFF_REMOVE", "@": "COLOR_DIFF_LINES"}


def lines(plan: Mapping[str, Any], table: str) -> Iterator[tuple[str, str | None]]:
    """What a plan changes, then the table that says why; each line with the setting of its colour.

    :param plan: ``before`` and ``after`` as texts.
    """
    before, after = (plan[key].splitlines() for key in ("before", "after"))
    changes = list(unified_diff(before, after, "now", "as planned", lineterm=""))
    for line in changes or ["The plan changes nothing."]:
        yield line, COLORS.get(line[:1])
    yield "", None
    for line in table.splitlines():
        yield INDENT + line if line else "", None


class ReadablePlanAction(NormalAction):
    """Runs the module of the task's name as any other, and shows its plan in diff mode."""

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        if self._task.diff and not self._task.no_log and "plan_diff" in result:
            for line, color in lines(result["plan_diff"], result["table"]):
                display.display(line, color=getattr(C, color) if color else None)
        return result
