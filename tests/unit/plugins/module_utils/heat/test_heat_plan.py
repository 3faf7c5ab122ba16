# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for stacks: a table of what differs, and what must hold of every plan."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CannotApply, Conflict, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    HIDDEN,
    Definition,
    Desired,
    Preview,
    Stack,
    StackPlan,
    StackSituation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.requests import next_step, request_for
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.stacks import (
    NEW_SECRET,
    plan_absent,
    plan_stack,
    seen_after,
)

TEMPLATE: dict[str, Any] = {
    "heat_template_version": "wallaby",
    "parameters": {
        "size": {"type": "number", "default": 1},
        "secret": {"type": "string", "hidden": True, "default": "x"},
    },
    "resources": {"a": {"type": "OS::Heat::Value", "properties": {"value": 4}}},
}
RESOURCES = {"a": "OS::Heat::Value"}


def actual(**changed: Any) -> StackSituation:
    """A stack as Heat stored it."""
    stack = Stack(
        id="1",
        name="s",
        status=changed.pop("status", "CREATE_COMPLETE"),
        parameters={"size": "2", "secret": HIDDEN, "OS::stack_name": "s"},
        tags=changed.pop("tags", ("a", "b")),
    )
    environment = {
        "parameters": {"size": "2", "secret": HIDDEN},
        "resource_registry": {"resources": {}},
        "event_sinks": [],
        **changed.pop("environment", {}),
    }
    definition = Definition(TEMPLATE, environment, changed.pop("files", {}))
    return StackSituation("s", stack, definition, resources=RESOURCES)


def desired(**given: Any) -> Desired:
    """What a user asks for."""
    return Desired(name="s", **given)


def planned(wanted: Desired, found: StackSituation | None, preview: Preview | None = None) -> StackPlan:
    """The plan for what a reader brings: the request, and what Heat says of it."""
    stored = found or StackSituation("s")
    return plan_stack(wanted, replace(stored, request=request_for(wanted, stored), preview=preview or Preview()))


def fields(plan: StackPlan) -> list[str]:
    """What the plan says differs."""
    return list(plan.changes[0].arguments["fields"]) if plan.changes else []


OTHER = {**TEMPLATE, "description": "new"}


@pytest.mark.parametrize(
    ("given", "differs"),
    [
        ({}, []),
        ({"template": TEMPLATE}, []),
        ({"template": json.loads(json.dumps(TEMPLATE).replace(": 4", ': "4"'))}, []),
        ({"template": dict(reversed(TEMPLATE.items()))}, []),
        ({"parameters": {"size": 2}}, []),
        ({"parameters": {"size": "2"}}, []),
        ({"parameters": {"size": None}}, []),
        ({"parameters": {"secret": "anything"}}, []),
        ({"tags": ("b", "a")}, []),
        ({"environment": {}}, []),
        ({"environment": {"parameters": {"size": 2}}}, []),
        ({"stack_timeout": 5, "rollback": True}, []),
        ({"parameters": {"size": 3}}, ["parameters"]),
        ({"environment": {"parameters": {"size": 3}}}, ["parameters"]),
        ({"environment": {"parameter_defaults": {"other": 1}}}, ["environment"]),
        ({"environment": {"resource_registry": {"T::X": "OS::Heat::Value"}}}, ["environment"]),
        ({"tags": ("a",)}, ["tags"]),
        ({"tags": ()}, ["tags"]),
        ({"template": OTHER}, ["template"]),
        ({"template": {**TEMPLATE, "outputs": {"o": {"value": 1}}}}, ["template"]),
        ({"template": OTHER, "parameters": {"size": 3}, "tags": ("c",)}, ["template", "parameters", "tags"]),
    ],
)
def test_what_differs(given: dict[str, Any], differs: list[str]) -> None:
    """Only what the user gave is compared, in the normal form."""
    if given.get("tags") == ():
        # Taking tags away needs a whole request, and with it the hidden value.
        given = {**given, "parameters": {"secret": "known"}}
    plan = planned(desired(**given), actual())
    assert fields(plan) == differs
    assert plan.changed is bool(differs)
    if not differs:
        assert plan.before == plan.after


