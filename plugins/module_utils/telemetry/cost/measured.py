# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What costs need of metrics, from an answer of ``cluster_metrics_info``: energy, and what pods request of each node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mapping,
    mappings,
    number,
    optional,
    refused,
    text,
    whole,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

NO_METRICS = "no metrics were read: give 'servers' or 'metrics'"


@dataclass(frozen=True)
class Measured:
    """What was measured of one cluster.

    :param energy: kWh.
    :param shares: by node group, the largest part of each node that pods request of any resource, 0 to 1; unknown nodes are
        left out.
    """

    energy: Figure
    shares: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)


def unmeasured(reason: str = NO_METRICS) -> Measured:
    """A cluster without metrics."""
    return Measured(Figure(None, "kWh", 0, reason=reason))


def read_measured(raw: object, path: str = "metrics") -> dict[str, Measured]:
    """What was measured of each cluster, by id.

    :raises InvalidRequest: it is not an answer of ``cluster_metrics_info``.
    """
    found = {}
    given = mapping(raw, path)
    if given and "clusters" not in given:
        raise refused(path, sorted(map(str, given))[:5], "an answer of cluster_metrics_info, which holds 'clusters'")
    for where, cluster in mappings(given.get("clusters"), f"{path}.clusters"):
        identity = text(cluster.get("id"), f"{where}.id")
        if not identity or identity in found:
            raise refused(f"{where}.id", cluster.get("id"), "the id of one cluster only")
        energy = mapping(cluster.get("energy"), f"{where}.energy")
        found[identity] = Measured(
            energy=_figure(energy.get("total"), f"{where}.energy.total"),
            shares={
                text(group.get("name"), f"{there}.name"): _shares(group.get("nodes"), f"{there}.nodes")
                for there, group in mappings(cluster.get("node_groups"), f"{where}.node_groups")
            },
        )
    return found


def _figure(raw: object, path: str) -> Figure:
    given = mapping(raw, path)
    value = _amount(given, path)
    return Figure(
        value=value,
        unit="kWh",
        window=optional(whole, given.get("window"), f"{path}.window") or 0,
        source=text(given.get("source"), f"{path}.source") or None,
        coverage=min(1.0, (optional(number, given.get("coverage"), f"{path}.coverage", MICRO) or 0) / MICRO),
        reason=text(given.get("reason"), f"{path}.reason")
        or (None if value is not None else "energy was not measured"),
    )


def _amount(given: Mapping[str, Any], path: str) -> Decimal | None:
    """The value of a figure; as exact as it is written."""
    micro = optional(number, given.get("value"), f"{path}.value", MICRO)
    return None if micro is None else Decimal(micro).scaleb(-6)


def _shares(raw: object, path: str) -> tuple[Decimal, ...]:
    found = (_largest_share(node, where) for where, node in mappings(raw, path))
    return tuple(share for share in found if share is not None)


def _largest_share(node: Mapping[str, Any], path: str) -> Decimal | None:
    """The largest part of a node that pods request of any of its resources; None where no resource is known.

    What is free of a cordoned node is 0 with a reason, and does not say how large the node is.
    """
    free = mapping(node.get("free"), f"{path}.free")
    shares = []
    for name, figure in mapping(node.get("requests"), f"{path}.requests").items():
        asked = _amount(mapping(figure, f"{path}.requests.{name}"), f"{path}.requests.{name}")
        rest = mapping(free.get(name), f"{path}.free.{name}")
        left = None if rest.get("reason") else _amount(rest, f"{path}.free.{name}")
        if asked is not None and left is not None and asked + left > 0:
            shares.append(asked / (asked + left))
    return max(shares, default=None)
