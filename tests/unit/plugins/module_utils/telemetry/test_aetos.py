# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Aetos through the SDK's session: its address of the catalog, its calls, its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry import catalogue
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Series, Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.aetos import Aetos
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import read_all
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    Entry,
    Request,
    Script,
    scripted_cloud,
)

pytest.importorskip("openstack")
WINDOW = Window(end=7200, step=300, steps=12)
QUERY, NAMES = r"/prometheus/api/v1/query\?.*", r"/prometheus/api/v1/label/__name__/values"


@contextmanager
def aetos(*script: Entry, **more: Any) -> Iterator[tuple[Aetos, Script]]:
    with scripted_cloud(script, **{"services": {"metric-storage": "/prometheus/"}, **more}) as cloud:
        yield Aetos(connect({"auth": cloud.auth()})), cloud.script


def success(data: Any) -> dict[str, Any]:
    return {"status": "success", "data": data}


def matrix(*values: tuple[int, str]) -> dict[str, Any]:
    result = [{"metric": {"node": "n"}, "values": [list(pair) for pair in values]}]
    return success({"resultType": "matrix", "result": result})


def vector(value: str = "1") -> dict[str, Any]:
    return success({"resultType": "vector", "result": [{"metric": {"node": "n"}, "value": [7200, value]}]})


def asked(request: Request) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}


def test_queries_with_the_token_of_the_session() -> None:
    script = [
        ("GET", NAMES, 200, success(["up"])),
        ("GET", QUERY, 200, vector("2")),
        ("GET", QUERY, 200, matrix((6900, "1.5"), (7200, "NaN"))),
    ]
    with aetos(*script) as (found, sent):
        assert found.url == ""
        assert found.names(WINDOW) == ["up"]
        assert found.at('sum(up{job="a"})', 7200) == (Series({"node": "n"}, {7200.0: 2.0}),)
        assert found.over("up", WINDOW) == (Series({"node": "n"}, {6900.0: 1.5}),)
        assert found.url.endswith("/prometheus")
        # Aetos would put its label beside a double quote of another metric
        assert asked(sent.sent[1]) == {"query": "sum(up{job='a'})", "time": "7200"}
        assert asked(sent.sent[2]) == {"query": "(up)[3599s:300s]", "time": "7200"}
        assert {request.headers["X-Auth-Token"] for request in sent.sent} == {"token-1"}


def test_the_catalogue_s_queries_name_metrics_as_aetos_finds_them() -> None:
    for metric in (*catalogue.METRICS, catalogue.WAITING):
        assert "__name__" not in metric.query
        assert "'" not in metric.query, "a quote inside of a value would end it"


@pytest.mark.parametrize(
    ("answers", "code", "reason"),
    [
        (
            [(400, {"error_message": {"faultcode": "Client", "faultstring": "[400] no query"}})],
            "REJECTED",
            "[400] no query",
        ),
        ([(400, {"faultcode": "Client", "faultstring": "[400] no query"})], "REJECTED", "[400] no query"),
        ([(403, {"error_message": "Authorization Failed"})], "NOT_PERMITTED", "Authorization Failed"),
        ([(503, ["busy"])] * 4, "SERVICE_ERROR", "503"),
        ([(200, {**vector(), "warnings": ["no store for x"]})], "PARTIAL_ANSWER", "no store for x"),
        ([(200, success(None))], "BROKEN_ANSWER", "not one of Prometheus"),
        ([(200, None)] * 4, "BROKEN_ANSWER", "empty body"),
        ([(404, None)] * 2, "BROKEN_ANSWER", "404"),
    ],
)
def test_errors(answers: list[tuple[int, Any]], code: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    script = [("GET", QUERY, *answer) for answer in answers]
    with aetos(*script) as (found, _sent), pytest.raises(KcloudError) as caught:
        found.at("up{", 7200)
    assert (caught.value.code, caught.value.resource) == (code, "metric-storage")
    assert "up{" in caught.value.message
    assert reason in str(caught.value.reason)
    assert caught.value.hint


def test_a_hiccup_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with aetos(("GET", QUERY, 503, None), ("GET", QUERY, 200, vector())) as (found, _sent):
        assert len(found.at("up", 7200)) == 1


def test_clouds_yaml_may_name_the_address() -> None:
    script = [("GET", r"/elsewhere/api/v1/query\?.*", 200, vector())]
    with scripted_cloud(script) as cloud:
        override = {"metric_storage_endpoint_override": f"{cloud.server.url}/elsewhere"}
        found = Aetos(connect({"cloud": {"auth": cloud.auth(), **override}}))
        assert len(found.at("up", 7200)) == 1


def test_a_cloud_without_aetos_is_a_source_that_fails() -> None:
    with aetos(services={}) as (found, _sent):
        readings, ((_source, count, error),) = read_all([found], WINDOW)
    assert (readings, count) == ([], 0)
    assert error is not None and error.code == "SERVICE_NOT_IN_CATALOG"
    assert "metric-storage" in str(error.reason)


def test_its_readings_are_those_of_any_other_source() -> None:
    names = ["kube_node_info", "node_cpu_seconds_total"]
    script = [
        ("GET", NAMES, 200, success(names)),
        ("GET", QUERY, 200, matrix((7200, "0.5"))),
        ("GET", QUERY, 200, vector()),
    ]
    with aetos(*script) as (found, _sent):
        readings, ((source, count, error),) = read_all([found], WINDOW)
    assert (source.name, count, error) == ("aetos", 2, None)
    assert [(one.server, one.metric.measures) for one in readings] == [("aetos", "utilization"), ("aetos", "identity")]
    assert [one.series[0].points for one in readings] == [{7200.0: 0.5}, {7200.0: 1.0}]
