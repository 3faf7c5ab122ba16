# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and ids of OpenStack's objects: which ones an option may hold, and which ones may stand in an address.

The clients put names into addresses as they are: ``x#y`` would reach ``x``, ``a/../b`` would reach ``b``, and an empty
name the list. So options are checked before the first request, and only a token ever stands in an address: an object of
any other name is looked for in the list.
"""

from __future__ import annotations

import re

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Magnum's rule for clusters and Heat's for stacks; Heat takes 255 characters, Magnum 242.
LABEL = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]*")
LONGEST = {"cluster": 242, "stack": 255}
# What means the same in an address as outside of it. It holds every UUID and Keystone's ids without hyphens.
_TOKEN = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]*")
# Magnum and Neutron take nearly everything as a name; these only ever come from a mistake.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NO_NAME = re.compile(r"[\x00-\x1f\x7f/?#%\\]|^\s|\s$|^\.{1,2}$")


def is_uuid(text: str | None) -> bool:
    """Whether the text is a UUID, in capitals too."""
    return bool(UUID.fullmatch(text or ""))


def is_token(text: str) -> bool:
    """Whether the text may stand in an address as it is.

    >>> is_token("ml-training.v2"), is_token("fi-n1#prod"), is_token(".."), is_token("")
    (True, False, False, False)
    """
    return bool(_TOKEN.fullmatch(text))


def check_label(option: str, value: str, kind: str) -> None:
    """The value is a name as Magnum takes it for clusters and Heat for stacks, or a UUID.

    :param option: the option that holds it.
    :param kind: ``cluster`` or ``stack``.
    :raises InvalidRequest: it is neither.
    """
    longest = LONGEST[kind]
    if not is_uuid(value) and not (LABEL.fullmatch(value) and len(value) <= longest):
        raise InvalidRequest(
            f"Failed to read option '{option}': {_shown(value)} is not a name of a {kind}",
            resource=f"{kind}/{value}",
            hint=f"Begin with a letter, go on with letters, digits, '_', '.' or '-', {longest} characters at most",
        )


def check_name(option: str, value: str, kind: str) -> None:
    """The value can be a name of an object whose service sets no rule for names, or an id.

    :raises InvalidRequest: it is empty, longer than 255 characters, or holds what an address gives a meaning.
    """
    if not value or len(value) > 255 or _NO_NAME.search(value):
        raise InvalidRequest(
            f"Failed to read option '{option}': {_shown(value)} is not a name of a {kind}",
            resource=f"{kind}/{value}",
            hint="Give 1 to 255 characters, none of them '/', '?', '#', '%', a backslash or a control character, and no "
            "space at either end",
        )


def check_reference(option: str, value: str, kind: str) -> None:
    """The value can be a name of something that exists, whatever its service lets names hold, or an id.

    :raises InvalidRequest: it is empty, longer than 255 characters, or holds a control character.
    """
    if not value or len(value) > 255 or _CONTROL.search(value):
        raise InvalidRequest(
            f"Failed to read option '{option}': {_shown(value)} is not a name of a {kind}",
            resource=f"{kind}/{value}",
            hint="Give the name or the id, 1 to 255 characters without control characters, or leave the option out",
        )


def _shown(value: str) -> str:
    return f"'{value}'" if len(value) <= 80 else f"'{value[:77]}...' ({len(value)} characters)"
