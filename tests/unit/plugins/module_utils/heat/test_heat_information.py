# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stacks are read, what is asked of each, and what of it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.information import (
    events_since,
    parse_time,
    read_stacks,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import HIDDEN, Resource, Stack


class CountingHeat:
    """A Heat of two stacks that counts what it is asked; ``gone`` went after the list."""

    def __init__(self, gone: bool = False) -> None:
        self.asked: list[str] = []
        self.gone = gone
        parameters = {"size": "1", "secret": HIDDEN, "OS::stack_id": "1"}
        self.found = [
            Stack("2", "b", "CREATE_FAILED", tags=("x", "y"), parameters=parameters, outputs={"o": 1}),
            Stack("1", "a", "UPDATE_COMPLETE", tags=("x",), parameters=parameters, outputs={"o": 1}),
        ]

    def stacks(self, tags: Any) -> list[Stack]:
        self.asked.append("list")
        return self.found

    def by_name_or_id(self, key: str, *, outputs: bool) -> Stack | None:
        self.asked.append("get")
        return next((stack for stack in self.found if key in (stack.name, stack.id)), None)

    def get(self, stack: Stack, *, outputs: bool) -> Stack | None:
        self.asked.append("get")
        return None if self.gone else stack

    def resources(self, stack: Stack, *, nested: bool) -> list[Resource]:
        self.asked.append("resources")
        return [
            Resource("in", "T", "CREATE_FAILED", "no room", None, "9"),
            Resource("out", "N", "CREATE_FAILED", "in failed", None, stack.id, "9"),
        ]

    def nested_events(self, stack: Stack) -> list[dict[str, Any]]:
        self.asked.append("events")
        return []


def test_one_list_is_all_that_is_asked() -> None:
    """Details cost what they cost only where they are wanted."""
    heat = CountingHeat()
    found = read_stacks(heat, None, [], [], [], None)
    assert [stack["name"] for stack in found] == ["a", "b"]
    assert heat.asked == ["list"]
    assert "parameters" not in found[0] and "outputs" not in found[0]
    heat = CountingHeat()
    (found_b,) = read_stacks(heat, None, ["x", "y"], ["failed"], ["parameters", "failures", "resources"], None)
    assert heat.asked == ["list", "get", "resources", "resources"]
    assert found_b["parameters"] == {"size": "1"}
    assert found_b["failure"]["reason"] == "in (T): no room"
    assert [resource["name"] for resource in found_b["resources"]] == ["out", "out/in"]


def test_one_stack_is_one_request() -> None:
    """By name or id; filters count for it too."""
    heat = CountingHeat()
    (found,) = read_stacks(heat, "1", [], [], ["outputs", "failures"], None)
    assert found["outputs"] == {"o": 1} and found["failure"] is None
    assert heat.asked == ["get"]
    assert read_stacks(heat, "none", [], [], [], None) == []
    assert read_stacks(heat, "a", ["y"], [], [], None) == []


def test_a_stack_that_goes_meanwhile_is_left_out() -> None:
    assert read_stacks(CountingHeat(gone=True), None, [], [], ["outputs"], None) == []


def test_events_since() -> None:
    """The moment itself counts; zones are respected; the oldest is first."""
    events = [{"id": str(i), "event_time": f"2026-05-04T10:00:0{i}Z"} for i in (3, 1, 2)]
    assert [e["id"] for e in events_since(events, None)] == ["1", "2", "3"]
    for since in ("2026-05-04T10:00:02Z", "2026-05-04T10:00:02", "2026-05-04T12:00:02+02:00"):
        assert [e["id"] for e in events_since(events, parse_time(since))] == ["2", "3"]


@pytest.mark.parametrize("wrong", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_a_wrong_time_is_named(wrong: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_time(wrong)
    assert wrong in caught.value.message and "events_since" in caught.value.message
