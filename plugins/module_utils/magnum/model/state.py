# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one protection against stale plans: a digest of what a decision about a cluster depends on.

Modules that decide answer it, as ``state_digest`` and in their operations. Modules that act take it as ``expected_state`` and compare
it before they change anything.

It leaves bounds out: Magnum shows them only in a read of the single node group, and the digest of a cluster must be the same
however it was read. A plan that breaks a bound is refused by the bound itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Status

OPTION = "expected_state"
FORM = re.compile(r"sha256:[0-9a-f]{64}")
# Other numbers of nodes that a refusal tries out, to say what a group had: so many more, and so many fewer
NEAR = 50


class GroupState(NamedTuple):
    """What a decision depends on, of a node group."""

    name: str
    id: str
    flavor: str | None
    count: int


@dataclass(frozen=True)
class ClusterState:
    """What a decision depends on, of a cluster. ``condition`` is ``deleting``, ``failed`` or nothing; groups are in order of name."""

    id: str
    name: str
    template: str | None
    condition: str
    groups: tuple[GroupState, ...]

    @property
    def digest(self) -> str:
        """Equal for equal states, whoever read them."""
        return digest(self)


# --- digests


def digest(value: Any) -> str:
    """SHA-256 of frozen or plain data in canonical JSON."""
    text = json.dumps(value, default=_fields, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def cluster_state(cluster: Cluster) -> str:
    """Digest of what a decision about a cluster depends on, and of nothing that changes by itself.

    That is its id, name and template, its worker groups with id, flavor and number of nodes, and whether it is being deleted or
    has failed.

    :param cluster: with its node groups, from lists or in detail.
    """
    return state_of(cluster).digest


def state_of(cluster: Cluster) -> ClusterState:
    """The same as frozen data."""
    return _state(
        (cluster.id, cluster.name, cluster.cluster_template_id, cluster.status),
        (
            (GroupState(group.name, group.id, group.flavor_id, group.node_count), group.status)
            for group in cluster.node_groups
            if group.role != "master"
        ),
    )


def state_in(given: Mapping[str, Any]) -> ClusterState | None:
    """The same from plain data, as information modules return it; None where that does not tell everything."""
    raws, identity = given.get("node_groups"), (given.get("id"), given.get("name"))
    if not isinstance(raws, list) or not all(map(_is_text, identity)) or "cluster_template_id" not in given:
        return None
    groups = [_group_in(raw) for raw in raws if raw.get("role") != "master"]
    status, template = given.get("status"), given["cluster_template_id"]
    if None in groups or not all(value is None or _is_text(value) for value in (status, template)):
        return None
    return _state((*identity, template, status), groups)


def _group_in(raw: Mapping[str, Any]) -> tuple[GroupState, str | None] | None:
    flavor, count, status = raw.get("flavor", raw.get("flavor_id")), raw.get("node_count"), raw.get("status")
    texts = (raw.get("name"), raw.get("id"), "" if flavor is None else flavor, "" if status is None else status)
    if (
        not all(isinstance(value, str) for value in texts)
        or not raw["id"]
        or not isinstance(count, int)
        or isinstance(count, bool)
    ):
        return None
    return GroupState(raw["name"], raw["id"], flavor, count), status


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _state(
    cluster: tuple[str, str, str | None, str | None], groups: Iterable[tuple[GroupState, str | None]]
) -> ClusterState:
    *identity, status = cluster
    condition = "deleting" if Status.going(status) else "failed" if Status.failed(status) else ""
    # What a cluster consists of is not read any more once its deletion has begun, and a group that goes counts as gone
    left = () if (status or "").startswith("DELETE_") else groups
    return ClusterState(*identity, condition, tuple(sorted(group for group, doing in left if not Status.going(doing))))


# --- the protection


def check_form(expected: str | None) -> None:
    """Refuse an ``expected_state`` that no module has answered.

    :raises InvalidRequest: it is not a digest.
    """
    if expected and not FORM.fullmatch(expected):
        raise InvalidRequest(
            f"Failed to read option '{OPTION}': '{expected}' is not 'sha256:' and 64 hexadecimal digits",
            resource=OPTION,
            hint="Give 'state_digest', or 'expected_state' of an operation, as a module returned it; nothing was changed",
        )


def check_cluster(expected: str | None, cluster: Cluster | None, name: str) -> None:
    """Refuse to change a cluster that is not what was decided on.

    :param expected: its digest when that was decided; nothing is compared without.
    :param cluster: with its node groups; None when it is gone.
    :raises Conflict: the state has changed.
    """
    if not expected:
        return
    state = None if cluster is None else state_of(cluster)
    if state is None or state.digest != expected:
        raise Conflict(
            f"Failed to change cluster '{name if state is None else state.name}': its state has changed since this was decided",
            code="STATE_CHANGED",
            resource=f"cluster/{name}",
            reason="it is gone" if state is None else difference(expected, state),
            hint="Decide anew, and look at the new plan; nothing was changed",
        )


def difference(expected: str, now: ClusterState) -> str:
    """What has changed, in words: the one change that explains another digest, or else what is there now."""
    if now.condition:
        return {"deleting": "it is being deleted", "failed": "it has failed"}[now.condition]
    found = next((said for other, said in _others(now) if other.digest == expected), None)
    return found or "it now has " + (", ".join(_group(now, group) for group in now.groups) or "no node groups")


def _others(now: ClusterState) -> Iterator[tuple[ClusterState, str]]:
    """States from which one change leads to this one, and how that is said."""
    yield replace(now, condition="failed"), "it had failed, and has not any more"
    for index, group in enumerate(now.groups):
        without = now.groups[:index], now.groups[index + 1 :]
        yield replace(now, groups=(*without[0], *without[1])), f"node group {now.name}/{group.name} is new"
        for count in range(max(0, group.count - NEAR), group.count + NEAR + 1):
            other = replace(now, groups=(*without[0], group._replace(count=count), *without[1]))
            yield other, f"node group {now.name}/{group.name} has {group.count} nodes now, and had {count}"


def _group(now: ClusterState, group: GroupState) -> str:
    return f"node group {now.name}/{group.name} with {group.count} nodes"
