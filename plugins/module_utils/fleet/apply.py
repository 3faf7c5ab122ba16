# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries the plan of a whole environment out: many clusters at once, one change at a time for each.

What must be there before (networks, cluster templates) comes first, then the clusters, then what can only go after them. What
fails fails alone: everything that does not need it goes on, and every object has its own report.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CreatedMeanwhile, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.api import FleetApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.model import (
    DEPENDENCY_FAILED,
    ClusterStep,
    FleetPlan,
    NetworkStep,
    Report,
    TemplateStep,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.networks import Networks, network_report
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.plan import (
    absent_template,
    in_network,
    purged_template,
    with_given,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.execute import Writer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import ClusterTemplate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.predicted import predicted_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How, plan_task
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.situation import Situation
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import carried_out, reconcile_with
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.templates import (
    carried_out_template,
    template_result,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan, result_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline

if TYPE_CHECKING:
    from openstack.connection import Connection

Step = TypeVar("Step", NetworkStep, TemplateStep, ClusterStep)


@dataclass
class Lines:
    """One live line for each change that was made, with how many objects are left."""

    progress: Progress
    deadline: Deadline
    left: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def for_cluster(self, plan: Plan) -> Callable[[Change], None]:
        """What says each change of a cluster but its last, with which the cluster has ended."""

        def made(change: Change) -> None:
            if change is not plan.changes[-1]:
                self.progress.say(change.resource, f"{change.verb} done", self.deadline.elapsed, self.deadline.limit)

        return made

    def ended(self, report: Report) -> None:
        """All that was to be done with one object has ended."""
        with self._lock:
            self.left -= 1
            left = self.left
        verbs = ", ".join(dict.fromkeys(change["verb"] for change in report.changes))
        state = f"failed with {report.failure['code']}" if report.failure else f"{verbs or 'nothing'} done"
        more = f"{left} to go" if left else "the last one"
        self.progress.say(report.resource, f"{state}; {more}", self.deadline.elapsed, self.deadline.limit)


@dataclass(frozen=True)
class Run:
    """What carrying out needs.

    :param situation: what the plan was made from.
    :param writer: the pattern of each cluster's writer: silent, with the deadline that all share.
    :param parallel: how many objects are changed at once.
    """

    connection: Connection
    api: FleetApi
    situation: Situation
    networks: Networks
    writer: Writer
    how: How
    parallel: int
    progress: Progress

    # --- the whole

    def apply(self, plan: FleetPlan) -> list[Report]:
        """Carry everything out; never raises for what concerns one object only."""
        lines = Lines(self.progress, self.writer.deadline, sum(step.changed for step in plan.steps))
        # A network or a template is finished before a cluster needs it, also where clusters are not waited for.
        networks = self._side_by_side(
            [step for step in plan.networks if step.entry.present], self._network, _unchanged_network, lines
        )
        templates = self._side_by_side(
            [step for step in plan.templates if step.entry.task.present], self._template, _unchanged_template, lines
        )
        self._learn(templates)
        before = {report.resource: report for report in (*networks, *templates)}
        clusters = self._side_by_side(
            plan.clusters, lambda step: self._cluster(step, before, lines), _unchanged_cluster, lines
        )
        gone = [
            step for step, report in zip(plan.clusters, clusters) if report.action == "delete" and not report.failure
        ]
        return [
            *self._last_templates(plan, templates, gone, lines),
            *networks,
            *self._last_networks(plan, clusters, lines),
            *clusters,
        ]

    def _side_by_side(
        self,
        steps: Iterable[Step],
        work: Callable[[Step], Report],
        unchanged: Callable[[Step], Report],
        lines: Lines,
    ) -> list[Report]:
        """The report of each step: carried out where it changes something or waits for something."""
        steps = list(steps)

        def one(step: Step) -> Report:
            report = _reported(step, lambda: work(step))
            if step.changed:
                lines.ended(report)
            return report

        with ThreadPoolExecutor(self.parallel) as pool:
            pending = {index: pool.submit(one, step) for index, step in enumerate(steps) if _is_to_do(step)}
            return [
                pending[index].result() if index in pending else _reported(step, lambda step=step: unchanged(step))
                for index, step in enumerate(steps)
            ]

    # --- what clusters need

    def _network(self, step: NetworkStep) -> Report:
        return self.networks.apply(step, self.writer.deadline)

    def _template(self, step: TemplateStep) -> Report:
        return template_report(step, carried_out_template(self.api, step.planned, self.how.clock))

    def _learn(self, reports: Iterable[Report]) -> None:
        """Take in the templates that were made, by the ids that clusters name them with."""
        known = {entry.name for entry in fields(ClusterTemplate)}
        for report in reports:
            if report.changed and report.thing is not None:
                values = {key: value for key, value in report.thing.items() if key in known}
                self.situation.learn_template(ClusterTemplate(**values))

    # --- clusters

    def _cluster(self, step: ClusterStep, before: Mapping[str, Report], lines: Lines) -> Report:
        failed = next((before[name] for name in step.after if name in before and before[name].failure), None)
        if failed is not None:
            return _waited_in_vain(step, failed)
        how = replace(self.how, driver=step.entry.driver)
        task = step.entry.task
        if step.predicted is not None:
            template = before[next(name for name in step.after if name.startswith("cluster_template/"))].thing
            task = with_given(task, cluster_template_id=template["id"])
        network = before.get(f"network/{step.entry.network}")
        if network is not None and network.changed:
            task = in_network(task, (network.thing or {}).get("outputs") or {})
        writer = replace(self.writer, made=lines.for_cluster(step.planned.plan))
        with self.api.at_work():
            if step.busy:
                # What it is compared with is there when its transition has ended.
                return cluster_report(step, reconcile_with(self.connection, writer, task, how))
            planned = step.planned
            if task is not step.entry.task:
                planned = plan_task(self.situation, task, how)
                writer = replace(writer, made=lines.for_cluster(planned.plan))
            try:
                return cluster_report(step, carried_out(writer, planned, how, present=task.present))
            except CreatedMeanwhile:
                return cluster_report(step, reconcile_with(self.connection, writer, task, how))

    # --- what goes after the clusters

    def _last_templates(
        self, plan: FleetPlan, first: list[Report], gone: list[ClusterStep], lines: Lines
    ) -> list[Report]:
        """The reports of all templates: versions and templates that nothing uses any more are deleted."""
        deleted = frozenset(step.planned.actual.id for step in gone if step.planned and step.planned.actual)
        present = [step for step in plan.templates if step.entry.task.present]
        moved = any(step.changed for step in (*present, *plan.clusters))
        situation = self.situation
        if moved and any(step.entry.purge for step in present):
            situation = Situation(self.connection, self.api)
            situation.read_lists()
        purged = [
            _reported(step, lambda step=step, report=report: self._purged(situation, step, report, deleted))
            for step, report in zip(present, first)
        ]
        again = [
            absent_template(self.situation, step.entry, deleted) if step.changed else step
            for step in plan.templates
            if not step.entry.task.present
        ]
        return [*purged, *self._side_by_side(again, self._template, _unchanged_template, lines)]

    def _purged(self, situation: Situation, step: TemplateStep, report: Report, deleted: frozenset[str]) -> Report:
        later = None if report.failure else purged_template(situation, step.entry, deleted)
        if later is None or not later.plan.changed:
            return report
        result = carried_out_template(self.api, later, self.how.clock)
        return _merged(report, template_report(step, result))

    def _last_networks(self, plan: FleetPlan, clusters: list[Report], lines: Lines) -> list[Report]:
        left = {
            step.entry.network: report
            for step, report in zip(plan.clusters, clusters)
            if not step.entry.task.present and (report.failure or not self.how.wait)
        }

        def work(step: NetworkStep) -> Report:
            if step.entry.name in left:
                return _waited_in_vain(step, left[step.entry.name])
            return self._network(step)

        absent = [step for step in plan.networks if not step.entry.present]
        return self._side_by_side(absent, work, _unchanged_network, lines)


def _is_to_do(step: NetworkStep | TemplateStep | ClusterStep) -> bool:
    if step.error is not None:
        return False
    if isinstance(step, ClusterStep):
        return step.changed or bool(step.after) or step.busy
    return step.changed


# --- reports ------------------------------------------------------------------------------------------------------


def predicted_reports(plan: FleetPlan) -> list[Report]:
    """What would come of every object, for check mode."""
    return [
        *(_reported(step, lambda step=step: _predicted_template(step)) for step in plan.templates),
        *(_reported(step, lambda step=step: _unchanged_network(step)) for step in plan.networks),
        *(_reported(step, lambda step=step: _unchanged_cluster(step)) for step in plan.clusters),
    ]


def _reported(step: NetworkStep | TemplateStep | ClusterStep, work: Callable[[], Report]) -> Report:
    """What the work reports, or the report of its failure."""
    kind = step.resource.split("/", 1)[0]
    try:
        if step.error is not None:
            raise step.error
        return work()
    except KcloudError as error:
        partial: Any = error.details.pop("result", None) or {}
        return Report(
            kind,
            step.entry.name,
            changed=bool(partial.get("changed")),
            changes=tuple(partial.get("changes") or ()),
            changes_left=tuple(partial.get("changes_left") or ()),
            failure=error.failure(),
            message=error.sentence(),
        )


def _waited_in_vain(step: NetworkStep | ClusterStep, needed: Report) -> Report:
    failure = needed.failure or {}
    raise KcloudError(
        f"Failed to change {step.resource}: {needed.resource} is not ready for it",
        code=DEPENDENCY_FAILED,
        resource=step.resource,
        reason=str(failure.get("reason") or needed.message or "it has not been waited for"),
        hint=f"Put {needed.resource} right, then run again; nothing of {step.resource} was changed",
        needs=needed.resource,
    )


def _unchanged_network(step: NetworkStep) -> Report:
    return network_report(step.entry, step.outcome)


def _unchanged_template(step: TemplateStep) -> Report:
    return template_report(step, template_result(step.planned))


def _predicted_template(step: TemplateStep) -> Report:
    report = _unchanged_template(step)
    if step.later is None or not step.later.plan.changed:
        return report
    return _merged(report, template_report(step, template_result(step.later)))


def _unchanged_cluster(step: ClusterStep) -> Report:
    if step.planned is None:
        needed = step.after[0]
        kind, name = needed.split("/", 1)
        return _waited_in_vain(step, Report(kind, name, message=f"{needed} failed"))
    plan, actual = step.planned.plan, step.planned.actual
    return cluster_report(step, result_of(plan, cluster=predicted_cluster(plan, actual)))


def template_report(step: TemplateStep, result: Mapping[str, Any]) -> Report:
    """The report of a template from the result of its module."""
    notes = {key: result[key] for key in ("versions", "left_visible") if result.get(key)}
    used = {"used_by": list(step.used_by)} if step.used_by else {}
    return Report(
        "cluster_template",
        step.entry.name,
        _action(result["changes"], step.planned.plan.action if step.planned else "none"),
        result["changed"],
        tuple(result["changes"]),
        before=result["diff"]["before"],
        after=result["diff"]["after"],
        thing=result["cluster_template"],
        notes={**notes, **used},
    )


def cluster_report(step: ClusterStep, result: Mapping[str, Any]) -> Report:
    """The report of a cluster from the result of its module."""
    notes = {
        key: result[key]
        for key in ("superseded_node_groups", "autoscaled_node_groups", "replaced_clusters")
        if result.get(key)
    }
    thing = result["cluster"]
    if thing is not None and not thing.get("node_groups"):
        # No cluster is without node groups: they were not read.
        thing = {**thing, "node_groups": None}
    return Report(
        "cluster",
        step.entry.name,
        _action(result["changes"], step.planned.plan.action if step.planned else "update"),
        result["changed"],
        tuple(result["changes"]),
        before=result["diff"]["before"],
        after=result["diff"]["after"],
        thing=thing,
        notes=notes,
    )


def _action(changes: Iterable[Mapping[str, Any]], planned: str) -> str:
    verbs = {change["verb"] for change in changes}
    return planned if verbs and planned != "none" else "update" if verbs else "none"


def _merged(first: Report, second: Report) -> Report:
    """Two plans for one object, carried out one after the other."""
    return replace(
        second,
        action=first.action if first.changed else second.action,
        changed=first.changed or second.changed,
        changes=(*first.changes, *second.changes),
        before=first.before or second.before,
        notes={**first.notes, **second.notes},
    )
