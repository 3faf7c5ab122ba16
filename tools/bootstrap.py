# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make what every other command needs: a virtual environment of exactly the locked packages, and the collection's link.

Runs on a bare Python 3.11+ (standard library only), from any folder. A venv whose stamp fits its lock is left alone.

    python3 tools/bootstrap.py                 the tools venv and .build/collections
    python3 tools/bootstrap.py --lock F --venv D   another venv from another lock
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
COLLECTIONS = BUILD / "collections"
LINK = COLLECTIONS / "ansible_collections" / "kcloud" / "infrastructure"
OLDEST_PYTHON = (3, 11)
# Distributions build their Python with profile-guided optimisation: everything here runs a fifth faster on it than on a
# plain build, and nothing in Debian's says so
SYSTEM_PYTHON = Path("/usr/bin/python3")
OPTIMISED = "--enable-optimizations"
# Debian's packages whose services listen on all interfaces as soon as they are installed. The devcloud and tests start their
# programs themselves, on loopback
MASKED = {"prometheus", "prometheus-alertmanager", "prometheus-node-exporter"}
# Fails unless the Python that runs it is new enough and can compile what the test cloud needs
FIT = (
    "import pathlib, sys, sysconfig; "
    "header = pathlib.Path(sysconfig.get_paths()['include'], 'Python.h'); "
    f"sys.exit(not (header.exists() and sys.version_info[:2] >= {OLDEST_PYTHON}))"
)


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Let one process at a time through: two `make` at once would install into the same folder."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{name}.lock").open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install_environment() -> dict[str, str]:
    """The environment for installers: bytecode is written once here, or every later start parses everything again."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def better_python() -> Path | None:
    """The system's Python, where that is fit and this one is a plain build; else None."""
    plain = OPTIMISED not in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    if not plain or Path(sys.executable).resolve() == SYSTEM_PYTHON.resolve() or not SYSTEM_PYTHON.exists():
        return None
    return None if subprocess.run([str(SYSTEM_PYTHON), "-c", FIT], check=False).returncode else SYSTEM_PYTHON


def fingerprint(lock: Path) -> str:
    """What the venv depends on: the locked packages and the interpreter that they were installed for."""
    return hashlib.sha256(lock.read_bytes() + f"{sys.base_prefix} {platform.python_version()}".encode()).hexdigest()


def pinned(lock: Path, package: str) -> str:
    """The lock's line for one package."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{package}=="):
            return line.split("#")[0].strip()
    raise SystemExit(f"{lock.name} does not pin {package}, which the bootstrap needs")


def mask_services(packages: Iterable[str], root: Path = Path("/")) -> None:
    """Keep systemd from starting the services of packages that are about to be installed. Units that are there already are left.

    :param root: of the file system; only a system that systemd booted is changed.
    """
    if not (root / "run/systemd/system").is_dir():
        return
    for name in sorted(set(packages) & MASKED):
        unit = root / "etc/systemd/system" / f"{name}.service"
        if not os.path.lexists(unit):
            unit.symlink_to("/dev/null")


def apt_install(*packages: str) -> bool:
    """Install Debian packages when that is possible here; says whether it was."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=environment, stdin=subprocess.DEVNULL)
    mask_services(packages)
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-qq", "-y", "--no-install-recommends", *packages]
    return subprocess.run(command, check=False, env=environment, stdin=subprocess.DEVNULL).returncode == 0


def create_venv(venv: Path) -> None:
    """Create an empty venv with pip; Debian keeps that part of Python in a package of its own."""
    # Not by the Python of the very venv that is about to be cleared
    python = getattr(sys, "_base_executable", sys.executable)
    command = [python, "-m", "venv", "--clear", str(venv)]
    first = subprocess.run(command, check=False, capture_output=True, text=True)
    if first.returncode == 0:
        return
    print(f"this Python cannot make a venv:\n{first.stdout}{first.stderr}", file=sys.stderr)
    if not apt_install("python3-venv"):
        raise SystemExit("Install the package python3-venv (as root), then run this again.")
    subprocess.run(command, check=True)


def install(lock: Path, venv: Path) -> None:
    """Bring the venv to exactly what the lock names."""
    stamp = venv / ".installed-from"
    wanted = fingerprint(lock)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    started = time.monotonic()
    print(f"installing {lock.name} into {venv.relative_to(ROOT)} ...", flush=True)
    environment = install_environment()
    python = venv / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not (venv / "bin" / "uv").exists() or python.resolve() != Path(sys.executable).resolve():
        create_venv(venv)
        subprocess.run([*pip, pinned(lock, "uv")], check=True, env=environment)
    # `sync` takes away what the lock no longer names, so that a tool which is not locked cannot be relied upon.
    sync = [str(venv / "bin" / "uv"), "pip", "sync", "--quiet", "--compile-bytecode"]
    if subprocess.run([*sync, "--python", str(python), str(lock)], check=False, env=environment).returncode != 0:
        print("uv cannot, perhaps for a setting that only pip knows; trying pip", file=sys.stderr, flush=True)
        subprocess.run([*pip, "--requirement", str(lock)], check=True, env=environment)
    stamp.write_text(wanted, encoding="utf-8")
    print(f"installed in {time.monotonic() - started:.0f} s", flush=True)


def link_collection() -> None:
    """Let Ansible find the working tree under the collection's name."""
    if LINK.is_symlink() and LINK.resolve() == ROOT:
        return
    LINK.parent.mkdir(parents=True, exist_ok=True)
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(os.path.relpath(ROOT, LINK.parent), target_is_directory=True)


def main() -> None:
    """Parse the command line and do the work."""
    if better := better_python():
        os.execv(better, [str(better), *sys.argv])
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise SystemExit(f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed, this is {sys.version}")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements-dev.lock")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    arguments = parser.parse_args()
    with only_one("bootstrap"):
        install(arguments.lock.resolve(), arguments.venv.absolute())
        link_collection()


if __name__ == "__main__":
    main()
