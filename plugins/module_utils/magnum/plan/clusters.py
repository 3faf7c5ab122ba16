# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pure: (what is declared, what is there) -> what to do.

Only what the user gave is compared. A difference that Magnum cannot apply is an error that names the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CannotApply
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    DEFAULT_MASTER,
    DEFAULT_WORKER,
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    DesiredGroup,
    NodeGroup,
    Status,
    label_text,
    normal_labels,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import (
    bounds_of,
    check_fixed,
    check_groups,
    comparable_labels,
    declared_group,
    deletion,
    first_count,
    group_changes,
    group_creation,
    group_value,
    resize,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan

# Part of the request to create, not of the cluster: nothing to compare with later.
CREATION_ONLY = frozenset({"merge_labels", "create_timeout", "discovery_url"})
# From these Magnum allows nothing but a deletion.
ONLY_DELETE = frozenset({"CREATE_FAILED", "DELETE_FAILED"})
# What Magnum lets anyone change on a template while clusters use it.
TEMPLATE_ALWAYS = frozenset({"hidden"})


def plan_cluster(desired: DesiredCluster, actual: Cluster | None, *, recreate: bool = False) -> Plan:
    """What makes the cluster as declared.

    :param actual: the cluster with its node groups in detail, not IN_PROGRESS; None when there is none.
    :param recreate: whether a cluster in CREATE_FAILED or DELETE_FAILED may be deleted and created again.
    :raises CannotApply: a given field differs and is fixed for the life of a cluster or node group.
    :raises InvalidRequest: a count is outside its bounds, or a master group is to be created.
    """
    check_groups(desired.groups)
    if actual is not None:
        # It may have been called by its id.
        desired = replace(desired, name=actual.name)
    after = declared_view(desired)
    if actual is None:
        return Plan("create", {}, after, _creation(desired))
    before = view(actual, desired)
    if actual.status in ONLY_DELETE and recreate:
        delete = Change("delete_cluster", _cluster(desired), {"reason": f"{actual.status} and recreate is allowed"})
        return Plan(
            "recreate", {**before, "status": actual.status}, {**after, "status": "CREATE_COMPLETE"},
            (delete, *_creation(desired)),
        )  # fmt: skip
    _check_fixed(desired, actual)
    changes = (*group_changes(desired, actual), *_purges(desired, actual))
    changes = changes or (() if desired.partial else _retry(actual))
    if Status.failed(actual.status) and changes:
        before, after = {**before, "status": actual.status}, {**after, "status": "UPDATE_COMPLETE"}
    return Plan("update" if changes else "none", before, after, changes, _extra_keys(desired))


def _extra_keys(desired: DesiredCluster) -> dict[str, Any]:
    """What the user must know of the groups beside the changes."""
    extra = {
        "superseded_node_groups": [entry.as_result() for entry in desired.superseded],
        "autoscaled_node_groups": list(desired.autoscaled),
    }
    return {key: value for key, value in extra.items() if value}


def plan_cluster_absent(name: str, actual: Cluster | None) -> Plan:
    """The changes that delete the cluster."""
    if actual is None:
        return Plan("none")
    counts = {group.name: {"node_count": group.node_count} for group in actual.node_groups}
    before = {"name": name, "status": actual.status, "node_groups": counts}
    return Plan("delete", before, {}, (Change("delete_cluster", f"cluster/{name}"),))


# --- what is compared, the same on both sides ---------------------------------------------------------------------


def declared_view(desired: DesiredCluster) -> dict[str, Any]:
    """What the user declared, as it will be: the ``after`` of a diff."""
    given = {key: value for key, value in desired.given.items() if key not in CREATION_ONLY}
    if "labels" in given:
        given["labels"] = normal_labels(given["labels"])
    groups = {group.name: declared_group(group) for group in desired.groups if not group.absent}
    return {
        "name": desired.name,
        **dict(sorted(given.items())),
        **({"node_groups": groups} if _has_groups(desired) else {}),
    }


def _has_groups(desired: DesiredCluster) -> bool:
    """Whether the views show node groups: on both sides, though one may have none."""
    return bool(desired.groups) or desired.purge_groups


def view(actual: Cluster, desired: DesiredCluster) -> dict[str, Any]:
    """The cluster as it is, cut to what the user declared: the ``before`` of a diff."""
    given = {key: getattr(actual, key) for key in desired.given if key not in CREATION_ONLY}
    if "labels" in given:
        given["labels"] = comparable_labels(
            actual.labels, desired.given["labels"], desired.given.get("merge_labels", True)
        )
    groups = {}
    for group in desired.groups:
        present = actual.group(group.name)
        if present is not None and group.absent:
            groups[group.name] = {"node_count": present.node_count}
        elif present is not None:
            groups[group.name] = {key: group_value(present, key, group) for key in declared_group(group)}
    if desired.purge_groups:
        groups.update({group.name: {"node_count": group.node_count} for group in _undeclared(desired, actual)})
    return {
        "name": actual.name,
        **dict(sorted(given.items())),
        **({"node_groups": groups} if _has_groups(desired) else {}),
    }


# --- creating -----------------------------------------------------------------------------------------------------


def _cluster(desired: DesiredCluster) -> str:
    return f"cluster/{desired.name}"


def _creation(desired: DesiredCluster) -> tuple[Change, ...]:
    arguments = {"name": desired.name, **desired.given}
    if "labels" in arguments:
        arguments["labels"] = {str(key): label_text(value) for key, value in arguments["labels"].items()}
    else:
        arguments.pop("merge_labels", None)
    first = next((group for group in desired.groups if group.name == DEFAULT_WORKER), DesiredGroup(DEFAULT_WORKER))
    count = first_count(first)
    if count is not None:
        arguments["node_count"] = count
    others = [
        group for group in desired.groups if group.name not in (DEFAULT_WORKER, DEFAULT_MASTER) and not group.absent
    ]
    bounds = bounds_of(first)
    return (
        Change("create_cluster", _cluster(desired), arguments),
        *([Change("set_bounds", f"node_group/{desired.name}/{DEFAULT_WORKER}", bounds)] if bounds else []),
        *(group_creation(desired.name, group) for group in others),
    )


# --- changing -----------------------------------------------------------------------------------------------------


def _check_fixed(desired: DesiredCluster, actual: Cluster) -> None:
    """Refuse what no driver can change, all of it in one message."""
    have, want = view(actual, desired), declared_view(desired)
    free = {"node_groups"} | ({"master_count"} if any(g.name == DEFAULT_MASTER for g in desired.groups) else set())
    wrong = {key: (have.get(key), want[key]) for key in want if key not in free and have.get(key) != want[key]}
    check_fixed(desired, wrong, actual)


def _retry(actual: Cluster) -> tuple[Change, ...]:
    """A failed update counts as not converged, even where the numbers agree: ask for the same again."""
    if actual.status != "UPDATE_FAILED":
        return ()
    failed = [group for group in actual.node_groups if group.role != "master" and Status.failed(group.status)]
    workers = failed or [group for group in actual.node_groups if group.name == DEFAULT_WORKER]
    return tuple(resize(f"node_group/{actual.name}/{group.name}", group, group.node_count) for group in workers)


def _undeclared(desired: DesiredCluster, actual: Cluster) -> list[NodeGroup]:
    declared = {group.name for group in (*desired.groups, *desired.superseded)}
    return [group for group in actual.node_groups if group.name not in declared and not group.is_default]


def _purges(desired: DesiredCluster, actual: Cluster) -> tuple[Change, ...]:
    if not desired.purge_groups:
        return ()
    return tuple(deletion(actual.name, group) for group in _undeclared(desired, actual))


# --- templates ----------------------------------------------------------------------------------------------------


def template_view(actual: ClusterTemplate, given: Mapping[str, Any]) -> dict[str, Any]:
    """The template as it is, cut to what the user gave."""
    cut = {key: getattr(actual, key) for key in sorted(given)}
    return {"name": actual.name, **{k: normal_labels(v) if k == "labels" else v for k, v in cut.items()}}


def template_after(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The template as the user wants it."""
    cut = {key: normal_labels(value) if key == "labels" else value for key, value in sorted(given.items())}
    return {"name": name, **cut}


def template_differences(given: Mapping[str, Any], actual: ClusterTemplate) -> dict[str, Any]:
    """The given fields that differ, with the wanted values."""
    have, want = template_view(actual, given), template_after(actual.name, given)
    return {key: given[key] for key in sorted(given) if have[key] != want[key]}


def plan_template(
    name: str, given: Mapping[str, Any], actual: ClusterTemplate | None, *, used_by: tuple[str, ...] = ()
) -> Plan:
    """What makes the cluster template as declared.

    :param used_by: names of the clusters that use it; Magnum freezes it for them.
    :raises CannotApply: a field differs that is frozen.
    """
    # It may have been called by its id.
    name = name if actual is None else actual.name
    after = template_after(name, given)
    resource = f"cluster_template/{name}"
    labels = {str(key): label_text(value) for key, value in (given.get("labels") or {}).items()}
    sendable = {**given, **({"labels": labels} if "labels" in given else {})}
    if actual is None:
        return Plan("create", {}, after, (Change("create_cluster_template", resource, {"name": name, **sendable}),))
    before = template_view(actual, given)
    differences = template_differences(given, actual)
    if not differences:
        return Plan("none", before, after)
    frozen = sorted(key for key in differences if not _may_change(key, differences[key])) if used_by else []
    if frozen:
        raise CannotApply(
            f"Failed to change cluster template '{name}': "
            + "; ".join(f"{key} is {before[key]!r}, wanted {after[key]!r}" for key in frozen),
            resource=resource,
            reason=f"Magnum freezes a template that clusters use; this one is used by {', '.join(used_by)}",
            hint="Set 'versioning: true' to make a further version of it, which clusters can follow to, or give another name",
            fields=frozen,
            used_by=list(used_by),
        )
    patch = {key: sendable[key] for key in differences}
    # While clusters use it, Magnum takes one field at a time.
    patches = [{key: value} for key, value in patch.items()] if used_by else [patch]
    return Plan("update", before, after, tuple(Change("update_cluster_template", resource, each) for each in patches))


def _may_change(key: str, value: Any) -> bool:
    """Whether Magnum changes this while clusters use the template: publishing is allowed, unpublishing is not."""
    return key in TEMPLATE_ALWAYS or (key == "public" and value is True)


def plan_template_absent(name: str, actual: ClusterTemplate | None, *, used_by: tuple[str, ...] = ()) -> Plan:
    """The changes that delete the template.

    :raises CannotApply: clusters use it.
    """
    if actual is None:
        return Plan("none")
    if used_by:
        raise CannotApply(
            f"Failed to delete cluster template '{name}': used by {', '.join(used_by)}",
            code="IN_USE",
            resource=f"cluster_template/{name}",
            hint="Delete these clusters first; nothing was changed",
            used_by=list(used_by),
        )
    return Plan("delete", {"name": name}, {}, (Change("delete_cluster_template", f"cluster_template/{name}"),))
