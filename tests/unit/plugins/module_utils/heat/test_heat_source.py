# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what the user wrote, with python-heatclient's own functions on real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Desired
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.desired import read_desired

pytest.importorskip("heatclient")

OUTER = """
heat_template_version: 2018-08-31  # a comment
resources:
  inner: {type: inner.yaml}
  file: {type: OS::Heat::Value, properties: {value: {get_file: words.txt}}}
"""
INNER = "heat_template_version: 2018-08-31\nresources: {x: {type: OS::Heat::Value}}\n"


def read(**params: Any) -> Desired:
    """The options of a task."""
    return read_desired({"name": "s", **params}, params.get("parameters") or {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outer.yaml").write_text(OUTER, encoding="utf-8")
    (tmp_path / "inner.yaml").write_text(INNER, encoding="utf-8")
    (tmp_path / "words.txt").write_text("words", encoding="utf-8")
    return tmp_path


def test_nested_files_are_read(folder: Path) -> None:
    """Nested templates come as JSON, others as they are; the template refers to them by their place."""
    desired = read(template=str(folder / "outer.yaml"))
    assert desired.template is not None
    inner = desired.template["resources"]["inner"]["type"]
    assert json.loads(desired.files[inner])["resources"] == {"x": {"type": "OS::Heat::Value"}}
    assert desired.files[desired.template["resources"]["file"]["properties"]["value"]["get_file"]] == "words"


@pytest.mark.parametrize("as_text", [True, False])
def test_inline_is_the_same_as_from_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch, as_text: bool) -> None:
    """Text and dictionary, with files relative to the current folder."""
    import yaml

    monkeypatch.chdir(folder)
    body = OUTER if as_text else json.loads(json.dumps(yaml.safe_load(OUTER), default=str))
    inline, from_file = read(template_body=body), read(template=str(folder / "outer.yaml"))
    assert inline.template == from_file.template
    assert inline.files == from_file.files


def test_environments_are_merged_the_later_first(folder: Path) -> None:
    """And what they refer to is read."""
    one, two = folder / "one.yaml", folder / "two.yaml"
    one.write_text("parameters: {a: 1, b: 1}\nresource_registry: {T::X: inner.yaml}\n", encoding="utf-8")
    two.write_text("parameters: {b: 2}\n", encoding="utf-8")
    desired = read(environment=[str(one), str(two)])
    assert desired.template is None
    assert desired.environment is not None
    assert desired.environment["parameters"] == {"a": 1, "b": 2}
    assert desired.environment["resource_registry"]["T::X"] in desired.files


def test_not_given_is_none() -> None:
    """Not the same as empty."""
    assert (read().template, read().environment, read().tags) == (None, None, None)
    assert (read(environment=[]).environment, read(tags=[]).tags) == ({}, ())
    assert read(tags=["b", "a", "b"]).tags == ("a", "b")


@pytest.mark.parametrize(
    ("params", "code", "says"),
    [
        ({"template": "/no/such.yaml"}, "FILE_NOT_FOUND", "/no/such.yaml"),
        ({"environment": ["/no/such.yaml"]}, "FILE_NOT_FOUND", "/no/such.yaml"),
        (
            {"template_body": {"heat_template_version": "w", "resources": {"x": {"type": "no.yaml"}}}},
            "FILE_NOT_FOUND",
            "no.yaml",
        ),
        ({"template_body": "a: [b"}, "BAD_TEMPLATE", "template_body"),
        ({"template_body": "{]"}, "BAD_TEMPLATE", "template_body"),
        ({"template_body": "text"}, "BAD_TEMPLATE", "template_body"),
        ({"template_body": "4"}, "BAD_TEMPLATE", "template_body"),
        ({"template_body": ["heat_template_version"]}, "BAD_TEMPLATE", "mapping"),
        ({"template_body": {"resources": {}}}, "BAD_TEMPLATE", "version"),
        ({"template_body": ""}, "BAD_TEMPLATE", "version"),
    ],
)
def test_what_cannot_be_read_is_named(params: dict[str, Any], code: str, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**params)
    assert caught.value.code == code
    assert says in caught.value.sentence()


@pytest.mark.parametrize("text", ["a: [b", "wrong: {}", "- a list", "parameter_merge_strategies: {a: append}"])
def test_bad_environments(folder: Path, text: str) -> None:
    path = folder / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest) as caught:
        read(environment=[str(path)])
    assert caught.value.code == "BAD_ENVIRONMENT"


def test_environments_in_the_task(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As text, as a dictionary and as files, the later one first; what one refers to is read from the current directory."""
    monkeypatch.chdir(folder)
    (folder / "one.yaml").write_text("parameters: {a: 1, b: 1}\n", encoding="utf-8")
    desired = read(
        template=str(folder / "outer.yaml"),
        environment=[
            str(folder / "one.yaml"),
            "parameters: {b: 2, c: 2}",
            {"parameters": {"c": 3}, "resource_registry": {"My::Thing": "inner.yaml"}},
        ],
    )
    assert desired.environment is not None
    assert desired.environment["parameters"] == {"a": 1, "b": 2, "c": 3}
    assert desired.environment["resource_registry"]["My::Thing"] in desired.files


@pytest.mark.parametrize("wrong", [{"parametres": {}}, "parametres: {}", 4, ["a"]])
def test_a_wrong_environment_in_the_task_is_named(folder: Path, wrong: Any) -> None:
    """By its place, since it has no name."""
    with pytest.raises(InvalidRequest) as caught:
        read(template=str(folder / "outer.yaml"), environment=[{}, wrong])
    assert caught.value.code == "BAD_ENVIRONMENT"
    assert "entry 2 of environment" in caught.value.message
