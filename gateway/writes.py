# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every request that changes something: it queues a job, and a repeated one finds its job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from gateway import answers
from gateway.access import IdempotencyKey, TheGateway
from gateway.gateway import Gateway, Run, request_of
from gateway.tokens import Caller

Plain = dict[str, Any]


@dataclass(frozen=True)
class Write:
    """A request that changes something."""

    gateway: Gateway
    request: Request
    response: Response
    key: str | None

    def accept(self, caller: Caller, body: Any, run: Callable[[], Run]) -> Plain:
        """Queue what the request asks for, and answer where the job is.

        :param body: what makes a repeated request the same, as plain data.
        :param run: what is asked for. It is called for a first request only: what that one did may forbid a second.
        :raises Problem: the key belongs to another request, too many jobs wait, or what ``run`` raises.
        """
        asked = request_of(self.request.method, self.request.url.path, body, self.key)
        job = self.gateway.repeated(caller, asked) or self.gateway.submit(caller, asked, run())
        self.response.headers["Location"] = f"/jobs/{job.id}"
        return {**job.answer, "job": answers.reference(job)}


def _write(gateway: TheGateway, request: Request, response: Response, key: IdempotencyKey = None) -> Write:
    return Write(gateway, request, response, key)


TheWrite = Annotated[Write, Depends(_write)]
