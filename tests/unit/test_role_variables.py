# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable of the role accelerator_cluster means the same in that role, in the roles of the four types, and in a fleet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.utils.vars import merge_hash
from ansible_collections.kcloud.infrastructure.plugins.filter import declared_fleet as filter_module
from ansible_collections.kcloud.infrastructure.plugins.filter.declared_fleet import declared_fleet
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.wanted_clusters import given

ROOT = Path(__file__).resolve().parents[2]
ENGINE = "accelerator_cluster"
TYPES = ("cpu_only_cluster", "gpu_intensive_cluster", "hybrid_balanced_cluster", "npu_optimized_cluster")
# A value of each variable that an environment may set for all of its clusters, other than its default
VALUES: dict[str, Any] = {
    "accelerator_cluster_state": "absent",
    "accelerator_cluster_types": {
        name.removesuffix("_cluster").replace("_", "-"): {"labels": {"changed": "type"}} for name in TYPES
    },
    "cluster_templates": {name.removesuffix("_cluster"): {"labels": {"asked": "template"}} for name in TYPES},
    "accelerator_cluster_overrides": {"network_driver": "flannel", "max_node_count": 9},
    "accelerator_cluster_node_count": 5,
    "accelerator_cluster_master_count": 3,
    "accelerator_cluster_flavor": "worker",
    "accelerator_cluster_master_flavor": "master",
    "accelerator_cluster_labels": {"team": "vision"},
    "accelerator_cluster_image": "own-image",
    "accelerator_cluster_keypair": "own-key",
    "accelerator_cluster_external_network": "provider",
    "accelerator_cluster_dns_nameserver": "9.9.9.9",
    "accelerator_cluster_flavor_map": {"cheap": {"gpu": {"model": "a100", "count": 1}}},
    "accelerator_cluster_own_network": True,
    "accelerator_cluster_network_cidr": "10.9.0.0/24",
    "accelerator_cluster_purge_node_groups": True,
    "accelerator_cluster_replace_node_groups": "beside",
    "accelerator_cluster_recreate": True,
    "accelerator_cluster_upgrade": "in_place",
    "accelerator_cluster_max_batch_size": 2,
    "accelerator_cluster_delete_replaced": True,
    "accelerator_cluster_purge_versions": True,
    "accelerator_cluster_driver": "heat",
    "accelerator_cluster_create_timeout": 30,
    "accelerator_cluster_wait": False,
    "accelerator_cluster_timeout": 60,
}
# What a role of a type once replaced with null, or with a default of its own
NINE = (
    "state",
    "node_count",
    "master_count",
    "flavor",
    "master_flavor",
    "labels",
    "overrides",
    "own_network",
    "network_cidr",
)
ENVIRONMENT = {
    "accelerator_cluster_image": "fedora",
    "accelerator_cluster_flavor": "w",
    "accelerator_cluster_master_flavor": "m",
}
# The other node groups name no flavor
GROUPS = {"npu-worker": {"flavor": "n"}, "cpu-worker": {"flavor": "c"}}
SEEN = (
    "__accelerator_cluster_entry",
    "__accelerator_cluster_state",
    "accelerator_cluster_catalog",
    "accelerator_cluster_settings",
    "accelerator_cluster_timeout",
    "accelerator_cluster_wait",
)


def case(role: str, kind: str, group_vars: dict[str, Any], role_vars: dict[str, Any] | None = None) -> dict[str, Any]:
    """A run of a role for one cluster; the engine is given the type by a variable."""
    engine = {"accelerator_cluster_type": kind, "accelerator_cluster_name": kind} if role == ENGINE else {}
    return {"role": role, "role_vars": {**engine, **(role_vars or {})}, "group_vars": {**ENVIRONMENT, **group_vars}}


