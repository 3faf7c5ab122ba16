# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process is ours, and which port is free."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from devcloud import ports, processes
from devcloud.processes import Record, Stat

LINE = "4711 (a) b (c) S 1 4700 4600 0 -1 4194304 0 0 0 0 1 2 3 4 20 0 9 0 987654 1 2 3"
RECORD = Record("nova", 100, 5000, "boot-a", "key")
STAT = Stat(100, "S", 1, 100, 5000)


def test_stat_with_brackets_and_blanks_in_the_name() -> None:
    assert processes.parse_stat(LINE) == Stat(4711, "S", 1, 4600, 987654)


@pytest.mark.parametrize(
    ("stat", "boot", "same"),
    [
        (STAT, "boot-a", True),
        (None, "boot-a", False),
        (STAT, "boot-b", False),
        (replace(STAT, started=5001), "boot-a", False),
        (replace(STAT, pid=101), "boot-a", False),
    ],
    ids=["the same", "gone", "before a reboot", "pid given out again", "another pid"],
)
def test_identity(stat: Stat | None, boot: str, same: bool) -> None:
    assert processes.is_same(RECORD, stat, boot) is same


def test_relatives_are_the_session_and_all_descendants() -> None:
    child = Stat(101, "S", 100, 100, 5001)
    own_session = Stat(102, "S", 101, 102, 5002)
    stranger = Stat(103, "S", 1, 103, 5003)
    older = Stat(90, "S", 1, 100, 4000)
    table = [STAT, child, own_session, stranger, older]
    assert {stat.pid for stat in processes.relatives(RECORD, table, "boot-a")} == {100, 101, 102}
    assert {stat.pid for stat in processes.relatives(RECORD, table[1:], "boot-a")} == {101, 102}
    assert processes.relatives(RECORD, table, "boot-b") == []
    assert processes.relatives(RECORD, [replace(STAT, started=9000), child], "boot-a") == []


def test_start_identify_end(tmp_path: Path) -> None:
    record = processes.start(tmp_path, tmp_path / "log", "sleeper", ["sleep", "60"], dict(os.environ), "key")
    assert processes.running(tmp_path, "sleeper") == record
    assert [stat.pid for stat in processes.owned(tmp_path)] == [record.pid]
    processes.end(processes.family(tmp_path, "sleeper"), 5)
    assert processes.running(tmp_path, "sleeper") is None
    assert processes.owned(tmp_path) == []


def test_one_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    child.stdout.readline()
    stat = processes.read_stat(child.pid)
    assert stat is not None
    processes.end([stat], 0.2)
    assert processes.read_stat(child.pid) is None
    child.stdout.close()
    child.returncode = -signal.SIGKILL


def test_a_record_that_is_no_json_is_no_record(tmp_path: Path) -> None:
    processes.record_file(tmp_path, "nova").write_text("{half")
    assert processes.read_record(tmp_path, "nova") is None


def test_ports() -> None:
    with socket.socket() as server:
        server.bind((ports.LOOPBACK, 0))
        port = server.getsockname()[1]
        assert not ports.answers(port)
        server.listen()
        assert not ports.is_free(port)
        assert ports.answers(port)
        assert ports.owner(port) == os.getpid()
        with socket.create_connection((ports.LOOPBACK, port)):
            assert ports.connected([os.getpid()], port)
    assert ports.is_free(port)


def test_inodes_of_listeners_only() -> None:
    header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
    listening = "   0: 0100007F:3A98 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1"
    connected = "   1: 0100007F:C000 0100007F:3A98 01 00000000:00000000 00:00000000 00000000     0        0 4343 1"
    table = f"{header}\n{listening}\n{connected}"
    assert ports.listening_inodes(table, 15000) == {"4242"}
    assert ports.connected_inodes(table, 15000) == {"4343"}
    assert ports.listening_inodes(table, 15001) == set()
