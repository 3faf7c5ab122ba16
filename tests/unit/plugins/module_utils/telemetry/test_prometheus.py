# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus over real HTTP: requests, secrets, hiccups, and servers that are named wrongly."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Series, Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.chosen import read_source
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.prometheus import (
    Prometheus,
    Server,
    read_servers,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import read_all

WINDOW = Window(end=7200, step=300, steps=12)
LOST = 0
Answer = tuple[int, Any]


class Scripted(ThreadingHTTPServer):
    """Answers in turn, the last one for ever; keeps what it was asked."""

    daemon_threads = True

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str], str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.server.asked.append((parts.path, query, self.headers.get("Authorization")))
        status, body = self.server.answers[0]
        if len(self.server.answers) > 1:
            self.server.answers.pop(0)
        if status == LOST:
            self.close_connection = True
            return
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_args: Any) -> None:
        """Nothing on stderr."""


@contextmanager
def serving(*answers: Answer) -> Iterator[Scripted]:
    server = Scripted(*answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.001,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers are on loopback."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def vector(*values: tuple[dict[str, str], Any]) -> dict[str, Any]:
    result = [{"metric": labels, "value": [7200, value]} for labels, value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


NONE = vector()


def api(server: Scripted, pauses: list[float] | None = None, name: str = "a", **more: Any) -> Prometheus:
    return Prometheus(Server(name, server.url, **more), sleep=(pauses if pauses is not None else []).append)


def test_queries() -> None:
    over = {"status": "success", "data": {"result": [{"metric": {"n": "1"}, "values": [[300, "1.5"], [600, "NaN"]]}]}}
    names = {"status": "success", "data": ["up"]}
    with serving((200, vector(({"n": "1"}, "2"), ({"n": "2"}, "+Inf"))), (200, over), (200, names)) as server:
        found = api(server)
        # What is not a number counts as a gap
        assert found.at("up", 7200) == (Series({"n": "1"}, {7200.0: 2.0}), Series({"n": "2"}, {}))
        assert found.over("up", WINDOW) == (Series({"n": "1"}, {300.0: 1.5}),)
        assert found.names(WINDOW) == ["up"]
    assert server.asked == [
        ("/api/v1/query", {"query": "up", "time": "7200"}, None),
        ("/api/v1/query_range", {"query": "up", "start": "3900", "end": "7200", "step": "300"}, None),
        ("/api/v1/label/__name__/values", {"start": "3600", "end": "7200"}, None),
    ]


def test_no_data_is_nothing_known() -> None:
    with serving((200, NONE)) as server:
        assert api(server).at("up", 7200) == ()


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"token": "secret"}, "Bearer secret"),
        ({"username": "u", "password": "secret"}, "Basic " + base64.b64encode(b"u:secret").decode()),
    ],
)
def test_credentials(given: dict[str, str], sent: str) -> None:
    with serving((200, NONE)) as server:
        found = api(server, **given)
        found.at("up", 7200)
    assert server.asked[0][2] == sent
    assert found.server.secrets == {"secret"}
    assert "secret" not in repr(found.server)


@pytest.mark.parametrize(
    "hiccup", [(503, "busy"), (500, {"error": "x"}), (429, ""), (LOST, None), (200, "<html>"), (200, {}), (200, [])]
)
def test_a_hiccup_passes(hiccup: Answer) -> None:
    pauses: list[float] = []
    with serving(hiccup, hiccup, (200, NONE)) as server:
        assert api(server, pauses).at("up", 7200) == ()
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize(
    ("answer", "code", "reason", "requests"),
    [
        ((400, {"status": "error", "error": "parse error at char 3"}), "QUERY_FAILED", "parse error at char 3", 1),
        ((422, {"status": "error", "error": "duplicate series"}), "QUERY_FAILED", "duplicate series", 1),
        ((302, "elsewhere"), "QUERY_FAILED", "HTTP 302", 1),
        ((404, "no such page"), "QUERY_FAILED", "HTTP 404", 1),
        ((200, {**NONE, "warnings": ["no store for x", "again"]}), "PARTIAL_ANSWER", "no store for x; again", 1),
        ((401, "who are you"), "AUTHENTICATION_FAILED", "HTTP 401", 1),
        ((403, {"error": "not yours"}), "AUTHENTICATION_FAILED", "not yours", 1),
        ((503, {"error": "busy"}), "QUERY_FAILED", "busy", 4),
        ((LOST, None), "METRICS_UNREACHABLE", None, 4),
        ((200, "<html>"), "METRICS_UNREACHABLE", None, 4),
    ],
)
def test_errors(answer: Answer, code: str, reason: str | None, requests: int) -> None:
    with serving(answer) as server, pytest.raises(KcloudError) as caught:
        api(server, token="secret").at("up{", 7200)
    assert caught.value.code == code
    assert caught.value.resource == "prometheus/a"
    assert reason is None or caught.value.reason == reason
    assert len(server.asked) == requests
    assert "secret" not in f"{caught.value.sentence()}{caught.value.failure()}"
    if code in ("QUERY_FAILED", "PARTIAL_ANSWER"):
        assert "up{" in caught.value.message


