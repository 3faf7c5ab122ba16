# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all clusters of a fleet need together, beside the quotas."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.filter.quota_shortages import quota_shortages


def plan(name: str, cores: int, instances: int = 1) -> dict[str, Any]:
    return {"name": name, "demand": {"clusters": 1, "instances": instances, "cores": cores, "ram_mib": cores * 1024}}


QUOTAS = {
    "cores": {"limit": 100, "used": 60, "left": 40},
    "instances": {"limit": -1, "used": 5, "left": None},
    "clusters": {"limit": 5, "used": 3, "left": 2},
}


def test_each_alone_would_fit_but_not_all_together() -> None:
    """The text says how much each needs, and what is left. A quota that the cloud does not tell is never too small."""
    assert quota_shortages([plan("a", 24), plan("b", 24)], QUOTAS) == [
        "cores: 48 needed (a 24, b 24), 40 of 100 left",
    ]


def test_clusters_count_too() -> None:
    """Magnum's own quota."""
    found = quota_shortages([plan(name, 1) for name in "abc"], QUOTAS)
    assert found == ["clusters: 3 needed (a 1, b 1, c 1), 2 of 5 left"]


def test_enough() -> None:
    """As much as is left may be used; what needs nothing is not short, even of a quota that is overdrawn."""
    assert quota_shortages([plan("a", 40)], QUOTAS) == []
    nothing = {"name": "b", "demand": {"clusters": 0, "instances": 0, "cores": 0, "ram_mib": 0}}
    assert quota_shortages([nothing], {"cores": {"limit": 1, "used": 9, "left": -8}}) == []
