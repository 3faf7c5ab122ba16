# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, by the real ansible-inventory and ansible-playbook against the test cloud."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.inventory_hosts import VARIABLES

from tests.interfaces.conftest import TestCloud, run
from tools.clusters import create_template

# openstacksdk 4.10 warns of what it does itself when it first makes a service's proxy
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")

PREFIX = "test-inventory-"
# Two clusters of one name, one of another team with a node group of its own size
TRAIN, SERVE = f"{PREFIX}train", f"{PREFIX}serve"
OWN = [{"names": f"{PREFIX}*"}]
EVERY_VARIABLE = {f"magnum_{name}" for name in VARIABLES}


@pytest.fixture(scope="module")
def clusters(cloud: TestCloud) -> Iterator[dict[str, str]]:
    """The clusters of these tests: names by id."""
    cloud.delete(PREFIX)
    magnum = cloud.connect().container_infrastructure_management
    template = create_template(
        magnum, f"{PREFIX}template", flavor_id="npu.rngd.large", labels={"kcloud_type": "npu-optimized"}
    )
    for name, team in ((TRAIN, "a"), (TRAIN, "{{ 1 + 1 }}"), (SERVE, "b")):
        labels = {"kcloud_type": "npu-optimized", "team": team}
        magnum.create_cluster(name=name, cluster_template_id=template.id, node_count=2, labels=labels)
    deadline = time.monotonic() + 120
    while any(one.status != "CREATE_COMPLETE" for one in cloud.clusters(PREFIX)):
        assert time.monotonic() < deadline, "the clusters of the tests do not become complete"
        time.sleep(2)
    yield {one.id: one.name for one in cloud.clusters(PREFIX)}
    cloud.delete(PREFIX)


def source(folder: Path, **options: Any) -> Path:
    """A configuration file of the plugin, for the clusters of these tests only."""
    path = folder / "clusters.magnum.yml"
    given = {"plugin": "kcloud.infrastructure.magnum", "include_filters": OWN, **options}
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    return path


def inventory(path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """ansible-inventory, which fails when the inventory cannot be read."""
    strict = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", **environment}
    return run(["ansible-inventory", "--inventory", str(path), *arguments], **strict)


def listed(path: Path, **environment: str) -> dict[str, Any]:
    """The whole inventory as AWX reads it, with variables by host under ``hostvars``."""
    finished = inventory(path, "--list", "--export", **environment)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    return {**found, "hostvars": found["_meta"]["hostvars"]}


def members(found: dict[str, Any], group: str) -> list[str]:
    """The hosts of a group."""
    return sorted(found.get(group, {}).get("hosts", []))


def test_clusters_are_hosts_with_every_variable(clusters: dict[str, str], tmp_path: Path) -> None:
    """Each is there under a name of its own, although two have one name; a label is data, and never a template."""
    finished = inventory(source(tmp_path), "--list", "--export")
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    hosts = found["_meta"]["hostvars"]
    first, second = sorted(identity for identity, name in clusters.items() if name == TRAIN)
    assert set(hosts) == {f"{TRAIN}-{first}", f"{TRAIN}-{second}", SERVE}
    assert f"More than one host would be called '{TRAIN}'" in " ".join(finished.stderr.split())
    assert all(set(variables) == EVERY_VARIABLE for variables in hosts.values())
    teams = [hosts[f"{TRAIN}-{identity}"]["magnum_labels"]["team"] for identity in (first, second)]
    assert "a" in teams and {"__ansible_unsafe": "{{ 1 + 1 }}"} in teams
    # AWX would take a mark for a part of the value, so that nothing else has one
    assert finished.stdout.count("__ansible_unsafe") == 1
    serve = hosts[SERVE]
    assert (serve["magnum_name"], serve["magnum_kind"], serve["magnum_type"]) == (SERVE, "cluster", "npu-optimized")
    assert (serve["magnum_status"], serve["magnum_node_count"]) == ("CREATE_COMPLETE", 2)
    assert clusters[serve["magnum_id"]] == SERVE and serve["magnum_node_groups"] is None


def test_graph_shows_the_groups(clusters: dict[str, str], tmp_path: Path) -> None:
    graph = inventory(source(tmp_path, gather=["flavors"]), "--graph").stdout
    for group in ("magnum_clusters", "status_create_complete", "type_npu_optimized", "accelerator_rngd"):
        assert f"@{group}:" in graph
    assert graph.count(f"--{SERVE}\n") == 6  # those above, of the kind of accelerator, and of the health


def test_a_cache_hit_equals_a_miss_and_asks_nothing(clusters: dict[str, str], tmp_path: Path) -> None:
    """Nothing can be asked at all in the second run; one that must look again fails."""
    path = source(
        tmp_path,
        gather=["flavors", "node_groups"],
        keyed_groups=[{"key": "magnum_labels.team", "prefix": "team"}],
        groups={"small": "magnum_node_count < 5"},
        compose={"groups_read": "magnum_node_groups | length"},
        cache=True,
        cache_plugin="ansible.builtin.jsonfile",
        cache_connection=str(tmp_path / "cache"),
    )
    no_network = {"http_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    missed = listed(path)
    assert members(missed, "small") == sorted(missed["hostvars"]) and SERVE in members(missed, "team_b")
    assert {variables["groups_read"] for variables in missed["hostvars"].values()} == {2}
    assert listed(path, **no_network) == missed
    assert inventory(path, "--list", "--flush-cache", **no_network).returncode != 0
    # Another question is not answered by what was kept for this one
    other = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**other, "include_filters": [{"names": SERVE}]}), encoding="utf-8")
    assert set(listed(path)["hostvars"]) == {SERVE}


