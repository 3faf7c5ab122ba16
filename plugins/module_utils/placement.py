# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many accelerators the cloud has free: Placement's word on it, which most clouds keep for their operators."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import translated
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError

if TYPE_CHECKING:
    from openstack.connection import Connection
    from requests import Response

# The first microversion with root_required: hosts that are switched off take nobody (Train)
HEADERS = {"OpenStack-API-Version": "placement 1.35"}


def accelerators_free(connection: Connection, classes: Collection[str]) -> dict[str, int] | None:
    """How many of each resource class are free, all hosts together; None where Placement does not say.

    That is not a promise of room: those of one class may be free on different hosts, and other projects take some too.
    """
    found: dict[str, int] = {}
    if not classes:
        return found
    try:
        with translated("read what Placement has free", "placement"):
            # Not by the SDK's own get, which warns of itself
            endpoint = connection.config.get_session_client("placement").get_endpoint()
            for name in sorted(set(classes)) if endpoint else ():
                url = f"{endpoint.rstrip('/')}/allocation_candidates?resources={name}:1&root_required=!COMPUTE_STATUS_DISABLED"
                free = _free(connection.session.get(url, headers=HEADERS, raise_exc=False), name)
                if free is None:
                    return None
                found[name] = free
    except KcloudError:
        # Its endpoint is for the operator's own network
        return None
    return found or None


def _free(answer: Response, name: str) -> int | None:
    if answer.status_code == 400 and "No such resource class" in answer.text:
        return 0
    if answer.status_code != 200:
        return None
    held = [host["resources"].get(name) for host in answer.json()["provider_summaries"].values()]
    return sum(max(0, entry["capacity"] - entry["used"]) for entry in held if entry)
