# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How jobs are carried out: variables and events of playbooks, and AWX by a scripted HTTP server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import yaml

from gateway.executors import AWX_PAGE, AWX_PAUSE_S, AWX_SETTLE_S, AwxExecutor, Outcome
from gateway.jobs import Job
from gateway.playbooks import PLAYBOOKS, artifacts_of, event_of, extra_vars, failure_of


class Unsafe(yaml.SafeLoader):
    """Reads `!unsafe` as Ansible does, and lets the test see it."""


Unsafe.add_constructor("!unsafe", lambda loader, node: ("unsafe", loader.construct_scalar(node)))


def test_every_text_of_a_request_is_unsafe() -> None:
    variables = {
        "name": "{{ 1 }}",
        "labels": {"a: b": "x\n- y\t\u20ac", "n": 1, "t": True},
        "names": ["'\""],
        "no": None,
    }
    assert yaml.load(extra_vars(variables), Loader=Unsafe) == {
        "name": ("unsafe", "{{ 1 }}"),
        "labels": {"a: b": ("unsafe", "x\n- y\t\u20ac"), "n": 1, "t": True},
        "names": [("unsafe", "'\"")],
        "no": None,
    }


def event(name: str, **data: Any) -> dict[str, Any]:
    return {"event": name, "event_data": {"task": "Do it", **data}}


FAILURE = {"code": "QUOTA_EXCEEDED", "reason": "r", "hint": "h", "resource": "cluster/a", "quotas": {}}

ITEM = {"failed": True, "msg": "i", "failure": FAILURE}


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (event("runner_on_ok", res={"changed": False}), "ok"),
        (event("runner_on_ok", res={"changed": True}), "changed"),
        (event("runner_on_failed", res={"msg": "m"}), "failed"),
        (event("runner_on_failed", res={"msg": "m"}, ignore_errors=True), "ignored"),
        (event("runner_on_skipped"), None),
        (event("verbose"), None),
        ({"event": "playbook_on_start"}, None),
    ],
)
def test_ends_of_tasks_are_kept(given: dict[str, Any], status: str | None) -> None:
    kept = event_of(given)
    assert (kept or {}).get("status") == status
    assert kept is None or ("message" in kept) == (status == "failed")


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (event("runner_on_failed", res={"msg": "m", "failure": FAILURE}), "QUOTA_EXCEEDED", "m"),
        (event("runner_on_failed", res={"msg": "m"}), "TASK_FAILED", "m"),
        (event("runner_on_failed", res={"msg": "Items failed", "results": [{}, ITEM]}), "QUOTA_EXCEEDED", "i"),
        (event("runner_on_failed", res={"msg": "m"}, ignore_errors=True), None, None),
        (event("runner_on_ok", res={}), None, None),
    ],
)  # fmt: skip
def test_a_failure_has_its_code(given: dict[str, Any], code: str | None, message: str | None) -> None:
    found = failure_of(given) or {}
    assert (found.get("code"), found.get("message")) == (code, message)
    if code == "QUOTA_EXCEEDED":
        assert (found["reason"], found["hint"], found["resource"]) == ("r", "h", "cluster/a") and "quotas" not in found


def test_artifacts_of_our_roles_are_the_result() -> None:
    data = {"kcloud_requested_cluster": {"changed": True}, "other": "x"}
    assert artifacts_of(event("playbook_on_stats", artifact_data=data)) == {
        "kcloud_requested_cluster": {"changed": True}
    }
    assert artifacts_of(event("playbook_on_stats")) == {} and artifacts_of(event("runner_on_ok")) is None


def test_every_verb_has_a_playbook_of_the_collection() -> None:
    from pathlib import Path

    folder = Path(__file__).resolve().parents[3] / "playbooks"
    for playbook in PLAYBOOKS.values():
        name = playbook.name.removeprefix("kcloud.infrastructure.")
        assert (folder / f"{name}.yml").is_file(), name


# --- AWX: no server here, so that HTTP is scripted


JOB = Job(
    tenant="t", actor="x", cloud="c", verb="create_cluster", target="cluster/a",
    variables={"requested_cluster_name": "{{ a }}"}, answer={}, request_digest="d", id="1", attempts=1,
)  # fmt: skip


