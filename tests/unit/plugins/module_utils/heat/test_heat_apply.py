# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying plans out against a Heat that loses requests, answers unclearly, fails and is slow; time is turned by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CannotApply,
    Conflict,
    OperationFailed,
    RequestLost,
    ServiceError,
    Unclear,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.follow import Watch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    Definition,
    Desired,
    Preview,
    Resource,
    Stack,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.reconcile import ensure
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline

TEMPLATE = {"heat_template_version": "wallaby", "parameters": {"size": {"type": "number", "default": 1}}}
WANTED = Desired(name="s", template=TEMPLATE, parameters={"size": 3})


class Silent:
    """Progress that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, subject: str, state: str, elapsed_s: float | None = None, limit_s: float | None = None) -> None:
        self.lines.append(f"{subject}: {state}")


@dataclass
class FakeHeat:
    """A Heat of one stack, and of those that other runs made of the same name.

    :param lose: so many writes are taken and never begun.
    :param unclear: so many writes answer 503; ``took`` says whether they were carried out all the same.
    :param ends: the status that an action ends in, in the place of its COMPLETE.
    :param takes: so many looks until an action ends.
    :param rests: so many looks that show a failure until its rollback begins; None where nothing is rolled back.
    """

    stack: Stack | None = None
    lose: int = 0
    unclear: int = 0
    took: bool = True
    ends: dict[str, str] = field(default_factory=dict)
    takes: int = 2
    rests: int | None = None
    failed: list[Resource] = field(default_factory=list)
    happened: list[dict[str, Any]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    looks: int = 0
    others: list[Stack] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def patient(self, deadline: Deadline) -> FakeHeat:
        return self

    def find(self, name: str) -> Stack | None:
        return self._look() if self.stack and not self.stack.gone else None

    def of_name(self, name: str) -> list[Stack]:
        ours = [self.stack] if self.stack and not self.stack.gone else []
        return sorted([*self.others, *ours], key=lambda stack: (stack.created_at or "", stack.id))

    def get(self, stack: Stack, *, outputs: bool = False) -> Stack | None:
        return self._look()

    def _look(self) -> Stack | None:
        if self.stack and self.stack.in_progress:
            self.looks += 1
            if self.looks > self.takes:
                action = self.stack.action
                self.stack = replace(self.stack, status=self.ends.get(action, f"{action}_COMPLETE"))
        elif self.stack and self.stack.failed and self.rests is not None:
            self.rests -= 1
            if self.rests < 0:
                self.stack, self.looks, self.rests = replace(self.stack, status="ROLLBACK_IN_PROGRESS"), 0, None
        return self.stack

    def definition(self, stack: Stack) -> Definition:
        return Definition(TEMPLATE, {"parameters": dict(stack.parameters)}, {})

    def resources(self, stack: Stack, *, nested: bool = False) -> list[Resource]:
        return self.failed

    def attributes(self, stack: Stack, name: str, nested_id: str | None = None) -> dict[str, Any]:
        return {}

    def events(self, stack: Stack, marker: str | None = None) -> list[dict[str, Any]]:
        found, self.happened = self.happened, []
        return found

    def last_event(self, stack: Stack) -> str | None:
        return None

    def deployment(self, physical_id: str) -> dict[str, Any]:
        return {"output_values": {"deploy_stderr": "no disk left", "deploy_status_code": 1}}

    def preview_create(self, name: str, request: dict[str, Any]) -> Preview:
        return Preview()

    def preview_update(
        self, stack: Stack, request: dict[str, Any], *, partial: bool, nested: dict[str, str]
    ) -> Preview:
        return Preview()

    def create(self, name: str, request: dict[str, Any]) -> str:
        self._write("CREATE", request)
        return self.stack.id if self.stack else ""

    def update(self, stack: Stack, request: dict[str, Any], *, partial: bool) -> None:
        self._write("UPDATE", request)

    def delete(self, stack: Stack) -> bool:
        self.deleted.append(stack.id)
        if any(other.id == stack.id for other in self.others):
            self.others = [other for other in self.others if other.id != stack.id]
            return True
        self._write("DELETE", {})
        return True

    def _write(self, action: str, request: dict[str, Any]) -> None:
        self.writes.append(action)
        if self.lose:
            self.lose -= 1
            return
        if self.unclear:
            self.unclear -= 1
            if self.took:
                self._begin(action, request)
            raise Unclear(ServiceError("Failed to write", http_status=503))
        self._begin(action, request)

    def _begin(self, action: str, request: dict[str, Any]) -> None:
        old = self.stack if action != "CREATE" else None
        parameters = {"size": str(request.get("parameters", {}).get("size", "1"))}
        stack_id = old.id if old else f"id-{len(self.writes)}"
        self.looks = 0
        updated = f"time-{len(self.writes)}"
        status = f"{action}_IN_PROGRESS"
        self.stack = Stack(stack_id, "s", status, parameters=parameters, created_at="5", updated_at=updated)


def standing_stack(status: str = "CREATE_COMPLETE", size: str = "2") -> Stack:
    return Stack("id-0", "s", status, parameters={"size": size}, status_reason="the stack's own words")


def watching(heat: FakeHeat, timeout: float = 600, wait: bool = True) -> tuple[Watch, list[float]]:
    """A watch on the fake; the clock goes on by what is slept, and each sleep is kept."""
    now = [0.0]
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        now[0] += max(seconds, 0.01)

    clock = Clock(now=lambda: now[0], sleep=sleep, jitter=lambda: 1.0)
    return Watch(heat, Silent(), Deadline.after(timeout, clock), clock, wait), sleeps


def run(heat: FakeHeat, wanted: Desired = WANTED, state: str = "present", check: bool = False, **options: Any) -> Any:
    return ensure(watching(heat, **options)[0], wanted, state, check_mode=check)


def test_create_update_delete() -> None:
    """Each writes once and is waited for; a second run writes nothing."""
    heat = FakeHeat()
    assert run(heat).stack.status == "CREATE_COMPLETE"
    assert not run(heat).plan.changed
    outcome = run(heat, replace(WANTED, parameters={"size": 4}))
    assert outcome.stack.status == "UPDATE_COMPLETE" and outcome.after["parameters"] == {"size": "4"}
    assert run(heat, state="absent").stack is None
    assert not run(heat, state="absent").plan.changed
    assert heat.writes == ["CREATE", "UPDATE", "DELETE"]


@pytest.mark.parametrize("stack", [None, standing_stack(), standing_stack("CREATE_FAILED")])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_check_mode_writes_nothing(stack: Stack | None, state: str) -> None:
    heat = FakeHeat(stack)
    run(heat, replace(WANTED, recreate=True), state, check=True)
    assert heat.writes == []


@pytest.mark.parametrize("stack", [None, standing_stack()])
@pytest.mark.parametrize(("took", "writes"), [(True, 1), (False, 2)])
def test_unclear_answer_looks_before_writing_again(stack: Stack | None, took: bool, writes: int) -> None:
    """What was carried out is not sent twice, what was not is."""
    heat = FakeHeat(stack, unclear=1, took=took)
    assert run(heat).stack.status.endswith("_COMPLETE")
    assert len(heat.writes) == writes


@pytest.mark.parametrize(
    ("stack", "state"), [(None, "present"), (standing_stack(), "present"), (standing_stack(), "absent")]
)
def test_an_error_that_stays_is_reported(stack: Stack | None, state: str) -> None:
    heat = FakeHeat(stack, unclear=9, took=False)
    with pytest.raises(ServiceError):
        run(heat, state=state)
    assert len(heat.writes) == 2


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_lost_request_is_sent_once_more(state: str) -> None:
    heat = FakeHeat(standing_stack(), lose=1)
    run(heat, state=state)
    assert len(heat.writes) == 2
    heat = FakeHeat(standing_stack(), lose=9)
    with pytest.raises(RequestLost):
        run(heat, state=state)
    assert len(heat.writes) == 2


def made_by_another(created_at: str, **fields: Any) -> Stack:
    return Stack("id-9", "s", "CREATE_COMPLETE", parameters={"size": "3"}, created_at=created_at, **fields)


class SlowToShow(FakeHeat):
    """A Heat that shows another run's stack of the name only after this run's creation, as when both are sent at once."""

    def find(self, name: str) -> Stack | None:
        if not self.writes:
            return None
        return FakeHeat.find(self, name) or next(iter(self.others), None)

    def get(self, stack: Stack, *, outputs: bool = False) -> Stack | None:
        known = {other.id: other for other in self.others}
        return self._look() if self.stack and self.stack.id == stack.id else known.get(stack.id)


@pytest.mark.parametrize(("created_at", "name_is_ours"), [("4", False), ("5", False), ("6", True)])
@pytest.mark.parametrize("unclear", [0, 1])
def test_of_two_stacks_made_at_once_the_oldest_stays(created_at: str, name_is_ours: bool, unclear: int) -> None:
    """The run whose stack is younger deletes it and reports the other's; the other run leaves that to it.

    Without a clear answer a run does not know which is its own: then it deletes the youngest, whosever that is.
    """
    id_of_other = "id-0" if created_at == "5" else "id-9"
    heat = SlowToShow(unclear=unclear, others=[replace(made_by_another(created_at), id=id_of_other)])
    outcome = run(heat)
    assert outcome.stack.id == ("id-1" if name_is_ours else id_of_other)
    assert outcome.plan.changed == (name_is_ours and not unclear)
    assert heat.deleted == ([id_of_other] if name_is_ours and unclear else [] if name_is_ours else ["id-1"])
    assert heat.writes[0] == "CREATE" and heat.writes.count("CREATE") == 1


def test_another_runs_stack_that_goes_is_not_a_rival() -> None:
    """It gives way itself."""
    heat = SlowToShow(others=[replace(made_by_another("4"), status="DELETE_IN_PROGRESS")])
    assert run(heat).stack.id == "id-1" and heat.deleted == []


def test_a_recreation_that_another_run_was_faster_with_says_that_it_deleted() -> None:
    """The failed stack is gone by this run's hand, so the end is not a calm comparison."""

    class Faster(FakeHeat):
        def of_name(self, name: str) -> list[Stack]:
            return [made_by_another("4"), *FakeHeat.of_name(self, name)]

    heat = Faster(standing_stack("CREATE_FAILED"))
    with pytest.raises(Conflict) as caught:
        run(heat, replace(WANTED, recreate=True))
    assert caught.value.code == "CREATED_MEANWHILE" and caught.value.details["result"]["changed"] is True
    assert heat.deleted == ["id-0", "id-2"]


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "DELETE_FAILED"])
def test_another_actions_state_is_no_sign_of_a_deletion(status: str) -> None:
    """A lost deletion of a stack that is busy, or whose deletion failed before, is noticed all the same."""
    heat = FakeHeat(standing_stack(status), lose=1, takes=9)
    assert run(heat, state="absent").stack is None
    assert heat.writes == ["DELETE", "DELETE"]


