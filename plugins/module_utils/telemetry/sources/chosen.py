# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which source a user has chosen: the options that say it, once for all modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.aetos import Aetos
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.prometheus import (
    SERVER_ARGUMENT_SPEC,
    Prometheus,
    Server,
    read_servers,
    secrets_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import Source

if TYPE_CHECKING:
    from openstack.connection import Connection

SOURCES = ("prometheus", "aetos")
# The documentation of these is plugins/doc_fragments/telemetry.py.
SOURCE_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "source": {"type": "str", "choices": list(SOURCES), "default": "prometheus"},
    "servers": {"type": "list", "elements": "dict", "options": SERVER_ARGUMENT_SPEC},
}


@dataclass(frozen=True)
class Chosen:
    """The source, checked and not asked yet: the servers, or Aetos where there are none."""

    servers: tuple[Server, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What figures call the sources."""
        return tuple(server.name for server in self.servers) or (Aetos.name,)

    def fitted(self, window: Window) -> Window:
        """The window as the source can answer it: Aetos knows only ends that are multiples of the step."""
        return window if self.servers else replace(window, end=window.end // window.step * window.step)

    def sources(self, connection: Connection) -> list[Source]:
        """What answers queries."""
        return [Prometheus(server) for server in self.servers] if self.servers else [Aetos(connection)]


def read_source(
    given: Mapping[str, Any], environment: Mapping[str, str], hide: Callable[[Iterable[str]], None], where: str = ""
) -> Chosen:
    """The options ``source`` and ``servers``.

    :param hide: takes secrets that no answer may show.
    :param where: what their names begin with in an error, such as ``telemetry.``.
    :raises InvalidRequest: no server is named, something is wrong with one, or servers are named beside Aetos.
    """
    hide(secrets_of(given["servers"] or ()))
    if given["source"] == "prometheus":
        servers = read_servers(given["servers"], environment, f"{where}servers")
        for server in servers:
            hide(server.secrets)
        return Chosen(servers)
    if given["servers"]:
        raise InvalidRequest(
            f"Failed to read option '{where}servers': with 'source: aetos' the cloud's catalog names the server",
            resource=f"{where}servers",
            hint=f"Leave out '{where}servers', or set '{where}source' to prometheus",
        )
    return Chosen(())
