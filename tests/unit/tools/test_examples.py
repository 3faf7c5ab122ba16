# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checking examples: wrong arguments are found, templates are let through, nothing is passed by."""

from __future__ import annotations

from typing import Any

import pytest

from tools.examples import as_plays, complaints, tasks_in

OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "nodes": {"type": "int", "aliases": ["node_count"]},
    "groups": {"type": "list", "elements": "dict", "suboptions": {"role": {"type": "str"}, "count": {"type": "int"}}},
}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"name": "a", "state": "absent", "nodes": 2, "groups": [{"role": "gpu", "count": 1}]}, ""),
        ({"name": "a", "nodes": "{{ wanted }}", "state": "{{ state }}", "groups": "{{ groups }}"}, ""),
        ({"name": "a", "node_count": "{{ wanted }}", "groups": [{"count": "{{ wanted }}"}, {"count": 3}]}, ""),
        ({"state": "absent"}, "name"),
        ({"name": "a", "state": "gone"}, "value of state must be one of"),
        ({"name": "a", "nodes": "many"}, "nodes"),
        ({"name": "a", "colour": "red"}, "colour"),
        ({"name": "a", "groups": [{"roles": "gpu"}]}, "groups.roles"),
        ({"name": "{{ who }}", "groups": [{"count": "{{ wanted }}", "roles": "gpu"}]}, "groups.roles"),
    ],
)
def test_arguments_are_checked_as_far_as_they_are_known(arguments: dict[str, Any], complaint: str) -> None:
    """A template may become anything; all else must fit the documented options."""
    count, wrong = complaints({"a.b.c": OPTIONS}, [{"name": "Do it", "a.b.c": arguments}])
    assert count == 1
    assert bool(wrong) is bool(complaint)
    assert all(complaint in line for line in wrong)


def test_tasks_are_found_in_blocks_and_plays() -> None:
    """Examples may be tasks, blocks, whole plays, or some of each."""
    items = [
        {"name": "one"},
        {"block": [{"name": "two"}], "rescue": [{"name": "three"}]},
        {"hosts": "all", "tasks": [{"name": "four"}]},
        {"hosts": "all", "roles": ["r"]},
    ]
    assert [task["name"] for task in tasks_in(items)] == ["one", "two", "three", "four"]
    plays = as_plays("a.b.c", items)
    assert [play["hosts"] for play in plays] == ["all", "all", "localhost"]
    assert plays[-1]["tasks"] == items[:2]
