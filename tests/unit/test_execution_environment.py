# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The execution environment's files: ansible-builder takes them, and what they pin fits the collection, its tests and AWX."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools import image

FOLDER = ROOT / "deploy/image"
FILE = yaml.safe_load((FOLDER / image.FILE).read_text(encoding="utf-8"))
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
# AWX 24 needs an ansible-core that is older than the tools' own, and that one an older resolvelib
OLDER_THAN_THE_TOOLS = {"ansible-core", "resolvelib"}


def pins(lock: Path) -> dict[str, str]:
    """The packages of a lock with their versions."""
    lines = [line.split("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines()]
    return {name.lower(): version for name, _equals, version in (line.partition("==") for line in lines if line)}


IMAGE_LOCK = pins(FOLDER / "requirements.txt")
TOOLS_LOCK = pins(ROOT / "requirements-dev.lock")


def created(source: Path, context: Path) -> subprocess.CompletedProcess[str]:
    """What `ansible-builder create` makes of a file."""
    command = ["ansible-builder", "create", "--file", str(source), "--context", str(context)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=context.parent)


def staged(folder: Path) -> Path:
    """The files of the image beside a stand-in for the collection's tarball, as `make ee-build` lays them."""
    tarball = folder / "collection.tar.gz"
    tarball.write_bytes(b"")
    return image.stage(folder / "source", tarball)


@pytest.fixture(name="containerfile")
def fixture_containerfile(tmp_path: Path) -> str:
    """The recipe that ansible-builder writes."""
    if shutil.which("ansible-builder") is None:
        pytest.fail("ansible-builder is missing: run `make venv`")
    done = created(staged(tmp_path), tmp_path / "context")
    assert done.returncode == 0, done.stdout + done.stderr
    return (tmp_path / "context/Containerfile").read_text(encoding="utf-8")


def test_ansible_builder_takes_the_file(containerfile: str) -> None:
    """The base can be chosen, what is pinned is installed, no Galaxy server is asked, and the user is not root."""
    lines = containerfile.splitlines()
    assert "FROM $EE_BASE_IMAGE AS base" in lines
    assert (
        f'ARG ANSIBLE_INSTALL_REFS="ansible-core=={IMAGE_LOCK["ansible-core"]} ansible-runner=={IMAGE_LOCK["ansible-runner"]}"'
        in lines
    )
    assert 'ARG ANSIBLE_GALAXY_CLI_COLLECTION_OPTS="--offline"' in lines
    assert [line for line in lines if line.startswith("USER")][-1] == "USER 1000"
    assert 'ENTRYPOINT ["/opt/builder/bin/entrypoint", "dumb-init"]' in lines
    assert "LABEL ansible-execution-environment=true" in lines


def test_each_stage_installs_the_locked_versions(containerfile: str) -> None:
    """pip would otherwise take the newest of what a package needs."""
    stages = containerfile.split("\nFROM ")[1:]
    assert len(stages) == 4
    assert all("ARG PIP_CONSTRAINT=/opt/kcloud/requirements.txt" in stage for stage in stages)
    assert "COPY _build/constraints/requirements.txt /opt/kcloud/requirements.txt" in stages[0]


def test_the_recipe_copies_only_what_is_there(containerfile: str, tmp_path: Path) -> None:
    sources = re.findall(r"^COPY (_build/\S+) ", containerfile, re.MULTILINE)
    assert "_build/bin/kcloud-gateway.sh" in sources
    assert [source for source in sources if not (tmp_path / "context" / source).exists()] == []
    assert (tmp_path / "context/_build/collections" / image.TARBALL).exists()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: 3", "version: 2"),
        ("additional_build_steps:", "additional_build_step:"),
        ("system: bindep.txt", "system: bindeps.txt"),
        ("prepend_final:", "before_final:"),
        ("package_pip: ansible-core", "pip: ansible-core"),
    ],
)
def test_a_broken_file_is_refused(right: str, wrong: str, tmp_path: Path) -> None:
    """So that the tests above would see it."""
    source = staged(tmp_path)
    text = source.read_text(encoding="utf-8")
    assert right in text
    source.write_text(text.replace(right, wrong), encoding="utf-8")
    assert created(source, tmp_path / "context").returncode != 0


