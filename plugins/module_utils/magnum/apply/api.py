# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that make Magnum change something: one method per call, each sent once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    from_exception,
    write,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    KcloudError,
    NotFound,
    ServiceError,
    Unclear,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.causes import refined
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.api import MagnumReader, group_resource

Answer = TypeVar("Answer")

# A request for a certificate without a clear answer is sent again after this pause: to sign twice harms nothing.
SIGNED_AGAIN_S = 0.5


class MagnumApi(MagnumReader):
    """Magnum for one project, with what changes it."""

    # --- clusters

    def create_cluster(self, arguments: Mapping[str, Any]) -> str:
        """Ask for a cluster; the answer is its id, long before there is a cluster.

        :raises Unclear: no clear answer came, as with every write here: look at what there is before asking again.
        """
        doing, resource = f"create cluster '{arguments['name']}'", f"cluster/{arguments['name']}"
        answer = write(lambda: self._client.clusters.create(**arguments), doing, resource, explain=_refusal)
        return _promised(answer, doing, resource).uuid

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
        write(
            lambda: self._client.clusters.resize(cluster.id, node_count, list(nodes_to_remove), nodegroup=group.id),
            f"resize node group '{group.name}' of '{cluster.name}'",
            group_resource(cluster, group.name),
        )

    def upgrade(
        self, cluster: Cluster, template_id: str, max_batch_size: int | None = None, group: NodeGroup | None = None
    ) -> None:
        """Move a cluster to a template, or one of its extra groups to the cluster's own. A call: its errors come back."""
        about = f"cluster '{cluster.name}'" if group is None else f"node group '{group.name}' of '{cluster.name}'"
        write(
            lambda: self._client.clusters.upgrade(
                cluster.id, template_id, max_batch_size or 1, nodegroup=None if group is None else group.id
            ),
            f"upgrade {about}",
            f"cluster/{cluster.name}",
        )

    # --- node groups

    def create_node_group(self, cluster: Cluster, name: str, arguments: Mapping[str, Any]) -> None:
        write(
            lambda: self._client.nodegroups.create(cluster.id, name=name, **arguments),
            f"create node group '{name}' of '{cluster.name}'",
            group_resource(cluster, name),
            explain=_refusal,
        )

    def update_node_group(self, cluster: Cluster, group: NodeGroup, values: Mapping[str, Any]) -> None:
        """Change the bounds. Even this sets the whole cluster UPDATE_IN_PROGRESS for some seconds."""
        patch = [{"op": "replace", "path": f"/{key}", "value": value} for key, value in sorted(values.items())]
        write(
            lambda: self._client.nodegroups.update(cluster.id, group.id, patch),
            f"change node group '{group.name}' of '{cluster.name}'",
            group_resource(cluster, group.name),
        )

    def delete_node_group(self, cluster: Cluster, group: NodeGroup) -> bool:
        return _delete(
            lambda: self._client.nodegroups.delete(cluster.id, group.id),
            f"delete node group '{group.name}' of '{cluster.name}'",
            group_resource(cluster, group.name),
        )

    # --- cluster templates

    def create_cluster_template(self, arguments: Mapping[str, Any]) -> ClusterTemplate:
        doing, resource = (
            f"create cluster template '{arguments['name']}'",
            f"cluster_template/{arguments['name']}",
        )
        answer = write(lambda: self._client.cluster_templates.create(**arguments), doing, resource, explain=_refusal)
        return ClusterTemplate.from_api(_promised(answer, doing, resource).to_dict())

    def update_cluster_template(self, template: ClusterTemplate, values: Mapping[str, Any]) -> None:
        """Change fields. Labels by PATCH want the text of a dictionary."""
        patch = [
            {"op": "replace", "path": f"/{key}", "value": str(dict(value)) if key == "labels" else value}
            for key, value in sorted(values.items())
        ]
        write(
            lambda: self._client.cluster_templates.update(template.id, patch),
            f"change cluster template '{template.name}'",
            f"cluster_template/{template.name}",
        )

    def delete_cluster_template(self, template: ClusterTemplate) -> bool:
        return _delete(
            lambda: self._client.cluster_templates.delete(template.id),
            f"delete cluster template '{template.name}'",
            f"cluster_template/{template.name}",
        )

    # --- certificates: calls, not casts; their errors come back

    def sign(self, cluster: Cluster, request_pem: str) -> str:
        """Have the cluster's CA sign a request; the certificate, as PEM. Magnum signs any subject.

        A signature whose answer was lost harms nobody, so after an unclear answer the request is sent once more.
        """
        doing, resource = f"have a certificate of cluster '{cluster.name}' signed", f"cluster/{cluster.name}"

        def send() -> str:
            answer = write(
                lambda: self._client.certificates.create(cluster_uuid=cluster.id, csr=request_pem), doing, resource
            )
            return _promised(answer, doing, resource).pem

        with contextlib.suppress(Unclear):
            return send()
        time.sleep(SIGNED_AGAIN_S)
        try:
            return send()
        except Unclear as unclear:
            raise unclear.error from unclear

    def rotate_ca(self, cluster: Cluster) -> None:
        write(
            lambda: self._client.certificates.rotate_ca(cluster_uuid=cluster.id),
            f"rotate the CA of cluster '{cluster.name}'",
            f"cluster/{cluster.name}",
        )


def _refusal(error: Exception, doing: str, resource: str) -> KcloudError:
    """As ``from_exception``; a refusal of a creation gets the code and the hint that its reason deserves."""
    return refined(from_exception(error, doing, resource))


def _promised(answer: Answer | None, doing: str, resource: str) -> Answer:
    """The answer to a write that must have one.

    :raises Unclear: there is none, or it holds nothing: Magnum took the request all the same.
    """
    if answer is None or not getattr(answer, "_info", None):
        raise Unclear(
            ServiceError(
                f"Failed to {doing}",
                code="BROKEN_ANSWER",
                resource=resource,
                reason="Magnum's answer tells nothing of what it made",
                hint="A proxy in front of Magnum may have cut its answer off: look at it, then run again",
            )
        )
    return answer


def _delete(call: Callable[[], Any], doing: str, resource: str) -> bool:
    """Send a delete; False when the object is gone already."""
    try:
        write(call, doing, resource)
    except NotFound:
        return False
    return True
