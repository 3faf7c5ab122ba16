# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many accelerators are free: Placement's answers, and what is made of none."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.placement import accelerators_free
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import Entry, scripted_cloud

pytest.importorskip("openstack")
GPU, NPU = "CUSTOM_GPU_A100", "CUSTOM_NPU"


def asked(name: str, status: int, body: Any) -> Entry:
    return ("GET", rf"/placement/allocation_candidates\?resources={name}:1&root_required=.*", status, body)


def hosts(*found: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """Placement's hosts, each with (capacity, used) by class."""
    return {
        "provider_summaries": {
            f"host-{number}": {"resources": {name: {"capacity": held[0], "used": held[1]} for name, held in host.items()}}
            for number, host in enumerate(found)
        }
    }  # fmt: skip


def refused(status: int, detail: str) -> dict[str, Any]:
    return {"errors": [{"status": status, "title": "No", "detail": detail}]}


ROOMY = asked(GPU, 200, hosts({GPU: (8, 6), "VCPU": (64, 8)}, {GPU: (8, 8)}, {"VCPU": (64, 0)}, {GPU: (4, 0)}))
NO_SUCH = "Invalid resource class in resources parameter: No such resource class CUSTOM_NPU."


@pytest.mark.parametrize(
    ("script", "free"),
    [
        ([ROOMY, asked(NPU, 200, hosts())], {GPU: 6, NPU: 0}),
        ([ROOMY, asked(NPU, 400, refused(400, NO_SUCH))], {GPU: 6, NPU: 0}),
        # Nothing is known of any, and the others are not asked for
        ([asked(GPU, 403, refused(403, "Policy does not allow it"))], None),
        ([asked(GPU, 400, refused(400, "No such trait(s): COMPUTE_STATUS_DISABLED."))], None),
        ([asked(GPU, 503, None)], None),
    ],
)
def test_what_is_free_of_all_hosts_together(script: list[Entry], free: dict[str, int] | None) -> None:
    with scripted_cloud(script) as cloud:
        assert accelerators_free(connect({"auth": cloud.auth()}), [NPU, GPU, GPU]) == free


def test_no_accelerators_need_no_question() -> None:
    with scripted_cloud([]) as cloud:
        assert accelerators_free(connect({"auth": cloud.auth()}), []) == {}
