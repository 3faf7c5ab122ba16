# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook publishes its result, which AWX hands on in a workflow and the gateway answers with, under one rule of names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

ROOT = Path(__file__).resolve().parents[2]
SET_STATS = "ansible.builtin.set_stats"
MODULES = "kcloud.infrastructure."


def load(path: Path) -> Any:
    """A YAML file as data."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def tasks_of(role: str) -> list[dict[str, Any]]:
    """The tasks of every file of a role."""
    return [task for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")) for task in load(path)]


PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
ROLES = sorted(
    {role["role"].removeprefix(MODULES) for path in PLAYBOOKS for play in load(path) for role in play["roles"]}
)


@pytest.mark.parametrize("role", ROLES)
def test_the_role_of_a_playbook_publishes_its_result(role: str) -> None:
    """As `kcloud_<role>`: not by the name of its fact, as the artifacts of a job are extra variables of the next one and would
    hide the fact there."""
    published = [task[SET_STATS] for task in tasks_of(role) if SET_STATS in task]
    assert published
    for stats in published:
        assert list(stats["data"]) == [f"kcloud_{role}"]
        # Two hosts, or two runs of the role, would otherwise become a mixture of both
        assert stats["aggregate"] is False


@pytest.mark.parametrize("role", ROLES)
def test_the_artifact_is_documented(role: str) -> None:
    """Where the fact is."""
    specs = (ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8")
    assert f"C(kcloud_{role})" in specs


@pytest.mark.parametrize("role", ["requested_cluster", "requested_cluster_template"])
def test_a_requested_change_is_only_shown_where_asked(role: str) -> None:
    """With `kcloud_plan_only` every task that may write runs in check mode."""
    writing = [
        task
        for task in tasks_of(role)
        if any(name.startswith(f"{MODULES}magnum_") and not name.endswith("_info") for name in task)
    ]
    assert writing
    guard = f"{{{{ ansible_check_mode or __{role}_plan_only }}}}"
    assert [task["check_mode"] for task in writing] == [guard] * len(writing)


def test_a_request_to_create_never_resizes() -> None:
    """The survey of AWX asks for one node, unless somebody answers; a cluster of that name may have three by now, all in use."""
    tasks = tasks_of("requested_cluster")
    (looked,) = [number for number, task in enumerate(tasks) if f"{MODULES}magnum_cluster_info" in task]
    (creating,) = [
        number for number, task in enumerate(tasks) if "cluster_template" in task.get(f"{MODULES}magnum_cluster", {})
    ]
    assert looked < creating
    counts = {name: text for name, text in tasks[creating][f"{MODULES}magnum_cluster"].items() if "_count" in name}
    assert set(counts) == {"node_count", "master_count"}
    for name, text in counts.items():
        asked = f"requested_cluster_{name}"
        for exists, given, expected in ((True, 1, "omitted"), (False, 1, 1), (False, None, "omitted")):
            known = {asked: given, "__requested_cluster_exists": exists, "omit": "omitted"}
            assert NativeEnvironment().from_string(text).render(known) == expected
    exists = load(ROOT / "roles/requested_cluster/vars/main.yml")["__requested_cluster_exists"]
    seen: tuple[tuple[Any, bool], ...] = (
        ({"skipped": True}, False),
        ({"clusters": []}, False),
        ({"clusters": [{"status": "UPDATE_IN_PROGRESS"}]}, True),
        # Waited for, and then there is none
        ({"clusters": [{"status": "DELETE_IN_PROGRESS"}]}, False),
    )
    for found, expected in seen:
        assert NativeEnvironment().from_string(exists).render({"__requested_cluster_found": found}) is expected
