# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads stacks: one list, and of each that is asked for only what was asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import side_by_side
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.diagnose import diagnosis
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import by_path
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import has_status

# What the list itself does not tell.
VALUES = ("parameters", "outputs")


def read_stacks(
    api: HeatReader,
    name: str | None,
    tags: Collection[str],
    statuses: Collection[str],
    details: Collection[str],
    since: str | None,
) -> list[dict[str, Any]]:
    """Stacks by name, in the form of the module's result.

    :param name: name or id of one stack; None for all.
    :param tags: a stack must have all of them.
    :param statuses: a stack must stand in one of them, such as ``CREATE_FAILED`` or ``FAILED``.
    :param details: what to read of each: parameters, outputs, resources, events, failures.
    :param since: ISO 8601 time; older events are left out.
    :raises InvalidRequest: ``since`` is not a time.
    """
    begin = parse_time(since)
    if name is None:
        found = api.stacks(tags)
    else:
        one = api.by_name_or_id(name, outputs="outputs" in details)
        found = [one] if one else []
    chosen = [stack for stack in found if set(tags) <= set(stack.tags) and has_status(stack.status, statuses)]
    chosen.sort(key=lambda stack: (stack.name, stack.id))
    shown = side_by_side(lambda stack: _read_one(api, stack, details, begin, listed=name is None), chosen)
    return [entry for entry in shown if entry is not None]


def _read_one(
    api: HeatReader, stack: Stack, details: Collection[str], begin: datetime | None, *, listed: bool
) -> dict[str, Any] | None:
    if listed and set(details) & set(VALUES):
        found = api.get(stack, outputs="outputs" in details)
        if found is None:
            # It went between the list and the look.
            return None
        stack = found
    whole = stack.as_result()
    result = {key: value for key, value in whole.items() if key not in VALUES or key in details}
    if "resources" in details:
        result["resources"] = [
            resource_result(path, resource)
            for path, resource in sorted(by_path(api.resources(stack, nested=True)).items())
        ]
    if "events" in details:
        result["events"] = events_since(api.nested_events(stack), begin)
    if "failures" in details:
        reason, failed = diagnosis(api, stack) if stack.failed else (None, [])
        result["failure"] = {"reason": reason, "failed_resources": failed} if stack.failed else None
    return result


def resource_result(path: str, resource: Resource) -> dict[str, Any]:
    return {
        "name": path,
        "type": resource.type,
        "status": resource.status,
        "status_reason": resource.reason,
        "physical_id": resource.physical_id,
    }


def events_since(events: Iterable[Mapping[str, Any]], begin: datetime | None) -> list[dict[str, Any]]:
    """Events from this time on, oldest first; Heat itself can only begin at an event, not at a time."""
    shown = []
    for event in sorted(events, key=lambda entry: str(entry.get("event_time"))):
        when = parse_time(str(event["event_time"]))
        if begin is None or (when is not None and when >= begin):
            shown.append(
                {
                    "id": event["id"],
                    "time": event["event_time"],
                    "resource": event.get("resource_name"),
                    "status": event.get("resource_status"),
                    "status_reason": event.get("resource_status_reason"),
                    "physical_id": event.get("physical_resource_id"),
                }
            )
    return shown


def parse_time(text: str | None) -> datetime | None:
    """A time with its zone; one without is in UTC, as Heat's are."""
    if text is None:
        return None
    try:
        # Python 3.10 does not read the Z.
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError as error:
        raise InvalidRequest(
            f"Failed to read option 'events_since': '{text}' is not a time",
            resource="events_since",
            hint="Give it as in 2026-05-04T10:00:00Z",
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
