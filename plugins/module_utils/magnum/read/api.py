# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Magnum is asked: one method per call, model objects out, retries of reads here and nowhere else.

Python-magnumclient over the SDK's session. Facts about the calls are in the docstrings where they bite.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    read,
    side_by_side,
    translated,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    Conflict,
    KcloudError,
    NotFound,
    ServiceError,
    Unreadable,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_token
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    NodeGroup,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.endpoint import (
    choose_version,
    parse_version,
    read_endpoint,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.unreadable_lists import around

if TYPE_CHECKING:
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
    from openstack.connection import Connection

Answer = TypeVar("Answer")

# The client reads one page and drops the rest unless it is given a limit; with a large one it follows every page.
ALL = 1_000_000
# The looks at a list, each after a pause, until clusters that Magnum cannot show are gone, where it cannot be read around.
UNREADABLE_PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
# A group list that is a 404 although its cluster is there is read again after these pauses.
LISTED_AGAIN_S = (0.5, 1.0, 2.0)


class MagnumReader:
    """Magnum for one project, to look at.

    :param connection: logged in.
    :param cap: the newest microversion that the user allows, like ``1.11``.
    """

    def __init__(self, connection: Connection, cap: str | None = None) -> None:
        from magnumclient.v1.client import Client

        with translated("find Magnum in the cloud's catalog", "container-infra"):
            adapter = connection.config.get_session_client("container-infra")
        endpoint = read_endpoint(adapter)
        self.server_version: tuple[int, int] = tuple(endpoint.max_microversion)
        self.version = choose_version(self.server_version, parse_version(cap) if cap else None)
        self.project_id: str = connection.current_project_id
        self._until: Deadline | None = None
        self._client = Client(
            session=connection.session,
            endpoint_override=endpoint.url,
            region_name=adapter.region_name,
            interface=adapter.interface,
            api_version=f"{self.version[0]}.{self.version[1]}",
        )

    def patient(self, deadline: Deadline) -> Self:
        """The same API for a wait: its reads go on through any hiccup until the deadline."""
        same = copy.copy(self)
        same._until = deadline
        return same

    def _read(self, call: Callable[[], Answer], doing: str, resource: str, **options: Any) -> Answer | None:
        return read(call, doing, resource, until=self._until, **options)

    def _list(self, call: Callable[[], list[Any]], doing: str, resource: str, **options: Any) -> list[Any]:
        """A read of a list. A list is there even when it is empty, so a 404 is an error, when it is one twice."""
        answers = self._read(call, doing, resource, **options)
        if answers is None:
            time.sleep(LISTED_AGAIN_S[0])
            answers = self._read(call, doing, resource, **options)
        if answers is None:
            raise ServiceError(
                f"Failed to {doing}",
                code="BROKEN_ANSWER",
                resource=resource,
                reason="the list is a 404",
                hint="Check the address of Magnum in the cloud's catalog, and the proxies in front of it",
            )
        return answers

    # --- clusters

    def cluster(self, name_or_id: str) -> Cluster | None:
        """One cluster of this project, without node groups; None when there is none.

        :raises Ambiguous: more than one cluster has this name.
        :raises Unreadable: it has lost its node groups, and Magnum cannot show it.
        """
        found, missing = self._single(name_or_id)
        return self._by_list(name_or_id, missing) if found is None else found

    def look(self, name_or_id: str) -> Cluster | None:
        """One look at a cluster: as ``cluster``, but None may also mean that one answer was wrong."""
        found, missing = self._single(name_or_id)
        return self._by_list(name_or_id, missing) if found is None and not missing else found

    def _single(self, name_or_id: str) -> tuple[Cluster | None, bool]:
        """The cluster of this project by one request, and whether Magnum says that there is none.

        (None, False) where one request cannot tell: the name is ambiguous, another project's, or none for an address.
        """
        if not is_token(name_or_id):
            return None, False
        doing, resource = f"read cluster '{name_or_id}'", f"cluster/{name_or_id}"
        try:
            answer = self._read(lambda: self._client.clusters.get(name_or_id), doing, resource)
        except Conflict:
            return None, False
        if answer is None:
            return None, True
        found = Cluster.from_api(answer.to_dict())
        _check_asked(found, name_or_id, doing, resource)
        # An admin's GET by name finds other projects' clusters; ours may hide behind it.
        return (found if self._is_ours(found) else None), False

    def _by_list(self, name_or_id: str, missing: bool) -> Cluster | None:
        """The look at the list, for what a single request did not find: an absence counts when both say it.

        :param missing: the single request said that there is none. Then, where the list cannot be read as another cluster is
            being removed, the second look is as the first.
        """
        if not missing:
            return self.called(name_or_id, self.clusters())
        try:
            answers = self._list(self._listed, "list clusters", "clusters", patience=1)
        except Unreadable:
            return self._single(name_or_id)[0]
        return self.called(name_or_id, self._ours(Cluster.from_api(answer.to_dict()) for answer in answers))

    def called(self, name_or_id: str, clusters: Iterable[Cluster]) -> Cluster | None:
        """The one cluster of this name or id; of several, the one that is not being deleted.

        :raises Ambiguous: there are more.
        """
        found = [cluster for cluster in clusters if name_or_id in (cluster.name, cluster.id)]
        staying = [cluster for cluster in found if not Status.going(cluster.status)]
        return self._only(staying or found, "cluster", name_or_id)

    def same_name(self, cluster: Cluster) -> list[Cluster]:
        """All clusters of this cluster's name that stay, the oldest first; of one second the lowest id."""
        found = [entry for entry in self.clusters() if entry.name == cluster.name and not Status.going(entry.status)]
        return sorted(found, key=lambda entry: (entry.created_at or "", entry.id))

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
                answers = self._list(self._listed, "list clusters", "clusters", patience=1)
                return self._ours([Cluster.from_api(answer.to_dict()) for answer in answers])
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
            answers = self._list(lambda: self._listed(limit, **order), "list clusters", "clusters", patience=1)
        except Unreadable:
            return None
        return [Cluster.from_api(answer.to_dict()) for answer in answers]

    def _how_many(self) -> int | None:
        """How many clusters the project has, those that cannot be shown included; None where Magnum does not tell."""
        with contextlib.suppress(KcloudError):
            answer = self._read(lambda: self._client.stats.list(self.project_id), "count the clusters", "clusters")
            return None if answer is None else answer.clusters
        return None

    def _is_ours(self, cluster: Cluster) -> bool:
        return cluster.project_id in (None, self.project_id)

    def _ours(self, found: Iterable[Cluster]) -> list[Cluster]:
        return sorted(filter(self._is_ours, found), key=lambda cluster: (cluster.name, cluster.id))

    # --- node groups

    def node_groups(self, cluster: Cluster) -> tuple[NodeGroup, ...]:
        """The node groups of a cluster as their list shows them: without labels and addresses, and with false bounds."""
        doing, resource = f"list the node groups of '{cluster.name}'", f"cluster/{cluster.name}"
        for pause in (*LISTED_AGAIN_S, None):
            answers = self._read(lambda: self._client.nodegroups.list(cluster.id, limit=ALL), doing, resource)
            if answers is not None:
                return tuple(NodeGroup.from_api(answer.to_dict(), detailed=False) for answer in answers)
            if self.cluster(cluster.id) is None:
                return ()
            time.sleep(pause or 0)
        raise ServiceError(
            f"Failed to {doing}",
            code="BROKEN_ANSWER",
            resource=resource,
            reason="the list is a 404, and the cluster is there",
            hint="Look at Magnum's log and at the proxies in front of it, then run again",
        )

    def in_detail(self, groups: Iterable[tuple[Cluster, NodeGroup]]) -> dict[str, NodeGroup]:
        """These groups as they really are, by id, each read by itself; without those that have gone meanwhile."""
        found = side_by_side(lambda pair: self.node_group(pair[0], pair[1].id), groups)
        return {group.id: group for group in found if group is not None}

    def with_groups(self, cluster: Cluster) -> Cluster:
        """The cluster with its node groups in detail."""
        return self.all_with_groups([cluster])[0]

    def all_with_listed_groups(self, clusters: Iterable[Cluster]) -> list[Cluster]:
        """Many clusters with their node groups as ``node_groups`` reads them, by name: one request a cluster, side by side."""

        def whole(cluster: Cluster) -> Cluster:
            groups = sorted(self.node_groups(cluster), key=lambda group: group.name)
            return replace(cluster, node_groups=tuple(groups))

        return side_by_side(whole, clusters)

    def all_with_groups(
        self, clusters: Iterable[Cluster], matters: Callable[[Cluster, NodeGroup], bool] = lambda _cluster, _group: True
    ) -> list[Cluster]:
        """The same with groups in detail: one request more for each that matters; without those that have gone meanwhile."""
        listed = self.all_with_listed_groups(clusters)
        asked = [(cluster, group) for cluster in listed for group in cluster.node_groups if matters(cluster, group)]
        known = self.in_detail(asked)
        gone = {group.id for _cluster, group in asked} - known.keys()
        return [
            replace(
                cluster,
                node_groups=tuple(known.get(group.id, group) for group in cluster.node_groups if group.id not in gone),
            )
            for cluster in listed
        ]

    def node_group(self, cluster: Cluster, group_id: str) -> NodeGroup | None:
        """One node group with its bounds, labels and addresses."""
        answer = self._read(
            lambda: self._client.nodegroups.get(cluster.id, group_id),
            f"read a node group of '{cluster.name}'",
            group_resource(cluster, group_id),
        )
        return None if answer is None else NodeGroup.from_api(answer.to_dict(), detailed=True)

    # --- cluster templates

    def cluster_templates(self) -> list[ClusterTemplate]:
        """All templates that this project may use (its own, public ones), by name."""
        answers = self._list(
            lambda: self._client.cluster_templates.list(detail=True, limit=ALL),
            "list cluster templates",
            "cluster_templates",
        )
        found = [ClusterTemplate.from_api(answer.to_dict()) for answer in answers]
        return sorted(found, key=lambda template: (template.name, template.id))

    def cluster_template(self, name_or_id: str) -> ClusterTemplate | None:
        """One template; None when there is none, by a look at it and by the list.

        :raises Ambiguous: more than one template has this name.
        """
        doing, resource = f"read cluster template '{name_or_id}'", f"cluster_template/{name_or_id}"
        answer = None
        # Any other name must not become a part of an address: there it would name something else.
        if is_token(name_or_id):
            with contextlib.suppress(Conflict):
                answer = self._read(lambda: self._client.cluster_templates.get(name_or_id), doing, resource)
        if answer is not None:
            found = ClusterTemplate.from_api(answer.to_dict())
            _check_asked(found, name_or_id, doing, resource)
            return found
        return self.template_called(name_or_id, self.cluster_templates())

    def template_called(self, name_or_id: str, templates: Iterable[ClusterTemplate]) -> ClusterTemplate | None:
        """The one template of this name or id.

        :raises Ambiguous: there are more.
        """
        found = [template for template in templates if name_or_id in (template.name, template.id)]
        return self._only(found, "cluster template", name_or_id)

    # --- certificates: calls, not casts; their errors come back

    def ca(self, cluster: Cluster) -> str:
        """The cluster's CA certificate, as PEM."""
        doing, resource = f"read the CA of cluster '{cluster.name}'", f"cluster/{cluster.name}"
        answer = self._read(lambda: self._client.certificates.get(cluster.id), doing, resource)
        if answer is None:
            # One 404 may be a wrong answer.
            answer = self._read(lambda: self._client.certificates.get(cluster.id), doing, resource)
        if answer is None:
            raise NotFound(
                f"Failed to {doing}: there is none", resource=resource, hint="Wait until the cluster is there"
            )
        return answer.pem

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


def _check_asked(found: Cluster | ClusterTemplate, name_or_id: str, doing: str, resource: str) -> None:
    """The answer is about what was asked for.

    :raises ServiceError: it is about something else.
    """
    if name_or_id != found.name and name_or_id.lower() != found.id:
        raise ServiceError(
            f"Failed to {doing}",
            code="BROKEN_ANSWER",
            resource=resource,
            reason=f"Magnum answered with '{found.name}' ({found.id})",
            hint="A proxy in front of Magnum may rewrite addresses: look at it; nothing was changed",
        )


def group_resource(cluster: Cluster, name: str) -> str:
    return f"node_group/{cluster.name}/{name}"
