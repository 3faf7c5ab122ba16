# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Series of every exporter -> figures, placements and gaps."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry import catalogue
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.attribution import Directory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.figures import (
    KINDS,
    kubernetes_of,
    measured,
    node_figures,
    together,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import (
    ClusterNode,
    Metric,
    Reading,
    Window,
    read_window,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.placements import (
    of_workloads,
    placements_of,
    size_of,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.telemetry.readings import (
    ALLOCATABLE,
    CORDONED,
    CPU,
    DCGM_USE,
    DCGM_W,
    GAUDI_W,
    IDENTITY,
    KEPLER_J,
    KEPLER_W,
    NAME,
    NODE,
    NOT_READY,
    OLD_J,
    OTHER,
    PODS,
    RBLN_W,
    REQUESTS,
    UUID,
    VM_W,
    WINDOW,
    asks,
    kube,
    pod,
    reading,
    series,
)


def figures(*readings: Reading) -> tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]:
    """The figures of NODE, what belongs to no node, and the gaps."""
    directory = Directory([NODE, OTHER], readings)
    known, strangers, gaps = measured(readings, directory)
    kube = kubernetes_of(readings, directory).get(NODE)
    return node_figures(NODE, known.get(NODE, {}), kube, WINDOW), strangers, gaps


JOULES = catalogue.JOULES_PER_KWH


def test_what_is_not_measured_is_unknown_and_says_why() -> None:
    found, _strangers, gaps = figures()
    for kind in KINDS:
        for figure in getattr(found, kind).values():
            assert figure.value is None
            assert figure.reason
            assert figure.coverage == 0
    assert gaps == []
    assert "npu" not in found.power and "gpu" not in found.utilization


def test_a_gap_lowers_the_coverage_and_not_the_value() -> None:
    found, *_rest = figures(reading(CPU, series(0.2, None, None, 0.4, **NAME)))
    figure = found.utilization["cpu"]
    assert figure.value == pytest.approx(0.3)
    assert figure.coverage == 0.5
    assert figure.source == "node exporter (a)"


@pytest.mark.parametrize(
    ("readings", "value", "source", "coverage"),
    [
        # The rise of a counter, and the steps of it that hold samples
        (
            [
                reading(KEPLER_J, series(1.8e6, **NAME), covered=(series(1, None, 1, 1, **NAME),)),
                reading(KEPLER_W, series(9, 9, 9, 9, **NAME)),
            ],
            0.5, "counter, Kepler (a)", 0.75,
        ),
        ([reading(OLD_J, series(3.6e6, instance="ml-node-0:9102"))], 1.0, "counter, Kepler before 0.10 (a)", 0.0),
        # 100 W for 3 steps of 300 s: the silent one counts for nothing
        ([reading(KEPLER_W, series(100, 100, None, 100, **NAME))], 90000 / JOULES, "integral of power, Kepler (a)", 0.75),
        # Started anew, an exporter has a second series: both rises count
        ([reading(KEPLER_J, series(1.8e6, **NAME), series(1.8e6, **NAME))], 1.0, "counter, Kepler (a)", 0.0),
    ],
)  # fmt: skip
def test_energy(readings: list[Reading], value: float, source: str, coverage: float) -> None:
    found, *_rest = figures(*readings)
    figure = found.energy["cpu"]
    assert figure.value == pytest.approx(value)
    assert (figure.source, figure.coverage, figure.unit) == (source, coverage, "kWh")


def test_what_the_hypervisor_says_comes_first_and_two_servers_never_add_up() -> None:
    inside = reading(KEPLER_W, series(50, 50, 50, 50, **NAME), server="inside")
    twice = reading(KEPLER_W, series(50, 50, 50, 50, **NAME), server="again")
    outside = reading(VM_W, series(70, 70, 70, 70, vm_id=UUID.upper()), server="site")
    found, *_rest = figures(inside, twice, outside)
    assert (found.power["total"].value, found.power["total"].source) == (70, "Kepler on the hypervisors (site)")
    found, *_rest = figures(inside, twice)
    assert (found.power["total"].value, found.power["total"].source) == (50, "Kepler (inside)")


def test_an_exporter_that_started_anew_does_not_double_the_power() -> None:
    found, *_rest = figures(
        reading(
            KEPLER_W, series(50, 50, None, None, **NAME, instance="1"), series(None, 48, 50, 50, **NAME, instance="2")
        )
    )
    assert found.power["cpu"].value == 50
    assert found.power["cpu"].coverage == 1


@pytest.mark.parametrize("label", ["Hostname", "hostname"])
def test_dcgm_old_and_new_labels_with_blank_values(label: str) -> None:
    blank = catalogue.DCGM_BLANK
    found, _strangers, gaps = figures(
        # A mean over a step with one blank among ten samples is blank too
        reading(DCGM_USE, series(blank, blank / 10, 40, 60, **{label: "ml-node-0"}, UUID="GPU-1")),
        reading(DCGM_W, series(100, 100, 100, 100, **{label: "ml-node-0"}, UUID="GPU-1"), series(50, **{label: "ml-node-0"}, UUID="GPU-2")),
    )  # fmt: skip
    assert found.utilization["gpu"].value == pytest.approx(0.5)
    assert found.utilization["gpu"].coverage == 0.5
    assert found.power["gpu"].value == 150
    assert found.power["gpu"].coverage == pytest.approx(5 / 8)
    assert [device["id"] for device in found.devices] == ["GPU-1", "GPU-2"]
    assert found.devices[1]["utilization"]["value"] is None
    assert gaps == []
    # Its CPU is unknown, so half of what the node draws is not shown as the whole
    assert found.power["total"].value is None
    assert "cpu" in str(found.power["total"].reason)


def test_microwatts_are_reported_and_never_scaled() -> None:
    found, _strangers, gaps = figures(reading(RBLN_W, series(65e6, 65e6, 65e6, 60, hostname="ml-node-0", card="rbln0")))
    assert found.power["npu"].value == 60
    assert found.power["npu"].coverage == 0.25
    assert [gap["reason"] for gap in gaps] == [
        "Rebellions exporter, power of 6.5e+07 W is not plausible (0 to 1000), and is left out"
    ]


def test_gaudi_says_milliwatts() -> None:
    found, *_rest = figures(reading(GAUDI_W, series(250e3, 350e3, hostname="ml-node-0", UUID="g")))
    assert found.power["npu"].value == 300


def test_requests_and_what_they_leave_free() -> None:
    found, *_rest = figures(
        reading(ALLOCATABLE, *kube("ml-node-0", cpu=4, memory=8 * 2**30, nvidia_com_gpu=2, pods=110)),
        reading(REQUESTS, *asks("a", cpu=1, memory=2**30, nvidia_com_gpu=1), *asks("b", cpu=4)),
    )
    assert {name: figure.value for name, figure in found.requests.items()} == {"cpu": 5, "memory": 1024, "gpu": 1}
    # More requested than there is leaves nothing free, and not less than nothing
    assert {name: figure.value for name, figure in found.free.items()} == {"cpu": 0, "memory": 7168, "gpu": 1}
    # A GPU that is there and not measured makes the node's power unknown
    assert found.power["gpu"].value is None


def test_without_requests_nothing_counts_as_free() -> None:
    found, *_rest = figures(reading(ALLOCATABLE, *kube("ml-node-0", cpu=4)))
    assert found.free["cpu"].value is None


@pytest.mark.parametrize("closed", [CORDONED, NOT_READY])
def test_a_node_that_takes_no_pods_has_no_free_room(closed: Metric) -> None:
    shown = (
        reading(ALLOCATABLE, *kube("ml-node-0", cpu=4, memory=2**33, nvidia_com_gpu=2)),
        reading(REQUESTS, *asks("web", cpu=1)),
    )
    found, *_rest = figures(*shown, reading(closed, series(1, node="ml-node-0")))
    assert {name: figure.value for name, figure in found.free.items()} == {"cpu": 0, "memory": 0, "gpu": 0}
    assert found.requests["cpu"].value == 1
    # What another server says of a node of this name is about another node
    found, *_rest = figures(*shown, reading(closed, series(1, node="ml-node-0"), server="b"))
    assert found.free["cpu"].value == 3


def test_many_nodes() -> None:
    readings = [
        reading(CPU, series(0.2, 0.2, 0.2, 0.2, **NAME)),
        reading(DCGM_USE, series(80, 80, 80, 80, Hostname="ml-node-0", UUID="1"), series(20, 20, 20, 20, Hostname="ml-node-1", UUID="2"),
                series(20, 20, 20, 20, Hostname="ml-node-1", UUID="3")),
        reading(KEPLER_W, series(10, 10, 10, 10, **NAME), series(30, None, None, 30, node="ml-node-1")),
    ]  # fmt: skip
    known, _strangers, _gaps = measured(readings, Directory([NODE, OTHER]))
    parts = [node_figures(node, known[node], None, WINDOW) for node in (NODE, OTHER)]
    # A third node is counted by Magnum and known to nobody
    found = together(parts, 3, WINDOW)
    assert found["utilization"]["cpu"].value == pytest.approx(0.2)
    assert found["utilization"]["cpu"].coverage == pytest.approx(1 / 3)
    assert found["utilization"]["cpu"].reason == "2 of 3 nodes have no data"
    # By device, not by node
    assert found["utilization"]["gpu"].value == pytest.approx(0.4)
    assert found["power"]["cpu"].value == 40
    assert found["power"]["cpu"].coverage == pytest.approx(0.5)
    assert together(parts[::-1], 3, WINDOW) == found
    assert together([], 2, WINDOW)["power"]["total"].value is None


@pytest.mark.parametrize(
    ("labels", "scope", "found"),
    [
        ({"node": "ml-node-0"}, (), NODE),
        ({"node": "ML-NODE-0.novalocal"}, (), NODE),
        ({"node": "ml-node-0:9100"}, (), NODE),
        ({"node": UUID}, (), NODE),
        ({"node": "10.0.0.5:9100", "cluster": "ml"}, (), NODE),
        ({"node": "10.0.0.5:9100", "cluster": "c1"}, (), NODE),
        ({"node": "10.0.0.5:9100"}, ("m*",), NODE),
        # A label that names no cluster of the project says nothing
        ({"node": "ml-node-0", "cluster": "site-a"}, (), NODE),
        # ... one that names another cluster does
        ({"node": "ml-node-0", "cluster": "web"}, (), "no node of the clusters has this name"),
        ({"node": "10.0.0.5:9100"}, (), "an address alone does not say which cluster it is in"),
        ({"node": "twin"}, (), "nodes of 2 clusters have this name"),
        ({"node": "bastion"}, (), "no node of the clusters has this name"),
        ({}, (), "the series has none of the labels node, nodename, instance"),
    ],
)
def test_attribution(labels: dict[str, str], scope: tuple[str, ...], found: ClusterNode | str) -> None:
    twins = [ClusterNode(f"c{n}", f"t{n}", "g", f"id-{n}", "twin") for n in (2, 3)]
    directory = Directory([NODE, OTHER, *twins], (), ["ml", "c1", "web"])
    answer = directory.find(reading(CPU, clusters=scope), labels)
    assert (answer.node or answer.reason) == found


def test_the_server_s_id_decides_between_nodes_of_one_name() -> None:
    twins = [ClusterNode(f"c{n}", f"t{n}", "g", UUID[:-1] + str(n), "twin") for n in (2, 3)]
    identity = reading(IDENTITY, series(1, node="twin", system_uuid=twins[1].id.upper()))
    directory = Directory(twins, [identity])
    assert directory.find(reading(CPU), {"node": "twin"}).node == twins[1]
    # ... of the server that says so
    assert directory.find(reading(CPU, server="b"), {"node": "twin"}).node is None


@pytest.mark.parametrize(
    ("identities", "found"),
    [
        # The id decides, also against the name
        ([{"system_uuid": OTHER.id}], OTHER),
        ([{"provider_id": f"openstack:///{OTHER.id}"}], OTHER),
        ([{"provider_id": f"openstack://RegionOne/{OTHER.id.upper()}", "system_uuid": UUID}], OTHER),
        # Two clusters behind one server of metrics have a node of this name: the name decides, as far as it can
        ([{"system_uuid": UUID}, {"system_uuid": OTHER.id}], NODE),
        # The firmware of some hosts has ids of its own
        ([{"system_uuid": "11111111-2222-4333-8444-555555555555"}], NODE),
        ([{"system_uuid": "unknown", "provider_id": ""}], NODE),
        ([{"provider_id": "aws:///a/i-0123"}], NODE),
        # A server of another project that has the name of ours
        (
            [{"provider_id": "openstack:///11111111-2222-4333-8444-555555555555"}],
            "it is server 11111111-2222-4333-8444-555555555555, which is not a node of the clusters",
        ),
    ],
)
def test_which_server_a_node_s_name_stands_for(identities: list[dict[str, str]], found: ClusterNode | str) -> None:
    identity = reading(IDENTITY, *[series(1, node="ml-node-0", **labels) for labels in identities])
    answer = Directory([NODE, OTHER], [identity]).find(reading(CPU), {"node": "ml-node-0"})
    assert (answer.node or answer.reason) == found


def test_placements() -> None:
    readings = [
        reading(ALLOCATABLE, *kube("ml-node-0", cpu=4), *kube("ml-node-1", cpu=4)),
        reading(
            REQUESTS,
            *asks("w1", cpu=0.5, memory=2**30), *asks("w2", cpu=0.5, memory=2**30), *asks("w3", cpu=1),
            *asks("job", cpu=2, nvidia_com_gpu=2), *asks("mig", cpu=1, nvidia_com_mig_1g_5gb=1, ephemeral_storage=5),
            *asks("npu", furiosa_ai_rngd=1),
        ),
        reading(
            PODS, pod("w1"), pod("w2"), pod("w3"), pod("job", kind="Job", owner="train"), pod("bare", kind="<none>", owner="<none>"),
            pod("mig", owner="mig"), pod("npu", owner="npu"), pod("far", node="ml-node-1"), pod("lost", node="bastion"),
        ),
    ]  # fmt: skip
    found, gaps = placements_of(readings, Directory([NODE, OTHER]), {NODE: "a", OTHER: "b"})
    place = {"cluster": "c1", "node_group": "default-worker", "node": UUID, "gang": False, "replicas": 1}
    assert found == {
        NODE: [
            {**place, "workload": "d/bare", "cpu_cores": 0.001},
            {**place, "workload": "d/mig", "cpu_cores": 1},
            {**place, "workload": "d/npu", "npu_count": 1, "npu_model": "rngd"},
            {**place, "workload": "d/train", "cpu_cores": 2, "gpu_count": 2, "gang": True},
            {**place, "workload": "d/web", "cpu_cores": 0.5, "memory_gb": 1.0, "replicas": 2},
            {**place, "workload": "d/web", "cpu_cores": 1},
        ]
    }
    assert [gap["reason"] for gap in gaps] == [
        "a placement cannot say what pod d/mig requests of nvidia_com_mig_1g_5gb"
    ]


def test_placements_without_nodes() -> None:
    one = {
        "workload": "d/web",
        "cluster": "c1",
        "node_group": "g",
        "node": "n1",
        "gang": False,
        "replicas": 2,
        "cpu_cores": 1,
    }
    web = {key: value for key, value in one.items() if key != "node"}
    again, larger, other = {**one, "node": "n2"}, {**one, "cpu_cores": 2}, {**one, "workload": "e/api"}
    assert of_workloads([one, again, larger, other], ["api"]) == [
        {**web, "replicas": 4}, {**web, "cpu_cores": 2}, {**web, "workload": "api"},
    ]  # fmt: skip
    # Of two workloads of one name nobody knows which is meant
    found = of_workloads([one, {**one, "workload": "e/web"}], ["web"])
    assert [entry["workload"] for entry in found] == ["d/web", "e/web"]


def test_a_deployment_keeps_its_name_from_version_to_version() -> None:
    readings = [
        reading(REQUESTS),
        reading(
            PODS,
            pod("a", owner="web-6d4cf56db6"),
            pod("b", owner="web-7c5ddbdf54"),
            pod("c", kind="Job", owner="run-2bcdf"),
        ),
    ]
    found, _gaps = placements_of(readings, Directory([NODE, OTHER]), {NODE: "a"})
    assert [(entry["workload"], entry["replicas"]) for entry in found[NODE]] == [("d/run-2bcdf", 1), ("d/web", 2)]


def test_a_tiny_request_is_not_nothing() -> None:
    assert size_of({"cpu": 0.0001}) == ({"cpu_cores": 0.001}, [])


@pytest.mark.parametrize(
    ("names", "exporters"),
    [
        (["up"], set()),
        (["kepler_node_cpu_watts", "kepler_node_cpu_joules_total"], {"Kepler"}),
        (["kepler_vm_cpu_watts"], {"Kepler on the hypervisors"}),
        (["kepler_container_package_joules_total"], {"Kepler before 0.10"}),
        (["furiosa_npu_total_cycle_count"], set()),
        (["furiosa_npu_total_cycle_count", "furiosa_npu_task_execution_cycle"], {"Furiosa exporter"}),
    ],
)
def test_metrics_are_chosen_by_what_is_present(names: list[str], exporters: set[str]) -> None:
    assert {one.exporter for one in catalogue.present(names)} == exporters


def test_zones_of_rapl_never_add_up_with_what_holds_them() -> None:
    assert VM_W.query == (
        'sum by (cluster, vm_id) (avg_over_time(kepler_vm_cpu_watts{zone="psys"}[{range}])) or '
        'sum by (cluster, vm_id) (avg_over_time(kepler_vm_cpu_watts{zone=~"package|dram"}[{range}]))'
    )


def test_the_catalogue_is_complete() -> None:
    for one in catalogue.METRICS:
        assert all(name in one.query for name in one.needs)
        assert ("{range}" in one.query) is (one.mode != "now")
        for label in (*one.node, *one.device, "cluster"):
            assert label in one.query, f"{label} is lost by {one.query}"
        assert one.query.count("(") == one.query.count(")")
    assert len(set(catalogue.METRICS)) == len(catalogue.METRICS)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: nothing parses the queries")
def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"metric_{number}", "expr": one.query.replace("{range}", "300s")}
        for number, one in enumerate(catalogue.METRICS)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "catalogue", "rules": rules}]}), encoding="utf-8")
    command = ["promtool", "check", "rules", "--lint=none", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("window", "step", "expected"),
    [
        ("1h", None, Window(9, 300, 12)),
        ("60", None, Window(9, 60, 1)),
        ("1d", None, Window(9, 1440, 60)),
        ("1h", "90s", Window(9, 90, 40)),
        ("1h", "25m", Window(9, 1500, 2)),
    ],
)
def test_window(window: str, step: str | None, expected: Window) -> None:
    assert read_window(window, step, 9) == expected


@pytest.mark.parametrize(
    ("window", "step"),
    [("", None), ("0", None), ("1.5h", None), ("1y", None), ("1h", "2h"), ("1w", "1s"), ("1h", "-5m")],
)
def test_a_wrong_window(window: str, step: str | None) -> None:
    with pytest.raises(InvalidRequest):
        read_window(window, step, 9)
