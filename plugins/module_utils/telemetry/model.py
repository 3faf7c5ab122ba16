# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What telemetry is made of: metrics, series of a source, nodes of clusters, figures. Frozen data, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest

DURATION = re.compile(r"(\d{1,9})([smhdw]?)")
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Not given, a window has so many steps, none shorter than most servers take samples
STEPS, SHORTEST_STEP = 60, 300
# What Prometheus answers at most for one series
MOST_STEPS = 11000

Points = Mapping[float, float]

# How a metric is asked for: at each step of the window; as the increase of a counter; as it is at the end of the window
GAUGE, COUNTER, NOW = "gauge", "counter", "now"


@dataclass(frozen=True)
class Metric:
    """How one exporter says one thing.

    :param measures: ``power``, ``energy``, ``utilization``, ``allocatable``, ``requests``, ``pods``, ``identity``, ``closed`` or
        ``waiting``.
    :param resource: ``cpu``, ``memory``, ``gpu`` or ``npu``; empty where labels say it.
    :param query: PromQL; ``{range}`` stands for the time that one value covers.
    :param needs: names of metrics that must all be present.
    :param factor: makes ``unit`` of what the exporter says.
    :param node: labels that name the node; the first one present counts.
    :param device: labels that name the device, likewise; none where the figure is of the whole node.
    :param plausible: lowest and highest value that is believed, in ``unit``.
    :param blank: what the exporter writes where it knows nothing.
    """

    exporter: str
    measures: str
    resource: str
    query: str
    needs: tuple[str, ...]
    node: tuple[str, ...]
    unit: str = ""
    factor: float = 1.0
    device: tuple[str, ...] = ()
    mode: str = GAUGE
    plausible: tuple[float, float] | None = None
    blank: float | None = None


@dataclass(frozen=True)
class Window:
    """The time that figures cover, in seconds: the last ``steps`` times ``step`` before ``end``."""

    end: int
    step: int
    steps: int

    @property
    def seconds(self) -> int:
        return self.step * self.steps


def read_window(window: str, step: str | None, end: int, where: str = "") -> Window:
    """The options ``window`` and ``step``; a step that does not divide the window leaves the rest of it out.

    :param where: what their names begin with in an error, such as ``telemetry.``.
    :raises InvalidRequest: one of them is not a duration, or they do not fit each other.
    """
    seconds = read_duration(f"{where}window", window)
    each = usual_step(seconds) if step is None else read_duration(f"{where}step", step)
    if not each <= seconds <= each * MOST_STEPS:
        raise InvalidRequest(
            f"Failed to read option '{where}step': {each} s do not fit a window of {seconds} s",
            resource=f"{where}step",
            hint=f"Give a step no longer than the window, and no more than {MOST_STEPS} of them",
        )
    return Window(end, each, seconds // each)


def usual_step(seconds: int) -> int:
    """The step of a window where none is given, both in seconds."""
    return min(seconds, max(SHORTEST_STEP, seconds // STEPS))


def read_duration(option: str, text: str) -> int:
    """A duration such as ``90s``, ``5m``, ``1h`` or ``7d``, in seconds."""
    found = DURATION.fullmatch(text.strip())
    seconds = int(found[1]) * SECONDS[found[2]] if found else 0
    if not seconds:
        raise InvalidRequest(
            f"Failed to read option '{option}': '{text}' is not a duration",
            resource=option,
            hint="Give a number with s, m, h, d or w, such as 1h",
        )
    return seconds


@dataclass(frozen=True)
class Series:
    """One series of a source: its labels, and its values by time."""

    labels: Mapping[str, str]
    points: Points


@dataclass(frozen=True)
class Reading:
    """What one server answered for one metric.

    :param series: the values; for a counter the increase over the whole window.
    :param covered: for a counter, the steps that hold data.
    :param clusters: names or ids of the clusters that the server is about, or patterns of names; empty where it is not said.
    """

    server: str
    metric: Metric
    series: tuple[Series, ...]
    covered: tuple[Series, ...] = ()
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusterNode:
    """A node of a cluster as the cloud knows it; ``id`` is the server's where there is one."""

    cluster_id: str
    cluster: str
    group: str
    id: str
    name: str
    addresses: tuple[str, ...] = ()
    role: str = "worker"


@dataclass(frozen=True)
class Figure:
    """A value with where it is from. No value is unknown, and ``reason`` says why; it is never 0.

    A sum that has a value and a reason is of some of its parts: the reason says which others are not known or not counted.

    :param value: money is a Decimal, so that sums of it are exact.
    :param coverage: share of the nodes and of the window that has data, from 0 to 1.
    :param weight: how many devices or nodes a mean is of.
    """

    value: float | Decimal | None
    unit: str
    window: int
    source: str | None = None
    coverage: float = 0.0
    reason: str | None = None
    weight: int = field(default=1, compare=False)

    def as_result(self) -> dict[str, Any]:
        return {
            "value": None if self.value is None else round(float(self.value), 6),
            "unit": self.unit,
            "source": self.source,
            "coverage": round(self.coverage, 4),
            "window": self.window,
            "reason": self.reason,
        }


def sources_of(figures: Iterable[Figure]) -> str | None:
    """Where several figures are from, each source once."""
    return "; ".join(dict.fromkeys(figure.source for figure in figures if figure.source)) or None
