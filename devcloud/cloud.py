# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring the cloud up and down: the order of things, and what to do with what is already there."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from devcloud import config, magnums, packages, ports, processes, services
from devcloud.beside import Beside
from devcloud.database import Database
from devcloud.errors import DevcloudError
from devcloud.magnums import Magnum
from devcloud.paths import PACKAGE, Paths
from devcloud.progress import say, since_start, step
from devcloud.secret_store import load_secrets
from devcloud.telemetry.fleet import Fleet
from devcloud.telemetry.stack import DEBIAN, HOURS, Telemetry

# What shapes a freshly seeded database besides the configuration.
SEED_SOURCES = [PACKAGE / "seed.py", PACKAGE / "catalog.py", PACKAGE / "database.py", packages.LOCK]
# What a running service was started with besides the configuration.
RUN_SOURCES = [packages.LOCK]
START_PATIENCE = 180.0


@contextmanager
def only_one(paths: Paths) -> Iterator[None]:
    """Keep two runs of `up`, `down` and `reset` apart."""
    with (paths.run / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevcloudError("another `devcloud up`, `down` or `reset` is at work on this state folder") from None
        yield


class Cloud:
    """One state folder's cloud."""

    def __init__(self, paths: Paths) -> None:
        """Take the folder; nothing is read or written yet."""
        self.paths = paths
        self.telemetry = Telemetry(paths)

    def table(self) -> list[services.Service]:
        """Return all services in starting order."""
        more = self.telemetry.services() if self.telemetry.is_chosen else []
        return [*services.all_services(self.paths), *more]

    def answers(self, service: services.Service) -> bool:
        """Say whether the service answers in the way it can be asked; one without an API must be at the broker."""
        if service.probe == "http" and service.port:
            return ports.answers_http(service.port)
        if service.probe == "tcp" and service.port:
            return ports.answers(service.port)
        if service.probe == "broker":
            pids = [stat.pid for stat in processes.family(self.paths.run, service.name)]
            return ports.connected(pids, ports.PORTS["rabbitmq"])
        return True

    # -- up ---------------------------------------------------------------------------------------------------------

    def up(self, more: Iterable[Magnum] = (), *, telemetry: bool = False) -> None:
        """Make the cloud usable, from whatever state it is in, with these Magnums beside those that ran before.

        :param telemetry: whether Prometheus and Alertmanager run beside it, now and at each later `up`.
        """
        paths = self.paths
        paths.make()
        with only_one(paths):
            packages.install_debian(DEBIAN if telemetry or self.telemetry.is_chosen else None)
            packages.install_services(paths)
            if telemetry:
                self.telemetry.choose()
            secrets = load_secrets(paths.secrets)
            wanted = magnums.choose(paths, [*magnums.chosen(paths), *more])
            self.beside = [Beside(paths, secrets, magnum) for magnum in wanted]
            self.key = config.cloud_key(paths, secrets, RUN_SOURCES)
            self.keys = {name: one.key for one in self.beside for name in one.magnum.services}
            self.keys |= {service.name: self.telemetry.key() for service in self.telemetry.services()}
            self._refuse_strangers()
            config.write_config(paths, secrets)
            self.database = Database(paths, secrets, config.cloud_key(paths, secrets, SEED_SOURCES))
            # The other Magnums' programs install while the databases fill
            with ThreadPoolExecutor(1) as lane:
                installed = [lane.submit(one.install) for one in self.beside]
                self._servers()
                started = [*installed, *(lane.submit(self._start_beside, one) for one in self.beside)]
                with step("starting the OpenStack services"):
                    self._openstack(started)
            self.database.capture()
            if self.telemetry.is_chosen:
                self._telemetry()
        self._report()

    def _telemetry(self) -> None:
        """Start Prometheus, Alertmanager and exporters; without data of an earlier run, with some for the clusters of now."""
        self.telemetry.write_config()
        if not self.telemetry.fleet.exists():
            with step("generating telemetry"):
                self.telemetry.write_data(self.telemetry.read_fleet((), HOURS, 0, int(time.time())))
        with step("starting Prometheus and Alertmanager"):
            for service in self.telemetry.services():
                self._start(service)
            for service in self.telemetry.services():
                self._wait(service)

    def new_telemetry(self, profiles: list[str], hours: float, seed: int) -> Fleet:
        """Generate the telemetry anew, for the clusters of now; returns what it was generated for."""
        if not self.telemetry.is_chosen:
            raise DevcloudError(
                "this cloud runs without Prometheus: run `python -m devcloud up --with-telemetry` first"
            )
        with only_one(self.paths):
            self.keys = {service.name: self.telemetry.key() for service in self.telemetry.services()}
            fleet = self.telemetry.read_fleet(profiles, hours, seed, int(time.time()))
            processes.end(processes.family(self.paths.run, "prometheus"), 8)
            self.telemetry.write_data(fleet)
            self._telemetry()
        return fleet

    def _start_beside(self, one: Beside) -> None:
        """Start one more Magnum; it needs MariaDB and RabbitMQ only."""
        one.prepare(self.database)
        for service in services.beside(self.paths, one.magnum):
            self._start(service)

    def _refuse_strangers(self) -> None:
        """Refuse when a port is taken by another or when a run of another configuration is half up."""
        # What an `up` that was killed left at work (a migration, say) would fight this one.
        recorded = {stat.pid for s in self.table() for stat in processes.family(self.paths.run, s.name)}
        processes.end([stat for stat in processes.owned(self.paths.run) if stat.pid not in recorded], 2)
        taken = []
        for service in self.table():
            record = processes.running(self.paths.run, service.name)
            if record:
                if record.key != self.keys.get(service.name, self.key):
                    raise DevcloudError(
                        f"{service.name} (pid {record.pid}) still runs with another configuration or other versions: "
                        "run `python -m devcloud down` first (keeps the clusters), or `reset` for a fresh cloud"
                    )
                continue
            # Children of a service whose parent was killed hold its port.
            processes.end(processes.family(self.paths.run, service.name), 2)
            if service.port and not ports.is_free(service.port):
                pid = ports.owner(service.port)
                taken.append(f"port {service.port} ({service.name}) is taken by pid {pid or 'of another user'}")
        if taken:
            raise DevcloudError("cannot start: " + "; ".join(taken) + ". Stop that process and run `up` again")

    def _start(self, service: services.Service) -> bool:
        """Start the service unless it runs; say whether it had to be started."""
        if processes.running(self.paths.run, service.name):
            return False
        env = {**services.base_env(self.paths), **service.env, "DEVCLOUD_SERVICE": service.name}
        log = self.paths.log / f"{service.name}.log"
        key = self.keys.get(service.name) or self.key
        processes.start(self.paths.run, log, service.name, list(service.command), env, key)
        return True

    def _wait(self, service: services.Service) -> None:
        """Wait until the service answers; one that ended meanwhile is an error with the end of its log."""
        deadline = time.monotonic() + START_PATIENCE
        while not self.answers(service):
            dead = not processes.running(self.paths.run, service.name)
            if dead or time.monotonic() > deadline:
                log = self.paths.log / f"{service.name}.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
                state = "ended" if dead else f"does not answer after {START_PATIENCE:.0f} s"
                raise DevcloudError(
                    f"{service.name} {state}, see {log}:\n{tail}\n"
                    "(`python -m devcloud up` tries again, `down` ends the rest, `reset` begins anew)"
                )
            time.sleep(0.2)

    def _servers(self) -> None:
        table = {service.name: service for service in services.servers(self.paths)}
        with step("starting MariaDB, RabbitMQ, memcached"):
            if not processes.running(self.paths.run, "rabbitmq"):
                # Nothing in the broker outlives it, and a clean folder cannot fail to recover.
                shutil.rmtree(self.paths.run / "rabbitmq", ignore_errors=True)
                (self.paths.run / "rabbitmq").mkdir(mode=0o700)
                (self.paths.run / "rabbitmq" / "enabled_plugins").write_text("[].\n")
            self._start(table["epmd"])
            self._wait(table["epmd"])
            for name in ("rabbitmq", "memcached", "discovery"):
                self._start(table[name])
            if not processes.running(self.paths.run, "mariadb"):
                self.database.prepare()
            for service in table.values():
                self._start(service)
                self._wait(service)
            self.database.wait()

    def _openstack(self, started: Iterable[Future[None]]) -> None:
        """Fill the databases, start everything and seed it; `started` end when the other Magnums are on their way."""
        self.database.fill()
        table = services.openstack(self.paths)
        by_name = {service.name: service for service in table}
        for service in table:
            self._start(service)
        self._wait(by_name["keystone"])
        self._seed("identity")
        self._wait(by_name["placement"])
        for service in services.late(self.paths):
            self._start(service)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._wait, table))
        for future in started:
            future.result()
        for one in self.beside:
            for service in services.beside(self.paths, one.magnum):
                self._wait(service)
        say("all APIs answer")
        self._discover_hosts()
        self._seed("cloud", *(one.magnum.release for one in self.beside))
        for service in [*table, *services.late(self.paths)]:
            self._wait(service)

    def _script(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {**services.base_env(self.paths), **services.own_env(), processes.OWNER: str(self.paths.run)}
        return subprocess.run(
            [str(self.paths.python), "-m", *arguments],
            env=env,
            cwd=self.paths.run,
            capture_output=True,
            text=True,
            check=False,
        )

    def _seed(self, stage: str, *releases: str) -> None:
        with step(f"seed: {stage}"):
            done = self._script("devcloud.seed", stage, *releases)
            for line in done.stdout.splitlines():
                say(f"  {line}")
            if done.returncode:
                raise DevcloudError(f"seeding ({stage}) failed:\n{done.stderr[-3000:]}")

    def _discover_hosts(self) -> None:
        """Map the one compute host into its cell, once."""
        mapped = "SELECT COUNT(*) FROM nova_api.host_mappings"
        if int(self.database.query(mapped)):
            return
        with step("waiting for nova-compute and mapping its host"):
            present = "SELECT COUNT(*) FROM nova.compute_nodes WHERE deleted = 0"
            deadline = time.monotonic() + START_PATIENCE
            while not int(self.database.query(present)):
                if time.monotonic() > deadline:
                    raise DevcloudError(f"nova-compute did not report, see {self.paths.log / 'nova-compute.log'}")
                time.sleep(0.3)
            done = subprocess.run(
                [
                    str(self.paths.venv / "bin" / "nova-manage"),
                    *("--config-file", str(self.paths.etc / "nova/nova.conf"), "cell_v2", "discover_hosts"),
                ],
                env=services.base_env(self.paths),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode or not int(self.database.query(mapped)):
                raise DevcloudError(f"nova-manage discover_hosts failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")

    def _report(self) -> None:
        memory = processes.memory_mb(processes.owned(self.paths.run))
        say(f"the cloud is up: {since_start():.0f} s, {memory:.0f} MB of memory")
        print(
            f"\n  export OS_CLIENT_CONFIG_FILE={self.paths.clouds}\n"
            f"  export OS_CLOUD=devcloud     # or devcloud-tenant-b, devcloud-admin, devcloud-appcred\n"
            + "".join(
                f"  export OS_CLOUD={one.magnum.cloud('devcloud')}     # Magnum {one.magnum.version}\n"
                for one in self.beside
            )
            + (f"  export PROMETHEUS_CLUSTERS='{self.telemetry.variable}'\n" if self.telemetry.is_chosen else "")
            + f"  {self.paths.venv / 'bin' / 'openstack'} coe cluster list\n"
        )

    # -- down -------------------------------------------------------------------------------------------------------

    def down(self) -> int:
        """End every process that `up` started, the services before what they use; return how many there were."""
        if not self.paths.run.exists():
            return 0
        self.paths.make()
        with only_one(self.paths):
            return self._end_all()

    def down_magnums(self, unwanted: Iterable[Magnum]) -> int:
        """End these Magnums only, and forget that they run; their clusters are there again after another `up`."""
        self.paths.make()
        ended = 0
        with only_one(self.paths):
            for magnum in unwanted:
                for name in magnum.services:
                    family = processes.family(self.paths.run, name)
                    processes.end(family, 8)
                    processes.record_file(self.paths.run, name).unlink(missing_ok=True)
                    ended += len(family)
            magnums.choose(self.paths, set(magnums.chosen(self.paths)) - set(unwanted))
        return ended

    def down_telemetry(self) -> int:
        """End Prometheus and what belongs to it only, and forget that it runs; its data is there again after another `up`."""
        ended = 0
        with only_one(self.paths):
            for service in self.telemetry.services():
                family = processes.family(self.paths.run, service.name)
                processes.end(family, service.patience)
                processes.record_file(self.paths.run, service.name).unlink(missing_ok=True)
                ended += len(family)
            self.telemetry.forget()
        return ended

    def _end_all(self) -> int:
        run = self.paths.run
        all_ours = processes.owned(run)
        below = {service.name: service for service in services.servers(self.paths)}
        kept = {name: processes.family(run, name) for name in below}
        held = {stat.pid for family in kept.values() for stat in family}
        processes.end([stat for stat in all_ours if stat.pid not in held], 8)
        enders = [
            threading.Thread(target=processes.end, args=(kept[name], service.patience))
            for name, service in below.items()
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        processes.end(processes.owned(run), 2)
        for service in self.table():
            processes.record_file(run, service.name).unlink(missing_ok=True)
        return len(all_ours)

    def restart(self, names: list[str], *, crash: bool = False) -> None:
        """End single services, or kill them as a crash does, and bring them back, with everything else as `up` would."""
        known = {service.name: service for service in self.table()}
        if strangers := sorted(set(names) - set(known)):
            raise DevcloudError(f"no such service: {', '.join(strangers)}; there are {', '.join(known)}")
        with only_one(self.paths):
            for name in names:
                family = processes.family(self.paths.run, name)
                processes.kill(family) if crash else processes.end(family, known[name].patience)
        self.up()

    def reset(self) -> None:
        """End everything and wipe what the clusters left; programs, keys, passwords and the cached dump stay."""
        self.paths.make()
        with only_one(self.paths):
            self._end_all()
            shutil.rmtree(self.paths.data, ignore_errors=True)
            shutil.rmtree(self.paths.control, ignore_errors=True)
            shutil.rmtree(self.paths.log, ignore_errors=True)
            magnums.choose(self.paths, [])
            self.telemetry.forget()
        self.paths.make()

    # -- status -----------------------------------------------------------------------------------------------------

    def status(self) -> tuple[list[tuple[str, str, str, str, str]], bool]:
        """Return rows (service, pid, port, answers, MB) and whether everything is up."""
        rows = []
        whole = True
        for service in self.table():
            record = processes.running(self.paths.run, service.name)
            good = bool(record) and self.answers(service)
            whole = whole and good
            memory = processes.memory_mb(processes.family(self.paths.run, service.name))
            rows.append(
                (
                    service.name,
                    str(record.pid) if record else "-",
                    str(service.port or "-"),
                    "yes" if good else "NO",
                    f"{memory:.0f}" if record else "-",
                )
            )
        return rows, whole
