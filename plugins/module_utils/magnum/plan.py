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

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import CannotApply, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import (
    DEFAULT_MASTER,
    DEFAULT_WORKER,
    Change,
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    DesiredGroup,
    NodeGroup,
    Plan,
    Status,
    label_text,
    normal_labels,
)

# Part of the request to create, not of the cluster: nothing to compare with later.
CREATION_ONLY = frozenset({"merge_labels", "create_timeout", "discovery_url"})
# From these Magnum allows nothing but a deletion.
ONLY_DELETE = frozenset({"CREATE_FAILED", "DELETE_FAILED"})
GROUP_FIXED = ("role", "flavor_id", "image_id", "docker_volume_size", "labels")
# What Magnum lets anyone change on a template while clusters use it.
TEMPLATE_ALWAYS = frozenset({"hidden"})


def plan_cluster(desired: DesiredCluster, actual: Cluster | None, *, recreate: bool = False) -> Plan:
    """What makes the cluster as declared.

    :param actual: the cluster with its node groups in detail, not IN_PROGRESS; None when there is none.
    :param recreate: whether a cluster in CREATE_FAILED or DELETE_FAILED may be deleted and created again.
    :raises CannotApply: a given field differs and is fixed for the life of a cluster or node group.
    :raises InvalidRequest: a count is outside its bounds, or a master group is to be created.
    """
    _check_groups(desired.groups)
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
    changes = (*_group_changes(desired, actual), *_purges(desired, actual))
    changes = changes or _retry(actual)
    if Status.failed(actual.status) and changes:
        before, after = {**before, "status": actual.status}, {**after, "status": "UPDATE_COMPLETE"}
    return Plan("update" if changes else "none", before, after, changes)


def plan_cluster_absent(name: str, actual: Cluster | None) -> Plan:
    """What makes the cluster go."""
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
    groups = {group.name: _declared_group(group) for group in desired.groups}
    return {"name": desired.name, **dict(sorted(given.items())), **({"node_groups": groups} if groups else {})}


def view(actual: Cluster, desired: DesiredCluster) -> dict[str, Any]:
    """The cluster as it is, cut to what the user declared: the ``before`` of a diff."""
    given = {key: getattr(actual, key) for key in desired.given if key not in CREATION_ONLY}
    if "labels" in given:
        given["labels"] = _comparable(actual.labels, desired.given["labels"], desired.given.get("merge_labels", True))
    groups = {}
    for group in desired.groups:
        present = actual.group(group.name)
        if present is not None:
            groups[group.name] = {key: _group_value(present, key, group) for key in _declared_group(group)}
    if desired.purge_groups:
        groups.update({group.name: {"node_count": group.node_count} for group in _undeclared(desired, actual)})
    has_groups = bool(desired.groups) or bool(groups)
    return {"name": actual.name, **dict(sorted(given.items())), **({"node_groups": groups} if has_groups else {})}


def _declared_group(group: DesiredGroup) -> dict[str, Any]:
    named = {
        "role": group.role,
        "flavor_id": group.flavor_id,
        "image_id": group.image_id,
        "docker_volume_size": group.docker_volume_size,
        "labels": None if group.labels is None else normal_labels(group.labels),
        "node_count": group.node_count,
        "min_node_count": group.min_node_count,
        "max_node_count": group.max_node_count,
    }
    return {key: value for key, value in named.items() if value is not None}


def _group_value(present: NodeGroup, key: str, group: DesiredGroup) -> Any:
    if key == "labels":
        return _comparable(present.labels, group.labels or {}, group.merge_labels is not False)
    return getattr(present, key)


