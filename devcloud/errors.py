"""The one error of the devcloud."""

from __future__ import annotations


class DevcloudError(Exception):
    """Something the user can act on; its text says what and how."""