@pytest.mark.parametrize(
    ("hostnames", "name"),
    [
        (["name"], SERVE),
        (["magnum_name"], SERVE),
        (["magnum_labels.nothing", "magnum_labels.team ~ '.' ~ magnum_name"], f"b.{SERVE}"),
        (["coe_version", "{{ magnum_type }}/{{ magnum_node_count }}"], "npu-optimized/2"),
    ],
)
def test_names_of_hosts_are_templates(
    clusters: dict[str, str], tmp_path: Path, hostnames: list[str], name: str
) -> None:
    assert list(listed(source(tmp_path, hostnames=hostnames, include_filters=[{"names": SERVE}]))["hostvars"]) == [name]


def test_filters_and_a_prefix(clusters: dict[str, str], tmp_path: Path) -> None:
    path = source(tmp_path, exclude_filters=[{"labels": {"team": "b"}}], hostvars_prefix="k_", hostvars_suffix="_x")
    found = listed(path)
    assert {variables["k_name_x"] for variables in found["hostvars"].values()} == {TRAIN}


def test_servers_are_hosts_in_the_group_of_their_cluster(clusters: dict[str, str], tmp_path: Path) -> None:
    path = source(tmp_path, hosts=["servers"], gather=["flavors"], include_filters=[{"names": SERVE}])
    found = listed(path)
    group = members(found, f"cluster_{SERVE.replace('-', '_')}")
    assert group == members(found, "magnum_servers") == sorted(found["hostvars"])
    roles = [(host["magnum_node_group_role"], host["magnum_accelerators"]) for host in found["hostvars"].values()]
    assert sorted(roles) == [("master", []), ("worker", ["npu", "rngd"]), ("worker", ["npu", "rngd"])]
    assert all(host["ansible_host"] in host["magnum_addresses"] for host in found["hostvars"].values())
    assert "magnum_clusters" not in found


def test_a_playbook_runs_on_the_clusters_of_a_limit(clusters: dict[str, str], tmp_path: Path) -> None:
    """Modules run on this machine, by the Python that runs Ansible; each host asks for its own cluster."""
    play = {
        "hosts": "magnum_clusters",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Read the cluster that is the host",
                "kcloud.infrastructure.magnum_cluster_info": {"name": "{{ magnum_id }}"},
                "register": "found",
            },
            {
                "name": "It is the one",
                "ansible.builtin.assert": {
                    "that": [
                        "found.clusters | map(attribute='id') == [magnum_id]",
                        "found.clusters[0].name == magnum_name",
                    ]
                },
            },
        ],
    }
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([play]), encoding="utf-8")
    command = ["ansible-playbook", "--inventory", str(source(tmp_path)), "--limit", f"{TRAIN}-*", str(playbook)]
    finished = run(command)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.count("ok=2") == 2 and SERVE not in finished.stdout


def test_a_wrong_password_fails_and_says_what_to_do(cloud: TestCloud, tmp_path: Path) -> None:
    wrong = yaml.safe_load(cloud.clouds_yaml.read_text(encoding="utf-8"))
    wrong["clouds"]["devcloud"]["auth"]["password"] = "not-the-password"
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    finished = inventory(source(tmp_path), "--list", OS_CLIENT_CONFIG_FILE=str(tmp_path / "clouds.yaml"))
    said = " ".join((finished.stdout + finished.stderr).split())
    assert finished.returncode != 0
    assert "Failed to log in to the cloud" in said and "Fix: Check auth_url, user, password" in said
    assert "not-the-password" not in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"include_filters": [{"name": "x"}]},
            "'include_filters[0].name': 'x' is not usable. Fix: A filter has the keys",
        ),
        ({"hostvars_prefix": ""}, "the variable 'name', which Ansible reserves"),
        ({"hostnames": ["nmae"]}, "'nmae' is not a variable. Fix: Use one of"),
        ({"cloud": "nowhere"}, "for cloud 'nowhere'"),
        ({"strict": True, "compose": {"x": "magnum_labels.nothing"}}, "Could not set x for host"),
    ],
)
def test_wrong_options_fail_and_are_named(
    clusters: dict[str, str], tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    finished = inventory(source(tmp_path, **options), "--list")
    assert finished.returncode != 0
    assert said in " ".join(finished.stderr.split())


def test_a_failure_leaves_no_part_of_the_inventory(clusters: dict[str, str], tmp_path: Path) -> None:
    """Ansible may go on after it, with other sources: with the first hosts only, a playbook would take them for all."""
    path = source(tmp_path, strict=True, compose={"x": "magnum_labels.team", "y": "magnum_labels[magnum_labels.team]"})
    finished = run(["ansible-inventory", "--inventory", str(path), "--inventory", "other,", "--graph"])
    assert "Could not set y for host" in finished.stderr
    assert "other" in finished.stdout and PREFIX not in finished.stdout
