# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a project may have of each thing, what it has, and what is left: Nova's, Neutron's and Magnum's word on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read, read_existing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import NotPermitted
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.endpoint import magnum_adapter

if TYPE_CHECKING:
    from openstack.connection import Connection

# What Neutron counts and clusters use up, by its names, which are ours too.
NETWORK_RESOURCES = ("networks", "routers", "ports", "security_groups", "floating_ips")
# What the quotas are called here
RESOURCES = ("instances", "cores", "ram_mib", *NETWORK_RESOURCES, "clusters")


def quota(limit: int | None, used: int) -> dict[str, Any]:
    """``limit`` -1 means unlimited, None unknown; then nothing can be said of what is ``left``."""
    return {"limit": limit, "used": used, "left": None if limit is None or limit < 0 else max(0, limit - used)}


def compute_quotas(connection: Connection) -> dict[str, Any]:
    nova = read_existing(lambda: connection.compute.get_limits().absolute, "read Nova's limits", "compute")
    return {
        "instances": quota(nova.instances, nova.instances_used),
        "cores": quota(nova.total_cores, nova.total_cores_used),
        "ram_mib": quota(nova.total_ram, nova.total_ram_used),
    }


def network_quotas(connection: Connection) -> dict[str, Any]:
    project = connection.current_project_id
    neutron = read_existing(
        lambda: connection.network.get_quota(project, details=True), "read Neutron's quotas", "network"
    )
    found = {name: getattr(neutron, name, None) for name in NETWORK_RESOURCES}
    return {name: quota(about["limit"], about["used"]) for name, about in found.items() if about}


def cluster_limit(connection: Connection) -> int | None:
    """How many clusters the project may have; None where Magnum does not say: no quota of its own, or not ours to know."""
    return _limit(magnum_adapter(connection), connection.current_project_id)


def cluster_quotas(connection: Connection) -> dict[str, Any]:
    magnum, project = magnum_adapter(connection), connection.current_project_id
    stats = _ask(magnum, f"/stats?project_id={project}", "read Magnum's stats") or {}
    return {"clusters": quota(_limit(magnum, project), stats.get("clusters", 0))}


def _limit(magnum: Any, project: str) -> int | None:
    try:
        answer = _ask(magnum, f"/quotas/{project}/Cluster", "read Magnum's quota") or {}
    except NotPermitted:
        return None
    return answer.get("hard_limit")


def _ask(magnum: Any, path: str, doing: str) -> Any:
    """What Magnum answers below ``/v1``, None for a 404; the SDK lacks the calls for quotas."""
    # The SDK's own name of the service in this header is one that Magnum 20 does not take, and its adapter hides errors.
    headers = {"OpenStack-API-Version": "container-infra 1.6"}
    return read(lambda: magnum.get(path, headers=headers, raise_exc=True).json(), doing, "container-infra")


# By the service that counts.
SERVICES = {"compute": compute_quotas, "network": network_quotas, "container-infra": cluster_quotas}


def quotas(connection: Connection, services: Iterable[str] = tuple(SERVICES)) -> dict[str, Any]:
    """``{resource: {limit, used, left}}`` of the project that is logged in.

    :raises KcloudError: one of the services does not say.
    """
    found: dict[str, Any] = {}
    for service in services:
        found.update(SERVICES[service](connection))
    return found
