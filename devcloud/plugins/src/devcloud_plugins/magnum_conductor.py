# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Magnum's conductor, with the devcloud's plug-ins."""

from __future__ import annotations

import sys

from magnum.cmd.conductor import main

from . import magnum_drivers

if __name__ == "__main__":
    magnum_drivers.complete()
    sys.exit(main())