def test_no_secret_is_in_a_plan() -> None:
    """Only the request holds it, and that is not part of the plan's text."""
    plan = planned(desired(template=TEMPLATE, parameters={"secret": "my-secret", "size": 9}), actual())
    assert "my-secret" in json.dumps(plan.request.body)
    assert "my-secret" not in repr(plan)
    plan = planned(desired(template=TEMPLATE, parameters={"secret": "my-secret"}), None)
    assert plan.request.body["parameters"] == {"secret": "my-secret"}
    assert "my-secret" not in repr(plan)


def test_only_the_preview_knows_of_a_new_secret() -> None:
    """A hidden value alone asks Heat; what Heat says decides."""
    wanted = desired(parameters={"secret": "new"})
    plan = planned(wanted, actual(), Preview(unchanged=RESOURCES))
    assert not plan.changed and plan.request.unseen == ("secret",) and plan.request.needs_preview
    assert plan.before == plan.after and plan.after["resources"] == RESOURCES
    changed = planned(wanted, actual(), Preview(updated=RESOURCES))
    assert changed.action == "update"
    assert changed.after["parameters"]["secret"] == NEW_SECRET
    assert changed.request.body["parameters"] == {"secret": "new"}
    assert seen_after(changed, actual()) == changed.after


def test_a_task_without_a_secret_asks_nothing() -> None:
    """Unchanged costs no preview."""
    request = request_for(desired(template=TEMPLATE, parameters={"size": 2}), actual())
    assert request.unseen == () and not request.needs_preview


def test_partial_and_whole_requests() -> None:
    """PATCH where it will do; else everything, with what the stack has and the user did not give."""
    plan = planned(desired(parameters={"size": 3}), actual())
    assert (
        plan.request.partial and "template" not in plan.request.body and plan.request.body["parameters"] == {"size": 3}
    )
    assert "tags" not in plan.request.body
    stored = actual(environment={"parameter_defaults": {"other": 1}})
    keeps = planned(desired(environment={"parameter_defaults": {"other": 2, "more": 1}}), stored)
    assert keeps.request.partial
    plan = planned(desired(environment={}, parameters={"secret": "known"}), stored)
    assert fields(plan) == ["environment"]
    assert not plan.request.partial
    assert plan.request.body["template"] == TEMPLATE
    assert plan.request.body["parameters"] == {"size": "2", "secret": "known"}
    assert plan.request.body["environment"] == {}
    assert plan.request.body["tags"] == "a,b"


def test_a_secret_that_would_be_lost_is_asked_for() -> None:
    """A whole request cannot hold a hidden value that was not given."""
    with pytest.raises(CannotApply) as caught:
        planned(desired(tags=()), actual())
    assert caught.value.code == "HIDDEN_PARAMETER_NEEDED"
    assert caught.value.failure()["fields"] == ["secret"]


def test_unknown_parameters_are_named() -> None:
    """Those of the environment too; their values are not told."""
    for given in ({"parameters": {"sise": "value-of-it"}}, {"environment": {"parameters": {"sise": "value-of-it"}}}):
        for known in (None, actual()):
            with pytest.raises(InvalidRequest) as caught:
                planned(desired(template=TEMPLATE, **given), known)
            assert caught.value.code == "UNKNOWN_PARAMETER"
            assert "sise" in caught.value.sentence() and "value-of-it" not in caught.value.sentence()


def test_no_template_for_a_new_stack() -> None:
    """There is nothing to keep."""
    with pytest.raises(InvalidRequest) as caught:
        planned(desired(), None)
    assert caught.value.code == "TEMPLATE_MISSING"


@pytest.mark.parametrize(
    ("status", "need"),
    [
        ("CREATE_COMPLETE", "compare"),
        ("UPDATE_COMPLETE", "compare"),
        ("ROLLBACK_COMPLETE", "compare"),
        ("CHECK_COMPLETE", "compare"),
        ("UPDATE_FAILED", "update"),
        ("ROLLBACK_FAILED", "update"),
        ("CHECK_FAILED", "update"),
        ("CREATE_IN_PROGRESS", "wait"),
        ("DELETE_IN_PROGRESS", "wait"),
        ("SUSPEND_IN_PROGRESS", "wait"),
        ("CREATE_FAILED", "recreate"),
        ("DELETE_FAILED", "recreate"),
        ("SUSPEND_COMPLETE", "resume"),
        ("SUSPEND_FAILED", "resume"),
        ("RESUME_FAILED", "update"),
    ],
)
def test_next_step(status: str, need: str) -> None:
    """What a stack in each state needs."""
    assert next_step(status) == need


