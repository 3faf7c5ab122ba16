# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What telemetry does not know of a fleet. An unknown cluster is busy: it is neither idle nor empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mapping,
    mappings,
    text,
    texts,
)


@dataclass(frozen=True)
class Gaps:
    """Why something is not known, by the id of the cluster.

    :param asked: whether telemetry is what says which workloads run.
    :param occupants: clusters of which telemetry does not know the workloads.
    :param loads: clusters of which telemetry does not know the utilisation.
    :param blind: why no server could be read; empty where one could.
    """

    asked: bool = False
    occupants: Mapping[str, str] = field(default_factory=dict)
    loads: Mapping[str, str] = field(default_factory=dict)
    blind: str = ""
    notes: tuple[str, ...] = ()

    def beside(self, placements: object) -> Gaps:
        """What is still not known where placements are given: a user's list is complete."""
        return self if placements is None else replace(self, asked=False, occupants={}, blind="")


def read_gaps(fleet: Mapping[str, Any]) -> Gaps:
    """``fleet.telemetry``: ``{blind, notes, unknown: [{cluster, placements, utilization}]}``, each unknown with its reason.

    :raises InvalidRequest: something that cannot be read, by its path.
    """
    given = mapping(fleet.get("telemetry"), "fleet.telemetry")
    unknown = [
        (text(entry.get("cluster"), f"{path}.cluster"), path, entry)
        for path, entry in mappings(given.get("unknown"), "fleet.telemetry.unknown")
    ]

    def reasons(key: str) -> dict[str, str]:
        said = {cluster: text(entry.get(key), f"{path}.{key}") for cluster, path, entry in unknown}
        return {cluster: reason for cluster, reason in said.items() if reason}

    return Gaps(
        asked=bool(given),
        occupants=reasons("placements"),
        loads=reasons("utilization"),
        blind=text(given.get("blind"), "fleet.telemetry.blind"),
        notes=texts(given.get("notes"), "fleet.telemetry.notes"),
    )
