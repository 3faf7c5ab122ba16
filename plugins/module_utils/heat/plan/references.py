# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""References between a template's resources, replaced by what they come to now. Pure.

Heat's preview of an update does not resolve them: it says of every resource that refers to another one that it would be
updated or even replaced, also where nothing changes at all (seen with Heat 26, with convergence). So a preview gets a
template whose references are already resolved, and then it is exact.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import inside, parent_of

# Templates whose references are resolved, by the path of the resource whose nested stack they make, empty for the outermost:
# the name of the file, empty for the template itself, and the parsed template.
Templates = Mapping[str, tuple[str, Mapping[str, Any]]]
_TO_RESOURCE = frozenset({"get_resource", "Ref"})
_TO_ATTRIBUTE = frozenset({"get_attr", "Fn::GetAtt"})
_SECTIONS = ("resources", "Resources")


def attribute_sources(template: Mapping[str, Any]) -> frozenset[str]:
    """Names of the resources whose attributes other resources use."""
    return frozenset(name for section in _SECTIONS for name in _sources(template.get(section)))


def _sources(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key in _TO_ATTRIBUTE and isinstance(entry, list) and entry and isinstance(entry[0], str):
                yield entry[0]
            yield from _sources(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _sources(entry)


def attribute_paths(templates: Templates, known: Collection[str]) -> frozenset[str]:
    """Paths of the resources whose attributes these templates use, of those that exist."""
    paths = {inside(parent, name) for parent, (_file, text) in templates.items() for name in attribute_sources(text)}
    return frozenset(paths & set(known))


def own_files(files: Mapping[str, str], template: Mapping[str, Any]) -> dict[str, Any]:
    """The nested templates that exactly one resource uses, parsed, by their names.

    In one that several use, a reference comes to something else for each, so none can be put in its place.
    """
    parsed = {name: _parsed(content) for name, content in files.items()}
    uses = Counter(_kinds(template))
    for content in parsed.values():
        uses.update(_kinds(content))
    return {name: content for name, content in parsed.items() if uses[name] == 1 and isinstance(content, Mapping)}


def _parsed(content: str) -> Any:
    try:
        return json.loads(content)
    except (TypeError, ValueError):
        return None


def _kinds(value: Any) -> Iterator[str]:
    """Every ``type`` in a template; that of the definition of a group's members twice, as it stands for many."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key in ("type", "Type") and isinstance(entry, str):
                yield entry
            yield from _kinds(entry)
            if key in ("resource_def", "resource"):
                yield from _kinds(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _kinds(entry)


def resolved(
    template: Mapping[str, Any], ids: Mapping[str, str], attributes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The template with the references in its resources resolved, as far as they are known.

    :param ids: what a reference to a resource comes to, by the resource's name.
    :param attributes: the attributes' values, by the resource's name.
    """
    return {key: _resolve(value, ids, attributes) if key in _SECTIONS else value for key, value in template.items()}


def resolved_request(
    body: Mapping[str, Any], templates: Templates, ids: Mapping[str, str], attributes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The body of a request with the references in these templates resolved; ids and attributes are by path."""
    whole = {**body, "files": dict(body.get("files") or {})}
    for parent, (file, text) in templates.items():
        new = resolved(text, _within(parent, ids), _within(parent, attributes))
        if file:
            whole["files"][file] = json.dumps(new)
        else:
            whole["template"] = new
    return whole


def _within(parent: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """What the nested stack of this parent contains, by name."""
    return {path.rpartition("/")[2]: value for path, value in found.items() if parent_of(path) == parent}


def kind_in(templates: Templates, path: str) -> str:
    """The type of a resource in the templates to come: Heat shows that of the stack as it is, which may be another file."""
    _file, text = templates.get(parent_of(path), ("", {}))
    declared = text.get("resources") or text.get("Resources") or {}
    body = declared.get(path.rpartition("/")[2]) or {}
    return str(body.get("type") or body.get("Type") or "")


def _resolve(value: Any, ids: Mapping[str, str], attributes: Mapping[str, Mapping[str, Any]]) -> Any:
    if isinstance(value, Mapping):
        if len(value) == 1:
            ((function, argument),) = value.items()
            known = _value_of(function, argument, ids, attributes)
            if known is not None:
                return known
        return {key: _resolve(entry, ids, attributes) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_resolve(entry, ids, attributes) for entry in value]
    return value


def _value_of(function: str, argument: Any, ids: Mapping[str, str], attributes: Mapping[str, Mapping[str, Any]]) -> Any:
    """What a reference comes to; None when it is none, or not known."""
    if function in _TO_RESOURCE and isinstance(argument, str):
        return ids.get(argument)
    if function in _TO_ATTRIBUTE and isinstance(argument, list) and len(argument) > 1 and argument[0] in attributes:
        found: Any = attributes[argument[0]]
        for step in argument[1:]:
            found = _step(found, step)
        return found
    return None


def _step(value: Any, step: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list) and str(step).isdigit() and int(step) < len(value):
        return value[int(step)]
    return None
