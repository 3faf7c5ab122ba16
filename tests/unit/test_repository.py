# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold across the files of the repository, so that nothing is half there: tested, documented, listed, declared."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FRAGMENTS = "kcloud.infrastructure"

# Folders whose YAML files are read by OpenStack's services, and carry a licence as code does
FOLDERS_WITH_HEADERS = {"devcloud", "heat_templates"}

# Folders that are never tracked, for the walk where there is no git (the copy that ansible-test works in)
UNTRACKED = {".git", ".venv", ".build", ".devcloud", ".ansible", "__pycache__", "output"}
MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])/(?:work|farm|root|home|Users)/\w")
REGISTRY_HOST = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|(?:deb|security)\.debian\.org|registry\.npmjs\.org|index[-_]url)\b"
)

# A promise of the oldest Python: `python >= 3.9`, `requires-python = ">=3.9"`, `Python 3.9+`, `Python 3.9 or newer`
PYTHON_FLOOR = re.compile(
    r"python(?:_requires|-version)?[`\"': =]*>= ?3\.(\d+)|python 3\.(\d+)(?: or (?:newer|later)|\+)", re.IGNORECASE
)

# A Jinja statement that a program is made of: `{% for ... %}`, `{%- set ... -%}`; and what builds data in an expression
JINJA_PROGRAM = re.compile(r"\{%[-+]?\s*(?:for|set|macro)\b")
JINJA_BUILDS = re.compile(r"\.(?:append|extend|insert|update|setdefault)\s*\(")

PLAY_KEYS = {
    "any_errors_fatal",
    "become",
    "connection",
    "environment",
    "force_handlers",
    "gather_facts",
    "hosts",
    "max_fail_percentage",
    "module_defaults",
    "name",
    "roles",
    "serial",
    "strategy",
    "tags",
    "vars",
}
IMPORT_KEYS = {"ansible.builtin.import_playbook", "name", "tags", "vars", "when"}


