# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A boolean variable of a role that is given as text, by ``-e name=false`` or a survey of AWX, means what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.filter.core import to_bool
from ansible_collections.kcloud.infrastructure.plugins.filter.plan_only import plan_only
from jinja2 import ChainableUndefined, nodes
from jinja2.nativetypes import NativeEnvironment

ROOT = Path(__file__).resolve().parents[2]
# Keys whose text is an expression without braces
CONDITIONS = ("when", "that", "failed_when", "changed_when", "until")
# Filters take these, and read texts themselves
READ_BY_FILTERS = ROOT / "roles/accelerator_cluster/vars/main/fleet.yml"

ENVIRONMENT = NativeEnvironment(undefined=ChainableUndefined)
ENVIRONMENT.filters |= {"bool": to_bool, "kcloud.infrastructure.plan_only": plan_only}


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def texts(value: Any, key: str = "") -> Iterator[str]:
    """All texts in what YAML holds, each as a template."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, key)
    elif isinstance(value, str):
        yield f"{{{{ true if ({value}) else false }}}}" if key in CONDITIONS else value


def switches(role: Path) -> list[str]:
    """The names of the role's boolean variables."""
    options = loaded(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return [name for name, option in options.items() if option["type"] == "bool"]


def uses() -> Iterator[tuple[Path, str, str]]:
    """File, variable and template, for each use of a boolean variable in its role."""
    for role in sorted((ROOT / "roles").iterdir()):
        names = switches(role)
        for path in sorted(file for folder in ("tasks", "vars") for file in (role / folder).rglob("*.yml")):
            for text in texts(loaded(path)):
                if any(name in text for name in names):
                    used = {node.name for node in ENVIRONMENT.parse(text).find_all(nodes.Name)}
                    yield from ((path, name, text) for name in names if name in used)


USES = [
    pytest.param(*use, id=f"{use[0].relative_to(ROOT / 'roles').as_posix()}: {use[1]}: {place}")
    for place, use in enumerate(uses())
]


@pytest.mark.parametrize(("path", "name", "text"), USES)
def test_a_text_means_what_it_says(path: Path, name: str, text: str) -> None:
    """Handed over as it is, it is read by the module that takes it."""
    role = ROOT / "roles" / path.relative_to(ROOT / "roles").parts[0]
    others = loaded(role / "defaults/main.yml")

    def rendered(value: object) -> Any:
        return ENVIRONMENT.from_string(text).render({**others, name: value})

    handed_over = rendered("false") == "false" and (path.parent.name == "tasks" or path == READ_BY_FILTERS)
    if not handed_over:
        assert rendered("false") == rendered(False) != rendered("true") == rendered(True)
