# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's objects: what they name exists, surveys ask for the roles' variables as the roles have them, credentials render to a clouds.yaml."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.playbooks import PLAYBOOKS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "examples" / "awx-project"
ROLE = ROOT / "roles" / "awx_config"


class UnsafeLoader(yaml.SafeLoader):
    """YAML with the tag by which Ansible leaves a text as it is."""


UnsafeLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def load(path: Path) -> Any:
    """A YAML file as data."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=UnsafeLoader)


DATA: dict[str, Any] = {
    name: value for path in sorted((ROOT / "deploy" / "awx").glob("*.yml")) for name, value in load(path).items()
}
TEMPLATES: list[dict[str, Any]] = DATA["controller_templates"]
# Every variable of every role, with what the role says of it
OPTIONS: dict[str, dict[str, Any]] = {
    name: option
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml"))
    for name, option in load(path)["argument_specs"]["main"]["options"].items()
}
# Questions of which the project's playbooks make a dictionary or a list; the planner and the roles check what comes of it
FLAT = {"workload_", "cluster_labels", "cluster_template_options", "cleanup_"}
# How a node of a workflow leads to others
LINKS = ("success_nodes", "failure_nodes", "always_nodes")
# Where a survey is more careful than the role: the role's own default deletes, or runs at once
CAREFUL = {("kcloud teardown", "kcloud_plan_only"): "true", ("kcloud cleanup", "cluster_cleanup_action"): "park"}


def by_name(entry: dict[str, Any]) -> str:
    """An object's name in the list of tests."""
    return str(entry["name"])


def questions(template: dict[str, Any]) -> list[dict[str, Any]]:
    """The questions of a survey that are a role's variable."""
    spec = template.get("survey_spec", {}).get("spec", [])
    return [question for question in spec if question["variable"] in OPTIONS]


def kind_of(option: dict[str, Any]) -> str:
    """The type that a question about a variable of a role has."""
    kind, choices = option["type"], "choices" in option
    if kind == "bool" or (kind == "str" and choices):
        return "multiplechoice"
    if kind == "list" and choices:
        return "multiselect"
    return {"int": "integer", "float": "float", "str": "text", "list": "text"}[kind]


def asked(option: dict[str, Any]) -> Any:
    """A role's default as the default of a question: AWX knows no booleans, lists or nothing."""
    match option.get("default"):
        case None | []:
            return ""
        case bool(value):
            return str(value).lower()
        case list(values):
            return "\n".join(values)
        case value:
            return value


@pytest.mark.parametrize("template", TEMPLATES, ids=by_name)
def test_playbook_exists(template: dict[str, Any]) -> None:
    """AWX lists the files of a project that hold plays or imports; what they import is a playbook of this collection."""
    plays = load(PROJECT / template["playbook"])
    assert plays
    for play in plays:
        imported = play.get("ansible.builtin.import_playbook")
        assert imported or "hosts" in play
        if imported:
            assert (ROOT / "playbooks" / f"{imported.removeprefix('kcloud.infrastructure.')}.yml").is_file()


def test_every_verb_has_a_job_template() -> None:
    """All playbooks of the collection but those that administrators run by hand."""
    verbs = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} - {"configure_awx"}
    assert verbs <= {Path(template["playbook"]).stem for template in TEMPLATES}


def test_every_playbook_of_the_project_is_launched() -> None:
    """Each by a job template; another would be of no use."""
    assert {path.name for path in PROJECT.glob("*.yml")} == {template["playbook"] for template in TEMPLATES}


@pytest.mark.parametrize("template", TEMPLATES, ids=by_name)
def test_check_diff_and_limit_are_chosen_at_launch(template: dict[str, Any]) -> None:
    """So that Check and Diff work from AWX's page."""
    assert all(template[f"ask_{what}_on_launch"] is True for what in ("job_type", "diff_mode", "limit"))


def test_the_number_of_slices_is_chosen_at_launch() -> None:
    """With a limit: "... --limit leaves us with no hosts to target" fails the job of a slice that holds none of it."""
    assert all("job_slice_count" not in template or template["ask_job_slice_count_on_launch"] for template in TEMPLATES)


def test_only_jobs_about_one_cluster_run_at_once() -> None:
    """Two jobs of another template would change the same clusters."""
    at_once = {template["name"] for template in TEMPLATES if template["allow_simultaneous"]}
    assert at_once == {"kcloud create cluster", "kcloud delete cluster", "kcloud resize cluster"}


