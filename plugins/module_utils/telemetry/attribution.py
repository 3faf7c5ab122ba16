# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which node of which cluster a series is about: by the server's id first, then by the node's name, last by an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import is_like
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode, Metric, Reading

# A server, a cluster's label, a node's name
Key = tuple[str, str, str]

# With or without a region: openstack:///ID, openstack://REGION/ID
_PROVIDED = re.compile(r"openstack://[^/]*/([0-9a-f-]+)")
_PORT = re.compile(r":\d{1,5}$")


@dataclass(frozen=True)
class Found:
    """The node that a series names, or why it belongs to none; ``label`` is what the series calls it."""

    label: str
    node: ClusterNode | None = None
    reason: str | None = None


def node_label(labels: Mapping[str, str], metric: Metric) -> str:
    """What a series calls its node; empty where it has none of the labels."""
    given = next((labels[name] for name in metric.node if labels.get(name)), "")
    return _PORT.sub("", given).lower()


class Directory:
    """The nodes of the clusters at hand, by all that a series may call them.

    :param nodes: of all clusters that are looked at.
    :param readings: what the servers said; those that measure ``identity`` say which server a node's name stands for.
    :param clusters: names and ids of all clusters of the project. A label ``cluster`` with another value says nothing, as
        many sites write a name of their own into it.
    """

    def __init__(
        self, nodes: Iterable[ClusterNode], readings: Iterable[Reading] = (), clusters: Iterable[str] = ()
    ) -> None:
        nodes = list(nodes)
        self._clusters = {*clusters, *(key for node in nodes for key in (node.cluster, node.cluster_id))}
        self._known: dict[str, list[ClusterNode]] = {}
        self._addresses: dict[str, list[ClusterNode]] = {}
        for node in nodes:
            for name in dict.fromkeys((node.id.lower(), node.name.lower())):
                # Where nothing but an address is known of a node, Magnum shows it as the node's id
                target = self._addresses if name in node.addresses else self._known
                target.setdefault(name, []).append(node)
            for address in node.addresses:
                if node not in self._addresses.setdefault(address, []):
                    self._addresses[address].append(node)
        # The server that a node's name stands for: as the cloud's controller says, or else as the node's firmware does
        self._provided: dict[Key, set[str]] = {}
        self._reported: dict[Key, set[str]] = {}
        for reading in readings:
            for series in reading.series if reading.metric.measures == "identity" else ():
                key = self._key(reading, series.labels)
                provided = _PROVIDED.fullmatch(series.labels.get("provider_id", "").lower())
                reported = series.labels.get("system_uuid", "").lower()
                if provided and is_uuid(provided[1]):
                    self._provided.setdefault(key, set()).add(provided[1])
                if is_uuid(reported):
                    self._reported.setdefault(key, set()).add(reported)

    @staticmethod
    def _key(reading: Reading, labels: Mapping[str, str]) -> Key:
        return reading.server, labels.get("cluster", ""), node_label(labels, reading.metric)

    def find(self, reading: Reading, labels: Mapping[str, str]) -> Found:
        """The node of one series.

        An address counts only where the series or its server says which cluster it is about, since every cluster has a
        network of its own and addresses repeat.
        """
        label = node_label(labels, reading.metric)
        if not label:
            return Found("", reason=f"the series has none of the labels {', '.join(reading.metric.node)}")
        key = self._key(reading, labels)
        provided, reported = (found.get(key, set()) for found in (self._provided, self._reported))
        by_id = self._by_id(provided or reported)
        if by_id is not None:
            return Found(label, by_id)
        if len(provided) == 1:
            # The firmware of some hosts has ids of its own; what the cloud's controller says is Nova's
            return Found(label, reason=f"it is server {next(iter(provided))}, which is not a node of the clusters")
        named = labels.get("cluster", "")
        scope = (named,) if named in self._clusters else reading.clusters
        names = (label, *([] if label in self._addresses else [label.split(".")[0]]))
        candidates = next((found for name in names if (found := _within(self._known.get(name, []), scope))), [])
        if not candidates and scope:
            candidates = _within(self._addresses.get(label, []), scope)
        if len(candidates) == 1:
            return Found(label, candidates[0])
        if candidates:
            return Found(label, reason=f"nodes of {len(candidates)} clusters have this name")
        if label in self._addresses and not scope:
            return Found(label, reason="an address alone does not say which cluster it is in")
        return Found(label, reason="no node of the clusters has this name")

    def _by_id(self, identities: set[str]) -> ClusterNode | None:
        """The node that is this server; None where several are named, as by two clusters of one server's label."""
        found = self._known.get(next(iter(identities)), []) if len(identities) == 1 else []
        return found[0] if len(found) == 1 else None


def _within(nodes: list[ClusterNode], scope: Iterable[str]) -> list[ClusterNode]:
    """Those of the nodes that are in one of these clusters; all where none is named."""
    if not scope:
        return nodes
    return [node for node in nodes if node.cluster_id in scope or is_like(node.cluster, scope)]
