# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From seconds to a table: medians, ratios and goals. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Sample:
    """Several runs of one contender, each with the seconds, the peak memory in MB and the requests of one run."""

    seconds: tuple[float, ...]
    peaks_mb: tuple[float, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    # How many runs of what was measured make up what the row is about; whatever differs from one run is an extrapolation
    times: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a sample without a run."""
        if not self.seconds:
            raise ValueError("a sample needs at least one run")

    @property
    def least(self) -> float:
        """Seconds of the quickest run."""
        return min(self.seconds) * self.times

    @property
    def median(self) -> float:
        """Median seconds."""
        return median(self.seconds) * self.times

    @property
    def peak_mb(self) -> float | None:
        """The highest peak of all runs: memory does not grow with `times`, as the runs follow each other."""
        return max(self.peaks_mb, default=None)

    def scaled(self, times: float) -> Sample:
        """The same, `times` times as often."""
        return Sample(self.seconds, self.peaks_mb, self.requests, self.times * times)


@dataclass(frozen=True)
class Goal:
    """What a ratio is meant to be: at most (`<=`) or at least (`>=`) a limit."""

    ratio: str
    sign: str
    limit: float

    def __str__(self) -> str:
        return f"{self.ratio} {self.sign} {self.limit:g}"

    def is_reached(self, value: float) -> bool:
        """Whether the value meets the limit."""
        return value <= self.limit if self.sign == "<=" else value >= self.limit


TO_FLOOR = "/ floor"
FASTER = "coe loop / it"
MEMORY = "MB"


def row(
    what: str,
    sample: Sample,
    *,
    floor: Sample | None = None,
    peer: Sample | None = None,
    goals: Sequence[Goal] = (),
    note: str = "",
    **first: Any,
) -> dict[str, Any]:
    """One line of a table.

    :param floor: what `/ floor` compares with, by medians.
    :param peer: what `coe loop / it` compares with: how many times longer it takes.
    :param first: columns in front of the others.
    """
    ratios = {
        TO_FLOOR: ratio(sample.median, floor.median) if floor else None,
        FASTER: ratio(peer.median, sample.median) if peer else None,
        MEMORY: None if sample.peak_mb is None else round(sample.peak_mb, 1),
    }
    return {
        "what": what,
        **first,
        "runs": len(sample.seconds),
        "min s": round(sample.least, 2),
        "median s": round(sample.median, 2),
        **ratios,
        "requests": requests_text(scaled(sample.requests, sample.times)),
        "goal": "; ".join(verdict(goal, ratios.get(goal.ratio)) for goal in goals) or None,
        "note": "; ".join(filter(None, [extrapolated(sample.times), note])) or None,
    }


def ratio(value: float, base: float) -> float | None:
    """`value` by `base`, to three digits behind the point; None where nothing can be said."""
    return round(value / base, 3) if base > 0 else None


def verdict(goal: Goal, value: float | None) -> str:
    """A goal, and whether it is reached: a statement, never an assertion."""
    if value is None:
        return f"{goal}: not measured"
    return f"{goal}: {'reached' if goal.is_reached(value) else 'not reached'}"


def extrapolated(times: float) -> str:
    """What a table says of a row that was not measured in full."""
    if times < 1:
        return f"mean of {1 / times:.4g}"
    return "" if times == 1 else f"extrapolated, {times:.4g} times what was measured"


def without_empty_columns(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same rows without the columns in which none of them says anything."""
    kept = [name for name in (rows[0] if rows else {}) if any(line.get(name) is not None for line in rows)]
    return [{name: line.get(name) for name in kept} for line in rows]


def scaled(requests: Mapping[str, int], times: float) -> dict[str, int]:
    """Requests of as many runs."""
    return {service: round(count * times) for service, count in requests.items()}


def requests_text(requests: Mapping[str, int]) -> str | None:
    """All requests, and by service, the most first.

    >>> requests_text({"identity": 1, "container-infra": 22})
    '23: container-infra 22, identity 1'
    """
    if not requests:
        return None
    ordered = sorted(requests.items(), key=lambda entry: (-entry[1], entry[0]))
    return f"{sum(requests.values())}: " + ", ".join(f"{service} {count}" for service, count in ordered)


def counted(services: Iterable[str]) -> dict[str, int]:
    """How many requests each service got."""
    return dict(Counter(services))


def busy_seconds(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in which at least one of the spans (start, end) was open."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def numbers(text: str) -> list[int]:
    """Positive whole numbers from `1,20,100`, each once, in ascending order.

    :raises ValueError: one of them is none.
    """
    found = sorted({int(word) for word in text.split(",")})
    if found[0] < 1:
        raise ValueError(f"'{text}' holds a number below 1")
    return found


def names(prefix: str, count: int) -> list[str]:
    """Names of clusters: `bench-000`, `bench-001`, ..."""
    return [f"{prefix}{number:03d}" for number in range(count)]


def spread(count: int, samples: int) -> list[int]:
    """At most `samples` of `count` positions, the first and the last among them, evenly apart."""
    if samples >= count:
        return list(range(count))
    if samples == 1:
        return [0]
    return sorted({round(at * (count - 1) / (samples - 1)) for at in range(samples)})
