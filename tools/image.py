# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the image of deploy/image, and run programs in it.

    python -m tools.image build                        on the base that execution-environment.yml names
    python -m tools.image build --base NAME            on another base image
    python -m tools.image build --base debootstrap     on a Debian made here from this machine's package source
    python -m tools.image run -- PROGRAM ARGUMENT...   as the image's user, with OS_CLIENT_CONFIG_FILE mounted

`python -m tools.pods` runs the workloads of deploy/kubernetes in it. The engine is buildah with chroot isolation, which
needs neither a service nor namespaces; Debian has it as a package.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools import tree
from tools.places import BUILD, CLOUDS_YAML, ROOT, pip_settings, tools_environment

IMAGE = ROOT / "deploy/image"
FILE = "execution-environment.yml"
TARBALL = "kcloud-infrastructure.tar.gz"
WORK = BUILD / "image"
# The word of --base that makes a Debian here, in place of an image's name, and the image that this makes
DEBOOTSTRAP = "debootstrap"
DEBIAN = "kcloud-debian:bookworm"
USER = 1000
ENTRYPOINT = ("/opt/builder/bin/entrypoint", "dumb-init")


@dataclass(frozen=True)
class Volume:
    """A file or folder of this machine, seen inside; read-only."""

    source: Path
    target: str

    @property
    def arguments(self) -> tuple[str, str]:
        """As buildah takes it."""
        return ("--volume", f"{self.source}:{self.target}:ro")


def name_of_image() -> str:
    """The image's name and tag, as the execution environment's file states them."""
    options = yaml.safe_load((IMAGE / FILE).read_text(encoding="utf-8"))["options"]
    return options["tags"][0]


def portable_settings(settings: str, certificates: str | None) -> str:
    """The lines of a pip.conf that hold inside the image, too: those that name no file of this machine.

    :param settings: the text of a pip.conf.
    :param certificates: where the CA certificates of this machine are mounted, if pip is set to use any.
    """
    lines = [line for line in settings.splitlines() if not line.partition("=")[2].strip().startswith(("/", "file:"))]
    lines = [line for line in lines if "=" in line]
    return "\n".join(["[global]", *lines, *([f"cert = {certificates}"] if certificates else [])]) + "\n"


def certificates(settings: str) -> Path | None:
    """The file of CA certificates that a pip.conf names, or None."""
    for line in settings.splitlines():
        key, _equals, value = line.partition("=")
        if key.strip() == "cert":
            return Path(value.strip())
    return None


def pip_volumes(folder: Path) -> list[Volume]:
    """What lets pip inside the build reach the index that pip here uses; mounted, so that none of it is in the image."""
    settings = pip_settings()
    trusted = certificates(settings)
    inside = "/run/kcloud/certificates.pem" if trusted else None
    path = folder / "pip.conf"
    path.touch(mode=0o600)
    path.write_text(portable_settings(settings, inside), encoding="utf-8")
    volumes = [Volume(path, "/etc/pip.conf")]
    return [*volumes, Volume(trusted, inside)] if trusted and inside else volumes


