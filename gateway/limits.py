# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much one client may ask: requests by time and at once, and bytes by request."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import anyio

# Clients that are remembered; the one that has not asked for the longest time is forgotten first
MOST_CLIENTS = 10_000
# Requests of one tenant that are in work at once, and all threads for them: one slow cloud does not take all
MOST_AT_ONCE, THREADS = 128, 400
# Seconds in which the whole body of a request must come
BODY_S = 30.0


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


class TooManyAtOnce(Exception):
    """A client has as many requests in work as it may have."""


class AtOnce:
    """How many requests of each client are in work. Of one event loop, so it needs no lock.

    A request that waits for a slow cloud holds a thread; without this, one tenant's requests would hold all of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_work: Counter[str] = Counter()

    @contextlib.contextmanager
    def one(self, client: str) -> Iterator[None]:
        """A request of this client is in work while the block runs.

        :raises TooManyAtOnce: as many as may be already are.
        """
        if self._in_work[client] >= self._most:
            raise TooManyAtOnce
        self._in_work[client] += 1
        try:
            yield
        finally:
            self._in_work[client] -= 1
            if not self._in_work[client]:
                del self._in_work[client]


class BodyLimit:
    """ASGI middleware that ends a request when its body becomes too large, whatever its Content-Length says, or comes too slowly.

    :param too_large: the response, which is an application of ASGI itself, to a body over the limit.
    :param too_slow: the response to one that does not come in time.
    """

    def __init__(self, app: Any, most: int, too_large: Any, too_slow: Any, seconds: float = BODY_S) -> None:
        self._app, self._most, self._too_large, self._too_slow, self._seconds = app, most, too_large, too_slow, seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._most:
            return await self._too_large(scope, receive, send)
        # The whole body is read first: it is small, and a handler then never sees half of one
        parts, size, more = [], 0, True
        try:
            with anyio.fail_after(self._seconds):
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._most:
                        break
                    more = message.get("more_body", False)
        except TimeoutError:
            return await self._too_slow(scope, receive, send)
        if size > self._most:
            return await self._too_large(scope, receive, send)
        whole: list[Any] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

        async def replay() -> Any:
            return whole.pop() if whole else await receive()

        return await self._app(scope, replay, send)
