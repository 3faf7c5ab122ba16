# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every gate of the repository: one function each, that runs the real tool and reads its real output."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from tools import docsite, magnums, results, tree
from tools.cloud import Cloud
from tools.commands import Finished, run
from tools.examples import as_plays, complaints
from tools.lanes import LANES
from tools.pieces import Piece, Work, run_pieces
from tools.places import (
    BUILD,
    CLOUDS_YAML,
    DEVCLOUD_YAML,
    PYTHON_VERSION,
    ROOT,
    ansible_test_environment,
    tools_environment,
)
from tools.results import Counts

COLLECTION = "kcloud.infrastructure"
SECONDS_FOR_ONE_TARGET = 3600
LARGEST_TARBALL = 2_000_000

# Warnings about the machine, and ansible-test's heading over those it repeats
MACHINE_WARNINGS = ("Using locale ", "Location 'file:", "Reviewing previous ")


@dataclass(frozen=True)
class Result:
    """What a gate found. `unit` says what is counted; of a failure, `details` is printed, and `brief` beside the table.

    `pieces` are the targets or scenarios of a gate that runs such.
    """

    passed: int
    failed: int
    unit: str
    note: str = ""
    details: str = ""
    brief: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Context:
    """What the gates share."""

    cloud: Cloud
    # Names or labels of targets and scenarios, and the Magnum that the run is about
    targets: tuple[str, ...] = ()
    release: str = magnums.OWN
    say: Callable[[str], None] = print


def failed(unit: str, details: str, passed: int = 0, failures: int = 1, note: str = "") -> Result:
    """A result with at least one failure."""
    return Result(passed, max(failures, 1), unit, note, details)


def verdict(unit: str, tests: Counts, finished: Finished, problems: Sequence[str] = (), note: str = "") -> Result:
    """A result from counts, an exit code and what was complained about: no test at all is a failure, never a pass."""
    complaints = list(problems)
    if not tests.passed and not tests.failed:
        complaints.append(f"no {unit} were run")
    if not finished.ok and not tests.failed:
        complaints.append(f"exit code {finished.code}")
    failures = tests.failed + len(complaints)
    skipped = f"{tests.skipped} skipped" if tests.skipped else ""
    details = "\n".join([finished.output, *complaints]) if failures else ""
    return Result(tests.passed, failures, unit, ", ".join(filter(None, [note, skipped])), details)


def tool(name: str, *arguments: str | Path, log: str = "", folder: Path = ROOT, seconds: float = 900) -> Finished:
    """Run a tool of the venv."""
    return run([name, *arguments], log=log or name, environment=tools_environment(), folder=folder, seconds=seconds)


def ansible_test(copy: str, log: str, *arguments: str, seconds: float = 900) -> Finished:
    """Run ansible-test in a copy of the tree, with a home folder beside it."""
    command = ["ansible-test", *arguments, "--local", "--python", PYTHON_VERSION, "--color", "no"]
    environment = ansible_test_environment(copy)
    return run(command, log=log, environment=environment, folder=tree.folder(copy), seconds=seconds)


# -- static ------------------------------------------------------------------------------------------------------------


def style(_context: Context) -> Result:
    """ruff's lint and format checks, and yamllint."""
    files = [path for path in tree.listed_files() if path.suffix in {".py", ".yml", ".yaml"}]
    checks = [
        tool("ruff", "check", ".", log="ruff-check"),
        tool("ruff", "format", "--check", ".", log="ruff-format"),
        tool("yamllint", "--strict", ".", log="yamllint"),
    ]
    wrong = [check.output for check in checks if not check.ok]
    if wrong:
        return failed("files", "\n".join(wrong), failures=len(wrong))
    return Result(len(files), 0, "files")


def changelog(_context: Context) -> Result:
    """antsibull-changelog over the fragments and the releases so far."""
    fragments = list((ROOT / "changelogs/fragments").glob("*.y*ml"))
    released = ROOT / "changelogs/changelog.yaml"
    if not fragments and not released.exists():
        return failed("fragments", "there is neither a changelog fragment nor a release")
    finished = tool("antsibull-changelog", "lint", log="changelog")
    count = len(fragments) + released.exists()
    return verdict("fragments", Counts(count if finished.ok else 0, 0 if finished.ok else 1), finished)


