# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one tree of errors: what went wrong, why, and the fix.

Every layer raises these; only the module runner catches them. ``code`` is stable: playbooks may branch on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class KcloudError(Exception):
    """Something an operator must know about.

    :param message: one sentence, by the grammar "Failed to ...", "Timed out waiting for ...".
    :param code: stable, upper case (``QUOTA_EXCEEDED``); each class has a default.
    :param resource: what it happened to, such as ``cluster/ml-training``.
    :param reason: the deepest cause that could be found, in the service's own words.
    :param hint: the fix, as an instruction.
    :param details: anything else that is part of the answer; becomes keys of ``failure``. Must hold no secret.
    """

    default_code = "FAILED"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        resource: str | None = None,
        reason: str | None = None,
        hint: str | None = None,
        **details: object,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.resource = resource
        self.reason = reason
        self.hint = hint
        self.details = details

    def failure(self) -> dict[str, object]:
        """The ``failure`` value of a module's result: always these four keys, then the details."""
        return {
            "code": self.code,
            "resource": self.resource,
            "reason": self.reason,
            "hint": self.hint,
            **self.details,
        }

    def sentence(self) -> str:
        """The message for a person: what, why, what to do."""
        parts = [self.message]
        if self.reason:
            parts.append(f"Reason: {self.reason}")
        if self.hint:
            parts.append(f"Fix: {self.hint}")
        return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)


class InvalidRequest(KcloudError):
    """An option is wrong; nothing was changed. The message names the option and the value."""

    default_code = "INVALID_REQUEST"


class CloudUnreachable(KcloudError):
    """No answer from Keystone or from a service's endpoint."""

    default_code = "CLOUD_UNREACHABLE"


class AuthenticationFailed(KcloudError):
    """Keystone knows us not: wrong or missing credentials."""

    default_code = "AUTHENTICATION_FAILED"


class NotPermitted(KcloudError):
    """The credentials are right but may not do this."""

    default_code = "NOT_PERMITTED"


class NotFound(KcloudError):
    """Something that the request names does not exist."""

    default_code = "NOT_FOUND"


class Ambiguous(KcloudError):
    """A name stands for more than one object; ``ids`` lists them."""

    default_code = "AMBIGUOUS_NAME"


class Conflict(KcloudError):
    """The state of the object forbids the request."""

    default_code = "CONFLICT"


class CreatedMeanwhile(Conflict):
    """Another run created an object of this name between this run's reading and its writing."""

    default_code = "CREATED_MEANWHILE"


class Unreadable(KcloudError):
    """Magnum has the cluster and cannot show it, nor any list that holds it."""

    default_code = "UNREADABLE"


class QuotaExceeded(KcloudError):
    """A quota of the project is used up."""

    default_code = "QUOTA_EXCEEDED"


class CannotApply(KcloudError):
    """A difference that the API cannot apply; ``fields`` names it, the hint says the fixes."""

    default_code = "CANNOT_APPLY"


class Unsupported(KcloudError):
    """This driver or this version of the API lacks the verb; found out before it was sent."""

    default_code = "UNSUPPORTED"


class OperationFailed(KcloudError):
    """The service took the request and ended in a FAILED state."""

    default_code = "OPERATION_FAILED"


class RequestLost(KcloudError):
    """The service took the request, repeated once, and never began it."""

    default_code = "REQUEST_LOST"


class WaitTimeout(KcloudError):
    """The deadline passed; the details carry the last state seen."""

    default_code = "TIMEOUT"


class ServiceError(KcloudError):
    """The service answered with an error that none of the others describes."""

    default_code = "SERVICE_ERROR"


class Unclear(Exception):
    """A write without a clear answer: it may have been carried out. ``error`` is ours, for when it was not."""

    def __init__(self, error: KcloudError) -> None:
        super().__init__(error.message)
        self.error = error


@contextlib.contextmanager
def changing(but: type[KcloudError] | tuple[()] = ()) -> Iterator[None]:
    """A failure in this block comes after something was changed; the result must say so.

    :param but: errors of this class say for themselves what was changed.
    """
    try:
        yield
    except but:
        raise
    except KcloudError as error:
        partial = error.details.get("result")
        error.details["result"] = {**(partial if isinstance(partial, dict) else {}), "changed": True}
        raise
