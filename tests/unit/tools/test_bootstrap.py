# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python the virtual environments are made of, and which services of Debian's packages do not start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from devcloud import packages
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


def test_services_that_would_listen_on_all_interfaces_are_masked(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    for folder in (units, tmp_path / "run/systemd/system"):
        folder.mkdir(parents=True)
    own = units / "prometheus-alertmanager.service"
    own.write_text("[Service]\n")
    bootstrap.mask_services(["prometheus", "prometheus-alertmanager", "python3-venv"], tmp_path)
    bootstrap.mask_services(["prometheus"], tmp_path)
    assert sorted(unit.name for unit in units.iterdir()) == ["prometheus-alertmanager.service", "prometheus.service"]
    assert (units / "prometheus.service").readlink() == Path("/dev/null")
    assert own.read_text() == "[Service]\n"


def test_where_no_systemd_runs_nothing_is_masked(tmp_path: Path) -> None:
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    bootstrap.mask_services(bootstrap.MASKED, tmp_path)
    assert list((tmp_path / "etc/systemd/system").iterdir()) == []


@pytest.mark.parametrize("installer", ["tools", "devcloud"])
def test_services_are_masked_before_the_installation(installer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def run(command: Sequence[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        done.append("install" if "install" in command else command[1])
        return subprocess.CompletedProcess(command, 0, "", "")

    module = bootstrap if installer == "tools" else packages
    monkeypatch.setattr(module, "mask_services", lambda names: done.append(f"mask {' '.join(names)}"))
    monkeypatch.setattr(module.subprocess, "run", run)
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages, "missing_debian", lambda _more: ["prometheus"])
    if installer == "tools":
        bootstrap.apt_install("prometheus")
    else:
        packages.install_debian()
    assert done.index("mask prometheus") < done.index("install")
