# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forget what the driver and the node agent were ordered for clusters of a prefix: behave.py PYTHON FOLDER PREFIX."""

from __future__ import annotations

import json
import subprocess
import sys


def main() -> None:
    """One call for each pattern that was set."""
    python, folder, prefix = sys.argv[1:]

    def devcloud(*arguments: str) -> str:
        command = [python, "-m", "devcloud", *arguments]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout

    for pattern in json.loads(devcloud("driver", "show")).get("clusters", {}):
        if pattern.startswith(prefix):
            devcloud("driver", "reset", "--cluster", pattern)
    for line in devcloud("agent", "show").splitlines():
        pattern, _separator, behaviour = line.rpartition(": ")
        if pattern.startswith(prefix) and behaviour != "ok":
            devcloud("agent", "set", pattern, "ok")


if __name__ == "__main__":
    main()
