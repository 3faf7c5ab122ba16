# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver a cluster has, and what is refused to it."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import drivers
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import (
    CAPI_HELM,
    CLUSTER_API,
    DRIVER_ARGUMENT,
    DRIVERS,
    HEAT,
    UNKNOWN,
    VERBS,
    Driver,
    IdentifiedDriver,
    has,
    identify_driver,
    is_autoscaled,
    network_refusal,
    refusal,
)

STACK = "5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40"


@pytest.mark.parametrize(
    ("known", "driver"),
    [
        ({"stack_id": STACK, "stack_known": True}, HEAT),
        ({"stack_id": STACK, "stack_known": True, "distro": "ubuntu"}, HEAT),
        ({"stack_id": STACK, "stack_known": False}, UNKNOWN),
        ({"stack_id": STACK}, UNKNOWN),
        ({"stack_id": STACK, "distro": "fedora-coreos"}, HEAT),
        ({"distro": "fedora-coreos"}, HEAT),
        ({"stack_id": "kube-1a2b3"}, CLUSTER_API),
        ({"stack_id": "kube-1a2b3", "distro": "fedora-coreos"}, CLUSTER_API),
        # a capi-helm cluster that is called kube
        ({"stack_id": "kube-abcdefghijkl"}, CAPI_HELM),
        ({"stack_id": "ml-training-cluster-k3fq7w2mzabc"}, CAPI_HELM),
        ({"stack_id": "a" * 30 + "-k3fq7w2mzabc"}, CAPI_HELM),
        ({"stack_id": "a" * 31 + "-k3fq7w2mzabc"}, UNKNOWN),
        ({"stack_id": "something else"}, UNKNOWN),
        ({"distro": "ubuntu"}, UNKNOWN),
        ({"distro": "ubuntu", "labels": {"kube_tag": "v1.32.1"}}, CLUSTER_API),
        ({"labels": {"kube_tag": "v1.32.1"}}, UNKNOWN),
        ({}, UNKNOWN),
        ({"stack_id": STACK, "stack_known": True, "said": "capi-helm"}, CAPI_HELM),
        ({"said": "unknown", "distro": "fedora-coreos"}, UNKNOWN),
    ],
)
def test_detect(known: dict, driver: object) -> None:
    found = identify_driver(**known)
    assert found.driver is driver
    assert found.evidence


REFUSED = {
    "heat": {"upgrade", "resize_masters"},
    "capi-helm": {"nodes_to_remove", "rotate_ca"},
    "cluster-api": {"rotate_ca"},
    # what does harm in vain is not tried
    "unknown": {"nodes_to_remove", "rotate_ca"},
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", DRIVERS)
def test_refusal(name: str, verb: str) -> None:
    found = IdentifiedDriver(DRIVERS[name], "because of this", "fedora-coreos")
    error = refusal(found, verb, "ml")
    assert (error is not None) == (verb in REFUSED[name])
    if error is not None:
        assert error.message.startswith("Failed to ")
        assert "'ml'" in error.message
        assert error.hint
        assert "because of this" in (error.reason or "")
        assert error.failure()["code"] == "UNSUPPORTED"
        assert error.failure()["driver"] == name
        assert error.failure()["verb"] == verb


def test_an_unknown_driver_is_refused_with_how_to_say_it() -> None:
    error = refusal(identify_driver(distro="ubuntu"), "nodes_to_remove", "ml")
    assert error is not None
    assert "'driver'" in (error.hint or "")


@pytest.mark.parametrize(("distro", "able"), [("fedora-coreos", True), (None, True), ("fedora-atomic", False)])
def test_the_heat_driver_rotates_on_some_images_only(distro: str | None, able: bool) -> None:
    found = IdentifiedDriver(HEAT, "said", distro)
    assert has(found, "rotate_ca") is able
    error = refusal(found, "rotate_ca", "ml")
    assert (error is None) is able
    assert able or "fedora-atomic" in error.message


def test_what_is_not_known_is_none_everywhere() -> None:
    said = {entry.name: getattr(UNKNOWN, entry.name) for entry in fields(UNKNOWN)}
    assert {name for name, value in said.items() if value not in (None, ())} == {"name", "title"}
    assert [has(IdentifiedDriver(UNKNOWN, ""), verb) for verb in VERBS] == [None] * len(VERBS)


def test_the_option_offers_every_driver() -> None:
    assert DRIVER_ARGUMENT["choices"] == ["heat", "capi-helm", "cluster-api", "unknown"]


@pytest.mark.parametrize(
    ("labels", "is_on"),
    [
        ({}, False),
        ({"auto_scaling_enabled": "true"}, True),
        ({"auto_scaling_enabled": "True"}, True),
        ({"auto_scaling_enabled": "false"}, False),
    ],
)
def test_is_autoscaled(labels: dict[str, str], is_on: bool) -> None:
    assert is_autoscaled(labels) is is_on


@pytest.mark.parametrize(
    ("driver", "network", "refused"),
    [
        ("capi-helm", "flannel", True),
        ("cluster-api", "flannel", True),
        ("cluster-api", "calico", False),
        ("heat", "flannel", False),
        ("heat", "cilium", True),
        ("unknown", "flannel", False),
        ("capi-helm", None, False),
    ],
)
def test_network_refusal(driver: str, network: str | None, refused: bool) -> None:
    error = network_refusal(identify_driver(said=driver), network, "ml", "gpu")
    assert (error is not None) is refused
    assert not refused or "calico" in (error.hint or "")


# --- nothing in the table that no code reads


def questions() -> tuple[set[str], set[str]]:
    """The columns that some code reads of a driver, and the verbs that it asks a driver for."""
    columns, verbs = set[str](), set[str]()
    # .../plugins/module_utils/magnum/model/drivers.py
    for path in Path(drivers.__file__).parents[3].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                whose = ast.unparse(node.value).rsplit(".", 1)[-1]
                columns |= {node.attr} if whose in ("driver", "HEAT", "CAPI_HELM", "CLUSTER_API") else set()
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("has", "refusal") and len(node.args) > 1:
                verbs |= {node.args[1].value} if isinstance(node.args[1], ast.Constant) else set()
    return columns, verbs


def test_every_verb_is_asked_for() -> None:
    """A verb that no module has needs no words for its refusal."""
    _columns, verbs = questions()
    assert set(VERBS) == verbs


def test_every_column_is_read() -> None:
    """By its name, or as the ability behind a verb; a column that no code reads is a claim that no test can hold true."""
    columns, verbs = questions()
    assert {entry.name for entry in fields(Driver)} <= columns | {VERBS[verb].ability for verb in verbs}
