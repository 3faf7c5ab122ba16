# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files in the control folder: what a test wants of the driver, and which requests were already lost once."""

from __future__ import annotations

import json
import os
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

from . import habits

VARIABLE = "DEVCLOUD_CONTROL"
FILE = "driver.json"
LOST = "driver-lost"
# Between the parts of a marker's name: no name of a cluster has it
MARK = ":"


def find_folder() -> Path | None:
    """Return the control folder that the environment names, if it does."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def read(folder: Path | None) -> habits.Document:
    """Return the control document; without a folder or a file an empty one. Raises `HabitError` for a broken file."""
    if folder is None:
        return habits.parse_document({})
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return habits.parse_document({})
    try:
        return habits.parse_document(json.loads(text))
    except ValueError as error:
        raise habits.HabitError(f"{folder / FILE}: {error}") from error


def write(folder: Path, document: habits.Document) -> None:
    """Replace the control document in one step: the driver never reads half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=FILE, delete=False) as handle:
        json.dump(document, handle, indent=2, sort_keys=True)
        handle.write("\n")
    Path(handle.name).replace(folder / FILE)


def lose_once(folder: Path | None, name: str, cluster: str, verb: str) -> bool:
    """Say whether this is the first time that the cluster (its name and id) loses such a request, and remember it."""
    if folder is None:
        return False
    try:
        (folder / LOST).mkdir(parents=True, exist_ok=True)
        (folder / LOST / f"{name}{MARK}{cluster}{MARK}{verb}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def forget_lost(folder: Path, pattern: str = "*") -> None:
    """Let `drop_once` begin anew for the clusters whose name fits the pattern."""
    for marker in (folder / LOST).glob("*"):
        if fnmatchcase(marker.name.split(MARK)[0], pattern):
            marker.unlink(missing_ok=True)
