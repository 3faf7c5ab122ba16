# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The series of a fleet, as the real exporters name and label them. Pure: the clock is an argument.

Power by utilisation, in W: a CPU's package 10 + 90 x utilisation and its DRAM 12; a GPU 50 + 300 x utilisation; an NPU
40 + 100 x utilisation. The cores' power is a part of the package's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil
from zlib import crc32

from devcloud.telemetry.fleet import MASTER, Cluster, Fleet, Node
from devcloud.telemetry.profiles import HOUR, PROFILES, Profile, Wave

Value = Callable[[float], float]
GIB = 1024**3
# Of power: at rest, and what full use adds
PACKAGE, DRAM, CORES = (10.0, 90.0), (12.0, 0.0), (6.0, 80.0)
CARD = {"gpu": (50.0, 300.0), "npu": (40.0, 100.0)}
# Cycles per second of an NPU's core
CYCLES = 1e9
RESOURCES = {"atom": "rebellions_ai_npu", "warboy": "furiosa_ai_warboy"}


@dataclass(frozen=True)
class Series:
    """One series: `value` says its sample at a time, `present` whether there is one."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: Value
    present: Callable[[float], bool]

    @property
    def text(self) -> str:
        """Name and labels as both of Prometheus' text formats write them."""
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in self.labels)
        return f"{self.name}{{{labels}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@dataclass(frozen=True)
class _Exporters:
    """What the exporters of one node have in common."""

    cluster: Cluster
    node: Node
    profile: Profile
    fleet: Fleet
    shift: int

    def series(self, name: str, value: Value, **labels: str) -> Series:
        pairs = (("cluster", self.cluster.name), *labels.items())
        return Series(name, tuple((key, value) for key, value in pairs if value), value, self.profile.has_samples)

    def gauge(self, wave: Wave, base: float = 0.0, factor: float = 1.0) -> Value:
        """base + factor x wave."""
        return lambda time: base + factor * wave.at(time + self.shift)

    def counter(self, wave: Wave, base: float = 0.0, factor: float = 1.0) -> Value:
        """The integral of base + factor x wave since the exporter started."""

        def value(time: float) -> float:
            began = self.profile.counter_began(time, self.fleet.begin, self.fleet.step)
            return base * (time - began) + factor * wave.integral(began + self.shift, time + self.shift)

        return value


def series_of(fleet: Fleet) -> list[Series]:
    """All series of a fleet, those of one metric after another."""
    found = [one for cluster in fleet.clusters for one in _of_cluster(fleet, cluster)]
    return sorted(found, key=lambda one: one.name)


def _of_cluster(fleet: Fleet, cluster: Cluster) -> Iterator[Series]:
    profile = PROFILES[cluster.profile]
    if profile.silent_s >= HOUR:
        return
    shift = crc32(f"{fleet.seed}/{cluster.name}".encode()) % 60 * 60 if fleet.seed else 0
    own = replace(profile, held=0.0, cpu=Wave(0.1), memory=0.25)
    for node in cluster.nodes:
        exporters = _Exporters(cluster, node, own if node.role == MASTER else profile, fleet, shift)
        yield from _node_exporter(exporters)
        yield from _kepler(exporters)
        yield from _cards(exporters)
        yield from _kubernetes(exporters)
    if cluster.pending and cluster.nodes:
        first = next((node for node in cluster.nodes if node.devices), cluster.nodes[0])
        yield from _pending(_Exporters(cluster, first, profile, fleet, shift))


def _node_exporter(of: _Exporters) -> Iterator[Series]:
    here = {"instance": f"{of.node.name}:9100"}
    for mode, base, factor in (("idle", 1.0, -1.0), ("user", 0.0, 1.0)):
        value = of.counter(of.profile.cpu, base * of.node.cores, factor * of.node.cores)
        yield of.series("node_cpu_seconds_total", value, **here, cpu="0", mode=mode)
    total = of.node.memory_gb * GIB
    yield of.series("node_memory_MemTotal_bytes", lambda _time: total, **here)
    yield of.series("node_memory_MemAvailable_bytes", lambda _time: total * (1 - of.profile.memory), **here)


def _kepler(of: _Exporters) -> Iterator[Series]:
    cpu, name = of.profile.cpu, of.node.name
    if of.cluster.exporters == "old":
        here = {"instance": name, "container_id": "a", "mode": "dynamic"}
        yield of.series("kepler_container_package_joules_total", of.counter(cpu, *PACKAGE), **here)
        yield of.series("kepler_container_dram_joules_total", of.counter(cpu, *DRAM), **here)
        return
    if of.cluster.exporters == "hypervisor":
        prefix, labels = "kepler_vm", {"vm_id": of.node.id}
    else:
        prefix, labels = "kepler_node", {"node_name": name}
    for zone, power in (("package", PACKAGE), ("dram", DRAM), ("core", CORES)):
        yield of.series(f"{prefix}_cpu_watts", of.gauge(cpu, *power), **labels, zone=zone)
        yield of.series(f"{prefix}_cpu_joules_total", of.counter(cpu, *power), **labels, zone=zone)


def held_devices(node: Node, profile: Profile) -> int:
    """How many accelerators of a node its pods request."""
    return ceil(node.devices * profile.held)


