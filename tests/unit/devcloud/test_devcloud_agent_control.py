# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the node agent is ordered to misbehave."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from devcloud import agent_control, cli
from devcloud.agent_control import Behaviour
from devcloud.errors import DevcloudError


@pytest.mark.parametrize(
    ("text", "behaviour"),
    [
        ("ok", Behaviour()),
        ("fail", Behaviour("fail")),
        ("silent", Behaviour("silent")),
        ("slow=2.5", Behaviour("slow", 2.5)),
    ],
)
def test_behaviours_are_read_and_said_in_the_same_words(text: str, behaviour: Behaviour) -> None:
    assert agent_control.parse_behaviour(text) == behaviour
    assert behaviour.text == text


@pytest.mark.parametrize("text", ["", "slow", "slow=", "slow=-1", "slow=soon", "FAIL", "fail=1"])
def test_what_is_no_behaviour_is_refused(text: str) -> None:
    with pytest.raises(DevcloudError, match="not a behaviour"):
        agent_control.parse_behaviour(text)


@pytest.mark.parametrize(
    ("cluster", "mode"),
    [("test_a", "silent"), ("test_b", "fail"), ("test_bx", "slow"), ("other", "ok")],
    ids=["own name first", "pattern", "longest pattern", "no rule"],
)
def test_which_rule_holds(cluster: str, mode: str) -> None:
    rules = {"test_*": "fail", "test_a": "silent", "test_b?": "slow=3"}
    assert agent_control.behaviour_of(cluster, rules).mode == mode


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVCLOUD_STATE", str(tmp_path))
    assert cli.main(["agent", "set", "test_*", "fail"]) == 0
    assert cli.main(["agent", "set", "test_a", "ok"]) == 0
    assert agent_control.read_rules(tmp_path / "control") == {"test_*": "fail", "test_a": "ok"}
    assert cli.main(["agent", "set", "test_a", "sulk"]) == 1
    assert "not a behaviour" in capsys.readouterr().err
    assert cli.main(["agent", "reset"]) == 0
    assert agent_control.read_rules(tmp_path / "control") == {}


def test_rules_that_are_set_at_once_are_all_kept(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: agent_control.add_rule(tmp_path, name, Behaviour("fail")), names))
    assert sorted(agent_control.read_rules(tmp_path)) == sorted(names)


def test_rules_are_removed_one_by_one(tmp_path: Path) -> None:
    for pattern in ("test_*", "test_a"):
        agent_control.add_rule(tmp_path, pattern, Behaviour("fail"))
    assert agent_control.remove_rules(tmp_path, "test_*") == {"test_a": "fail"}
    with pytest.raises(DevcloudError, match="test_a"):
        agent_control.remove_rules(tmp_path, "test_*")
    assert agent_control.remove_rules(tmp_path) == {} == agent_control.read_rules(tmp_path)
