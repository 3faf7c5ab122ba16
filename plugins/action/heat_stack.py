# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Live progress while the module heat_stack waits, and the collection's own templates by their names."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.live_progress import LiveProgressAction

FOLDER = Path(__file__).resolve().parents[2] / "heat_templates"
NAMED = re.compile(r"kcloud\.infrastructure\.(\w+)")


class ActionModule(LiveProgressAction):
    """Runs the module of the same name. The collection lies on the controller only, so its templates are read here."""

    def run(self, tmp=None, task_vars=None):
        given = self._task.args.get("template")
        named = NAMED.fullmatch(given) if isinstance(given, str) else None
        if named is None or self._task.args.get("template_body") is not None:
            return super().run(tmp, task_vars)
        path = FOLDER / f"{named.group(1)}.yaml"
        if not path.is_file():
            return self._unknown(given)
        arguments = {name: value for name, value in self._task.args.items() if name != "template"}
        self._task.args = {**arguments, "template_body": path.read_text(encoding="utf-8")}
        return super().run(tmp, task_vars)

    def _unknown(self, name):
        known = ", ".join(f"kcloud.infrastructure.{path.stem}" for path in sorted(FOLDER.glob("*.yaml")))
        failure = {
            "code": "FILE_NOT_FOUND",
            "resource": name,
            "reason": "The collection has no template of this name",
            "hint": f"Give one of {known}, or the path of a file in 'template'",
        }
        message = f"Failed to read template '{name}'. Reason: {failure['reason']}. Fix: {failure['hint']}."
        return {"failed": True, "changed": False, "msg": message, "failure": failure}
