# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud on a loopback port that answers by script: the real clients talk to it, over real HTTP.

A script is a list of ``(method, path, status, body)``, the path a regular expression for the whole of it. A write answers
only when everything before it was asked for; the reads between two writes may come in any order, each route in the
order of the script. A body that is a function takes the request and returns the body. A fifth element says how often an entry
answers (default 1), ``ANY`` is once or more. A status of
``LOST`` closes the connection without an answer. A request that no entry fits is answered with 599, and the script's
end complains about it, as about each entry that was not asked for.

Keystone's token and the version documents of Magnum, Nova and Placement are answered too, outside of the script.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# `ansible-test units` runs each test in a fork: what is imported here is imported once, and not by every one of them.
for name in ("openstack.connection", "openstack.compute.v2._proxy", "magnumclient.v1.client", "heatclient.v1.client"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)

ANY = -1
LOST = 0
PASSWORD = "the-secret-password"
PROJECT = "11111111111111111111111111111111"
Entry = Sequence[Any]


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Script:
    """The answers to come, and all that was asked."""

    entries: list[list[Any]]
    # Reads that are answered so whenever no entry fits, any number of times: what stays as it is around the script.
    ambient: Sequence[Entry] = ()
    sent: list[Request] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    logins: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> tuple[int, Any]:
        """The status and the body of the first entry that fits."""
        with self.lock:
            self.sent.append(request)
            for index, entry in enumerate(self.entries):
                if self._fits(entry, request):
                    if request.method != "GET" and self._owed(index):
                        break
                    entry[4] -= entry[4] > 0
                    entry[5] += 1
                    if request.method != "GET":
                        # What was before a write is over.
                        self.entries = self.entries[index:]
                    return entry[2], entry[3]
                if entry[0] != "GET" and not entry[5]:
                    break
            for method, path, status, body in self.ambient:
                if method == request.method and re.fullmatch(path, request.path):
                    return status, body
            self.unexpected.append(str(request))
            return 599, {"errors": [{"status": 599, "title": "unexpected", "detail": f"not in the script: {request}"}]}

    @staticmethod
    def _fits(entry: list[Any], request: Request) -> bool:
        return entry[0] == request.method and entry[4] != 0 and re.fullmatch(entry[1], request.path) is not None

    def _owed(self, before: int) -> bool:
        return any(not entry[5] or entry[4] > 0 for entry in self.entries[:before])

    def writes(self) -> list[str]:
        """What was asked for except reads."""
        return [str(request) for request in self.sent if request.method != "GET"]

    def complaints(self) -> list[str]:
        """What was asked for without an entry, and the entries that nobody asked for."""
        left = [f"{entry[0]} {entry[1]}" for entry in self.entries if not entry[5] or entry[4] > 0]
        return [f"not in the script: {text}" for text in self.unexpected] + [
            f"never asked for: {text}" for text in left
        ]


class Handler(BaseHTTPRequestHandler):
    """Keystone and the version documents by themselves, everything else by the script."""

    server: Server

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        path = self.path
        if path.startswith("/identity"):
            status, answer, headers = self.server.identity(self.command, path, json.loads(body) if body else None)
        elif path.rstrip("/") in ("", "/v1"):
            status, answer, headers = 200, self.server.versions(), {}
        elif path.rstrip("/") in ("/nova", "/nova/v2.1"):
            status, answer, headers = 200, {"version": self.server.version("v2.1", "/nova/v2.1/", "2.96")}, {}
        elif path.rstrip("/") == "/placement":
            status, answer, headers = 200, {"versions": [self.server.version("v1.0", "/placement/", "1.39")]}, {}
        else:
            request = Request(
                self.command, path.removeprefix("/v1"), json.loads(body) if body else None, dict(self.headers)
            )
            status, answer = self.server.script.answer(request)
            answer = answer(request) if callable(answer) else answer
            headers = {}
        if status == LOST:
            self.close_connection = True
            return
        text = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

    def log_message(self, *_args: Any) -> None:
        """Nothing on stderr: the tests read the script's own record."""


