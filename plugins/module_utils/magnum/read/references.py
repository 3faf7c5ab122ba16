# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names in a request that stand for something else in the cloud: flavors, images, networks, keypairs.

Two questions: does what the user named exist (asked before anything is created), and do a name and an id mean the
same thing (asked only where the texts differ, so that an unchanged object costs nothing).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read, side_by_side
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Ambiguous, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_token
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, DesiredCluster

if TYPE_CHECKING:
    from openstack.connection import Connection

# Field of Magnum's API -> (kind, the option that users write).
KINDS: dict[str, tuple[str, str]] = {
    "flavor_id": ("flavor", "flavor"),
    "master_flavor_id": ("flavor", "master_flavor"),
    "image_id": ("image", "image"),
    "keypair": ("keypair", "keypair"),
    "keypair_id": ("keypair", "keypair"),
    "external_network_id": ("network", "external_network"),
    "fixed_network": ("network", "fixed_network"),
    "fixed_subnet": ("subnet", "fixed_subnet"),
}

# Kind -> the SDK's name of the service; its methods are find_<kind> and <kind>s.
SERVICES = {
    "flavor": "compute",
    "keypair": "compute",
    "image": "image",
    "network": "network",
    "subnet": "network",
}


class References:
    """Looks names up, each at most once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[tuple[str, str], str | None] = {}

    def id_of(self, kind: str, name_or_id: str) -> str | None:
        """The id behind a name or an id of a ``flavor, image, keypair, network`` or ``subnet``; None: no such thing."""
        key = (kind, name_or_id)
        if key not in self._found:
            found = read(lambda: self._find(kind, name_or_id), f"look up {kind} '{name_or_id}'", f"{kind}/{name_or_id}")
            self._found[key] = None if found is None else found.id
        return self._found[key]

    def same(self, field: str, left: str | None, right: str | None) -> bool:
        """Whether two values of a field mean the same thing."""
        if left == right or field not in KINDS or left is None or right is None:
            return left == right
        kind = KINDS[field][0]
        found = self.id_of(kind, left)
        return found is not None and found == self.id_of(kind, right)

    def aligned(self, given: Mapping[str, Any], actual: object) -> dict[str, Any]:
        """``given`` in the words of ``actual`` wherever both mean the same thing."""
        return {
            key: getattr(actual, key)
            if key in KINDS and value is not None and self.same(key, value, getattr(actual, key, None))
            else value
            for key, value in given.items()
        }

    def aligned_cluster(self, desired: DesiredCluster, actual: Cluster) -> DesiredCluster:
        """The declared cluster and its groups in the words of the one that is there."""
        groups = []
        for group in desired.groups:
            present = actual.group(group.name)
            given = {"flavor_id": group.flavor_id, "image_id": group.image_id}
            groups.append(group if present is None else replace(group, **self.aligned(given, present)))
        return replace(desired, given=self.aligned(desired.given, actual), groups=tuple(groups))

    def check(self, given: Mapping[str, Any], where: str) -> None:
        """Every named thing exists.

        :raises InvalidRequest: the first, in the order of the fields, that does not; names the closest ones.
        """
        wanted = [(field, given[field]) for field in KINDS if given.get(field)]
        side_by_side(lambda key: self.id_of(*key), dict.fromkeys((KINDS[field][0], value) for field, value in wanted))
        for field, value in wanted:
            kind, option = KINDS[field]
            if self.id_of(kind, value) is None:
                raise InvalidRequest(
                    f"Failed to read option '{option}' of {where}: there is no {kind} '{value}'",
                    code="REFERENCE_NOT_FOUND",
                    resource=f"{kind}/{value}",
                    hint=self._closest(kind, value),
                )

    def _service(self, kind: str) -> Any:
        """The service that knows things of this kind; only that one is asked for its versions."""
        return getattr(self._connection, SERVICES[kind])

    def _find(self, kind: str, name_or_id: str) -> Any:
        """The thing of this name or id; None where there is none.

        :raises Ambiguous: there are several.
        """
        service = self._service(kind)
        if is_token(name_or_id):
            return getattr(service, f"find_{kind}")(name_or_id)
        # It must not become a part of an address: there it would name something else.
        found = [entry for entry in getattr(service, f"{kind}s")() if name_or_id in (entry.name, entry.id)]
        if len(found) > 1:
            raise Ambiguous(
                f"Failed to choose a {kind}: {len(found)} are called '{name_or_id}'",
                resource=f"{kind}/{name_or_id}",
                hint=f"Give the id: {', '.join(entry.id for entry in found)}",
                ids=[entry.id for entry in found],
            )
        return found[0] if found else None

    def _closest(self, kind: str, value: str) -> str:
        every = read(lambda: list(getattr(self._service(kind), f"{kind}s")()), f"list {kind}s", f"{kind}s") or []
        names = sorted({entry.name for entry in every if entry.name})
        shown = difflib.get_close_matches(value, names, n=3, cutoff=0.4) or names[:10]
        if not shown:
            return f"This project sees no {kind} at all: make one first"
        return f"Take one that exists, such as {', '.join(shown)}"
