# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A decision as operations: which module or role does what, with which arguments. A role only has to loop over them.

Every operation is a dictionary with ``action``, ``cluster`` (a name, for people), ``args``, and either ``module`` or ``role``.
Names are final: those of new clusters are chosen here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Cluster

Plain = dict[str, Any]

# What changes a cluster, and what creates one with all that it needs: template, network, node groups
CLUSTER_MODULE = "kcloud.infrastructure.magnum_cluster"
CLUSTER_ROLE = "kcloud.infrastructure.accelerator_cluster"
# The worker group that Magnum creates with a cluster. A cluster type has its keys on top, those of other groups under node_groups
DEFAULT_WORKER = "default-worker"
BOUNDS = ("min_node_count", "max_node_count")


# --- operations


def resize(action: str, cluster: str, cluster_id: str, node_groups: Sequence[Plain]) -> Plain:
    """Declare node groups of a running cluster."""
    return {
        "action": action,
        "cluster": cluster,
        "module": CLUSTER_MODULE,
        "args": {"name": cluster_id, "node_groups": list(node_groups)},
    }


def resizes(action: str, entries: Iterable[Mapping[str, Any]]) -> list[Plain]:
    """Node groups that change -> one operation for each cluster, in order of the clusters' ids.

    :param entries: each as in ``declaration``, with ``cluster`` and ``cluster_id``, and perhaps with ``nodes``, the nodes to remove
        as people know them. An operation that removes nodes names these in ``nodes``.
    """
    found: dict[str, Plain] = {}
    for entry in entries:
        made = found.setdefault(entry["cluster_id"], resize(action, entry["cluster"], entry["cluster_id"], ()))
        made["args"]["node_groups"].append(declaration(entry))
        if entry.get("nodes_to_remove"):
            made["nodes"] = [*made.get("nodes", ()), *(entry.get("nodes") or entry["nodes_to_remove"])]
    return [found[identity] for identity in sorted(found)]


def declaration(entry: Mapping[str, Any]) -> Plain:
    """One node group for ``magnum_cluster``. Where an autoscaler owns the number of nodes, its bounds are set in place of it.

    :param entry: with ``node_group``, ``node_count_after``, and perhaps bounds and ``nodes_to_remove``, a list of ids.
    """
    bounds = {key: entry[key] for key in BOUNDS if entry.get(key) is not None}
    removed = entry.get("nodes_to_remove")
    return {
        "name": entry["node_group"],
        **(bounds or {"node_count": entry["node_count_after"]}),
        **({"nodes_to_remove": list(removed)} if removed else {}),
    }


def create(name: str, cluster_type: str, labels: Mapping[str, str], overrides: Mapping[str, Any]) -> Plain:
    """Create a cluster of a type. The arguments are variables of the role, without its prefix."""
    args = {"name": name, "type": cluster_type, "labels": dict(labels), "overrides": dict(overrides)}
    return {"action": "create", "cluster": name, "role": CLUSTER_ROLE, "args": args}


def delete(cluster: str, cluster_id: str) -> Plain:
    """Delete a cluster."""
    args = {"name": cluster_id, "state": "absent"}
    return {"action": "delete", "cluster": cluster, "module": CLUSTER_MODULE, "args": args}


def overrides_of(node_groups: Iterable[Mapping[str, Any]]) -> Plain:
    """The node groups of a new cluster as changes of its type.

    :param node_groups: each with ``name``, ``flavor`` and ``node_count``.
    """
    parts = {group["name"]: {key: group[key] for key in ("flavor", "node_count")} for group in node_groups}
    first = parts.pop(DEFAULT_WORKER, {})
    return {**first, "node_groups": parts}


# --- against stale plans


def expecting(operations: Iterable[Plain], clusters: Iterable[Cluster]) -> list[Plain]:
    """Operations with the state in which each finds its cluster, ``expected_state`` in their arguments.

    Only the first operation on a cluster has it: a later one finds what the first has made of the cluster. Where it removes nodes it
    names them and their number, and is refused when either is not what the plan has counted with.

    :param clusters: those of the fleet; where one does not tell its whole state, its operations are left as they are.
    """
    states = {cluster.id: cluster.state for cluster in clusters if cluster.state is not None}
    made = []
    for operation in operations:
        state = states.pop(operation["args"]["name"], None) if "module" in operation else None
        more = {} if state is None else {"expected_state": state.digest}
        made.append({**operation, "args": {**operation["args"], **more}})
    return made


# --- names of new clusters


def numbered_names(prefix: str, taken: Collection[str], first: int = 1) -> Iterator[str]:
    """Names that no cluster has: prefix-1, prefix-2 and so on, without end."""
    return (name for name in (f"{prefix}-{number}" for number in count(first)) if name not in taken)


def free_name(name: str, taken: Collection[str]) -> str:
    """A name that no cluster has: the name itself, else the first of name-2, name-3 and so on."""
    return name if name not in taken else next(numbered_names(name, taken, 2))


def name_of_split(from_cluster: str, cluster_type: str, workloads: Iterable[str]) -> str:
    """The name of a cluster that a split needs: it depends on whom the cluster is for, so that a run after an interruption finds
    the cluster, and no other split does."""
    mark = hashlib.sha256(json.dumps(sorted(workloads)).encode()).hexdigest()[:6]
    return f"{from_cluster}-{cluster_type}-{mark}"
