# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of many objects a user means: by patterns of names and by statuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase


def is_like(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text equals one of these, or fits one as a shell's pattern such as ``team-a-*``; case counts."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def is_chosen(name: str, identifier: str | None, patterns: Collection[str]) -> bool:
    """Whether an object is one of these, by its name, a pattern of it, or its id, which is compared as it is. Names may repeat."""
    return identifier in patterns or is_like(name, patterns)


def has_status(status: str, wanted: Collection[str]) -> bool:
    """Whether a status such as CREATE_FAILED is one of those wanted, whole or by its action or end; any when none is."""
    return not wanted or any(
        status == one or status.endswith(f"_{one}") or status.startswith(f"{one}_") for one in map(str.upper, wanted)
    )