def tracked_files() -> list[Path]:
    """The files that are, or are about to be, in git; in a plain copy every file."""
    if (ROOT / ".git").exists():
        command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        paths = [ROOT / name for name in names if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not UNTRACKED & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def identify(path: Path) -> str:
    """A file's or folder's name in the list of tests."""
    return path.relative_to(ROOT).as_posix()


def python_files(folder: str) -> list[Path]:
    """The plugins of a folder."""
    return sorted(path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py")


def assigned_string(path: Path, name: str) -> str:
    """The value of a module-level string, such as DOCUMENTATION, without importing the file."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
            value = ast.literal_eval(node.value)
            assert isinstance(value, str)
            return value
    raise AssertionError(f"{identify(path)} has no {name}")


def load(path: Path) -> Any:
    """A YAML file as data."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def fragments_used(path: Path) -> set[str]:
    """The doc fragments that a plugin extends."""
    used = yaml.safe_load(assigned_string(path, "DOCUMENTATION")).get("extends_documentation_fragment", [])
    return {used} if isinstance(used, str) else set(used)


MODULES = python_files("plugins/modules")
ROLES = sorted(path for path in (ROOT / "roles").glob("*") if path.is_dir())
PLAYBOOKS = sorted(path for path in (ROOT / "playbooks").glob("*.y*ml"))
TARGETS = ROOT / "tests/integration/targets"


def test_action_group_lists_the_modules_that_log_in() -> None:
    """`module_defaults: group/kcloud.infrastructure.all` sets the cloud: it reaches every module that takes one, and no other."""
    listed = load(ROOT / "meta/runtime.yml")["action_groups"]["all"]
    assert listed == [path.stem for path in MODULES if f"{FRAGMENTS}.auth" in fragments_used(path)]
    assert listed == [path.stem for path in MODULES if f"{FRAGMENTS}.attributes.actiongroup" in fragments_used(path)]


def test_modules_of_the_action_group_take_the_options_of_waiting() -> None:
    """`module_defaults` of the group sets `timeout` for all; a module without the option would fail. Each waits, or ignores it."""
    kinds = {f"{FRAGMENTS}.wait", f"{FRAGMENTS}.wait.ignored"}
    listed = load(ROOT / "meta/runtime.yml")["action_groups"]["all"]
    taken = {name: fragments_used(ROOT / f"plugins/modules/{name}.py") & kinds for name in listed}
    assert [name for name, used in taken.items() if len(used) != 1] == []


def test_no_target_is_called_like_a_role() -> None:
    """It would never run."""
    assert {role.name for role in ROLES} & {target.name for target in TARGETS.iterdir()} == set()


@pytest.mark.parametrize("module", MODULES, ids=identify)
def test_module_has_an_integration_target(module: Path) -> None:
    """No module is without a test against the real APIs. Ansible would run a role of the collection in place of a target
    of its name, so a module that is called like a role has a target of another."""
    same = module.stem in {role.name for role in ROLES}
    target = TARGETS / (f"module_{module.stem}" if same else module.stem)
    assert (target / "tasks/main.yml").is_file() or (target / "runme.sh").is_file(), f"there is no {identify(target)}"


@pytest.mark.parametrize("module", MODULES, ids=identify)
def test_module_uses_the_fragments(module: Path) -> None:
    """What several modules share in their documentation is written once; every module states its attributes."""
    used = fragments_used(module)
    assert f"{FRAGMENTS}.attributes" in used or any(name.startswith(f"{FRAGMENTS}.attributes.") for name in used)
    touches_cloud = re.search(r"\bAUTH_ARGUMENT_SPEC\b|module_utils\.cloud\b", module.read_text(encoding="utf-8"))
    if touches_cloud:
        assert f"{FRAGMENTS}.auth" in used


def test_node_groups_are_documented_once() -> None:
    """In the doc fragment, for both modules that take them; where one says more of an option, it says it in its own words."""
    documented = {
        name: yaml.safe_load(assigned_string(ROOT / f"plugins/modules/{name}.py", "DOCUMENTATION"))["options"]
        for name in ("magnum_cluster", "magnum_nodegroup")
    }
    assert documented["magnum_cluster"]["node_groups"].keys() == {"description"}
    assert "replace_node_groups" not in documented["magnum_cluster"]
    assert documented["magnum_nodegroup"].keys() == {"cluster", "state", "fail_fast"}
    assert documented["magnum_nodegroup"]["state"].keys() == {"description"}


def test_changelog_names_every_module() -> None:
    """A released version's changelog is not older than its modules: `make release` brings it up to date."""
    version = load(ROOT / "galaxy.yml")["version"]
    releases = load(ROOT / "changelogs/changelog.yaml")["releases"]
    if version in releases:
        named = {module["name"] for release in releases.values() for module in release.get("modules", [])}
        assert {path.stem for path in MODULES} - named == set()


@pytest.mark.parametrize("role", ROLES, ids=identify)
def test_role_has_a_readme(role: Path) -> None:
    """Galaxy refuses a collection with a role that has none."""
    assert (role / "README.md").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("role", ROLES, ids=identify)
def test_role_defaults_are_its_argument_specs_defaults(role: Path) -> None:
    """The documented default of a role's variable is the real one, and no default is undocumented."""
    specs = load(role / "meta/argument_specs.yml")["argument_specs"]
    documented: dict[str, Any] = {}
    options: set[str] = set()
    for entry in specs.values():
        for name, option in entry.get("options", {}).items():
            options.add(name)
            if "default" in option:
                documented[name] = option["default"]
    defaults_file = role / "defaults/main.yml"
    defaults = (load(defaults_file) or {}) if defaults_file.exists() else {}
    assert defaults == documented
    assert all(name.startswith(f"{role.name}_") for name in options - SHARED_ROLE_VARIABLES)


# Variables of the asker's own form, or about the cloud as a whole, that several roles read under one name
SHARED_ROLE_VARIABLES = {"cluster_templates", "kcloud_plan_only"}


# What a role that includes accelerator_cluster may set of its variables: what only it can know. All else goes through
# __accelerator_cluster_given, where null leaves the variable of that role in force
SET_FOR_A_CLUSTER = {"name", "type", "state", "wait"}


def included_with(tasks: Any) -> list[dict[str, Any]]:
    """The ``vars`` of each include of the role accelerator_cluster in a file of tasks."""
    engine = f"{FRAGMENTS}.accelerator_cluster"
    return [
        task.get("vars") or {}
        for task in every_task(tasks)
        if (task.get("ansible.builtin.include_role") or {}).get("name") == engine
    ]


@pytest.mark.parametrize("role", ROLES, ids=identify)
def test_variables_of_accelerator_cluster_mean_the_same_in_every_role(role: Path) -> None:
    """A role that passes a variable of its own under the other's name would override group_vars, with null where it is unset."""
    for path in sorted(role.glob("tasks/*.yml")):
        for given in included_with(load(path)):
            passed = {name.removeprefix("accelerator_cluster_") for name in given if not name.startswith("__")}
            assert passed <= SET_FOR_A_CLUSTER, identify(path)


TYPE_ROLES = [
    role
    for role in ROLES
    if role.name.endswith("_cluster") and role.name not in ("accelerator_cluster", "requested_cluster")
]


@pytest.mark.parametrize("role", TYPE_ROLES, ids=identify)
def test_type_roles_set_the_type_and_hand_on_the_rest(role: Path) -> None:
    """The four types are one role with one word changed, so that a variable means the same in all."""
    kind, (given,) = role.name.removesuffix("_cluster"), included_with(load(role / "tasks/main.yml"))
    handed = given["__accelerator_cluster_given"]
    assert given["accelerator_cluster_type"] == kind.replace("_", "-")
    assert {value.replace(f"{role.name}_", "") for value in handed.values()} == {
        f"{{{{ {name}{' | default(none)' if name in ('state', 'own_network') else ''} }}}}" for name in handed
    }
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {f"{role.name}_{name}" for name in (*handed, "name")} | {"kcloud_plan_only"} == set(options)


def every_task(tasks: Any) -> list[dict[str, Any]]:
    """The tasks of a file, those in blocks among them."""
    found: list[dict[str, Any]] = []
    for task in tasks or []:
        found.append(task)
        for key in ("block", "rescue", "always"):
            found += every_task(task.get(key))
    return found


@pytest.mark.parametrize("role", ROLES, ids=identify)
def test_a_role_shows_a_plan_once(role: Path) -> None:
    """In diff mode a planner shows its plan and table itself; a role that shows them turns that off."""
    planners = {
        f"{FRAGMENTS}.{name}" for name in ("cluster_consolidation", "cluster_idle", "cluster_match", "cluster_scaling")
    }
    for path in sorted(role.glob("tasks/*.yml")):
        asking = [task for task in every_task(load(path)) if planners & set(task)]
        assert all(task.get("diff") is False for task in asking), identify(path)


@pytest.mark.parametrize("role", ROLES, ids=identify)
def test_no_role_loops_over_named_tuples(role: Path) -> None:
    """Jinja's groupby makes them, and Ansible warns of each: the operations that a module returns are plain data."""
    for path in sorted(role.rglob("*.yml")):
        assert not re.search(r"\|\s*groupby\b", path.read_text(encoding="utf-8")), identify(path)


def jinja_programs(path: Path) -> list[str]:
    """The lines of a role's file that are part of a program. A file template may loop, where the file repeats a part for each
    entry of a list; it builds no data for that."""
    is_template = path.suffix == ".j2" and path.parent.name == "templates"
    patterns = [JINJA_BUILDS] if is_template else [JINJA_PROGRAM, JINJA_BUILDS]
    return [
        f"{number}: {line.strip()}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if any(pattern.search(line) for pattern in patterns)
    ]


@pytest.mark.parametrize("role", ROLES, ids=identify)
def test_no_role_holds_a_jinja_program(role: Path) -> None:
    """Jinja in a role is expressions. What builds data is a typed filter, or a module answers with it: both have tests."""
    paths = [path for path in sorted(role.rglob("*")) if path.suffix in {".yml", ".yaml", ".j2"}]
    found = {identify(path): lines for path in paths if (lines := jinja_programs(path))}
    assert found == {}


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("vars/main.yml", "  {%- set found = [] -%}", True),
        ("vars/main.yml", "  {% for group in groups %}", True),
        ("tasks/main.yml", 'msg: "{%set x = 1%}{{ x }}"', True),
        ("tasks/main.yml", "loop: \"{{ [found.append(item) for one in '1'] }}\"", True),
        ("templates/notes.yml", "{% for group in groups %}", True),
        ("templates/manifests.yml.j2", "{% for group in groups %}", False),
        ("templates/manifests.yml.j2", "{% set _ = found.append(group) %}", True),
        ("tasks/main.yml", "loop: \"{{ groups | map(attribute='name') }}\"", False),
        ("tasks/main.yml", "text: \"{{ 'for' if for_all else 'set' }}\"", False),
    ],
)
def test_jinja_programs_are_found(tmp_path: Path, name: str, line: str, found: bool) -> None:
    """The patterns above find programs, and leave expressions and loops of file templates alone."""
    path = tmp_path / name
    path.parent.mkdir()
    path.write_text(f"---\n{line}\n", encoding="utf-8")
    assert jinja_programs(path) == ([f"2: {line.strip()}"] if found else [])


