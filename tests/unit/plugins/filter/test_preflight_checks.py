# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud lacks, and the fix for each."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.preflight_checks import preflight_checks


def server(**changes: Any) -> dict[str, Any]:
    """A Prometheus server as openstack_info shows it."""
    exporters = ["DCGM exporter", "kube-state-metrics"]
    return {"name": "a", "url": "http://p", "exporters": exporters, "missing": [], "failure": None, **changes}


def template(name: str, distro: str, **labels: str) -> dict[str, Any]:
    """A cluster template as openstack_info shows it."""
    return {"id": name, "name": name, "os_distro": distro, "labels": labels}


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
                {"id": "1", "name": "fcos", "os_distro": "fedora-coreos", "kube_version": None},
                {"id": "2", "name": "bare", "os_distro": None, "kube_version": None},
                {"id": "3", "name": "twice", "os_distro": "ubuntu", "kube_version": "v1.31.1"},
                {"id": "4", "name": "twice", "os_distro": "ubuntu", "kube_version": None},
                {"id": "5", "name": "odd", "os_distro": "slackware", "kube_version": None},
            ],
            "networks": [
                {"id": "1", "name": "public", "external": True, "subnets": [{"name": "out", "cidr": "203.0.113.0/24"}]},
                {"id": "2", "name": "inside", "external": False, "subnets": [{"name": "in", "cidr": "10.0.0.0/24"}]},
                {"id": "3", "name": "bridge", "external": True, "subnets": [{"name": "", "cidr": "172.24.4.0/24"}]},
                {"id": "4", "name": "pods", "external": False, "subnets": [{"name": "p", "cidr": "10.100.4.0/24"}]},
                {"id": "5", "name": "silent", "external": True, "subnets": []},
                {"id": "6", "name": "inner-and-outer", "external": False, "subnets": []},
                {"id": "7", "name": "inner-and-outer", "external": True, "subnets": []},
                {"id": "8", "name": "two-out", "external": True, "subnets": []},
                {"id": "9", "name": "two-out", "external": True, "subnets": []},
            ],
            "cluster_templates": [{"id": "1", "name": "plain", "os_distro": "ubuntu", "labels": {}}],
            "conductors": None,
            "trusts": {"permitted": True, "reason": None},
            "metrics": [server()],
            "keypairs": ["mine"],
            "quotas": {"cores": {"limit": 10, "used": 7, "left": 3}, "ports": {"limit": -1, "used": 1, "left": None}},
            "problems": {},
            **changes,
        }
    }


GOOD: dict[str, Any] = {
    "create": True,
    "roles": ["member"],
    "driver": "",
    "services": ["orchestration", "container-infra"],
    "microversion": "1.9",
    "images": ["fcos", "3"],
    "keypair": "mine",
    "external_network": "public",
    "fixed_network": "inside",
    "ranges": {"pods": "10.100.0.0/16", "services": "172.24.0.0/13"},
    "flavors": ["cpu"],
    "accelerators": ["gpu", "a100", "nvidia-a100"],
    "left": {"cores": 3, "ports": 100},
}


def test_a_cloud_that_has_everything_passes() -> None:
    checks = preflight_checks(cloud(), GOOD)
    assert [check for check in checks if not check["ok"] or check["warning"]] == []


def test_a_quota_that_the_cloud_does_not_tell_is_a_warning() -> None:
    check = only(cloud(), {**GOOD, "left": {"clusters": 1, "cores": 3}})
    assert (check["check"], check["ok"], check["warning"]) == ("quota: 1 clusters left", True, True)
    assert check["found"] == "not known: the cloud does not say"


@pytest.mark.parametrize("name", ["ram", "core", "volumes"])
def test_a_resource_that_no_quota_counts_is_refused(name: str) -> None:
    """A mistyped one above all: it would pass."""
    with pytest.raises(AnsibleFilterError, match=rf"'openstack_preflight_left\.{name}'.* cores, ram_mib, networks"):
        preflight_checks(cloud(), {**GOOD, "left": {"clusters": 1, name: 10**9}})


def test_a_service_that_is_only_in_the_catalog_passes_by_it() -> None:
    """Its name is the catalog's; the row says that it was not asked."""
    there = {"name": "keystone", "available": True, "endpoint": "http://k/v3", "min_version": None, "max_version": None}
    services = {**cloud()["openstack"]["services"], "identity": there}
    checks = preflight_checks(cloud(services=services), {**GOOD, "services": ["identity"]})
    (row,) = [check for check in checks if check["check"] == "identity is in the catalog"]
    assert (row["ok"], row["found"]) == (True, "keystone, http://k/v3")


def test_a_network_is_the_one_that_magnum_takes_for_its_name() -> None:
    """The external one among those of a name; a name that stands for two must be an id."""
    checks = preflight_checks(cloud(), {**GOOD, "external_network": "inner-and-outer"})
    assert [check["found"] for check in checks if check["check"] == "external network inner-and-outer"] == ["7"]
    for needs in ({"external_network": "two-out"}, {"fixed_network": "inner-and-outer"}):
        check = only(cloud(), {**GOOD, **needs})
        assert (check["ok"], check["found"]) == (False, "2 of that name")
        assert check["hint"].startswith("Name it by its id: ")


