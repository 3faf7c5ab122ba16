# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cluster template as declared, what was read for it, and the plan that follows from both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import ClusterTemplate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import (
    plan_template,
    plan_template_absent,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.names import Names
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import (
    Family,
    Member,
    is_of,
    plan_versions,
    plan_versions_absent,
    shown,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan


@dataclass(frozen=True)
class TemplateTask:
    """What is declared of one cluster template.

    :param given: the API's fields that the user gave.
    :param family: the name with its versions; None where there is one template only.
    :param created_with: tags that a template gets when it is created, and that are compared with nothing later.
    """

    name: str
    given: Mapping[str, Any]
    present: bool = True
    family: Family | None = None
    created_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class TemplateSituation:
    """What the plan for a cluster template is made from, as it was read.

    :param templates: the one that is meant, if it exists; of a family all that the project has.
    :param users: id of a template -> names of the clusters that use it.
    :param names: what the names of flavors, images, keypairs and networks stand for.
    :param publisher: whether these credentials may hide versions.
    """

    templates: tuple[ClusterTemplate, ...] = ()
    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    publisher: bool = True


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


def target_of(change: Change) -> str:
    """The name of the template that a change is about."""
    return change.resource.split("/", 1)[1]


def plan_template_task(task: TemplateTask, situation: TemplateSituation) -> PlannedTemplate:
    """The plan for one cluster template, or for one with its versions."""
    planned = _plan_one(task, situation) if task.family is None else _plan_family(task, task.family, situation)
    return replace(planned, plan=_marked(planned.plan, task.created_with)) if task.created_with else planned


def templates_after(planned: PlannedTemplate, templates: Iterable[ClusterTemplate]) -> tuple[ClusterTemplate, ...]:
    """The templates as they are after a plan, as far as it is known before; one that it creates has its name for an id."""
    known = {entry.name for entry in fields(ClusterTemplate)}
    after = {template.name: template for template in templates}
    for change in planned.plan.changes:
        values = {key: value for key, value in change.arguments.items() if key in known}
        if change.verb == "create_cluster_template":
            after[values["name"]] = ClusterTemplate(**{"id": values["name"], **values})
        elif change.verb == "delete_cluster_template":
            after.pop(target_of(change), None)
        else:
            changed = replace(after.pop(target_of(change)), **values)
            after[changed.name] = changed
    return tuple(after.values())


def _marked(plan: Plan, tags: tuple[str, ...]) -> Plan:
    """The plan, with these tags on what it creates."""

    def marked(change: Change) -> Change:
        if change.verb != "create_cluster_template":
            return change
        every = ",".join(filter(None, (change.arguments.get("tags"), *tags)))
        return replace(change, arguments={**change.arguments, "tags": every})

    return replace(plan, changes=tuple(map(marked, plan.changes)))


def _plan_one(task: TemplateTask, situation: TemplateSituation) -> PlannedTemplate:
    actual = next(iter(situation.templates), None)
    used_by = () if actual is None else situation.users.get(actual.id, ())
    standing = {} if actual is None else {actual.name: actual}
    if not task.present:
        plan = plan_template_absent(task.name if actual is None else actual.name, actual, used_by=used_by)
        return PlannedTemplate(plan, standing, None)
    given = task.given if actual is None else situation.names.aligned(task.given, actual)
    plan = plan_template(task.name, given, actual, used_by=used_by)
    return PlannedTemplate(plan, standing, {**({} if actual is None else actual.as_result()), **plan.after})


def check_family(family: Family) -> None:
    """:raises InvalidRequest: the family's name cannot be one, or is the id of a template."""
    family.check()
    if is_uuid(family.name):
        raise InvalidRequest(
            f"Failed to read option 'name': '{family.name}' is the id of one version",
            resource=f"cluster_template/{family.name}",
            hint="Give the name that all versions have in common",
        )


def _plan_family(task: TemplateTask, family: Family, situation: TemplateSituation) -> PlannedTemplate:
    check_family(family)
    aligned, users = situation.names.aligned, situation.users
    members = tuple(
        Member(entry, aligned(task.given, entry), users.get(entry.id, ()))
        for entry in situation.templates
        if is_of(entry, family.name)
    )
    if not task.present:
        plan, left_visible = plan_versions_absent(family, members), []
    else:
        plan, left_visible = _plan_permitted(family, task.given, members, situation)
    standing = {member.name: member.template for member in members}
    versions = {"versions": shown(plan, members), "left_visible": left_visible}
    return PlannedTemplate(plan, standing, _predicted(plan, standing), versions)


def _plan_permitted(
    family: Family, given: Mapping[str, Any], members: tuple[Member, ...], situation: TemplateSituation
) -> tuple[Plan, list[str]]:
    """The plan, and which versions stay visible because these credentials may not hide them."""
    taken = [entry.name for entry in situation.templates]
    plan = plan_versions(family, given, members, taken)
    hidden = [target_of(change) for change in plan.changes if set(change.arguments) == {"hidden"}]
    if not family.hide or not hidden or situation.publisher:
        return plan, []
    visible = Family(family.name, family.pattern, hide=False, purge=family.purge)
    return plan_versions(visible, given, members, taken), sorted(hidden)


def _predicted(plan: Plan, standing: Mapping[str, ClusterTemplate]) -> dict[str, Any] | None:
    """The current version after the plan, as far as it is known before."""
    if "name" not in plan.after:
        return None
    predicted: dict[str, Any] = {}
    for change in plan.changes:
        if change.verb == "create_cluster_template":
            predicted = dict(change.arguments)
        elif change.verb == "update_cluster_template" and change.arguments.get("name") == plan.after["name"]:
            predicted = standing[target_of(change)].as_result()
    if plan.after["name"] in standing:
        predicted = standing[plan.after["name"]].as_result()
    return {**predicted, **{key: value for key, value in plan.after.items() if key != "versions"}}
