# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the gateway against the test cloud, with a token that is made anew each time: `make gateway`."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tools.places import BUILD, ROOT, tools_environment

FOLDER = BUILD / "gateway"
CLOUD = "devcloud"
COMMAND = [sys.executable, "-m", "gateway"]
START_SECONDS = 60


def prepared(folder: Path, cloud: str, port: int) -> tuple[str, dict[str, str]]:
    """A token of the role admin, and the environment of a gateway that knows it.

    :param folder: for its tokens and its jobs.
    :param cloud: a name of `clouds.yaml`.
    """
    from gateway.tokens import new_token

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    token, entry = new_token("demo", "admin", cloud)
    tokens = folder / "tokens.yml"
    tokens.write_text(f"tenants:\n  {cloud}:\n    cloud: {cloud}\ntokens:\n{entry}", encoding="utf-8")
    settings = {
        "KCLOUD_GATEWAY_TOKENS_FILE": str(tokens),
        "KCLOUD_GATEWAY_STATE_FOLDER": str(folder / "state"),
        "KCLOUD_GATEWAY_VARIABLES_FILE": str(ROOT / "environments" / CLOUD / "group_vars" / "all.yml"),
        "KCLOUD_GATEWAY_PORT": str(port),
    }
    return token, {**tools_environment(), **settings}


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(folder: Path, cloud: str) -> Iterator[dict[str, str]]:
    """A gateway on a free port while the block runs: its address and a token, as the variables `URL` and `TOKEN`."""
    port = free_port()
    token, environment = prepared(folder, cloud, port)
    url, log = f"http://127.0.0.1:{port}", folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_healthy(url, process, log)
        yield {"URL": url, "TOKEN": token}
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a gateway that was started answers.

    :raises RuntimeError: it has ended, or does not answer; with what it wrote to its log.
    """
    opener, deadline = urllib.request.build_opener(urllib.request.ProxyHandler({})), time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), opener.open(f"{url}/health", timeout=5):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the gateway did not start: {log.read_text(encoding='utf-8', errors='replace')}")
        time.sleep(0.2)


def main() -> None:
    """Write the tokens file, say how to ask, and become the gateway."""
    port = int(os.environ.get("KCLOUD_GATEWAY_PORT", "8006"))
    token, environment = prepared(FOLDER, CLOUD, port)
    sys.stdout.write(
        f"The token of this run, with the role admin:\n  export TOKEN={token}\nA first request:\n"
        f'  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:{port}/clusters\n'
        f"Every operation: http://127.0.0.1:{port}/docs\n"
    )
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(sys.executable, COMMAND, environment)


if __name__ == "__main__":
    main()
