# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An hour of metrics of a cluster's nodes as OpenMetrics.

openmetrics.py FILE CLUSTER NOW MASTER WORKER WORKER writes it, up to an hour after NOW in seconds since 1970.

Every figure that the target expects can be worked out by hand from here. Samples are 30 seconds apart. They go on after the end of the
window, for decisions about the time at which the target runs.

- The first worker has Kepler 0.10: 60 W of the package and 12 W of the DRAM; the cores' 40 W are part of the package. Its
  4 cores are idle for 0.75 of the first half hour, and for 0.25 of the second. Its exporters start anew 45 minutes before the end,
  and are silent from 35 to 15 minutes before it.
- The second worker has an older Kepler, two containers of 20 W and 10 W and a DRAM of 5 W; two GPUs of 200 W and 100 W, of which one
  says nothing of its utilisation in the first half hour; and an NPU at rest whose exporter writes microwatts. A node exporter is there
  only after the end of the window; its 4 cores are idle for 0.9 of the time.
- Nothing is known of the control plane but what runs there.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

SECONDS, AFTER, EVERY = 3600, 3600, 30
RESTART, SILENT, BEFORE = -2700, range(-2100, -900 + 1), range(-SECONDS, 1)
BLANK = 9223372036854775794
GIB = 1024**3
Value = Callable[[int], float]


def counter(rate: Value) -> Value:
    """A counter that rises at a rate, and begins at 0 again just after the sample before RESTART."""
    totals: dict[int, float] = {}
    total = 5000.0
    for at in range(-SECONDS, AFTER + 1, EVERY):
        total = rate(at) * EVERY if at == RESTART else total + rate(at) * EVERY
        totals[at] = total
    return totals.__getitem__


def constant(value: float) -> Value:
    return lambda _at: value


class Families:
    """The series by the name of their metric; a silent one has no samples in SILENT, a late one none until the end of the window."""

    def __init__(self) -> None:
        self.series: dict[str, list[tuple[dict[str, str], Value, range]]] = defaultdict(list)

    def __call__(self, name: str, value: Value, *, silent: bool = False, late: bool = False, **labels: str) -> None:
        self.series[name].append((labels, value, SILENT if silent else BEFORE if late else range(0)))

    def text(self, now: int) -> str:
        """All families, each with its samples in order of time."""
        lines = []
        for name, series in self.series.items():
            lines.append(f"# TYPE {name} gauge")
            for labels, value, missing in series:
                text = ",".join(f'{key}="{of}"' for key, of in labels.items())
                for at in range(-SECONDS, AFTER + 1, EVERY):
                    if at not in missing:
                        lines.append(f"{name}{{{text}}} {float(value(at))} {now + at}")
        return "\n".join([*lines, "# EOF\n"])


def metrics(cluster: str, now: int, master: str, first: str, second: str) -> str:
    """The metrics of a cluster with these nodes."""
    add, here = Families(), {"cluster": cluster}
    of_first_worker(add, here, first)
    of_second_worker(add, here, second)
    of_kubernetes(add, here, master, first, second)
    # An address without a cluster, and a machine that is not a node
    add("furiosa_npu_hw_power", constant(50), hostname=first, uuid="npu-0")
    add("node_memory_MemTotal_bytes", constant(GIB), instance="bastion:9100")
    add("node_memory_MemAvailable_bytes", constant(GIB), instance="bastion:9100")
    return add.text(now)


