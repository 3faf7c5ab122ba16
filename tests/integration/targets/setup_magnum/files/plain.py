# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain requests to a service of a cloud in clouds.yaml, with the standard library and PyYAML only.

The tests look at the cloud after nearly every step: the import of an SDK would cost more than all requests.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

OVERRIDES = {"container-infra": "container_infrastructure_management_endpoint_override"}


@dataclass(frozen=True)
class Answer:
    """What a service said; an error is an answer, too."""

    status_code: int
    text: str
    headers: Any

    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        """Fail with the body for an error."""
        if self.status_code >= 400:
            raise SystemExit(f"{self.status_code} {self.text}")


def request(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    """One request, past every proxy."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data, sent, method=method), timeout=120) as answer:
            return Answer(answer.status, answer.read().decode(), answer.headers)
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode("utf-8", "replace"), error.headers)


class Service:
    """A service of one cloud, logged in as that cloud's user; paths are below its address in the catalog."""

    def __init__(self, cloud: str, kind: str) -> None:
        known = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text(encoding="utf-8"))["clouds"][cloud]
        answer = request("POST", f"{known['auth']['auth_url']}/auth/tokens", {"auth": login(known["auth"])})
        answer.raise_for_status()
        self.headers = {"X-Auth-Token": answer.headers["X-Subject-Token"]}
        override = known.get(OVERRIDES.get(kind, ""))
        self.url = f"{override.rstrip('/').removesuffix('/v1')}/v1" if override else address(answer.json(), kind)

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request with the token."""
        return request(method, self.url + path, body, {**self.headers, **(headers or {})})

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """Read."""
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        """Create."""
        return self.call("POST", path, body, headers)

    def delete(self, path: str) -> Answer:
        """Delete."""
        return self.call("DELETE", path)


def login(auth: dict[str, str]) -> dict[str, Any]:
    """What Keystone wants to see, of a password or of an application credential."""
    if "application_credential_id" in auth:
        known = {"id": auth["application_credential_id"], "secret": auth["application_credential_secret"]}
        return {"identity": {"methods": ["application_credential"], "application_credential": known}}
    user = {
        "name": auth["username"],
        "password": auth["password"],
        "domain": {"name": auth["user_domain_name"]},
    }
    project = {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"identity": identity, "scope": {"project": project}}


def address(token: dict[str, Any], kind: str) -> str:
    """The public address of a service in a token's catalog."""
    for service in token["token"]["catalog"]:
        if service["type"] == kind:
            return next(entry["url"] for entry in service["endpoints"] if entry["interface"] == "public").rstrip("/")
    raise SystemExit(f"there is no {kind} in the catalog")