def call(*command: str | Path, log: Path | None = None, **more: str) -> None:
    """Run a program to its end; with ``log``, what it prints goes there and is shown when it fails."""
    arguments = [str(argument) for argument in command]
    environment = {**tools_environment(), **more}
    if log is None:
        subprocess.run(arguments, check=True, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
        return
    with log.open("w", encoding="utf-8") as output:
        finished = subprocess.run(
            arguments, check=False, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    if finished.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
        raise SystemExit(
            "\n".join([*tail, f"Failed to run {' '.join(arguments[:3])} ...; its whole output is in {log}"])
        )


def need(*programs: str) -> None:
    """Stop with what to install when a program is missing."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise SystemExit(
            f"Failed to find {', '.join(missing)}: install these packages, for example with apt-get install"
        )


def stage(target: Path, tarball: Path) -> Path:
    """Put the files of deploy/image and the collection's tarball into one folder; the file for ansible-builder in it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(IMAGE, target)
    shutil.copy(tarball, target / TARBALL)
    return target / FILE


def collection() -> Path:
    """Build the collection's tarball from a clean copy of the repository."""
    copy, output = tree.synchronise("image"), WORK / "collection"
    shutil.rmtree(output, ignore_errors=True)
    call("ansible-galaxy", "collection", "build", "--output-path", output, copy, log=WORK / "collection.log")
    (tarball,) = output.glob("*.tar.gz")
    return tarball


def create_context(source: Path, context: Path) -> None:
    """Let ansible-builder write the build context; needs no network and no engine."""
    shutil.rmtree(context, ignore_errors=True)
    call("ansible-builder", "create", "--file", source, "--context", context, log=WORK / "create.log")


def make_debian() -> str:
    """Make a small Debian image from the package source that this machine's apt uses; its name."""
    need("debootstrap", "buildah")
    listed = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    sites = subprocess.run(listed, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    mirror = sites.split()[0]
    with tempfile.TemporaryDirectory(prefix="kcloud-debian-") as folder:
        root = Path(folder, "root")
        log = WORK / "debootstrap.log"
        call("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root, mirror, log=log)
        slim(root)
        container = buildah("from", "scratch")
        try:
            buildah("add", "--quiet", container, str(root), "/")
            buildah("commit", "--quiet", container, DEBIAN)
        finally:
            buildah("rm", container)
    return DEBIAN


# What a container needs of no package, as dpkg is set to leave it out
UNUSED = ("usr/share/doc", "usr/share/locale", "usr/share/man")


def slim(root: Path) -> None:
    """Delete what apt has cached and what a container does not need, and let dpkg leave the latter out from now on."""
    for cache in (*root.glob("var/cache/apt/**/*.*"), *root.glob("var/lib/apt/lists/*_*")):
        cache.unlink()
    for unused in UNUSED:
        shutil.rmtree(root / unused, ignore_errors=True)
    lines = "".join(f"path-exclude=/{unused}/*\n" for unused in UNUSED)
    (root / "etc/dpkg/dpkg.cfg.d/container").write_text(lines, encoding="utf-8")


def buildah(*arguments: str) -> str:
    """Run buildah; what it prints."""
    finished = subprocess.run(["buildah", *arguments], check=False, capture_output=True, text=True)
    if finished.returncode:
        raise SystemExit(f"Failed to run buildah {arguments[0]}: {finished.stderr.strip()}")
    return finished.stdout.strip()


def build(base: str | None, arguments: Sequence[str]) -> None:
    """Build the image, and say how large it is and how long that took."""
    need("buildah")
    WORK.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    create_context(stage(WORK / "source", collection()), WORK / "context")
    chosen = make_debian() if base == DEBOOTSTRAP else base
    based = time.monotonic()
    build_arguments = [*arguments, *([f"EE_BASE_IMAGE={chosen}"] if chosen else [])]
    with tempfile.TemporaryDirectory(prefix="kcloud-image-") as folder:
        call(
            *("buildah", "bud", "--isolation", "chroot", "--squash", "--tag", name_of_image()),
            *(part for volume in pip_volumes(Path(folder)) for part in volume.arguments),
            *(part for argument in build_arguments for part in ("--build-arg", argument)),
            *("--file", WORK / "context/Containerfile", WORK / "context"),
            log=WORK / "build.log",
        )
    (listed,) = json.loads(buildah("images", "--json", name_of_image()))
    print(
        f"{name_of_image()}: {listed['size']} in {time.monotonic() - based:.0f} s, "
        f"after {based - began:.0f} s for the collection and the base"
    )


@contextlib.contextmanager
def container() -> Iterator[str]:
    """A container of the image while the block runs."""
    need("buildah")
    made = buildah("from", "--pull-never", name_of_image())
    try:
        yield made
    finally:
        buildah("rm", made)


@contextlib.contextmanager
def credentials() -> Iterator[list[str]]:
    """The arguments that show the cloud's credentials to the image's user: a copy of the file that only it may read."""
    if not CLOUDS_YAML.exists():
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="kcloud-clouds-") as folder:
        os.chmod(folder, 0o711)
        path = Path(folder, "clouds.yaml")
        path.touch(mode=0o600)
        path.write_bytes(CLOUDS_YAML.read_bytes())
        os.chown(path, USER, 0)
        inside = "/etc/openstack/clouds.yaml"
        yield [*Volume(path, inside).arguments, "--env", f"OS_CLIENT_CONFIG_FILE={inside}"]


def command_in(made: str, program: Sequence[str], shown: Sequence[str], environment: Sequence[str]) -> list[str]:
    """The command line that runs a program in a container, as the image's user and through the image's entrypoint."""
    variables = [part for variable in environment for part in ("--env", variable)]
    isolated = ["buildah", "run", "--isolation", "chroot", "--user", f"{USER}:0", "--workingdir", "/runner"]
    return [*isolated, *shown, *variables, made, "--", *ENTRYPOINT, *program]


def run(program: Sequence[str], environment: Sequence[str]) -> int:
    """Run a program in the image; its exit code."""
    with container() as made, credentials() as shown:
        return subprocess.run(command_in(made, program, shown, environment), check=False).returncode


def main() -> None:
    """Parse the command line and do the work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    building = verbs.add_parser("build")
    building.add_argument("--base", default=None, help=f"an image's name, or {DEBOOTSTRAP}")
    building.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    running = verbs.add_parser("run")
    running.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    running.add_argument("program", nargs="+")
    arguments = parser.parse_args()
    match arguments.verb:
        case "build":
            build(arguments.base, arguments.build_arg)
        case "run":
            raise SystemExit(run(arguments.program, arguments.env))


if __name__ == "__main__":
    main()
