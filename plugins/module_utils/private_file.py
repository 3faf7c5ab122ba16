# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that hold secrets: written at once and whole, readable by their owner alone."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def permissions_right(path: str) -> bool:
    """Whether nobody but the owner can read the file. One that not even the owner may write is as private."""
    return os.stat(path).st_mode & 0o077 == 0


def check_path(path: str) -> None:
    """A file of ours can be at the path: nothing else is there. Reading a pipe would wait for ever.

    :raises InvalidRequest: a folder, a pipe, a device or a socket is there, or the path is empty.
    """
    kind = "is empty" if not path else "is not a file" if os.path.exists(path) and not os.path.isfile(path) else None
    if kind:
        raise InvalidRequest(
            f"Failed to read option 'path': '{path}' {kind}",
            resource="path",
            hint="Give the path of a file, whether it exists or not; nothing was changed",
        )


def check_writable(path: str, what: str) -> None:
    """A file can be written at the path, as far as can be known before: its folder takes one.

    :raises KcloudError: it does not; missing folders that could be made are there now.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        _make_folders(folder)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{what}-", dir=folder)
        try:
            # A full file system takes an empty file.
            os.write(descriptor, b" " * 4096)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            os.unlink(temporary)
    except OSError as error:
        raise _not_writable(path, what, error) from error


def _not_writable(path: str, what: str, error: OSError) -> KcloudError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return KcloudError(
        f"Failed to write the {what} to '{path}'",
        code="NOT_WRITABLE",
        resource=path,
        reason=error.strerror,
        hint=f"Free space on the file system of '{os.path.dirname(os.path.abspath(path))}', then run again"
        if full
        else "Give a path that the user who runs the task may write",
    )


def _make_folders(folder: str) -> None:
    """The missing folders, each 0700: makedirs would give its mode to the last one only."""
    above = os.path.dirname(folder)
    if not os.path.isdir(folder):
        _make_folders(above)
        os.mkdir(folder, FOLDER_MODE)


def write_yaml(path: str, document: Mapping[str, Any], what: str) -> None:
    """Write a document as YAML; as ``write_text``."""
    import yaml

    write_text(path, yaml.safe_dump(dict(document), sort_keys=False), what)


def write_text(path: str, text: str, what: str, mode: int = FILE_MODE) -> None:
    """Write a file at once and whole, readable by its owner alone unless ``mode`` says more; missing folders are made 0700.

    :param what: what it is, for the message, such as ``kubeconfig``.
    :raises KcloudError: the file system refuses.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        _make_folders(folder)
        # mkstemp makes it 0600; the rename is atomic, so no reader ever sees half of it or another mode.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{what}-", dir=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
                os.fchmod(stream.fileno(), mode)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise _not_writable(path, what, error) from error


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
