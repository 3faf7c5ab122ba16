# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of other modules -> what the report reads of them. Whatever does not fit is refused by its path."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    instant,
    mapping,
    mappings,
    refused,
    sequence,
    text,
    whole,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import KINDS, Devices, Track
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

Plain = Mapping[str, Any]
NOT_GIVEN = "not given"
# The end of the year 9999, the last one that Python can write
LATEST = 253402300799
RESOURCES = ("cpu", "memory", *KINDS)


def amount(value: object, path: str) -> float | None:
    """A number of any sign; None stays None. Text that spells a number counts as one, as older Ansible makes text of it."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise refused(path, value, "a number") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise refused(path, value, "a number")
    return float(value)


def figure(value: object, path: str, unit: str = "", reason: str = NOT_GIVEN) -> Figure:
    """A figure as the modules answer it, a dictionary with ``value``; None is one that is unknown.

    :param reason: why it is unknown, where the figure itself is missing.
    """
    if value is None:
        return Figure(None, unit, 0, reason=reason)
    given = mapping(value, path)
    coverage = amount(given.get("coverage"), f"{path}.coverage")
    return Figure(
        amount(given.get("value"), f"{path}.value"),
        text(given.get("unit"), f"{path}.unit", unit),
        whole(given.get("window") or 0, f"{path}.window"),
        text(given.get("source"), f"{path}.source") or None,
        0.0 if coverage is None else min(1.0, max(0.0, coverage)),
        text(given.get("reason"), f"{path}.reason") or None,
    )


def figures(given: Plain, key: str, path: str) -> dict[str, Figure]:
    """The figures of one kind by resource."""
    kinds = mapping(given.get(key), f"{path}.{key}")
    return {name: figure(kinds[name], f"{path}.{key}.{name}") for name in RESOURCES if kinds.get(name) is not None}


def moment(value: object, path: str) -> int | None:
    """Seconds since 1970, also of a time as the modules write it, such as 2026-01-31T08:00:00+00:00."""
    if isinstance(value, str) and "-" in value[1:]:
        if (read := instant(value)) is None:
            raise refused(path, value, "a time, such as 2026-01-31T08:00:00+00:00, or seconds")
        value = read
    found = amount(value, path)
    if found is not None and not 0 <= found < LATEST:
        raise refused(path, value, "a time in seconds since 1970")
    return None if found is None else int(found)


def tracks(given: object, path: str) -> dict[str, Track]:
    """The series of a cluster: utilisation by resource, and ``power``."""
    series = mapping(given, path)
    begin, step = moment(series.get("begin"), f"{path}.begin"), whole(series.get("step") or 0, f"{path}.step")
    if begin is None or not step:
        return {}
    shares = mapping(series.get("utilization"), f"{path}.utilization")
    found = {name: shares[name] for name in RESOURCES if name in shares}
    found["power"] = mapping(series.get("power"), f"{path}.power").get("total")
    return {name: _track(begin, step, values, f"{path}.{name}") for name, values in found.items() if values}


def _track(begin: int, step: int, given: object, path: str) -> Track:
    values = tuple(amount(value, f"{path}[{index}]") for index, value in enumerate(sequence(given, path)))
    return Track(begin, step, values)


def devices(group: Plain, path: str, idle_below: float) -> tuple[Devices, ...]:
    """The accelerators of a node group, by kind."""
    nodes = mappings(group.get("nodes"), f"{path}.nodes")
    loads: dict[str, list[float | None]] = {}
    for node_path, node in nodes:
        for device_path, device in mappings(node.get("devices"), f"{node_path}.devices"):
            kind = text(device.get("kind"), f"{device_path}.kind")
            use = figure(device.get("utilization"), f"{device_path}.utilization")
            loads.setdefault(kind, []).append(use.value)
    held, free = figures(group, "requests", path), figures(group, "free", path)
    kinds = [kind for kind in KINDS if kind in held or kind in free or loads.get(kind)]
    return tuple(_devices(kind, held.get(kind), free.get(kind), loads.get(kind, []), idle_below) for kind in kinds)


def _devices(
    kind: str, held: Figure | None, free: Figure | None, loads: list[float | None], idle_below: float
) -> Devices:
    asked, left = held.value if held else None, free.value if free else None
    known = [load for load in loads if load is not None]
    # A node that takes no new work has no free devices, and still has them
    offered = [len(loads), *([] if asked is None or left is None else [asked + left])]
    return Devices(
        kind,
        total=max(offered) or None if loads or len(offered) > 1 else None,
        held=asked,
        computing=sum(load >= idle_below for load in known) if known else None,
        idle=sum(load < idle_below for load in known) if known else None,
        is_partial=any(one is not None and one.value is not None and bool(one.reason) for one in (held, free)),
    )


def finite(value: float, option: str, least: float = 0.0, most: float = float("inf")) -> float:
    """The value of an option that is a number between two others."""
    if not isfinite(value) or not least <= value <= most:
        raise refused(
            option,
            value,
            f"a number from {least:g} to {most:g}" if isfinite(most) else f"a number of at least {least:g}",
        )
    return value
