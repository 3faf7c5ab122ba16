# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The readers of the tools' outputs, on outputs as the tools wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import results
from tools.commands import Finished
from tools.results import Counts

RECAP = """
PLAY RECAP *********************************************************************
\x1b[0;33mtesthost\x1b[0m                   : \x1b[0;32mok=12  \x1b[0m changed=3    unreachable=0    failed=0    skipped=1
other.host : ok=2    changed=0    unreachable=1    failed=1    skipped=0    rescued=0    ignored=0
"""

SANITY = """
Running sanity test "pep8"
ERROR: Found 2 pep8 issue(s) which need to be resolved:
Running sanity test "import" on Python 3.11
Running sanity test "import" on Python 3.12
Running sanity test 'yamllint'
FATAL: The 1 sanity test(s) listed below (out of 3) failed. See error output above for details.
pep8
"""


def test_recap_sums_hosts_and_ignores_colours() -> None:
    """Tasks that were ok passed; failed ones and unreachable hosts failed."""
    assert results.recap(RECAP) == Counts(passed=14, failed=2)


def test_no_recap_is_no_tasks() -> None:
    """A run that died before its recap counts nothing, which the gates take as a failure."""
    assert results.recap("ERROR! the playbook could not be found") == Counts()


def test_sanity_counts_each_test_once() -> None:
    """One test on two Pythons is one test."""
    assert results.sanity(SANITY) == Counts(passed=2, failed=1)


def test_lint_summary() -> None:
    """Findings are failures and warnings together; without a summary there is no result."""
    text = "Failed: 4 failure(s), 1 warning(s) in 116 files processed of 129 encountered. Profile 'production'"
    assert results.lint(text) == (116, 5)
    assert results.lint("Traceback") is None


def test_junit_adds_up_suites(tmp_path: Path) -> None:
    """Errors count as failures; skipped tests do not count as passed."""
    first, second = tmp_path / "a.xml", tmp_path / "b.xml"
    first.write_text('<testsuites><testsuite tests="9" failures="1" errors="1" skipped="2"/></testsuites>')
    second.write_text('<testsuite tests="1" failures="0" errors="0" skipped="0"/>')
    assert results.junit([first, second]) == Counts(passed=6, failed=2, skipped=2)


def test_warnings_are_found_once_each_and_can_be_allowed() -> None:
    """Ansible's own form and ansible-test's, less what is about the machine."""
    text = "[WARNING]: one\nWARNING: two\nWARNING: two\n[DEPRECATION WARNING]: three\nWARNING: Using locale C\nno WARNING: x"
    assert results.warnings(text, ["Using locale"]) == [
        "[WARNING]: one",
        "WARNING: two",
        "[DEPRECATION WARNING]: three",
    ]


@pytest.mark.parametrize(("code", "timed_out", "ok"), [(0, False, True), (1, False, False), (0, True, False)])
def test_a_command_is_ok_when_it_ended_well_by_itself(code: int, timed_out: bool, ok: bool) -> None:
    """A command that was ended at its deadline may still have said 0."""
    assert Finished(code, "", 1.0, timed_out).ok is ok


def test_a_scenario_without_verify_is_reported() -> None:
    """Molecule only warns about a step without a playbook; a missing prepare.yml is fine."""
    text = "WARNING  [x > prepare] Executed: Missing playbook (...)\nWARNING  [x > verify] Executed: Missing playbook (...)"
    assert results.missing_steps(text) == ["the scenario has no verify.yml"]


def test_broken_tasks_are_those_that_were_not_ignored() -> None:
    """Expected failures are left out, of a loop too; of the others the last ones are reported, shortened."""
    text = """
TASK [target : A failure that is looked at] ****
failed: [testhost] (item=1) => {"msg": "one"}
failed: [testhost] (item=2) => {"msg": "two"}
...ignoring

TASK [target : The one that matters] ***********
fatal: [testhost]: FAILED! => {
    "assertion": "result is changed",
    "changed": false
}

TASK [target : Clean up] ***********************
ok: [testhost]
"""
    what = 'fatal: [testhost]: FAILED! => { "assertion": "result is changed", "changed": false }'
    assert results.broken_tasks(text) == [f"target : The one that matters: {what}"]
    assert results.broken_tasks(text, width=9) == [f"target : The one that matters: {what[:9]}"]
    assert results.broken_tasks("no play at all") == []


def test_the_plain_closing_line_counts_once() -> None:
    """The last of several; a text without one counted nothing."""
    assert results.plain_counts("1 passed, 0 failed\n...\n40 passed, 2 failed\n") == Counts(passed=40, failed=2)
    assert results.plain_counts("it broke: 3 passed, 0 failed, or so") == Counts()
