# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs that only plan are known by."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.plan_only import ACTING, plan_only

ROLES = Path(__file__).resolve().parents[4] / "roles"


@pytest.mark.parametrize(
    ("tags", "asked", "plans"),
    [
        (["all"], False, False),
        (["all"], True, True),
        (["all"], "true", True),
        (["all"], "false", False),
        (["accelerator_cluster_plan"], False, True),
        (["workload_placement_plan", "something"], False, True),
        (["all", "cluster_autoscale_plan"], False, True),
        (["accelerator_cluster_plan", "accelerator_cluster_apply"], False, False),
        (["accelerator_cluster_plan", "accelerator_cluster_apply"], True, True),
        (["accelerator_cluster_apply"], False, False),
        (["somebodys_plan"], False, False),
        ([], False, False),
    ],
)
def test_which_runs_only_plan(tags: list[str], asked: object, plans: bool) -> None:
    """The variable has the last word; an apply tag beside a plan tag asks for both."""
    assert plan_only(tags, asked) is plans


def test_neither_true_nor_false_is_refused() -> None:
    """A typing error must not make a plan a real run."""
    with pytest.raises(AnsibleFilterError, match=r"'kcloud_plan_only': 'perhaps' is neither true nor false. Fix: "):
        plan_only(["all"], "perhaps")


def test_every_role_with_an_apply_tag_has_a_plan_tag_too() -> None:
    """The list of acting roles is that of the repository."""
    acting = set()
    for role in ROLES.iterdir():
        text = "".join(path.read_text(encoding="utf-8") for path in role.glob("tasks/*.yml"))
        if f"{role.name}_apply\n" in text:
            acting.add(role.name)
            assert f"{role.name}_plan\n" in text, role.name
    assert acting == set(ACTING)
