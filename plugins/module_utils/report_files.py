# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report in each of its formats, and the files of it: written at once and whole, and only where they change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.private_file import (
    check_path,
    write_text,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import (
    Settings,
    make_report,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import Report
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.page import page
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.plain import (
    as_csv,
    as_json,
    markdown,
    summary,
    text,
)

FORMATS = ("html", "md", "json", "csv")
# Of a longer file a diff shows size and digest only
LONGEST_DIFF = 20_000


@dataclass(frozen=True)
class Target:
    """One file to be written.

    :param content: what it is to hold.
    :param before: what it holds now; none where there is no file.
    """

    format: str
    path: str
    content: str
    before: str | None
    mode_changes: bool

    @property
    def changes(self) -> bool:
        return self.before != self.content or self.mode_changes


def rendered(report: Report, formats: Sequence[str], idle_below: float) -> dict[str, str]:
    """The report in these formats."""
    made: Mapping[str, Callable[[], str]] = {
        "html": lambda: page(report, idle_below),
        "md": lambda: markdown(report),
        "json": lambda: as_json(report),
        "csv": lambda: as_csv(report),
    }
    return {name: made[name]() for name in FORMATS if name in formats}


def read_mode(mode: str) -> int:
    """Permissions as an octal number.

    :raises InvalidRequest: they are not, or the owner could not read the file.
    """
    try:
        found = int(mode, 8)
    except ValueError:
        found = -1
    if not 0o400 <= found <= 0o777:
        raise InvalidRequest(
            f"Failed to read option 'mode': '{mode}' is not an octal mode of a file",
            resource="mode",
            hint="Give one such as '0644', in quotes",
        )
    return found


def read_name(name: str) -> str:
    """The name of the files, without a folder.

    :raises InvalidRequest: it is empty, or leads to another folder.
    """
    if not name.strip() or os.path.basename(name) != name or name in (".", "..") or "\0" in name:
        raise InvalidRequest(
            f"Failed to read option 'name': {name!r} is not the name of a file",
            resource="name",
            hint="Give a name without a folder and without an ending, such as report",
        )
    return name


def check_folder(path: str) -> None:
    """The folder exists: a mistyped path is not made.

    :raises InvalidRequest: it does not.
    """
    if not os.path.isdir(path):
        raise InvalidRequest(
            f"Failed to read option 'path': '{path}' is not a folder",
            resource="path",
            hint="Create the folder first; nothing was changed",
        )


def look(path: str, content: str, name: str, mode: int) -> Target:
    """What is at the path, beside what is to be."""
    check_path(path)
    if not os.path.exists(path):
        return Target(name, path, content, None, False)
    with open(path, encoding="utf-8", errors="replace", newline="") as stream:
        before = stream.read()
    return Target(name, path, content, before, os.stat(path).st_mode & 0o777 != mode)


def make(params: Mapping[str, Any], settings: Settings, *, check_mode: bool) -> dict[str, Any]:
    """What the module answers; the files are written unless it is check mode.

    :raises KcloudError: an option or the data cannot be read, or the folder takes no file. Options are checked before the first file.
    """
    mode, name, folder = read_mode(params["mode"]), read_name(params["name"]), params["path"]
    report = make_report(params["metrics"], params["costs"], params["decisions"], settings, params["records"])
    targets = []
    if folder is not None:
        check_folder(folder)
        texts = rendered(report, params["formats"], settings.idle_below)
        targets = [
            look(os.path.join(folder, f"{name}.{ending}"), content, ending, mode) for ending, content in texts.items()
        ]
    for target in targets:
        if target.changes and not check_mode:
            write_text(target.path, target.content, "report", mode)
    return {
        "changed": any(target.changes for target in targets),
        "summary": summary(report),
        "text": text(report),
        "files": [
            {
                "path": target.path,
                "format": target.format,
                "size": len(target.content.encode()),
                "changed": target.changes,
            }
            for target in targets
        ],
        "diff": [_diff(target) for target in targets if target.changes],
    }


def _diff(target: Target) -> dict[str, str]:
    return {
        "before_header": target.path,
        "after_header": target.path,
        "before": "" if target.before is None else _shown(target.before),
        "after": _shown(target.content),
    }


def _shown(content: str) -> str:
    if len(content) <= LONGEST_DIFF:
        return content
    data = content.encode("utf-8", "replace")
    return f"{len(data)} bytes, sha256:{hashlib.sha256(data).hexdigest()}\n"