@pytest.mark.parametrize(
    ("needs", "check", "fix"),
    [
        ({"roles": ["member", "gpu"]}, "role gpu", "openstack role add --project p --user me gpu"),
        ({"fixed_network": "none"}, "fixed network none", "inside"),
        (
            {"driver": "capi-helm", "external_network": "bridge"},
            "subnets beside the ranges of magnum-capi-helm",
            "openstack_preflight_ranges",
        ),
        ({"microversion": "1.10"}, "Magnum offers microversion 1.10", "newer Magnum"),
        ({"services": ["key-manager"]}, "key-manager is in the catalog", "region_name"),
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


APPLICATION_CREDENTIAL = {"user": "me", "project": "p", "roles": ["member"], "auth_method": "application_credential"}
REFUSED = {"permitted": False, "reason": "Delegated tokens cannot manage trusts"}
CREATES = "credential can create clusters"


@pytest.mark.parametrize(
    ("method", "trusts", "newest", "verdict"),
    [
        ("password", {"permitted": True, "reason": None}, "1.12", "passed"),
        ("password", {"permitted": None, "reason": None}, "1.12", "passed"),
        ("password", REFUSED, "1.12", "missed"),
        ("application_credential", REFUSED, "1.12", "missed"),
        ("application_credential", {"permitted": True, "reason": None}, "1.12", "passed"),
        # Not asked, as in check mode: it is not known
        ("application_credential", {"permitted": None, "reason": None}, "1.12", "warned"),
        # Asked, and Keystone's answer says nothing of trusts
        ("password", {"permitted": None, "reason": "it answered 500"}, "1.12", "warned"),
        ("application_credential", {"permitted": None, "reason": "it answered 500"}, "1.12", "warned"),
        # Magnum 23 makes no trusts itself
        ("application_credential", REFUSED, "1.14", "warned"),
    ],
)
def test_keystone_says_whether_a_credential_can_create_clusters(
    method: str, trusts: dict[str, Any], newest: str, verdict: str
) -> None:
    """Unless nobody wants to create."""
    who = {**APPLICATION_CREDENTIAL, "auth_method": method}
    services = cloud()["openstack"]["services"]
    services["container-infra"]["max_version"] = newest
    found = cloud(identity=who, trusts=trusts, services=services)
    (check,) = [check for check in preflight_checks(found, GOOD) if check["check"] == CREATES]
    assert ("warned" if check["warning"] else "passed" if check["ok"] else "missed") == verdict
    assert bool(check["hint"]) == (verdict != "passed")
    assert trusts["reason"] is None or trusts["reason"] in check["found"]
    assert CREATES not in [check["check"] for check in preflight_checks(found, {**GOOD, "create": False})]


def test_an_administrator_is_warned() -> None:
    """It does not fail the check; the hint says why another user is better. Nobody else is warned."""
    who = {"user": "root", "project": "p", "roles": ["admin", "member"], "auth_method": "password"}
    checks = preflight_checks(cloud(identity=who), GOOD)
    assert all(check["ok"] for check in checks)
    (warning,) = [check for check in checks if check["warning"]]
    assert (warning["check"], warning["found"]) == ("the user is not an administrator", "role admin")
    assert "every project" in warning["hint"]
    assert [check for check in preflight_checks(cloud(), GOOD) if check["warning"]] == []


def only(found: dict[str, Any], needs: dict[str, Any]) -> dict[str, Any]:
    """The one row that is not a plain pass."""
    (check,) = [check for check in preflight_checks(found, needs) if not check["ok"] or check["warning"]]
    assert check["hint"]
    return check


@pytest.mark.parametrize(
    ("needs", "overlap"),
    [
        ({"external_network": "bridge"}, "subnet 172.24.4.0/24 overlaps services 172.24.0.0/13"),
        ({"fixed_network": "pods"}, "p 10.100.4.0/24 overlaps pods 10.100.0.0/16"),
        ({"ranges": {"pods": "203.0.0.0/8"}}, "out 203.0.113.0/24 overlaps pods 203.0.0.0/8"),
    ],
)
def test_ranges_that_overlap_are_a_warning_where_the_driver_may_be_magnum_capi_helm(
    needs: dict[str, Any], overlap: str
) -> None:
    check = only(cloud(), {**GOOD, **needs})
    assert (check["ok"], check["found"]) == (True, overlap)


@pytest.mark.parametrize(
    "needs",
    [
        {"driver": "heat", "external_network": "bridge", "images": ["fcos"]},
        # Nothing says that images for a Cluster-API driver are wanted
        {"external_network": "bridge", "images": ["fcos"]},
        {"external_network": "bridge", "ranges": {}},
        {"external_network": "bridge", "ranges": {"pods": "fd00::/8"}},
        # Not every cloud shows its tenants the subnets of the external network
        {"external_network": "silent", "fixed_network": ""},
    ],
)
def test_other_ranges_do_not_matter(needs: dict[str, Any]) -> None:
    assert [
        check for check in preflight_checks(cloud(), {**GOOD, **needs}) if not check["ok"] or check["warning"]
    ] == []


def test_a_range_that_is_not_one_is_named() -> None:
    with pytest.raises(
        AnsibleFilterError, match=r"'openstack_preflight_ranges\.pods': '10\.100\.0\.1/16' is not a range"
    ):
        preflight_checks(cloud(), {**GOOD, "ranges": {"pods": "10.100.0.1/16"}})


def test_an_image_says_its_driver() -> None:
    found = {
        check["check"]: check["found"] for check in preflight_checks(cloud(), {**GOOD, "images": ["fcos", "3", "4"]})
    }
    assert found["image fcos"] == "os_distro fedora-coreos, for heat"
    assert found["image 3"] == "os_distro ubuntu, for capi-helm"
    assert found["image 4"] == "os_distro ubuntu, for capi-helm or cluster-api"


def test_an_image_that_no_driver_takes_is_a_warning() -> None:
    check = only(cloud(), {**GOOD, "images": ["odd"]})
    assert (check["check"], check["ok"]) == ("image odd", True)
    services = cloud()["openstack"]["services"]
    services["container-infra"]["max_version"] = "1.14"
    check = only(cloud(services=services), {**GOOD, "images": ["fcos"]})
    assert (check["check"], check["ok"]) == ("image fcos", True) and "no Heat driver" in check["found"]


@pytest.mark.parametrize(
    ("distro", "labels", "effect"),
    [
        ("ubuntu", {}, "no effect"),
        ("fedora-coreos", {}, "changes the count after a resize"),
        ("ubuntu", {"kube_tag": "v1.31.1"}, "no effect"),
    ],
)
def test_a_template_whose_clusters_do_not_resize_is_named(distro: str, labels: dict[str, str], effect: str) -> None:
    """A label is text, and YAML's true becomes True."""
    templates = [template("plain", "ubuntu"), template("auto", distro, auto_scaling_enabled="True", **labels)]
    check = only(cloud(cluster_templates=templates), GOOD)
    assert (check["check"], check["ok"]) == ("autoscaling of cluster template auto", True)
    assert effect in check["found"] and "min_node_count" in check["hint"]


@pytest.mark.parametrize(
    ("conductors", "failed"),
    [
        (None, []),
        ([{"host": "one", "state": "down", "disabled": False}, {"host": "two", "state": "up", "disabled": False}], []),
        (
            [{"host": "one", "state": "up", "disabled": True}, {"host": "two", "state": "down", "disabled": False}],
            ["one disabled, two down"],
        ),
        ([], ["none"]),
    ],
)
def test_a_magnum_without_a_conductor_is_named(conductors: list[Any] | None, failed: list[str]) -> None:
    checks = preflight_checks(cloud(conductors=conductors), GOOD)
    assert [check["found"] for check in checks if not check["ok"]] == failed


@pytest.mark.parametrize(
    ("metrics", "check", "fix"),
    [
        (server(failure={"reason": "Connection refused", "hint": "Check 'url'"}), "Prometheus a answers", "'url'"),
        (server(failure={"reason": "HTTP 401", "hint": "Check 'token'"}), "Prometheus a answers", "'token'"),
        (server(exporters=[]), "Prometheus a answers", "kube-state-metrics"),
        (server(missing=["kube_pod_info"]), "series kube_pod_info in a", "exporter of kube_pod_info"),
    ],
)
def test_a_prometheus_that_is_of_no_use_is_named(metrics: dict[str, Any], check: str, fix: str) -> None:
    found = only(cloud(metrics=[server(), metrics]), GOOD)
    assert (found["check"], found["ok"]) == (check, False) and fix in found["hint"]


def test_servers_that_cannot_be_read_are_no_failed_login() -> None:
    failure = {"resource": "servers", "reason": None, "hint": "Give 'servers'"}
    (check,) = preflight_checks({"failed": True, "msg": "Failed to read option 'servers'", "failure": failure}, GOOD)
    assert check["check"] == "Prometheus: options" and check["hint"] == "Give 'servers'"


def test_every_row_says_what_to_do_where_it_is_not_a_pass() -> None:
    """Of a cloud that has nothing."""
    nothing = cloud(
        flavors=[], images=[], networks=[], keypairs=[], quotas={"cores": {"limit": 1, "used": 1, "left": 0}},
        services={}, trusts=REFUSED, conductors=[], metrics=[server(exporters=[], missing=["x"])],
        identity={**APPLICATION_CREDENTIAL, "roles": []},
    )  # fmt: skip
    checks = preflight_checks(nothing, GOOD)
    assert len([check for check in checks if not check["ok"]]) > 15
    assert [check for check in checks if bool(check["hint"]) == (check["ok"] and not check["warning"])] == []


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
