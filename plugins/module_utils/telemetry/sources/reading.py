# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every source has in common: its calls, and how the metrics of the catalogue are read from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Protocol

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import side_by_side
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError, ServiceError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.catalogue import METRICS, present
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import (
    COUNTER,
    NOW,
    Metric,
    Reading,
    Series,
    Window,
)

NAMES = "the names of metrics"
# Up to Prometheus 2, warnings hold remarks on the query too; they leave no data out
REMARK = "PromQL info"


class Source(Protocol):
    """What answers queries. All calls raise KcloudError where it does not."""

    @property
    def name(self) -> str:
        """What figures call it."""

    @property
    def url(self) -> str:
        """Its address, without credentials."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """Names or ids of the clusters that it is about, or patterns of names; empty where nobody says."""

    def names(self, window: Window) -> list[str]:
        """The names of all metrics that have series in the window."""

    def at(self, query: str, when: int) -> tuple[Series, ...]:
        """A query at one time; no data is an empty tuple, and means that nothing is known."""

    def over(self, query: str, window: Window) -> tuple[Series, ...]:
        """A query at the end of each step of the window."""


def refuse_partial(answer: Mapping[str, Any], doing: str, resource: str) -> None:
    """An answer with warnings leaves data out, such as that of a store which Thanos does not reach; ``infos`` do not.

    :raises ServiceError: part of the data is missing, so that a busy cluster could look idle.
    """
    warnings = [str(text) for text in answer.get("warnings") or () if not str(text).startswith(REMARK)]
    if warnings:
        raise ServiceError(
            f"Failed to {doing}",
            code="PARTIAL_ANSWER",
            resource=resource,
            reason="; ".join(warnings),
            hint="Read the log of the server, and repair what the warning names; part of the data is taken for none",
        )


def series_of(entries: Iterable[dict], key: str) -> tuple[Series, ...]:  # type: ignore[type-arg]
    """Series of a vector (``value``) or of a matrix (``values``), as Prometheus writes them."""
    return tuple(Series(entry["metric"], points(entry[key] if key == "values" else [entry[key]])) for entry in entries)


def points(values: Iterable[tuple[float, str]]) -> dict[float, float]:
    """Values by time, without those that are not numbers: 0/0 says nothing."""
    pairs = ((float(at), float(text)) for at, text in values)
    return {at: value for at, value in pairs if isfinite(value)}


def read_metric(source: Source, metric: Metric, window: Window) -> Reading:
    """One metric of the catalogue from one source."""
    steps = metric.query.replace("{range}", f"{window.step}s")
    if metric.mode == NOW:
        return Reading(source.name, metric, _with_data(source.at(steps, window.end)), clusters=source.clusters)
    if metric.mode == COUNTER:
        whole = metric.query.replace("{range}", f"{window.seconds}s")
        series = _with_data(source.at(whole, window.end))
        return Reading(source.name, metric, series, source.over(steps, window), source.clusters)
    return Reading(source.name, metric, source.over(steps, window), clusters=source.clusters)


def _with_data(series: Iterable[Series]) -> tuple[Series, ...]:
    return tuple(one for one in series if one.points)


def read_all(
    sources: Iterable[Source], window: Window, metrics: Iterable[Metric] = METRICS
) -> tuple[list[Reading], list[tuple[Source, int, KcloudError | None]]]:
    """All of the metrics that the sources have, and for each source how many, or why it could not be read.

    A source that fails in the middle counts as not read at all: half of what runs on nodes looks like free room.
    """

    def read_one(source: Source) -> tuple[list[Reading], KcloudError | None]:
        try:
            return [read_metric(source, metric, window) for metric in present(source.names(window), wanted)], None
        except KcloudError as error:
            return [], error

    sources, wanted = list(sources), tuple(metrics)
    answers = side_by_side(read_one, sources)
    readings = [reading for found, _error in answers for reading in found]
    return readings, [(source, len(found), error) for source, (found, error) in zip(sources, answers, strict=True)]
