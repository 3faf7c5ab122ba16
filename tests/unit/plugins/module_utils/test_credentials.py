# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application credentials: what is declared, what will not do, what the file holds. Keystone itself: the integration target."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils import private_file
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access.credentials import (
    Credential,
    Rule,
    _id_in,
    desired,
    document,
    why_replace,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOK = {"service": "container-infra", "method": "get", "path": "/v1/clusters"}
HAVE = Credential("c", ("reader",), (Rule("container-infra", "GET", "/v1/clusters"),), NOW + timedelta(days=1), "id")


def params(**given: Any) -> dict[str, Any]:
    return {"name": "c", "path": "/f", **given}


def test_what_is_declared_has_one_form() -> None:
    """Order, case and doubles do not count; times are UTC, however they are written."""
    one = desired(params(roles=["b", "a", "a"], access_rules=[LOOK, LOOK], expires_at="2027-01-31T12:00:00Z"))
    two = desired(
        params(roles=["a", "b"], access_rules=[{**LOOK, "method": "GET"}], expires_at="2027-01-31T13:00:00+01:00")
    )
    assert one == two and one.roles == ("a", "b")
    assert desired(params()) == Credential("c")


@pytest.mark.parametrize("given", [{"access_rules": []}, {"roles": []}, {"expires_at": "soon"}, {"path": None}])
def test_what_is_refused(given: dict[str, Any]) -> None:
    """An empty list above all: Keystone takes it for no restriction."""
    with pytest.raises(InvalidRequest) as caught:
        desired(params(**given))
    assert next(iter(given)) in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("wanted", "in_file", "reported"),
    [
        ({}, "id", None),
        ({"roles": ["reader"], "access_rules": [LOOK]}, "id", None),
        ({"roles": ["member"]}, "id", "its roles are reader, wanted member"),
        ({"access_rules": [LOOK, {**LOOK, "path": "/v1/clusters/**"}]}, "id", "access rules"),
        ({"expires_at": "2039-01-01T00:00:00"}, "id", "it expires 2026-01-02"),
        ({}, None, "does not hold its secret"),
        ({}, "another", "does not hold its secret"),
    ],
)
def test_why_one_will_not_do(wanted: dict[str, Any], in_file: str | None, reported: str | None) -> None:
    """Only what is given counts, and whether its secret is at hand."""
    found = why_replace(desired(params(**wanted)), HAVE, in_file, NOW)
    assert (found is None) if reported is None else reported in str(found)


def test_one_that_has_expired_will_not_do() -> None:
    """Whatever was asked for."""
    assert "has expired" in str(why_replace(Credential("c"), HAVE, "id", NOW + timedelta(days=2)))


def test_the_file(tmp_path: Path) -> None:
    """A clouds.yaml, private, recognised again; any other file is not touched. What is reported holds no secret."""
    path = tmp_path / "a" / "clouds.yaml"
    made = {"id": "id", "secret": "s3cret"}
    private_file.write_yaml(str(path), document("team", made, "http://k/v3", "R", "public"), "clouds.yaml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "s3cret" in path.read_text() and _id_in(str(path)) == "id"
    assert _id_in(str(tmp_path / "none")) is None
    elsewhere = {"container_infra_endpoint_override": "http://m/v1"}
    assert (
        document("team", made, "http://k/v3", None, "public", elsewhere)["clouds"]["team"].items() >= elsewhere.items()
    )
    assert "s3cret" not in str(HAVE.shown(str(path)))
    for text in ("", "clouds: {a: {auth: {password: x}}}", "clouds: {a: {}, b: {}}", "- 1", "{"):
        path.write_text(text)
        with pytest.raises(InvalidRequest):
            _id_in(str(path))
    with pytest.raises(KcloudError) as caught:
        private_file.write_yaml("/proc/none/clouds.yaml", {}, "clouds.yaml")
    assert caught.value.code == "NOT_WRITABLE"
