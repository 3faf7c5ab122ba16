# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks, and whether he may: dependencies of the operations."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import Depends, Header, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.gateway import Gateway
from gateway.limits import MOST_AT_ONCE, TooManyAtOnce
from gateway.problems import Problem
from gateway.schemas import REFERENCE
from gateway.tokens import Caller

_bearer = HTTPBearer(auto_error=False, description="A token of the tokens file")


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves this request."""
    return request.app.state.gateway


def caller_of(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    gateway: Annotated[Gateway, Depends(gateway_of)],
) -> Caller:
    """Whose token came with the request.

    :raises Problem: none, a wrong one (401), or too many requests (429).
    """
    caller = None if given is None else gateway.tokens.find(given.credentials)
    if caller is None:
        # A client that guesses tokens is slowed down; one with a valid token is not held up by it
        address = request.client.host if request.client else "unknown"
        _limited(gateway.failed_logins.wait(address))
        raise Problem(
            401,
            "UNAUTHENTICATED",
            "This operation needs a bearer token of this gateway",
            hint="Send the header 'Authorization: Bearer TOKEN'; `python -m gateway token` makes tokens",
            headers={"WWW-Authenticate": "Bearer"},
        )
    _limited(gateway.rate.wait(caller.name))
    return caller


def _limited(seconds: float) -> None:
    if seconds:
        raise Problem(
            429,
            "TOO_MANY_REQUESTS",
            "Too many requests in the last minute",
            hint="Wait as long as the header Retry-After says",
            headers={"Retry-After": str(math.ceil(seconds))},
        )


async def in_work(
    caller: Annotated[Caller, Depends(caller_of)], gateway: Annotated[Gateway, Depends(gateway_of)]
) -> AsyncIterator[Caller]:
    """The caller; the request is in work until its answer is sent.

    :raises Problem: too many requests of the tenant are in work.
    """
    try:
        with gateway.at_once.one(caller.tenant.name):
            yield caller
    except TooManyAtOnce:
        raise Problem(
            429,
            "TOO_MANY_AT_ONCE",
            f"The gateway works on {MOST_AT_ONCE} requests of this tenant at once, and its cloud is slow",
            hint="Wait as long as the header Retry-After says, and send fewer requests at once",
            headers={"Retry-After": "2"},
        ) from None


def needs(role: str) -> Callable[[Caller], Caller]:
    """A dependency: a caller with this role or a higher one."""

    def check(caller: Annotated[Caller, Depends(in_work)]) -> Caller:
        if not caller.may(role):
            raise Problem(
                403,
                "FORBIDDEN",
                f"The token '{caller.name}' has the role '{caller.role}', and this operation needs '{role}'",
                hint="Ask the gateway's operator for a token with this role",
            )
        return caller

    return check


Reader = Annotated[Caller, Depends(needs("read"))]
Operator = Annotated[Caller, Depends(needs("operate"))]
Admin = Annotated[Caller, Depends(needs("admin"))]
TheGateway = Annotated[Gateway, Depends(gateway_of)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="A repeated request with the same key runs once, and gets the same answer",
    ),
]
ClusterId = Annotated[str, Path(pattern=r"^[a-zA-Z0-9_.-]{1,242}$", description="Id or name of a cluster")]
TemplateId = Annotated[str, Path(pattern=REFERENCE, description="Id or name of a cluster template")]
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
