# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a list around an entry that Magnum cannot show.

Magnum checks what it answers against its own rules: a cluster that has lost its node groups (while it is being removed,
or since a removal that broke off) has no masters, which these forbid, and then every list that holds it is a 400, for as
long as it is there. Pages before and after it can be read, so a list is read from both ends towards it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Entry = TypeVar("Entry")
# (limit, marker, sort key, sort direction) -> entries; None where one of them cannot be shown.
Page = Callable[[int, "str | None", str, str], "list[Entry] | None"]

FIRST_PAGE = 64
# In another order others stand next to the ends; what lies between two such entries in every order stays unseen.
ORDERS = ("id", "uuid", "name")


def one_side(page: Page[Entry], identity: Callable[[Entry], str], key: str, direction: str) -> list[Entry]:
    """All entries before the first that cannot be shown. A page that holds it is made smaller until it is the next one."""
    found: list[Entry] = []
    size = FIRST_PAGE
    while size:
        entries = page(size, identity(found[-1]) if found else None, key, direction)
        if entries is None:
            size //= 4
            continue
        found += entries
        if len(entries) < size:
            break
    return found


def around(
    page: Page[Entry], identity: Callable[[Entry], str], counts: Callable[[Entry], bool], total: int
) -> tuple[list[Entry], int]:
    """The entries that can be shown, and how many were not seen.

    :param page: reads a page.
    :param identity: an entry's id, for going on after it.
    :param counts: whether an entry is one of those that ``total`` counts, and is wanted.
    :param total: how many of those there are.
    :returns: (entries, how many of ``total`` are missing). A single one cannot be shown itself; where more are missing,
        entries that could be shown may stand between them.
    """
    seen: dict[str, Entry] = {}
    for key in ORDERS:
        for direction in ("asc", "desc"):
            entries = one_side(page, identity, key, direction)
            seen.update((identity(entry), entry) for entry in entries if counts(entry))
        if len(seen) >= total - 1:
            break
    return list(seen.values()), max(0, total - len(seen))
