# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The four steps for a stack: read once, plan, apply, and look at what came of it. Check mode leaves out the third."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply import (
    Watch,
    changing,
    create,
    delete,
    finished,
    stands_failed,
    until_still,
    update,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model import (
    Actual,
    Desired,
    Plan,
    Preview,
    Stack,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan import (
    plan_absent,
    plan_present,
    seen_after,
    standing,
    with_preview,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.references import attribute_sources, resolved


@dataclass(frozen=True)
class Outcome:
    """What a run came to; ``stack`` is None when there is none (any more)."""

    plan: Plan
    stack: Stack | None
    after: dict[str, Any]


def ensure(watch: Watch, desired: Desired, state: str, *, check_mode: bool) -> Outcome:
    """Bring the stack to what was asked for; in check mode say what that would be.

    :param state: ``present`` or ``absent``.
    :raises KcloudError: with what had been done as ``result`` in its details.
    """
    if state == "absent":
        return _ensure_absent(watch, desired.name, check_mode=check_mode)
    actual = read_actual(watch, desired)
    if desired.template is None and actual:
        watch.learned(actual.definition.template)
    if actual and standing(actual.stack.status) == "recreate" and not desired.recreate:
        raise stands_failed(watch, actual.stack)
    plan = plan_present(desired, actual)
    if plan.changed or plan.unseen:
        if actual:
            actual = _with_resources(watch.api, actual)
            plan = plan_present(desired, actual)
        plan = with_preview(plan, _preview(watch.api, plan, actual))
    if not plan.changed or check_mode:
        return Outcome(plan, actual.stack if actual else None, dict(plan.after))
    return _carry_out(watch, desired, plan, actual)


def read_actual(watch: Watch, desired: Desired) -> Actual | None:
    """Read the stack once, after an action that runs has ended."""
    stack = watch.api.find(desired.name)
    if stack and stack.in_progress:
        if not watch.wait:
            raise Conflict(
                f"Failed to change stack '{stack.name}': it is {stack.status}",
                code="STACK_BUSY",
                resource=f"stack/{stack.name}",
                reason=stack.status_reason,
                hint="Run again when the action has ended, or set 'wait: true'",
            )
        until_still(watch, stack)
        stack = watch.api.find(desired.name)
    return Actual(stack, watch.api.definition(stack)) if stack else None


def _with_resources(api: HeatApi, actual: Actual) -> Actual:
    # What an update took away is listed until it is purged.
    resources = [r for r in api.resources(actual.stack) if r.status != "DELETE_COMPLETE"]
    return replace(
        actual,
        resources={r.name: r.type for r in resources},
        ids={r.name: r.physical_id for r in resources if r.physical_id},
    )


def _preview(api: HeatApi, plan: Plan, actual: Actual | None) -> Preview:
    if actual is None:
        return api.preview_create(plan.after["name"], plan.request)
    if plan.action == "recreate":
        # A preview of a creation would refuse the name that the failed stack still bears.
        return api.preview_update(actual.stack, plan.request, partial=plan.partial)
    preview = _preview_update(api, actual, plan.request, partial=plan.partial)
    if plan.action != "none" or not preview.changed:
        return preview
    # What Heat says even of an update that changes nothing is no sign of a new secret.
    idle = _preview_update(api, actual, {"files": {}}, partial=True)
    return preview if preview.changed - idle.changed else Preview(unchanged=actual.resources)


def _preview_update(api: HeatApi, actual: Actual, request: Mapping[str, Any], *, partial: bool) -> Preview:
    """Heat's preview with references resolved; again while it names more resources that references must not rest on.

    A reference to a resource that will be replaced comes to something new, and so may an attribute of one that is updated.
    """
    template = request.get("template", actual.definition.template)
    known = attribute_sources(template) & set(actual.resources)
    attributes = {name: api.attributes(actual.stack, name) for name in sorted(known)}
    ids, settled = dict(actual.ids), False
    preview = Preview()
    while not settled:
        whole = {**request, "template": resolved(template, ids, attributes)}
        preview = api.preview_update(actual.stack, whole, partial=partial)
        stale_ids = {*preview.replaced, *preview.deleted} & set(ids)
        stale_attributes = preview.changed & set(attributes)
        ids = {name: value for name, value in ids.items() if name not in stale_ids}
        attributes = {name: value for name, value in attributes.items() if name not in stale_attributes}
        settled = not stale_ids and not stale_attributes
    return preview


def _carry_out(watch: Watch, desired: Desired, plan: Plan, actual: Actual | None) -> Outcome:
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
