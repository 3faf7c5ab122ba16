# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders, and the environments that tools run in."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
VENV_BIN = Path(sys.prefix) / "bin"
LOGS = BUILD / "logs"
# Where the test cloud writes it; a file elsewhere, named by OS_CLIENT_CONFIG_FILE, is of a cloud that runs already
DEVCLOUD_YAML = ROOT / ".devcloud" / "clouds.yaml"
CLOUDS_YAML = Path(os.environ.get("OS_CLIENT_CONFIG_FILE", DEVCLOUD_YAML))
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def tools_environment() -> dict[str, str]:
    """What tools of the venv see: this collection, no colours, and no settings of the user's own Ansible."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ANSIBLE_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **kept,
        "PATH": f"{VENV_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"),
        "ANSIBLE_HOME": str(BUILD / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "OS_CLIENT_CONFIG_FILE": str(CLOUDS_YAML),
        "PYTHONUNBUFFERED": "1",
    }


def ansible_test_environment(name: str) -> dict[str, str]:
    """What ansible-test sees: the tools' environment in a home folder of its own, `.build/<name>/home`.

    ansible-test keeps virtual environments and an SSH key below the home folder, and knows no other place; two runs at
    once that both have to make the key get in each other's way. It drops every PIP_* variable, so what pip is set to by
    the environment or the user's file goes into a file there; and it would download a pip installer, which gets a
    stand-in.
    """
    home = BUILD / name / "home"
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.touch(mode=0o600)
    settings.write_text(pip_settings(), encoding="utf-8")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).parent / "get_pip.py", cache / f"get_pip_{wanted_pip().replace('.', '_')}.py")
    return {**tools_environment(), "HOME": str(home)}


@functools.cache
def pip_settings() -> str:
    """pip's effective settings, from its files and the environment, as the text of one pip.conf."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    return settings_file(listed)


def settings_file(listed: str) -> str:
    """The lines of `pip config list` (`global.cert='F'`, `:env:.timeout='9'`) as a pip.conf; the environment wins."""
    sections: dict[str, dict[str, str]] = {"global": {}}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, separator, value = line.partition("=")
        section, _dot, key = name.rpartition(".")
        if separator and key not in {"config-file", "require-virtualenv"}:
            value = value.strip()[1:-1].replace("\\n", "\n    ")
            sections.setdefault("global" if section == ":env:" else section, {})[key] = value
    # ansible-test lets pip say what it collects for each of its venvs; only its errors are of use here
    sections["global"]["quiet"] = "2"
    blocks = [[f"[{name}]", *(f"{key} = {value}" for key, value in keys.items())] for name, keys in sections.items()]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def wanted_pip() -> str:
    """The pip version that ansible-test puts into its virtual environments."""
    package = importlib.util.find_spec("ansible_test")
    assert package is not None and package.origin is not None
    source = Path(package.origin).parent / "_internal" / "python_requirements.py"
    found = re.search(r"\bpip='([\d.]+)'", source.read_text(encoding="utf-8"))
    assert found, f"{source} no longer names the pip version that it bootstraps"
    return found[1]
