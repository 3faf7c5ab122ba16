# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the gateway share: a gateway process, its tokens, and a client of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from gateway.tokens import digest
from tests.interfaces.conftest import Program, background, environment
from tools.gateway import COMMAND, free_port, wait_until_healthy

# Made up for these tests, and of no use anywhere else
TOKENS = {
    "reader": ("read", "devcloud"),
    "operator": ("operate", "devcloud"),
    "boss": ("admin", "devcloud"),
    "stranger": ("admin", "devcloud-tenant-b"),
}
SMALL = {
    "coe": "kubernetes",
    "image": "ubuntu-capi",
    "external_network": "public",
    "flavor": "cpu.medium",
    "master_flavor": "cpu.medium",
    "network_driver": "calico",
}


def token_of(name: str) -> str:
    return f"token-of-{name}-for-tests-only"


def write_tokens(folder: Path) -> Path:
    """A tokens file with a token of each role, and one of another tenant."""
    document = {
        "tenants": {cloud: {"cloud": cloud} for _role, cloud in TOKENS.values()},
        "tokens": [
            {"name": name, "sha256": digest(token_of(name)), "role": role, "tenant": cloud}
            for name, (role, cloud) in TOKENS.items()
        ],
    }
    path = folder / "tokens.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Client:
    """A client with one token, and a connection for each request, as curl has it."""

    url: str
    name: str = "boss"

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token_of(self.name)}", **options.pop("headers", {})}
        # The gateway speaks HTTP here; to make a context for TLS would take longer than the request
        with httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False, verify=False) as http:
            return http.request(method, path, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        return self.send("POST", path, json=body, headers={} if key is None else {"Idempotency-Key": key})

    def put(self, path: str, body: Any) -> httpx.Response:
        return self.send("PUT", path, json=body)

    def delete(self, path: str, key: str | None = None) -> httpx.Response:
        return self.send("DELETE", path, headers={} if key is None else {"Idempotency-Key": key})

    def job(self, accepted: httpx.Response) -> dict[str, Any]:
        """The job of a write, as it is now."""
        assert accepted.status_code == 202, accepted.text
        assert accepted.headers["location"] == accepted.json()["job"]["url"]
        answer = self.get(accepted.headers["location"])
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, accepted: httpx.Response, seconds: float = 150) -> dict[str, Any]:
        """The job of a write, at its end."""
        deadline = time.monotonic() + seconds
        while (job := self.job(accepted))["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, job
            time.sleep(0.3)
        return job

    def succeeded(self, accepted: httpx.Response) -> dict[str, Any]:
        job = self.ended(accepted)
        assert job["state"] == "succeeded", job
        return job


@dataclass(frozen=True)
class RunningGateway:
    """A gateway process."""

    url: str
    program: Program

    def client(self, name: str = "boss") -> Client:
        return Client(self.url, name)


@contextlib.contextmanager
def running_gateway(folder: Path, name: str = "gateway", **settings: str) -> Iterator[RunningGateway]:
    """A gateway on a free port while the block runs.

    :param settings: without their prefix, in capitals.
    """
    port = free_port()
    given = {
        "TOKENS_FILE": str(write_tokens(folder)),
        "STATE_FOLDER": str(folder / "state"),
        "PORT": str(port),
        "MAX_AGE": "1",
        **settings,
    }
    variables = environment(**{f"KCLOUD_GATEWAY_{key}": value for key, value in given.items()})
    url = f"http://127.0.0.1:{port}"
    with background(COMMAND, folder / f"{name}.log", env=variables) as program:
        wait_until_healthy(url, program.process, program.log)
        yield RunningGateway(url, program)
