# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One normal form for both sides of a comparison: what the user wrote, and what Heat stored of it. Pure.

Numbers and booleans become text, so that ``4`` and ``"4"`` are the same; a reference to a file becomes the file's
content, so that the same stack from another folder or another controller is the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    HIDDEN,
    PSEUDO_PREFIXES,
    Definition,
)

_YES = frozenset({"1", "t", "true", "on", "y", "yes"})
_NO = frozenset({"0", "f", "false", "off", "n", "no"})
# Nested templates may refer to each other; nobody nests deeper, and a circle must end.
_DEEPEST_FILE = 20


def scalar_text(value: object) -> str:
    """A number or boolean as the text that YAML and JSON have for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def normal(value: Any, files: Mapping[str, str] | None = None, depth: int = 0) -> Any:
    """Any part of a template or an environment, ready to be compared."""
    if isinstance(value, Mapping):
        return {str(key): normal(value[key], files, depth) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [normal(entry, files, depth) for entry in value]
    if isinstance(value, str):
        if files and value in files and depth < _DEEPEST_FILE:
            return {"content of file": _normal_file(files[value], files, depth + 1)}
        return value
    return None if value is None else scalar_text(value)


def _normal_file(content: Any, files: Mapping[str, str], depth: int) -> Any:
    # python-heatclient sends nested templates as JSON, everything else as it is.
    try:
        parsed = json.loads(content)
    except (TypeError, ValueError):
        return content
    return normal(parsed, files, depth) if isinstance(parsed, (dict, list)) else content


def schemata(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The template's parameters with their schema, in HOT's spelling of the keys (a CFN template has its own)."""
    declared = template.get("parameters") or template.get("Parameters") or {}
    return {
        str(name): {
            "type": str(schema.get("type") or schema.get("Type") or "string").lower().replace("_", ""),
            "hidden": scalar_text(schema.get("hidden", schema.get("NoEcho", False))).lower() in _YES,
            **({"default": schema[key]} if (key := "default" if "default" in schema else "Default") in schema else {}),
        }
        for name, schema in declared.items()
        if isinstance(schema, Mapping)
    }


def hidden_names(template: Mapping[str, Any] | None) -> frozenset[str]:
    """Names of the parameters whose value must never be shown."""
    return frozenset(name for name, schema in schemata(template or {}).items() if schema["hidden"])


def normal_parameter(value: Any, kind: str) -> Any:
    """A parameter's value as Heat reads it for a parameter of this type."""
    if value is None:
        return None
    if kind == "commadelimitedlist":
        parts = value if isinstance(value, (list, tuple)) else str(value).split(",") if value != "" else []
        return [scalar_text(part).strip() for part in parts]
    if kind == "json":
        return normal(_parsed(value))
    if kind == "boolean":
        text = scalar_text(value).lower()
        return "true" if text in _YES else "false" if text in _NO else text
    if kind == "number":
        return _number_text(value)
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, sort_keys=True)
    # Heat makes text of a string parameter as Python does: true becomes "True".
    return str(value)


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _number_text(value: Any) -> str:
    try:
        # Not by way of float: it would round large whole numbers.
        return str(int(value)) if not isinstance(value, float) else scalar_text(value)
    except (TypeError, ValueError):
        pass
    try:
        return scalar_text(float(value))
    except (TypeError, ValueError):
        return str(value)


def effective_parameters(
    template: Mapping[str, Any], environment: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The value that each declared parameter takes, in normal form; hidden ones masked.

    The later wins: the template's default, the environment's default, the environment's value, the given value.
    """
    values = {name: schema["default"] for name, schema in schemata(template).items() if "default" in schema}
    for source in (environment.get("parameter_defaults"), environment.get("parameters"), given):
        values.update({name: value for name, value in (source or {}).items() if value is not None})
    return {
        name: HIDDEN if schema["hidden"] else normal_parameter(values.get(name), schema["type"])
        for name, schema in sorted(schemata(template).items())
    }


def shown_parameters(template: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The same from what Heat shows of a stack."""
    known = schemata(template)
    return {
        name: HIDDEN if known[name]["hidden"] else normal_parameter(parameters[name], known[name]["type"])
        for name in sorted(parameters)
        if name in known and not name.startswith(PSEUDO_PREFIXES)
    }


def normal_environment(definition: Definition) -> dict[str, Any]:
    """The environment without its parameters, which are compared by their effect, and without empty sections."""
    given = dict(definition.environment)
    given["resource_registry"] = {
        kind: place
        for kind, place in (given.get("resource_registry") or {}).items()
        # Heat adds nested templates as types of their own, and base_url only says where files were looked for.
        if kind not in (place, "base_url")
    }
    sections = {
        name: _without_empty(normal(given.get(name), definition.files))
        for name in ("event_sinks", "parameter_defaults", "resource_registry")
    }
    return {name: section for name, section in sections.items() if section}


def _without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {key: _without_empty(entry) for key, entry in value.items()}
    return {key: entry for key, entry in kept.items() if entry not in (None, {}, [])}


def all_hidden_names(definition: Definition) -> frozenset[str]:
    """Hidden parameters of the template and of the nested templates, whose defaults the environment may set."""
    names = set(hidden_names(definition.template))
    for content in definition.files.values():
        parsed = _parsed(content)
        if isinstance(parsed, Mapping) and _is_template(parsed):
            names |= hidden_names(parsed)
    return frozenset(names)


def comparable(definition: Definition) -> dict[str, Any]:
    """Template and environment as they are compared.

    A template's text is stored as it is; of an environment Heat shows no hidden value, so none is compared here.
    """
    hidden = all_hidden_names(definition)
    environment = normal_environment(definition)
    if environment.get("parameter_defaults"):
        environment["parameter_defaults"] = {
            name: HIDDEN if name in hidden else value for name, value in environment["parameter_defaults"].items()
        }
    return {"template": normal(definition.template, definition.files), "environment": environment}


def presentable(definition: Definition) -> dict[str, Any]:
    """The same as it may be shown: without the defaults of hidden parameters."""
    forms = comparable(definition)
    return {**forms, "template": _masked(forms["template"])}


def _masked(template: Any) -> Any:
    """The template, and the nested templates in it, without the defaults of hidden parameters."""
    if isinstance(template, list):
        return [_masked(entry) for entry in template]
    if not isinstance(template, dict):
        return template
    hidden = hidden_names(template) if _is_template(template) else frozenset()
    result = {key: _masked(value) for key, value in template.items()}
    for section in ("parameters", "Parameters"):
        for name in hidden & set(result.get(section) or {}):
            schema = result[section][name]
            result[section][name] = {
                key: HIDDEN if key.lower() == "default" else value for key, value in schema.items()
            }
    return result


def _is_template(value: Mapping[str, Any]) -> bool:
    return any(
        key in value for key in ("heat_template_version", "HeatTemplateFormatVersion", "AWSTemplateFormatVersion")
    )
