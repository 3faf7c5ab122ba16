# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way into the cloud: auth options -> an openstacksdk connection, and every client's errors -> ours."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    AuthenticationFailed,
    CloudUnreachable,
    Conflict,
    InvalidRequest,
    KcloudError,
    NotFound,
    NotPermitted,
    QuotaExceeded,
    ServiceError,
    Unreadable,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

Answer = TypeVar("Answer")
One = TypeVar("One")

# Names and meanings are those of openstack.cloud, so that module_defaults can be shared.
AUTH_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "cloud": {"type": "raw"},
    "auth": {"type": "dict", "no_log": True},
    "auth_type": {"type": "str"},
    "region_name": {"type": "str"},
    "interface": {
        "type": "str",
        "choices": ["public", "internal", "admin"],
        "default": "public",
        "aliases": ["endpoint_type"],
    },
    "validate_certs": {"type": "bool", "aliases": ["verify"]},
    "ca_cert": {"type": "str", "aliases": ["cacert"]},
    "client_cert": {"type": "str", "aliases": ["cert"]},
    "client_key": {"type": "str", "no_log": True, "aliases": ["key"]},
    "api_timeout": {"type": "int"},
}

WAY_IN_HINT = (
    "Check auth_url, user, password, project and both domains in clouds.yaml (option 'cloud'), in the OS_* environment "
    "or in the option 'auth'; Keystone v3 needs user_domain_name and project_domain_name"
)
UNREACHABLE_HINT = (
    "Check that the address of the service can be reached from the host that runs this task, and option 'interface'"
)

# Answers after which the same read may well succeed.
_PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
# Magnum says this of a cluster that has no node groups, and of every list that holds one: while it is being removed.
_PASSING_TEXT = re.compile(r"Invalid input for field/attribute master_count", re.IGNORECASE)
# While many clusters come or go it says so for longer than a hiccup lasts: with these pauses for half a minute.
PATIENCE = 8
LONGEST_PAUSE_S = 8.0
# How many reads are on their way at once: services ask Keystone for each, so more would only queue up there.
READERS = 4
_QUOTA_TEXT = re.compile(r"quota|limit exceeded|exceeds", re.IGNORECASE)


def connect(params: dict[str, Any]) -> Connection:
    """Log in with a module's auth options.

    :param params: the module's parameters; only the keys of AUTH_ARGUMENT_SPEC are read.
    :returns: a connection that holds a valid token.
    :raises InvalidRequest: the named cloud is in no clouds.yaml, or options are missing.
    :raises AuthenticationFailed: Keystone refuses the credentials.
    :raises CloudUnreachable: nothing answers at the auth URL.
    """
    import openstack
    import openstack.exceptions
    from keystoneauth1.exceptions import AuthPluginException

    cloud = params.get("cloud")
    options = {
        "auth_type": params.get("auth_type"),
        "auth": params.get("auth"),
        "region_name": params.get("region_name"),
        "verify": params.get("validate_certs"),
        "cacert": params.get("ca_cert"),
        "cert": params.get("client_cert"),
        "key": params.get("client_key"),
        "api_timeout": params.get("api_timeout"),
        "interface": params.get("interface"),
    }
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(cloud, dict):
        given = {**cloud, **given}
    elif cloud is not None:
        given["cloud"] = cloud
    with translated("log in to the cloud", "keystone"):
        try:
            connection = openstack.connect(app_name="kcloud.infrastructure", **given)
        except (openstack.exceptions.ConfigException, AuthPluginException) as error:
            raise InvalidRequest(
                "Failed to read the cloud's configuration"
                + (f" for cloud '{cloud}'" if isinstance(cloud, str) else ""),
                code="BAD_CLOUD_CONFIG",
                resource="clouds.yaml",
                reason=_one_line(error),
                hint=_named_file_missing() + WAY_IN_HINT,
            ) from error
        try:
            connection.session.get_token()
        except Exception as error:
            raise _login_error(error) from error
    return connection


def _named_file_missing() -> str:
    """Why a clouds.yaml was not read that the environment names: a module runs in a folder of its own."""
    named = os.environ.get("OS_CLIENT_CONFIG_FILE", "")
    if not named or os.path.isfile(named):
        return ""
    return f"OS_CLIENT_CONFIG_FILE is '{named}', and there is no such file: give an absolute path. "


def _login_error(error: Exception) -> KcloudError:
    """One of ours for a login that failed.

    Keystoneauth raises a bare Exception for a password that was not given, and Keystone answers 400 for a domain.
    """
    told = from_exception(error, "log in to the cloud", "keystone")
    if isinstance(told, InvalidRequest) or not _is_clients_error(error):
        return AuthenticationFailed(told.message, resource=told.resource, reason=told.reason, hint=WAY_IN_HINT)
    return told


def status_of(error: BaseException) -> int | None:
    """The HTTP status inside any client's exception, or None."""
    for name in ("http_status", "status_code", "code"):
        value = getattr(error, name, None)
        if isinstance(value, int):
            return value
    return None


def _one_line(error: object) -> str:
    return re.sub(r"\s+", " ", str(error)).strip()


