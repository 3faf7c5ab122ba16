# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which the role cluster_cleanup carries a decision out: what must be safe before a cluster changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

TASKS = Path(__file__).resolve().parents[2] / "roles/cluster_cleanup/tasks"


def tasks(name: str) -> list[dict[str, Any]]:
    return yaml.safe_load((TASKS / f"{name}.yml").read_text(encoding="utf-8"))


def place(name: str, of: list[dict[str, Any]]) -> int:
    """Where a file is included."""
    (found,) = [place for place, task in enumerate(of) if name in str(task.get("ansible.builtin.include_tasks", ""))]
    return found


def test_the_result_is_there_when_a_change_fails() -> None:
    """With the records of clusters that are about to be parked, after all checks; it does not claim that anything was carried out."""
    found = tasks("apply")
    reported = place("report.yml", found)
    checks = [place for place, task in enumerate(found) if task.get("check_mode") or "ansible.builtin.assert" in task]
    assert max(*checks, place("ask.yml", found)) < reported < place("carry_out.yml", found)
    assert found[reported]["vars"] == {"__cluster_cleanup_applied": False}
    ((returned,),) = [task["ansible.builtin.set_fact"].values() for task in tasks("report")]
    assert returned["applied"] == "{{ __cluster_cleanup_applied }}"
    (last,) = [task for task in tasks("main") if task.get("ansible.builtin.import_tasks") == "report.yml"]
    assert last["vars"] == {"__cluster_cleanup_applied": "{{ __cluster_cleanup_applies and not ansible_check_mode }}"}
