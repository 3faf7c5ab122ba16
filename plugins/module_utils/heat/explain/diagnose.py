# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a stack failed: the deepest reason that Heat knows, and the error that says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import OperationFailed
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader

# More failed resources than this tell a person nothing new.
MOST_FAILURES_SHOWN = 10
# Said of resources that did nothing wrong but were stopped because another one failed.
_STOPPED = re.compile(r"\b(aborted|cancell?ed|stopped|Stack .* timed out)\b", re.IGNORECASE)


def depths(resources: Iterable[Resource]) -> dict[str, int]:
    """How deep each (nested) stack lies; the outermost is 0."""
    parents = {r.nested_id: r.stack_id for r in resources if r.nested_id}

    def depth(stack_id: str | None, seen: frozenset[str | None] = frozenset()) -> int:
        if stack_id not in parents or stack_id in seen:
            return 0
        return 1 + depth(parents[stack_id], seen | {stack_id})

    return {r.stack_id: depth(r.stack_id) for r in resources if r.stack_id}


def was_stopped(resource: Resource) -> bool:
    """Whether it did nothing wrong itself, as far as its reason tells."""
    return bool(_STOPPED.search(resource.reason or ""))


def failed_leaves(resources: Iterable[Resource]) -> list[Resource]:
    """The failed resources, the likeliest cause first: what failed by itself, then deepest, then by name."""
    every = list(resources)
    depth = depths(every)
    holds_failed = {r.stack_id for r in every if r.failed}
    leaves = [r for r in every if r.failed and (r.nested_id is None or r.nested_id not in holds_failed)]
    return sorted(
        leaves,
        key=lambda r: (was_stopped(r), -depth.get(r.stack_id or "", 0), r.name),
    )


def deployment_reason(deployment: Mapping[str, Any]) -> str | None:
    """What a software deployment says of its failure: what its script wrote, else its status."""
    values = deployment.get("output_values") or {}
    code = values.get("deploy_status_code")
    text = str(values.get("deploy_stderr") or values.get("deploy_stdout") or "").strip()
    if not text:
        return deployment.get("status_reason")
    return f"exit status {code}: {text}" if code not in (None, "") else text


def as_detail(resource: Resource, reason: str | None) -> dict[str, Any]:
    """A failed resource as one entry of ``failure.failed_resources``."""
    return {"name": resource.name, "type": resource.type, "status": resource.status, "reason": reason}


def diagnosis(
    api: HeatReader, stack: Stack, reported: Iterable[Resource] = ()
) -> tuple[str | None, list[dict[str, Any]]]:
    """Why a stack failed: the deepest reason, and the failed resources, the likeliest cause first.

    :param reported: failed resources that events reported, for when the stack no longer holds them.
    """
    leaves = failed_leaves(api.resources(stack, nested=True)) or failed_leaves(reported)
    details = [as_detail(leaf, reason_of(api, leaf)) for leaf in leaves[:MOST_FAILURES_SHOWN]]
    if not details:
        return stack.status_reason, []
    # An event does not tell the type.
    kind = f" ({details[0]['type']})" if details[0]["type"] else ""
    return f"{details[0]['name']}{kind}: {details[0]['reason']}", details


def reason_of(api: HeatReader, resource: Resource) -> str | None:
    """Why a resource failed; of a software deployment, what its script wrote."""
    if "SoftwareDeployment" in resource.type and resource.physical_id:
        return deployment_reason(api.deployment(resource.physical_id)) or resource.reason
    # Neutron's errors come in several lines.
    return " ".join(resource.reason.split()) if resource.reason else None


# --- errors


def failure_of(
    api: HeatReader, stack: Stack, message: str, hint: str, *, changed: bool, reported: Iterable[Resource] = ()
) -> OperationFailed:
    """The error for a stack that ended badly, with the deepest reason that can be found.

    :param changed: whether this run has changed something.
    :param reported: failed resources that events reported.
    """
    reason, details = diagnosis(api, stack, reported)
    return OperationFailed(
        message,
        code=f"STACK_{stack.status}",
        resource=f"stack/{stack.name}",
        reason=reason,
        hint=hint,
        failed_resources=details,
        last_status=stack.status,
        result={"changed": changed, "stack": stack.as_result()},
    )


def already_failed(api: HeatReader, stack: Stack, reported: Iterable[Resource] = ()) -> OperationFailed:
    """The error for a stack that an earlier run left so that no update helps."""
    if stack.action == "DELETE":
        hint = "Run with 'state: absent' until it is gone, or with 'recreate: true'"
    else:
        hint = "Run with 'recreate: true' to delete it and make it anew, or delete it first"
    message = f"Failed to use stack '{stack.name}': it is {stack.status} from an earlier run"
    return failure_of(api, stack, message, hint, changed=False, reported=reported)
