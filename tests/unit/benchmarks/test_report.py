# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a large fleet stays small, and says something of each cluster."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import read_settings
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report_files import make

from benchmarks.report.__main__ import MEGABYTE, options

GOAL = 1.5 * MEGABYTE


def test_two_hundred_clusters_fit(tmp_path: Path) -> None:
    given = options(200, tmp_path, formats=["html"])
    found = make(given, read_settings(given), check_mode=False)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert found["files"][0]["size"] <= GOAL
    assert text.count("<details") == 200
    assert 'class="gap"' in text and "unknown" in text


def test_the_generated_fleet_is_the_same_each_time(tmp_path: Path) -> None:
    assert options(20, tmp_path) == options(20, tmp_path)
