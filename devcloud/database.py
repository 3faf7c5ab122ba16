# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MariaDB: an own data folder, schemas by migration the first time and from a cached dump after that."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devcloud.errors import DevcloudError
from devcloud.magnums import Magnum
from devcloud.paths import Paths
from devcloud.ports import PORTS
from devcloud.processes import OWNER
from devcloud.progress import say, step
from devcloud.services import base_env

NAMES = ("keystone", "placement", "glance", "nova_api", "nova_cell0", "nova", "neutron", "heat", "magnum")

# Files that belong to a dump: Glance's images, and the identity by which nova-compute knows itself again.
WITH_DUMP = ("glance", "nova")


@dataclass(frozen=True)
class Database:
    """The MariaDB of one state folder; `key` names the schema and seed that are wanted."""

    paths: Paths
    secrets: Mapping[str, str]
    key: str

    @property
    def folder(self) -> Path:
        """MariaDB's own folder."""
        return self.paths.data / "mariadb"

    @property
    def marker(self) -> Path:
        """Says that the schemas in the data folder are complete."""
        return self.paths.data / "databases-complete"

    @property
    def pristine(self) -> Path:
        """Says that nobody has used the databases since they were migrated, so that a dump may be taken."""
        return self.paths.data / "databases-pristine"

    @property
    def dump(self) -> Path:
        """Folder of the cached dump."""
        return self.paths.cache / f"databases-{self.key}"

    def prepare(self) -> None:
        """Make the data folder; one that was never completed is made anew."""
        if self.marker.exists() and (self.folder / "mysql").exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        command = ["mariadb-install-db", f"--defaults-file={self.paths.etc / 'my.cnf'}", "--skip-test-db", "--force"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._env())
        if done.returncode:
            raise DevcloudError(f"mariadb-install-db failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")

    def _env(self, **more: str) -> dict[str, str]:
        return {
            **base_env(self.paths),
            "MYSQL_PWD": self.secrets["database_password"],
            OWNER: str(self.paths.run),
            **more,
        }

    def _client(self, program: str, *arguments: str) -> list[str]:
        return [program, "--no-defaults", "-h127.0.0.1", f"-P{PORTS['mariadb']}", "-udevcloud", *arguments]

    def query(self, sql: str) -> str:
        """Run SQL and return what it printed."""
        done = subprocess.run(
            self._client("mariadb", "--batch", "--skip-column-names", "-e", sql),
            capture_output=True,
            text=True,
            check=False,
            env=self._env(),
        )
        if done.returncode:
            raise DevcloudError(f"MariaDB refused `{sql[:60]}`: {done.stderr.strip()}")
        return done.stdout

    def wait(self, seconds: float = 60) -> None:
        """Wait until the server takes our password: it listens before its init file is through."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.query("SELECT 1")
                return
            except DevcloudError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def fill(self) -> None:
        """Bring the schemas up when they are not: from the cached dump, else by migrations."""
        if self.marker.exists():
            return
        self.query(
            "".join(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb3;" for name in NAMES)
        )
        if (self.dump / "files.tar").exists():
            with step("databases from the cached dump"):
                self.restore()
        else:
            with step("databases by migration (only this once; a dump is kept)"):
                self.migrate()
            self.pristine.touch()
        self.marker.write_text(self.key + "\n")

    def _load(self, name: str) -> None:
        with (self.dump / f"{name}.sql").open("rb") as stream:
            done = subprocess.run(
                self._client("mariadb", name), stdin=stream, capture_output=True, check=False, env=self._env()
            )
        if done.returncode:
            raise DevcloudError(f"loading the dump of {name} failed: {done.stderr.decode()[-500:]}")

    def restore(self) -> None:
        """Load the cached dump and the files that belong to it."""
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(self._load, sorted(NAMES, key=lambda name: -(self.dump / f"{name}.sql").stat().st_size)))
        with tarfile.open(self.dump / "files.tar") as archive:
            archive.extractall(self.paths.data, filter="data")

    def _dump(self, name: str, target: Path) -> None:
        with target.open("wb") as stream:
            done = subprocess.run(
                self._client("mariadb-dump", "--single-transaction", "--skip-comments", name),
                stdout=stream,
                stderr=subprocess.PIPE,
                check=False,
                env=self._env(),
            )
        if done.returncode:
            raise DevcloudError(f"dumping {name} failed: {done.stderr.decode()[-500:]}")

    def used(self) -> bool:
        """Say whether anything was made in the cloud that the seed did not make."""
        tables = ("magnum.cluster", "magnum.cluster_template", "heat.stack", "nova.instances")
        return any(int(self.query(f"SELECT COUNT(*) FROM {table}")) for table in tables)

    def capture(self) -> None:
        """Keep a dump of freshly migrated and seeded databases for the next `reset`."""
        if not self.pristine.exists():
            return
        if not self.used():
            with step("keeping a dump of the fresh databases for the next time"):
                self._capture()
        self.pristine.unlink()

    def _capture(self) -> None:
        fresh = self.dump.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: self._dump(name, fresh / f"{name}.sql"), NAMES))
        with tarfile.open(fresh / "files.tar", "w") as archive:
            for name in WITH_DUMP:
                archive.add(self.paths.data / name, arcname=name)
        for old in self.paths.cache.glob("databases-*"):
            if old != fresh:
                shutil.rmtree(old)
        fresh.rename(self.dump)

    def migrate_magnum(self, magnum: Magnum) -> None:
        """Create the database of one more Magnum, once; it is small, and no part of the cached dump."""
        marker = magnum.migrated(self.paths)
        if marker.exists():
            return
        name = magnum.name
        self.query(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb3;")
        self._manage("magnum-db-manage", f"{name}/magnum.conf", "upgrade", venv=magnum.venv(self.paths), log=name)
        marker.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        marker.touch()

    def _manage(
        self, program: str, config: str, *arguments: str, venv: Path | None = None, log: str = "migrations", **more: str
    ) -> None:
        began = time.monotonic()
        log_file = self.paths.log / f"{log}.log"
        folder = (venv or self.paths.venv) / "bin"
        command = [str(folder / program), "--config-file", str(self.paths.etc / config), *arguments]
        with log_file.open("a") as stream:
            done = subprocess.run(
                command, stdout=stream, stderr=subprocess.STDOUT, check=False, env=self._env(**more), cwd=self.paths.run
            )
        if done.returncode:
            tail = "\n".join(log_file.read_text(errors="replace").splitlines()[-15:])
            raise DevcloudError(f"`{program} {' '.join(arguments[:2])}` failed, see {log_file}:\n{tail}")
        say(f"  {program} {' '.join(arguments[:2])}: {time.monotonic() - began:.1f} s")

    def migrate(self) -> None:
        """Create all schemas, the longest first, two at a time."""

        def nova_main() -> None:
            self._manage("nova-manage", "nova/nova.conf", "db", "sync", "--local_cell")
            # cell0 has the same schema: copying it takes a tenth of migrating it.
            copy = self.paths.run / "nova-schema.sql"
            self._dump("nova", copy)
            with copy.open("rb") as stream:
                subprocess.run(self._client("mariadb", "nova_cell0"), stdin=stream, check=True, env=self._env())
            copy.unlink()

        def nova_api() -> None:
            self._manage("nova-manage", "nova/nova.conf", "api_db", "sync")
            self._manage("nova-manage", "nova/nova.conf", "cell_v2", "map_cell0")
            self._manage("nova-manage", "nova/nova.conf", "cell_v2", "create_cell", "--name", "cell1")

        def keystone() -> None:
            config = "keystone/keystone.conf"
            self._manage("keystone-manage", config, "db_sync")
            user = ["--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid())]
            for kind in ("fernet_setup", "credential_setup"):
                self._manage("keystone-manage", config, kind, *user)
            url = f"http://127.0.0.1:{PORTS['keystone']}/v3"
            where = [part for kind in ("admin", "internal", "public") for part in (f"--bootstrap-{kind}-url", url)]
            self._manage(
                "keystone-manage",
                config,
                "bootstrap",
                *where,
                "--bootstrap-region-id",
                "RegionOne",
                OS_BOOTSTRAP_PASSWORD=self.secrets["admin_password"],
            )

        def others() -> None:
            self._manage("heat-manage", "heat/heat.conf", "db_sync")
            self._manage("magnum-db-manage", "magnum/magnum.conf", "upgrade")
            self._manage("glance-manage", "glance/glance-api.conf", "db_sync")
            self._manage("placement-manage", "placement/placement.conf", "db", "sync")

        def neutron() -> None:
            self._manage("neutron-db-manage", "neutron/neutron.conf", "upgrade", "heads")

        with ThreadPoolExecutor(3) as pool:
            for future in [pool.submit(task) for task in (nova_main, keystone, nova_api, neutron, others)]:
                future.result()
