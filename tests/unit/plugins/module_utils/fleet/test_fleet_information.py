# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What magnum_fleet_info asks for, and what it says of node groups that only a list showed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.information import (
    read_fleet_information,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import check_form
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    ALL_CLUSTERS,
    cluster,
    group,
    listed,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import scripted_cloud

pytest.importorskip("magnumclient")
# The SDK warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")
PLAIN, SCALED = "c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"


def test_only_an_autoscaled_cluster_s_groups_are_read_singly() -> None:
    """Its bounds are the autoscaler's, which a declaration must know; of the other, what a list does not tell is null."""
    clusters = [
        cluster(uuid=PLAIN, name="plain"),
        cluster(uuid=SCALED, name="scaled", labels={"auto_scaling_enabled": "true"}),
        cluster(uuid="c0000000-0000-4000-8000-000000000003", name="other"),
    ]
    whole = group(uuid="id-scaled", min_node_count=2, max_node_count=9)
    reads = [
        ("GET", ALL_CLUSTERS, 200, {"clusters": clusters}),
        ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": []}),
        ("GET", r"/heat/stacks\?.*", 200, {"stacks": []}),
        ("GET", rf"/clusters/{PLAIN}/nodegroups/\?.*", 200, listed(group())),
        ("GET", rf"/clusters/{SCALED}/nodegroups/\?.*", 200, listed(group(uuid="id-scaled"))),
        ("GET", f"/clusters/{SCALED}/nodegroups/{whole['uuid']}", 200, whole),
    ]
    with scripted_cloud([], ambient=reads) as cloud:
        found = read_fleet_information(
            connect({"auth": cloud.auth()}), ["plain", "scaled"], details=False, interface="public", api_version=None
        )
        singly = [str(request) for request in cloud.script.sent if "nodegroups/id-" in str(request)]
    assert len(singly) == 1 and "id-scaled" in singly[0]
    groups: dict[str, Any] = {one["name"]: one["node_groups"][0] for one in found["clusters"]}
    assert set(groups) == {"plain", "scaled"}
    assert [check_form(one["state_digest"]) for one in found["clusters"] if one["state_digest"]] == [None] * 2
    assert (groups["scaled"]["min_node_count"], groups["scaled"]["max_node_count"]) == (2, 9)
    assert (groups["plain"]["min_node_count"], groups["plain"]["max_node_count"]) == (None, None)
    assert groups["plain"]["node_count"] == groups["scaled"]["node_count"]
