# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Heat says that a request would do to each resource, asked so that the answer is exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import parent_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    Preview,
    Stack,
    StackSituation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.references import (
    attribute_paths,
    kind_in,
    own_files,
    resolved_request,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader


def preview_of(api: HeatReader, situation: StackSituation) -> Preview:
    """What the situation's request would do.

    :param situation: with the stack's resources, if there is a stack.
    """
    stack, request = situation.stack, situation.request
    if stack is None:
        return api.preview_create(situation.name, request.body)
    if request.action == "recreate":
        # A preview of a creation would refuse the name that the failed stack still bears.
        return api.preview_update(stack, request.body, partial=request.partial, nested={})
    attributes: dict[str, dict[str, Any]] = {}
    preview = _of_update(api, stack, situation, request.body, attributes, partial=request.partial)
    if request.action != "none" or not preview.changed:
        return preview
    # What Heat says even of an update that changes nothing is not a sign of a new secret.
    idle = _of_update(api, stack, situation, {"files": {}}, attributes, partial=True)
    return preview if preview.changed - idle.changed else Preview(unchanged=situation.resources)


def _of_update(
    api: HeatReader,
    stack: Stack,
    situation: StackSituation,
    body: Mapping[str, Any],
    attributes: dict[str, dict[str, Any]],
    *,
    partial: bool,
) -> Preview:
    """Heat's preview with references resolved; again while it names more resources that references must not rest on.

    A reference to a resource that will be replaced comes to something new, and so may an attribute of one that is updated.
    A nested template is looked into only when Heat updates its stack anyway: another text of it would be an update by itself.

    :param attributes: those that were asked for so far, by the path of the resource; gets those that are asked for here.
    """
    template = body.get("template", situation.definition.template)
    single = own_files({**situation.definition.files, **(body.get("files") or {})}, template)
    templates: dict[str, tuple[str, Mapping[str, Any]]] = {"": ("", template)}
    nested = {stack_id: path for path, stack_id in situation.stacks.items()}
    stale: set[str] = set()
    while True:
        used = attribute_paths(templates, {**situation.resources, **situation.nested})
        for path in sorted(used - attributes.keys()):
            attributes[path] = api.attributes(stack, path.rpartition("/")[2], situation.stacks.get(parent_of(path)))
        ids = {path: value for path, value in situation.ids.items() if path not in stale}
        values = {path: attributes[path] for path in used - stale}
        request = resolved_request(body, templates, ids, values)
        preview = api.preview_update(stack, request, partial=partial, nested=nested)
        more = ({*preview.replaced, *preview.deleted} & set(situation.ids)) | (preview.changed & used)
        # Of those that Heat updates: the nested templates that only one resource uses.
        kinds = {path: kind_in(templates, path) for path in preview.updated if path in situation.stacks}
        opened = {
            path: (kind, single[kind]) for path, kind in kinds.items() if kind in single and path not in templates
        }
        if more <= stale and not opened:
            return preview
        stale |= more
        templates.update(opened)
