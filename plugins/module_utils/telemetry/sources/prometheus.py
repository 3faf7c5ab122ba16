# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus over HTTP: its queries, its errors as ours, and where its servers are named."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from ansible.module_utils.urls import ConnectionError as TlsError
from ansible.module_utils.urls import open_url
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    AuthenticationFailed,
    CloudUnreachable,
    InvalidRequest,
    KcloudError,
    ServiceError,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Series, Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import (
    NAMES,
    refuse_partial,
    series_of,
)

VARIABLE = "PROMETHEUS_CLUSTERS"
TIMEOUT_S = 30
# A request is tried so often; the pause doubles
ATTEMPTS = 4
PAUSE_S = 0.5
PASSING = {408, 429, 500, 502, 503, 504}
# Up to the last @, since a password may hold what an address may not
PASSWORD = re.compile(r"//[^:@/]*:(.+)@")
# Names of the environment's form that differ from those of the option
ALIASES = {"ca_bundle": "ca_cert"}

# The documentation of these is plugins/doc_fragments/telemetry.py.
SERVER_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "client_cert": {"type": "str"},
    "client_key": {"type": "str", "no_log": True},
    "ca_cert": {"type": "str"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": TIMEOUT_S},
    "clusters": {"type": "list", "elements": "str", "default": []},
}


@dataclass(frozen=True)
class Server:
    """One Prometheus; what is secret does not show in its repr."""

    name: str
    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    client_cert: str | None = None
    client_key: str | None = field(default=None, repr=False)
    ca_cert: str | None = None
    validate_certs: bool = True
    timeout: int = TIMEOUT_S
    clusters: tuple[str, ...] = ()

    @property
    def secrets(self) -> set[str]:
        return {secret for secret in (self.password, self.token) if secret}


def secrets_of(given: Iterable[Mapping[str, Any]]) -> set[str]:
    """Passwords in the addresses of servers. They are refused, and a result shows the arguments that it refuses."""
    return {found[1] for entry in given if (found := PASSWORD.search(str(entry.get("url", ""))))}


def read_servers(
    given: list[dict[str, Any]] | None, environment: Mapping[str, str], option: str = "servers"
) -> tuple[Server, ...]:
    """The servers of the option, or those that the environment variable names.

    :param option: what the option is called in an error.
    :raises InvalidRequest: none is named, or something is wrong with one.
    """
    if given is None:
        entries, where = _of_environment(environment.get(VARIABLE, "")), VARIABLE
    else:
        entries, where = given, option
    if not entries:
        raise InvalidRequest(
            f"Failed to read option '{option}': neither it nor the environment variable {VARIABLE} names a Prometheus",
            resource=option,
            hint=f"Give '{option}' as a list of 'name' and 'url', such as http://127.0.0.1:9090",
        )
    servers = tuple(_server(entry, f"{where}[{index}]") for index, entry in enumerate(entries))
    names = [server.name for server in servers]
    for name in names:
        if names.count(name) > 1:
            raise _refused(
                where, f"{names.count(name)} servers are called '{name}'", "Give each server a name of its own"
            )
    return servers


def _refused(where: str, what: str, hint: str) -> InvalidRequest:
    return InvalidRequest(f"Failed to read '{where}': {what}", resource=where, hint=hint)


def _of_environment(text: str) -> list[dict[str, Any]]:
    if not text.strip():
        return []
    hint = 'Write a list such as [{"name": "site-a", "url": "http://127.0.0.1:9090"}]'
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise _refused(VARIABLE, "it is not JSON", hint) from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _refused(VARIABLE, "it is not a list of objects", hint)
    # What else the form says of a server, such as its region, has no meaning here
    renamed = [{ALIASES.get(key, key): value for key, value in entry.items()} for entry in entries]
    return [{key: value for key, value in entry.items() if key in SERVER_ARGUMENT_SPEC} for entry in renamed]


def _server(entry: Mapping[str, Any], where: str) -> Server:
    known = {key: value for key, value in entry.items() if value is not None}
    clusters, timeout, checked = (
        known.pop("clusters", ()),
        known.pop("timeout", TIMEOUT_S),
        known.pop("validate_certs", True),
    )
    texts = {key: str(value) for key, value in known.items()}
    if not texts.get("name"):
        raise _refused(where, "it has no name", "Give 'name': figures say from which server they are")
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 1 <= timeout <= 3600:
        raise _refused(f"{where}.timeout", f"{timeout!r} is not a time to wait", "Give seconds, from 1 to 3600")
    try:
        parts = urlsplit(texts.get("url", ""))
        credentials = parts.username or parts.password
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        credentials, fits = None, False
    if credentials:
        raise _refused(
            f"{where}.url", "it holds a user", "Give 'username' and 'password' beside it: results show the URL"
        )
    if not fits:
        raise _refused(f"{where}.url", "it is not an address", "Give one such as http://127.0.0.1:9090")
    if texts.get("token") and texts.get("username"):
        raise _refused(where, "it has a token and a user", "Give one of them")
    return Server(
        **{**texts, "url": texts["url"].rstrip("/")},
        timeout=int(timeout),
        validate_certs=bool(checked),
        clusters=tuple(map(str, clusters if isinstance(clusters, (list, tuple)) else [clusters])),
    )


