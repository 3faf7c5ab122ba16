# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory plugin does with data that a cluster's owner chose, and with secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kcloud.infrastructure.plugins.inventory.magnum import (
    InventoryModule,
    harmless,
    without_secrets,
)
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_hosts import Entry
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_source import Question
from openstack.config import loader

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


@pytest.mark.parametrize("text", [*HOSTILE, "{{", "# plain {# x #}"])
def test_no_name_of_a_host_is_a_template(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """AWX stores a name without marks and hands it back: there it would be evaluated."""
    plugin = InventoryModule()
    monkeypatch.setattr(plugin, "get_option", lambda _name: ["name"])
    entry = Entry("clusters", "1", {"name": f"a-{text}.b", "id": "1"}, ())
    name = plugin._wanted_name(entry, {})
    assert name == f"a-{text}.b".translate(dict.fromkeys(map(ord, "{}%#"), "_"))
    assert Templar(loader=DataLoader()).template(name) == name


CLOUD: dict[str, Any] = {
    "auth": {"auth_url": "http://one:5000/v3", "username": "me", "password": "x", "project_name": "p"},
    "region_name": "RegionOne",
}


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"auth": {**CLOUD["auth"], "password": "changed"}}, True),
        ({"auth": {**CLOUD["auth"], "auth_url": "http://two:5000/v3"}}, False),
        ({"auth": {**CLOUD["auth"], "project_name": "other"}}, False),
        ({"auth": {**CLOUD["auth"], "username": "other"}}, False),
        ({"region_name": "RegionTwo"}, False),
        ({"interface": "internal"}, False),
        ({"container_infra_endpoint_override": "http://two:9511/v1"}, False),
        (
            {
                "auth_type": "v3applicationcredential",
                "auth": {
                    "auth_url": "http://one:5000/v3",
                    "application_credential_id": "i",
                    "application_credential_secret": "s",
                },
            },
            False,
        ),
    ],
)
def test_a_cache_does_not_answer_for_another_cloud_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], same: bool
) -> None:
    """Two clouds.yaml, one after the other at the same place; a new password reads the same."""
    path = tmp_path / "clouds.yaml"
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    # openstacksdk adds the file to this list, for all that comes after
    monkeypatch.setattr(loader, "CONFIG_FILES", list(loader.CONFIG_FILES))
    keys = []
    for cloud in (CLOUD, {**CLOUD, **changed}):
        path.write_text(yaml.safe_dump({"clouds": {"shared": cloud}}), encoding="utf-8")
        keys.append(InventoryModule()._digest({"cloud": "shared"}, Question()))
    assert (keys[0] == keys[1]) is same
