# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once that create the same name: one object stays, and both runs tell of that one."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults import workers
from tests.faults.check import Suite, Verdict, name_of, unclean
from tests.faults.rows import VERBS

# The pairs of a tier: what is created, and the seconds between the two.
QUICK = (("create", 0.0), ("create", 0.1), ("create", 0.5), ("template", 0.0), ("stack", 0.0))
EVERY = tuple(
    (kind, delay)
    for kind, times in (("create", 8), ("template", 3), ("stack", 3))
    for delay in (0.0, 0.1, 0.5, 2.0)
    for _time in range(times)
)


def work(suite: Suite, tier: int) -> list[tuple[str, Callable[[], Verdict]]]:
    """The pairs of a tier."""
    found = []
    for number, (kind, delay) in enumerate(QUICK if tier == 2 else EVERY):
        name = f"pair {number}: {kind}, {delay} s apart"
        found.append((name, lambda d=delay, k=kind, called=name: check_pair(suite, called, k, d)))
    return found


def check_pair(suite: Suite, called: str, kind: str, delay: float) -> Verdict:
    """Run a pair; both end well, one object is there, and a run after them changes nothing."""
    verb, name = VERBS[kind], name_of(called)
    wrong: list[str] = []
    began = time.monotonic()
    try:
        suite.clean(name)
        module, params = verb.step(name)
        first = workers.begin(module, {**params, "auth": dict(suite.auth)})
        time.sleep(delay)
        second = workers.begin(module, {**params, "auth": dict(suite.auth)})
        outcomes = [workers.end(first), workers.end(second)]
        seconds = time.monotonic() - began
        for outcome in outcomes:
            wrong += unclean(outcome, (suite.auth["password"],), "a run")
            if not outcome.ok:
                wrong.append(f"a run ended {outcome}")
        there = suite.truth.all_of(name)[verb.kind]
        if len(there) != 1:
            wrong.append(f"{len(there)} objects of the name")
        if not any(outcome.changed for outcome in outcomes):
            wrong.append("neither run says that it changed something")
        after = suite.plainly((module, params))
        if not after.ok or after.changed:
            wrong.append(f"the run after them: {after}")
        reported = " / ".join(outcome.code or f"changed={outcome.changed}" for outcome in outcomes)
        return Verdict(called, tuple(wrong), seconds, reported, 2)
    except Exception as error:  # noqa: BLE001 - a defect of the suite is a failure of the pair
        return Verdict(called, (*wrong, f"the suite failed: {error!r}"), 0, "not run")
    finally:
        suite.clean(name)
