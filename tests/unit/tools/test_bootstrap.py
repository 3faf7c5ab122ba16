# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python the virtual environments are made of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools import bootstrap


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Put a program in the place of the system's Python: whether that is fit is its exit code."""

    def put(code: int) -> Path:
        path = tmp_path / "python3"
        path.write_text(f"#!/bin/sh\nexit {code}\n")
        path.chmod(0o755)
        monkeypatch.setattr(bootstrap, "SYSTEM_PYTHON", path)
        return path

    return put


def built(monkeypatch: pytest.MonkeyPatch, arguments: str | None) -> None:
    monkeypatch.setattr(bootstrap.sysconfig, "get_config_var", lambda _name: arguments)


def test_a_plain_build_gives_way_to_the_system_python(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    built(monkeypatch, "'--enable-shared'")
    usual = system(0)
    assert bootstrap.better_python() == usual


def test_a_system_python_that_is_too_old_or_has_no_headers_is_left(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(monkeypatch, None)
    system(1)
    assert bootstrap.better_python() is None


def test_an_optimised_build_is_kept(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    built(monkeypatch, "'--enable-optimizations'")
    system(0)
    assert bootstrap.better_python() is None


@pytest.mark.parametrize("python", [sys.executable, "/nonexistent/python3"])
def test_there_is_nothing_better_than_itself_or_than_one_that_is_absent(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(monkeypatch, "")
    monkeypatch.setattr(bootstrap, "SYSTEM_PYTHON", Path(python))
    assert bootstrap.better_python() is None


def test_the_question_of_fitness_can_be_asked(capfd: pytest.CaptureFixture[str]) -> None:
    subprocess.run([sys.executable, "-c", bootstrap.FIT], check=False)
    assert capfd.readouterr().err == ""
