# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Aetos, OpenStack's Prometheus behind Keystone: the session's token, the catalog's address, the project's own metrics.

Read in the code of Aetos (its master of 2026): its service type is ``metric-storage``; it has ``query``, ``series``, ``labels``,
``label/NAME/values`` and nothing for a range, so what is asked over time is a subquery. To the queries of others than administrators it adds
a label with the project's id to every metric, which it finds by name: so a query must write names as such, and
not as values of ``__name__``. It looks for single quotes before double ones: where both are in a query, it puts the label
of one metric beside another's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read_existing, translated
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import NotFound, ServiceError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Series, Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import (
    NAMES,
    refuse_partial,
    series_of,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

NAME = "aetos"
SERVICE = "metric-storage"


def words(body: bytes) -> str:
    """What an error says: ``faultstring``, below ``error_message`` or by itself; empty where it has another form."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    inner = answer.get("error_message", answer) if isinstance(answer, dict) else None
    said = inner.get("faultstring") if isinstance(inner, dict) else inner
    return said if isinstance(said, str) else ""


class Aetos:
    """The HTTP API of Aetos, to read; one method a call."""

    name = NAME
    # What a project sees says by itself which cluster it is about
    clusters: tuple[str, ...] = ()

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._endpoint = ""

    @property
    def url(self) -> str:
        """The address that the cloud names, from the first request on."""
        return self._endpoint

    def names(self, _window: Window) -> list[str]:
        """The names of all metrics of the project; of any time, as Aetos takes no window here."""
        return list(self._get("label/__name__/values", {}, NAMES, list))

    def at(self, query: str, when: int) -> tuple[Series, ...]:
        """A query at one time; no data is an empty tuple, and means that nothing is known."""
        return series_of(self._result(query, when), "value")

    def over(self, query: str, window: Window) -> tuple[Series, ...]:
        """A query at the end of each step of the window, which must end at a multiple of its step: a subquery's steps do.

        Its range is a second short of the window, as some versions of Prometheus count the first end in and others do not.
        """
        subquery = f"({query})[{max(1, window.seconds - 1)}s:{window.step}s]"
        return series_of(self._result(subquery, window.end), "values")

    def _result(self, query: str, when: int) -> list[dict[str, Any]]:
        asked = query.replace('"', "'")
        return list(self._get("query", {"query": asked, "time": when}, query, dict)["result"])

    def _get(self, path: str, query: Mapping[str, Any], what: str, expected: type) -> Any:
        """The data of an answer.

        :param what: the query, for an error.
        """
        doing = f"query Aetos for {what}"
        url = f"{self._address()}/api/v1/{path}"
        answer = read_existing(lambda: self._asked(url, query), doing, SERVICE, attempts=4)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, expected):
            raise ServiceError(
                f"Failed to {doing}",
                code="BROKEN_ANSWER",
                resource=SERVICE,
                reason="the answer is not one of Prometheus",
                hint=f"Check the address of the service {SERVICE} in the cloud's catalog: {url}",
            )
        refuse_partial(answer, doing, SERVICE)
        return data

    def _asked(self, url: str, query: Mapping[str, Any]) -> Any:
        """The answer to one request; an error has Aetos's own words, whose form no client reads."""
        from keystoneauth1 import exceptions

        answer = self._connection.session.get(
            url, params=query, headers={"Accept": "application/json"}, raise_exc=False
        )
        if answer.status_code < 400:
            return answer.json()
        error = exceptions.from_response(answer, "GET", url)
        said = words(answer.content)
        if said:
            error.args = (f"{said} (HTTP {answer.status_code})",)
        raise error

    def _address(self) -> str:
        """The service's address: of the catalog, or the one that clouds.yaml gives in its place.

        :raises NotFound: neither has one.
        """
        if not self._endpoint:
            # This service has no document of its versions, and a client that looks for one warns of that
            with translated("find Aetos", SERVICE):
                found = self._connection.config.get_session_client(SERVICE).get_endpoint(skip_discovery=True)
            if not found:
                raise NotFound(
                    "Failed to find Aetos",
                    code="SERVICE_NOT_IN_CATALOG",
                    resource=SERVICE,
                    reason=f"the catalog has no service of the type {SERVICE} for this region and interface",
                    hint="Name Prometheus servers in 'servers' with 'source: prometheus', or give metric_storage_endpoint_override in clouds.yaml",
                )
            self._endpoint = found.rstrip("/")
        return self._endpoint
