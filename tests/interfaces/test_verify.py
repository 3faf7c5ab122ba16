# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook verify_openstack against the test cloud: all is there, and then each thing that is not.

Its rows are read from what it publishes for a workflow, and the table that a person sees from what it prints.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openstack
import pytest
import yaml

from tests.interfaces.conftest import TestCloud, background, environment, run
from tools import clusters
from tools.gateway import free_port

# openstacksdk 4.10 warns of what it does itself when it first makes a service's proxy
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")

PREFIX = "test-verify-"
# The password "right", as Prometheus wants it
RIGHT = "$2b$04$IBsjwBMjDBQ.8qtnGY.PK.sUJlgeEGZuh0e2axH1X5eM20wPAgduW"
SEEN = {
    "accelerator_cluster_keypair": "kcloud-keypair",
    "openstack_preflight_images": ["fedora-coreos", "ubuntu-capi"],
    "openstack_preflight_accelerators": ["a100", "rngd"],
    "openstack_preflight_ranges": {},
}
Rows = dict[str, dict[str, Any]]


def verified(*arguments: str, env: dict[str, str] | None = None, **variables: Any) -> tuple[Rows, str, int]:
    """The rows by check, all that was printed, and the exit code."""
    extra = json.dumps({**SEEN, **variables})
    command = ["ansible-playbook", "kcloud.infrastructure.verify_openstack", "--extra-vars", extra, *arguments]
    finished: subprocess.CompletedProcess[str] = run(command, **{"ANSIBLE_SHOW_CUSTOM_STATS": "true", **(env or {})})
    _before, _mark, published = finished.stdout.partition("CUSTOM STATS:")
    assert published, finished.stdout + finished.stderr
    stats = json.loads(published[published.index("{") :])
    rows = stats["kcloud_openstack_preflight"]["checks"]
    return {row["check"]: row for row in rows}, finished.stdout + finished.stderr, finished.returncode


def failed(rows: Rows) -> list[str]:
    """The checks that failed; each says what to do."""
    found = [row for row in rows.values() if not row["ok"]]
    assert all(row["hint"] for row in found)
    return [row["check"] for row in found]


def test_a_cloud_that_has_everything_passes(cloud: TestCloud) -> None:
    rows, printed, code = verified()
    assert (code, failed(rows)) == (0, [])
    assert [row["check"] for row in rows.values() if row["warning"]] == []
    assert rows["credential can create clusters"]["found"] == "login by password; Keystone lets it make trusts"
    assert "/v1" in rows["Magnum answers"]["found"] and "1.1 to 1." in rows["Magnum answers"]["found"]
    assert "pass  keypair kcloud-keypair" in printed


def test_each_thing_that_is_missing_is_a_row_with_a_fix(cloud: TestCloud) -> None:
    """And the playbook fails at its end, with all of them."""
    rows, printed, code = verified(
        openstack_preflight_roles=["member", "gpu-operator"],
        openstack_preflight_services=["compute", "container-infra", "key-manager"],
        openstack_preflight_microversion="1.99",
        openstack_preflight_images=["nothing"],
        openstack_preflight_keypair="nobodys",
        openstack_preflight_external_network="nowhere",
        openstack_preflight_fixed_network="nowhere-inside",
        openstack_preflight_flavors=["huge"],
        openstack_preflight_accelerators=["gaudi3"],
        openstack_preflight_left={"clusters": 1000000},
        openstack_preflight_telemetry={"servers": [{"name": "site-a", "url": f"http://127.0.0.1:{free_port()}"}]},
    )
    assert code != 0
    assert sorted(failed(rows)) == sorted(
        [
            "role gpu-operator",
            "key-manager is in the catalog",
            "Magnum offers microversion 1.99",
            "image nothing",
            "keypair nobodys",
            "external network nowhere",
            "fixed network nowhere-inside",
            "flavor huge",
            "flavors with gaudi3",
            "quota: 1000000 clusters left",
            "Prometheus site-a answers",
        ]
    )
    assert "Connection refused" in rows["Prometheus site-a answers"]["found"]
    assert "Failed to find all that clusters need: " in printed and "FAIL  keypair nobodys" in printed


@pytest.mark.parametrize(
    ("override", "row"),
    [
        # Nova tells no version there
        ({"compute_endpoint_override": "compute/nothing"}, "Nova answers"),
        ({"network_endpoint_override": "network/nothing"}, "Neutron answers"),
        # Nova lists images too
        ({"image_endpoint_override": "compute"}, "Glance answers"),
    ],
)
def test_a_wrong_address_is_a_row_with_a_fix(
    cloud: TestCloud, tmp_path: Path, override: dict[str, str], row: str
) -> None:
    ((option, place),) = override.items()
    service, _slash, wrong = place.partition("/")
    given = yaml.safe_load(cloud.clouds_yaml.read_text(encoding="utf-8"))
    address = cloud.connect().endpoint_for(service)
    given["clouds"]["devcloud"][option] = f"{address.partition('/v')[0]}/{wrong}" if wrong else address
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
    rows, _printed, code = verified(
        env={"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")},
        openstack_preflight_services=["compute", "image", "network", "identity", "placement"],
    )
    assert code != 0 and row in failed(rows)
    assert "endpoint_override" in rows[row]["hint"]
    assert rows["identity is in the catalog"]["ok"] and rows["placement is in the catalog"]["ok"]


