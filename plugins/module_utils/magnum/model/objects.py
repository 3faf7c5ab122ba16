# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Magnum knows, as frozen data: cluster templates, clusters and their node groups, and plans for them.

Nothing here talks to a cloud. ``from_api`` takes what the API answers, ``as_result`` is what a module returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

DEFAULT_WORKER = "default-worker"
DEFAULT_MASTER = "default-master"
# What the list of a cluster's node groups leaves out, or shows wrongly.
ONLY_IN_DETAIL = (
    "min_node_count",
    "max_node_count",
    "docker_volume_size",
    "labels",
    "node_addresses",
    "status_reason",
)


def label_text(value: object) -> str:
    """A label as Magnum stores it: always text; booleans in lower case, as Kubernetes and Heat read them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def normal_label(value: object) -> str:
    """A label for comparing: YAML's ``true`` sent by another client was stored as ``True``."""
    text = label_text(value)
    return text.lower() if text.lower() in ("true", "false") else text


def normal_labels(labels: Mapping[str, object] | None) -> dict[str, str]:
    """Labels of either side, ready to be compared."""
    return dict(sorted((str(key), normal_label(value)) for key, value in (labels or {}).items()))


def _taken(cls: type, answer: Mapping[str, Any], **special: Any) -> dict[str, Any]:
    """The answer's values for the dataclass's fields; what the API leaves out keeps the field's default."""
    known = {entry.name for entry in fields(cls)}
    plain = {key: value for key, value in answer.items() if key in known and value is not None}
    return {**plain, **special}


class Status:
    """The three families of ``{ACTION}_{STATUS}``, and the question each caller asks."""

    @staticmethod
    def in_progress(status: str | None) -> bool:
        """Something is under way. DELETE_COMPLETE too: shown for a moment, with node groups gone, before the cluster is."""
        return bool(status) and (status.endswith("_IN_PROGRESS") or status == "DELETE_COMPLETE")

    @staticmethod
    def going(status: str | None) -> bool:
        """A deletion is under way."""
        return Status.in_progress(status) and status.startswith("DELETE_")

    @staticmethod
    def failed(status: str | None) -> bool:
        return bool(status) and status.endswith("_FAILED")

    @staticmethod
    def complete(status: str | None) -> bool:
        return bool(status) and status.endswith("_COMPLETE") and status != "DELETE_COMPLETE"


