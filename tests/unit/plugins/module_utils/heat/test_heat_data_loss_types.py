# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What replacing a resource would lose."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.data_loss_types import losses
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change


def change(verb: str, path: str, kind: str) -> Change:
    """One change of a resource."""
    return Change(verb, f"resource/{path}", {"type": kind})


REGISTRY = {"resource_registry": {"My::Box": "OS::Nova::Server", "Our::*": "OS::*", "Round": "Round", "resources": {}}}


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ([change("replace", "a", "OS::Nova::Server")], {"a": "OS::Nova::Server: a node"}),
        ([change("update", "a", "OS::Nova::Server")], {}),
        ([change("delete", "a", "OS::Nova::Server")], {}),
        ([change("replace", "a", "OS::Heat::RandomString")], {}),
        ([change("replace", "grp/0", "OS::Cinder::Volume")], {"grp/0": "OS::Cinder::Volume: data"}),
        ([change("replace", "a", "My::Box")], {"a": "My::Box: a node"}),
        ([change("replace", "a", "Our::Cinder::Volume")], {"a": "Our::Cinder::Volume: data"}),
        ([change("replace", "a", "Round")], {}),
        ([change("replace", "failed", "OS::Nova::Server")], {}),
        # What a replaced parent takes with it
        (
            [change("replace", "n", "n.yaml"), change("delete", "n/s", "OS::Nova::Server")],
            {"n/s": "OS::Nova::Server: a node"},
        ),
        ([change("replace", "n", "n.yaml"), change("delete", "nn/s", "OS::Nova::Server")], {}),
    ],
)
def test_losses(changes: list[Change], lost: dict[str, str]) -> None:
    """Only replacing what has something is a loss; taking it out of the template is what the user wrote."""
    assert losses(changes, REGISTRY, {"failed"}) == lost
