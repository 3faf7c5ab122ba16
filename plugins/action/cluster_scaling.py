# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the module cluster_scaling in diff mode."""

from __future__ import annotations

from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.readable_plan import ReadablePlanAction


class ActionModule(ReadablePlanAction):
    """Runs the module of the same name."""
