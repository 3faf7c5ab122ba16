# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks that a playbook's run with some tags selects, by Ansible's own evaluation, with dynamic includes opened.

``ansible-playbook --list-tasks`` stops at dynamic includes. Run as ``selected_tasks.py COLLECTIONS_FOLDER PLAYBOOK... -- TAG...``;
the answer is JSON: playbook -> tasks, each with ``name``, ``action``, ``conditions``, those of its includes among them, and ``tags``,
those of the given tags that select it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.helpers import load_list_of_blocks
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager

# What the file name of an include that is chosen at run time can be, beside a user's own tasks
CHOSEN = ("absent.yml", "create.yml", "present.yml", "scale_out.yml")


class Walk:
    """Goes through a play's tasks as runs with one of some tags do, all at once."""

    def __init__(self, play: Any, loader: DataLoader, manager: VariableManager) -> None:
        self.play, self.loader, self.manager = play, loader, manager

    def tasks(self, blocks: list[Any], tags: list[str], conditions: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        for entry in blocks:
            if isinstance(entry, Block):
                yield from self.tasks([*entry.block, *entry.rescue, *entry.always], tags, conditions)
                continue
            alive = [tag for tag in tags if entry.evaluate_tags([tag], [], {})]
            if alive:
                yield from self.task(entry, alive, (*conditions, *map(str, entry.when)))

    def task(self, task: Any, tags: list[str], conditions: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        if isinstance(task, IncludeRole):
            opened = task.copy()
            opened._role_name, opened._from_files = task._role_name, task._from_files
            blocks = opened.get_block_list(self.play, self.manager, self.loader)[0]
            yield from self.tasks(blocks, tags, conditions)
        elif isinstance(task, TaskInclude) and not task.statically_loaded:
            for path in self.files(task):
                if path is None:
                    yield {"name": task.name, "action": "a user's own tasks", "conditions": conditions, "tags": tags}
                else:
                    yield from self.tasks(self.included(task, path), tags, conditions)
        else:
            yield {"name": task.name, "action": task.action, "conditions": conditions, "tags": tags}

    def files(self, task: Any) -> list[Path | None]:
        """What an include may include; None for tasks that a user names."""
        name = str(task.args.get("file") or task.args["_raw_params"])
        folder = Path(task._role._role_path) / "tasks"
        if not name.startswith("{{"):
            return [folder / name]
        return (
            [folder / chosen for chosen in CHOSEN if (folder / chosen).is_file()] if name.endswith("}}.yml") else [None]
        )

    def included(self, task: Any, path: Path) -> list[Any]:
        return load_list_of_blocks(
            self.loader.load_from_file(str(path)),
            play=self.play,
            parent_block=task.copy().build_parent_block(),
            role=task._role,
            loader=self.loader,
            variable_manager=self.manager,
        )


def selected(playbook: str, tags: list[str], loader: DataLoader) -> list[dict[str, Any]]:
    """The tasks of a playbook that any of the tags selects."""
    manager = VariableManager(loader, InventoryManager(loader, sources=["localhost,"]))
    loaded = Playbook.load(playbook, variable_manager=manager, loader=loader)
    return [task for play in loaded.get_plays() for task in Walk(play, loader, manager).tasks(play.compile(), tags)]


def main() -> None:
    folder, *rest = sys.argv[1:]
    playbooks, tags = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    init_plugin_loader([folder])
    loader = DataLoader()
    json.dump({playbook: selected(playbook, tags, loader) for playbook in playbooks}, sys.stdout)


if __name__ == "__main__":
    main()
