# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulebooks: they follow from their table, ansible-rulebook takes them, and what they start exists and takes their variables."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import optimizer_request

from tools import rulebooks

JOB_TEMPLATES = ROOT / "deploy/awx/job_templates.yml"
FILES = sorted(path.name for path in rulebooks.FOLDER.glob("*.yml"))
VARIABLE = re.compile(r"\{\{ (?:event\.|kcloud_|KCLOUD_)[\w.]+(?: \| default\('?[\w.]+'?\))? \}\}")


def ruleset(file: str) -> dict:
    return yaml.safe_load((rulebooks.FOLDER / file).read_text(encoding="utf-8"))[0]


def actions(file: str, kind: str) -> dict[str, dict]:
    return {rule["name"]: rule["action"][kind] for rule in ruleset(file)["rules"] if kind in rule["action"]}


def role_of(playbook: str) -> str:
    play = yaml.safe_load((ROOT / f"playbooks/{playbook.rpartition('.')[2]}.yml").read_text(encoding="utf-8"))[0]
    return play["roles"][0]["role"].rpartition(".")[2]


def options_of(role: str) -> dict:
    spec = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
    return spec["argument_specs"]["main"]["options"]


def event_filter() -> ModuleType:
    """The filter as ansible-rulebook loads it: by the path of the collection."""
    tree = Path(optimizer_request.__file__).parents[3]
    spec = importlib.util.spec_from_file_location("checked", tree / "extensions/eda/plugins/event_filter/checked.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_rulebooks_follow_from_their_table() -> None:
    written = {file: (rulebooks.FOLDER / file).read_text(encoding="utf-8") for file in FILES}
    assert written == rulebooks.files(), "run `python -m tools.rulebooks`"


@pytest.mark.parametrize("file", FILES)
def test_ansible_rulebook_takes_them(file: str) -> None:
    spec = importlib.util.find_spec("ansible_rulebook")
    schema = json.loads(
        Path(spec.submodule_search_locations[0], "schema/ruleset_schema.json").read_text(encoding="utf-8")
    )
    jsonschema.validate([ruleset(file)], schema)


@pytest.mark.parametrize("file", [file for file in FILES if not file.endswith("_awx.yml")])
def test_each_playbook_exists_and_its_role_takes_the_variables(file: str) -> None:
    found = actions(file, "run_playbook")
    assert found
    for action in found.values():
        assert action["name"].startswith("kcloud.infrastructure.")
        assert set(action.get("extra_vars", {})) <= set(options_of(role_of(action["name"])))


@pytest.mark.parametrize("rule", [rule for book in rulebooks.BOOKS for rule in book.rules], ids=lambda rule: rule.name)
def test_each_job_template_exists_and_takes_the_variables(rule: rulebooks.Rule) -> None:
    """AWX drops a variable that its survey does not ask for, unless the job template takes variables at launch."""
    plain = yaml.safe_load(JOB_TEMPLATES.read_text(encoding="utf-8"))
    templates = {template["name"]: template for template in plain["controller_templates"]}
    template = templates[yaml.safe_load("\n".join(rulebooks.run_job_template(rule)))["run_job_template"]["name"]]
    asked = {question["variable"] for question in template.get("survey_spec", {}).get("spec", [])}
    assert template.get("ask_variables_on_launch") or {name for name, _value in rule.variables} <= asked


@pytest.mark.parametrize("book", rulebooks.BOOKS, ids=lambda book: book.file)
def test_both_flavours_differ_in_their_actions_only(book: rulebooks.Rulebook) -> None:
    here, awx = ruleset(f"{book.file}.yml"), ruleset(f"{book.file}_awx.yml")
    for rules in (here, awx):
        for rule in rules["rules"]:
            [(kind, action)] = rule.pop("action").items()
            if kind != "debug":
                name = action["name"].removeprefix("kcloud.infrastructure.").removeprefix("kcloud ").replace("_", " ")
                rule["starts"] = (name, action["lock"])
    assert here == awx


@pytest.mark.parametrize("file", FILES)
def test_nothing_of_an_event_names_what_runs(file: str) -> None:
    for kind in ("run_playbook", "run_job_template"):
        for action in actions(file, kind).values():
            assert "{{" not in action["name"]
            assert "event" not in action.get("organization", "")
    # Values pass as they are: no expression that computes
    text = (rulebooks.FOLDER / file).read_text(encoding="utf-8")
    assert re.findall(r"\{\{.*?\}\}", text) == VARIABLE.findall(text)


@pytest.mark.parametrize("file", FILES)
def test_a_condition_is_one_comparison(file: str) -> None:
    """With pyparsing 3.3, ansible-rulebook 1.3 makes lists of what `and` and `or` join, and the engine refuses them."""
    for rule in ruleset(file)["rules"]:
        assert not re.search(r"\b(and|or|not)\b", rule["condition"]), rule["condition"]


REQUESTS = {
    "create": ("clusters", {"name": "a", "cluster_template_id": "t"}),
    "scale": ("clusters/a/scale", {"node_count": 1}),
    "delete": ("clusters/a/delete", {}),
    "match": ("match", {"cpu_cores": 1}),
    "cleanup": ("cleanup", {}),
}


@pytest.mark.parametrize("verb", REQUESTS)
def test_each_verb_gives_the_variables_that_its_rule_passes_on(verb: str) -> None:
    path, payload = REQUESTS[verb]
    variables = dict(optimizer_request.read_request(path, payload).variables)
    [rule] = [rule for rule in rulebooks.OPTIMIZER.rules if rule.condition == f'event.verb == "{verb}"']
    assert list(variables) == [name for name, _value in rule.variables]
    # What is not given is as the role has it where it is unset
    defaults = yaml.safe_load((ROOT / f"roles/{role_of(rule.playbook)}/defaults/main.yml").read_text(encoding="utf-8"))
    given = {
        "requested_cluster_name",
        "requested_cluster_template",
        "requested_cluster_node_count",
        "workload_placement_workload",
    }
    for name in set(variables) - given:
        assert variables[name] == defaults[name], name


def test_every_verb_has_a_rule() -> None:
    assert {rule.condition for rule in rulebooks.OPTIMIZER.rules} == {f'event.verb == "{verb}"' for verb in REQUESTS}


def test_each_alert_of_a_rule_is_one_of_ours() -> None:
    text = (ROOT / "extensions/prometheus/kcloud_alerts.yml").read_text(encoding="utf-8")
    ours = {rule["alert"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]}
    named = set(re.findall(r'"(\w+)"', " ".join(rule.condition for rule in rulebooks.ALERTMANAGER.rules)))
    assert named
    assert named <= ours


# --- the filter, as ansible-rulebook calls it


def test_the_filter_leaves_nothing_of_what_was_posted() -> None:
    checked = event_filter()
    headers = {"X-Injected": "{{ 7 * 7 }}"}
    event = {"payload": {"node_count": 3}, "meta": {"endpoint": "clusters/a/scale", "headers": headers}}
    assert checked.main(event, "optimizer") == {
        "verb": "scale",
        "lock": "a",
        "variables": {
            "requested_cluster_name": "a",
            "requested_cluster_node_count": 3,
            "requested_cluster_node_group": "default-worker",
            "requested_cluster_expected_state": None,
        },
        "given": {
            "requested_cluster_name": "a",
            "requested_cluster_node_count": 3,
            "requested_cluster_node_group": "default-worker",
        },
    }


def test_the_filter_says_why_it_refuses() -> None:
    checked = event_filter()
    event = {"payload": {"count": "{{ 3 }}"}, "meta": {"endpoint": "clusters/a/scale"}}
    refused = checked.main(event, "optimizer")
    assert set(refused) == {"refused", "path"}
    assert "there is no key 'count'" in refused["refused"]
    assert "{" not in refused["refused"]
    assert checked.main(["no", "alert"], "alert")["path"] == "alert"
    assert checked.main({"payload": {}, "meta": {"endpoint": "alertmanager"}}, "alert")["path"] == "alertmanager"
    assert checked.main({"meta": "text"}, "alert")["path"] == "alert"
