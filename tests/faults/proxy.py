# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy that spoils answers: mitmproxy of Debian in reverse mode with `addon.py`."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ADDON = Path(__file__).with_name("addon.py")
START_S = 30.0


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    port: int
    folder: Path

    def auth(self, auth: dict[str, Any], run: str, rules: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The option `auth` of a module whose requests shall meet these rules; `run` names them and their log."""
        Path(self.folder, f"{run}.rules").write_text(json.dumps(list(rules)), encoding="utf-8")
        url = urlsplit(auth["auth_url"])
        return {**auth, "auth_url": f"http://127.0.0.1:{self.port}/{run}/{url.port}{url.path}"}

    def requests(self, run: str) -> list[dict[str, Any]]:
        """What was asked of the proxy in a run."""
        path = Path(self.folder, f"{run}.log")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[Proxy]:
    """The proxy for the time of the block.

    :raises RuntimeError: mitmdump is missing, or does not start.
    """
    program = shutil.which("mitmdump", path="/usr/bin:/usr/local/bin:/bin")
    if program is None:
        raise RuntimeError("mitmdump is missing: apt-get install mitmproxy")
    port = _free_port()
    command = [
        *(program, "--quiet", "--mode", "reverse:http://127.0.0.1:1", "--listen-host", "127.0.0.1"),
        *("--listen-port", str(port), "--scripts", str(ADDON), "--set", f"faults={folder}"),
        *("--set", f"confdir={folder}", "--set", "connection_strategy=lazy", "--set", "keep_host_header=true"),
    ]
    with Path(folder, "proxy.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        _wait(process, port, folder)
        yield Proxy(port, folder)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"mitmdump did not start:\n{Path(folder, 'proxy.log').read_text()[-1000:]}")