def test_an_old_complete_is_no_success() -> None:
    """The update ended before the first look: only the new time of update tells; a wrong end is reported too."""
    heat = FakeHeat(standing_stack("UPDATE_COMPLETE"), takes=0, ends={"UPDATE": "UPDATE_FAILED"})
    with pytest.raises(OperationFailed) as caught:
        run(heat)
    assert caught.value.code == "STACK_UPDATE_FAILED"


@pytest.mark.parametrize(
    ("stack", "action", "end"),
    [
        (None, "CREATE", "CREATE_FAILED"),
        (None, "CREATE", "ROLLBACK_COMPLETE"),
        (None, "CREATE", "DELETE_COMPLETE"),
        (standing_stack(), "UPDATE", "UPDATE_FAILED"),
        (standing_stack(), "UPDATE", "ROLLBACK_COMPLETE"),
        (standing_stack(), "UPDATE", "ROLLBACK_FAILED"),
    ],
)
def test_every_other_end_is_a_failure(stack: Stack | None, action: str, end: str) -> None:
    leaf = Resource("disk", "OS::Cinder::Volume", "CREATE_FAILED", "quota", stack_id="id-0")
    heat = FakeHeat(stack, ends={action: end}, failed=[leaf])
    with pytest.raises(OperationFailed) as caught:
        run(heat)
    failure = caught.value.failure()
    assert failure["code"] == f"STACK_{end}"
    assert failure["reason"] == "disk (OS::Cinder::Volume): quota"
    assert failure["result"]["changed"] is True and failure["result"]["stack"]["status"] == end


