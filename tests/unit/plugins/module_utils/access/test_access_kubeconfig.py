# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubeconfig for a cluster: when a certificate is asked for, what is sent, and what the result shows.

The real client against scripted HTTP; what signs has real keys.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access import kubeconfig
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access.clusters import (
    ensure_kubeconfig,
    remove_kubeconfig,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    InvalidRequest,
    NotPermitted,
    ServiceError,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.authority import Authority
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    BY_NAME,
    CLUSTER_ID,
    EMPTY_LISTS,
    OTHER_ID,
    cluster,
    error,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    Entry,
    Request,
    Script,
    scripted_cloud,
)
from openstack.connection import Connection

pytest.importorskip("magnumclient")

# Signs from yesterday on, so that what it signs is valid and young on whatever day the tests run
YESTERDAY = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
CA, NEXT_CA, STRANGER = Authority(YESTERDAY), Authority(YESTERDAY), Authority(YESTERDAY)
ADDRESS = "https://10.0.0.1:6443"
TEAM = kubeconfig.Identity("ada", ("kcloud:vision",))
MONTH = timedelta(days=30)
FOUND = ("GET", BY_NAME, 200, cluster(api_address=ADDRESS, user_id="u-1"))


def ca(authority: Authority = CA) -> Entry:
    """The CA as Magnum shows it."""
    return ("GET", f"/certificates/{CLUSTER_ID}", 200, {"pem": authority.pem, "cluster_uuid": CLUSTER_ID, "csr": None})


def signs(authority: Authority = CA) -> Entry:
    """A request for a certificate, signed by this CA."""

    def signed(request: Request) -> dict[str, Any]:
        return {"pem": authority.sign(request.body["csr"]), **request.body}

    return ("POST", "/certificates/?", 201, signed)


SIGNED = "POST /certificates"


@contextmanager
def cloud(entries: Sequence[Entry]) -> Iterator[tuple[Connection, Script]]:
    with scripted_cloud(entries, ambient=EMPTY_LISTS) as running:
        yield connect({"auth": running.auth()}), running.script


