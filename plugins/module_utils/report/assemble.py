# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metrics, costs and decisions -> one report."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mapping,
    mappings,
    only_known,
    optional,
    text,
    whole,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.audience import UNREAD, for_audience
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.judged import (
    SOURCES,
    read_lines,
    removed_nodes,
    saving_per_hour,
    sentences,
    without_place,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import (
    COUNTS,
    HOURS_A_DAY,
    HOURS_A_WEEK,
    MEASURED,
    TENANT,
    Cluster,
    Devices,
    Finding,
    Group,
    Line,
    Report,
    Row,
    Sum,
    Summary,
    sum_of_figures,
    times,
    total,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.read import (
    devices,
    figure,
    figures,
    finite,
    moment,
    tracks,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.saved import saved_in_a_week
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.words import (
    code,
    last,
    money,
    percent,
    plural,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

Plain = Mapping[str, Any]
Key = tuple[str, str]
# What can take nodes away
REMOVING = ("idle", "scaling", "consolidation")
NO_TEAM, NO_METRICS, NO_COSTS = "no team", "no metrics were given", "no costs were given"
# A mean over less says too little to call devices idle
LEAST_COVERAGE = 0.5


@dataclass(frozen=True)
class Settings:
    """The options beside the data.

    :param now: when the report is made, in seconds since 1970; not given, the end of what it is about.
    :param idle_below: mean utilisation below which a device is idle, 0 to 1.
    :param power_budget: watts that the clusters may draw; without it nothing limits them.
    :param cost_budget: what the clusters may cost an hour, likewise.
    """

    title: str
    audience: str
    now: int | None = None
    idle_below: float = 0.05
    power_budget: float | None = None
    cost_budget: float | None = None


def read_settings(params: Plain) -> Settings:
    """The options of the module.

    :raises InvalidRequest: a number is out of its range.
    """
    budgets = {
        name: None if params[name] is None else finite(params[name], name) for name in ("power_budget", "cost_budget")
    }
    return Settings(
        params["title"],
        params["audience"],
        moment(params["now"], "now"),
        finite(params["idle_below"], "idle_below", 0, 1),
        **budgets,
    )


def make_report(
    metrics: object, costs: object, decisions: object, settings: Settings, records: object = None
) -> Report:
    """The report; what was not given is left out, and said to be.

    :param metrics: the answer of cluster_metrics_info, or None.
    :param costs: the answer of cluster_cost_info, or None.
    :param decisions: answers of the modules that decide, by ``idle``, ``scaling``, ``consolidation`` and ``match``, or None.
    :param records: lines that the role cluster_cleanup wrote, or None.
    :raises InvalidRequest: something in them cannot be read; the message names its path.
    """
    given = mapping(decisions, "decisions")
    only_known(given, SOURCES, "decisions")
    answers = {"metrics": metrics, "costs": costs, **{name: given.get(name) for name in SOURCES}}
    read = {
        name: _answer(value, name if name in ("metrics", "costs") else f"decisions.{name}")
        for name, value in answers.items()
    }
    measured, priced = read["metrics"], read["costs"]
    decided = {name: read[name] for name in SOURCES if read[name]}
    every_line = read_lines(decided)
    lines = _of_clusters(every_line, measured, priced)
    own = _own(decided, {line.source for line in every_line if line not in lines}, settings.audience)
    clusters = _clusters(measured, priced, decided, lines, settings)
    begin, end = _period(measured, priced)
    currency = text(priced.get("currency"), "costs.currency")
    at = end if settings.now is None else settings.now
    summary = _summary(
        clusters, saving_per_hour({**own, "idle": decided.get("idle")}, lines), saved_in_a_week(records, at)
    )
    report = Report(
        title=settings.title,
        audience=settings.audience,
        at=at,
        begin=begin,
        end=end,
        currency=currency,
        summary=summary,
        banners=_banners(clusters, settings.idle_below, currency),
        findings=(*_limits(summary, settings), *_failed(clusters, measured), *without_place(own)),
        advice=tuple(sorted((line for line in lines if line.is_advice), key=_by_saving)),
        sentences=sentences(own),
        clusters=clusters,
        gaps=_gaps(measured, priced),
        missing=_missing(answers),
    )
    return for_audience(report)


def _by_saving(line: Line) -> tuple[float, str, str]:
    return -(line.saving_h or 0), line.source, line.target


def _own(decided: Plain, beyond: Container[str], audience: str) -> Plain:
    """The decisions whose sums, sentences and workloads are of the report's clusters only.

    :param beyond: sources that decided about other clusters, too, and so name them and count them in.
    """
    # Nothing tells whose workloads a match is about
    kept = [name for name in decided if name not in beyond and (name, audience) != ("match", TENANT)]
    return {name: decided[name] for name in kept}


def _of_clusters(lines: Iterable[Line], measured: Plain, priced: Plain) -> tuple[Line, ...]:
    """What was decided about the clusters that the report is about; everything where it knows of none."""
    known = {*_by_id(measured.get("clusters"), "metrics.clusters"), *_by_id(priced.get("clusters"), "costs.clusters")}
    return tuple(line for line in lines if not known or known & {line.cluster_id, line.cluster})


# --- clusters


def _clusters(
    measured: Plain, priced: Plain, decided: Plain, lines: Iterable[Line], settings: Settings
) -> tuple[Cluster, ...]:
    """The clusters of both answers, those that waste most first."""
    known = _by_id(measured.get("clusters"), "metrics.clusters")
    paid = _by_id(priced.get("clusters"), "costs.clusters")
    gaps: dict[str, list[str]] = {}
    for finding in _gaps(measured, priced):
        gaps.setdefault(finding.cluster, []).append(_of_node(finding))
    of_cluster: dict[str, list[Line]] = {}
    for line in lines:
        of_cluster.setdefault(line.cluster_id or line.cluster, []).append(line)
    removed = removed_nodes(decided) if any(decided.get(source) is not None for source in REMOVING) else None
    nothing: Any = ("", {})
    found = []
    for key in dict.fromkeys([*known, *paid]):
        cluster = _cluster(known.get(key, nothing), paid.get(key, nothing), settings.idle_below)
        own = tuple(of_cluster.get(cluster.id, ()) or of_cluster.get(cluster.name, ()))
        cluster = replace(cluster, lines=own, gaps=tuple(gaps.get(cluster.name, ())))
        found.append(cluster if removed is None else _reclaimed(cluster, removed))
    return tuple(sorted(found, key=lambda one: (-(one.idle_cost_per_hour.value or 0), one.name, one.id)))


def _by_id(given: object, path: str) -> dict[str, tuple[str, Plain]]:
    found = {}
    for at, entry in mappings(given, path):
        key = text(entry.get("id"), f"{at}.id") or text(entry.get("name"), f"{at}.name")
        found[key] = at, entry
    return found


def _cluster(known: tuple[str, Plain], paid: tuple[str, Plain], idle_below: float) -> Cluster:
    (path, metrics), (cost_path, costs) = known, paid
    power, energy = figures(metrics, "power", path), figures(metrics, "energy", path)
    electricity = mapping(costs.get("electricity"), f"{cost_path}.electricity")
    # The metrics have the energy, too, and their total is there whether it is known or not
    total_power = mapping(metrics.get("power"), f"{path}.power").get("total")
    total_energy = mapping(metrics.get("energy"), f"{path}.energy").get("total") or electricity.get("energy")

    def said(key: str) -> str:
        return text(costs.get(key), f"{cost_path}.{key}") or text(metrics.get(key), f"{path}.{key}")

    def cost(key: str) -> Figure:
        return figure(costs.get(key), f"{cost_path}.{key}", reason=NO_COSTS)

    return Cluster(
        id=said("id"),
        name=said("name"),
        status=text(metrics.get("status"), f"{path}.status") or said("status"),
        type=said("type"),
        team=said("team"),
        utilization=figures(metrics, "utilization", path),
        power=figure(total_power, f"{path}.power.total", "W", NO_METRICS) if not power.get("total") else power["total"],
        energy=figure(total_energy, f"{path}.energy.total", "kWh", NO_METRICS)
        if not energy.get("total")
        else energy["total"],
        cost_per_hour=cost("cost_per_hour"),
        cost=cost("cost"),
        idle_cost_per_hour=cost("idle_cost_per_hour"),
        idle_cost=cost("idle_cost"),
        electricity_cost=figure(electricity.get("cost"), f"{cost_path}.electricity.cost", reason=NO_COSTS),
        carbon=figure(electricity.get("carbon"), f"{cost_path}.electricity.carbon", "kg", NO_COSTS),
        tracks=tracks(metrics.get("series"), f"{path}.series"),
        groups=_groups(known, paid, idle_below),
    )


def _groups(known: tuple[str, Plain], paid: tuple[str, Plain], idle_below: float) -> tuple[Group, ...]:
    (path, metrics), (cost_path, costs) = known, paid
    measured = _by_name(metrics.get("node_groups"), f"{path}.node_groups")
    priced = _by_name(costs.get("node_groups"), f"{cost_path}.node_groups")
    nothing: Any = ("", {})
    found = []
    for name in dict.fromkeys([*measured, *priced]):
        (at, one), (cost_at, cost) = measured.get(name, nothing), priced.get(name, nothing)
        either = {**cost, **one}
        found.append(
            Group(
                name=name,
                role=text(either.get("role"), f"{at or cost_at}.role"),
                flavor=text(cost.get("flavor"), f"{cost_at}.flavor"),
                node_count=optional(whole, either.get("node_count"), f"{at or cost_at}.node_count"),
                utilization=figures(one, "utilization", at),
                power=figure(
                    mapping(one.get("power"), f"{at}.power").get("total"), f"{at}.power.total", "W", NO_METRICS
                ),
                cost_per_hour=figure(cost.get("cost_per_hour"), f"{cost_at}.cost_per_hour", reason=NO_COSTS),
                idle_cost_per_hour=figure(
                    cost.get("idle_cost_per_hour"), f"{cost_at}.idle_cost_per_hour", reason=NO_COSTS
                ),
                devices=devices(one, at, idle_below),
            )
        )
    return tuple(found)


def _by_name(given: object, path: str) -> dict[str, tuple[str, Plain]]:
    return {text(entry.get("name"), f"{at}.name"): (at, entry) for at, entry in mappings(given, path)}


def _reclaimed(cluster: Cluster, removed: Mapping[Key, int]) -> Cluster:
    """The cluster with the devices on those of its nodes that decisions would remove."""
    everything = any(line.removes_all for line in cluster.lines)

    def counted(group: Group, one: Devices) -> Devices:
        share = 1.0 if everything else min(1.0, removed.get((cluster.id, group.name), 0) / (group.node_count or 1))
        return replace(one, reclaimable=None if one.total is None else one.total * share)

    groups = tuple(
        replace(group, devices=tuple(counted(group, one) for one in group.devices)) for group in cluster.groups
    )
    return replace(cluster, groups=groups)


# --- all of them


def _summary(clusters: tuple[Cluster, ...], saving_h: float | None, saved: float | None) -> Summary:
    return Summary(
        clusters=len(clusters),
        counts=_counts(entry for cluster in clusters for entry in cluster.devices),
        cost_per_hour=sum_of_figures(cluster.cost_per_hour for cluster in clusters),
        idle_cost_per_day=times(sum_of_figures(cluster.idle_cost_per_hour for cluster in clusters), HOURS_A_DAY),
        saving_per_week=None if saving_h is None else saving_h * HOURS_A_WEEK,
        saved_in_a_week=saved,
        power=sum_of_figures(cluster.power for cluster in clusters),
        energy=sum_of_figures(cluster.energy for cluster in clusters),
        carbon=sum_of_figures(cluster.carbon for cluster in clusters),
        by_class=_by_class(clusters),
        by_team=_by_team(clusters),
    )


def _counts(entries: Iterable[Devices]) -> dict[str, Sum]:
    given = list(entries)
    return {name: _count(given, name) for name in COUNTS}


def _count(entries: Iterable[Devices], name: str) -> Sum:
    values = [(getattr(entry, name), entry.is_partial and name not in MEASURED) for entry in entries]
    partial = sum(value is not None and is_partial for value, is_partial in values)
    return replace(total(value for value, _is_partial in values), partial=partial)


def device_class(kind: str, flavor: str) -> str:
    """How devices are grouped: by their kind, and the flavor of their nodes where it is known."""
    return f"{kind.upper()}, {flavor}" if flavor else kind.upper()


def _by_class(clusters: Iterable[Cluster]) -> tuple[Row, ...]:
    found: dict[str, list[tuple[Cluster, Group, Devices]]] = {}
    for cluster in clusters:
        for group in cluster.groups:
            for entry in group.devices:
                found.setdefault(device_class(entry.kind, group.flavor), []).append((cluster, group, entry))
    return tuple(
        Row(
            name,
            len({cluster.id for cluster, _group, _entry in entries}),
            _counts(entry for _cluster, _group, entry in entries),
            sum_of_figures(group.cost_per_hour for _cluster, group, _entry in entries),
            sum_of_figures(group.idle_cost_per_hour for _cluster, group, _entry in entries),
        )
        for name, entries in sorted(found.items())
    )


def _by_team(clusters: Iterable[Cluster]) -> tuple[Row, ...]:
    found: dict[str, list[Cluster]] = {}
    for cluster in clusters:
        found.setdefault(cluster.team or NO_TEAM, []).append(cluster)
    return tuple(
        Row(
            name,
            len(own),
            _counts(entry for cluster in own for entry in cluster.devices),
            sum_of_figures(cluster.cost_per_hour for cluster in own),
            sum_of_figures(cluster.idle_cost_per_hour for cluster in own),
        )
        for name, own in sorted(found.items(), key=lambda entry: (entry[0] == NO_TEAM, entry[0]))
    )


# --- what needs a person


def _banners(clusters: Iterable[Cluster], idle_below: float, currency: str) -> tuple[Finding, ...]:
    """Clusters whose accelerators were idle over the whole window."""
    found = []
    for cluster in clusters:
        for kind in dict.fromkeys(entry.kind for entry in cluster.devices):
            use = cluster.utilization.get(kind)
            count = total(entry.total for entry in cluster.devices if entry.kind == kind).value
            if use is None or use.value is None or use.value >= idle_below or use.coverage < LEAST_COVERAGE:
                continue
            name = plural(count, kind.upper()) if count else f"{kind.upper()}s"
            said = f"{name} at {percent(use.value)} over the {last(use.window)}"
            price = sum_of_figures([cluster.cost_per_hour])
            if price.value is not None:
                least = "at least " if price.is_bound else ""
                said = f"{said}, for {least}{money(price.value, currency, 'h')}"
            found.append(Finding(cluster.name, said))
    return tuple(found)


def _limits(summary: Summary, settings: Settings) -> Iterable[Finding]:
    power, cost = summary.power.value, summary.cost_per_hour.value
    if settings.power_budget is not None and power is not None and power > settings.power_budget:
        yield Finding("power budget", f"the clusters draw {power:,.0f} W, {settings.power_budget:,.0f} W are allowed")
    if settings.cost_budget is not None and cost is not None and cost > settings.cost_budget:
        yield Finding("cost budget", f"the clusters cost {cost:,.2f} an hour, {settings.cost_budget:,.2f} are allowed")


def _failed(clusters: Iterable[Cluster], measured: Plain) -> Iterable[Finding]:
    for cluster in sorted(clusters, key=lambda one: one.name):
        if cluster.status.endswith("_FAILED"):
            yield Finding(cluster.name, f"status {code(cluster.status)}")
    for path, server in mappings(measured.get("servers"), "metrics.servers"):
        failure = mapping(server.get("failure"), f"{path}.failure")
        if failure:
            reason = text(failure.get("reason"), f"{path}.failure.reason") or "no reason given"
            yield Finding(f"metrics of {text(server.get('name'), f'{path}.name')}", f"cannot be read: {reason}")


# --- what is not known


def _gaps(measured: Plain, priced: Plain) -> tuple[Finding, ...]:
    """What the answers themselves say is unknown; the subject begins with the cluster."""
    found = []
    for source, given, part in (("metrics", measured, "node"), ("costs", priced, "node_group")):
        for path, entry in mappings(given.get("gaps"), f"{source}.gaps"):
            names = [text(entry.get(key), f"{path}.{key}") for key in ("cluster", part)]
            said = text(entry.get("reason"), f"{path}.reason")
            found.append(Finding(" ".join(filter(None, names)) or source, said, names[0]))
    return tuple(dict.fromkeys(found))


def _of_node(finding: Finding) -> str:
    """A gap of a cluster, without the cluster's name."""
    node = finding.subject.removeprefix(finding.cluster).strip()
    return f"{node}: {finding.text}" if node else finding.text


def _answer(value: object, path: str) -> Plain:
    """The answer of a module; one of a module that failed says nothing."""
    given = mapping(value, path)
    return {} if _failure(given) else given


def _failure(given: object) -> str:
    """Why a module failed; empty where it did not."""
    # A task that may fail says nothing of it but its message, which no answer has
    if not isinstance(given, Mapping) or not (given.get("failed") or given.get("failure") or given.get("msg")):
        return ""
    failure = given.get("failure")
    reason = failure.get("reason") if isinstance(failure, Mapping) else None
    return str(reason or given.get("msg") or "no reason given")


def _missing(answers: Plain) -> tuple[Finding, ...]:
    """The parts that the report lacks: those that nobody gave, and those whose module failed."""
    parts = {
        "metrics": ("utilisation, power and accelerators", NO_METRICS),
        "costs": ("costs, teams and flavors", NO_COSTS),
    }
    found = [Finding(part, reason) for name, (part, reason) in parts.items() if not answers[name]]
    if not any(answers[name] for name in SOURCES):
        found.append(Finding("recommendations", "no decisions were given"))
    failed = ((name, _failure(answer)) for name, answer in answers.items())
    names = {name: part for name, (part, _reason) in parts.items()}
    return (
        *found,
        *(Finding(names.get(name, f"decisions of {name}"), f"{UNREAD}: {why}") for name, why in failed if why),
    )


def _period(measured: Plain, priced: Plain) -> tuple[int | None, int | None]:
    """Begin and end of what the report is about: the window of the metrics, else the period of the costs."""
    read: Callable[[object, str], int | None] = moment
    for given, path in ((measured.get("window"), "metrics.window"), (priced.get("period"), "costs.period")):
        times_given = mapping(given, path)
        if times_given:
            return read(times_given.get("begin"), f"{path}.begin"), read(times_given.get("end"), f"{path}.end")
    return None, None
