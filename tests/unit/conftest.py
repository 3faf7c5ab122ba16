# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings for every unit test, run by plain pytest or by `ansible-test units` (which reads no pyproject.toml)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# `devcloud` and `tools` are programs of the repository, imported by their own names like their own files do
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


# Properties take the same examples in every run. `make check` asks for few of them, to be quick; before something risky
# ask for many: PROPERTY_EXAMPLES=5000
settings.register_profile(
    "repository",
    max_examples=int(os.environ.get("PROPERTY_EXAMPLES", "60")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repository")


def pytest_configure(config: pytest.Config) -> None:
    """Let any warning fail the test that causes it, and no cloud or proxy of the user's shine in."""
    config.addinivalue_line("filterwarnings", "error")
    for name in [name for name in os.environ if name.startswith(("OS_", "MAGNUM_", "HEAT_"))]:
        del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
