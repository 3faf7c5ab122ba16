# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing Debian's packages beside somebody who does the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devcloud import packages

# Fails as apt-get does as long as the file is not there, which it makes at the second call
LOCKED_ONCE = "test -e {0} && exit 0; touch {0}; echo 'E: Could not get lock /var/lib/apt/lists/lock.' >&2; exit 100"


def test_a_lock_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.time, "sleep", lambda _seconds: None)
    done = packages.run_apt(["sh", "-c", LOCKED_ONCE.format(tmp_path / "free")], dict(os.environ))
    assert done.returncode == 0


def test_another_error_is_reported_at_once() -> None:
    done = packages.run_apt(["sh", "-c", "echo 'E: Unable to locate package x' >&2; exit 100"], dict(os.environ))
    assert (done.returncode, done.stderr) == (100, "E: Unable to locate package x\n")


def test_a_lock_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "LOCKED_S", -1.0)
    done = packages.run_apt(["sh", "-c", "echo 'E: Could not get lock' >&2; exit 100"], dict(os.environ))
    assert done.returncode == 100