def _comparable(actual: Mapping[str, str], given: Mapping[str, Any], merged: bool) -> dict[str, str]:
    """Labels to compare: with merging, the template's own labels are nobody's difference."""
    labels = normal_labels(actual)
    return {key: labels[key] for key in normal_labels(given) if key in labels} if merged else labels


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
    count = _first_count(first)
    if count is not None:
        arguments["node_count"] = count
    others = [group for group in desired.groups if group.name not in (DEFAULT_WORKER, DEFAULT_MASTER)]
    bounds = _bounds_of(first)
    return (
        Change("create_cluster", _cluster(desired), arguments),
        *([Change("set_bounds", f"node_group/{desired.name}/{DEFAULT_WORKER}", bounds)] if bounds else []),
        *(_group_creation(desired.name, group) for group in others),
    )


def _group_creation(cluster: str, group: DesiredGroup) -> Change:
    labels = {} if group.labels is None else {str(key): label_text(value) for key, value in group.labels.items()}
    count = _first_count(group)
    arguments = {
        **_declared_group(group),
        **({"labels": labels} if labels else {}),
        **({} if count is None else {"node_count": count}),
    }
    if labels:
        arguments["merge_labels"] = group.merge_labels is not False
    return Change("create_node_group", f"node_group/{cluster}/{group.name}", arguments)


def _first_count(group: DesiredGroup) -> int | None:
    """How many nodes a new group begins with; None leaves it to Magnum, which makes one.

    Where the bounds forbid that, the nearest count that they allow: Magnum refuses bounds that exclude the count.
    """
    low, high = group.min_node_count or 0, group.max_node_count
    if group.node_count is not None or _within(1, low, high):
        return group.node_count
    return max(low, 1) if high is None else min(max(low, 1), high)


def _bounds_of(group: DesiredGroup) -> dict[str, int]:
    bounds = {"min_node_count": group.min_node_count, "max_node_count": group.max_node_count}
    return {key: value for key, value in bounds.items() if value is not None}


# --- changing -----------------------------------------------------------------------------------------------------


def _check_fixed(desired: DesiredCluster, actual: Cluster) -> None:
    """Refuse what no driver can change, all of it in one message."""
    have, want = view(actual, desired), declared_view(desired)
    wrong = {key: (have.get(key), want[key]) for key in want if key != "node_groups" and have.get(key) != want[key]}
    for group in desired.groups:
        present = actual.group(group.name)
        if present is None:
            continue
        declared = _declared_group(group)
        for key in GROUP_FIXED:
            value = _group_value(present, key, group)
            if key in declared and value != declared[key]:
                wrong[f"node_groups.{group.name}.{key}"] = (value, declared[key])
    if wrong:
        raise CannotApply(
            f"Failed to change cluster '{desired.name}': "
            + "; ".join(f"{key} is {have!r}, wanted {want!r}" for key, (have, want) in sorted(wrong.items())),
            resource=_cluster(desired),
            reason="Magnum fixes these for the life of a cluster and of its node groups",
            hint="Take the options back, make a node group of another name, or make a new cluster and move the "
            "workloads before this one is deleted",
            fields=sorted(wrong),
        )


def _group_changes(desired: DesiredCluster, actual: Cluster) -> tuple[Change, ...]:
    changes: list[Change] = []
    for group in desired.groups:
        present = actual.group(group.name)
        if present is None:
            changes.append(_group_creation(desired.name, group))
        else:
            changes.extend(_scaling(desired.name, group, present))
    return tuple(changes)


def _scaling(cluster: str, group: DesiredGroup, present: NodeGroup) -> list[Change]:
    """Bounds and count in the one order that Magnum takes: a count is always within the bounds of the moment."""
    resource = f"node_group/{cluster}/{group.name}"
    low = present.min_node_count if group.min_node_count is None else group.min_node_count
    high = present.max_node_count if group.max_node_count is None else group.max_node_count
    count = present.node_count if group.node_count is None else group.node_count
    if not _within(count, low, high):
        raise InvalidRequest(
            f"Failed to scale node group '{group.name}' of cluster '{cluster}': node_count {count} is outside its "
            f"bounds {low}..{'' if high is None else high}",
            resource=resource,
            hint="Give 'min_node_count' or 'max_node_count' of the node group as well, or another 'node_count'",
        )
    retry = Status.failed(present.status)
    resize = [_resize(resource, present, count)] if count != present.node_count or retry else []
    if (low, high) == (present.min_node_count, present.max_node_count):
        return resize
    final = [_set_bounds(resource, present, low, high)]
    if not resize or _within(present.node_count, low, high):
        return final + resize
    if _within(count, present.min_node_count, present.max_node_count):
        return resize + final
    widest = None if high is None or present.max_node_count is None else max(high, present.max_node_count)
    return [_set_bounds(resource, present, min(low, present.min_node_count), widest), *resize, *final]


