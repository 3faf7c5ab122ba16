# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of tests and guides, seen and deleted by openstacksdk alone, not by the code under test."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from typing import Any

from tools.places import BUILD

# Magnum refuses the whole list for the moments in which any cluster is being removed
LIST_SECONDS = 30


def clusters(magnum: Any, prefix: str) -> list[Any]:
    """The clusters whose names begin with the prefix, as Magnum lists them.

    :param magnum: ``container_infrastructure_management`` of a connection of openstacksdk.
    """
    from openstack.exceptions import BadRequestException

    deadline = time.monotonic() + LIST_SECONDS
    while True:
        try:
            return [cluster for cluster in magnum.clusters() if cluster.name.startswith(prefix)]
        except BadRequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def create_template(magnum: Any, name: str, **options: Any) -> Any:
    """Create a cluster template whose clusters are made in seconds, by the driver without Heat.

    :param options: Magnum's own names; they win over those here.
    """
    small = {
        "coe": "kubernetes",
        "image_id": "ubuntu-capi",
        "external_network_id": "public",
        "flavor_id": "cpu.medium",
        "master_flavor_id": "cpu.medium",
        "network_driver": "calico",
        "docker_storage_driver": "overlay2",
    }
    return magnum.create_cluster_template(name=name, **{**small, **options})


def delete(magnum: Any, prefix: str, seconds: float = 300) -> None:
    """Delete the clusters and cluster templates whose names begin with the prefix, and wait until they are gone."""
    deadline, asked = time.monotonic() + seconds, set[str]()
    while left := clusters(magnum, prefix):
        for cluster in left:
            # Magnum refuses a cluster that is just being created, until it has a stack
            if cluster.id not in asked and not cluster.status.startswith("CREATE_IN"):
                magnum.delete_cluster(cluster.id)
                asked.add(cluster.id)
        if time.monotonic() > deadline:
            raise TimeoutError(f"still there after {seconds:.0f} s: {[cluster.name for cluster in left]}")
        time.sleep(1)
    for template in magnum.cluster_templates():
        if template.name.startswith(prefix):
            magnum.delete_cluster_template(template.id)


@contextlib.contextmanager
def alone(cloud: str) -> Iterator[None]:
    """Keep other tests that ask for it out of a project while the block runs: they see what is in it as a whole.

    :param cloud: a name of `clouds.yaml`.
    """
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{cloud}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
