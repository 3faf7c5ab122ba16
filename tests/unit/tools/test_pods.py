# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tools/pods.py reads manifests: which pods, volumes and environment a workload has, and the command that runs it."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tools import pods

SPECIFICATION: dict[str, Any] = {
    "containers": [
        {
            "name": "main",
            "args": ["server"],
            "envFrom": [{"configMapRef": {"name": "settings"}}],
            "env": [
                {"name": "HOST", "value": "0.0.0.0"},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "token"}}},
            ],
            "volumeMounts": [
                {"name": "files", "mountPath": "/etc/files", "readOnly": True},
                {"name": "kept", "mountPath": "/var/kept"},
            ],
        }
    ],
    "volumes": [
        {"name": "files", "configMap": {"name": "settings", "items": [{"key": "a.yml", "path": "deep/b.yml"}]}},
        {"name": "kept", "persistentVolumeClaim": {"claimName": "claim"}},
    ],
}
POD = pods.Pod("one", "Deployment", SPECIFICATION)


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pods.Place:
    """A place without an image; who runs the tests may not give files away."""
    monkeypatch.setattr(os, "chown", lambda *_arguments: None)
    settings = {"settings": {"a.yml": "x: 1\n", "HOST": "127.0.0.1"}}
    return pods.Place(
        Path("/root-of-image"), tmp_path, {"secret": {"token": "word"}}, settings, "word", {"HOST": "here"}
    )


def test_pods_of_each_kind_are_found() -> None:
    template = {"template": {"spec": SPECIFICATION}}
    objects = [
        {"kind": "Deployment", "metadata": {"name": "a"}, "spec": template},
        {"kind": "Job", "metadata": {"name": "b"}, "spec": template},
        {"kind": "CronJob", "metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": template}}},
        {"kind": "Service", "metadata": {"name": "d"}, "spec": {}},
    ]
    assert [(pod.name, pod.kind) for pod in pods.pods(objects)] == [("a", "Deployment"), ("b", "Job"), ("c", "CronJob")]
    assert all(pod.specification is SPECIFICATION for pod in pods.pods(objects))


def test_the_environment_has_secrets_and_the_containers_own_value_wins(place: pods.Place) -> None:
    """An override replaces only what the manifest sets."""
    environment = pods.environment_of(POD, place)
    assert environment == {"a.yml": "x: 1\n", "HOST": "here", "TOKEN": "word"}
    other = pods.Place(place.root, place.folder, place.secrets, place.settings, "word", {"OTHER": "x"})
    assert pods.environment_of(POD, other)["HOST"] == "0.0.0.0"


def test_volumes_have_their_files(place: pods.Place) -> None:
    """A claim is one folder, whichever pod mounts it."""
    files, kept = [pods.volume_folder(POD, volume, place) for volume in SPECIFICATION["volumes"]]
    assert (files / "deep/b.yml").read_text(encoding="utf-8") == "x: 1\n"
    assert [path.name for path in files.rglob("*.yml")] == ["b.yml"]
    assert kept == pods.volume_folder(pods.Pod("two", "Job", SPECIFICATION), SPECIFICATION["volumes"][1], place)


def test_the_command_mounts_volumes_with_their_rights_and_drops_privileges(place: pods.Place) -> None:
    command = pods.command_of(POD, place, ["server", "--now"])
    lines = (place.folder / "one.volumes").read_text(encoding="utf-8").splitlines()
    assert [line.split("|")[1:] for line in lines] == [["/etc/files", "ro"], ["/var/kept", "rw"]]
    assert command[-4:] == ["/opt/builder/bin/entrypoint", "dumb-init", "server", "--now"]
    # Nothing of this machine's own environment
    assert command[command.index("/usr/bin/env") + 1] == "-i"
    for right in ("--reuid=1000", "--no-new-privs", "--bounding-set=-all", 'remount,bind,ro "$root"'):
        assert right in pods.ENTER


def test_clouds_and_tokens_have_the_names_of_the_manifests() -> None:
    clouds = yaml.safe_load(pods.clouds_for_pods("clouds: {mine: {auth: {username: me}}, other: {}}", "mine"))
    assert clouds == {"clouds": {"kcloud": {"auth": {"username": "me"}}}}
    tokens = pods.tokens_for("word")
    assert tokens["tokens"][0]["sha256"] == hashlib.sha256(b"word").hexdigest()
    assert tokens["tenants"] == {"kcloud": {"cloud": "kcloud"}}


def test_each_server_of_the_manifests_has_a_use() -> None:
    """A server that only listens may still refuse everything."""
    folder = ROOT / "deploy/kubernetes/base"
    named = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*/*.yaml")]
    assert {one["metadata"]["name"] for one in named if one["kind"] == "Deployment"} == set(pods.USES)
