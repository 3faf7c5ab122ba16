# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory plugin does with data that a cluster's owner chose, and with secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kcloud.infrastructure.plugins.inventory.magnum import (
    InventoryModule,
    harmless,
    without_secrets,
)

HOSTILE = [
    "{{ 6 * 7 }}",
    "{% set x = 1 %}{{ x }}",
    "#jinja2: variable_start_string:'[[', variable_end_string:']]'\n[[ 6 * 7 ]]",
]


@pytest.mark.parametrize("text", [*HOSTILE, "plain", "", "a: b", "[[ 6 * 7 ]]"])
def test_no_text_is_evaluated(text: str) -> None:
    """At any depth; and the data stays what it is."""
    data: dict[str, Any] = {"labels": {"team": text}, "list": [text, 1, None, True], "text": text}
    found = harmless(data)
    assert found == data
    assert Templar(loader=DataLoader()).template(found) == data


def test_the_key_of_a_cache_holds_no_secret() -> None:
    options = {"cloud": {"auth": {"password": "x", "username": "me"}}, "client_key": "x", "auth": {"token": "x"}}
    assert without_secrets(options) == {"cloud": {"auth": {"username": "me"}}, "auth": {}}


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("magnum.yml", True),
        ("team-a.magnum.yaml", True),
        ("kcloud_magnum.yml", True),
        ("magnum.yml.bak", False),
        ("openstack.yml", False),
    ],
)
def test_the_name_of_the_file(tmp_path: Path, name: str, is_ours: bool) -> None:
    path = tmp_path / name
    path.write_text("plugin: kcloud.infrastructure.magnum\n", encoding="utf-8")
    assert InventoryModule().verify_file(str(path)) is is_ours
    assert InventoryModule().verify_file(str(tmp_path / "missing.magnum.yml")) is False
