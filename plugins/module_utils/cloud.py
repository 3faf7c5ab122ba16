# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way into the cloud: auth options -> an openstacksdk connection, and every client's errors -> ours."""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from ansible.module_utils.basic import env_fallback, missing_required_lib
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
    Unclear,
    Unreadable,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.session import is_error, judging_session, words_of

if TYPE_CHECKING:
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
    from openstack.connection import Connection

Answer = TypeVar("Answer")
One = TypeVar("One")


def require(purpose: str, name: str, package: str) -> None:
    """Check that a Python library can be imported. Only what reads a cloud needs its clients.

    :param purpose: what fails without it, such as ``read the cloud``.
    :raises KcloudError: it is missing.
    """
    try:
        __import__(name)
    except ImportError as error:
        raise KcloudError(
            f"Failed to {purpose}: a Python library is missing",
            code="MISSING_LIBRARY",
            resource=package,
            reason=str(error),
            hint=missing_required_lib(package),
        ) from None


def _endpoint_type(name: str) -> str:
    """The interface that an environment variable of the older clients names; they write `publicURL`."""
    return env_fallback(name).removesuffix("URL")


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
        "fallback": (_endpoint_type, ["MAGNUM_ENDPOINT_TYPE"]),
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
WRONG_ADDRESS_HINT = (
    "The service at 'auth_url' is not Keystone v3: give the address that the cloud's operator publishes, which mostly ends in "
    "':5000/v3' or '/identity/v3'"
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
# How long a service's own Retry-After is obeyed, in seconds, and how often a write is sent that a rate limit refuses.
LONGEST_RETRY_AFTER_S = 60.0
RATE_LIMITED_SENDS = 5
# Between the two attempts at a login that meets a hiccup
LOGIN_PAUSE_S = 1.0
# How many reads are on their way at once: services ask Keystone for each, so more would only queue up there.
READERS = 4
# Said with a status of 500 by drivers that lack a verb: a clear refusal.
# And by the network for a request that never left.
_REFUSED_TEXT = re.compile(
    r"not supported|not implemented|NotImplemented|Failed to establish a new connection", re.IGNORECASE
)
_QUOTA_TEXT = re.compile(r"quota|limit exceeded|exceeds", re.IGNORECASE)


def connect(params: dict[str, Any]) -> Connection:
    """Log in with a module's auth options.

    :param params: the module's parameters; only the keys of AUTH_ARGUMENT_SPEC are read.
    :returns: a connection that holds a valid token.
    :raises InvalidRequest: the named cloud is in no clouds.yaml, or options are missing.
    :raises AuthenticationFailed: Keystone refuses the credentials.
    :raises CloudUnreachable: nothing answers at the auth URL.
    """
    given = _options(params)
    with translated("log in to the cloud", "keystone"):
        connection = _configured(given)
        try:
            _log_in(connection)
        except OSError as error:
            raise _bad_config(given, error) from error
        except Exception as error:
            raise _login_error(error) from error
    return connection


def _options(params: dict[str, Any]) -> dict[str, Any]:
    """The auth options that were given, under the SDK's names.

    :raises InvalidRequest: ``cloud`` is neither a name nor a dictionary, or a text is empty.
    """
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
    if cloud is not None and not isinstance(cloud, (str, dict)):
        raise InvalidRequest(
            f"Failed to read option 'cloud': {cloud!r} is a {type(cloud).__name__}",
            code="BAD_CLOUD_CONFIG",
            resource="cloud",
            hint="Give the name of a cloud in clouds.yaml, or a dictionary with 'auth' as clouds.yaml has it",
        )
    for option in ("cloud", "auth_type", "region_name", "ca_cert", "client_cert", "client_key"):
        if params.get(option) == "":
            raise InvalidRequest(
                f"Failed to read option '{option}': it is empty",
                code="BAD_CLOUD_CONFIG",
                resource=option,
                hint="Give a value, or leave the option out",
            )
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(cloud, dict):
        return {**cloud, **given}
    return given if cloud is None else {**given, "cloud": cloud}


def _configured(given: dict[str, Any]) -> Connection:
    """A connection that has not logged in yet.

    :raises InvalidRequest: the named cloud is in no clouds.yaml, or an option has a form that the SDK cannot use.
    """
    import openstack.connection

    with _config_errors(given):
        config = _region(given)
        config.set_session_constructor(judging_session())
        return openstack.connection.Connection(config=config)


def _region(given: dict[str, Any]) -> Any:
    import openstack.config

    return openstack.config.get_cloud_region(app_name="kcloud.infrastructure", **given)


def configuration(params: dict[str, Any]) -> dict[str, Any]:
    """What the options, clouds.yaml and the environment come to, with the secrets in ``auth``; no request is made.

    :param params: as ``connect``.
    :raises InvalidRequest: as ``connect``.
    """
    given = _options(params)
    with _config_errors(given):
        return dict(_region(given).config)


@contextlib.contextmanager
def _config_errors(given: dict[str, Any]) -> Iterator[None]:
    """Name the cloud whose configuration cannot be used."""
    import openstack.exceptions
    from keystoneauth1.exceptions import AuthPluginException

    try:
        yield
    except (
        openstack.exceptions.ConfigException,
        AuthPluginException,
        # The SDK takes values of any type and trips over them later; nothing was asked of a cloud so far.
        AttributeError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        raise _bad_config(given, error) from error


def _bad_config(given: dict[str, Any], error: Exception) -> InvalidRequest:
    cloud = given.get("cloud")
    return InvalidRequest(
        "Failed to read the cloud's configuration" + (f" for cloud '{cloud}'" if cloud else ""),
        code="BAD_CLOUD_CONFIG",
        resource="clouds.yaml",
        reason=_one_line(error),
        hint=_named_file_missing() + (_known_clouds(cloud) if cloud else "") + WAY_IN_HINT,
    )


def _known_clouds(cloud: str) -> str:
    """The names that clouds.yaml has, where the one asked for is not among them."""
    import openstack.config

    with contextlib.suppress(Exception):
        known = sorted(openstack.config.OpenStackConfig().get_cloud_names())
        if known and cloud not in known:
            return f"clouds.yaml has: {', '.join(known)}. "
    return ""


def _log_in(connection: Connection) -> None:
    """Fetch a token, and once more where the first request met a hiccup."""
    for last in (False, True):
        try:
            connection.session.get_token()
        except Exception as error:
            if last or not is_passing(error):
                raise
            time.sleep(min(retry_after(error), LONGEST_PAUSE_S) or LOGIN_PAUSE_S)
        else:
            return


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
    translated = from_exception(error, "log in to the cloud", "keystone")
    if isinstance(translated, NotFound) and translated.code != "SERVICE_NOT_IN_CATALOG":
        return CloudUnreachable(
            translated.message, resource=translated.resource, reason=translated.reason, hint=WRONG_ADDRESS_HINT
        )
    if isinstance(translated, InvalidRequest) or not _is_clients_error(error):
        return AuthenticationFailed(
            translated.message, resource=translated.resource, reason=translated.reason, hint=WAY_IN_HINT
        )
    return translated


def trust_refusal(connection: Connection, doing: str, resource: str) -> NotPermitted | None:
    """Why these credentials cannot make the Keystone trust that a cluster or a stack needs; None when they can.

    Only asked with an application credential; nothing is made.

    :param doing: an infinitive that completes "Failed to ...".
    """
    auth_type = str(connection.config.config.get("auth_type") or "")
    if "applicationcredential" not in auth_type.replace("_", "").lower():
        return None
    said = ask_for_trust(connection, doing, resource).refusal
    if said is None:
        return None
    return NotPermitted(
        f"Failed to {doing}: the application credential at hand cannot make the Keystone trust that it needs",
        code="TRUST_NOT_PERMITTED",
        resource=resource,
        reason=said,
        hint="Log in with a user's password; the same credential may read, resize and delete. Nothing was changed",
    )


@dataclass(frozen=True)
class TrustAnswer:
    """What Keystone says to a request for a trust that cannot be made.

    :param status: the HTTP status, None where there is none.
    :param said: the words that came with it.
    :param own: whether it is an error in Keystone's form, which a proxy's is not.
    """

    status: int | None
    said: str
    own: bool

    @property
    def refusal(self) -> str | None:
        """Keystone's words where they clearly refuse trusts; None otherwise: the creation itself tells then."""
        return self.said if self.status == 403 and self.own and "trust" in self.said.lower() else None


def ask_for_trust(connection: Connection, doing: str, resource: str) -> TrustAnswer:
    """Ask Keystone for a trust that cannot be made, to see whether it lets these credentials make any.

    Keystones differ in which application credentials may, so it is asked for a trust that cannot be made, with a trustee
    that does not exist: it refuses the credential first (403), and misses the user second (404). Nothing is made.
    """
    wanted = {
        "trustor_user_id": connection.current_user_id,
        "trustee_user_id": uuid.uuid4().hex,
        "impersonation": False,
        "project_id": connection.current_project_id,
        "roles": [{"name": "member"}],
    }
    answer = read(
        lambda: connection.session.post(
            "/OS-TRUST/trusts",
            json={"trust": wanted},
            endpoint_filter={"service_type": "identity", "interface": "public"},
            raise_exc=False,
        ),
        doing,
        resource,
    )
    if answer is None:
        return TrustAnswer(None, "", own=False)
    try:
        said = _one_line(answer.json()["error"]["message"])
    except (ValueError, TypeError, KeyError):
        said = words_of(answer.content)
    return TrustAnswer(answer.status_code, said, own=is_error(answer.content))


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
    if is_broken(error):
        return ServiceError(
            message,
            code="BROKEN_ANSWER",
            hint="A proxy or load balancer in front of the service may have answered in its place, or cut its answer off: "
            "look at it and at the service, then run again",
            **about,
        )
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
        if isinstance(error, KcloudError) or not (is_broken(error) or _is_clients_error(error)):
            raise
        raise from_exception(error, doing, resource) from error


def is_broken(error: BaseException) -> bool:
    """Whether the session found that an answer is not the service's."""
    return bool(getattr(error, "broken", False))


def retry_after(error: BaseException) -> float:
    """Seconds after which the service wants to be asked again; 0 where it does not say."""
    try:
        return max(0.0, float(getattr(error, "retry_after", None) or 0))
    except ValueError:
        return 0.0


def is_passing(error: BaseException) -> bool:
    """Whether the same read may succeed in a moment: a hiccup of the network or of the service."""
    from keystoneauth1 import exceptions as ksa

    if is_broken(error) or isinstance(error, (ksa.ConnectionError, ksa.RetriableConnectionFailure)):
        return True
    return status_of(error) in _PASSING_STATUSES or bool(_PASSING_TEXT.search(str(error)))


def read(
    call: Callable[[], Answer],
    doing: str,
    resource: str,
    *,
    attempts: int = 5,
    patience: int = PATIENCE,
    until: Deadline | None = None,
    sleep: Callable[[float], None] | None = None,
) -> Answer | None:
    """Make a read that survives hiccups; an object that does not exist is None.

    :param patience: how often it is tried where Magnum says that it cannot show a cluster for now.
    :param until: go on trying until then, a refused token included: for reads of a wait, which has a time-out of its own.

    Only for reads: a write that may have been carried out is never sent again without looking.
    """
    with translated(doing, resource):
        for attempt in count(1):
            try:
                return call()
            except Exception as error:
                if status_of(error) == 404 and "EndpointNotFound" not in type(error).__name__:
                    return None
                pause = max(
                    min(0.5 * 2 ** (attempt - 1), LONGEST_PAUSE_S), min(retry_after(error), LONGEST_RETRY_AFTER_S)
                )
                if until is not None:
                    # Who asks for one try has another way to find out, as around a cluster that cannot be shown.
                    hidden = patience == 1 and bool(_PASSING_TEXT.search(str(error)))
                    if until.passed or hidden or not (is_passing(error) or status_of(error) == 401):
                        raise
                    until.pause(pause)
                    continue
                most = patience if _PASSING_TEXT.search(str(error)) else attempts
                if attempt >= most or not is_passing(error):
                    raise
                (sleep or time.sleep)(pause)
    return None


def read_existing(call: Callable[[], Answer], doing: str, resource: str, **options: Any) -> Answer:
    """As ``read``, of what is always there, such as a list: a 404 is looked at twice, and is an error then.

    :raises ServiceError: both answers were a 404.
    """
    for _look in range(2):
        answer = read(call, doing, resource, **options)
        if answer is not None:
            return answer
    raise ServiceError(
        f"Failed to {doing}",
        code="BROKEN_ANSWER",
        resource=resource,
        reason="the service answers 404",
        hint="Check the service's address in the cloud's catalog, and the proxies in front of it",
    )


def write(
    call: Callable[[], Answer],
    doing: str,
    resource: str,
    *,
    explain: Callable[[Exception, str, str], KcloudError] = from_exception,
    sleep: Callable[[float], None] | None = None,
) -> Answer:
    """Send a write once. One that a rate limit refused (429) was not looked at, so it is sent again.

    :param explain: makes an error of ours from a client's.
    :raises Unclear: no clear answer came; look at what there is before sending again.
    """
    for attempt in count(1):
        try:
            return call()
        except Exception as error:
            if isinstance(error, KcloudError) or not (is_broken(error) or _is_clients_error(error)):
                raise
            if status_of(error) == 429 and attempt < RATE_LIMITED_SENDS:
                pause = max(0.5 * 2 ** (attempt - 1), min(retry_after(error), LONGEST_RETRY_AFTER_S))
                (sleep or time.sleep)(pause)
                continue
            ours = explain(error, doing, resource)
            open_ended = isinstance(ours, (CloudUnreachable, ServiceError)) and status_of(error) != 429
            if open_ended and is_passing(error) and not _REFUSED_TEXT.search(_in_full(error)):
                raise Unclear(ours) from error
            raise ours from error
    raise AssertionError("count never ends")


def side_by_side(work: Callable[[One], Answer], entries: Iterable[One]) -> list[Answer]:
    """What the work answers for each entry, in their order; the first error is raised."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(work, entries))
