# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be installed: Debian's servers and the services' virtual environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from devcloud.errors import DevcloudError
from devcloud.magnums import Magnum, lock_of
from devcloud.paths import PACKAGE, Paths
from devcloud.progress import say, step
from devcloud.secret_store import write_private
from tools.bootstrap import mask_services

LOCK = PACKAGE / "requirements.lock"
PLUGINS = PACKAGE / "plugins"
# Compiled against one Python: a copy from the common cache may be another's, and then finds no module
COMPILED = "uwsgi"
# In a virtual environment: what it was made of
MARKER = ".devcloud-installed"

# How long somebody else may be installing packages
LOCKED_S = 300.0

# Debian package -> a file it brings.
DEBIAN: dict[str, str] = {
    "mariadb-server": "/usr/sbin/mariadbd",
    "rabbitmq-server": "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "memcached": "/usr/bin/memcached",
    # Not one of the cloud's own servers: tests start it beside the cloud.
    "prometheus": "/usr/bin/prometheus",
}


def missing_debian(more: Mapping[str, str]) -> list[str]:
    """Return the Debian packages that are absent, of ours and of some more."""
    absent = [name for name, path in {**DEBIAN, **more}.items() if not Path(path).exists()]
    if find_spec("ensurepip") is None:
        absent.append("python3-venv")
    # uwsgi is compiled at install.
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        absent.append("build-essential")
    return absent


def install_debian(more: Mapping[str, str] | None = None) -> None:
    """Install the absent Debian packages, or say what to install.

    :param more: packages beside those of the cloud itself, each with a file that it brings.
    """
    absent = missing_debian(more or {})
    if not absent:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *absent]
    if os.geteuid() != 0:
        raise DevcloudError(
            f"Debian packages are missing and only root may install them: run `apt-get update && {' '.join(command)}`"
        )
    with step(f"installing Debian packages {', '.join(absent)}"):
        # No daemon of the packages' own shall start: the devcloud runs its own. systemd ignores the runlevel.
        mask_services(absent)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for arguments in (["apt-get", "update"], command):
            done = run_apt(arguments, env)
            if done.returncode:
                raise DevcloudError(f"`{' '.join(arguments)}` failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


def run_apt(arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run apt-get, and again while somebody else holds one of its locks: a new machine updates itself at first."""
    end = time.monotonic() + LOCKED_S
    while True:
        done = subprocess.run(arguments, env=env, capture_output=True, text=True, check=False)
        # DPkg::Lock::Timeout knows of dpkg's lock only, not of those on the lists and archives
        if not done.returncode or "Could not get lock" not in done.stderr or time.monotonic() > end:
            return done
        time.sleep(2)


def digest_of(*files: Path) -> str:
    """Return one digest of the files' names and contents."""
    total = sha256()
    for file in files:
        total.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def plugin_digest() -> str:
    """Return the digest of what is *installed* from the plug-ins: they are installed editable, so only metadata."""
    return digest_of(PLUGINS / "pyproject.toml")


def _run(arguments: list[str], log: Path) -> None:
    """Run an installer with its output in a log."""
    with log.open("a") as stream:
        # The cache may be on another file system, and pip need not warn of that.
        env = {**os.environ, "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "hardlink")}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(arguments, stdout=stream, stderr=subprocess.STDOUT, env=env, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise DevcloudError(f"`{' '.join(arguments[:6])} ...` failed, see {log}:\n{tail}")


def install_services(paths: Paths) -> None:
    """Bring the services' virtual environment to what the lock file says."""
    marker = paths.venv / MARKER
    wanted = f"{digest_of(LOCK)} {plugin_digest()} {PACKAGE} {this_python()}\n"
    if marker.exists() and marker.read_text() == wanted:
        return
    with step("installing the OpenStack services (requirements.lock) into a virtual environment"):
        _fill(paths, paths.venv, LOCK, wanted, paths.log / "install.log")
    say(f"installer's log: {paths.log / 'install.log'}")


def install_magnum(paths: Paths, magnum: Magnum) -> None:
    """Bring the virtual environment of one more Magnum to what its lock says."""
    venv = magnum.venv(paths)
    text = lock_of(magnum)
    wanted = f"{sha256(text.encode()).hexdigest()} {plugin_digest()} {PACKAGE} {this_python()}\n"
    marker = venv / MARKER
    if marker.exists() and marker.read_text() == wanted:
        return
    lock = magnum.config(paths).with_name("requirements.lock")
    write_private(lock, text)
    with step(f"installing Magnum {magnum.version} into a virtual environment of its own"):
        _fill(paths, venv, lock, wanted, paths.log / f"install-{magnum.name}.log")


def this_python() -> str:
    """A short name of the Python that runs this: the same for the same build only."""
    return sha256(f"{sys.base_prefix} {sys.version}".encode()).hexdigest()[:12]


def _fill(paths: Paths, venv: Path, lock: Path, wanted: str, log: Path) -> None:
    """Make a virtual environment of a lock and the plug-ins; `wanted` is kept in it as the sign that it is whole."""
    uv = paths.state / "uv" / "bin" / "uv"
    python = venv / "bin" / "python"
    if not uv.exists():
        _run([sys.executable, "-m", "venv", str(paths.state / "uv")], log)
        _run([str(paths.state / "uv" / "bin" / "pip"), "install", "--quiet", "uv"], log)
    if python.resolve() != Path(sys.executable).resolve():
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv)], log)
    marker = venv / MARKER
    marker.unlink(missing_ok=True)
    install = [str(uv), "pip", "install", "--python", str(python), "--no-deps"]
    compiled = [line for line in lock.read_text().splitlines() if line.lower().startswith(f"{COMPILED}==")]
    _run([*install, "--cache-dir", str(Path.home() / ".cache" / f"devcloud-{this_python()}"), *compiled], log)
    # Without compiled bytecode every start parses everything anew.
    _run([*install, "--compile-bytecode", "-r", str(lock)], log)
    _run([*install, "--no-build-isolation", "--editable", str(PLUGINS)], log)
    marker.write_text(wanted)
