# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Series of metrics -> figures of nodes, node groups and clusters.

A node's figure comes from one metric of one server: the first of the catalogue that has data for it. An exporter that was
started anew writes a second series of the same device: of gauges the larger value counts, the rises of counters add up.
A step without data is a gap: it lowers the coverage, and is never filled or taken for 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.attribution import Directory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.catalogue import (
    DEVICES,
    JOULES_PER_KWH,
    METRICS,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import (
    COUNTER,
    NOW,
    ClusterNode,
    Figure,
    Metric,
    Points,
    Reading,
    Series,
    Window,
    sources_of,
)

# A mean of a step that holds one blank is still far above anything that is measured
BLANK_PART = 1e6
ACCELERATORS = ("gpu", "npu")
SHARES = ("cpu", "memory", *ACCELERATORS)
UNITS = {"cpu": "cores", "memory": "MiB"}
MIB = 1024 * 1024

NOBODY = ClusterNode("", "", "", "", "")
# The nodes of the control plane use power, and take no workloads
OF_WORKERS = ("utilization", "requests", "free")

# measures and resource
Subject = tuple[str, str]


@dataclass
class Measured:
    """What one metric of one server says of one node: values by device, and for counters the steps with data."""

    reading: Reading
    devices: dict[str, dict[float, float]] = field(default_factory=dict)
    covered: dict[str, set[float]] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return f"{self.reading.metric.exporter} ({self.reading.server})"


@dataclass(frozen=True)
class Kubernetes:
    """What kube-state-metrics of one server says of a node: allocatable and requested amounts by resource.

    :param closed: it is cordoned or not ready, and takes no pods.
    """

    server: str
    allocatable: Mapping[str, float]
    requests: Mapping[str, float] | None
    closed: bool = False


@dataclass(frozen=True)
class NodeFigures:
    """A node's figures; ``devices`` are as a result shows them."""

    node: ClusterNode
    utilization: Mapping[str, Figure]
    power: Mapping[str, Figure]
    energy: Mapping[str, Figure]
    requests: Mapping[str, Figure]
    free: Mapping[str, Figure]
    devices: tuple[dict[str, Any], ...] = ()

    def as_result(self) -> dict[str, Any]:
        addresses = list(self.node.addresses)
        shown = {"id": self.node.id, "name": self.node.name, "addresses": addresses, "devices": list(self.devices)}
        return {**shown, **shown_figures(self)}


KINDS = ("utilization", "power", "energy", "requests", "free")


def shown_figures(figures: NodeFigures | Mapping[str, Mapping[str, Figure]]) -> dict[str, dict[str, Any]]:
    """All kinds of figures as a result shows them."""
    kinds = figures if isinstance(figures, Mapping) else {kind: getattr(figures, kind) for kind in KINDS}
    return {kind: {name: figure.as_result() for name, figure in kinds[kind].items()} for kind in KINDS}


# --- from series to what is known of each node


def believed(metric: Metric, points: Points) -> tuple[dict[float, float], str | None]:
    """The values that can be true, in the metric's unit, and what is wrong with the others.

    A value out of range is left out and reported, never scaled: nobody knows by which factor it is wrong.
    """
    kept, wrong = {}, None
    for at, raw in points.items():
        if metric.blank is not None and raw >= metric.blank / BLANK_PART:
            continue
        value = raw * metric.factor
        low, high = metric.plausible or (value, value)
        if low <= value <= high:
            kept[at] = value
        else:
            wrong = (
                f"{metric.measures} of {value:g} {metric.unit} is not plausible ({low:g} to {high:g}), and is left out"
            )
    return kept, wrong


def device_of(metric: Metric, labels: Mapping[str, str]) -> str:
    return next((labels[name] for name in metric.device if labels.get(name)), "")


def measured(
    readings: Iterable[Reading], directory: Directory
) -> tuple[dict[ClusterNode, dict[Subject, list[Measured]]], list[dict[str, Any]], list[dict[str, Any]]]:
    """What is known of each node, best first; series of no node; values that cannot be true."""
    known: dict[ClusterNode, dict[Subject, list[Measured]]] = {}
    strangers: dict[tuple[str, ...], dict[str, Any]] = {}
    gaps: dict[tuple[str, ...], dict[str, Any]] = {}
    for reading in sorted(readings, key=lambda entry: METRICS.index(entry.metric)):
        metric, here = reading.metric, {}
        for series, steps in ((reading.series, False), (reading.covered, True)):
            for one in series:
                found = directory.find(reading, one.labels)
                if found.node is None:
                    entry = {
                        "server": reading.server,
                        "exporter": metric.exporter,
                        "node": found.label,
                        "reason": found.reason,
                    }
                    strangers.setdefault((reading.server, metric.exporter, found.label), entry)
                    continue
                if metric.mode == NOW:
                    continue
                mine = here.setdefault(found.node, Measured(reading))
                device = device_of(metric, one.labels)
                wrong = _take(mine, metric, device, one, steps=steps)
                if wrong:
                    gap = {
                        "cluster": found.node.cluster,
                        "node": found.node.name,
                        "server": reading.server,
                        "reason": wrong,
                    }
                    gaps.setdefault((reading.server, found.node.id, metric.query, device), gap)
        for node, mine in here.items():
            if any(mine.devices.values()):
                known.setdefault(node, {}).setdefault((metric.measures, metric.resource), []).append(mine)
    return known, [strangers[key] for key in sorted(strangers)], [gaps[key] for key in sorted(gaps)]


def _take(mine: Measured, metric: Metric, device: str, series: Series, *, steps: bool) -> str | None:
    """Add one series to what is known of its device; says what is wrong with it."""
    points, wrong = believed(metric, series.points)
    if steps:
        mine.covered.setdefault(device, set()).update(points)
        return None
    values = mine.devices.setdefault(device, {})
    for at, value in points.items():
        both = metric.mode == COUNTER or at not in values
        values[at] = values.get(at, 0.0) + value if both else max(values[at], value)
    return f"{metric.exporter}, {wrong}" if wrong else None


# --- one node


def _mean(values: Mapping[float, float]) -> float:
    return sum(values.values()) / len(values)


def _share(count: int, window: Window) -> float:
    return min(1.0, count / window.steps)


def share_figure(found: Sequence[Measured], window: Window, missing: str) -> Figure:
    """A utilisation: the mean over time, and over the devices."""
    if not found:
        return Figure(None, "ratio", window.seconds, reason=missing)
    best = found[0]
    devices = [values for values in best.devices.values() if values]
    value = sum(map(_mean, devices)) / len(devices)
    coverage = sum(_share(len(values), window) for values in best.devices.values()) / len(best.devices)
    bounded = min(1.0, max(0.0, value))
    return Figure(bounded, "ratio", window.seconds, best.source, coverage, weight=len(best.devices))


def power_figure(found: Sequence[Measured], window: Window, missing: str) -> Figure:
    """Power: the mean over time, the sum of the devices."""
    if not found:
        return Figure(None, "W", window.seconds, reason=missing)
    best = found[0]
    value = sum(_mean(values) for values in best.devices.values() if values)
    coverage = sum(_share(len(values), window) for values in best.devices.values()) / len(best.devices)
    return Figure(value, "W", window.seconds, best.source, coverage)


def energy_figure(counters: Sequence[Measured], powers: Sequence[Measured], window: Window, missing: str) -> Figure:
    """Energy: how far the counters rose, else the integral of power over the steps with data."""
    if counters:
        best = counters[0]
        value = sum(sum(values.values()) for values in best.devices.values())
        coverage = sum(_share(len(best.covered.get(device, ())), window) for device in best.devices) / len(best.devices)
        return Figure(value, "kWh", window.seconds, f"counter, {best.source}", coverage)
    if not powers:
        return Figure(None, "kWh", window.seconds, reason=missing)
    best = powers[0]
    value = sum(sum(values.values()) for values in best.devices.values()) * window.step / JOULES_PER_KWH
    coverage = sum(_share(len(values), window) for values in best.devices.values()) / len(best.devices)
    return Figure(value, "kWh", window.seconds, f"integral of power, {best.source}", coverage)


def total_of_parts(parts: Mapping[str, Figure], unit: str, window: Window) -> Figure:
    """The sum of a node's parts; unknown as long as one of them is: half of a node's power is not its power."""
    unknown = [name for name, figure in parts.items() if figure.value is None]
    if unknown:
        return Figure(None, unit, window.seconds, reason=f"unknown: {', '.join(unknown)}")
    value = sum(figure.value or 0.0 for figure in parts.values())
    coverage = min(figure.coverage for figure in parts.values())
    return Figure(value, unit, window.seconds, sources_of(parts.values()), coverage)


def kubernetes_of(readings: Iterable[Reading], directory: Directory) -> dict[ClusterNode, Kubernetes]:
    """Allocatable and requested amounts of each node, from the first server that knows the node."""
    found: dict[ClusterNode, Kubernetes] = {}
    by_server: dict[str, dict[str, Reading]] = {}
    closed = set()
    for reading in readings:
        if reading.metric.measures == "closed":
            closed |= {(reading.server, directory.find(reading, series.labels).node) for series in reading.series}
        elif reading.metric.mode == NOW:
            by_server.setdefault(reading.server, {})[reading.metric.measures] = reading
    for server, known in by_server.items():
        allocatable = _amounts(known.get("allocatable"), directory)
        requests = _amounts(known["requests"], directory) if "requests" in known else None
        for node, amounts in allocatable.items():
            requested = None if requests is None else requests.get(node, {})
            found.setdefault(node, Kubernetes(server, amounts, requested, (server, node) in closed))
    return found


def _amounts(reading: Reading | None, directory: Directory) -> dict[ClusterNode, dict[str, float]]:
    found: dict[ClusterNode, dict[str, float]] = {}
    for series in () if reading is None else reading.series:
        node = directory.find(reading, series.labels).node if reading else None
        name = series.labels.get("resource", "")
        kind = DEVICES.get(name, (name, ""))[0]
        if node is not None and kind in SHARES:
            value = next(iter(series.points.values())) / (MIB if kind == "memory" else 1)
            amounts = found.setdefault(node, {})
            amounts[kind] = amounts.get(kind, 0.0) + value
    return found


def node_figures(
    node: ClusterNode, known: Mapping[Subject, list[Measured]], kube: Kubernetes | None, window: Window
) -> NodeFigures:
    """All figures of one node."""
    kinds = [
        kind
        for kind in ACCELERATORS
        if any(resource == kind for _measures, resource in known) or (kube and kube.allocatable.get(kind))
    ]
    missing = "no metric of this node was found"
    shares = {
        name: share_figure(known.get(("utilization", name), ()), window, missing) for name in ("cpu", "memory", *kinds)
    }
    powers, energies = {}, {}
    for name in ("cpu", *kinds):
        watts = known.get(("power", name), [])
        powers[name] = power_figure(watts, window, missing)
        energies[name] = energy_figure(known.get(("energy", name), []), watts, window, missing)
    requests, free = {}, {}
    for name in ("cpu", "memory", *kinds):
        requests[name], free[name] = _room(name, kube, window)
    return NodeFigures(
        node=node,
        utilization=shares,
        power={"total": total_of_parts(powers, "W", window), **powers},
        energy={"total": total_of_parts(energies, "kWh", window), **energies},
        requests=requests,
        free=free,
        devices=tuple(_devices(known, kinds, window)),
    )


def _room(name: str, kube: Kubernetes | None, window: Window) -> tuple[Figure, Figure]:
    """What the pods of a node request of a resource, and what they leave; as it is at the end of the window."""
    unit = UNITS.get(name, "devices")
    if kube is None or kube.requests is None:
        reason = (
            "kube-state-metrics does not show this node" if kube is None else "kube-state-metrics shows no requests"
        )
        unknown = Figure(None, unit, 0, reason=reason)
        return unknown, unknown
    source, requested = f"kube-state-metrics ({kube.server})", kube.requests.get(name, 0.0)
    asked = Figure(requested, unit, 0, source, 1.0)
    if name not in kube.allocatable:
        return asked, Figure(None, unit, 0, reason="kube-state-metrics does not say how much is allocatable")
    # What is left of a node that takes no pods is not free
    if kube.closed:
        return asked, replace(asked, value=0.0, reason="the node is cordoned or not ready")
    return asked, replace(asked, value=max(0.0, kube.allocatable[name] - requested))


def _devices(known: Mapping[Subject, list[Measured]], kinds: Iterable[str], window: Window) -> Iterable[dict[str, Any]]:
    for kind in kinds:
        shares, watts = known.get(("utilization", kind), []), known.get(("power", kind), [])
        names = sorted({name for found in (shares[:1], watts[:1]) for one in found for name in one.devices})
        for name in names:
            figures = {}
            for key, found, make in (("utilization", shares, share_figure), ("power", watts, power_figure)):
                values = found[0].devices.get(name, {}) if found else {}
                alone = [Measured(found[0].reading, {name: values})] if values else []
                figures[key] = make(alone, window, "no metric of this device was found").as_result()
            yield {"id": name, "kind": kind, **figures}


# --- many nodes


def together(parts: Sequence[NodeFigures], count: int, window: Window) -> dict[str, dict[str, Figure]]:
    """The figures of many nodes: means of utilisation, by device where there are devices, and sums of all others.

    :param count: how many nodes there should be. Nodes that nobody knows lower the coverage.
    """
    parts = parts or [node_figures(NOBODY, {}, None, window)]
    kinds: dict[str, dict[str, Figure]] = {}
    for kind in KINDS:
        names = dict.fromkeys(name for part in parts for name in getattr(part, kind))
        kinds[kind] = {}
        for name in names:
            figures = [getattr(part, kind)[name] for part in parts if name in getattr(part, kind)]
            expected = len(figures) if name in ACCELERATORS else max(count, len(parts))
            kinds[kind][name] = joined(figures, expected, is_mean=kind == "utilization")
    return kinds


def joined(figures: Sequence[Figure], expected: int, *, is_mean: bool) -> Figure:
    """Several nodes' figures as one; what no node knows stays unknown."""
    known = [figure for figure in figures if figure.value is not None]
    if not known:
        reasons = "; ".join(dict.fromkeys(figure.reason for figure in figures if figure.reason))
        return replace(figures[0], value=None, source=None, coverage=0.0, reason=reasons)
    value = sum((figure.value or 0.0) * (figure.weight if is_mean else 1) for figure in known)
    weight = sum(figure.weight for figure in known)
    return Figure(
        value=value / weight if is_mean else value,
        unit=known[0].unit,
        window=known[0].window,
        source=sources_of(known),
        coverage=sum(figure.coverage for figure in known) / expected,
        reason=None if len(known) == expected else f"{expected - len(known)} of {expected} nodes have no data",
        weight=weight,
    )
