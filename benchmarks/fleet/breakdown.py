# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the seconds of one module call go: Python's start, imports, waiting for each service, the rest; Ansible around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.fleet.counting import Request
from benchmarks.fleet.figures import busy_seconds, counted


def rows(
    traced: float,
    start: float,
    imports: Mapping[str, float],
    requests: Sequence[Request],
    plain: float,
    cpu: float,
    with_ansible: float,
) -> list[dict[str, Any]]:
    """The parts of a call, in seconds and as shares of the traced process.

    :param traced: a process that ran with `-X importtime` and through the counting proxy; its imports and requests follow.
    :param start: a Python that does nothing.
    :param imports: seconds by part, without those of `start`.
    :param requests: what the process sent.
    :param plain: the same process without a trace and a proxy.
    :param cpu: CPU seconds of that one.
    :param with_ansible: `ansible-playbook` with this call as its one task.
    """
    waiting = busy_seconds((request.start, request.end) for request in requests)
    rest = traced - start - sum(imports.values()) - waiting
    found = [("Python's own start", start, None)]
    found += [(f"import: {part}", seconds, None) for part, seconds in imports.items()]
    count = counted(request.service for request in requests)
    for service in sorted(count, key=lambda name: -count[name]):
        spans = [(request.start, request.end) for request in requests if request.service == service]
        found.append((f"waiting for {service}", busy_seconds(spans), count[service]))
    found += [
        ("waiting for any service", waiting, len(requests)),
        ("the rest: our code, the clients' own work", rest, None),
        ("the process, traced", traced, len(requests)),
        ("the process, not traced", plain, None),
        ("of it CPU", cpu, None),
        ("ansible-playbook with this one task, beyond the process", with_ansible - plain, None),
    ]
    return [
        {"part": part, "s": round(seconds, 3), "share": f"{seconds / traced:.0%}", "requests": number}
        for part, seconds, number in found
    ]


def without(imports: Mapping[str, float], start: Mapping[str, float]) -> dict[str, float]:
    """Imports less those of a Python that does nothing; parts of less than a millisecond are left out."""
    left = {part: seconds - start.get(part, 0.0) for part, seconds in imports.items()}
    return {part: seconds for part, seconds in left.items() if seconds >= 0.001}
