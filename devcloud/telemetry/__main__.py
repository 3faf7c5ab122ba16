# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Prometheus with generated telemetry, for tests.

python -m devcloud.telemetry start FOLDER FLEET   prints the port when the server answers; FLEET is JSON, see fleet.py
python -m devcloud.telemetry stop FOLDER
python -m devcloud.telemetry metrics FLEET        prints the history as OpenMetrics

FLEET `-` is standard input. A FLEET that ends in .om is taken as OpenMetrics itself.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from devcloud.errors import DevcloudError
from devcloud.telemetry import prometheus
from devcloud.telemetry.fleet import read_fleet
from devcloud.telemetry.openmetrics import history


def text_of(source: str, now: int) -> str:
    """The history that a source describes, as OpenMetrics."""
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    return text if source.endswith(".om") else history(read_fleet(text, now))


def main(arguments: list[str]) -> int:
    """Run one verb; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devcloud.telemetry", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    start = verbs.add_parser("start", help="start a Prometheus with the history of a fleet, and print its port")
    stop = verbs.add_parser("stop", help="end the Prometheus of a folder")
    metrics = verbs.add_parser("metrics", help="print the history of a fleet as OpenMetrics")
    for verb in (start, stop):
        verb.add_argument("folder", type=Path, help="folder of this server alone")
    for verb in (start, metrics):
        verb.add_argument("fleet", help="a JSON file, an OpenMetrics file (.om), or - for JSON on standard input")
    options = parser.parse_args(arguments)
    try:
        if options.verb == "stop":
            prometheus.stop(options.folder)
        elif options.verb == "start":
            print(prometheus.start(options.folder, text_of(options.fleet, int(time.time()))))
        else:
            sys.stdout.write(text_of(options.fleet, int(time.time())))
    except (DevcloudError, OSError) as error:
        print(f"devcloud.telemetry: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
