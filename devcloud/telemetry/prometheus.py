# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Prometheus on a free port of loopback that answers with a given history. Many can run at once, each in its folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from devcloud import ports, processes
from devcloud.errors import DevcloudError
from devcloud.secret_store import write_private

NAME = "prometheus"
READY_S = 60.0
# Generated history may be older than what a server keeps by default
RETENTION = "10y"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((ports.LOOPBACK, 0))
        return int(probe.getsockname()[1])


def make_blocks(text: str, folder: Path) -> None:
    """Turn OpenMetrics into blocks in a new data folder of Prometheus.

    :raises DevcloudError: promtool is missing or refuses the text.
    """
    if not (promtool := shutil.which("promtool")):
        raise DevcloudError("promtool is missing: install Debian's package prometheus")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if all(line.startswith("#") for line in text.splitlines()):
        # There is no sample, which promtool takes for an error
        return
    source = folder.with_suffix(".om")
    source.write_text(text, encoding="utf-8")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(source), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    source.unlink()
    if done.returncode:
        raise DevcloudError(f"promtool refuses the history: {done.stderr[-1000:]}")


def command_of(config: Path, data: Path, port: int) -> list[str]:
    """The command line of a Prometheus."""
    return [
        "/usr/bin/prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={ports.LOOPBACK}:{port}",
        "--log.level=warn",
    ]


def start(folder: Path, text: str, config: str = "global: {}\n", options: Sequence[str] = ()) -> int:
    """Start a Prometheus with this history; returns its port when it answers.

    :param folder: of its own; what an earlier server left there is wiped.
    :param text: OpenMetrics.
    :param config: of Prometheus; without one it scrapes nothing.
    :param options: more of its command line.
    :raises DevcloudError: it does not start.
    """
    folder = folder.resolve()
    stop(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data, file, port = folder / "data", folder / "prometheus.yml", free_port()
    make_blocks(text, data)
    write_private(file, config)
    command = [*command_of(file, data, port), *options]
    processes.start(folder, folder / "log", NAME, command, dict(os.environ), "")
    try:
        wait_until_ready(folder, port)
    except BaseException:
        # Whoever asked for it gets no port, and so would not stop it
        stop(folder)
        raise
    return port


def wait_until_ready(folder: Path, port: int) -> None:
    """Wait until the server of a folder answers queries."""
    end = time.monotonic() + READY_S
    while not ports.answers_http(port, path="/-/ready"):
        if not processes.running(folder, NAME) or time.monotonic() > end:
            tail = (folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
            raise DevcloudError(f"Prometheus does not answer on port {port}:\n{tail}")
        time.sleep(0.05)


def stop(folder: Path) -> int:
    """End the server of a folder; returns how many processes ended, 0 where there is none."""
    family = processes.family(folder.resolve(), NAME)
    processes.end(family, 8)
    processes.record_file(folder.resolve(), NAME).unlink(missing_ok=True)
    return len(family)
