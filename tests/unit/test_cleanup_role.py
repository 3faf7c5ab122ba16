# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which the role cluster_cleanup carries a decision out: what must be safe before a cluster changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

TASKS = Path(__file__).resolve().parents[2] / "roles/cluster_cleanup/tasks"


def tasks(name: str) -> list[dict[str, Any]]:
    return yaml.safe_load((TASKS / f"{name}.yml").read_text(encoding="utf-8"))


def place(name: str, of: list[dict[str, Any]]) -> int:
    """Where a file is included."""
    (found,) = [place for place, task in enumerate(of) if name in str(task.get("ansible.builtin.include_tasks", ""))]
    return found


FACT = "ansible.builtin.set_fact"


def test_the_result_is_there_when_a_change_fails() -> None:
    """With the records of clusters that are about to be parked, after all checks; it does not claim that anything was carried out."""
    found = tasks("apply")
    reported = place("report.yml", found)
    checks = [place for place, task in enumerate(found) if task.get("check_mode") or "ansible.builtin.assert" in task]
    assert max(*checks, place("ask.yml", found)) < reported < place("carry_out.yml", found)
    assert found[reported]["vars"] == {"__cluster_cleanup_applied": False}
    ((returned,),) = [task[FACT].values() for task in tasks("report") if FACT in task]
    assert returned["applied"] == "{{ __cluster_cleanup_applied }}"
    (last,) = [task for task in tasks("main") if task.get("ansible.builtin.import_tasks") == "report.yml"]
    assert last["vars"] == {"__cluster_cleanup_applied": "{{ __cluster_cleanup_applies and not ansible_check_mode }}"}


def test_the_planner_is_asked_before_each_change_but_the_first() -> None:
    """Nothing is written down of a change that is no longer asked for, as nothing was begun."""
    loop, found = tasks("apply")[-1], tasks("carry_out")
    index = loop["loop_control"]["index_var"]
    (checked,) = [place for place, task in enumerate(found) if "ansible.builtin.assert" in task]
    assert place("ask.yml", found) < checked < min(at for at, task in enumerate(found) if "record.yml" in str(task))
    assert found[checked]["when"] == found[place("ask.yml", found)]["when"] == f"{index} > 0"


@pytest.mark.parametrize(
    ("operations", "stands"),
    [
        ([{"cluster_id": "1", "action": "park"}, {"cluster_id": "2", "action": "park"}], True),
        ([{"cluster_id": "2", "action": "delete"}], False),
        ([{"cluster_id": "1", "action": "park"}], False),
        ([], False),
    ],
)
def test_a_change_stands_while_the_planner_asks_for_it(operations: list[dict[str, str]], stands: bool) -> None:
    (check,) = [task["ansible.builtin.assert"] for task in tasks("carry_out") if "ansible.builtin.assert" in task]
    assert "STATE_CHANGED" in check["fail_msg"]
    known = {
        "__cluster_cleanup_operation": {"cluster_id": "2", "action": "park"},
        "__cluster_cleanup_answer": {"operations": operations},
    }
    assert NativeEnvironment().from_string(f"{{{{ {check['that']} }}}}").render(known) is stands


def test_a_cluster_that_is_not_what_was_asked_for_says_so() -> None:
    """Where the comparison finds a change the module does not fail, so that only the role has words for it."""
    (block,) = [task["block"] for task in tasks("carry_out") if "rescue" in task]
    (compared,) = [task for task in block if task.get("check_mode")]
    check = block[block.index(compared) + 1]["ansible.builtin.assert"]
    assert "failed_when" not in compared
    assert check["that"] == f"{compared['register']} is not changed"
    assert "record is kept" in check["fail_msg"]
