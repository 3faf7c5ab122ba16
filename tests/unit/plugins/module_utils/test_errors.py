# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of errors: stable codes, one shape, sentences that end."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils import errors
from hypothesis import given
from hypothesis import strategies as st

CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.KcloudError)
]


def test_every_class_has_a_code_of_its_own() -> None:
    """Playbooks branch on them, so no two kinds of failure share one."""
    codes = [cls.default_code for cls in CLASSES]
    assert len(CLASSES) > 10 and len(set(codes)) == len(codes)
    assert all(code == code.upper() and code.replace("_", "").isalpha() for code in codes)


@pytest.mark.parametrize("cls", CLASSES)
def test_failure_always_has_the_four_keys(cls: type[errors.KcloudError]) -> None:
    """Also where nothing is known; details follow."""
    assert cls("Failed to x").failure() == {"code": cls.default_code, "resource": None, "reason": None, "hint": None}
    reported = cls("Failed to x", code="OTHER", resource="cluster/a", reason="r", hint="h", ids=["1"]).failure()
    assert reported == {"code": "OTHER", "resource": "cluster/a", "reason": "r", "hint": "h", "ids": ["1"]}
    assert list(reported) == ["code", "resource", "reason", "hint", "ids"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (errors.NotFound("Failed to x"), "Failed to x."),
        (errors.NotFound("Failed to x."), "Failed to x."),
        (errors.NotFound("Failed to x", reason="it went"), "Failed to x. Reason: it went."),
        (errors.NotFound("Failed to x", hint="Look!"), "Failed to x. Fix: Look!"),
        (errors.NotFound("Failed", reason="why?", hint="do"), "Failed. Reason: why? Fix: do."),
    ],
)
def test_sentence(error: errors.KcloudError, sentence: str) -> None:
    """What, why, what to do, each with its end."""
    assert error.sentence() == sentence
    assert str(error) == error.message


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_sentence_holds_everything(message: str, reason: str, hint: str) -> None:
    """Nothing that is known is kept from the reader."""
    sentence = errors.KcloudError(message, reason=reason, hint=hint).sentence()
    assert message in sentence and reason in sentence and hint in sentence
