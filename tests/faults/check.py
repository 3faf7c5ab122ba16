# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row of the table, from its beginning to its end, and what is wrong with how it went."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults import workers
from tests.faults.proxy import Proxy
from tests.faults.rows import VERBS, Row, Verb, credential_step, rules_of
from tests.faults.truth import Truth
from tests.faults.workers import Outcome

# So long a run may take until it sends its request
PATIENCE_S = 90.0
TOKEN = re.compile(r"gAAAA[\w-]{20,}")
CLEANING = (
    ("magnum_cluster", {"state": "absent", "timeout": 300}),
    ("heat_stack", {"state": "absent", "timeout": 300}),
    ("magnum_cluster_template", {"state": "absent"}),
)


@dataclass(frozen=True)
class Verdict:
    """How a row went. `wrong` is empty when all was right."""

    name: str
    wrong: tuple[str, ...]
    seconds: float
    outcome: str
    writes: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


@dataclass(frozen=True)
class Suite:
    """What every check needs."""

    proxy: Proxy
    auth: Mapping[str, Any]
    truth: Truth

    def plainly(self, step: tuple[str, dict[str, Any]], **more: Any) -> Outcome:
        """A run that meets no fault."""
        module, params = step
        return workers.run(module, {**params, **more, "auth": dict(self.auth)})

    def clean(self, name: str) -> None:
        """Delete whatever has this name, doubles too."""
        for cluster in self.truth.clusters(name):
            self.plainly(CLEANING[0], name=cluster["id"])
        for template in self.truth.templates(name):
            self.plainly(CLEANING[2], name=template["id"])
        if self.truth.stacks(name):
            self.plainly(CLEANING[1], name=name)
        module, params = credential_step(name)
        if self.truth.credentials(name) or Path(params["path"]).exists():
            self.plainly((module, {**params, "state": "absent"}))


def unclean(outcome: Outcome, secrets: tuple[str, ...], what: str) -> list[str]:
    """A traceback or a secret in a run's output, and a failure without its four keys."""
    found = []
    if "Traceback" in outcome.output or not outcome.result or "exception" in outcome.result:
        found.append(f"{what}: traceback: {outcome.output[-1500:]}")
    if TOKEN.search(outcome.output) or any(secret in outcome.output for secret in secrets):
        found.append(f"{what}: a secret is in the output")
    failure = outcome.result.get("failure")
    if not outcome.ok and outcome.result and not (failure and failure.get("code") and failure.get("hint")):
        found.append(f"{what}: a failure without code or hint: {outcome.result.get('msg')}")
    return found


def name_of(called: str) -> str:
    """The name in the cloud of what a check makes: always the same, so that what an earlier suite left is found."""
    return f"test-faults-{hashlib.sha256(called.encode()).hexdigest()[:8]}"


def writes_of(requests: Iterable[Mapping[str, Any]]) -> int:
    """How many of these requests change something; to log in does not."""
    return sum(request["method"] != "GET" and "/auth/" not in request["path"] for request in requests)


def sent(suite: Suite, name: str, runs: Callable[[], bool]) -> bool:
    """Wait until a run through the proxy has sent a request that changes something; False when it ended without."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        running = runs()
        if writes_of(suite.proxy.requests(name)):
            return True
        if not running:
            return False
        time.sleep(0.02)
    return False


def unprepared(suite: Suite, verb: Verb, name: str) -> Outcome | None:
    """Clear the name and make what the verb needs; the run that failed at it, or None."""
    suite.clean(name)
    for step in verb.before:
        made = suite.plainly(step(name))
        if not made.ok:
            return made
    return None


def unsettled(suite: Suite, verb: Verb, name: str, what: str = "it") -> list[str]:
    """What is wrong in the end: the same run must succeed, once more change nothing, and one object of the name be there."""
    step, wrong = verb.step(name), []
    again = suite.plainly(step)
    if not again.ok:
        wrong.append(f"the run after {what}: {again}")
    once_more = suite.plainly(step)
    if not once_more.ok or once_more.changed:
        wrong.append(f"the second run after {what}: {once_more}")
    count = len(suite.truth.all_of(name)[verb.kind])
    if count != int(verb.present):
        wrong.append(f"{count} objects of the name in the end")
    return wrong


def untrue(outcome: Outcome, before: Any, after: Any) -> list[str]:
    """Whether ``changed`` is anything but what the APIs showed before and after."""
    if outcome.result and outcome.changed != (before != after):
        return [f"it says changed={outcome.changed}; before: {before}, after: {after}"]
    return []


def check_row(suite: Suite, row: Row) -> Verdict:
    """Run a row: make what it needs, meet the fault, look, and run again twice."""
    verb, name = VERBS[row.verb], name_of(row.name)
    wrong: list[str] = []
    try:
        if made := unprepared(suite, verb, name):
            return Verdict(row.name, (f"could not be prepared: {made}",), made.seconds, "not run")
        before = suite.truth.all_of(name)[verb.kind]
        module, params = verb.step(name)
        auth = suite.proxy.auth(dict(suite.auth), name, rules_of(row, name))
        outcome = workers.run(module, {**params, "auth": auth})
        after = suite.truth.all_of(name)[verb.kind]
        wrong += unclean(outcome, (suite.auth["password"],), "the run")
        wrong += judge(row, outcome, before, after)
        requests = suite.proxy.requests(name)
        met = [request for request in requests if request["what"] != "passed"]
        if not met and "slow" not in row.fault:
            wrong.append("the fault was never met")
        wrong += unsettled(suite, verb, name)
        return Verdict(
            row.name, tuple(wrong), outcome.seconds, outcome.code or f"changed={outcome.changed}", writes_of(requests)
        )
    except Exception as error:  # noqa: BLE001 - a defect of the suite is a failure of the row
        return Verdict(row.name, (*wrong, f"the suite failed: {error!r}"), 0, "not run")
    finally:
        suite.clean(name)


def judge(row: Row, outcome: Outcome, before: Any, after: Any) -> list[str]:
    """What is wrong with a run's outcome, given what the APIs showed before and after."""
    wrong = []
    if outcome.ok and row.codes:
        wrong.append(f"it says ok where {' or '.join(row.codes)} is right")
    if not outcome.ok and outcome.code not in row.codes:
        wrong.append(f"it ended {outcome}")
    return wrong + untrue(outcome, before, after)
