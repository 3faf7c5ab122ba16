# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Magnum's API: one method per call, model objects out, retries of reads here and nowhere else.

Python-magnumclient over the SDK's session. Facts about the calls are in the docstrings where they bite.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    from_exception,
    read,
    side_by_side,
    status_of,
    translated,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    Conflict,
    InvalidRequest,
    KcloudError,
    NotFound,
    Unreadable,
    Unsupported,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.causes import refined
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.listing import around
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import (
    Cluster,
    ClusterTemplate,
    NodeGroup,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

# The newest microversion whose answers this code knows, and the oldest that has all it needs (node groups, zero nodes).
NEWEST = (1, 14)
OLDEST = (1, 10)
# The client reads one page and drops the rest unless it is given a limit; with a large one it follows every page.
ALL = 1_000_000
# The looks at a list, each after a pause, until clusters that Magnum cannot show are gone, where it cannot be read around.
UNREADABLE_PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def parse_version(text: str) -> tuple[int, int]:
    """``1.12`` -> (1, 12).

    :raises InvalidRequest: not of that form.
    """
    found = re.match(r"^(\d+)\.(\d+)$", str(text).strip())
    if not found:
        raise InvalidRequest(
            f"Failed to read option 'api_version': '{text}' is no microversion",
            resource="api_version",
            hint="Give it like '1.11', in quotes, or leave it out",
        )
    return int(found[1]), int(found[2])


def choose_version(server: tuple[int, int], cap: tuple[int, int] | None) -> tuple[int, int]:
    """The newest version that the server, the user's cap and this code share.

    :raises Unsupported: that is too old for node groups.
    """
    chosen = min(server, NEWEST, cap or NEWEST)
    if chosen < OLDEST:
        raise Unsupported(
            f"Failed to agree on a version of Magnum's API: {chosen[0]}.{chosen[1]} is too old",
            resource="container-infra",
            reason=f"the server offers up to {server[0]}.{server[1]}"
            + (f", 'api_version' allows up to {cap[0]}.{cap[1]}" if cap else ""),
            hint=f"Node groups need {OLDEST[0]}.{OLDEST[1]} or newer",
        )
    return chosen


class MagnumApi:
    """Magnum for one project.

    :param connection: logged in.
    :param cap: the newest microversion that the user allows, like ``1.11``.
    """

    def __init__(self, connection: Connection, cap: str | None = None) -> None:
        from magnumclient.v1.client import Client

        with translated("find Magnum in the cloud's catalog", "container-infra"):
            adapter = connection.config.get_session_client("container-infra")
            endpoint = adapter.get_endpoint_data()
            if endpoint is None or not endpoint.url:
                raise NotFound(
                    "Failed to find Magnum in the cloud's catalog",
                    code="SERVICE_NOT_IN_CATALOG",
                    resource="container-infra",
                    hint="Check 'region_name' and 'interface', or whether this cloud offers Magnum",
                )
        self.server_version: tuple[int, int] = tuple(endpoint.max_microversion or (1, 1))
        self.version = choose_version(self.server_version, parse_version(cap) if cap else None)
        self.project_id: str = connection.current_project_id
        self._client = Client(
            session=connection.session,
            endpoint_override=endpoint.url,
            region_name=adapter.region_name,
            interface=adapter.interface,
            api_version=f"{self.version[0]}.{self.version[1]}",
        )

    # --- clusters

    def cluster(self, name_or_id: str) -> Cluster | None:
        """One cluster of this project, without node groups; None when there is none.

        :raises Ambiguous: more than one cluster has this name.
        :raises Unreadable: it has lost its node groups, and Magnum cannot show it.
        """
        doing, resource = f"read cluster '{name_or_id}'", f"cluster/{name_or_id}"
        try:
            answer = read(lambda: self._client.clusters.get(name_or_id), doing, resource)
        except Conflict:
            same = [cluster for cluster in self.clusters() if cluster.name == name_or_id]
            return self._only(same, "cluster", name_or_id)
        if answer is None:
            return None
        found = Cluster.from_api(answer.to_dict())
        if self._is_ours(found):
            return found
        # An admin's GET by name finds other projects' clusters; ours may hide behind it.
        return self._only([c for c in self.clusters() if name_or_id in (c.name, c.id)], "cluster", name_or_id)

    def clusters(self) -> list[Cluster]:
        """All clusters of this project, without node groups, by name.

        One that Magnum cannot show, as it has lost its node groups, is left out; it makes the whole list a 400.

        :raises Unreadable: more than one is so, or Magnum does not tell how many there are, for too long; others may be
            hidden between them.
        """
        for pause in UNREADABLE_PAUSES_S:
            if pause:
                time.sleep(pause)
            try:
                answers = read(self._listed, "list clusters", "clusters", patience=1)
                return self._ours([Cluster.from_api(answer.to_dict()) for answer in answers or []])
            except Unreadable as error:
                total = self._how_many()
                if total is not None:
                    found, missing = around(self._page, lambda cluster: cluster.id, self._is_ours, total)
                    if missing <= 1:
                        return self._ours(found)
                unread, blocked = "some" if total is None else missing, error
        raise Unreadable(
            f"Failed to list clusters: {unread} of them cannot be read",
            resource="clusters",
            reason=blocked.reason,
            hint=blocked.hint,
        )

    def _listed(self, limit: int = ALL, **order: Any) -> list[Any]:
        return self._client.clusters.list(detail=True, limit=limit, **order)

    def _page(self, limit: int, marker: str | None, key: str, direction: str) -> list[Cluster] | None:
        """A part of the list; None where it holds a cluster that Magnum cannot show."""
        order = {"marker": marker, "sort_key": key, "sort_dir": direction}
        try:
            answers = read(lambda: self._listed(limit, **order), "list clusters", "clusters", patience=1)
        except Unreadable:
            return None
        return [Cluster.from_api(answer.to_dict()) for answer in answers or []]

    def _how_many(self) -> int | None:
        """How many clusters the project has, those that cannot be shown included; None where Magnum does not tell."""
        with contextlib.suppress(KcloudError):
            answer = read(lambda: self._client.stats.list(self.project_id), "count the clusters", "clusters")
            return None if answer is None else answer.clusters
        return None

    def _is_ours(self, cluster: Cluster) -> bool:
        return cluster.project_id in (None, self.project_id)

    def _ours(self, found: Iterable[Cluster]) -> list[Cluster]:
        return sorted(filter(self._is_ours, found), key=lambda cluster: (cluster.name, cluster.id))

    def create_cluster(self, arguments: Mapping[str, Any]) -> str:
        """Ask for a cluster; the answer is its id, long before there is a cluster."""
        with _creating(f"create cluster '{arguments['name']}'", f"cluster/{arguments['name']}"):
            return self._client.clusters.create(**arguments).uuid

    def delete_cluster(self, cluster: Cluster) -> bool:
        """Ask for the end of a cluster; False when it is gone already."""
        return _delete(
            lambda: self._client.clusters.delete(cluster.id),
            f"delete cluster '{cluster.name}'",
            f"cluster/{cluster.name}",
        )

    def resize(self, cluster: Cluster, group: NodeGroup, node_count: int, nodes_to_remove: Sequence[str] = ()) -> None:
        """Ask for another number of nodes in one group. Never PATCH: drivers differ in it.

        :param nodes_to_remove: server ids of those that are to go; some drivers ignore them.
        """
        with translated(f"resize node group '{group.name}' of '{cluster.name}'", _group(cluster, group.name)):
            self._client.clusters.resize(cluster.id, node_count, list(nodes_to_remove), nodegroup=group.id)

    def upgrade(
        self, cluster: Cluster, template_id: str, max_batch_size: int | None = None, group: NodeGroup | None = None
    ) -> None:
        """Move a cluster to a template, or one of its extra groups to the cluster's own. A call: its errors come back."""
        about = f"cluster '{cluster.name}'" if group is None else f"node group '{group.name}' of '{cluster.name}'"
        with translated(f"upgrade {about}", f"cluster/{cluster.name}"):
            self._client.clusters.upgrade(
                cluster.id, template_id, max_batch_size or 1, nodegroup=None if group is None else group.id
            )

    # --- node groups

    def node_groups(self, cluster: Cluster) -> tuple[NodeGroup, ...]:
        """The node groups of a cluster as their list shows them: without labels and addresses, and with false bounds."""
        doing, resource = f"list the node groups of '{cluster.name}'", f"cluster/{cluster.name}"
        answers = read(lambda: self._client.nodegroups.list(cluster.id, limit=ALL), doing, resource)
        return tuple(NodeGroup.from_api(answer.to_dict(), detailed=False) for answer in answers or [])

    def in_detail(self, groups: Iterable[tuple[Cluster, NodeGroup]]) -> dict[str, NodeGroup]:
        """These groups as they really are, by id, each read by itself; without those that have gone meanwhile."""
        found = side_by_side(lambda pair: self.node_group(pair[0], pair[1].id), groups)
        return {group.id: group for group in found if group is not None}

    def with_groups(self, cluster: Cluster) -> Cluster:
        """The cluster with its node groups in detail."""
        return self.all_with_groups([cluster])[0]

    def all_with_groups(self, clusters: Sequence[Cluster]) -> list[Cluster]:
        """The same of many clusters, side by side."""
        listed = side_by_side(self.node_groups, clusters)
        known = self.in_detail((cluster, group) for cluster, groups in zip(clusters, listed) for group in groups)
        return [
            replace(
                cluster,
                node_groups=tuple(
                    sorted((known[group.id] for group in groups if group.id in known), key=lambda group: group.name)
                ),
            )
            for cluster, groups in zip(clusters, listed)
        ]

    def node_group(self, cluster: Cluster, group_id: str) -> NodeGroup | None:
        """One node group with its bounds, labels and addresses."""
        answer = read(
            lambda: self._client.nodegroups.get(cluster.id, group_id),
            f"read a node group of '{cluster.name}'",
            _group(cluster, group_id),
        )
        return None if answer is None else NodeGroup.from_api(answer.to_dict(), detailed=True)

    def create_node_group(self, cluster: Cluster, name: str, arguments: Mapping[str, Any]) -> None:
        with _creating(f"create node group '{name}' of '{cluster.name}'", _group(cluster, name)):
            self._client.nodegroups.create(cluster.id, name=name, **arguments)

    def update_node_group(self, cluster: Cluster, group: NodeGroup, values: Mapping[str, Any]) -> None:
        """Change the bounds. Even this sets the whole cluster UPDATE_IN_PROGRESS for some seconds."""
        patch = [{"op": "replace", "path": f"/{key}", "value": value} for key, value in sorted(values.items())]
        with translated(f"change node group '{group.name}' of '{cluster.name}'", _group(cluster, group.name)):
            self._client.nodegroups.update(cluster.id, group.id, patch)

    def delete_node_group(self, cluster: Cluster, group: NodeGroup) -> bool:
        return _delete(
            lambda: self._client.nodegroups.delete(cluster.id, group.id),
            f"delete node group '{group.name}' of '{cluster.name}'",
            _group(cluster, group.name),
        )

    # --- cluster templates

    def cluster_templates(self) -> list[ClusterTemplate]:
        """All templates that this project may use (its own, public ones), by name."""
        answers = read(
            lambda: self._client.cluster_templates.list(detail=True, limit=ALL),
            "list cluster templates",
            "cluster_templates",
        )
        found = [ClusterTemplate.from_api(answer.to_dict()) for answer in answers or []]
        return sorted(found, key=lambda template: (template.name, template.id))

    def cluster_template(self, name_or_id: str) -> ClusterTemplate | None:
        """One template; None when there is none.

        :raises Ambiguous: more than one template has this name.
        """
        doing, resource = f"read cluster template '{name_or_id}'", f"cluster_template/{name_or_id}"
        try:
            answer = read(lambda: self._client.cluster_templates.get(name_or_id), doing, resource)
        except Conflict:
            same = [template for template in self.cluster_templates() if template.name == name_or_id]
            return self._only(same, "cluster template", name_or_id)
        return None if answer is None else ClusterTemplate.from_api(answer.to_dict())

    def create_cluster_template(self, arguments: Mapping[str, Any]) -> ClusterTemplate:
        with _creating(f"create cluster template '{arguments['name']}'", f"cluster_template/{arguments['name']}"):
            answer = self._client.cluster_templates.create(**arguments)
        return ClusterTemplate.from_api(answer.to_dict())

    def update_cluster_template(self, template: ClusterTemplate, values: Mapping[str, Any]) -> None:
        """Change fields. Labels by PATCH want the text of a dictionary."""
        patch = [
            {"op": "replace", "path": f"/{key}", "value": str(dict(value)) if key == "labels" else value}
            for key, value in sorted(values.items())
        ]
        with translated(f"change cluster template '{template.name}'", f"cluster_template/{template.name}"):
            self._client.cluster_templates.update(template.id, patch)

    def delete_cluster_template(self, template: ClusterTemplate) -> bool:
        return _delete(
            lambda: self._client.cluster_templates.delete(template.id),
            f"delete cluster template '{template.name}'",
            f"cluster_template/{template.name}",
        )

    # --- certificates: calls, not casts; their errors come back

    def ca(self, cluster: Cluster) -> str:
        """The cluster's CA certificate, as PEM."""
        doing, resource = f"read the CA of cluster '{cluster.name}'", f"cluster/{cluster.name}"
        answer = read(lambda: self._client.certificates.get(cluster.id), doing, resource)
        if answer is None:
            raise NotFound(
                f"Failed to {doing}: there is none", resource=resource, hint="Wait until the cluster is there"
            )
        return answer.pem

    def sign(self, cluster: Cluster, request_pem: str) -> str:
        """Have the cluster's CA sign a request; the certificate, as PEM. Magnum signs any subject."""
        with translated(f"have a certificate of cluster '{cluster.name}' signed", f"cluster/{cluster.name}"):
            return self._client.certificates.create(cluster_uuid=cluster.id, csr=request_pem).pem

    def rotate_ca(self, cluster: Cluster) -> None:
        with translated(f"rotate the CA of cluster '{cluster.name}'", f"cluster/{cluster.name}"):
            self._client.certificates.rotate_ca(cluster_uuid=cluster.id)

    # --- quota

    def cluster_quota(self) -> int | None:
        """How many clusters the project may have; None when Magnum does not say (it tells admins and owners)."""
        try:
            answer = self._client.quotas.get(self.project_id, "Cluster")
        except Exception as error:
            if status_of(error) in (403, 404):
                return None
            raise from_exception(error, "read Magnum's quota", "quota/Cluster") from error
        return getattr(answer, "hard_limit", None)

    @staticmethod
    def _only(found: list[Any], kind: str, name: str) -> Any:
        if len(found) > 1:
            ids = [entry.id for entry in found]
            raise Ambiguous(
                f"Failed to choose a {kind}: {len(found)} are called '{name}'",
                resource=f"{kind.replace(' ', '_')}/{name}",
                reason=f"their ids are {', '.join(ids)}",
                hint="Names are not unique in Magnum: give the id in place of the name, or delete the one not wanted",
                ids=ids,
            )
        return found[0] if found else None


@contextlib.contextmanager
def _creating(doing: str, resource: str) -> Iterator[None]:
    """Like ``translated``; a refusal gets the code and the way out that its reason deserves."""
    try:
        with translated(doing, resource):
            yield
    except KcloudError as error:
        raise refined(error) from error.__cause__


def _delete(call: Callable[[], Any], doing: str, resource: str) -> bool:
    """Send a delete; False when the object is gone already."""
    try:
        with translated(doing, resource):
            call()
    except NotFound:
        return False
    return True


def _group(cluster: Cluster, name: str) -> str:
    return f"node_group/{cluster.name}/{name}"