class Awx:
    """Answers as AWX 24 does, and keeps what was asked."""

    def __init__(
        self,
        *statuses: str,
        templates: int = 1,
        credentials: int = 1,
        asks: bool = True,
        own: tuple[tuple[int, int, bool], ...] = ((3, 31, True),),
        launch: int = 201,
        lost: bool = False,
        **ended: Any,
    ) -> None:
        self.statuses, self.templates, self.credentials, self.asks = list(statuses), templates, credentials, asks
        self.launch, self.lost, self.ended = launch, lost, ended
        # The job template's own credentials: id, type, and whether it is one of a cloud
        self.own = own
        self.asked: list[tuple[str, str, Any]] = []
        self.hiccups = 0
        # What AWX has, by its marker; and what happens to the next answers of a path
        self.has: dict[str, int] = {}
        # Extra variables of jobs that others have launched
        self.others: list[str] = []
        self.trouble: dict[str, list[Any]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        body = json.loads(request.content) if request.content else dict(request.url.params)
        self.asked.append((request.method, path, body))
        trouble = (self.trouble.get(path) or [None]).pop(0)
        if path.endswith("/launch/") and trouble != "unheard" and self.launch == 201:
            self.has[body["extra_vars"]["kcloud_gateway_job"]] = 42
        if trouble in ("unheard", "unanswered"):
            raise httpx.ReadTimeout("no answer")
        if trouble is not None:
            return httpx.Response(trouble)
        if path == "/api/v2/jobs/":
            if any(field.startswith("extra_vars") for field in body):
                return httpx.Response(403, json={"detail": "Filtering on extra_vars is not allowed."})
            mine = [(identity, json.dumps({"kcloud_gateway_job": job})) for job, identity in self.has.items()]
            known = [*enumerate(self.others, start=1), *([] if self.lost else mine)]
            found = [
                {"id": identity, "extra_vars": given} for identity, given in known if identity > int(body["id__gt"])
            ]
            return httpx.Response(200, json={"results": found[: int(body["page_size"])]})
        if path == "/api/v2/job_templates/":
            template = {"id": 7, "ask_variables_on_launch": True, "ask_credential_on_launch": self.asks}
            return httpx.Response(200, json={"results": [template] * self.templates})
        if path == "/api/v2/job_templates/7/credentials/":
            own = [{"id": identity, "credential_type": kind, "cloud": cloud} for identity, kind, cloud in self.own]
            return httpx.Response(200, json={"results": own})
        if path == "/api/v2/credentials/":
            # Of the tenant's credentials, the id is 9 and, with a type, the type after it
            identity = int(f"9{body.get('credential_type', '')}")
            return httpx.Response(200, json={"results": [{"id": identity}] * self.credentials})
        if path == "/api/v2/job_templates/7/launch/":
            return httpx.Response(self.launch, json={"id": 42})
        if path == "/api/v2/jobs/42/job_events/":
            data = {"task": "Create", "res": {"msg": "m", "failure": FAILURE}}
            return httpx.Response(200, json={"results": [{"event": "runner_on_failed", "event_data": data}]})
        if path == "/api/v2/jobs/42/" and self.hiccups:
            self.hiccups -= 1
            return httpx.Response(502)
        if path == "/api/v2/jobs/42/" and self.statuses:
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            return httpx.Response(200, json={"id": 42, "status": status, **self.ended})
        return httpx.Response(404, json={})


class Watched:
    """Keeps what an executor says."""

    def __init__(self, most: int = 100) -> None:
        self.events: list[Any] = []
        self.remotes: list[Any] = []
        self.most = most

    def event(self, event: Any) -> None:
        self.events.append(event["status"])

    def remote(self, identity: str | None) -> None:
        self.remotes.append(identity)

    def goes_on(self) -> bool:
        self.most -= 1
        return self.most >= 0


def run(awx: Awx, job: Job = JOB, watched: Watched | None = None, **templates: str) -> tuple[Outcome, Watched]:
    watched = watched or Watched()
    with httpx.Client(base_url="http://awx", transport=httpx.MockTransport(awx)) as client:
        return AwxExecutor(client, templates, sleep=lambda _seconds: None).run(job, watched), watched


def test_awx_is_launched_followed_and_read() -> None:
    awx = Awx("pending", "running", "running", "successful", artifacts={"kcloud_requested_cluster": {"a": 1}, "x": 2})
    awx.hiccups = 3
    outcome, watched = run(awx)
    assert outcome == Outcome("succeeded", {"kcloud_requested_cluster": {"a": 1}}, None)
    assert watched.remotes == ["42"] and watched.events == ["pending", "running", "successful"]
    search = {
        "created__gte": "1969-12-31T23:50:00+00:00",
        "id__gt": "0",
        "order_by": "id",
        "page_size": str(AWX_PAGE),
    }
    assert awx.asked[:5] == [
        ("GET", "/api/v2/jobs/", search),
        ("GET", "/api/v2/job_templates/", {"name": "kcloud create cluster"}),
        ("GET", "/api/v2/job_templates/7/credentials/", {}),
        ("GET", "/api/v2/credentials/", {"name": "c", "credential_type": "31"}),
        (
            "POST",
            "/api/v2/job_templates/7/launch/",
            {"extra_vars": {"requested_cluster_name": "{{ a }}", "kcloud_gateway_job": "1"}, "credentials": [931]},
        ),
    ]
    run(named := Awx("successful"), create_cluster="My template")
    assert named.asked[1][2] == {"name": "My template"}


def test_a_failed_job_of_awx_has_its_failure() -> None:
    outcome, _watched = run(Awx("failed", artifacts={}))
    assert outcome.state == "failed" and outcome.failure["code"] == "QUOTA_EXCEEDED"
    canceled, _watched = run(Awx("canceled", job_explanation="by hand"))
    assert canceled.state == "failed"


def test_a_job_that_awx_runs_already_is_followed_and_not_launched_again() -> None:
    from dataclasses import replace

    awx = Awx("successful", artifacts={})
    outcome, _watched = run(awx, replace(JOB, remote_id="42"))
    assert outcome.state == "succeeded" and [path for _method, path, _body in awx.asked] == ["/api/v2/jobs/42/"]


def test_a_gateway_that_stops_leaves_the_job_of_awx_running() -> None:
    awx = Awx("running")
    outcome, _watched = run(awx, watched=Watched(most=3))
    assert outcome.state is None
    assert [method for method, _path, _body in awx.asked].count("POST") == 1


LAUNCH = "/api/v2/job_templates/7/launch/"


def launches(awx: Awx) -> int:
    return [path for _method, path, _body in awx.asked].count(LAUNCH)


@pytest.mark.parametrize("trouble", ["unanswered", 504])
def test_a_launch_without_an_answer_is_looked_for_and_not_repeated(trouble: Any) -> None:
    awx = Awx("successful", artifacts={})
    awx.trouble = {LAUNCH: [trouble], "/api/v2/jobs/": [None, 502, 401]}
    outcome, watched = run(awx)
    assert (outcome.state, watched.remotes, launches(awx)) == ("succeeded", ["42"], 1)


def test_a_launch_that_awx_did_not_hear_is_repeated_when_it_cannot_arrive_any_more() -> None:
    awx = Awx("successful", artifacts={})
    awx.trouble = {LAUNCH: ["unheard"]}
    outcome, _watched = run(awx)
    paths = [path for _method, path, _body in awx.asked]
    assert outcome.state == "succeeded" and launches(awx) == 2
    assert paths[paths.index(LAUNCH) + 1 :].index(LAUNCH) >= AWX_SETTLE_S / AWX_PAUSE_S


def test_a_job_whose_gateway_died_while_it_launched_is_found_by_its_marker() -> None:
    from dataclasses import replace

    awx = Awx("successful", artifacts={})
    awx.has = {"other": 41, "1": 42}
    outcome, watched = run(awx, replace(JOB, attempts=2))
    assert (outcome.state, watched.remotes, launches(awx)) == ("succeeded", ["42"], 0)
    # It is looked for until its launch cannot arrive any more
    outcome, _watched = run(late := Awx("successful", artifacts={}), replace(JOB, attempts=2))
    paths = [path for _method, path, _body in late.asked]
    assert outcome.state == "succeeded" and launches(late) == 1 and paths.index(LAUNCH) >= AWX_SETTLE_S / AWX_PAUSE_S


def test_a_job_is_given_back_and_not_failed_while_awx_is_silent() -> None:
    from dataclasses import replace

    silent = Awx("running")
    silent.hiccups = 10**6
    outcome, watched = run(silent, replace(JOB, remote_id="42"), Watched(most=1000))
    assert outcome.state is None and watched.events == ["waiting"]
    unsure = Awx()
    unsure.trouble = {"/api/v2/jobs/": [None, *["unanswered"] * 1000], LAUNCH: ["unanswered"]}
    outcome, watched = run(unsure, watched=Watched(most=1000))
    assert (outcome.state, watched.events, launches(unsure)) == (None, ["waiting"], 1)


def test_only_awx_itself_says_that_it_lost_a_job() -> None:
    from dataclasses import replace

    awx = Awx("running", "successful", artifacts={})
    awx.has, awx.trouble = {"1": 42}, {"/api/v2/jobs/42/": [404, None, 404], "/api/v2/jobs/": [503]}
    outcome, watched = run(awx, replace(JOB, remote_id="42"))
    assert outcome.state == "succeeded" and watched.events == ["running", "successful"]


def test_a_job_is_found_among_those_of_others() -> None:
    """AWX has no search of extra variables; every kind of them is read, page by page."""
    from dataclasses import replace

    awx = Awx("successful", artifacts={})
    awx.others = ["", "---", "[]", "{}", '{"kcloud_gateway_job": "12"}', '{"other": "1"}'] * AWX_PAGE
    awx.has = {"1": len(awx.others) + 1}
    awx.trouble = {"/api/v2/jobs/": [503]}
    with httpx.Client(base_url="http://awx", transport=httpx.MockTransport(awx)) as client:
        executor = AwxExecutor(client, {}, sleep=lambda _seconds: None)
        with pytest.raises(httpx.HTTPStatusError):
            executor._launched(JOB)
        assert executor._launched(JOB) == str(len(awx.others) + 1)
        assert executor._launched(replace(JOB, id="2")) is None
    pages = [body["id__gt"] for _method, path, body in awx.asked if path == "/api/v2/jobs/"]
    assert pages == ["0", *(2 * [str(page * AWX_PAGE) for page in range(7)])]


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ((), [9]),
        (((3, 31, True),), [931]),
        (((3, 31, True), (4, 32, True)), [931, 932]),
        (((3, 31, True), (5, 2, False)), [931, 5]),
        (((5, 2, False),), [9, 5]),
    ],
)
def test_each_cloud_credential_of_a_job_template_is_replaced_by_the_tenants(own: Any, sent: list[int]) -> None:
    """AWX: "Removing kcloud service user credential at launch time without replacement is not supported."."""
    run(awx := Awx("successful", own=own))
    (launched,) = [body for _method, path, body in awx.asked if path.endswith("/launch/")]
    assert launched["credentials"] == sent


@pytest.mark.parametrize(
    ("awx", "code", "said"),
    [
        (Awx(templates=0), "AWX_NOT_SET_UP", "0 job templates with the name 'kcloud create cluster'"),
        (Awx(templates=2), "AWX_NOT_SET_UP", "2 job templates"),
        (Awx(credentials=0), "AWX_NOT_SET_UP", "0 credentials with the name 'c' and the credential_type 31"),
        (Awx(credentials=0, own=()), "AWX_NOT_SET_UP", "0 credentials with the name 'c'"),
        (Awx(asks=False), "AWX_NOT_SET_UP", "ask_credential_on_launch"),
        (Awx(launch=400), "AWX_REFUSED", "HTTP 400"),
        (Awx(lost=True), "AWX_JOB_LOST", "42"),
    ],
)
def test_what_awx_refuses_is_said(awx: Awx, code: str, said: str) -> None:
    outcome, _watched = run(awx)
    assert outcome.state == "failed" and outcome.failure["code"] == code
    assert said in f"{outcome.failure['message']} {outcome.failure['reason']}"
    # What is not set up is found before anything is launched
    assert (code == "AWX_NOT_SET_UP") != any(path.endswith("/launch/") for _method, path, _body in awx.asked)
