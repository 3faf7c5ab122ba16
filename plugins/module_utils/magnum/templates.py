# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read once, plan purely, apply, explain: for a cluster template, and for one with its versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CreatedMeanwhile,
    InvalidRequest,
    KcloudError,
    NotPermitted,
    Unsupported,
    changing,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import at_once
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, ClusterTemplate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import (
    plan_template,
    plan_template_absent,
    template_differences,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import (
    OFFER,
    VERSION_OF,
    Family,
    Member,
    current,
    is_of,
    plan_versions,
    plan_versions_absent,
    shown,
    tags_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.references import References
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.situation import Situation
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan, result_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import SAME_NAME_AFTER_S, Clock

if TYPE_CHECKING:
    from openstack.connection import Connection

# The role that Magnum's own policy lets publish and hide.
PUBLISHER = "admin"
# The microversion whose Magnum makes templates without flavors; those before answer 500 (KeyError).
FLAVORS_OPTIONAL = (1, 12)


@dataclass(frozen=True)
class TemplateTask:
    """What is declared of one cluster template.

    :param given: the API's fields that the user gave.
    :param family: the name with its versions; None where there is one template only.
    """

    name: str
    given: Mapping[str, Any]
    present: bool = True
    family: Family | None = None


@dataclass(frozen=True)
class PlannedTemplate:
    """The plan for a cluster template.

    :param standing: the templates that the plan may change, by name.
    :param predicted: the template after the plan, as far as it is known before; None when there is none.
    :param versions: all versions after the changes, where there are versions.
    """

    plan: Plan
    standing: Mapping[str, ClusterTemplate]
    predicted: Mapping[str, Any] | None
    versions: Mapping[str, Any] = field(default_factory=dict)


def reconcile_template(connection: Connection, task: TemplateTask, how: How) -> dict[str, Any]:
    """Make one cluster template as declared, or remove it.

    :returns: ``cluster_template`` (None when absent), ``changed``, ``changes``, ``diff``; of a family also ``versions``, and
        ``left_visible``: the versions that these credentials may not hide.
    """
    api = MagnumApi(connection, how.api_version)

    def once() -> dict[str, Any]:
        planned = plan_template_task(Situation(connection, api), task)
        return template_result(planned) if how.check_mode else carried_out_template(api, planned, how.clock)

    try:
        return once()
    except CreatedMeanwhile as error:
        # What another run made is compared like what was there before; a failure after which something stays is one.
        if (error.details.get("result") or {}).get("changed"):
            raise
        return once()


def template_result(planned: PlannedTemplate) -> dict[str, Any]:
    """The result of a plan that is not carried out."""
    return result_of(planned.plan, cluster_template=planned.predicted, **planned.versions)


def carried_out_template(api: MagnumApi, planned: PlannedTemplate, clock: Clock) -> dict[str, Any]:
    """The result of a plan that is carried out."""
    if not planned.plan.changed:
        return template_result(planned)
    written = _write(api, planned.plan, planned.standing, clock)
    return result_of(
        planned.plan, cluster_template=None if written is None else written.as_result(), **planned.versions
    )


def plan_template_task(situation: Situation, task: TemplateTask, gone: Collection[str] = ()) -> PlannedTemplate:
    """The plan for one cluster template, or for one with its versions.

    :param gone: ids of the clusters that are deleted before: they use no template any more.
    """
    return _plan_one(situation, task, gone) if task.family is None else _plan_family(situation, task, gone)


def _plan_one(situation: Situation, task: TemplateTask, gone: Collection[str]) -> PlannedTemplate:
    given, actual = task.given, situation.template(task.name)
    if actual is not None and task.present:
        given = situation.references.aligned(given, actual)
    touched = actual is not None and (not task.present or template_differences(given, actual))
    used_by = tuple(_users(situation, gone).get(actual.id, ())) if touched else ()
    standing = {} if actual is None else {actual.name: actual}
    if not task.present:
        plan = plan_template_absent(task.name if actual is None else actual.name, actual, used_by=used_by)
        return PlannedTemplate(plan, standing, None)
    plan = plan_template(task.name, given, actual, used_by=used_by)
    _check_references(situation.references, plan)
    _check_flavors(situation.api, plan)
    return PlannedTemplate(plan, standing, {**({} if actual is None else actual.as_result()), **plan.after})


def _plan_family(situation: Situation, task: TemplateTask, gone: Collection[str]) -> PlannedTemplate:
    family, project = task.family, situation.api.project_id
    family.check()
    if is_uuid(family.name):
        raise InvalidRequest(
            f"Failed to read option 'name': '{family.name}' is the id of one version",
            resource=f"cluster_template/{family.name}",
            hint="Give the name that all versions have in common",
        )
    templates = [entry for entry in situation.templates() if entry.project_id in (None, project)]
    members = _members(situation, [entry for entry in templates if is_of(entry, family.name)], task.given, gone)
    if not task.present:
        plan, left_visible = plan_versions_absent(family, members), []
    else:
        taken = [entry.name for entry in templates]
        plan, left_visible = _plan_permitted(situation.connection, family, task.given, members, taken)
        _check_references(situation.references, plan)
        _check_flavors(situation.api, plan)
    standing = {member.name: member.template for member in members}
    versions = {"versions": shown(plan, members), "left_visible": left_visible}
    return PlannedTemplate(plan, standing, _predicted(plan, standing), versions)


def _users(situation: Situation, gone: Collection[str]) -> dict[str, list[str]]:
    """Id of a template -> names of the clusters that use it."""
    users: dict[str, list[str]] = {}
    for cluster in situation.clusters():
        if cluster.id not in gone:
            users.setdefault(cluster.cluster_template_id or "", []).append(cluster.name)
    return users


def _members(
    situation: Situation, templates: list[ClusterTemplate], given: Mapping[str, Any], gone: Collection[str]
) -> tuple[Member, ...]:
    users = _users(situation, gone) if templates else {}
    aligned = situation.references.aligned
    return tuple(Member(entry, aligned(given, entry), tuple(users.get(entry.id, ()))) for entry in templates)


def _plan_permitted(
    connection: Connection, family: Family, given: Mapping[str, Any], members: tuple[Member, ...], taken: list[str]
) -> tuple[Plan, list[str]]:
    """The plan, and which versions stay visible because these credentials may not hide them."""
    plan = plan_versions(family, given, members, taken)
    hidden = [_target(change) for change in plan.changes if set(change.arguments) == {"hidden"}]
    if not family.hide or not hidden or PUBLISHER in connection.session.auth.get_access(connection.session).role_names:
        return plan, []
    visible = Family(family.name, family.pattern, hide=False, purge=family.purge)
    return plan_versions(visible, given, members, taken), sorted(hidden)


def _target(change: Change) -> str:
    return change.resource.split("/", 1)[1]


def _check_references(references: References, plan: Plan) -> None:
    """What is about to be written names only things that exist."""
    for change in plan.changes:
        references.check(change.arguments, change.resource)


def _predicted(plan: Plan, standing: Mapping[str, ClusterTemplate]) -> dict[str, Any] | None:
    """The current version after the plan, as far as it is known before."""
    if "name" not in plan.after:
        return None
    predicted: dict[str, Any] = {}
    for change in plan.changes:
        if change.verb == "create_cluster_template":
            predicted = dict(change.arguments)
        elif change.verb == "update_cluster_template" and change.arguments.get("name") == plan.after["name"]:
            predicted = standing[_target(change)].as_result()
    if plan.after["name"] in standing:
        predicted = standing[plan.after["name"]].as_result()
    return {**predicted, **{key: value for key, value in plan.after.items() if key != "versions"}}


def _write(api: MagnumApi, plan: Plan, standing: Mapping[str, ClusterTemplate], clock: Clock) -> ClusterTemplate | None:
    """Make every change of the plan. Templates are written at once, without a transition.

    :param standing: the existing templates, by name.
    :returns: the one that the plan is about, read again.
    :raises KcloudError: with ``result`` in its details: which changes were made before it failed.
    """
    ids = {name: entry.id for name, entry in standing.items()}
    made: list[Change] = []
    try:
        for change in plan.changes:
            name = change.arguments.get("name", _target(change))
            ids[name] = _write_one(api, change, standing, clock)
            made.append(change)
        return api.cluster_template(ids[plan.after["name"]]) if "name" in plan.after else None
    except KcloudError as error:
        left = plan.changes[len(made) :]
        begun = (error.details.pop("result", None) or {}).get("changed", False)
        error.details["result"] = {
            "changed": bool(made) or begun,
            "changes": [change.as_result() for change in made],
            "changes_left": [change.as_result() for change in left],
        }
        raise


def _write_one(api: MagnumApi, change: Change, standing: Mapping[str, ClusterTemplate], clock: Clock) -> str:
    """One write; the id of what was written."""
    try:
        if change.verb == "create_cluster_template":
            return _create(api, change, clock)
        template = standing[_target(change)]
        if change.verb == "delete_cluster_template":
            _delete(api, template)
        else:
            at_once(
                lambda: api.update_cluster_template(template, change.arguments),
                lambda: _holds(api.cluster_template(template.id), change.arguments),
            )
        return template.id
    except NotPermitted as error:
        offered = sorted(key for key in OFFER if change.arguments.get(key) is not None)
        if not offered:
            raise
        raise NotPermitted(
            error.message,
            resource=error.resource,
            reason=error.reason,
            hint=f"Only an administrator may set {' and '.join(offered)}, unless the cloud's policy clustertemplate:publish says "
            f"otherwise: run this task with an administrator's credentials, scoped to the template's project, or leave it out",
        ) from error


def _holds(template: ClusterTemplate | None, values: Mapping[str, Any]) -> bool:
    return template is not None and not template_differences(values, template)


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


def _create(api: MagnumApi, change: Change, clock: Clock) -> str:
    """Create a template, once: of those that two runs made at once the older stays.

    :returns: the id of the one that stays.
    :raises CreatedMeanwhile: that is another run's; none of this run's is left.
    :raises KcloudError: two requests had no clear answer and no effect.
    """
    name, made = change.arguments["name"], set[str]()

    def send() -> None:
        made.add(api.create_cluster_template(change.arguments).id)

    at_once(send, lambda: bool(_own(api, name)))
    clock.sleep(SAME_NAME_AFTER_S)
    with changing():
        standing = _own(api, name)
        for other in standing[1:]:
            # What another run made is its own to delete; this run knows the ids of what it made itself.
            if other.id in made:
                _delete(api, other)
    if standing and made and standing[0].id not in made:
        raise CreatedMeanwhile(
            f"Failed to create cluster template '{name}': another run created one of this name at the same moment",
            resource=change.resource,
            hint="Run again: the one that is there is compared with what is declared",
        )
    return standing[0].id if standing else next(iter(made), name)


def _delete(api: MagnumApi, template: ClusterTemplate) -> None:
    at_once(lambda: api.delete_cluster_template(template), lambda: api.cluster_template(template.id) is None)


def _own(api: MagnumApi, name: str) -> list[ClusterTemplate]:
    """The project's templates of this name, the oldest first; of one second the lowest id."""
    found = [one for one in api.cluster_templates() if one.name == name and one.project_id in (None, api.project_id)]
    return sorted(found, key=lambda one: (one.created_at or "", one.id))


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
