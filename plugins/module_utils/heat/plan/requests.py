# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(desired, what Heat has stored) -> Request: what is to be sent, and what it would make of the stack. Pure.

It is worked out before Heat is asked what becomes of the resources, because a preview takes the request itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CannotApply, Conflict, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    HIDDEN,
    Definition,
    Desired,
    Request,
    Stack,
    StackSituation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.normal import (
    all_hidden_names,
    comparable,
    effective_parameters,
    normal_environment,
    schemata,
    shown_parameters,
)

SECTIONS = ("event_sinks", "parameter_defaults", "resource_registry")


def next_step(status: str) -> str:
    """What a stack in this status needs before it can be what was asked for.

    :returns: ``compare`` (look at the differences), ``update`` (in any case), ``wait``, ``recreate`` (no update helps),
        or ``resume``.
    """
    action, _separator, state = status.partition("_")
    if state == "IN_PROGRESS":
        return "wait"
    if action == "SUSPEND":
        return "resume"
    if state == "FAILED":
        return "recreate" if action in ("CREATE", "ADOPT", "DELETE") else "update"
    return "compare"


def request_for(desired: Desired, stored: StackSituation) -> Request:
    """What to send so that the stack becomes what was asked for.

    :param stored: the stack, if there is one, and what it is made of.
    :raises InvalidRequest: a parameter is not declared, or a new stack has no template.
    :raises CannotApply: hidden values are needed that were not given.
    :raises Conflict: the stack is suspended.
    """
    stack = stored.stack
    if stack is None:
        return _creation(desired)
    need = next_step(stack.status)
    if need == "resume":
        raise Conflict(
            f"Failed to change stack '{desired.name}': it is {stack.status}",
            code="STACK_SUSPENDED",
            resource=f"stack/{desired.name}",
            reason=stack.status_reason,
            hint=f"Resume it first: openstack stack resume {desired.name}",
        )
    tags = stack.tags if desired.tags is None else desired.tags
    definition = _wanted_definition(desired, stored.definition)
    _check_declared(desired, definition.template)
    if need == "recreate":
        return _recreation(desired, stored.definition, definition, tags, stack.status)
    return _update(desired, stored.definition, definition, tags, stack)


def _creation(desired: Desired) -> Request:
    if desired.template is None:
        raise InvalidRequest(
            f"Failed to create stack '{desired.name}': there is no such stack yet, and no template was given",
            code="TEMPLATE_MISSING",
            resource=f"stack/{desired.name}",
            hint="Give 'template' or 'template_body'",
        )
    _check_declared(desired, desired.template)
    definition = _wanted_definition(desired, Definition())
    return _whole("create", desired, definition, _given_parameters(desired), desired.tags or ())


def _recreation(
    desired: Desired, stored: Definition, definition: Definition, tags: tuple[str, ...], status: str
) -> Request:
    kept = _kept_parameters(desired, stored, definition)
    _refuse_lost_secrets(desired, definition, kept)
    return _whole("recreate", desired, definition, {**kept, **_given_parameters(desired)}, tags, defects=(status,))


def _update(
    desired: Desired, stored: Definition, definition: Definition, tags: tuple[str, ...], stack: Stack
) -> Request:
    kept, given = _kept_parameters(desired, stored, definition), _given_parameters(desired)
    parameters = effective_parameters(definition.template, definition.environment, {**kept, **given})
    fields = _differences(definition, parameters, tags, stored, stack)
    defects = (stack.status,) if next_step(stack.status) == "update" else ()
    defaults = (desired.environment or {}).get("parameter_defaults") or {}
    about: dict[str, Any] = {
        "fields": fields,
        "defects": defects,
        "unseen": tuple(sorted((set(given) | set(defaults)) & all_hidden_names(definition))),
    }
    action = "update" if fields or defects else "none"
    if _removes_something(desired, stored, stack):
        _refuse_lost_secrets(desired, definition, kept)
        return _whole(action, desired, definition, {**kept, **given}, tags, **about)
    return Request(action, _partial_body(desired), True, definition, parameters, tuple(tags), **about)


def _whole(
    action: str,
    desired: Desired,
    definition: Definition,
    parameters: Mapping[str, Any],
    tags: tuple[str, ...],
    **about: Any,
) -> Request:
    """A request that says everything that the stack is made of."""
    body = {
        **_options(desired),
        "template": definition.template,
        "environment": dict(definition.environment),
        "files": dict(definition.files),
        "parameters": dict(parameters),
    }
    if tags:
        body["tags"] = ",".join(tags)
    effective = effective_parameters(definition.template, definition.environment, parameters)
    return Request(action, body, False, definition, effective, tuple(tags), **about)


