# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that hold secrets: written at once and whole, readable by their owner alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def permissions_right(path: str) -> bool:
    """Whether nobody but the owner can read the file."""
    return os.stat(path).st_mode & 0o777 == FILE_MODE


def _make_folders(folder: str) -> None:
    """The missing folders, each 0700: makedirs would give its mode to the last one only."""
    above = os.path.dirname(folder)
    if not os.path.isdir(folder):
        _make_folders(above)
        os.mkdir(folder, FOLDER_MODE)


def write_yaml(path: str, document: Mapping[str, Any], what: str) -> None:
    """Write a document at once and whole, readable by its owner alone; missing folders are made 0700.

    :param what: what it is, for the message, such as ``kubeconfig``.
    :raises KcloudError: the file system refuses.
    """
    import yaml

    folder = os.path.dirname(os.path.abspath(path))
    try:
        _make_folders(folder)
        # mkstemp makes it 0600; the rename is atomic, so no reader ever sees half of it or another mode.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{what}-", dir=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                yaml.safe_dump(dict(document), stream, sort_keys=False)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise KcloudError(
            f"Failed to write the {what} to '{path}'",
            code="NOT_WRITABLE",
            resource=path,
            reason=error.strerror,
            hint="Give a path that the user who runs the task may write",
        ) from error


def remove(path: str, what: str) -> None:
    """Remove the file.

    :raises KcloudError: the file system refuses.
    """
    try:
        os.unlink(path)
    except OSError as error:
        raise KcloudError(
            f"Failed to remove the {what} '{path}'",
            code="NOT_WRITABLE",
            resource=path,
            reason=error.strerror,
            hint="The user who runs the task needs write permission for the folder",
        ) from error
