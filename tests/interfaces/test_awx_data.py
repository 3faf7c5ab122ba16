# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's objects against the documentation of awx.awx's own modules, without a server: wrong types, choices and keys are found."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tests.interfaces.awx import rendered_data
from tests.interfaces.conftest import run
from tools.awx_collection import awx_collections
from tools.places import BUILD

# The lists of the data, each with the module that takes an entry as its options
MODULES = {
    "aap_organizations": "organization",
    "controller_labels": "label",
    "controller_execution_environments": "execution_environment",
    "controller_credential_types": "credential_type",
    "controller_credentials": "credential",
    "controller_projects": "project",
    "controller_inventories": "inventory",
    "controller_hosts": "host",
    "controller_inventory_sources": "inventory_source",
    "controller_templates": "job_template",
    "controller_workflows": "workflow_job_template",
    "controller_schedules": "schedule",
}
NODE = "workflow_job_template_node"
SETTINGS = {
    "awx_config_scm_type": "git",
    "awx_config_scm_url": "https://git.example.org/kcloud/awx-project.git",
    "awx_config_image": "registry.example.org/kcloud:1",
    "awx_config_service_user": {
        "auth_url": "http://127.0.0.1:5000/v3",
        "username": "u",
        "password": "p",
        "project_name": "k",
    },
}


def spec_of(options: dict[str, Any]) -> dict[str, Any]:
    """An argument specification as a module's documentation has it."""
    kept = ("type", "elements", "choices", "required", "aliases", "default")
    return {
        name: {key: option[key] for key in kept if key in option}
        | ({"options": spec_of(option["suboptions"])} if "suboptions" in option else {})
        for name, option in options.items()
    }


@pytest.fixture(scope="module")
def specs() -> dict[str, dict[str, Any]]:
    """The argument specification of each module, by its name."""
    paths = os.pathsep.join((str(awx_collections()), str(BUILD / "collections")))
    names = [f"awx.awx.{module}" for module in (*MODULES.values(), NODE)]
    said = run(["ansible-doc", "--json", "--type", "module", *names], ANSIBLE_COLLECTIONS_PATH=paths)
    assert said.returncode == 0, said.stderr
    documented = json.loads(said.stdout)
    return {name.rpartition(".")[2]: spec_of(entry["doc"]["options"]) for name, entry in documented.items()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The data as Ansible renders it, with the role's defaults and a few settings."""
    return rendered_data(tmp_path_factory.mktemp("awx"), list(MODULES), SETTINGS)


def errors(spec: dict[str, Any], entry: dict[str, Any]) -> list[str]:
    """What a module would say of these options before it asks AWX."""
    return ArgumentSpecValidator(spec).validate(entry).error_messages


@pytest.mark.parametrize("name", MODULES)
def test_the_modules_take_the_data(name: str, specs: dict[str, Any], data: dict[str, Any]) -> None:
    assert data[name]
    for whole in data[name]:
        entry = {key: value for key, value in whole.items() if key != "simplified_workflow_nodes"}
        assert errors(specs[MODULES[name]], entry) == []


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        ("controller_templates", "job_type", "chek", "value of job_type must be one of"),
        ("controller_templates", "ask_limits_on_launch", True, "ask_limits_on_launch"),
        ("controller_templates", "job_slice_count", "many", "unable to convert to int"),
        ("controller_projects", "scm_type", "", "value of scm_type must be one of"),
        ("controller_inventory_sources", "source", "magnum", "value of source must be one of"),
    ],
)
def test_mistakes_are_found(
    name: str, key: str, value: Any, said: str, specs: dict[str, Any], data: dict[str, Any]
) -> None:
    (found,) = errors(specs[MODULES[name]], {**data[name][0], key: value})
    assert said in found


def test_a_manual_project_has_no_inventory_source(tmp_path: Path) -> None:
    """AWX refuses one: "Cannot use manual project for SCM-based inventory."."""
    assert rendered_data(tmp_path, ["controller_inventory_sources"], {"awx_config_scm_type": "manual"}) == {
        "controller_inventory_sources": []
    }


def nodes(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of the workflows, each with the workflow that the role names beside it."""
    return [
        {**node, "workflow_job_template": workflow["name"]}
        for workflow in data["controller_workflows"]
        for node in workflow["simplified_workflow_nodes"]
    ]


def test_the_module_of_nodes_takes_the_nodes(specs: dict[str, Any], data: dict[str, Any]) -> None:
    assert nodes(data)
    assert [errors(specs[NODE], node) for node in nodes(data)] == [[]] * len(nodes(data))


def test_a_misspelt_link_is_found(specs: dict[str, Any], data: dict[str, Any]) -> None:
    (found,) = errors(specs[NODE], {**nodes(data)[0], "succes_nodes": []})
    assert "succes_nodes" in found


def test_braces_reach_awx_as_they_are(data: dict[str, Any]) -> None:
    """AWX renders injectors; Ansible does not."""
    for kind in data["controller_credential_types"]:
        assert kind["injectors"]["env"]["OS_CLIENT_CONFIG_FILE"] == "{{ tower.filename.clouds }}"
        assert "{{ auth_url | tojson }}" in kind["injectors"]["file"]["template.clouds"]
    assert data["controller_hosts"][0]["variables"]["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"
