# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud's random passwords: made once, kept in the state folder, never anywhere else."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

NAMES = (
    "database_password",
    "rabbit_password",
    "service_password",
    "admin_password",
    "operator_password",
    "appcred_secret",
    "heat_key",
)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.replace(path)


def load_secrets(path: Path) -> dict[str, str]:
    """Return the passwords, making those that are missing."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in NAMES if name not in known]
    if missing:
        # Heat wants exactly 32 characters for its key; the others do not mind.
        known.update({name: secrets.token_hex(16) for name in missing})
        write_private(path, json.dumps(known, indent=2) + "\n")
    return known
