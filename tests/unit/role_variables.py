# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the first task of the role accelerator_cluster sees of its variables, by Ansible's own evaluation.

Run as ``role_variables.py COLLECTIONS_FOLDER VARIABLE...``; the standard input is JSON: a list of cases with ``role``, ``role_vars``
and ``group_vars``. The answer is JSON: for each case, the values of the variables by name.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.role_include import IncludeRole
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.vars.manager import VariableManager


def first_task(blocks: list[Any], play: Any, loader: DataLoader, manager: VariableManager) -> Any:
    """The first task, with the roles opened that are included before it."""
    for entry in blocks:
        if isinstance(entry, Block):
            found = first_task(entry.block, play, loader, manager)
            if found is not None:
                return found
        elif isinstance(entry, IncludeRole):
            opened = entry.copy()
            opened._role_name, opened._from_files = entry._role_name, entry._from_files
            return first_task(opened.get_block_list(play, manager, loader)[0], play, loader, manager)
        elif entry.action not in ("meta", "ansible.builtin.validate_argument_spec"):
            return entry
    return None


def evaluated(case: dict[str, Any], names: list[str], loader: DataLoader) -> dict[str, Any]:
    """The variables where the role runs on a host of a group with these variables."""
    inventory = InventoryManager(loader, sources=["localhost,"])
    manager = VariableManager(loader, inventory)
    for name, value in case["group_vars"].items():
        inventory.groups["all"].set_variable(name, value)
    role = {"role": f"kcloud.infrastructure.{case['role']}", "vars": case["role_vars"]}
    play = Play.load({"name": "x", "hosts": "localhost", "roles": [role]}, variable_manager=manager, loader=loader)
    task = first_task(play.compile(), play, loader, manager)
    variables = manager.get_vars(play=play, host=inventory.get_host("localhost"), task=task)
    templar = Templar(loader, variables=variables)
    return {name: templar.template(variables[name]) for name in names}


def main() -> None:
    folder, *names = sys.argv[1:]
    init_plugin_loader([folder])
    loader = DataLoader()
    json.dump([evaluated(case, names, loader) for case in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