FILTERS = [*python_files("plugins/filter"), *python_files("plugins/plugin_utils")]


@pytest.mark.parametrize("path", FILTERS, ids=identify)
def test_an_error_of_a_filter_is_shown_once(path: Path) -> None:
    """Ansible appends the text of an error's cause to its own. Ours already says what the cause says."""
    raised = [
        node
        for handler in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(handler, ast.ExceptHandler)
        for node in ast.walk(handler)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    assert [node.lineno for node in raised if ast.unparse(node.cause or ast.Name("nothing")) != "None"] == []


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=identify)
def test_playbook_is_hosts_and_roles_only(playbook: Path) -> None:
    """Logic lies in roles, where it can be tested and reused; a playbook says who and what."""
    plays = load(playbook)
    assert plays
    for play in plays:
        if "ansible.builtin.import_playbook" in play:
            assert set(play) <= IMPORT_KEYS
            continue
        assert {"name", "hosts", "roles"} <= set(play)
        assert set(play) <= PLAY_KEYS


# What stands in one file of plugins/, so that it cannot be two things: the file, and how it is recognised
ONCE = {
    "plugins/module_utils/ids.py": r"\{8\}.*\{4\}.*\{12\}",  # a UUID
    "plugins/module_utils/quotas.py": r"\bget_limits\(|\bhard_limit\b",  # Nova's limits and Magnum's quota
}