@pytest.mark.parametrize(("stack", "action"), [(None, "CREATE"), (standing_stack(), "UPDATE")])
@pytest.mark.parametrize("rests", [0, 1, 5])
def test_a_failure_is_no_end_while_its_rollback_is_to_begin(stack: Stack | None, action: str, rests: int) -> None:
    heat = FakeHeat(stack, ends={action: f"{action}_FAILED"}, rests=rests)
    with pytest.raises(OperationFailed) as caught:
        run(heat, replace(WANTED, rollback=True))
    assert caught.value.code == "STACK_ROLLBACK_COMPLETE"


def test_a_rollback_that_does_not_begin_is_not_waited_for_long() -> None:
    heat = FakeHeat(standing_stack(), ends={"UPDATE": "UPDATE_FAILED"})
    with pytest.raises(OperationFailed) as caught:
        run(heat, replace(WANTED, rollback=True))
    assert caught.value.code == "STACK_UPDATE_FAILED"


def test_after_a_rollback_the_reason_comes_from_events() -> None:
    """The failed resource is gone by then."""
    event = {
        "id": "e1",
        "resource_name": "disk",
        "resource_type": "OS::Cinder::Volume",
        "resource_status": "CREATE_FAILED",
        "resource_status_reason": "quota",
    }
    heat = FakeHeat(standing_stack(), ends={"UPDATE": "ROLLBACK_COMPLETE"}, happened=[event])
    with pytest.raises(OperationFailed) as caught:
        run(heat)
    assert caught.value.reason == "disk (OS::Cinder::Volume): quota"


