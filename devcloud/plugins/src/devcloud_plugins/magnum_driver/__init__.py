# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Magnum driver without Heat, whose habits a test chooses.

`habits` (what can be chosen), `control` (where it is written), `nodes` (who is in a group) and `transitions` (what
comes next) need only Python's standard library; `driver` is the thin shell that Magnum loads.
"""
