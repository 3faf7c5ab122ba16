# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the interfaces share: the test cloud, and how a program is run against it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack
import pytest

from tools import clusters
from tools.places import CLOUDS_YAML, ROOT, tools_environment


def pytest_configure(config: pytest.Config) -> None:
    """openstacksdk 4.10 warns of an argument that it gives itself."""
    config.addinivalue_line("filterwarnings", "ignore:The 'service_type' parameter is unnecesary")


@dataclass(frozen=True)
class TestCloud:
    """The cloud that the tests talk to, by names of `clouds.yaml`."""

    clouds_yaml: Path
    name: str = "devcloud"
    other_tenant: str = "devcloud-tenant-b"
    admin: str = "devcloud-admin"
    application_credential: str = "devcloud-appcred"
    __test__ = False

    def connect(self) -> openstack.connection.Connection:
        """A connection of openstacksdk, to prepare and to check with, not by the code under test."""
        return openstack.connect(cloud=self.name)

    def clusters(self, prefix: str) -> list[Any]:
        """The clusters whose names begin with the prefix, as Magnum lists them."""
        magnum = self.connect().container_infrastructure_management
        return clusters.clusters(magnum, prefix)

    def delete(self, prefix: str) -> None:
        """Delete the clusters and cluster templates whose names begin with the prefix, and wait until they are gone."""
        clusters.delete(self.connect().container_infrastructure_management, prefix)


@dataclass(frozen=True)
class Program:
    """A program that runs in the background, and the file of what it prints."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def environment(**more: str) -> dict[str, str]:
    """The environment of a program under test: the tools' own, the test cloud, and nothing of the user's."""
    return {**tools_environment(), "OS_CLOUD": "devcloud", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **more}


def run(
    command: Sequence[str], *, seconds: float = 300, folder: Path = ROOT, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; what it prints is captured."""
    return subprocess.run(
        list(command),
        check=False,
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def background(
    command: Sequence[str], log: Path, *, folder: Path = ROOT, env: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a program while the block runs; at its end the program and its children are ended."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(env or environment()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Program(process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


@pytest.fixture(scope="session")
def cloud(monkeypatch_session: pytest.MonkeyPatch) -> TestCloud:
    """The test cloud; it must run."""
    monkeypatch_session.setenv("OS_CLIENT_CONFIG_FILE", str(CLOUDS_YAML))
    assert CLOUDS_YAML.exists(), f"{CLOUDS_YAML} does not exist: run `make cloud-up`"
    return TestCloud(CLOUDS_YAML)


@pytest.fixture(scope="session")
def monkeypatch_session() -> Iterator[pytest.MonkeyPatch]:
    """Environment variables for the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
