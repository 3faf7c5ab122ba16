# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a client may hold a connection without a use for it: connections are limited, and everybody shares them."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Seconds in which a client must take an answer. The longest ones have some MB
ANSWER_S = 60.0


class Connection(H11Protocol):
    """A connection of uvicorn that also ends when its client sends no request, sends half of one, or takes no answer.

    uvicorn's own `timeout_keep_alive` only counts after an answer, and the first byte of a next request ends it. Here the same number
    of seconds counts from the start, and from each answer, until the whole head of a request is there. `BodyLimit` counts for the body.
    """

    answer_seconds = ANSWER_S
    _head: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def handle_events(self) -> None:
        super().handle_events()
        self._await_head()

    def _await_head(self) -> None:
        """Start the timer where the next thing to come is a head; a head that comes in pieces does not start it again."""
        if self.conn.their_state is not h11.IDLE:
            self._head = _cancelled(self._head)
        elif self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.timeout_keep_alive, self._end)

    def _end(self) -> None:
        self.transport.close()
        self._await_taking()

    def _await_taking(self) -> None:
        """Start the timer for what is sent and not taken, since a transport closes only when it has sent everything."""
        if self._answer is None:
            self._answer = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        self._answer = _cancelled(self._answer)
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._await_taking()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head, self._answer = _cancelled(self._head), _cancelled(self._answer)
        super().connection_lost(exc)


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