def _partial_body(desired: Desired) -> dict[str, Any]:
    """The body of a PATCH: only what was given."""
    body = {**_options(desired), "files": dict(desired.files), "parameters": _given_parameters(desired)}
    if desired.template is not None:
        body["template"] = desired.template
    if desired.environment is not None:
        body["environment"] = {name: desired.environment[name] for name in SECTIONS if desired.environment.get(name)}
    if desired.tags:
        body["tags"] = ",".join(desired.tags)
    return body


def _options(desired: Desired) -> dict[str, Any]:
    options: dict[str, Any] = {"disable_rollback": not desired.rollback}
    if desired.stack_timeout is not None:
        options["timeout_mins"] = desired.stack_timeout
    return options


def _wanted_definition(desired: Desired, stored: Definition) -> Definition:
    """What the stack shall be made of: what was given, else what it has. Without the environment's parameters."""
    environment = stored.environment if desired.environment is None else desired.environment
    return Definition(
        template=stored.template if desired.template is None else desired.template,
        environment={name: environment[name] for name in SECTIONS if environment.get(name)},
        files={**stored.files, **desired.files},
    )


def _given_parameters(desired: Desired) -> dict[str, Any]:
    """The parameters that the user gave, those of the environment first."""
    sources = ((desired.environment or {}).get("parameters"), desired.parameters)
    return {name: value for source in sources for name, value in (source or {}).items() if value is not None}


def _kept_parameters(desired: Desired, stored: Definition, definition: Definition) -> dict[str, Any]:
    declared, given = schemata(definition.template), _given_parameters(desired)
    kept = stored.environment.get("parameters") or {}
    return {name: value for name, value in kept.items() if name in declared and name not in given}


def _check_declared(desired: Desired, template: Mapping[str, Any]) -> None:
    # An update by PATCH would drop them without a word.
    declared = schemata(template)
    unknown = sorted(set(_given_parameters(desired)) - set(declared))
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        raise InvalidRequest(
            f"Failed to use parameter {names}: the template of stack '{desired.name}' declares no such parameter",
            code="UNKNOWN_PARAMETER",
            resource=f"stack/{desired.name}",
            hint=f"Declared are: {', '.join(sorted(declared)) or 'none'}",
            parameters=unknown,
        )


def _refuse_lost_secrets(desired: Desired, definition: Definition, kept: Mapping[str, Any]) -> None:
    """A whole request must carry every value, and hidden ones that were not given cannot be read back."""
    defaults = definition.environment.get("parameter_defaults") or {}
    hidden = all_hidden_names(definition)
    lost = sorted(name for source in (kept, defaults) for name in source if name in hidden and source[name] == HIDDEN)
    if lost:
        raise CannotApply(
            f"Failed to change stack '{desired.name}': Heat must be sent all of its parameters anew, and the hidden "
            + ", ".join(f"'{name}'" for name in lost)
            + " cannot be read back",
            code="HIDDEN_PARAMETER_NEEDED",
            resource=f"stack/{desired.name}",
            hint="Give the values of these parameters in this task too",
            fields=lost,
        )


def _differences(
    definition: Definition, parameters: Mapping[str, Any], tags: tuple[str, ...], stored: Definition, stack: Stack
) -> tuple[str, ...]:
    wanted, found = comparable(definition), comparable(stored)
    differs = {
        "template": wanted["template"] != found["template"],
        "environment": wanted["environment"] != found["environment"],
        "parameters": dict(parameters) != shown_parameters(stored.template, stack.parameters),
        "tags": sorted(tags) != sorted(stack.tags),
    }
    return tuple(name for name, is_so in differs.items() if is_so)


def _removes_something(desired: Desired, stored: Definition, stack: Stack) -> bool:
    """Whether a PATCH would not do: it can only add to the environment and to the tags."""
    if desired.tags == () and stack.tags:
        return True
    if desired.environment is None:
        return False
    wanted = normal_environment(Definition({}, desired.environment, desired.files))
    found = normal_environment(Definition({}, stored.environment, stored.files))
    return not _contains(wanted, found)


def _contains(whole: Any, part: Any) -> bool:
    """Whether every key of ``part`` is in ``whole``, at every depth."""
    if not isinstance(part, Mapping):
        return True
    return isinstance(whole, Mapping) and all(key in whole and _contains(whole[key], part[key]) for key in part)
