# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTML and SVG elements. Text is escaped by whoever makes an element of it, so nothing can be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any, TypeAlias

# What no document may hold, and halves of characters, which cannot be written
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
VOID = frozenset({"br", "hr", "link", "meta"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


# Text, markup, nothing, or several of these
Child: TypeAlias = str | Iterable[Any] | None


def clean(text: str) -> str:
    """Text without characters that cannot be shown."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def content(*children: Child) -> Markup:
    """Children one after the other: text is escaped, None is nothing."""
    parts = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(str(child))
        elif isinstance(child, str):
            parts.append(escape(clean(child), quote=False))
        else:
            parts.append(content(*child))
    return Markup("".join(parts))


def element(tag: str, /, *children: Child, **attributes: str | int | bool | None) -> Markup:
    """An element. An attribute that is None or false is left out; ``class_`` is class, ``aria_label`` is aria-label."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(clean(str(value)))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{content(*children)}</{tag}>")


def name_of(text: str) -> Markup:
    """A name that a user gave: its direction of writing does not reach beyond it."""
    return element("bdi", text)
