# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which driver a cluster has: what ``drivers.identify_driver`` wants to know, asked of the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import (
    IdentifiedDriver,
    identify_driver,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, ClusterTemplate

if TYPE_CHECKING:
    from openstack.connection import Connection


def driver_of(
    connection: Connection, template: ClusterTemplate | None, cluster: Cluster, said: str | None = None
) -> IdentifiedDriver:
    """The driver of a cluster: by its template, and by one question to Heat where it may have a stack there.

    :param template: the cluster's; None where it is gone.
    :param said: name of the driver by the user; then Heat is not asked.
    """
    return identify_driver(
        said=said,
        stack_id=cluster.stack_id,
        stack_known=None if said else _stack_known(connection, cluster.stack_id),
        distro=None if template is None else template.cluster_distro,
        labels={**({} if template is None else template.labels), **cluster.labels},
    )


def _stack_known(connection: Connection, stack_id: str | None) -> bool | None:
    """Whether Heat knows the stack; None where it cannot be asked, as in a cloud without Heat."""
    if not is_uuid(stack_id):
        return None
    try:
        return HeatReader(connection).get(Stack(id=stack_id or "", name="", status="")) is not None
    except KcloudError:
        # The template tells as well; no answer of Heat's must stand in the way of a verb that does not need it.
        return None
