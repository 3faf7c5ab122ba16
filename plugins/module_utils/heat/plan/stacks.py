# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(desired, situation) -> StackPlan for a stack. Pure: the situation holds what Heat's preview says of the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CannotApply
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.data_loss_types import losses
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import is_nested, top
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    HIDDEN,
    Definition,
    Desired,
    Preview,
    Request,
    StackPlan,
    StackSituation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.normal import (
    presentable,
    shown_parameters,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change

NEW_SECRET = f"{HIDDEN} (changed)"
# The verb of a change for each of the preview's words, in the order of the changes: what is lost comes first.
_VERBS = {"replaced": "replace", "deleted": "delete", "updated": "update", "added": "add"}


def plan_stack(desired: Desired, situation: StackSituation) -> StackPlan:
    """How the stack becomes what was asked for.

    :param situation: with the request for what is desired, and the preview of it.
    :raises CannotApply: an update would replace what holds data or nodes, and the user did not allow it.
    """
    request, before = situation.request, _before(situation)
    action = _action(situation)
    after = _view(desired.name, request.definition, _parameters_after(action, request), request.tags, {})
    if action == "none":
        return StackPlan("none", before, {**after, "resources": before["resources"]}, request=request)
    preview = _of_recreation(situation.preview) if action == "recreate" else situation.preview
    change = Change(action, f"stack/{desired.name}", _arguments(action, request))
    plan = StackPlan(
        action,
        _with_nested(before, {**preview.updated, **preview.replaced, **preview.deleted}),
        {**after, "resources": _resources_after(preview)},
        (change, *_resource_changes(preview)),
        request=request,
    )
    _refuse_losses(desired, plan, situation)
    return plan


def plan_absent(situation: StackSituation) -> StackPlan:
    """How the stack is deleted."""
    if situation.stack is None:
        return StackPlan("none")
    gone = [Change("delete", f"resource/{name}", {"type": kind}) for name, kind in sorted(situation.resources.items())]
    return StackPlan("delete", _before(situation), {}, (Change("delete", f"stack/{situation.name}"), *gone))


def _action(situation: StackSituation) -> str:
    """The request's action; where only hidden values were given, the preview says whether one is new."""
    request = situation.request
    return "update" if request.action == "none" and request.unseen and situation.preview.changed else request.action


def _arguments(action: str, request: Request) -> dict[str, Any]:
    """What the result says of the stack's own change."""
    because = {"because": request.defects[0]} if request.defects else {}
    if action != "update":
        return because
    if request.action == "none":
        return {"fields": ["parameters"], "hidden": list(request.unseen)}
    return {"fields": list(request.fields), **because}


def _before(situation: StackSituation) -> dict[str, Any]:
    """The stack as it is, as diffs show it; empty when there is none."""
    stack, definition = situation.stack, situation.definition
    if stack is None:
        return {}
    parameters = shown_parameters(definition.template, stack.parameters)
    return _view(stack.name, definition, parameters, stack.tags, situation.resources)


def _parameters_after(action: str, request: Request) -> dict[str, Any]:
    """The parameters' values as shown; where nothing else differs, the given hidden values are what is new."""
    new = request.unseen if action != request.action else ()
    return {name: NEW_SECRET if name in new else value for name, value in request.parameters.items()}


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


def _of_recreation(preview: Preview) -> Preview:
    """Everything is made anew, whatever an update would have done."""
    kept = top({**preview.unchanged, **preview.updated, **preview.replaced})
    return Preview(replaced=kept, added=top(preview.added), deleted=top(preview.deleted))


def _resource_changes(preview: Preview) -> list[Change]:
    return [
        Change(verb, f"resource/{path}", {"type": kind})
        for word, verb in _VERBS.items()
        for path, kind in sorted(getattr(preview, word).items())
    ]


def _resources_after(preview: Preview) -> dict[str, str]:
    """Types by path, with what becomes of each resource."""
    kinds = {**preview.unchanged, **preview.updated, **preview.replaced, **preview.added}
    return {path: _with_word(kinds[path], _word(preview, path)) for path in sorted(kinds)}


def _word(preview: Preview, path: str) -> str:
    return next((word for word in ("replaced", "updated", "added") if path in getattr(preview, word)), "")


def _with_word(kind: str, word: str) -> str:
    # What is replaced must not be overlooked.
    return f"{kind} ({word.upper() if word == 'replaced' else word})" if word else kind


def _with_nested(view: Mapping[str, Any], types: Mapping[str, str]) -> Mapping[str, Any]:
    """Of nested stacks only what something happens to is shown: all of it would be too much to read."""
    nested = {path: kind for path, kind in types.items() if is_nested(path)}
    if not view or not nested:
        return view
    every = {**view["resources"], **nested}
    return {**view, "resources": {path: every[path] for path in sorted(every)}}


def _refuse_losses(desired: Desired, plan: StackPlan, situation: StackSituation) -> None:
    """Refuse an update that would replace what holds data or nodes, unless the user allowed it.

    :raises CannotApply: with what would have been done, so that it can be judged.
    """
    if plan.action != "update" or desired.allow_replace:
        return
    lost = losses(plan.changes, plan.request.definition.environment, situation.unfinished)
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


def seen_after(plan: StackPlan, situation: StackSituation) -> dict[str, Any]:
    """The stack as it is after the plan was carried out, in the form of the plan's ``after``.

    What cannot be read back, which resources changed and that a secret did, is taken from the plan.
    """
    seen = _before(situation)
    predicted = plan.after.get("resources", {})
    nested = {path: kind for path, kind in situation.nested.items() if path in predicted}
    there = {**seen["resources"], **nested}
    seen["resources"] = {
        path: predicted[path] if str(predicted.get(path, "")).partition(" (")[0] == there[path] else there[path]
        for path in sorted(there)
    }
    secrets = {name for name, value in plan.after.get("parameters", {}).items() if value == NEW_SECRET}
    seen["parameters"] = {name: NEW_SECRET if name in secrets else value for name, value in seen["parameters"].items()}
    return seen
