# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session of keystoneauth that judges each answer before a client reads it.

The clients trust what they get: python-magnumclient and python-heatclient end in a traceback for an HTML page, an empty or
truncated body, and for `Retry-After`; a 404 of a proxy reads as "the object is gone". Here such an answer becomes an
exception of keystoneauth, with the status and the words that came, so that every client, the SDK too, gets the same.
"""

from __future__ import annotations

import html
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keystoneauth1.session import Session

# Services whose clients break over an error that is not in the service's own form.
STRICT = frozenset({"container-infra", "orchestration"})
# What has no body, or one that nobody reads.
_WITHOUT_BODY = frozenset({204, 205, 304})
_LONGEST_WORDS = 200


def broken(method: str, status: int, content_type: str, body: bytes, service: str | None) -> str | None:
    """Why an answer cannot be what the service said; None when it can.

    :param content_type: the header, empty when there is none.
    :param service: the service's type, None where the request names none.

    A read that succeeded must be JSON. A write may answer nothing or text (Heat does), but what says that it is JSON must
    be. A 404 of Magnum and Heat must be an error in their form: a proxy's says nothing about the object.
    """
    if status in _WITHOUT_BODY or method == "HEAD" or 300 < status < 400:
        return None
    if status >= 400:
        foreign = status == 404 and service in STRICT and not is_error(body)
        return "404, and not in the service's form" if foreign else None
    if method != "GET" and "json" not in content_type:
        return None
    if not body:
        return None if method != "GET" else f"{status} with an empty body"
    try:
        json.loads(body)
    except ValueError:
        return f"{status} with a body that is not JSON"
    return None


def is_error(body: bytes) -> bool:
    """Whether a body is an error in one of the three forms that Magnum's and Heat's clients read."""
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    if not isinstance(answer, dict):
        return False
    entries = answer.get("errors")
    if isinstance(entries, list):
        return bool(entries) and isinstance(entries[0], dict) and "title" in entries[0]
    if isinstance(answer.get("error_message"), str):
        return True
    error = answer.get("error")
    return isinstance(error, dict) and "message" in error


def words_of(body: bytes) -> str:
    """What a page or a text says, in one short line without its tags.

    >>> words_of(b"<html><head><title>503</title></head><body><h1>No server is available</h1></body></html>")
    '503 No server is available'
    """
    text = body.decode("utf-8", errors="replace")
    text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    plain = re.sub(r"\s+", " ", html.unescape(text)).strip()
    return plain if len(plain) <= _LONGEST_WORDS else f"{plain[: _LONGEST_WORDS - 3]}..."


@cache
def judging_session() -> type[Session]:
    """The class of sessions that judge; made late, as keystoneauth may be missing where this file is imported."""
    from keystoneauth1 import exceptions
    from keystoneauth1.session import Session

    class JudgingSession(Session):
        """As its parent, but raises for answers that cannot be believed, whatever ``raise_exc`` says."""

        def request(self, url: str, method: str, *args: Any, **options: Any) -> Any:
            # The parent raises for each 4xx and 5xx: these are judged first.
            raises = options.pop("raise_exc", True)
            service = (options.get("endpoint_filter") or {}).get("service_type")
            answer = super().request(url, method, *args, raise_exc=False, **options)
            status, body = answer.status_code, answer.content
            why = broken(method.upper(), status, answer.headers.get("Content-Type") or "", body, service)
            if why is not None:
                said = words_of(body)
                raise BrokenAnswer(f"the service answered {why}" + (f": {said}" if said else ""), status, answer)
            unreadable = status >= 400 and service in STRICT and not is_error(body)
            if status >= 400 and (raises or unreadable or "Retry-After" in answer.headers):
                error = exceptions.from_response(answer, method, url)
                if unreadable and words_of(body):
                    error.args = (f"{words_of(body)} (HTTP {status})",)
                raise error
            return answer

    class BrokenAnswer(exceptions.DiscoveryFailure):
        """An answer that the service itself cannot have given; it says nothing about what was asked.

        Where keystoneauth looks for versions at an address that shows a page, as Horizon does, it goes on with the catalog.
        """

        def __init__(self, message: str, status: int, answer: Any) -> None:
            super().__init__(message)
            self.broken = True
            self.seen_status = status
            self.retry_after = answer.headers.get("Retry-After")

    return JudgingSession
