# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that hold what all share: connections, over sockets of a real server, and threads."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from gateway.connections import Connection
from gateway.limits import AtOnce, BodyLimit, TooManyAtOnce

# Long enough for a client of this test, short enough to wait for
SHORT = 0.7
# A head that is sent at once comes in this time on a busy machine, too
ENOUGH = 3.0
CONNECTIONS = 5
# A server that never ends a connection would be waited for so long
LONG = 20.0
HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
# More than the buffers of both ends hold
MUCH = b"x" * 30_000_000


def answering(status: int, body: bytes = b"") -> Any:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        length = str(len(MUCH if scope["path"] == "/much" else body)).encode()
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": MUCH if scope["path"] == "/much" else body})

    return app


class Quick(Connection):
    answer_seconds = SHORT


@pytest.fixture
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Where a server listens that gives short times, and takes few connections. A test may give the time for a head."""
    app = BodyLimit(answering(200), 100, answering(413), answering(408), SHORT)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=Quick, ws="none", lifespan="off", log_level="critical",
        timeout_keep_alive=getattr(request, "param", SHORT), limit_concurrency=CONNECTIONS,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(LONG)
    assert not thread.is_alive()


@contextlib.contextmanager
def connected(port: int, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=LONG) as client:
        client.sendall(sent)
        yield client


def until_closed(client: socket.socket) -> bytes:
    """What the server sends before it ends the connection; a timeout fails the test."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            found += part
    return found


def status(port: int) -> bytes:
    with connected(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") as client:
        return until_closed(client)[:12]


def test_clients_that_send_nothing_do_not_lock_others_out(port: int) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connected(port)) for _number in range(CONNECTIONS + 3)]
        assert [until_closed(client) for client in silent] == [b""] * len(silent)
        # They have not closed their ends
        assert status(port) == b"HTTP/1.1 200"


@pytest.mark.parametrize("sent", [b"G", HEAD[:-2]], ids=["a byte", "half of a head"])
def test_half_of_a_head_ends_the_connection_however_slowly_it_goes_on(port: int, sent: bytes) -> None:
    with connected(port, sent) as client:
        client.settimeout(SHORT / 5)
        deadline = time.monotonic() + LONG
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < deadline:
                with contextlib.suppress(TimeoutError):
                    assert client.recv(100) == b""
                    break
                client.sendall(b"x")
        assert time.monotonic() < deadline


@pytest.mark.parametrize("port", [ENOUGH], indirect=True)
def test_half_of_a_second_head_ends_the_connection(port: int) -> None:
    first = HEAD.replace(b"10", b"0")
    with connected(port, first) as client:
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        # uvicorn's own timer ends here
        client.sendall(b"GET /")
        assert until_closed(client) == b""


@pytest.mark.parametrize("port", [ENOUGH], indirect=True)
def test_connections_are_kept_for_the_next_request(port: int) -> None:
    with connected(port) as client:
        # Together longer than the time for one head
        for pause in (1.1, 1.1, 1.1, 0):
            client.sendall(HEAD + b"x" * 10)
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
            time.sleep(pause)


@pytest.mark.parametrize("port", [ENOUGH], indirect=True)
def test_a_body_that_does_not_come_is_answered_408(port: int) -> None:
    with connected(port, HEAD + b"xxx") as client:
        assert until_closed(client).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("port", [LONG], indirect=True)
def test_an_answer_that_nobody_takes_ends_the_connection(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for _number in range(CONNECTIONS - 1):
            client = stack.enter_context(connected(port, b"GET /much HTTP/1.1\r\nHost: a\r\n\r\n"))
            assert client.recv(12) == b"HTTP/1.1 200"
        deadline = time.monotonic() + LONG
        while status(port) != b"HTTP/1.1 200":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_client_has_so_many_requests_in_work_and_others_have_their_own() -> None:
    at_once = AtOnce(2)
    with at_once.one("a"), at_once.one("b"):
        with at_once.one("a"):
            with pytest.raises(TooManyAtOnce), at_once.one("a"):
                pass
            with at_once.one("b"):
                pass
        # Those that ended make room, and so do those that failed
        with pytest.raises(ValueError, match="x"), at_once.one("a"):
            raise ValueError("x")
        with at_once.one("a"):
            pass
    assert not at_once._in_work