def test_what_programs_launch_takes_variables_and_a_credential() -> None:
    """The gateway gives dictionaries, which a survey cannot ask for, and the credential of its tenant."""
    launched = {verb.replace("_", " ") for verb in PLAYBOOKS}
    for template in TEMPLATES:
        name = template["name"].removeprefix("kcloud ")
        asks = {what: template.get(f"ask_{what}_on_launch", False) for what in ("variables", "credential")}
        assert set(asks.values()) == {name in launched}, name
    assert launched <= {template["name"].removeprefix("kcloud ") for template in TEMPLATES}


@pytest.mark.parametrize("template", TEMPLATES, ids=by_name)
def test_questions_are_the_roles_variables(template: dict[str, Any]) -> None:
    """Name, type, choices and default; every other question is one that the project's playbook takes."""
    assert template["survey_enabled"] is ("survey_spec" in template)
    for question in questions(template):
        name = question["variable"]
        option = OPTIONS[name]
        careful = CAREFUL.get((template["name"], name))
        if name == "cluster_consolidation_actions":
            # Its choices are the module's, not the role's
            option = {**option, "choices": ["close_group", "close_node", "merge", "split"]}
        assert question["type"] == kind_of(option), name
        if option["type"] == "bool":
            assert question["choices"] == ["true", "false"], name
        else:
            # An empty choice cannot be chosen on AWX's page
            assert question.get("choices", []) == [choice for choice in option.get("choices", []) if choice], name
        default = asked(option) if name != "kcloud_plan_only" else "false"
        if name.endswith("_names"):
            # The pattern of every cluster. From AWX, ansible-core 2.19 takes an empty text for nothing, and cannot read a single star
            default = "**"
        if name == "requested_cluster_node_count":
            # Unset, a new cluster gets one
            default = {"create_cluster.yml": 1, "resize_cluster.yml": ""}[template["playbook"]]
        assert question.get("default", "") == (careful or default), name


@pytest.mark.parametrize("template", TEMPLATES, ids=by_name)
def test_other_questions_are_taken_by_the_playbook(template: dict[str, Any]) -> None:
    """A question that nothing reads would be a lie."""
    text = (PROJECT / template["playbook"]).read_text(encoding="utf-8")
    spec = template.get("survey_spec", {}).get("spec", [])
    names = [question["variable"] for question in spec]
    assert len(names) == len(set(names))
    for name in set(names) - set(OPTIONS):
        assert any(name.startswith(beginning) for beginning in FLAT)
        assert re.search(rf"\b{name}\b", text), name


@pytest.mark.parametrize("template", TEMPLATES, ids=by_name)
def test_awx_takes_the_survey(template: dict[str, Any]) -> None:
    """AWX's own rules: defaults of the question's type and among its choices; bounds are integers. Only questions without a default are
    required, as programs, schedules and workflows launch without answers."""
    types = {"integer": int, "float": float}
    for question in template.get("survey_spec", {}).get("spec", []):
        default = question.get("default", "")
        assert isinstance(question["required"], bool)
        assert isinstance(question["question_name"], str)
        if default != "":
            assert question["required"] is False
            # A boolean is an integer for isinstance, but not for AWX
            assert default.__class__ is types.get(question["type"], str), question["variable"]
        if question["type"].startswith("multi"):
            assert default
            assert set(str(default).splitlines()) <= set(question["choices"])
        assert all(question[bound].__class__ is int for bound in ("min", "max") if bound in question)
        if question["type"] in types and default != "":
            assert question["min"] <= default <= question["max"]


def test_names_refer_to_what_exists() -> None:
    """Credentials, inventories, projects, job templates, labels: AWX's modules find them by name."""
    names = {
        kind: {entry["name"] for entry in DATA[kind]}
        for kind in DATA
        if kind.startswith("controller_") and isinstance(DATA[kind], list)
    }
    for template in TEMPLATES:
        assert set(template["credentials"]) <= names["controller_credentials"]
        assert template["inventory"] in names["controller_inventories"]
        assert template["project"] in names["controller_projects"]
        assert set(template["labels"]) <= names["controller_labels"]
    for source in DATA["awx_config_inventory_sources"]:
        assert source["inventory"] in names["controller_inventories"]
        assert source["source_project"] in names["controller_projects"]
        assert source["credential"] in names["controller_credentials"]
    assert {host["inventory"] for host in DATA["controller_hosts"]} <= names["controller_inventories"]
    assert {entry["credential_type"] for entry in DATA["controller_credentials"]} <= names[
        "controller_credential_types"
    ]
    launched = names["controller_templates"] | names["controller_workflows"]
    assert {schedule["unified_job_template"] for schedule in DATA["controller_schedules"]} <= launched
    for workflow in DATA["controller_workflows"]:
        nodes = {node["identifier"]: node for node in workflow["simplified_workflow_nodes"]}
        for node in nodes.values():
            assert "approval_node" in node or node["unified_job_template"] in launched
            assert {follower for kind in LINKS for follower in node.get(kind, [])} <= set(nodes)


