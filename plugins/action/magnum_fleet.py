# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Live progress while the module magnum_fleet works, the template of its networks, and a table of what changed at its end."""

from __future__ import annotations

from pathlib import Path

from ansible.utils.display import Display
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.fleet_table import fleet_table
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.live_progress import LiveProgressAction

display = Display()
# The collection is on the controller only, so its template is read here.
NETWORK = Path(__file__).resolve().parents[2] / "heat_templates" / "cluster_network.yaml"


class ActionModule(LiveProgressAction):
    """Runs the module of the same name, and shows one line for each object that changed or failed."""

    def run(self, tmp=None, task_vars=None):
        if self._task.args.get("networks") and not self._task.args.get("network_template"):
            self._task.args = {**self._task.args, "network_template": NETWORK.read_text(encoding="utf-8")}
        result = super().run(tmp, task_vars)
        lines = fleet_table(result.get("objects") or [], check_mode=self._task.check_mode)
        if lines:
            display.display("\n".join(lines))
        return result
