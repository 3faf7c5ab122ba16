# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names in a request that stand for something else in the cloud: flavors, images, networks, keypairs.

Two questions: does what the user named exist (asked before anything is created), and do a name and an id mean the
same thing (asked only where the texts differ, so that an unchanged object costs nothing).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read, side_by_side
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Ambiguous, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_token
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.names import KINDS, Names, Pair

if TYPE_CHECKING:
    from openstack.connection import Connection

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

    def names(self, pairs: Iterable[Pair]) -> Names:
        """What the plan needs to compare these values: looked up only where the texts differ."""
        for field, left, right in pairs:
            if left != right and field in KINDS and left is not None and right is not None:
                kind = KINDS[field][0]
                if self.id_of(kind, left) is not None:
                    self.id_of(kind, right)
        return Names(dict(self._found))

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
