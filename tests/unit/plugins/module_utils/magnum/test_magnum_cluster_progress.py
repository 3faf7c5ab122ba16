# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster is busy with, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.cluster_progress import (
    ASKED_EVERY_S,
    group_progress,
    leaves_in_progress,
    seldom,
    stack_activity,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup

BUSY, DONE = "CREATE_IN_PROGRESS", "CREATE_COMPLETE"
# A cluster's stack: the network is done, of two nodes one
STACK = (
    Resource("network", "OS::Heat::Stack", DONE, stack_id="top"),
    Resource("kube_minions", "OS::Heat::ResourceGroup", BUSY, stack_id="top", nested_id="minions"),
    Resource("0", "kubeminion.yaml", DONE, stack_id="minions", nested_id="first"),
    Resource("1", "kubeminion.yaml", BUSY, stack_id="minions", nested_id="second"),
    Resource("kube-minion", "OS::Nova::Server", BUSY, stack_id="second"),
)


def test_what_holds_something_busy_is_not_named() -> None:
    """The server is at work; the group and the node are so only because of it."""
    assert [resource.name for resource in leaves_in_progress(STACK)] == ["kube-minion"]
    assert stack_activity(STACK) == "Heat 2/5 resources, now kube-minion"


def test_more_than_two_are_counted() -> None:
    busy = [Resource(name, "OS::Nova::Server", BUSY, stack_id="top") for name in ("a", "b", "c", "d")]
    assert stack_activity(busy) == "Heat 0/4 resources, now a, b and 2 more"


@pytest.mark.parametrize(
    ("group", "resources", "text"),
    [
        (NodeGroup("g", "default-worker", node_count=2), STACK, "default-worker 1/2 nodes ready"),
        (NodeGroup("g", "default-worker", node_count=2, status="DELETE_IN_PROGRESS"), STACK, "default-worker"),
        (NodeGroup("g", "default-master", role="master", node_count=1), STACK, "default-master"),
        (
            NodeGroup("g", "npu", node_count=1, detailed=True, node_addresses=("10.0.0.4", "10.0.0.5")),
            (),
            "npu 1/1 nodes ready",
        ),
        (NodeGroup("g", "npu", node_count=1, node_addresses=("10.0.0.4",)), (), "npu"),
    ],
)
def test_nodes_that_are_ready(group: NodeGroup, resources: tuple[Resource, ...], text: str) -> None:
    """By the stack, else by the addresses of a group that was read by itself; else nothing is said of nodes."""
    assert group_progress(group, resources) == text


def test_the_cloud_is_not_asked_at_every_look() -> None:
    """The same answer for a while; another status is asked for at once."""
    now, asked = [0.0], []

    def ask(cluster: Cluster) -> str:
        asked.append((now[0], cluster.status))
        return f"answer {len(asked)}"

    say = seldom(ask, lambda: now[0])
    creating = Cluster(id="1", name="ml", status=BUSY)
    assert [say(creating), say(creating)] == ["answer 1", "answer 1"]
    assert say(replace(creating, status=DONE)) == "answer 2"
    now[0] = ASKED_EVERY_S
    assert say(creating) == "answer 3"
    assert asked == [(0.0, BUSY), (0.0, DONE), (ASKED_EVERY_S, BUSY)]
