# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows text to the person who runs a playbook, as it is."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.text_table import INDENT, table

display = Display()

SPEC = {
    "title": {"type": "str"},
    "text": {"type": "str"},
    "columns": {"type": "dict"},
    "rows": {"type": "list", "elements": "dict"},
    "empty": {"type": "str", "default": "nothing"},
}


class ActionModule(ActionBase):
    """Prints on the controller; there is nothing to run on the host."""

    _supports_check_mode = True
    _supports_diff = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        wanted = self.validate_argument_spec(SPEC, required_one_of=[["text", "rows"]])[1]
        lines = [wanted["title"]] if wanted["title"] else []
        if wanted["text"]:
            lines += [INDENT + line if line else "" for line in wanted["text"].splitlines()]
        rows = wanted["rows"]
        if rows:
            lines += table(rows, wanted["columns"] or {key: key for key in rows[0]})
        elif rows is not None:
            lines.append(INDENT + wanted["empty"])
        display.display("\n".join(["", *lines, ""]))
        return {**result, "changed": False, "lines": lines}
