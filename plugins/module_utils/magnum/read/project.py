# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one run knows of its project: every object is asked for once, when the plan first needs it.

For one object the questions are asked singly. For many the lists are read first (``read_lists``, ``read_groups``), and every
later question is answered from them. What changes afterwards is watched by ``apply``, which reads for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import IdentifiedDriver
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    Node,
    NodeGroup,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.detect_driver import driver_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.nodes import read_nodes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.references import References

if TYPE_CHECKING:
    from openstack.connection import Connection


class Project:
    """The project's clusters, templates, drivers, nodes and references, each read at most once.

    :param connection: logged in.
    :param api: Magnum, to look at.
    """

    def __init__(self, connection: Connection, api: MagnumReader) -> None:
        self.connection = connection
        self.api = api
        self.references = References(connection)
        self._clusters: list[Cluster] | None = None
        self._templates: list[ClusterTemplate] | None = None
        self._cluster: dict[str, Cluster | None] = {}
        self._template: dict[str, ClusterTemplate | None] = {}
        self._whole: dict[str, Cluster] = {}
        self._drivers: dict[tuple[str, str | None], IdentifiedDriver] = {}

    # --- many at once

    def read_lists(self) -> None:
        """Read the project's clusters and templates, one list of each, at the same time."""
        with ThreadPoolExecutor(2) as pool:
            templates = pool.submit(self.templates)
            self.clusters()
            templates.result()

    def read_groups(self, wanted: Iterable[tuple[Cluster, Callable[[NodeGroup], bool]]]) -> None:
        """Read the node groups of many clusters side by side.

        :param wanted: each cluster with what says which of its groups are read singly; the others stay as their list shows them.
        """
        asked = {cluster.id: (cluster, matters) for cluster, matters in wanted if cluster.id not in self._whole}
        found = self.api.all_with_groups(
            (cluster for cluster, _matters in asked.values()), lambda cluster, group: asked[cluster.id][1](group)
        )
        self._whole.update({cluster.id: cluster for cluster in found})

    def without_groups(self, cluster: Cluster) -> None:
        """The plan does not look at the node groups of this cluster, so they are not read."""
        self._whole.setdefault(cluster.id, cluster)

    # --- one question each

    def clusters(self) -> list[Cluster]:
        """All clusters of the project, without node groups, by name."""
        if self._clusters is None:
            self._clusters = self.api.clusters()
        return self._clusters

    def cluster(self, name_or_id: str) -> Cluster | None:
        """One cluster, without node groups; None when the project has none of this name or id.

        :raises Ambiguous: more than one cluster has this name.
        """
        if name_or_id not in self._cluster:
            found = None if self._clusters is None else self.api.called(name_or_id, self._clusters)
            if self._clusters is None or (found is not None and Status.failed(found.status)):
                # Only a single read shows the faults of a cluster.
                found = self.api.cluster(name_or_id if found is None else found.id)
            self._cluster[name_or_id] = found
        return self._cluster[name_or_id]

    def absent(self, name_or_id: str) -> Cluster | None:
        """A second look at a cluster that a list did not show: an absence counts when two reads say so."""
        if self._clusters is not None and self._cluster.get(name_or_id) is None:
            self._cluster[name_or_id] = self.api.look(name_or_id)
        return self._cluster.get(name_or_id)

    def with_groups(self, cluster: Cluster) -> Cluster:
        """The cluster with its node groups: as ``read_groups`` read them, else all in detail."""
        if cluster.id not in self._whole:
            self._whole[cluster.id] = self.api.with_groups(cluster)
        return replace(cluster, node_groups=self._whole[cluster.id].node_groups)

    def templates(self) -> list[ClusterTemplate]:
        """All cluster templates that the project may use, by name."""
        if self._templates is None:
            self._templates = self.api.cluster_templates()
        return self._templates

    def template(self, name_or_id: str) -> ClusterTemplate | None:
        """One cluster template; None when the project sees none of this name or id.

        :raises Ambiguous: more than one template has this name.
        """
        if name_or_id not in self._template:
            if self._templates is None:
                found = self.api.cluster_template(name_or_id)
            else:
                found = self.api.template_called(name_or_id, self._templates)
            self._template[name_or_id] = found
            if found is not None:
                self._template[found.id] = found
        return self._template[name_or_id]

    def learn_template(self, template: ClusterTemplate) -> None:
        """Take in a template that this run made or changed."""
        self._template = {}
        if self._templates is not None:
            self._templates = [*(entry for entry in self._templates if entry.id != template.id), template]

    def driver(self, cluster: Cluster, said: str | None = None) -> IdentifiedDriver:
        """The driver of a cluster.

        :param said: name of the driver by the user; then Heat is not asked.
        """
        key = (cluster.id, said)
        if key not in self._drivers:
            template = self.template(cluster.cluster_template_id) if cluster.cluster_template_id else None
            self._drivers[key] = driver_of(self.connection, template, cluster, said)
        return self._drivers[key]

    def nodes(self, cluster: Cluster) -> dict[str, tuple[Node, ...]]:
        """Each group's nodes; asked by the plan once, and only where nodes are named."""
        return read_nodes(self.connection, cluster)
