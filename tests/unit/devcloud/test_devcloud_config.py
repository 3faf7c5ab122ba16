# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of the devcloud's configuration."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from devcloud import config, secret_store
from devcloud.paths import LONGEST_SOCKET, Paths
from devcloud.ports import PORTS

SECRETS = {name: f"secret-{name}" for name in secret_store.NAMES}


def rendered(paths: Paths, target: str) -> str:
    """Return one file as `up` would write it."""
    template, user = config.FILES[target]
    text = (config.TEMPLATES / template).read_text()
    if user:
        text = config.merge((config.TEMPLATES / "common.conf").read_text(), text)
    return config.render(text, {**config.values(paths, SECRETS), "service_user": user or ""})


@pytest.mark.parametrize("target", sorted(config.FILES))
def test_every_template_renders_without_a_rest(tmp_path: Path, target: str) -> None:
    text = rendered(Paths(tmp_path), target)
    assert "$port" not in text
    assert "$state" not in text
    assert "secret-" in text or "password" not in text


@pytest.mark.parametrize("target", [name for name in sorted(config.FILES) if name.endswith(".conf") and "/" in name])
def test_ini_files_parse_and_stay_on_loopback(tmp_path: Path, target: str) -> None:
    parser = configparser.RawConfigParser(strict=False, default_section="none")
    parser.read_string(rendered(Paths(tmp_path), target))
    assert parser.sections()
    for section in parser.sections():
        for _key, value in parser.items(section):
            assert "0.0.0.0" not in value


def test_own_part_wins_over_the_common_one() -> None:
    parser = configparser.RawConfigParser(strict=False, default_section="none")
    parser.read_string(config.merge("[a]\nkey = common\n", "[a]\nkey = own\n"))
    assert parser.get("a", "key") == "own"


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        config.render("value = $nothing_of_this_name", {})


def test_the_key_changes_with_configuration_and_secrets_only(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    source = tmp_path / "source"
    source.write_text("one")
    key = config.cloud_key(paths, SECRETS, [source])
    assert key == config.cloud_key(paths, dict(reversed(SECRETS.items())), [source])
    assert key != config.cloud_key(paths, {**SECRETS, "heat_key": "another"}, [source])
    source.write_text("two")
    assert key != config.cloud_key(paths, SECRETS, [source])


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "state" / "secrets.json"
    first = secret_store.load_secrets(file)
    assert set(first) == set(secret_store.NAMES)
    assert len(set(first.values())) == len(first)
    assert len(first["heat_key"]) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret_store.load_secrets(file) == first


def test_a_socket_fits_even_when_the_folder_is_deep(tmp_path: Path) -> None:
    assert len(str(Paths(tmp_path / ("x" * 120)).mysql_socket)) <= LONGEST_SOCKET
    assert Paths(Path("/s")).mysql_socket == Path("/s/run/mysql.sock")


def test_ports_are_distinct() -> None:
    assert len(set(PORTS.values())) == len(PORTS)