def _cards(of: _Exporters) -> Iterator[Series]:
    for index in range(of.node.devices):
        use = of.profile.device if index < held_devices(of.node, of.profile) else Wave(0.0)
        if of.node.kind == "gpu":
            yield from _dcgm(of, index, use)
        elif "atom" in of.node.model:
            yield from _rebellions(of, index, use)
        else:
            yield from _furiosa(of, index, use)


def _dcgm(of: _Exporters, index: int, use: Wave) -> Iterator[Series]:
    base, factor = CARD["gpu"]
    # The exporter renamed its label for the node
    host = {"Hostname" if of.cluster.exporters == "old" else "hostname": of.node.name}
    labels = {**host, "UUID": f"GPU-{of.node.name}-{index}", "gpu": str(index), "modelName": of.node.model}
    yield of.series("DCGM_FI_DEV_GPU_UTIL", of.gauge(use, 0.0, 100.0), **labels)
    yield of.series("DCGM_FI_DEV_POWER_USAGE", of.gauge(use, base, factor), **labels)
    energy = of.counter(use, base * 1000, factor * 1000)
    yield of.series("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", energy, **labels)


def _rebellions(of: _Exporters, index: int, use: Wave) -> Iterator[Series]:
    base, factor = CARD["npu"]
    # Newer tools of the vendor write microwatts under the same name
    scale = 1e6 if of.cluster.microwatts else 1.0
    labels = {"hostname": of.node.name, "card": f"rbln{index}", "uuid": f"RBLN-{of.node.name}-{index}"}
    yield of.series("RBLN_DEVICE_STATUS:CARD_POWER", of.gauge(use, base * scale, factor * scale), **labels)
    yield of.series("RBLN_DEVICE_STATUS:UTILIZATION", of.gauge(use, 0.0, 100.0), **labels)


def _furiosa(of: _Exporters, index: int, use: Wave) -> Iterator[Series]:
    base, factor = CARD["npu"]
    labels = {"hostname": of.node.name, "device": f"npu{index}", "uuid": f"NPU-{of.node.name}-{index}", "arch": "rngd"}
    yield of.series("furiosa_npu_hw_power", of.gauge(use, base, factor), **labels)
    cores = {**labels, "core": "0-7"}
    if of.cluster.exporters == "old":
        yield of.series("furiosa_npu_core_utilization", of.gauge(use, 0.0, 100.0), **cores)
    else:
        yield of.series("furiosa_npu_total_cycle_count", of.counter(use, CYCLES, 0.0), **cores)
        yield of.series("furiosa_npu_task_execution_cycle", of.counter(use, 0.0, CYCLES), **cores)


# --- kube-state-metrics


def resource_of(node: Node) -> str:
    """The accelerator's resource as kube-state-metrics writes it."""
    if node.kind == "gpu":
        return "nvidia_com_gpu"
    return next((name for word, name in RESOURCES.items() if word in node.model), "furiosa_ai_rngd")


def _kubernetes(of: _Exporters) -> Iterator[Series]:
    node = of.node
    yield of.series("kube_node_info", _constant(1.0), node=node.name, system_uuid=node.id)
    yield of.series("kube_node_spec_unschedulable", _constant(0.0), node=node.name)
    yield of.series("kube_node_status_condition", _constant(1.0), node=node.name, condition="Ready", status="true")
    if node.role == MASTER:
        yield of.series("kube_node_role", _constant(1.0), node=node.name, role="control-plane")
    amounts = {"cpu": float(node.cores), "memory": float(node.memory_gb * GIB)}
    if node.devices:
        amounts[resource_of(node)] = float(node.devices)
    for resource, amount in amounts.items():
        yield of.series("kube_node_status_allocatable", _constant(amount), node=node.name, resource=resource)
    yield from _pod(of, f"proxy-{node.name}", "DaemonSet", "proxy", {})
    if of.profile.held:
        share = of.profile.held / 2
        requests = {"cpu": node.cores * share, "memory": node.memory_gb * GIB * share}
        if node.devices:
            requests[resource_of(node)] = float(held_devices(node, of.profile))
        yield from _pod(of, f"train-{node.name}", "Job", "train", requests)


def _pending(of: _Exporters) -> Iterator[Series]:
    requests = {resource_of(of.node): float(of.cluster.pending)}
    yield from _pod(of, "waiting", "Job", "waiting", requests, phase="Pending")


def _pod(
    of: _Exporters, name: str, kind: str, owner: str, requests: dict[str, float], phase: str = "Running"
) -> Iterator[Series]:
    # A pod that waits has no node yet
    place = of.node.name if phase == "Running" else ""
    pod = {"namespace": "default", "pod": name, "uid": f"uid-{name}"}
    yield of.series("kube_pod_info", _constant(1.0), **pod, node=place, created_by_kind=kind, created_by_name=owner)
    yield of.series("kube_pod_status_phase", _constant(1.0), **pod, phase=phase)
    for resource, amount in requests.items():
        labels = {**pod, "node": place, "container": "main", "resource": resource}
        yield of.series("kube_pod_container_resource_requests", _constant(amount), **labels)


def _constant(value: float) -> Value:
    return lambda _time: value
