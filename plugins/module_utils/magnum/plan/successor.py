# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pure: a cluster follows its template, by an upgrade where its driver has one, by a successor beside it where not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from string import Formatter
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import (
    IdentifiedDriver,
    refusal,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    NodeGroup,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import plan_cluster, view
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan

NEVER, IN_PLACE, OR_BESIDE = "never", "in_place", "in_place_or_beside"
DEFAULT_SCHEME = "{name}-{template_id}"
_WORDS = {"name", "template", "template_id"}


@dataclass(frozen=True)
class Follow:
    """Whether and how a cluster may follow a changed template: the options of a module.

    :param mode: NEVER, IN_PLACE or OR_BESIDE.
    :param max_batch_size: nodes that an upgrade replaces at a time; None leaves it to Magnum, which takes one.
    :param scheme: name of a successor, with ``{name}`` and ``{template_id}`` or ``{template}``.
    :param delete_replaced: delete the clusters that a successor replaced.
    """

    mode: str = NEVER
    max_batch_size: int | None = None
    scheme: str = DEFAULT_SCHEME
    delete_replaced: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Follow:
        """:raises InvalidRequest: a value that cannot be."""
        size, scheme = params["max_batch_size"], params["beside_name"]
        if size is not None and size < 1:
            raise InvalidRequest(
                f"Failed to read option 'max_batch_size': {size} is too small",
                resource="max_batch_size",
                hint="Give 1 or more",
            )
        try:
            words = {word for _text, word, _spec, _conversion in Formatter().parse(scheme) if word is not None}
        except ValueError:
            words = set()
        if "name" not in words or not words & {"template", "template_id"} or words - _WORDS:
            raise InvalidRequest(
                f"Failed to read option 'beside_name': '{scheme}' is not a pattern for names",
                resource="beside_name",
                hint="Put {name} and {template_id} or {template} into it, such as '{name}-{template_id}'",
            )
        return cls(params["upgrade"], size, scheme, params["delete_replaced"])

    @property
    def allowed(self) -> bool:
        return self.mode != NEVER


# --- by an upgrade ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """A cluster's way to a template.

    :param left: the template that the cluster uses now; None when it is the same, or gone.
    :param same: whether two values of a field mean the same thing, as ``References.same``.
    """

    template: ClusterTemplate
    found: IdentifiedDriver
    max_batch_size: int | None = None
    left: ClusterTemplate | None = None
    same: Callable[[str, str | None, str | None], bool] = lambda _field, one, other: one == other


def plan_upgrade(desired: DesiredCluster, actual: Cluster, move: Move) -> Plan:
    """What makes the cluster as declared, with its template and what follows from that.

    The cluster first, then extra groups, which Magnum takes only to the cluster's own template; then all other changes. A
    failed cluster is put right before: Magnum upgrades from a COMPLETE status only.

    :param desired: with the new template's id.
    :param actual: the cluster with its node groups in detail.
    :raises Unsupported: the driver has no upgrade.
    :raises InvalidRequest: the driver does not take this template.
    """
    moves = actual.cluster_template_id != move.template.id
    behind = lagging(desired, actual, move)
    if not moves and not behind:
        return plan_cluster(desired, actual)
    _check(actual, move)
    name = actual.name
    upgrades = (
        *([Change("upgrade", f"cluster/{name}", _arguments(actual, move))] if moves else []),
        *(
            Change(
                "upgrade_node_group",
                f"node_group/{name}/{group.name}",
                {"image_id": move.template.image_id, "image_id_before": group.image_id, **_batch(move)},
            )
            for group in behind
        ),
    )
    upgraded = as_upgraded(actual, move, {group.name for group in behind})
    if Status.failed(actual.status):
        here = replace(desired, given={**desired.given, "cluster_template_id": actual.cluster_template_id})
        first = plan_cluster(here, actual)
        changes = (*first.changes, *upgrades)
        rest = plan_cluster(desired, replace(upgraded, status="UPDATE_COMPLETE"))
        return replace(first, action="update", after={**rest.after, "status": "UPDATE_COMPLETE"}, changes=changes)
    rest = plan_cluster(desired, upgraded)
    before = view(actual, replace(desired, name=name))
    return replace(rest, action="update", before=before, changes=(*upgrades, *rest.changes))


def _check(actual: Cluster, move: Move) -> None:
    refused = refusal(move.found, "upgrade", actual.name)
    if refused is not None:
        raise refused
    label = move.found.driver.upgrade_needs_label
    if label is not None and label not in move.template.labels:
        raise InvalidRequest(
            f"Failed to upgrade cluster '{actual.name}' to cluster template '{move.template.name}': "
            f"the template has no label '{label}'",
            resource=f"cluster_template/{move.template.name}",
            reason=f"{move.found.driver.title} reads the version to upgrade to from it; {move.found.evidence}",
            hint=f"Give the template the label '{label}', or say what the driver is with 'driver'",
        )


def _batch(move: Move) -> dict[str, int]:
    return {} if move.max_batch_size is None else {"max_batch_size": move.max_batch_size}


def _arguments(actual: Cluster, move: Move) -> dict[str, Any]:
    return {
        "cluster_template": move.template.name,
        "cluster_template_id": move.template.id,
        "cluster_template_id_before": actual.cluster_template_id,
        **_batch(move),
    }


def lagging(desired: DesiredCluster, actual: Cluster, move: Move) -> list[NodeGroup]:
    """The extra groups that use another image than the template's, and are to follow.

    Not a group with an image of its own: one that is declared with an image, or one that is not declared and whose image was
    not the one of the template that is left. Nor any where the driver takes all groups along, and shows no image of it.
    """
    if move.found.driver.upgrade_takes_groups:
        return []
    declared = {group.name: group for group in desired.groups}
    behind = []
    for group in actual.node_groups:
        wanted = declared.get(group.name)
        if group.is_default or move.same("image_id", group.image_id, move.template.image_id):
            continue
        of_the_left = move.left is not None and move.same("image_id", group.image_id, move.left.image_id)
        purged = wanted is None and desired.purge_groups
        follows = of_the_left if wanted is None else wanted.image_id is None and not wanted.absent
        if follows and not purged:
            behind.append(group)
    return behind


def as_upgraded(actual: Cluster, move: Move, followers: Iterable[str]) -> Cluster:
    """The cluster as it will be after the upgrade, as far as drivers agree on it."""
    followers = set(followers)
    label = move.found.driver.upgrade_needs_label
    version = {label: move.template.labels[label]} if label in move.template.labels else {}

    def moved(group: NodeGroup) -> NodeGroup:
        takes = group.name in followers or (group.is_default and not move.found.driver.upgrade_takes_groups)
        return replace(group, image_id=move.template.image_id) if takes else group

    return replace(
        actual,
        cluster_template_id=move.template.id,
        labels={**actual.labels, **version},
        node_groups=tuple(moved(group) for group in actual.node_groups),
    )


# --- by a successor -----------------------------------------------------------------------------------------------


def successor_name(scheme: str, name: str, template_id: str, template_name: str | None) -> str:
    """Name of the cluster that uses a template beside the cluster of a name: the same one in every run."""
    return scheme.format(name=name, template_id=template_id[:8], template=template_name)


def successor_pattern(scheme: str, name: str) -> re.Pattern[str]:
    """What every name of a successor fits, whatever template it was made for, or is on by now."""
    words = {"name": re.escape(name), "template_id": "[0-9a-f]{8}", "template": ".+"}
    parts = (
        re.escape(text) + ("" if word is None else words[word])
        for text, word, _spec, _conversion in Formatter().parse(scheme)
    )
    return re.compile("".join(parts))


def family_of(
    name: str, scheme: str, clusters: Iterable[Cluster], template_names: Mapping[str, str]
) -> tuple[Cluster, ...]:
    """The cluster of a name and its successors, the newest first.

    A successor is known by its name, which its own template must yield; so no stranger with a similar name is one.
    """
    found = [
        cluster
        for cluster in clusters
        if cluster.name == name
        or cluster.name
        == successor_name(
            scheme, name, cluster.cluster_template_id or "", template_names.get(cluster.cluster_template_id or "")
        )
    ]
    return tuple(sorted(found, key=lambda cluster: (cluster.created_at or "", cluster.id), reverse=True))


def standing_on(family: Iterable[Cluster], name: str, template_id: str) -> Cluster | None:
    """The member that uses a template already; the one of the plain name first."""
    found = [cluster for cluster in family if cluster.cluster_template_id == template_id]
    return next((cluster for cluster in found if cluster.name == name), found[0] if found else None)


def with_replaced(plan: Plan, successor: str, others: Iterable[Cluster], *, delete: bool) -> Plan:
    """The plan, and what becomes of the clusters that the successor replaces: deleted after everything else, or reported."""
    replaced = [{"id": cluster.id, "name": cluster.name, "status": cluster.status} for cluster in others]
    if not replaced:
        return plan
    names = sorted(entry["name"] for entry in replaced)
    before, after = {**plan.before, "replaced_clusters": names}, {**plan.after, "replaced_clusters": names}
    if not delete:
        return replace(plan, before=before, after=after, extra={**plan.extra, "replaced_clusters": replaced})
    deletions = tuple(
        Change("delete_replaced_cluster", f"cluster/{entry['name']}", {"id": entry["id"], "replaced_by": successor})
        for entry in sorted(replaced, key=lambda entry: (entry["name"], entry["id"]))
    )
    action = "update" if plan.action == "none" else plan.action
    return replace(plan, action=action, before=before, after={**after, "replaced_clusters": []},
                   changes=(*plan.changes, *deletions))  # fmt: skip