def test_what_may_create_clusters_has_a_service_user() -> None:
    """An application credential cannot create clusters; what creates none gets no more than it."""
    creating = {"provision.yml", "create_cluster.yml", "verify_openstack.yml", "place_workload.yml"}
    for template in TEMPLATES:
        only_looks = template.get("extra_vars", {}).get("workload_placement_apply") is False
        service = "kcloud service user" in template["credentials"]
        assert service is (template["playbook"] in creating and not only_looks), template["name"]


def test_the_workflow_asks_a_person_where_the_decision_fails() -> None:
    """The way to a placement leads through the decision: success goes on, failure asks."""
    (workflow,) = DATA["controller_workflows"]
    ways = {
        (node["identifier"], kind, follower)
        for node in workflow["simplified_workflow_nodes"]
        for kind in LINKS
        for follower in node.get(kind, [])
    }
    assert [node["identifier"] for node in workflow["simplified_workflow_nodes"] if "approval_node" in node] == [
        "approve"
    ]
    assert ways == {
        ("match", "success_nodes", "decide"),
        ("decide", "success_nodes", "place"),
        ("decide", "failure_nodes", "approve"),
        ("approve", "success_nodes", "place"),
        ("place", "success_nodes", "verify"),
        ("place", "success_nodes", "report"),
    }


def test_a_failed_verification_fails_the_workflow() -> None:
    """AWX takes the failure of a job that another one follows on failure, or always, for handled; of the last jobs none may fail."""
    (workflow,) = DATA["controller_workflows"]
    handled = {
        node["identifier"]
        for node in workflow["simplified_workflow_nodes"]
        if node.get("failure_nodes") or node.get("always_nodes")
    }
    assert handled == {"decide"}


def test_what_keeps_a_memory_is_not_sliced() -> None:
    """The clusters of a slice change as clusters come and go, so that a slice's memory would not be that of its clusters."""
    sliced = {template["playbook"] for template in TEMPLATES if "job_slice_count" in template}
    assert sliced == {"fleet_status.yml", "fleet_report.yml", "fleet_consolidate.yml"}
    for template in TEMPLATES:
        assert (template["inventory"] == "kcloud clusters") is ("job_slice_count" in template)


def test_no_question_hides_what_a_site_sets_once() -> None:
    """Protections, policies, files and folders. AWX passes a question's default on as an extra variable, also where it is empty, and that
    wins over the inventory."""
    asked = {question["variable"] for template in TEMPLATES for question in questions(template)}
    assert sorted(name for name in asked if re.search(r"_(protected|policy|policy_document|file|path)$", name)) == []


@pytest.mark.parametrize(
    ("answered", "prefixes", "protected"),
    [
        ({"cleanup_allow_prefixes": "", "cleanup_protected": ""}, ["site-"], ["prod-*", "db"]),
        (
            {"cleanup_allow_prefixes": "test-, tmp-", "cleanup_protected": "mine, db"},
            ["test-", "tmp-"],
            ["db", "mine", "prod-*"],
        ),
        ({}, ["site-"], ["prod-*", "db"]),
    ],
)
def test_what_the_inventory_protects_stays_protected(
    tmp_path: Path, answered: dict[str, str], prefixes: list[str], protected: list[str]
) -> None:
    """By Ansible itself: the project's playbook, with a play in place of the collection's that writes what the role would get."""
    text = (PROJECT / "cleanup.yml").read_text(encoding="utf-8")
    imported = "import_playbook: kcloud.infrastructure.cleanup"
    assert imported in text
    (tmp_path / "cleanup.yml").write_text(text.replace(imported, "import_playbook: shown.yml"), encoding="utf-8")
    given = "{{ {'prefixes': cluster_cleanup_allow_prefixes, 'protected': cluster_cleanup_protected} | to_json }}"
    copied = {"content": given, "dest": str(tmp_path / "given.json"), "mode": "0600"}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.copy": copied}]}
    (tmp_path / "shown.yml").write_text(json.dumps([play]), encoding="utf-8")
    site = {"cluster_cleanup_allow_prefixes": ["site-"], "cluster_cleanup_protected": ["prod-*", "db"]}
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"localhost": host}, "vars": site}}), "utf-8")
    command = [
        # Neither an installed program nor `-m ansible`: under ansible-test, Ansible has no metadata
        sys.executable,
        "-c",
        "from ansible.cli.playbook import main; main()",
        "-i",
        "hosts.json",
        "cleanup.yml",
        "-e",
        json.dumps(answered),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "given.json").read_text(encoding="utf-8"))
    assert (found["prefixes"], sorted(found["protected"])) == (prefixes, sorted(protected))


