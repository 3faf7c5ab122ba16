# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Benchmarks, each one command of the checkout: the code under test is the working tree's, by the link that make keeps."""

import sys
from pathlib import Path

COLLECTIONS = str(Path(__file__).resolve().parents[1] / ".build" / "collections")
sys.path.insert(0, COLLECTIONS)
