# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real python-heatclient and keystoneauth against scripted HTTP: what is sent, and what answers become."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError, Unclear
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Stack

pytest.importorskip("heatclient")
requests = pytest.importorskip("requests")

STACK = Stack("id-1", "s", "CREATE_COMPLETE")
ANSWER = {
    "stack": {"id": "id-1", "stack_name": "s", "stack_status": "CREATE_COMPLETE", "tags": ["b", ""], "parameters": {}}
}


class Script(requests.adapters.BaseAdapter):
    """Answers requests one after the other; the last answer counts for all that follow."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)
        self.sent: list[tuple[str, str, Any]] = []

    def send(self, request: Any, **options: Any) -> Any:
        path = request.path_url.removeprefix("/heat")
        self.sent.append((request.method, path, json.loads(request.body) if request.body else None))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        response = requests.Response()
        response.status_code, response._content = status, json.dumps(body).encode()
        response.headers["Content-Type"] = "application/json"
        response.request, response.url = request, request.url
        return response

    def close(self) -> None:
        pass


def heat(*answers: Any, auth_type: str = "password") -> tuple[HeatApi, Script]:
    """The API over a session that talks to the script."""
    from keystoneauth1 import session, token_endpoint

    script = Script(*answers)
    http = requests.Session()
    http.mount("http://", script)
    config = SimpleNamespace(
        config={"auth_type": auth_type}, get_region_name=lambda: None, get_endpoint=lambda _service: None
    )
    auth = token_endpoint.Token("http://cloud/heat", "token")
    return HeatApi(SimpleNamespace(session=session.Session(auth=auth, session=http), config=config)), script


def error(status: int, kind: str, message: str) -> tuple[int, Any]:
    """An error as Heat's fault middleware writes it."""
    return status, {"code": status, "error": {"type": kind, "message": message, "traceback": None}}


def test_a_404_of_a_moment_is_no_absence() -> None:
    """The list has the stack, so it is looked at again."""
    listed = {"stacks": [{"id": "id-1", "stack_name": "s", "stack_status": "CREATE_COMPLETE"}]}
    api, script = heat(error(404, "EntityNotFound", "no"), (200, listed), (200, ANSWER))
    assert api.find("s") is not None and len(script.sent) == 3


def test_what_a_stack_is_made_of_is_never_nothing() -> None:
    """An empty template would show hidden parameters, and read as a difference."""
    api, _script = heat(error(404, "EntityNotFound", "no"))
    with pytest.raises(KcloudError) as caught:
        api.definition(STACK)
    assert caught.value.code == "BROKEN_ANSWER"
    with pytest.raises(KcloudError):
        api.stacks()


@pytest.mark.parametrize("name", ["a/b/c/..", "s#x", "../s", "s?x=1"])
def test_a_name_that_an_address_would_change_is_refused(name: str) -> None:
    """Nothing is sent."""
    api, script = heat((200, ANSWER))
    with pytest.raises(KcloudError) as caught:
        api.by_name_or_id(name)
    assert caught.value.code == "INVALID_REQUEST" and script.sent == []


def test_find() -> None:
    """One request; a stack of another name, found by its id, and a deleted one are none."""
    api, script = heat((200, ANSWER))
    found = api.find("s")
    assert found is not None and found.tags == ("b",)
    assert script.sent == [("GET", "/stacks/s?resolve_outputs=True", None)] or script.sent == [
        ("GET", "/stacks/s", None)
    ]
    assert heat((200, ANSWER))[0].find("other") is None
    assert heat(error(404, "EntityNotFound", "no"), (200, {"stacks": []}))[0].find("s") is None
    gone = {"stack": {**ANSWER["stack"], "stack_status": "DELETE_COMPLETE"}}
    assert heat((200, gone))[0].find("s") is None


def test_reads_survive_hiccups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503 and a broken connection in between."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    api, script = heat((503, {}), requests.exceptions.ConnectionError("reset"), (200, ANSWER))
    found = api.find("s")
    assert found is not None and len(script.sent) == 3


