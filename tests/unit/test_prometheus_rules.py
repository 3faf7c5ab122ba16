# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for Prometheus: they follow from the catalogue, promtool accepts them, and each alert fires when it should."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.catalogue import METRICS

from tools import rules

FOLDER = ROOT / "extensions/prometheus"
ALERTS = FOLDER / "kcloud_alerts.yml"
TESTS = ROOT / "tests/unit/prometheus/alerts_test.yml"


def alerts() -> list[dict]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.fail("promtool is missing: install Debian's package prometheus, as `make test` does")
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_recording_rules_follow_from_the_catalogue() -> None:
    assert rules.RULES.read_text(encoding="utf-8") == rules.text(), "run `python -m tools.rules`"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: f"{metric.exporter}, {metric.measures}")
def test_each_exporter_has_a_rule(metric: rules.Metric) -> None:
    """Energy is left to the module: a recorded counter would hide where it began anew."""
    if metric.measures in ("power", "utilization"):
        assert all(name in rules.text() for name in metric.needs)


def test_promtool_accepts_the_rules() -> None:
    checked = promtool("check", "rules", *sorted(FOLDER.glob("*.yml")))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_fires_when_it_should() -> None:
    tested = promtool("test", "rules", TESTS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_is_tested() -> None:
    cases = [case for test in yaml.safe_load(TESTS.read_text())["tests"] for case in test["alert_rule_test"]]
    firing = {case["alertname"] for case in cases if case.get("exp_alerts")}
    assert firing == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_each_alert_says_what_to_do(rule: dict) -> None:
    path, anchor = rule["annotations"]["runbook"].split("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / path).read_text(), re.MULTILINE)
    assert rule["alert"] in headings
    assert anchor == rule["alert"].lower()
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
