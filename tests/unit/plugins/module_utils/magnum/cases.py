# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Magnum's answers look like, and a clock that is turned by hand: for the tests of the Magnum half."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    PROJECT,
    Entry,
    Script,
    scripted_cloud,
)

CLUSTER_ID = "c0000000-0000-4000-8000-000000000001"
OTHER_ID = "c0000000-0000-4000-8000-000000000002"
STACK_ID = "50000000-0000-4000-8000-000000000001"
ONE = f"/clusters/{CLUSTER_ID}"
BY_NAME = "/clusters/c"
ALL_CLUSTERS = r"/clusters/detail\?.*"
GROUPS = rf"{ONE}/nodegroups/\?.*"
RESIZE = f"{ONE}/actions/resize"
# The second look at what is not there; the script says where a list holds something.
EMPTY_LISTS = (
    ("GET", ALL_CLUSTERS, 200, {"clusters": []}),
    ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": []}),
)


class Hands:
    """A clock's hands: sleeping turns them, nobody waits."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.sleeps = 0
        self.clock = Clock(now=lambda: self.at, sleep=self.sleep, jitter=lambda: 1.0)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.at += seconds
        self.sleeps += 1
        assert self.sleeps < 2000, "waits for ever"


def cluster(status: str = "CREATE_COMPLETE", at: str = "t0", **fields: Any) -> dict[str, Any]:
    """A cluster as Magnum answers; ``at`` is when it was last written."""
    return {
        "uuid": CLUSTER_ID,
        "name": "c",
        "status": status,
        "updated_at": at,
        "project_id": PROJECT,
        "cluster_template_id": "t-1",
        "stack_id": "kube-abcde",
        "node_count": 2,
        "master_count": 1,
        "labels": {},
        **fields,
    }


def group(name: str = "default-worker", **fields: Any) -> dict[str, Any]:
    """A node group as a GET of it answers."""
    role = "master" if name == "default-master" else "worker"
    counts = {"node_count": 2, "min_node_count": 0, "max_node_count": None}
    default = {"is_default": name.startswith("default-"), "status": "CREATE_COMPLETE", "flavor_id": "f"}
    return {"uuid": f"id-{name}", "name": name, "role": role, **counts, **default, **fields}


def listed(*groups: dict[str, Any]) -> dict[str, Any]:
    """The list of node groups, which lies about bounds."""
    return {"nodegroups": [{**entry, "min_node_count": 0, "max_node_count": None} for entry in groups]}


def read_whole(answer: dict[str, Any], *groups: dict[str, Any], path: str = ONE) -> list[Entry]:
    """The reads of one cluster with its groups in detail."""
    groups = groups or (group(),)
    each = [("GET", f"{ONE}/nodegroups/{entry['uuid']}", 200, entry) for entry in groups]
    return [("GET", path, 200, answer), ("GET", GROUPS, 200, listed(*groups)), *each]


def error(status: int, detail: str) -> tuple[int, dict[str, Any]]:
    """An error as Magnum writes it: the title is the first sentence."""
    title = detail.split(". ")[0].rstrip(".")
    return status, {"errors": [{"code": "client", "status": status, "title": title, "detail": detail, "links": []}]}


@contextmanager
def magnum(
    entries: Sequence[Entry], cap: str | None = None, **cloud_options: Any
) -> Iterator[tuple[MagnumApi, Script]]:
    """The real client against a script."""
    with scripted_cloud(entries, **cloud_options) as cloud:
        yield MagnumApi(connect({"auth": cloud.auth()}), cap), cloud.script
