# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much one client may ask: requests by time, and bytes by request."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

# Clients that are remembered; the one that has not asked for the longest time is forgotten first
MOST_CLIENTS = 10_000


class Rate:
    """A bucket of tokens for each client: it holds what a minute allows, and fills evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, client: str) -> float:
        """Take one; 0 where the client may go on, else the seconds until it may."""
        with self._lock:
            now = self._clock()
            left, seen = self._left.pop(client, (self._most, now))
            left = min(self._most, left + (now - seen) * self._per_second)
            allowed = left >= 1
            self._left[client] = (left - 1 if allowed else left, now)
            while len(self._left) > MOST_CLIENTS:
                self._left.popitem(last=False)
            return 0.0 if allowed else (1 - left) / self._per_second


class BodyTooLarge(Exception):
    """More bytes than a request may have."""


class BodyLimit:
    """ASGI middleware that ends a request when its body becomes too large, whatever its Content-Length says."""

    def __init__(self, app: Any, most: int, refuse: Any) -> None:
        self._app, self._most, self._refuse = app, most, refuse

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._most:
            return await self._refuse(scope, receive, send)
        # The whole body is read first: it is small, and a handler then never sees half of one
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most:
                return await self._refuse(scope, receive, send)
            more = message.get("more_body", False)
        whole: list[Any] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

        async def replay() -> Any:
            return whole.pop() if whole else await receive()

        return await self._app(scope, replay, send)
