# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Size and seconds of a report: ``python -m benchmarks.report [--clusters 200] [--output FOLDER]`` writes and measures it."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import read_settings
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report_files import FORMATS, make
from ansible_collections.kcloud.infrastructure.plugins.modules.cluster_report import SPEC

from benchmarks.report.generated import answers

MEGABYTE = 1_000_000


def options(clusters: int, folder: Path, **given: Any) -> dict[str, Any]:
    """The options of the module for a generated fleet."""
    defaults = {name: about.get("default") for name, about in SPEC.items()}
    return {**defaults, **answers(clusters), "path": str(folder), "formats": list(FORMATS), **given}


def main(arguments: list[str] | None = None) -> int:
    """Write the report, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=200)
    parser.add_argument("--output", type=Path, default=Path(".build/benchmarks/report"))
    asked = parser.parse_args(arguments)
    asked.output.mkdir(parents=True, exist_ok=True)
    given = options(asked.clusters, asked.output)
    wall, cpu = time.perf_counter(), time.process_time()
    found = make(given, read_settings(given), check_mode=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    for file in found["files"]:
        print(f"{file['path']}: {file['size'] / MEGABYTE:.3f} MB")
    print(f"{asked.clusters} clusters: {wall:.2f} s, {cpu:.2f} s of CPU time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