def lint(_context: Context) -> Result:
    """ansible-lint with the production profile; a warning fails as well."""
    finished = tool("ansible-lint", "--offline", "--strict", "--profile", "production", "--nocolor", log="lint")
    summary = results.lint(finished.output)
    if summary is None:
        return failed("files", f"{finished.output}\nansible-lint did not come to its end")
    files, findings = summary
    return verdict("files", Counts(files if finished.ok else 0, findings), finished)


def docs(_context: Context) -> Result:
    """antsibull-docs over the documentation of every plugin and role, references included; then the whole site."""
    copy = tree.synchronise("ansible-test")
    finished = run(
        [
            "antsibull-docs",
            "lint-collection-docs",
            "--plugin-docs",
            "--validate-collection-refs",
            "all",
            "--check-extra-docs-refs",
            "--skip-rstcheck",
            ".",
        ],
        log="docs",
        environment={**tools_environment(), "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "ansible-test")},
        folder=copy,
    )
    documented = [*ROOT.glob("plugins/modules/*.py"), *ROOT.glob("plugins/inventory/*.py")]
    documented += ROOT.glob("roles/*/meta/argument_specs.yml")
    complaints = len([line for line in finished.output.splitlines() if line.strip()])
    count = len([path for path in documented if path.name != "__init__.py"])
    site = docsite.build()
    wrong = [] if site.ok else [f"The documentation's site:\n{site.output}"]
    return verdict("plugins and roles", Counts(count if finished.ok else 0, complaints), finished, wrong)


def examples(_context: Context) -> Result:
    """The EXAMPLES of every module as a playbook: Ansible can parse it, and its arguments are the module's options."""
    names = [
        f"{COLLECTION}.{path.stem}" for path in sorted(ROOT.glob("plugins/modules/*.py")) if path.stem != "__init__"
    ]
    shown = run(
        ["ansible-doc", "--json", "--type", "module", *names],
        log="examples-doc",
        environment={**tools_environment(), "ANSIBLE_DEPRECATION_WARNINGS": "0"},
    )
    if not names or not shown.ok:
        return failed("tasks", shown.output if names else "there are no modules")
    documentation = json.loads(shown.output[shown.output.index("{") :])
    options = {name: documentation[name]["doc"].get("options", {}) for name in names}
    folder = BUILD / "examples"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tasks, wrong = 0, []
    for name in names:
        items = yaml.safe_load(documentation[name]["examples"] or "")
        count, problems = complaints(options, items or [])
        tasks += count
        wrong += problems if count else [f"{name} has no example that calls it"]
        text = yaml.safe_dump(as_plays(name, items or []), sort_keys=False)
        (folder / f"{name}.yml").write_text(f"---\n{text}", encoding="utf-8")
    finished = tool("ansible-playbook", "--syntax-check", *sorted(folder.glob("*.yml")), log="examples", folder=folder)
    return verdict("tasks", Counts(tasks), finished, wrong)


def unit(_context: Context) -> Result:
    """Every unit test, as `ansible-test units` runs them: each in a process of its own, any warning a failure."""
    copy = tree.synchronise("ansible-test")
    reports = copy / "tests/output/junit"
    clear(reports, "*-units.xml")
    finished = ansible_test("ansible-test", "unit", "units")
    return verdict("tests", results.junit(reports.glob("*-units.xml")), finished)


def sanity(_context: Context) -> Result:
    """All of ansible-test's sanity tests; one that would be skipped for a missing tool fails."""
    tree.synchronise("ansible-test")
    finished = ansible_test("ansible-test", "sanity", "sanity")
    problems = [line for line in results.warnings(finished.output, MACHINE_WARNINGS) if "kip" in line]
    return verdict("sanity tests", results.sanity(finished.output), finished, problems)


def browser(_context: Context) -> Result:
    """The report's page in Chromium: accessible by axe, light and dark, on a phone, and without any request."""
    folder = BUILD / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "tests/browser" / name, folder)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    environment = {**tools_environment(), "PYTHONPATH": str(BUILD / "collections")}
    installed = run(install, log="browser-npm", environment=environment, folder=folder)
    if not installed.ok:
        return failed("checks", installed.output)
    axe = folder / "node_modules/axe-core/axe.min.js"
    command = [sys.executable, "-m", "tests.browser", axe, folder / "pages"]
    finished = run(command, log="browser", environment=environment, folder=ROOT)
    return verdict("checks", results.plain_counts(finished.output), finished)


