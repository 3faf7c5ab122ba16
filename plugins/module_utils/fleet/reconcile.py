# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read once, plan purely, apply in parallel, report: the four steps for a whole environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.api import FleetApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.apply import Run, predicted_reports
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.model import DEPENDENCY_FAILED, Fleet, Report
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.networks import read_networks
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.plan import plan_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.project import Project
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import writer_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress, from_environment

if TYPE_CHECKING:
    from openstack.connection import Connection

# How the actions of objects are counted.
COUNTED = {"none": "unchanged", "create": "created", "update": "updated", "recreate": "recreated", "delete": "deleted"}
# How many objects a message names.
SHOWN = 10


def reconcile_fleet(
    connection: Connection, fleet: Fleet, how: How, *, parallel: int, interface: str, network_template: str | None
) -> dict[str, Any]:
    """Make everything of an environment as declared.

    :param parallel: how many objects are changed at once.
    :param network_template: text of the Heat template of a network.
    :returns: ``objects`` with what came of each, ``summary``, ``changed``, ``changes``, ``diff``, and the objects themselves.
    :raises KcloudError: something in the declaration is wrong, or some objects failed; with all of the above in the second case.
    """
    api = FleetApi(connection, how.api_version)
    needed = bool(fleet.networks) or fleet.prune
    networks = read_networks(connection, interface, network_template, fleet.environment, needed=needed)
    project = Project(connection, api)
    plan = plan_fleet(project, networks, fleet, how)
    if how.check_mode:
        return answered(predicted_reports(plan))
    # Lines of its own tell how far the fleet is; what single clusters are busy with would be too much for a reader.
    writer = replace(writer_of(connection, api, how), progress=Progress(), activity=lambda _cluster: "")
    progress = from_environment() if how.progress else Progress()
    run = Run(connection, api, project, networks, writer, how, parallel, progress)
    return answered(run.apply(plan))


def answered(reports: Sequence[Report]) -> dict[str, Any]:
    """The result of the module.

    :raises KcloudError: some objects failed; the result is in its details.
    """
    result = {
        "changed": any(report.changed for report in reports),
        "changes": [dict(change) for report in reports for change in report.changes],
        "diff": _diff(reports),
        "objects": [_object(report) for report in reports],
        "summary": _summary(reports),
        **{
            f"{kind}s": [dict(report.thing) for report in reports if report.kind == kind and report.thing is not None]
            for kind in ("cluster_template", "network", "cluster")
        },
    }
    failed = [report for report in reports if report.failure is not None]
    if failed:
        raise _failure(failed, len(reports), result)
    return result


def _diff(reports: Iterable[Report]) -> dict[str, Any]:
    """What changes only: a fleet that is as declared has nothing to show."""
    changed = [report for report in reports if report.changed]
    return {
        "before": {report.resource: dict(report.before) for report in changed if report.before},
        "after": {report.resource: dict(report.after) for report in changed if report.after},
    }


def _object(report: Report) -> dict[str, Any]:
    left = {"changes_left": [dict(change) for change in report.changes_left]} if report.changes_left else {}
    return {
        "kind": report.kind,
        "name": report.name,
        "id": None if report.thing is None else report.thing.get("id"),
        "status": None if report.thing is None else report.thing.get("status"),
        "action": report.action,
        "changed": report.changed,
        "changes": [dict(change) for change in report.changes],
        "failure": None if report.failure is None else dict(report.failure),
        **left,
        **report.notes,
    }


def _summary(reports: Iterable[Report]) -> dict[str, int]:
    counted = Counter("failed" if report.failure else COUNTED[report.action] for report in reports)
    return {name: counted.get(name, 0) for name in (*COUNTED.values(), "failed")}


def _failure(failed: Sequence[Report], total: int, result: Mapping[str, Any]) -> KcloudError:
    """One error for all that failed: a single cause in full, several by name.

    What failed only because something that it needs failed is not a cause of its own.
    """
    causes = [report for report in failed if (report.failure or {}).get("code") != DEPENDENCY_FAILED] or list(failed)
    first = causes[0]
    failure = dict(first.failure or {})
    if len(causes) == 1:
        message = first.message.split(" Reason: ")[0].split(" Fix: ")[0].rstrip(".")
    else:
        names = ", ".join(report.resource for report in failed[:SHOWN])
        more = f" and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
        message = f"Failed to change {len(failed)} of {total} objects: {names}{more}"
    own = {key: value for key, value in failure.items() if key not in ("code", "resource", "reason", "hint", "result")}
    return KcloudError(
        message,
        code=str(failure.get("code")) if len(causes) == 1 else "OBJECTS_FAILED",
        resource=first.resource,
        reason=f"{first.resource}: {failure.get('reason')}" if failure.get("reason") else first.message,
        hint=f"{failure.get('hint') or 'Look at the failure of each object'}; the other objects were handled, and the next run "
        "continues with these",
        **{
            **(own if len(causes) == 1 else {}),
            "failed": [{"resource": report.resource, **(report.failure or {})} for report in failed],
            "result": dict(result),
        },
    )
