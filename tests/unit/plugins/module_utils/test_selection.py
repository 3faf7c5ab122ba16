# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects a pattern or a status means."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import has_status, is_chosen, is_like


@pytest.mark.parametrize(
    ("status", "wanted", "fits"),
    [
        ("CREATE_FAILED", [], True),
        ("CREATE_FAILED", ["CREATE_FAILED"], True),
        ("CREATE_FAILED", ["failed"], True),
        ("CREATE_IN_PROGRESS", ["IN_PROGRESS"], True),
        ("CREATE_FAILED", ["CREATE"], True),
        ("CREATE_FAILED", ["COMPLETE", "DELETE"], False),
        ("CREATE_FAILED", ["FAIL"], False),
    ],
)
def test_statuses(status: str, wanted: list[str], fits: bool) -> None:
    assert has_status(status, wanted) is fits


@pytest.mark.parametrize(
    ("name", "patterns", "fits"),
    [
        ("team-a-1", ["team-a-1"], True),
        ("team-a-1", ["team-b-*", "team-a-*"], True),
        ("team-a-1", ["team-a-?"], True),
        ("team-a-1", ["team-a"], False),
        ("team-a-1", ["TEAM-A-*"], False),
        ("team-a-1", [], False),
    ],
)
def test_names(name: str, patterns: list[str], fits: bool) -> None:
    assert is_like(name, patterns) is fits


@pytest.mark.parametrize(
    ("identifier", "patterns", "fits"),
    [("id-1", ["id-1"], True), ("id-2", ["id-1"], False), ("id-2", ["id-*"], False), (None, ["None"], False)],
)
def test_of_clusters_with_one_name_the_id_chooses(identifier: str | None, patterns: list[str], fits: bool) -> None:
    assert is_chosen("shop", identifier, patterns) is fits
