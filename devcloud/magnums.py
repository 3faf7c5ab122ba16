# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Magnums of other releases that run beside the cloud's own: same Keystone, Heat, Nova, Glance and Neutron, else apart.

Each has programs, configuration, a database and a virtual host in RabbitMQ of its own, so that neither takes what is
meant for the other. Which of them run is kept in the state folder: `up`, `status`, `down` and `reset` all know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devcloud.errors import DevcloudError
from devcloud.paths import PACKAGE, Paths
from devcloud.secret_store import write_private

# The release of the cloud itself, in its catalog
OWN = "22"


@dataclass(frozen=True)
class Magnum:
    """One more Magnum. Without a `lock` of its own it takes the cloud's, less the other services' lines."""

    release: str
    version: str
    port: int
    lock: str = ""

    @property
    def name(self) -> str:
        """Its name among the services, and that of its database, virtual host, folders and clouds."""
        return f"magnum{self.release}"

    @property
    def services(self) -> tuple[str, str]:
        """Names of its two processes."""
        return self.name, f"{self.name}-conductor"

    def venv(self, paths: Paths) -> Path:
        """Its virtual environment."""
        return paths.state / f"venv-{self.name}"

    def config(self, paths: Paths) -> Path:
        """Its configuration file."""
        return paths.etc / self.name / "magnum.conf"

    def migrated(self, paths: Paths) -> Path:
        """Says that its database is complete."""
        return paths.data / self.name / "database-complete"

    @property
    def root(self) -> str:
        """Where its API says which versions it has; clients find the rest from there."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where its API answers."""
        return f"{self.root}/v1"

    def cloud(self, name: str) -> str:
        """What a cloud of clouds.yaml is called where this Magnum takes the place of the cloud's own.

        >>> KNOWN["20"].cloud("devcloud-tenant-b")
        'devcloud-magnum20-tenant-b'
        """
        return name.replace("devcloud", f"devcloud-{self.name}", 1)


KNOWN = {
    magnum.release: magnum
    for magnum in (
        # The last with microversion 1.11
        Magnum("20", "20.0.2", 19520),
        # Without trusts and without the Heat driver, with microversion 1.14; needs newer libraries than the other services
        Magnum("23", "23.0.0", 19523, "requirements-magnum23.lock"),
    )
}

# What the cloud's lock holds for the other services alone
NOT_MAGNUMS = re.compile(
    r"(?:keystone|glance|glance-store|nova|neutron|openstack-heat|openstack-placement|magnum|numpy|ncclient"
    r"|os-ken|os-vif|ovs|ovsdbapp|websockify)=="
)


def lock_of(magnum: Magnum) -> str:
    """Return the text of the lock that this Magnum is installed from."""
    if magnum.lock:
        return (PACKAGE / magnum.lock).read_text()
    lines = (PACKAGE / "requirements.lock").read_text().splitlines()
    kept = [line for line in lines if not NOT_MAGNUMS.match(line)]
    return "\n".join([*kept, f"magnum=={magnum.version}", ""])


def parse(words: Iterable[str]) -> list[Magnum]:
    """Return the Magnums of `20`, `20,23` and so on; the cloud's own is always there and none of them.

    >>> [magnum.name for magnum in parse(["22,20"])]
    ['magnum20']
    """
    releases = {release.strip() for word in words for release in word.split(",") if release.strip()}
    if unknown := sorted(releases - {OWN, *KNOWN}):
        raise DevcloudError(
            f"there is no Magnum {', '.join(unknown)} here: choose of {', '.join(sorted({OWN, *KNOWN}))}"
        )
    return [KNOWN[release] for release in sorted(releases - {OWN})]


def _file(paths: Paths) -> Path:
    return paths.state / "magnums.json"


def chosen(paths: Paths) -> list[Magnum]:
    """Return those that run beside the cloud's own."""
    try:
        releases = json.loads(_file(paths).read_text())
    except FileNotFoundError:
        return []
    return [KNOWN[release] for release in releases if release in KNOWN]


def choose(paths: Paths, magnums: Iterable[Magnum]) -> list[Magnum]:
    """Remember that these run, and no others."""
    releases = sorted({magnum.release for magnum in magnums})
    write_private(_file(paths), json.dumps(releases) + "\n")
    return [KNOWN[release] for release in releases]
