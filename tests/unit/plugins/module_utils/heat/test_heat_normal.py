# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal form: what must be the same, and what must not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import HIDDEN, Definition
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.normal import (
    comparable,
    effective_parameters,
    hidden_names,
    normal,
    normal_parameter,
    presentable,
    shown_parameters,
)
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 4}, {"a": "4"}, True),
        ({"a": 4.0}, {"a": 4}, True),
        ({"a": True}, {"a": "true"}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": "4.10"}, {"a": "4.1"}, False),
        ({"a": None}, {"a": ""}, False),
        ({"a": {}}, {}, False),
        ({1: "x"}, {"1": "x"}, True),
    ],
)
def test_sameness(one: Any, other: Any, same: bool) -> None:
    """Text and numbers are the same, order of keys too; order of lists is not."""
    assert (normal(one) == normal(other)) is same


@given(JSON)
def test_normal_form_is_stable_and_survives_storage(value: Any) -> None:
    """Normal twice is normal once, and a trip through JSON, as to Heat's database and back, changes nothing."""
    assert normal(normal(value)) == normal(value) == normal(json.loads(json.dumps(value)))


def test_a_file_counts_by_its_content() -> None:
    """The same files in another folder are the same; another content is not; nested templates are looked into."""

    def definition(folder: str, length: object) -> Definition:
        inner = {"heat_template_version": "wallaby", "resources": {"x": {"length": length, "f": f"{folder}/w.txt"}}}
        template = {"heat_template_version": "wallaby", "resources": {"n": {"type": f"{folder}/inner.yaml"}}}
        return Definition(template, {}, {f"{folder}/inner.yaml": json.dumps(inner), f"{folder}/w.txt": "words"})

    assert comparable(definition("file:///a", 4)) == comparable(definition("file:///b", "4"))
    assert comparable(definition("file:///a", 4)) != comparable(definition("file:///a", 5))


def test_files_that_refer_to_each_other_end() -> None:
    """A circle of files does not hang."""
    files = {"a": json.dumps({"x": "b"}), "b": json.dumps({"x": "a"})}
    assert normal("a", files)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("number", [4, "4", 4.0, "4.0", " 4"], "4"),
        ("number", [2.5, "2.50"], "2.5"),
        ("number", [12345678901234567890, "12345678901234567890"], "12345678901234567890"),
        ("boolean", [True, "true", "True", "yes", "on", 1, "1"], "true"),
        ("boolean", [False, "false", "no", "off", 0], "false"),
        ("commadelimitedlist", [["a", 1], "a,1", "a, 1"], ["a", "1"]),
        ("commadelimitedlist", [[], ""], []),
        ("json", [{"a": 1}, '{"a": 1}', '{ "a": "1" }'], {"a": "1"}),
        ("string", [4, "4"], "4"),
        ("string", [True, "True"], "True"),
        ("string", [""], ""),
        ("number", [None], None),
    ],
)
def test_parameter_values(kind: str, values: list[Any], expected: Any) -> None:
    """Each type of parameter reads its values as Heat does."""
    assert [normal_parameter(value, kind) for value in values] == [expected] * len(values)


TEMPLATE = {
    "heat_template_version": "wallaby",
    "parameters": {
        "size": {"type": "number", "default": 1},
        "names": {"type": "comma_delimited_list", "default": []},
        "secret": {"type": "string", "hidden": True, "default": "by-default"},
    },
}


def test_effective_parameters_take_the_last_source() -> None:
    """Default, environment's default, environment, given: each goes before the one in front; null is not given."""
    environment: dict[str, Any] = {}
    assert effective_parameters(TEMPLATE, environment)["size"] == "1"
    environment["parameter_defaults"] = {"size": 2}
    assert effective_parameters(TEMPLATE, environment)["size"] == "2"
    environment["parameters"] = {"size": 3}
    assert effective_parameters(TEMPLATE, environment)["size"] == "3"
    assert effective_parameters(TEMPLATE, environment, {"size": 4})["size"] == "4"
    assert effective_parameters(TEMPLATE, environment, {"size": None})["size"] == "3"


def test_what_heat_shows_is_what_was_asked_for() -> None:
    """Heat's texts and the user's values come to the same."""
    shown = {"size": "4", "names": "a,b", "secret": HIDDEN, "OS::stack_id": "x"}
    assert shown_parameters(TEMPLATE, shown) == effective_parameters(
        TEMPLATE, {}, {"size": 4, "names": ["a", "b"], "secret": "anything"}
    )


@pytest.mark.parametrize(
    ("schema", "hidden"),
    [
        ({"type": "string", "hidden": True}, True),
        ({"type": "string", "hidden": "true"}, True),
        ({"type": "string", "hidden": False}, False),
        ({"type": "string"}, False),
        ({"Type": "String", "NoEcho": "true"}, True),
    ],
)
def test_hidden_in_each_spelling(schema: dict[str, Any], hidden: bool) -> None:
    """HOT says hidden, CFN says NoEcho."""
    for section in ("parameters", "Parameters"):
        assert hidden_names({section: {"p": schema}}) == (frozenset({"p"}) if hidden else frozenset())


def test_no_hidden_default_is_presented() -> None:
    """Neither the template's own nor a nested template's, nor one that the environment sets."""
    nested = json.dumps(
        {**TEMPLATE, "parameters": {"inner": {"type": "string", "hidden": True, "default": "nested-one"}}}
    )
    definition = Definition(
        {**TEMPLATE, "resources": {"n": {"type": "file:///n.yaml"}}},
        {"parameter_defaults": {"secret": "env-one", "inner": "env-two", "size": 5}},
        {"file:///n.yaml": nested},
    )
    text = json.dumps(presentable(definition))
    for secret in ("by-default", "nested-one", "env-one", "env-two"):
        assert secret not in text
    assert presentable(definition)["environment"]["parameter_defaults"]["size"] == "5"
    # They are compared all the same: a template is stored as it is.
    other = Definition({**TEMPLATE, "parameters": {"secret": {**TEMPLATE["parameters"]["secret"], "default": "new"}}})
    assert comparable(other)["template"] != comparable(Definition(TEMPLATE))["template"]
