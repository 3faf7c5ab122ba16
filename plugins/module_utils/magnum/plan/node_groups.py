# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pure: one node group as declared and as it is -> what to do with it.

A declared group is compared with *its* group of the cluster. That is the one of the same name, or one that took its
place because Magnum fixes flavor, image and labels for life: such a group says in a label whose place it took.
``settled_groups`` turns a declaration into one in the names of the existing groups; everything after it, plans and
diffs, knows nothing of places.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    CannotApply,
    Conflict,
    InvalidRequest,
    Unsupported,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import (
    IdentifiedDriver,
    is_autoscaled,
    refusal,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    DEFAULT_MASTER,
    DEFAULT_WORKER,
    Cluster,
    DesiredCluster,
    DesiredGroup,
    Node,
    NodeGroup,
    Status,
    Superseded,
    label_text,
    normal_labels,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change

# What Magnum fixes for the life of a node group.
FIXED = ("role", "flavor_id", "image_id", "docker_volume_size", "labels")
# The label of a group that took another's place; its value is the name that the user declares.
PLACE_LABEL = "kcloud_node_group"
# How many nodes an error lists.
SHOWN = 8

Same = Callable[[str, Any, Any], bool]
Nodes = Mapping[str, tuple[Node, ...]]


# --- what is compared, the same on both sides ---------------------------------------------------------------------


def declared_group(group: DesiredGroup) -> dict[str, Any]:
    """What the user declared of a group, as it will be."""
    named = {
        "role": group.role,
        "flavor_id": group.flavor_id,
        "image_id": group.image_id,
        "docker_volume_size": group.docker_volume_size,
        "labels": None if group.labels is None else normal_labels(group.labels),
        "node_count": group.node_count,
        "min_node_count": group.min_node_count,
        "max_node_count": group.max_node_count,
        "nodes_to_remove": None if group.nodes_to_remove is None else [],
    }
    return {key: value for key, value in named.items() if value is not None}


def group_value(present: NodeGroup, key: str, group: DesiredGroup) -> Any:
    """The same field of the group that is there."""
    if key == "labels":
        return comparable_labels(present.labels, group.labels or {}, group.merge_labels is not False)
    if key == "nodes_to_remove":
        return [node.label for node in group.leaving]
    return getattr(present, key)


def comparable_labels(actual: Mapping[str, str], given: Mapping[str, Any], merged: bool) -> dict[str, str]:
    """Labels to compare: with merging, labels from the template or the cluster are nobody's difference."""
    labels, wanted = normal_labels(actual), normal_labels(given)
    if merged:
        return {key: labels[key] for key in wanted if key in labels}
    return {key: value for key, value in labels.items() if key != PLACE_LABEL or key in wanted}


def fixed_differences(group: DesiredGroup, present: NodeGroup, same: Same | None = None) -> dict[str, tuple[Any, Any]]:
    """The declared fields that differ and that Magnum cannot change: field -> (is, wanted)."""
    alike = same or (lambda _field, left, right: left == right)
    declared = declared_group(group)
    pairs = {key: (group_value(present, key, group), declared[key]) for key in FIXED if key in declared}
    return {key: pair for key, pair in pairs.items() if not alike(key, *pair)}


def may_stand_for(group: NodeGroup) -> bool:
    """Whether a group may have taken the place of another: by its name, as its labels are not in a list."""
    return not group.is_default and re.search(r"-[0-9a-f]{6}$", group.name) is not None


def needs_detail(desired: DesiredCluster, actual: Cluster, group: NodeGroup) -> bool:
    """Whether the plan needs more of a group than its list shows: bounds, labels, volume size, addresses.

    :param group: as the list shows it.
    """
    if is_autoscaled(actual.labels) or Status.failed(actual.status) or Status.failed(group.status):
        return True
    declared = next((entry for entry in desired.groups if entry.name == group.name), None)
    if declared is None:
        # It may have taken the place of a declared one, which only its labels say.
        return bool(desired.groups) and not group.is_default
    unlisted = (
        declared.labels,
        declared.min_node_count,
        declared.max_node_count,
        declared.docker_volume_size,
        declared.nodes_to_remove,
    )
    listed = ("role", "flavor_id", "image_id", "node_count")
    differs = any(getattr(declared, key) not in (None, getattr(group, key)) for key in listed)
    return differs or any(value is not None for value in unlisted)


# --- which group is meant -----------------------------------------------------------------------------------------


def needs_driver(desired: DesiredCluster, actual: Cluster) -> bool:
    """Whether the plan hangs on what the cluster's driver can do: only then is it worth finding out."""
    return (
        any(group.nodes_to_remove for group in desired.groups)
        or is_autoscaled(actual.labels)
        or _other_masters(desired, actual)
    )


def _other_masters(desired: DesiredCluster, actual: Cluster) -> bool:
    present = actual.group(DEFAULT_MASTER)
    wanted = [group.node_count for group in desired.groups if group.name == DEFAULT_MASTER]
    return desired.given.get("master_count") not in (None, actual.master_count) or any(
        present is not None and count not in (None, present.node_count) for count in wanted
    )


def settled_groups(
    desired: DesiredCluster,
    actual: Cluster,
    nodes: Nodes | None = None,
    same: Same | None = None,
    driver: IdentifiedDriver | None = None,
) -> DesiredCluster:
    """The declaration in the names of the groups that exist, or are to exist.

    :param actual: the cluster with its node groups in detail.
    :param nodes: group -> its nodes, where a declared group names nodes to remove.
    :param same: whether two values of a field mean the same thing, such as a flavor's name and id.
    :param driver: the cluster's driver, where ``needs_driver`` says so.
    :raises InvalidRequest: ``nodes_to_remove`` names nodes that cannot go, or a control plane cannot be of that size.
    :raises Unsupported: the driver cannot do it.
    :raises Ambiguous: more than one group fits.
    """
    check_groups(desired.groups)
    desired = _with_masters(desired, actual, driver)
    groups: list[DesiredGroup] = []
    leftovers: list[DesiredGroup] = []
    superseded: list[Superseded] = []
    autoscaled: list[str] = []
    for group in desired.groups:
        members = members_of(group.name, actual, {other.name for other in desired.groups})
        if group.absent:
            groups.extend(DesiredGroup(name, absent=True) for name in [m.name for m in members] or [group.name])
            continue
        here = _in_place(desired, group, members, same)
        present = actual.group(here.name)
        owned = present is not None and _is_autoscaled(actual, present, driver)
        if here.nodes_to_remove is not None and present is not None:
            here = _with_leaving(actual, here, present, nodes or {}, None if owned else driver, owned=owned)
        if owned:
            autoscaled.append(here.name)
            here = _count_left_alone(actual, here, present, driver)
        groups.append(here)
        for old in members:
            if old.name != here.name and not (old.is_default and old.node_count == 0):
                superseded.append(Superseded(group.name, old.name, here.name, old.node_count, old.node_addresses))
                leftovers.extend([_ended(old)] if desired.replace_groups == "finish" else [])
    return replace(
        desired,
        groups=(*groups, *leftovers),
        superseded=tuple(superseded) if desired.replace_groups != "finish" else (),
        autoscaled=tuple(autoscaled),
    )


def members_of(name: str, actual: Cluster, declared: Collection[str]) -> list[NodeGroup]:
    """The group of this name and those that took its place, these first."""
    taken = [
        group
        for group in actual.node_groups
        if group.labels.get(PLACE_LABEL) == name and group.name != name and group.name not in declared
    ]
    own = actual.group(name)
    return taken if own is None else [*taken, own]


def _in_place(
    desired: DesiredCluster, group: DesiredGroup, members: list[NodeGroup], same: Same | None
) -> DesiredGroup:
    """The declared group under the name of the one that fits, or of a new one that is to take its place."""
    fitting = [member for member in members if not fixed_differences(group, member, same)]
    # A group that took the place counts before the one that has left it.
    standing = [member for member in fitting if member.name != group.name] or fitting
    if len(standing) > 1:
        names = sorted(member.name for member in standing)
        raise Ambiguous(
            f"Failed to tell which node group of cluster '{desired.name}' stands for '{group.name}': "
            f"{', '.join(names)} do",
            resource=f"node_group/{desired.name}/{group.name}",
            hint="Declare its flavor, image or labels, so that one of them fits, or delete the others by their own names",
            names=names,
        )
    if standing:
        return replace(group, name=standing[0].name)
    if not members:
        return group
    if desired.replace_groups == "refuse" or group.name == DEFAULT_MASTER:
        # Compared with the one that stands now, whose difference is then explained.
        return replace(group, name=members[0].name)
    return _successor(desired, group, members)


def _successor(desired: DesiredCluster, group: DesiredGroup, members: list[NodeGroup]) -> DesiredGroup:
    """A new group for the same place: as declared, and for the rest as the one whose place it takes."""
    old = members[0]
    name = f"{group.name}-{digest(group)}"
    if any(member.name == name for member in members):
        raise Conflict(
            f"Failed to name a node group for the place of '{old.name}': '{name}' is there and differs",
            resource=f"node_group/{desired.name}/{name}",
            hint="Delete that group, or declare a group of another name",
        )
    given_labels = {str(key): label_text(value) for key, value in (group.labels or {}).items()}
    labels = dict(old.labels) if group.labels is None else given_labels
    low, high, count = group.min_node_count, group.max_node_count, group.node_count
    return replace(
        group,
        name=name,
        role=group.role or (old.role if old.role != "worker" else None),
        flavor_id=group.flavor_id or old.flavor_id,
        image_id=group.image_id or old.image_id,
        docker_volume_size=old.docker_volume_size if group.docker_volume_size is None else group.docker_volume_size,
        node_count=old.node_count if count is None else count,
        min_node_count=(old.min_node_count or None) if low is None else low,
        max_node_count=old.max_node_count if high is None else high,
        labels={**labels, PLACE_LABEL: group.name},
        merge_labels=False if group.labels is None else group.merge_labels,
    )


def digest(group: DesiredGroup) -> str:
    """Six hexadecimal digits of what the user declared of a group and Magnum fixes: the same for the same declaration."""
    declared = {key: value for key, value in declared_group(group).items() if key in FIXED}
    return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:6]


