# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet of a project, read from its cloud for the planner: plain data, in as few calls as it takes.

Clusters, templates, flavors and limits are independent and read side by side. What grows with the fleet is one list for each
cluster that the module looks at and, since bounds and addresses are true only there, one GET for each node group of which these
can matter. They share a few threads, since Magnum asks Keystone several times for each and more would only queue up there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    connect,
    require,
    side_by_side,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.flavors import flavors
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.placement import accelerators_free
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import resources
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.questions import only
from ansible_collections.kcloud.infrastructure.plugins.module_utils.quotas import cluster_limit, compute_quotas
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import is_chosen

if TYPE_CHECKING:
    from openstack.connection import Connection

Plain = dict[str, Any]
Listed = tuple[Cluster, list[NodeGroup]]
# Asks more of the cloud, and of others, beside a fleet; answers what makes that part of the fleet
Look = Callable[["Connection"], Callable[[Plain], Plain]]
# Says of which node groups bounds and addresses can matter
Matters = Callable[[Cluster, NodeGroup], bool]

# What is read at the same time beside the flavors.
PARTS = 5
# From here on a cluster or a group is being deleted, and what it consists of is no longer to be had.
GOING = "DELETE_"


# The documentation of these is plugins/doc_fragments/existing_clusters.py.
STANDING_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "placements": {"type": "list", "elements": "dict"},
    "fleet": {"type": "dict"},
    "flavor_map": {"type": "dict"},
    "prices": {"type": "dict"},
    "require_health": {"type": "bool", "default": True},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}
NODES_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **STANDING_ARGUMENT_SPEC,
    "cluster_names": {"type": "list", "elements": "str"},
    "utilization": {"type": "list", "elements": "dict"},
    "require_metrics": {"type": "bool", "default": True},
}


def every_group(_cluster: Cluster, _group: NodeGroup) -> bool:
    """For what may take away or add nodes anywhere."""
    return True


def named_nodes(placements: Iterable[Mapping[str, Any]]) -> Matters:
    """For what only asks who stands where: the clusters of placements that name a node, which is known by its address."""
    clusters = {str(entry.get("cluster")).strip() for entry in placements if entry.get("node")}
    return lambda found, _group: found.name in clusters or found.id in clusters


def of_clusters(ids: Collection[str], also: Matters) -> Matters:
    """For what changes some clusters: those of these ids, and what else matters."""
    return lambda found, group: found.id in ids or also(found, group)


def of_flavors(offered: list[Plain], names: Collection[str]) -> Matters:
    """For what grows groups of some flavors only."""
    keys = keys_of(offered, names)
    return lambda _found, group: group.flavor_id in keys


def standing_fleet(params: Mapping[str, Any], matters: Matters = every_group, look: Look | None = None) -> Plain:
    """The fleet that a module was given, or else that of its cloud, with the bounds and addresses of nodes that matter.

    :param look: as of ``read_fleet``.
    """
    fleet = params["fleet"]
    if fleet is None:
        fleet = read_fleet(params, lambda _flavors: matters, look)
    return only(fleet, params.get("cluster_names"))


def read_fleet(params: Mapping[str, Any], matter: Callable[[list[Plain]], Matters], look: Look | None = None) -> Plain:
    """Everything that a match looks at, in the form of its option ``fleet``.

    All clusters are in it, since their names are taken; those that ``cluster_names`` leaves out are there without node groups.

    :param params: auth options, ``api_version`` and ``cluster_names`` of a module.
    :param matter: takes the cloud's flavors, answers which node groups are read with their bounds.
    :param look: reads more at the same time.
    :raises KcloudError: the cloud cannot be reached or read.
    """
    require("read the cloud", "openstack", "openstacksdk")
    require("read the cloud", "magnumclient", "python-magnumclient")
    connection = connect(dict(params))
    api = MagnumReader(connection, params.get("api_version"))
    with ThreadPoolExecutor(PARTS) as pool:
        templates = pool.submit(api.cluster_templates)
        used = pool.submit(compute_quotas, connection)
        most = pool.submit(cluster_limit, connection)
        seen = None if look is None else pool.submit(look, connection)
        listed = pool.submit(list_groups, api, params.get("cluster_names"))
        offered = flavors(connection)
        free = pool.submit(accelerators_free, connection, classes(offered))
        found = with_bounds(api, listed.result(), matter(offered))
        fleet = {
            "project_id": api.project_id,
            "flavors": offered,
            "templates": [template(entry) for entry in templates.result()],
            "clusters": [cluster(entry, [node_group(group) for group in groups]) for entry, groups in found],
            "accelerators_free": free.result(),
            "quota": {**used.result(), "clusters": {"limit": most.result(), "used": len(found)}},
        }
        return fleet if seen is None else seen.result()(fleet)


def keys_of(offered: list[Plain], names: Collection[str]) -> set[str]:
    """Names and ids of flavors: Magnum keeps whichever was given."""
    return {key for flavor in offered if flavor["name"] in names for key in (flavor["name"], flavor["id"])}


def classes(offered: list[Plain]) -> set[str]:
    """Placement's resource classes of the accelerators in these flavors."""
    return {name for flavor in offered for name, _count in resources(flavor["extra_specs"])}


def template(found: ClusterTemplate) -> Plain:
    return {
        "id": found.id,
        "name": found.name,
        "flavor": found.flavor_id,
        "master_flavor": found.master_flavor_id,
        "labels": dict(found.labels),
        "coe": found.coe,
        "hidden": bool(found.hidden),
    }


def list_groups(api: MagnumReader, patterns: Collection[str] | None = None) -> list[Listed]:
    """The project's clusters with their worker groups, as lists show them: without true bounds.

    :param patterns: names, patterns of names, or ids, of the clusters whose groups are read; None for all.
    """

    def workers(found: Cluster) -> Listed:
        going = (found.status or "").startswith(GOING)
        looked_at = patterns is None or is_chosen(found.name, found.id, patterns)
        groups = api.node_groups(found) if looked_at and not going else ()
        return found, [group for group in groups if group.role != "master"]

    return side_by_side(workers, api.clusters())


def with_bounds(api: MagnumReader, listed: list[Listed], matters: Matters) -> list[Listed]:
    """The same, with each group that matters read by itself; one that has gone meanwhile is left out."""
    wanted = {group.id: (found, group) for found, groups in listed for group in groups if matters(found, group)}
    known = api.in_detail(wanted.values())
    return [
        (found, [known.get(group.id, group) for group in groups if group.id in known or group.id not in wanted])
        for found, groups in listed
    ]


def cluster(found: Cluster, groups: list[Plain]) -> Plain:
    return {
        "id": found.id,
        "name": found.name,
        "status": found.status,
        "health_status": found.health_status,
        "labels": dict(found.labels),
        "project_id": found.project_id,
        "cluster_template_id": found.cluster_template_id,
        "master_count": found.master_count,
        "master_flavor": found.master_flavor_id,
        "created_at": found.created_at,
        "node_groups": groups,
    }


def node_group(found: NodeGroup) -> Plain:
    return {
        "id": found.id,
        "name": found.name,
        "role": found.role,
        "flavor": found.flavor_id,
        "node_count": found.node_count,
        "min_node_count": found.min_node_count,
        "max_node_count": found.max_node_count,
        "node_addresses": list(found.node_addresses),
        "status": found.status,
    }
