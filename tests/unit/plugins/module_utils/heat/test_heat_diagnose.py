# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deepest reason among many failed resources."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.diagnose import (
    deployment_reason,
    depths,
    failed_leaves,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Resource

GROUP = Resource("nodes", "OS::Heat::ResourceGroup", "CREATE_FAILED", "resources[0]: ...", None, "top", "group")
NODE = Resource("0", "file:///node.yaml", "CREATE_FAILED", "resources.server: ...", None, "group", "node")
SERVER = Resource("server", "OS::Nova::Server", "CREATE_FAILED", "No valid host was found", None, "node")
PORT = Resource("port", "OS::Neutron::Port", "CREATE_COMPLETE", None, None, "node")
ABORTED = Resource(
    "volume", "OS::Cinder::Volume", "CREATE_FAILED", "CREATE aborted (user triggered cancel)", None, "node"
)
OUTER = Resource("quota", "OS::Neutron::Router", "CREATE_FAILED", "Quota exceeded", None, "top")


def test_depths() -> None:
    """Each stack lies one below the stack that holds its resource."""
    assert depths([GROUP, NODE, SERVER, PORT]) == {"top": 0, "group": 1, "node": 2}


def test_depths_of_a_circle_end() -> None:
    """Broken data does not hang."""
    assert depths([Resource("a", "t", stack_id="x", nested_id="y"), Resource("b", "t", stack_id="y", nested_id="x")])


@pytest.mark.parametrize("order", list(itertools.permutations([GROUP, NODE, SERVER, PORT, ABORTED, OUTER], 6))[::60])
def test_the_likeliest_cause_is_first_in_whatever_order_they_come(order: tuple[Resource, ...]) -> None:
    """Deepest first, what was only stopped last; what holds the failed ones is not a cause."""
    assert failed_leaves(order) == [SERVER, OUTER, ABORTED]


def test_a_nested_stack_that_failed_before_it_held_anything_is_a_leaf() -> None:
    """Its own reason is all there is."""
    assert failed_leaves([GROUP]) == [GROUP]


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        ({"output_values": {"deploy_stderr": "boom\n", "deploy_status_code": 2}}, "exit status 2: boom"),
        ({"output_values": {"deploy_stdout": "said so"}}, "said so"),
        ({"output_values": {}, "status_reason": "Deployment exited"}, "Deployment exited"),
        ({}, None),
    ],
)
def test_deployments(deployment: dict[str, object], reason: str | None) -> None:
    """What the script wrote, else what Heat says of it."""
    assert deployment_reason(deployment) == reason
