# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read once, plan purely, apply, explain: for a cluster template, and for one with its versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CreatedMeanwhile, Unsupported
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.templates import carry_out_template
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, ClusterTemplate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import template_differences
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.names import compared
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_tasks import (
    PlannedTemplate,
    TemplateSituation,
    TemplateTask,
    check_family,
    plan_template_task,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import (
    VERSION_OF,
    current,
    is_of,
    tags_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.project import Project
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan, result_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock

if TYPE_CHECKING:
    from openstack.connection import Connection

# The role that Magnum's own policy lets publish and hide.
PUBLISHER = "admin"
# The microversion whose Magnum makes templates without flavors; those before answer 500 (KeyError).
FLAVORS_OPTIONAL = (1, 12)


def reconcile_template(connection: Connection, task: TemplateTask, how: How) -> dict[str, Any]:
    """Make one cluster template as declared, or remove it.

    :returns: ``cluster_template`` (None when absent), ``changed``, ``changes``, ``diff``; of a family also ``versions``, and
        ``left_visible``: the versions that these credentials may not hide.
    """
    api = MagnumApi(connection, how.api_version)
    planned = planned_template(Project(connection, api), task)
    return template_result(planned) if how.check_mode else written_template(connection, api, planned, task, how.clock)


def written_template(
    connection: Connection, api: MagnumApi, planned: PlannedTemplate, task: TemplateTask, clock: Clock
) -> dict[str, Any]:
    """Carry the plan out; where another run created the template meanwhile, what it made is compared like what was there before."""
    try:
        return carried_out_template(api, planned, clock)
    except CreatedMeanwhile as error:
        # A failure after which something stays is one.
        if (error.details.get("result") or {}).get("changed"):
            raise
        return carried_out_template(api, planned_template(Project(connection, api), task), clock)


def template_result(planned: PlannedTemplate) -> dict[str, Any]:
    """The result of a plan that is not carried out."""
    return result_of(planned.plan, cluster_template=planned.predicted, **planned.versions)


def carried_out_template(api: MagnumApi, planned: PlannedTemplate, clock: Clock) -> dict[str, Any]:
    """The result of a plan that is carried out."""
    if not planned.plan.changed:
        return template_result(planned)
    written = carry_out_template(api, planned.plan, planned.standing, clock)
    return result_of(
        planned.plan, cluster_template=None if written is None else written.as_result(), **planned.versions
    )


def planned_template(project: Project, task: TemplateTask, gone: Collection[str] = ()) -> PlannedTemplate:
    """Read what the plan for a cluster template needs, plan, and refuse what Magnum would refuse.

    :param gone: ids of the clusters that are deleted before: they use no template any more.
    """
    situation = read_template(project, task, gone)
    planned = plan_template_task(task, situation)
    refuse_template(project, planned.plan)
    return planned


# --- reading --------------------------------------------------------------------------------------------------------


def read_template(project: Project, task: TemplateTask, gone: Collection[str] = ()) -> TemplateSituation:
    """What the plan for a cluster template needs. Which clusters use it is read only where that matters.

    :param gone: as in ``planned_template``.
    """
    if task.family is not None:
        return _read_family(project, task, gone)
    actual = project.template(task.name)
    if actual is None:
        return TemplateSituation()
    names = project.references.names(compared(task.given, actual) if task.present else ())
    touched = not task.present or template_differences(names.aligned(task.given, actual), actual)
    return TemplateSituation((actual,), _users(project, gone) if touched else {}, names)


def _read_family(project: Project, task: TemplateTask, gone: Collection[str]) -> TemplateSituation:
    check_family(task.family)
    templates = tuple(entry for entry in project.templates() if entry.project_id in (None, project.api.project_id))
    members = [entry for entry in templates if is_of(entry, task.family.name)]
    session = project.connection.session
    return TemplateSituation(
        templates,
        _users(project, gone) if members else {},
        project.references.names(pair for entry in members for pair in compared(task.given, entry)),
        PUBLISHER in session.auth.get_access(session).role_names,
    )


def _users(project: Project, gone: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Id of a template -> names of the clusters that use it."""
    return users_of(cluster for cluster in project.clusters() if cluster.id not in gone)


def users_of(clusters: Iterable[Cluster]) -> dict[str, tuple[str, ...]]:
    """Id of a template -> names of those of these clusters that use it."""
    users: dict[str, tuple[str, ...]] = {}
    for cluster in clusters:
        template_id = cluster.cluster_template_id or ""
        users[template_id] = (*users.get(template_id, ()), cluster.name)
    return users


# --- what Magnum would refuse ---------------------------------------------------------------------------------------


def refuse_template(project: Project, plan: Plan) -> None:
    """What is about to be written names only things that exist, and all that this version of Magnum needs."""
    for change in plan.changes:
        project.references.check(change.arguments, change.resource)
    _check_flavors(project.api, plan)


def _check_flavors(api: MagnumReader, plan: Plan) -> None:
    """What Magnum answers with a bare 500 is refused before it is sent.

    :raises Unsupported: Magnum before 21 (1.12) makes no template without both flavors.
    """
    for change in plan.changes if api.server_version < FLAVORS_OPTIONAL else ():
        missing = [key for key in ("flavor", "master_flavor") if not change.arguments.get(f"{key}_id")]
        if change.verb == "create_cluster_template" and missing:
            raise Unsupported(
                f"Failed to create cluster template '{change.arguments['name']}': this Magnum needs "
                f"{' and '.join(map(repr, missing))} in each new template",
                resource=change.resource,
                reason=f"its API is at {api.server_version[0]}.{api.server_version[1]}; from 1.12 on they may be left out",
                hint="Set these options; a cluster and its node groups may still have other flavors",
            )


# --- for information ----------------------------------------------------------------------------------------------


def read_templates(
    connection: Connection, name: str | None, *, versions: bool, clusters: bool, api_version: str | None = None
) -> list[dict[str, Any]]:
    """Cluster templates for information: one, all, or all versions of one name.

    :param versions: take ``name`` for the name of a family. Then, and for all, each says whether it is ``current``.
    :param clusters: also say which clusters of this project use each; one list of the clusters more.
    """
    api = MagnumApi(connection, api_version)
    if name is None or versions:
        found = [entry for entry in api.cluster_templates() if name is None or is_of(entry, name)]
    else:
        one = api.cluster_template(name)
        found = [] if one is None else [one]
    users = api.clusters() if clusters and found else None
    return described(found, users, whole=name is None or versions)


def described(
    templates: Sequence[ClusterTemplate], clusters: Iterable[Cluster] | None, *, whole: bool
) -> list[dict[str, Any]]:
    """Cluster templates as results, each with the name that its versions have in common.

    :param clusters: the project's, to say which of them use each; None to leave that out.
    :param whole: all versions of each name are here, so that each can say whether it is ``current``.
    """
    users = None if clusters is None else [(entry.cluster_template_id, entry.name) for entry in clusters]
    answers = []
    for entry in templates:
        family, more = _family_of(entry), {}
        if whole:
            # Whether it is the current one shows only beside all others.
            same = [other for other in templates if other.project_id == entry.project_id and is_of(other, family)]
            more["current"] = current(same, family) is entry
        if users is not None:
            more["clusters"] = sorted(name for used, name in users if used == entry.id)
        answers.append({**entry.as_result(), "version_of": family, **more})
    return answers


def _family_of(template: ClusterTemplate) -> str:
    """The name that all versions have in common; its own name where there is no other version."""
    said = (tag.removeprefix(VERSION_OF) for tag in tags_of(template) if tag.startswith(VERSION_OF))
    return next(said, template.name)
