# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs where, from kube-state-metrics, in the form of the option ``placements`` of the modules that decide."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.attribution import Directory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.catalogue import DEVICES
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode, Reading, Series

GIB = 1024**3
# A pod that requests nothing still runs: it takes the least that a placement can say, so that its node does not look empty
LEAST_CORES = 0.001

# What Kubernetes puts behind a Deployment's name: up to ten of the letters and digits that spell no words
_VERSION = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5,10}$")

Pod = tuple[str, str, str]


def _pod(series: Series) -> Pod:
    labels = series.labels
    return labels.get("namespace", ""), labels.get("pod", ""), labels.get("uid", "")


def size_of(amounts: Mapping[str, float]) -> tuple[dict[str, Any], list[str]]:
    """The requests of a pod in the short form of a workload, and the resources that this form cannot say."""
    size: dict[str, Any] = {}
    unsaid = []
    for name, amount in sorted(amounts.items()):
        kind, model = DEVICES.get(name, ("", ""))
        if name == "cpu":
            size["cpu_cores"] = round(amount, 3)
        elif name == "memory":
            size["memory_gb"] = round(amount / GIB, 3)
        elif kind and amount:
            size[f"{kind}_count"] = size.get(f"{kind}_count", 0) + int(amount)
            if model:
                size[f"{kind}_model"] = model
        elif amount and "_" in name and name != "ephemeral_storage" and not name.startswith("hugepages_"):
            unsaid.append(name)
    size = {key: value for key, value in size.items() if value}
    return size or {"cpu_cores": LEAST_CORES}, unsaid


def placements_of(
    readings: Iterable[Reading], directory: Directory, servers: Mapping[ClusterNode, str]
) -> tuple[dict[ClusterNode, list[dict[str, Any]]], list[dict[str, Any]]]:
    """The placements of each node whose pods are known, equal pods of one owner as replicas; and what they cannot say.

    :param servers: the server that counts for a node.
    """
    by_server: dict[str, dict[str, Reading]] = {}
    for reading in readings:
        by_server.setdefault(reading.server, {})[reading.metric.measures] = reading
    found: dict[ClusterNode, list[dict[str, Any]]] = {}
    gaps: list[dict[str, Any]] = []
    for server, known in by_server.items():
        if not {"pods", "requests"} <= known.keys():
            continue
        nodes = [node for node, chosen in servers.items() if chosen == server]
        found.update({node: [] for node in nodes})
        amounts: dict[Pod, dict[str, float]] = {}
        for series in known["requests"].series:
            one = amounts.setdefault(_pod(series), {})
            name = series.labels.get("resource", "")
            one[name] = one.get(name, 0.0) + next(iter(series.points.values()))
        for series in known["pods"].series:
            node = directory.find(known["pods"], series.labels).node
            if node is None or servers.get(node) != server:
                continue
            size, unsaid = size_of(amounts.get(_pod(series), {}))
            _add(found[node], node, series.labels, size)
            for name in unsaid:
                reason = f"a placement cannot say what pod {'/'.join(_pod(series)[:2])} requests of {name}"
                gaps.append({"cluster": node.cluster, "node": node.name, "server": server, "reason": reason})
    return {node: sorted(entries, key=_order) for node, entries in found.items()}, gaps


def waiting_of(
    waiting: Iterable[Reading], known: Iterable[Reading], directory: Directory
) -> dict[str, list[dict[str, Any]]]:
    """The pods that wait for a node, by the id of each cluster that may be theirs: namespace with name, and kind of the owner.

    A label ``cluster`` stands for the clusters of all nodes with the same label, since many sites write a name of their own
    into it. So without labels a pod is of every cluster that its server knows.

    :param waiting: readings of the pods.
    :param known: readings of the nodes' ``allocatable`` amounts, among others.
    """
    clusters: dict[tuple[str, str], set[str]] = {}
    for reading in known:
        for series in reading.series if reading.metric.measures == "allocatable" else ():
            node = directory.find(reading, series.labels).node
            if node is not None:
                clusters.setdefault((reading.server, series.labels.get("cluster", "")), set()).add(node.cluster_id)
    # Two servers may watch the same cluster
    found: dict[str, dict[Pod, dict[str, Any]]] = {}
    for reading in waiting:
        for series in reading.series:
            labels = series.labels
            entry = {
                "workload": f"{labels.get('namespace', '')}/{labels.get('pod', '')}",
                "labels": {"kubernetes_owner": labels.get("created_by_kind", "")},
            }
            for cluster in clusters.get((reading.server, labels.get("cluster", "")), ()):
                found.setdefault(cluster, {})[_pod(series)] = entry
    return {cluster: list(pods.values()) for cluster, pods in found.items()}


def _add(entries: list[dict[str, Any]], node: ClusterNode, labels: Mapping[str, str], size: Mapping[str, Any]) -> None:
    """One pod more: a replica of an equal one of the same owner, or an entry of its own."""
    kind, owner = labels.get("created_by_kind", ""), labels.get("created_by_name", "")
    owned = owner not in ("", "<none>") and kind not in ("", "<none>", "Node")
    # A Deployment makes a ReplicaSet for each version of itself; its own name stays
    owner = _VERSION.sub("", owner) if kind == "ReplicaSet" else owner
    entry = {
        "workload": f"{labels.get('namespace', '')}/{owner if owned else labels.get('pod', '')}",
        "cluster": node.cluster_id,
        "node_group": node.group,
        "node": node.id,
        "gang": kind == "Job",
        **size,
    }
    if kind == "DaemonSet":
        entry["labels"] = {"kubernetes_owner": kind}
    for other in entries:
        if {**other, "replicas": 1} == {**entry, "replicas": 1}:
            other["replicas"] += 1
            return
    entries.append({**entry, "replicas": 1})


def _order(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return str(entry["workload"]), repr(sorted(entry.items(), key=str))


def of_workloads(entries: Sequence[Mapping[str, Any]], wanted: Collection[str]) -> list[dict[str, Any]]:
    """The same without nodes, for a decision about workloads: equal ones of one node group are replicas.

    :param wanted: names of the workloads in question. One may leave out the namespace, where only one namespace has it.
    """
    owners: dict[str, set[str]] = {}
    for entry in entries:
        namespace, _slash, owner = str(entry["workload"]).partition("/")
        owners.setdefault(owner, set()).add(namespace)
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        owner = str(entry["workload"]).partition("/")[2]
        short = owner in wanted and len(owners[owner]) == 1
        one = {key: value for key, value in entry.items() if key != "node"}
        one["workload"] = owner if short else entry["workload"]
        same = found.setdefault(repr(sorted({**one, "replicas": 0}.items())), {**one, "replicas": 0})
        same["replicas"] += one["replicas"]
    return list(found.values())
