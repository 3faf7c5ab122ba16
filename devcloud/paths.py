# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where everything lies: one state folder, nothing outside of it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent
# Unix sockets refuse longer paths (sun_path is 108 bytes, with the closing NUL).
LONGEST_SOCKET = 107


@dataclass(frozen=True)
class Paths:
    """The rooms of one state folder."""

    state: Path

    @property
    def venv(self) -> Path:
        """Virtual environment of the OpenStack services."""
        return self.state / "venv"

    @property
    def python(self) -> Path:
        """Python of the services."""
        return self.venv / "bin" / "python"

    @property
    def etc(self) -> Path:
        """Rendered configuration."""
        return self.state / "etc"

    @property
    def data(self) -> Path:
        """What `reset` wipes: databases, images, Nova's and Magnum's state."""
        return self.state / "data"

    @property
    def keys(self) -> Path:
        """Keystone's keys; they outlive `reset`, as the cached databases are encrypted with them."""
        return self.state / "keys"

    @property
    def run(self) -> Path:
        """Process records, sockets, locks."""
        return self.state / "run"

    @property
    def log(self) -> Path:
        """One log per service."""
        return self.state / "log"

    @property
    def cache(self) -> Path:
        """Dumps of freshly seeded databases."""
        return self.state / "cache"

    @property
    def control(self) -> Path:
        """Files by which the node agent and the second Magnum driver are ordered to misbehave."""
        return self.state / "control"

    @property
    def clouds(self) -> Path:
        """The clouds.yaml for clients."""
        return self.state / "clouds.yaml"

    @property
    def secrets(self) -> Path:
        """Random passwords of this cloud."""
        return self.state / "secrets.json"

    @property
    def mysql_socket(self) -> Path:
        """MariaDB's socket, in the temporary folder where the state folder's path is too long for one."""
        socket = self.run / "mysql.sock"
        if len(str(socket)) <= LONGEST_SOCKET:
            return socket
        return Path(tempfile.gettempdir()) / f"devcloud-{sha256(str(self.state).encode()).hexdigest()[:12]}.sock"

    def make(self) -> None:
        """Create the folders, closed to others."""
        for folder in (
            self.state,
            self.etc,
            self.data,
            self.keys,
            self.run,
            self.run / "locks",
            self.log,
            self.cache,
            self.control,
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def find_paths() -> Paths:
    """Return the paths of the state folder: `DEVCLOUD_STATE`, else `.devcloud` in the repository's root."""
    override = os.environ.get("DEVCLOUD_STATE")
    return Paths(Path(override).resolve() if override else REPOSITORY / ".devcloud")
