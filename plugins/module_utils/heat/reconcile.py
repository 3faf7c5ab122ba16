# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The four steps for a stack: read once, plan, apply, and look at what came of it. Check mode leaves out the third."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    CreatedMeanwhile,
    InvalidRequest,
    changing,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.execute import (
    Watch,
    already_failed,
    create,
    delete,
    finished,
    until_still,
    update,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.template_faults import (
    template_faults,
    types_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.hooks import in_words, paused_at, way_out
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import (
    by_path,
    is_nested,
    parent_of,
    top,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    Actual,
    Desired,
    Preview,
    Stack,
    StackPlan,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.references import (
    attribute_sources,
    own_files,
    resolved,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.stacks import (
    plan_absent,
    plan_present,
    refuse_losses,
    seen_after,
    standing,
    with_preview,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader


@dataclass(frozen=True)
class Outcome:
    """What a run came to; ``stack`` is None when there is none (any more)."""

    plan: StackPlan
    stack: Stack | None
    after: dict[str, Any]


def ensure(watch: Watch, desired: Desired, state: str, *, check_mode: bool) -> Outcome:
    """Bring the stack to what was asked for; in check mode say what that would be.

    :param state: ``present`` or ``absent``.
    :raises KcloudError: with what had been done as ``result`` in its details.
    """
    if state == "absent":
        return _ensure_absent(watch, desired.name, check_mode=check_mode)
    try:
        return _ensure_present(watch, desired, check_mode=check_mode)
    except Conflict as error:
        # A failure that had changed something, such as a deletion before it, is reported as one.
        if error.code not in ("STACK_EXISTS", CreatedMeanwhile.default_code) or error.details.get("result"):
            raise
        # Another run made it between this run's reading and its writing: it is compared like any that was there before.
        return _ensure_present(watch, desired, check_mode=check_mode)


def _ensure_present(watch: Watch, desired: Desired, *, check_mode: bool) -> Outcome:
    actual = read_actual(watch, desired)
    if desired.template is None and actual:
        watch.learned(actual.definition.template)
    if actual and standing(actual.stack.status) == "recreate" and not desired.recreate:
        raise already_failed(watch, actual.stack)
    plan = plan_present(desired, actual)
    if plan.changed or plan.unseen:
        if actual:
            actual = _with_resources(watch.api, actual)
            plan = plan_present(desired, actual)
        with _every_fault(watch.api, plan):
            preview = _preview(watch.api, plan, actual)
        plan = with_preview(plan, preview)
        if actual:
            refuse_losses(desired, plan, actual)
    if not plan.changed or check_mode:
        return Outcome(plan, actual.stack if actual else None, dict(plan.after))
    return _carry_out(watch, desired, plan, actual)


@contextlib.contextmanager
def _every_fault(api: HeatReader, plan: StackPlan) -> Iterator[None]:
    """Where Heat refuses the template for its first fault, tell all that can be found."""
    try:
        yield
    except InvalidRequest as error:
        template = plan.request.get("template")
        if error.code != "BAD_TEMPLATE" or not isinstance(template, Mapping):
            raise
        faults = template_faults(template, {kind: api.schema(kind) for kind in sorted(types_of(template))})
        if faults:
            error.details["faults"] = faults
            error.reason = "; ".join(faults) + f". Heat itself says: {error.reason}"
        raise


def read_actual(watch: Watch, desired: Desired) -> Actual | None:
    """Read the stack once, after an action that runs has ended."""
    stack = watch.api.find(desired.name)
    if stack and stack.in_progress:
        if not watch.wait:
            hooks = paused_at(watch.api.events(stack))
            raise Conflict(
                f"Failed to change stack '{stack.name}': it is {stack.status}",
                code="STACK_BUSY",
                resource=f"stack/{stack.name}",
                reason=in_words(hooks) or stack.status_reason,
                hint=way_out(stack.name, hooks)
                if hooks
                else "Run again when the action has ended, or set 'wait: true'",
            )
        until_still(watch, stack)
        stack = watch.api.find(desired.name)
    return Actual(stack, watch.api.definition(stack)) if stack else None


def _with_resources(api: HeatReader, actual: Actual) -> Actual:
    # What an update took away is listed until it is purged.
    found = by_path(r for r in api.resources(actual.stack, nested=True) if r.status != "DELETE_COMPLETE")
    types = {path: r.type for path, r in found.items()}
    return replace(
        actual,
        resources=top(types),
        nested={path: kind for path, kind in types.items() if is_nested(path)},
        ids={path: r.physical_id for path, r in found.items() if r.physical_id},
        stacks={path: r.nested_id for path, r in found.items() if r.nested_id},
        unfinished=frozenset(path for path, r in found.items() if r.status in ("CREATE_FAILED", "INIT_COMPLETE")),
    )


def _preview(api: HeatReader, plan: StackPlan, actual: Actual | None) -> Preview:
    if actual is None:
        return api.preview_create(plan.after["name"], plan.request)
    if plan.action == "recreate":
        # A preview of a creation would refuse the name that the failed stack still bears.
        return api.preview_update(actual.stack, plan.request, partial=plan.partial, nested={})
    preview = _preview_update(api, actual, plan.request, partial=plan.partial)
    if plan.action != "none" or not preview.changed:
        return preview
    # What Heat says even of an update that changes nothing is not a sign of a new secret.
    idle = _preview_update(api, actual, {"files": {}}, partial=True)
    return preview if preview.changed - idle.changed else Preview(unchanged=actual.resources)


def _preview_update(api: HeatReader, actual: Actual, request: Mapping[str, Any], *, partial: bool) -> Preview:
    """Heat's preview with references resolved; again while it names more resources that references must not rest on.

    A reference to a resource that will be replaced comes to something new, and so may an attribute of one that is updated.
    A nested template is looked into only when Heat updates its stack anyway: another text of it would be an update by itself.
    """
    template = request.get("template", actual.definition.template)
    files = {**actual.definition.files, **(request.get("files") or {})}
    single = own_files(files, template)
    scopes: dict[str, tuple[str, Mapping[str, Any]]] = {"": ("", template)}
    attributes: dict[str, dict[str, Any]] = _attributes(api, actual, "", template)
    stale: set[str] = set()
    while True:
        whole = {**request, "files": dict(request.get("files") or {})}
        for parent, (file, text) in scopes.items():
            ids = _within(parent, {path: value for path, value in actual.ids.items() if path not in stale})
            values = _within(parent, {path: value for path, value in attributes.items() if path not in stale})
            new = resolved(text, ids, values)
            if file:
                whole["files"][file] = json.dumps(new)
            else:
                whole["template"] = new
        nested = {stack_id: path for path, stack_id in actual.stacks.items()}
        preview = api.preview_update(actual.stack, whole, partial=partial, nested=nested)
        more = ({*preview.replaced, *preview.deleted} & set(actual.ids)) | (preview.changed & set(attributes))
        kinds = {
            path: _kind_in(scopes, path) for path in preview.updated if path not in scopes and path in actual.stacks
        }
        opened = {path: (kind, single[kind]) for path, kind in kinds.items() if kind in single}
        if more <= stale and not opened:
            return preview
        stale |= more
        scopes.update(opened)
        for path, (_file, text) in opened.items():
            attributes.update(_attributes(api, actual, path, text))


def _kind_in(scopes: Mapping[str, tuple[str, Mapping[str, Any]]], path: str) -> str:
    """The type of a resource in the templates to come: Heat shows that of the stack as it is, which may be another file."""
    _file, text = scopes.get(parent_of(path), ("", {}))
    declared = text.get("resources") or text.get("Resources") or {}
    body = declared.get(path.rpartition("/")[2]) or {}
    return str(body.get("type") or body.get("Type") or "")


def _attributes(api: HeatReader, actual: Actual, parent: str, template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Attributes that references in one stack's template need, by the path of the resource."""
    names = attribute_sources(template) & set(_within(parent, {**actual.resources, **actual.nested}))
    prefix = f"{parent}/" if parent else ""
    return {prefix + name: api.attributes(actual.stack, name, actual.stacks.get(parent)) for name in sorted(names)}


def _within(parent: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the stack that this resource is, by name."""
    return {path.rpartition("/")[2]: value for path, value in found.items() if parent_of(path) == parent}


def _carry_out(watch: Watch, desired: Desired, plan: StackPlan, actual: Actual | None) -> Outcome:
    if plan.action == "recreate" and actual:
        delete(watch, actual.stack, wait=True)
        with changing():
            stack = create(watch, desired.name, plan)
    elif actual:
        stack = update(watch, actual.stack, plan)
    else:
        stack = create(watch, desired.name, plan)
    if not watch.wait:
        return Outcome(plan, stack, dict(plan.after))
    with changing():
        stack = finished(watch, stack, plan)
        seen = _with_resources(watch.api, Actual(stack, watch.api.definition(stack)))
    return Outcome(plan, stack, seen_after(plan, seen))


def _ensure_absent(watch: Watch, name: str, *, check_mode: bool) -> Outcome:
    stack = watch.api.find(name)
    if stack is None:
        return Outcome(plan_absent(None), None, {})
    plan = plan_absent(_with_resources(watch.api, Actual(stack, watch.api.definition(stack))))
    if not check_mode:
        left = delete(watch, stack, wait=watch.wait)
        return Outcome(plan, left, {})
    return Outcome(plan, stack, {})
