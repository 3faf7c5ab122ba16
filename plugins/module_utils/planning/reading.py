# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what people wrote: plain data in, plain values out, or an error that names option, value and fix.

``path`` is always the option as the user wrote it, such as ``workload.gpu_count`` or ``clusters[2].node_groups``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest

TRUE_TEXTS = frozenset({"true", "yes", "on", "1"})
FALSE_TEXTS = frozenset({"false", "no", "off", "0", ""})
# Nothing in a cloud is larger; a number beyond is a slip, and infinity is none.
LARGEST = 10**15
# No server holds more devices than this; each of them is an entry of its own in every node's room.
MOST_DEVICES = 1024


def refused(path: str, value: object, wanted: str, hint: str | None = None) -> InvalidRequest:
    """The error for a value that cannot be read; ``wanted`` completes "is not ..."."""
    return InvalidRequest(
        f"Failed to read option '{path}': {value!r} is not {wanted}",
        resource=path,
        hint=hint or f"Give '{path}' as {wanted}, or leave it out",
    )


def instant(written: str) -> int | None:
    """A time in the form of ISO 8601, in seconds since 1970; without a zone it is in UTC. None where it is none."""
    try:
        found = datetime.fromisoformat(written)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def mapping(value: object, path: str) -> Mapping[str, Any]:
    """A dictionary; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refused(path, value, "a dictionary")
    return value


def sequence(value: object, path: str) -> list[Any]:
    """A list; None is an empty one."""
    if value is None:
        return []
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise refused(path, value, "a list")
    return list(value)


def mappings(value: object, path: str) -> list[tuple[str, Mapping[str, Any]]]:
    """A list of dictionaries, each with its own path."""
    return [
        (f"{path}[{index}]", mapping(entry, f"{path}[{index}]")) for index, entry in enumerate(sequence(value, path))
    ]


def text(value: object, path: str, default: str = "") -> str:
    """A text; None is the default."""
    if value is None:
        return default
    if not isinstance(value, str):
        raise refused(path, value, "a text")
    return value.strip()


def texts(value: object, path: str) -> tuple[str, ...]:
    """One text or a list of texts, without repetitions, in order of name."""
    entries = [value] if isinstance(value, str) else sequence(value, path)
    return tuple(sorted({text(entry, f"{path}[{index}]") for index, entry in enumerate(entries)} - {""}))


def flag(value: object, path: str, default: bool = False) -> bool:
    """A boolean, also as the text that a Jinja template made of one; None is the default."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in TRUE_TEXTS | FALSE_TEXTS:
        return value.strip().lower() in TRUE_TEXTS
    raise refused(path, value, "true or false")


def number(value: object, path: str, scale: int = 1) -> int:
    """A number of at least 0 times ``scale``, rounded to the nearest integer.

    Text that spells a number counts as one: older Ansible makes text of what a template computes.
    """
    wanted = "a number of at least 0"
    if isinstance(value, str):
        try:
            value = int(value) if value.strip().isdigit() else float(value)
        except ValueError:
            raise refused(path, value, wanted) from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LARGEST:
        raise refused(path, value, wanted)
    return value * scale if isinstance(value, int) else round(value * scale)


def whole(value: object, path: str, least: int = 0) -> int:
    """A whole number of at least ``least``."""
    wanted = f"a whole number of at least {least}"
    try:
        milli = number(value, path, 1000)
    except InvalidRequest:
        raise refused(path, value, wanted) from None
    if milli % 1000 or milli < least * 1000:
        raise refused(path, value, wanted)
    return milli // 1000


def devices(value: object, path: str, least: int = 0) -> int:
    """How many devices one server or one replica holds."""
    found = whole(value, path, least)
    if found > MOST_DEVICES:
        hint = "A replica runs on one server: give fewer devices each, and more 'replicas' or nodes"
        raise refused(path, value, f"at most {MOST_DEVICES} devices", hint)
    return found


def optional(read: Callable[..., int], value: object, path: str, *arguments: int) -> int | None:
    """What ``read`` makes of the value, or None where there is none."""
    return None if value is None else read(value, path, *arguments)


def one_of(value: object, allowed: Collection[str], path: str, default: str) -> str:
    """One of a closed set of texts."""
    found = text(value, path, default)
    if found not in allowed:
        raise refused(path, value, f"one of {', '.join(allowed)}")
    return found


def only_known(given: Mapping[str, Any], allowed: Collection[str], path: str) -> None:
    """Refuse keys that nobody reads: a misspelt wish must not be dropped in silence."""
    for key in sorted(map(str, given)):
        if key not in allowed:
            from difflib import get_close_matches

            close = get_close_matches(key, allowed, 1)
            raise InvalidRequest(
                f"Failed to read option '{path}': there is no key '{key}' (value {given.get(key)!r})",
                resource=f"{path}.{key}",
                hint=f"Did you mean '{close[0]}'?" if close else f"Known keys: {', '.join(sorted(allowed))}",
            )


def decimal(value: int, scale: int) -> int | float:
    """The way back from ``scale``: an integer where it is one, else the nearest decimal."""
    return value // scale if value % scale == 0 else value / scale
