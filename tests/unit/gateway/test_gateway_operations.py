# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operations say of clusters that a made-up cloud has; the application is whole, and no worker runs."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway import access, app, gateway, reads
from gateway.limits import AtOnce
from gateway.settings import read_settings
from gateway.tokens import new_token
from tests.unit.plugins.module_utils.planning.cases import FLAVORS, cluster, group

Plain = dict[str, Any]
BODY = {"name": "ml", "cluster_template_id": "small"}


@dataclass
class MadeUpCloud:
    """What the modules read of a cloud."""

    clusters: list[Plain] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def ask(self, module: str, options: Mapping[str, Any]) -> Plain:
        self.asked.release()
        assert self.answers.wait(20)
        if module == "magnum_cluster_info":
            return {"clusters": self.clusters}
        assert module == "magnum_cluster_template_info"
        return {"cluster_templates": [{"id": "t1", "name": "small", "labels": {}}]}


@dataclass
class Site:
    """The application, its cloud, and requests with a token for all."""

    cloud: MadeUpCloud
    app: FastAPI
    token: str
    tokens: Path

    @property
    def gateway(self) -> gateway.Gateway:
        return self.app.state.gateway

    def send(self, method: str, path: str, headers: Plain | None = None, **options: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                about = {"Authorization": f"Bearer {self.token}", **(headers or {})}
                return await client.request(method, path, headers=about, **options)

        return asyncio.run(sent())

    def get(self, path: str) -> httpx.Response:
        return self.send("GET", path)

    def post(self, path: str, body: Plain, key: str | None = None) -> httpx.Response:
        return self.send("POST", path, None if key is None else {"Idempotency-Key": key}, json=body)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    token, entry = new_token("boss", "admin", "a")
    tokens = tmp_path / "tokens.yml"
    tokens.write_text(f"tenants: {{a: {{cloud: nowhere}}}}\ntokens:\n{entry}", encoding="utf-8")
    given = {"TOKENS_FILE": tokens, "STATE_FOLDER": tmp_path, "WORKERS": 0}
    built = app.build(read_settings({f"KCLOUD_GATEWAY_{name}": str(value) for name, value in given.items()}))
    cloud = MadeUpCloud()
    cloud.answers.set()
    monkeypatch.setattr(reads, "ask", cloud.ask)
    yield Site(cloud, built, token, tokens)
    built.state.gateway.store.close()


def seen(identity: str, name: str) -> Plain:
    return {"id": identity, "name": name, "status": "CREATE_COMPLETE", "labels": {}, "node_count": 1}


def test_a_cluster_is_not_created_where_one_has_the_name(site: Site) -> None:
    first = site.post("/clusters", BODY, key="k")
    assert first.status_code == 202 and first.json()["labels"] == {}
    # Someone else has made it, and the gateway has not read it yet
    site.cloud.clusters = [seen("i1", "ml"), seen("i2", "other")]
    site.gateway.cache.get(("a", "clusters"), list)
    later = time.monotonic() + 2
    site.gateway.cache._clock = lambda: later
    refused = site.post("/clusters", {**BODY, "node_count": 5})
    assert (refused.status_code, refused.json()["code"]) == (409, "CLUSTER_EXISTS")
    assert "PUT /clusters/i1/scale" in refused.json()["hint"] and "'ml'" in refused.json()["detail"]
    # The job of the first is what its key stands for, whatever exists now
    again = site.post("/clusters", BODY, key="k")
    assert again.status_code == 202 and again.json()["job"]["id"] == first.json()["job"]["id"]
    assert site.post("/clusters", {**BODY, "name": "third"}).status_code == 202


def test_labels_may_be_null(site: Site) -> None:
    accepted = site.post("/clusters", {**BODY, "labels": None})
    assert accepted.status_code == 202 and accepted.json()["labels"] == {}
    (job,) = site.gateway.store.recent("a", None, 10)
    assert "requested_cluster_labels" not in job.variables


@pytest.mark.parametrize("labels", [[1], {"a": "\ud800"}, "abc", {"a": ["b"]}, {"a": None}, {"a": 1.5}])
def test_labels_of_a_workload_that_cannot_be_are_refused(site: Site, labels: Any) -> None:
    text = json.dumps({"id": "w", "requirements": {}, "labels": labels})
    refused = site.send("POST", "/api/v1/decisions", {"Content-Type": "application/json"}, content=text)
    assert (refused.status_code, refused.json()["code"]) == (422, "INVALID_REQUEST"), refused.text
    assert refused.json()["resource"].startswith("labels")


@pytest.mark.parametrize("forbidden", [["uuid-1"], ["uuid-1", "uuid-3"], ["ml"], ["ml", "uuid-3"]])
def test_a_forbidden_cluster_is_not_recommended_whatever_shares_its_name(
    site: Site, monkeypatch: pytest.MonkeyPatch, forbidden: list[str]
) -> None:
    asked: list[Plain] = []
    monkeypatch.undo()
    whole = reads.ask
    monkeypatch.setattr(reads, "ask", lambda module, options: asked.append(dict(options)) or whole(module, options))
    clusters = [
        cluster("ml", group("cpu.large"), id="uuid-1"),
        cluster("ml", group("cpu.large"), id="uuid-2"),
        cluster("third", group("cpu.large"), id="uuid-3"),
    ]
    site.gateway.cache.get(("a", "fleet"), lambda: {"flavors": FLAVORS, "templates": [], "clusters": clusters})
    body = {"id": "w", "requirements": {"cpu": "1"}, "constraints": {"forbiddenClusters": forbidden}}
    answer = site.post("/api/v1/decisions", body).json()
    ranked = {entry["cluster_id"] for entry in answer["details"]["ranking"]} - {None}
    allowed = {entry["id"] for entry in clusters if not {entry["id"], entry["name"]} & set(forbidden)}
    assert ranked == allowed and answer["clusterId"] in (allowed or {None})
    # The planner knows all names, so that a new cluster gets none of them
    assert {entry["name"] for entry in asked[-1]["fleet"]["clusters"]} == {"ml", "third"}


def test_a_slow_cloud_of_one_tenant_does_not_take_all_threads(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(site.gateway, "at_once", AtOnce(2))
    site.cloud.answers.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(site.get, "/clusters"), pool.submit(site.get, "/templates")]
        assert all(site.cloud.asked.acquire(timeout=20) for _request in waiting)
        refused = site.get("/clusters")
        assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_AT_ONCE")
        assert int(refused.headers["retry-after"]) >= 1
        assert site.get("/health").status_code == 200
        site.cloud.answers.set()
        assert [request.result().status_code for request in waiting] == [200, 200]
    assert site.get("/clusters").status_code == 200
    assert access.MOST_AT_ONCE > 100


def test_the_metrics_say_that_the_tokens_file_is_wrong(site: Site) -> None:
    def gauge() -> list[str]:
        text = site.get("/metrics").text
        return [line for line in text.splitlines() if line.startswith("kcloud_gateway_tokens_file_error ")]

    assert gauge() == ["kcloud_gateway_tokens_file_error 0.0"]
    site.tokens.write_text("tokens: [", encoding="utf-8")
    # Nobody needs to ask for anything else before
    assert gauge() == ["kcloud_gateway_tokens_file_error 1.0"]