@pytest.mark.parametrize("owner", ONCE)
def test_one_file_knows(owner: str) -> None:
    """Others import it."""
    files = [path for path in tracked_files() if path.suffix == ".py" and path.is_relative_to(ROOT / "plugins")]
    assert [identify(path) for path in files if re.search(ONCE[owner], path.read_text(encoding="utf-8"))] == [owner]


def test_readme_names_the_two_commands_first() -> None:
    """A reader's first screen says how to run it and how to test it."""
    first_screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:60])
    assert "make run" in first_screen
    assert "make test" in first_screen


def oldest_python() -> int:
    """The minor number of the oldest Python 3 that the repository runs on: the one constant, in tools/bootstrap.py."""
    for node in ast.parse((ROOT / "tools/bootstrap.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OLDEST_PYTHON":
            return ast.literal_eval(node.value)[1]
    raise AssertionError("tools/bootstrap.py has no OLDEST_PYTHON")


def test_one_oldest_python() -> None:
    """Documentation, settings and README promise the Python that the code is made for; changelogs tell of the past."""
    floor, promised = oldest_python(), {}
    for path in tracked_files():
        if "changelog" in identify(path).lower() or path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        minors = {int(found) for pair in PYTHON_FLOOR.findall(text) for found in pair if found}
        if minors:
            promised[identify(path)] = minors
    assert {name: minors for name, minors in promised.items() if minors != {floor}} == {}
    assert {"README.md", "plugins/doc_fragments/auth.py", "tests/config.yml"} <= set(promised)


@pytest.mark.parametrize("fragment", python_files("plugins/doc_fragments"), ids=identify)
def test_doc_fragments_name_no_other_python(fragment: Path) -> None:
    """Each `requirements` of a doc fragment that names Python names the oldest one."""
    lines = [line.strip() for line in fragment.read_text(encoding="utf-8").splitlines()]
    named = [line for line in lines if line.startswith("- python >=")]
    assert set(named) <= {f"- python >= 3.{oldest_python()}"}


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("  - python >= 3.9", "9"),
        ('requires-python = ">=3.10"', "10"),
        ('python_requires: ">=3.8"', "8"),
        ("needs Python 3.12 or newer", "12"),
        ("a bare Python 3.11+", "11"),
        ("Taken with Python 3.11, HiGHS", None),
    ],
)
def test_promises_of_a_python_are_found(text: str, minor: str | None) -> None:
    """The pattern above finds promises, and leaves what was measured once alone."""
    found = PYTHON_FLOOR.search(text)
    assert (next(filter(None, found.groups())) if found else None) == minor


def test_no_machine_paths_or_registry_hosts() -> None:
    """Nothing in the repository holds for one machine only."""
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line):
                found.append(f"{identify(path)}:{number}: {line.strip()[:100]}")
    assert found == []


LICENSED = [
    path
    for path in tracked_files()
    if path.suffix in (".py", ".sh") or (path.suffix == ".yaml" and path.parts[len(ROOT.parts)] in FOLDERS_WITH_HEADERS)
]


@pytest.mark.parametrize("path", LICENSED, ids=identify)
def test_a_file_of_code_states_its_licence(path: Path) -> None:
    """The header lines, in every file of Python or shell that has content, and in the YAML that services read."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines:
        return
    header = lines[:5]
    assert any(re.fullmatch(r"# Copyright \(c\) \d{4} .+", line) for line in header)
    assert "# SPDX-License-Identifier: GPL-3.0-or-later" in header


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cd " + "/work" + "/main", True),
        ("prefix=" + "/home" + "/me/bin", True),
        ("~/work/x and a/home/b and $HOME/root/x", False),
        ("https://example.com/home/page", False),
    ],
)
def test_machine_paths_are_distinguished_from_others(line: str, found: bool) -> None:
    """The pattern above finds absolute paths, and leaves relative ones and addresses alone."""
    assert bool(MACHINE_PATH.search(line)) is found
