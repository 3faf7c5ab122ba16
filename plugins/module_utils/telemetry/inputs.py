# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the servers say of a cluster, in the form of the options of the modules that decide.

A cluster is known as a whole or not at all. One worker without data makes it unknown, and a reason says what is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import is_like
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.figures import (
    ACCELERATORS,
    Kubernetes,
    Measured,
    Subject,
    node_figures,
    share_figure,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode, Window

Plain = dict[str, Any]
Known = Mapping[Subject, list[Measured]]
EXPORTERS = {"cpu": "the node exporter", "gpu": "an exporter of its GPUs", "npu": "an exporter of its NPUs"}
MILLI = 1000
# A mean of less of the window than this says nothing
LEAST_COVERAGE = 0.5


@dataclass(frozen=True)
class Workers:
    """The workers of a cluster.

    :param count: how many there should be.
    :param devices: the accelerators of each node of a group by its flavor: kind, and how many of them an exporter shows at least,
        each model by itself. Of slices that is 0, since exporters show slices or whole devices.
    """

    cluster_id: str
    nodes: tuple[ClusterNode, ...]
    count: int
    devices: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Signals:
    """What all servers say, by node: measurements, amounts of Kubernetes, and placements.

    :param waiting: pods that wait for a node, by the id of their cluster; they make its workloads unknown.
    """

    measured: Mapping[ClusterNode, Known]
    kubernetes: Mapping[ClusterNode, Kubernetes]
    placements: Mapping[ClusterNode, list[Plain]]
    window: Window
    waiting: Mapping[str, Sequence[Plain]] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """What is known of one cluster; ``unseen`` and ``unmeasured`` say why its workloads or its utilisation are not."""

    placements: tuple[Plain, ...] = ()
    utilization: tuple[Plain, ...] = ()
    observations: tuple[Plain, ...] = ()
    unseen: str = ""
    unmeasured: str = ""


def inputs_of(workers: Workers, signals: Signals, system: Collection[str]) -> Inputs:
    """Placements, utilisation by node, and observations over time of one cluster.

    :param system: patterns of the namespaces whose pods belong to the cluster itself.
    """
    unseen = why_unseen(workers, signals) or why_waiting(workers, signals, system)
    observed = tuple(observations(workers, signals))
    silent = "a worker was silent in the last step" if observed and observed[-1]["utilization"] is None else ""
    unmeasured = why_unmeasured(workers, signals) or silent
    entries = [] if unseen else [entry for node in workers.nodes for entry in signals.placements[node]]
    return Inputs(
        placements=tuple(entry for entry in entries if not is_system(entry, system)),
        utilization=tuple(_utilization(workers, signals)),
        observations=observed,
        unseen=unseen,
        unmeasured=unmeasured,
    )


def is_system(placement: Mapping[str, Any], namespaces: Collection[str]) -> bool:
    """Whether a placement belongs to the cluster itself, and not to its users.

    Such are pods of these namespaces, and those of a DaemonSet that holds no accelerators: each node has one.
    """
    namespace = str(placement["workload"]).partition("/")[0]
    if is_like(namespace, namespaces):
        return True
    every_node = placement.get("labels", {}).get("kubernetes_owner") == "DaemonSet"
    return every_node and not any(placement.get(f"{kind}_count") for kind in ACCELERATORS)


# --- what is missing


def _of(missing: int, workers: Workers) -> str:
    return f"{missing} of {workers.count} workers"


def why_unseen(workers: Workers, signals: Signals) -> str:
    """Why the workloads of a cluster are not known; empty where they are."""
    lost = workers.count - len(workers.nodes)
    if lost > 0:
        return f"the cloud does not name {_of(lost, workers)}"
    missing = sum(node not in signals.placements for node in workers.nodes)
    if missing:
        return f"kube-state-metrics does not show {_of(missing, workers)}"
    # Each node of a real cluster runs pods of its network, so whoever shows none is not allowed to see them
    blank = workers.nodes and not any(signals.placements[node] for node in workers.nodes)
    return "kube-state-metrics shows no pod on its workers, not even of the cluster itself" if blank else ""


def why_waiting(workers: Workers, signals: Signals, system: Collection[str]) -> str:
    """Which workloads run on no node yet; empty where none waits. A cluster with queued work is not empty."""
    names = sorted(
        str(pod["workload"]) for pod in signals.waiting.get(workers.cluster_id, ()) if not is_system(pod, system)
    )
    return f"pods wait for a node: {len(names)}, such as {names[0]}" if names else ""


def why_unmeasured(workers: Workers, signals: Signals) -> str:
    """Why the utilisation of a cluster is not known; empty where it is, as of each accelerator."""
    if not workers.count:
        return "it has no workers to measure"
    lost = workers.count - len(workers.nodes)
    if lost > 0:
        return f"the cloud does not name {_of(lost, workers)}"
    missing: dict[str, int] = {}
    partly = set()
    for node in workers.nodes:
        for kind in kinds_of(node, workers, signals):
            if not shows_all(node, kind, workers, signals):
                missing[kind] = missing.get(kind, 0) + 1
                partly |= {kind} if ("utilization", kind) in signals.measured.get(node, {}) else set()
    return "; ".join(
        f"{EXPORTERS[kind]} does not show {_of(count, workers)}{' with all devices' if kind in partly else ''}"
        for kind, count in missing.items()
    )


def shows_all(node: ClusterNode, kind: str, workers: Workers, signals: Signals) -> bool:
    """Whether everything of a kind on a node was measured: as many devices as its flavor has. A silent one may compute."""
    found = signals.measured.get(node, {}).get(("utilization", kind), ())
    least = sum(count for other, count in workers.devices.get(node.group, ()) if other == kind)
    return bool(found) and sum(map(bool, found[0].devices.values())) >= least


def kinds_of(node: ClusterNode, workers: Workers, signals: Signals) -> list[str]:
    """What of a node must be measured: its CPU, and each kind of accelerator that anything says it has.

    Memory is left out, since a node at rest holds some of it.
    """
    known, kube = signals.measured.get(node, {}), signals.kubernetes.get(node)
    there = {resource for _measures, resource in known} | {kind for kind, _count in workers.devices.get(node.group, ())}
    there |= {kind for kind in ACCELERATORS if kube and kube.allocatable.get(kind)}
    return ["cpu", *(kind for kind in ACCELERATORS if kind in there)]


# --- utilisation


def _utilization(workers: Workers, signals: Signals) -> Iterable[Plain]:
    """The utilisation of each node whose every kind was measured for long enough: the most used kind, devices as a mean."""
    for node in workers.nodes:
        known, kinds = signals.measured.get(node, {}), kinds_of(node, workers, signals)
        if not all(shows_all(node, kind, workers, signals) for kind in kinds):
            continue
        figures = [share_figure(known.get(("utilization", kind), ()), signals.window, "") for kind in kinds]
        if all(figure.value is not None and figure.coverage >= LEAST_COVERAGE for figure in figures):
            value = max(figure.value or 0.0 for figure in figures)
            yield {"cluster": node.cluster_id, "node": node.id, "utilization": round(value, 6)}


def observations(workers: Workers, signals: Signals) -> Iterable[Plain]:
    """The utilisation of a cluster at each step: that of the CPU or device that does most.

    A mean would call a cluster idle in which one of many devices computes. At a step at which a worker is silent it is none.
    """
    loads = [_busiest(node, workers, signals) for node in workers.nodes]
    whole = bool(loads) and len(loads) >= workers.count
    for at in times(signals.window):
        here = [load[at] for load in loads if at in load]
        known = whole and len(here) == len(loads)
        value = round(min(1.0, max(0.0, *here)), 6) if known else None
        yield {"cluster": workers.cluster_id, "at": at, "utilization": value}


def times(window: Window) -> list[int]:
    """The ends of the steps, in seconds since 1970."""
    return [window.end - window.step * back for back in reversed(range(window.steps))]


def _busiest(node: ClusterNode, workers: Workers, signals: Signals) -> dict[int, float]:
    """The largest of a node's values at each step at which all of its devices have one."""
    devices: list[Mapping[float, float]] = []
    for kind in kinds_of(node, workers, signals):
        if not shows_all(node, kind, workers, signals):
            return {}
        devices += signals.measured[node]["utilization", kind][0].devices.values()
    return {at: max(one[at] for one in devices) for at in times(signals.window) if all(at in one for one in devices)}


# --- nodes


def described(node: ClusterNode, addresses: Iterable[str], signals: Signals) -> Plain:
    """A node as an entry of a fleet; where Kubernetes shows it, with whether it takes pods.

    :param addresses: those that Magnum shows of the node's group.
    """
    shown = [address for address in addresses if address in node.addresses]
    kube = signals.kubernetes.get(node)
    ready = {} if kube is None else {"ready": not kube.closed}
    return {"id": node.id, "name": node.name, "address": next(iter(shown or node.addresses), ""), **ready}


def room_of(node: ClusterNode, devices: Sequence[tuple[str, int]], signals: Signals, system: Collection[str]) -> Plain:
    """What is free on a node by kube-state-metrics, in the form of a fleet; empty where it is not known.

    :param devices: the accelerators of the node's flavor, kind and number.
    """
    free = node_figures(node, {}, signals.kubernetes.get(node), signals.window).free
    if free["cpu"].value is None or free["memory"].value is None or node not in signals.placements:
        return {}
    left = {kind: int(free[kind].value or 0) for kind in ACCELERATORS if kind in free}
    return {
        "free": {"cpu_m": int(free["cpu"].value * MILLI), "mem_mib": int(free["memory"].value)},
        "devices": free_devices(devices, left),
        "busy": any(not is_system(entry, system) for entry in signals.placements[node]),
    }


def free_devices(devices: Sequence[tuple[str, int]], left: Mapping[str, int]) -> list[int]:
    """The free thousandths of each accelerator of a flavor.

    Kubernetes counts by kind. So of two models of one kind nobody knows which are free, unless all are.
    """
    found: list[int] = []
    for kind, count in devices:
        everything = sum(number for other, number in devices if other == kind)
        alone = everything == count
        free = left.get(kind, 0)
        here = min(count, free) if alone or free >= everything else 0
        found += [MILLI] * here + [0] * (count - here)
    return found
