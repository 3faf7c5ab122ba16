# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each job template of AWX, run as AWX runs it: by ansible-runner, with its survey's defaults and its credential, against the test cloud."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from tests.interfaces.awx import PROJECT, Credential, Job, Plain, injected, launch, rendered_data
from tests.interfaces.conftest import TestCloud, run

PREFIX = "test-awx-"
CLUSTER_TEMPLATE = f"{PREFIX}template"
# What an environment declares; in AWX the inventories' variables. Its only cluster type is made in seconds
VARIABLES: Plain = {
    "accelerator_cluster_image": "ubuntu-capi",
    "accelerator_cluster_keypair": "kcloud-keypair",
    "accelerator_cluster_types": {"cpu-only": {"name": CLUSTER_TEMPLATE}},
    "openstack_preflight_left": {"clusters": 1},
    "cluster_cleanup_require_health": False,
    "kcloud_clusters": [{"name": f"{PREFIX}declared", "type": "cpu-only", "flavor": "cpu.medium"}],
}
ONLY_OURS = {
    "workload_placement_cluster_names": f"{PREFIX}*",
    "cluster_autoscale_cluster_names": f"{PREFIX}*",
    "cluster_status_names": f"{PREFIX}*",
}
WORKLOAD = {"workload_name": f"{PREFIX}work", "workload_type": "data_processing", "workload_cpu_cores": 1}

Launch = Callable[..., Job]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Plain]]:
    """AWX's objects."""
    names = ["controller_templates", "controller_credential_types", "controller_hosts", "controller_workflows"]
    return rendered_data(tmp_path_factory.mktemp("awx"), names, {"awx_config_variables": VARIABLES})


@pytest.fixture(scope="module")
def credentials(data: dict[str, list[Plain]], cloud: TestCloud) -> dict[str, Credential]:
    """Both credentials, rendered by their types' injectors with what the test cloud's clouds.yaml says."""
    clouds = yaml.safe_load(cloud.clouds_yaml.read_text(encoding="utf-8"))["clouds"]
    sources = {"kcloud service user": cloud.name, "kcloud application credential": cloud.application_credential}
    return {
        kind["name"]: injected(kind, {**clouds[sources[kind["name"]]]["auth"], "region_name": "RegionOne"})
        for kind in data["controller_credential_types"]
    }


@pytest.fixture(scope="module")
def control(data: dict[str, list[Plain]]) -> Plain:
    """The inventory of the host that talks to the cloud."""
    (host,) = data["controller_hosts"]
    names = {host["name"]: host["variables"]}
    return {"all": {"hosts": names, "vars": {**VARIABLES, "ansible_playbook_python": sys.executable}}}


@pytest.fixture(scope="module")
def start(
    data: dict[str, list[Plain]],
    credentials: dict[str, Credential],
    control: Plain,
    tmp_path_factory: pytest.TempPathFactory,
) -> Launch:
    """Launch a job template by its name."""
    templates = {template["name"]: template for template in data["controller_templates"]}

    def launched(name: str, *, inventory: Plain = control, **how: Any) -> Job:
        template = templates[name]
        (own,) = [credentials[used] for used in template["credentials"]] or [None]
        credential = how.pop("credential", own)
        asked = {question["variable"] for question in template.get("survey_spec", {}).get("spec", [])}
        restricted = {} if how.pop("defaults_only", False) else ONLY_OURS
        ours = {variable: names for variable, names in restricted.items() if variable in asked}
        answered = {**ours, **how.pop("answered", {})}
        return launch(tmp_path_factory.mktemp("job"), template, inventory, credential, answered=answered, **how)

    return launched


@pytest.fixture(scope="module", autouse=True)
def clean(cloud: TestCloud) -> Iterator[None]:
    """Nothing of ours before and after."""
    cloud.delete(PREFIX)
    yield
    cloud.delete(PREFIX)


def sizes(cloud: TestCloud) -> dict[str, int]:
    """Our clusters with their numbers of nodes."""
    return {cluster.name: cluster.node_count for cluster in cloud.clusters(PREFIX)}


@pytest.fixture(scope="module")
def placed(start: Launch, cloud: TestCloud) -> dict[str, Job]:
    """The jobs of the workflow, each with the artifacts of those before, as AWX passes them on."""
    jobs: dict[str, Job] = {}
    artifacts: Plain = {}
    for name in ("match workload", "needs approval", "place workload", "verify placement", "report"):
        answered = WORKLOAD if "workload" in name else {}
        before = sizes(cloud)
        jobs[name] = start(f"kcloud {name}", answered=answered, artifacts=artifacts)
        artifacts |= jobs[name].artifacts
        assert (sizes(cloud) != before) is (name == "place workload"), name
    return jobs


def test_the_match_creates_nothing_and_says_what_it_would(placed: dict[str, Job]) -> None:
    found = placed["match workload"]
    assert found.succeeded
    placement = found.artifacts["kcloud_workload_placement"]
    assert placement["decision"]["action"] == "create"
    assert len(placement["ranking"]) == 10
    assert found.stats["localhost"]["changed"] == 0


