# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a clean-up leaves a cluster alone: comparisons of its labels and of the hour, all of which must hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]

COMPARE = {
    "==": lambda have, value: have == value,
    "!=": lambda have, value: have != value,
    "<": lambda have, value: have < value,
    "<=": lambda have, value: have <= value,
    ">": lambda have, value: have > value,
    ">=": lambda have, value: have >= value,
}
# Labels are texts, which have no order here
EQUALITY = ("==", "!=")


@dataclass(frozen=True)
class Comparison:
    """One comparison. ``label`` is the name of a label of the cluster, empty for the hour of the local day.

    ``value`` is a whole hour, or the label's text in lower case.
    """

    label: str
    operator: str
    value: str | int

    def holds(self, labels: Labels, hour: int) -> bool:
        """Whether it holds for a cluster with these labels at this hour. A missing label equals no value."""
        if not self.label:
            return COMPARE[self.operator](hour, self.value)
        same = any(is_label(key, self.label) and text.strip().lower() == self.value for key, text in labels)
        return same == (self.operator == "==")

    def __str__(self) -> str:
        return (
            f"label {self.label} {self.operator} {self.value}" if self.label else f"hour {self.operator} {self.value}"
        )


@dataclass(frozen=True)
class Exemption:
    """A cluster for which every comparison holds is left alone. ``reason`` is the policy's own, or empty."""

    comparisons: tuple[Comparison, ...]
    reason: str = ""

    @property
    def of_hours(self) -> bool:
        """Whether it passes with the time of day."""
        return any(not comparison.label for comparison in self.comparisons)

    @property
    def of_all(self) -> bool:
        """Whether it holds for every cluster at its hours."""
        return not any(comparison.label for comparison in self.comparisons)

    def holds(self, labels: Labels, hour: int) -> bool:
        return all(comparison.holds(labels, hour) for comparison in self.comparisons)

    def __str__(self) -> str:
        said = " and ".join(map(str, self.comparisons))
        return f"{said} ({self.reason})" if self.reason else said


def is_label(key: str, name: str) -> bool:
    """Whether a label is meant by a name, which may leave out the label's prefix: ``sched.ai/rescheduling`` is ``rescheduling``."""
    return name.lower() in (key.lower(), key.lower().rpartition("/")[2])


def within(hours: tuple[int, int] | None, hour: int) -> bool:
    """Whether an hour lies in a window (first, end), the end not included; in none where there is no window."""
    return hours is not None and hours[0] <= hour < hours[1]


def holding(exemptions: Iterable[Exemption], labels: Labels, hour: int, *, of_hours: bool) -> tuple[Exemption, ...]:
    """Those that hold, either of labels alone or those that pass with the time of day."""
    return tuple(entry for entry in exemptions if entry.of_hours == of_hours and entry.holds(labels, hour))
