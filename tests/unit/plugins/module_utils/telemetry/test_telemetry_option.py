# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``telemetry`` itself: how it is read, its windows, and the modules that take it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CloudUnreachable, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.fleet import (
    OPTION,
    SYSTEM,
    Telemetry,
    idle_window,
    read_telemetry,
    recent_window,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Window
from ansible_collections.kcloud.infrastructure.plugins.modules import (
    cluster_consolidation,
    cluster_idle,
    cluster_match,
    cluster_scaling,
)

Plain = dict[str, Any]


def given(**more: Any) -> Plain:
    defaults = {name: about.get("default") for name, about in OPTION["telemetry"]["options"].items()}
    return {**defaults, **more}


def read(params: Plain, hidden: list[str] | None = None) -> Telemetry | None:
    hide = (hidden if hidden is not None else []).extend
    return read_telemetry(
        {"telemetry": None, "fleet": None, **params}, {}, hide, lambda found: recent_window(found, 3700)
    )


def test_the_option_is_read() -> None:
    assert read({}) is None
    hidden: list[str] = []
    found = read({"telemetry": given(servers=[{"name": "a", "url": "http://127.0.0.1:9090", "token": "hush"}])}, hidden)
    assert found is not None
    assert (found.window, found.system, hidden) == (Window(3700, 300, 3), SYSTEM, ["hush"])
    # What is asked of Aetos ends at a multiple of the step
    found = read({"telemetry": given(source="aetos")})
    assert found is not None and found.window == Window(3600, 300, 3)


@pytest.mark.parametrize(
    ("params", "resource"),
    [
        ({"telemetry": given()}, "telemetry.servers"),
        ({"telemetry": given(servers=[{"name": "a", "url": "nowhere"}])}, "telemetry.servers[0].url"),
        ({"telemetry": given(servers=[{"name": "a", "url": "http://127.0.0.1"}], window="x")}, "telemetry.window"),
        ({"telemetry": given(servers=[{"name": "a", "url": "http://127.0.0.1"}], step="1h")}, "telemetry.step"),
        ({"telemetry": given(), "fleet": {}}, "telemetry"),
        ({"telemetry": given(source="aetos", servers=[{"name": "a", "url": "http://127.0.0.1"}])}, "telemetry.servers"),
    ],
)
def test_a_wrong_option_is_refused(params: Plain, resource: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(params)
    assert refused.value.resource == resource
    assert refused.value.hint


def test_the_window_of_idleness_reaches_over_the_policy() -> None:
    hours = 3600
    assert idle_window(given(), 9, 2 * hours, hours, hours // 2) == Window(9, 300, 37)
    # A step is never longer than what the policy takes for a gap
    assert idle_window(given(), 9, 24 * hours, 24 * hours, hours // 2) == Window(9, 1800, 97)
    assert idle_window(given(window="5h", step="20m"), 9, 2 * hours, hours, hours // 2) == Window(9, 1200, 16)
    for wrong, resource in (({"window": "2h"}, "telemetry.window"), ({"step": "1h"}, "telemetry.step")):
        with pytest.raises(InvalidRequest) as refused:
            idle_window(given(**wrong), 9, 2 * hours, hours, hours // 2)
        assert refused.value.resource == resource


@pytest.mark.parametrize(
    ("options", "ago_h", "steps"),
    [
        ({}, [], 37),
        ({}, [0.5], 37),
        # 2 h of idleness before a mark that is 24 h old, by the same step
        ({}, [1, 24], 26 * 12 + 1),
        # Beyond the grace and a week a mark is void
        ({}, [1000], (2 + 1 + 7 * 24) * 12 + 1),
        ({"step": "30s"}, [1000], 11000),
        ({"window": "5h"}, [24], 61),
        # A mark of the future says nothing
        ({}, [-5], 37),
    ],
)
def test_the_window_of_idleness_reaches_over_the_oldest_mark(options: Plain, ago_h: list[float], steps: int) -> None:
    now, hours = 1_800_000_000, 3600
    marked = [int(now - hour * hours) for hour in ago_h]
    found = idle_window(given(**options), now, 2 * hours, hours, hours // 2, marked)
    assert (found.end, found.steps) == (now, steps)


@pytest.mark.parametrize("source", [{"servers": [{"name": "a", "url": "http://127.0.0.1:9"}]}, {"source": "aetos"}])
@pytest.mark.parametrize("module", [cluster_match, cluster_scaling, cluster_consolidation, cluster_idle])
def test_each_module_that_decides_takes_the_option(
    module: Any, source: Plain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Up to the cloud, which does not answer here."""
    pytest.importorskip("magnumclient")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.chdir(tmp_path)
    names = {"user_domain_name": "d", "project_domain_name": "d", "project_name": "p"}
    auth = {"auth_url": "http://127.0.0.1:9/v3", "username": "u", "password": "p", **names}
    asked = {"telemetry": source, "auth": auth, "workload": {"name": "w", "cpu_cores": 1}}
    spec = argument_spec(module.SPEC)
    checked = ArgumentSpecValidator(spec).validate({key: value for key, value in asked.items() if key in spec})
    assert not checked.error_messages
    with pytest.raises(CloudUnreachable):
        module.run(checked.validated_parameters, False, lambda _secrets: None)