def test_a_failed_update_is_no_unchanged_stack() -> None:
    """Made of what was asked for, but not converged."""
    plan = planned(desired(template=TEMPLATE), actual(status="UPDATE_FAILED"))
    assert plan.action == "update"
    assert plan.changes[0].as_result() == {
        "verb": "update",
        "resource": "stack/s",
        "fields": [],
        "because": "UPDATE_FAILED",
    }


def test_a_suspended_stack_is_refused() -> None:
    """Heat would refuse it later."""
    with pytest.raises(Conflict):
        planned(desired(template=TEMPLATE), actual(status="SUSPEND_COMPLETE"))


def test_recreation_keeps_what_was_not_given() -> None:
    """And every resource counts as replaced, whatever an update would have done."""
    wanted = desired(parameters={"secret": "known"}, recreate=True)
    plan = planned(wanted, actual(status="CREATE_FAILED"), Preview(unchanged=RESOURCES))
    assert plan.action == "recreate"
    assert plan.request.body["parameters"] == {"size": "2", "secret": "known"}
    assert plan.after["resources"] == {"a": "OS::Heat::Value (REPLACED)"}
    with pytest.raises(CannotApply):
        planned(desired(recreate=True), actual(status="CREATE_FAILED"))


def test_preview_names_resources_loudest_first() -> None:
    """Replaced and deleted before updated and added."""
    kind = "OS::Heat::Value"
    preview = Preview(added={"n": kind}, updated={"u": kind}, replaced={"r": kind}, deleted={"d": kind})
    plan = planned(desired(parameters={"size": 3}), actual(), preview)
    assert [(c.verb, c.resource) for c in plan.changes] == [
        ("update", "stack/s"),
        ("replace", "resource/r"),
        ("delete", "resource/d"),
        ("update", "resource/u"),
        ("add", "resource/n"),
    ]
    assert plan.after["resources"] == {"n": f"{kind} (added)", "r": f"{kind} (REPLACED)", "u": f"{kind} (updated)"}


@pytest.mark.parametrize(
    "given",
    [
        {"template": OTHER},
        {"parameters": {"size": 3}},
        {"tags": ("z",)},
        {"environment": {"parameter_defaults": {"other": 1}}},
        {"template": OTHER, "parameters": {"size": "7", "secret": "s"}, "tags": ("q", "a")},
    ],
)
def test_after_the_plan_nothing_is_left_to_do(given: dict[str, Any]) -> None:
    """plan(desired, what plan makes) is none, and what is then seen is what was foreseen."""
    wanted = desired(**given)
    plan = planned(wanted, actual(), Preview(updated=RESOURCES))
    start = actual()
    environment = dict(start.definition.environment)
    for name, section in (wanted.environment or {}).items():
        environment[name] = section
    environment["parameters"] = {**environment["parameters"], **wanted.parameters, "secret": HIDDEN}
    shown = {key: HIDDEN if key == "secret" else str(value) for key, value in environment["parameters"].items()}
    assert start.stack is not None
    made = StackSituation(
        "s",
        replace(start.stack, parameters=shown, tags=wanted.tags or start.stack.tags),
        Definition(wanted.template or TEMPLATE, environment, {}),
        resources=RESOURCES,
    )
    assert not planned(wanted, made).changed
    assert seen_after(plan, made) == plan.after


def test_absent() -> None:
    """Nothing to do, or everything goes."""
    assert not plan_absent(StackSituation("s")).changed
    plan = plan_absent(actual())
    assert plan.action == "delete" and plan.after == {} and plan.before["name"] == "s"
    assert [c.resource for c in plan.changes] == ["stack/s", "resource/a"]