def test_a_deployment_tells_what_its_script_wrote() -> None:
    leaf = Resource("boot", "OS::Heat::SoftwareDeployment", "CREATE_FAILED", "Error: exit 1", "d1", "id-0")
    with pytest.raises(OperationFailed) as caught:
        run(FakeHeat(ends={"CREATE": "CREATE_FAILED"}, failed=[leaf]))
    assert caught.value.reason == "boot (OS::Heat::SoftwareDeployment): exit status 1: no disk left"


@pytest.mark.parametrize("status", ["CREATE_FAILED", "DELETE_FAILED"])
def test_what_no_update_helps_is_recreated_only_when_allowed(status: str) -> None:
    heat = FakeHeat(standing_stack(status, "3"))
    with pytest.raises(OperationFailed) as caught:
        run(heat)
    assert heat.writes == [] and caught.value.failure()["result"]["changed"] is False
    outcome = run(heat, replace(WANTED, recreate=True))
    assert heat.writes == ["DELETE", "CREATE"] and outcome.stack.id != "id-0"


@pytest.mark.parametrize(("held", "writes"), [(2, 1), (99, 0)])
def test_the_name_of_a_stack_that_is_gone_is_waited_for(held: int, writes: int) -> None:
    """But not for ever."""
    heat = FakeHeat()
    create = heat.create
    refused = [held]

    def refuse(name: str, request: dict[str, Any]) -> None:
        refused[0] -= 1
        if refused[0] >= 0:
            raise Conflict("Failed to create", code="STACK_EXISTS")
        create(name, request)

    heat.create = refuse  # type: ignore[method-assign]
    if writes:
        assert run(heat).stack.status == "CREATE_COMPLETE"
    else:
        with pytest.raises(Conflict):
            run(heat)
    assert len(heat.writes) == writes


def test_a_failed_update_is_tried_again_though_nothing_differs() -> None:
    heat = FakeHeat(standing_stack("UPDATE_FAILED", "3"))
    assert run(heat).stack.status == "UPDATE_COMPLETE"
    assert heat.writes == ["UPDATE"]


