"""Magnum's API as uWSGI loads it, with the devcloud's plug-ins."""

from __future__ import annotations

from magnum.wsgi.api import application

from . import trustee_domain

__all__ = ["application"]

trustee_domain.remember()
