# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of a fleet: command line, processes, and the proxy that counts."""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.fleet import __main__ as command_line
from benchmarks.fleet import contenders, counting, declaration, processes
from benchmarks.fleet.processes import Command, RunError


@pytest.fixture(name="service")
def echoing_service() -> Iterator[str]:
    """A service that answers with what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = json.dumps([self.path, self.headers.get("X-Given"), body.decode()]).encode()
            self.send_response(202)
            self.send_header("X-Answer", "yes")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_proxy_passes_on_and_counts(service: str) -> None:
    with counting.CountingProxy([(f"{service}/v1", "container-infra")]) as proxy:
        place = proxy.environment["HTTP_PROXY"].removeprefix("http://")
        connection = http.client.HTTPConnection(place, timeout=10)
        # Twice over one connection, as clients keep them
        for _time in range(2):
            connection.request("POST", f"{service}/v1/clusters?limit=1", body="text", headers={"X-Given": "header"})
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("X-Answer")) == (202, "yes")
            assert json.loads(answer.read()) == ["/v1/clusters?limit=1", "header", "text"]
        connection.close()
    assert [(found.service, found.method, found.path, found.status) for found in proxy.requests] == [
        ("container-infra", "POST", "/v1/clusters", 202)
    ] * 2
    assert all(found.end > found.start for found in proxy.requests)


def test_the_proxy_says_when_nothing_answers() -> None:
    with counting.CountingProxy([]) as proxy:
        connection = http.client.HTTPConnection(proxy.environment["HTTP_PROXY"].removeprefix("http://"), timeout=10)
        connection.request("GET", "http://127.0.0.1:1/")
        assert connection.getresponse().status == 502
        connection.close()
    assert [(found.service, found.status) for found in proxy.requests] == [(counting.UNKNOWN, 502)]


def test_requests_of_a_process_go_through_the_proxy_even_to_loopback() -> None:
    with counting.CountingProxy([]) as proxy:
        merged = {**contenders.environment(), **proxy.environment}
    assert (merged["NO_PROXY"], merged["no_proxy"]) == ("", "")


def test_a_service_is_found_by_host_and_port() -> None:
    endpoints = [("http://cloud:5000/v3", "identity"), ("http://cloud:9511/v1", "container-infra")]
    assert counting.service_of("http://cloud:9511/", endpoints) == "container-infra"
    assert counting.service_of("http://cloud:1/", endpoints) == counting.UNKNOWN


def python(program: str, text: str = "", changed: bool | None = None) -> Command:
    return Command((sys.executable, "-c", program), {"PATH": os.environ["PATH"]}, text, changed)


def test_a_process_is_timed_with_its_own_peak() -> None:
    program = "import sys, json; kept = bytearray(80_000_000); print(json.dumps({'given': sys.stdin.read()}))"
    run = processes.timed(python(program, "text"))
    assert run.result == {"given": "text"}
    assert run.seconds > 0
    # Not exact: what the process that starts it has used is a floor of it
    assert run.peak_mb > 76


@pytest.mark.parametrize(
    ("program", "changed", "words"),
    [
        ("raise SystemExit('wrong')", None, "exit code 1: wrong"),
        ('print(\'{"failed": true, "msg": "no cloud"}\')', None, "exit code 0: no cloud"),
        ('print(\'{"changed": true, "changes": [1]}\')', False, "'changed' is True, and False was expected"),
    ],
)
def test_a_process_that_did_something_else_is_not_measured(program: str, changed: bool | None, words: str) -> None:
    with pytest.raises(RunError, match=words):
        processes.timed(python(program, changed=changed))


def test_a_process_that_hangs_is_ended() -> None:
    with pytest.raises(RunError, match="exit code -9"):
        processes.timed(python("import time; time.sleep(60)"), limit=0.2)


def test_the_result_is_the_last_object() -> None:
    assert processes.last_json('warning\n{"a": 1}\n{"a": 2}\n{broken\nend') == {"a": 2}
    assert processes.last_json("[1]") == {}


def test_processes_in_order_add_up() -> None:
    run = processes.in_order([python("print('{\"a\": 1}')"), python("print('{\"a\": 2}')")])
    assert run.result == {"a": 2}
    assert run.cpu_seconds > 0


def test_a_module_gets_its_options_on_its_standard_input() -> None:
    command = contenders.module("magnum_fleet", declaration.fleet(["bench-000"]))
    assert command.arguments[1:] == ("-m", "ansible_collections.kcloud.infrastructure.plugins.modules.magnum_fleet")
    options = json.loads(command.input)["ANSIBLE_MODULE_ARGS"]
    assert options["clusters"] == [{"name": "bench-000", "cluster_template": "bench-template", "node_count": 1}]
    assert options["cloud"] == declaration.CLOUD


def test_a_measured_process_sees_no_other_cloud() -> None:
    given = {"PATH": "/bin", "OS_CLOUD": "mine", "OS_CLIENT_CONFIG_FILE": "/mine", "PYTHONDONTWRITEBYTECODE": "1"}
    found = contenders.environment("/collections", given)
    assert found["PYTHONPATH"] == "/collections"
    assert found["OS_CLIENT_CONFIG_FILE"] == str(contenders.CLOUDS)
    assert "OS_CLOUD" not in found and "PYTHONDONTWRITEBYTECODE" not in found


def test_the_declared_template_is_the_one_that_is_created() -> None:
    fields = declaration.template_fields()
    assert (fields["name"], fields["image_id"], fields["coe"]) == ("bench-template", "ubuntu-capi", "kubernetes")
    assert "image" not in fields


def test_arguments() -> None:
    asked = command_line.read_arguments(["unchanged", "--clusters", "20,1,20", "--present", "20", "--keep"])
    assert (asked.clusters, asked.present, asked.keep, asked.runs, asked.loop_samples) == ([1, 20], 20, True, 3, 3)
    assert command_line.read_arguments(["unchanged"]).clusters == [1, 20, 100, 300]
    assert command_line.read_arguments(["create"]).count == 20
    assert command_line.read_arguments(["single"]).present == 1
    asked = command_line.read_arguments(["info", "--clusters", "5", "--without", "magnum_fleet"])
    assert (asked.clusters, asked.without) == ([5], ["magnum_fleet"])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unchanged", "--clusters", "400"],
        ["unchanged", "--clusters", "0"],
        ["unchanged", "--clusters", "x"],
        ["unchanged", "--runs", "0"],
        ["info", "--without", "nothing"],
    ],
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command_line.read_arguments(arguments)
    assert end.value.code == 2
    assert "usage" in capsys.readouterr().err
