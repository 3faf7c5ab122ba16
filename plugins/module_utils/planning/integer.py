# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mixed integer programme by named columns and rows, and HiGHS as its optional solver.

``highspy`` is imported nowhere else, and only when a programme is solved. One thread, a fixed seed and a limit of nodes of the
search tree: the same programme gives the same answer, unless the clock, which is only there for the worst, ends it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

Name = tuple[Any, ...]
ENDLESS = float("inf")
LIBRARY = "highspy"
# How HiGHS says what ended it
OPTIMAL, OUT_OF_NODES, OUT_OF_TIME = "Optimal", "Solution limit reached", "Time limit reached"
MANY_NODES = 1_000_000
LIMITS = (OUT_OF_NODES, OUT_OF_TIME)


def available() -> bool:
    """Whether HiGHS can be had, found out without importing it."""
    return importlib.util.find_spec(LIBRARY) is not None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that C code prints meanwhile reaches the standard output, now or when its buffer is written out."""
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
        ctypes.CDLL(None).fflush(None)
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@dataclass(frozen=True)
class Solution:
    """What came out: ``bound`` is what no solution can pass; ``values`` is empty where there is none."""

    status: str
    objective: float
    bound: float
    values: Mapping[Name, float]


@dataclass
class Programme:
    """Columns with costs and bounds, rows with bounds; the sum of costs is made as small as possible."""

    columns: dict[Name, tuple[float, float, bool]] = field(default_factory=dict)
    costs: dict[Name, float] = field(default_factory=dict)
    rows: dict[Name, tuple[float, float]] = field(default_factory=dict)
    entries: dict[Name, dict[Name, float]] = field(default_factory=dict)

    def column(self, name: Name, most: float = ENDLESS, *, cost: float = 0, whole: bool = True) -> None:
        self.columns[name] = (0, most, whole)
        self.entries[name] = {}
        if cost:
            self.costs[name] = cost

    def row(self, name: Name, least: float = -ENDLESS, most: float = ENDLESS) -> None:
        self.rows[name] = (least, most)

    def entry(self, row: Name, column: Name, value: float) -> None:
        if value:
            known = self.entries[column]
            known[row] = known.get(row, 0) + value

    def drop(self, rows: AbstractSet[Name]) -> None:
        """Forget rows."""
        for row in rows:
            del self.rows[row]
        for column, entries in self.entries.items():
            if not rows.isdisjoint(entries):
                self.entries[column] = {row: value for row, value in entries.items() if row not in rows}

    def solve(self, seconds: float, gap: float = 0, nodes: int = MANY_NODES) -> Solution:
        """Solve it.

        :param seconds: how long at most, by the clock.
        :param nodes: how many nodes of the search tree at most.
        :param gap: how far, relatively, from the bound is good enough.
        """
        import highspy

        with _quiet():
            # It prints a greeting on the standard output, where a module's answer goes, before its output can be switched off
            solver = highspy.Highs()
        options = {
            "output_flag": False,
            "threads": 1,
            "random_seed": 0,
            "time_limit": float(seconds),
            "mip_rel_gap": gap,
            "mip_max_nodes": nodes,
        }
        for option, value in options.items():
            solver.setOptionValue(option, value)
        solver.passModel(self._model(highspy))
        solver.run()
        status, info = solver.getModelStatus(), solver.getInfo()
        known = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        values = solver.getSolution().col_value if known else []
        whole = any(entry[2] for entry in self.columns.values())
        return Solution(
            status=solver.modelStatusToString(status),
            objective=info.objective_function_value,
            bound=info.mip_dual_bound if whole else info.objective_function_value,
            values=dict(zip(self.columns, values)),
        )

    def _model(self, highspy: Any) -> Any:
        numbers = {name: number for number, name in enumerate(self.rows)}
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(self.columns), len(self.rows)
        model.col_cost_ = [self.costs.get(name, 0.0) for name in self.columns]
        model.col_lower_ = [least for least, _most, _whole in self.columns.values()]
        model.col_upper_ = [most for _least, most, _whole in self.columns.values()]
        model.row_lower_ = [least for least, _most in self.rows.values()]
        model.row_upper_ = [most for _least, most in self.rows.values()]
        starts, indices, values = [0], [], []
        for entries in self.entries.values():
            for row, value in entries.items():
                indices.append(numbers[row])
                values.append(value)
            starts.append(len(indices))
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = starts, indices, values
        kinds = highspy.HighsVarType
        model.integrality_ = [
            kinds.kInteger if whole else kinds.kContinuous for _least, _most, whole in self.columns.values()
        ]
        return model
