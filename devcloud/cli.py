# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m devcloud up | down | status | reset | telemetry | agent | driver`."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from devcloud import agent_control, magnums
from devcloud.cloud import Cloud
from devcloud.errors import DevcloudError
from devcloud.paths import find_paths
from devcloud.telemetry.fleet import Fleet
from devcloud.telemetry.profiles import PROFILES
from devcloud.telemetry.stack import HOURS


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m devcloud", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="install what is missing, start everything, seed it; safe to repeat")
    _add_magnum(up, "run this Magnum beside the cloud's own, now and at each later `up`")
    down = verbs.add_parser("down", help="end every process; clusters are there again after `up`")
    _add_magnum(down, "end this Magnum only, and leave it out of later `up`s")
    up.add_argument(
        "--with-telemetry",
        action="store_true",
        help="run Prometheus and Alertmanager beside it, now and at each later `up`",
    )
    down.add_argument("--with-telemetry", action="store_true", help="end these only, and leave them out of later `up`s")
    anew = verbs.add_parser("telemetry", help="generate the telemetry anew, for the clusters that exist now")
    anew.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="PATTERN=PROFILE",
        help=f"how clusters behave whose names fit: {', '.join(PROFILES)}; repeat, the first that fits counts",
    )
    anew.add_argument("--hours", type=float, default=HOURS, help="how much history (default: %(default)s)")
    anew.add_argument("--seed", type=int, default=0, help="another seed gives other profiles and times of spikes")
    verbs.add_parser("status", help="table of the services; exit code 0 only when all of them answer")
    verbs.add_parser("reset", help="down, then forget clusters and databases (programs and cached dump stay)")
    again = verbs.add_parser("restart", help="end and start single services, after a change of a plug-in")
    again.add_argument("service", nargs="+", help="as named by `status`, such as magnum magnum-conductor")
    again.add_argument(
        "--crash", action="store_true", help="kill them at once, as a crash does, and do not ask them to end"
    )
    agent = verbs.add_parser("agent", help="tell the node agent how the guests of a cluster behave")
    agent_control.add_arguments(agent)
    driver = verbs.add_parser("driver", help="habits of the second Magnum driver", add_help=False)
    driver.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def _add_magnum(parser: argparse.ArgumentParser, text: str) -> None:
    releases = ", ".join(sorted({magnums.OWN, *magnums.KNOWN}))
    parser.add_argument(
        "--magnum",
        action="append",
        default=[],
        metavar="RELEASE",
        help=f"{text}: {releases}; repeat, or join by commas",
    )


def print_status(cloud: Cloud) -> int:
    """Print the table; return 0 when everything is up."""
    rows, whole = cloud.status()
    for row in [("service", "pid", "port", "answers", "MB"), *rows]:
        print(f"{row[0]:<20}{row[1]:>8}{row[2]:>8}{row[3]:>9}{row[4]:>8}")
    total = sum(float(row[4]) for row in rows if row[4] != "-")
    print(f"{'in all':<45}{total:>8.0f}")
    return 0 if whole else 1


def print_fleet(fleet: Fleet, url: str) -> int:
    """Print how each cluster behaves; returns 0."""
    for cluster in fleet.clusters:
        print(f"{cluster.name:<40}{cluster.profile:<10}{cluster.exporters:<12}{len(cluster.nodes)} nodes")
    print(f"{fleet.hours:g} hours of {len(fleet.clusters)} clusters: {url}")
    return 0


def driver_main(arguments: list[str]) -> int:
    """Hand over to the second driver's own command line."""
    if find_spec("devcloud.driver_control") is None:
        raise DevcloudError("this devcloud has no second Magnum driver (devcloud/driver_control.py)")
    from devcloud import driver_control

    return int(driver_control.main(arguments) or 0)


def main(arguments: list[str]) -> int:
    """Run one verb; return the exit code."""
    if arguments[:1] == ["driver"]:
        # Its options are its own: argparse must not look at them.
        return _guarded(lambda: driver_main(arguments[1:]))
    options = build_parser().parse_args(arguments)
    cloud = Cloud(find_paths())

    def run() -> int:
        if options.verb == "up":
            cloud.up(magnums.parse(options.magnum), telemetry=options.with_telemetry)
        elif options.verb == "down":
            ended = cloud.down_telemetry() if options.with_telemetry else _down(cloud, options.magnum)
            print(f"{ended} processes ended")
        elif options.verb == "telemetry":
            return print_fleet(cloud.new_telemetry(options.profile, options.hours, options.seed), cloud.telemetry.url)
        elif options.verb == "reset":
            cloud.reset()
            print("wiped; `python -m devcloud up` makes a fresh cloud")
        elif options.verb == "restart":
            cloud.restart(options.service, crash=options.crash)
        elif options.verb == "status":
            return print_status(cloud)
        elif options.verb == "agent":
            return agent_control.run(options, cloud.paths.control)
        return 0

    return _guarded(run)


def _down(cloud: Cloud, releases: list[str]) -> int:
    """End everything, or only the Magnums that are named; returns how many processes ended."""
    if not releases:
        return cloud.down()
    if not (unwanted := magnums.parse(releases)):
        raise DevcloudError(
            f"Magnum {magnums.OWN} is the cloud's own: `down` without --magnum ends it with all the rest"
        )
    return cloud.down_magnums(unwanted)


def _guarded(run: object) -> int:
    """Turn an error of ours into one line and exit code 1."""
    try:
        return int(run())  # type: ignore[operator]
    except DevcloudError as error:
        print(f"devcloud: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("devcloud: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
