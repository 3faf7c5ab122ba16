# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of a consolidation, as plain data -> Question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import (
    ACTIONS,
    Question,
    Rules,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.cost import MICRO
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import number, optional, whole


def read_rules(given: Mapping[str, Any]) -> Rules:
    """The module's options of the same meaning, each checked."""
    if given["max_candidates"] is not None:
        whole(given["max_candidates"], "max_candidates", 1)
    return Rules(
        actions=tuple(action for action in ACTIONS if action in given["actions"]),
        score=number(given["min_score"], "min_score", WHOLE),
        saving=number(given["min_saving_h"], "min_saving_h", MICRO),
        horizon_h=whole(given["horizon_h"], "horizon_h"),
        move_minutes=whole(given["move_minutes"], "move_minutes"),
        max_moves=optional(whole, given["max_moves"], "max_moves"),
        max_nodes=optional(whole, given["max_nodes"], "max_nodes"),
        care=Care(given["require_health"], given["require_metrics"]),
    )


def read_consolidation(fleet: object, rules: Rules, **options: object) -> Question:
    """All options of a consolidation.

    :param options: those of read_standing.
    :raises InvalidRequest: anything that cannot be read, by its path.
    """
    found, prices = read_standing(fleet, **options)
    return Question(found, rules, prices.source)
