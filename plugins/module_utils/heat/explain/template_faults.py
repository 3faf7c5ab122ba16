# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that is wrong with a template, at once: Heat itself stops at the first fault."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader

# Property -> whether it is required; None for a type that Heat does not have.
Schema = Mapping[str, bool]


@contextlib.contextmanager
def every_fault(api: HeatReader, template: Mapping[str, Any] | None) -> Iterator[None]:
    """Where Heat refuses the template for its first fault, say all that can be found.

    Only then is Heat asked what it knows of the template's types.

    :param template: as given; None where none was.
    """
    try:
        yield
    except InvalidRequest as error:
        if error.code != "BAD_TEMPLATE" or template is None:
            raise
        faults = template_faults(template, {kind: api.schema(kind) for kind in sorted(types_of(template))})
        if faults:
            error.details["faults"] = faults
            error.reason = "; ".join(faults) + f". Heat itself says: {error.reason}"
        raise


# --- pure: what Heat knows of the types comes in as data


def types_of(template: Mapping[str, Any]) -> set[str]:
    """The types of resources that Heat itself must know, not those that are files beside the template."""
    found = {str(body.get("type")) for body in _resources(template).values() if isinstance(body, Mapping)}
    return {kind for kind in found if "::" in kind}


def template_faults(template: Mapping[str, Any], schemas: Mapping[str, Schema | None]) -> list[str]:
    """Every fault of the template that its types and its own names tell, in the order of the resources.

    :param schemas: of each of ``types_of``.
    :returns: sentences without a full stop; each names the resource.
    """
    found = []
    for name, body in _resources(template).items():
        if not isinstance(body, Mapping) or not body.get("type"):
            found.append(f"resource '{name}' has no type")
            continue
        found += _of_resource(str(name), body, schemas)
    return found + _unknown_names(template)


def _of_resource(name: str, body: Mapping[str, Any], schemas: Mapping[str, Schema | None]) -> list[str]:
    kind = str(body["type"])
    if kind not in schemas:
        return []
    schema = schemas[kind]
    if schema is None:
        return [f"resource '{name}': Heat has no type '{kind}'"]
    given = body.get("properties") or {}
    if not isinstance(given, Mapping):
        return [f"resource '{name}' ({kind}): 'properties' is not a mapping"]
    unknown = [
        f"resource '{name}' ({kind}): there is no property '{key}'" + _instead(str(key), schema)
        for key in given
        if key not in schema
    ]
    meant = {near for key in given if key not in schema for near in _near(str(key), schema)}
    missing = [
        f"resource '{name}' ({kind}): property '{key}' is missing"
        for key, required in schema.items()
        if required and key not in given and key not in meant
    ]
    return unknown + missing


def _near(key: str, schema: Schema) -> list[str]:
    """The properties that a wrong name may stand for: without the id or name at its end, else one that looks like it."""
    plain = [key.removesuffix(end) for end in ("_id", "_name", "_ids", "_uuid") if key.endswith(end)]
    exact = [name for name in plain if name in schema]
    return exact or difflib.get_close_matches(key, schema, n=1, cutoff=0.75)


def _instead(key: str, schema: Schema) -> str:
    near = _near(key, schema)
    return f"; it is '{near[0]}'" if near else f"; there are {', '.join(sorted(schema)[:12])}"


def _unknown_names(template: Mapping[str, Any]) -> list[str]:
    """References to parameters and resources that the template does not declare."""
    declared = {
        "get_param": set(template.get("parameters") or {}),
        "get_resource": set(_resources(template)),
        "get_attr": set(_resources(template)),
    }
    found = []
    for function, name in _references(template.get("resources")):
        if name not in declared[function] and not name.startswith("OS::"):
            kind = "parameter" if function == "get_param" else "resource"
            found.append(f"{function} names the {kind} '{name}', which the template does not declare")
    return list(dict.fromkeys(found))


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("get_param", "get_resource", "get_attr"):
                name = inner[0] if isinstance(inner, list) and inner else inner
                if isinstance(name, str):
                    yield key, name.split(":", 1)[0] if not name.startswith("OS::") else name
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _resources(template: Mapping[str, Any]) -> Mapping[str, Any]:
    found = template.get("resources")
    return found if isinstance(found, Mapping) else {}
