# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulebooks by the real ansible-rulebook: what is posted runs playbooks that change real clusters, or is refused.

The last test is the whole loop: Prometheus, Alertmanager, rulebook, playbook, Magnum, status. It prints the seconds of each stage.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
import yaml

from devcloud.telemetry import prometheus
from devcloud.telemetry.fleet import read_fleet
from devcloud.telemetry.openmetrics import history
from tests.interfaces.conftest import Program, TestCloud, background, environment, run
from tools.clusters import create_template
from tools.gateway import free_port
from tools.places import ROOT

# The client library that tests check with warns of its own calls
pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning")
PREFIX = "test-eda-"
TOKEN = "only-for-this-test"
SECONDS = 180
RULES = ROOT / "extensions/prometheus"


@dataclass(frozen=True)
class Webhook:
    """A rulebook that runs, and how to post to it."""

    program: Program
    port: int

    def post(self, path: str, body: object, token: str = TOKEN) -> int:
        """Post a body, as JSON unless it is bytes, or ask by GET where it is None; returns the status code."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", data)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    @property
    def output(self) -> str:
        return self.program.output

    def since(self, mark: int) -> str:
        """What it has printed since its output had this length."""
        return self.output[mark:]


def eventually(what: str, found: Callable[[], Any], log: Callable[[], str] = str, seconds: float = SECONDS) -> Any:
    """Wait until something is true; returns it."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s\n{log()[-6000:]}"
        time.sleep(0.5)
    return answer


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def rulebook(name: str, folder: Path, **more: str) -> Iterator[Webhook]:
    """A rulebook of the collection, by its name, as its users run it."""
    port = free_port()
    inventory, settings = folder / "inventory", folder / f"{name}.yml"
    inventory.mkdir(exist_ok=True)
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    own = {
        "kcloud_openstack": {"cloud": "devcloud"},
        # Matching only shows its decision, and looks at no cluster of others
        "workload_placement_apply": False,
        "workload_placement_cluster_names": [f"{PREFIX}*"],
        "cluster_cleanup_allow_prefixes": [PREFIX],
        "cluster_autoscale_telemetry": {"source": "prometheus"},
        "cluster_autoscale_require_health": False,
    }
    hosts = {"kcloud": {"hosts": {"localhost": local}, "vars": own}}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
    settings.write_text(yaml.safe_dump({"kcloud_events_port": port}), encoding="utf-8")
    command = ["ansible-rulebook", "--rulebook", f"kcloud.infrastructure.{name}", "--inventory", str(inventory)]
    command += ["--vars", str(settings), "--env-vars", "KCLOUD_EVENTS_TOKEN"]
    env = environment(KCLOUD_EVENTS_TOKEN=TOKEN, **more)
    with background(command, folder / f"{name}.log", folder=folder, env=env) as program:
        eventually("it listens", lambda: listens(port) or program.process.poll() is not None, seconds=60)
        assert program.process.poll() is None, program.output
        yield Webhook(program, port)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rulebooks")


@pytest.fixture(scope="module")
def templates(cloud: TestCloud) -> Iterator[None]:
    """Cluster templates of the driver that makes clusters in seconds; all that was made of them goes at the end."""
    cloud.delete(PREFIX)
    magnum = cloud.connect().container_infrastructure_management
    for name, flavor in (("cpu", "cpu.medium"), ("npu", "npu.rngd.large")):
        create_template(magnum, f"{PREFIX}{name}", flavor_id=flavor, keypair_id="kcloud-keypair")
    yield
    cloud.delete(PREFIX)


@pytest.fixture(scope="module")
def optimizer(folder: Path) -> Iterator[Webhook]:
    with rulebook("optimizer", folder) as webhook:
        yield webhook


def workers(cloud: TestCloud, name: str) -> int | None:
    """The number of workers of a cluster that is complete."""
    found = [one for one in cloud.clusters(PREFIX) if one.name == f"{PREFIX}{name}"]
    return found[0].node_count if found and found[0].status.endswith("COMPLETE") else None


@pytest.fixture(scope="module")
def clusters(cloud: TestCloud, templates: None, optimizer: Webhook) -> None:
    """Three clusters, which the rulebook creates at the same time."""
    for name, template in (("a", "cpu"), ("b", "cpu"), ("npu", "npu")):
        body = {
            "name": f"{PREFIX}{name}",
            "cluster_template_id": f"{PREFIX}{template}",
            "node_count": 1,
            "master_count": 1,
        }
        assert optimizer.post("clusters", {**body, "labels": {"workload_type": "training", "team": "4"}}) == 200

    def log() -> str:
        return optimizer.output

    eventually("all are complete", lambda: [workers(cloud, name) for name in ("a", "b", "npu")] == [1, 1, 1], log)