def build(_context: Context) -> Result:
    """The tarball: built from a clean copy, checked as Galaxy would, installed, and every module found in it."""
    copy = tree.synchronise("build")
    output = BUILD / "artifact"
    shutil.rmtree(output, ignore_errors=True)
    steps = [tool("ansible-galaxy", "collection", "build", "--output-path", output, ".", log="build", folder=copy)]
    tarballs = list(output.glob("*.tar.gz"))
    if not steps[0].ok or len(tarballs) != 1:
        return failed("checks", steps[0].output)
    tarball = tarballs[0]
    steps.append(import_check(tarball))
    steps.append(install_check(tarball, output / "installed"))
    problems = [step.output for step in steps if not step.ok]
    if tarball.stat().st_size > LARGEST_TARBALL:
        problems.append(
            f"{tarball.name} has {tarball.stat().st_size} bytes; does galaxy.yml's build_ignore lack a line?"
        )
    note = f"{tarball.name}, {tarball.stat().st_size / 1000:.0f} kB"
    if problems:
        return failed("checks", "\n".join(problems), len(steps) + 1 - len(problems), len(problems), note)
    return Result(len(steps) + 1, 0, "checks", note)


def import_check(tarball: Path) -> Finished:
    """Galaxy's own importer over the tarball; what it warns about would show on the collection's page."""
    lock, venv = ROOT / "requirements-galaxy-importer.lock", BUILD / "galaxy-importer"
    made = run(
        [sys.executable, ROOT / "tools/bootstrap.py", "--lock", lock, "--venv", venv],
        log="galaxy-importer-venv",
        environment=tools_environment(),
    )
    if not made.ok:
        return made
    environment = tools_environment()
    environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment['PATH']}"
    finished = run(
        [venv / "bin/python", "-m", "galaxy_importer.main", tarball],
        log="galaxy-importer",
        environment=environment,
        folder=tarball.parent,
    )
    complaints = re.findall(r"^.*\b(?:ERROR|WARNING)\b.*$", finished.output, re.MULTILINE)
    done = "Importer processing completed successfully" in finished.output
    return Finished(finished.code if done and not complaints else 1, finished.output, finished.seconds)


def install_check(tarball: Path, folder: Path) -> Finished:
    """Install the tarball into an empty path and let ansible-doc load every module from there."""
    installed = tool("ansible-galaxy", "collection", "install", "--offline", "-p", folder, tarball, log="install")
    if not installed.ok:
        return installed
    modules = [path.stem for path in ROOT.glob("plugins/modules/*.py") if path.name != "__init__.py"]
    return run(
        ["ansible-doc", "--json", "--type", "module", *(f"{COLLECTION}.{name}" for name in modules)],
        log="install-doc",
        environment={**tools_environment(), "ANSIBLE_COLLECTIONS_PATH": str(folder)},
    )


# -- against the test cloud --------------------------------------------------------------------------------------------


def integration(context: Context) -> Result:
    """Every integration target against the real APIs of the test cloud, several at a time."""
    names = chosen(context, TARGETS.folders())
    if not names:
        return nothing(
            "targets", context, any(ROOT.glob("plugins/modules/*.py")), "modules, but no integration targets"
        )
    prepared: set[int] = set()

    def one(piece: str, lane: int, log_end: str) -> Finished:
        copy, (release, name) = f"lane-{lane}", magnums.split(piece)
        if lane not in prepared:
            tree.synchronise(copy)
            prepared.add(lane)
        write_integration_config(tree.folder(copy), release)
        log = f"integration-{piece.replace('/', '-')}{log_end}"
        return ansible_test(copy, log, "integration", name, seconds=SECONDS_FOR_ONE_TARGET)

    return in_parallel(context, "targets", names, one)


