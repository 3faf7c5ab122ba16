# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that no service gave are told apart, for reads and for writes, before a client reads them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    connect,
    from_exception,
    is_broken,
    read,
    write,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError, ServiceError, Unclear
from ansible_collections.kcloud.infrastructure.plugins.module_utils.session import broken, judging_session, words_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import Hands, error
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import ANY, scripted_cloud
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("keystoneauth1")

PAGE = b"<html><head><title>502</title><style>a{}</style></head><body><h1>Bad&nbsp;Gateway</h1></body></html>"
ERROR = b'{"errors": [{"title": "no", "detail": "no"}]}'
JSON = "application/json"
MAGNUM = "container-infra"


@pytest.mark.parametrize(
    ("method", "status", "kind", "body", "service", "is_broken"),
    [
        ("GET", 200, JSON, b"{}", MAGNUM, False),
        ("GET", 200, JSON, b"[1]", None, False),
        ("GET", 200, JSON, b"", MAGNUM, True),
        ("GET", 200, JSON, b'{"clusters": [', MAGNUM, True),
        ("GET", 200, "text/html", PAGE, MAGNUM, True),
        ("GET", 300, JSON, b"{}", None, False),
        ("GET", 302, "text/html", PAGE, "orchestration", False),
        ("GET", 204, "", b"", MAGNUM, False),
        ("HEAD", 200, "", b"", MAGNUM, False),
        ("GET", 404, JSON, ERROR, MAGNUM, False),
        ("GET", 404, JSON, b'{"error": {"message": "no", "type": "EntityNotFound"}}', "orchestration", False),
        ("GET", 404, JSON, b'{"error_message": "{}"}', MAGNUM, False),
        ("GET", 404, "text/html", PAGE, MAGNUM, True),
        ("GET", 404, JSON, b"{}", MAGNUM, True),
        ("DELETE", 404, "text/html", PAGE, "orchestration", True),
        # Glance answers so by itself
        ("GET", 404, "text/html", PAGE, "image", False),
        ("GET", 503, "text/html", PAGE, MAGNUM, False),
        # Heat's answer to an update
        ("PUT", 202, "text/plain", b"202 Accepted", "orchestration", False),
        ("POST", 202, JSON, b"", MAGNUM, False),
        ("POST", 202, JSON, b'{"uuid": ', MAGNUM, True),
        ("DELETE", 204, "", b"", MAGNUM, False),
    ],
)
def test_which_answers_are_believed(
    method: str, status: int, kind: str, body: bytes, service: str | None, is_broken: bool
) -> None:
    """By method, status, body, and whose client reads it."""
    assert (broken(method, status, kind, body, service) is not None) is is_broken


@given(st.sampled_from(["GET", "POST", "DELETE"]), st.integers(200, 599), st.binary(max_size=60))
def test_any_answer_is_judged(method: str, status: int, body: bytes) -> None:
    """Without an error of our own, and with a reason in words where it is not believed."""
    for kind in (JSON, "text/html", ""):
        why = broken(method, status, kind, body, MAGNUM)
        assert why is None or why.startswith(str(status))
    assert len(words_of(body)) <= 200


def test_what_a_page_says_is_told_without_its_tags() -> None:
    """In one line."""
    assert words_of(PAGE) == "502 Bad Gateway"
    assert words_of(b"x" * 500).endswith("...") and words_of(b"") == ""


def client(cloud: Any) -> Any:
    return connect({"auth": cloud.auth()}).session


def test_retry_after_is_obeyed() -> None:
    """By reads, and by writes that a rate limit refused: these were not looked at."""
    from requests import Response

    limited = error(429, "Too many requests.")
    pauses: list[float] = []
    with scripted_cloud([("GET", "/thing", *limited), ("GET", "/thing", 200, {"id": 1})]) as cloud:
        session = client(cloud)
        url = f"{cloud.server.url}/thing"
        assert read(lambda: session.get(url).json(), "read", "x", sleep=pauses.append) == {"id": 1}
    with scripted_cloud([("POST", "/thing", *limited), ("POST", "/thing", 202, {"id": 1})]) as cloud:
        session = client(cloud)
        url = f"{cloud.server.url}/thing"
        answer = write(lambda: session.post(url, json={}), "write", "x", sleep=pauses.append)
        assert isinstance(answer, Response) and cloud.script.writes() == ["POST /thing"] * 2
    assert pauses == [0.5, 0.5]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_without_a_clear_answer_is_sent_once(status: int) -> None:
    """Whoever sent it looks at what there is."""
    with scripted_cloud([("POST", "/thing", *error(status, "Oops."))]) as cloud:
        session = client(cloud)
        with pytest.raises(Unclear) as caught:
            write(lambda: session.post(f"{cloud.server.url}/thing", json={}), "write a thing", "thing/1")
        assert cloud.script.writes() == ["POST /thing"]
    assert caught.value.error.failure()["http_status"] == status