def _ended(old: NodeGroup) -> DesiredGroup:
    """The declaration that ends a group: a default group can only be emptied."""
    if not old.is_default:
        return DesiredGroup(old.name, absent=True)
    return DesiredGroup(old.name, node_count=0, min_node_count=0 if old.min_node_count else None)


# --- who owns the count -------------------------------------------------------------------------------------------


def _is_autoscaled(cluster: Cluster, group: NodeGroup, driver: IdentifiedDriver | None) -> bool:
    """Whether the cluster's autoscaler owns the number of a group's nodes."""
    every = driver is None or driver.driver.autoscales_all_groups is not False
    return is_autoscaled(cluster.labels) and group.role != "master" and (every or group.name == DEFAULT_WORKER)


def _count_left_alone(
    actual: Cluster, group: DesiredGroup, present: NodeGroup, driver: IdentifiedDriver | None
) -> DesiredGroup:
    """An autoscaler's count is not a difference. Bounds that exclude it move it to the nearest one that they allow.

    :raises Unsupported: nobody but the autoscaler can move it.
    """
    low = present.min_node_count if group.min_node_count is None else group.min_node_count
    high = present.max_node_count if group.max_node_count is None else group.max_node_count
    inside = max(present.node_count, low) if high is None else min(max(present.node_count, low), high)
    if inside == present.node_count:
        return group if group.node_count is None else replace(group, node_count=inside)
    # Where Magnum's number is not the autoscaler's, moving the number alone lets the bounds through.
    if driver is not None and driver.driver.resize_autoscaled is False and driver.driver.syncs_node_count:
        raise Unsupported(
            f"Failed to set the bounds of node group '{group.name}' of cluster '{actual.name}': its autoscaler has it at "
            f"{present.node_count} nodes, outside of {low}..{'' if high is None else high}",
            resource=f"node_group/{actual.name}/{group.name}",
            reason=f"Magnum refuses bounds that exclude the count, and with {driver.driver.title} a resize changes no node",
            hint=f"Give bounds that include {present.node_count}, and others when the load has changed",
        )
    return replace(group, node_count=inside)


