# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a module that only decides, as people read it."""

from __future__ import annotations

from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.readable_plan import lines


def test_what_changes_and_why() -> None:
    """Lines that are the same stand beside those that go and come, then the table."""
    plan = {"before": "ml/worker: 1 nodes\nw: nowhere\n", "after": "ml/worker: 2 nodes\nw: nowhere\n"}
    assert list(lines(plan, "# action\n1 scale\n")) == [
        ("--- now", "COLOR_DIFF_REMOVE"),
        ("+++ as planned", "COLOR_DIFF_ADD"),
        ("@@ -1,2 +1,2 @@", "COLOR_DIFF_LINES"),
        ("-ml/worker: 1 nodes", "COLOR_DIFF_REMOVE"),
        ("+ml/worker: 2 nodes", "COLOR_DIFF_ADD"),
        (" w: nowhere", None),
        ("", None),
        ("  # action", None),
        ("  1 scale", None),
    ]


def test_nothing_changes() -> None:
    """Also that is said, and why."""
    shown = list(lines({"before": "w: ml\n", "after": "w: ml\n"}, "1 use\n"))
    assert shown == [("The plan changes nothing.", None), ("", None), ("  1 use", None)]
