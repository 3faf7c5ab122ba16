# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring one more Magnum to where its processes can start: programs, configuration, database, place in the broker."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from devcloud import config, packages, processes, services
from devcloud.database import Database
from devcloud.errors import DevcloudError
from devcloud.magnums import Magnum
from devcloud.paths import Paths

BROKER_USER = "devcloud"


def broker_words(name: str) -> str:
    """Return Erlang that makes a virtual host in RabbitMQ unless it is there, and lets our user in."""
    host, user = f'<<"{name}">>', f'<<"{BROKER_USER}">>'
    return (
        f"case rabbit_vhost:exists({host}) of true -> ok; false -> rabbit_vhost:add({host}, {user}) end, "
        f'rabbit_auth_backend_internal:set_permissions({user}, {host}, <<".*">>, <<".*">>, <<".*">>, {user}).'
    )


@dataclass(frozen=True)
class Beside:
    """One more Magnum in the cloud of a state folder."""

    paths: Paths
    secrets: Mapping[str, str]
    magnum: Magnum

    @property
    def key(self) -> str:
        """What its processes are started with."""
        return config.beside_key(self.paths, self.secrets, self.magnum)

    def install(self) -> None:
        """Install its programs and write its configuration; needs no other service."""
        packages.install_magnum(self.paths, self.magnum)
        config.write_beside(self.paths, self.secrets, self.magnum)

    def prepare(self, database: Database) -> None:
        """Everything that must be before its processes start; MariaDB and RabbitMQ must answer."""
        self.install()
        database.migrate_magnum(self.magnum)
        # Even where its processes run: the broker may have been away, and then has forgotten
        self._broker()

    def _broker(self) -> None:
        rabbitmq = next(service for service in services.servers(self.paths) if service.name == "rabbitmq")
        environment = {**services.base_env(self.paths), **rabbitmq.env, processes.OWNER: str(self.paths.run)}
        # With these it would try to be the broker itself
        environment.pop("RABBITMQ_DIST_PORT")
        environment.pop("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS")
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "eval", broker_words(self.magnum.name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevcloudError(
                f"RabbitMQ made no virtual host {self.magnum.name}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}"
            )