def test_a_busy_stack_is_waited_for_or_refused() -> None:
    heat = FakeHeat(standing_stack("CREATE_IN_PROGRESS", "3"))
    with pytest.raises(Conflict) as caught:
        run(heat, wait=False)
    assert caught.value.code == "STACK_BUSY"
    outcome = run(heat)
    assert not outcome.plan.changed and outcome.stack.status == "CREATE_COMPLETE"
    assert heat.writes == []


def test_a_stack_that_goes_while_it_is_waited_for_is_made_anew() -> None:
    heat = FakeHeat(standing_stack("DELETE_IN_PROGRESS"))
    assert run(heat).stack.status == "CREATE_COMPLETE"
    assert heat.writes == ["CREATE"]


def test_without_waiting_it_returns_what_began() -> None:
    heat = FakeHeat(takes=99)
    outcome = run(heat, wait=False)
    assert outcome.stack.status == "CREATE_IN_PROGRESS" and outcome.after["parameters"] == {"size": "3"}
    assert run(heat, state="absent", wait=False).stack.status == "DELETE_IN_PROGRESS"


@pytest.mark.parametrize(
    ("stack", "state"), [(None, "present"), (standing_stack(), "present"), (standing_stack(), "absent")]
)
def test_the_deadline_ends_every_wait(stack: Stack | None, state: str) -> None:
    heat = FakeHeat(stack, takes=10**6)
    watch, sleeps = watching(heat, timeout=60)
    with pytest.raises(WaitTimeout) as caught:
        ensure(watch, WANTED, state, check_mode=False)
    assert sum(sleeps) == pytest.approx(60, abs=1)
    assert max(sleeps) <= 5
    assert caught.value.failure()["last_status"].endswith("_IN_PROGRESS")
    assert caught.value.failure()["result"]["stack"]["name"] == "s"
    assert caught.value.failure()["result"]["changed"] is True


def test_a_recreation_that_stops_half_way_says_that_something_changed() -> None:
    """The old stack is gone by then."""
    heat = FakeHeat(standing_stack("CREATE_FAILED"))
    create = heat.create

    def refuse(name: str, request: dict[str, Any]) -> None:
        create(name, request)
        raise ServiceError("Failed to create")

    heat.create = refuse  # type: ignore[method-assign]
    with pytest.raises(ServiceError) as caught:
        run(heat, replace(WANTED, recreate=True))
    assert caught.value.failure()["result"] == {"changed": True}


class AgainFailing(FakeHeat):
    """A stack whose creation fails while it is waited for, and whose next creation is rolled back without a word."""

    def __init__(self, event: dict[str, Any]) -> None:
        super().__init__(standing_stack("CREATE_IN_PROGRESS"), ends={"CREATE": "CREATE_FAILED"}, happened=[event])
        self.markers: list[tuple[str, str | None]] = []

    def last_event(self, stack: Stack) -> str | None:
        return "newest"

    def events(self, stack: Stack, marker: str | None = None) -> list[dict[str, Any]]:
        self.markers.append((stack.id, marker))
        return FakeHeat.events(self, stack, marker)

    def create(self, name: str, request: dict[str, Any]) -> str:
        self.ends = {"CREATE": "ROLLBACK_COMPLETE"}
        return FakeHeat.create(self, name, request)


def test_a_recreated_stack_does_not_answer_for_the_one_before() -> None:
    """Neither its failed resources count nor its events."""
    event = {"id": "e1", "resource_name": "disk", "resource_status": "CREATE_FAILED", "resource_status_reason": "quota"}
    heat = AgainFailing(event)
    with pytest.raises(OperationFailed) as caught:
        run(heat, replace(WANTED, recreate=True))
    assert heat.writes == ["DELETE", "CREATE"] and caught.value.code == "STACK_ROLLBACK_COMPLETE"
    assert caught.value.reason is None
    markers = dict(reversed(heat.markers))
    assert markers == {"id-0": None, "id-2": None} and ("id-0", "newest") in heat.markers


