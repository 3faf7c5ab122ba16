# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one run asks of Heat, request by request: everything is read once, and previewed only where something differs.

The real client talks to a scripted Heat, which is followed to the letter: a request too many fails, and so does one too few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat import reconcile
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.follow import Watch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Desired
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.reconcile import Outcome, ensure
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import Entry, scripted_cloud

pytest.importorskip("heatclient")

ID = "4fa2a8e2-1a1c-4f0e-9d67-3d6f2f6e2a31"
NAMED, SAME = "/heat/stacks/s", f"/heat/stacks/s/{ID}"
KIND = "OS::Heat::Value"
TEMPLATE: dict[str, Any] = {
    "heat_template_version": "wallaby",
    "parameters": {"size": {"type": "number"}, "secret": {"type": "string", "hidden": True, "default": "x"}},
    "resources": {"a": {"type": KIND, "properties": {"value": {"get_param": "size"}}}},
}
WANTED = Desired(name="s", template=TEMPLATE, parameters={"size": 2})


def stack(status: str, updated: str | None = None, size: str = "2") -> dict[str, Any]:
    shown = {"size": size, "secret": "******"}
    return {
        "stack": {
            "id": ID, "stack_name": "s", "stack_status": status, "parameters": shown, "tags": [], "links": [],
            "creation_time": "2026-05-04T10:00:00Z", "updated_time": updated,
        }
    }  # fmt: skip


def listed(*stacks: dict[str, Any]) -> Entry:
    return ("GET", r"/heat/stacks\?name=s", 200, {"stacks": [entry["stack"] for entry in stacks]})


def events(*, newest: bool = False) -> Entry:
    return ("GET", rf"{SAME}/events\?.*sort_dir={'desc' if newest else 'asc'}.*", 200, {"events": []})


def stored(size: str = "2", template: Any = None) -> list[Entry]:
    """What the stack is made of."""
    return [
        ("GET", f"{SAME}/template", 200, TEMPLATE if template is None else template),
        ("GET", f"{SAME}/environment", 200, {"parameters": {"size": size, "secret": "******"}}),
        ("GET", f"{SAME}/files", 200, {}),
    ]


def changes(word: str, name: str = "a") -> dict[str, Any]:
    return {"resource_changes": {word: [{"resource_name": name, "resource_type": KIND, "stack_name": "s"}]}}


MISSING: Entry = ("GET", NAMED, 404, {"error": {"type": "EntityNotFound", "message": "no stack"}})
FOUND: Entry = ("GET", NAMED, 200, stack("CREATE_COMPLETE"))
RESOURCES: Entry = (
    "GET",
    rf"{SAME}/resources\?.*",
    200,
    {"resources": [{"resource_name": "a", "resource_type": KIND, "resource_status": "CREATE_COMPLETE", "links": []}]},
)
PREVIEW: Entry = ("PATCH", rf"{SAME}/preview\?.*", 200, changes("updated"))


def shown(status: str, updated: str | None = None, size: str = "2") -> Entry:
    """A look while an action runs: without outputs, which Heat would work out each time."""
    return ("GET", rf"{SAME}\?resolve_outputs=False", 200, stack(status, updated, size))


def whole(updated: str | None = None, size: str = "2") -> Entry:
    """The look at its end, with outputs."""
    return ("GET", SAME, 200, stack("CREATE_COMPLETE" if updated is None else "UPDATE_COMPLETE", updated, size))


CREATION: list[Entry] = [
    MISSING,
    listed(),
    ("POST", "/heat/stacks/preview", 200, {"stack": {"resources": []}}),
    ("POST", "/heat/stacks", 201, {"stack": {"id": ID}}),
    ("GET", NAMED, 200, stack("CREATE_IN_PROGRESS")),
    listed(stack("CREATE_IN_PROGRESS")),
    (*events(), 2),
    shown("CREATE_COMPLETE"),
    whole(),
    *stored(),
    RESOURCES,
]
UPDATE: list[Entry] = [
    FOUND,
    *stored(),
    RESOURCES,
    PREVIEW,
    events(newest=True),
    ("PATCH", SAME, 202, None),
    shown("UPDATE_IN_PROGRESS", "later", "3"),
    (*events(), 2),
    shown("UPDATE_COMPLETE", "later", "3"),
    whole("later", "3"),
    *stored("3"),
    RESOURCES,
]
DELETION: list[Entry] = [
    FOUND,
    *stored(),
    RESOURCES,
    events(newest=True),
    ("DELETE", SAME, 204, None),
    shown("DELETE_IN_PROGRESS"),
    (*events(), 2),
    shown("DELETE_COMPLETE"),
]
BUSY: Entry = ("GET", NAMED, 200, stack("UPDATE_IN_PROGRESS"))
LARGER = replace(WANTED, parameters={"size": 3})


