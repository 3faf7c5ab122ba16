# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan tag, and kcloud_plan_only, change nothing: no playbook reaches a module that writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kcloud.infrastructure.plugins.filter import plan_only

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ("cleanup", "consolidate", "place_workload", "provision", "scale", "teardown")
# The plan tags that show what a playbook would do
OWN_TAGS = (
    ("cleanup", "cluster_cleanup_plan"),
    ("consolidate", "cluster_consolidation_plan"),
    ("place_workload", "workload_placement_plan"),
    ("provision", "accelerator_cluster_plan"),
    ("provision", "fleet_plan"),
    ("scale", "cluster_autoscale_plan"),
    ("teardown", "accelerator_cluster_plan"),
    ("teardown", "fleet_plan"),
)
PLAN_TAGS = [f"{role}_plan" for role in plan_only.ACTING]
READS = {
    *(
        f"kcloud.infrastructure.{name}"
        for name in ("cluster_consolidation", "cluster_idle", "cluster_match", "cluster_scaling", "table")
    ),
    *(
        f"kcloud.infrastructure.{name}_info"
        for name in (
            "cluster_network",
            "heat_stack",
            "magnum_cluster",
            "magnum_cluster_template",
            "magnum_fleet",
            "openstack",
        )
    ),
    *(
        f"ansible.builtin.{name}"
        for name in ("assert", "fail", "set_fact", "set_stats", "slurp", "stat", "validate_argument_spec", "meta")
    ),
    "meta",
}
# Conditions that hold in a run that carries its plan out; vars of the roles derive those called *_applies from the first
GUARDS = ("_plan_only", "_applies")


def look() -> dict[str, list[dict[str, Any]]]:
    """By playbook, the tasks that a run without tags or with a plan tag selects, each with these tags."""
    # .../collections/ansible_collections/kcloud/infrastructure/plugins/filter/plan_only.py
    folder = Path(plan_only.__file__).parents[5]
    names = [str(ROOT / f"playbooks/{name}.yml") for name in PLAYBOOKS]
    command = [sys.executable, str(ROOT / "tests/unit/selected_tasks.py"), str(folder), *names, "--", "all", *PLAN_TAGS]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {Path(playbook).stem: tasks for playbook, tasks in json.loads(done.stdout).items()}


# Once, when the tests are collected: ansible-test runs each test in a process of its own, in which a fixture would look again
SELECTED = look()


def writing(tasks: list[dict[str, Any]], tag: str) -> list[dict[str, Any]]:
    """The tasks of a run with the tag that may change something: all but those known to read."""
    return [task for task in tasks if tag in task["tags"] and task["action"] not in READS]


@pytest.mark.parametrize("tag", PLAN_TAGS)
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_plan_tag_selects_no_task_that_writes(playbook: str, tag: str) -> None:
    """Whatever playbook it is given to."""
    assert writing(SELECTED[playbook], tag) == []


@pytest.mark.parametrize(("playbook", "tag"), OWN_TAGS)
def test_the_playbook_s_own_plan_tag_shows_something(playbook: str, tag: str) -> None:
    """A tag that selects nothing would change nothing either."""
    shows = "kcloud.infrastructure.table"
    shown = [task for task in SELECTED[playbook] if tag in task["tags"] and task["action"] == shows]
    assert shown


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_every_task_that_writes_waits_for_the_plan_to_be_carried_out(playbook: str) -> None:
    """kcloud_plan_only ends each role before any write; so does a plan tag where a playbook gives a role the tag `always`."""
    tasks = writing(SELECTED[playbook], "all")
    assert tasks
    unguarded = [
        task["name"] for task in tasks if not any(guard in text for text in task["conditions"] for guard in GUARDS)
    ]
    assert unguarded == []


def test_what_applies_is_derived_from_what_only_plans() -> None:
    """The variables behind the conditions."""
    for role in plan_only.ACTING:
        found: dict[str, Any] = {}
        for path in (ROOT / "roles" / role / "vars").rglob("*.yml"):
            found.update(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        own = [str(found[name]) for name in (f"__{role}_plan_only", f"__{role}_applies") if name in found]
        assert own and all("plan_only" in text for text in own), role


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_no_playbook_selects_a_whole_role_always(playbook: str) -> None:
    """The tag `always` on a role reaches all of its tasks, those of the roles that it includes among them."""
    for play in yaml.safe_load((ROOT / f"playbooks/{playbook}.yml").read_text(encoding="utf-8")):
        assert [role for role in play["roles"] if "always" in role.get("tags", [])] == []


TYPES = ("cpu_only_cluster", "gpu_intensive_cluster", "hybrid_balanced_cluster", "npu_optimized_cluster")


@pytest.mark.parametrize("role", [*plan_only.ACTING, *TYPES])
def test_acting_roles_document_how_to_plan_only(role: str) -> None:
    """In the specification and in the README, where the plan tag stands too."""
    options = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
    assert "kcloud_plan_only" in options["argument_specs"]["main"]["options"]
    text = (ROOT / f"roles/{role}/README.md").read_text(encoding="utf-8")
    tag = "accelerator_cluster_plan" if role in TYPES else f"{role}_plan"
    assert "kcloud_plan_only: true" in text.replace("\n", " ") and tag in text
