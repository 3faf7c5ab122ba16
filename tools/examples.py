# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXAMPLES of the modules: every task's arguments against the module's documented options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

Options = dict[str, dict[str, Any]]
# What a task's other keys may be is Ansible's own syntax check's matter
BLOCKS = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")


def tasks_in(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every task of a list of tasks, blocks or plays."""
    for item in items:
        inner = [item[key] for key in BLOCKS if key in item]
        if not inner and "hosts" not in item:
            yield item
        for nested in inner:
            yield from tasks_in(nested)


def as_plays(module: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The examples as a playbook: plays as they are, tasks in a play of their own."""
    tasks = [item for item in items if "hosts" not in item]
    plays = [item for item in items if "hosts" in item]
    if tasks:
        plays.append({"name": f"Examples of {module}", "hosts": "localhost", "gather_facts": False, "tasks": tasks})
    return plays


def templated(value: Any) -> bool:
    """Whether a value is only known when the playbook runs."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def argument_spec(options: Options, given: list[dict[str, Any]]) -> Options:
    """The argument spec of documented options; what any of the given dictionaries leaves to a template may be anything."""
    spec: Options = {}
    for name, option in options.items():
        names = (name, *option.get("aliases", []))
        values = [entry[key] for entry in given for key in names if key in entry]
        kept = {key: option[key] for key in ("aliases", "choices", "elements", "required", "type") if key in option}
        if any(templated(part) for value in values for part in (value if isinstance(value, list) else [value])):
            kept = {key: value for key, value in kept.items() if key in ("aliases", "required")} | {"type": "raw"}
        elif "suboptions" in option:
            entries = [part for value in values for part in (value if isinstance(value, list) else [value])]
            kept["options"] = argument_spec(option["suboptions"], [part for part in entries if isinstance(part, dict)])
        spec[name] = kept
    return spec


def complaints(documented: dict[str, Options], items: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """How many tasks call one of the documented modules (by full name), and what is wrong with their arguments."""
    count, wrong = 0, []
    for task in tasks_in(items):
        for module in documented.keys() & task.keys():
            count += 1
            arguments = task[module] or {}
            spec = argument_spec(documented[module], [arguments])
            problems = ArgumentSpecValidator(spec).validate(arguments).error_messages
            wrong += [f"{module}: {task.get('name', 'a task without a name')!r}: {problem}" for problem in problems]
    return count, wrong