@dataclass(frozen=True)
class ClusterTemplate:
    """A cluster template; field names are the API's, ``id`` is its uuid."""

    id: str
    name: str
    coe: str | None = None
    image_id: str | None = None
    keypair_id: str | None = None
    external_network_id: str | None = None
    fixed_network: str | None = None
    fixed_subnet: str | None = None
    network_driver: str | None = None
    volume_driver: str | None = None
    docker_storage_driver: str | None = None
    docker_volume_size: int | None = None
    dns_nameserver: str | None = None
    server_type: str | None = None
    flavor_id: str | None = None
    master_flavor_id: str | None = None
    cluster_distro: str | None = None
    floating_ip_enabled: bool | None = None
    master_lb_enabled: bool | None = None
    tls_disabled: bool | None = None
    registry_enabled: bool | None = None
    insecure_registry: str | None = None
    http_proxy: str | None = None
    https_proxy: str | None = None
    no_proxy: str | None = None
    public: bool | None = None
    hidden: bool | None = None
    tags: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    project_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None

    @classmethod
    def from_api(cls, answer: Mapping[str, Any]) -> ClusterTemplate:
        return cls(**_taken(cls, answer, id=answer["uuid"], labels=dict(answer.get("labels") or {})))

    def as_result(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class NodeGroup:
    """A node group. ``detailed`` tells whether it came from a GET of its own.

    Only that shows the fields of ``ONLY_IN_DETAIL``; for the bounds the list answers min 0 and max None, whatever they are.
    """

    id: str
    name: str
    role: str = "worker"
    flavor_id: str | None = None
    image_id: str | None = None
    node_count: int = 0
    min_node_count: int = 0
    max_node_count: int | None = None
    is_default: bool = False
    status: str | None = None
    status_reason: str | None = None
    docker_volume_size: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    node_addresses: tuple[str, ...] = ()
    stack_id: str | None = None
    detailed: bool = False

    @classmethod
    def from_api(cls, answer: Mapping[str, Any], *, detailed: bool) -> NodeGroup:
        special = {
            "id": answer["uuid"],
            "labels": dict(answer.get("labels") or {}),
            "node_addresses": tuple(answer.get("node_addresses") or ()),
            "detailed": detailed,
        }
        return cls(**_taken(cls, answer, **special))

    def as_result(self) -> dict[str, Any]:
        """The group as a module returns it; what its list does not show is None there, and not a default."""
        result = {**asdict(self), "node_addresses": list(self.node_addresses)}
        if not result.pop("detailed"):
            result.update(dict.fromkeys(ONLY_IN_DETAIL))
        return result


@dataclass(frozen=True)
class Cluster:
    """A cluster; field names are the API's, ``id`` is its uuid. ``node_count`` sums all worker groups, as in the API."""

    id: str
    name: str
    status: str | None = None
    status_reason: str | None = None
    health_status: str | None = None
    health_status_reason: Mapping[str, str] = field(default_factory=dict)
    cluster_template_id: str | None = None
    keypair: str | None = None
    node_count: int = 0
    master_count: int = 0
    flavor_id: str | None = None
    master_flavor_id: str | None = None
    docker_volume_size: int | None = None
    fixed_network: str | None = None
    fixed_subnet: str | None = None
    floating_ip_enabled: bool | None = None
    master_lb_enabled: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    create_timeout: int | None = None
    stack_id: str | None = None
    api_address: str | None = None
    coe_version: str | None = None
    node_addresses: tuple[str, ...] = ()
    master_addresses: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    project_id: str | None = None
    user_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    node_groups: tuple[NodeGroup, ...] = ()

    @classmethod
    def from_api(cls, answer: Mapping[str, Any], node_groups: Iterable[NodeGroup] = ()) -> Cluster:
        special = {
            "id": answer["uuid"],
            # Cluster-API drivers answer microversion 1.13 and later with another name for the same thing.
            "stack_id": answer.get("stack_id") or answer.get("cluster_id"),
            "labels": dict(answer.get("labels") or {}),
            "faults": dict(answer.get("faults") or {}),
            "health_status_reason": dict(answer.get("health_status_reason") or {}),
            "node_addresses": tuple(answer.get("node_addresses") or ()),
            "master_addresses": tuple(answer.get("master_addresses") or ()),
            "node_groups": tuple(sorted(node_groups, key=lambda group: group.name)),
        }
        return cls(**_taken(cls, answer, **special))

    def group(self, name: str) -> NodeGroup | None:
        return next((group for group in self.node_groups if group.name == name), None)

    def as_result(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "node_addresses": list(self.node_addresses),
            "master_addresses": list(self.master_addresses),
            "node_groups": [group.as_result() for group in self.node_groups],
        }


@dataclass(frozen=True)
class Node:
    """A node of a group, with all by which a user may name it; ``id`` is what a driver takes to remove it."""

    id: str
    name: str | None = None
    addresses: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(filter(None, (self.id, self.name, *self.addresses)))

    @property
    def label(self) -> str:
        return self.name or self.id


@dataclass(frozen=True)
class DesiredGroup:
    """A node group as declared; None means that the user did not say.

    ``leaving`` are the nodes that ``nodes_to_remove`` stands for and that are still there; it is found, not declared.
    """

    name: str
    role: str | None = None
    flavor_id: str | None = None
    image_id: str | None = None
    node_count: int | None = None
    min_node_count: int | None = None
    max_node_count: int | None = None
    docker_volume_size: int | None = None
    labels: Mapping[str, str] | None = None
    merge_labels: bool | None = None
    nodes_to_remove: tuple[str, ...] | None = None
    absent: bool = False
    leaving: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Superseded:
    """A node group whose place another took and that is still there: its nodes are to be drained."""

    declared: str
    name: str
    replaced_by: str
    node_count: int
    node_addresses: tuple[str, ...] = ()

    def as_result(self) -> dict[str, Any]:
        return {**asdict(self), "node_addresses": list(self.node_addresses)}


@dataclass(frozen=True)
class DesiredCluster:
    """A cluster as declared: ``given`` holds the API's fields that the user gave, and only these.

    :param replace_groups: what to do where Magnum fixes what differs in a group: ``refuse``, ``beside`` or ``finish``.
    :param partial: only these groups are meant, and not what else is amiss with the cluster.
    :param superseded: found when the declaration meets the cluster, as are ``autoscaled``, groups whose count is not ours.
    """

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[DesiredGroup, ...] = ()
    purge_groups: bool = False
    replace_groups: str = "refuse"
    partial: bool = False
    superseded: tuple[Superseded, ...] = ()
    autoscaled: tuple[str, ...] = ()
