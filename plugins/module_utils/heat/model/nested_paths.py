# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resources of nested stacks, named by their path from the outermost stack: ``nodes/0/server``. Pure.

Heat forbids ``/`` in names, so a path is never mistaken for a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Preview, Resource

WORDS = ("added", "updated", "replaced", "deleted", "unchanged")
# Their members get a name by chance, so one that a preview adds is not the one that comes.
_NAMES_BY_CHANCE = frozenset(
    {"OS::Heat::AutoScalingGroup", "OS::Heat::InstanceGroup", "AWS::AutoScaling::AutoScalingGroup"}
)


def by_path(resources: Iterable[Resource]) -> dict[str, Resource]:
    """Resources by their path; one whose parent is not among them stands at the top."""
    every = list(resources)
    parents = {resource.nested_id: resource for resource in every if resource.nested_id}

    def path(resource: Resource, seen: frozenset[str | None] = frozenset()) -> str:
        parent = parents.get(resource.stack_id) if resource.stack_id not in seen else None
        return f"{path(parent, seen | {resource.stack_id})}/{resource.name}" if parent else resource.name

    return {path(resource): resource for resource in every}


def is_nested(path: str) -> bool:
    return "/" in path


def parent_of(path: str) -> str:
    """The path of the resource whose nested stack contains this one; empty at the top."""
    return path.rpartition("/")[0]


def inside(parent: str, name: str) -> str:
    """The path of a resource of this name in the nested stack that the parent is; at the top the parent is empty."""
    return f"{parent}/{name}" if parent else name


def top(types: Mapping[str, str]) -> dict[str, str]:
    """Only what the outermost stack contains."""
    return {path: kind for path, kind in types.items() if not is_nested(path)}


def placed(changes: Mapping[str, Any], stack_name: str, stacks: Mapping[str, str]) -> Preview:
    """Heat's answer to a preview of an update, its resources by path.

    An entry tells its stack by id where that exists, and by a name made of its parents' names where it is predicted.
    What is taken away with a replaced parent and comes with the new one counts as replaced.

    :param changes: the answer's ``resource_changes``.
    :param stacks: path of the parent by the id of the nested stack.
    """
    names = {stack_name: ""}
    names.update({"-".join([stack_name, *path.split("/")]): path for path in stacks.values()})
    found: dict[str, dict[str, str]] = {word: {} for word in WORDS}
    entries = [(word, entry) for word in WORDS for entry in changes.get(word) or [] if entry.get("resource_name")]
    # A parent's name begins that of what it contains, so the shorter comes first.
    for word, entry in sorted(entries, key=lambda pair: len(pair[1].get("stack_name") or "")):
        name, parent_name = str(entry["resource_name"]), entry.get("parent_resource")
        own_stack = str(entry.get("stack_name") or "")
        parent = ""
        if parent_name:
            identity = entry.get("stack_identity") or {}
            parent = stacks.get(str(identity.get("stack_id"))) or names.get(own_stack) or str(parent_name)
        path = inside(parent, name)
        names.setdefault(f"{own_stack}-{name}", path)
        found[word][path] = str(entry.get("resource_type") or "")
    return _settled(found)


def _settled(found: dict[str, dict[str, str]]) -> Preview:
    both = found["deleted"].keys() & found["added"].keys()
    replaced = {**found["replaced"], **{path: found["added"][path] for path in both}}
    kinds = {path: kind for word in WORDS for path, kind in found[word].items()}
    return Preview(
        added={path: kind for path, kind in found["added"].items() if path not in both and _is_sure(path, kinds)},
        updated=found["updated"],
        replaced=replaced,
        deleted={path: kind for path, kind in found["deleted"].items() if path not in both},
        # Of nested stacks Heat lists what stays only here and there.
        unchanged=top(found["unchanged"]),
    )


def _is_sure(path: str, kinds: Mapping[str, str]) -> bool:
    parts = path.split("/")
    return not any(kinds.get("/".join(parts[:length])) in _NAMES_BY_CHANCE for length in range(1, len(parts)))


def created(entries: list[Any], template: Mapping[str, Any]) -> dict[str, str]:
    """Types by path from a preview of a creation.

    It shows a nested stack as the list of what that contains, without its name; the template has the names.
    """
    declared = template.get("resources") or template.get("Resources") or {}
    kinds = {name: str(body.get("type") or body.get("Type") or "") for name, body in declared.items()}
    known: dict[str, str] = {}
    _walk(entries, "", known)
    parents = {path.partition("/")[0] for path in known if is_nested(path)}
    known.update({name: kinds[name] for name in parents if name in kinds})
    if len(top(known)) < len(entries):
        # Stacks that contain nothing but stacks: what the template declares without a condition is sure to be made.
        known.update(
            {name: kinds[name] for name, body in declared.items() if name not in known and "condition" not in body}
        )
    return {path: kind for path, kind in known.items() if _is_sure(path, known)}


def _walk(entries: Iterable[Any], parent: str, known: dict[str, str]) -> None:
    for entry in entries:
        if isinstance(entry, dict) and entry.get("resource_name"):
            known[inside(parent, str(entry["resource_name"]))] = str(entry.get("resource_type") or "")
        elif isinstance(entry, list):
            parents = [
                inner["parent_resource"] for inner in entry if isinstance(inner, dict) and inner.get("parent_resource")
            ]
            # A stack of nothing but stacks does not say whose it is.
            if parents:
                _walk(entry, inside(parent, str(parents[0])), known)