@pytest.mark.parametrize("playbook", sorted(PROJECT.glob("fleet_*.yml")), ids=lambda path: path.stem)
def test_a_slice_names_its_clusters_by_id(playbook: Path) -> None:
    """Names may repeat, so that a name would choose clusters that are not of the slice, or not of the limit."""
    collected = load(playbook)[0]["tasks"][0]["ansible.builtin.add_host"]["kcloud_slice_clusters"]
    assert "map('extract', hostvars, 'magnum_id')" in collected


def test_the_role_hands_on_every_key_of_the_data() -> None:
    """A key that the role does not know would be without effect."""
    tasks = [task for path in sorted((ROLE / "tasks").glob("*.yml")) for task in load(path) if "loop" in task]
    passed: dict[str, set[str]] = {}
    for task in tasks:
        name = re.findall(r"\b(?:(?:aap|controller)_|simplified_)\w+", task["loop"])[-1]
        arguments = next(args for key, args in task.items() if key.startswith("awx.awx."))
        passed[name] = passed.get(name, set()) | set(arguments)
    entries = {name: value for name, value in DATA.items() if name.startswith(("aap_", "controller_"))}
    nodes = [node for workflow in DATA["controller_workflows"] for node in workflow["simplified_workflow_nodes"]]
    assert set(passed) == {*entries, "simplified_workflow_nodes"}
    for name, listed in {**entries, "simplified_workflow_nodes": nodes}.items():
        if isinstance(listed, list):
            known = passed[name] | ({"simplified_workflow_nodes"} if name == "controller_workflows" else set())
            assert {key for entry in listed for key in entry} <= known, name


def test_the_data_uses_the_roles_variables_only() -> None:
    """Those who apply it by infra.aap_configuration set these, and no others."""
    specs = load(ROLE / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    texts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "deploy" / "awx").glob("*.yml"))
    used = set(re.findall(r"\bawx_config_\w+", re.sub(r"#.*", "", texts)))
    assert used <= set(specs) | set(DATA)


NASTY = "a'b\"c: {{ d }} #\\ \n %>&"
CREDENTIALS = {
    "kcloud service user": {
        "auth_url": "http://127.0.0.1:5000/v3",
        "username": "operator",
        "password": NASTY,
        "project_name": "kcloud",
    },
    "kcloud application credential": {
        "auth_url": "http://127.0.0.1:5000/v3",
        "application_credential_id": "abc",
        "application_credential_secret": NASTY,
    },
}


@pytest.mark.parametrize("kind", DATA["controller_credential_types"], ids=by_name)
@pytest.mark.parametrize("more", [{}, {"region_name": "RegionOne", "cacert": "/etc/ssl/ca.pem"}], ids=["least", "all"])
def test_injectors_render_to_a_clouds_yaml(kind: dict[str, Any], more: dict[str, str]) -> None:
    """As AWX renders them: what is not given is undefined. No character of a secret breaks the file."""
    given = CREDENTIALS[kind["name"]]
    assert set(kind["inputs"]["required"]) == set(given)
    template = kind["injectors"]["file"]["template.clouds"]
    rendered = yaml.safe_load(
        ImmutableSandboxedEnvironment(undefined=Undefined).from_string(template).render(**given, **more)
    )
    cloud = rendered["clouds"][kind["injectors"]["env"]["OS_CLOUD"]]
    assert {**cloud["auth"], **cloud} | given == {**cloud["auth"], **cloud}
    assert {name: cloud.get(name) for name in ("region_name", "cacert")} == {
        "region_name": None,
        "cacert": None,
        **more,
    }
    assert cloud["auth_type"] in {"password", "v3applicationcredential"}


@pytest.mark.parametrize("kind", DATA["controller_credential_types"], ids=by_name)
def test_awx_takes_the_injectors(kind: dict[str, Any]) -> None:
    """AWX renders them with an example for every field, and refuses a name that it does not know."""
    fields = {field["id"]: "EXAMPLE" for field in kind["inputs"]["fields"]}
    known = {**fields, "tower": {"filename": {"clouds": "EXAMPLE_FILENAME"}}}
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for injected in kind["injectors"].values():
        assert all(environment.from_string(text).render(known) for text in injected.values())
    assert {field["id"] for field in kind["inputs"]["fields"] if field.get("secret")} <= {
        "password",
        "application_credential_secret",
    }