def ended(webhook: Webhook, mark: int, number: int) -> str:
    """What it printed since, when so many playbooks have ended well."""
    text = eventually(
        f"{number} runs have ended",
        lambda: webhook.since(mark).count("PLAY RECAP") >= number and webhook.since(mark),
        lambda: webhook.since(mark),
    )
    assert "failed=1" not in text, text
    return text


def order(text: str) -> str:
    """When plays begin and end: `BEBE` one after another, `BBEE` at the same time."""
    marks = [
        ("B" if "PLAY [" in line else "E") for line in text.splitlines() if "PLAY [" in line or "PLAY RECAP" in line
    ]
    return "".join(marks)


# --- who may ask, and for what


def test_a_wrong_token_bad_json_and_other_methods_are_refused_by_the_webhook(optimizer: Webhook) -> None:
    mark = len(optimizer.output)
    body = {"node_count": 2}
    assert optimizer.post("clusters/x/scale", body, token="wrong") == 401
    assert optimizer.post("clusters/x/scale", body, token="") == 401
    assert optimizer.post("clusters/x/scale", b"{node_count: 2}") == 400
    assert optimizer.post("clusters", None) == 405
    assert optimizer.post("nowhere", {}) == 200
    eventually("it says so", lambda: "refused a request to nowhere" in optimizer.since(mark))
    assert "PLAY [" not in optimizer.since(mark)


def test_what_is_no_request_is_refused_and_nothing_runs(optimizer: Webhook, folder: Path) -> None:
    mark = len(optimizer.output)
    witness = folder / "executed"
    inject = f"{{{{ lookup('ansible.builtin.pipe', 'touch {witness}') }}}}"
    override = (
        f"#jinja2: variable_start_string:'[%' , variable_end_string:'%]'\n[% lookup('pipe', 'touch {witness}') %]"
    )
    create = {"name": "c", "cluster_template_id": "t"}
    wrong: list[tuple[str, object]] = [
        ("clusters", {**create, "requested_cluster_action": "delete"}),
        ("clusters", {**create, "name": inject}),
        ("clusters", {**create, "labels": {"a": inject}}),
        ("clusters", {**create, "labels": {inject: "a"}}),
        ("clusters", {**create, "labels": {"a": override}}),
        ("clusters", {**create, "labels": {"__ansible_vault": "a"}}),
        ("clusters", {**create, "node_count": inject}),
        ("clusters", {**create, "keypair": {"a": inject}}),
        (f"clusters/{'{{ 7 * 7 }}'.replace(' ', '%20')}/scale", {"node_count": 1}),
        ("clusters/x/scale", {"node_count": 2, "meta": {"hosts": "all"}}),
        ("clusters/x/scale", {"node_count": True}),
        ("clusters/x/scale", {"node_count": -1}),
        ("clusters/x/delete", {"force": True}),
        ("cleanup", {"cluster_cleanup_apply": True}),
        ("match", {"name": inject, "cpu_cores": 1}),
        ("match", {"name": "w", "requirements": {"cpu": 1}, "labels": {"a": [{"b": inject}]}}),
        ("match", {"name": "w", "requirements": {"cpu": 1}, "constraints": {"forbiddenClusters": ["a"]}}),
        ("clusters", [create]),
    ]
    for path, body in wrong:
        assert optimizer.post(path, body) == 200, path

    def log() -> str:
        return optimizer.since(mark)

    eventually("each is refused", lambda: log().count("refused a request to") == len(wrong), log, 60)
    assert "PLAY [" not in log()
    assert not witness.exists()
    # What was posted is not in the log as a template either
    assert "{{" not in log()


# --- requests that run


def test_clusters_of_different_names_change_at_the_same_time(
    cloud: TestCloud, optimizer: Webhook, clusters: None
) -> None:
    ended(optimizer, 0, 3)
    mark = len(optimizer.output)
    for name in ("a", "b"):
        assert optimizer.post(f"clusters/{PREFIX}{name}/scale", {"node_count": 2}) == 200
    text = ended(optimizer, mark, 2)
    assert order(text) == "BBEE"
    assert [workers(cloud, name) for name in ("a", "b")] == [2, 2]