@pytest.mark.parametrize("driver", ["", "capi-helm"])
def test_an_external_network_within_the_ranges_of_a_driver(cloud: TestCloud, driver: str) -> None:
    """The test cloud's external subnet is 172.24.0.0/16, within the default range of services. It fails where the driver is
    known, and is a warning where the images only let it be."""
    ranges = {"pods": "10.100.0.0/16", "services": "172.24.0.0/13"}
    rows, _printed, code = verified(openstack_preflight_ranges=ranges, openstack_preflight_driver=driver)
    row = rows["subnets beside the ranges of magnum-capi-helm"]
    assert (row["ok"], row["warning"], code) == ((False, False, 2) if driver else (True, True, 0))
    assert "172.24.0.0/16 overlaps services 172.24.0.0/13" in row["found"]


def test_an_application_credential_can_do_all_but_create(cloud: TestCloud) -> None:
    """By Keystone's own word, which makes no trust; in check mode it is not asked."""
    connection = cloud.connect()

    def trusts() -> list[str]:
        """The user's trusts but those of Magnum and Heat, which other tests make meanwhile: they impersonate."""
        answer = connection.identity.get(f"/OS-TRUST/trusts?trustor_user_id={connection.current_user_id}")
        return sorted(trust["id"] for trust in answer.json()["trusts"] if not trust["impersonation"])

    before = trusts()
    rows, _printed, code = verified(env={"OS_CLOUD": cloud.application_credential})
    assert code != 0 and failed(rows) == ["credential can create clusters"]
    assert "Delegated tokens cannot manage trusts" in rows["credential can create clusters"]["found"]
    assert trusts() == before
    rows, _printed, code = verified("--check", env={"OS_CLOUD": cloud.application_credential})
    row = rows["credential can create clusters"]
    assert (code, row["ok"], row["warning"]) == (0, True, True) and "was not asked" in row["found"]


def test_an_administrator_is_warned_and_sees_the_conductor(cloud: TestCloud) -> None:
    rows, _printed, _code = verified(env={"OS_CLOUD": cloud.admin}, openstack_preflight_keypair="")
    assert rows["the user is not an administrator"]["warning"]
    assert rows["Magnum's conductor runs"]["ok"]


def test_a_wrong_password_is_the_only_row(cloud: TestCloud, tmp_path: Path) -> None:
    wrong = yaml.safe_load(cloud.clouds_yaml.read_text(encoding="utf-8"))
    wrong["clouds"]["devcloud"]["auth"]["password"] = "not-the-password"
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    rows, printed, code = verified("-vvv", env={"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")})
    assert code != 0 and list(rows) == failed(rows) == ["Keystone: log in"]
    assert "auth_url, user, password" in rows["Keystone: log in"]["hint"]
    assert "not-the-password" not in printed


def test_a_cluster_template_with_autoscaling_is_named(cloud: TestCloud) -> None:
    # In another project: the guides show this table, without such a row, at the same time. One of them lists what is there
    magnum = openstack.connect(cloud=cloud.other_tenant).container_infrastructure_management
    name = f"{PREFIX}autoscaled"
    with clusters.alone(cloud.other_tenant):
        labels = {"auto_scaling_enabled": "true", "min_node_count": "1", "max_node_count": "10"}
        template = clusters.create_template(magnum, name, labels=labels)
        try:
            rows, _printed, code = verified(env={"OS_CLOUD": cloud.other_tenant})
        finally:
            magnum.delete_cluster_template(template.id)
    row = rows[f"autoscaling of cluster template {name}"]
    assert (code, row["ok"], row["warning"]) == (0, True, True)
    assert "has no effect" in row["found"] and "max_node_count" in row["hint"]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that wants a password, and watches only itself."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    scrape = {"job_name": "self", "basic_auth": {"username": "reader", "password": "right"}}
    scrape["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (folder / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": {"reader": RIGHT}}), encoding="utf-8")
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--web.config.file={folder}/web.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with background(command, folder / "log", env=environment()) as program:
        deadline = time.monotonic() + 60
        while not _asks_for_a_password(port):
            assert program.process.poll() is None and time.monotonic() < deadline, program.output
            time.sleep(0.2)
        # One sample of its own is there by then
        time.sleep(3)
        yield f"http://127.0.0.1:{port}"


def _asks_for_a_password(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
            return False
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401
    except OSError:
        return False


def test_a_prometheus_that_refuses_the_login(cloud: TestCloud, prometheus: str) -> None:
    server = {"name": "site-a", "url": prometheus, "username": "reader", "password": "wrong-password"}
    rows, printed, code = verified(openstack_preflight_telemetry={"servers": [server]})
    assert code != 0 and failed(rows) == ["Prometheus site-a answers"]
    assert "HTTP 401" in rows["Prometheus site-a answers"]["found"]
    assert "'username' and 'password'" in rows["Prometheus site-a answers"]["hint"]
    assert "wrong-password" not in printed


def test_a_prometheus_without_the_series_that_are_needed(cloud: TestCloud, prometheus: str) -> None:
    """It watches only itself: one of the series is there."""
    server = {"name": "site-a", "url": prometheus, "username": "reader", "password": "right"}
    rows, _printed, code = verified(
        openstack_preflight_telemetry={"servers": [server]},
        openstack_preflight_series=["prometheus_build_info", "kube_pod_info"],
    )
    assert code != 0 and failed(rows) == ["Prometheus site-a answers", "series kube_pod_info in site-a"]
    assert "without series of an exporter that is known here" in rows["Prometheus site-a answers"]["found"]
