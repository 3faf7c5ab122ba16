# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flavors that a project may use: their extra specs are never silently missing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.flavors import flavors
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import Entry, scripted_cloud

pytest.importorskip("openstack")
# openstacksdk 4.10 warns of what it does itself when it first makes a service's proxy
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")


def listed(status: int, body: Any) -> Entry:
    return ("GET", "/nova/v2.1/flavors/detail.*", status, body)


def nova(name: str, identity: str, specs: dict[str, str]) -> dict[str, Any]:
    return {"id": identity, "name": name, "vcpus": 8, "ram": 65536, "disk": 40, "extra_specs": specs}


def test_in_order_of_name_in_the_units_of_the_options() -> None:
    specs = {"resources:CUSTOM_GPU_A100": "1"}
    answer = {"flavors": [nova("gpu", "2", specs), nova("cpu", "3", {})]}
    with scripted_cloud([listed(200, answer)]) as cloud:
        found = flavors(connect({"auth": cloud.auth()}))
    sizes = {"vcpus": 8, "ram_mib": 65536, "disk_gib": 40}
    assert found == [
        {"id": "3", "name": "cpu", **sizes, "extra_specs": {}},
        {"id": "2", "name": "gpu", **sizes, "extra_specs": specs},
    ]


@pytest.mark.parametrize("documents", [True, False])
def test_the_list_with_extra_specs_is_asked_for_whatever_the_version_document_says(
    monkeypatch: pytest.MonkeyPatch, documents: bool
) -> None:
    """Without the document the SDK would ask for Nova's oldest list, in which no flavor has an accelerator."""
    with scripted_cloud([listed(200, {"flavors": []})]) as cloud:
        if not documents:
            monkeypatch.setattr(cloud.server, "version", lambda *_args: {})
        assert flavors(connect({"auth": cloud.auth()})) == []
        (sent,) = cloud.script.sent
    assert sent.headers.get("OpenStack-API-Version") == "compute 2.61"


def test_a_nova_without_such_a_list_is_reported() -> None:
    refused = {"computeFault": {"code": 406, "message": "Version 2.61 is not supported by the API."}}
    with scripted_cloud([listed(406, refused)]) as cloud, pytest.raises(KcloudError) as reported:
        flavors(connect({"auth": cloud.auth()}))
    assert "list flavors" in reported.value.message and "2.61" in (reported.value.reason or "")