def test_a_person_must_approve_a_creation(placed: dict[str, Job]) -> None:
    found = placed["needs approval"]
    assert not found.succeeded
    assert "A person must approve: Create a cpu-only cluster" in found.output


def test_the_placement_carries_out_what_was_approved(placed: dict[str, Job]) -> None:
    found = placed["place workload"]
    assert found.succeeded, found.output
    placement = found.artifacts["kcloud_workload_placement"]
    assert placement["cluster"]["name"] == f"{PREFIX}work"
    assert placement["cluster"]["status"].endswith("_COMPLETE")
    assert placement["state_digest"] == placed["match workload"].artifacts["kcloud_workload_placement"]["state_digest"]


def test_the_placement_is_verified_and_reported(placed: dict[str, Job]) -> None:
    assert placed["verify placement"].succeeded, placed["verify placement"].output
    (shown,) = placed["verify placement"].artifacts["kcloud_cluster_status"]
    assert shown["id"] == placed["place workload"].artifacts["kcloud_workload_placement"]["cluster"]["id"]
    assert placed["report"].succeeded, placed["report"].output
    assert {"summary", "text"} <= set(placed["report"].artifacts["kcloud_cluster_report"])


def test_a_workload_that_has_its_cluster_needs_no_person(placed: dict[str, Job], start: Launch) -> None:
    found = start("kcloud match workload", answered=WORKLOAD)
    assert found.artifacts["kcloud_workload_placement"]["decision"]["action"] == "use"
    decided = start("kcloud needs approval", artifacts=found.artifacts)
    assert decided.succeeded, decided.output


def test_without_a_match_a_person_is_asked(start: Launch) -> None:
    assert not start("kcloud needs approval").succeeded


def test_a_placement_that_has_changed_since_is_refused(placed: dict[str, Job], start: Launch, cloud: TestCloud) -> None:
    """The first match said to create; by now the cluster exists."""
    before = sizes(cloud)
    found = start("kcloud place workload", answered=WORKLOAD, artifacts=placed["match workload"].artifacts)
    assert not found.succeeded
    assert "STATE_CHANGED" in found.output
    assert sizes(cloud) == before


@pytest.fixture(scope="module")
def created(placed: dict[str, Job], start: Launch) -> Job:
    """A single cluster, from the cluster template that the placement has made."""
    answered = {
        "requested_cluster_name": f"{PREFIX}single",
        "requested_cluster_template": CLUSTER_TEMPLATE,
        "cluster_labels": "team: awx\nkcloud_type: cpu-only",
    }
    return start("kcloud create cluster", answered=answered)


def test_a_cluster_is_created_with_labels_in_a_text(created: Job) -> None:
    assert created.succeeded, created.output
    cluster = created.artifacts["kcloud_requested_cluster"]["cluster"]
    assert cluster["status"] == "CREATE_COMPLETE"
    assert cluster["labels"]["team"] == "awx"


def test_status_answers_the_clusters(created: Job, start: Launch) -> None:
    found = start("kcloud status")
    assert found.succeeded, found.output
    names = {cluster["name"] for cluster in found.artifacts["kcloud_cluster_status"]}
    assert {f"{PREFIX}single", f"{PREFIX}work"} <= names
    assert all(name.startswith(PREFIX) for name in names)
    assert f"{PREFIX}single" in found.output


def test_status_by_the_credential_type_of_awx_itself(start: Launch, cloud: TestCloud) -> None:
    """AWX's type OpenStack names its cloud `devstack`, says no name of it, and calls both domains `domain_name`. All answers of the
    survey are its defaults, which ask for every cluster."""
    given = yaml.safe_load(cloud.clouds_yaml.read_text(encoding="utf-8"))["clouds"][cloud.name]["auth"]
    auth = {name: given[name] for name in ("auth_url", "username", "password", "project_name")}
    content = {"clouds": {"devstack": {"auth": {**auth, "domain_name": "Default"}, "verify": True}}}
    kind = {
        "injectors": {
            "file": {"template.clouds": yaml.safe_dump(content)},
            "env": {"OS_CLIENT_CONFIG_FILE": "{{ tower.filename.clouds }}"},
        },
        "inputs": {"fields": [{"id": "password", "secret": True}]},
    }
    found = start("kcloud status", credential=injected(kind, auth), defaults_only=True)
    assert found.succeeded, found.output
    assert set(found.artifacts) == {"kcloud_cluster_status"}


