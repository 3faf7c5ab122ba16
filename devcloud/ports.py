# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which port is whose, and whether somebody else sits on it."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

LOOPBACK = "127.0.0.1"

# Usual numbers plus 10000, so that the services Debian may have started on the usual ones are in nobody's way.
PORTS: dict[str, int] = {
    "mariadb": 13306,
    "epmd": 14369,
    "rabbitmq": 15672,
    "rabbitmq_dist": 25674,
    "memcached": 21211,
    "discovery": 18087,
    "keystone": 15000,
    "placement": 18778,
    "glance": 19292,
    "nova": 18774,
    "neutron": 19696,
    "heat": 18004,
    "heat_cfn": 18000,
    "magnum": 19511,
}


def is_free(port: int) -> bool:
    """Say whether the port can be bound on loopback."""
    with socket.socket() as probe:
        # Without this a port in TIME_WAIT counts as taken after every stop.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, timeout: float = 0.5) -> bool:
    """Say whether somebody accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout):
            return True
    except OSError:
        return False


def answers_http(port: int, path: str = "/", timeout: float = 5) -> bool:
    """Say whether an HTTP service answers at all; refusing us is an answer, failing is not."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listening_inodes(table: str, port: int) -> set[str]:
    """Return the socket inodes that listen on the port, from the text of /proc/net/tcp.

    >>> line = "0: 0100007F:0050 00000000:0000 0A 0:0 00:0 0 0 0 4242 1"
    >>> listening_inodes("header" + chr(10) + line, 80)
    {'4242'}
    """
    found = set()
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
            found.add(fields[9])
    return found


def connected_inodes(table: str, port: int) -> set[str]:
    """Return the socket inodes that are connected to the port of another, from the text of /proc/net/tcp."""
    found = set()
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == "01" and int(fields[2].rsplit(":", 1)[1], 16) == port:
            found.add(fields[9])
    return found


def connected(pids: Iterable[int], port: int) -> bool:
    """Say whether one of the processes holds a connection to the port."""
    wanted = {f"socket:[{inode}]" for inode in connected_inodes(Path("/proc/net/tcp").read_text(), port)}
    return any(wanted.intersection(_links(pid)) for pid in pids)


def _links(pid: int) -> list[str]:
    """Return what the process's file descriptors point to; none when it is gone or another's."""
    links = []
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                links.append(os.readlink(entry))
    except OSError:
        return links
    return links


def owner(port: int) -> int | None:
    """Return the pid that listens on the port, or None when it cannot be seen."""
    inodes: set[str] = set()
    for name in ("tcp", "tcp6"):
        table = Path("/proc/net") / name
        if table.exists():
            inodes |= listening_inodes(table.read_text(), port)
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and wanted.intersection(_links(int(process.name))):
            return int(process.name)
    return None