def test_parameters_of_any_name_arrive() -> None:
    """Also those that are called like arguments of the client."""
    names = ("wait", "timeout", "stack_id", "existing", "self", "name")
    request = {"parameters": dict.fromkeys(names, 1), "files": {}}
    api, script = heat((202, {}))
    api.update(STACK, request, partial=True)
    api.update(STACK, request, partial=False)
    assert [sent[0] for sent in script.sent] == ["PATCH", "PUT"]
    assert all(sent[1] == "/stacks/s/id-1" and sent[2] == request for sent in script.sent)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(400, "UnknownUserParameter", "The Parameter (x) was not defined in template."), "UNKNOWN_PARAMETER"),
        (error(400, "UserParameterMissing", "The Parameter (x) was not provided."), "PARAMETER_MISSING"),
        (error(400, "StackValidationFailed", "Unknown Property x"), "BAD_TEMPLATE"),
        (error(404, "EntityNotFound", "The Resource Type (x) could not be found."), "BAD_TEMPLATE"),
        (error(400, "ImmutableParameterModified", "x"), "CANNOT_APPLY"),
        (error(400, "RequestLimitExceeded", "You have reached the maximum stacks per tenant, 100."), "QUOTA_EXCEEDED"),
        (error(400, "RequestLimitExceeded", "Maximum resources per stack exceeded."), "QUOTA_EXCEEDED"),
        (error(409, "ActionInProgress", "Stack s already has an action (UPDATE) in progress."), "STACK_BUSY"),
        (error(409, "StackExists", "The Stack (s) already exists."), "STACK_EXISTS"),
        (error(403, "Forbidden", "You are not authorized"), "NOT_PERMITTED"),
        (error(401, "Unauthorized", "no"), "AUTHENTICATION_FAILED"),
    ],
)
def test_errors_of_writes(answer: Any, code: str) -> None:
    """Each has its code, Heat's own words without the client's prefix, and a fix."""
    api, script = heat(answer)
    with pytest.raises(KcloudError) as caught:
        api.create("s", {"template": {}})
    failure = caught.value.failure()
    assert failure["code"] == code
    assert failure["hint"] and "ERROR:" not in str(failure["reason"])
    assert len([sent for sent in script.sent if sent[0] == "POST"]) == 1


@pytest.mark.parametrize("answer", [(503, {}), (500, {}), (504, {}), requests.exceptions.ConnectionError("reset")])
def test_unclear_answers_of_writes(answer: Any) -> None:
    """Sent once; whether it was carried out is for the caller to look at."""
    api, script = heat(answer)
    for write in (lambda: api.create("s", {}), lambda: api.update(STACK, {}, partial=True), lambda: api.delete(STACK)):
        script.sent.clear()
        with pytest.raises(Unclear):
            write()
        assert len(script.sent) == 1


def test_an_application_credentials_500_is_explained() -> None:
    """Heat says nothing of the trust that it may not make."""
    api, _script = heat((500, {}), auth_type="v3applicationcredential")
    with pytest.raises(KcloudError) as caught:
        api.create("s", {})
    assert caught.value.code == "TRUST_NOT_PERMITTED"


def test_deleting_what_is_missing() -> None:
    """Is no error."""
    assert heat(error(404, "EntityNotFound", "no"))[0].delete(STACK) is False


def test_preview_of_a_creation_names_nested_stacks() -> None:
    """Heat shows them as lists without a name."""
    inside = {"resource_name": "x", "resource_type": "T", "parent_resource": "inner"}
    shown = [{"resource_name": "plain", "resource_type": "P"}, [inside], [[inside]]]
    template = {"resources": {"plain": {"type": "P"}, "inner": {"type": "I"}, "deep": {"type": "D"}}}
    preview = heat((200, {"stack": {**ANSWER["stack"], "resources": shown}}))[0].preview_create(
        "s", {"template": template}
    )
    assert preview.added == {"plain": "P", "inner": "I", "inner/x": "T", "deep": "D"}


def test_a_preview_that_stumbles_over_nested_stacks_is_asked_without() -> None:
    """Heat's 400 without a word; what is really wrong is wrong both times and told."""
    changes = {"resource_changes": {"updated": [{"resource_name": "grp", "resource_type": "G", "stack_name": "s"}]}}
    api, script = heat(error(400, "HTTPBadRequest", "The server could not comply"), (200, changes))
    assert api.preview_update(STACK, {}, partial=True, nested={}).updated == {"grp": "G"}
    assert ["show_nested" in path for _method, path, _body in script.sent] == [True, False]
    api, script = heat(error(400, "UnknownUserParameter", "The Parameter (x) was not defined in template."))
    with pytest.raises(KcloudError) as caught:
        api.preview_update(STACK, {}, partial=True, nested={})
    assert caught.value.code == "UNKNOWN_PARAMETER"


def test_a_deployment_that_cannot_be_read_hides_no_failure() -> None:
    """The failure it would explain is told without."""
    assert heat(error(403, "Forbidden", "no"))[0].deployment("d") == {}
