# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the tree, and the settings that are written for ansible-test."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from tools import places, tree


def test_a_copy_loses_what_is_stale_and_keeps_what_a_run_left(tmp_path: Path) -> None:
    """Files that are gone go from the copy too, with the folders that this empties."""
    for name in ("keep/a.py", "gone/deep/b.py", "tests/output/junit/c.xml", ".git/HEAD"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    tree.delete_stale(tmp_path, {Path("keep/a.py")})
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"keep/a.py", "tests/output/junit/c.xml", ".git/HEAD"}
    assert not (tmp_path / "gone").exists()


def test_copying_follows_changes_and_keeps_links(tmp_path: Path) -> None:
    """An unchanged file is left alone, a changed one is copied, a symbolic link stays one."""
    source, target = tmp_path / "source", tmp_path / "copy" / "target"
    source.write_text("one")
    tree.copy(source, target)
    assert target.read_text() == "one"
    inode = target.stat().st_ino
    tree.copy(source, target)
    assert target.stat().st_ino == inode
    source.write_text("three")
    os.utime(source, ns=(1, 1))
    tree.copy(source, target)
    assert target.read_text() == "three"
    source.unlink()
    source.symlink_to("elsewhere")
    tree.copy(source, target)
    assert os.readlink(target) == "elsewhere"


def test_pip_settings_become_one_file() -> None:
    """The environment wins over the files, sections stay apart, several values of one key stay several."""
    listed = (
        ":env:.timeout='9'\nglobal.find-links='one\\ntwo'\nglobal.timeout='3'\ninstall.no-compile='false'\n"
        ":env:.config-file='other'"
    )
    parsed = configparser.ConfigParser()
    parsed.read_string(places.settings_file(listed))
    assert parsed["global"]["timeout"] == "9"
    assert parsed["global"]["find-links"].split() == ["one", "two"]
    assert parsed["install"]["no-compile"] == "false"
    assert "config-file" not in parsed["global"]
    assert parsed["global"]["quiet"] == "2"


def test_the_pip_that_ansible_test_wants_is_found() -> None:
    """The stand-in's file name is made from it, so that it fits the installed ansible-test."""
    assert places.wanted_pip().split(".")[0].isdigit()
