# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and ids of flavors, images, keypairs and networks: which of them mean the same thing.

Magnum stores what it was given, a name or an id. So texts that differ may mean the same thing; reading looks those up, and the
plan compares with what was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import IdentifiedDriver
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredCluster,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import members_of

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

# A field and its two values.
Pair = tuple[str, "str | None", "str | None"]


@dataclass(frozen=True)
class Names:
    """What names stand for.

    :param ids: the id behind a name or an id, by kind and text; None where there is no such thing.
    """

    ids: Mapping[tuple[str, str], str | None] = field(default_factory=dict)

    def same(self, field_name: str, left: str | None, right: str | None) -> bool:
        """Whether two values of a field mean the same thing."""
        if left == right or field_name not in KINDS or left is None or right is None:
            return left == right
        kind = KINDS[field_name][0]
        found = self.ids[kind, left]
        return found is not None and found == self.ids[kind, right]

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


def compared(given: Mapping[str, Any], actual: object) -> list[Pair]:
    """The pairs that ``aligned`` compares."""
    return [(key, value, getattr(actual, key, None)) for key, value in given.items() if key in KINDS]


def compared_in_cluster(
    desired: DesiredCluster,
    actual: Cluster,
    templates: tuple[ClusterTemplate | None, ...] = (),
    driver: IdentifiedDriver | None = None,
) -> Iterator[Pair]:
    """The pairs that the plan for a cluster compares.

    :param templates: the one that the cluster moves to, and the one that it leaves.
    """
    yield from compared(desired.given, actual)
    declared = {group.name for group in desired.groups}
    for group in desired.groups:
        for member in members_of(group.name, actual, declared):
            for key in ("flavor_id", "image_id"):
                yield key, getattr(member, key), getattr(group, key)
                yield key, getattr(group, key), getattr(member, key)
    if driver is not None and driver.driver.upgrade_takes_groups:
        return
    for template in filter(None, templates):
        for present in actual.node_groups:
            if not present.is_default:
                yield "image_id", present.image_id, template.image_id
