# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every shipped template explains itself, uses all of its parameters, and stands in the README."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "heat_templates"
TEMPLATES = sorted(FOLDER.glob("*.yaml"))


def parameters_used(part: Any) -> Iterator[str]:
    """The names in every get_param below this part."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "get_param":
                yield value if isinstance(value, str) else value[0]
            yield from parameters_used(value)
    elif isinstance(part, list):
        for value in part:
            yield from parameters_used(value)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template_explains_itself(path: Path) -> None:
    """Label and description of every parameter, description of every output, and no parameter that does nothing."""
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert template["description"]
    assert all(parameter["label"] and parameter["description"] for parameter in template["parameters"].values())
    assert all(output["description"] for output in template["outputs"].values())
    assert set(parameters_used(template)) == set(template["parameters"])


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template_stands_in_the_readme(path: Path) -> None:
    """With the same parameters, outputs, words and defaults."""
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {path.name}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section[1], re.MULTILINE)
    wanted = []
    for name, parameter in template["parameters"].items():
        default = parameter.get("default", "required")
        shown = "none" if default in ("", [], {}) else default if default == "required" else f"`{default!s}`"
        shown = shown.lower() if isinstance(default, bool) else shown
        wanted.append((name, f"{shown} | {' '.join(parameter['description'].split())}"))
    wanted += [(name, " ".join(output["description"].split())) for name, output in template["outputs"].items()]
    assert rows == wanted
