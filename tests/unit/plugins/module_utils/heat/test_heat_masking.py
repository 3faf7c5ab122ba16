# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is echoed of the option `parameters`, before and after the template is known."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.masking import Masking, texts
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import HIDDEN

TEMPLATE = {
    "heat_template_version": "wallaby",
    "parameters": {"shown": {"type": "string"}, "secret": {"type": "string", "hidden": True, "default": "as-default"}},
}


def test_everything_is_masked_until_the_template_is_known() -> None:
    """A failure before that must not tell either."""
    params: dict[str, Any] = {"parameters": {"shown": "a", "secret": "b"}}
    masking = Masking(params, lambda found: None)
    assert params["parameters"] == {"shown": HIDDEN, "secret": HIDDEN}
    assert masking.parameters == {"shown": "a", "secret": "b"}


def test_the_template_says_what_may_be_shown() -> None:
    """Hidden values go to what masks them elsewhere: given ones, the environment's and the template's."""
    hidden: set[str] = set()
    params: dict[str, Any] = {"parameters": {"shown": "open-value", "secret": "given-one"}}
    Masking(params, hidden.update).reveal(
        TEMPLATE, {}, {"parameters": {"secret": "env-one"}, "parameter_defaults": {"secret": "env-default"}}
    )
    assert params["parameters"] == {"shown": "open-value", "secret": HIDDEN}
    assert hidden == {"given-one", "env-one", "env-default", "as-default"}


def test_hidden_in_a_nested_template() -> None:
    """The environment's defaults reach nested templates."""
    hidden: set[str] = set()
    nested = {"heat_template_version": "wallaby", "parameters": {"deep": {"type": "string", "hidden": True}}}
    masking = Masking({"parameters": None}, hidden.update)
    masking.reveal(TEMPLATE, {"file:///n.yaml": json.dumps(nested)}, {"parameter_defaults": {"deep": "deep-one"}})
    assert "deep-one" in hidden


def test_texts_that_are_part_of_everything_are_not_masked_elsewhere() -> None:
    """Else "changed": true would become a row of stars."""
    assert set(texts(["long enough", 1, 12345, True, "true", None, "abc", {"key": "inner"}])) == {
        "long enough",
        "12345",
        "inner",
    }
