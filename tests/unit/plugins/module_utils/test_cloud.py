# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in and reading, with the real openstacksdk and keystoneauth over HTTP."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    connect,
    from_exception,
    is_passing,
    read,
    translated,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    AuthenticationFailed,
    CloudUnreachable,
    InvalidRequest,
    KcloudError,
    NotFound,
    ServiceError,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    LOST,
    PASSWORD,
    PROJECT,
    scripted_cloud,
)

loader = pytest.importorskip("openstack.config.loader")


@pytest.fixture(autouse=True)
def fixture_nobodys_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No clouds.yaml and no OS_* of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    # The SDK would keep the file that OS_CLIENT_CONFIG_FILE names once for the rest of the process.
    monkeypatch.setattr(loader, "CONFIG_FILES", [str(tmp_path / "none.yaml")])


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# --- logging in


def test_ways_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By options, by a dictionary as cloud, by clouds.yaml, by the environment: the same project each time."""
    with scripted_cloud([]) as cloud:
        clouds_yaml = tmp_path / "clouds.yaml"
        clouds_yaml.write_text(json.dumps({"clouds": {"mine": {"auth": cloud.auth()}}}), encoding="utf-8")
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds_yaml))
        ways: list[dict[str, Any]] = [
            {"auth": cloud.auth()},
            {"cloud": {"auth": cloud.auth()}},
            {"cloud": "mine"},
            {"cloud": "mine", "region_name": "R", "interface": "public", "api_timeout": 5},
        ]
        assert [connect(way).current_project_id for way in ways] == [PROJECT] * 4
        for name, value in cloud.auth().items():
            monkeypatch.setenv(f"OS_{name.upper()}", value)
        assert connect({}).current_project_id == PROJECT
        assert cloud.script.logins == 5


def test_an_option_outweighs_the_cloud() -> None:
    """What is said closest to the task counts."""
    with scripted_cloud([]) as cloud:
        config = {"auth": cloud.auth(password="old"), "region_name": "nowhere"}
        connection = connect({"cloud": config, "auth": cloud.auth(), "region_name": "R"})
        assert connection.config.get_region_name() == "R"


def failure_of(params: dict[str, Any]) -> KcloudError:
    """The error of a login that must fail; never with the password in it."""
    with pytest.raises(KcloudError) as caught:
        connect(params)
    reported = json.dumps(caught.value.failure()) + caught.value.sentence()
    assert PASSWORD not in reported and "wrong-password" not in reported
    assert caught.value.hint
    return caught.value


def test_wrong_password() -> None:
    """Keystone's refusal, with what to look at."""
    with scripted_cloud([]) as cloud:
        error = failure_of({"auth": cloud.auth(password="wrong-password")})
    assert isinstance(error, AuthenticationFailed)
    assert "clouds.yaml" in str(error.hint)


@pytest.mark.parametrize("missing", ["username", "password", "project_domain_name", "user_domain_name"])
def test_missing_options(missing: str) -> None:
    """A domain forgotten, as with Keystone v2 habits, and whatever else keystoneauth or Keystone want."""
    with scripted_cloud([], checked=False) as cloud:
        auth = {key: value for key, value in cloud.auth().items() if key != missing}
        assert failure_of({"auth": auth}).code == "AUTHENTICATION_FAILED"


@pytest.mark.parametrize("params", [{}, {"auth": {"username": "u", "password": PASSWORD}}])
def test_nothing_that_says_which_cloud(params: dict[str, Any]) -> None:
    """And nothing in the environment either."""
    assert failure_of(params).code == "BAD_CLOUD_CONFIG"


def test_a_cloud_that_no_file_knows() -> None:
    """The name is in the message."""
    error = failure_of({"cloud": "mine"})
    assert isinstance(error, InvalidRequest) and error.code == "BAD_CLOUD_CONFIG" and "'mine'" in error.message


def test_the_file_that_the_environment_names_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a relative path: a module does not run where the user stands."""
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "not-here/clouds.yaml")
    error = failure_of({"cloud": "mine"})
    assert "'not-here/clouds.yaml'" in str(error.hint) and "absolute path" in str(error.hint)


def test_nobody_answers() -> None:
    """Connection refused."""
    with scripted_cloud([]) as cloud:
        auth = cloud.auth(auth_url=f"http://127.0.0.1:{unused_port()}/v3")
    error = failure_of({"auth": auth})
    assert isinstance(error, CloudUnreachable)
    assert "reached" in str(error.hint)


def test_somebody_else_answers() -> None:
    """The address is of a service other than Keystone: no traceback, and no word of success."""
    with scripted_cloud([], checked=False) as cloud:
        error = failure_of({"auth": cloud.auth(auth_url=f"{cloud.server.url}/other")})
    assert error.code in ("CLOUD_UNREACHABLE", "NOT_FOUND", "SERVICE_ERROR")


# --- reading


def reading(entries: list[Any], attempts: int = 5) -> tuple[Callable[[], Any], list[float], Any]:
    """A read of ``/thing`` by the SDK's session, and the pauses that it makes."""
    cloud_context = scripted_cloud(entries)
    cloud = cloud_context.__enter__()
    session = connect({"auth": cloud.auth()}).session
    pauses: list[float] = []
    url = f"{cloud.server.url}/thing"

    def call() -> Any:
        return read(lambda: session.get(url).json(), "read a thing", "thing/1", attempts=attempts, sleep=pauses.append)

    return call, pauses, cloud_context


