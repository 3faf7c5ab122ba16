# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of the cloud, as data: what to run, where it answers, what it waits for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from devcloud.magnums import Magnum, chosen
from devcloud.paths import REPOSITORY, Paths
from devcloud.ports import PORTS


@dataclass(frozen=True)
class Service:
    """One process. `probe` is how to see that it is there: http, tcp, broker (connected to RabbitMQ) or none (alive)."""

    name: str
    command: tuple[str, ...]
    port: int | None = None
    probe: str = "none"
    env: dict[str, str] = field(default_factory=dict)
    # Seconds given to end by itself before it is killed.
    patience: float = 8.0


def base_env(paths: Paths) -> dict[str, str]:
    """Return the environment of every service: small, without proxies, and with bytecode allowed."""
    return {
        "PATH": f"{paths.venv / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(paths.data),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "DEVCLOUD_STATE": str(paths.state),
        "DEVCLOUD_CONTROL": str(paths.control),
        "PYTHONWARNINGS": "ignore",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    }


def own_env() -> dict[str, str]:
    """Return what the devcloud's own scripts need on top to find this package."""
    return {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}


def _uwsgi(
    paths: Paths, name: str, module: str, config: str | None, env: dict[str, str], threads: int = 4, processes: int = 1
) -> Service:
    port = PORTS[name.replace("-", "_")]
    command = [
        str(paths.venv / "bin" / "uwsgi"),
        *("--http-socket", f"127.0.0.1:{port}"),
        *("--module", f"{module}:application"),
        *("--threads", str(threads), "--enable-threads", "--need-app", "--die-on-term"),
        # Tokens and catalogs make long headers.
        *("--buffer-size", "65535", "--add-header", "Connection: close"),
        *("--listen", "100", "--log-format", "%(method) %(uri) %(status) %(msecs) ms"),
    ]
    if processes > 1:
        # Each loads the service for itself: a connection to the database that was open at a fork would be everybody's.
        command += ["--master", "--processes", str(processes), "--lazy-apps"]
    if config:
        command += ["--pyargv", f"--config-file {paths.etc / config}"]
    return Service(name, tuple(command), port, "http", env)


def _daemon(paths: Paths, name: str, config: str, *, env: dict[str, str] | None = None) -> Service:
    command = (str(paths.venv / "bin" / name), "--config-file", str(paths.etc / config))
    return Service(name, command, probe="broker", env=env or {})


def servers(paths: Paths) -> list[Service]:
    """Return what the OpenStack services use."""
    memory_only = str(paths.run / "rabbitmq")
    return [
        Service(
            "mariadb",
            ("/usr/sbin/mariadbd", f"--defaults-file={paths.etc / 'my.cnf'}"),
            PORTS["mariadb"],
            "tcp",
            patience=60,
        ),
        Service(
            "epmd",
            ("/usr/bin/epmd", "-address", "127.0.0.1", "-port", str(PORTS["epmd"])),
            PORTS["epmd"],
            "tcp",
            patience=2,
        ),
        Service(
            "rabbitmq",
            ("/usr/lib/rabbitmq/bin/rabbitmq-server",),
            PORTS["rabbitmq"],
            "tcp",
            {
                "HOME": memory_only,
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_CONFIG_FILE": str(paths.etc / "rabbitmq.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": f"{memory_only}/enabled_plugins",
                "RABBITMQ_MNESIA_BASE": f"{memory_only}/mnesia",
                "RABBITMQ_LOG_BASE": f"{memory_only}/log",
                "RABBITMQ_NODENAME": "devcloud@localhost",
                "RABBITMQ_DIST_PORT": str(PORTS["rabbitmq_dist"]),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
                "ERL_EPMD_ADDRESS": "127.0.0.1",
                "ERL_EPMD_PORT": str(PORTS["epmd"]),
                # Makes the start script exec the broker, so that SIGTERM reaches it.
                "RUNNING_UNDER_SYSTEMD": "true",
            },
        ),
        Service(
            "memcached",
            (
                "/usr/bin/memcached",
                *("-l", "127.0.0.1", "-p", str(PORTS["memcached"]), "-U", "0", "-m", "64", "-t", "1", "-u", "root"),
            ),
            PORTS["memcached"],
            "tcp",
            patience=2,
        ),
        Service(
            "discovery",
            (str(paths.python), "-m", "devcloud.discovery", str(PORTS["discovery"])),
            PORTS["discovery"],
            "http",
            own_env(),
            patience=2,
        ),
    ]


