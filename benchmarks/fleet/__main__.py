# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole fleet, beside plain clients and openstack.cloud: ``python -m benchmarks.fleet COMMAND``.

It talks to the running test cloud, in a project of its own that it creates, fills and removes again. What is timed is a
process of its own each, from its start to its end: Python's start, imports and login are part of it, for the floor too.
Ansible's own start is left out; `profile` shows it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.fleet import ROOT, STATE, declaration, measures
from benchmarks.fleet.figures import numbers, without_empty_columns
from benchmarks.fleet.processes import RunError
from benchmarks.planner import report
from devcloud import driver_control

COMMANDS: dict[str, Callable[[argparse.Namespace, measures.Cloud], measures.Rows]] = {
    "unchanged": measures.unchanged,
    "create": measures.create,
    "single": measures.single,
    "memory": measures.memory,
    "info": measures.info,
    "profile": measures.profile,
}
TO_LEAVE_OUT = (measures.FLEET, measures.LOOP, measures.COE_LOOP)


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--runs", type=positive, default=3, help="how often each quick figure is taken (default 3)")
    common.add_argument("--keep", action="store_true", help="leave project and clusters for the next command")
    common.add_argument("--at-once", type=positive, default=16, help="requests side by side while filling the project")
    common.add_argument(
        "--transition", type=float, default=3.0, help="seconds of the driver for each change (default 3)"
    )
    common.add_argument("--admin-cloud", default="devcloud-admin", help="the admin's cloud in clouds.yaml")
    common.add_argument(
        "--without",
        nargs="*",
        default=(),
        choices=TO_LEAVE_OUT,
        metavar="WHO",
        help=f"one of: {', '.join(TO_LEAVE_OUT)}",
    )
    common.add_argument("--output", type=Path, help="default: .build/benchmarks/fleet-COMMAND.json")
    samples = argparse.ArgumentParser(add_help=False)
    samples.add_argument(
        "--loop-samples", type=positive, default=3, help="tasks of a loop that are run; the rest is extrapolated"
    )

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fleet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, *more: argparse.ArgumentParser, present: int | None = None) -> argparse.ArgumentParser:
        words = (COMMANDS[name].__doc__ or "").splitlines()[0]
        found = commands.add_parser(name, help=words, description=words, parents=[common, *more])
        if present is not None:
            text = f"clusters that the project has at least (default {present})"
            found.add_argument("--present", type=positive, default=present, help=text)
        return found

    add("unchanged", samples, present=300).add_argument(
        "--clusters", type=numbers, default=[1, 20, 100, 300], help="how many are declared: 1,20,100,300"
    )
    create = add("create", samples)
    create.add_argument("--count", type=positive, default=20, help="clusters of one call (default 20)")
    create.add_argument("--creations", type=positive, default=1, help="how often they are created (default 1)")
    add("single", present=1)
    add("memory", present=300)
    add("info").add_argument("--clusters", type=numbers, default=[300], help="how many the project has: 1,20,100,300")
    add("profile", present=300)
    return parser


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked, checked."""
    parser = build_parser()
    asked = parser.parse_args(arguments)
    if asked.command == "unchanged" and asked.clusters[-1] > asked.present:
        parser.error(f"--clusters {asked.clusters[-1]} is more than --present {asked.present}")
    return asked


def control_folder() -> Path:
    """Where the habits of the second driver are set: beside the clouds.yaml of the test cloud."""
    return Path(os.environ["OS_CLIENT_CONFIG_FILE"]).resolve().parent / "control"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, measure, print, write; remove everything, whatever happened."""
    asked = read_arguments(arguments)
    os.environ.setdefault("OS_CLIENT_CONFIG_FILE", str(ROOT / ".devcloud" / "clouds.yaml"))
    os.environ.update(NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1,localhost")
    STATE.mkdir(parents=True, exist_ok=True)
    driver_control.set_habits(control_folder(), {"transition_seconds": asked.transition}, f"{declaration.KEPT}*")
    try:
        found = measures.cloud(asked.admin_cloud)
        rows = without_empty_columns(COMMANDS[asked.command](asked, found))
    except (RunError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        driver_control.reset(control_folder(), f"{declaration.KEPT}*")
        if not asked.keep:
            measures.step("remove", "--cloud", asked.admin_cloud)
    load = os.getloadavg()[0]
    print(f"Magnum up to {found.magnum}, {os.cpu_count()} cores, load {load:.1f}, transition {asked.transition:g} s")
    print(report.table(rows))
    output = asked.output or ROOT / ".build" / "benchmarks" / f"fleet-{asked.command}.json"
    about = {"magnum": found.magnum, "cores": os.cpu_count(), "load": round(load, 2), "transition_s": asked.transition}
    report.write(output, f"fleet-{asked.command}", rows, **about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
