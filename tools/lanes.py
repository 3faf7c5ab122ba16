# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that mostly wait for the cloud, several at a time, each lane in a copy of the tree of its own."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from tools.commands import Finished

LANES = int(os.environ.get("LANES", "4"))


@dataclass(frozen=True)
class Done:
    """One piece of work and how it ended."""

    name: str
    finished: Finished


def in_lanes(names: Iterable[str], work: Callable[[str, int], Finished], report: Callable[[Done], None]) -> list[Done]:
    """Do the work for every name, at most LANES at once, in the order given; `work` gets the name and a lane's number.

    No two pieces of work have the same lane at the same time. Each end is reported as it comes; an exception in one
    piece is its own failure, and the others go on.
    """
    free: queue.SimpleQueue[int] = queue.SimpleQueue()
    for lane in range(LANES):
        free.put(lane)

    def one(name: str) -> Done:
        lane = free.get()
        try:
            return Done(name, work(name, lane))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported as this piece's failure
            return Done(name, Finished(1, f"the runner failed: {error!r}", 0))
        finally:
            free.put(lane)

    done = []
    with ThreadPoolExecutor(LANES) as pool:
        for future in as_completed([pool.submit(one, name) for name in names]):
            done.append(future.result())
            report(done[-1])
    return sorted(done, key=lambda piece: piece.name)