def openstack(paths: Paths) -> list[Service]:
    """Return the OpenStack services that need only databases and broker to start, the most wanted first."""
    etc = paths.etc
    return [
        _uwsgi(
            paths,
            "keystone",
            "keystone.wsgi.api",
            None,
            {"OS_KEYSTONE_CONFIG_DIR": str(etc / "keystone"), "OS_KEYSTONE_CONFIG_FILES": "keystone.conf"},
            # Keystone's threads would take each other's tokens: its middleware keeps the one it looks at in itself, and
            # a request now and then is judged by the rights of another (403 for a trust, 401).
            threads=1,
            processes=3,
        ),
        _uwsgi(
            paths,
            "placement",
            "placement.wsgi.api",
            None,
            {"OS_PLACEMENT_CONFIG_DIR": str(etc / "placement")},
            # Seen: of sixteen requests at once for eight devices up to eleven were granted by threads, and nine by processes,
            # whatever the isolation of transactions.
            threads=1,
        ),
        _uwsgi(paths, "glance", "glance.wsgi.api", None, {"OS_GLANCE_CONFIG_DIR": str(etc / "glance")}),
        _uwsgi(
            paths,
            "neutron",
            "neutron.wsgi.api",
            None,
            {"OS_NEUTRON_CONFIG_DIR": str(etc / "neutron"), "OS_NEUTRON_CONFIG_FILES": "neutron.conf"},
        ),
        _uwsgi(paths, "nova", "nova.wsgi.osapi_compute", None, {"OS_NOVA_CONFIG_DIR": str(etc / "nova")}),
        _uwsgi(paths, "magnum", "devcloud_plugins.magnum_api", "magnum/magnum.conf", {}, threads=6),
        _uwsgi(paths, "heat", "heat.wsgi.api", "heat/heat.conf", {}),
        _uwsgi(paths, "heat-cfn", "heat.wsgi.cfn", "heat/heat.conf", {}, threads=2),
        _daemon(paths, "heat-engine", "heat/heat.conf"),
        Service(
            "magnum-conductor",
            (
                *(str(paths.python), "-m", "devcloud_plugins.magnum_conductor"),
                *("--config-file", str(paths.etc / "magnum/magnum.conf")),
            ),
            probe="broker",
        ),
    ]


def late(paths: Paths) -> list[Service]:
    """Return what may start only when Keystone and Placement answer and know the service users."""
    agent = (str(paths.python), "-m", "devcloud.agent")
    return [
        _daemon(paths, "nova-conductor", "nova/nova.conf"),
        _daemon(paths, "nova-compute", "nova/nova.conf"),
        _daemon(paths, "nova-scheduler", "nova/nova.conf"),
        Service("node-agent", agent, env=own_env(), patience=2),
    ]


def beside(paths: Paths, magnum: Magnum) -> list[Service]:
    """Return the processes of one more Magnum: they differ from the cloud's own in programs, port and configuration."""
    own, other = str(paths.venv), str(magnum.venv(paths))
    table = {service.name: service for service in openstack(paths)}
    env = {"PATH": base_env(paths)["PATH"].replace(own, other)}

    def moved(service: Service, name: str, port: int | None) -> Service:
        replaced = {
            str(paths.etc / "magnum/magnum.conf"): str(magnum.config(paths)),
            f"127.0.0.1:{PORTS['magnum']}": f"127.0.0.1:{magnum.port}",
        }
        command = []
        for word in service.command:
            for old, new in replaced.items():
                word = word.replace(old, new)
            command.append(word.replace(own, other, 1) if word.startswith(own) else word)
        return replace(service, name=name, command=tuple(command), port=port, env={**service.env, **env})

    api, conductor = magnum.services
    return [moved(table["magnum"], api, magnum.port), moved(table["magnum-conductor"], conductor, None)]


def all_services(paths: Paths) -> list[Service]:
    """Return every process of the cloud, in the order of starting."""
    more = [service for magnum in chosen(paths) for service in beside(paths, magnum)]
    return [*servers(paths), *openstack(paths), *late(paths), *more]
