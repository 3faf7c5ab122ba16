# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Charts as inline SVG: a path a line, and a hatched field for each gap. Colours are classes, so that one chart serves light and dark.

Made here and not by a library: a report of 200 clusters has 800 charts, so one may take 1 kB. The chart of 48 values below is 526
bytes; leather's is 4.7 kB and pygal's 15 kB, as each carries axes, a style sheet or a script. drawsvg's is as small, but it only
writes down a path that its caller works out, and the modules would need one more package on every host.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.markup import Markup, element

Values = Sequence[float | None]
# A chart shows no more points; a value of a point is a mean of as many steps as needed
MOST_POINTS = 96
HEIGHT = 48
STEP = 4


@dataclass(frozen=True)
class Curve:
    """A line of a chart.

    :param name: its class, such as ``gpu``.
    :param is_area: the field below it is filled.
    """

    name: str
    values: Values
    is_area: bool = False


def thinned(values: Values, most: int = MOST_POINTS) -> list[float | None]:
    """At most so many values: means of equal stretches. One that is half empty is a gap."""
    size = -(-len(values) // most) or 1
    found: list[float | None] = []
    for start in range(0, len(values), size):
        stretch = values[start : start + size]
        known = [value for value in stretch if value is not None]
        found.append(sum(known) / len(known) if known and 2 * len(known) >= len(stretch) else None)
    return found


def stretches(values: Values) -> list[tuple[int, list[float]]]:
    """The parts without gaps, each with the position of its first value."""
    found: list[tuple[int, list[float]]] = []
    for position, value in enumerate(values):
        if value is None:
            continue
        if not found or found[-1][0] + len(found[-1][1]) != position:
            found.append((position, []))
        found[-1][1].append(value)
    return found


def gaps(values: Values) -> list[tuple[int, int]]:
    """The positions where gaps begin and end, the end excluded."""
    filled = [(start, start + len(part)) for start, part in stretches(values)]
    edges = [0, *(edge for pair in filled for edge in pair), len(values)]
    return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end]


def line(values: Values, top: float, height: int = HEIGHT, *, is_area: bool = False) -> str:
    """The path of a curve, or of the field below it; positions are whole, and relative to the point before.

    :param top: the value at the upper edge; 0 is at the lower one.
    """
    parts = []
    for start, known in stretches(values):
        rows = [round(height * (1 - min(1.0, max(0.0, value / top)))) if top > 0 else height for value in known]
        path = [f"M{start * STEP} {rows[0]}"]
        flat = 0
        for before, row in pairwise(rows):
            if row == before:
                flat += STEP
                continue
            path.append(f"{f'h{flat}' if flat else ''}l{STEP}{' ' if row > before else ''}{row - before}")
            flat = 0
        # A single value is a dot
        path.append(f"h{flat}" if flat or len(rows) == 1 else "")
        if is_area:
            path.append(f"V{height}H{start * STEP}z")
        parts.append("".join(path))
    return "".join(parts)


def chart(curves: Iterable[Curve], label: str, top: float, *, height: int = HEIGHT, class_: str = "chart") -> Markup:
    """A chart of curves over the same steps, with hatched gaps where none of them has a value.

    :param label: what it shows, in words, for those who do not see it.
    """
    drawn = [Curve(curve.name, thinned(curve.values), curve.is_area) for curve in curves]
    length = max((len(curve.values) for curve in drawn), default=0)
    together: Values = [
        next((curve.values[at] for curve in drawn if at < len(curve.values) and curve.values[at] is not None), None)
        for at in range(length)
    ]
    width = max(1, length - 1) * STEP
    fields = [_field(begin, end, width, height) for begin, end in gaps(together)]
    areas = [
        element("path", class_=f"area {curve.name}", d=line(curve.values, top, height, is_area=True))
        for curve in drawn
        if curve.is_area
    ]
    lines = [element("path", class_=f"line {curve.name}", d=line(curve.values, top, height)) for curve in drawn]
    return element(
        "svg",
        fields,
        areas,
        lines,
        class_=class_,
        viewBox=f"0 -1 {width} {height + 2}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def _field(begin: int, end: int, width: int, height: int) -> Markup:
    """A gap, from half a step before its first position to half a step before its end."""
    left, right = max(0, begin * STEP - STEP // 2), min(width, end * STEP - STEP // 2)
    return element("rect", class_="gap", x=left, y=0, width=max(1, right - left), height=height)


def nice_top(values: Iterable[float | None]) -> float:
    """An upper edge that is a round number not below any value."""
    most = max((value for value in values if value is not None), default=0.0)
    if most <= 0:
        return 1.0
    size = 10.0 ** (len(f"{most:.0f}") - 1) if most >= 1 else 0.1
    return next(step * size for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 20) if step * size >= most)
