# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a report: written where they change, whole, with the mode that was asked for; nothing in check mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import read_settings
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report_files import make
from ansible_collections.kcloud.infrastructure.plugins.modules.cluster_report import SPEC

DEFAULTS = {name: about.get("default") for name, about in SPEC.items()}
METRICS = {"clusters": [{"id": "c1", "name": "ml", "status": "CREATE_COMPLETE", "power": {"total": {"value": 100}}}]}


def ask(folder: Path | None, check_mode: bool = False, **given: Any) -> dict[str, Any]:
    """What the module answers to these options."""
    params = {**DEFAULTS, "metrics": METRICS, "path": None if folder is None else str(folder), **given}
    return make(params, read_settings(params), check_mode=check_mode)


def test_files_are_written_once(tmp_path: Path) -> None:
    formats = ["csv", "html"]
    predicted = ask(tmp_path, check_mode=True, formats=formats)
    assert list(tmp_path.iterdir()) == []
    made = ask(tmp_path, formats=formats)
    assert made == predicted and made["changed"]
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.csv"}
    assert {(tmp_path / "report.html").stat().st_mode & 0o777} == {0o644}
    assert [file["size"] for file in made["files"]] == [
        (tmp_path / f"report.{name}").stat().st_size for name in ("html", "csv")
    ]
    again = ask(tmp_path, formats=formats)
    assert (again["changed"], again["diff"]) == (False, [])


def test_what_differs_is_written_and_shown(tmp_path: Path) -> None:
    ask(tmp_path, formats=["csv", "md"])
    (tmp_path / "report.md").write_text("by hand", encoding="utf-8")
    found = ask(tmp_path, formats=["csv", "md"])
    assert [file["changed"] for file in found["files"]] == [True, False]
    (diff,) = found["diff"]
    assert diff["before"] == "by hand" and diff["after"].startswith("# Accelerator clusters")
    assert "by hand" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_mode_is_a_change(tmp_path: Path) -> None:
    ask(tmp_path)
    assert ask(tmp_path, mode="0600")["changed"]
    assert not ask(tmp_path, mode="0600")["changed"]


def test_of_a_long_file_a_diff_shows_the_digest(tmp_path: Path) -> None:
    many = {"clusters": [{"id": f"c{at}", "name": f"cluster-{at}"} for at in range(100)]}
    (diff,) = ask(tmp_path, metrics=many)["diff"]
    assert "sha256:" in diff["after"] and len(diff["after"]) < 200


def test_without_a_folder_nothing_is_written() -> None:
    found = ask(None)
    assert (found["changed"], found["files"]) == (False, [])
    assert found["summary"]["clusters"] == 1 and "cost an hour" in found["text"]


@pytest.mark.parametrize(
    ("given", "resource"),
    [
        ({"mode": "rw-r--r--"}, "mode"),
        ({"mode": "0000"}, "mode"),
        ({"name": "../x"}, "name"),
        ({"name": ""}, "name"),
        ({"idle_below": 2.0}, "idle_below"),
        ({"idle_below": float("nan")}, "idle_below"),
        ({"power_budget": -1.0}, "power_budget"),
        ({"now": -1}, "now"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    tmp_path: Path, given: dict[str, Any], resource: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(tmp_path, **given)
    assert caught.value.resource == resource
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is not a folder"):
        ask(tmp_path / "missing")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InvalidRequest, match="is not a file"):
        ask(tmp_path)
