# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes, and what servers say of them: readings of the catalogue's metrics."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry import catalogue
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import (
    ClusterNode,
    Metric,
    Reading,
    Series,
    Window,
)

UUID = "0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a11"
NODE = ClusterNode("c1", "ml", "default-worker", UUID, "ml-node-0", ("10.0.0.5",))
OTHER = ClusterNode("c1", "ml", "default-worker", "0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a12", "ml-node-1", ("10.0.0.6",))
WINDOW = Window(end=1200, step=300, steps=4)
TIMES = (300.0, 600.0, 900.0, 1200.0)
NAME = {"node": "ml-node-0"}


def metric(exporter: str, measures: str, resource: str = "", nth: int = 0) -> Metric:
    """A metric of the catalogue."""
    found = [
        one for one in catalogue.METRICS if (one.exporter, one.measures, one.resource) == (exporter, measures, resource)
    ]
    return found[nth]


def series(*values: float | None, **labels: str) -> Series:
    """One value a step; None where there is none."""
    return Series(labels, {at: value for at, value in zip(TIMES, values, strict=False) if value is not None})


def reading(of: Metric, *given: Series, server: str = "a", covered: tuple[Series, ...] = (), **more: Any) -> Reading:
    return Reading(server, of, given, covered, **more)


KEPLER_W = metric("Kepler", "power", "cpu")
KEPLER_J = metric("Kepler", "energy", "cpu")
OLD_J = metric("Kepler before 0.10", "energy", "cpu")
VM_W = metric("Kepler on the hypervisors", "power", "cpu")
DCGM_W = metric("DCGM exporter", "power", "gpu")
DCGM_USE = metric("DCGM exporter", "utilization", "gpu")
RBLN_W = metric("Rebellions exporter", "power", "npu")
GAUDI_W = metric("Gaudi exporter", "power", "npu")
CPU = metric("node exporter", "utilization", "cpu")
ALLOCATABLE = metric("kube-state-metrics", "allocatable")
REQUESTS = metric("kube-state-metrics", "requests")
PODS = metric("kube-state-metrics", "pods")
IDENTITY = metric("kube-state-metrics", "identity")
CORDONED = metric("kube-state-metrics", "closed")
WAITING = catalogue.WAITING
NOT_READY = metric("kube-state-metrics", "closed", nth=1)


def kube(node: str, **amounts: float) -> list[Series]:
    return [series(value, node=node, resource=name) for name, value in amounts.items()]


def pod(name: str, node: str = "ml-node-0", kind: str = "ReplicaSet", owner: str = "web") -> Series:
    return series(1, namespace="d", pod=name, uid=name, node=node, created_by_kind=kind, created_by_name=owner)


def asks(name: str, node: str = "ml-node-0", **amounts: float) -> list[Series]:
    return [series(value, namespace="d", pod=name, uid=name, node=node, resource=key) for key, value in amounts.items()]
