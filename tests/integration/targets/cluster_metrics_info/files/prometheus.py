# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a Prometheus on loopback that watches nothing and holds what openmetrics.py writes.

prometheus.py start FOLDER CLUSTER NOW MASTER WORKER WORKER prints the port when the server is ready.
prometheus.py stop FOLDER
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from openmetrics import metrics

READY_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError), opener.open(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def start(folder: Path, cluster: str, now: str, *nodes: str) -> None:
    data, text = folder / "data", folder / "metrics"
    text.write_text(metrics(cluster, int(now), *nodes), encoding="utf-8")
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(data)]
    subprocess.run(blocks, check=True, stdout=subprocess.DEVNULL)
    (folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    port = free_port()
    command = [
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=10y", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (folder / "pid").write_text(str(server.pid), encoding="utf-8")
    end = time.monotonic() + READY_S
    while not is_ready(port):
        if server.poll() is not None or time.monotonic() > end:
            raise SystemExit((folder / "log").read_text(encoding="utf-8")[-2000:])
        time.sleep(0.1)
    print(port)


def stop(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pid = int((folder / "pid").read_text(encoding="utf-8"))
        os.kill(pid, signal.SIGTERM)
        for _look in range(100):
            os.kill(pid, 0)
            time.sleep(0.1)


if __name__ == "__main__":
    verb, where, *more = sys.argv[1:]
    start(Path(where), *more) if verb == "start" else stop(Path(where))