def test_requests_for_one_cluster_run_one_after_another(cloud: TestCloud, optimizer: Webhook, clusters: None) -> None:
    ended(optimizer, 0, 3)
    mark = len(optimizer.output)
    assert optimizer.post(f"clusters/{PREFIX}b/scale", {"node_count": 3, "node_group": "default-worker"}) == 200
    assert optimizer.post(f"clusters/{PREFIX}b/delete", {}) == 200
    text = ended(optimizer, mark, 2)
    assert order(text) == "BEBE"
    assert text.index("PLAY [Resize a node group") < text.index("PLAY [Delete")
    assert f"{PREFIX}b" not in [one.name for one in cloud.clusters(PREFIX)]


def test_a_workload_of_the_optimizer_is_matched(optimizer: Webhook, clusters: None) -> None:
    mark = len(optimizer.output)
    workload = {"id": "w-1", "name": "serving", "type": "inference", "requirements": {"cpu": "2", "memory": "4Gi"}}
    workload["annotations"] = {"note": "{{ is not passed on }}"}
    assert (
        optimizer.post(
            "match/workload", {**workload, "requirements": {"cpu": "2", "memory": "4Gi", "npu": {"count": 1}}}
        )
        == 200
    )
    text = ended(optimizer, mark, 1)
    assert "PLAY [Find or create the cluster for a workload]" in text
    assert f"{PREFIX}npu" in text


def test_a_cleanup_asked_for_twice_runs_once(optimizer: Webhook, clusters: None) -> None:
    mark = len(optimizer.output)
    assert [optimizer.post("cleanup", {}), optimizer.post("cleanup/idle-clusters", {})] == [200, 200]
    ended(optimizer, mark, 1)
    # Whatever is posted afterwards comes afterwards
    optimizer.post("nowhere", {})
    eventually("it goes on", lambda: "refused a request to nowhere" in optimizer.since(mark))
    assert optimizer.since(mark).count("PLAY [") == 1


# --- the flavour for AWX


