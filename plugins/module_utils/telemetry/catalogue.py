# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metrics of each exporter, as data. Of two that measure the same, the earlier counts where both know a node.

A cluster's own label ``cluster`` is kept in every answer: servers that watch several clusters write it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import (
    COUNTER,
    NOW,
    Metric,
)

JOULES_PER_KWH = 3.6e6
# The largest 64-bit number: what DCGM writes for a value that the device does not have
DCGM_BLANK = 9223372036854775794.0
# No accelerator draws more; newer tools of Rebellions write microwatts
CARD_W = (0.0, 1000.0)
# Rates are extrapolated, so that a share may be a little out of its range
SHARE = (-0.05, 1.05)

PODS_THAT_HOLD = 'kube_pod_status_phase{phase=~"Running|Pending"} == 1'
POD = "cluster, namespace, pod, uid"


def _zones(call: str, metric: str, by: str) -> str:
    """RAPL's zones overlap: ``psys`` holds the whole platform; where it is absent, package and DRAM add up."""
    psys, parts = (
        f"sum by (cluster, {by}) ({call}({metric}{{zone{zone}}}[{{range}}]))"
        for zone in ('="psys"', '=~"package|dram"')
    )
    return f"{psys} or {parts}"


def _kepler(exporter: str, prefix: str, labels: tuple[str, ...]) -> tuple[Metric, ...]:
    """The CPU's power and energy in the form of Kepler 0.10 and later."""
    by = ", ".join(labels)
    watts, joules = f"{prefix}_cpu_watts", f"{prefix}_cpu_joules_total"
    return (
        Metric(exporter, "power", "cpu", _zones("avg_over_time", watts, by), (watts,), labels, "W"),
        Metric(
            exporter, "energy", "cpu", _zones("increase", joules, by), (joules,), labels, "kWh", 1 / JOULES_PER_KWH, mode=COUNTER
        ),
    )  # fmt: skip


def _old_kepler() -> tuple[Metric, ...]:
    """Kepler up to 0.9 counts by container; its total also holds GPUs, so the parts are added up."""
    labels, exporter = ("node", "instance"), "Kepler before 0.10"
    package, dram = (f"kepler_container_{zone}_joules_total" for zone in ("package", "dram"))

    def both(call: str) -> str:
        first, second = (f"sum by (cluster, node, instance) ({call}({name}[{{range}}]))" for name in (package, dram))
        return f"{first} + ({second} or 0 * {first})"

    return (
        Metric(exporter, "power", "cpu", both("rate"), (package,), labels, "W"),
        Metric(
            exporter, "energy", "cpu", both("increase"), (package,), labels, "kWh", 1 / JOULES_PER_KWH, mode=COUNTER
        ),
    )


def _device(
    exporter: str, measures: str, resource: str, name: str, labels: tuple[tuple[str, ...], tuple[str, ...]],
    unit: str, factor: float = 1.0, call: str = "avg_over_time", **more: object,
) -> Metric:  # fmt: skip
    """One figure of each card; several series of one card, such as of its partitions, are one card."""
    node, device = labels
    by = ", ".join(("cluster", *node, *device))
    query = f"max by ({by}) ({call}({name}[{{range}}]))"
    return Metric(exporter, measures, resource, query, (name,), node, unit, factor, device, **more)  # type: ignore[arg-type]


def _ratio(
    exporter: str, resource: str, over: str, under: str, labels: tuple[tuple[str, ...], tuple[str, ...]], call: str
) -> Metric:
    """The share that one counter has of another, by card."""
    node, device = labels
    by = ", ".join(("cluster", *node, *device))
    query = f"sum by ({by}) ({call}({over}[{{range}}])) / sum by ({by}) ({call}({under}[{{range}}]))"
    return Metric(exporter, "utilization", resource, query, (over, under), node, "ratio", 1.0, device, plausible=SHARE)


DCGM = (("Hostname", "hostname", "node", "instance"), ("UUID", "gpu"))
FURIOSA = (("hostname", "node", "instance"), ("uuid", "device"))
REBELLIONS = (("hostname", "node", "instance"), ("uuid", "card"))
GAUDI = (("hostname", "node", "instance"), ("UUID", "uuid", "device"))
DCGM_ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"

_ACCELERATORS = (
    _device("DCGM exporter", "power", "gpu", "DCGM_FI_DEV_POWER_USAGE", DCGM, "W", plausible=CARD_W, blank=DCGM_BLANK),
    _device(
        "DCGM exporter", "energy", "gpu", DCGM_ENERGY, DCGM, "kWh", 1 / 1000 / JOULES_PER_KWH, "increase",
        mode=COUNTER, blank=DCGM_BLANK,
    ),
    _device("DCGM exporter", "utilization", "gpu", "DCGM_FI_DEV_GPU_UTIL", DCGM, "ratio", 0.01, plausible=SHARE, blank=DCGM_BLANK),
    _device(
        "DCGM exporter", "utilization", "gpu", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", DCGM, "ratio", plausible=SHARE, blank=DCGM_BLANK
    ),
    _device("Furiosa exporter", "power", "npu", "furiosa_npu_hw_power", FURIOSA, "W", plausible=CARD_W),
    _ratio("Furiosa exporter", "npu", "furiosa_npu_task_execution_cycle", "furiosa_npu_total_cycle_count", FURIOSA, "rate"),
    _device("Furiosa exporter", "utilization", "npu", "furiosa_npu_core_utilization", FURIOSA, "ratio", 0.01, plausible=SHARE),
    _device("Rebellions exporter", "power", "npu", "RBLN_DEVICE_STATUS:CARD_POWER", REBELLIONS, "W", plausible=CARD_W),
    _device("Rebellions exporter", "utilization", "npu", "RBLN_DEVICE_STATUS:UTILIZATION", REBELLIONS, "ratio", 0.01, plausible=SHARE),
    _device("Gaudi exporter", "power", "npu", "habanalabs_power_mW", GAUDI, "W", 0.001, plausible=CARD_W),
    _device("Gaudi exporter", "utilization", "npu", "habanalabs_utilization", GAUDI, "ratio", 0.01, plausible=SHARE),
)  # fmt: skip

