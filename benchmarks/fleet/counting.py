# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy on loopback that counts requests and clocks the services' answers, whatever client sends them.

A process uses it by the environment (`HTTP_PROXY`), so nothing in the code under test changes. It costs about a millisecond
a request: runs that are timed go without it.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

UNKNOWN = "unknown"
# Between two neighbours only, as HTTP has it
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}
)
LIMIT_S = 600


@dataclass(frozen=True)
class Request:
    """One request as the proxy saw it; both clocks in seconds of `time.perf_counter`."""

    service: str
    method: str
    path: str
    status: int
    start: float
    end: float


def service_of(url: str, endpoints: Sequence[tuple[str, str]]) -> str:
    """The type of the service that a URL belongs to: by host and port, as versions are asked for above an endpoint's path.

    :param endpoints: (URL, type) of the cloud's catalog.
    """
    place = urlsplit(url).netloc
    return next((kind for address, kind in endpoints if urlsplit(address).netloc == place), UNKNOWN)


class CountingProxy:
    """Runs while its block does: `with CountingProxy(endpoints) as proxy: ...; proxy.requests`."""

    def __init__(self, endpoints: Sequence[tuple[str, str]]) -> None:
        """Listen on a free port of loopback."""
        self.requests: list[Request] = []
        proxy = self

        class Handler(_Handler):
            def seen(self, url: str, status: int, start: float) -> None:
                service = service_of(url, endpoints)
                proxy.requests.append(
                    Request(service, self.command, urlsplit(url).path, status, start, time.perf_counter())
                )

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to send its requests here, those for loopback too."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {"HTTP_PROXY": url, "http_proxy": url, "NO_PROXY": "", "no_proxy": ""}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Passes a request with an absolute URL on, and the answer back."""

    protocol_version = "HTTP/1.1"

    def seen(self, url: str, status: int, start: float) -> None:
        """Take note of a request."""
        raise NotImplementedError

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        address = urlsplit(self.path)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        start = time.perf_counter()
        connection = http.client.HTTPConnection(address.netloc, timeout=LIMIT_S)
        try:
            path = address.path or "/"
            connection.request(self.command, f"{path}?{address.query}" if address.query else path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError as error:
            self.seen(self.path, 502, start)
            self.send_error(502, str(error))
            return
        finally:
            connection.close()
        self.seen(self.path, answer.status, start)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    # The names are the base class's
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""