def test_progress_tells_of_resources_and_the_stack() -> None:
    event = {"id": "e1", "resource_name": "disk", "resource_type": "T", "resource_status": "CREATE_COMPLETE"}
    heat = FakeHeat(happened=[event])
    watch, _sleeps = watching(heat)
    ensure(watch, WANTED, "present", check_mode=False)
    assert "stack/s/disk: CREATE_COMPLETE" in watch.progress.lines
    assert watch.progress.lines[-1] == "stack/s: CREATE_COMPLETE"


@pytest.mark.parametrize(("timeout", "forgotten"), [(60, False), (600, True)])
def test_a_stack_that_heat_forgot_is_distinguished(timeout: float, forgotten: bool) -> None:
    """No event for minutes: then the fix is not only to go on waiting."""
    with pytest.raises(WaitTimeout) as caught:
        run(FakeHeat(takes=10**6), timeout=timeout)
    assert ("state: absent" in str(caught.value.hint)) == forgotten
    assert ("has reported no event" in str(caught.value.reason)) == forgotten


@pytest.mark.parametrize("wait", [True, False])
def test_a_hook_is_reported_and_left_alone(wait: bool) -> None:
    """Heat waits for whoever set it; the reason and the fix name it."""
    paused = {
        "id": "e1",
        "resource_name": "disk",
        "resource_status": "UPDATE_COMPLETE",
        "resource_status_reason": "UPDATE paused until Hook pre-update is cleared",
    }
    heat = FakeHeat(standing_stack("UPDATE_IN_PROGRESS"), takes=10**6, happened=[paused])
    watch, _sleeps = watching(heat)
    watch.wait = wait
    with pytest.raises(WaitTimeout if wait else Conflict) as caught:
        ensure(watch, WANTED, "present", check_mode=False)
    assert caught.value.reason == "it waits at hook pre-update of resource 'disk'"
    assert "openstack stack hook clear --pre-update s disk" in str(caught.value.hint)
    assert heat.writes == []
    if wait:
        assert watch.progress.lines[-1] == "stack/s: UPDATE_IN_PROGRESS, it waits at hook pre-update of resource 'disk'"


class NestedHeat(FakeHeat):
    """A stack with a nested one, in which ``b`` refers to ``a``; Heat calls that a change unless the reference is resolved."""

    inner = json.dumps(
        {"resources": {"a": {"type": "OS::Nova::Server"}, "b": {"type": "T", "p": {"get_resource": "a"}}}}
    )
    replaces: dict[str, str]

    def definition(self, stack: Stack) -> Definition:
        template = {**TEMPLATE, "resources": {"one": {"type": "inner"}}}
        return Definition(template, {"parameters": dict(stack.parameters)}, {"inner": self.inner})

    def resources(self, stack: Stack, *, nested: bool = False) -> list[Resource]:
        return [
            Resource("one", "inner", self.replaces.get("status", ""), None, "1", stack.id, "nested"),
            Resource("a", "OS::Nova::Server", self.replaces.get("status", ""), None, "id-of-a", "nested"),
            Resource("b", "T", "", None, "id-of-b", "nested"),
        ]

    def preview_update(
        self, stack: Stack, request: dict[str, Any], *, partial: bool, nested: dict[str, str]
    ) -> Preview:
        name = request.get("template", {}).get("resources", {"one": {"type": "inner"}})["one"]["type"]
        refers = "get_resource" in request["files"].get(name, self.inner)
        more = {"one/b": "T"} if refers else {}
        return Preview(updated={"one": "inner", **more}, replaced=self.replaces.get("paths", {}))


@pytest.mark.parametrize(
    ("replaces", "verbs"),
    [
        ({}, {"one": "update"}),
        ({"paths": {"one/a": "OS::Nova::Server"}}, {"one": "update", "one/a": "replace", "one/b": "update"}),
    ],
)
def test_nested_resources_are_named_exactly(replaces: dict[str, Any], verbs: dict[str, str]) -> None:
    """Their references are resolved too; what refers to a replaced one is updated."""
    heat = NestedHeat(standing_stack())
    heat.replaces = replaces
    outcome = run(heat, replace(WANTED, template=None, allow_replace=True), check=True)
    assert {c.resource.removeprefix("resource/"): c.verb for c in outcome.plan.changes[1:]} == verbs
    assert set(verbs) == set(outcome.after["resources"])
    # From another folder the nested template has another name, while Heat still shows that of the stack as it is
    template = {**TEMPLATE, "resources": {"one": {"type": "elsewhere"}}}
    moved = replace(WANTED, template=template, files={"elsewhere": heat.inner}, allow_replace=True)
    outcome = run(heat, moved, check=True)
    assert {c.resource.removeprefix("resource/"): c.verb for c in outcome.plan.changes[1:]} == verbs


