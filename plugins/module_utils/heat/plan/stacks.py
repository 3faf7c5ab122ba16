# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(desired, actual) -> StackPlan for a stack. Pure: what Heat's preview says comes in by argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CannotApply, Conflict, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.data_loss_types import losses
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import is_nested, top
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    HIDDEN,
    Actual,
    Definition,
    Desired,
    Preview,
    StackPlan,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.normal import (
    all_hidden_names,
    comparable,
    effective_parameters,
    normal_environment,
    presentable,
    schemata,
    shown_parameters,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change

NEW_SECRET = f"{HIDDEN} (changed)"
SECTIONS = ("event_sinks", "parameter_defaults", "resource_registry")
# The verb of a change for each of the preview's words.
_VERBS = {"added": "add", "updated": "update", "replaced": "replace", "deleted": "delete"}


def standing(status: str) -> str:
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


def plan_present(desired: Desired, actual: Actual | None) -> StackPlan:
    """How the stack becomes what was asked for.

    :param actual: None when there is no such stack.
    :raises InvalidRequest: a parameter that no template declares; no template for a new stack.
    :raises CannotApply: Heat could not keep a hidden parameter that was not given.
    :raises Conflict: the stack is suspended.
    """
    if actual is None:
        return _plan_create(desired)
    need = standing(actual.stack.status)
    if need == "resume":
        raise Conflict(
            f"Failed to change stack '{desired.name}': it is {actual.stack.status}",
            code="STACK_SUSPENDED",
            resource=f"stack/{desired.name}",
            reason=actual.stack.status_reason,
            hint=f"Resume it first: openstack stack resume {desired.name}",
        )
    if need == "recreate":
        return _plan_recreate(desired, actual)
    return _plan_update(desired, actual, (actual.stack.status,) if need == "update" else ())


def plan_absent(actual: Actual | None) -> StackPlan:
    """How the stack goes."""
    if actual is None:
        return StackPlan("none")
    change = Change("delete", f"stack/{actual.stack.name}")
    gone = {name: Change("delete", f"resource/{name}", {"type": kind}) for name, kind in actual.resources.items()}
    return StackPlan("delete", view(actual), {}, (change, *(gone[name] for name in sorted(gone))))


def view(actual: Actual) -> dict[str, Any]:
    """A stack as diffs show it."""
    stack, definition = actual.stack, actual.definition
    parameters = shown_parameters(definition.template, stack.parameters)
    return _view(stack.name, definition, parameters, stack.tags, actual.resources)


def _view(
    name: str,
    definition: Definition,
    parameters: Mapping[str, Any],
    tags: tuple[str, ...],
    resources: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "name": name,
        **presentable(definition),
        "parameters": dict(parameters),
        "tags": sorted(tags),
        "resources": {key: resources[key] for key in sorted(resources)},
    }


def wanted_definition(desired: Desired, stored: Definition | None) -> Definition:
    """What the stack shall be made of: what was given, else what it has. Without the environment's parameters."""
    stored = stored or Definition()
    environment = stored.environment if desired.environment is None else desired.environment
    return Definition(
        template=stored.template if desired.template is None else desired.template,
        environment={name: environment[name] for name in SECTIONS if environment.get(name)},
        files={**stored.files, **desired.files},
    )


def given_parameters(desired: Desired) -> dict[str, Any]:
    """The parameters that the user gave, those of the environment first."""
    sources = ((desired.environment or {}).get("parameters"), desired.parameters)
    return {name: value for source in sources for name, value in (source or {}).items() if value is not None}


def _check_declared(desired: Desired, template: Mapping[str, Any]) -> None:
    # An update by PATCH would drop them without a word.
    declared = schemata(template)
    unknown = sorted(set(given_parameters(desired)) - set(declared))
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        raise InvalidRequest(
            f"Failed to use parameter {names}: the template of stack '{desired.name}' declares no such parameter",
            code="UNKNOWN_PARAMETER",
            resource=f"stack/{desired.name}",
            hint=f"Declared are: {', '.join(sorted(declared)) or 'none'}",
            parameters=unknown,
        )


def _options(desired: Desired) -> dict[str, Any]:
    options: dict[str, Any] = {"disable_rollback": not desired.rollback}
    if desired.stack_timeout is not None:
        options["timeout_mins"] = desired.stack_timeout
    return options


def _plan_create(desired: Desired) -> StackPlan:
    if desired.template is None:
        raise InvalidRequest(
            f"Failed to create stack '{desired.name}': there is no such stack yet, and no template was given",
            code="TEMPLATE_MISSING",
            resource=f"stack/{desired.name}",
            hint="Give 'template' or 'template_body'",
        )
    _check_declared(desired, desired.template)
    definition = wanted_definition(desired, None)
    parameters = given_parameters(desired)
    after = _view(
        desired.name,
        definition,
        effective_parameters(definition.template, definition.environment, parameters),
        desired.tags or (),
        {},
    )
    request = _whole_request(desired, definition, parameters, desired.tags or ())
    return StackPlan("create", {}, after, (Change("create", f"stack/{desired.name}"),), request=request, partial=False)


def _plan_recreate(desired: Desired, actual: Actual) -> StackPlan:
    definition = wanted_definition(desired, actual.definition)
    _check_declared(desired, definition.template)
    kept = _kept_parameters(desired, actual, definition)
    _refuse_lost_secrets(desired, definition, kept)
    tags = actual.stack.tags if desired.tags is None else desired.tags
    parameters = {**kept, **given_parameters(desired)}
    after = _view(
        desired.name,
        definition,
        effective_parameters(definition.template, definition.environment, parameters),
        tags,
        {},
    )
    change = Change("recreate", f"stack/{desired.name}", {"because": actual.stack.status})
    request = _whole_request(desired, definition, parameters, tags)
    return StackPlan("recreate", view(actual), after, (change,), request=request, partial=False)


def _kept_parameters(desired: Desired, actual: Actual, definition: Definition) -> dict[str, Any]:
    declared, given = schemata(definition.template), given_parameters(desired)
    stored = actual.definition.environment.get("parameters") or {}
    return {name: value for name, value in stored.items() if name in declared and name not in given}


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


def _plan_update(desired: Desired, actual: Actual, defects: tuple[str, ...]) -> StackPlan:
    definition = wanted_definition(desired, actual.definition)
    _check_declared(desired, definition.template)
    kept, given = _kept_parameters(desired, actual, definition), given_parameters(desired)
    parameters = effective_parameters(definition.template, definition.environment, {**kept, **given})
    tags = actual.stack.tags if desired.tags is None else desired.tags
    fields = _differences(definition, parameters, tags, actual)
    before = view(actual)
    after = _view(desired.name, definition, parameters, tags, {})
    partial = not _removes_something(desired, actual)
    if partial:
        request = _partial_request(desired)
    else:
        _refuse_lost_secrets(desired, definition, kept)
        request = _whole_request(desired, definition, {**kept, **given}, tags)
    defaults = (desired.environment or {}).get("parameter_defaults") or {}
    unseen = tuple(sorted((set(given) | set(defaults)) & all_hidden_names(definition)))
    if not fields and not defects:
        same = {**after, "resources": before["resources"]}
        return StackPlan("none", before, same, request=request, partial=partial, unseen=unseen)
    arguments: dict[str, Any] = {"fields": list(fields)}
    if defects:
        arguments["because"] = defects[0]
    change = Change("update", f"stack/{desired.name}", arguments)
    return StackPlan(
        "update", before, after, (change,), request=request, partial=partial, unseen=unseen, defects=defects
    )


def _differences(
    definition: Definition, parameters: Mapping[str, Any], tags: tuple[str, ...], actual: Actual
) -> tuple[str, ...]:
    wanted, stored = comparable(definition), comparable(actual.definition)
    shown = shown_parameters(actual.definition.template, actual.stack.parameters)
    differs = {
        "template": wanted["template"] != stored["template"],
        "environment": wanted["environment"] != stored["environment"],
        "parameters": dict(parameters) != shown,
        "tags": sorted(tags) != sorted(actual.stack.tags),
    }
    return tuple(name for name, is_so in differs.items() if is_so)


def _removes_something(desired: Desired, actual: Actual) -> bool:
    """Whether a PATCH would not do: it can only add to the environment and to the tags."""
    if desired.tags == () and actual.stack.tags:
        return True
    if desired.environment is None:
        return False
    wanted = normal_environment(Definition({}, desired.environment, desired.files))
    stored = normal_environment(Definition({}, actual.definition.environment, actual.definition.files))
    return not _contains(wanted, stored)


def _contains(whole: Any, part: Any) -> bool:
    """Whether every key of ``part`` is in ``whole``, at every depth."""
    if not isinstance(part, Mapping):
        return True
    return isinstance(whole, Mapping) and all(key in whole and _contains(whole[key], part[key]) for key in part)


def _partial_request(desired: Desired) -> dict[str, Any]:
    request = {**_options(desired), "files": dict(desired.files), "parameters": given_parameters(desired)}
    if desired.template is not None:
        request["template"] = desired.template
    if desired.environment is not None:
        environment = {name: desired.environment[name] for name in SECTIONS if desired.environment.get(name)}
        request["environment"] = environment
    if desired.tags:
        request["tags"] = ",".join(desired.tags)
    return request


def _whole_request(
    desired: Desired, definition: Definition, parameters: Mapping[str, Any], tags: tuple[str, ...]
) -> dict[str, Any]:
    request = {
        **_options(desired),
        "template": definition.template,
        "environment": dict(definition.environment),
        "files": dict(definition.files),
        "parameters": dict(parameters),
    }
    if tags:
        request["tags"] = ",".join(tags)
    return request


def with_preview(plan: StackPlan, preview: Preview) -> StackPlan:
    """The plan with what Heat says of each resource; only this tells whether a hidden value is a new one."""
    if plan.action == "none":
        if not (plan.unseen and preview.changed):
            return plan
        change = Change(
            "update", f"stack/{plan.before['name']}", {"fields": ["parameters"], "hidden": list(plan.unseen)}
        )
        parameters = {
            name: NEW_SECRET if name in plan.unseen else value for name, value in plan.after["parameters"].items()
        }
        plan = replace(plan, action="update", changes=(change,), after={**plan.after, "parameters": parameters})
    if plan.action == "recreate":
        # Everything is made anew, whatever an update would have done.
        kept = top({**preview.unchanged, **preview.updated, **preview.replaced})
        preview = Preview(replaced=kept, added=top(preview.added), deleted=top(preview.deleted))
    after = {**preview.unchanged, **preview.updated, **preview.replaced, **preview.added}
    before = {**preview.updated, **preview.replaced, **preview.deleted}
    resources = {name: _with_word(after[name], _word(preview, name)) for name in sorted(after)}
    changes = [
        Change(_VERBS[word], f"resource/{name}", {"type": kind})
        for word in ("replaced", "deleted", "updated", "added")
        for name, kind in sorted(getattr(preview, word).items())
    ]
    return replace(
        plan,
        before=_with_nested(plan.before, before),
        after={**plan.after, "resources": resources},
        changes=(*plan.changes, *changes),
    )


def _with_nested(view: Mapping[str, Any], types: Mapping[str, str]) -> Mapping[str, Any]:
    """Of nested stacks only what something happens to is shown: all of it would be too much to read."""
    nested = {path: kind for path, kind in types.items() if is_nested(path)}
    if not view or not nested:
        return view
    every = {**view["resources"], **nested}
    return {**view, "resources": {path: every[path] for path in sorted(every)}}


def _word(preview: Preview, name: str) -> str:
    return next((word for word in ("replaced", "updated", "added") if name in getattr(preview, word)), "")


def _with_word(kind: str, word: str) -> str:
    # What is replaced must not be overlooked.
    return f"{kind} ({word.upper() if word == 'replaced' else word})" if word else kind


def refuse_losses(desired: Desired, plan: StackPlan, actual: Actual) -> None:
    """Refuse an update that would replace what holds data or nodes, unless the user allowed it.

    :raises CannotApply: with what would have been done, so that it can be judged.
    """
    if plan.action != "update" or desired.allow_replace:
        return
    environment = wanted_definition(desired, actual.definition).environment
    lost = losses(plan.changes, environment, actual.unfinished)
    if not lost:
        return
    what = ", ".join(f"'{path}' ({kind})" for path, kind in sorted(lost.items()))
    raise CannotApply(
        f"Failed to update stack '{desired.name}': Heat would replace {what}, which would be lost",
        code="REPLACE_NOT_ALLOWED",
        resource=f"stack/{desired.name}",
        hint="Keep the values that make Heat replace it, or set 'allow_replace: true'",
        fields=sorted(lost),
        result={
            "changes": [change.as_result() for change in plan.changes],
            "diff": {"before": dict(plan.before), "after": dict(plan.after)},
        },
    )


def seen_after(plan: StackPlan, actual: Actual) -> dict[str, Any]:
    """The stack as it is after the plan was carried out, in the form of the plan's ``after``.

    What cannot be read back, which resources changed and that a secret did, is taken from the plan.
    """
    seen = view(actual)
    foreseen = plan.after.get("resources", {})
    nested = {path: kind for path, kind in actual.nested.items() if path in foreseen}
    there = {**seen["resources"], **nested}
    seen["resources"] = {
        path: foreseen[path] if str(foreseen.get(path, "")).partition(" (")[0] == there[path] else there[path]
        for path in sorted(there)
    }
    secrets = {name for name, value in plan.after.get("parameters", {}).items() if value == NEW_SECRET}
    seen["parameters"] = {name: NEW_SECRET if name in secrets else value for name, value in seen["parameters"].items()}
    return seen
