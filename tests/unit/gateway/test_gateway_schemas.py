# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which texts a request may hold; what is checked and what the OpenAPI document says are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway import schemas

# C0, DEL, C1, and the line separators of Unicode
CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"]
FINE = ["a", "GPU 서버", "é", "\u00a0", "\u2027", "\u202f", "\ud7ff", "\ue000", "\U00046a4d", "\U0010ffff"]
TEXTS = {"Text": schemas.Text, "Reference": schemas.Reference, "ClusterName": schemas.ClusterName, "LabelName": schemas.LabelName}  # fmt: skip
REQUESTS = [
    *(schemas.ClusterRequest, schemas.ScaleRequest, schemas.TemplateRequest, schemas.WorkloadRequest),
    *(schemas.OptimalRequest, schemas.OptimizeRequest, schemas.CleanupRequest, schemas.OptimiserWorkload),
]


def takes(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def documented(kind: Any, value: str) -> bool:
    """By the pattern of the document; Python's `$` also matches before a line's end, that of ECMAScript does not."""
    pattern = TypeAdapter(kind).json_schema()["pattern"]
    assert pattern.startswith("^") and pattern.endswith("$")
    return re.fullmatch(pattern[1:-1], value) is not None


@pytest.mark.parametrize("name", TEXTS)
def test_control_characters_and_line_separators_are_refused_wherever_they_stand(name: str) -> None:
    for control in CONTROLS:
        for value in (control, f"a{control}", f"{control}a", f"a{control}a"):
            assert not takes(TEXTS[name], value), ascii(value)
            assert not documented(TEXTS[name], value), ascii(value)


@pytest.mark.parametrize("name", TEXTS)
def test_lone_surrogates_are_refused(name: str) -> None:
    assert not any(takes(TEXTS[name], value) for value in ("\ud800", "a\udfff", "\udc00\ud800"))


@pytest.mark.parametrize("name", ["Text", "Reference"])
def test_other_characters_are_taken(name: str) -> None:
    for value in FINE:
        assert takes(TEXTS[name], value) and documented(TEXTS[name], value), ascii(value)


@pytest.mark.parametrize(("name", "most"), [("Text", 1024), ("Reference", 255)])
def test_lengths_count_characters_and_not_bytes_or_halves_of_them(name: str, most: int) -> None:
    for letter in ("a", "é", "\U00046a4d"):
        assert takes(TEXTS[name], letter * most) and documented(TEXTS[name], letter * most)
        assert not takes(TEXTS[name], letter * (most + 1)) and not documented(TEXTS[name], letter * (most + 1))


def test_a_list_of_a_thousand_names_is_taken_and_no_longer_one() -> None:
    name = "\U000463d4\u0106z\U0005c609\u00d7\u0110c,\u010f\u00fd\u00f7"
    assert takes(schemas.OptimizeRequest, {"cluster_names": [name] * 1000})
    assert not takes(schemas.OptimizeRequest, {"cluster_names": [name] * 1001})


def patterns(part: Any) -> Iterator[str]:
    """Each pattern of texts and of keys in a JSON schema."""
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        yield from part.get("patternProperties", ())
        part = list(part.values())
    if isinstance(part, list):
        for entry in part:
            yield from patterns(entry)


def loose(part: Any) -> Iterator[Any]:
    """Each part of a JSON schema that takes any text."""
    if isinstance(part, dict):
        if part.get("type") == "string" and not {"pattern", "enum", "const"} & set(part):
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for entry in part:
            yield from loose(entry)


@pytest.mark.parametrize("request_", REQUESTS)
def test_each_text_of_a_request_has_a_pattern_of_explicit_characters(request_: Any) -> None:
    schema = request_.model_json_schema()
    assert not list(loose(schema))
    for pattern in patterns(schema):
        outside = re.sub(r"\[(?:\\.|[^\]\\])*\]", "", pattern)
        assert not re.search(r"\.|\\[A-Za-z]", outside), pattern
        # A class that excludes must exclude all control characters
        assert pattern.count("[^") == pattern.count(f"[^{schemas.CONTROL}"), pattern


@pytest.mark.parametrize("where", ["status", "annotations", "metadata", "createdAt"])
def test_what_decides_nothing_holds_no_control_characters_either(where: str) -> None:
    for value in ("a\u0085", {"a\u2028": 1}, {"a": [{"b": "\x1b[2J"}]}, ["\ud800"]):
        assert not takes(schemas.OptimiserWorkload, {"id": "w", "requirements": {}, where: value})
    fine = {"a": [{"b": "c", "d": [1, 2.5, True, None]}]}
    assert takes(schemas.OptimiserWorkload, {"id": "w", "requirements": {}, where: fine})


def nested(levels: int) -> dict[str, Any]:
    """A Workload whose metadata is a text within so many lists."""
    deep: Any = "a"
    for _level in range(levels):
        deep = [deep]
    return {"id": "w", "requirements": {}, "metadata": deep}


def test_a_document_of_endless_depth_is_refused_by_one_error() -> None:
    assert takes(schemas.OptimiserWorkload, nested(schemas.DEPTH - 1))
    for levels in (schemas.DEPTH, 5000):
        with pytest.raises(ValidationError, match="at most 16 levels") as refused:
            schemas.OptimiserWorkload.model_validate(nested(levels))
        assert refused.value.error_count() == 1


@pytest.mark.parametrize(
    ("name", "taken"),
    [("ml", True), ("a" * 31, True), ("a" * 33, True), ("a" * 32, False), ("ABCDEF01" * 4, False)]
    + [("ab8d41a2-7d52-4c37-8f6c-1f5a1d0f7a11", False), ("ab8d41a2-7d52-4c37-8f6c-1f5a1d0f7a1g", True)],
)
def test_a_new_cluster_is_not_called_like_an_id(name: str, taken: bool) -> None:
    assert takes(schemas.ClusterRequest, {"name": name, "cluster_template_id": "t"}) is taken
    assert takes(schemas.OptimalRequest, {"requirements": {}, "cluster_name": name}) is taken


def test_an_optional_key_may_be_null() -> None:
    for request_ in (schemas.ClusterRequest, schemas.TemplateRequest):
        needed = {"name": "a", "cluster_template_id": "t"} if request_ is schemas.ClusterRequest else {"name": "a"}
        for key in set(request_.model_fields) - set(needed):
            assert takes(request_, {**needed, key: None}), key
