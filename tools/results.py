# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the outputs of the tools say: how many tests there were, how they ended, and what was complained about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=(?P<ok>\d+)\s+changed=(?P<changed>\d+)\s+unreachable=(?P<unreachable>\d+)"
    r"\s+failed=(?P<failed>\d+)",
    re.MULTILINE,
)
SANITY_STARTED = re.compile(r"^Running sanity test ['\"]?(?P<name>[\w-]+)", re.MULTILINE)
SANITY_FAILED = re.compile(
    r"^(?:ERROR|FATAL): The (?P<failed>\d+) sanity test\(s\) listed below \(out of \d+\) failed", re.MULTILINE
)
LINT_SUMMARY = re.compile(
    r"(?P<failures>\d+) failure\(s\), (?P<warnings>\d+) warning\(s\) (?:in|on) (?P<files>\d+) files"
)
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)
WARNING = re.compile(r"^(?:\[(?:DEPRECATION )?WARNING\]|WARNING):? .*$", re.MULTILINE)
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.*)\] \**$")
BROKEN = re.compile(r"^(?:fatal|failed): \[.*$")
NOT_THERE = re.compile(r"\b(?P<step>converge|idempotence|verify)\] Executed: Missing playbook")


@dataclass(frozen=True)
class Counts:
    """Counts of one kind of test."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def plain(text: str) -> str:
    """The text without colours."""
    return ESCAPES.sub("", text)


def junit(files: Iterable[Path]) -> Counts:
    """The counts of JUnit reports. A report that a crash cut short raises, which is a failure of the gate."""
    total = Counts()
    for file in files:
        for suite in ElementTree.parse(file).getroot().iter("testsuite"):
            tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", suite.get("disabled", 0)))
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            total += Counts(tests - failed - skipped, failed, skipped)
    return total


def recap(text: str) -> Counts:
    """The tasks of every PLAY RECAP line: ok ones passed, failed and unreachable ones failed."""
    total = Counts()
    for line in RECAP.finditer(plain(text)):
        total += Counts(int(line["ok"]), int(line["failed"]) + int(line["unreachable"]))
    return total


def sanity(text: str) -> Counts:
    """The sanity tests that ansible-test ran."""
    text = plain(text)
    ran = len(set(SANITY_STARTED.findall(text)))
    failed = sum(int(line["failed"]) for line in SANITY_FAILED.finditer(text))
    return Counts(ran - failed, failed)


def plain_counts(text: str) -> Counts:
    """The counts of the last line that is `N passed, N failed`; none where there is no such line."""
    found = PLAIN.findall(plain(text))
    return Counts(int(found[-1][0]), int(found[-1][1])) if found else Counts()


def lint(text: str) -> tuple[int, int] | None:
    """Files that ansible-lint looked at, and findings of any level; None where it did not come to its summary."""
    found = LINT_SUMMARY.search(plain(text))
    return (int(found["files"]), int(found["failures"]) + int(found["warnings"])) if found else None


def missing_steps(text: str) -> list[str]:
    """The steps of a molecule scenario that matter and have no playbook: molecule passes them by."""
    return [f"the scenario has no {step}.yml" for step in dict.fromkeys(NOT_THERE.findall(plain(text)))]


def warnings(text: str, allowed: Iterable[str] = ()) -> list[str]:
    """The warnings of Ansible's tools in a text, less those that contain an allowed phrase."""
    lines = dict.fromkeys(line.strip() for line in WARNING.findall(plain(text)))
    return [line for line in lines if not any(phrase in line for phrase in allowed)]


def broken_tasks(text: str, most: int = 2, width: int = 1500) -> list[str]:
    """The last tasks of a play that failed and were not ignored, with what they said: they end a log, or nearly so."""
    task, found, open_ended = "", [], False
    for line in plain(text).splitlines():
        if heading := TASK.match(line):
            task = heading["name"]
        elif BROKEN.match(line):
            found.append((task, line))
        elif line == "...ignoring":
            found = [(name, what) for name, what in found if name != task]
        elif open_ended:
            found[-1] = (task, f"{found[-1][1]} {line.strip()}")
        open_ended = bool(found) and found[-1][1].count("{") > found[-1][1].count("}")
    return [f"{name}: {what[:width]}" for name, what in found[-most:]]
