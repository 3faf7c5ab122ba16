# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every integration target runs in one frame: it cleans, prepares, tests part by part, verifies, and always cleans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[1] / "integration/targets"
SHARED = sorted(path for path in FOLDER.glob("setup_*") if path.is_dir())
TARGETS = sorted(path for path in FOLDER.iterdir() if path.is_dir() and path not in SHARED)
FRAME = FOLDER / "setup_frame/tasks/frame.yml"
MAIN = TARGETS[0] / "tasks/main.yml"

# Modules that fail when what they are given does not hold; `fail` does so where its `when` holds
ASSERTING = {"ansible.builtin.assert": "that", "ansible.builtin.fail": "msg"}
# A file of tasks that another one includes, by its name
INCLUDED = re.compile(r"(?:include|import)_tasks: *([\w.]+)\.yml")


def load(path: Path) -> Any:
    """A YAML file as data."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    """A file's or folder's name in the list of tests."""
    return path.relative_to(FOLDER).as_posix()


def every_task(tasks: Any) -> Iterator[dict[str, Any]]:
    """The tasks of a file, those in blocks among them."""
    for task in tasks or []:
        yield task
        for key in ("block", "rescue", "always"):
            yield from every_task(task.get(key))


def does_not_assert(tasks: Any) -> list[str]:
    """The tasks that are called "Verify ..." and verify nothing."""
    verifying = [task for task in every_task(tasks) if task.get("name", "").startswith("Verify")]
    return [
        task["name"] for task in verifying if not any((task.get(key) or {}).get(of) for key, of in ASSERTING.items())
    ]


def included_files(target: Path) -> set[str]:
    """The files of tasks that a target runs: its parts, what the frame includes of it, and what these include."""
    settings = load(target / "defaults/main.yml")
    waiting = {"main", *settings[f"{target.name}_parts"]}
    waiting |= {"clean"} if target.name in settings["frame_clean"] else set()
    waiting |= {"prepare"} if target.name in settings.get("frame_prepare", []) else set()
    seen: set[str] = set()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        waiting |= set(INCLUDED.findall((target / f"tasks/{file}.yml").read_text(encoding="utf-8"))) - seen
    return seen


def test_the_frame_cleans_prepares_tests_and_always_cleans() -> None:
    (frame,) = load(FRAME)
    assert [
        set(task) & {"ansible.builtin.include_role", "ansible.builtin.include_tasks"} for task in frame["block"]
    ] == [
        {"ansible.builtin.include_role"},
        {"ansible.builtin.include_role"},
        {"ansible.builtin.include_tasks"},
    ]
    before, prepare, parts = frame["block"]
    (after,) = frame["always"]
    assert before["ansible.builtin.include_role"] == after["ansible.builtin.include_role"]
    assert before["ansible.builtin.include_role"]["tasks_from"] == "clean.yml"
    assert before["loop"] == after["loop"] == "{{ frame_clean }}"
    assert prepare["ansible.builtin.include_role"]["tasks_from"] == "prepare.yml"
    assert "role_name ~ '_parts'" in parts["loop"]


@pytest.mark.parametrize("target", TARGETS, ids=name)
def test_a_target_is_its_frame_and_its_parts(target: Path) -> None:
    """Its main.yml is that of all others, so nothing runs outside of the frame."""
    assert (target / "tasks/main.yml").read_bytes() == MAIN.read_bytes()
    (task,) = load(MAIN)
    assert (target / "tasks" / task["ansible.builtin.include_tasks"]).resolve() == FRAME
    assert "needs/target/setup_frame" in (target / "aliases").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("target", TARGETS, ids=name)
def test_every_file_of_tasks_runs(target: Path) -> None:
    """A part that no list names would never run; a list that names no file fails in the cloud only."""
    assert included_files(target) == {path.stem for path in target.glob("tasks/*.yml")}
    settings = load(target / "defaults/main.yml")
    assert set(settings.get("frame_offline", [])) <= set(settings[f"{target.name}_parts"])


@pytest.mark.parametrize("target", TARGETS, ids=name)
def test_a_target_needs_the_roles_that_clean_and_prepare(target: Path) -> None:
    """ansible-test copies what the aliases name, and nothing else."""
    settings = load(target / "defaults/main.yml")
    needed = {line.removeprefix("needs/target/") for line in (target / "aliases").read_text(encoding="utf-8").split()}
    for role in settings["frame_clean"]:
        assert role in needed | {target.name}
        assert (FOLDER / role / "tasks/clean.yml").is_file()
    for role in settings.get("frame_prepare", []):
        assert role in needed | {target.name}
        assert (FOLDER / role / "tasks/prepare.yml").is_file()


@pytest.mark.parametrize("target", TARGETS, ids=name)
def test_a_target_that_changes_the_cloud_cleans(target: Path) -> None:
    """What makes nothing says so: it has no task that a module of the collection could change something with."""
    if load(target / "defaults/main.yml")["frame_clean"]:
        return
    used = {key for path in target.glob("tasks/*.yml") for task in every_task(load(path)) for key in task}
    modules = {key.removeprefix("kcloud.infrastructure.") for key in used if key.startswith("kcloud.infrastructure.")}
    deciding = {"cluster_consolidation", "cluster_idle", "cluster_match", "cluster_scaling", "table"}
    assert {module for module in modules if not module.endswith("_info")} <= deciding


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/tasks/*.yml")), ids=name)
def test_a_task_called_verify_asserts(path: Path) -> None:
    assert does_not_assert(load(path)) == []


@pytest.mark.parametrize(
    ("task", "found"),
    [
        ({"name": "Verify it", "ansible.builtin.assert": {"that": ["result is changed"]}}, False),
        ({"name": "Verify it", "ansible.builtin.fail": {"msg": "No."}, "when": "result is changed"}, False),
        ({"name": "Verify it", "ansible.builtin.assert": {"quiet": True}}, True),
        ({"name": "Verify it", "ansible.builtin.debug": {"msg": "result"}}, True),
        ({"name": "A block", "always": [{"name": "Verify it", "ansible.builtin.command": "true"}]}, True),
        ({"name": "Look at it", "ansible.builtin.command": "true"}, False),
    ],
)
def test_tasks_that_verify_nothing_are_found(task: dict[str, Any], found: bool) -> None:
    assert bool(does_not_assert([task])) is found
