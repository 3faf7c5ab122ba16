# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection openstack.cloud, in a folder of its own: nothing of the checkout's environment changes for it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import ROOT
from tools.bootstrap import install_environment, pinned

# The last release of ansible with openstack.cloud 2.5.0, and an SDK that this collection still works with
ANSIBLE = "12.3.0"
SDK = "openstacksdk==4.10.0"
FOLDER = ROOT / ".build" / "fleet-peer"
INSIDE = "ansible_collections/openstack/cloud/"


@dataclass(frozen=True)
class Peer:
    """Where the collection and its Python are."""

    python: Path
    collections: Path


def installed() -> Peer:
    """The peer, installed where it is missing: its packages, and of the wheel `ansible` this one collection.

    :raises subprocess.CalledProcessError: the package index cannot be reached.
    """
    core = pinned(ROOT / "requirements-dev.lock", "ansible-core")
    peer = Peer(FOLDER / "venv" / "bin" / "python", FOLDER / "collections")
    stamp, wanted = FOLDER / "installed", f"ansible=={ANSIBLE} {core} {SDK}\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return peer
    print(f"installing openstack.cloud of ansible {ANSIBLE} into {FOLDER.relative_to(ROOT)} ...", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    tools = Path(sys.executable).parent
    environment = install_environment()

    def run(*command: str) -> None:
        subprocess.run(command, check=True, env=environment)

    run(str(tools / "uv"), "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER / "venv"))
    run(str(tools / "uv"), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(peer.python), core, SDK)
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"),
        *("--dest", str(FOLDER), f"ansible=={ANSIBLE}"),
    )
    wheel = FOLDER / f"ansible-{ANSIBLE}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(peer.collections, [name for name in archive.namelist() if name.startswith(INSIDE)])
    run(str(peer.python), "-m", "compileall", "-q", str(peer.collections))
    wheel.unlink()
    stamp.write_text(wanted, encoding="utf-8")
    return peer
