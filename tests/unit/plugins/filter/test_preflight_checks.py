# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud lacks, and the fix for each."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.filter.preflight_checks import preflight_checks


def cloud(**changes: Any) -> dict[str, Any]:
    """The result of openstack_info on a cloud that has everything, with changes."""
    service = {"available": True, "endpoint": "http://x", "min_version": None, "max_version": None}
    return {
        "openstack": {
            "identity": {"user": "me", "project": "p", "roles": ["member"], "auth_method": "password"},
            "services": {
                "orchestration": service,
                "container-infra": {**service, "min_version": "1.1", "max_version": "1.9"},
            },
            "flavors": [
                {"name": "gpu", "vcpus": 8, "ram_mib": 1024, "extra_specs": {"resources:CUSTOM_GPU_A100": "1"}},
                {"name": "cpu", "vcpus": 8, "ram_mib": 1024, "extra_specs": {}},
            ],
            "images": [
                {"id": "1", "name": "fcos", "os_distro": "fedora-coreos"},
                {"id": "2", "name": "bare", "os_distro": None},
                {"id": "3", "name": "twice", "os_distro": "ubuntu"},
                {"id": "4", "name": "twice", "os_distro": "ubuntu"},
            ],
            "networks": [
                {"id": "1", "name": "public", "external": True},
                {"id": "2", "name": "inside", "external": False},
            ],
            "keypairs": ["mine"],
            "quotas": {"cores": {"limit": 10, "used": 7, "left": 3}, "ports": {"limit": -1, "used": 1, "left": None}},
            "problems": {},
            **changes,
        }
    }


GOOD: dict[str, Any] = {
    "create": True,
    "services": ["orchestration", "container-infra"],
    "microversion": "1.9",
    "images": ["fcos", "3"],
    "keypair": "mine",
    "external_network": "public",
    "flavors": ["cpu"],
    "accelerators": ["gpu", "a100", "nvidia-a100"],
    "left": {"cores": 3, "ports": 100, "volumes": 1},
}


def test_a_cloud_that_has_everything_passes() -> None:
    """What a cloud does not say, such as a quota, does not fail the check but is said."""
    checks = preflight_checks(cloud(), GOOD)
    assert [check for check in checks if not check["ok"]] == []
    assert {check["check"]: check["found"] for check in checks}["quota: 1 volumes left"] == "the cloud does not say"


@pytest.mark.parametrize(
    ("needs", "check", "fix"),
    [
        ({"microversion": "1.10"}, "Magnum offers microversion 1.10", "newer Magnum"),
        ({"services": ["key-manager"]}, "key-manager answers", "region_name"),
        ({"images": ["none"]}, "image none", "fcos"),
        ({"images": ["bare"]}, "image bare", "os_distro"),
        ({"images": ["twice"]}, "image twice", "by its id"),
        ({"keypair": "other"}, "keypair other", "mine"),
        ({"external_network": "nowhere"}, "external network nowhere", "public"),
        ({"external_network": "inside"}, "external network inside", "public"),
        ({"flavors": ["huge"]}, "flavor huge", "gpu, cpu"),
        ({"accelerators": ["rngd"]}, "flavors with rngd", "flavor_map"),
        ({"left": {"cores": 4}}, "quota: 4 cores left", "larger quota"),
    ],
)
def test_each_thing_that_is_missing_is_named_with_a_fix(needs: dict, check: str, fix: str) -> None:
    """One failed check, and its hint."""
    (missing,) = [found for found in preflight_checks(cloud(), {**GOOD, **needs}) if not found["ok"]]
    assert missing["check"] == check
    assert fix in missing["hint"]


def test_an_application_credential_cannot_create_clusters() -> None:
    """Unless nobody wants to create."""
    who = {"user": "me", "project": "p", "roles": ["member"], "auth_method": "application_credential"}
    failed = [check["check"] for check in preflight_checks(cloud(identity=who), GOOD) if not check["ok"]]
    assert failed == ["credential can create clusters"]
    assert all(check["ok"] for check in preflight_checks(cloud(identity=who), {**GOOD, "create": False}))


def test_an_administrator_is_warned() -> None:
    """It does not fail the check; the hint says why another user is better. Nobody else is warned."""
    who = {"user": "root", "project": "p", "roles": ["admin", "member"], "auth_method": "password"}
    checks = preflight_checks(cloud(identity=who), GOOD)
    assert all(check["ok"] for check in checks)
    (warning,) = [check for check in checks if check["warning"]]
    assert (warning["check"], warning["found"]) == ("the user is not an administrator", "role admin")
    assert "every project" in warning["hint"]
    assert [check for check in preflight_checks(cloud(), GOOD) if check["warning"]] == []


def test_a_part_that_cannot_be_read_is_one_failed_check() -> None:
    """And the rest is judged all the same."""
    problem = {"quotas": {"reason": "policy", "hint": "ask"}}
    checks = preflight_checks(cloud(problems=problem, quotas={}), GOOD)
    assert [(check["check"], check["found"], check["hint"]) for check in checks if not check["ok"]] == [
        ("quotas can be read", "policy", "ask")
    ]


def test_a_service_that_does_not_answer_is_named() -> None:
    """With the reason as it came."""
    services = {
        **cloud()["openstack"]["services"],
        "orchestration": {"available": False, "reason": "refused", "hint": None},
    }
    (missing,) = [check for check in preflight_checks(cloud(services=services), GOOD) if not check["ok"]]
    assert (missing["check"], missing["found"]) == ("Heat answers", "refused")


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ({"failed": True, "failure": {"reason": "wrong password", "hint": "check it"}}, "wrong password"),
        ({"failed": True, "msg": "no library"}, "no library"),
    ],
)
def test_a_login_that_failed_is_the_one_check(result: dict, found: str) -> None:
    """Nothing else can be known then."""
    (check,) = preflight_checks(result, GOOD)
    assert (check["check"], check["ok"], check["found"]) == ("Keystone: log in", False, found)
    assert check["hint"]