class Server(ThreadingHTTPServer):
    """The server with its script."""

    daemon_threads = True

    def __init__(self, script: Script, newest: str, has_magnum: bool, services: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.newest = newest
        self.has_magnum = has_magnum
        self.services = services

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def identity(self, method: str, path: str, body: Any) -> tuple[int, Any, dict[str, str]]:
        """Keystone: its version document, and a token for the right password."""
        if method == "POST" and path.endswith("/auth/tokens"):
            user = body["auth"]["identity"]["password"]["user"]
            for kind, named in (("user", user), ("project", body["auth"].get("scope", {}).get("project", user))):
                if not named.get("name") or not named.get("domain"):
                    said = {
                        "error": {
                            "code": 400,
                            "message": f"Expecting to find domain in {kind}.",
                            "title": "Bad Request",
                        }
                    }
                    return 400, said, {}
            if user["password"] != PASSWORD:
                said = {
                    "error": {
                        "code": 401,
                        "title": "Unauthorized",
                        "message": "The request you have made requires auth",
                    }
                }
                return 401, said, {}
            self.script.logins += 1
            return 201, {"token": self._token()}, {"X-Subject-Token": f"token-{self.script.logins}"}
        links = [{"rel": "self", "href": f"{self.url}/identity/v3/"}]
        version = {"id": "v3.14", "status": "stable", "links": links}
        return (200, {"version": version}, {}) if "/v3" in path else (300, {"versions": {"values": [version]}}, {})

    def _token(self) -> dict[str, Any]:
        def service(kind: str, path: str) -> dict[str, Any]:
            endpoints = [
                {"interface": "public", "region": "R", "region_id": "R", "url": f"{self.url}{path}", "id": kind}
            ]
            return {"type": kind, "name": kind, "id": kind, "endpoints": endpoints}

        catalog = [
            service("identity", "/identity"),
            service("orchestration", "/heat"),
            service("compute", "/nova/v2.1"),
            service("placement", "/placement"),
        ]
        if self.has_magnum:
            catalog.append(service("container-infra", "/v1"))
        catalog += [service(kind, path) for kind, path in self.services.items()]
        return {
            "methods": ["password"],
            "user": {"id": "u", "name": "u", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": PROJECT, "name": "p", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "m", "name": "member"}],
            "catalog": catalog,
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
        }

    def versions(self) -> dict[str, Any]:
        """Magnum's GET /; what it says below /v1 clients only look at to find that."""
        return {"versions": [self.version("v1", "/v1/", self.newest)]}

    def version(self, name: str, path: str, newest: str) -> dict[str, Any]:
        """One version of a service, as services tell it; Nova calls the newest microversion by another name."""
        links = [{"rel": "self", "href": f"{self.url}{path}"}]
        oldest = f"{newest.split('.')[0]}.1"
        return {
            "id": name, "status": "CURRENT", "links": links, "min_version": oldest, "max_version": newest, "version": newest,
        }  # fmt: skip


@dataclass
class Cloud:
    """A running scripted cloud."""

    server: Server
    script: Script

    def auth(self, **changes: str) -> dict[str, str]:
        """The option ``auth`` of a module."""
        return {
            "auth_url": f"{self.server.url}/identity/v3",
            "username": "u",
            "password": PASSWORD,
            "project_name": "p",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            **changes,
        }


@contextmanager
def scripted_cloud(
    entries: Sequence[Entry],
    *,
    newest: str = "1.12",
    has_magnum: bool = True,
    checked: bool = True,
    ambient: Sequence[Entry] = (),
    services: Mapping[str, str] | None = None,
) -> Iterator[Cloud]:
    """Run the cloud for the time of the block; at its end the script must have been followed to the letter.

    :param services: more services of the catalog: paths by type.
    """
    script = Script([[*entry, *([1] if len(entry) < 5 else []), 0] for entry in entries], ambient)
    server = Server(script, newest, has_magnum, services or {})
    thread = threading.Thread(target=server.serve_forever, args=(0.001,), daemon=True)
    thread.start()
    try:
        yield Cloud(server, script)
        if checked and script.complaints():
            raise AssertionError("; ".join(script.complaints()))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
