# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus and Alertmanager beside the cloud: their configuration, their choice, and whose telemetry they have."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from devcloud import ports
from devcloud.cloud import Cloud
from devcloud.errors import DevcloudError
from devcloud.magnums import KNOWN
from devcloud.paths import Paths
from devcloud.telemetry import exporter, prometheus, stack
from devcloud.telemetry.profiles import PROFILES
from devcloud.telemetry.stack import Telemetry


@pytest.fixture
def telemetry(tmp_path: Path) -> Telemetry:
    return Telemetry(Paths(tmp_path))


def test_prometheus_accepts_its_configuration(telemetry: Telemetry) -> None:
    if shutil.which("promtool") is None:
        pytest.fail("promtool is missing: install Debian's package prometheus, as `make test` does")
    telemetry.write_config()
    file = telemetry.paths.etc / "telemetry/prometheus.yml"
    checked = subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nothing_is_left_to_fill_in_and_all_stays_on_loopback(telemetry: Telemetry) -> None:
    telemetry.write_config()
    for file in (telemetry.paths.etc / "telemetry").iterdir():
        text = file.read_text()
        assert yaml.safe_load(text)
        assert "${" not in text
        assert "0.0.0.0" not in text
    for service in telemetry.services():
        assert all("0.0.0.0" not in word for word in service.command)
        assert f"127.0.0.1:{service.port}" in " ".join(service.command) or service.name == "fleet-exporter"


def test_its_ports_are_nobody_elses() -> None:
    others = {*ports.PORTS.values(), *(magnum.port for magnum in KNOWN.values())}
    assert not others & set(stack.PORTS.values())


def test_it_runs_with_the_cloud_from_its_choice_on(telemetry: Telemetry) -> None:
    cloud = Cloud(telemetry.paths)
    names = {service.name for service in telemetry.services()}
    assert not names & {service.name for service in cloud.table()}
    telemetry.choose()
    assert names <= {service.name for service in cloud.table()}
    telemetry.forget()
    assert not telemetry.is_chosen


def test_new_telemetry_without_a_prometheus_is_refused(telemetry: Telemetry) -> None:
    with pytest.raises(DevcloudError, match="up --with-telemetry"):
        Cloud(telemetry.paths).new_telemetry([], 6, 0)


def test_the_first_rule_that_fits_says_how_a_cluster_behaves() -> None:
    rules = [stack.read_rule(text) for text in ("train-*=busy", "train-1=idle", "a=b=silent")]
    assert [stack.behaviour(name, rules, 0)["profile"] for name in ("train-1", "a=b")] == ["busy", "silent"]
    assert stack.behaviour("other", rules, 0) == stack.behaviour("other", [], 0)


def test_without_rules_every_profile_and_both_generations_occur() -> None:
    found = [stack.behaviour(f"cluster-{number}", [], 0) for number in range(100)]
    assert {one["profile"] for one in found} == set(PROFILES)
    assert {one["exporters"] for one in found} == {"new", "old"}
    assert {one["microwatts"] for one in found} == {True, False}


@pytest.mark.parametrize("text", ["busy", "=busy", "a=lazy", "a="])
def test_a_wrong_rule_is_refused(text: str) -> None:
    with pytest.raises(DevcloudError, match="PATTERN=PROFILE"):
        stack.read_rule(text)


def test_no_cluster_is_an_empty_folder(tmp_path: Path) -> None:
    prometheus.make_blocks("# EOF\n", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_samples_after_a_comment_are_blocks(tmp_path: Path) -> None:
    prometheus.make_blocks("# TYPE a gauge\na 1 1796000400\n# EOF\n", tmp_path / "data")
    assert list((tmp_path / "data").glob("*/index"))


# --- whose telemetry

SERVERS = [
    {"name": "c-abc-node-1", "id": "1"},
    {"name": "c-abc-node-0", "id": "0"},
    {"name": "c-abc-master-0", "id": "m"},
    {"name": "c-abcd-node-0", "id": "another cluster's"},
]
STACKS = {"stack": "c-abc"}


def group(**changes: Any) -> dict[str, Any]:
    made = {"role": "worker", "flavor_id": "gpu.a100.xlarge", "stack_id": "stack", "node_addresses": ["10.0.0.5"]}
    return {**made, **changes}


def nodes_of(one: dict[str, Any]) -> list[dict[str, Any]]:
    inventory = pytest.importorskip("devcloud.telemetry.inventory", reason="keystoneauth1 is the services'")
    return inventory.nodes_of(one, SERVERS, STACKS)


def test_nodes_are_the_servers_of_the_stack() -> None:
    first, second = nodes_of(group())
    assert first == {
        "name": "c-abc-node-0", "id": "0", "role": "worker", "cores": 48, "memory_gb": 256,
        "kind": "gpu", "model": "nvidia-a100", "devices": 4,
    }  # fmt: skip
    assert second["id"] == "1"
    assert [node["id"] for node in nodes_of(group(role="master", flavor_id="cpu.medium"))] == ["m"]


def test_servers_that_are_gone_are_no_nodes() -> None:
    """Magnum keeps the addresses of nodes whose stack failed."""
    inventory = pytest.importorskip("devcloud.telemetry.inventory", reason="keystoneauth1 is the services'")
    assert inventory.nodes_of(group(), [], STACKS) == []


def test_nodes_without_a_stack_are_their_addresses() -> None:
    assert nodes_of(group(stack_id=None, flavor_id="own")) == [{"name": "10.0.0.5", "role": "worker"}]
    assert nodes_of(group(stack_id=None, node_addresses=None)) == []


# --- the present over HTTP


def test_the_exporter_answers_with_the_samples_of_now(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.json"
    handler = type("Here", (exporter.Exporter,), {"fleet": fleet})
    with ThreadingHTTPServer((ports.LOOPBACK, 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            found = []
            for name in ("a", "b"):
                fleet.write_text(json.dumps({"clusters": [{"name": name, "nodes": [{"name": "n"}]}]}))
                with build_opener(ProxyHandler({})).open(f"http://{ports.LOOPBACK}:{server.server_port}/") as answer:
                    found.append(answer.read().decode())
        finally:
            server.shutdown()
            thread.join()
    assert ['cluster="a"' in text for text in found] == [True, False]
    assert "# EOF" not in found[0]
