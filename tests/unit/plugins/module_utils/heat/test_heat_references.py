# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References put in the place of what they come to, so that Heat's preview is exact."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.references import (
    attribute_sources,
    own_files,
    resolved,
)

IDS = {"net": "id-of-net"}
ATTRIBUTES = {"net": {"name": "blue", "tags": ["a", "b"], "show": {"mtu": 1500}, "empty": None}}


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ({"get_resource": "net"}, "id-of-net"),
        ({"Ref": "net"}, "id-of-net"),
        ({"get_attr": ["net", "name"]}, "blue"),
        ({"Fn::GetAtt": ["net", "name"]}, "blue"),
        ({"get_attr": ["net", "tags", 1]}, "b"),
        ({"get_attr": ["net", "show", "mtu"]}, 1500),
        ([{"list_join": ["-", [{"get_resource": "net"}, "x"]]}], [{"list_join": ["-", ["id-of-net", "x"]]}]),
    ],
)
def test_what_is_known_is_resolved(reference: Any, value: Any) -> None:
    """In each spelling, at every depth."""
    template = {"resources": {"x": {"type": "T", "properties": {"p": reference}}}}
    assert resolved(template, IDS, ATTRIBUTES)["resources"]["x"]["properties"]["p"] == value


@pytest.mark.parametrize(
    "reference",
    [
        {"get_resource": "other"},
        {"get_attr": ["other", "name"]},
        {"get_attr": ["net", "no_such"]},
        {"get_attr": ["net", "empty"]},
        {"get_attr": ["net", "tags", 7]},
        {"get_attr": ["net"]},
        {"get_param": "net"},
        {"get_resource": "net", "and": "more"},
        "net",
        None,
    ],
)
def test_what_is_not_known_stays(reference: Any) -> None:
    """Heat itself says what is wrong with it, if anything is."""
    template = {
        "resources": {"x": {"properties": {"p": reference}}},
        "outputs": {"o": {"value": {"get_resource": "net"}}},
    }
    assert resolved(template, IDS, ATTRIBUTES) == template


def test_sources_of_attributes() -> None:
    """Only those whose attributes resources use: each costs a request."""
    template = {
        "resources": {"x": {"p": [{"get_attr": ["a", "b"]}, {"q": {"Fn::GetAtt": ["c", "d"]}}, {"get_resource": "e"}]}},
        "outputs": {"o": {"value": {"get_attr": ["only_shown", "b"]}}},
    }
    assert attribute_sources(template) == {"a", "c"}


def test_own_files() -> None:
    """Only a nested template with one user: the members of a group are many, and so are two resources."""
    files = {name: json.dumps({"resources": {"x": {"type": kind}}}) for name, kind in (("a", "deep"), ("b", "T"))}
    files.update({"twice": "{}", "member": "{}", "deep": "{}", "words": "no template", "list": "[]"})
    template = {
        "resources": {
            "1": {"type": "a"},
            "2": {"type": "twice"},
            "3": {"type": "twice"},
            "4": {"type": "G", "properties": {"resource_def": {"type": "member"}}},
            "5": {"type": "words"},
            "6": {"type": "list"},
        }
    }
    assert sorted(own_files(files, template)) == ["a", "deep"]
