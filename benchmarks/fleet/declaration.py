# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmarks declare, in the words of each contender. Pure."""

from __future__ import annotations

from typing import Any

CLOUD = "bench"
PROJECT = "bench-fleet"
TEMPLATE = "bench-template"
KEPT = "bench-"
NEW = "bench-new-"
NODE_COUNT = 1
# An image of the second driver: no servers, no networks, and a transition of known length
TEMPLATE_OPTIONS = {
    "coe": "kubernetes",
    "image": "ubuntu-capi",
    "external_network": "public",
    "flavor": "cpu.medium",
    "master_flavor": "cpu.medium",
    "network_driver": "calico",
}
# Our option -> the API's field, where they differ
FIELDS = {
    "image": "image_id",
    "external_network": "external_network_id",
    "flavor": "flavor_id",
    "master_flavor": "master_flavor_id",
}


def template_fields() -> dict[str, str]:
    """The template as Magnum's API takes it."""
    return {"name": TEMPLATE, **{FIELDS.get(name, name): value for name, value in TEMPLATE_OPTIONS.items()}}


def fleet(names: list[str]) -> dict[str, Any]:
    """Options of `magnum_fleet`: the template and these clusters."""
    clusters = [{"name": name, "cluster_template": TEMPLATE, "node_count": NODE_COUNT} for name in names]
    return {"cluster_templates": [{"name": TEMPLATE, **TEMPLATE_OPTIONS}], "clusters": clusters}


def cluster(name: str) -> dict[str, Any]:
    """Options of `magnum_cluster`."""
    return {"name": name, "cluster_template": TEMPLATE, "node_count": NODE_COUNT}


def coe_cluster(name: str, template_id: str) -> dict[str, Any]:
    """Options of `openstack.cloud.coe_cluster`: by the template's id, as it does not find a cluster by its name.

    It does not wait: its wait never ends, as it waits for a status that Magnum does not have.
    """
    return {"name": name, "cluster_template_id": template_id, "node_count": NODE_COUNT, "wait": False}


def workload() -> dict[str, Any]:
    """Options of `cluster_match`: something small that fits each cluster of the benchmark."""
    return {"workload": {"name": "bench", "cpu_cores": 1, "memory_gb": 1}}
