# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of the cloud that crash while a run is under way, and are started again.

One at a time, after everything else: the other checks need these services.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults import workers
from tests.faults.check import Suite, Verdict, name_of, sent, unclean, unprepared, unsettled, untrue
from tests.faults.rows import VERBS, Verb

ROOT = Path(__file__).resolve().parents[2]
# Longer than it takes to see that nobody goes on with a creation
TIMEOUT_S = 330


@dataclass(frozen=True)
class Crash:
    """A service that crashes so many seconds after a verb's request.

    :param codes: the failure codes that are right besides a success; each says ``state: absent`` as the fix, which is applied.
    """

    verb: str
    service: str
    after: float
    codes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How it is called in the report."""
        return f"crash: {self.service}, {self.after} s after {self.verb}"


# A conductor that took a request and is gone leaves it undone for good: there the run must end, and say the fix
UNDONE = ("ABANDONED", "REQUEST_LOST", "STALLED")
# An engine takes its work with it; the stack stays IN_PROGRESS until Heat's own timeout, and the run says how to go on
FORGOTTEN = ("TIMEOUT",)
CRASHES = (
    Crash("create", "magnum", 0.0),
    Crash("create", "magnum-conductor", 0.0, UNDONE),
    Crash("create", "magnum-conductor", 1.5, UNDONE),
    Crash("create", "keystone", 0.5),
    Crash("create", "rabbitmq", 0.5, UNDONE),
    Crash("resize", "magnum-conductor", 0.2, UNDONE),
    Crash("resize", "magnum", 0.0),
    Crash("delete", "magnum-conductor", 0.0, UNDONE),
    Crash("delete", "magnum", 0.2),
    Crash("group", "magnum-conductor", 0.2, UNDONE),
    Crash("stack", "heat-engine", 0.1, ("STACK_CREATE_FAILED", *FORGOTTEN)),
    Crash("stack change", "heat", 0.0),
    Crash("stack delete", "heat-engine", 0.1, ("STACK_DELETE_FAILED", *FORGOTTEN)),
    Crash("template", "magnum", 0.0),
    Crash("credential", "keystone", 0.0),
)


def work(suite: Suite, tier: int) -> list[tuple[str, Callable[[], Verdict]]]:
    """The crashes of a tier: they belong to the whole suite only."""
    return [(crash.name, lambda c=crash: check_crash(suite, c)) for crash in CRASHES] if tier == 3 else []


def check_crash(suite: Suite, crash: Crash) -> Verdict:
    """The run ends well or with a code and a fix; after that the same run succeeds, and once more changes nothing."""
    about, name = VERBS[crash.verb], name_of(crash.name)
    wrong: list[str] = []
    try:
        if made := unprepared(suite, about, name):
            return Verdict(crash.name, (f"could not be prepared: {made}",), made.seconds, "not run")
        before = suite.truth.all_of(name)[about.kind]
        module, params = about.step(name)
        limit = {"timeout": TIMEOUT_S} if "timeout" in params else {}
        # No rule: the proxy only tells when the request was sent
        run = workers.begin(module, {**params, **limit, "auth": suite.proxy.auth(dict(suite.auth), name, [])})
        if not sent(suite, name, run[0].is_alive):
            wrong.append("it never sent its request")
        time.sleep(crash.after)
        _restart(crash.service)
        outcome = workers.end(run)
        after = suite.truth.all_of(name)[about.kind]
        wrong += unclean(outcome, (suite.auth["password"],), "the run")
        if not outcome.ok and outcome.code not in crash.codes:
            wrong.append(f"it ended {outcome}")
        wrong += untrue(outcome, before, after)
        if not outcome.ok and about.present:
            gone = suite.plainly(_absent(about.kind).step(name))
            if not gone.ok:
                wrong.append(f"the fix: {gone}")
            for step in about.before:
                suite.plainly(step(name))
        wrong += unsettled(suite, about, name)
        return Verdict(crash.name, tuple(wrong), outcome.seconds, outcome.code or f"changed={outcome.changed}", 1)
    except Exception as error:  # noqa: BLE001 - a defect of the suite is a failure of the check
        return Verdict(crash.name, (*wrong, f"the suite failed: {error!r}"), 0, "not run")
    finally:
        suite.clean(name)


def _absent(kind: str) -> Verb:
    """The verb that deletes objects of a kind."""
    return next(one for one in VERBS.values() if one.kind == kind and not one.present)


def _restart(service: str) -> None:
    """Kill a service of the devcloud without warning, and start it again."""
    subprocess.run(
        [sys.executable, "-m", "devcloud", "restart", "--crash", service],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
