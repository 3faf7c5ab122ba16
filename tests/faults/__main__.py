# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the suite against the devcloud, which must be up.

python -m tests.faults                     the quick tier, as `make test` does
python -m tests.faults --tier 3            everything, as `make faults` does
python -m tests.faults --only "resize"     the rows whose name holds that
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import yaml

from tests.faults import crashes, inputs, kills, pairs, proxy, report, workers
from tests.faults.check import Suite, Verdict, check_row
from tests.faults.rows import TEMPLATE, table, template_step
from tests.faults.truth import Truth

CLOUD = "devcloud"
# Most of the time is waiting for the cloud
LANES = {2: 8, 3: 16}


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--tier", type=int, choices=(2, 3), default=2, help="2: quick, 3: everything")
    parser.add_argument("--only", default="", help="a part of the names of what to run")
    parser.add_argument("--lanes", type=int, help="how many at once")
    parser.add_argument("--report", type=Path, help="write the table there, as Markdown")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for; the closing line is `N passed, N failed`."""
    asked = options()
    os.environ.setdefault("OS_CLIENT_CONFIG_FILE", str(Path(".devcloud/clouds.yaml").resolve()))
    os.environ.setdefault("ANSIBLE_COLLECTIONS_PATH", str(Path(".build/collections").resolve()))
    workers.start()
    clouds = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text(encoding="utf-8"))["clouds"]
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, proxy.running(Path(folder)) as running:
        suite = Suite(running, clouds[CLOUD]["auth"], Truth(CLOUD))
        made = suite.plainly(template_step(TEMPLATE))
        if not made.ok:
            print(f"the template of all rows cannot be made: {made}")
            return 1
        work = _work(suite, asked)
        began = time.monotonic()
        verdicts = _in_lanes(work, asked.lanes or LANES[asked.tier])
        # These disturb all others
        alone = [(name, run) for name, run in crashes.work(suite, asked.tier) if asked.only in name]
        verdicts = sorted([*verdicts, *_in_lanes(alone, 1)], key=lambda verdict: verdict.name)
        suite.plainly(("magnum_cluster_template", {"name": TEMPLATE, "state": "absent"}))
    print(report.summary(verdicts, time.monotonic() - began))
    if asked.report:
        asked.report.write_text(report.markdown(verdicts, asked.tier), encoding="utf-8")
    failed = sum(not verdict.ok for verdict in verdicts)
    print(f"{len(verdicts) - failed} passed, {failed} failed")
    return 1 if failed or not verdicts else 0


Work = list[tuple[str, Callable[[], Verdict]]]


def _work(suite: Suite, asked: argparse.Namespace) -> Work:
    """All that is to be done, the longest first; each with a name of its own in the cloud."""
    work: Work = []
    for row in table(asked.tier, asked.only):
        work.append((row.name, lambda row=row: check_row(suite, row)))
    for name, run in [
        *kills.work(suite, asked.tier),
        *pairs.work(suite, asked.tier),
        *inputs.work(suite, asked.tier),
    ]:
        if asked.only in name:
            work.append((name, run))
    return work


def _in_lanes(work: Work, lanes: int) -> list[Verdict]:
    verdicts: list[Verdict] = []
    pool = ThreadPoolExecutor(lanes)
    try:
        for future in as_completed([pool.submit(run) for _name, run in work]):
            verdict = future.result()
            verdicts.append(verdict)
            print(
                f"  {'ok    ' if verdict.ok else 'FAILED'} {verdict.name:<48} {verdict.seconds:6.1f} s  {verdict.outcome}"
            )
            for line in verdict.wrong:
                print(f"         {line}")
            sys.stdout.flush()
    finally:
        # After Ctrl-C only what runs is waited for
        pool.shutdown(cancel_futures=True)
    return sorted(verdicts, key=lambda verdict: verdict.name)


if __name__ == "__main__":
    sys.exit(main())
