# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Progress lines with seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_began = time.monotonic()


def since_start() -> float:
    """Return the seconds since the program started."""
    return time.monotonic() - _began


def say(text: str) -> None:
    """Print one line with the seconds since the start in front."""
    with _lock:
        sys.stdout.write(f"[{since_start():6.1f}s] {text}\n")
        sys.stdout.flush()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what begins and, when it is done, how long it took."""
    say(f"{title} ...")
    began = time.monotonic()
    yield
    say(f"{title}: done in {time.monotonic() - began:.1f} s")
