# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the repository's files, where ansible-test and the collection's build want a real folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

from tools.places import BUILD, ROOT

COLLECTION = Path("ansible_collections") / "kcloud" / "infrastructure"
# What does not come from the repository; a synchronisation leaves it alone
KEPT = (Path(".git"), Path("tests/output"))
_one_at_a_time = threading.Lock()


def listed_files() -> set[Path]:
    """The files that git tracks or would track, as they lie in the working tree."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    return {Path(name) for name in names.split("\0") if name and os.path.lexists(ROOT / name)}


def folder(name: str) -> Path:
    """The folder of a copy."""
    return BUILD / name / COLLECTION


def synchronise(name: str) -> Path:
    """Bring the copy `.build/<name>/ansible_collections/...` up to date, and return its folder.

    One at a time: of two gates that share a copy, the second finds nothing left to write.
    """
    with _one_at_a_time:
        return _synchronise(name)


def _synchronise(name: str) -> Path:
    target = folder(name)
    files = listed_files()
    delete_stale(target, files)
    for path in files:
        copy(ROOT / path, target / path)
    if not (target / ".git").exists():
        # ansible-test looks upwards for a repository, and would find this one, which ignores the copy
        subprocess.run(["git", "init", "--quiet", str(target)], check=True, stdin=subprocess.DEVNULL)
    return target


def delete_stale(target: Path, wanted: set[Path]) -> None:
    """Delete the files of a copy that are no longer wanted, and the folders that this empties."""
    for current, _names, files in os.walk(target, topdown=False):
        relative = Path(current).relative_to(target)
        if any(relative == kept or kept in relative.parents for kept in KEPT):
            continue
        for file in files:
            if relative / file not in wanted:
                (Path(current) / file).unlink()
        if relative != Path() and not any(Path(current).iterdir()):
            Path(current).rmdir()


def copy(source: Path, target: Path) -> None:
    """Copy one file with its times and rights, unless the copy is as new and as long already."""
    if target.is_symlink() or source.is_symlink():
        target.unlink(missing_ok=True)
    elif target.exists():
        new, old = source.stat(), target.stat()
        if (new.st_mtime_ns, new.st_size, new.st_mode) == (old.st_mtime_ns, old.st_size, old.st_mode):
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