def ensure(entries: Sequence[Entry], path: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """The result of one run, and what it wrote to the cloud."""
    given = {"renew_before": MONTH, "check_mode": False, "identity": TEAM, **options}
    with cloud(entries) as (connection, script):
        result = ensure_kubeconfig(connection, "c", str(path), **given)
    return result, script.writes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "config"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_signed_written_and_shown_without_its_key(path: Path) -> None:
    """Check mode predicts the same diff, sends no request and writes no file."""
    predicted, writes = ensure([FOUND, ca()], path, check_mode=True)
    assert writes == [] and not path.exists()
    result, writes = ensure([FOUND, ca(), signs()], path)
    assert writes == [SIGNED]
    assert result["changed"] and result["reason"] == "there is none"
    assert (result["diff"], result["reason"]) == (predicted["diff"], predicted["reason"])
    assert mode(path) == 0o600 and mode(path.parent) == 0o700
    shown = kubeconfig.read_file(str(path))
    assert shown is not None
    assert result["kubeconfig"] == {"path": str(path), **shown.as_result()}
    assert (shown.user, shown.groups, shown.server, shown.cluster_id) == (*("ada", TEAM.groups), ADDRESS, CLUSTER_ID)
    key = yaml.safe_load(path.read_text())["users"][0]["user"]["client-key-data"]
    assert key not in str(result) and "BEGIN" not in str(result)
    assert {name: result["kubeconfig"][name] for name in ("server", "user", "groups", "ca_fingerprint")} == {
        name: predicted["kubeconfig"][name] for name in ("server", "user", "groups", "ca_fingerprint")
    }


def test_run_again_the_file_is_kept(path: Path) -> None:
    ensure([FOUND, ca(), signs()], path)
    before = path.read_bytes()
    result, writes = ensure([FOUND, ca()], path)
    assert writes == [] and path.read_bytes() == before
    assert (result["changed"], result["reason"]) == (False, None)
    assert result["diff"]["before"] == result["diff"]["after"]


def test_a_file_that_others_may_read_is_made_private_and_not_signed_again(path: Path) -> None:
    ensure([FOUND, ca(), signs()], path)
    os.chmod(path, 0o644)
    predicted, _writes = ensure([FOUND, ca()], path, check_mode=True)
    assert mode(path) == 0o644
    result, writes = ensure([FOUND, ca()], path)
    assert writes == [] and mode(path) == 0o600
    assert result["changed"] and result["reason"] == "others may read it"
    assert result["diff"] == predicted["diff"] and result["diff"]["after"]["private"] is True


@pytest.mark.parametrize(
    ("entries", "options", "words"),
    [
        ([FOUND, ca(NEXT_CA), signs(NEXT_CA)], {}, "the cluster has a new CA"),
        ([(*FOUND[:3], cluster(api_address="https://10.0.0.2:6443")), ca(), signs()], {}, f"moved from {ADDRESS}"),
        ([FOUND, ca(), signs()], {"identity": kubeconfig.Identity("eve")}, "it is for ada of kcloud:vision"),
        ([FOUND, ca(), signs()], {"renew_before": timedelta(days=99)}, None),
    ],
)
def test_it_is_signed_again_when_it_no_longer_fits(
    path: Path, entries: Sequence[Entry], options: dict[str, Any], words: str | None
) -> None:
    """Never in the first half of its life for its end alone."""
    first, _writes = ensure([FOUND, ca(), signs()], path)
    result, writes = ensure(entries if words else entries[:-1], path, **options)
    assert writes == ([SIGNED] if words else [])
    assert result["changed"] is bool(words)
    if words:
        assert words in result["reason"]
        assert result["kubeconfig"]["fingerprint"] != first["kubeconfig"]["fingerprint"]


def test_a_cluster_without_an_address_has_none_yet(path: Path) -> None:
    with pytest.raises(Conflict) as caught:
        ensure([("GET", BY_NAME, 200, cluster("CREATE_IN_PROGRESS"))], path)
    assert caught.value.reason == "it is CREATE_IN_PROGRESS" and not path.exists()


def test_the_file_of_another_cluster_is_left_alone(path: Path) -> None:
    ensure([FOUND, ca(), signs()], path)
    before = path.read_bytes()
    other = ("GET", "/clusters/d", 200, cluster(uuid=OTHER_ID, name="d", api_address=ADDRESS))
    with cloud([other]) as (connection, _script), pytest.raises(InvalidRequest) as caught:
        ensure_kubeconfig(connection, "d", str(path), TEAM, renew_before=MONTH, check_mode=False)
    assert "holds the kubeconfig of cluster 'c'" in caught.value.message
    assert path.read_bytes() == before


def test_a_certificate_of_another_ca_is_not_written(path: Path) -> None:
    with pytest.raises(ServiceError) as caught:
        ensure([FOUND, ca(), signs(STRANGER)], path)
    assert "not what was asked for" in caught.value.message and not path.exists()


def test_a_refusal_to_sign_one_names_whom_magnum_lets(path: Path) -> None:
    refused = ("POST", "/certificates/?", *error(403, "Policy doesn't allow certificate:create to be performed."))
    with pytest.raises(NotPermitted) as caught:
        ensure([FOUND, ca(), refused], path)
    assert "user u-1" in (caught.value.hint or "") and not path.exists()


def test_it_is_removed_without_asking_the_cloud(path: Path) -> None:
    """By the cluster's name or id, and never that of another cluster."""
    ensure([FOUND, ca(), signs()], path)
    with pytest.raises(InvalidRequest):
        remove_kubeconfig("d", str(path), check_mode=False)
    predicted = remove_kubeconfig("c", str(path), check_mode=True)
    assert path.exists()
    assert remove_kubeconfig(CLUSTER_ID, str(path), check_mode=False) == predicted
    assert predicted["changed"] and not path.exists()
    assert remove_kubeconfig("c", str(path), check_mode=False)["changed"] is False
