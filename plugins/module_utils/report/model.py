# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a report is made of. Frozen data, no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

OPERATOR, TENANT = "operator", "tenant"
KINDS = ("gpu", "npu")
HOURS_A_DAY, HOURS_A_WEEK = 24, 168


@dataclass(frozen=True)
class Sum:
    """A sum over ``of`` parts; ``missing`` of them are unknown. No value where all are.

    :param partial: how many more are known only in part.
    """

    value: float | None
    missing: int = 0
    of: int = 0
    partial: int = 0

    @property
    def is_bound(self) -> bool:
        """It is a lower bound: a part, or a part of a part, is unknown."""
        return bool(self.missing or self.partial)


def total(values: Iterable[float | None]) -> Sum:
    """The sum of what is known."""
    given = list(values)
    known = [value for value in given if value is not None]
    return Sum(sum(known) if known else None, len(given) - len(known), len(given))


def sum_of_figures(figures: Iterable[Figure]) -> Sum:
    """The sum of what is known. A figure that has a value and still a reason is of some of its nodes or prices only."""
    given = list(figures)
    found = total(one.value for one in given)
    return replace(found, partial=sum(one.value is not None and bool(one.reason) for one in given))


def times(found: Sum, factor: float) -> Sum:
    """A sum in another unit."""
    return found if found.value is None else replace(found, value=found.value * factor)


@dataclass(frozen=True)
class Devices:
    """The accelerators of one class in one node group. None is unknown.

    :param held: requested by workloads.
    :param computing: with a mean utilisation of at least what counts as idle.
    :param idle: with one below.
    :param reclaimable: on nodes that decisions would remove.
    :param is_partial: what Kubernetes says of some of the nodes is unknown, so that all but ``computing`` and ``idle`` may be more.
    """

    kind: str
    total: float | None
    held: float | None
    computing: float | None
    idle: float | None
    reclaimable: float | None = None
    is_partial: bool = False


COUNTS = ("total", "held", "computing", "idle", "reclaimable")
# Exporters of the devices say these, and kube-state-metrics the others
MEASURED = ("computing", "idle")


@dataclass(frozen=True)
class Track:
    """Values over time, one a step, none where there is a gap; ``begin`` in seconds since 1970, ``step`` in seconds."""

    begin: int
    step: int
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Reason:
    """Why something is not done."""

    code: str
    text: str


@dataclass(frozen=True)
class Line:
    """What one module decided about one cluster, node group or node.

    :param source: ``idle``, ``scaling`` or ``consolidation``.
    :param nodes: how many nodes it removes; none where that does not apply.
    :param saving_h: what it saves an hour, in the unit of the prices that the decision was given.
    :param is_advice: it would change something.
    """

    source: str
    cluster_id: str
    cluster: str
    target: str
    action: str
    group: str = ""
    nodes: int | None = None
    removes_all: bool = False
    saving_h: float | None = None
    why: tuple[str, ...] = ()
    why_not: tuple[Reason, ...] = ()
    is_advice: bool = False


@dataclass(frozen=True)
class Group:
    """A node group."""

    name: str
    role: str
    flavor: str
    node_count: int | None
    utilization: Mapping[str, Figure]
    power: Figure
    cost_per_hour: Figure
    idle_cost_per_hour: Figure
    devices: tuple[Devices, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """A cluster with all that is known of it."""

    id: str
    name: str
    status: str
    type: str
    team: str
    utilization: Mapping[str, Figure]
    power: Figure
    energy: Figure
    cost_per_hour: Figure
    cost: Figure
    idle_cost_per_hour: Figure
    idle_cost: Figure
    electricity_cost: Figure
    carbon: Figure
    tracks: Mapping[str, Track] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    lines: tuple[Line, ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[Devices, ...]:
        return tuple(entry for group in self.groups for entry in group.devices)

    @property
    def main_resource(self) -> str:
        """The resource that a cluster is there for: its accelerators, else its CPUs."""
        return next((kind for kind in KINDS if kind in self.utilization), "cpu")


@dataclass(frozen=True)
class Row:
    """One line of a table by device class or by team."""

    name: str
    clusters: int
    counts: Mapping[str, Sum]
    cost_per_hour: Sum
    idle_cost_per_hour: Sum


@dataclass(frozen=True)
class Finding:
    """Something that is said about a subject, such as a violated limit, a failure or a gap; ``cluster`` where it is of one."""

    subject: str
    text: str
    cluster: str = ""


@dataclass(frozen=True)
class Summary:
    """The first screen."""

    clusters: int
    counts: Mapping[str, Sum]
    cost_per_hour: Sum
    idle_cost_per_day: Sum
    saving_per_week: float | None
    saved_in_a_week: float | None
    power: Sum
    energy: Sum
    carbon: Sum
    by_class: tuple[Row, ...]
    by_team: tuple[Row, ...]


@dataclass(frozen=True)
class Report:
    """A whole report, as its audience may see it.

    :param at: when it was made, in seconds since 1970; none where nobody says so.
    :param begin: where the figures begin, likewise.
    :param missing: parts that are left out, each with the reason.
    """

    title: str
    audience: str
    at: int | None
    begin: int | None
    end: int | None
    currency: str
    summary: Summary
    banners: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    advice: tuple[Line, ...]
    sentences: tuple[Finding, ...]
    clusters: tuple[Cluster, ...]
    gaps: tuple[Finding, ...]
    missing: tuple[Finding, ...]