def test_the_collection_says_what_it_needs() -> None:
    """Where it is put into another execution environment, ansible-builder finds this by itself."""
    metadata = yaml.safe_load((ROOT / "meta/execution-environment.yml").read_text(encoding="utf-8"))
    assert metadata["version"] == 3
    for kind in ("python", "system"):
        assert (ROOT / metadata["dependencies"][kind]).is_file()
        assert metadata["dependencies"][kind] not in GALAXY["build_ignore"]


def test_ansible_core_fits_awx_and_the_collection() -> None:
    """AWX 24 cannot use what the inventory of 2.19 answers; the collection names its own oldest."""
    version = IMAGE_LOCK["ansible-core"]
    oldest = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    assert Version(version) in Requirement(f"ansible-core{oldest},<2.19").specifier
    dependencies = FILE["dependencies"]
    assert dependencies["ansible_core"]["package_pip"] == f"ansible-core=={version}"
    assert dependencies["ansible_runner"]["package_pip"] == f"ansible-runner=={IMAGE_LOCK['ansible-runner']}"


def test_the_image_has_what_the_tests_ran_with() -> None:
    """Every version is that of the tools' lock."""
    other = {name: version for name, version in IMAGE_LOCK.items() if TOOLS_LOCK.get(name) != version}
    assert set(other) == OLDER_THAN_THE_TOOLS


@pytest.mark.parametrize("name", ["requirements.txt", "gateway/requirements.txt"])
def test_what_the_code_needs_is_in_the_image(name: str) -> None:
    """The collection's requirements, and the gateway's."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    needed = [Requirement(line) for line in lines if line]
    missing = [
        str(one)
        for one in needed
        if one.name.lower() not in IMAGE_LOCK or IMAGE_LOCK[one.name.lower()] not in one.specifier
    ]
    assert needed and missing == []


def test_the_tag_is_the_version() -> None:
    assert FILE["options"]["tags"] == [f"kcloud-infrastructure:{GALAXY['version']}"] == [image.name_of_image()]


def test_the_deployment_is_in_the_tarball() -> None:
    """Its users have the collection, and not this repository."""
    assert "deploy" not in GALAXY["build_ignore"]


@pytest.mark.parametrize(
    ("settings", "certificates", "kept"),
    [
        (
            "[global]\nproxy = http://proxy.example:3128\n",
            None,
            "[global]\nproxy = http://proxy.example:3128\n",
        ),
        (
            "[global]\ncert = /etc/some.pem\nconstraint = /etc/c.txt\nfind-links = /opt/wheels\ntimeout = 9\n",
            "/run/inside.pem",
            "[global]\ntimeout = 9\ncert = /run/inside.pem\n",
        ),
        ("", None, "[global]\n"),
    ],
)
def test_settings_of_pip_hold_inside_the_image(settings: str, certificates: str | None, kept: str) -> None:
    """What names files of this machine is left out, but for the certificates, which are mounted."""
    assert image.portable_settings(settings, certificates) == kept


def test_commands_run_as_the_images_user_through_its_entrypoint() -> None:
    command = image.command_in("made", ["ansible", "--version"], ["--volume", "a:b:ro"], ["OS_CLOUD=kcloud"])
    assert command[-5:] == ["--", "/opt/builder/bin/entrypoint", "dumb-init", "ansible", "--version"]
    assert command[command.index("--user") + 1] == "1000:0"
    assert command[command.index("--env") + 1] == "OS_CLOUD=kcloud"
    assert command.index("--volume") < command.index("made")
