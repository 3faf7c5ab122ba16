# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Render the configuration of every service from `templates/` into the state folder."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from string import Template

from devcloud.magnums import Magnum, lock_of
from devcloud.paths import PACKAGE, Paths
from devcloud.ports import PORTS
from devcloud.secret_store import write_private

TEMPLATES = PACKAGE / "templates"

SECOND_DRIVER = PACKAGE / "plugins" / "src" / "devcloud_plugins" / "magnum_driver" / "driver.py"

# Rendered file under etc/ -> (template, service user or None when the shared OpenStack part does not belong in it).
FILES: dict[str, tuple[str, str | None]] = {
    "my.cnf": ("my.cnf", None),
    "mariadb-init.sql": ("mariadb-init.sql", None),
    "rabbitmq.conf": ("rabbitmq.conf", None),
    "keystone/keystone.conf": ("keystone.conf", None),
    "placement/placement.conf": ("placement.conf", "placement"),
    "glance/glance-api.conf": ("glance-api.conf", "glance"),
    "nova/nova.conf": ("nova.conf", "nova"),
    "nova/providers/accelerators.yaml": ("accelerators.yaml", None),
    "neutron/neutron.conf": ("neutron.conf", "neutron"),
    "heat/heat.conf": ("heat.conf", "heat"),
    "heat/policy.yaml": ("heat-policy.yaml", None),
    "magnum/magnum.conf": ("magnum.conf", "magnum"),
    "magnum/keystone_auth_default_policy.json": ("keystone_auth_default_policy.json", None),
}

# Paste files that the services' packages bring under PREFIX/etc and want beside their configuration.
PASTE = ("nova/api-paste.ini", "neutron/api-paste.ini", "glance/glance-api-paste.ini", "heat/api-paste.ini",
         "magnum/api-paste.ini")  # fmt: skip


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill a template; a name that is not known is an error, not an empty string."""
    return Template(template).substitute(values)


def merge(common: str, own: str) -> str:
    """Join two INI texts; oslo.config takes repeated sections, the later value of a repeated key wins."""
    return f"{common.rstrip()}\n\n{own}"


def values(paths: Paths, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return everything a template may name."""
    return {
        **secrets,
        **{f"port_{name}": str(port) for name, port in PORTS.items()},
        "state": str(paths.state),
        "etc": str(paths.etc),
        "plugins": str(PACKAGE / "plugins"),
        "user": getpass.getuser(),
        "mysql_socket": str(paths.mysql_socket),
        "identity_url": f"http://127.0.0.1:{PORTS['keystone']}",
        "database": f"mysql+pymysql://devcloud:{secrets['database_password']}@127.0.0.1:{PORTS['mariadb']}",
        "heat_workers": "2",
        # A driver whose module is missing would keep Magnum from starting.
        "disabled_drivers": "" if SECOND_DRIVER.exists() else "devcloud_k8s",
    }


def write_config(paths: Paths, secrets: Mapping[str, str]) -> None:
    """Write all files; those that hold passwords are private, so all are."""
    known = values(paths, secrets)
    common = (TEMPLATES / "common.conf").read_text()
    for target, (name, user) in FILES.items():
        text = (TEMPLATES / name).read_text()
        if user:
            text = merge(common, text)
        write_private(paths.etc / target, render(text, {**known, "service_user": user or ""}))
    for name in PASTE:
        shutil.copyfile(paths.venv / "etc" / name, paths.etc / name)
    for folder in ("glance/images", "glance/staging", "glance/tasks", "nova", "neutron", "magnum/certificate-cache"):
        (paths.data / folder).mkdir(parents=True, exist_ok=True, mode=0o700)


# Templates of one more Magnum, the later ones over the earlier
BESIDE = ("common.conf", "magnum.conf", "magnum-beside.conf")


def beside_values(paths: Paths, secrets: Mapping[str, str], magnum: Magnum) -> dict[str, str]:
    """Return everything that the templates of one more Magnum may name."""
    return {**values(paths, secrets), "service_user": "magnum", "name": magnum.name, "port": str(magnum.port)}


def beside_text(paths: Paths, secrets: Mapping[str, str], magnum: Magnum) -> str:
    """Return the configuration of one more Magnum."""
    text = ""
    for name in BESIDE:
        text = merge(text, (TEMPLATES / name).read_text())
    return render(text, beside_values(paths, secrets, magnum))


def write_beside(paths: Paths, secrets: Mapping[str, str], magnum: Magnum) -> None:
    """Write the files of one more Magnum, whose programs must be installed."""
    target = magnum.config(paths)
    write_private(target, beside_text(paths, secrets, magnum))
    shutil.copyfile(magnum.venv(paths) / "etc" / "magnum" / "api-paste.ini", target.with_name("api-paste.ini"))
    (paths.data / magnum.name / "certificate-cache").mkdir(parents=True, exist_ok=True, mode=0o700)


def beside_key(paths: Paths, secrets: Mapping[str, str], magnum: Magnum) -> str:
    """Return the digest of what a process of one more Magnum was started with."""
    return digest([beside_text(paths, secrets, magnum).encode(), lock_of(magnum).encode()])


def digest(parts: list[bytes]) -> str:
    """Return a short digest of the parts."""
    total = sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:16]


def cloud_key(paths: Paths, secrets: Mapping[str, str], sources: list[Path]) -> str:
    """Return the digest of the configuration, passwords included, and of more source files that shape the cloud."""
    known = values(paths, secrets)
    files = [TEMPLATES / row[0] for row in FILES.values()] + [TEMPLATES / "common.conf", *sources]
    return digest([file.read_bytes() for file in sorted(set(files))] + [repr(sorted(known.items())).encode()])
