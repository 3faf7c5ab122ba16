# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed between a plan and now."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.filter.changed_node_groups import changed_node_groups


def planned(name: str, identity: str | None, **counts: int) -> dict[str, Any]:
    """A cluster of a plan."""
    groups = [{"name": group, "node_count_before": count, "node_count_after": 9} for group, count in counts.items()]
    return {"cluster": name, "cluster_id": identity, "node_groups": groups}


def there(name: str, identity: str, status: str = "CREATE_COMPLETE", **counts: int) -> dict[str, Any]:
    """A cluster as it is."""
    groups = [{"name": group, "node_count": count} for group, count in counts.items()]
    return {"name": name, "id": identity, "status": status, "node_groups": groups}


def test_in_order_of_the_plan() -> None:
    """The values are what the role itself said before there was a filter."""
    plan = [
        planned("ml", "i1", a=1, b=2),
        planned("gone", "i2", a=1),
        planned("going", "i3", a=1),
        planned("new-1", None, a=0),
        planned("same", "i4", a=3),
    ]
    now = [
        there("ml", "i1", a=1, b=3),
        there("going", "i3", "DELETE_IN_PROGRESS", a=1),
        there("same", "i4", "UPDATE_COMPLETE", a=3, master=1),
        there("other", "i5", "CREATE_IN_PROGRESS", a=3),
    ]
    assert changed_node_groups(plan, now) == ["ml/b (i1)", "gone/a (i2)", "going/a (i3)"]


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        pytest.param([there("ml", "i1", a=1)], [], id="the same"),
        pytest.param([there("ml", "i9", a=1)], ["ml/a (i1)"], id="another cluster of that name"),
        pytest.param([there("ml2", "i1", a=1)], ["ml/a (i1)"], id="another name"),
        pytest.param([there("ml", "i1", b=1)], ["ml/a (i1)"], id="another group"),
        pytest.param([], ["ml/a (i1)"], id="gone"),
    ],
)
def test_what_counts_as_changed(now: list[dict[str, Any]], changed: list[str]) -> None:
    """Name, id, group and number of nodes."""
    assert changed_node_groups([planned("ml", "i1", a=1)], now) == changed