def molecule(context: Context) -> Result:
    """Every molecule scenario of the roles."""
    names = chosen(context, SCENARIOS.folders())
    if not names:
        return nothing("scenarios", context, any(ROOT.glob("roles/*/tasks")), "roles, but no molecule scenarios")

    def one(piece: str, _lane: int, log_end: str) -> Finished:
        release, name = magnums.split(piece)
        environment = {
            **tools_environment(),
            **{f"TEST_{variable.upper()}": cloud for variable, cloud in magnums.clouds(release).items()},
            "MOLECULE_EPHEMERAL_DIRECTORY": str(BUILD / "molecule" / piece.replace("/", "-")),
        }
        return run(
            ["molecule", "test", "-s", name],
            log=f"molecule-{piece.replace('/', '-')}{log_end}",
            environment=environment,
            folder=ROOT,
            seconds=SECONDS_FOR_ONE_TARGET,
        )

    return in_parallel(context, "scenarios", names, one)


def interfaces(_context: Context) -> Result:
    """The other ways in, each through its real engine: inventory, AWX's job templates, rulebooks, the gateway, guides."""
    report = BUILD / "interfaces" / "junit.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    environment = tools_environment()
    environment["PYTHONPATH"] = str(BUILD / "collections")
    # A file a process: most of the time they wait for the cloud
    lanes = ["--numprocesses", str(LANES), "--dist", "loadfile"]
    finished = run(
        [sys.executable, "-m", "pytest", "--quiet", *lanes, f"--junit-xml={report}", "tests/interfaces"],
        log="interfaces",
        environment=environment,
        folder=ROOT,
        seconds=SECONDS_FOR_ONE_TARGET,
    )
    return verdict("tests", results.junit([report] if report.exists() else []), finished)


def faults(_context: Context) -> Result:
    """The quick tier of the fault suite: requests and answers that are spoiled, runs that are killed, runs at once."""
    environment = tools_environment()
    environment["PYTHONPATH"] = str(BUILD / "collections")
    finished = run(
        [sys.executable, "-m", "tests.faults"],
        log="faults",
        environment=environment,
        folder=ROOT,
        seconds=SECONDS_FOR_ONE_TARGET,
    )
    result = verdict("checks", results.plain_counts(finished.output), finished)
    wrong = [line.strip() for line in finished.output.splitlines() if line.startswith("  FAILED")]
    return replace(result, brief=tuple(wrong[:5]))


@dataclass(frozen=True)
class Folders:
    """Folders that are a test each, known by a file in them."""

    parent: str
    mark: str

    def folders(self) -> list[Path]:
        """Those of this repository; a target that others only depend on is none by itself."""
        found = (ROOT / self.parent).glob("*")
        return [path for path in found if (path / self.mark).exists() and not path.name.startswith("setup_")]


TARGETS = Folders("tests/integration/targets", "tasks")
SCENARIOS = Folders("extensions/molecule", "molecule.yml")


# These wait for Heat, longer than their length tells: begun last, one of them would run alone in the end
PATIENT = frozenset(
    {"magnum_cluster_failures", "magnum_cluster_heat", "magnum_cluster_upgrade", "magnum_nodegroup_heat"}
)


def longest_first(folders: Iterable[Path]) -> list[str]:
    """The names of the folders, those with most to do first: those that wait for Heat, then as far as length tells."""
    lengths = {folder.name: sum(path.stat().st_size for path in folder.rglob("*.yml")) for folder in folders}
    return sorted(lengths, key=lambda name: (name not in PATIENT, -lengths[name], name))


def chosen(context: Context, folders: Iterable[Path]) -> list[str]:
    """The pieces that a run has of these folders: what is asked for, or all that belong to it."""
    return magnums.pieces(longest_first(folders), context.release, context.targets, CLOUDS_YAML == DEVCLOUD_YAML)


def releases(context: Context, gates: Iterable[Gate]) -> list[str]:
    """The Magnums beside the cloud's own that a run of these gates needs."""
    folders = {"integration": TARGETS, "molecule": SCENARIOS}
    wanted = [folders[gate.name].folders() for gate in gates if gate.name in folders]
    return sorted({release for each in wanted for release in magnums.releases(chosen(context, each))})


