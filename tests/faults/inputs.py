# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: names that would reach something else, and options of any type in every module.

Names are tried for real beside a cluster and a template that exist, as what they must not do is to touch these. Everything
else runs in check mode. The values come from a seed, so a failure comes again.
"""

from __future__ import annotations

import importlib
import random
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.faults import workers
from tests.faults.check import Suite, Verdict, name_of, unclean
from tests.faults.rows import VERBS

SEED = 20261130
# Runs of modules with values of any type, and how many make one check.
RUNS = {2: 20, 3: 2500}
BATCH = 20
LIMIT_S = 120.0

# What the clients would make of these names: the object itself, another one, or the list. {} is a name that exists.
NAMES = (
    "{}#prod",
    "{}?x=1",
    "nothing/../{}",
    "../clusters/{}",
    "./{}",
    "{}/",
    "{}%23",
    "%2e%2e/{}",
    "",
    " ",
    "{} ",
    "{}\x00",
    "..",
)
NAMED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("magnum_cluster", "name", {"state": "absent", "timeout": 60}),
    ("magnum_cluster", "name", {"cluster_template": "none", "node_count": 3, "timeout": 60}),
    ("magnum_cluster_template", "name", {"state": "absent"}),
    ("magnum_nodegroup", "cluster", {"name": "default-worker", "node_count": 3, "timeout": 60}),
    ("magnum_kubeconfig", "cluster", {"path": "/tmp/kcloud-faults/inputs/kubeconfig"}),
    ("magnum_ca", "cluster", {}),
    ("magnum_cluster_info", "name", {}),
    ("heat_stack", "name", {"state": "absent", "timeout": 60}),
    ("heat_stack_info", "name", {}),
    ("application_credential", "name", {"state": "absent", "path": "/tmp/kcloud-faults/inputs/clouds.yaml"}),
)
VALUES: tuple[Any, ...] = (
    None, "", " ", "a", "test-faults", "x#y", "../x", "a" * 300, "\u2603", "\x00", "None", "true", "{}", "1.11", "-1", "10m",
    -1, 0, 1, 2**31, 10**30, 1.5, True, [], [""], [None], ["a", "a"], [[1]], {}, {"": ""}, {"a": None}, {"name": "a"},
    [{"name": "a"}], [{}], {"auth": {}}, "2027-01-01T00:00:00", "/", "/tmp", "/dev/null", "ubuntu-capi", "cpu.medium",
)  # fmt: skip
# Ansible's own words for arguments that do not fit the specification; no run of ours began.
ARGUMENTS = re.compile(
    r"^(missing required|Unsupported parameters|argument '|value of |parameters are|one of the following|.* found in|"
    r".*(unable to convert|could not be converted|of the following are missing|required together|are all required|is required|"
    r"elements value|dictionary requested|sub parameter field))",
    re.DOTALL,
)
SKIPPED = {"table"}


def work(suite: Suite, tier: int) -> list[tuple[str, Callable[[], Verdict]]]:
    """The checks of a tier."""
    found: list[tuple[str, Callable[[], Verdict]]] = [("names", lambda: check_names(suite))]
    for first in range(0, RUNS[tier], BATCH):
        name = f"input: runs {first} to {first + BATCH - 1}"
        found.append((name, lambda f=first, called=name: check_values(suite, called, f)))
    return found


def check_names(suite: Suite) -> Verdict:
    """Every such name is refused by every module, and what it would have reached stays as it is."""
    began, name, wrong = time.monotonic(), name_of("names"), []
    try:
        suite.clean(name)
        for verb in ("create", "template"):
            made = suite.plainly(VERBS[verb].step(name))
            if not made.ok:
                wrong.append(f"could not be prepared: {made}")
        before = suite.truth.all_of(name)
        for module, option, more in NAMED:
            for pattern in NAMES:
                called = pattern.format(name)
                outcome = suite.plainly((module, {option: called, **more}))
                wrong += unclean(outcome, (suite.auth["password"],), f"{module} {called!r}")
                if outcome.code != "INVALID_REQUEST":
                    wrong.append(f"{module} {option}={called!r}: {outcome}")
        after = suite.truth.all_of(name)
        if before != after:
            wrong.append(f"something was changed: {before} -> {after}")
        count = len(NAMED) * len(NAMES)
        return Verdict("names", tuple(wrong), time.monotonic() - began, f"{count} refused")
    except Exception as error:  # noqa: BLE001 - a defect of the suite is a failure of the check
        return Verdict("names", (*wrong, f"the suite failed: {error!r}"), 0, "not run")
    finally:
        suite.clean(name)


def check_values(suite: Suite, called: str, first: int) -> Verdict:
    """Runs of modules in check mode with values of any type: a result, or an error that says what to do."""
    began, wrong, failures = time.monotonic(), [], 0
    for number in range(first, first + BATCH):
        chance = random.Random(SEED + number)
        module = chance.choice(modules())
        params = {option: chance.choice(VALUES) for option in options(module) if chance.random() < 0.3}
        given = {**params, **required(module, params), "auth": dict(suite.auth), "_ansible_check_mode": True}
        outcome = workers.run(module, given, LIMIT_S)
        failures += not outcome.ok
        if outcome.result.get("failed") and "failure" not in outcome.result and ARGUMENTS.match(outcome.result["msg"]):
            continue
        wrong += unclean(outcome, (suite.auth["password"],), f"run {number}, {module} {params}")
    return Verdict(called, tuple(wrong), time.monotonic() - began, f"{failures} of {BATCH} refused")


def modules() -> list[str]:
    """The names of all modules that talk to a cloud."""
    folder = Path(__file__).resolve().parents[2] / "plugins/modules"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem not in SKIPPED)


def options(module: str) -> Mapping[str, Any]:
    """A module's options, less those that say which cloud it is, and how long to wait."""
    loaded = importlib.import_module(f"{workers.MODULES}.{module}")
    spec = next(getattr(loaded, name) for name in ("SPEC", "OWN_ARGUMENTS", "ARGUMENTS") if hasattr(loaded, name))
    login = (
        "auth",
        "cloud",
        "auth_type",
        "timeout",
        "api_timeout",
        "region_name",
        "ca_cert",
        "client_cert",
        "client_key",
    )
    return {name: about for name, about in spec.items() if name not in login}


def required(module: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Something for the options that must be there: without them no run of ours would begin."""
    return {
        name: "test-faults"
        for name, about in options(module).items()
        if about.get("required") and params.get(name) is None
    }