# --- the control plane --------------------------------------------------------------------------------------------


def _with_masters(desired: DesiredCluster, actual: Cluster, driver: IdentifiedDriver | None) -> DesiredCluster:
    """The cluster's ``master_count`` as the number of its group ``default-master``, where that is another now.

    :raises Unsupported: the driver keeps the number for the life of a cluster.
    :raises InvalidRequest: an even number of control plane nodes.
    """
    if not _other_masters(desired, actual):
        return desired
    declared = next((group for group in desired.groups if group.name == DEFAULT_MASTER), DesiredGroup(DEFAULT_MASTER))
    count = desired.given.get("master_count", declared.node_count)
    refused = None if driver is None else refusal(driver, "resize_masters", actual.name)
    if refused is not None:
        raise refused
    if declared.node_count not in (None, count) or count % 2 == 0:
        raise InvalidRequest(
            f"Failed to change the number of control plane nodes of cluster '{actual.name}' from {actual.master_count} to "
            f"{count}",
            resource=f"node_group/{actual.name}/{DEFAULT_MASTER}",
            reason="an even number of them is as easily lost as one less"
            if count % 2 == 0
            else f"'node_groups' wants {declared.node_count}",
            hint="Give an odd number, such as 1, 3 or 5" if count % 2 == 0 else "Give one of the two",
        )
    others = tuple(group for group in desired.groups if group.name != DEFAULT_MASTER)
    return replace(desired, groups=(replace(declared, node_count=count), *others))


