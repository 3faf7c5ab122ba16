# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time that costs are of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import instant
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import read_duration


@dataclass(frozen=True)
class Period:
    """From ``begin`` to ``end``, both in seconds since 1970; it holds ``begin`` and not ``end``."""

    begin: int
    end: int

    @property
    def seconds(self) -> int:
        return self.end - self.begin

    def since(self, created_at: str | None) -> int:
        """How many of its seconds something that was created then is in it; all where it is not known when that was."""
        created = None if created_at is None else instant(created_at)
        return self.seconds if created is None else max(0, self.end - max(self.begin, created))

    def as_result(self) -> dict[str, object]:
        return {"begin": written(self.begin), "end": written(self.end), "hours": round(self.seconds / 3600, 6)}


def written(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def read_period(begin: str | None, end: str | None, window: str | None, now: int) -> Period:
    """The options ``begin``, ``end`` and ``window``: up to ``end``, or now; from ``begin``, or for so long.

    :raises InvalidRequest: one of them cannot be read, both say where it begins, or it ends before it begins or after now.
    """
    last = now if end is None else _read("end", end)
    if last > now:
        raise _refused("end", end, "past", "Costs are of what was: give a time up to now, or leave it out")
    if begin is not None and window is not None:
        raise _refused("window", window, "needed beside 'begin'", "Give one of them")
    first = last - read_duration("window", window or "1d") if begin is None else _read("begin", begin)
    if not 0 <= first < last:
        wanted = f"a time before {written(last)}"
        raise _refused(
            "begin" if begin else "window", begin or window, wanted, "Give an earlier time, or a shorter window"
        )
    return Period(first, last)


def _read(option: str, text: str) -> int:
    found = instant(text.strip())
    if found is None or found < 0:
        raise _refused(option, text, "a time", "Give one such as 2026-12-01T00:00:00Z")
    return found


def _refused(option: str, value: object, wanted: str, hint: str) -> InvalidRequest:
    return InvalidRequest(f"Failed to read option '{option}': {value!r} is not {wanted}", resource=option, hint=hint)