@pytest.mark.parametrize(
    ("hiccups", "pauses"),
    [
        ([], []),
        ([(503, {})], [0.5]),
        ([(500, {}), (502, {}), (504, {}), (429, {})], [0.5, 1, 2, 4]),
        ([(LOST, None)], [0.5]),
    ],
)
def test_reads_survive_hiccups(hiccups: list[tuple[int, Any]], pauses: list[float]) -> None:
    """Each with a longer pause than before."""
    answers = [("GET", "/thing", status, body) for status, body in hiccups]
    call, paused, context = reading([*answers, ("GET", "/thing", 200, {"id": 1})])
    assert call() == {"id": 1}
    context.__exit__(None, None, None)
    assert paused == pauses


@pytest.mark.parametrize(
    ("status", "code"), [(400, "REJECTED"), (403, "NOT_PERMITTED"), (409, "CONFLICT"), (405, "SERVICE_ERROR")]
)
def test_reads_take_a_clear_no_at_once(status: int, code: str) -> None:
    """Asking again would not help."""
    call, paused, context = reading([("GET", "/thing", status, {"error": {"message": "no"}})])
    with pytest.raises(KcloudError) as caught:
        call()
    context.__exit__(None, None, None)
    assert caught.value.code == code and paused == []
    assert caught.value.resource == "thing/1" and caught.value.message == "Failed to read a thing"


def test_reads_give_up() -> None:
    """With the service's status."""
    call, paused, context = reading([("GET", "/thing", 503, {}, 3)], attempts=3)
    with pytest.raises(ServiceError) as caught:
        call()
    context.__exit__(None, None, None)
    assert caught.value.failure()["http_status"] == 503 and paused == [0.5, 1]


def test_what_does_not_exist_is_none() -> None:
    """No error."""
    call, paused, context = reading([("GET", "/thing", 404, {"error": {"message": "no"}})])
    assert call() is None and paused == []
    context.__exit__(None, None, None)


def test_an_expired_token_is_renewed() -> None:
    """A 401 in the middle of a long wait is nobody's failure."""
    call, paused, context = reading([("GET", "/thing", 401, {}), ("GET", "/thing", 200, {"id": 1})])
    assert call() == {"id": 1} and paused == []
    context.__exit__(None, None, None)


def test_credentials_that_were_withdrawn() -> None:
    """A second 401, after a new token, is a failure."""
    call, _paused, context = reading([("GET", "/thing", 401, {"error": {"message": "gone"}}, 2)])
    with pytest.raises(AuthenticationFailed):
        call()
    context.__exit__(None, None, None)


# --- whose error it is


@pytest.mark.parametrize("error", [ValueError("ours"), KeyError("name"), NotFound("Failed to x")])
def test_our_own_errors_pass(error: Exception) -> None:
    """A mistake in our code must stay a traceback, an error of ours must stay what it is."""
    with pytest.raises(type(error)) as caught, translated("x", "y"):
        raise error
    assert caught.value is error


def test_a_service_that_the_catalog_lacks() -> None:
    """Is distinguished from an object that does not exist."""
    with scripted_cloud([]) as cloud:
        session = connect({"auth": cloud.auth()}).session
        with pytest.raises(NotFound) as caught, translated("read", "baremetal"):
            session.get("/nodes", endpoint_filter={"service_type": "baremetal"})
    assert caught.value.code == "SERVICE_NOT_IN_CATALOG"


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (403, "Resource limit for quota Cluster exceeded", "QUOTA_EXCEEDED"),
        (413, "Quota exceeded for instances", "QUOTA_EXCEEDED"),
        (403, "Policy does not allow this", "NOT_PERMITTED"),
        (403, "Delegated tokens cannot manage trusts", "TRUST_NOT_PERMITTED"),
        (401, "who are you", "AUTHENTICATION_FAILED"),
        (404, "no", "NOT_FOUND"),
        (409, "busy", "CONFLICT"),
        (400, "bad", "REJECTED"),
        (500, "oops", "SERVICE_ERROR"),
        (None, "odd", "SERVICE_ERROR"),
    ],
)
def test_each_answer_has_its_code_and_a_fix(status: int | None, reason: str, code: str) -> None:
    """By the status first, then by the words."""
    error = type("Anybodys", (Exception,), {"http_status": status})(reason + "\n  and more")
    reported = from_exception(error, "do it", "thing/1")
    assert (reported.code, reported.reason, reported.resource) == (code, reason + " and more", "thing/1")
    assert reported.hint and reported.message == "Failed to do it"


def test_what_passes_by_itself() -> None:
    """Only what says nothing about the request."""
    statuses = {status for status in range(400, 600) if is_passing(type("E", (Exception,), {"http_status": status})())}
    assert statuses == {408, 429, 500, 502, 503, 504}