def nothing(unit: str, context: Context, expected: bool, complaint: str) -> Result:
    """The result of a gate with nothing to run: fine only while there is nothing that it should be testing."""
    if context.targets:
        return Result(0, 0, unit, "none of TARGETS")
    return failed(unit, f"there are {complaint}") if expected else Result(0, 0, unit, "nothing of that kind yet")


def in_parallel(context: Context, unit: str, names: list[str], work: Work) -> Result:
    """Run targets or scenarios in lanes; each must succeed, at the second try alone at the latest."""
    ran = run_pieces(names, work, context.say)
    wrong = [piece for piece in ran if not piece.good]
    return Result(
        len(ran) - len(wrong),
        len(wrong),
        unit,
        f"{sum(piece.tasks for piece in ran)} tasks ok",
        "\n".join(piece.details for piece in wrong),
        tuple(line for piece in wrong for line in piece.brief),
        tuple(ran),
    )


def write_integration_config(copy: Path, release: str = magnums.OWN) -> None:
    """Tell the targets of one copy where the cloud is: ansible-test keeps the environment from them."""
    config = {
        "clouds_yaml": str(CLOUDS_YAML),
        **magnums.clouds(release),
        # Which Magnum that is, for what only some can do
        "magnum_release": int(release),
        # For `python -m devcloud agent|driver`, run in that folder: failures and slowness on demand
        "devcloud_folder": str(ROOT),
        "devcloud_python": sys.executable,
    }
    target = copy / "tests/integration/integration_config.yml"
    target.write_text(f"---\n{yaml.safe_dump(config, sort_keys=False)}", encoding="utf-8")


def clear(folder: Path, pattern: str) -> None:
    """Delete reports of earlier runs, so that they are not counted again."""
    for path in folder.glob(pattern):
        path.unlink()


@dataclass(frozen=True)
class Gate:
    """A gate by its name."""

    name: str
    check: Callable[[Context], Result]
    needs_cloud: bool = False
    # Only against the cloud's own Magnum
    own_only: bool = False
    # Keeps one core busy, and shares no file that it writes with another gate: two of these run at once
    one_core: bool = False
    # Longer than the others of its kind, so begun first
    long: bool = False
    # The programs that must be there, each with the Debian package that has it
    programs: Mapping[str, str] = field(default_factory=dict)

    def lacks(self) -> dict[str, str]:
        """The gate's programs that are missing, with their packages."""
        return {program: package for program, package in self.programs.items() if not shutil.which(program)}


# ansible-test makes a key for every run
INTEGRATION_PROGRAMS = {"ssh-keygen": "openssh-client"}

# The rules of ansible-rulebook run in Java; replicas of the gateway share a PostgreSQL
INTERFACE_PROGRAMS = {
    "java": "openjdk-17-jre-headless",
    "pg_ctlcluster": "postgresql",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}

# Cheap ones first; those that need the cloud last, as it starts in the background meanwhile
GATES = (
    Gate("style", style, one_core=True),
    Gate("changelog", changelog, one_core=True),
    # Rules and queries are tested by Prometheus itself, manifests as kubectl renders them
    Gate("unit", unit, programs={"promtool": "prometheus"}),
    Gate("lint", lint, one_core=True),
    Gate("docs", docs, one_core=True),
    Gate("examples", examples, one_core=True),
    Gate("browser", browser, one_core=True, programs={"chromium": "chromium", "npm": "npm"}),
    Gate("build", build, one_core=True),
    # Without shellcheck, that sanity test would be skipped
    Gate("sanity", sanity, one_core=True, long=True, programs={"shellcheck": "shellcheck"}),
    Gate("integration", integration, needs_cloud=True, programs=INTEGRATION_PROGRAMS),
    Gate("molecule", molecule, needs_cloud=True),
    Gate("interfaces", interfaces, needs_cloud=True, own_only=True, programs=INTERFACE_PROGRAMS),
    Gate("faults", faults, needs_cloud=True, own_only=True, programs={"mitmdump": "mitmproxy"}),
)
