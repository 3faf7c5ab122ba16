# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that read and write a whole fleet, beside plain clients and other collections, on a running cloud."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Credentials of the benchmark's own project, and files of single runs
STATE = ROOT / ".build" / "benchmarks" / "fleet"
