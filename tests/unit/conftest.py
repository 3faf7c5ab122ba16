# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings for every unit test, run by plain pytest or by `ansible-test units` (which reads no pyproject.toml)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# `devcloud` and `tools` are programs of the repository, imported by their own names like their own files do
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def pytest_configure(config: pytest.Config) -> None:
    """Let any warning fail the test that causes it."""
    config.addinivalue_line("filterwarnings", "error")
