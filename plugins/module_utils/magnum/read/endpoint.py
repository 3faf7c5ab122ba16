# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Magnum's API is, and which of its microversions both sides speak."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    InvalidRequest,
    NotFound,
    ServiceError,
    Unsupported,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

VERSION_VARIABLE = "MAGNUM_API_VERSION"
# The newest microversion whose answers this code knows, and the oldest that has all it needs (node groups, zero nodes).
NEWEST = (1, 14)
OLDEST = (1, 10)


def parse_version(text: str) -> tuple[int, int]:
    """``1.12`` -> (1, 12).

    :raises InvalidRequest: not of that form.
    """
    found = re.match(r"^(\d+)\.(\d+)$", str(text).strip())
    if not found:
        variable = os.environ.get(VERSION_VARIABLE) == str(text)
        raise InvalidRequest(
            f"Failed to read option 'api_version': '{text}' is not a microversion"
            + (f" (it comes from the environment variable {VERSION_VARIABLE})" if variable else ""),
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


def magnum_adapter(connection: Connection) -> Any:
    """An adapter for plain requests below Magnum's ``/v1``, also where an override in clouds.yaml gives another address."""
    adapter = connection.config.get_session_client("container-infra")
    adapter.endpoint_override = read_endpoint(adapter).url
    return adapter


def read_endpoint(adapter: Any) -> Any:
    """As ``find_endpoint``, through hiccups.

    :raises ServiceError: what answers there tells no versions.
    """
    found = read(lambda: find_endpoint(adapter), "read the versions of Magnum's API", "container-infra")
    if found is None:
        raise _no_versions("its address answers 404")
    return found


def find_endpoint(adapter: Any) -> Any:
    """Where Magnum is and what it can, as keystoneauth finds it: an object with ``url`` and ``max_microversion``.

    :raises NotFound: the catalog has no Magnum.
    """
    endpoint = adapter.get_endpoint_data()
    if endpoint is None or not endpoint.url:
        raise NotFound(
            "Failed to find Magnum in the cloud's catalog",
            code="SERVICE_NOT_IN_CATALOG",
            resource="container-infra",
            hint="Check 'region_name' and 'interface', or whether this cloud offers Magnum",
        )
    if endpoint.max_microversion is None:
        # Keystoneauth does not tell why it could not read the versions; the same request by itself does. Below the address
        # that an override gives, as `.../v1`, there are none: they are at its root.
        root = re.sub(r"/v1/?$", "/", endpoint.url)
        adapter.session.get(root, authenticated=False)
        endpoint = adapter.session.auth.get_endpoint_data(
            adapter.session, endpoint_override=root, service_type="container-infra", discover_versions=True
        )
        if endpoint is None or endpoint.max_microversion is None:
            raise _no_versions("what answers there tells no microversions")
    return endpoint


def _no_versions(reason: str) -> ServiceError:
    return ServiceError(
        "Failed to read the versions of Magnum's API",
        code="BROKEN_ANSWER",
        resource="container-infra",
        reason=reason,
        hint="Check the address of Magnum in the cloud's catalog, and the proxies in front of it",
    )
