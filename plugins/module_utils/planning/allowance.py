# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What quotas and the cloud's free accelerators still allow, counted down while a plan opens nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import fixes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Flavor, Fleet, Violation
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.shortage import short


def needs_of(flavor: Flavor) -> dict[str, int]:
    """What one node takes of each quota and of each Placement resource class."""
    taken = {"instances": 1, "cores": -(-flavor.cpu_m // 1000), "ram_mib": flavor.mem_mib}
    for resource, amount in flavor.resources:
        taken[resource] = taken.get(resource, 0) + amount
    return taken


def spent(fleet: Fleet, nodes: Iterable[tuple[Flavor, int]], clusters: int = 0) -> Fleet:
    """The fleet with less left of its quotas: these nodes and so many clusters are opened."""
    needs: Counter[str] = Counter(clusters=clusters)
    for flavor, count in nodes:
        for resource, need in needs_of(flavor).items():
            needs[resource] += need * count
    return replace(
        fleet,
        quotas=tuple(replace(quota, used=quota.used + needs[quota.resource]) for quota in fleet.quotas),
        free=tuple((resource, max(0, have - needs[resource])) for resource, have in fleet.free),
    )


def allowed(fleet: Fleet, flavor: Flavor, count: int, clusters: int = 0) -> tuple[int, tuple[Violation, ...]]:
    """How many of ``count`` nodes may be opened, and the limits that stand against all of them."""
    most, found = count, []
    needs = {**needs_of(flavor), "clusters": 0}
    for quota in fleet.quotas:
        have, each = max(0, quota.limit - quota.used), needs.get(quota.resource, 0)
        need = each * count + (clusters if quota.resource == "clusters" else 0)
        if need > have:
            most = min(most, have // each if each else 0)
            fix = fixes.add_quota(quota.resource, quota.used + need)
            found.append(short("QUOTA_SHORT", need, have, quota.resource, fix))
    for resource, have in fleet.free:
        each = needs.get(resource, 0)
        if each * count > have:
            most = min(most, have // each)
            fix = fixes.add_capacity(resource, each * count)
            found.append(short("QUOTA_SHORT", each * count, have, f"{resource} free in the cloud", fix))
    return most, tuple(found)
