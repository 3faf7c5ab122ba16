# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which playbook carries a verb out, how requests become its variables, and what of its events is kept. All pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Playbook:
    """A playbook of the collection, and the artifact that says what it did.

    ``memory`` is the variable that takes the artifact's ``state`` of the run before; None for a playbook that remembers nothing.
    """

    name: str
    artifact: str
    memory: str | None = None


_OURS = "kcloud.infrastructure."
PLAYBOOKS = {
    "create_cluster": Playbook(_OURS + "create_cluster", "kcloud_requested_cluster"),
    "resize_cluster": Playbook(_OURS + "resize_cluster", "kcloud_requested_cluster"),
    "delete_cluster": Playbook(_OURS + "delete_cluster", "kcloud_requested_cluster"),
    "create_cluster_template": Playbook(_OURS + "create_cluster_template", "kcloud_requested_cluster_template"),
    "place_workload": Playbook(_OURS + "place_workload", "kcloud_workload_placement"),
    "consolidate": Playbook(_OURS + "consolidate", "kcloud_cluster_consolidation"),
    "cleanup": Playbook(_OURS + "cleanup", "kcloud_cluster_cleanup", "cluster_cleanup_state"),
}
# How much of a message is kept
LONGEST_MESSAGE = 2000
# What of a task's end is an event
SHOWN = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "failed",
}


class _Unsafe(str):
    """A text that Ansible must never take for a template."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Unsafe, lambda dumper, data: dumper.represent_scalar("!unsafe", str(data), style='"'))
# A list or dictionary that appears twice is written twice: Ansible needs no anchors
_Dumper.ignore_aliases = lambda self, data: True


def unsafe(value: Any) -> Any:
    """The value, with each text in it marked: keys too stay data, since YAML writes them quoted and Ansible templates no keys.

    :param value: what JSON can hold.
    """
    if isinstance(value, str):
        return _Unsafe(value)
    if isinstance(value, Mapping):
        return {str(key): unsafe(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [unsafe(inner) for inner in value]
    return value


def extra_vars(variables: Mapping[str, Any]) -> str:
    """A file of extra variables whose texts Ansible takes as they are.

    >>> extra_vars({"name": "{{ 1 }}", "count": 2})
    'name: !unsafe "{{ 1 }}"\\ncount: 2\\n'
    """
    return yaml.dump(unsafe(variables), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31)


def event_of(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is kept of an event of ansible-runner: the end of a task, and its message where it failed. None for the others."""
    status, data = SHOWN.get(str(event.get("event"))), event.get("event_data") or {}
    if status is None:
        return None
    result = data.get("res") or {}
    if status == "ok" and isinstance(result, Mapping) and result.get("changed") is True:
        status = "changed"
    if status == "failed" and data.get("ignore_errors"):
        status = "ignored"
    kept: dict[str, Any] = {"task": str(data.get("task"))[:200], "status": status}
    if status == "failed":
        kept["message"] = str(result.get("msg"))[:LONGEST_MESSAGE]
    return kept


def failure_of(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Why a task failed, as `code`, `reason`, `hint`, `resource` and `message`; None for an event of another kind."""
    if event.get("event") not in ("runner_on_failed", "runner_on_unreachable"):
        return None
    data = event.get("event_data") or {}
    result = data.get("res") or {}
    if data.get("ignore_errors"):
        return None
    # A loop's result holds the failures of its items
    items = [item for item in result.get("results") or () if isinstance(item, Mapping) and item.get("failed")]
    result = items[0] if items and not result.get("failure") else result
    failure = result.get("failure") if isinstance(result.get("failure"), Mapping) else {}
    return {
        "code": failure.get("code") or "TASK_FAILED",
        "message": str(result.get("msg"))[:LONGEST_MESSAGE],
        "reason": failure.get("reason"),
        "hint": failure.get("hint"),
        "resource": failure.get("resource"),
        "task": data.get("task"),
    }


def artifacts_of(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The artifacts `kcloud_*`: all of them at the end of a playbook, or those that a task has just set; None for other events."""
    data = event.get("event_data") or {}
    if event.get("event") == "playbook_on_stats":
        return own_artifacts(data.get("artifact_data") or {})
    result = data.get("res")
    if event.get("event") != "runner_on_ok" or not isinstance(result, Mapping):
        return None
    said = result.get("ansible_stats")
    return own_artifacts(said.get("data") or {}) or None if isinstance(said, Mapping) else None


def own_artifacts(data: Mapping[str, Any]) -> dict[str, Any]:
    """The artifacts of the collection's roles, as plain JSON."""
    kept = {name: value for name, value in data.items() if str(name).startswith("kcloud_")}
    return json.loads(json.dumps(kept, default=str))
