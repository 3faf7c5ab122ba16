# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pieces run against which Magnum, in which clouds, and that the same piece runs against one at a time."""

from __future__ import annotations

import threading
import time

import pytest

from tools import checks, cloud, gates, magnums, pieces
from tools.checks import Context
from tools.commands import Finished

PASSES = Finished(0, "testhost : ok=3 changed=1 unreachable=0 failed=0\n", 1.0)
NAMES = ["long", "middle", "short"]


def test_the_tables_name_what_there_is() -> None:
    """A target that is renamed or deleted must not stay in them."""
    known = {path.name for folders in (checks.TARGETS, checks.SCENARIOS) for path in folders.folders()}
    named = {name for table in (magnums.ALWAYS, magnums.ABSENT) for names in table.values() for name in names}
    assert named <= known
    assert all(not set(magnums.ALWAYS.get(release, ())) & set(absent) for release, absent in magnums.ABSENT.items())


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that the tests can rely on."""
    monkeypatch.setattr(magnums, "ALWAYS", {"20": frozenset({"short", "long"})})
    monkeypatch.setattr(magnums, "ABSENT", {"23": {"long": "needs Heat"}})


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("release", "wanted", "beside", "expected"),
    [
        ("22", [], True, ["long", "middle", "short", "magnum20/long", "magnum20/short"]),
        ("22", [], False, NAMES),
        ("22", ["short"], True, ["short"]),
        ("22", ["magnum20/middle", "short"], True, ["short", "magnum20/middle"]),
        ("20", [], True, ["magnum20/long", "magnum20/middle", "magnum20/short"]),
        ("20", ["short"], True, ["magnum20/short"]),
        ("20", ["magnum20/short"], True, ["magnum20/short"]),
        ("23", [], True, ["magnum23/middle", "magnum23/short"]),
        ("23", ["long"], True, ["magnum23/long"]),
    ],
)
def test_pieces(release: str, wanted: list[str], beside: bool, expected: list[str]) -> None:
    """All that can pass, and what every run repeats elsewhere; what is asked for runs even where it cannot pass."""
    assert magnums.pieces(NAMES, release, wanted, beside) == expected


def test_each_variable_of_the_tests_names_a_cloud_of_that_magnum() -> None:
    """For the cloud's own Magnum the plain names."""
    assert magnums.clouds("22") == magnums.CLOUDS
    assert magnums.clouds("23")["cloud_other_tenant"] == "devcloud-magnum23-tenant-b"
    assert len(set(magnums.clouds("20").values())) == len(magnums.CLOUDS)


def test_only_known_magnums_are_run() -> None:
    """A misspelt one is refused with the existing ones."""
    assert [magnums.checked(word) for word in ("", "22", "20")] == ["22", "22", "20"]
    with pytest.raises(SystemExit, match="choose of 20, 22, 23"):
        magnums.checked("21")


def test_another_magnum_means_the_gates_that_need_the_cloud() -> None:
    """Unless gates are named."""
    assert {gate.name for gate in gates.choose([], "20")} == {"integration", "molecule"}
    assert [gate.name for gate in gates.choose(["style"], "20")] == ["style"]


def test_a_run_says_which_magnums_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """None where no gate looks at the cloud."""
    monkeypatch.setattr(magnums, "ALWAYS", {"20": frozenset({"magnum_cluster"}), "23": frozenset({"nothing"})})
    monkeypatch.setattr(checks, "CLOUDS_YAML", checks.DEVCLOUD_YAML)
    context = Context(cloud.Cloud())
    assert checks.releases(context, gates.choose([])) == ["20"]
    assert checks.releases(context, gates.choose(["style"])) == []


def test_labels_of_targets_are_known() -> None:
    """With a Magnum before them, too."""
    assert gates.choose_targets(["magnum20/magnum_cluster"]) == ("magnum20/magnum_cluster",)
    with pytest.raises(SystemExit, match="magnum19/magnum_cluster"):
        gates.choose_targets(["magnum19/magnum_cluster"])


def test_a_piece_runs_against_one_magnum_at_a_time() -> None:
    """Its things bear the same names in the one Heat and Neutron; other pieces go on."""
    busy: set[str] = set()
    guard = threading.Lock()

    def work(piece: str, _lane: int, _log_end: str) -> Finished:
        name = magnums.split(piece)[1]
        with guard:
            assert name not in busy
            busy.add(name)
        time.sleep(0.02)
        with guard:
            busy.remove(name)
        return PASSES

    labels = [magnums.label(release, name) for name in NAMES for release in magnums.RELEASES]
    ran = pieces.run_pieces(labels, work, lambda _line: None)
    assert all(piece.good for piece in ran)
    assert len(ran) == len(labels)


class Devcloud(cloud.Cloud):
    """A cloud whose commands are only written down."""

    def __init__(self, releases: list[str], up: bool, listed: str) -> None:
        super().__init__(releases)
        self.calls: list[list[str]] = []
        self.status = Finished(0 if up else 1, listed, 1.0)

    def _devcloud(self, words: list[str], *_arguments: object, **_options: object) -> Finished:
        self.calls.append(words)
        return self.status if words == ["status"] else Finished(0, "", 1.0)


@pytest.mark.parametrize(
    ("releases", "up", "listed", "expected"),
    [
        ([], True, "magnum     1 19511   yes  9", []),
        (["20"], True, "magnum20     1 19520   yes  9", []),
        (["20"], True, "magnum     1 19511   yes  9", [["up", "--magnum", "20"], ["down", "--magnum", "20"]]),
        (["20"], False, "magnum     - 19511   NO  -", [["up", "--magnum", "20"], ["down", "--magnum", "20"], ["down"]]),
        (["20"], False, "magnum20     - 19520   NO  -", [["up"], ["down"]]),
        ([], False, "magnum     - 19511   NO  -", [["up"], ["down"]]),
        # Seen: under load Neutron needed longer than `status` waits, and the run's end took down what others used
        ([], False, "neutron     7 19696   NO  9", [["up"]]),
        (["20"], False, "neutron     7 19696   NO  9", [["up", "--magnum", "20"], ["down", "--magnum", "20"]]),
    ],
    ids=["up", "with 20", "without 20", "down", "down, 20 remembered", "down, none wanted", "slow", "slow, without 20"],
)
def test_the_cloud_is_left_as_it_was_found(
    monkeypatch: pytest.MonkeyPatch, releases: list[str], up: bool, listed: str, expected: list[list[str]]
) -> None:
    """A Magnum that the run added goes again, one that was there stays."""
    monkeypatch.setattr(cloud, "CLOUDS_YAML", cloud.DEVCLOUD_YAML)
    devcloud = Devcloud(releases, up, listed)
    devcloud.start()
    assert devcloud.finish() == ""
    assert devcloud.calls == [["status"], *expected]
