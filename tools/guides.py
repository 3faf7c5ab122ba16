# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides of the documentation, as programs: their commands are run, and what these print is what the guides show.

A guide is a page, `docs/docsite/rst/guide_<topic>.rst`, and a folder of playbooks, `docs/guides/<topic>`. A block of the page with one
command, directly before an included text file, is a step: the command, run in a copy of the folder, must print this text.
`python -m tools.guides --write [topic ...]` runs the guides against the test cloud and writes the texts again.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools import clusters, gateway
from tools.places import BUILD, ROOT, tools_environment

PAGES = ROOT / "docs/docsite/rst"
SOURCES = ROOT / "docs/guides"
COPIES = BUILD / "guides"
SECONDS_FOR_ONE_STEP = 300
# What the page of the guides tells readers to set, too
SETTINGS = {
    "ANSIBLE_DISPLAY_OK_HOSTS": "false",
    "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
    "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
    "ANSIBLE_LOCALHOST_WARNING": "false",
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
}
STEP = re.compile(
    r"^\.\. code-block:: console\n\n   \$ (?P<command>.+(?:\n   (?!\$).+)*)\n\n"
    r"\.\. literalinclude:: /guides/(?P<output>[\w/]+\.txt)$",
    re.MULTILINE,
)
# What is another every time -> what is shown in its place
CHANGING = {
    r"\x1b\[[0-9;]*m": "",
    # Progress, and where in a role's file a task is
    r"^  \[localhost\] .*\(\d+ s / \d+ s\)\n": "",
    r"^Origin: .*\n(?:.*\n)*? *\^ column \d+\n\n?": "",
    re.escape(f"{COPIES}/") + r"\w+/": "",
    r"/\S*/ansible_collections/kcloud/infrastructure/": "<collection>/",
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b": "<id>",
    r"\b[0-9a-f]{32,64}\b": "<digest>",
    r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?": "<time>",
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b": "<address>",
    r"\bkube-[0-9a-z]{5}\b": "<stack>",
    # Measured times of the gateway, and what was spent since a cluster was created
    r'("age_seconds": |creation_time": |"cost": \{\s*"value": )[0-9.]+': r"\1N",
    # What is left of a quota; tasks that show nothing
    r"\b\d+ of \d+$": "N of N",
    r"^(\S+) +: ok=\S+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+) +skipped=\S+ +rescued=(\d+) +ignored=(\d+) *$": (
        r"\1 : ok=N changed=\2 unreachable=\3 failed=\4 skipped=N rescued=\5 ignored=\6"
    ),
    r" +$": "",
    r"\n{3,}": "\n\n",
}
# What the names of all that guides make begin with
PREFIX = "test-guide-"
# Needs no cluster but its own, so that the other is created meanwhile
FIRST = "guide_getting_started"
# A cluster that no playbook of ours has made
EXISTING = f"{PREFIX}existing"


# The guide whose commands ask a gateway, and the cloud that this one serves
REST, REST_CLOUD = "rest", "devcloud-tenant-b"


@dataclass(frozen=True)
class Step:
    """A command of a guide, and the file of what it prints."""

    topic: str
    command: str
    output: Path

    @property
    def stored(self) -> str:
        """What the guide shows."""
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""


def steps(topic: str, page: str) -> list[Step]:
    """The steps of a page, in their order."""
    return [
        Step(topic, re.sub(r"\\\n\s*", "", match["command"]), SOURCES / match["output"])
        for match in STEP.finditer(page)
    ]


def guides() -> dict[str, list[Step]]:
    """The guides that have steps, by topic, in the order in which they are run."""
    found = {
        path.stem.removeprefix("guide_"): steps(path.stem.removeprefix("guide_"), path.read_text(encoding="utf-8"))
        for path in sorted(PAGES.glob("guide_*.rst"), key=lambda path: (path.stem != FIRST, path.stem))
    }
    return {topic: of_page for topic, of_page in found.items() if of_page}


def normalised(printed: str) -> str:
    """What a command printed, without what is another every time."""
    for pattern, shown in CHANGING.items():
        printed = re.sub(pattern, shown, printed, flags=re.MULTILINE)
    return printed.strip("\n") + "\n"


def fresh_copy(topic: str) -> None:
    """Copy a guide's folder to where its commands run, without what an earlier run left there."""
    shutil.rmtree(COPIES / topic, ignore_errors=True)
    shutil.copytree(SOURCES / topic, COPIES / topic)


def printed(step: Step, around: Mapping[str, str]) -> str:
    """Run a step and return what it prints, normalised.

    :param around: variables of the environment, by which it finds what runs beside it.
    """
    finished = subprocess.run(
        shlex.split(step.command),
        check=False,
        cwd=COPIES / step.topic,
        env={**tools_environment(), "OS_CLOUD": "devcloud", **SETTINGS, **around},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_FOR_ONE_STEP,
    )
    return normalised(finished.stdout)


@contextlib.contextmanager
def beside(topic: str) -> Iterator[Mapping[str, str]]:
    """What runs beside the steps of a guide: for the one of the REST interface a gateway, in a project of its own.

    The answers list every cluster of their project, and other tests have theirs elsewhere.
    """
    if topic != REST:
        yield {}
        return
    import openstack

    magnum = openstack.connect(cloud=REST_CLOUD).container_infrastructure_management
    # Not where an earlier run has left its jobs
    folder = COPIES / f"{topic}-gateway"
    shutil.rmtree(folder, ignore_errors=True)
    with clusters.alone(REST_CLOUD):
        clusters.delete(magnum, PREFIX)
        try:
            with gateway.running(folder, REST_CLOUD) as address:
                yield address
        finally:
            clusters.delete(magnum, PREFIX)


@contextlib.contextmanager
def existing_cluster() -> Iterator[None]:
    """A cluster that another tool has made, for the guides about it, while the block runs; it is not waited for."""
    import openstack

    magnum = openstack.connect(cloud="devcloud").container_infrastructure_management
    clusters.delete(magnum, PREFIX)
    template = clusters.create_template(magnum, f"{PREFIX}template", keypair_id="kcloud-keypair")
    magnum.create_cluster(name=EXISTING, cluster_template_id=template.uuid, master_count=1, node_count=1)
    try:
        yield
    finally:
        clusters.delete(magnum, PREFIX)


def wait_for_existing_cluster(seconds: float = 180) -> None:
    """Wait until the cluster that another tool has made is there."""
    import openstack

    magnum, deadline = (
        openstack.connect(cloud="devcloud").container_infrastructure_management,
        time.monotonic() + seconds,
    )
    while not any(each.status.endswith("_COMPLETE") for each in clusters.clusters(magnum, EXISTING)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"cluster {EXISTING} is not there after {seconds:.0f} s")
        time.sleep(1)


def main(arguments: list[str]) -> int:
    """Write the texts of all guides, or of those that are named, again."""
    known = guides()
    topics = [argument for argument in arguments if argument != "--write"]
    if "--write" not in arguments or set(topics) - set(known):
        print(f"Usage: python -m tools.guides --write [topic ...], of: {', '.join(known)}", file=sys.stderr)
        return 2
    os.environ.setdefault("OS_CLIENT_CONFIG_FILE", tools_environment()["OS_CLIENT_CONFIG_FILE"])
    with existing_cluster():
        wait_for_existing_cluster()
        for topic in topics or known:
            fresh_copy(topic)
            with beside(topic) as around:
                for step in known[topic]:
                    began = time.monotonic()
                    step.output.write_text(printed(step, around), encoding="utf-8")
                    print(f"{step.output.relative_to(ROOT)}: {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
