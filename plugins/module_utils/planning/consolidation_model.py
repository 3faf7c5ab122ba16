# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What consolidation thinks in: the question, the rules, a candidate, the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import (
    CAREFUL,
    Care,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    ClusterType,
    Flavor,
    Fleet,
    Pod,
    Violation,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import (
    Move,
    Place,
)

ACTIONS = ("merge", "close_group", "close_node", "split")
NEW = "new node "


@dataclass(frozen=True)
class Rules:
    """When a candidate is worth it.

    :param score: its share of all that is paid, divided by its share of all that would be disrupted, per mille, at least.
    :param saving: what it saves per hour, at least, in millionths.
    :param horizon_h: within how many hours it must have paid for its moves.
    :param move_minutes: for how long whoever moves is paid twice.
    :param full: a group that is used beyond this, per mille, and cannot grow is under pressure.
    """

    actions: tuple[str, ...] = ACTIONS
    score: int = 500
    saving: int = 100_000
    horizon_h: int = 24
    move_minutes: int = 15
    max_moves: int | None = None
    max_nodes: int | None = None
    full: int = 850
    care: Care = CAREFUL


@dataclass(frozen=True)
class Question:
    """All that the decision depends on."""

    fleet: Fleet
    rules: Rules
    prices_source: str = ""


@dataclass(frozen=True)
class Opening:
    """Nodes that a candidate needs in addition: of a group that stands, or (without id) of a cluster to be made."""

    cluster: str
    group: str
    flavor: Flavor
    count: int


@dataclass(frozen=True)
class Option:
    """One candidate, judged. Costs are per hour, ``once`` is what its moves cost; ``disruption`` counts a thousand for a
    replica that moves and its share of devices on top."""

    action: str
    name: str
    cluster: str
    other: str = ""
    group: str = ""
    node: str = ""
    closed: tuple[Place, ...] = ()
    moves: tuple[Move, ...] = ()
    opened: tuple[Opening, ...] = ()
    kind: ClusterType | None = None
    masters: int = 0
    saving: int = 0
    power_mw: int = 0
    disruption: int = 0
    once: int = 0
    score: int | None = None
    why: tuple[str, ...] = ()
    why_not: tuple[Violation, ...] = ()
    step: int | None = None

    @property
    def feasible(self) -> bool:
        return not self.why_not

    @property
    def payback_h(self) -> Fraction | None:
        """After how many hours the moves are paid for; None where nothing is saved."""
        return Fraction(self.once, self.saving) if self.saving > 0 else None


@dataclass(frozen=True)
class Consolidation:
    """The answer: every candidate, and the steps in the order in which they were accepted."""

    question: Question
    options: tuple[Option, ...]
    steps: tuple[Option, ...]
    cost: int

    @cached_property
    def saving(self) -> int:
        return sum(step.saving for step in self.steps)

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        return netted(move for step in self.steps for move in step.moves)

    @cached_property
    def closed(self) -> tuple[Place, ...]:
        return tuple(sorted({place for step in self.steps for place in step.closed}))


def netted(moves: Iterable[Move]) -> tuple[Move, ...]:
    """The same moves, each replica from where it stands straight to where it ends."""
    found: list[Move] = []
    arrived: dict[tuple[Pod, Place], list[int]] = {}
    for move in moves:
        key = (move.pod, move.source)
        if arrived.get(key):
            index = arrived[key].pop()
            found[index] = Move(move.pod, found[index].source, move.target)
        else:
            index = len(found)
            found.append(move)
        arrived.setdefault((move.pod, move.target), []).append(index)
    return tuple(sorted(found))