_NODE_EXPORTER = (
    Metric(
        "node exporter", "utilization", "cpu",
        # Divided by the time of all modes, and not by 1: beside a gap both rates are too low by the same factor
        '1 - sum by (cluster, node, nodename, instance) (rate(node_cpu_seconds_total{mode="idle"}[{range}]))'
        " / sum by (cluster, node, nodename, instance) (rate(node_cpu_seconds_total[{range}]))",
        ("node_cpu_seconds_total",), ("node", "nodename", "instance"), "ratio", plausible=SHARE,
    ),
    Metric(
        "node exporter", "utilization", "memory",
        "1 - sum by (cluster, node, nodename, instance) (avg_over_time(node_memory_MemAvailable_bytes[{range}]))"
        " / sum by (cluster, node, nodename, instance) (avg_over_time(node_memory_MemTotal_bytes[{range}]))",
        ("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"), ("node", "nodename", "instance"), "ratio",
        plausible=SHARE,
    ),
)  # fmt: skip

_KUBE_STATE = (
    Metric(
        "kube-state-metrics", "identity", "", "max by (cluster, node, system_uuid, provider_id) (kube_node_info)",
        ("kube_node_info",), ("node",), mode=NOW,
    ),
    Metric(
        "kube-state-metrics", "allocatable", "", "max by (cluster, node, resource) (kube_node_status_allocatable)",
        ("kube_node_status_allocatable",), ("node",), mode=NOW,
    ),
    Metric(
        "kube-state-metrics", "requests", "",
        f'sum by ({POD}, node, resource) (kube_pod_container_resource_requests{{node!=""}}) and on ({POD}) ({PODS_THAT_HOLD})',
        ("kube_pod_status_phase", "kube_pod_container_resource_requests"), ("node",), mode=NOW,
    ),
    Metric(
        "kube-state-metrics", "pods", "",
        f'max by ({POD}, node, created_by_kind, created_by_name) (kube_pod_info{{node!=""}}) and on ({POD}) ({PODS_THAT_HOLD})',
        ("kube_pod_info", "kube_pod_status_phase"), ("node",), mode=NOW,
    ),
    # Kubernetes places no pods on a node that is cordoned or not ready
    Metric(
        "kube-state-metrics", "closed", "", "max by (cluster, node) (kube_node_spec_unschedulable) == 1",
        ("kube_node_spec_unschedulable",), ("node",), mode=NOW,
    ),
    Metric(
        "kube-state-metrics", "closed", "",
        'max by (cluster, node) (kube_node_status_condition{condition="Ready", status="true"}) == 0',
        ("kube_node_status_condition",), ("node",), mode=NOW,
    ),
)  # fmt: skip

# A guest has no RAPL of its own, so what the hypervisor says of it comes first
METRICS: tuple[Metric, ...] = (
    *_kepler("Kepler on the hypervisors", "kepler_vm", ("vm_id",)),
    *_kepler("Kepler", "kepler_node", ("node_name", "node", "instance")),
    *_old_kepler(),
    *_ACCELERATORS,
    *_NODE_EXPORTER,
    *_KUBE_STATE,
)

# What no node runs yet. It says nothing of a node, so it is not among the figures
WAITING = Metric(
    "kube-state-metrics", "waiting", "",
    f'max by ({POD}, created_by_kind) (kube_pod_info{{node=""}}) and on ({POD}) (kube_pod_status_phase{{phase="Pending"}} == 1)',
    ("kube_pod_info", "kube_pod_status_phase"), (), mode=NOW,
)  # fmt: skip

# Kubernetes' resources as kube-state-metrics writes them: the kind of accelerator, and its model where the name says it
DEVICES: dict[str, tuple[str, str]] = {
    "nvidia_com_gpu": ("gpu", ""),
    "amd_com_gpu": ("gpu", ""),
    "gpu_intel_com_i915": ("gpu", ""),
    "gpu_intel_com_xe": ("gpu", ""),
    "furiosa_ai_rngd": ("npu", "rngd"),
    "furiosa_ai_warboy": ("npu", "warboy"),
    "rebellions_ai_npu": ("npu", ""),
    "rebellions_ai_ATOM": ("npu", "atom"),
    "habana_ai_gaudi": ("npu", "gaudi"),
    "npu_intel_com_accel": ("npu", ""),
}


def present(names: Collection[str], metrics: Iterable[Metric] = METRICS) -> tuple[Metric, ...]:
    """The metrics that a server with series of these names can answer."""
    return tuple(metric for metric in metrics if set(metric.needs) <= set(names))
