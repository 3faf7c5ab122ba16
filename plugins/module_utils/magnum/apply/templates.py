# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries the plan for a cluster template out. Magnum writes templates at once, without a transition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CreatedMeanwhile,
    KcloudError,
    NotPermitted,
    changing,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import at_once
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import ClusterTemplate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import template_differences
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_tasks import target_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import OFFER
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import SAME_NAME_AFTER_S, Clock


def carry_out_template(
    api: MagnumApi, plan: Plan, standing: Mapping[str, ClusterTemplate], clock: Clock
) -> ClusterTemplate | None:
    """Make every change of the plan. Templates are written at once, without a transition.

    :param standing: the existing templates, by name.
    :returns: the one that the plan is about, read again.
    :raises KcloudError: with ``result`` in its details: which changes were made before it failed.
    """
    ids = {name: entry.id for name, entry in standing.items()}
    made: list[Change] = []
    try:
        for change in plan.changes:
            name = change.arguments.get("name", target_of(change))
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
        template = standing[target_of(change)]
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
