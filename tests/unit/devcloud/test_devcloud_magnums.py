# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Magnums beside the cloud's own: apart where two would disturb each other, and no change for the one that was there."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from devcloud import cli, config, magnums, secret_store, services
from devcloud.beside import broker_words
from devcloud.errors import DevcloudError
from devcloud.magnums import KNOWN, Magnum
from devcloud.paths import Paths
from devcloud.ports import PORTS

SECRETS = {name: f"secret-{name}" for name in secret_store.NAMES}
EACH = pytest.mark.parametrize("magnum", list(KNOWN.values()), ids=list(KNOWN))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], []),
        (["22"], []),
        (["23", "20"], ["magnum20", "magnum23"]),
        (["20, 22,23", "20"], ["magnum20", "magnum23"]),
    ],
)
def test_releases_are_named_one_by_one_or_with_commas(words: list[str], names: list[str]) -> None:
    assert [magnum.name for magnum in magnums.parse(words)] == names


@pytest.mark.parametrize("word", ["21", "latest", "20.0.2"])
def test_an_unknown_release_is_refused_with_the_known_ones(word: str) -> None:
    with pytest.raises(DevcloudError, match="20, 22, 23"):
        magnums.parse(["20", word])


def test_the_chosen_are_remembered(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert magnums.chosen(paths) == []
    magnums.choose(paths, [KNOWN["23"], KNOWN["20"], KNOWN["20"]])
    assert magnums.chosen(paths) == [KNOWN["20"], KNOWN["23"]]
    names = [service.name for service in services.all_services(paths)]
    assert names[-4:] == ["magnum20", "magnum20-conductor", "magnum23", "magnum23-conductor"]
    magnums.choose(paths, [])
    assert "magnum20" not in [service.name for service in services.all_services(paths)]


def test_the_own_magnum_cannot_be_ended_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVCLOUD_STATE", "/nonexistent")
    assert cli.main(["down", "--magnum", "22"]) == 1
    assert "without --magnum" in capsys.readouterr().err


def test_magnum_20_has_the_clouds_libraries_and_no_other_service() -> None:
    own = (REPOSITORY / "devcloud/requirements.lock").read_text().splitlines()
    lines = magnums.lock_of(KNOWN["20"]).splitlines()
    assert [line for line in lines if line not in own] == ["magnum==20.0.2"]
    assert {line.split("==")[0] for line in lines} & {
        "nova",
        "keystone",
        "neutron",
        "glance",
        "openstack-heat",
    } == set()
    # Libraries whose names begin like a service's
    assert {"keystoneauth1", "keystonemiddleware", "python-magnumclient"} <= {line.split("==")[0] for line in lines}


@EACH
def test_a_lock_pins_its_magnum_once_and_what_the_plugins_need(magnum: Magnum) -> None:
    lines = magnums.lock_of(magnum).splitlines()
    assert [line for line in lines if line.startswith("magnum==")] == [f"magnum=={magnum.version}"]
    assert {"uwsgi", "setuptools", "pymysql", "python-heatclient"} <= {line.split("==")[0] for line in lines}


@EACH
def test_what_two_magnums_would_disturb_each_other_by_is_apart(tmp_path: Path, magnum: Magnum) -> None:
    parser = configparser.RawConfigParser(strict=False, default_section="none")
    parser.read_string(config.beside_text(Paths(tmp_path), SECRETS, magnum))
    assert parser.get("api", "port") == str(magnum.port)
    assert f"/{magnum.name}?" in parser.get("database", "connection")
    # A conductor's queue bears the topic's name in each exchange: only a virtual host is a border
    assert parser.get("DEFAULT", "transport_url").endswith(f"@127.0.0.1:{PORTS['rabbitmq']}/{magnum.name}")
    for section, key in (("DEFAULT", "state_path"), ("cluster", "temp_cache_dir"), ("api", "api_paste_config")):
        assert f"/{magnum.name}" in parser.get(section, key)
    # The rest is as the cloud's own has it
    assert parser.get("keystone_authtoken", "service_type") == "container-infra"
    assert parser.get("certificates", "cert_manager_type") == "x509keypair"


@EACH
def test_its_processes_are_the_clouds_own_with_other_programs_port_and_configuration(
    tmp_path: Path, magnum: Magnum
) -> None:
    paths = Paths(tmp_path)
    table = {service.name: service for service in services.openstack(paths)}
    api, conductor = services.beside(paths, magnum)
    assert api.port == magnum.port
    assert conductor.port is None
    for service, own in ((api, table["magnum"]), (conductor, table["magnum-conductor"])):
        text = " ".join(service.command)
        assert str(magnum.venv(paths)) in text
        assert str(magnum.config(paths)) in text
        assert str(paths.venv) + "/" not in text
        assert str(paths.venv) + "/" not in service.env["PATH"]
        assert str(paths.etc / "magnum/") + "/" not in text
        assert str(PORTS["magnum"]) not in text
        assert len(service.command) == len(own.command)
        assert service.probe == own.probe


def test_ports_are_nobody_elses() -> None:
    ports = [*PORTS.values(), *(magnum.port for magnum in KNOWN.values())]
    assert len(set(ports)) == len(ports)


def test_each_has_its_own_key_and_the_cloud_keeps_its_key(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    before = config.cloud_key(paths, SECRETS, [])
    magnums.choose(paths, KNOWN.values())
    keys = {config.beside_key(paths, SECRETS, magnum) for magnum in KNOWN.values()}
    assert config.cloud_key(paths, SECRETS, []) == before
    assert len(keys | {before}) == len(KNOWN) + 1


def test_clouds_are_there_again_for_each_magnum() -> None:
    pytest.importorskip("keystoneauth1")
    from devcloud import seed

    found = seed.clouds(SECRETS, {"restricted": "r", "unrestricted": "u"}, [KNOWN["20"]])["clouds"]
    own = [name for name in found if "magnum" not in name]
    assert set(found) == {*own, *(KNOWN["20"].cloud(name) for name in own)}
    assert all(seed.OVERRIDE not in found[name] for name in own)
    for name in own:
        other = dict(found[KNOWN["20"].cloud(name)])
        # The root: below it the SDK finds the versions, in /v1 it would not
        assert other.pop(seed.OVERRIDE) == "http://127.0.0.1:19520"
        assert other == found[name]


def test_the_place_in_the_broker_is_made_once() -> None:
    words = broker_words("magnum20")
    assert words.count('<<"magnum20">>') == 3
    assert words.startswith("case rabbit_vhost:exists(")
