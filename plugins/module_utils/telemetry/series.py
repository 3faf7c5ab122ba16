# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster's utilisation and power over time: one value for each step of the window, none where there is a gap.

The values are those that the means of ``figures.py`` are made of, so both tell the same story.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.figures import (
    Measured,
    NodeFigures,
    Subject,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode, Points, Window

Known = Mapping[ClusterNode, Mapping[Subject, list[Measured]]]
# Digits after the point: a chart shows no more
DIGITS = {"utilization": 4, "power": 1}


def series_of(
    workers: Sequence[NodeFigures], nodes: Sequence[NodeFigures], known: Known, window: Window
) -> dict[str, Any]:
    """The series of one cluster, as a result shows them.

    :param workers: whose utilisation counts.
    :param nodes: whose power counts: the workers, and the control plane.
    :returns: ``begin`` (seconds since 1970), ``step`` (seconds), ``utilization`` by resource (0 to 1) and ``power`` by
        resource and in total (W), each a list with one value for each step.
    """
    shares = dict.fromkeys(name for part in workers for name in part.utilization)
    powers = dict.fromkeys(name for part in nodes for name in part.power)
    # As in the figures, a node's power is known when that of each of its parts is
    whole = [part for part in nodes if part.power["total"].value is not None]
    return {
        "begin": window.end - window.seconds,
        "step": window.step,
        "utilization": {
            name: steps(_columns(workers, known, "utilization", [name]), window, is_mean=True) for name in shares
        },
        "power": {
            name: steps(
                _columns(whole, known, "power", [part for part in powers if part != "total"])
                if name == "total"
                else _columns(nodes, known, "power", [name]),
                window,
                is_mean=False,
            )
            for name in powers
        },
    }


def _columns(nodes: Iterable[NodeFigures], known: Known, measures: str, names: Iterable[str]) -> list[Points]:
    """The values over time of each device, or of the node where there are none, from the best metric."""
    names = list(names)
    return [
        values
        for part in nodes
        for name in names
        for found in known.get(part.node, {}).get((measures, name), [])[:1]
        for values in found.devices.values()
        if values
    ]


def steps(columns: Sequence[Points], window: Window, *, is_mean: bool) -> list[float | None]:
    """Several devices' values as one for each step, the mean or the sum.

    From its first value on, each device counts in every step: a step in which one of them is missing is a gap. A sum
    without it would look like power that was saved. Before its first value a device was not there yet.
    """
    firsts = [min(points) for points in columns]
    digits = DIGITS["utilization" if is_mean else "power"]
    found: list[float | None] = []
    for number in range(window.steps):
        at = window.end - (window.steps - 1 - number) * window.step
        values = [points.get(at) for first, points in zip(firsts, columns, strict=True) if first <= at]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            found.append(None)
        else:
            found.append(round(sum(known) / len(known) if is_mean else sum(known), digits))
    return found