# --- which nodes go -----------------------------------------------------------------------------------------------


def _with_leaving(
    actual: Cluster,
    group: DesiredGroup,
    present: NodeGroup,
    nodes: Nodes,
    driver: IdentifiedDriver | None,
    *,
    owned: bool,
) -> DesiredGroup:
    """The declared group with the nodes that its names stand for, as far as they are still there."""
    where = f"node_group/{actual.name}/{group.name}"
    if owned:
        raise Unsupported(
            f"Failed to remove named nodes of node group '{group.name}': an autoscaler owns its number of nodes",
            resource=where,
            reason="the cluster has the label auto_scaling_enabled=true",
            hint="Drain these nodes, then the autoscaler takes them away; or lower 'max_node_count'",
        )
    own = nodes.get(group.name, ())
    _refuse_foreign(group, nodes, where)
    leaving = tuple(node for node in own if node.names & set(group.nodes_to_remove or ()))
    # A group whose last resize failed shows the number that was wanted; its nodes are what counts.
    count = len(own) if own and Status.failed(present.status) else present.node_count
    if count - len(leaving) != group.node_count:
        raise InvalidRequest(
            f"Failed to remove named nodes of node group '{group.name}' of cluster '{actual.name}': node_count "
            f"{group.node_count} does not fit; it has {count}, and {len(leaving)} of them are named",
            resource=where,
            reason=_unknown(group, own),
            hint=f"Name as many nodes as are to be removed: {_shown(own)}"
            if not leaving
            else f"Give 'node_count: {count - len(leaving)}', or name other nodes of it: {_shown(own)}",
        )
    refused = None if driver is None or not leaving else refusal(driver, "nodes_to_remove", actual.name)
    if refused is not None:
        raise refused
    return replace(group, leaving=leaving)


