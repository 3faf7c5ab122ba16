# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All faults of a template at once, with the property that was meant."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.template_faults import (
    every_fault,
    template_faults,
    types_of,
)

MAGNUM = "OS::Magnum::ClusterTemplate"
SCHEMAS = {
    MAGNUM: {"image": True, "external_network": True, "flavor": False, "master_flavor": False},
    "OS::No::Such": None,
}


def template(**resources: Any) -> dict[str, Any]:
    return {"heat_template_version": "wallaby", "parameters": {"size": {"type": "number"}}, "resources": resources}


def test_the_askers_template() -> None:
    """Its names are other services' ones; the right ones are told, and what is missing besides."""
    faults = template_faults(
        template(t={"type": MAGNUM, "properties": {"flavor_id": "f", "master_flavor_id": "m", "image_id": "i"}}),
        SCHEMAS,
    )
    assert faults == [
        f"resource 't' ({MAGNUM}): there is no property 'flavor_id'; it is 'flavor'",
        f"resource 't' ({MAGNUM}): there is no property 'master_flavor_id'; it is 'master_flavor'",
        f"resource 't' ({MAGNUM}): there is no property 'image_id'; it is 'image'",
        f"resource 't' ({MAGNUM}): property 'external_network' is missing",
    ]


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"a": {"type": "OS::No::Such"}}, "no type 'OS::No::Such'"),
        ({"a": {}}, "has no type"),
        ({"a": None}, "has no type"),
        ({"a": {"type": MAGNUM, "properties": ["image"]}}, "not a mapping"),
        ({"a": {"type": "x.yaml", "properties": {"n": {"get_param": "sise"}}}}, "parameter 'sise'"),
        ({"a": {"type": "x.yaml", "properties": {"n": {"get_resource": "b"}}}}, "resource 'b'"),
        ({"a": {"type": "x.yaml", "properties": {"n": [{"get_attr": ["b", "name"]}]}}}, "resource 'b'"),
    ],
)
def test_each_kind_of_fault(resources: dict[str, Any], words: str) -> None:
    """By its resource or name."""
    (fault,) = template_faults(template(**resources), SCHEMAS)
    assert words in fault


def test_a_good_template_has_none() -> None:
    """Files and pseudo parameters included."""
    good = {"image": {"get_param": "size"}, "external_network": {"get_param": "OS::stack_name"}}
    given = template(
        a={"type": MAGNUM, "properties": good}, b={"type": "b.yaml", "properties": {"c": {"get_resource": "a"}}}
    )
    assert template_faults(given, SCHEMAS) == [] and types_of(given) == {MAGNUM}
    assert template_faults({}, {}) == []


class Types:
    """A Heat that is asked for types only; it keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def schema(self, kind: str) -> Any:
        self.asked.append(kind)
        return SCHEMAS[kind]


@pytest.mark.parametrize(
    ("code", "given", "asked"),
    [
        ("BAD_TEMPLATE", template(t={"type": "OS::No::Such"}), ["OS::No::Such"]),
        ("BAD_TEMPLATE", None, []),
        ("PARAMETER_MISSING", template(t={"type": "OS::No::Such"}), []),
    ],
)
def test_only_a_refused_template_costs_requests(code: str, given: dict[str, Any] | None, asked: list[str]) -> None:
    """The answer keeps Heat's own words."""
    heat = Types()
    with pytest.raises(InvalidRequest) as caught, every_fault(heat, given):
        raise InvalidRequest("Failed to validate", code=code, reason="the first fault")
    assert heat.asked == asked and str(caught.value.reason).endswith("the first fault")
    assert ("Heat has no type" in str(caught.value.reason)) == bool(asked) == ("faults" in caught.value.details)
