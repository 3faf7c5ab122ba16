# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for get-pip.py, which ansible-test would download: puts pip into an empty venv with the pip that Python ships.

Runs inside such a venv, with get-pip's arguments; copied into ansible-test's cache by tools/places.py.
"""

from __future__ import annotations

import ensurepip
import subprocess
import sys
import sysconfig
from pathlib import Path

GET_PIP_ONLY = {"--no-setuptools", "--no-wheel"}


def bundled_pip() -> Path:
    """The wheel of pip that came with this Python; Debian keeps it in a folder that sysconfig names."""
    folders = [Path(ensurepip.__file__).parent / "_bundled", Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or ".")]
    return next(wheel for folder in folders for wheel in folder.glob("pip-*.whl"))


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument not in GET_PIP_ONLY]
    pip = [sys.executable, str(bundled_pip() / "pip"), "install", "--quiet", *arguments]
    sys.exit(subprocess.run(pip, check=False, stdin=subprocess.DEVNULL).returncode)