@pytest.mark.parametrize("remarks", [{"infos": ["x"]}, {"warnings": ["PromQL info: x"]}, {"warnings": []}])
def test_remarks_on_a_query_leave_no_data_out(remarks: dict[str, list[str]]) -> None:
    with serving((200, {**NONE, **remarks})) as server:
        assert api(server).at("up", 7200) == ()


def test_a_file_that_is_missing_is_said() -> None:
    with pytest.raises(KcloudError) as caught:
        Prometheus(Server("a", "https://127.0.0.1:9", ca_cert="/none.pem"), sleep=lambda _seconds: None).at("up", 7200)
    assert caught.value.code == "METRICS_UNREACHABLE"


def test_a_server_that_fails_in_the_middle_counts_as_not_read() -> None:
    names = {"status": "success", "data": ["kube_node_info", "kube_node_status_allocatable"]}
    some = (200, vector(({"node": "n"}, "1")))
    with serving((200, names), some) as well, serving((200, names), some, (400, {"error": "no"})) as ill:
        readings, read = read_all([api(well, name="well", clusters=("ml",)), api(ill, name="ill")], WINDOW)
    assert [(one.server, one.metric.measures, one.clusters) for one in readings] == [
        ("well", "identity", ("ml",)),
        ("well", "allocatable", ("ml",)),
    ]
    assert [(server.name, count, error and error.code) for server, count, error in read] == [
        ("well", 2, None),
        ("ill", 0, "QUERY_FAILED"),
    ]


URL = "http://127.0.0.1:9090"


def test_servers_of_the_environment_in_the_form_of_the_monitoring_service() -> None:
    entry = {"name": "a", "url": f"{URL}/", "region": "r", "description": "d", "username": "u", "password": "p", "ca_bundle": "/ca", "timeout": 9}  # fmt: skip
    environment = {"PROMETHEUS_CLUSTERS": json.dumps([entry])}
    expected = Server("a", URL, username="u", password="p", ca_cert="/ca", timeout=9)
    assert read_servers(None, environment) == (expected,)
    # The option counts in its place
    assert read_servers([{"name": "b", "url": URL}], environment) == (Server("b", URL),)


@pytest.mark.parametrize(
    ("given", "environment"),
    [
        (None, ""),
        ([], "[]"),
        (None, "no JSON"),
        (None, '{"name": "a"}'),
        (None, "[1]"),
        (None, '[{"url": "http://a"}]'),
        (None, '[{"name": "a", "url": "http://a", "timeout": "soon"}]'),
        ([{"name": "a", "url": "ftp://a"}], ""),
        ([{"name": "a", "url": "http://"}], ""),
        ([{"name": "a", "url": "http://a:port"}], ""),
        ([{"name": "a", "url": "http://u:secret@a"}], ""),
        ([{"name": "a", "url": "http://a?token=secret"}], ""),
        ([{"name": "a", "url": URL, "token": "secret", "username": "u"}], ""),
        ([{"name": "a", "url": URL, "timeout": 0}], ""),
        ([{"name": "a", "url": URL}, {"name": "a", "url": URL}], ""),
    ],
)
def test_wrong_servers(given: list[dict[str, Any]] | None, environment: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_servers(given, {"PROMETHEUS_CLUSTERS": environment})
    assert caught.value.hint
    assert "secret" not in f"{caught.value.sentence()}{caught.value.failure()}"


@pytest.mark.parametrize("source", ["prometheus", "aetos"])
@pytest.mark.parametrize("url", ["http://u:se@c/ret@a:9090", "http://:se@c/ret@[a", "ftp://u:se@c/ret@a"])
def test_a_password_in_an_address_is_hidden_before_it_is_refused(url: str, source: str) -> None:
    """A result shows the arguments that it refuses."""
    hidden: set[str] = set()
    with pytest.raises(InvalidRequest):
        read_source(
            {"source": source, "servers": [{"name": "b", "url": URL}, {"name": "a", "url": url}]}, {}, hidden.update
        )
    assert hidden == {"se@c/ret"}