class Prometheus:
    """The HTTP API of one server, to read; one method a call.

    :param sleep: waits between two attempts.
    """

    def __init__(self, server: Server, sleep: Callable[[float], None] | None = None) -> None:
        self.server = server
        self.name, self.url, self.clusters = server.name, server.url, server.clusters
        self._sleep = sleep or time.sleep

    def names(self, window: Window) -> list[str]:
        """The names of all metrics that have series in the window."""
        start = window.end - window.seconds
        return self._get("label/__name__/values", {"start": start, "end": window.end}, NAMES)

    def at(self, query: str, when: int) -> tuple[Series, ...]:
        """A query at one time; no data is an empty tuple, and means that nothing is known."""
        answer = self._get("query", {"query": query, "time": when}, query)
        return series_of(answer["result"], "value")

    def over(self, query: str, window: Window) -> tuple[Series, ...]:
        """A query at the end of each step of the window."""
        start = window.end - window.seconds + window.step
        asked = {"query": query, "start": start, "end": window.end, "step": window.step}
        answer = self._get("query_range", asked, query)
        return series_of(answer["result"], "values")

    def _get(self, path: str, query: Mapping[str, Any], what: str) -> Any:
        """The data of an answer.

        :param what: the query, for an error.
        """
        url = f"{self.server.url}/api/v1/{path}?{urlencode(query)}"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._data(self._open(url), what)
            except HTTPError as error:
                failure = self._refusal(error, what)
                if error.code not in PASSING:
                    raise failure from error
            except (URLError, HTTPException, TlsError, OSError, ValueError) as error:
                failure = self._unreachable(error)
            if attempt == ATTEMPTS:
                raise failure
            self._sleep(PAUSE_S * 2 ** (attempt - 1))
        raise AssertionError("the last attempt raises")

    def _open(self, url: str) -> bytes:
        server = self.server
        headers = {"Accept": "application/json"}
        if server.token:
            headers["Authorization"] = f"Bearer {server.token}"
        answer = open_url(
            url,
            headers=headers,
            timeout=server.timeout,
            validate_certs=server.validate_certs,
            url_username=server.username,
            url_password=server.password,
            force_basic_auth=bool(server.username),
            client_cert=server.client_cert,
            client_key=server.client_key,
            ca_path=server.ca_cert,
            # Credentials are for this server, and not for one that it redirects to
            follow_redirects="none",
            # A login for the host in ~/.netrc would take the place of the token
            use_netrc=False,
        )
        with answer:
            return bytes(answer.read())

    def _data(self, body: bytes, what: str) -> Any:
        answer = json.loads(body)
        expected = list if what == NAMES else dict
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), expected):
            raise ValueError("the answer is not one of Prometheus")  # noqa: TRY004 - as of broken JSON
        refuse_partial(answer, f"query Prometheus '{self.server.name}' for {what}", f"prometheus/{self.server.name}")
        return answer["data"]

    def _refusal(self, error: HTTPError, what: str) -> KcloudError:
        """What an HTTP error means; Prometheus says it as JSON."""
        try:
            said = str(json.loads(error.read())["error"])
        except (ValueError, KeyError, TypeError, OSError):
            said = f"HTTP {error.code}"
        resource = f"prometheus/{self.server.name}"
        if error.code in (401, 403):
            return AuthenticationFailed(
                f"Failed to log in to Prometheus '{self.server.name}'",
                resource=resource,
                reason=said,
                hint="Check 'token', or 'username' and 'password', of this server",
            )
        return ServiceError(
            f"Failed to query Prometheus '{self.server.name}' for {what}",
            code="QUERY_FAILED",
            resource=resource,
            reason=said,
            hint="Check that 'url' is the address of a Prometheus server, without '/api/v1', and look at its log",
            http_status=error.code,
        )

    def _unreachable(self, error: Exception) -> CloudUnreachable:
        return CloudUnreachable(
            f"Failed to read from Prometheus '{self.server.name}' at {self.server.url}",
            code="METRICS_UNREACHABLE",
            resource=f"prometheus/{self.server.name}",
            reason=str(getattr(error, "reason", None) or error) or type(error).__name__,
            hint="Check 'url' and 'ca_cert' of this server, and that the host that runs this task reaches it",
        )