def looked_at(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each case, what the first task of the role accelerator_cluster sees."""
    # .../collections/ansible_collections/kcloud/infrastructure/plugins/filter/declared_fleet.py
    folder = Path(filter_module.__file__).parents[5]
    command = [sys.executable, str(ROOT / "tests/unit/role_variables.py"), str(folder), *SEEN]
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=json.dumps(cases))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_role(group_vars: dict[str, Any]) -> list[dict[str, Any]]:
    """For each type its role, then for each type the engine, with the same variables of the environment."""
    kinds = [(role, role.removesuffix("_cluster").replace("_", "-")) for role in TYPES]
    return [case(role, kind, group_vars) for role, kind in kinds] + [
        case(ENGINE, kind, group_vars) for _role, kind in kinds
    ]


def prefixed() -> list[dict[str, Any]]:
    """For each type, its role with each of the nine variables under its own prefix, where the environment says something else."""
    other = {**VALUES, "accelerator_cluster_state": "present", "accelerator_cluster_labels": {"team": "x", "y": "z"}}
    other |= {"accelerator_cluster_own_network": False, "accelerator_cluster_network_cidr": "10.8.0.0/24"}
    own = {
        "state": "absent",
        "node_count": 6,
        "master_count": 1,
        "flavor": "a",
        "master_flavor": "b",
        "labels": {"team": "own"},
    }
    own |= {"overrides": {"max_node_count": 7}, "own_network": True, "network_cidr": "10.7.0.0/24"}
    assert tuple(own) == NINE
    return [case(role, "", other, {f"{role}_{name}": value for name, value in own.items()}) for role in TYPES]


# Once, when the tests are collected: ansible-test runs each test in a process of its own, in which a fixture would look again
CASES = {"unset": by_role({}), "all": by_role(VALUES), "prefixed": prefixed()}
_ANSWERS = iter(looked_at([one for cases in CASES.values() for one in cases]))
ANSWERS = {name: [next(_ANSWERS) for _case in cases] for name, cases in CASES.items()}


def declared(answer: dict[str, Any]) -> dict[str, Any]:
    """What a role declares on an empty cloud."""
    entry = {**answer["__accelerator_cluster_entry"]}
    groups = {name: group for name, group in GROUPS.items() if entry["type"] == "hybrid-balanced"}
    catalog = json.loads(json.dumps(answer["accelerator_cluster_catalog"]))
    for name, group in groups.items():
        catalog[entry["type"]]["node_groups"][name] |= group
    state = answer["__accelerator_cluster_state"]
    found = declared_fleet([entry], catalog, answer["accelerator_cluster_settings"], state=state)
    return {**found, **{name: answer[name] for name in SEEN if name.endswith(("timeout", "wait"))}}


def test_every_variable_of_the_engine_is_tried() -> None:
    """A new variable gets a line above, and so a proof that it counts in the roles of the types."""
    options = yaml.safe_load((ROOT / f"roles/{ENGINE}/meta/argument_specs.yml").read_text(encoding="utf-8"))
    names = set(options["argument_specs"]["main"]["options"])
    assert names - {"accelerator_cluster_name", "accelerator_cluster_type", "kcloud_plan_only"} == set(VALUES)


@pytest.mark.parametrize("values", ["unset", "all"])
@pytest.mark.parametrize("role", TYPES)
def test_the_role_of_a_type_declares_what_the_engine_declares(role: str, values: str) -> None:
    """With the same variables of the environment, set or unset."""
    place = TYPES.index(role)
    of_role, of_engine = ANSWERS[values][place], ANSWERS[values][place + len(TYPES)]
    assert declared(of_role) == declared(of_engine)
    present = {"__accelerator_cluster_state": "present"}
    assert declared({**of_role, **present}) == declared({**of_engine, **present})


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("role", TYPES)
def test_a_variable_of_the_engine_counts_in_the_role_of_a_type(role: str, name: str) -> None:
    """The nine among them that once did not: no entry of the role overrides it, with null or a default."""
    answer, unset = ANSWERS["all"][TYPES.index(role)], ANSWERS["unset"][TYPES.index(role)]
    short = name.removeprefix("accelerator_cluster_")
    kind = answer["__accelerator_cluster_entry"]["type"]
    if name in ("accelerator_cluster_types", "cluster_templates"):
        value = VALUES[name][kind if short == "types" else kind.replace("-", "_")]["labels"]
        assert value.items() <= answer["accelerator_cluster_catalog"][kind]["labels"].items()
    elif name in ("accelerator_cluster_state", *SEEN):
        assert answer["__accelerator_cluster_state" if short == "state" else name] == VALUES[name]
    else:
        effective = merge_hash(answer["accelerator_cluster_settings"], given(answer["__accelerator_cluster_entry"]))
        assert effective[short] == VALUES[name] != unset["accelerator_cluster_settings"][short]


@pytest.mark.parametrize("name", [name for name in NINE if name != "state"])
@pytest.mark.parametrize("role", TYPES)
def test_each_of_the_nine_changes_what_is_declared(role: str, name: str) -> None:
    """Alone; addresses beside the network that has them."""
    unset = ANSWERS["unset"][TYPES.index(role)]
    settings = {**unset["accelerator_cluster_settings"], "own_network": name == "network_cidr"}
    changed = {**settings, name: VALUES[f"accelerator_cluster_{name}"]}
    assert declared({**unset, "accelerator_cluster_settings": settings}) != declared(
        {**unset, "accelerator_cluster_settings": changed}
    )


@pytest.mark.parametrize("role", TYPES)
def test_a_variable_of_the_role_of_a_type_wins(role: str) -> None:
    """All nine; dictionaries lie on top of the engine's."""
    answer = ANSWERS["prefixed"][TYPES.index(role)]
    assert answer["__accelerator_cluster_state"] == "absent"
    answer["__accelerator_cluster_state"] = "present"
    found = declared(answer)
    (cluster,), (network,) = found["clusters"], found["networks"]
    worker = cluster["node_groups"][0]
    assert (cluster["flavor"], cluster["master_flavor"], cluster["master_count"], worker["node_count"]) == (
        "a",
        "b",
        1,
        6,
    )
    assert cluster["labels"]["team"] == "own" and cluster["labels"]["y"] == "z"
    assert worker["max_node_count"] == 7 and found["cluster_templates"][0]["network_driver"] == "flannel"
    assert network["cidr"] == "10.7.0.0/24" and cluster["network"] == network["name"]
