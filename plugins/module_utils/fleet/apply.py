# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries the plan of a whole environment out: many clusters at once, one change at a time for each.

What must be there before (networks, cluster templates) comes first, then the clusters, then what can only go after them. What
fails fails alone: everything that does not need it goes on, and every object has its own report.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CreatedMeanwhile,
    KcloudError,
    WaitTimeout,
)
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
    gone_after,
    in_network,
    purging,
    with_given,
    with_users,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.operations import Writer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import ClusterTemplate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.predicted import predicted_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How, planned_cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.project import Project
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import carried_out, reconcile_with
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.templates import (
    carried_out_template,
    planned_template,
    template_result,
    written_template,
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
            if plan.changes and change is not plan.changes[-1]:
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

    :param project: what the plan was made from.
    :param writer: the pattern of each cluster's writer: silent, with the deadline that all share.
    :param parallel: how many objects are changed at once.
    """

    connection: Connection
    api: FleetApi
    project: Project
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
        done = [step for step, report in zip(plan.clusters, clusters) if not report.failure]
        return [
            *self._last_templates(plan, templates, gone_after(done) if self.how.wait else frozenset(), lines),
            *networks,
            *self._last_networks(plan, lines),
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
            report = _reported(step, lambda: self._in_time(step, work))
            if step.changed:
                lines.ended(report)
            return report

        with ThreadPoolExecutor(self.parallel) as pool:
            pending = {index: pool.submit(one, step) for index, step in enumerate(steps) if _is_to_do(step)}
            return [
                pending[index].result() if index in pending else _reported(step, lambda step=step: unchanged(step))
                for index, step in enumerate(steps)
            ]

    def _in_time(self, step: Step, work: Callable[[Step], Report]) -> Report:
        """Nothing is begun after the deadline.

        :raises WaitTimeout: it has passed while the step waited for its turn.
        """
        deadline = self.writer.deadline
        if deadline.passed:
            raise WaitTimeout(
                f"Timed out before {step.resource} was begun, after {deadline.limit:.0f} s",
                resource=step.resource,
                reason="the time was used up by the objects before it",
                hint="Run again, give a larger 'timeout', or raise 'max_parallel'; nothing of it was changed",
                result={"changed": False, "changes_left": _planned_changes(step)},
            )
        return work(step)

    # --- what clusters need

    def _network(self, step: NetworkStep) -> Report:
        return self.networks.apply(step, self.writer.deadline)

    def _template(self, step: TemplateStep) -> Report:
        return template_report(
            step, written_template(self.connection, self.api, step.planned, step.entry.task, self.how.clock)
        )

    def _learn(self, reports: Iterable[Report]) -> None:
        """Take in the templates that were made, by the ids that clusters name them with."""
        known = {entry.name for entry in fields(ClusterTemplate)}
        for report in reports:
            if report.thing is not None and not report.failure:
                values = {key: value for key, value in report.thing.items() if key in known}
                self.project.learn_template(ClusterTemplate(**values))

    # --- clusters

    def _cluster(self, step: ClusterStep, before: Mapping[str, Report], lines: Lines) -> Report:
        failed = next((before[name] for name in step.after if name in before and before[name].failure), None)
        if failed is not None:
            return _waited_in_vain(step, failed)
        how = replace(self.how, driver=step.entry.driver)
        task = step.entry.task
        if step.predicted is not None:
            made = before[next(name for name in step.after if name.startswith("cluster_template/"))].thing or {}
            task = with_given(task, cluster_template_id=made.get("id") or made.get("name"))
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
                planned = planned_cluster(self.project, task, how)
                writer = replace(writer, made=lines.for_cluster(planned.plan))
            try:
                return cluster_report(step, carried_out(writer, planned, how, present=task.present))
            except CreatedMeanwhile:
                if planned.actual is not None:
                    # This run has deleted one before: its failure says so.
                    raise
                return cluster_report(step, reconcile_with(self.connection, writer, task, how))

    # --- what goes after the clusters

    def _last_templates(
        self, plan: FleetPlan, first: list[Report], deleted: frozenset[str], lines: Lines
    ) -> list[Report]:
        """The reports of all templates: versions and templates that nothing uses any more are deleted.

        :param deleted: ids of the clusters that this run has deleted.
        """
        present = [step for step in plan.templates if step.entry.task.present]
        moved = any(step.changed for step in (*present, *plan.clusters))
        project = self.project
        if moved and any(step.entry.purge for step in present):
            project = Project(self.connection, self.api)
            project.read_lists()
        purged = [
            _reported(step, lambda step=step, report=report: self._purged(project, step, report, deleted))
            for step, report in zip(present, first)
        ]
        again = [
            absent_template(self.project, step.entry, deleted, wait=self.how.wait) if step.changed else step
            for step in plan.templates
            if not step.entry.task.present
        ]
        return [*purged, *self._side_by_side(again, self._template, _unchanged_template, lines)]

    def _purged(self, project: Project, step: TemplateStep, report: Report, deleted: frozenset[str]) -> Report:
        task = purging(step.entry)
        if task is None or report.failure:
            return report
        later = planned_template(project, task, deleted)
        if not later.plan.changed:
            return report
        after = _reported(step, lambda: template_report(step, carried_out_template(self.api, later, self.how.clock)))
        return _merged(report, after)

    def _last_networks(self, plan: FleetPlan, lines: Lines) -> list[Report]:
        """The reports of the networks that are to be absent; one that a cluster is in stays."""
        absent = [step for step in plan.networks if not step.entry.present]
        if any(step.changed for step in absent):
            clusters = Project(self.connection, self.api).clusters()
            absent = [with_users(step, clusters) for step in absent]
        return self._side_by_side(absent, self._network, _unchanged_network, lines)


def _planned_changes(step: NetworkStep | TemplateStep | ClusterStep) -> list[dict[str, Any]]:
    """The changes of a step, as a result shows them."""
    if isinstance(step, NetworkStep):
        return [] if step.outcome is None else list(result_of(step.outcome.plan)["changes"])
    return [] if step.planned is None else [change.as_result() for change in step.planned.plan.changes]


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
    except Exception as caught:  # noqa: BLE001 - a defect at one object must not lose the reports of the others
        error = caught if isinstance(caught, KcloudError) else _unexpected(step.resource, caught)
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


def _unexpected(resource: str, error: Exception) -> KcloudError:
    """A defect of this collection at one object: its report, and not the end of all others."""
    return KcloudError(
        f"Failed to change {resource}: an error that is not expected",
        code="INTERNAL_ERROR",
        resource=resource,
        reason=f"{type(error).__name__}: {error}",
        hint="Report it with the traceback; look at the object before you run again",
        traceback=traceback.format_exception(error),
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
    return _report(step, "cluster_template", result, {**notes, **used})


def cluster_report(step: ClusterStep, result: Mapping[str, Any]) -> Report:
    """The report of a cluster from the result of its module."""
    keys = ("superseded_node_groups", "autoscaled_node_groups", "replaced_clusters")
    report = _report(step, "cluster", result, {key: result[key] for key in keys if result.get(key)})
    if report.thing is not None and not report.thing.get("node_groups"):
        # No cluster is without node groups: they were not read.
        return replace(report, thing={**report.thing, "node_groups": None})
    return report


def _report(step: TemplateStep | ClusterStep, kind: str, result: Mapping[str, Any], notes: Mapping[str, Any]) -> Report:
    """The result of a module about one object, as the report of that object."""
    return Report(
        kind,
        step.entry.name,
        _action(result["changes"], step.planned.plan.action if step.planned else "none"),
        result["changed"],
        tuple(result["changes"]),
        before=result["diff"]["before"],
        after=result["diff"]["after"],
        thing=result[kind],
        notes=notes,
    )


def _action(changes: Iterable[Mapping[str, Any]], planned: str) -> str:
    verbs = {change["verb"] for change in changes}
    return planned if verbs and planned != "none" else "update" if verbs else "none"


def _merged(first: Report, second: Report) -> Report:
    """Two plans for one object, carried out one after the other."""
    return replace(
        second,
        thing=second.thing or first.thing,
        action=first.action if first.changed else second.action,
        changed=first.changed or second.changed,
        changes=(*first.changes, *second.changes),
        before=first.before or second.before,
        notes={**first.notes, **second.notes},
    )
