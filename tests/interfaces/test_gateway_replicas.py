# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two gateways that share a PostgreSQL server: one key is one run, one job of a cluster runs at a time, one takes over from the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.interfaces.conftest import TestCloud
from tests.interfaces.gateways import SMALL, RunningGateway, running_gateway

# openstacksdk warns of itself when it lists clusters
pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning")

PREFIX = "test-replicas-"
TEMPLATE = f"{PREFIX}small"
CLUSTER = f"{PREFIX}one"


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; Debian's package has a user for it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="module")
def socket_folder() -> Iterator[Path]:
    """A PostgreSQL server of its own, on a socket of its own: the folder of the socket."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "PostgreSQL is missing: run `apt-get install postgresql`"
    programs = found[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="kcloud-postgres-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(
            _as_postgres(list(command)), check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    run(str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth", "trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
    run(*control, "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield folder
    finally:
        run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def replicas(
    cloud: TestCloud, socket_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningGateway, RunningGateway]]:
    cloud.delete(PREFIX)
    shared = {
        "DATABASE": f"postgresql+psycopg://postgres@/postgres?host={socket_folder}",
        "WORKERS": "2",
        "LEASE": "3",
        "RATE_PER_MINUTE": "100000",
    }
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    with running_gateway(first, **shared) as one, running_gateway(second, **shared) as two:
        template = one.client().post("/templates", {"name": TEMPLATE, **SMALL})
        one.client().succeeded(template)
        yield one, two
    cloud.delete(PREFIX)


def _query(folder: Path, text: str) -> list[Any]:
    with psycopg.connect(f"host={folder} user=postgres dbname=postgres") as connection:
        return connection.execute(text).fetchall()


def test_one_key_is_one_run(
    replicas: tuple[RunningGateway, RunningGateway], cloud: TestCloud, socket_folder: Path
) -> None:
    body = {"name": CLUSTER, "cluster_template_id": TEMPLATE, "node_count": 1, "keypair": "kcloud-keypair"}
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda number: replicas[number % 2].client().post("/clusters", body, key="one"), range(20))
        )
    assert [answer.status_code for answer in answers] == [202] * 20
    assert len({answer.json()["job"]["id"] for answer in answers}) == 1
    # Either gateway says how it ended
    ends = [replica.client().succeeded(answers[0]) for replica in replicas]
    assert ends[0] == ends[1] and ends[0]["attempts"] == 1
    assert _query(socket_folder, "SELECT count(*) FROM kcloud_jobs WHERE verb = 'create_cluster'") == [(1,)]
    assert len(cloud.clusters(CLUSTER)) == 1


def test_one_job_of_a_cluster_runs_at_a_time(
    replicas: tuple[RunningGateway, RunningGateway], cloud: TestCloud, socket_folder: Path
) -> None:
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.05):
            [(running,)] = _query(socket_folder, "SELECT count(*) FROM kcloud_jobs WHERE state = 'running'")
            most = max(most, running)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        accepted = [
            replicas[number % 2].client().put(f"/clusters/{CLUSTER}/scale", {"node_count": 2 + number})
            for number in range(3)
        ]
        jobs = [replicas[0].client().succeeded(answer) for answer in accepted]
    finally:
        done.set()
        watcher.join()
    assert most == 1
    # In the order in which they were asked for
    assert [job["started_at"] for job in jobs] == sorted(job["started_at"] for job in jobs)
    assert cloud.clusters(CLUSTER)[0].node_count == 4


def test_a_gateway_takes_over_from_one_that_was_killed(
    replicas: tuple[RunningGateway, RunningGateway], cloud: TestCloud, socket_folder: Path
) -> None:
    accepted = replicas[0].client().put(f"/clusters/{CLUSTER}/scale", {"node_count": 1})
    identity = accepted.json()["job"]["id"]
    deadline = time.monotonic() + 60
    while not (owner := _query(socket_folder, f"SELECT owner FROM kcloud_jobs WHERE id = '{identity}'")[0][0]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # An owner is named by its machine, the number of its process, and chance
    killed, left = sorted(replicas, key=lambda replica: str(replica.program.process.pid) != owner.split("-")[-2])
    killed.program.process.kill()
    killed.program.process.wait()
    job = left.client().succeeded(accepted)
    assert job["attempts"] == 2 and job["events"][0]["task"].startswith("Take the job up again")
    assert cloud.clusters(CLUSTER)[0].node_count == 1
    left.client().succeeded(left.client().delete(f"/clusters/{CLUSTER}"))
