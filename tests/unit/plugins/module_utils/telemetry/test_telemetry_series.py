# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of devices over time -> one value for each step, none where something is missing."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.figures import (
    Measured,
    node_figures,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import (
    ClusterNode,
    Metric,
    Reading,
    Window,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.series import series_of, steps

WINDOW = Window(end=1200, step=300, steps=4)
TIMES = (300.0, 600.0, 900.0, 1200.0)
WORKER = ClusterNode("c1", "ml", "default-worker", "n1", "ml-node-0")
MASTER = ClusterNode("c1", "ml", "default-master", "n2", "ml-master-0", role="master")


def points(*values: float | None) -> dict[float, float]:
    """One value a step; None where there is none."""
    return {at: value for at, value in zip(TIMES, values, strict=True) if value is not None}


def measured(measures: str, resource: str, **devices: dict[float, float]) -> dict[tuple[str, str], list[Measured]]:
    """What one metric says of one node."""
    metric = Metric("exporter", measures, resource, "q", (), ())
    return {(measures, resource): [Measured(Reading("a", metric, ()), dict(devices))]}


@pytest.mark.parametrize(
    ("columns", "is_mean", "expected"),
    [
        ([], True, [None] * 4),
        ([points(0.2, None, 0.4, 0.4)], True, [0.2, None, 0.4, 0.4]),
        ([points(0, 0, 0, 0), points(1, 1, 0.5, 1)], True, [0.5, 0.5, 0.25, 0.5]),
        # One of two is silent: the sum would look like power that was saved
        ([points(100, 100, 100, 100), points(50, None, 50, 50)], False, [150, None, 150, 150]),
        # Before it came, a node leaves no gap; after it stopped, it does
        ([points(100, 100, 100, 100), points(None, 50, 50, None)], False, [100, 150, 150, None]),
    ],
)
def test_steps(columns: list[dict[float, float]], is_mean: bool, expected: list[float | None]) -> None:
    assert steps(columns, WINDOW, is_mean=is_mean) == expected
    assert steps(columns[::-1], WINDOW, is_mean=is_mean) == expected


def test_series_say_what_the_means_say() -> None:
    known = {
        WORKER: {
            **measured("utilization", "cpu", node=points(0.1, 0.3, 0.2, 0.2)),
            **measured("utilization", "gpu", a=points(1, 1, None, 1), b=points(0, 0, 0, 0)),
            **measured("power", "cpu", node=points(10, 10, 10, 10)),
            **measured("power", "gpu", a=points(200, 300, 200, 200), b=points(50, 50, 50, 50)),
        },
        MASTER: measured("power", "cpu", node=points(5, 5, 5, 5)),
    }
    parts = [node_figures(node, found, None, WINDOW) for node, found in known.items()]
    found = series_of(parts[:1], parts, known, WINDOW)
    assert (found["begin"], found["step"]) == (0, 300)
    assert found["utilization"] == {
        "cpu": [0.1, 0.3, 0.2, 0.2],
        "memory": [None] * 4,
        "gpu": [0.5, 0.5, None, 0.5],
    }
    assert found["power"] == {
        "total": [265, 365, 265, 265],
        "cpu": [15, 15, 15, 15],
        "gpu": [250, 350, 250, 250],
    }
    shown = [value for value in found["power"]["total"] if value is not None]
    assert sum(shown) / 4 == pytest.approx(sum(part.power["total"].value or 0 for part in parts))


def test_a_node_whose_power_is_known_in_part_is_no_part_of_the_total() -> None:
    known = {
        WORKER: {
            **measured("power", "cpu", node=points(10, 10, 10, 10)),
            **measured("utilization", "gpu", a=points(1, 1, 1, 1)),
        },
        MASTER: measured("power", "cpu", node=points(5, 5, 5, 5)),
    }
    parts = [node_figures(node, found, None, WINDOW) for node, found in known.items()]
    found = series_of(parts[:1], parts, known, WINDOW)["power"]
    assert found == {"total": [5] * 4, "cpu": [15] * 4, "gpu": [None] * 4}