def _within(count: int, low: int, high: int | None) -> bool:
    return low <= count and (high is None or count <= high)


def _resize(resource: str, present: NodeGroup, count: int) -> Change:
    return Change("resize", resource, {"node_count": count, "node_count_before": present.node_count})


def _set_bounds(resource: str, present: NodeGroup, low: int, high: int | None) -> Change:
    wanted = {"min_node_count": low, "max_node_count": high}
    return Change("set_bounds", resource, {k: v for k, v in wanted.items() if v != getattr(present, k)})


def _retry(actual: Cluster) -> tuple[Change, ...]:
    """A failed update counts as not converged, even where the numbers agree: ask for the same again."""
    if actual.status != "UPDATE_FAILED":
        return ()
    failed = [group for group in actual.node_groups if group.role != "master" and Status.failed(group.status)]
    workers = failed or [group for group in actual.node_groups if group.name == DEFAULT_WORKER]
    return tuple(_resize(f"node_group/{actual.name}/{group.name}", group, group.node_count) for group in workers)


def _undeclared(desired: DesiredCluster, actual: Cluster) -> list[NodeGroup]:
    declared = {group.name for group in desired.groups}
    return [group for group in actual.node_groups if group.name not in declared and not group.is_default]


def _purges(desired: DesiredCluster, actual: Cluster) -> tuple[Change, ...]:
    if not desired.purge_groups:
        return ()
    return tuple(
        Change("delete_node_group", f"node_group/{actual.name}/{group.name}", {"node_count_before": group.node_count})
        for group in _undeclared(desired, actual)
    )


def _check_groups(groups: tuple[DesiredGroup, ...]) -> None:
    names = [group.name for group in groups]
    for group in groups:
        where = f"node_groups.{group.name}"
        if names.count(group.name) > 1:
            raise InvalidRequest(
                f"Failed to read option 'node_groups': '{group.name}' is declared twice",
                resource=where,
                hint="Declare each node group once; 'node_count' of the cluster is that of 'default-worker'",
            )
        if group.role == "master" and group.name != DEFAULT_MASTER:
            raise InvalidRequest(
                f"Failed to read option 'node_groups': '{group.name}' has role 'master'",
                resource=where,
                reason="Magnum makes the only master group itself",
                hint="Use 'master_count', or another role",
            )
        low, high, count = group.min_node_count or 0, group.max_node_count, group.node_count
        if (high is not None and low > high) or (count is not None and not _within(count, low, high)):
            raise InvalidRequest(
                f"Failed to read option 'node_groups': '{group.name}' wants node_count {count} within {low}..{high}",
                resource=where,
                hint="Give min_node_count <= node_count <= max_node_count",
            )


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

    :param used_by: names of the clusters that stand on it; Magnum freezes it for them.
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
            hint="Make a template of another name, such as one with a version in it, and clusters from that",
            fields=frozen,
            used_by=list(used_by),
        )
    patch = {key: sendable[key] for key in differences}
    return Plan("update", before, after, (Change("update_cluster_template", resource, patch),))


def _may_change(key: str, value: Any) -> bool:
    """Whether Magnum changes this while clusters use the template: publishing is allowed, unpublishing is not."""
    return key in TEMPLATE_ALWAYS or (key == "public" and value is True)


def plan_template_absent(name: str, actual: ClusterTemplate | None, *, used_by: tuple[str, ...] = ()) -> Plan:
    """What makes the template go.

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