def _refuse_foreign(group: DesiredGroup, nodes: Nodes, where: str) -> None:
    for wanted in group.nodes_to_remove or ():
        bearers = [(name, node) for name, found in sorted(nodes.items()) for node in found if wanted in node.names]
        others = sorted({name for name, _node in bearers if name != group.name})
        if others and len(others) == len(bearers):
            raise InvalidRequest(
                f"Failed to remove node '{wanted}' of node group '{group.name}': it belongs to '{others[0]}'",
                resource=where,
                hint=f"Name it in 'nodes_to_remove' of '{others[0]}'"
                if others[0] != DEFAULT_MASTER
                else "Control plane nodes are not removed by name",
            )
        if len(bearers) > 1:
            ids = sorted(node.id for _name, node in bearers)
            raise Ambiguous(
                f"Failed to choose a node: {len(bearers)} nodes of the cluster are called '{wanted}'",
                resource=where,
                reason=f"their ids are {', '.join(ids)}",
                hint="Give the id in place of the name",
                ids=ids,
            )


def _unknown(group: DesiredGroup, own: tuple[Node, ...]) -> str | None:
    known = {name for node in own for name in node.names}
    missing = [name for name in group.nodes_to_remove or () if name not in known]
    return f"it has no node {', '.join(missing)}: gone already, or never there" if missing else None


def _shown(own: tuple[Node, ...]) -> str:
    labels = [node.label for node in own]
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return (", ".join(labels[:SHOWN]) or "it has none that can be seen") + more


# --- what to do with one group ------------------------------------------------------------------------------------


def group_creation(cluster: str, group: DesiredGroup) -> Change:
    """The request for a new group."""
    labels = {} if group.labels is None else {str(key): label_text(value) for key, value in group.labels.items()}
    count = first_count(group)
    declared = {key: value for key, value in declared_group(group).items() if key != "nodes_to_remove"}
    arguments = {
        **declared,
        **({"labels": labels} if labels else {}),
        **({} if count is None else {"node_count": count}),
    }
    if labels:
        arguments["merge_labels"] = group.merge_labels is not False
    return Change("create_node_group", f"node_group/{cluster}/{group.name}", arguments)


def first_count(group: DesiredGroup) -> int | None:
    """How many nodes a new group begins with; None leaves it to Magnum, which makes one.

    Where the bounds forbid that, the nearest count that they allow: Magnum refuses bounds that exclude the count.
    """
    low, high = group.min_node_count or 0, group.max_node_count
    if group.node_count is not None or within(1, low, high):
        return group.node_count
    return max(low, 1) if high is None else min(max(low, 1), high)


def bounds_of(group: DesiredGroup) -> dict[str, int]:
    """The declared bounds."""
    bounds = {"min_node_count": group.min_node_count, "max_node_count": group.max_node_count}
    return {key: value for key, value in bounds.items() if value is not None}


def group_changes(desired: DesiredCluster, actual: Cluster) -> tuple[Change, ...]:
    """What makes the groups as declared, in the order of the declaration; what goes, goes last."""
    changes: list[Change] = []
    for group in desired.groups:
        present = actual.group(group.name)
        if group.absent:
            continue
        if present is None:
            changes.append(group_creation(desired.name, group))
        else:
            changes.extend(_scaling(desired.name, group, present))
    gone = [actual.group(group.name) for group in desired.groups if group.absent]
    changes += [deletion(desired.name, group) for group in gone if group is not None]
    return tuple(changes)


def deletion(cluster: str, group: NodeGroup) -> Change:
    """The request that ends a group."""
    return Change("delete_node_group", f"node_group/{cluster}/{group.name}", {"node_count_before": group.node_count})


