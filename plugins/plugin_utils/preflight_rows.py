# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the table of a preflight: what was looked at, what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

OPERATOR = "Ask the cloud's operator"

Check = dict[str, Any]


def passed(check: str, found: object) -> Check:
    return {"check": check, "ok": True, "found": str(found), "hint": "", "warning": False}


def missed(check: str, found: object, hint: str) -> Check:
    return {"check": check, "ok": False, "found": str(found), "hint": hint, "warning": False}


def warned(check: str, found: object, hint: str) -> Check:
    """What is not a failure, but should be changed."""
    return {**passed(check, found), "hint": hint, "warning": True}


def shown(names: Iterable[str]) -> str:
    """Names that fit a line."""
    names = list(names)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(names[:8]) or "none") + more


def version(text: object) -> tuple[int, ...]:
    """A microversion that can be compared; what is not known is the oldest."""
    return tuple(int(part) for part in str(text or "0").split("."))
