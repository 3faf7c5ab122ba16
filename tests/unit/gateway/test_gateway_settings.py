# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, tokens and limits of the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.limits import MOST_CLIENTS, Rate
from gateway.settings import Settings, SettingsError, read_settings
from gateway.tokens import Caller, Tenant, TokensFile, digest, find, new_token, parse

DIGEST = digest("secret")
TENANTS = {"a": {"cloud": "devcloud"}}
ENTRY = {"name": "one", "sha256": DIGEST, "role": "read", "tenant": "a"}


def settings(**given: str) -> Settings:
    return read_settings({"HOME": "/somewhere", **{f"KCLOUD_GATEWAY_{name}": value for name, value in given.items()}})


def test_settings_have_defaults() -> None:
    found = settings(TOKENS_FILE="/etc/tokens.yml")
    assert (found.host, found.port, found.executor, found.awx) == ("127.0.0.1", 8006, "runner", None)
    assert found.database == "sqlite:////somewhere/.local/state/kcloud-gateway/jobs.sqlite"
    assert settings(TOKENS_FILE="t", PORT="80", MAX_AGE="2.5", ASSUME_EMPTY="false").max_age == 2.5


def test_what_kubernetes_sets_for_a_service_of_this_name_is_not_a_setting() -> None:
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "80",
        "PORT": "tcp://10.0.0.1:80",
        "PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert settings(TOKENS_FILE="t", **links).port == 8006


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "TOKENS_FILE"),
        ({"TOKENS_FILE": "t", "PROT": "1"}, "PROT"),
        ({"TOKENS_FILE": "t", "PORT": "x"}, "PORT"),
        ({"TOKENS_FILE": "t", "PORT": "70000"}, "PORT"),
        ({"TOKENS_FILE": "t", "MAX_AGE": "nan"}, "MAX_AGE"),
        ({"TOKENS_FILE": "t", "ASSUME_EMPTY": "perhaps"}, "ASSUME_EMPTY"),
        ({"TOKENS_FILE": "t", "EXECUTOR": "shell"}, "EXECUTOR"),
        ({"TOKENS_FILE": "t", "EXECUTOR": "awx"}, "AWX_URL"),
        ({"TOKENS_FILE": "t", "EXECUTOR": "awx", "AWX_URL": "u", "AWX_TOKEN_FILE": "f", "AWX_TEMPLATES": "[1]"}, "AWX_TEMPLATES"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=f"KCLOUD_GATEWAY_{named}"):
        settings(**given)


def test_a_token_finds_its_caller() -> None:
    callers = parse({"tenants": TENANTS, "tokens": [ENTRY]})
    assert find(callers, "secret") == Caller("one", "read", Tenant("a", "devcloud"))
    assert find(callers, "Secret") is None and find(callers, "") is None and find(callers, "\udcff") is None
    # Every digit of a digest counts
    alike = next(text for text in map(str, range(10**6)) if digest(text)[:3] == DIGEST[:3])
    assert find(callers, alike) is None
    token, entry = new_token("two", "admin", "a")
    assert token not in entry and digest(token) in entry


@pytest.mark.parametrize(
    ("role", "may"), [("read", ["read"]), ("operate", ["read", "operate"]), ("admin", ["read", "operate", "admin"])]
)
def test_roles_hold_those_below(role: str, may: list[str]) -> None:
    caller = Caller("x", role, Tenant("a", "b"))
    assert [name for name in ("read", "operate", "admin") if caller.may(name)] == may


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "tokens file"),
        ({"secrets": 1}, "tokens file"),
        ({"tenants": {"a": {}}}, "tenant 'a'"),
        ({"tenants": {"a": "devcloud"}}, "tenants.a"),
        ({"tenants": {**TENANTS, "b": {"cloud": "devcloud"}}}, "tenants 'a' and 'b' .* cloud 'devcloud'"),
        ({"tenants": TENANTS, "tokens": ["x"]}, r"tokens\[0\]"),
        ({"tenants": TENANTS, "tokens": [{**ENTRY, "role": "root"}]}, r"tokens\[0\].role"),
        ({"tenants": TENANTS, "tokens": [{**ENTRY, "tenant": "b"}]}, r"tokens\[0\].tenant"),
        ({"tenants": TENANTS, "tokens": [{**ENTRY, "sha256": "secret"}]}, r"tokens\[0\].sha256"),
        ({"tenants": TENANTS, "tokens": [{**ENTRY, "token": "secret"}]}, r"tokens\[0\]"),
        ({"tenants": TENANTS, "tokens": [ENTRY, {**ENTRY, "sha256": "0" * 64}]}, r"tokens\[1\].name"),
        ({"tenants": TENANTS, "tokens": [ENTRY, {**ENTRY, "name": "two"}]}, r"tokens\[1\].sha256"),
    ],
)
def test_wrong_tokens_files_are_refused_without_their_secrets(document: Any, named: str) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        parse(document)
    assert "secret" not in str(refused.value) and DIGEST not in str(refused.value)


def test_the_tokens_file_is_read_again_and_a_wrong_one_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yml"
    with pytest.raises(SettingsError, match="FileNotFoundError"):
        TokensFile(path)
    head = "tenants: {a: {cloud: devcloud}}\ntokens:\n"
    first, entry = new_token("first", "read", "a")
    path.write_text(head + entry, encoding="utf-8")
    tokens = TokensFile(path)
    assert tokens.find(first)
    second, more = new_token("second", "read", "a")
    path.write_text(head + entry + more, encoding="utf-8")
    assert tokens.find(second) and tokens.find(first)
    path.write_text("tokens: [", encoding="utf-8")
    assert tokens.find(second) and tokens.error
    path.write_text(head + more, encoding="utf-8")
    assert tokens.find(second) and not tokens.find(first) and tokens.error is None


def test_a_wrong_tokens_file_is_logged_once_for_each_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "tokens.yml"
    secret, entry = new_token("one", "read", "a")
    path.write_text(f"tenants: {{a: {{cloud: devcloud}}}}\ntokens:\n{entry}", encoding="utf-8")
    tokens = TokensFile(path)
    for text in ("tokens: [", "tokens: [[", "secrets: 1"):
        path.write_text(text, encoding="utf-8")
        caplog.clear()
        # The token was revoked and still counts, which the operator must learn
        assert all(tokens.find(secret) for _time in range(3))
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "those taken out since then" in caplog.text and str(tokens.error) in caplog.text
    caplog.clear()
    path.unlink()
    assert not any(tokens.find(secret) for _time in range(3)) and "FileNotFoundError" in str(tokens.error)
    assert [record.levelname for record in caplog.records] == ["ERROR"] and "No token counts" in caplog.text
    path.write_text(f"tenants: {{a: {{cloud: devcloud}}}}\ntokens:\n{entry}", encoding="utf-8")
    assert tokens.find(secret) and tokens.error is None


def test_a_rate_lets_a_minutes_requests_through_and_fills_evenly() -> None:
    now = [0.0]
    rate = Rate(60, clock=lambda: now[0])
    assert [rate.wait("a") for _number in range(60)] == [0.0] * 60
    assert rate.wait("a") == 1.0 and rate.wait("b") == 0.0
    now[0] = 0.5
    assert rate.wait("a") == 0.5
    now[0] = 1.0
    assert rate.wait("a") == 0.0 and rate.wait("a") > 0
    now[0] = 1000.0
    assert [rate.wait("a") for _number in range(60)] == [0.0] * 60 and rate.wait("a") > 0
    for number in range(MOST_CLIENTS + 5):
        rate.wait(str(number))
    assert len(rate._left) == MOST_CLIENTS