@pytest.mark.parametrize(
    ("name", "answered"),
    [
        ("provision", {}),
        ("place workload", {**WORKLOAD, "workload_name": f"{PREFIX}other", "workload_cpu_cores": 8}),
        ("scale", {}),
        ("consolidate", {"cluster_consolidation_apply": "true"}),
        ("cleanup", {"cluster_cleanup_apply": "true", "cleanup_allow_prefixes": f"{PREFIX}, other-"}),
        ("create cluster", {"requested_cluster_name": f"{PREFIX}new", "requested_cluster_template": CLUSTER_TEMPLATE}),
        ("resize cluster", {"requested_cluster_name": f"{PREFIX}single", "requested_cluster_node_count": 2}),
        ("delete cluster", {"requested_cluster_name": f"{PREFIX}single"}),
        ("teardown", {"kcloud_plan_only": "false", "fleet_scope": "listed"}),
    ],
)
def test_check_changes_nothing(name: str, answered: Plain, created: Job, start: Launch, cloud: TestCloud) -> None:
    before = sizes(cloud)
    found = start(f"kcloud {name}", answered=answered, check=True)
    assert found.succeeded, found.output
    assert found.artifacts
    assert sizes(cloud) == before


@pytest.mark.parametrize("name", ["teardown", "consolidate", "cleanup"])
def test_the_defaults_delete_nothing(name: str, created: Job, start: Launch, cloud: TestCloud) -> None:
    before = sizes(cloud)
    found = start(f"kcloud {name}")
    assert found.succeeded, found.output
    assert sizes(cloud) == before


def test_verify_openstack_finds_that_clusters_can_be_created(start: Launch) -> None:
    found = start("kcloud verify_openstack", answered={"openstack_preflight_fail": "false"})
    assert found.succeeded, found.output
    checks = found.artifacts["kcloud_openstack_preflight"]["checks"]
    assert checks


@pytest.fixture(scope="module")
def clusters(created: Job, credentials: dict[str, Credential], tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """The inventory of our clusters, as the inventory source of AWX fills it."""
    folder = tmp_path_factory.mktemp("source")
    credential = credentials["kcloud application credential"]
    (folder / "clouds").touch(mode=0o600)
    (folder / "clouds").write_text(credential.files["clouds"], encoding="utf-8")
    said = run(
        ["ansible-inventory", "-i", str(PROJECT / "inventory/clusters.magnum.yml"), "--list"],
        OS_CLIENT_CONFIG_FILE=str(folder / "clouds"),
        OS_CLOUD="kcloud",
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def part(inventory: Plain, number: int, count: int) -> Plain:
    """What AWX gives slice `number` of `count`: every count-th host in order of name, and the groups of these."""
    variables = inventory["_meta"]["hostvars"]
    hosts = sorted(name for name in variables if name.startswith(PREFIX))[number - 1 :: count]
    groups = {
        name: {"hosts": {host: {} for host in group["hosts"] if host in hosts}, "vars": group.get("vars", {})}
        for name, group in inventory.items()
        if "hosts" in group
    }
    own = {host: variables[host] for host in hosts}
    shared = {**VARIABLES, "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {"all": {"hosts": own, "vars": shared, "children": groups}}


def test_two_slices_at_once_share_the_clusters(clusters: Plain, start: Launch, cloud: TestCloud) -> None:
    """Each reads its own clusters only; together they read all, each once."""
    ours = {cluster.name for cluster in cloud.clusters(PREFIX)}
    assert len(ours) >= 2
    with ThreadPoolExecutor(2) as pool:
        waiting = [
            pool.submit(start, "kcloud status of the fleet", inventory=part(clusters, number, 2)) for number in (1, 2)
        ]
        jobs = [job.result() for job in waiting]
    assert all(job.succeeded for job in jobs), [job.output for job in jobs]
    shown = [[cluster["name"] for cluster in job.artifacts["kcloud_cluster_status"]] for job in jobs]
    assert all(shown)
    assert sorted(shown[0] + shown[1]) == sorted(ours)


def test_a_limit_chooses_clusters(clusters: Plain, start: Launch) -> None:
    """One run for all clusters of the limit, on one of them."""
    found = start("kcloud consolidate the fleet", inventory=part(clusters, 1, 1), limit=f"{PREFIX}single")
    assert found.succeeded, found.output
    assert list(found.stats) == [f"{PREFIX}single"]
    assert set(found.artifacts) == {"kcloud_cluster_consolidation"}


def test_a_cluster_is_resized_and_deleted(created: Job, start: Launch, cloud: TestCloud) -> None:
    single = {"requested_cluster_name": f"{PREFIX}single"}
    resized = start("kcloud resize cluster", answered={**single, "requested_cluster_node_count": 2})
    assert resized.succeeded, resized.output
    assert sizes(cloud)[f"{PREFIX}single"] == 2
    # The survey's default is one node: to create it again leaves the nodes alone
    again = start("kcloud create cluster", answered={**single, "requested_cluster_template": CLUSTER_TEMPLATE})
    assert again.succeeded, again.output
    assert again.artifacts["kcloud_requested_cluster"]["changed"] is False
    assert "the cluster exists already" in again.output
    assert sizes(cloud)[f"{PREFIX}single"] == 2
    deleted = start("kcloud delete cluster", answered=single)
    assert deleted.succeeded, deleted.output
    assert f"{PREFIX}single" not in sizes(cloud)
