# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfigs with real keys and a real CA: what is written, what is shown, and when one is renewed."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access import kubeconfig
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.authority import LIFE, START, Authority

MONTH = timedelta(days=30)
TEAM = kubeconfig.Identity("ada", ("kcloud:vision",))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def made(authority: Authority, identity: kubeconfig.Identity = TEAM) -> dict:
    key = kubeconfig.new_key()
    certificate = authority.sign(kubeconfig.signing_request(key, identity))
    return kubeconfig.document("ml", "id-1", "https://10.0.0.1:6443", authority.pem, identity, certificate, key)


def test_a_kubeconfig_says_who_the_bearer_is(authority):
    shown = kubeconfig.summary(made(authority))
    assert (shown.user, shown.groups, shown.cluster, shown.cluster_id) == ("ada", ("kcloud:vision",), "ml", "id-1")
    assert shown.ca_fingerprint == kubeconfig.fingerprint(authority.pem)
    assert shown.not_after == (START + LIFE).isoformat()


def test_what_is_shown_holds_no_key(authority):
    config = made(authority)
    shown = str(kubeconfig.summary(config).as_result())
    assert "BEGIN" not in shown
    assert config["users"][0]["user"]["client-key-data"] not in shown


def test_a_certificate_for_somebody_else_is_refused(authority):
    key = kubeconfig.new_key()
    other = authority.sign(kubeconfig.signing_request(key, kubeconfig.Identity("eve")))
    with pytest.raises(kubeconfig.NotOurs, match="another user"):
        kubeconfig.document("ml", "id-1", "https://10.0.0.1:6443", authority.pem, TEAM, other, key)


def test_a_certificate_of_another_ca_is_refused(authority):
    key = kubeconfig.new_key()
    certificate = Authority().sign(kubeconfig.signing_request(key, TEAM))
    with pytest.raises(kubeconfig.NotOurs, match="not signed by its CA"):
        kubeconfig.document("ml", "id-1", "https://10.0.0.1:6443", authority.pem, TEAM, certificate, key)


def test_a_key_that_does_not_fit_is_refused(authority):
    config, other = made(authority), made(authority)
    config["users"][0]["user"]["client-key-data"] = other["users"][0]["user"]["client-key-data"]
    with pytest.raises(kubeconfig.NotOurs, match="key does not fit"):
        kubeconfig.summary(config)


def test_the_file_is_private_and_so_is_every_folder_made_for_it(authority, tmp_path):
    path = tmp_path / "one" / "two" / "config"
    kubeconfig.write_file(str(path), made(authority))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]
    assert [entry.name for entry in path.parent.iterdir()] == ["config"]
    assert kubeconfig.read_file(str(path)) == kubeconfig.summary(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("text", ["", "a: b", "clusters: []", "{", "- client-key-data: U0VDUkVU"])
def test_a_file_of_somebody_else_is_refused_and_not_quoted(tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(InvalidRequest) as caught:
        kubeconfig.read_file(str(path))
    assert "U0VDUkVU" not in caught.value.sentence()
    assert path.read_text() == text


def test_no_file_is_no_error(tmp_path):
    assert kubeconfig.read_file(str(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("day", "renew_before", "renewed"),
    [
        (0, MONTH, False),
        (69, MONTH, False),
        (70, MONTH, True),
        (100, timedelta(0), True),
        (99, timedelta(0), False),
        # A certificate that lives shorter than the lead time is not renewed on each run
        (49, timedelta(days=365), False),
        (50, timedelta(days=365), True),
    ],
)
def test_it_is_renewed_before_its_end(authority, day, renew_before, renewed):
    shown = kubeconfig.summary(made(authority))
    reason = kubeconfig.why_renew(
        shown,
        TEAM,
        "id-1",
        "https://10.0.0.1:6443",
        shown.ca_fingerprint,
        now=START + timedelta(days=day),
        renew_before=renew_before,
    )
    assert (reason is not None) == renewed


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ca_fingerprint": "00"}, "new CA"),
        ({"cluster_id": "id-0"}, "made anew"),
        ({"server": "https://10.0.0.2:6443"}, "has moved"),
        ({"user": "eve"}, "it is for eve"),
        ({"groups": ()}, "no group"),
    ],
)
def test_it_is_renewed_for_what_has_changed(authority, changed, words):
    shown = kubeconfig.summary(made(authority))
    wanted = (TEAM, "id-1", shown.server, shown.ca_fingerprint)
    assert kubeconfig.why_renew(shown, *wanted, now=START, renew_before=MONTH) is None
    assert words in kubeconfig.why_renew(replace(shown, **changed), *wanted, now=START, renew_before=MONTH)
    assert kubeconfig.why_renew(None, *wanted, now=START, renew_before=MONTH) == "there is none"


@pytest.mark.parametrize("user", ["", "x" * 65])
def test_names_that_no_certificate_carries_are_refused(user):
    with pytest.raises(InvalidRequest, match="characters"):
        kubeconfig.identity_of(user, [])


def test_a_time_after_the_end_is_refused():
    with pytest.raises(InvalidRequest, match="renew_before"):
        kubeconfig.lead_time(-1)
