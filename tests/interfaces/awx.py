# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's part without AWX: its data rendered, and jobs run as AWX runs them, by ansible-runner out of a folder of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.interfaces.conftest import environment, run
from tools.places import ROOT

Plain = dict[str, Any]
PROJECT = ROOT / "examples" / "awx-project"
# What decides about the cloud comes from a credential only
OF_CREDENTIALS = ("OS_CLOUD", "OS_CLIENT_CONFIG_FILE")


def rendered_data(folder: Path, names: Sequence[str], settings: Mapping[str, Any]) -> dict[str, list[Plain]]:
    """Lists of `deploy/awx` as Ansible renders them, with the defaults of the role awx_config and these settings."""
    rendered = folder / "data.json"
    wanted = ", ".join(f"'{name}': {name}" for name in names)
    content = f"{{{{ {{{wanted}}} | to_json }}}}"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_vars": {"file": str(ROOT / "roles/awx_config/defaults/main.yml")}},
            {"ansible.builtin.include_vars": {"dir": str(ROOT / "deploy/awx"), "extensions": ["yml"]}},
            {"ansible.builtin.copy": {"content": content, "dest": str(rendered), "mode": "0600"}},
        ],
    }
    (folder / "render.yml").write_text(json.dumps([play]), encoding="utf-8")
    (folder / "hosts").write_text(f"localhost ansible_python_interpreter={sys.executable}\n", encoding="utf-8")
    command = ["ansible-playbook", "-i", str(folder / "hosts"), str(folder / "render.yml")]
    said = run([*command, "--extra-vars", json.dumps(settings)])
    assert said.returncode == 0, said.stdout
    assert "WARNING" not in said.stdout + said.stderr
    return json.loads(rendered.read_text(encoding="utf-8"))


class AwxDumper(yaml.SafeDumper):
    """AWX marks every text that a person typed, so that Ansible never evaluates it as a template."""


AwxDumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


@dataclass(frozen=True)
class Credential:
    """A credential: what it writes and sets for a job, and what no event of a job may hold."""

    env: dict[str, str]
    files: dict[str, str]
    secrets: tuple[str, ...]


def injected(kind: Plain, inputs: Mapping[str, str]) -> Credential:
    """The injectors of a credential type, rendered with the inputs of a credential. `FILE:<name>` stands for a file's path."""
    sandbox = ImmutableSandboxedEnvironment()
    files = {
        name.removeprefix("template."): sandbox.from_string(text).render(**inputs)
        for name, text in kind["injectors"]["file"].items()
    }
    paths = {"tower": {"filename": {name: f"FILE:{name}" for name in files}}}
    env = {name: sandbox.from_string(text).render(**inputs, **paths) for name, text in kind["injectors"]["env"].items()}
    secret = {field["id"] for field in kind["inputs"]["fields"] if field.get("secret")}
    return Credential(env, files, tuple(inputs[name] for name in secret))


@dataclass(frozen=True)
class Job:
    """What a job left: whether it succeeded, its artifacts, and the counts of its hosts."""

    succeeded: bool
    artifacts: Plain
    stats: dict[str, dict[str, int]]
    output: str


def answers(template: Plain) -> Plain:
    """The defaults of a survey, as AWX's API passes them on: no empty number, and nothing for a multiselect, whose default is a text as the page
    wants it. There the inventory's or the role's value counts; only a launch from the page answers it."""
    found: Plain = {}
    for question in template.get("survey_spec", {}).get("spec", []):
        default = question.get("default", "")
        if question["type"] == "multiselect":
            continue
        if default != "" or (question["type"].startswith("text") and not question["required"]):
            found[question["variable"]] = default
    return found


def launch(
    folder: Path,
    template: Plain,
    inventory: Plain,
    credential: Credential | None,
    *,
    answered: Mapping[str, Any] | None = None,
    artifacts: Mapping[str, Any] | None = None,
    limit: str = "",
    check: bool = False,
) -> Job:
    """Run a job template once.

    :param inventory: in the form of `ansible-inventory --list`.
    :param answered: answers of the survey that are not its defaults.
    :param artifacts: those of the jobs before, in a workflow.
    """
    shutil.copytree(PROJECT, folder / "project")
    for part in ("inventory", "env"):
        (folder / part).mkdir()
    (folder / "inventory" / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
    typed = {**answers(template), **(answered or {})}
    missing = [
        question["variable"]
        for question in template.get("survey_spec", {}).get("spec", [])
        if question["required"] and question["variable"] not in typed
    ]
    assert not missing, f"AWX would not start the job without {missing}"
    variables = {**template.get("extra_vars", {}), **typed, **(artifacts or {})}
    (folder / "env" / "vars.yml").write_text(yaml.dump(variables, Dumper=AwxDumper), encoding="utf-8")
    env = {name: value for name, value in environment().items() if name not in OF_CREDENTIALS}
    if credential:
        for name, text in credential.files.items():
            (folder / "env" / name).touch(mode=0o600)
            (folder / "env" / name).write_text(text, encoding="utf-8")
        env |= {name: value.replace("FILE:", f"{folder}/env/") for name, value in credential.env.items()}
    (folder / "env" / "settings").write_text("{suppress_env_files: true}", encoding="utf-8")
    options = f"-e @{folder}/env/vars.yml" + (" --check --diff" if check else "")
    command = [sys.executable, "-m", "ansible_runner", "run", str(folder), "-p", template["playbook"], "--ident", "job"]
    command += ["--quiet", "--cmdline", options, *(["--limit", limit] if limit else [])]
    said = run_exactly(command, env)
    return read(folder / "artifacts" / "job", credential, said)


def run_exactly(command: Sequence[str], env: Mapping[str, str]) -> str:
    """Run a program with this environment and nothing of the test's own; what it printed."""
    finished = subprocess.run(
        list(command), check=False, env=dict(env), capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )
    return finished.stdout + finished.stderr


def read(left: Path, credential: Credential | None, said: str) -> Job:
    """A job from the files that ansible-runner left. None of them may hold a secret, nor a warning."""
    events = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((left / "job_events").glob("*.json"))]
    ends = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
    output = (left / "stdout").read_text(encoding="utf-8") if (left / "stdout").exists() else said
    assert ends, output + said
    for path in left.rglob("*"):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        assert not [secret for secret in (credential.secrets if credential else ()) if secret in text], path
    assert "[WARNING]" not in output, output
    counts = ("ok", "changed", "failures", "dark", "skipped")
    hosts = {host for kind in counts for host in ends[0][kind]}
    stats = {host: {kind: ends[0][kind].get(host, 0) for kind in counts} for host in sorted(hosts)}
    succeeded = (left / "rc").read_text(encoding="utf-8").strip() == "0"
    return Job(succeeded, ends[0].get("artifact_data", {}), stats, output)