def ensured(
    entries: Sequence[Entry], desired: Desired, state: str, *, check_mode: bool
) -> tuple[Outcome, Counter[str]]:
    """One run against the script: what came of it, and how often each method was sent."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += max(seconds, 0.01)

    clock = Clock(now=lambda: now[0], sleep=sleep, jitter=lambda: 1.0)
    with scripted_cloud(entries) as cloud:
        api = HeatApi(connect({"auth": cloud.auth()}))
        watch = Watch(api, Progress(lambda line: None), Deadline.after(600, clock), clock)
        outcome = ensure(watch, desired, state, check_mode=check_mode)
        return outcome, Counter(request.method for request in cloud.script.sent)


@pytest.mark.parametrize(
    ("desired", "state", "check_mode", "entries", "sent"),
    [
        (WANTED, "present", False, [FOUND, *stored()], {"GET": 4}),
        # Only Heat knows whether a hidden value is a new one.
        (
            replace(WANTED, parameters={"size": 2, "secret": "known"}),
            "present",
            False,
            [FOUND, *stored(), RESOURCES, (*PREVIEW[:3], changes("unchanged"))],
            {"GET": 5, "PATCH": 1},
        ),
        (WANTED, "present", True, CREATION[:3], {"GET": 2, "POST": 1}),
        (WANTED, "present", False, CREATION, {"GET": 12, "POST": 2}),
        (LARGER, "present", True, UPDATE[:6], {"GET": 5, "PATCH": 1}),
        (LARGER, "present", False, UPDATE, {"GET": 15, "PATCH": 2}),
        # A running action is waited for, then the stack is read as it has become.
        (
            WANTED,
            "present",
            False,
            [BUSY, (*events(), 2), shown("UPDATE_COMPLETE"), FOUND, *stored()],
            {"GET": 8},
        ),
        (Desired("s"), "absent", False, [MISSING, listed()], {"GET": 2}),
        (Desired("s"), "absent", True, DELETION[:5], {"GET": 5}),
        (Desired("s"), "absent", False, DELETION, {"GET": 10, "DELETE": 1}),
    ],
    ids=[
        "unchanged",
        "same secret",
        "creation predicted",
        "creation",
        "update predicted",
        "update",
        "busy",
        "gone already",
        "deletion predicted",
        "deletion",
    ],
)
def test_each_request_is_sent_once(
    desired: Desired, state: str, check_mode: bool, entries: list[Entry], sent: dict[str, int]
) -> None:
    """The writes of an update are its preview and itself, those of a creation too."""
    _outcome, counted = ensured(entries, desired, state, check_mode=check_mode)
    assert counted == sent


def test_an_attribute_is_read_once() -> None:
    """It goes into two previews: of the request, and of an update that changes nothing."""
    refers = {"type": KIND, "properties": {"value": {"get_attr": ["a", "value"]}}}
    template = {**TEMPLATE, "resources": {**TEMPLATE["resources"], "b": refers}}
    attributes: Entry = ("GET", f"{SAME}/resources/a", 200, {"resource": {"attributes": {"value": "2"}}})
    preview: Entry = (*PREVIEW[:3], changes("updated", "b"), 2)
    entries = [FOUND, *stored(template=template), RESOURCES, attributes, preview]
    desired = replace(WANTED, template=None, parameters={"secret": "known"})
    outcome, counted = ensured(entries, desired, "present", check_mode=False)
    assert not outcome.plan.changed and counted == {"GET": 6, "PATCH": 2}


@pytest.mark.parametrize("desired", [WANTED, LARGER])
def test_a_run_works_out_its_request_and_its_plan_once(monkeypatch: pytest.MonkeyPatch, desired: Desired) -> None:
    """The plan is made with the request that the preview was asked with."""
    made: list[Any] = []

    def counting(name: str) -> None:
        real = getattr(reconcile, name)

        def counted(*arguments: Any) -> Any:
            made.append((name, real(*arguments)))
            return made[-1][1]

        monkeypatch.setattr(reconcile, name, counted)

    counting("request_for")
    counting("plan_stack")
    ensured(UPDATE[:6] if desired is LARGER else UPDATE[:4], desired, "present", check_mode=True)
    (first, request), (second, plan) = made
    assert (first, second) == ("request_for", "plan_stack") and plan.request is request
