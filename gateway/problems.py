# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as RFC 9457 describes them, with the collection's own `code`, `reason` and `hint` beside."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"
# The status of each code of the library's errors that does not follow from its class
OF_CODE = {
    "INVALID_REQUEST": 422,
    "REJECTED": 422,
    "NOT_PERMITTED": 403,
    "TRUST_NOT_PERMITTED": 403,
    "NOT_FOUND": 404,
    "AMBIGUOUS_NAME": 409,
    "CONFLICT": 409,
    "STATE_CHANGED": 409,
    "QUOTA_EXCEEDED": 409,
    "CANNOT_APPLY": 409,
    "UNSUPPORTED": 409,
    "CLOUD_UNREACHABLE": 503,
    "UNREADABLE": 503,
    "BAD_CLOUD_CONFIG": 503,
    "AUTHENTICATION_FAILED": 502,
    "SERVICE_ERROR": 502,
    "BROKEN_ANSWER": 502,
    "SERVICE_NOT_IN_CATALOG": 502,
    "TIMEOUT": 504,
}


class Problem(Exception):
    """What ends a request: a status, a stable code, and what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        reason: str | None = None,
        hint: str | None = None,
        resource: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.body = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "code": code,
            "reason": reason,
            "hint": hint,
            "resource": resource,
            **more,
        }


def of_failure(message: str, failure: Mapping[str, Any]) -> Problem:
    """The problem for an error of the library: its message, and its `failure` with `code`, `resource`, `reason` and `hint`."""
    code = str(failure["code"])
    return Problem(
        OF_CODE.get(code, 500),
        code,
        message,
        reason=failure["reason"],
        hint=failure["hint"],
        resource=failure["resource"],
    )


def of_validation(errors: list[dict[str, Any]]) -> Problem:
    """The problem for a request that is not as the OpenAPI document says; what was sent is not repeated."""
    found = [{"key": _key(error["loc"]), "message": _message(error)} for error in errors]
    first = found[0]
    return Problem(
        422,
        "INVALID_REQUEST",
        f"Failed to read '{first['key']}': {first['message']}",
        hint=f"Correct '{first['key']}'; /openapi.json says what each operation takes",
        resource=first["key"],
        errors=found[:20],
    )


def _key(location: tuple[Any, ...]) -> str:
    """Where it is, without "body" or "query" in front; an empty body is "body".

    >>> _key(("body", "labels", "a")), _key(("body",))
    ('labels.a', 'body')
    """
    inner = location[1:] if len(location) > 1 and location[0] in ("body", "query", "path", "header") else location
    text = ".".join(str(part) for part in inner)
    # A key that the client made up may be long
    return text.encode("utf-8", "replace").decode()[:200]


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "no such key"
    return str(error["msg"])[:300]
