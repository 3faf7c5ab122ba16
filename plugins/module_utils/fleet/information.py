# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole project for information: clusters with their node groups, cluster templates, networks; one list of each kind."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.networks import TAG
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.information import with_state
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import is_autoscaled
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import may_stand_for
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.project import Project
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.templates import described

if TYPE_CHECKING:
    from openstack.connection import Connection


def read_fleet_information(
    connection: Connection, names: Collection[str] | None, *, details: bool, interface: str, api_version: str | None
) -> dict[str, Any]:
    """The project's clusters, cluster templates and networks.

    :param names: names or ids of clusters; None for all.
    :param details: read bounds, labels and addresses of every node group, with one request each.
    :returns: what the list of node groups does not show is None in those that were not read singly.
    """
    project = Project(connection, MagnumReader(connection, api_version))
    heat = HeatReader(connection, interface)
    with ThreadPoolExecutor(1) as pool:
        stacks = pool.submit(heat.stacks, (TAG,))
        project.read_lists()
        clusters = [
            cluster for cluster in project.clusters() if names is None or cluster.name in names or cluster.id in names
        ]
        project.read_groups((cluster, partial(_matters, cluster, details)) for cluster in clusters)
        networks = sorted((stack for stack in stacks.result() if not stack.gone), key=lambda stack: stack.name)
    return {
        "clusters": [with_state(project.with_groups(cluster)) for cluster in clusters],
        "cluster_templates": described(project.templates(), project.clusters(), whole=True),
        "networks": [
            {"id": stack.id, "name": stack.name, "status": stack.status, "tags": list(stack.tags)} for stack in networks
        ],
    }


def _matters(cluster: Cluster, details: bool, group: NodeGroup) -> bool:
    """Whether a group is read singly. The bounds of a group that an autoscaler owns are its own, so a declaration looks at them."""
    return details or may_stand_for(group) or is_autoscaled(cluster.labels)