def _in_full(error: object) -> str:
    """The error's words; of magnumclient's, which shows the first sentence only, all of them."""
    text, shown, whole = _one_line(error), getattr(error, "message", None), getattr(error, "details", None)
    if isinstance(shown, str) and isinstance(whole, str) and shown and whole.startswith(shown):
        return text.replace(_one_line(shown), _one_line(whole).rstrip("."), 1)
    return text


def from_exception(error: BaseException, doing: str, resource: str) -> KcloudError:
    """One of ours for whatever keystoneauth, the SDK, magnumclient or heatclient raised.

    :param doing: an infinitive that completes "Failed to ...".
    """
    from keystoneauth1 import exceptions as ksa

    message, reason = f"Failed to {doing}", _in_full(error)
    about = {"resource": resource, "reason": reason}
    if isinstance(error, (ksa.EndpointNotFound, ksa.CatalogException)):
        return NotFound(
            message,
            code="SERVICE_NOT_IN_CATALOG",
            hint="The cloud's catalog lacks this service for your region and interface: check 'region_name' and "
            "'interface', or whether the cloud offers it at all",
            **about,
        )
    if isinstance(error, (ksa.Unauthorized, ksa.MissingRequiredOptions, ksa.AuthPluginException)):
        return AuthenticationFailed(message, hint=WAY_IN_HINT, **about)
    if isinstance(error, (ksa.ConnectionError, ksa.DiscoveryFailure)):
        return CloudUnreachable(message, hint=UNREACHABLE_HINT, **about)
    return _from_status(status_of(error), message, about)


def _from_status(status: int | None, message: str, about: dict[str, str]) -> KcloudError:
    reason = about["reason"]
    if status == 401:
        return AuthenticationFailed(message, hint=WAY_IN_HINT, **about)
    if status == 403 and "trust" in reason.lower():
        return NotPermitted(
            message,
            code="TRUST_NOT_PERMITTED",
            hint="Application credentials cannot make the Keystone trust that this needs: use a user's password",
            **about,
        )
    if status in (403, 413) and _QUOTA_TEXT.search(reason):
        return QuotaExceeded(
            message, hint="Delete what is not used or ask the cloud's operator for a larger quota", **about
        )
    if status == 403:
        return NotPermitted(
            message, hint="Ask the cloud's operator for the role that this call needs in your project", **about
        )
    if status == 404:
        return NotFound(message, hint="Check the name, and that it belongs to this project; then run again", **about)
    if status == 409:
        return Conflict(message, hint="Look at the object's state, then run again", **about)
    if status == 400 and _PASSING_TEXT.search(reason):
        return Unreadable(
            message,
            hint="Magnum cannot show a cluster that has lost its node groups, as in its removal: run again in a minute. One "
            "that stays so must be deleted: 'openstack coe cluster delete' takes its name",
            **about,
        )
    if status == 400:
        return InvalidRequest(message, code="REJECTED", hint="Correct the value that the reason names", **about)
    if status is None:
        return ServiceError(message, hint="Run again with -vvv and look at the service's log", **about)
    return ServiceError(
        message, hint=f"The service answered {status}: look at its log, then run again", http_status=status, **about
    )


def _is_clients_error(error: Exception) -> bool:
    """Whether a client library made it; what our own code gets wrong must stay a traceback."""
    return type(error).__module__.split(".")[0] in {
        "keystoneauth1",
        "openstack",
        "magnumclient",
        "heatclient",
        "requests",
        "urllib3",
    }


@contextlib.contextmanager
def translated(doing: str, resource: str) -> Iterator[None]:
    """Turn the clients' errors that leave this block into ours."""
    try:
        yield
    except Exception as error:
        if isinstance(error, KcloudError) or not _is_clients_error(error):
            raise
        raise from_exception(error, doing, resource) from error


def is_passing(error: BaseException) -> bool:
    """Whether the same read may succeed in a moment: a hiccup of the network or of the service."""
    from keystoneauth1 import exceptions as ksa

    if isinstance(error, (ksa.ConnectionError, ksa.RetriableConnectionFailure)):
        return True
    return status_of(error) in _PASSING_STATUSES or bool(_PASSING_TEXT.search(str(error)))


def read(
    call: Callable[[], Answer],
    doing: str,
    resource: str,
    *,
    attempts: int = 5,
    patience: int = PATIENCE,
    sleep: Callable[[float], None] | None = None,
) -> Answer | None:
    """Make a read that survives hiccups; an object that does not exist is None.

    :param patience: how often it is tried where Magnum says that it cannot show a cluster for now.

    Only for reads: a write that may have been carried out is never sent again without looking.
    """
    with translated(doing, resource):
        for attempt in count(1):
            try:
                return call()
            except Exception as error:
                if status_of(error) == 404 and "EndpointNotFound" not in type(error).__name__:
                    return None
                most = patience if _PASSING_TEXT.search(str(error)) else attempts
                if attempt >= most or not is_passing(error):
                    raise
                (sleep or time.sleep)(min(0.5 * 2 ** (attempt - 1), LONGEST_PAUSE_S))
    return None


def side_by_side(work: Callable[[One], Answer], entries: Iterable[One]) -> list[Answer]:
    """What the work answers for each entry, in their order; the first error is raised."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(work, entries))
