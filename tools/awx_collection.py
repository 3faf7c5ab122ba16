# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection awx.awx for tests, out of a wheel of the package `ansible`: the last for Python 3.11 that carries it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tools.places import BUILD

WHEEL = "ansible==12.3.0"
FOLDER = BUILD / "awx"
PART = "ansible_collections/awx/awx/"


def awx_collections() -> Path:
    """The folder for `ANSIBLE_COLLECTIONS_PATH` that holds awx.awx; downloaded once, then only looked up."""
    if not (FOLDER / PART / "MANIFEST.json").exists():
        wheels = BUILD / "wheels"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), WHEEL]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        (wheel,) = wheels.glob(f"{WHEEL.replace('==', '-')}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            # The manifest last: with it the collection is whole
            members = [name for name in archive.namelist() if name.startswith(PART)]
            archive.extractall(FOLDER, sorted(members, key=lambda name: name.endswith("MANIFEST.json")))
        wheel.unlink()
    return FOLDER