@pytest.mark.parametrize("said", ["Upgrade is not supported by driver", "NotImplementedError: no"])
def test_a_500_that_names_a_missing_verb_is_clear(said: str) -> None:
    """Nothing was done, so nothing is looked for."""
    with scripted_cloud([("POST", "/thing", *error(500, said))]) as cloud:
        session = client(cloud)
        with pytest.raises(ServiceError):
            write(lambda: session.post(f"{cloud.server.url}/thing", json={}), "write a thing", "thing/1")


def test_a_wait_reads_on_until_its_deadline() -> None:
    """Through any number of hiccups and refused tokens; then the last of them is the error."""
    hands = Hands()
    away = ("GET", "/thing", *error(503, "Busy."), ANY)
    with scripted_cloud(
        [away, ("GET", "/thing", *error(401, "Expired."), 4), ("GET", "/thing", 200, {"id": 1})]
    ) as cloud:
        session = client(cloud)
        url = f"{cloud.server.url}/thing"
        until = Deadline.after(120, hands.clock)
        asked = 0

        def call() -> Any:
            nonlocal asked
            asked += 1
            if asked == 9:
                # The service is back, and does not know the token any more
                cloud.script.entries[0][4] = 0
            return session.get(url).json()

        assert read(call, "read a thing", "thing/1", until=until) == {"id": 1}
        assert asked > 9 and hands.at > 1000 + 8
    with scripted_cloud([away]) as cloud:
        session, url = client(cloud), f"{cloud.server.url}/thing"
        until = Deadline.after(60, hands.clock)
        with pytest.raises(KcloudError) as caught:
            read(lambda: session.get(url).json(), "read a thing", "thing/1", until=until)
        assert 60 <= until.elapsed < 70 and caught.value.failure()["http_status"] == 503


def test_a_login_that_meets_a_hiccup_is_made_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and not for a wrong password."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with scripted_cloud([]) as cloud:
        answer, failures = cloud.server.identity, [1]

        def flaky(method: str, path: str, body: Any) -> tuple[int, Any, dict[str, str]]:
            if method == "POST" and failures:
                failures.pop()
                return 503, {"error": {"code": 503, "message": "busy", "title": "Busy"}}, {}
            return answer(method, path, body)

        monkeypatch.setattr(cloud.server, "identity", flaky)
        assert client(cloud) is not None and cloud.script.logins == 1
        failures += [1, 1, 1]
        with pytest.raises(ServiceError):
            client(cloud)
        assert len(failures) == 1


@pytest.mark.parametrize(
    ("params", "option"),
    [
        ({"cloud": ["devcloud"]}, "cloud"),
        ({"cloud": ""}, "cloud"),
        ({"cloud": 4}, "cloud"),
        ({"cloud": {"auth": {"auth_url": "http://127.0.0.1:1/v3"}}, "auth_type": ""}, "auth_type"),
        ({"auth": {}, "client_cert": ""}, "client_cert"),
        ({"cloud": {"auth": "text"}}, "clouds.yaml"),
        ({"cloud": {"auth": {"auth_url": {}}, "cacert": {}}}, "clouds.yaml"),
        ({"cloud": {"auth": {"auth_url": 5}}, "region_name": "R"}, "clouds.yaml"),
    ],
)
def test_auth_options_of_any_form_are_an_error_that_names_them(params: dict[str, Any], option: str) -> None:
    """Never a traceback out of the SDK."""
    with pytest.raises(KcloudError) as caught:
        connect(params)
    assert caught.value.resource in (option, "keystone") and caught.value.hint


def test_an_address_that_is_no_keystone() -> None:
    """Is not an object that was not found."""
    with scripted_cloud([], checked=False) as cloud, pytest.raises(KcloudError) as caught:
        connect({"auth": cloud.auth(auth_url=f"{cloud.server.url}/other")})
    assert caught.value.code in ("CLOUD_UNREACHABLE", "SERVICE_ERROR") and "name" not in str(caught.value.hint)


def test_a_page_where_versions_are_looked_for_does_not_end_the_search() -> None:
    """As a dashboard at the root of the address does: keystoneauth takes only this kind of error for "no versions here"."""
    from keystoneauth1 import discover, noauth
    from keystoneauth1.exceptions import DiscoveryFailure
    from requests import Response

    class Page(judging_session()):  # type: ignore[misc]
        def _send_request(self, *_args: Any, **_options: Any) -> Response:
            answer = Response()
            answer.status_code, answer._content = 200, PAGE
            answer.headers["Content-Type"] = "text/html"
            return answer

    session = Page(auth=noauth.NoAuth(endpoint="http://cloud/"))
    with pytest.raises(DiscoveryFailure):
        discover.get_version_data(session, "http://cloud/", authenticated=False)
    with pytest.raises(DiscoveryFailure) as caught:
        session.get("http://cloud/things")
    assert is_broken(caught.value)
    assert from_exception(caught.value, "read things", "things").code == "BROKEN_ANSWER"