class RecordedAwx(BaseHTTPRequestHandler):
    """Says of every job template that it exists and of every job that it went well, and keeps what was launched.

    It stands in for AWX's API, so this test shows what the rulebook sends, not what AWX makes of it.
    """

    launched: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def do_GET(self) -> None:
        name = parse_qs(urlsplit(self.path).query).get("name", [""])[0]
        asks = dict.fromkeys(("ask_limit_on_launch", "ask_labels_on_launch", "ask_inventory_on_launch"), True)
        template = {"id": 1, "type": "job_template", "name": name, "ask_variables_on_launch": True, **asks}
        template["related"] = {"launch": f"/api/v2/launch/{quote(name)}/"}
        template["summary_fields"] = {"organization": {"name": "kcloud"}}
        job = {
            "id": 1,
            "url": "/api/v2/jobs/1/",
            "status": "successful",
            "created": "2026-12-01T12:00:00Z",
            "artifacts": {},
        }
        found = template if name else {**job, "type": "job"}
        self.answer({**job, "version": "24.6.1", "count": 1, "next": None, "results": [found]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.launched.append((unquote(self.path.split("/")[-2]), body))
        self.answer({"id": 1, "url": "/api/v2/jobs/1/"})

    def answer(self, plain: object) -> None:
        body = json.dumps(plain).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


def test_the_flavour_for_awx_launches_job_templates_with_what_was_asked_for(folder: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RecordedAwx)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    awx = {"EDA_CONTROLLER_URL": f"http://127.0.0.1:{server.server_port}", "EDA_CONTROLLER_TOKEN": "token-of-awx"}
    try:
        with rulebook("optimizer_awx", folder, **awx) as webhook:
            labels = {"kcloud.io/team": "4", "spot": True}
            assert webhook.post("clusters", {"name": "c", "cluster_template_id": "t", "labels": labels}) == 200
            assert webhook.post("clusters/c2/scale", {"node_count": 3}) == 200
            assert webhook.post("match", {"name": "{{ 7 * 7 }}", "cpu_cores": 1}) == 200
            assert webhook.post("cleanup", {}) == 200
            eventually("all are launched", lambda: len(RecordedAwx.launched) == 3, lambda: webhook.output, 60)
            assert "refused a request to match" in webhook.output
    finally:
        server.shutdown()
        server.server_close()
    variables = {name: body.get("extra_vars") for name, body in RecordedAwx.launched}
    assert variables == {
        "kcloud create cluster": {
            "requested_cluster_name": "c",
            "requested_cluster_template": "t",
            "requested_cluster_labels": labels,
        },
        "kcloud resize cluster": {
            "requested_cluster_name": "c2",
            "requested_cluster_node_count": 3,
            "requested_cluster_node_group": "default-worker",
        },
        "kcloud cleanup": {},
    }


# --- alerts


def alert(name: str, cluster: str, status: str = "firing", **labels: str) -> dict[str, Any]:
    """An alert as Alertmanager 0.25 writes it."""
    return {
        "status": status,
        "labels": {"alertname": name, "cluster": cluster, "severity": "warning", **labels},
        "annotations": {"summary": "{{ this is text of others }}"},
        "startsAt": "2026-12-01T12:00:00.000Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-12-01T12:05:00.000Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=1",
        "fingerprint": "e1f2a3b4c5d60718",
    }


def notification(*alerts: object) -> dict[str, Any]:
    """What Alertmanager posts."""
    return {
        "receiver": "rulebook",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
    }


def node_group(cloud: TestCloud, name: str) -> dict[str, Any]:
    """A node group of workers, as Magnum shows it."""
    magnum = cloud.connect().container_infrastructure_management
    url = f"/clusters/{PREFIX}{name}/nodegroups/default-worker"
    return dict(magnum.get(url, headers={"OpenStack-API-Version": "container-infra 1.10"}).json())


def quick_rules(folder: Path) -> Path:
    """The collection's own rules, evaluated each second and without the patience of each alert."""
    for file in sorted(RULES.glob("kcloud_*.yml")):
        plain = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in plain["groups"]:
            group["interval"] = "1s"
            for rule in group["rules"]:
                if "alert" in rule:
                    rule["for"] = "0s"
        (folder / file.name).write_text(yaml.safe_dump(plain), encoding="utf-8")
    return folder / "kcloud_*.yml"


@pytest.fixture(scope="module")
def alertmanager(folder: Path, cloud: TestCloud, clusters: None) -> Iterator[tuple[Webhook, Callable[[], int]]]:
    """The rulebook for alerts with a real Alertmanager, and a function that starts Prometheus, which answers its port."""
    assert shutil.which("prometheus-alertmanager"), "install Debian's package prometheus-alertmanager"
    servers, port = folder / "prometheus", free_port()
    (folder / "rules").mkdir()
    rules = quick_rules(folder / "rules")
    node = {"cores": 16, "memory_gb": 64, "kind": "npu", "model": "furiosa-rngd", "devices": 1}
    nodes = [{"name": address, **node} for address in node_group(cloud, "npu")["node_addresses"]]
    fleet = {"hours": 0.5, "clusters": [{"name": f"{PREFIX}npu", "profile": "busy", "pending": 1, "nodes": nodes}]}
    config = {
        "global": {"evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]},
    }
    started = prometheus.start(servers, history(read_fleet(json.dumps(fleet), int(time.time()))))
    # Only its history is needed until the loop is timed
    known = json.dumps([{"name": "site-a", "url": f"http://127.0.0.1:{started}"}])
    try:
        with rulebook("alertmanager", folder, PROMETHEUS_CLUSTERS=known) as webhook:
            target = {
                "url": f"http://127.0.0.1:{webhook.port}/alertmanager",
                "send_resolved": True,
                "http_config": {"authorization": {"credentials": TOKEN}},
            }
            routes = {
                "receiver": "rulebook",
                "group_by": ["alertname", "cluster"],
                "group_wait": "1s",
                "group_interval": "5s",
            }
            (folder / "alertmanager.yml").write_text(
                yaml.safe_dump({"route": routes, "receivers": [{"name": "rulebook", "webhook_configs": [target]}]})
            )
            command = ["prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}"]
            command += [f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address=127.0.0.1:{port}"]
            with background([*command, "--cluster.listen-address="], folder / "alertmanager-server.log") as program:
                eventually("Alertmanager listens", lambda: listens(port), lambda: program.output, 60)
                second = folder / "evaluating"

                def evaluate() -> int:
                    data = history(read_fleet(json.dumps(fleet), int(time.time())))
                    # It sends an alert again until it has found Alertmanager
                    return prometheus.start(second, data, yaml.safe_dump(config), ["--rules.alert.resend-delay=5s"])

                try:
                    yield webhook, evaluate
                finally:
                    prometheus.stop(second)
    finally:
        prometheus.stop(servers)


def test_alerts_that_are_none_are_refused_and_resolved_ones_start_nothing(alertmanager: tuple[Webhook, Any]) -> None:
    webhook, _evaluate = alertmanager
    mark = len(webhook.output)
    idle = "KcloudAcceleratorsIdle"
    assert webhook.post("alertmanager", notification(alert(idle, f"{PREFIX}a")), token="wrong") == 401
    bad = [
        alert(idle, "{{ lookup('pipe', 'id') }}"),
        alert("{{ 7 * 7 }}", f"{PREFIX}a"),
        alert(idle, f"{PREFIX}a", status="maybe"),
        "text",
        {"meta": {"hosts": "all"}},
        # Pressure on no cluster would be pressure on all
        alert("KcloudAcceleratorsExhausted", ""),
    ]
    resolved = alert("KcloudAcceleratorsExhausted", f"{PREFIX}a", status="resolved")
    unknown = alert("SomebodyElses", f"{PREFIX}a")
    assert webhook.post("alertmanager", notification(*bad, unknown, resolved)) == 200
    assert webhook.post("alertmanager", {"no": "alerts"}) == 200
    assert webhook.post("alertmanager", [1]) == 200
    # The splitter of ansible-rulebook fails on this, and goes on with the next
    assert webhook.post("alertmanager", {"alerts": 5}) == 500

    def log() -> str:
        return webhook.since(mark)

    eventually("each is refused", lambda: log().count("refused a request to") == len(bad) + 2, log, 60)
    eventually("it is over", lambda: f"KcloudAcceleratorsExhausted of {PREFIX}a is over" in log(), log, 60)
    assert "PLAY [" not in log()


def test_idle_clusters_are_found_and_unhealthy_ones_explained(
    cloud: TestCloud, alertmanager: tuple[Webhook, Any]
) -> None:
    webhook, _evaluate = alertmanager
    mark = len(webhook.output)
    before = {one.name: one.status for one in cloud.clusters(PREFIX)}
    firing = notification(
        alert("KcloudAcceleratorsIdle", f"{PREFIX}npu"), alert("KcloudClusterUnhealthy", f"{PREFIX}a")
    )
    # Alertmanager repeats what goes on; that starts no second run
    for _repeated in range(2):
        assert webhook.post("alertmanager", firing) == 200
    text = ended(webhook, mark, 2)
    assert text.count("PLAY [") == 2
    assert "PLAY [Show the clusters]" in text
    # By default a clean-up is a dry run
    assert {one.name: one.status for one in cloud.clusters(PREFIX)} == before


def test_pressure_resizes_a_cluster_from_prometheus_to_magnum(
    cloud: TestCloud, alertmanager: tuple[Webhook, Callable[[], int]], capsys: pytest.CaptureFixture[str]
) -> None:
    webhook, evaluate = alertmanager
    mark, began = len(webhook.output), time.monotonic()
    seconds: dict[str, float] = {}

    def stage(name: str, found: Callable[[], Any]) -> None:
        eventually(name, found, lambda: webhook.since(mark))
        seconds[name] = time.monotonic() - began

    assert workers(cloud, "npu") == 1
    port = evaluate()
    seconds["Prometheus runs"] = time.monotonic() - began

    def fires() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=10) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        return any(
            one["labels"]["alertname"] == "KcloudAcceleratorsExhausted" and one["state"] == "firing" for one in alerts
        )

    stage("the alert fires", fires)
    stage("the playbook runs", lambda: "PLAY [Scale clusters" in webhook.since(mark))
    stage(
        "Magnum resizes",
        lambda: (
            [one.status for one in cloud.clusters(f"{PREFIX}npu")] == ["UPDATE_IN_PROGRESS"]
            or workers(cloud, "npu") == 2
        ),
    )
    stage("the cluster has two workers", lambda: workers(cloud, "npu") == 2)
    stage("the playbook has ended", lambda: "PLAY RECAP" in webhook.since(mark))
    text = ended(webhook, mark, 1)
    assert "changed=0" not in text, text
    status = run(["ansible-playbook", "kcloud.infrastructure.status", "-e", f"cluster_status_name={PREFIX}npu"])
    assert status.returncode == 0, status.stdout + status.stderr
    assert "2" in status.stdout
    seconds["the status is shown"] = time.monotonic() - began
    with capsys.disabled():
        print("\nfrom Prometheus to Magnum, seconds since its start:")
        for name, at in seconds.items():
            print(f"  {at:6.1f}  {name}")