def of_first_worker(add: Families, here: dict[str, str], first: str) -> None:
    for zone, watts in (("package", 60.0), ("dram", 12.0), ("core", 40.0)):
        labels = {**here, "node_name": first, "zone": zone}
        add("kepler_node_cpu_watts", constant(watts), silent=True, **labels)
        add("kepler_node_cpu_joules_total", counter(constant(watts)), silent=True, **labels)
    for cpu in range(4):
        for mode, early, late in (("idle", 0.75, 0.25), ("user", 0.25, 0.75)):
            value = counter(lambda at, early=early, late=late: early if at <= -SECONDS // 2 else late)
            labels = {**here, "instance": f"{first}:9100", "cpu": str(cpu), "mode": mode}
            add("node_cpu_seconds_total", value, silent=True, **labels)
    add("node_memory_MemTotal_bytes", constant(8 * GIB), silent=True, **here, instance=f"{first}:9100")
    add("node_memory_MemAvailable_bytes", constant(6 * GIB), silent=True, **here, instance=f"{first}:9100")


def of_second_worker(add: Families, here: dict[str, str], second: str) -> None:
    for container, watts in (("a", 20.0), ("b", 10.0)):
        labels = {**here, "instance": second, "container_id": container, "mode": "dynamic"}
        add("kepler_container_package_joules_total", counter(constant(watts)), **labels)
    dram = {**here, "instance": second, "container_id": "a", "mode": "dynamic"}
    add("kepler_container_dram_joules_total", counter(constant(5.0)), **dram)
    for cpu in range(4):
        for mode, share in (("idle", 0.9), ("user", 0.1)):
            labels = {**here, "instance": f"{second}:9100", "cpu": str(cpu), "mode": mode}
            add("node_cpu_seconds_total", counter(constant(share)), late=True, **labels)
    for gpu, watts, use in (("GPU-0", 200, constant(80)), ("GPU-1", 100, lambda at: BLANK if at <= -1800 else 40)):
        labels = {**here, "Hostname": second, "UUID": gpu}
        add("DCGM_FI_DEV_POWER_USAGE", constant(watts), **labels)
        add("DCGM_FI_DEV_GPU_UTIL", use, **labels)
    card = {**here, "hostname": second, "card": "rbln0"}
    add("RBLN_DEVICE_STATUS:CARD_POWER", constant(65_000_000), **card)
    add("RBLN_DEVICE_STATUS:UTILIZATION", constant(0), **card)


def of_kubernetes(add: Families, here: dict[str, str], master: str, first: str, second: str) -> None:
    rooms = {
        master: {"cpu": 2, "memory": 4 * GIB},
        first: {"cpu": 4, "memory": 8 * GIB},
        second: {"cpu": 16, "memory": 64 * GIB, "nvidia_com_gpu": 2, "rebellions_ai_npu": 1},
    }
    for node, amounts in rooms.items():
        add("kube_node_spec_unschedulable", constant(0), **here, node=node)
        for resource, amount in amounts.items():
            add("kube_node_status_allocatable", constant(amount), **here, node=node, resource=resource)
    pods = [
        ("train-0", second, "Job", "train", "Running", {"cpu": 4, "memory": 16 * GIB, "nvidia_com_gpu": 1}),
        ("web-a", first, "ReplicaSet", "web", "Running", {"cpu": 0.5, "memory": GIB}),
        ("web-b", first, "ReplicaSet", "web", "Running", {"cpu": 0.5, "memory": GIB}),
        ("proxy-a", first, "DaemonSet", "proxy", "Running", {}),
        ("done", first, "Job", "done", "Succeeded", {"cpu": 2}),
        ("api", master, "Node", master, "Running", {"cpu": 1}),
    ]
    for name, node, kind, owner, phase, amounts in pods:
        pod = {**here, "namespace": "default", "pod": name, "uid": f"uid-{name}"}
        add("kube_pod_info", constant(1), **pod, node=node, created_by_kind=kind, created_by_name=owner)
        for one in ("Running", "Succeeded"):
            add("kube_pod_status_phase", constant(one == phase), **pod, phase=one)
        for resource, amount in amounts.items():
            add(
                "kube_pod_container_resource_requests",
                constant(amount),
                **pod,
                node=node,
                container="c",
                resource=resource,
            )


if __name__ == "__main__":
    file, cluster_name, end, *nodes = sys.argv[1:]
    Path(file).write_text(metrics(cluster_name, int(end), *nodes), encoding="utf-8")
