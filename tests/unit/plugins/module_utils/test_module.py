# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every module starts and ends, with the real AnsibleModule."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import AUTH_ARGUMENT_SPEC
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import OperationFailed
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import (
    IGNORED_ARGUMENT_SPEC,
    WAIT_ARGUMENT_SPEC,
    argument_spec,
    run_module,
)

testing = pytest.importorskip("ansible.module_utils.testing")
SPEC = argument_spec({"name": {"type": "str", "required": True}}, wait=True)
Run = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


@pytest.fixture(name="ended")
def fixture_ended(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs a module to its end and returns what it printed."""

    def ended(arguments: dict[str, Any], run: Any, **options: Any) -> dict[str, Any]:
        with testing.patch_module_args(arguments), pytest.raises(SystemExit) as exited:
            run_module(SPEC, run, libraries=options.pop("libraries", ()), **options)
        answer = json.loads(capsys.readouterr().out)
        assert exited.value.code == (1 if answer.get("failed") else 0)
        return answer

    return ended


def test_a_result_is_printed_as_it_is(ended: Run) -> None:
    """With the parameters and the mode that Ansible gave."""
    answer = ended(
        {"name": "a", "_ansible_check_mode": True},
        lambda params, check_mode: {"changed": True, "said": [params["name"], params["wait"], check_mode]},
    )
    assert answer["changed"] is True and answer["said"] == ["a", True, True]


def test_arguments_of_a_wrong_form_show_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """Ansible itself shows the password where a list of dictionaries holds something else."""
    spec = {**SPEC, "groups": {"type": "list", "elements": "dict", "options": {"name": {"type": "str"}}}}
    given = {
        "name": "a", "groups": "text", "client_key": "k3y",
        "auth": {"password": "s3cret", "auth_url": "http://k/v3"}, "cloud": {"auth": {"password": "other-s3cret"}},
    }  # fmt: skip
    with testing.patch_module_args(given), pytest.raises(SystemExit):
        run_module(spec, lambda _params, _check_mode: {}, libraries=())
    reported = capsys.readouterr().out
    assert (
        json.loads(reported)["failed"]
        and "s3cret" not in reported
        and "k3y" not in reported
        and "http://k/v3" in reported
    )


def test_a_failure_has_one_shape(ended: Run) -> None:
    """The sentence as msg, the failure, and what had been done before."""

    def run(_params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
        done = {"changed": True, "changes": [{"verb": "resize"}]}
        raise OperationFailed("Failed to x", resource="cluster/a", reason="r", hint="h", status="S", result=done)

    answer = ended({"name": "a"}, run)
    assert answer["failed"] and answer["changed"] is True and answer["changes"] == [{"verb": "resize"}]
    assert answer["msg"] == "Failed to x. Reason: r. Fix: h."
    assert answer["failure"] == {
        "code": "OPERATION_FAILED", "resource": "cluster/a", "reason": "r", "hint": "h", "status": "S",
    }  # fmt: skip


def test_a_mistake_of_ours_stays_a_traceback() -> None:
    """A failure of ours is not reported as one of the cloud's."""
    with testing.patch_module_args({"name": "a"}), pytest.raises(ZeroDivisionError):
        run_module(SPEC, lambda _params, _check_mode: {"x": 1 / 0}, libraries=())


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_to_wait(ended: Run, timeout: int) -> None:
    """Refused before anything is run."""
    answer = ended({"name": "a", "timeout": timeout}, lambda _params, _check_mode: pytest.fail("was run"))
    assert answer["failure"]["code"] == "INVALID_REQUEST" and "timeout" in answer["msg"]


def test_a_missing_library(ended: Callable[..., dict[str, Any]]) -> None:
    """In Ansible's own words, before anything is run."""
    answer = ended({"name": "a"}, lambda _params, _check_mode: pytest.fail("was run"), libraries=("no_such_library",))
    assert "no_such_library" in answer["msg"] and answer["failed"]


def test_secrets_are_in_no_answer(ended: Run) -> None:
    """However they were given and whatever a service echoes; what is not a secret stays readable."""
    auth = {"username": "operator", "password": "pw-secret", "project_name": "kcloud", "auth_url": "http://k/v3"}
    reported = ended(
        {"name": "kcloud-cluster", "auth": auth, "client_key": "/key-secret"},
        lambda params, _check_mode: {
            "said": f"{params['auth']['password']} {params['client_key']}",
            "name": params["name"],
        },
    )
    assert "secret" not in json.dumps(reported)
    assert reported["name"] == "kcloud-cluster"


@pytest.mark.parametrize("fails", [True, False])
def test_what_a_run_masks_in_its_parameters_is_masked_in_the_answer(ended: Run, fails: bool) -> None:
    """Ansible echoes the parameters; only the run knows which of them its template hides."""

    def run(params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
        params["name"] = "masked"
        if fails:
            raise OperationFailed("Failed to read the template")
        return {"changed": False}

    answer = ended({"name": "my-hidden-value"}, run)
    assert answer["invocation"]["module_args"]["name"] == "masked"
    assert "my-hidden-value" not in json.dumps(answer)


def test_secrets_of_a_cloud_given_as_a_dictionary_are_in_no_answer(ended: Run) -> None:
    """The option is not hidden as a whole: a name of a cloud is not a secret."""
    auth = {"username": "operator", "password": "pw-secret", "project_name": "kcloud"}
    appcred = {"application_credential_id": "id", "application_credential_secret": "ac-secret"}
    for way in (auth, appcred):
        reported = ended(
            {"name": "kcloud-cluster", "cloud": {"auth": way}},
            lambda params, _check_mode: {"said": params["cloud"], "name": params["name"]},
        )
        assert "-secret" not in json.dumps(reported)
        assert reported["name"] == "kcloud-cluster"
    reported = ended({"name": "a", "cloud": "kcloud"}, lambda params, _check_mode: {"said": params["cloud"]})
    assert reported["said"] == "kcloud"


def test_shared_options() -> None:
    """Those of how to wait have defaults where the module waits, and mean nothing where it does not; its own come on top."""
    without = argument_spec({"a": {"type": "str"}})
    assert set(without) == {*AUTH_ARGUMENT_SPEC, *WAIT_ARGUMENT_SPEC, "a"}
    assert {name: without[name] for name in WAIT_ARGUMENT_SPEC} == IGNORED_ARGUMENT_SPEC
    assert set(SPEC) == {*AUTH_ARGUMENT_SPEC, *WAIT_ARGUMENT_SPEC, "name"}
    assert argument_spec({"cloud": {"type": "int"}})["cloud"] == {"type": "int"}


@pytest.mark.parametrize("waits", [True, False])
def test_a_module_that_waits_for_nothing_ignores_how_to_wait(capsys: pytest.CaptureFixture[str], waits: bool) -> None:
    """It accepts what `module_defaults` sets for the whole action group, and its run never sees it."""
    spec = argument_spec({"name": {"type": "str"}}, wait=waits)
    given = {"name": "a", "wait": False, "timeout": 60, "progress": "no"}
    with testing.patch_module_args(given), pytest.raises(SystemExit):
        run_module(spec, lambda params, _check_mode: {"changed": False, "seen": params}, libraries=())
    seen = json.loads(capsys.readouterr().out)["seen"]
    assert {name: seen[name] for name in WAIT_ARGUMENT_SPEC if name in seen} == (
        {"wait": False, "timeout": 60, "progress": False} if waits else {}
    )
    assert seen["name"] == "a"
