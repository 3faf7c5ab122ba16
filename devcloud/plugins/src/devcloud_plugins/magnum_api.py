# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Magnum's API as uWSGI loads it, with the devcloud's plug-ins."""

from __future__ import annotations

from magnum.wsgi.api import application

from . import magnum_drivers, trustee_domain

__all__ = ["application"]

magnum_drivers.complete()
trustee_domain.remember()
