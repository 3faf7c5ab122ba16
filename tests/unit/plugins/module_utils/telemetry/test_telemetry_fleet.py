# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``telemetry``: readings -> a fleet -> what is decided by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CloudUnreachable
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.answer import answer as match_answer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch import plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_answer import answer as batch_answer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import Batch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_batch, read_request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import POLICIES, clean_up
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle_answer import answer, read_idle
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.match import match as match_decision
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.placements import made_for_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling import scale
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_answer import (
    answer as scaling_answer,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import Rules as ScalingRules
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_reading import read_scaling
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.workload import read_workload
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.fleet import (
    SYSTEM,
    Sight,
    Telemetry,
    seen_fleet,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.information import Inventory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.inputs import free_devices
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Reading
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.chosen import Chosen
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.telemetry.readings import (
    ALLOCATABLE,
    CORDONED,
    CPU,
    DCGM_USE,
    NODE,
    OTHER,
    PODS,
    REQUESTS,
    UUID,
    WAITING,
    WINDOW,
    asks,
    kube,
    pod,
    reading,
    series,
)

Plain = dict[str, Any]
GIB = 2**30
GROUP = {
    "id": "g1",
    "name": "default-worker",
    "role": "worker",
    "flavor": "small",
    "node_count": 2,
    "node_addresses": ["10.0.0.5", "10.0.0.6"],
    "status": "CREATE_COMPLETE",
}
FLEET: Plain = {
    "project_id": "p1",
    "flavors": [
        {"name": "small", "id": "f1", "vcpus": 4, "ram_mib": 8192, "extra_specs": {}},
        {"name": "mig", "id": "f3", "vcpus": 8, "ram_mib": 8192, "extra_specs": {}},
        {"name": "gpu", "id": "f2", "vcpus": 8, "ram_mib": 8192, "extra_specs": {"pci_passthrough:alias": "a100:2"}},
    ],
    "templates": [],
    "clusters": [
        {
            "id": "c1",
            "name": "ml",
            "status": "CREATE_COMPLETE",
            "health_status": "HEALTHY",
            "project_id": "p1",
            "created_at": "1969-12-31T00:00:00+00:00",
            "node_groups": [GROUP],
        }
    ],
}
TELEMETRY = Telemetry(Chosen(()), WINDOW, SYSTEM)
DOWN = CloudUnreachable("Failed to read", code="METRICS_UNREACHABLE", reason="Connection refused")
RULES = replace(POLICIES["default"], idle_s=600, prefixes=("ml",), busy_hours=None)
SHOWN = (
    reading(ALLOCATABLE, *kube("ml-node-0", cpu=4, memory=8 * GIB), *kube("ml-node-1", cpu=4, memory=8 * GIB)),
    reading(REQUESTS, *asks("proxy", cpu=0.5)),
    reading(PODS, pod("proxy", kind="DaemonSet", owner="proxy")),
)
QUIET = reading(CPU, series(0.02, 0.02, 0.02, 0.02, node="ml-node-0"), series(0.01, 0.01, 0.03, 0.01, node="ml-node-1"))
LEAST = {"telemetry": None, "fleet": None, "placements": None, "flavor_map": None}


def seen(
    *readings: Reading,
    failures: tuple[tuple[str, CloudUnreachable], ...] = (),
    blind: bool = False,
    flavor: str = "small",
    nodes: tuple[Any, ...] = (NODE, OTHER),
    single_nodes: bool = True,
    queued: bool = True,
    **params: Any,
) -> Plain:
    """The fleet of one cluster with two workers, as servers see it."""
    cluster = Cluster("c1", "ml", node_groups=(NodeGroup("g1", "default-worker", flavor_id=flavor, node_count=2),))
    sight = Sight(Inventory(((cluster, {"default-worker": nodes}),), ("ml", "c1")), readings, failures, blind)
    fleet = {**FLEET, "clusters": [{**FLEET["clusters"][0], "node_groups": [{**GROUP, "flavor": flavor}]}]}
    return seen_fleet(fleet, {**LEAST, **params}, TELEMETRY, sight, single_nodes=single_nodes, queued=queued)


def idle(fleet: Plain, **options: Any) -> Plain:
    return answer(clean_up(read_idle(fleet, now=1200, hour=20, rules=RULES, **options)))


def why_not(found: Plain) -> dict[str, Any]:
    return {violation["code"]: violation["have"] for violation in found["clusters"][0]["why_not"]}


def test_idle_by_what_was_measured() -> None:
    fleet = seen(*SHOWN, QUIET)
    assert [entry["utilization"] for entry in fleet["observations"]] == [0.02, 0.02, 0.03, 0.02]
    assert [entry["at"] for entry in fleet["observations"]] == [300, 600, 900, 1200]
    found = idle(fleet)
    assert found["decision"]["mark"] == [{"cluster": "ml", "cluster_id": "c1"}], why_not(found)
    # The cluster's own pods do not count as workloads
    assert fleet["placements"] == []
    busy = idle(seen(*SHOWN[:2], reading(PODS, pod("web")), QUIET))
    assert why_not(busy) == {"HAS_WORKLOADS": "d/web"}


@pytest.mark.parametrize(
    ("readings", "failures", "expected"),
    [
        # Half of the workers are not shown
        ((reading(ALLOCATABLE, *kube("ml-node-0", cpu=4)), *SHOWN[1:], QUIET), (),
         {"PLACEMENTS_UNKNOWN": "not known: kube-state-metrics does not show 1 of 2 workers"}),
        ((QUIET,), (("b", DOWN),),
         {"PLACEMENTS_UNKNOWN": "not known: kube-state-metrics does not show 2 of 2 workers; "
          "server b could not be read: Connection refused"}),
        # Whoever sees nodes and no pods at all, not even those that each node runs, is not allowed to see pods
        ((*SHOWN[:2], reading(PODS), QUIET), (),
         {"PLACEMENTS_UNKNOWN": "not known: kube-state-metrics shows no pod on its workers, not even of the cluster itself"}),
        ((*SHOWN, reading(CPU, series(0.02, 0.02, 0.02, 0.02, node="ml-node-0"))), (),
         {"METRICS_MISSING": "none: it counts as busy; the node exporter does not show 1 of 2 workers"}),
        ((*SHOWN, reading(CPU, series(*[0.02] * 4, node="ml-node-0"), series(0.01, None, None, None, node="ml-node-1"))), (),
         {"METRICS_MISSING": "none: it counts as busy; a worker was silent in the last step"}),
    ],
)  # fmt: skip
def test_what_is_not_known_is_busy_and_says_why(
    readings: tuple[Reading, ...], failures: tuple[Any, ...], expected: dict[str, str]
) -> None:
    found = idle(seen(*readings, failures=failures))
    assert found["decision"]["action"] == "none"
    assert why_not(found) == expected
    assert [note for note in found["assumptions"] if "ml, which counts as busy: " in note]


def waits(name: str, namespace: str = "d", kind: str = "Job", **labels: str) -> Any:
    return series(1, namespace=namespace, pod=name, uid=name, created_by_kind=kind, **labels)


def test_queued_work_keeps_a_cluster_busy() -> None:
    """A pod without a node is of the clusters whose nodes have the same label `cluster`, on the same server."""
    fleet = seen(*SHOWN, QUIET, reading(WAITING, waits("train-1"), waits("train-0")))
    assert why_not(idle(fleet)) == {"PLACEMENTS_UNKNOWN": "not known: pods wait for a node: 2, such as d/train-0"}
    # A decision that finds nodes for them knows the room
    assert seen(*SHOWN, QUIET, reading(WAITING, waits("train-1")), queued=False)["telemetry"]["unknown"] == []


@pytest.mark.parametrize(
    "waiting",
    [
        reading(WAITING, waits("train", cluster="other")),
        reading(WAITING, waits("train"), server="b"),
        reading(WAITING, waits("dns", namespace="kube-system")),
        reading(WAITING, waits("agent", kind="DaemonSet")),
        reading(WAITING),
    ],
)
def test_what_waits_elsewhere_or_belongs_to_a_cluster_itself_does_not(waiting: Reading) -> None:
    assert idle(seen(*SHOWN, QUIET, waiting))["decision"]["action"] == "mark"


def test_an_accelerator_that_computes_or_that_nobody_measures_keeps_a_cluster_busy() -> None:
    """The CPU rests; of four devices one computes, so that a mean would be low."""
    gpus = [series(*values, Hostname=f"ml-node-{node}", UUID=f"gpu-{node}-{n}") for node, n, values in (
        (0, 0, (0, 0, 0, 0)), (0, 1, (0, 0, 0, 0)), (1, 0, (0, 0, 0, 0)), (1, 1, (0, 0, 0, 30)),
    )]  # fmt: skip
    found = idle(seen(*SHOWN, QUIET, reading(DCGM_USE, *gpus), flavor="gpu"))
    assert why_not(found) == {"BUSY": 300}
    found = idle(seen(*SHOWN, QUIET, flavor="f2"))
    assert why_not(found) == {
        "METRICS_MISSING": "none: it counts as busy; an exporter of its GPUs does not show 2 of 2 workers"
    }


def gpu(node: int, nth: int, *values: float | None) -> Any:
    return series(*values, Hostname=f"ml-node-{node}", UUID=f"gpu-{node}-{nth}")


def test_a_device_that_is_silent_may_compute() -> None:
    """Each node has two by its flavor. The exporter of the second node shows one, or one falls silent in the end."""
    rest = [gpu(0, 0, *[0] * 4), gpu(0, 1, *[0] * 4), gpu(1, 0, *[0] * 4)]
    fleet = seen(*SHOWN, QUIET, reading(DCGM_USE, *rest), flavor="gpu")
    assert why_not(idle(fleet)) == {
        "METRICS_MISSING": "none: it counts as busy; an exporter of its GPUs does not show 1 of 2 workers with all devices"
    }
    assert [entry["node"] for entry in fleet["utilization"]] == [UUID]
    assert {entry["utilization"] for entry in fleet["observations"]} == {None}
    silent = seen(*SHOWN, QUIET, reading(DCGM_USE, *rest, gpu(1, 1, 0, 0, None, None)), flavor="gpu")
    assert set(why_not(idle(silent))) == {"METRICS_MISSING"}
    whole = seen(*SHOWN, QUIET, reading(DCGM_USE, *rest, gpu(1, 1, *[0] * 4)), flavor="gpu")
    assert idle(whole)["decision"]["action"] == "mark"


def test_slices_of_a_device_are_shown_as_their_device() -> None:
    sliced = {"mig": {"kind": "gpu", "model": "a100-mig-1g-5gb", "count": 2}}
    devices = reading(DCGM_USE, gpu(0, 0, *[0] * 4), gpu(1, 0, *[0] * 4))
    fleet = seen(*SHOWN, QUIET, devices, flavor="mig", flavor_map=sliced)
    assert idle(fleet, flavor_map=sliced)["decision"]["action"] == "mark"
    # ... and yet their device must be shown
    unseen = seen(*SHOWN, QUIET, flavor="mig", flavor_map=sliced)
    assert set(why_not(idle(unseen, flavor_map=sliced))) == {"METRICS_MISSING"}


def test_a_gap_is_an_observation_that_failed() -> None:
    lost = reading(
        CPU, series(0.02, None, 0.02, 0.02, node="ml-node-0"), series(0.01, 0.01, 0.01, 0.01, node="ml-node-1")
    )
    fleet = seen(*SHOWN, lost)
    assert [entry["utilization"] for entry in fleet["observations"]] == [0.02, None, 0.02, 0.02]
    assert why_not(idle(fleet)) == {"IDLE_TOO_SHORT": 300}


def test_without_any_server_nothing_is_touched() -> None:
    fleet = seen(failures=(("a", DOWN), ("b", DOWN)), blind=True)
    assert fleet["placements"] is None
    found = idle(fleet, marks=[{"cluster_id": "c1", "marked_at": 0}])
    assert found["decision"]["delete"] == found["decision"]["would_delete"] == []
    assert set(why_not(found)) == {"PLACEMENTS_UNKNOWN", "METRICS_MISSING"}
    assert "telemetry: server a could not be read: Connection refused; its figures are unknown" in found["assumptions"]


def test_what_a_user_gives_wins() -> None:
    fleet = seen(*SHOWN[:2], reading(PODS, pod("web")), QUIET, placements=[])
    assert idle(fleet, placements=[])["decision"]["action"] == "mark"
    given = [{"cluster": "ml", "at": 1200, "utilization": 0.9}]
    assert why_not(idle(fleet, placements=[], observations=given)) == {"BUSY": 900}
    # ... also where telemetry does not know the cluster
    fleet = seen(placements=[])
    quiet = [{"cluster": "ml", "at": at, "utilization": 0.0} for at in range(0, 1201, 300)]
    assert idle(fleet, placements=[], observations=quiet)["decision"]["action"] == "mark"


def test_a_cluster_without_workers_is_not_idle() -> None:
    cluster = Cluster("c1", "ml", node_groups=(NodeGroup("g1", "default-worker", flavor_id="small"),))
    sight = Sight(Inventory(((cluster, {"default-worker": ()}),), ("ml", "c1")), SHOWN, (), False)
    fleet = {**FLEET, "clusters": [{**FLEET["clusters"][0], "node_groups": [{**GROUP, "node_count": 0}]}]}
    found = idle(seen_fleet(fleet, LEAST, TELEMETRY, sight, single_nodes=True, queued=True))
    assert why_not(found) == {"METRICS_MISSING": "none: it counts as busy; it has no workers to measure"}


def test_nodes_are_named_and_say_what_is_free() -> None:
    ((group,),) = [entry["node_groups"] for entry in seen(*SHOWN, QUIET)["clusters"]]
    assert group["nodes"][0] == {
        "id": UUID, "name": "ml-node-0", "address": "10.0.0.5",
        "free": {"cpu_m": 3500, "mem_mib": 8192}, "devices": [], "busy": False, "ready": True,
    }  # fmt: skip
    # Given placements say what is taken
    ((group,),) = [entry["node_groups"] for entry in seen(*SHOWN, QUIET, placements=[])["clusters"]]
    assert group["nodes"][0] == {"id": UUID, "name": "ml-node-0", "address": "10.0.0.5", "ready": True}
    # A match knows of nodes only what is free on them
    ((group,),) = [entry["node_groups"] for entry in seen(QUIET, single_nodes=False)["clusters"]]
    assert "nodes" not in group


# --- the other decisions


def half_busy(*pods: str, gpus: int = 1) -> tuple[Reading, ...]:
    """Two workers with two GPUs each; each pod holds some of the first worker's, the last pod of the second's."""
    where = dict(zip(pods, ["ml-node-0"] * (len(pods) - 1) + ["ml-node-1"], strict=True))
    amounts = {"cpu": 7.5, "memory": 7 * GIB, "nvidia_com_gpu": 2}
    held = [one for name, node in where.items() for one in asks(name, node=node, cpu=1, nvidia_com_gpu=gpus)]
    return (
        reading(ALLOCATABLE, *kube("ml-node-0", **amounts), *kube("ml-node-1", **amounts)),
        reading(REQUESTS, *held),
        reading(PODS, *[pod(name, node=node, owner=name) for name, node in where.items()]),
    )


def match(fleet: Plain, gpus: int, **options: Any) -> Plain:
    asked = {"name": "train", "gpu_count": gpus, "cpu_cores": 1, "memory_gb": 1}
    decision = match_answer(match_decision(read_request(asked, fleet, **options)))
    return {**decision, "codes": {code for entry in decision["ranking"] for code in _codes(entry)}}


def _codes(entry: Plain) -> list[str]:
    return [violation["code"] for violation in entry["why_not"]]


def test_a_match_uses_the_room_that_is_there() -> None:
    """Two devices are free, one on each node. Packed onto as few nodes as they need, the pods would leave both on one node."""
    fleet = seen(*half_busy("a", "b"), flavor="gpu", single_nodes=False)
    assert match(fleet, 1)["decision"]["action"] == "use"
    assert match(fleet, 2)["decision"]["action"] == "scale_out"
    # What a user gives wins
    given_placements = seen(*half_busy("a", "b"), flavor="gpu", single_nodes=False, placements=[])
    assert match(given_placements, 2, placements=[])["decision"]["action"] == "use"
    full = seen(*half_busy("a", "b", gpus=2), flavor="gpu", single_nodes=False)
    assert match(full, 1)["decision"]["action"] == "scale_out"


def test_a_workload_that_runs_is_known_by_its_name() -> None:
    fleet = seen(*half_busy("train", "b", gpus=2), flavor="gpu", single_nodes=False, workload={"name": "train"})
    assert [entry["workload"] for entry in fleet["placements"]] == ["train", "d/b"]
    assert match(fleet, 2)["decision"]["action"] == "use"


def test_a_match_takes_no_room_on_a_node_that_is_cordoned() -> None:
    fleet = seen(*half_busy("b"), reading(CORDONED, series(1, node="ml-node-0")), flavor="gpu", single_nodes=False)
    assert match(fleet, 1)["decision"]["action"] == "use"
    assert match(fleet, 2)["decision"]["action"] == "scale_out"


def test_a_match_takes_a_cluster_that_nobody_sees_for_busy() -> None:
    fleet = seen(failures=(("b", DOWN),), flavor="gpu", single_nodes=False)
    found = match(fleet, 1)
    assert (found["decision"]["action"], found["codes"]) == ("scale_out", {"OCCUPANTS_UNKNOWN"})
    assert [note for note in found["assumptions"] if "known of the workloads on ml, which counts as busy: " in note]
    assert match(fleet, 1, assume_empty=True)["decision"]["action"] == "use"


def test_a_match_without_any_server_does_nothing() -> None:
    fleet = seen(failures=(("a", DOWN),), blind=True, flavor="gpu", single_nodes=False)
    found = match(fleet, 1)
    assert found["decision"]["action"] == "none"
    assert all("METRICS_MISSING" in _codes(entry) for entry in found["ranking"])
    assert match(fleet, 1, placements=[])["decision"]["action"] == "use"
    many = batch_answer(plan(Batch(*read_batch([{"name": "w", "gpu_count": 1, "cpu_cores": 1}], fleet))))
    assert many["decision"]["action"] == "none"


def test_a_workload_stays_in_the_cluster_that_was_made_for_it() -> None:
    """Its pods have names of their own, so that nothing measured says it runs there."""
    fleet = seen(*half_busy("a", "b", gpus=2), flavor="gpu", single_nodes=False)
    wanted = read_workload({"name": "train", "gpu_count": 1, "cpu_cores": 1, "memory_gb": 1}, kinds={"gpu"})
    fleet["clusters"][0]["labels"] = made_for_label([wanted])
    assert match(fleet, 1)["decision"]["action"] == "use"


@pytest.mark.parametrize(
    ("devices", "left", "free"),
    [
        ([], {"gpu": 1}, []),
        ([("gpu", 4)], {"gpu": 3}, [1000, 1000, 1000, 0]),
        ([("gpu", 2)], {}, [0, 0]),
        ([("npu", 1), ("gpu", 2)], {"gpu": 1, "npu": 1}, [1000, 1000, 0]),
        # Kubernetes does not say of which model those are that are free
        ([("gpu", 2), ("gpu", 2)], {"gpu": 3}, [0, 0, 0, 0]),
        ([("gpu", 2), ("gpu", 2)], {"gpu": 4}, [1000] * 4),
    ],
)
def test_free_devices(devices: list[tuple[str, int]], left: dict[str, int], free: list[int]) -> None:
    assert free_devices(devices, left) == free


def scaled(
    fleet: Plain, workloads: list[Plain] | None = None, memory: Plain | None = None, forecast: list[Plain] | None = None
) -> Plain:
    asked = read_scaling(
        fleet,
        now=1200,
        workloads=workloads,
        memory=memory or {},
        forecast_utilization=forecast,
        rules=ScalingRules(unneeded_s=0),
    )
    return scaling_answer(scale(asked))


def test_scaling_by_what_was_measured() -> None:
    """The first worker is full of work, the second rests."""
    loaded = reading(CPU, series(1, 1, 1, 1, node="ml-node-0"), series(0.8, 0.8, 0.9, 0.9, node="ml-node-1"))
    found = scaled(seen(*SHOWN, loaded))
    assert found["decision"]["action"] == "scale_out"
    assert found["groups"][0]["why"] == ["EXPECTED_USE_TOO_HIGH"]
    calm = seen(*SHOWN, QUIET)
    first = scaled(calm)
    assert first["decision"]["action"] == "none"
    before = {**first["memory"], "at": 0, "scaled_out": []}
    before["unneeded"] = [{**entry, "since": 0} for entry in before["unneeded"]]
    second = scaled(calm, memory=before)
    assert second["groups"][0]["nodes_to_remove"], second["nodes"]


def test_scaling_without_any_server_opens_and_removes_nothing() -> None:
    found = scaled(seen(failures=(("a", DOWN),), blind=True), [{"name": "w", "cpu_cores": 4, "replicas": 9}])
    assert found["decision"]["action"] == "none"
    assert [violation["code"] for violation in found["unplaced"][0]["why_not"]] == ["METRICS_MISSING"]
    assert all({"METRICS_MISSING", "OCCUPANTS_UNKNOWN"} <= set(_codes(node)) for node in found["nodes"])
    expected = [{"cluster": "ml", "utilization": 2}]
    found = scaled(seen(failures=(("a", DOWN),), blind=True), forecast=expected)
    assert (found["decision"]["action"], _codes(found["groups"][0])) == ("none", ["METRICS_MISSING"])
    assert scaled(seen(*SHOWN, QUIET), forecast=expected)["decision"]["action"] == "scale_out"


def test_nodes_of_a_cluster_that_is_shown_in_part_are_not_removed() -> None:
    half = seen(reading(ALLOCATABLE, *kube("ml-node-0", cpu=4, memory=8 * GIB)), *SHOWN[1:], QUIET)
    assert half["placements"] == []
    assert all("OCCUPANTS_UNKNOWN" in _codes(node) for node in scaled(half)["nodes"])


def test_nodes_that_the_cloud_does_not_name_leave_the_group_as_magnum_shows_it() -> None:
    fleet = seen(*SHOWN, QUIET, nodes=(NODE,))
    assert "nodes" not in fleet["clusters"][0]["node_groups"][0]
    assert why_not(idle(fleet))["PLACEMENTS_UNKNOWN"] == "not known: the cloud does not name 1 of 2 workers"


def test_a_node_that_was_measured_for_too_short_a_time_is_not_measured() -> None:
    short = reading(CPU, series(None, None, None, 0, node="ml-node-0"), series(0, None, None, 0, node="ml-node-1"))
    assert [entry["node"] for entry in seen(*SHOWN, short)["utilization"]] == [OTHER.id]
