# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus, Alertmanager and exporters beside the cloud: which processes, with what configuration, with whose data.

They share nothing with the cloud's services but the state folder, so they come and go without a change to these.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from zlib import crc32

from devcloud.config import digest
from devcloud.errors import DevcloudError
from devcloud.paths import REPOSITORY, Paths
from devcloud.ports import LOOPBACK
from devcloud.secret_store import write_private
from devcloud.services import Service, base_env, own_env
from devcloud.telemetry.fleet import Fleet, read_fleet
from devcloud.telemetry.openmetrics import history
from devcloud.telemetry.profiles import PROFILES
from devcloud.telemetry.prometheus import command_of, make_blocks

# Debian package -> a file it brings
DEBIAN = {
    "prometheus-alertmanager": "/usr/bin/prometheus-alertmanager",
    "prometheus-node-exporter": "/usr/bin/prometheus-node-exporter",
}
# Usual numbers plus 10000, as those of the cloud
PORTS = {"prometheus": 19090, "alertmanager": 19093, "node-exporter": 19100, "fleet-exporter": 19105}
RULES = REPOSITORY / "extensions/prometheus"
TEMPLATES = Path(__file__).parent / "templates"
STEP_S = 60
# How much history there is, unless another length is asked for
HOURS = 6.0


@dataclass(frozen=True)
class Telemetry:
    """The telemetry of one state folder."""

    paths: Paths

    @property
    def folder(self) -> Path:
        """Data; `reset` wipes it with that of the cloud."""
        return self.paths.data / "telemetry"

    @property
    def fleet(self) -> Path:
        """What the data was generated for."""
        return self.folder / "fleet.json"

    @property
    def textfiles(self) -> Path:
        """Files for the node exporter, such as the one of the role cluster_status."""
        return self.folder / "textfiles"

    @property
    def url(self) -> str:
        """Where Prometheus answers."""
        return f"http://{LOOPBACK}:{PORTS['prometheus']}"

    @property
    def variable(self) -> str:
        """The environment variable by which modules find Prometheus."""
        return json.dumps([{"name": "devcloud", "url": self.url}])

    # -- whether it runs with the cloud

    @property
    def _choice(self) -> Path:
        return self.paths.state / "telemetry.json"

    @property
    def is_chosen(self) -> bool:
        """Whether `up` starts it."""
        return self._choice.exists()

    def choose(self) -> None:
        """From now on each `up` starts it."""
        write_private(self._choice, "true\n")

    def forget(self) -> None:
        """Later `up`s leave it out."""
        self._choice.unlink(missing_ok=True)

    # -- processes

    def services(self) -> list[Service]:
        """The processes, in the order of starting."""
        etc, folder = self.paths.etc / "telemetry", self.folder

        def listen(name: str) -> str:
            return f"--web.listen-address={LOOPBACK}:{PORTS[name]}"

        exporter = (str(self.paths.python), "-m", "devcloud.telemetry.exporter", str(PORTS["fleet-exporter"]))
        alertmanager = (
            "/usr/bin/prometheus-alertmanager",
            f"--config.file={etc / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alertmanager'}",
            listen("alertmanager"),
            # Alone: no gossip with others
            "--cluster.listen-address=",
        )
        nodes = (
            "/usr/bin/prometheus-node-exporter",
            listen("node-exporter"),
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={self.textfiles}",
        )
        prometheus = command_of(etc / "prometheus.yml", folder / "prometheus", PORTS["prometheus"])
        return [
            Service("fleet-exporter", (*exporter, str(self.fleet)), PORTS["fleet-exporter"], "http", own_env(), 2),
            Service("node-exporter", nodes, PORTS["node-exporter"], "http", patience=2),
            Service("alertmanager", alertmanager, PORTS["alertmanager"], "http"),
            Service("prometheus", tuple(prometheus), PORTS["prometheus"], "http"),
        ]

    def key(self) -> str:
        """What its processes are started with."""
        return digest([text.encode() for text in self._files().values()])

    def write_config(self) -> None:
        """Write the configuration, and the folders that the processes want."""
        for name, text in self._files().items():
            write_private(self.paths.etc / "telemetry" / name, text)
        for folder in (self.textfiles, self.folder / "alertmanager"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _files(self) -> dict[str, str]:
        names = {f"port_{name.replace('-', '_')}": port for name, port in PORTS.items()}
        texts = {path.name: path.read_text() for path in sorted(TEMPLATES.glob("*.yml"))}
        for name, value in {**names, "rules": RULES}.items():
            texts = {file: text.replace(f"${{{name}}}", str(value)) for file, text in texts.items()}
        return texts

    # -- data

    def read_fleet(self, profiles: Sequence[str], hours: float, seed: int, now: int) -> Fleet:
        """The clusters that exist now, with their profiles.

        :param profiles: `PATTERN=PROFILE`, the first that fits a name counts; other clusters get one by their name.
        :raises DevcloudError: a profile is unknown, or the cloud does not answer.
        """
        rules = [read_rule(text) for text in profiles]
        env = {**base_env(self.paths), **own_env(), "DEVCLOUD_STATE": str(self.paths.state)}
        command = [str(self.paths.python), "-m", "devcloud.telemetry.inventory"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevcloudError(f"the clusters cannot be read: is the cloud up?\n{done.stderr[-800:]}")
        clusters = [{**one, **behaviour(one["name"], rules, seed)} for one in json.loads(done.stdout)]
        plain = {"end": now // STEP_S * STEP_S, "hours": hours, "step": STEP_S, "seed": seed, "clusters": clusters}
        return read_fleet(json.dumps(plain), now)

    def write_data(self, fleet: Fleet) -> None:
        """Make Prometheus' data folder and the fleet's file anew; Prometheus must not run."""
        make_blocks(history(fleet), self.folder / "prometheus")
        write_private(self.fleet, json.dumps(asdict(fleet)) + "\n")


def read_rule(text: str) -> tuple[str, str]:
    """Take `PATTERN=PROFILE` apart.

    :raises DevcloudError: there is no such profile.
    """
    pattern, _equals, profile = text.rpartition("=")
    if not pattern or profile not in PROFILES:
        raise DevcloudError(f"--profile {text}: give PATTERN=PROFILE, with one of {', '.join(PROFILES)}")
    return pattern, profile


def behaviour(name: str, rules: Sequence[tuple[str, str]], seed: int) -> dict[str, object]:
    """How a cluster behaves: by the first rule that fits, else by its name alone, so that others do not change it."""
    number = crc32(f"{seed}/{name}".encode())
    profile = next((of for pattern, of in rules if fnmatchcase(name, pattern)), list(PROFILES)[number % len(PROFILES)])
    exporters = ("new", "old")[number // 7 % 2]
    return {"profile": profile, "exporters": exporters, "microwatts": number // 14 % 2 == 0}