def test_what_holds_nodes_is_replaced_only_when_allowed() -> None:
    """Refused before anything is written, with what would have been done; what never came to be holds nothing."""
    heat = NestedHeat(standing_stack())
    heat.replaces = {"paths": {"one/a": "OS::Nova::Server"}}
    wanted = replace(WANTED, template=None)
    for check in (True, False):
        with pytest.raises(CannotApply) as caught:
            run(heat, wanted, check=check)
        assert caught.value.code == "REPLACE_NOT_ALLOWED"
        assert caught.value.details["fields"] == ["one/a"]
        assert caught.value.details["result"]["diff"]["after"]["resources"]["one/a"] == "OS::Nova::Server (REPLACED)"
    assert heat.writes == []
    run(heat, replace(wanted, allow_replace=True))
    assert heat.writes == ["UPDATE"]
    heat.replaces = {**heat.replaces, "status": "CREATE_FAILED"}
    run(heat, replace(wanted, parameters={"size": 4}))
    assert heat.writes == ["UPDATE", "UPDATE"]


class ReferringHeat(FakeHeat):
    """Previews as Heat 26 does: whatever refers to another resource changes; ``new`` resources really do."""

    template: dict[str, Any]
    new: dict[str, str]

    def definition(self, stack: Stack) -> Definition:
        return Definition(self.template, {"parameters": dict(stack.parameters)}, {})

    def resources(self, stack: Stack, *, nested: bool = False) -> list[Resource]:
        return [Resource(name, "T", "CREATE_COMPLETE", None, f"id-of-{name}") for name in self.template["resources"]]

    def preview_update(
        self, stack: Stack, request: dict[str, Any], *, partial: bool, nested: dict[str, str]
    ) -> Preview:
        words: dict[str, dict[str, str]] = {"updated": {}, "replaced": {}, "unchanged": {}}
        for name, body in request["template"]["resources"].items():
            really = self.new.get(name) if request.get("parameters") else None
            words[really or ("updated" if "get_resource" in str(body) else "unchanged")][name] = "T"
        return Preview(**words)


def referring(new: dict[str, str]) -> tuple[FakeHeat, Desired]:
    """net <- subnet <- port, and a hidden parameter."""
    heat = ReferringHeat(standing_stack())
    refer = {
        name: {"type": "T", "properties": {"p": {"get_resource": to}}}
        for name, to in (("subnet", "net"), ("port", "subnet"))
    }
    secret = {"type": "string", "hidden": True}
    heat.template = {**TEMPLATE, "parameters": {"size": {"type": "number"}, "secret": secret}}
    heat.template["resources"] = {"net": {"type": "T"}, **refer}
    heat.new = new
    assert heat.stack is not None
    heat.stack = replace(heat.stack, parameters={"size": "2", "secret": "******"})
    return heat, Desired(name="s", parameters={"secret": "any"})


@pytest.mark.parametrize(
    ("new", "verbs"),
    [
        ({}, {}),
        ({"port": "updated"}, {"port": "update"}),
        ({"subnet": "updated"}, {"subnet": "update"}),
        ({"net": "replaced"}, {"net": "replace", "subnet": "update"}),
    ],
)
def test_only_what_really_changes_is_named(new: dict[str, str], verbs: dict[str, str]) -> None:
    """An unchanged secret is unchanged though Heat calls every reference a change; a replaced resource is followed."""
    heat, wanted = referring(new)
    outcome = run(heat, wanted, check=True)
    named = {c.resource.removeprefix("resource/"): c.verb for c in outcome.plan.changes[1:]}
    assert named == verbs
    assert outcome.plan.changed is bool(verbs)
