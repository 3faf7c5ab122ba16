# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module says of services that a test cloud does not show."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.kcloud.infrastructure.plugins.modules import openstack_info


@pytest.mark.parametrize(("status", "available"), [(200, True), (403, True), (500, False), (503, False)])
def test_a_service_that_answers_with_an_error_of_its_own_is_not_available(
    monkeypatch: pytest.MonkeyPatch, status: int, available: bool
) -> None:
    """A 503 is an answer, and no service; a 403 is the service's word on this user."""
    monkeypatch.setattr(openstack_info, "SERVICES", {"orchestration": "/stacks?limit=1"})
    endpoint = SimpleNamespace(url="http://heat/v1", min_microversion=None, max_microversion=None)
    adapter = SimpleNamespace(get_endpoint_data=lambda: endpoint, get=lambda _path: SimpleNamespace(status_code=status))
    config = SimpleNamespace(get_session_client=lambda _service: adapter)
    found = openstack_info.services(SimpleNamespace(config=config))["orchestration"]
    assert found["available"] is available
    assert available or (str(status) in found["reason"] and found["hint"])