def _scaling(cluster: str, group: DesiredGroup, present: NodeGroup) -> list[Change]:
    """Bounds and count in the one order that Magnum takes: a count is always within the bounds of the moment."""
    resource = f"node_group/{cluster}/{group.name}"
    low = present.min_node_count if group.min_node_count is None else group.min_node_count
    high = present.max_node_count if group.max_node_count is None else group.max_node_count
    count = present.node_count if group.node_count is None else group.node_count
    if not within(count, low, high):
        raise InvalidRequest(
            f"Failed to scale node group '{group.name}' of cluster '{cluster}': node_count {count} is outside its "
            f"bounds {low}..{'' if high is None else high}",
            resource=resource,
            hint="Give 'min_node_count' or 'max_node_count' of the node group as well, or another 'node_count'",
        )
    retry = Status.failed(present.status)
    moves = count != present.node_count or retry or bool(group.leaving)
    change = [resize(resource, present, count, group.leaving)] if moves else []
    if (low, high) == (present.min_node_count, present.max_node_count):
        return change
    final = [_set_bounds(resource, present, low, high)]
    if not change or within(present.node_count, low, high):
        return final + change
    if within(count, present.min_node_count, present.max_node_count):
        return change + final
    widest = None if high is None or present.max_node_count is None else max(high, present.max_node_count)
    return [_set_bounds(resource, present, min(low, present.min_node_count), widest), *change, *final]


def within(count: int, low: int, high: int | None) -> bool:
    """Whether a count is inside its bounds."""
    return low <= count and (high is None or count <= high)


def resize(resource: str, present: NodeGroup, count: int, leaving: Iterable[Node] = ()) -> Change:
    """The request for another number of nodes, and for which are to go."""
    named = [node.id for node in leaving]
    arguments = {"node_count": count, "node_count_before": present.node_count}
    return Change("resize", resource, {**arguments, **({"nodes_to_remove": named} if named else {})})


def _set_bounds(resource: str, present: NodeGroup, low: int, high: int | None) -> Change:
    wanted = {"min_node_count": low, "max_node_count": high}
    return Change("set_bounds", resource, {k: v for k, v in wanted.items() if v != getattr(present, k)})


# --- what cannot be declared --------------------------------------------------------------------------------------


def check_groups(groups: tuple[DesiredGroup, ...]) -> None:
    """Refuse what no cluster can have.

    :raises InvalidRequest: a name twice, a second control plane, a count outside its bounds, a default group that is to go.
    """
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
        if group.absent and group.name in (DEFAULT_MASTER, DEFAULT_WORKER):
            raise InvalidRequest(
                f"Failed to delete node group '{group.name}': it is one of the cluster's own two",
                resource=where,
                reason="Magnum deletes these with the cluster only",
                hint="Scale it to 'node_count: 0'" if group.name == DEFAULT_WORKER else "Delete the cluster",
            )
        low, high, count = group.min_node_count or 0, group.max_node_count, group.node_count
        if (high is not None and low > high) or (count is not None and not within(count, low, high)):
            raise InvalidRequest(
                f"Failed to read option 'node_groups': '{group.name}' wants node_count {count} within {low}..{high}",
                resource=where,
                hint="Give min_node_count <= node_count <= max_node_count",
            )


def check_fixed(desired: DesiredCluster, wrong: Mapping[str, tuple[Any, Any]], actual: Cluster) -> None:
    """Refuse what no driver can change, of the cluster and of its groups, all of it in one message.

    :param wrong: field of the cluster -> (is, wanted).
    :raises CannotApply: with the fields and the fixes.
    """
    found = dict(wrong)
    for group in desired.groups:
        present = actual.group(group.name)
        if present is not None:
            differing = fixed_differences(group, present)
            found.update({f"node_groups.{group.name}.{key}": pair for key, pair in differing.items()})
    if not found:
        return
    of_groups = set(found) - set(wrong)
    ways = ["Take the options back"]
    if "cluster_template_id" in wrong:
        ways.append("let the cluster follow its template with 'upgrade: in_place', where its driver has an upgrade")
    if of_groups:
        ways.append("let a new node group take the place of the old one (replace_node_groups: beside, then finish)")
    if wrong:
        ways.append("make a new cluster and move the workloads before this one is deleted")
    raise CannotApply(
        f"Failed to change cluster '{desired.name}': "
        + "; ".join(f"{key} is {have!r}, wanted {want!r}" for key, (have, want) in sorted(found.items())),
        resource=f"cluster/{desired.name}",
        reason="Magnum fixes these for the life of a cluster and of its node groups",
        hint=", or ".join(ways),
        fields=sorted(found),
    )
