# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The habits of the second Magnum driver: schema, precedence, control file, command line."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from devcloud import driver_control
from devcloud.driver_control import control, habits


@pytest.fixture(name="folder")
def control_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control folder that command line and driver both find."""
    monkeypatch.setenv(control.VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("transition_seconds", "0.5", 0.5),
        ("transition_seconds", 7, 7.0),
        ("autoscaler", "yes", True),
        ("autoscaler", False, False),
        ("profile", "capi-helm", "capi-helm"),
        ("stall", "true", habits.VERBS),
        ("stall", "false", ()),
        ("stall", True, habits.VERBS),
        ("stall", "", ()),
        ("drop", "true", habits.LOSABLE_VERBS),
        ("drop", "resize, delete", ("resize", "delete")),
        ("drop", ["delete", "resize"], ("resize", "delete")),
        ("fail_on", "nodegroup,resize", ("resize", *habits.NODEGROUP_VERBS)),
        ("health_status", "", ""),
        ("api_address", "https://127.0.0.1:1", "https://127.0.0.1:1"),
    ],
)
def test_values_are_read_from_text_and_json(name: str, value: Any, wanted: Any) -> None:
    assert habits.parse(name, value) == wanted


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("colour", "red", "There is no habit 'colour'. Habits: profile,"),
        ("transition_seconds", "soon", "transition_seconds: 'soon' is not a number"),
        ("transition_seconds", "-1", "not between 0 and 86400"),
        ("transition_seconds", "nan", "not between"),
        ("transition_seconds", True, "not between"),
        ("autoscaler", "perhaps", "neither true nor false"),
        ("profile", "heat", "none of own, capi-helm, cluster-api"),
        ("health_status", "fine", "none of (empty), HEALTHY"),
        ("stall", "walk", "walk: none of create,"),
        ("stall", 3, "not a list of verbs"),
        ("drop", "rotate_ca", "rotate_ca: none of create,"),
        ("api_address", 6443, "not a text"),
    ],
)
def test_wrong_values_are_refused_with_what_would_be_right(name: str, value: Any, said: str) -> None:
    with pytest.raises(habits.HabitError) as error:
        habits.parse(name, value)
    assert said in str(error.value)


@pytest.mark.parametrize("data", [[], {"al": {}}, {"clusters": []}, {"all": 3}, {"clusters": {"a": {"b": 1}}}])
def test_a_broken_document_is_refused(data: Any) -> None:
    with pytest.raises(habits.HabitError):
        habits.parse_document(data)


def test_every_default_and_profile_value_is_a_value_of_its_kind() -> None:
    for name, row in habits.SCHEMA.items():
        for value in (row.default, *row.metadata["profiles"].values()):
            assert habits.parse(name, value) == value
        assert set(row.metadata["profiles"]) <= set(habits.PROFILES)


def test_without_a_word_the_defaults_are_in_force() -> None:
    assert habits.resolve({}) == habits.resolve({}, "any") == habits.Habits()


def test_a_profile_sets_what_was_not_said() -> None:
    found = habits.resolve({"all": {"profile": "capi-helm", "patch_node_count": False}, "clusters": {}})
    assert (found.ignore_nodes_to_remove, found.patch_node_count, found.fail_at) == (True, False, "never")


def test_a_cluster_overrides_what_was_said_for_all() -> None:
    document: habits.Document = {
        "all": {"transition_seconds": 9.0, "autoscaler": True},
        "clusters": {"gpu-*": {"profile": "cluster-api", "transition_seconds": 1.0}},
    }
    found = habits.resolve(document, "gpu-1")
    assert (found.transition_seconds, found.autoscaler, found.sync_count) == (1.0, True, True)
    assert habits.resolve(document, "cpu-1").transition_seconds == 9.0
    assert habits.resolve(document).transition_seconds == 9.0


def test_only_the_first_fitting_pattern_counts_and_narrow_ones_come_first() -> None:
    rows = {"*": {"autoscaler": True}, "a*": {"sync_count": True}, "ab": {"hide_addresses": True}}
    assert habits.ordered(rows) == ["ab", "a*", "*"]
    found = habits.resolve({"all": {}, "clusters": rows}, "ab")
    assert (found.hide_addresses, found.sync_count, found.autoscaler) == (True, False, False)
    assert habits.resolve({"all": {}, "clusters": rows}, "ac").sync_count


def test_the_file_is_read_at_every_use(folder: Path) -> None:
    driver_control.set_habits(folder, {"transition_seconds": "1"})
    driver_control.set_habits(folder, {"drop": "delete"}, "lost-*")
    assert control.read(folder) == {"all": {"transition_seconds": 1.0}, "clusters": {"lost-*": {"drop": ("delete",)}}}
    driver_control.set_habits(folder, {"transition_seconds": "2"}, "lost-*")
    assert driver_control.show(folder, "lost-1")["transition_seconds"] == 2.0
    driver_control.reset(folder, "lost-*")
    driver_control.reset(folder, "never-set")
    assert control.read(folder)["clusters"] == {}
    assert [path.name for path in folder.iterdir()] == [control.FILE]


def test_without_a_folder_or_file_nothing_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(control.VARIABLE, raising=False)
    nothing = {"all": {}, "clusters": {}}
    assert control.find_folder() is None
    assert control.read(None) == control.read(tmp_path) == nothing
    assert not control.lose_once(None, "name", "id", "delete")


def test_a_broken_file_is_named_and_reset_mends_it(folder: Path) -> None:
    (folder / control.FILE).write_text("{", encoding="utf-8")
    with pytest.raises(habits.HabitError, match="driver.json"):
        control.read(folder)
    assert driver_control.main(["show"]) == 2
    assert driver_control.main(["reset"]) == 0
    assert driver_control.main(["show"]) == 0


def test_a_request_is_lost_once_per_cluster_and_verb_until_it_is_said_again(folder: Path) -> None:
    driver_control.set_habits(folder, {"drop_once": "delete"})
    assert [control.lose_once(folder, "a", "1", "delete") for _time in range(2)] == [True, False]
    assert control.lose_once(folder, "b.c", "2", "delete") and control.lose_once(folder, "a", "3", "delete")
    driver_control.set_habits(folder, {"stall": "resize"})
    assert not control.lose_once(folder, "a", "1", "delete")
    # Said again for some, and then for all
    driver_control.set_habits(folder, {"drop_once": "delete"}, "b*")
    assert control.lose_once(folder, "b.c", "2", "delete") and not control.lose_once(folder, "a", "1", "delete")
    driver_control.set_habits(folder, {"drop_once": "delete"})
    assert control.lose_once(folder, "a", "1", "delete")


def test_habits_that_are_set_at_once_are_all_kept(folder: Path) -> None:
    names = [f"c{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: driver_control.set_habits(folder, {"stall": "resize"}, name), names))
    assert sorted(control.read(folder)["clusters"]) == sorted(names)


def test_the_folder_is_found_by_either_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(control.VARIABLE, raising=False)
    monkeypatch.setenv("DEVCLOUD_STATE", str(tmp_path))
    assert driver_control.find_folder() == tmp_path / "control"
    monkeypatch.delenv("DEVCLOUD_STATE")
    assert driver_control.find_folder().parts[-2:] == (".devcloud", "control")


def test_the_command_line_sets_shows_and_resets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert driver_control.main(["set", "--cluster", "a-*", "profile=cluster-api", "fail_reason=x=y"]) == 0
    assert driver_control.main(["show", "--cluster", "a-1"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["profile"], shown["fail_reason"], shown["fail_at"]) == ("cluster-api", "x=y", "submit")
    assert driver_control.main(["reset"]) == 0
    assert driver_control.main(["show"]) == 0
    assert json.loads(capsys.readouterr().out) == {"all": {}, "clusters": {}}


@pytest.mark.parametrize(
    ("pair", "said"), [("stall", "stall: write key=value"), ("stall=walk", "stall: walk: none of"), ("x=1", "no habit")]
)
def test_the_command_line_refuses_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], pair: str, said: str
) -> None:
    assert driver_control.main(["set", "autoscaler=true", pair]) == 2
    assert said in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_the_help_lists_every_habit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        driver_control.main(["--help"])
    text = capsys.readouterr().out
    assert all(f"  {name}=<" in text for name in habits.SCHEMA)
