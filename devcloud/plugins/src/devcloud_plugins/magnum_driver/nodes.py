# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is in a node group: made-up nodes whose addresses say when each came.

A node's address is 10.x.y.z: twelve bits of the group's number and a serial number that only grows, so that in a group of
fewer than 256 the last number is the serial. Its name is `<group>-<serial>`, its id a UUID of group and serial. Magnum counts
its groups, so those of one cluster never share an address.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address

SERIAL_BITS = 12
_SERIAL_MASK = (1 << SERIAL_BITS) - 1
_TEN = int(IPv4Address("10.0.0.0"))


def address(number: int, serial: int) -> str:
    """Address of a node in the group of that number; serial 0 stands for the group itself."""
    return str(IPv4Address(_TEN | (number & 0xFFF) << SERIAL_BITS | serial & _SERIAL_MASK))


def serial(node_address: str) -> int:
    """The serial number within an address."""
    return int(IPv4Address(node_address)) & _SERIAL_MASK


def identities(group_id: str, group_name: str, node_address: str) -> frozenset[str]:
    """All by which a node can be named: address, name, id."""
    number = serial(node_address)
    return frozenset({node_address, f"{group_name}-{number}", str(uuid.uuid5(uuid.UUID(group_id), str(number)))})


def find(group_id: str, group_name: str, addresses: Iterable[str], wanted: Collection[str]) -> tuple[str, ...]:
    """Return the addresses of the nodes that are named; names of nobody are passed over, as Heat's driver does."""
    return tuple(one for one in addresses if not identities(group_id, group_name, one).isdisjoint(wanted))


def choose_leaving(addresses: tuple[str, ...], count: int, named: tuple[str, ...], *, ignore: bool) -> tuple[str, ...]:
    """Choose who leaves a group that shall have `count` nodes.

    The named ones leave whatever the count (then others come in their place), and the newest of the rest. With `ignore`
    it is the oldest, and of these the named ones last: so a test sees that its wish was not heard.
    """
    surplus = max(0, len(addresses) - count)
    if ignore:
        return tuple(sorted(addresses, key=lambda one: one in named)[:surplus])
    rest = [one for one in addresses if one not in named]
    return (*named, *rest[count:])


def replace(number: int, addresses: tuple[str, ...], leaving: Collection[str], count: int) -> tuple[str, ...]:
    """Return the group's addresses after those leave and as many came as make up `count`."""
    staying = [one for one in addresses if one not in leaving][:count]
    newest = max((serial(one) for one in addresses), default=0)
    missing = count - len(staying)
    return (*staying, *(address(number, newest + more) for more in range(1, missing + 1)))
